//! How guests share worker threads: a meter per guest, and turns for those that have used much. Knows nothing of HTTP, and of
//! the runtime only that a deadline callback returns an [`UpdateDeadline`].
//!
//! The executor polls its tasks round robin, so a guest that yields every slice is polite to one neighbour but not in a crowd:
//! two hundred endless loops on two workers would make every woken task wait for a hundred slices. Hence two levels.
//! A guest that has used less than [`Policy::grace`] of CPU time runs whenever it is woken. From then on it needs a turn to
//! run, one slice long; turns are few, go to whoever has waited longest, and come from the thread that ticks.
//!
//! That thread is no worker, so what it wakes goes to the executor's global queue, which workers visit when they have nothing
//! else to do, or after so many polls. And turns rest for as long as they took: a slice on an idle machine, longer on a busy
//! one, where a turn waits in the queue, too. Meanwhile a worker without work of its own takes some from another's queue.
//! However many guests hog the processor, the others see no more than a slice of one of them, now and then.
//!
//! ```text
//!              woken               spent >= grace             a tick
//!   asleep -----------> fresh ---------------------> waiting -----------> polled for one slice
//!                         |                             ^                           |
//!                         +---> polled                  +---------------------------+
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;
use tussah::{Engine, UpdateDeadline};

/// How much of the processor a guest gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How long a guest runs before it yields: the period of the epoch.
    pub(crate) slice: Duration,
    /// CPU time after which a guest needs turns.
    pub(crate) grace: Duration,
    /// CPU time after which it is stopped.
    pub(crate) budget: Duration,
}

impl Policy {
    pub(crate) const DEFAULT: Self = Self {
        slice: Duration::from_millis(1),
        grace: Duration::from_millis(3),
        budget: Duration::from_millis(10),
    };
}

/// Starts the thread that advances the engine's epoch and hands out turns once per slice, for as long as the process lives.
///
/// A thread of its own, not a task: a task would need a worker, and when guests occupy all workers it is the epoch that gets
/// them back.
pub(crate) fn start_ticker(engine: Engine, turns: Turns, slice: Duration) -> std::io::Result<()> {
    let mut dealer = Dealer {
        turns,
        took: 0,
        rest: 0,
    };
    let tick = move || {
        loop {
            thread::sleep(slice);
            dealer.tick();
            engine.increment_epoch();
        }
    };
    thread::Builder::new()
        .name("epoch".into())
        .spawn(tick)
        .map(drop)
}

/// The CPU time of one guest, counted over the polls of its future.
///
/// CPU time and not slices: ticks go on while a guest sleeps or waits for a turn. And not wall time: a guest does not pay for
/// what else the machine does. Only the thread that polls the guest touches a meter; the atomics make it `Sync`.
#[derive(Debug)]
pub(crate) struct Meter {
    policy: Policy,
    before_poll: AtomicU64,
    poll_began: AtomicU64,
}

impl Meter {
    pub(crate) fn new(policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            policy,
            before_poll: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
        })
    }

    /// What to do with a guest that has reached its deadline. To be called while it is polled.
    pub(crate) fn deadline(&self) -> UpdateDeadline {
        let in_poll = Duration::from_nanos(self.in_poll());
        if self.spent() + in_poll >= self.policy.budget {
            UpdateDeadline::Interrupt
        } else if in_poll < self.policy.slice / 2 {
            // The deadline passed while the guest was suspended in the host, or a tick fell just after it began.
            UpdateDeadline::Continue(1)
        } else {
            UpdateDeadline::Yield(1)
        }
    }

    fn spent(&self) -> Duration {
        Duration::from_nanos(self.before_poll.load(Relaxed))
    }

    fn in_poll(&self) -> u64 {
        thread_cpu_nanos().saturating_sub(self.poll_began.load(Relaxed))
    }

    fn measure<R>(&self, poll: impl FnOnce() -> R) -> R {
        self.poll_began.store(thread_cpu_nanos(), Relaxed);
        let result = poll();
        self.before_poll.fetch_add(self.in_poll(), Relaxed);
        result
    }
}

fn thread_cpu_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The turns of guests that have used up their grace.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<TurnsInner>);

#[derive(Debug)]
struct TurnsInner {
    /// Its permits are turns that were handed out and not begun; it keeps the queue of those who wait.
    ready: Semaphore,
    /// Turns handed out and not over.
    out: AtomicUsize,
    most: usize,
}

impl Turns {
    /// As many turns at a time as leave one worker free of hogs, if there are two.
    pub(crate) fn new(workers: usize) -> Self {
        let most = workers.saturating_sub(1).max(1);
        Self(Arc::new(TurnsInner {
            ready: Semaphore::new(0),
            out: AtomicUsize::new(0),
            most,
        }))
    }

    async fn wait(self) -> Turn {
        self.0
            .ready
            .acquire()
            .await
            .expect("turns are never closed")
            .forget();
        Turn(self)
    }
}

/// Hands out turns, and has them rest.
struct Dealer {
    turns: Turns,
    /// Ticks that the turns now under way have taken.
    took: u32,
    /// Ticks until the next are handed out.
    rest: u32,
}

impl Dealer {
    const LONGEST_REST: u32 = 100;

    fn tick(&mut self) {
        let TurnsInner { ready, out, most } = &*self.turns.0;
        let unwanted = ready.available_permits();
        let out_now = out.load(Relaxed);
        if out_now > unwanted {
            self.took += 1;
            return;
        }
        if self.took > 0 {
            self.rest = self.took.min(Self::LONGEST_REST);
            self.took = 0;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        // No other thread hands out, so `out` can but have fallen meanwhile.
        let more = most - out_now;
        out.fetch_add(more, Relaxed);
        ready.add_permits(more);
    }
}

/// The right to run for a slice.
struct Turn(Turns);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.out.fetch_sub(1, Relaxed);
    }
}

type Waiting = Pin<Box<dyn Future<Output = Turn> + Send>>;

/// A guest's future, metered, and polled only when it is its turn.
pub(crate) struct Fair<F> {
    guest: Pin<Box<F>>,
    meter: Arc<Meter>,
    turns: Turns,
    waiting: Option<Waiting>,
}

impl<F> Fair<F> {
    pub(crate) fn new(turns: &Turns, meter: &Arc<Meter>, guest: F) -> Self {
        Self {
            guest: Box::pin(guest),
            meter: meter.clone(),
            turns: turns.clone(),
            waiting: None,
        }
    }
}

impl<F> fmt::Debug for Fair<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fair")
            .field("meter", &self.meter)
            .finish_non_exhaustive()
    }
}

impl<F: Future> Future for Fair<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _turn = if this.meter.spent() < this.meter.policy.grace {
            None
        } else {
            let waiting = this
                .waiting
                .get_or_insert_with(|| Box::pin(this.turns.clone().wait()));
            let turn = ready!(waiting.as_mut().poll(cx));
            this.waiting = None;
            Some(turn)
        };
        let guest = this.guest.as_mut();
        this.meter.measure(|| guest.poll(cx))
    }
}
