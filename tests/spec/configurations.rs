//! How scripts are run: where guests run, and how their machine code is made.

use futures::executor::block_on;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use tussah::{Config, Result, WasmFeatures};
use tussah_wast::{Report, Runner};

/// Units of fuel between two yields: as good as every check is one.
const YIELD_INTERVAL: u64 = 1;

/// A way to run guests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Configuration {
    /// On the caller's stack.
    NativeStack,
    /// On fibers, through the asynchronous functions.
    Fibers,
    /// On fibers that give way as often as they can.
    FuelYields,
    /// Where no signal is handled: each access, division and call of null is checked by instructions, and memories have
    /// neither reservations nor guards.
    ExplicitChecks,
}

impl Configuration {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Configuration::NativeStack => "native stack",
            Configuration::Fibers => "fibers",
            Configuration::FuelYields => "fibers with fuel yields",
            Configuration::ExplicitChecks => "explicit checks",
        }
    }

    /// Whether guests give way.
    pub(crate) fn yields(self) -> bool {
        self == Configuration::FuelYields
    }

    /// # Errors
    ///
    /// The engine refuses the configuration.
    pub(crate) fn runner(self, features: WasmFeatures) -> Result<Runner> {
        let mut config = Config::new();
        // Scripts run in parallel already.
        config.parallel_compilation(false);
        match self {
            Configuration::NativeStack | Configuration::Fibers => Runner::new(config, features),
            Configuration::FuelYields => {
                config.consume_fuel(true);
                let runner = Runner::new(config, features)?;
                Ok(runner.before_each(|store| {
                    store.set_fuel(u64::MAX)?;
                    store.fuel_async_yield_interval(Some(YIELD_INTERVAL))
                }))
            }
            Configuration::ExplicitChecks => {
                config
                    .signals_based_traps(false)
                    .memory_reservation(0)
                    .memory_reservation_for_growth(0)
                    .memory_guard_size(0)
                    .guard_before_linear_memory(false);
                Runner::new(config, features)
            }
        }
    }

    /// Runs a script, and counts how often it gave way.
    pub(crate) fn run(
        self,
        runner: &Runner,
        file: &str,
        script: &str,
        yields: &AtomicUsize,
    ) -> Report {
        if matches!(
            self,
            Configuration::NativeStack | Configuration::ExplicitChecks
        ) {
            return runner.run(file, script);
        }
        let mut running = pin!(runner.run_async(file, script));
        block_on(poll_fn(|context| {
            let poll = running.as_mut().poll(context);
            if poll.is_pending() {
                yields.fetch_add(1, Ordering::Relaxed);
            }
            poll
        }))
    }
}
