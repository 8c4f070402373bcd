//! Host functions: closures behind an `exit` trampoline.
//!
//! A [`HostFunc`] belongs to an engine, not to a store: its shim finds the store through its caller, so that a linker
//! defines it once for all stores. What a shim may do on a fiber is in `exec`'s promise of `Send`.

#![expect(unsafe_code, reason = "shims are called by machine code")]

use super::store::StoreInner;
use super::typed::{WasmRet, WasmTy, WasmTyList};
use super::{
    AsContext, AsContextMut, Extern, Func, FuncType, Instance, ModuleExport, StoreContext,
    StoreContextMut, Val, ValType,
};
use crate::abi::{HostShim, MAGIC_HOST, ValRaw, VmContext, VmFuncRef, VmHostFunc};
use crate::engine::{Engine, RegisteredType};
use crate::error::Context as _;
use crate::exec::{self, ExecCore, Raised};
use crate::store::{CallHook, InstanceId, StoreCore};
use crate::{Result, bail};
use smallvec::SmallVec;
use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// A host function, ready to be imported by any store of its engine whose data is the `T` it was made for.
pub(crate) struct HostFunc {
    /// Written once after it was made: the code, when the first store takes it.
    vm: Box<UnsafeCell<VmHostFunc>>,
    ty: RegisteredType,
    engine: Engine,
    /// The closure that `vm.data` points to.
    _closure: Box<dyn Closure>,
    is_async: bool,
}

/// Anything, as long as it may be dropped and called from any thread.
trait Closure: Send + Sync {}
impl<F: Send + Sync> Closure for F {}

#[expect(
    clippy::non_send_fields_in_send_ty,
    reason = "raw pointers into what it owns"
)]
// SAFETY: the structure that machine code sees points into boxes that `self` owns; all but its code never changes, and the
// code changes once, atomically, before any machine code reads it (`StoreCore::adopt`). The closure is `Send + Sync`.
unsafe impl Send for HostFunc {}
// SAFETY: as above.
unsafe impl Sync for HostFunc {}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFunc")
            .field("ty", &self.ty.ty())
            .field("is_async", &self.is_async)
            .finish_non_exhaustive()
    }
}

impl HostFunc {
    /// Binds a closure to its shim.
    fn make<F: Send + Sync + 'static>(
        engine: &Engine,
        ty: &FuncType,
        shim: HostShim,
        closure: F,
        is_async: bool,
    ) -> Result<HostFunc> {
        if !ty.comes_from_same_engine(engine) {
            bail!("cross-`Engine` function types are not supported");
        }
        let ty = ty.register()?;
        let closure = Box::new(closure);
        let data = ptr::from_ref::<F>(&closure).cast();
        let vm = Box::new(UnsafeCell::new(VmHostFunc {
            magic: MAGIC_HOST,
            shim,
            data,
            func_ref: VmFuncRef {
                code: ptr::null(),
                vmctx: ptr::null_mut(),
                type_id: ty.id() as usize,
            },
        }));
        // SAFETY: nobody else knows of it yet.
        unsafe { (*vm.get()).func_ref.vmctx = vm.get().cast() };
        Ok(HostFunc {
            vm,
            ty,
            engine: engine.clone(),
            _closure: closure,
            is_async,
        })
    }

    /// Its type.
    pub(crate) fn ty(&self) -> &RegisteredType {
        &self.ty
    }

    /// The reference under which it is imported.
    pub(crate) fn func_ref(&self) -> NonNull<VmFuncRef> {
        // SAFETY: inside the box, so not null.
        unsafe { NonNull::new_unchecked(&raw mut (*self.vm.get()).func_ref) }
    }

    /// Puts it into a store of its engine.
    ///
    /// # Errors
    ///
    /// There is no memory for the type's trampolines.
    pub(crate) fn enter_store(self: &Arc<Self>, core: &mut StoreCore) -> Result<Func> {
        // SAFETY: the reference lives in `self` and has its type; only stores write its code.
        unsafe { core.adopt(self, self.func_ref(), &self.ty) }?;
        core.async_required |= self.is_async;
        Ok(Func::from_ref(core.id, self.func_ref()))
    }

    /// Its engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn wrap<T: 'static, P, R>(
        engine: &Engine,
        func: impl IntoFunc<T, P, R>,
    ) -> Result<HostFunc> {
        func.into_func(engine)
    }

    fn typed<T, F, P, R>(engine: &Engine, func: F) -> Result<HostFunc>
    where
        F: Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static,
        P: WasmTyList,
        R: WasmRet,
        T: 'static,
    {
        let ty = FuncType::new(engine, P::valtypes(), R::valtypes());
        HostFunc::make(engine, &ty, shim_typed::<T, F, P, R>, func, false)
    }

    pub(crate) fn wrap_async<T, F, P, R>(engine: &Engine, func: F) -> Result<HostFunc>
    where
        F: for<'a> Fn(Caller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a>
            + Send
            + Sync
            + 'static,
        P: WasmTyList,
        R: WasmRet,
        T: Send + 'static,
    {
        let ty = FuncType::new(engine, P::valtypes(), R::valtypes());
        HostFunc::make(engine, &ty, shim_async::<T, F, P, R>, func, true)
    }

    pub(crate) fn wrap_async_unboxed<T, F, P, R>(engine: &Engine, func: F) -> Result<HostFunc>
    where
        F: for<'a> AsyncHostFn<'a, T, P, R> + Send + Sync + 'static,
        P: WasmTyList + Send + 'static,
        R: WasmRet + 'static,
        T: Send + 'static,
    {
        let ty = FuncType::new(engine, P::valtypes(), R::valtypes());
        HostFunc::make(engine, &ty, shim_async_unboxed::<T, F, P, R>, func, true)
    }

    pub(crate) fn new<T: 'static>(
        engine: &Engine,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<HostFunc> {
        let shared = ty.clone();
        let raw = move |mut caller: Caller<'_, T>, slots: *mut ValRaw| {
            let (params, mut results) = load_dynamic(caller.core(), &shared, slots)?;
            func(caller.reborrow(), &params, &mut results)?;
            store_dynamic(caller.core(), &shared, &results, slots)
        };
        HostFunc::raw(engine, &ty, raw)
    }

    pub(crate) fn new_async<T, F>(engine: &Engine, ty: FuncType, func: F) -> Result<HostFunc>
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
        let shared = ty.clone();
        let raw = move |mut caller: Caller<'_, T>, slots: *mut ValRaw| {
            let (params, mut results) = load_dynamic(caller.core(), &shared, slots)?;
            {
                let exec = caller.core().exec_ptr();
                let future =
                    Foreign::make(|| Pin::from(func(caller.reborrow(), &params, &mut results)));
                // SAFETY: as in `shim_async`.
                unsafe { exec::block_on(exec, pin!(future).pinned()) }??;
            }
            store_dynamic(caller.core(), &shared, &results, slots)
        };
        let mut host = HostFunc::raw(engine, &ty, raw)?;
        host.is_async = true;
        Ok(host)
    }

    pub(crate) fn new_unchecked<T: 'static>(
        engine: &Engine,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [MaybeUninit<ValRaw>]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<HostFunc> {
        let slots = ty.params().len().max(ty.results().len());
        let raw = move |caller: Caller<'_, T>, args: *mut ValRaw| {
            if slots == 0 {
                return func(caller, &mut []);
            }
            // SAFETY: trampolines pass a slot for every parameter and result.
            let args = unsafe { std::slice::from_raw_parts_mut(args.cast(), slots) };
            func(caller, args)
        };
        HostFunc::raw(engine, &ty, raw)
    }

    fn raw<T, F>(engine: &Engine, ty: &FuncType, func: F) -> Result<HostFunc>
    where
        F: Fn(Caller<'_, T>, *mut ValRaw) -> Result<()> + Send + Sync + 'static,
        T: 'static,
    {
        HostFunc::make(engine, ty, shim_raw::<T, F>, func, false)
    }
}

type Values = SmallVec<[Val; 4]>;

/// Reads dynamically typed parameters, and presets results.
fn load_dynamic(
    core: &mut StoreCore,
    ty: &FuncType,
    slots: *mut ValRaw,
) -> Result<(Values, Values)> {
    let wasm = ty.to_wasm()?;
    let mut params = Values::new();
    for (i, &param) in wasm.params.iter().enumerate() {
        // SAFETY: trampolines pass a slot for every parameter, of its type and this store.
        params.push(unsafe { Val::from_raw_in(core, *slots.add(i), &ValType::from_wasm(param)) });
    }
    // What cannot be preset is preset to null and refused afterwards if it was left so.
    let results = ty
        .results()
        .map(|ty| Val::default_for_ty(&ty).unwrap_or(Val::null_func_ref()))
        .collect();
    Ok((params, results))
}

/// Checks and writes dynamically typed results.
fn store_dynamic(
    core: &StoreCore,
    ty: &FuncType,
    results: &[Val],
    slots: *mut ValRaw,
) -> Result<()> {
    let wasm = ty.to_wasm()?;
    for (i, (value, &expected)) in results.iter().zip(&wasm.results).enumerate() {
        if !value.comes_from(core) {
            bail!("cross-`Store` values are not currently supported");
        }
        value
            .ensure_matches_ty(core, &ValType::from_wasm(expected))
            .context("function attempted to return an incompatible value")?;
        let raw = value.to_raw_in(core)?;
        // SAFETY: trampolines pass a slot for every result.
        unsafe { slots.add(i).write(raw) };
    }
    Ok(())
}

/// Runs a host function's body in the name of its caller: catches panics, records errors, ends its scope of rooted
/// references.
///
/// # Safety
///
/// `caller` is a context of a live store of exactly this `T`, whose thread this is.
#[inline]
unsafe fn enter_host<T: 'static>(
    caller: *mut VmContext,
    body: impl FnOnce(Caller<'_, T>) -> Result<()>,
) -> bool {
    // SAFETY: the caller's; the store's core is what contexts point to.
    let core = unsafe { (*caller).store.cast::<StoreCore>() };
    // SAFETY: as above.
    let scope = unsafe { (*core).externs.enter_scope() };
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the guest's thread has the store to itself, and whoever entered the guest uses no reference into it
        // meanwhile.
        let inner = unsafe { StoreInner::<T>::from_core(core) };
        inner.core.call_hook(CallHook::CallingHost)?;
        // SAFETY: as above.
        let instance = unsafe { (*caller).instance };
        let result = body(Caller {
            store: StoreContextMut(inner),
            instance,
        });
        // SAFETY: as above; the body has ended.
        unsafe { (*core).call_hook(CallHook::ReturningFromHost) }?;
        result
    }));
    // SAFETY: as above; the body has ended.
    unsafe { (*core).externs.exit_scope(scope) };
    let raised = match result {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => Raised::Error(error),
        Err(payload) => Raised::Panic(payload),
    };
    // SAFETY: called through an `exit` trampoline, or with no wasm of this store on the stack since its last exit.
    unsafe { (*core.cast::<ExecCore>()).record(raised) };
    false
}

/// # Safety
///
/// Called by an `exit` trampoline, or by `call_raw`, with the slots of its type; `host.data` is an `F`.
unsafe extern "C" fn shim_raw<T, F>(
    host: *const VmHostFunc,
    caller: *mut VmContext,
    args: *mut ValRaw,
) -> bool
where
    F: Fn(Caller<'_, T>, *mut ValRaw) -> Result<()> + 'static,
    T: 'static,
{
    // SAFETY: the caller's.
    unsafe {
        let func = &*(*host).data.cast::<F>();
        enter_host(caller, |caller| func(caller, args))
    }
}

/// # Safety
///
/// As for [`shim_raw`].
unsafe extern "C" fn shim_typed<T, F, P, R>(
    host: *const VmHostFunc,
    caller: *mut VmContext,
    args: *mut ValRaw,
) -> bool
where
    F: Fn(Caller<'_, T>, P) -> R + 'static,
    P: WasmTyList,
    R: WasmRet,
    T: 'static,
{
    // SAFETY: the caller's; the slots are of the closure's own types.
    unsafe {
        let func = &*(*host).data.cast::<F>();
        enter_host(caller, |mut caller: Caller<'_, T>| {
            let params = P::load(caller.core(), args);
            let result = func(caller.reborrow(), params);
            store_result(caller.core(), result, args)
        })
    }
}

/// # Safety
///
/// As for [`shim_raw`].
unsafe extern "C" fn shim_async<T, F, P, R>(
    host: *const VmHostFunc,
    caller: *mut VmContext,
    args: *mut ValRaw,
) -> bool
where
    F: for<'a> Fn(Caller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a> + 'static,
    P: WasmTyList,
    R: WasmRet,
    T: Send + 'static,
{
    // SAFETY: the caller's. Across the wait live this crate's frames, the slots, and a `Send` future.
    unsafe {
        let func = &*(*host).data.cast::<F>();
        enter_host(caller, |mut caller: Caller<'_, T>| {
            let params = P::load(caller.core(), args);
            let exec = caller.core().exec_ptr();
            let result = {
                let future = Foreign::make(|| Pin::from(func(caller.reborrow(), params)));
                exec::block_on(exec, pin!(future).pinned())?
            };
            store_result(caller.core(), result, args)
        })
    }
}

/// # Safety
///
/// As for [`shim_raw`].
unsafe extern "C" fn shim_async_unboxed<T, F, P, R>(
    host: *const VmHostFunc,
    caller: *mut VmContext,
    args: *mut ValRaw,
) -> bool
where
    F: for<'a> AsyncHostFn<'a, T, P, R> + 'static,
    P: WasmTyList + Send + 'static,
    R: WasmRet + 'static,
    T: Send + 'static,
{
    // SAFETY: as for `shim_async`; the future lives on this stack, pinned.
    unsafe {
        let func = &*(*host).data.cast::<F>();
        enter_host(caller, |mut caller: Caller<'_, T>| {
            let params = P::load(caller.core(), args);
            let exec = caller.core().exec_ptr();
            let result = {
                let future = Foreign::make(|| func.call(caller.reborrow(), params));
                exec::block_on(exec, pin!(future).pinned())?
            };
            store_result(caller.core(), result, args)
        })
    }
}

/// A future that is made and dropped outside of the frame that waits for it. That frame may go on on another thread, and the
/// compiler may keep addresses of thread-locals, which other people's code is free to use, for as long as a frame.
struct Foreign<F>(ManuallyDrop<F>);

impl<F> Foreign<F> {
    #[inline(never)]
    fn make(make: impl FnOnce() -> F) -> Self {
        Foreign(ManuallyDrop::new(make()))
    }

    fn pinned(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: the field is pinned as the whole is: it is dropped in place and never moved out.
        unsafe { self.map_unchecked_mut(|this| &mut *this.0) }
    }
}

impl<F> Drop for Foreign<F> {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

/// # Safety
///
/// There is a slot for each result.
#[inline]
unsafe fn store_result<R: WasmRet>(
    core: &mut StoreCore,
    result: R,
    args: *mut ValRaw,
) -> Result<()> {
    if !result.comes_from(core) {
        bail!("cross-`Store` values are not currently supported");
    }
    // SAFETY: the caller's.
    unsafe { result.store(core, args) }
}

/// An asynchronous host function without a box: what
/// [`Linker::func_wrap_async_unboxed`](crate::Linker::func_wrap_async_unboxed) takes.
///
/// Implemented for async closures and `async fn`s that take a [`Caller`] and a tuple of parameters and whose future is
/// `Send`. What they need beyond their arguments belongs into the store's data.
pub trait AsyncHostFn<'a, T: 'static, P, R>: Send + Sync {
    /// The future of one call.
    type Call: Future<Output = R> + Send + 'a;

    /// Starts a call.
    fn call(&self, caller: Caller<'a, T>, params: P) -> Self::Call;
}

impl<'a, T, P, R, F, Fut> AsyncHostFn<'a, T, P, R> for F
where
    F: Fn(Caller<'a, T>, P) -> Fut + Send + Sync,
    Fut: Future<Output = R> + Send + 'a,
    T: 'static,
{
    type Call = Fut;

    fn call(&self, caller: Caller<'a, T>, params: P) -> Fut {
        self(caller, params)
    }
}

/// Closures that can become host functions: of up to 17 [`WasmTy`] parameters after an optional [`Caller`], returning
/// what [`WasmRet`] admits.
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(
        private_interfaces,
        reason = "sealed: only this crate makes host functions"
    )]
    fn into_func(self, engine: &Engine) -> Result<HostFunc>;
}

macro_rules! into_func {
    ($([$($t:ident)*] $params:ty;)*) => {$(
        #[allow(non_snake_case, reason = "made by a macro")]
        impl<T, F, $($t,)* R> IntoFunc<T, $params, R> for F
        where
            F: Fn($($t),*) -> R + Send + Sync + 'static,
            $($t: WasmTy,)*
            R: WasmRet,
            T: 'static,
        {
            #[allow(private_interfaces, reason = "sealed")]
            fn into_func(self, engine: &Engine) -> Result<HostFunc> {
                HostFunc::typed(engine, move |_: Caller<'_, T>, ($($t,)*): ($($t,)*)| self($($t),*))
            }
        }

        #[allow(non_snake_case, reason = "made by a macro")]
        impl<T, F, $($t,)* R> IntoFunc<T, (Caller<'_, T>, $($t,)*), R> for F
        where
            F: Fn(Caller<'_, T>, $($t),*) -> R + Send + Sync + 'static,
            $($t: WasmTy,)*
            R: WasmRet,
            T: 'static,
        {
            #[allow(private_interfaces, reason = "sealed")]
            fn into_func(self, engine: &Engine) -> Result<HostFunc> {
                HostFunc::typed(engine, move |caller: Caller<'_, T>, ($($t,)*): ($($t,)*)| {
                    self(caller, $($t),*)
                })
            }
        }
    )*};
}

into_func! {
    [] ();
    [A1] A1;
    [A1 A2] (A1, A2);
    [A1 A2 A3] (A1, A2, A3);
    [A1 A2 A3 A4] (A1, A2, A3, A4);
    [A1 A2 A3 A4 A5] (A1, A2, A3, A4, A5);
    [A1 A2 A3 A4 A5 A6] (A1, A2, A3, A4, A5, A6);
    [A1 A2 A3 A4 A5 A6 A7] (A1, A2, A3, A4, A5, A6, A7);
    [A1 A2 A3 A4 A5 A6 A7 A8] (A1, A2, A3, A4, A5, A6, A7, A8);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9] (A1, A2, A3, A4, A5, A6, A7, A8, A9);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10] (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11] (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12] (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13]
        (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14]
        (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15]
        (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16]
        (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16);
    [A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16 A17]
        (A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17);
}

/// What a host function sees of its caller: the store, and the exports of the calling instance.
pub struct Caller<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    /// The calling instance; `u32::MAX` for a call by the host.
    instance: u32,
}

impl<T> fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl<T> Caller<'_, T> {
    fn core(&mut self) -> &mut StoreCore {
        self.store.0.core_mut()
    }

    fn reborrow(&mut self) -> Caller<'_, T> {
        Caller {
            store: StoreContextMut(&mut *self.store.0),
            instance: self.instance,
        }
    }

    fn instance(&self) -> Option<Instance> {
        let id = || InstanceId::new(self.instance as usize);
        (self.instance != u32::MAX).then(|| Instance::from_id(self.store.0.core().id, id()))
    }

    /// An export of the calling instance; `None` if there is none of this name, or if the host is calling.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        let instance = self.instance()?;
        instance.export(self.core(), name)
    }

    /// As [`Caller::get_export`] by an index looked up before; `None` if the calling instance is of another module.
    pub fn get_module_export(&mut self, export: &ModuleExport) -> Option<Extern> {
        let instance = self.instance()?;
        instance.export_at(self.core(), export)
    }

    /// The data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The data, mutably.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// See [`Store::gc`](crate::Store::gc).
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn gc(&mut self, why: Option<&super::GcHeapOutOfMemory<()>>) -> Result<()> {
        self.store.gc(why)
    }

    /// See [`Store::gc_heap_capacity`](crate::Store::gc_heap_capacity).
    pub fn gc_heap_capacity(&self) -> usize {
        self.store.0.core().externs.capacity()
    }

    /// See [`Store::gc_async`](crate::Store::gc_async).
    ///
    /// # Errors
    ///
    /// None at present.
    pub async fn gc_async(&mut self, why: Option<&super::GcHeapOutOfMemory<()>>) -> Result<()>
    where
        T: Send + 'static,
    {
        self.store.gc_async(why).await
    }

    /// Fuel left; see [`Store::get_fuel`](crate::Store::get_fuel).
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub fn get_fuel(&self) -> Result<u64> {
        self.store.get_fuel()
    }

    /// Sets the fuel left; see [`Store::set_fuel`](crate::Store::set_fuel).
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.store.set_fuel(fuel)
    }

    /// See [`Store::fuel_async_yield_interval`](crate::Store::fuel_async_yield_interval).
    ///
    /// # Errors
    ///
    /// Fuel is not configured, or the interval is zero.
    pub fn fuel_async_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        self.store.fuel_async_yield_interval(interval)
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

impl<'a, T: 'static> From<Caller<'a, T>> for StoreContextMut<'a, T> {
    fn from(caller: Caller<'a, T>) -> Self {
        caller.store
    }
}
