//! The trampolines between the host's calling convention and that of wasm code, see [`crate::abi`].
//!
//! ```text
//! host ── enter ──> wasm ── exit ─────> host function's shim
//!                    │ └─── builtin ──> runtime
//!          handler <─┴───── raise ───── when the runtime says so
//! ```
//!
//! With fuel, `enter` and `exit` move its count between the store and the registers in which wasm code passes it along.
//!
//! `exit` and builtin trampolines record where wasm code was left, `enter` records where a raised trap continues.
//! This file makes CLIF; it must not know how code is compiled or linked.

use super::signature::{
    POINTER, builtin_body_signature, builtin_signature, cold_entry_signature, cold_signature,
    enter_signature, shim_signature, value_type, wasm_signature,
};
use super::symbol::Symbol;
use crate::abi::builtins::{Builtin, Heat, Ret};
use crate::abi::{VmContext, VmHostFunc, VmStore, encode_trap};
use crate::wasm::{Trap, WasmFuncType, WasmVal};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::{
    BlockArg, BlockCall, Endianness, ExceptionTableData, ExceptionTableItem, ExtFuncData,
    ExternalName, Function, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind,
    TrapCode, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// Bytes of the slot that carries one value between trampolines and the host.
const SLOT: usize = size_of::<crate::abi::ValRaw>();

/// Makes trampolines for one host.
pub(crate) struct Trampolines {
    config: TargetFrontendConfig,
    fuel: bool,
    context: FunctionBuilderContext,
}

impl Trampolines {
    /// `fuel` tells whether wasm code counts it.
    pub(crate) fn new(config: TargetFrontendConfig, fuel: bool) -> Self {
        Trampolines {
            config,
            fuel,
            context: FunctionBuilderContext::new(),
        }
    }

    /// Host to wasm: unpacks the arguments, calls, packs the results and returns 1; returns 0 when something was raised.
    pub(crate) fn enter(&mut self, ty: &WasmFuncType, out: &mut Function) {
        let config = self.config;
        let signature = enter_signature(config.default_call_conv);
        let mut b = start(&mut self.context, Symbol::Enter, signature, out);
        let entry = entry_params(&b);
        let (callee, caller, args, code) = (entry[0], entry[1], entry[2], entry[3]);

        // The handler's address is that of an edge of the block which calls, so the block needs a name.
        let calling = b.create_block();
        b.ins().jump(calling, []);
        b.switch_to_block(calling);

        let store = store_of(&mut b, caller);
        let mut values = vec![callee, caller];
        if self.fuel {
            values.push(get(&mut b, types::I64, store, VmStore::OFFSET_FUEL));
        }
        values.extend(load_slots(&mut b, &ty.params, args));

        let fp = b.ins().get_frame_pointer(POINTER);
        put(&mut b, fp, store, VmStore::OFFSET_ENTRY_FP);
        let sp = b.ins().get_stack_pointer(POINTER);
        put(&mut b, sp, store, VmStore::OFFSET_ENTRY_SP);
        let handler = b.ins().get_exception_handler_address(POINTER, calling, 0);
        put(&mut b, handler, store, VmStore::OFFSET_ENTRY_HANDLER);

        let returned = b.create_block();
        let raised = b.create_block();
        let signature = wasm_signature(ty, self.fuel);
        let results: Vec<Value> = signature
            .returns
            .iter()
            .map(|result| b.append_block_param(returned, result.value_type))
            .collect();
        let signature = b.import_signature(signature);
        let lists = &mut b.func.dfg.value_lists;
        let on_return = BlockCall::new(
            returned,
            (0u32..).zip(&results).map(|(i, _)| BlockArg::TryCallRet(i)),
            lists,
        );
        let on_raise = ExceptionTableItem::Default(BlockCall::new(raised, [], lists));
        let table = b.func.dfg.exception_tables.push(ExceptionTableData::new(
            signature,
            on_return,
            [on_raise],
        ));
        b.ins().try_call_indirect(code, &values, table);

        b.switch_to_block(returned);
        if self.fuel {
            put(&mut b, results[0], store, VmStore::OFFSET_FUEL);
        }
        store_slots(&mut b, &results[usize::from(self.fuel)..], args);
        let one = b.ins().iconst(types::I8, 1);
        b.ins().return_(&[one]);

        b.switch_to_block(raised);
        let zero = b.ins().iconst(types::I8, 0);
        b.ins().return_(&[zero]);
        finish(b, config);
    }

    /// Wasm to a host function: packs the parameters, calls the shim, raises or unpacks the results.
    pub(crate) fn exit(&mut self, ty: &WasmFuncType, out: &mut Function) {
        let config = self.config;
        let host = config.default_call_conv;
        let signature = wasm_signature(ty, self.fuel);
        let mut b = start(&mut self.context, Symbol::Exit, signature, out);
        let all = entry_params(&b);
        let (host_func, caller, mut values) = (all[0], all[1], &all[2..]);

        let slots = ty.params.len().max(ty.results.len()).max(1);
        let size =
            u32::try_from(slots * SLOT).expect("a function type has few parameters and results");
        let array = b.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            size,
            SLOT.ilog2()
                .try_into()
                .expect("a slot's alignment is small"),
        ));
        let array = b.ins().stack_addr(POINTER, array, 0);
        let store = store_of(&mut b, caller);
        if self.fuel {
            put(&mut b, values[0], store, VmStore::OFFSET_FUEL);
            values = &values[1..];
        }
        store_slots(&mut b, values, array);

        record_exit(&mut b, store);
        let shim = get(&mut b, POINTER, host_func, VmHostFunc::OFFSET_SHIM);
        let signature = b.import_signature(shim_signature(host));
        let call = b
            .ins()
            .call_indirect(signature, shim, &[host_func, caller, array]);
        let fine = b.inst_results(call)[0];
        raise_unless(&mut b, host, caller, fine);

        let mut results = Vec::new();
        if self.fuel {
            results.push(get(&mut b, types::I64, store, VmStore::OFFSET_FUEL));
        }
        results.extend(load_slots(&mut b, &ty.results, array));
        b.ins().return_(&results);
        finish(b, config);
    }

    /// Wasm to the runtime: calls the builtin's body, raises if it says so.
    pub(crate) fn builtin(&mut self, builtin: Builtin, out: &mut Function) {
        let config = self.config;
        let host = config.default_call_conv;
        let symbol = Symbol::Builtin(builtin);
        let mut b = start(&mut self.context, symbol, builtin_signature(builtin), out);
        if builtin.heat() == Heat::Cold {
            let raised = enter_cold(&mut b, host, builtin, 0);
            let fine = b.ins().icmp_imm_u(IntCC::Equal, raised, 0);
            raise_unless(&mut b, host, raised, fine);
            b.ins().return_(&[]);
            return finish(b, config);
        }
        let args = entry_params(&b);
        let vmctx = args[0];

        let store = store_of(&mut b, vmctx);
        record_exit(&mut b, store);
        let body = body_of(&mut b, builtin, vmctx);
        let signature = b.import_signature(builtin_body_signature(builtin, host));
        let call = b.ins().call_indirect(signature, body, &args);
        let results = b.inst_results(call).to_vec();
        match builtin.ret() {
            Ret::Nothing => {
                b.ins().return_(&[]);
            }
            Ret::Ok => {
                raise_unless(&mut b, host, vmctx, results[0]);
                b.ins().return_(&[]);
            }
            Ret::Size => {
                let fine = b.ins().icmp_imm_s(IntCC::NotEqual, results[0], -2);
                raise_unless(&mut b, host, vmctx, fine);
                b.ins().return_(&results);
            }
        }
        finish(b, config);
    }

    /// Wasm to the runtime, never to return: raises the trap of this code.
    pub(crate) fn raise(&mut self, code: u8, out: &mut Function) {
        let config = self.config;
        let host = config.default_call_conv;
        // Callers believe that it preserves registers. As it does not come back, it need not.
        let mut signature = cold_signature();
        signature.call_conv = CallConv::Tail;
        let mut b = start(&mut self.context, Symbol::Raise(code), signature, out);
        let raised = enter_cold(&mut b, host, Builtin::RaiseTrap, code);
        raise(&mut b, host, raised);
        finish(b, config);
    }
}

fn start<'a>(
    context: &'a mut FunctionBuilderContext,
    name: Symbol,
    signature: Signature,
    out: &'a mut Function,
) -> FunctionBuilder<'a> {
    out.clear();
    out.name = name.to_func_name();
    out.signature = signature;
    let mut b = FunctionBuilder::new(out, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b
}

fn finish(mut b: FunctionBuilder<'_>, config: TargetFrontendConfig) {
    b.seal_all_blocks();
    b.finalize(config);
}

/// The function's parameters, while nothing but the entry block exists.
fn entry_params(b: &FunctionBuilder<'_>) -> Vec<Value> {
    let entry = b
        .current_block()
        .expect("the builder stands in the entry block");
    b.block_params(entry).to_vec()
}

fn get(b: &mut FunctionBuilder<'_>, ty: Type, base: Value, offset: u32) -> Value {
    b.ins()
        .load(ty, MemFlagsData::trusted(), base, field(offset))
}

fn put(b: &mut FunctionBuilder<'_>, value: Value, base: Value, offset: u32) {
    b.ins()
        .store(MemFlagsData::trusted(), value, base, field(offset));
}

/// Offsets of fields are small.
fn field(offset: u32) -> Offset32 {
    Offset32::new(i32::try_from(offset).expect("a field lies near the start of its structure"))
}

fn slot(index: usize) -> Offset32 {
    let offset =
        i32::try_from(index * SLOT).expect("a function type has few parameters and results");
    Offset32::new(offset)
}

/// Vectors have the byte order of wasm in their slots, which scalars of the host share on every supported target.
fn slot_flags() -> MemFlagsData {
    MemFlagsData::trusted().with_endianness(Endianness::Little)
}

fn load_slots(b: &mut FunctionBuilder<'_>, types: &[WasmVal], array: Value) -> Vec<Value> {
    types
        .iter()
        .enumerate()
        .map(|(i, &ty)| b.ins().load(value_type(ty), slot_flags(), array, slot(i)))
        .collect()
}

fn store_slots(b: &mut FunctionBuilder<'_>, values: &[Value], array: Value) {
    for (i, &value) in values.iter().enumerate() {
        b.ins().store(slot_flags(), value, array, slot(i));
    }
}

fn store_of(b: &mut FunctionBuilder<'_>, vmctx: Value) -> Value {
    get(b, POINTER, vmctx, VmContext::OFFSET_STORE)
}

/// Calls the host's function for cold builtins.
fn enter_cold(b: &mut FunctionBuilder<'_>, host: CallConv, builtin: Builtin, word: u8) -> Value {
    let signature = b.import_signature(cold_entry_signature(host));
    let name = b
        .func
        .declare_imported_user_function(Symbol::HostWord.to_external());
    let address = b.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    });
    let address = b.ins().func_addr(POINTER, address);
    let function = get(b, POINTER, address, 0);
    let offset = b.ins().iconst(types::I32, i64::from(builtin.offset()));
    let word = b.ins().iconst(types::I32, i64::from(word));
    let fp = b.ins().get_frame_pointer(POINTER);
    let pc = b.ins().get_return_address(POINTER);
    let call = b
        .ins()
        .call_indirect(signature, function, &[offset, word, fp, pc]);
    b.inst_results(call)[0]
}

/// Records where wasm code was left. The trampoline's own frame leads to it.
fn record_exit(b: &mut FunctionBuilder<'_>, store: Value) {
    let fp = b.ins().get_frame_pointer(POINTER);
    put(b, fp, store, VmStore::OFFSET_EXIT_FP);
    let pc = b.ins().get_return_address(POINTER);
    put(b, pc, store, VmStore::OFFSET_EXIT_PC);
}

fn body_of(b: &mut FunctionBuilder<'_>, builtin: Builtin, vmctx: Value) -> Value {
    let builtins = get(b, POINTER, vmctx, VmContext::OFFSET_BUILTINS);
    get(b, POINTER, builtins, builtin.offset())
}

/// Continues behind if `fine`, a boolean of which the low 8 bits count; leaves to the handler otherwise.
fn raise_unless(b: &mut FunctionBuilder<'_>, host: CallConv, vmctx: Value, fine: Value) {
    let go_on = b.create_block();
    let raise = b.create_block();
    b.set_cold_block(raise);
    b.ins().brif(fine, go_on, [], raise, []);

    b.switch_to_block(raise);
    self::raise(b, host, vmctx);

    b.switch_to_block(go_on);
}

/// Leaves to the handler.
fn raise(b: &mut FunctionBuilder<'_>, host: CallConv, vmctx: Value) {
    let body = body_of(b, Builtin::Raise, vmctx);
    let signature = b.import_signature(builtin_body_signature(Builtin::Raise, host));
    b.ins().call_indirect(signature, body, &[vmctx]);
    // `raise` does not return. Trampolines' traps are in no table, so getting here is fatal.
    b.ins().trap(TrapCode::unwrap_user(encode_trap(
        Trap::UnreachableCodeReached,
    )));
}
