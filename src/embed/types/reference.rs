//! Reference and heap types, and how they are subtypes of each other.
//!
//! ```text
//!   extern      func            any              exn          cont
//!     |          |               |                |            |
//!     |      (concrete func)     eq         (concrete exn) (concrete cont)
//!     |          |         /     |    \          |            |
//!     |          |      i31   struct  array       |            |
//!     |          |        |  (concrete ..) |      |            |
//!  noextern    nofunc         none              noexn        nocont
//! ```

use super::{ArrayType, ContType, ExnType, FuncType, StructType};
use crate::engine::Engine;
use crate::error::{Result, bail};
use crate::wasm::{WasmHeap, WasmRef};
use std::fmt;

/// The type of a reference: what it refers to, and whether it may be null.
///
/// There is no `==`: use [`RefType::matches`] for subtyping, or [`RefType::eq`] where exact equality is meant.
#[derive(Clone, Hash)]
pub struct RefType {
    is_nullable: bool,
    heap_type: HeapType,
}

macro_rules! nullable {
    ($($(#[$doc:meta])* $name:ident $heap:ident;)*) => {$(
        $(#[$doc])*
        pub const $name: Self = RefType { is_nullable: true, heap_type: HeapType::$heap };
    )*};
}

impl RefType {
    nullable! {
        /// `(ref null extern)`.
        EXTERNREF Extern;
        /// `(ref null noextern)`.
        NULLEXTERNREF NoExtern;
        /// `(ref null func)`.
        FUNCREF Func;
        /// `(ref null nofunc)`.
        NULLFUNCREF NoFunc;
        /// `(ref null any)`.
        ANYREF Any;
        /// `(ref null eq)`.
        EQREF Eq;
        /// `(ref null i31)`.
        I31REF I31;
        /// `(ref null array)`.
        ARRAYREF Array;
        /// `(ref null struct)`.
        STRUCTREF Struct;
        /// `(ref null none)`.
        NULLREF None;
        /// `(ref null cont)`.
        CONTREF Cont;
        /// `(ref null nocont)`.
        NULLCONTREF NoCont;
        /// `(ref null exn)`.
        EXNREF Exn;
        /// `(ref null noexn)`.
        NULLEXNREF NoExn;
    }

    /// A reference type of its parts.
    pub fn new(is_nullable: bool, heap_type: HeapType) -> RefType {
        RefType {
            is_nullable,
            heap_type,
        }
    }

    /// Whether null is a value of this type.
    pub fn is_nullable(&self) -> bool {
        self.is_nullable
    }

    /// What the reference refers to.
    #[inline]
    pub fn heap_type(&self) -> &HeapType {
        &self.heap_type
    }

    /// Whether this is a subtype of `other`, or the same. Types of different engines never match.
    pub fn matches(&self, other: &RefType) -> bool {
        (other.is_nullable || !self.is_nullable) && self.heap_type.matches(&other.heap_type)
    }

    /// Whether two types are exactly the same.
    pub fn eq(a: &RefType, b: &RefType) -> bool {
        a.matches(b) && b.matches(a)
    }

    /// Checks that `self` can stand where `other` is expected.
    pub(crate) fn ensure_matches(&self, engine: &Engine, other: &RefType) -> Result<()> {
        if !self.comes_from_same_engine(engine) || !other.comes_from_same_engine(engine) {
            bail!("type used with wrong engine");
        }
        if !self.matches(other) {
            bail!("type mismatch: expected {other}, found {self}");
        }
        Ok(())
    }

    /// Whether the type can be used with this engine.
    pub(crate) fn comes_from_same_engine(&self, engine: &Engine) -> bool {
        self.heap_type.comes_from_same_engine(engine)
    }

    /// The type in the engine's vocabulary.
    ///
    /// # Errors
    ///
    /// The heap type is part of a proposal that is not implemented.
    pub(crate) fn to_wasm(&self) -> Result<WasmRef> {
        Ok(WasmRef {
            nullable: self.is_nullable,
            heap: self.heap_type.to_wasm()?,
        })
    }

    /// The public form of an engine's type.
    pub(crate) fn from_wasm(ty: WasmRef) -> RefType {
        RefType::new(ty.nullable, HeapType::from_wasm(ty.heap))
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let null = if self.is_nullable { "null " } else { "" };
        write!(f, "(ref {null}{})", self.heap_type)
    }
}

impl fmt::Debug for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a reference refers to.
///
/// Abstract heap types are named by the specification; concrete ones are defined by modules or by the embedder.
/// Function and host references can be used; values of the other hierarchies are not implemented yet, and what would
/// need them is refused with an error that names the heap type.
#[derive(Debug, Clone, Hash)]
pub enum HeapType {
    /// Any value of the host.
    Extern,
    /// The bottom of the `extern` hierarchy: only null is a reference to it.
    NoExtern,
    /// Any function.
    Func,
    /// A function of this type.
    ConcreteFunc(FuncType),
    /// The bottom of the `func` hierarchy.
    NoFunc,
    /// Any value of the guest's garbage-collected heap.
    Any,
    /// A value that can be compared by identity.
    Eq,
    /// An integer of 31 bits.
    I31,
    /// Any array.
    Array,
    /// An array of this type.
    ConcreteArray(ArrayType),
    /// Any struct.
    Struct,
    /// A struct of this type.
    ConcreteStruct(StructType),
    /// Any exception.
    Exn,
    /// An exception of this type.
    ConcreteExn(ExnType),
    /// A continuation of this type.
    ConcreteCont(ContType),
    /// Any continuation.
    Cont,
    /// The bottom of the `cont` hierarchy.
    NoCont,
    /// The bottom of the `any` hierarchy.
    None,
    /// The bottom of the `exn` hierarchy.
    NoExn,
}

macro_rules! is_variant {
    ($($(#[$doc:meta])* $name:ident $variant:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&self) -> bool {
            matches!(self, HeapType::$variant)
        }
    )*};
}

macro_rules! concrete {
    ($($what:literal $is:ident $as:ident $variant:ident $ty:ident $(, $unwrap:ident)?;)*) => {$(
        #[doc = concat!("Whether this is a concrete ", $what, " type.")]
        #[inline]
        pub fn $is(&self) -> bool {
            matches!(self, HeapType::$variant(_))
        }

        #[doc = concat!("The concrete ", $what, " type, if this is one.")]
        #[inline]
        pub fn $as(&self) -> Option<&$ty> {
            match self {
                HeapType::$variant(ty) => Some(ty),
                _ => None,
            }
        }

        $(
            #[doc = concat!("The concrete ", $what, " type.")]
            ///
            /// # Panics
            ///
            /// If this is another heap type.
            pub fn $unwrap(&self) -> &$ty {
                self.$as().expect(concat!("expected a concrete ", $what, " type"))
            }
        )?
    )*};
}

impl HeapType {
    is_variant! {
        /// Whether this is the abstract `extern`.
        is_extern Extern;
        /// Whether this is the abstract `func`.
        is_func Func;
        /// Whether this is the abstract `nofunc`.
        is_no_func NoFunc;
        /// Whether this is the abstract `any`.
        is_any Any;
        /// Whether this is `i31`.
        is_i31 I31;
        /// Whether this is the abstract `none`.
        is_none None;
        /// Whether this is the abstract `cont`.
        is_cont Cont;
        /// Whether this is the abstract `exn`.
        is_exn Exn;
        /// Whether this is the abstract `noexn`.
        is_no_exn NoExn;
    }

    concrete! {
        "function" is_concrete_func as_concrete_func ConcreteFunc FuncType, unwrap_concrete_func;
        "array" is_concrete_array as_concrete_array ConcreteArray ArrayType, unwrap_concrete_array;
        "struct" is_concrete_struct as_concrete_struct ConcreteStruct StructType, unwrap_concrete_struct;
        "continuation" is_concrete_cont as_concrete_cont ConcreteCont ContType, unwrap_concrete_cont;
        "exception" is_concrete_exn as_concrete_exn ConcreteExn ExnType;
    }

    /// Whether this is a type that the specification names.
    pub fn is_abstract(&self) -> bool {
        !self.is_concrete()
    }

    /// Whether this is a type that a module or the embedder defined.
    #[inline]
    pub fn is_concrete(&self) -> bool {
        matches!(
            self,
            HeapType::ConcreteFunc(_)
                | HeapType::ConcreteArray(_)
                | HeapType::ConcreteStruct(_)
                | HeapType::ConcreteExn(_)
                | HeapType::ConcreteCont(_)
        )
    }

    /// The supertype of everything in this type's hierarchy.
    pub fn top(&self) -> HeapType {
        match self {
            HeapType::Extern | HeapType::NoExtern => HeapType::Extern,
            HeapType::Func | HeapType::ConcreteFunc(_) | HeapType::NoFunc => HeapType::Func,
            HeapType::Exn | HeapType::ConcreteExn(_) | HeapType::NoExn => HeapType::Exn,
            HeapType::Cont | HeapType::ConcreteCont(_) | HeapType::NoCont => HeapType::Cont,
            HeapType::Any
            | HeapType::Eq
            | HeapType::I31
            | HeapType::Array
            | HeapType::ConcreteArray(_)
            | HeapType::Struct
            | HeapType::ConcreteStruct(_)
            | HeapType::None => HeapType::Any,
        }
    }

    /// Whether nothing in the hierarchy is above this type.
    #[inline]
    pub fn is_top(&self) -> bool {
        matches!(
            self,
            HeapType::Extern | HeapType::Func | HeapType::Any | HeapType::Exn | HeapType::Cont
        )
    }

    /// The subtype of everything in this type's hierarchy.
    pub fn bottom(&self) -> HeapType {
        match self.top() {
            HeapType::Extern => HeapType::NoExtern,
            HeapType::Func => HeapType::NoFunc,
            HeapType::Exn => HeapType::NoExn,
            HeapType::Cont => HeapType::NoCont,
            _ => HeapType::None,
        }
    }

    /// Whether nothing in the hierarchy is below this type.
    #[inline]
    pub fn is_bottom(&self) -> bool {
        matches!(
            self,
            HeapType::NoExtern
                | HeapType::NoFunc
                | HeapType::None
                | HeapType::NoExn
                | HeapType::NoCont
        )
    }

    /// Whether this is a subtype of `other`, or the same. Types of different engines never match.
    pub fn matches(&self, other: &HeapType) -> bool {
        use std::mem::discriminant as kind;
        match (self, other) {
            (HeapType::ConcreteFunc(a), HeapType::ConcreteFunc(b)) => a.is_subtype_of(b),
            (HeapType::ConcreteArray(a), HeapType::ConcreteArray(b)) => a.is_subtype_of(b),
            (HeapType::ConcreteStruct(a), HeapType::ConcreteStruct(b)) => a.is_subtype_of(b),
            (HeapType::ConcreteExn(a), HeapType::ConcreteExn(b)) => a.matches(b),
            (HeapType::ConcreteCont(a), HeapType::ConcreteCont(b)) => a.matches(b),
            (a, b) if kind(a) == kind(b) => true,
            (HeapType::ConcreteArray(_), HeapType::Array)
            | (HeapType::ConcreteStruct(_), HeapType::Struct)
            | (
                HeapType::I31
                | HeapType::Array
                | HeapType::ConcreteArray(_)
                | HeapType::Struct
                | HeapType::ConcreteStruct(_),
                HeapType::Eq,
            ) => true,
            (a, b) if a.is_bottom() || b.is_top() => kind(&a.top()) == kind(&b.top()),
            _ => false,
        }
    }

    /// Whether two types are exactly the same.
    pub fn eq(a: &HeapType, b: &HeapType) -> bool {
        a.matches(b) && b.matches(a)
    }

    /// Whether the type can be used with this engine.
    pub(crate) fn comes_from_same_engine(&self, engine: &Engine) -> bool {
        match self {
            HeapType::ConcreteFunc(ty) => Engine::same(ty.engine(), engine),
            HeapType::ConcreteArray(ty) => Engine::same(ty.engine(), engine),
            HeapType::ConcreteStruct(ty) => Engine::same(ty.engine(), engine),
            HeapType::ConcreteExn(ty) => Engine::same(ty.engine(), engine),
            HeapType::ConcreteCont(ty) => Engine::same(ty.engine(), engine),
            _ => true,
        }
    }

    /// The type in the engine's vocabulary.
    ///
    /// # Errors
    ///
    /// The type is part of a proposal that is not implemented.
    pub(crate) fn to_wasm(&self) -> Result<WasmHeap> {
        Ok(match self {
            HeapType::Extern => WasmHeap::Extern,
            HeapType::NoExtern => WasmHeap::NoExtern,
            HeapType::Func => WasmHeap::Func,
            HeapType::NoFunc => WasmHeap::NoFunc,
            other => bail!("references to the heap type `{other}` are not implemented yet"),
        })
    }

    /// The public form of an engine's type.
    pub(crate) fn from_wasm(ty: WasmHeap) -> HeapType {
        match ty {
            WasmHeap::Extern => HeapType::Extern,
            WasmHeap::NoExtern => HeapType::NoExtern,
            WasmHeap::Func => HeapType::Func,
            WasmHeap::NoFunc => HeapType::NoFunc,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Array => "array",
            HeapType::Struct => "struct",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::Cont => "cont",
            HeapType::NoCont => "nocont",
            HeapType::None => "none",
            HeapType::ConcreteFunc(ty) => return write!(f, "(concrete func {ty})"),
            HeapType::ConcreteArray(ty) => return write!(f, "(concrete array {ty})"),
            HeapType::ConcreteStruct(ty) => return write!(f, "(concrete struct {ty})"),
            HeapType::ConcreteExn(ty) => return write!(f, "(concrete exn {ty})"),
            HeapType::ConcreteCont(ty) => return write!(f, "(concrete cont {ty})"),
        })
    }
}

macro_rules! from_concrete {
    ($($ty:ident $variant:ident;)*) => {$(
        impl From<$ty> for HeapType {
            #[inline]
            fn from(ty: $ty) -> Self {
                HeapType::$variant(ty)
            }
        }
    )*};
}

from_concrete! {
    FuncType ConcreteFunc;
    ArrayType ConcreteArray;
    StructType ConcreteStruct;
    ExnType ConcreteExn;
    ContType ConcreteCont;
}
