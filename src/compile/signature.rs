//! CLIF types and signatures of everything that is called.

use crate::abi::builtins::{Builtin, Heat, Param, Ret};
use crate::wasm::{WasmFuncType, WasmVal};
use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::CallConv;

/// The type of pointers on every supported target.
pub(crate) const POINTER: Type = types::I64;

/// The CLIF type that carries a value of a wasm type. Function references are pointers, host values 32-bit handles.
pub(crate) fn value_type(ty: WasmVal) -> Type {
    match ty {
        WasmVal::I32 => types::I32,
        WasmVal::I64 => types::I64,
        WasmVal::F32 => types::F32,
        WasmVal::F64 => types::F64,
        WasmVal::V128 => types::I8X16,
        WasmVal::Ref(r) if r.is_func() => POINTER,
        WasmVal::Ref(_) => types::I32,
    }
}

/// `(callee_vmctx, caller_vmctx, params..) -> results` under `Tail`, or with the count of fuel
/// `(callee_vmctx, caller_vmctx, fuel, params..) -> (fuel, results..)`.
pub(crate) fn wasm_signature(ty: &WasmFuncType, fuel: bool) -> Signature {
    let mut sig = Signature::new(CallConv::Tail);
    sig.params.push(AbiParam::new(POINTER));
    sig.params.push(AbiParam::new(POINTER));
    if fuel {
        sig.params.push(AbiParam::new(types::I64));
        sig.returns.push(AbiParam::new(types::I64));
    }
    sig.params
        .extend(ty.params.iter().map(|&t| AbiParam::new(value_type(t))));
    sig.returns
        .extend(ty.results.iter().map(|&t| AbiParam::new(value_type(t))));
    sig
}

/// The `enter` trampoline: `(callee, caller, args, code) -> i8` under the host's convention.
pub(crate) fn enter_signature(host: CallConv) -> Signature {
    let mut sig = Signature::new(host);
    sig.params.extend([AbiParam::new(POINTER); 4]);
    sig.returns.push(AbiParam::new(types::I8));
    sig
}

/// A host shim: `(host_func, caller, args) -> i8` under the host's convention.
pub(crate) fn shim_signature(host: CallConv) -> Signature {
    let mut sig = Signature::new(host);
    sig.params.extend([AbiParam::new(POINTER); 3]);
    sig.returns.push(AbiParam::new(types::I8));
    sig
}

fn builtin_params(builtin: Builtin, sig: &mut Signature) {
    sig.params.push(AbiParam::new(POINTER));
    sig.params.extend(builtin.params().iter().map(|p| {
        AbiParam::new(match p {
            Param::I32 => types::I32,
            Param::I64 => types::I64,
        })
    }));
}

/// The body of a builtin, under the host's convention.
pub(crate) fn builtin_body_signature(builtin: Builtin, host: CallConv) -> Signature {
    let mut sig = Signature::new(host);
    builtin_params(builtin, &mut sig);
    match builtin.ret() {
        Ret::Nothing => {}
        Ret::Ok => sig.returns.push(AbiParam::new(types::I8)),
        Ret::Size => sig.returns.push(AbiParam::new(types::I64)),
    }
    sig
}

/// The host's function for cold trampolines, see `abi::ColdEntry`.
pub(crate) fn cold_entry_signature(host: CallConv) -> Signature {
    let mut sig = Signature::new(host);
    let params = [types::I32, types::I32, POINTER, POINTER];
    sig.params.extend(params.map(AbiParam::new));
    sig.returns.push(AbiParam::new(POINTER));
    sig
}

/// A cold trampoline, as wasm code calls it.
pub(crate) fn cold_signature() -> Signature {
    Signature::new(CallConv::PreserveAll)
}

/// The trampoline of a builtin, as wasm code calls it. It raises by itself, so only sizes are returned.
pub(crate) fn builtin_signature(builtin: Builtin) -> Signature {
    if builtin.heat() == Heat::Cold {
        return cold_signature();
    }
    let mut sig = Signature::new(CallConv::Tail);
    builtin_params(builtin, &mut sig);
    if builtin.ret() == Ret::Size {
        sig.returns.push(AbiParam::new(types::I64));
    }
    sig
}
