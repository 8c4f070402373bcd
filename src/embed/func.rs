//! `Func`: a handle to any function of a store.

#![expect(unsafe_code, reason = "function references are pointers")]

use super::call;
use super::host::{Caller, HostFunc, IntoFunc};
use super::typed::{TypedFunc, WasmParams, WasmResults, WasmRet, WasmTyList};
use super::{AsContext, AsContextMut, FuncType, Val, ValType};
use crate::abi::{EnterFn, ValRaw, VmFuncRef};
use crate::engine::RegisteredType;
use crate::error::Context as _;
use crate::store::{StoreCore, StoreId};
use crate::{Result, bail, format_err};
use smallvec::SmallVec;
use std::ffi::c_void;
use std::future::Future;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

/// A function of a store: defined by a guest or by the host.
///
/// A handle: `Copy`, used with the store it comes from. Calls come in two forms: [`Func::call`] on the current stack,
/// and [`Func::call_async`] on a fiber, so that the guest can be suspended. [`Func::typed`] gives a faster, checked-once
/// form of both.
#[derive(Copy, Clone, Debug)]
pub struct Func {
    store: StoreId,
    func_ref: NonNull<VmFuncRef>,
}

// SAFETY: a handle is an id and an address; what is behind it is reached only through a borrow of its store.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

type Args = SmallVec<[ValRaw; 8]>;

impl Func {
    /// A handle to a reference of this store.
    pub(crate) fn from_ref(store: StoreId, func_ref: NonNull<VmFuncRef>) -> Func {
        Func { store, func_ref }
    }

    /// The reference.
    ///
    /// # Panics
    ///
    /// This is another store.
    #[inline]
    pub(crate) fn func_ref(&self, core: &StoreCore) -> NonNull<VmFuncRef> {
        assert!(self.comes_from(core), "object used with the wrong store");
        self.func_ref
    }

    /// Whether the function is of this store.
    #[inline]
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.store == core.id
    }

    /// The interned type.
    pub(crate) fn registered_type(&self, core: &StoreCore) -> RegisteredType {
        // SAFETY: `func_ref` checks the store.
        unsafe { core.func_type(self.func_ref(core)) }
            .expect("a function's type is registered as long as its store lives")
    }

    /// Its trampoline for host calls.
    pub(super) fn enter(&self, core: &StoreCore) -> Result<EnterFn> {
        let func = self.func_ref(core);
        // SAFETY: `func_ref` checks the store.
        unsafe { call::entry(core, func, &self.registered_type(core)) }
    }

    /// Makes a function of a closure over dynamically typed values.
    ///
    /// The closure fills `results` (preset to null or zero) with values of the declared types; anything else is an error
    /// of the call.
    ///
    /// # Panics
    ///
    /// Where [`Func::try_new`] fails.
    pub fn new<T: 'static>(
        store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Func::try_new(store, ty, func).expect("failed to make a host function")
    }

    /// As [`Func::new`].
    ///
    /// # Errors
    ///
    /// The type is of another engine, or its trampolines cannot be made.
    pub fn try_new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let store = store.as_context_mut();
        let host = HostFunc::new(store.engine(), ty, func)?;
        Arc::new(host).enter_store(store.0.core_mut())
    }

    /// Makes a function of a closure over raw slots: parameters in, results out, in place.
    ///
    /// # Safety
    ///
    /// The closure reads the slots as the declared parameters and writes each result slot with its declared type.
    pub unsafe fn new_unchecked<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let store = store.as_context_mut();
        HostFunc::new_unchecked(store.engine(), ty, func)
            .and_then(|host| Arc::new(host).enter_store(store.0.core_mut()))
            .expect("failed to make a host function")
    }

    /// Makes an asynchronous function over dynamically typed values: the guest is suspended while the future is pending.
    pub fn new_async<T, F>(mut store: impl AsContextMut<Data = T>, ty: FuncType, func: F) -> Func
    where
        F: for<'a> Fn(
                Caller<'a, T>,
                &'a [Val],
                &'a mut [Val],
            ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
            + Send
            + Sync
            + 'static,
        T: Send + 'static,
    {
        let store = store.as_context_mut();
        HostFunc::new_async(store.engine(), ty, func)
            .and_then(|host| Arc::new(host).enter_store(store.0.core_mut()))
            .expect("failed to make a host function")
    }

    /// Makes a function of a typed closure of up to 17 parameters, after an optional [`Caller`].
    ///
    /// # Panics
    ///
    /// Where [`Func::try_wrap`] fails.
    pub fn wrap<T, Params, Results>(
        store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func
    where
        T: 'static,
    {
        Func::try_wrap(store, func).expect("failed to make a host function")
    }

    /// As [`Func::wrap`].
    ///
    /// # Errors
    ///
    /// The function's trampolines cannot be made.
    pub fn try_wrap<T, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<Func>
    where
        T: 'static,
    {
        let store = store.as_context_mut();
        let host = HostFunc::wrap(store.engine(), func)?;
        Arc::new(host).enter_store(store.0.core_mut())
    }

    /// Makes an asynchronous function of a typed closure that takes a [`Caller`] and a tuple of parameters.
    ///
    /// From here on the store is entered by `*_async` functions only.
    pub fn wrap_async<T, F, P, R>(mut store: impl AsContextMut<Data = T>, func: F) -> Func
    where
        F: for<'a> Fn(Caller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a>
            + Send
            + Sync
            + 'static,
        P: WasmTyList,
        R: WasmRet,
        T: Send + 'static,
    {
        let store = store.as_context_mut();
        HostFunc::wrap_async(store.engine(), func)
            .and_then(|host| Arc::new(host).enter_store(store.0.core_mut()))
            .expect("failed to make a host function")
    }

    /// As [`Func::wrap_async`] without the box: the future lives on the guest's own stack. See
    /// [`Linker::func_wrap_async_unboxed`](crate::Linker::func_wrap_async_unboxed).
    pub fn wrap_async_unboxed<T, F, P, R>(mut store: impl AsContextMut<Data = T>, func: F) -> Func
    where
        F: for<'a> super::AsyncHostFn<'a, T, P, R> + Send + Sync + 'static,
        P: WasmTyList + Send + 'static,
        R: WasmRet + 'static,
        T: Send + 'static,
    {
        let store = store.as_context_mut();
        HostFunc::wrap_async_unboxed(store.engine(), func)
            .and_then(|host| Arc::new(host).enter_store(store.0.core_mut()))
            .expect("failed to make a host function")
    }

    /// Its type.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = store.as_context();
        FuncType::from_registered(store.engine(), self.registered_type(store.0.core()))
    }

    /// Whether its type is a subtype of this one.
    pub fn matches_ty(&self, store: impl AsContext, func_ty: &FuncType) -> bool {
        self.ty(store).matches(func_ty)
    }

    /// Calls it on the current stack and waits for its end.
    ///
    /// # Errors
    ///
    /// The wrong number or types of arguments or results; a store that must be entered by `*_async` functions; a call
    /// from inside an async context; the trap or error that ended the call.
    ///
    /// # Panics
    ///
    /// The function is of another store, or a host function panicked: that panic.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        core.validate_sync_call()?;
        let (ty, mut args) = self.prepare(core, params, results)?;
        self.finish(core, &ty, &mut args, params, results)
    }

    /// Calls it on a fiber. Dropping the future cancels the call: what the guest waits for is dropped, guest frames are
    /// unwound, destructors of host frames run.
    ///
    /// # Errors
    ///
    /// As for [`Func::call`], but for the async context; a fiber stack that cannot be had.
    ///
    /// # Panics
    ///
    /// As for [`Func::call`].
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let func = *self;
        let (ty, mut args) = func.prepare(store.0.core(), params, results)?;
        call::on_fiber(&mut store, |store| {
            func.finish(store.0.core_mut(), &ty, &mut args, params, results)
        })
        .await?
    }

    /// Checks arguments before anything runs.
    fn prepare(
        &self,
        core: &StoreCore,
        params: &[Val],
        results: &[Val],
    ) -> Result<(RegisteredType, Args)> {
        let ty = self.registered_type(core);
        let wasm = ty.ty();
        if wasm.params.len() != params.len() {
            bail!(
                "expected {} arguments, got {}",
                wasm.params.len(),
                params.len()
            );
        }
        if wasm.results.len() != results.len() {
            bail!(
                "expected {} results, got {}",
                wasm.results.len(),
                results.len()
            );
        }
        for (value, &expected) in params.iter().zip(&wasm.params) {
            if !value.comes_from(core) {
                return Err(
                    format_err!("cross-`Store` values are not currently supported")
                        .context("argument type mismatch"),
                );
            }
            value
                .ensure_matches_ty(core, &ValType::from_wasm(expected))
                .context("argument type mismatch")?;
        }
        Ok((ty, Args::new()))
    }

    fn finish(
        &self,
        core: &mut StoreCore,
        ty: &RegisteredType,
        args: &mut Args,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        for value in params {
            let raw = value.to_raw_in(core)?;
            args.push(raw);
        }
        args.resize(params.len().max(results.len()).max(1), ValRaw::i32(0));
        let func = self.func_ref(core);
        // SAFETY: `func_ref` checks the store.
        let enter = unsafe { call::entry(core, func, ty) }?;
        // SAFETY: checked against the function's own type in `prepare`; the slots are as many as it needs.
        unsafe { call::call_raw(core, func, enter, args.as_mut_ptr()) }?;
        for ((slot, result), &expected) in args.iter().zip(results).zip(&ty.ty().results) {
            // SAFETY: the function wrote a value of this type.
            *result = unsafe { Val::from_raw_in(core, *slot, &ValType::from_wasm(expected)) };
        }
        Ok(())
    }

    /// Calls it with raw slots: parameters in, results out, in place.
    ///
    /// # Errors
    ///
    /// As for [`Func::call`].
    ///
    /// # Safety
    ///
    /// The slice has a slot for each parameter and result, whichever are more, and holds parameters of the function's
    /// types and of this store.
    pub unsafe fn call_unchecked(
        &self,
        mut store: impl AsContextMut,
        params_and_returns: *mut [ValRaw],
    ) -> Result<()> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        core.validate_sync_call()?;
        let enter = self.enter(core)?;
        let func = self.func_ref(core);
        // SAFETY: the caller's.
        unsafe { call::call_raw(core, func, enter, params_and_returns.cast()) }
    }

    /// The function behind a raw reference; `None` for null.
    ///
    /// # Safety
    ///
    /// The reference comes from [`Func::to_raw`] or a [`ValRaw`] of this store.
    pub unsafe fn from_raw(mut store: impl AsContextMut, raw: *mut c_void) -> Option<Func> {
        let store = store.as_context_mut();
        Some(Func::from_ref(
            store.0.core().id,
            NonNull::new(raw.cast::<VmFuncRef>())?,
        ))
    }

    /// As a raw reference, good as long as the store lives.
    pub fn to_raw(&self, mut store: impl AsContextMut) -> *mut c_void {
        let store = store.as_context_mut();
        self.func_ref(store.0.core()).as_ptr().cast()
    }

    /// Checks its type once, for calls with static types.
    ///
    /// # Errors
    ///
    /// The types differ; the message says where.
    pub fn typed<Params, Results>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>>
    where
        Params: WasmParams,
        Results: WasmResults,
    {
        let store = store.as_context();
        let ty = self.ty(&store);
        Params::typecheck(ty.params(), false).context("type mismatch with parameters")?;
        Results::typecheck(ty.results(), true).context("type mismatch with results")?;
        // SAFETY: checked on the lines above.
        unsafe { TypedFunc::checked(store.0.core(), *self) }
    }
}
