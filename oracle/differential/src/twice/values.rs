//! Values and errors between this runtime and the words of `observe`.

use super::runtime::{
    AsContextMut, Error, ExternRef, HeapType, Ref, Trap, Val, ValType, WasmBacktrace,
};
use crate::observe::{Ending, Value};
use crate::rng::Rng;
use std::fmt;

/// The error of a host function.
#[derive(Debug)]
pub(super) struct HostError(pub(super) String);

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostError {}

/// What an error is.
pub(super) fn ending(error: &Error) -> Ending {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        Ending::Trapped(format!("{trap:?}"))
    } else if let Some(error) = error.downcast_ref::<HostError>() {
        Ending::HostError(error.0.clone())
    } else {
        Ending::Failed(format!("{error:?}"))
    }
}

/// Whether fuel ended at an operator with the prefix of bulk operations.
pub(super) fn ended_in_bulk(error: &Error, wasm: &[u8]) -> bool {
    if error.downcast_ref::<Trap>() != Some(&Trap::OutOfFuel) {
        return false;
    }
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map(WasmBacktrace::frames);
    let offset = frames.and_then(|frames| frames.first()?.module_offset());
    offset.and_then(|offset| wasm.get(offset)) == Some(&0xfc)
}

/// What can be told of a value.
pub(super) fn told(store: impl AsContextMut, value: &Val) -> Value {
    match value {
        Val::I32(x) => Value::I32(*x),
        Val::I64(x) => Value::I64(*x),
        Val::F32(x) => Value::F32(*x),
        Val::F64(x) => Value::F64(*x),
        Val::V128(x) => Value::V128(x.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(reference)) => {
            let data = reference.data(store.as_context());
            let number = data.ok().flatten().and_then(|data| data.downcast_ref());
            Value::Extern(*number.expect("a reference that this host made"))
        }
        _ => unreachable!("no generated module has other types"),
    }
}

pub(super) fn told_ref(store: impl AsContextMut, value: Ref) -> Value {
    told(store, &Val::from(value))
}

/// A value of this type, by chance; functions are always null.
pub(super) fn any(store: impl AsContextMut, ty: &ValType, rng: &mut Rng) -> Val {
    match ty {
        ValType::I32 => Val::I32(rng.half_word()),
        ValType::I64 => Val::I64(rng.word().cast_signed()),
        ValType::F32 => Val::F32(rng.f32_bits()),
        ValType::F64 => Val::F64(rng.f64_bits()),
        ValType::Ref(reference) => match reference.heap_type() {
            HeapType::Extern if rng.chance(3, 4) => {
                let made = ExternRef::new(store, rng.word()).expect("room for a reference");
                Val::ExternRef(Some(made))
            }
            heap => Val::null_ref(heap),
        },
        ValType::V128 => Val::V128(rng.vector_bits().into()),
    }
}
