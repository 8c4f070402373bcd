//! Clocks.

use super::errno::{Answer, Errno};
use super::memory::GuestMemory;
use super::{WasiP1Ctx, types::clockid};
use std::time::Duration;

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `clock_res_get`.
pub(super) fn resolution(
    mut memory: GuestMemory<'_>,
    ctx: &WasiP1Ctx,
    id: u32,
    out: u32,
) -> Answer {
    let clocks = &ctx.ctx.clocks;
    let resolution = match id {
        clockid::REALTIME => nanos(clocks.wall.resolution()),
        clockid::MONOTONIC => clocks.monotonic.resolution(),
        clockid::PROCESS_CPUTIME | clockid::THREAD_CPUTIME => clocks.cpu_resolution(),
        _ => return Err(Errno::INVAL),
    };
    memory.put_u64(out, resolution)
}

/// The time of a clock in nanoseconds.
pub(super) fn now(ctx: &WasiP1Ctx, id: u32) -> Answer<u64> {
    let clocks = &ctx.ctx.clocks;
    match id {
        clockid::REALTIME => Ok(nanos(clocks.wall.now())),
        clockid::MONOTONIC => Ok(clocks.monotonic.now()),
        // A guest wanders from thread to thread: the time of any one says nothing about it.
        clockid::PROCESS_CPUTIME | clockid::THREAD_CPUTIME => Ok(clocks.cpu_now()),
        _ => Err(Errno::INVAL),
    }
}

/// `clock_time_get`. Clocks are as exact as they are; the precision that the guest would be content with is not needed.
pub(super) fn time(mut memory: GuestMemory<'_>, ctx: &WasiP1Ctx, id: u32, out: u32) -> Answer {
    memory.put_u64(out, now(ctx, id)?)
}
