//! Static types at the border: `WasmTy` and its lists, and `TypedFunc`.

#![expect(unsafe_code, reason = "slots are read as the types that were checked")]

use super::call;
use super::func::Func;
use super::{
    AsContext, AsContextMut, ExternRef, HeapType, NoExtern, NoFunc, OwnedRooted, RefType, Rooted,
    ValType,
};
use crate::abi::{EnterFn, V128, ValRaw, VmFuncRef};
use crate::store::StoreCore;
use crate::{Error, Result, bail};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// A function whose type has been checked: calls pass values without looking at types again.
///
/// Made by [`Func::typed`] or [`Instance::get_typed_func`](crate::Instance::get_typed_func).
pub struct TypedFunc<Params, Results> {
    func: Func,
    enter: EnterFn,
    types: PhantomData<fn(Params) -> Results>,
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        TypedFunc {
            func: self.func,
            enter: self.enter,
            types: PhantomData,
        }
    }
}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

/// Slots for parameters, and for results in the same place.
#[derive(Copy, Clone)]
union Slots<P: Copy, R: Copy> {
    #[expect(dead_code, reason = "only its size matters")]
    params: P,
    #[expect(dead_code, reason = "only its size matters")]
    results: R,
    raw: [ValRaw; 0],
}

impl<Params, Results> TypedFunc<Params, Results>
where
    Params: WasmParams,
    Results: WasmResults,
{
    /// Takes the types on trust.
    ///
    /// # Safety
    ///
    /// The function has these types.
    ///
    /// # Panics
    ///
    /// The function is of another store.
    pub unsafe fn new_unchecked(store: impl AsContext, func: Func) -> TypedFunc<Params, Results> {
        // SAFETY: the caller's.
        unsafe { TypedFunc::checked(store.as_context().0.core(), func) }
            .expect("failed to make the trampolines of a function type")
    }

    /// # Safety
    ///
    /// As for [`TypedFunc::new_unchecked`].
    pub(super) unsafe fn checked(core: &StoreCore, func: Func) -> Result<Self> {
        Ok(TypedFunc {
            func,
            enter: func.enter(core)?,
            types: PhantomData,
        })
    }

    /// The function.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls it on the current stack: see [`Func::call`].
    ///
    /// # Errors
    ///
    /// As for [`Func::call`].
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        core.validate_sync_call()?;
        self.enter(core, params)
    }

    /// Calls it on a fiber: see [`Func::call_async`].
    ///
    /// # Errors
    ///
    /// As for [`Func::call_async`].
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: Params,
    ) -> Result<Results>
    where
        Params: Sync,
        Results: Sync,
    {
        let mut store = store.as_context_mut();
        call::on_fiber(&mut store, move |store| {
            self.enter(store.0.core_mut(), params)
        })
        .await?
    }

    #[inline(always)]
    fn enter(&self, core: &mut StoreCore, params: Params) -> Result<Results> {
        let mut slots = Slots::<Params::Slots, Results::Slots> { raw: [] };
        let raw = (&raw mut slots).cast::<ValRaw>();
        let func = self.func.func_ref(core);
        // SAFETY: the union has room for all parameters and all results; the types were checked when `self` was made.
        unsafe {
            params.store(core, raw)?;
            call::call_raw(core, func, self.enter, raw)?;
            Ok(Results::load(core, raw))
        }
    }
}

/// A Rust type that stands for a wasm value type.
///
/// | Rust | wasm |
/// |---|---|
/// | `i32`, `u32` | `i32` |
/// | `i64`, `u64` | `i64` |
/// | `f32`, `f64` | `f32`, `f64` |
/// | [`V128`] | `v128` |
/// | `Option<Func>`, `Func` | `funcref`, `(ref func)` |
/// | `Option<Rooted<ExternRef>>`, `Rooted<ExternRef>` and the same with `OwnedRooted` | `externref`, `(ref extern)` |
///
/// # Safety
///
/// Implemented by this crate alone: `load` and `store` are what machine code relies on.
pub unsafe trait WasmTy: Send {
    #[doc(hidden)]
    fn valtype() -> ValType;

    #[doc(hidden)]
    #[inline]
    fn comes_from(&self, _core: &StoreCore) -> bool {
        true
    }

    #[doc(hidden)]
    fn store(self, core: &mut StoreCore, slot: &mut ValRaw) -> Result<()>;

    /// # Safety
    ///
    /// The slot holds a value of this type and of this store.
    #[doc(hidden)]
    unsafe fn load(core: &mut StoreCore, slot: &ValRaw) -> Self;
}

macro_rules! numbers {
    ($($ty:ty: $val:ident, $make:ident, $get:ident, |$v:ident| $to:expr, |$r:ident| $from:expr;)*) => {$(
        // SAFETY: the slot's field is the one that trampolines use for this type.
        unsafe impl WasmTy for $ty {
            #[inline]
            fn valtype() -> ValType {
                ValType::$val
            }

            #[inline]
            fn store(self, _: &mut StoreCore, slot: &mut ValRaw) -> Result<()> {
                let $v = self;
                *slot = ValRaw::$make($to);
                Ok(())
            }

            #[inline]
            unsafe fn load(_: &mut StoreCore, slot: &ValRaw) -> Self {
                let $r = slot.$get();
                $from
            }
        }
    )*};
}

numbers! {
    i32: I32, i32, get_i32, |v| v, |r| r;
    u32: I32, i32, get_i32, |v| v.cast_signed(), |r| r.cast_unsigned();
    i64: I64, i64, get_i64, |v| v, |r| r;
    u64: I64, i64, get_i64, |v| v.cast_signed(), |r| r.cast_unsigned();
    f32: F32, f32, get_f32, |v| v.to_bits(), |r| f32::from_bits(r);
    f64: F64, f64, get_f64, |v| v.to_bits(), |r| f64::from_bits(r);
    V128: V128, v128, get_v128, |v| v.as_u128(), |r| V128::from(r);
}

// SAFETY: a function reference is a pointer in the slot.
unsafe impl WasmTy for Func {
    fn valtype() -> ValType {
        ValType::Ref(RefType::new(false, HeapType::Func))
    }

    fn comes_from(&self, core: &StoreCore) -> bool {
        Func::comes_from(self, core)
    }

    fn store(self, core: &mut StoreCore, slot: &mut ValRaw) -> Result<()> {
        *slot = ValRaw::funcref(self.func_ref(core).as_ptr().cast());
        Ok(())
    }

    unsafe fn load(core: &mut StoreCore, slot: &ValRaw) -> Self {
        // SAFETY: the caller's.
        unsafe { <Option<Func> as WasmTy>::load(core, slot) }.expect("the type is not nullable")
    }
}

// SAFETY: a function reference is a pointer in the slot, null is null.
unsafe impl WasmTy for Option<Func> {
    fn valtype() -> ValType {
        ValType::FUNCREF
    }

    fn comes_from(&self, core: &StoreCore) -> bool {
        self.is_none_or(|func| func.comes_from(core))
    }

    fn store(self, core: &mut StoreCore, slot: &mut ValRaw) -> Result<()> {
        let func = self.map_or(ptr::null_mut(), |func| func.func_ref(core).as_ptr());
        *slot = ValRaw::funcref(func.cast());
        Ok(())
    }

    unsafe fn load(core: &mut StoreCore, slot: &ValRaw) -> Self {
        let func = NonNull::new(slot.get_funcref().cast::<VmFuncRef>())?;
        Some(Func::from_ref(core.id, func))
    }
}

macro_rules! bottoms {
    ($($name:ident)*) => {$(
        // SAFETY: there is no value to load or store.
        unsafe impl WasmTy for $name {
            fn valtype() -> ValType {
                ValType::Ref(RefType::new(false, HeapType::$name))
            }

            fn store(self, _: &mut StoreCore, _: &mut ValRaw) -> Result<()> {
                self.absurd()
            }

            unsafe fn load(_: &mut StoreCore, _: &ValRaw) -> Self {
                unreachable!("a type without values was returned")
            }
        }

        // SAFETY: the only value is null, which is zero in every representation.
        unsafe impl WasmTy for Option<$name> {
            fn valtype() -> ValType {
                ValType::Ref(RefType::new(true, HeapType::$name))
            }

            fn store(self, _: &mut StoreCore, slot: &mut ValRaw) -> Result<()> {
                *slot = ValRaw::i64(0);
                Ok(())
            }

            unsafe fn load(_: &mut StoreCore, _: &ValRaw) -> Self {
                None
            }
        }
    )*};
}

bottoms!(NoFunc NoExtern);

macro_rules! extern_refs {
    ($($root:ident)*) => {$(
        // SAFETY: a host value is its handle in the slot.
        unsafe impl WasmTy for $root<ExternRef> {
            fn valtype() -> ValType {
                ValType::Ref(RefType::new(false, HeapType::Extern))
            }

            fn comes_from(&self, core: &StoreCore) -> bool {
                $root::comes_from(self, core)
            }

            fn store(self, core: &mut StoreCore, slot: &mut ValRaw) -> Result<()> {
                *slot = ValRaw::externref(self.to_handle(core)?);
                Ok(())
            }

            unsafe fn load(core: &mut StoreCore, slot: &ValRaw) -> Self {
                $root::from_handle(core, slot.get_externref()).expect("the type is not nullable")
            }
        }

        // SAFETY: a host value is its handle in the slot, null is zero.
        unsafe impl WasmTy for Option<$root<ExternRef>> {
            fn valtype() -> ValType {
                ValType::EXTERNREF
            }

            fn comes_from(&self, core: &StoreCore) -> bool {
                self.as_ref().is_none_or(|root| root.comes_from(core))
            }

            fn store(self, core: &mut StoreCore, slot: &mut ValRaw) -> Result<()> {
                let handle = match self {
                    Some(root) => root.to_handle(core)?,
                    None => 0,
                };
                *slot = ValRaw::externref(handle);
                Ok(())
            }

            unsafe fn load(core: &mut StoreCore, slot: &ValRaw) -> Self {
                $root::from_handle(core, slot.get_externref())
            }
        }
    )*};
}

extern_refs!(Rooted OwnedRooted);

/// Checks one position of a signature: parameters flow in, results flow out.
fn check_position(ours: &ValType, theirs: &ValType, result: bool) -> Result<()> {
    let fits = if result {
        theirs.matches(ours)
    } else {
        ours.matches(theirs)
    };
    if !fits {
        bail!("type mismatch: expected {theirs}, found {ours}");
    }
    Ok(())
}

/// Parameters of a [`TypedFunc`]: a [`WasmTy`], or a tuple of them.
///
/// # Safety
///
/// Implemented by this crate alone.
pub unsafe trait WasmParams: Send {
    #[doc(hidden)]
    type Slots: Copy;

    #[doc(hidden)]
    fn typecheck(types: impl ExactSizeIterator<Item = ValType>, result: bool) -> Result<()>;

    /// # Safety
    ///
    /// There is a slot for each value.
    #[doc(hidden)]
    unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()>;
}

/// Results of a [`TypedFunc`]: a [`WasmTy`], or a tuple of them.
///
/// # Safety
///
/// Implemented by this crate alone.
pub unsafe trait WasmResults: WasmParams {
    /// # Safety
    ///
    /// The slots hold values of these types and of this store.
    #[doc(hidden)]
    unsafe fn load(core: &mut StoreCore, slots: *const ValRaw) -> Self;
}

/// A tuple of [`WasmTy`]: the parameters of an asynchronous host function.
///
/// # Safety
///
/// Implemented by this crate alone.
pub unsafe trait WasmTyList {
    /// The value types, in order.
    fn valtypes() -> impl Iterator<Item = ValType>;

    /// # Safety
    ///
    /// The slots hold values of these types and of this store.
    #[doc(hidden)]
    unsafe fn load(core: &mut StoreCore, slots: *const ValRaw) -> Self;
}

/// What a host function returns: a [`WasmTy`], a tuple of them, or a [`Result`] of either. An error ends the guest.
///
/// # Safety
///
/// Implemented by this crate alone.
pub unsafe trait WasmRet {
    #[doc(hidden)]
    fn valtypes() -> impl Iterator<Item = ValType>;

    #[doc(hidden)]
    fn comes_from(&self, core: &StoreCore) -> bool;

    /// # Safety
    ///
    /// There is a slot for each value.
    #[doc(hidden)]
    unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()>;
}

// SAFETY: one slot for one value.
unsafe impl<T: WasmTy> WasmParams for T {
    type Slots = [ValRaw; 1];

    fn typecheck(types: impl ExactSizeIterator<Item = ValType>, result: bool) -> Result<()> {
        <(T,) as WasmParams>::typecheck(types, result)
    }

    #[inline]
    unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { <(T,) as WasmParams>::store((self,), core, slots) }
    }
}

// SAFETY: one slot for one value.
unsafe impl<T: WasmTy> WasmResults for T {
    #[inline]
    unsafe fn load(core: &mut StoreCore, slots: *const ValRaw) -> Self {
        // SAFETY: the caller's.
        unsafe { <T as WasmTy>::load(core, &*slots) }
    }
}

// SAFETY: one slot for one value.
unsafe impl<T: WasmTy> WasmRet for T {
    fn valtypes() -> impl Iterator<Item = ValType> {
        std::iter::once(T::valtype())
    }

    #[inline]
    fn comes_from(&self, core: &StoreCore) -> bool {
        WasmTy::comes_from(self, core)
    }

    #[inline]
    unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()> {
        // SAFETY: the caller's.
        <T as WasmTy>::store(self, core, unsafe { &mut *slots })
    }
}

// SAFETY: the inner type's.
unsafe impl<T: WasmRet> WasmRet for Result<T, Error> {
    fn valtypes() -> impl Iterator<Item = ValType> {
        T::valtypes()
    }

    #[inline]
    fn comes_from(&self, core: &StoreCore) -> bool {
        self.as_ref().map_or(true, |value| value.comes_from(core))
    }

    #[inline]
    unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()> {
        // SAFETY: the caller's.
        self.and_then(|value| unsafe { value.store(core, slots) })
    }
}

macro_rules! tuples {
    ($($n:literal: $($t:ident)*;)*) => {$(
        #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, reason = "made by a macro, down to the empty tuple")]
        // SAFETY: one slot for each value, in order.
        unsafe impl<$($t: WasmTy),*> WasmParams for ($($t,)*) {
            type Slots = [ValRaw; $n];

            fn typecheck(mut types: impl ExactSizeIterator<Item = ValType>, result: bool) -> Result<()> {
                let found = types.len();
                if found != $n {
                    bail!("expected {} types, found {}", $n, found);
                }
                $(
                    if let Some(ty) = types.next() {
                        check_position(&$t::valtype(), &ty, result)?;
                    }
                )*
                Ok(())
            }

            #[inline]
            unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()> {
                let ($($t,)*) = self;
                let mut next = slots;
                $(
                    if !$t.comes_from(core) {
                        bail!("attempt to pass cross-`Store` value to Wasm as function argument");
                    }
                    // SAFETY: the caller's: a slot for each value.
                    let slot = unsafe {
                        let slot = &mut *next;
                        next = next.add(1);
                        slot
                    };
                    WasmTy::store($t, core, slot)?;
                )*
                Ok(())
            }
        }

        #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, clippy::unused_unit, reason = "made by a macro, down to the empty tuple")]
        // SAFETY: one slot for each value, in order.
        unsafe impl<$($t: WasmTy),*> WasmResults for ($($t,)*) {
            #[inline]
            unsafe fn load(core: &mut StoreCore, slots: *const ValRaw) -> Self {
                // SAFETY: the caller's.
                unsafe { <Self as WasmTyList>::load(core, slots) }
            }
        }

        #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, clippy::unused_unit, reason = "made by a macro, down to the empty tuple")]
        // SAFETY: one slot for each value, in order.
        unsafe impl<$($t: WasmTy),*> WasmTyList for ($($t,)*) {
            fn valtypes() -> impl Iterator<Item = ValType> {
                let types: [ValType; $n] = [$($t::valtype()),*];
                types.into_iter()
            }

            #[inline]
            unsafe fn load(core: &mut StoreCore, slots: *const ValRaw) -> Self {
                let mut next = slots;
                $(
                    // SAFETY: the caller's: a slot for each value, of its type.
                    let $t = unsafe {
                        let value = <$t as WasmTy>::load(core, &*next);
                        next = next.add(1);
                        value
                    };
                )*
                ($($t,)*)
            }
        }

        #[allow(non_snake_case, unused_mut, unused_variables, reason = "made by a macro, down to the empty tuple")]
        // SAFETY: one slot for each value, in order.
        unsafe impl<$($t: WasmTy),*> WasmRet for ($($t,)*) {
            fn valtypes() -> impl Iterator<Item = ValType> {
                <Self as WasmTyList>::valtypes()
            }

            #[inline]
            fn comes_from(&self, core: &StoreCore) -> bool {
                let ($($t,)*) = self;
                true $(&& $t.comes_from(core))*
            }

            #[inline]
            unsafe fn store(self, core: &mut StoreCore, slots: *mut ValRaw) -> Result<()> {
                // SAFETY: the caller's.
                unsafe { WasmParams::store(self, core, slots) }
            }
        }
    )*};
}

tuples! {
    0: ;
    1: A1;
    2: A1 A2;
    3: A1 A2 A3;
    4: A1 A2 A3 A4;
    5: A1 A2 A3 A4 A5;
    6: A1 A2 A3 A4 A5 A6;
    7: A1 A2 A3 A4 A5 A6 A7;
    8: A1 A2 A3 A4 A5 A6 A7 A8;
    9: A1 A2 A3 A4 A5 A6 A7 A8 A9;
    10: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10;
    11: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11;
    12: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12;
    13: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13;
    14: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14;
    15: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15;
    16: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16;
    17: A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16 A17;
}
