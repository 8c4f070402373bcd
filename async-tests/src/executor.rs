//! Executors of one thread, made to be watched: they count polls, `Pending`s and wakes, and they stop with a message when
//! nobody will ever wake them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a thread may sleep without being woken before the test is called a deadlock.
const PATIENCE: Duration = Duration::from_secs(20);

/// A waker that counts how often it was woken and unparks the thread that made it.
#[derive(Debug)]
pub struct CountingWaker {
    wakes: AtomicUsize,
    thread: Thread,
}

impl CountingWaker {
    /// A waker for the current thread.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            wakes: AtomicUsize::new(0),
            thread: thread::current(),
        })
    }

    /// How often it has been woken.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// What one future did while it was driven to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trace {
    /// Polls that answered `Pending`.
    pub pendings: usize,
    /// The longest single poll.
    pub longest: Duration,
}

/// Runs a future to its end on this thread.
///
/// # Panics
///
/// If the future answers `Pending` and nobody wakes it.
pub fn block_on<F: Future>(future: F) -> F::Output {
    trace(future).0
}

/// Runs a future to its end on this thread and says how often it suspended and how long it kept the thread.
///
/// # Panics
///
/// If the future answers `Pending` and nobody wakes it.
pub fn trace<F: Future>(future: F) -> (F::Output, Trace) {
    let mut future = pin!(future);
    let counter = CountingWaker::new();
    let waker = Waker::from(Arc::clone(&counter));
    let mut trace = Trace::default();
    loop {
        let before = counter.wakes();
        let start = Instant::now();
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        trace.longest = trace.longest.max(start.elapsed());
        match poll {
            Poll::Ready(output) => return (output, trace),
            Poll::Pending => trace.pendings += 1,
        }
        wait_for_wake(|| counter.wakes() != before);
    }
}

/// Polls once. The waker goes nowhere.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Sleeps until `woken`, or stops the test.
fn wait_for_wake(woken: impl Fn() -> bool) {
    let start = Instant::now();
    while !woken() {
        let left = PATIENCE.checked_sub(start.elapsed());
        let left = left.unwrap_or_else(|| panic!("deadlock: nothing was woken for {PATIENCE:?}"));
        thread::park_timeout(left);
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Many futures on the thread that runs them, polled in turn whenever they have been woken.
#[derive(Default)]
pub struct OneThread<'a> {
    tasks: Vec<(Task<'a>, Arc<CountingWaker>, usize)>,
}

impl std::fmt::Debug for OneThread<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneThread")
            .field("tasks", &self.tasks.len())
            .finish()
    }
}

impl<'a> OneThread<'a> {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a task; it runs when [`Self::run`] or [`Self::turn`] is called.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'a) {
        let waker = CountingWaker::new();
        // One wake that nobody has seen yet: a new task is ready.
        waker.wakes.store(1, Ordering::SeqCst);
        self.tasks.push((Box::pin(task), waker, 0));
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.tasks.len()
    }

    /// Polls each woken task once, in the order of their birth. Says whether there was one.
    pub fn turn(&mut self) -> bool {
        let mut any = false;
        self.tasks.retain_mut(|(task, counter, seen)| {
            let wakes = counter.wakes();
            if *seen == wakes {
                return true;
            }
            *seen = wakes;
            any = true;
            let waker = Waker::from(Arc::clone(counter));
            task.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        });
        any
    }

    /// Runs until every task has ended.
    ///
    /// # Panics
    ///
    /// If tasks remain and none of them is woken.
    pub fn run(&mut self) {
        while !self.tasks.is_empty() {
            if !self.turn() {
                let tasks = &self.tasks;
                wait_for_wake(|| {
                    tasks
                        .iter()
                        .any(|(_, counter, seen)| counter.wakes() != *seen)
                });
            }
        }
    }
}
