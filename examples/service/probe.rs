//! What is measured from outside the guests: delays, threads, memory. Knows nothing of guests or HTTP.

use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Durations counted in buckets of 3% width: constant in size, whatever is recorded.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64; Self::BUCKETS]>,
    max: Duration,
}

impl Histogram {
    /// Buckets per power of two of microseconds.
    const PER_OCTAVE: u64 = 32;
    const BUCKETS: usize = 32 * 32;

    pub(crate) fn new() -> Self {
        Self {
            counts: Box::new([0; Self::BUCKETS]),
            max: Duration::ZERO,
        }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[Self::bucket(micros)] += 1;
        self.max = self.max.max(duration);
    }

    /// Values below 32 have a bucket each; above, the five bits after the leading one choose within the octave.
    fn bucket(micros: u64) -> usize {
        let octave = u64::from(micros.max(Self::PER_OCTAVE).ilog2() - Self::PER_OCTAVE.ilog2());
        let bucket = octave * Self::PER_OCTAVE + (micros >> octave);
        usize::try_from(bucket).map_or(Self::BUCKETS - 1, |bucket| bucket.min(Self::BUCKETS - 1))
    }

    fn upper_bound(bucket: usize) -> Duration {
        let bucket = bucket as u64;
        let octave = (bucket / Self::PER_OCTAVE).saturating_sub(1);
        Duration::from_micros((bucket - octave * Self::PER_OCTAVE + 1) << octave)
    }

    pub(crate) fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration that `percent` of those recorded do not exceed; zero if nothing was.
    pub(crate) fn percentile(&self, percent: u64) -> Duration {
        let rank = (self.len() * percent).div_ceil(100);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank.max(1)
        });
        bucket.map_or(Duration::ZERO, |bucket| {
            Self::upper_bound(bucket).min(self.max)
        })
    }

    pub(crate) fn max(&self) -> Duration {
        self.max
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        f.debug_struct("Histogram")
            .field("len", &self.len())
            .field("p50", &p50)
            .field("p99", &p99)
            .finish_non_exhaustive()
    }
}

/// A task of the host's own that wants to run every few milliseconds, and records how late it does.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Histogram>,
}

impl Heartbeat {
    const PERIOD: Duration = Duration::from_millis(5);

    /// Starts the task. To be called within the runtime that is to be watched.
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut delays = Histogram::new();
            let mut due = Instant::now() + Self::PERIOD;
            while !stopped.load(Relaxed) {
                sleep_until(due).await;
                let now = Instant::now();
                delays.record(now - due);
                due = now + Self::PERIOD;
            }
            delays
        });
        Self { stop, task }
    }

    /// Ends the task; returns how late each beat was.
    pub(crate) async fn stop(self) -> Histogram {
        self.stop.store(true, Relaxed);
        self.task.await.expect("the heartbeat does not panic")
    }
}

/// The least and the most of what was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Range {
    pub(crate) const NONE: Self = Self {
        min: usize::MAX,
        max: 0,
    };

    pub(crate) fn add(&mut self, value: usize) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.min, self.max)
    }
}

/// The number of OS threads of this process.
pub(crate) fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Processor time used since boot, in clock ticks: by this process, by all, and what there was to use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTime {
    own: u64,
    all: u64,
    available: u64,
}

impl CpuTime {
    pub(crate) fn now() -> io::Result<Self> {
        let numbers = |text: &str| {
            text.split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect::<Vec<u64>>()
        };
        let unknown = || io::Error::other("/proc/stat or /proc/self/stat has an unknown format");

        let stat = fs::read_to_string("/proc/stat")?;
        let all = numbers(
            stat.lines()
                .next()
                .and_then(|line| line.strip_prefix("cpu "))
                .ok_or_else(unknown)?,
        );
        // user nice system idle iowait irq softirq steal; the guest times after them are counted in user.
        let all = all.get(..8).ok_or_else(unknown)?;
        let available: u64 = all.iter().sum();

        // After the name, which may contain anything: eleven fields, then the time in user and in system mode.
        let stat = fs::read_to_string("/proc/self/stat")?;
        let (_, fields) = stat.rsplit_once(')').ok_or_else(unknown)?;
        let times: Vec<u64> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse().ok())
            .collect();
        let own = times.iter().sum();
        Ok(Self {
            own,
            all: available - all[3] - all[4],
            available,
        })
    }

    /// The percentage of all processors that this process and the other ones used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> (u64, u64) {
        let available = (self.available - earlier.available).max(1);
        let (own, all) = (self.own - earlier.own, self.all - earlier.all);
        (
            own * 100 / available,
            all.saturating_sub(own) * 100 / available,
        )
    }
}

/// Has the allocator give its free pages back, so that resident memory is memory in use. Takes a while.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointer, may be called at any time by any thread, and frees only what is free already.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The resident memory of this process, in bytes.
pub(crate) fn resident() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<usize>()
            .ok()
    });
    kib.map(|kib| kib << 10)
        .ok_or_else(|| io::Error::other("no VmRSS in /proc/self/status"))
}
