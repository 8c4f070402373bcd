//! Value types, and the two small attributes that other types carry.

use super::{HeapType, RefType};
use crate::engine::Engine;
use crate::error::Result;
use crate::wasm::WasmVal;
use std::fmt;

/// Whether a global or field can be written after its initialisation.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Mutability {
    /// It keeps its initial value.
    Const,
    /// It can be written.
    Var,
}

impl Mutability {
    /// Whether this is [`Mutability::Const`].
    #[inline]
    pub fn is_const(&self) -> bool {
        *self == Mutability::Const
    }

    /// Whether this is [`Mutability::Var`].
    #[inline]
    pub fn is_var(&self) -> bool {
        *self == Mutability::Var
    }
}

/// Whether a defined type may have declared subtypes.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Finality {
    /// It has no subtypes.
    Final,
    /// Other types may declare it as their supertype.
    NonFinal,
}

impl Finality {
    /// Whether this is [`Finality::Final`].
    #[inline]
    pub fn is_final(&self) -> bool {
        *self == Finality::Final
    }

    /// Whether this is [`Finality::NonFinal`].
    #[inline]
    pub fn is_non_final(&self) -> bool {
        *self == Finality::NonFinal
    }
}

/// The type of a value: what parameters, results, locals, globals and table elements have.
///
/// There is no `==`: value types have subtypes, so what one nearly always wants is [`ValType::matches`]. Where exact
/// equality is meant, there is [`ValType::eq`].
#[derive(Clone, Hash)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// `(ref null extern)`.
    pub const EXTERNREF: Self = ValType::Ref(RefType::EXTERNREF);
    /// `(ref null noextern)`.
    pub const NULLEXTERNREF: Self = ValType::Ref(RefType::NULLEXTERNREF);
    /// `(ref null func)`.
    pub const FUNCREF: Self = ValType::Ref(RefType::FUNCREF);
    /// `(ref null nofunc)`.
    pub const NULLFUNCREF: Self = ValType::Ref(RefType::NULLFUNCREF);
    /// `(ref null any)`.
    pub const ANYREF: Self = ValType::Ref(RefType::ANYREF);
    /// `(ref null eq)`.
    pub const EQREF: Self = ValType::Ref(RefType::EQREF);
    /// `(ref null i31)`.
    pub const I31REF: Self = ValType::Ref(RefType::I31REF);
    /// `(ref null array)`.
    pub const ARRAYREF: Self = ValType::Ref(RefType::ARRAYREF);
    /// `(ref null struct)`.
    pub const STRUCTREF: Self = ValType::Ref(RefType::STRUCTREF);
    /// `(ref null none)`.
    pub const NULLREF: Self = ValType::Ref(RefType::NULLREF);
    /// `(ref null cont)`.
    pub const CONTREF: Self = ValType::Ref(RefType::CONTREF);
    /// `(ref null nocont)`.
    pub const NULLCONTREF: Self = ValType::Ref(RefType::NULLCONTREF);
    /// `(ref null exn)`.
    pub const EXNREF: Self = ValType::Ref(RefType::EXNREF);
    /// `(ref null noexn)`.
    pub const NULLEXNREF: Self = ValType::Ref(RefType::NULLEXNREF);

    /// Whether this is an integer or float type.
    #[inline]
    pub fn is_num(&self) -> bool {
        matches!(
            self,
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64
        )
    }

    /// Whether this is [`ValType::I32`].
    #[inline]
    pub fn is_i32(&self) -> bool {
        matches!(self, ValType::I32)
    }

    /// Whether this is [`ValType::I64`].
    #[inline]
    pub fn is_i64(&self) -> bool {
        matches!(self, ValType::I64)
    }

    /// Whether this is [`ValType::F32`].
    #[inline]
    pub fn is_f32(&self) -> bool {
        matches!(self, ValType::F32)
    }

    /// Whether this is [`ValType::F64`].
    #[inline]
    pub fn is_f64(&self) -> bool {
        matches!(self, ValType::F64)
    }

    /// Whether this is [`ValType::V128`].
    #[inline]
    pub fn is_v128(&self) -> bool {
        matches!(self, ValType::V128)
    }

    /// Whether this is a reference type.
    #[inline]
    pub fn is_ref(&self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Whether this is exactly `(ref null func)`.
    #[inline]
    pub fn is_funcref(&self) -> bool {
        self.is_nullable_ref_to(|heap| matches!(heap, HeapType::Func))
    }

    /// Whether this is exactly `(ref null extern)`.
    #[inline]
    pub fn is_externref(&self) -> bool {
        self.is_nullable_ref_to(|heap| matches!(heap, HeapType::Extern))
    }

    /// Whether this is exactly `(ref null any)`.
    #[inline]
    pub fn is_anyref(&self) -> bool {
        self.is_nullable_ref_to(|heap| matches!(heap, HeapType::Any))
    }

    /// Whether this is exactly `(ref null cont)`.
    #[inline]
    pub fn is_contref(&self) -> bool {
        self.is_nullable_ref_to(|heap| matches!(heap, HeapType::Cont))
    }

    fn is_nullable_ref_to(&self, wanted: fn(&HeapType) -> bool) -> bool {
        matches!(self, ValType::Ref(r) if r.is_nullable() && wanted(r.heap_type()))
    }

    /// The reference type, if this is one.
    #[inline]
    pub fn as_ref(&self) -> Option<&RefType> {
        match self {
            ValType::Ref(r) => Some(r),
            _ => None,
        }
    }

    /// The reference type.
    ///
    /// # Panics
    ///
    /// If this is no reference type.
    #[inline]
    pub fn unwrap_ref(&self) -> &RefType {
        self.as_ref()
            .expect("ValType::unwrap_ref on a non-reference type")
    }

    /// Whether this is a subtype of `other`, or the same. Types of different engines never match.
    pub fn matches(&self, other: &ValType) -> bool {
        match (self, other) {
            (ValType::I32, ValType::I32)
            | (ValType::I64, ValType::I64)
            | (ValType::F32, ValType::F32)
            | (ValType::F64, ValType::F64)
            | (ValType::V128, ValType::V128) => true,
            (ValType::Ref(a), ValType::Ref(b)) => a.matches(b),
            _ => false,
        }
    }

    /// Whether two types are exactly the same.
    pub fn eq(a: &Self, b: &Self) -> bool {
        a.matches(b) && b.matches(a)
    }

    /// Whether the type can be used with this engine.
    pub(crate) fn comes_from_same_engine(&self, engine: &Engine) -> bool {
        self.as_ref()
            .is_none_or(|r| r.comes_from_same_engine(engine))
    }

    /// The type in the engine's vocabulary.
    ///
    /// # Errors
    ///
    /// The type is part of a proposal that is not implemented.
    pub(crate) fn to_wasm(&self) -> Result<WasmVal> {
        Ok(match self {
            ValType::I32 => WasmVal::I32,
            ValType::I64 => WasmVal::I64,
            ValType::F32 => WasmVal::F32,
            ValType::F64 => WasmVal::F64,
            ValType::V128 => WasmVal::V128,
            ValType::Ref(r) => WasmVal::Ref(r.to_wasm()?),
        })
    }

    /// The public form of an engine's type.
    pub(crate) fn from_wasm(ty: WasmVal) -> ValType {
        match ty {
            WasmVal::I32 => ValType::I32,
            WasmVal::I64 => ValType::I64,
            WasmVal::F32 => ValType::F32,
            WasmVal::F64 => ValType::F64,
            WasmVal::V128 => ValType::V128,
            WasmVal::Ref(r) => ValType::Ref(RefType::from_wasm(r)),
        }
    }
}

impl From<RefType> for ValType {
    #[inline]
    fn from(r: RefType) -> Self {
        ValType::Ref(r)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(r) => r.fmt(f),
        }
    }
}

impl fmt::Debug for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
