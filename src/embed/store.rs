//! `Store<T>`: one allocation that holds the store's core and the embedder's data.

#![expect(
    unsafe_code,
    reason = "the core points back at the allocation that holds it"
)]

use super::hook::Hook;
use super::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::engine::Engine;
use crate::store::{
    CallHook, DEFAULT_INSTANCE_LIMIT, DEFAULT_MEMORY_LIMIT, DEFAULT_TABLE_LIMIT, ResourceLimiter,
    ResourceLimiterAsync, StoreCore, StoreHooks, UpdateDeadline,
};
use crate::{Error, Result};
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

/// Owns a host's data and every instance, memory, table, global and host value made in it.
///
/// Everything in a store is dropped with it, at once. A store belongs to one engine; handles ([`Func`](crate::Func),
/// [`Memory`](crate::Memory), ..) are used with the store they come from and panic with another.
///
/// A store is used by one thread at a time, and is `Send` and `Sync` when `T` is.
///
/// ```
/// # use tussah::{Engine, Store};
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, 5);
/// *store.data_mut() += 1;
/// assert_eq!(store.into_data(), 6);
/// ```
pub struct Store<T: 'static> {
    inner: NonNull<StoreInner<T>>,
}

// SAFETY: the store owns everything behind the pointer; machine code and fibers of it run only while it is borrowed
// exclusively. Host functions and host values in it are `Send + Sync` by their bounds.
unsafe impl<T: Send> Send for Store<T> {}
// SAFETY: shared access reads data and sizes only.
unsafe impl<T: Sync> Sync for Store<T> {}

/// The allocation of a store. Machine code has its address, so it is never moved.
#[repr(C)]
pub(crate) struct StoreInner<T: 'static> {
    pub(crate) core: StoreCore,
    limiter: Option<Limiter<T>>,
    epoch: Option<EpochCallback<T>>,
    pub(super) hook: Hook<T>,
    /// Whether what happens at the deadline was changed while the callback ran.
    epoch_changed: bool,
    pub(crate) data: ManuallyDrop<T>,
}

#[expect(
    clippy::non_send_fields_in_send_ty,
    reason = "raw pointers into what it owns"
)]
// SAFETY: as for `Store`: raw pointers inside name what the store itself owns.
unsafe impl<T: Send> Send for StoreInner<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for StoreInner<T> {}

type EpochCallback<T> =
    Box<dyn FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync>;
type SyncLimiter<T> = Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync>;
type AsyncLimiter<T> = Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiterAsync) + Send + Sync>;

enum Limiter<T> {
    Sync(SyncLimiter<T>),
    Async(AsyncLimiter<T>),
}

impl<T> fmt::Debug for StoreInner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}

impl<T> StoreInner<T> {
    pub(crate) fn core(&self) -> &StoreCore {
        &self.core
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        &mut self.core
    }

    /// The structure around a core that lies in a `StoreInner<T>`.
    unsafe fn hooks(core: *mut StoreCore) -> *mut dyn StoreHooks {
        core.cast::<StoreInner<T>>()
    }

    /// The store whose core machine code named.
    ///
    /// # Safety
    ///
    /// `core` is the core of a live `StoreInner<T>` of exactly this `T`, to which nobody else holds a reference that is
    /// used meanwhile.
    pub(crate) unsafe fn from_core<'a>(core: *mut StoreCore) -> &'a mut StoreInner<T> {
        // SAFETY: the core is the first field of a `repr(C)` structure; the rest is the caller's.
        unsafe { &mut *core.cast::<StoreInner<T>>() }
    }
}

impl<T> Store<T> {
    /// Makes an empty store that owns `data`.
    pub fn new(engine: &Engine, data: T) -> Self {
        let inner = Box::new(StoreInner {
            core: StoreCore::new(engine, StoreInner::<T>::hooks),
            limiter: None,
            epoch: None,
            hook: Hook::default(),
            epoch_changed: false,
            data: ManuallyDrop::new(data),
        });
        let inner = NonNull::from(Box::leak(inner));
        // SAFETY: the allocation does not move until `drop`.
        unsafe { StoreCore::bind(inner.as_ptr().cast()) };
        Store { inner }
    }

    /// As [`Store::new`].
    ///
    /// # Errors
    ///
    /// None at present; allocation failure aborts as elsewhere in Rust.
    pub fn try_new(engine: &Engine, data: T) -> Result<Self> {
        Ok(Self::new(engine, data))
    }

    fn inner(&self) -> &StoreInner<T> {
        // SAFETY: owned by `self`, borrowed as `self` is.
        unsafe { self.inner.as_ref() }
    }

    pub(super) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        // SAFETY: owned by `self`, borrowed as `self` is.
        unsafe { self.inner.as_mut() }
    }

    /// The data.
    pub fn data(&self) -> &T {
        &self.inner().data
    }

    /// The data, mutably.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner_mut().data
    }

    /// Drops the store and gives the data back.
    pub fn into_data(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped; the data is taken out once, and the box frees the rest, in which the data is
        // `ManuallyDrop`.
        unsafe {
            let mut inner = Box::from_raw(this.inner.as_ptr());
            ManuallyDrop::take(&mut inner.data)
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner().core.engine
    }

    /// Sets the limiter that is asked before memories and tables are made or grown, and for counts of instances,
    /// memories and tables.
    ///
    /// It applies to what is made and grown later only.
    pub fn limiter(
        &mut self,
        limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) {
        self.inner_mut().limiter = Some(Limiter::Sync(Box::new(limiter)));
    }

    /// As [`Store::limiter`] with a limiter that may wait: the guest is suspended meanwhile. From here on the store is
    /// entered by `*_async` functions only.
    pub fn limiter_async(
        &mut self,
        limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiterAsync) + Send + Sync + 'static,
    ) {
        let inner = self.inner_mut();
        inner.limiter = Some(Limiter::Async(Box::new(limiter)));
        inner.core.async_required = true;
    }

    /// Fuel left.
    ///
    /// # Errors
    ///
    /// Fuel is not configured: see [`Config::consume_fuel`](crate::Config::consume_fuel).
    pub fn get_fuel(&self) -> Result<u64> {
        self.inner().core.get_fuel()
    }

    /// Sets the fuel left. A new store has none.
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.inner_mut().core.set_fuel(fuel)
    }

    /// Makes guests give the executor a turn every so many units of fuel; `None` ends that. From here on the store is
    /// entered by `*_async` functions only.
    ///
    /// # Errors
    ///
    /// Fuel is not configured, or the interval is zero.
    pub fn fuel_async_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        self.inner_mut().core.set_fuel_yield_interval(interval)
    }

    /// Sets the epoch deadline to the current epoch plus so many ticks. The deadline of a new store is 0: any guest that
    /// is checked stops at once.
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.inner_mut()
            .core
            .set_epoch_deadline(ticks_beyond_current);
    }

    /// At the deadline guests trap with [`Trap::Interrupt`](crate::Trap::Interrupt). The default.
    pub fn epoch_deadline_trap(&mut self) {
        self.inner_mut().set_epoch(None);
    }

    /// At the deadline a callback decides.
    ///
    /// Its error ends the guest. It must not enter guests of this store.
    pub fn epoch_deadline_callback(
        &mut self,
        callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
    ) {
        self.inner_mut().set_epoch(Some(Box::new(callback)));
    }

    /// At the deadline guests give the executor a turn and go on with a deadline `delta` ticks later. From here on the
    /// store is entered by `*_async` functions only.
    pub fn epoch_deadline_async_yield_and_update(&mut self, delta: u64) {
        self.inner_mut().epoch_yield(delta);
    }

    /// Frees host values that nothing refers to any more, where that can be told: while no guest of this store is on a
    /// stack.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn gc(&mut self, _why: Option<&super::GcHeapOutOfMemory<()>>) -> Result<()> {
        crate::store::collect_externs(&mut self.inner_mut().core);
        Ok(())
    }

    /// As [`Store::gc`].
    ///
    /// # Errors
    ///
    /// None at present.
    #[expect(
        clippy::unused_async,
        reason = "the interface is async; collecting never waits yet"
    )]
    pub async fn gc_async(&mut self, why: Option<&super::GcHeapOutOfMemory<()>>) -> Result<()>
    where
        T: Send,
    {
        self.gc(why)
    }

    /// Bytes that the heap of host values holds at present.
    pub fn gc_heap_capacity(&self) -> usize {
        self.inner().core.externs.capacity()
    }

    /// Whether an exception waits to be taken. Exceptions are not implemented yet, so there is none.
    pub fn has_pending_exception(&self) -> bool {
        false
    }
}

impl<T> StoreInner<T> {
    fn set_epoch(&mut self, callback: Option<EpochCallback<T>>) {
        self.epoch = callback;
        self.epoch_changed = true;
    }

    fn epoch_yield(&mut self, delta: u64) {
        self.set_epoch(Some(Box::new(move |_| Ok(UpdateDeadline::Yield(delta)))));
        self.core.async_required = true;
    }

    pub(super) fn epoch_trap(&mut self) {
        self.set_epoch(None);
    }

    pub(super) fn epoch_yield_and_update(&mut self, delta: u64) {
        self.epoch_yield(delta);
    }
}

impl<T> StoreHooks for StoreInner<T> {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> Result<bool> {
        match &mut self.limiter {
            None => Ok(true),
            Some(Limiter::Sync(get)) => get(&mut self.data).memory_growing(current, desired, max),
            Some(Limiter::Async(get)) => {
                let mut asked = get(&mut self.data).memory_growing(current, desired, max);
                self.core.block_on(asked.as_mut())?
            }
        }
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        match &mut self.limiter {
            None => Ok(()),
            Some(Limiter::Sync(get)) => get(&mut self.data).memory_grow_failed(error),
            Some(Limiter::Async(get)) => get(&mut self.data).memory_grow_failed(error),
        }
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> Result<bool> {
        match &mut self.limiter {
            None => Ok(true),
            Some(Limiter::Sync(get)) => get(&mut self.data).table_growing(current, desired, max),
            Some(Limiter::Async(get)) => {
                let mut asked = get(&mut self.data).table_growing(current, desired, max);
                self.core.block_on(asked.as_mut())?
            }
        }
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        match &mut self.limiter {
            None => Ok(()),
            Some(Limiter::Sync(get)) => get(&mut self.data).table_grow_failed(error),
            Some(Limiter::Async(get)) => get(&mut self.data).table_grow_failed(error),
        }
    }

    fn count_limits(&mut self) -> (usize, usize, usize) {
        match &mut self.limiter {
            None => (
                DEFAULT_INSTANCE_LIMIT,
                DEFAULT_TABLE_LIMIT,
                DEFAULT_MEMORY_LIMIT,
            ),
            Some(Limiter::Sync(get)) => {
                let limiter = get(&mut self.data);
                (limiter.instances(), limiter.tables(), limiter.memories())
            }
            Some(Limiter::Async(get)) => {
                let limiter = get(&mut self.data);
                (limiter.instances(), limiter.tables(), limiter.memories())
            }
        }
    }

    fn call_hook(&mut self, transition: CallHook) -> Result<()> {
        self.tell_hook(transition)
    }

    fn limiter_may_wait(&self) -> bool {
        matches!(self.limiter, Some(Limiter::Async(_)))
    }

    fn epoch_deadline_reached(&mut self) -> Result<UpdateDeadline> {
        let Some(mut callback) = self.epoch.take() else {
            return Ok(UpdateDeadline::Interrupt);
        };
        self.epoch_changed = false;
        let update = catch_unwind(AssertUnwindSafe(|| callback(StoreContextMut(self))));
        if !self.epoch_changed {
            self.epoch = Some(callback);
        }
        update.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: dropped once; the data goes first, for its destructor may matter to nothing in the core.
        unsafe {
            ManuallyDrop::drop(&mut (*self.inner.as_ptr()).data);
            drop(Box::from_raw(self.inner.as_ptr()));
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("core", &self.inner().core)
            .field("data", self.data())
            .finish()
    }
}

impl<T: Default> Default for Store<T> {
    fn default() -> Self {
        Store::new(&Engine::default(), T::default())
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.inner())
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.inner_mut())
    }
}
