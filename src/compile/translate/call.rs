//! Calls: direct, imported, indirect, and each of them in tail position.

use super::trap::clif_code;
use super::{Body, POINTER, Region, at, index_of};
use crate::abi::{VmContext, VmFuncRef};
use crate::compile::signature::wasm_signature;
use crate::compile::symbol::Symbol;
use crate::wasm::{DefinedFuncIndex, FuncIndex, TableIndex, Trap, TypeIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, Inst, InstBuilder, MemFlagsData, SigRef, Value, types,
};
use smallvec::SmallVec;
use wasmparser::Operator;

/// Whom to call.
enum Callee {
    Defined(FuncRef),
    Pointer { code: Value, vmctx: Value },
}

impl Body<'_, '_> {
    /// Translates a call; false if the operator is none.
    pub(super) fn call_operator(&mut self, op: &Operator<'_>) -> crate::Result<bool> {
        match *op {
            Operator::Call { function_index } => {
                let (ty, callee) = self.direct_callee(index_of(function_index));
                self.call(ty, callee)?;
            }
            Operator::ReturnCall { function_index } => {
                let (ty, callee) = self.direct_callee(index_of(function_index));
                self.tail_call(ty, callee)?;
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            } => {
                let ty = index_of(type_index);
                let callee = self.table_callee(index_of(table_index), ty);
                self.call(ty, callee)?;
            }
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let ty = index_of(type_index);
                let callee = self.table_callee(index_of(table_index), ty);
                self.tail_call(ty, callee)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The reference of a function: in the VMContext for a defined one, a word of it for an imported one.
    pub(super) fn ref_func(&mut self, func: FuncIndex) -> crate::Result<Value> {
        if self.env.module.defined_func(func).is_none() {
            return Ok(self.load_constant(self.vmctx, self.env.layout.imported_func(func)));
        }
        let Some(offset) = self.env.layout.func_ref(func) else {
            let index = func.as_u32();
            return Err(crate::Error::msg(format!(
                "function {index} is referenced but not declared as referenceable"
            )));
        };
        Ok(self.builder.ins().iadd_imm_s(self.vmctx, i64::from(offset)))
    }

    fn direct_callee(&mut self, func: FuncIndex) -> (TypeIndex, Callee) {
        let ty = self.env.module.funcs[func];
        let callee = match self.env.module.defined_func(func) {
            Some(defined) => Callee::Defined(self.defined_func(defined, ty)),
            None => {
                let offset = self.env.layout.imported_func(func);
                let reference = self.load_constant(self.vmctx, offset);
                Callee::Pointer {
                    code: self.load_constant(reference, VmFuncRef::OFFSET_CODE),
                    vmctx: self.load_constant(reference, VmFuncRef::OFFSET_VMCTX),
                }
            }
        };
        (ty, callee)
    }

    /// Takes an index from the stack and checks element and type.
    fn table_callee(&mut self, table: TableIndex, ty: TypeIndex) -> Callee {
        let index = self.pop();
        let reference = self.load_element(table, index);
        // With signals, a null reference faults at the first load through it.
        let mut flags = MemFlagsData::trusted().with_readonly();
        if self.signals() {
            flags = flags.with_trap_code(Some(clif_code(Trap::IndirectCallToNull)));
        } else {
            self.trap_if_zero(reference, Trap::IndirectCallToNull);
        }
        let actual =
            self.builder
                .ins()
                .load(types::I32, flags, reference, at(VmFuncRef::OFFSET_TYPE_ID));
        let ids = self.load_constant(self.vmctx, VmContext::OFFSET_TYPE_IDS);
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        // Types are limited to a million by validation.
        let expected = self
            .builder
            .ins()
            .load(types::I32, flags, ids, at(ty.as_u32() * 4));
        let differs = self.builder.ins().icmp(IntCC::NotEqual, actual, expected);
        self.trap_if(differs, Trap::BadSignature);
        // Not movable: only behind the checks is the reference known to be one.
        let flags = MemFlagsData::trusted().with_readonly();
        let mut field = |offset| {
            self.builder
                .ins()
                .load(POINTER, flags, reference, at(offset))
        };
        Callee::Pointer {
            code: field(VmFuncRef::OFFSET_CODE),
            vmctx: field(VmFuncRef::OFFSET_VMCTX),
        }
    }

    fn signature(&mut self, ty: TypeIndex) -> SigRef {
        let fuel = self.env.tunables.consume_fuel;
        let (module, func) = (self.env.module, &mut self.builder.func);
        *self
            .imports
            .sigs
            .entry(ty)
            .or_insert_with(|| func.import_signature(wasm_signature(&module.types[ty], fuel)))
    }

    fn defined_func(&mut self, func: DefinedFuncIndex, ty: TypeIndex) -> FuncRef {
        let signature = self.signature(ty);
        let out = &mut self.builder.func;
        *self.imports.funcs.entry(func).or_insert_with(|| {
            let name = out.declare_imported_user_function(Symbol::Func(func).to_external());
            out.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature,
                colocated: true,
                patchable: false,
            })
        })
    }

    /// Takes the arguments from the stack and puts both contexts before them.
    fn arguments(&mut self, ty: TypeIndex, callee: &Callee) -> crate::Result<SmallVec<[Value; 8]>> {
        let ty = &self.env.module.types[ty];
        self.budget.spend(ty.params.len() + ty.results.len())?;
        let callee_vmctx = match callee {
            Callee::Defined(_) => self.vmctx,
            Callee::Pointer { vmctx, .. } => *vmctx,
        };
        let mut args = SmallVec::new();
        args.push(callee_vmctx);
        args.push(self.vmctx);
        args.extend(self.fuel_count());
        let first = self.stacks.values.len() - ty.params.len();
        args.extend(self.stacks.values.drain(first..));
        Ok(args)
    }

    fn call(&mut self, ty: TypeIndex, callee: Callee) -> crate::Result<()> {
        let args = self.arguments(ty, &callee)?;
        let inst: Inst = match callee {
            Callee::Defined(func) => self.builder.ins().call(func, &args),
            Callee::Pointer { code, .. } => {
                let signature = self.signature(ty);
                self.builder.ins().call_indirect(signature, code, &args)
            }
        };
        let mut results = self.builder.func.dfg.inst_results(inst);
        if self.fuel.is_some() {
            let count = results[0];
            results = &results[1..];
            self.stacks.values.extend_from_slice(results);
            self.set_fuel_count(count);
        } else {
            self.stacks.values.extend_from_slice(results);
        }
        Ok(())
    }

    fn tail_call(&mut self, ty: TypeIndex, callee: Callee) -> crate::Result<()> {
        let args = self.arguments(ty, &callee)?;
        match callee {
            Callee::Defined(func) => self.builder.ins().return_call(func, &args),
            Callee::Pointer { code, .. } => {
                let signature = self.signature(ty);
                self.builder
                    .ins()
                    .return_call_indirect(signature, code, &args)
            }
        };
        self.stacks.reachable = false;
        Ok(())
    }

    /// Flags of an access to table elements that is about to be made.
    pub(super) fn element_flags(&mut self) -> MemFlagsData {
        let code = self.fault_code(Trap::TableOutOfBounds);
        self.flags(Region::Elements).with_trap_code(code)
    }
}
