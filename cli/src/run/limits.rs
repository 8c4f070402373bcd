//! What stops a guest, and how that is said.

use super::Arguments;
use crate::units;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tussah::{Engine, ResourceLimiter, Result, Trap, WasmBacktrace};

/// Bytes of a table's element.
const ELEMENT: u64 = size_of::<usize>() as u64;

/// Longer than any process lives, and short enough for every clock.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// What the guest's memories and tables have, and whether they ever wanted more than they may have.
#[derive(Debug)]
pub(super) struct Limits {
    most: Option<u64>,
    /// What they have together.
    used: u64,
    exceeded: bool,
}

impl Limits {
    pub(super) fn new(most: Option<u64>) -> Limits {
        Limits {
            most,
            used: 0,
            exceeded: false,
        }
    }

    /// Whether something may grow, in units of so many bytes.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, unit: u64) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let more = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        let used = self.used.saturating_add(more);
        if self.most.is_some_and(|most| used > most) {
            self.exceeded = true;
            return false;
        }
        self.used = used;
        true
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        Ok(self.grow(current, desired, maximum, 1))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        Ok(self.grow(current, desired, maximum, ELEMENT))
    }
}

/// The time is up.
#[derive(Debug)]
struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is up")
    }
}

impl std::error::Error for TimedOut {}

/// Ends a guest that is not done by itself in time: one that waits by dropping its future, one that computes by the epoch,
/// whose next tick is its store's deadline.
pub(super) async fn within<R>(
    engine: &Engine,
    limit: Duration,
    guest: impl Future<Output = Result<R>>,
) -> Result<R> {
    let limit = limit.min(FOREVER);
    let engine = engine.weak();
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        if let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
        }
    });
    match tokio::time::timeout(limit, guest).await {
        Ok(outcome) => outcome,
        Err(_) => Err(TimedOut.into()),
    }
}

/// The message for a guest that trapped or was stopped; `None` if it is not the guest's fault.
pub(super) fn explain(
    error: &tussah::Error,
    arguments: &Arguments,
    limits: &Limits,
) -> Option<String> {
    let trap = error.downcast_ref::<Trap>();
    let mut message = match (trap, arguments) {
        (
            Some(Trap::OutOfFuel),
            Arguments {
                fuel: Some(fuel), ..
            },
        ) => format!("the guest has used up its fuel of {fuel} units (--fuel)"),
        (
            Some(Trap::Interrupt),
            Arguments {
                timeout: Some(limit),
                ..
            },
        ) => out_of_time(*limit),
        (
            None,
            Arguments {
                timeout: Some(limit),
                ..
            },
        ) if error.is::<TimedOut>() => out_of_time(*limit),
        (Some(trap), _) => trap.to_string(),
        (None, _) if limits.exceeded => String::from("the guest did not get the memory it needs"),
        (None, _) => return None,
    };
    if let Some(trace) = error.downcast_ref::<WasmBacktrace>() {
        message += &format!("\n{trace}");
    }
    if let (true, Some(most)) = (limits.exceeded, limits.most) {
        message += &format!(
            "\nnote: it asked for more than the {} of memory that it may have (--max-memory)",
            units::show_size(most)
        );
    }
    if trap == Some(&Trap::StackOverflow) {
        message += "\nnote: --max-stack gives a guest more stack";
    }
    Some(message)
}

fn out_of_time(limit: Duration) -> String {
    format!(
        "the guest was not done within {} (--timeout)",
        humantime::format_duration(limit)
    )
}
