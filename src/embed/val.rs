//! Values whose type is known at run time only: [`Val`] and its reference half [`Ref`].
//!
//! Both convert to and from the raw 16-byte slots that trampolines pass, and from there to the words of globals and
//! tables. Compiled code trusts the types, so whatever is stored is checked by `ensure_matches_ty` first.

#![expect(unsafe_code, reason = "raw values name functions by address")]

use super::gc::{AnyRef, ArrayRef, ContRef, ExnRef, ExternRef, Rooted, StructRef};
use super::types::{FuncType, HeapType, RefType, ValType};
use super::{AsContext, AsContextMut, Func};
use crate::abi::{V128, ValRaw, VmFuncRef};
use crate::store::StoreCore;
use crate::{Result, bail};
use std::ptr::{self, NonNull};

/// A WebAssembly value.
#[derive(Debug, Clone, Copy)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A 32-bit float, as bits: see [`f32::from_bits`].
    F32(u32),
    /// A 64-bit float, as bits: see [`f64::from_bits`].
    F64(u64),
    /// A 128-bit vector.
    V128(V128),
    /// A reference to a function, or null.
    FuncRef(Option<Func>),
    /// A reference to a value of the host, or null.
    ExternRef(Option<Rooted<ExternRef>>),
    /// A reference to a value of the guest's garbage-collected heap, or null.
    AnyRef(Option<Rooted<AnyRef>>),
    /// A reference to an exception, or null.
    ExnRef(Option<Rooted<ExnRef>>),
    /// A reference to a continuation, or null.
    ContRef(Option<ContRef>),
}

macro_rules! accessors {
    ($($what:literal $variant:ident $get:ident $unwrap:ident $ty:ty, $bind:ident => $read:expr;)*) => {$(
        #[doc = concat!("The ", $what, ", if this is one.")]
        #[inline]
        pub fn $get(&self) -> Option<$ty> {
            match self {
                Val::$variant($bind) => Some($read),
                _ => None,
            }
        }

        #[doc = concat!("The ", $what, ".")]
        ///
        /// # Panics
        ///
        /// If this is another kind of value.
        #[inline]
        #[track_caller]
        pub fn $unwrap(&self) -> $ty {
            self.$get().expect(concat!("expected ", stringify!($ty)))
        }
    )*};
}

impl Val {
    /// The null reference of a heap type's hierarchy.
    #[inline]
    pub fn null_ref(heap_type: &HeapType) -> Val {
        match heap_type.top() {
            HeapType::Cont => Val::ContRef(None),
            top => Ref::null(&top).into(),
        }
    }

    /// The null function reference.
    #[inline]
    pub const fn null_func_ref() -> Val {
        Val::FuncRef(None)
    }

    /// The null host reference.
    #[inline]
    pub const fn null_extern_ref() -> Val {
        Val::ExternRef(None)
    }

    /// The null reference of the `any` hierarchy.
    #[inline]
    pub const fn null_any_ref() -> Val {
        Val::AnyRef(None)
    }

    /// What a variable of this type holds before it is written: zero or null. `None` for references that are never
    /// null.
    pub fn default_for_ty(ty: &ValType) -> Option<Val> {
        match ty {
            ValType::I32 => Some(Val::I32(0)),
            ValType::I64 => Some(Val::I64(0)),
            ValType::F32 => Some(Val::F32(0)),
            ValType::F64 => Some(Val::F64(0)),
            ValType::V128 => Some(Val::V128(V128::from(0))),
            ValType::Ref(r) if r.is_nullable() => Some(Val::null_ref(r.heap_type())),
            ValType::Ref(_) => None,
        }
    }

    /// The most specific type of the value.
    ///
    /// # Errors
    ///
    /// The value is of another store, or its root has fallen, or it is a continuation.
    pub fn ty(&self, store: impl AsContext) -> Result<ValType> {
        self.ty_in(store.as_context().0.core())
    }

    fn ty_in(&self, core: &StoreCore) -> Result<ValType> {
        Ok(match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::ContRef(None) => ValType::NULLCONTREF,
            Val::ContRef(Some(never)) => match *never {},
            other => match other.ref_() {
                Some(reference) => ValType::Ref(reference.ty_in(core)?),
                None => bail!("values of this kind have no type yet: {other:?}"),
            },
        })
    }

    /// Whether the value is of this type.
    ///
    /// # Errors
    ///
    /// The value is of another store, or the type of another engine.
    pub fn matches_ty(&self, store: impl AsContext, ty: &ValType) -> Result<bool> {
        self.matches_ty_in(store.as_context().0.core(), ty)
    }

    fn matches_ty_in(&self, core: &StoreCore, ty: &ValType) -> Result<bool> {
        if !self.comes_from(core) {
            bail!("value used with wrong store");
        }
        if !ty.comes_from_same_engine(&core.engine) {
            bail!("type used with wrong engine");
        }
        Ok(match (self, ty) {
            (Val::I32(_), ValType::I32)
            | (Val::I64(_), ValType::I64)
            | (Val::F32(_), ValType::F32)
            | (Val::F64(_), ValType::F64)
            | (Val::V128(_), ValType::V128) => true,
            (Val::ContRef(None), ValType::Ref(ty)) => {
                ty.is_nullable() && matches!(ty.heap_type().top(), HeapType::Cont)
            }
            (value, ValType::Ref(ty)) => match value.ref_() {
                Some(reference) => reference.matches_ty_in(core, ty)?,
                None => false,
            },
            _ => false,
        })
    }

    /// Checks that the value can be stored where `ty` is expected.
    ///
    /// # Errors
    ///
    /// It is of another store or another type; the type is of another engine.
    pub(crate) fn ensure_matches_ty(&self, core: &StoreCore, ty: &ValType) -> Result<()> {
        if self.matches_ty_in(core, ty)? {
            return Ok(());
        }
        let actual = self.ty_in(core)?;
        bail!("type mismatch: expected {ty}, found {actual}")
    }

    /// Whether the value may be used with this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.ref_().is_none_or(|r| r.comes_from(core))
    }

    /// The value as raw calls take it. A host reference stays good only as long as its root, or a guest that it was
    /// given to, keeps the value alive.
    ///
    /// # Errors
    ///
    /// A reference's root has fallen, or it is of another store.
    pub fn to_raw(&self, mut store: impl AsContextMut) -> Result<ValRaw> {
        self.to_raw_in(store.as_context_mut().0.core())
    }

    /// As [`Val::to_raw`].
    pub(crate) fn to_raw_in(self, core: &StoreCore) -> Result<ValRaw> {
        Ok(match self {
            Val::I32(v) => ValRaw::i32(v),
            Val::I64(v) => ValRaw::i64(v),
            Val::F32(bits) => ValRaw::f32(bits),
            Val::F64(bits) => ValRaw::f64(bits),
            Val::V128(v) => ValRaw::v128(v.as_u128()),
            Val::FuncRef(None) => ValRaw::funcref(ptr::null_mut()),
            Val::FuncRef(Some(func)) => {
                if !func.comes_from(core) {
                    bail!("value used with wrong store");
                }
                ValRaw::funcref(func.func_ref(core).as_ptr().cast())
            }
            Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) | Val::ContRef(None) => {
                ValRaw::externref(0)
            }
            Val::ExternRef(Some(rooted)) => ValRaw::externref(rooted.to_handle(core)?),
            Val::AnyRef(Some(rooted)) => match *rooted {},
            Val::ExnRef(Some(rooted)) => match *rooted {},
            Val::ContRef(Some(never)) => match never {},
        })
    }

    /// The value in a raw slot. Host references are rooted in the current scope.
    ///
    /// # Panics
    ///
    /// The slot holds null although the type is never null, or the type is of a kind that is not implemented.
    ///
    /// # Safety
    ///
    /// The slot holds a value of type `ty`. If that is a function reference, it is null or was made in this store.
    pub unsafe fn from_raw(mut store: impl AsContextMut, raw: ValRaw, ty: ValType) -> Val {
        // SAFETY: the caller's.
        unsafe { Self::from_raw_in(store.as_context_mut().0.core_mut(), raw, &ty) }
    }

    /// As [`Val::from_raw`].
    ///
    /// # Safety
    ///
    /// As for [`Val::from_raw`].
    pub(crate) unsafe fn from_raw_in(core: &mut StoreCore, raw: ValRaw, ty: &ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(raw.get_i32()),
            ValType::I64 => Val::I64(raw.get_i64()),
            ValType::F32 => Val::F32(raw.get_f32()),
            ValType::F64 => Val::F64(raw.get_f64()),
            ValType::V128 => Val::V128(raw.get_v128().into()),
            ValType::Ref(ty) => {
                let reference = match ty.heap_type().top() {
                    HeapType::Func => {
                        let func_ref = NonNull::new(raw.get_funcref().cast::<VmFuncRef>());
                        // A null-checked address; whose reference it is, is the caller's promise.
                        Ref::Func(func_ref.map(|func_ref| Func::from_ref(core.id, func_ref)))
                    }
                    HeapType::Extern => Ref::Extern(Rooted::from_handle(core, raw.get_externref())),
                    other => {
                        assert!(
                            raw.get_externref() == 0 && ty.is_nullable(),
                            "references to the heap type `{other}` are not implemented yet"
                        );
                        return Val::null_ref(&other);
                    }
                };
                assert!(
                    ty.is_nullable() || !reference.is_null(),
                    "null found where {ty} is expected"
                );
                reference.into()
            }
        }
    }

    accessors! {
        "32-bit integer" I32 i32 unwrap_i32 i32, v => *v;
        "64-bit integer" I64 i64 unwrap_i64 i64, v => *v;
        "32-bit float" F32 f32 unwrap_f32 f32, bits => f32::from_bits(*bits);
        "64-bit float" F64 f64 unwrap_f64 f64, bits => f64::from_bits(*bits);
        "vector" V128 v128 unwrap_v128 V128, v => *v;
        "function reference, `Some(None)` being null" FuncRef func_ref unwrap_func_ref Option<&Func>, r => r.as_ref();
        "host reference, `Some(None)` being null" ExternRef extern_ref unwrap_extern_ref
            Option<&Rooted<ExternRef>>, r => r.as_ref();
        "reference of the `any` hierarchy, `Some(None)` being null" AnyRef any_ref unwrap_any_ref
            Option<&Rooted<AnyRef>>, r => r.as_ref();
        "function reference, `Some(None)` being null (as [`Val::func_ref`])" FuncRef funcref unwrap_funcref
            Option<&Func>, r => r.as_ref();
        "host reference, `Some(None)` being null (as [`Val::extern_ref`])" ExternRef externref unwrap_externref
            Option<&Rooted<ExternRef>>, r => r.as_ref();
        "reference of the `any` hierarchy, `Some(None)` being null (as [`Val::any_ref`])" AnyRef anyref unwrap_anyref
            Option<&Rooted<AnyRef>>, r => r.as_ref();
        "exception reference, `Some(None)` being null" ExnRef exnref unwrap_exnref
            Option<&Rooted<ExnRef>>, r => r.as_ref();
    }

    /// The reference, if this is one. Continuations have no [`Ref`].
    #[inline]
    pub fn ref_(self) -> Option<Ref> {
        match self {
            Val::FuncRef(r) => Some(Ref::Func(r)),
            Val::ExternRef(r) => Some(Ref::Extern(r)),
            Val::AnyRef(r) => Some(Ref::Any(r)),
            Val::ExnRef(r) => Some(Ref::Exn(r)),
            Val::I32(_)
            | Val::I64(_)
            | Val::F32(_)
            | Val::F64(_)
            | Val::V128(_)
            | Val::ContRef(_) => None,
        }
    }
}

/// A reference, or null. Each variant is one of the hierarchies of heap types.
#[derive(Debug, Clone)]
pub enum Ref {
    /// To a function.
    Func(Option<Func>),
    /// To a value of the host.
    Extern(Option<Rooted<ExternRef>>),
    /// To a value of the guest's garbage-collected heap.
    Any(Option<Rooted<AnyRef>>),
    /// To an exception.
    Exn(Option<Rooted<ExnRef>>),
}

macro_rules! kinds {
    ($($what:literal $variant:ident $is:ident $as:ident $unwrap:ident $ty:ty;)*) => {$(
        #[doc = concat!("Whether this is a ", $what, " reference, null or not.")]
        #[inline]
        pub fn $is(&self) -> bool {
            matches!(self, Ref::$variant(_))
        }

        #[doc = concat!("The ", $what, " reference, if this is one; `Some(None)` is null.")]
        #[inline]
        pub fn $as(&self) -> Option<Option<&$ty>> {
            match self {
                Ref::$variant(r) => Some(r.as_ref()),
                _ => None,
            }
        }

        #[doc = concat!("The ", $what, " reference; `None` is null.")]
        ///
        /// # Panics
        ///
        /// If this is another kind of reference.
        #[inline]
        #[track_caller]
        pub fn $unwrap(&self) -> Option<&$ty> {
            self.$as()
                .expect(concat!("Ref::", stringify!($unwrap), " on a reference of another kind"))
        }
    )*};
}

impl Ref {
    /// The null reference of a heap type's hierarchy.
    ///
    /// # Panics
    ///
    /// For continuations, which have no [`Ref`] yet.
    #[inline]
    pub fn null(heap_type: &HeapType) -> Self {
        match heap_type.top() {
            HeapType::Func => Ref::Func(None),
            HeapType::Extern => Ref::Extern(None),
            HeapType::Any => Ref::Any(None),
            HeapType::Exn => Ref::Exn(None),
            other => panic!("references to the heap type `{other}` are not implemented yet"),
        }
    }

    /// Whether this is null.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(
            self,
            Ref::Func(None) | Ref::Extern(None) | Ref::Any(None) | Ref::Exn(None)
        )
    }

    /// Whether this refers to something.
    #[inline]
    pub fn is_non_null(&self) -> bool {
        !self.is_null()
    }

    kinds! {
        "function" Func is_func as_func unwrap_func Func;
        "host" Extern is_extern as_extern unwrap_extern Rooted<ExternRef>;
        "garbage-collected" Any is_any as_any unwrap_any Rooted<AnyRef>;
        "exception" Exn is_exn as_exn unwrap_exn Rooted<ExnRef>;
    }

    /// The most specific type of the reference.
    ///
    /// # Errors
    ///
    /// It is of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<RefType> {
        self.ty_in(store.as_context().0.core())
    }

    fn ty_in(&self, core: &StoreCore) -> Result<RefType> {
        if !self.comes_from(core) {
            bail!("reference used with wrong store");
        }
        let heap_type = match self {
            Ref::Func(None) => HeapType::NoFunc,
            Ref::Func(Some(func)) => HeapType::ConcreteFunc(type_of(func, core)),
            Ref::Extern(None) => HeapType::NoExtern,
            Ref::Extern(Some(_)) => HeapType::Extern,
            Ref::Any(None) => HeapType::None,
            Ref::Any(Some(rooted)) => match **rooted {},
            Ref::Exn(None) => HeapType::NoExn,
            Ref::Exn(Some(rooted)) => match **rooted {},
        };
        Ok(RefType::new(self.is_null(), heap_type))
    }

    /// Whether the reference is of this type.
    ///
    /// # Errors
    ///
    /// The reference is of another store, or the type of another engine.
    pub fn matches_ty(&self, store: impl AsContext, ty: &RefType) -> Result<bool> {
        self.matches_ty_in(store.as_context().0.core(), ty)
    }

    fn matches_ty_in(&self, core: &StoreCore, ty: &RefType) -> Result<bool> {
        if !self.comes_from(core) {
            bail!("reference used with wrong store");
        }
        if !ty.comes_from_same_engine(&core.engine) {
            bail!("type used with wrong engine");
        }
        if self.is_null() && !ty.is_nullable() {
            return Ok(false);
        }
        // Wanting the top of the hierarchy is the common case, and needs no look at the function.
        Ok(match (self, ty.heap_type()) {
            (Ref::Func(_), HeapType::Func) | (Ref::Extern(_), HeapType::Extern) => true,
            (_, wanted) => self.ty_in(core)?.heap_type().matches(wanted),
        })
    }

    /// Checks that the reference can be stored where `ty` is expected.
    ///
    /// # Errors
    ///
    /// It is of another store or another type; the type is of another engine.
    pub(crate) fn ensure_matches_ty(&self, core: &StoreCore, ty: &RefType) -> Result<()> {
        if self.matches_ty_in(core, ty)? {
            return Ok(());
        }
        let actual = self.ty_in(core)?;
        bail!("type mismatch: expected {ty}, found {actual}")
    }

    /// Whether the reference may be used with this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        match self {
            Ref::Func(Some(func)) => func.comes_from(core),
            Ref::Extern(Some(rooted)) => rooted.comes_from(core),
            Ref::Func(None) | Ref::Extern(None) | Ref::Any(_) | Ref::Exn(_) => true,
        }
    }

    /// The word that tables hold. The reference has been checked against the table's type.
    ///
    /// # Errors
    ///
    /// As for [`Val::to_raw`].
    pub(crate) fn to_word(&self, core: &StoreCore) -> Result<usize> {
        let raw = Val::from(self.clone()).to_raw_in(core)?;
        Ok(match self {
            Ref::Func(_) => raw.get_funcref().expose_provenance(),
            Ref::Extern(_) | Ref::Any(_) | Ref::Exn(_) => raw.get_externref() as usize,
        })
    }

    /// The reference in a table's word. Host references are rooted in the current scope.
    ///
    /// # Safety
    ///
    /// The word was read from a table of this store with elements of type `ty`.
    pub(crate) unsafe fn from_word(core: &mut StoreCore, word: usize, ty: &RefType) -> Ref {
        let raw = match ty.heap_type().top() {
            HeapType::Func => ValRaw::funcref(ptr::with_exposed_provenance_mut(word)),
            _ => ValRaw::externref(u32::try_from(word).unwrap_or(0)),
        };
        // SAFETY: the caller's.
        let value = unsafe { Val::from_raw_in(core, raw, &ValType::Ref(ty.clone())) };
        value
            .ref_()
            .expect("a value of a reference type is a reference")
    }
}

/// The public type of a function of this store.
fn type_of(func: &Func, core: &StoreCore) -> FuncType {
    FuncType::from_registered(&core.engine, func.registered_type(core))
}

macro_rules! from_numbers {
    ($($ty:ty, $v:ident => $make:expr;)*) => {$(
        impl From<$ty> for Val {
            #[inline]
            fn from($v: $ty) -> Val {
                $make
            }
        }
    )*};
}

from_numbers! {
    i32, v => Val::I32(v);
    i64, v => Val::I64(v);
    f32, v => Val::F32(v.to_bits());
    f64, v => Val::F64(v.to_bits());
    u128, v => Val::V128(v.into());
    V128, v => Val::V128(v);
}

impl From<Ref> for Val {
    #[inline]
    fn from(reference: Ref) -> Val {
        match reference {
            Ref::Func(r) => Val::FuncRef(r),
            Ref::Extern(r) => Val::ExternRef(r),
            Ref::Any(r) => Val::AnyRef(r),
            Ref::Exn(r) => Val::ExnRef(r),
        }
    }
}

macro_rules! from_references {
    ($($ty:ty => $variant:ident;)*) => {$(
        impl From<$ty> for Ref {
            #[inline]
            fn from(reference: $ty) -> Ref {
                Ref::$variant(Some(reference.into()))
            }
        }

        impl From<Option<$ty>> for Ref {
            #[inline]
            fn from(reference: Option<$ty>) -> Ref {
                Ref::$variant(reference.map(Into::into))
            }
        }

        impl From<$ty> for Val {
            #[inline]
            fn from(reference: $ty) -> Val {
                Ref::from(reference).into()
            }
        }

        impl From<Option<$ty>> for Val {
            #[inline]
            fn from(reference: Option<$ty>) -> Val {
                Ref::from(reference).into()
            }
        }
    )*};
}

from_references! {
    Func => Func;
    Rooted<ExternRef> => Extern;
    Rooted<AnyRef> => Any;
    Rooted<StructRef> => Any;
    Rooted<ArrayRef> => Any;
    Rooted<ExnRef> => Exn;
}
