//! Fuel and epochs: what is granted, what is kept back, what happens at the end.
//!
//! Machine code counts `VmStore::fuel` upward from minus what was injected. With a yield interval only that much is
//! injected at a time; the rest waits in `Budget::reserve`.

use super::StoreCore;
use crate::engine::Alarm;
use crate::wasm::Trap;
use crate::{Result, bail};
use std::fmt;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;

/// What an epoch callback asks for.
#[non_exhaustive]
pub enum UpdateDeadline {
    /// Stop the guest with [`Trap::Interrupt`].
    Interrupt,
    /// Go on; the next deadline is so many ticks after the current epoch.
    Continue(u64),
    /// Give the executor a turn, then go on with a deadline so many ticks after the epoch of the resume.
    Yield(u64),
    /// Wait for a future, then go on with a deadline so many ticks after the epoch of the resume.
    YieldCustom(u64, Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl fmt::Debug for UpdateDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpdateDeadline::Interrupt => f.write_str("Interrupt"),
            UpdateDeadline::Continue(n) => f.debug_tuple("Continue").field(n).finish(),
            UpdateDeadline::Yield(n) => f.debug_tuple("Yield").field(n).finish(),
            UpdateDeadline::YieldCustom(n, _) => f.debug_tuple("YieldCustom").field(n).finish(),
        }
    }
}

/// Fuel that machine code does not see yet, and how it is handed out.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    reserve: u64,
    yield_interval: Option<NonZeroU64>,
}

impl StoreCore {
    fn fuel_configured(&self) -> Result<()> {
        if !self.engine.tunables().consume_fuel {
            bail!("fuel is not configured in this store");
        }
        Ok(())
    }

    /// Fuel left.
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub(crate) fn get_fuel(&self) -> Result<u64> {
        self.fuel_configured()?;
        Ok(self.fuel_left())
    }

    fn fuel_left(&self) -> u64 {
        self.budget
            .reserve
            .saturating_add_signed(self.exec.vm.fuel.saturating_neg())
    }

    /// Sets the fuel left.
    ///
    /// # Errors
    ///
    /// Fuel is not configured.
    pub(crate) fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.fuel_configured()?;
        self.inject(fuel);
        Ok(())
    }

    fn inject(&mut self, fuel: u64) {
        let interval = self
            .budget
            .yield_interval
            .map_or(u64::MAX, NonZeroU64::get)
            .min(i64::MAX.unsigned_abs());
        let injected = interval.min(fuel);
        self.budget.reserve = fuel - injected;
        self.exec.vm.fuel = -i64::try_from(injected).unwrap_or(i64::MAX);
    }

    /// Makes guests yield every so many units.
    ///
    /// # Errors
    ///
    /// Fuel is not configured, or the interval is zero.
    pub(crate) fn set_fuel_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        self.fuel_configured()?;
        let interval = match interval {
            None => None,
            Some(n) => match NonZeroU64::new(n) {
                Some(n) => Some(n),
                None => bail!("fuel_async_yield_interval must not be 0"),
            },
        };
        self.budget.yield_interval = interval;
        self.async_required = true;
        let left = self.fuel_left();
        self.inject(left);
        Ok(())
    }

    /// The counter has reached zero: hands out more and yields if so configured.
    ///
    /// # Errors
    ///
    /// [`Trap::OutOfFuel`] if there is no more; cancellation.
    #[inline(always)]
    pub(crate) fn out_of_fuel(&mut self) -> Result<()> {
        let left = self.fuel_left();
        if left == 0 {
            return Err(Trap::OutOfFuel.into());
        }
        self.inject(left);
        if self.budget.yield_interval.is_some() {
            self.yield_now()?;
        }
        Ok(())
    }

    /// Refuses an operation that would use up all fuel before it has done anything. All fuel is gone then.
    ///
    /// # Errors
    ///
    /// [`Trap::OutOfFuel`].
    pub(crate) fn affords(&mut self, units: u64) -> Result<()> {
        if self.fuel_left() > units {
            return Ok(());
        }
        self.inject(0);
        Err(Trap::OutOfFuel.into())
    }

    /// Charges fuel that a builtin spends on behalf of the guest.
    ///
    /// # Errors
    ///
    /// As for [`StoreCore::out_of_fuel`].
    pub(crate) fn charge(&mut self, units: u64) -> Result<()> {
        self.spend(units);
        if self.exec.vm.fuel >= 0 {
            self.out_of_fuel()?;
        }
        Ok(())
    }

    /// Counts fuel without looking whether there is any left.
    pub(crate) fn spend(&mut self, units: u64) {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        self.exec.vm.fuel = self.exec.vm.fuel.saturating_add(units);
    }

    /// The engine's epoch.
    pub(crate) fn current_epoch(&self) -> u64 {
        self.engine.clock().now()
    }

    /// Whether the epoch has reached the deadline; never without epochs.
    pub(crate) fn epoch_passed(&self) -> bool {
        self.alarm.as_ref().is_some_and(Alarm::passed)
    }

    /// Sets the deadline so many ticks after the current epoch.
    pub(crate) fn set_epoch_deadline(&self, ticks: u64) {
        if let Some(alarm) = &self.alarm {
            alarm.set(self.current_epoch().saturating_add(ticks));
        }
    }

    /// The epoch has reached the deadline: does what the store is configured for.
    ///
    /// # Errors
    ///
    /// [`Trap::Interrupt`], the callback's error, a yield where there is no fiber, cancellation.
    #[inline(always)]
    pub(crate) fn new_epoch(&mut self) -> Result<()> {
        if !self.epoch_passed() {
            return Ok(());
        }
        let update = self.hooks().epoch_deadline_reached()?;
        let ticks = match update {
            UpdateDeadline::Interrupt => return Err(Trap::Interrupt.into()),
            UpdateDeadline::Continue(ticks) => ticks,
            UpdateDeadline::Yield(ticks) => {
                self.may_yield("Yield")?;
                self.yield_now()?;
                ticks
            }
            UpdateDeadline::YieldCustom(ticks, mut future) => {
                self.may_yield("YieldCustom")?;
                self.block_on(future.as_mut())?;
                ticks
            }
        };
        self.set_epoch_deadline(ticks);
        Ok(())
    }

    fn may_yield(&self, what: &str) -> Result<()> {
        if !self.can_block() {
            bail!("cannot use `UpdateDeadline::{what}` without using an async wasm entrypoint");
        }
        Ok(())
    }
}
