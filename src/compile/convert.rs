//! From `wasmparser`'s types to ours. What we do not implement is refused here, by its proposal's name.
//!
//! Must not know where a type stands in a module.

use crate::entity::EntityRef;
use crate::error::{Result, bail, ensure};
use crate::wasm::{
    ConstExpr, ConstOp, FuncIndex, GlobalDesc, GlobalIndex, MemoryDesc, TableDesc, WasmFuncType,
    WasmHeap, WasmRef, WasmVal,
};
use wasmparser::{AbstractHeapType, HeapType, Operator, RefType, ValType};

/// A value type.
pub(crate) fn val_type(ty: ValType) -> Result<WasmVal> {
    Ok(match ty {
        ValType::I32 => WasmVal::I32,
        ValType::I64 => WasmVal::I64,
        ValType::F32 => WasmVal::F32,
        ValType::F64 => WasmVal::F64,
        ValType::V128 => WasmVal::V128,
        ValType::Ref(r) => WasmVal::Ref(ref_type(r)?),
    })
}

/// A reference type.
pub(crate) fn ref_type(ty: RefType) -> Result<WasmRef> {
    Ok(WasmRef {
        nullable: ty.is_nullable(),
        heap: heap_type(ty.heap_type())?,
    })
}

/// A heap type.
pub(crate) fn heap_type(ty: HeapType) -> Result<WasmHeap> {
    let ty = match ty {
        HeapType::Abstract { shared: false, ty } => ty,
        HeapType::Abstract { shared: true, .. } => {
            bail!("the shared-everything-threads proposal is not supported: shared reference type")
        }
        HeapType::Concrete(_) => bail!(
            "the function-references proposal is not supported: reference to a type of the module"
        ),
        HeapType::Exact(_) => {
            bail!("the custom-descriptors proposal is not supported: exact reference type")
        }
    };
    Ok(match ty {
        AbstractHeapType::Func => WasmHeap::Func,
        AbstractHeapType::Extern => WasmHeap::Extern,
        AbstractHeapType::NoFunc => WasmHeap::NoFunc,
        AbstractHeapType::NoExtern => WasmHeap::NoExtern,
        AbstractHeapType::Any
        | AbstractHeapType::None
        | AbstractHeapType::Eq
        | AbstractHeapType::Struct
        | AbstractHeapType::Array
        | AbstractHeapType::I31 => {
            bail!("the gc proposal is not supported: reference type to {ty:?}")
        }
        AbstractHeapType::Exn | AbstractHeapType::NoExn => {
            bail!("the exception-handling proposal is not supported: reference type to {ty:?}")
        }
        AbstractHeapType::Cont | AbstractHeapType::NoCont => {
            bail!("the stack-switching proposal is not supported: reference type to {ty:?}")
        }
    })
}

/// A function type.
pub(crate) fn func_type(ty: &wasmparser::FuncType) -> Result<WasmFuncType> {
    let all = |types: &[ValType]| types.iter().map(|&t| val_type(t)).collect::<Result<_>>();
    Ok(WasmFuncType {
        params: all(ty.params())?,
        results: all(ty.results())?,
    })
}

/// A table type.
pub(crate) fn table_type(ty: &wasmparser::TableType) -> Result<TableDesc> {
    ensure!(
        !ty.shared,
        "the shared-everything-threads proposal is not supported: shared table"
    );
    Ok(TableDesc {
        element: ref_type(ty.element_type)?,
        min: ty.initial,
        max: ty.maximum,
        table64: ty.table64,
    })
}

/// A memory type.
pub(crate) fn memory_type(ty: &wasmparser::MemoryType) -> Result<MemoryDesc> {
    ensure!(
        !ty.shared,
        "the threads proposal is not supported: shared memory"
    );
    let page_size_log2 = ty.page_size_log2();
    ensure!(
        page_size_log2 <= 16,
        "a page size of 2^{page_size_log2} bytes exceeds the limit of 2^16"
    );
    Ok(MemoryDesc {
        min: ty.initial,
        max: ty.maximum,
        memory64: ty.memory64,
        shared: false,
        page_size_log2: page_size_log2.try_into()?,
    })
}

/// A global type.
pub(crate) fn global_type(ty: &wasmparser::GlobalType) -> Result<GlobalDesc> {
    ensure!(
        !ty.shared,
        "the shared-everything-threads proposal is not supported: shared global"
    );
    Ok(GlobalDesc {
        content: val_type(ty.content_type)?,
        mutable: ty.mutable,
    })
}

/// A validated constant expression, without its `end`.
pub(crate) fn const_expr(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
    let mut ops = Vec::new();
    for item in expr.get_operators_reader().into_iter_with_offsets() {
        let (op, offset) = item?;
        ops.push(match op {
            Operator::I32Const { value } => ConstOp::I32(value),
            Operator::I64Const { value } => ConstOp::I64(value),
            Operator::F32Const { value } => ConstOp::F32(value.bits()),
            Operator::F64Const { value } => ConstOp::F64(value.bits()),
            Operator::V128Const { value } => {
                ConstOp::V128(u128::from_le_bytes(value.i128().to_le_bytes()))
            }
            Operator::GlobalGet { global_index } => {
                ConstOp::GlobalGet(GlobalIndex::new(global_index as usize))
            }
            Operator::RefNull { hty } => ConstOp::RefNull(WasmRef {
                nullable: true,
                heap: heap_type(hty)?,
            }),
            Operator::RefFunc { function_index } => {
                ConstOp::RefFunc(FuncIndex::new(function_index as usize))
            }
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::End => continue,
            other => {
                bail!("{other:?} in a constant expression is not supported (at offset {offset:#x})")
            }
        });
    }
    Ok(ConstExpr { ops })
}
