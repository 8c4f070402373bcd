//! The epoch: a count that somebody advances, and an alarm per store that rings when the count reaches its deadline.
//!
//! ```text
//! EpochClock { now }
//!   └─> Block { [ Alarm { due, deadline }, .. 64 ] } ──> Block { .. 128 } ──> ..
//!                         ^ machine code compares this word with zero: no count to load, no deadline to compare
//! ```
//!
//! | field | who writes it |
//! |---|---|
//! | `now` | [`EpochClock::tick`] |
//! | `Alarm::deadline` | its store |
//! | `Alarm::due` | its store; `tick`, which only ever sets it |
//!
//! A tick takes no lock, so that it may come from a signal handler: blocks are only ever added, and stay as long as the
//! clock. It may set `due` for a deadline that the store has just moved: so whoever finds an alarm due asks
//! [`Alarm::passed`] before believing it. It is never missed: `now` and `deadline` are written and then the other is read,
//! both sequentially consistent, so that one of the two sides sees both.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The deadline of an alarm that nobody has.
const NEVER: u64 = u64::MAX;

const FIRST_BLOCK: usize = 64;

/// A count, and who waits for it.
#[derive(Default)]
pub(crate) struct EpochClock {
    now: Arc<AtomicU64>,
    first: OnceLock<Arc<Block>>,
    /// Alarms that nobody has.
    free: Arc<Mutex<Vec<Place>>>,
}

struct Block {
    alarms: Box<[Cell]>,
    /// How many of them, from the first on, have ever been given out.
    used: AtomicUsize,
    next: OnceLock<Arc<Block>>,
}

struct Cell {
    due: AtomicU64,
    deadline: AtomicU64,
}

/// An alarm's cell.
struct Place {
    block: Arc<Block>,
    index: usize,
}

impl EpochClock {
    /// The count.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Advances the count by one and rings the alarms whose deadline it reaches. Async-signal-safe.
    pub(crate) fn tick(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        let mut next = self.first.get();
        while let Some(block) = next {
            for cell in &block.alarms[..block.used.load(Ordering::SeqCst)] {
                if cell.deadline.load(Ordering::SeqCst) <= now
                    && cell.due.load(Ordering::Relaxed) == 0
                {
                    cell.due.store(1, Ordering::Release);
                }
            }
            next = block.next.get();
        }
    }

    /// An alarm whose deadline is zero.
    pub(crate) fn alarm(&self) -> Alarm {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.is_empty() {
            self.add_block(&mut free);
        }
        let place = free.pop().expect("a block was added if there was none");
        place
            .block
            .used
            .fetch_max(place.index + 1, Ordering::SeqCst);
        drop(free);
        let alarm = Alarm {
            place: Some(place),
            now: self.now.clone(),
            free: self.free.clone(),
        };
        alarm.set(0);
        alarm
    }

    /// Appends a block twice as large as the last one.
    fn add_block(&self, free: &mut Vec<Place>) {
        let mut len = FIRST_BLOCK;
        let mut end = &self.first;
        while let Some(block) = end.get() {
            len = block.alarms.len() * 2;
            end = &block.next;
        }
        let cell = || Cell {
            due: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
        };
        let block = Arc::new(Block {
            alarms: std::iter::repeat_with(cell).take(len).collect(),
            used: AtomicUsize::new(0),
            next: OnceLock::new(),
        });
        free.extend((0..len).rev().map(|index| Place {
            block: block.clone(),
            index,
        }));
        // Only this function sets it, under the lock of the free list.
        let _ = end.set(block);
    }
}

impl fmt::Debug for EpochClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochClock")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

/// Rings when the count reaches a deadline.
pub(crate) struct Alarm {
    /// Taken by the drop alone.
    place: Option<Place>,
    now: Arc<AtomicU64>,
    free: Arc<Mutex<Vec<Place>>>,
}

impl Alarm {
    fn cell(&self) -> &Cell {
        let place = self.place.as_ref().expect("taken by the drop alone");
        &place.block.alarms[place.index]
    }

    /// The word that is not zero once the deadline is reached. It stays where it is as long as the alarm exists.
    pub(crate) fn due(&self) -> &AtomicU64 {
        &self.cell().due
    }

    /// Moves the deadline.
    pub(crate) fn set(&self, deadline: u64) {
        let cell = self.cell();
        // Before the deadline, so that whoever rings for the new one does so behind this.
        cell.due.store(0, Ordering::Relaxed);
        cell.deadline.store(deadline, Ordering::SeqCst);
        if self.now.load(Ordering::SeqCst) >= deadline {
            cell.due.store(1, Ordering::Relaxed);
        }
    }

    /// Whether the count has reached the deadline. If not, the alarm is made quiet: what rang was an older deadline.
    pub(crate) fn passed(&self) -> bool {
        let deadline = self.cell().deadline.load(Ordering::Relaxed);
        let passed = self.now.load(Ordering::SeqCst) >= deadline;
        if !passed {
            self.set(deadline);
        }
        passed
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.set(NEVER);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.place.take());
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deadline = self.cell().deadline.load(Ordering::Relaxed);
        f.debug_struct("Alarm")
            .field("deadline", &deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, EpochClock};
    use std::sync::atomic::{AtomicBool, Ordering};

    fn rings(alarm: &Alarm) -> bool {
        alarm.due().load(Ordering::SeqCst) != 0
    }

    #[test]
    fn alarms_ring_at_their_deadline() {
        let clock = EpochClock::default();
        let alarm = clock.alarm();
        assert!(rings(&alarm) && alarm.passed(), "a new deadline is zero");
        alarm.set(2);
        assert!(!rings(&alarm) && !alarm.passed());
        clock.tick();
        assert!(!rings(&alarm));
        clock.tick();
        assert!(rings(&alarm) && alarm.passed());
        alarm.set(clock.now() + 1);
        assert!(!rings(&alarm));
    }

    #[test]
    fn an_alarm_that_rings_for_an_older_deadline_is_made_quiet() {
        let clock = EpochClock::default();
        let alarm = clock.alarm();
        alarm.set(5);
        alarm.due().store(1, Ordering::SeqCst);
        assert!(!alarm.passed());
        assert!(!rings(&alarm));
    }

    #[test]
    fn cells_are_used_again_and_stay_in_place() {
        let clock = EpochClock::default();
        let alarms: Vec<Alarm> = (0..1000).map(|_| clock.alarm()).collect();
        let mut places: Vec<usize> = alarms
            .iter()
            .map(|a| std::ptr::from_ref(a.due()).addr())
            .collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 1000);
        drop(alarms);
        for _ in 0..10_000 {
            let alarm = clock.alarm();
            assert!(
                places
                    .binary_search(&std::ptr::from_ref(alarm.due()).addr())
                    .is_ok()
            );
            assert!(rings(&alarm));
        }
        let free = clock.free.lock().unwrap().len();
        assert_eq!(free, 64 + 128 + 256 + 512 + 1024, "no block was added");
    }

    #[test]
    fn no_deadline_is_missed() {
        let clock = EpochClock::default();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    clock.tick();
                }
            });
            let alarm = clock.alarm();
            for _ in 0..20_000 {
                let deadline = clock.now() + 1;
                alarm.set(deadline);
                while clock.now() <= deadline {
                    std::hint::spin_loop();
                }
                // The tick after the deadline's has begun, so the one of the deadline has rung.
                while !rings(&alarm) {
                    assert!(clock.now() < deadline + 1_000_000, "a deadline was missed");
                }
                assert!(alarm.passed());
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
