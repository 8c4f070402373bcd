//! Borrowed stores, and the traits by which everything takes one.

use super::store::StoreInner;
use crate::Result;
use crate::engine::Engine;
use std::fmt;

/// A shared borrow of a [`Store`](crate::Store).
#[derive(Copy)]
pub struct StoreContext<'a, T: 'static>(pub(crate) &'a StoreInner<T>);

/// An exclusive borrow of a [`Store`](crate::Store).
pub struct StoreContextMut<'a, T: 'static>(pub(crate) &'a mut StoreInner<T>);

impl<T> Clone for StoreContext<'_, T> {
    fn clone(&self) -> Self {
        StoreContext(self.0)
    }
}

impl<T> fmt::Debug for StoreContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> fmt::Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What gives shared access to a store.
pub trait AsContext {
    /// The store's data.
    type Data: 'static;

    /// Borrows the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// What gives exclusive access to a store.
pub trait AsContextMut: AsContext {
    /// Borrows the store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<'a, T> StoreContext<'a, T> {
    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.core.engine
    }

    /// The data.
    pub fn data(&self) -> &'a T {
        &self.0.data
    }

    /// Fuel left; see [`Store::get_fuel`](crate::Store::get_fuel).
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.core.get_fuel()
    }
}

impl<T> StoreContextMut<'_, T> {
    /// The data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The data, mutably.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.core.engine
    }

    /// Fuel left; see [`Store::get_fuel`](crate::Store::get_fuel).
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.core.get_fuel()
    }

    /// Sets the fuel left; see [`Store::set_fuel`](crate::Store::set_fuel).
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.core.set_fuel(fuel)
    }

    /// See [`Store::fuel_async_yield_interval`](crate::Store::fuel_async_yield_interval).
    ///
    /// # Errors
    ///
    /// Fuel is not configured, or the interval is zero.
    pub fn fuel_async_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        self.0.core.set_fuel_yield_interval(interval)
    }

    /// See [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline).
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.0.core.set_epoch_deadline(ticks_beyond_current);
    }

    /// See [`Store::epoch_deadline_trap`](crate::Store::epoch_deadline_trap).
    pub fn epoch_deadline_trap(&mut self) {
        self.0.epoch_trap();
    }

    /// See [`Store::epoch_deadline_async_yield_and_update`](crate::Store::epoch_deadline_async_yield_and_update).
    pub fn epoch_deadline_async_yield_and_update(&mut self, delta: u64) {
        self.0.epoch_yield_and_update(delta);
    }

    /// See [`Store::gc`](crate::Store::gc).
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn gc(&mut self, _why: Option<&super::GcHeapOutOfMemory<()>>) -> Result<()> {
        crate::store::collect_externs(&mut self.0.core);
        Ok(())
    }

    /// See [`Store::gc_async`](crate::Store::gc_async).
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
        T: Send + 'static,
    {
        self.gc(why)
    }

    /// See [`Store::has_pending_exception`](crate::Store::has_pending_exception).
    pub fn has_pending_exception(&self) -> bool {
        false
    }
}

macro_rules! contexts {
    ($([$($generics:tt)*] $ty:ty, $data:ty, $mutable:tt;)*) => {$(
        impl<$($generics)*> AsContext for $ty {
            type Data = $data;

            fn as_context(&self) -> StoreContext<'_, Self::Data> {
                StoreContext(&*self.0)
            }
        }
        contexts!(@ $mutable [$($generics)*] $ty);
    )*};
    (@ shared [$($generics:tt)*] $ty:ty) => {};
    (@ exclusive [$($generics:tt)*] $ty:ty) => {
        impl<$($generics)*> AsContextMut for $ty {
            fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data> {
                StoreContextMut(&mut *self.0)
            }
        }
    };
}

contexts! {
    [T: 'static] StoreContext<'_, T>, T, shared;
    [T: 'static] StoreContextMut<'_, T>, T, exclusive;
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(*self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(*self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(*self)
    }
}

impl<'a, T: 'static> From<StoreContextMut<'a, T>> for StoreContext<'a, T> {
    fn from(context: StoreContextMut<'a, T>) -> Self {
        StoreContext(context.0)
    }
}

impl<'a, C: AsContext> From<&'a C> for StoreContext<'a, C::Data> {
    fn from(context: &'a C) -> Self {
        context.as_context()
    }
}

impl<'a, C: AsContext> From<&'a mut C> for StoreContext<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContextMut> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        context.as_context_mut()
    }
}
