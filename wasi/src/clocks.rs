//! Clocks: the host's, or those that it puts in their place.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// The time of day.
pub trait HostWallClock: Send {
    /// How exact it is.
    fn resolution(&self) -> Duration;

    /// The time since 1970-01-01 00:00:00 UTC.
    fn now(&self) -> Duration;
}

/// A clock that never goes back, in nanoseconds.
///
/// It is what a guest sees. Sleeping is done by tokio: for the duration that the guest asked for, or, until a point in
/// time, for what is left of it by this clock.
pub trait HostMonotonicClock: Send {
    /// How exact it is.
    fn resolution(&self) -> u64;

    /// The time since some beginning.
    fn now(&self) -> u64;
}

/// The clocks of a context.
pub(crate) struct Clocks {
    pub(crate) wall: Box<dyn HostWallClock>,
    pub(crate) monotonic: Box<dyn HostMonotonicClock>,
    /// The time that the process had used up when the context was made; none if clocks were replaced, which are then the
    /// guest's only ones.
    cpu_before: Option<Duration>,
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clocks")
            .field("cpu_before", &self.cpu_before)
            .finish_non_exhaustive()
    }
}

impl Clocks {
    /// The host's.
    pub(crate) fn host() -> Clocks {
        Clocks {
            wall: Box::new(Wall),
            monotonic: Box::new(Monotonic(Instant::now())),
            cpu_before: Some(cpu()),
        }
    }

    /// Puts another monotonic clock in place, also of the clock of processor time.
    pub(crate) fn replace_monotonic(&mut self, clock: Box<dyn HostMonotonicClock>) {
        self.monotonic = clock;
        self.cpu_before = None;
    }

    /// Processor time: of the process since the context was made.
    pub(crate) fn cpu_now(&self) -> u64 {
        match self.cpu_before {
            Some(before) => nanos(cpu().saturating_sub(before)),
            None => self.monotonic.now(),
        }
    }

    /// How exact that is.
    pub(crate) fn cpu_resolution(&self) -> u64 {
        match self.cpu_before {
            Some(_) => nanos(duration(clock_getres(ClockId::ProcessCPUTime))),
            None => self.monotonic.resolution(),
        }
    }
}

struct Wall;

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        duration(clock_getres(ClockId::Realtime))
    }

    fn now(&self) -> Duration {
        // A host whose clock says it is before 1970 has no answer that the guest could be given.
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// Counts from when the context was made: how long the host is up is not the guest's business.
struct Monotonic(Instant);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        nanos(duration(clock_getres(ClockId::Monotonic)))
    }

    fn now(&self) -> u64 {
        nanos(self.0.elapsed())
    }
}

fn cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
