//! A lock-free LIFO list of slot indices.
//!
//! The head is one word `(tag, index)` and each slot has a node
//! `(depth, next)`. A push raises the tag, so a compare-and-swap that was
//! prepared against an older list fails even if the same index is on top
//! again. Tags repeat after 2^32 pushes: a thread would have to sleep that
//! long between two adjacent instructions.
//!
//! | word | written by | read by |
//! |---|---|---|
//! | `head` | push, pop, close: compare-and-swap | anyone |
//! | node of a slot | who is pushing that slot, before the swap | anyone; believed only if the swap that follows succeeds |
//!
//! Memory order: a push releases and a pop acquires, so what was written to a
//! slot (its node, its stack) before it was pushed is seen by who pops it.
//! All changes of the head are read-modify-writes, hence one release sequence.
//!
//! This file knows indices only: no addresses, no unsafe code.

use std::sync::atomic::{AtomicU64, Ordering};

/// Not an index: the list is empty.
const EMPTY: u32 = u32::MAX;
/// Not an index: the list takes nothing any more.
const CLOSED: u32 = u32::MAX - 1;
/// Indices are smaller than this.
pub(super) const INDEX_LIMIT: u32 = CLOSED;

/// Where the nodes of slots are found. Passed by value: see [`FreeList::push`].
pub(super) trait Nodes: Copy {
    /// The node of a slot that has been pushed, or is about to be.
    fn node(&self, index: u32) -> &AtomicU64;
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The slot is in the list, and no longer the caller's.
    Done,
    /// The list has as many slots as allowed; the slot is still the caller's.
    Full,
    /// The list has been closed; the slot is still the caller's.
    Closed,
}

/// On cache lines of its own: two lists are always hot at once.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct FreeList {
    head: AtomicU64,
}

impl FreeList {
    pub(super) const fn new() -> Self {
        Self {
            head: AtomicU64::new(pack(0, EMPTY)),
        }
    }

    /// Takes the slot pushed last.
    #[inline]
    pub(super) fn pop(&self, nodes: impl Nodes) -> Option<u32> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let (tag, index) = unpack(head);
            if index >= INDEX_LIMIT {
                return None;
            }
            // Possibly stale, if the slot was popped meanwhile: then the swap
            // fails and the value is not used.
            let (_, next) = unpack(nodes.node(index).load(Ordering::Relaxed));
            match self.head.compare_exchange_weak(
                head,
                pack(tag, next),
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }

    /// Adds a slot of the caller's unless `limit` slots are there already.
    ///
    /// On [`Pushed::Done`] the slot may be taken, and everything around it
    /// freed, before this returns. Hence `nodes` is a value: a reference as an
    /// argument would promise that it outlives the call.
    #[inline]
    pub(super) fn push(&self, index: u32, limit: u32, nodes: impl Nodes) -> Pushed {
        debug_assert!(index < INDEX_LIMIT);
        let node = nodes.node(index);
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let (tag, next) = unpack(head);
            let depth = match next {
                CLOSED => return Pushed::Closed,
                EMPTY => 0,
                _ => unpack(nodes.node(next).load(Ordering::Relaxed)).0,
            };
            if depth >= limit {
                // Stale or not, some list with this head was full.
                return Pushed::Full;
            }
            node.store(pack(depth + 1, next), Ordering::Relaxed);
            match self.head.compare_exchange_weak(
                head,
                pack(tag.wrapping_add(1), index),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return Pushed::Done,
                Err(now) => head = now,
            }
        }
    }

    /// How many slots are in the list, at some moment near now.
    pub(super) fn len(&self, nodes: impl Nodes) -> u32 {
        depth_of(self.head.load(Ordering::Acquire), nodes)
    }

    /// Refuses all further pushes and tells how many slots were in the list.
    pub(super) fn close(&self, nodes: impl Nodes) -> u32 {
        depth_of(self.head.swap(pack(0, CLOSED), Ordering::AcqRel), nodes)
    }
}

fn depth_of(head: u64, nodes: impl Nodes) -> u32 {
    match unpack(head).1 {
        EMPTY | CLOSED => 0,
        index => unpack(nodes.node(index).load(Ordering::Relaxed)).0,
    }
}

const fn pack(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "taking the two halves apart is the purpose"
)]
const fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    impl Nodes for &[AtomicU64] {
        fn node(&self, index: u32) -> &AtomicU64 {
            &self[index as usize]
        }
    }

    fn nodes(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn last_in_first_out_up_to_the_limit() {
        let (list, nodes) = (FreeList::new(), nodes(4));
        let nodes = &nodes[..];
        assert_eq!(list.pop(nodes), None);
        for index in 0..3 {
            assert_eq!(list.push(index, 3, nodes), Pushed::Done);
        }
        assert_eq!(list.push(3, 3, nodes), Pushed::Full);
        assert_eq!(list.len(nodes), 3);
        assert_eq!(list.pop(nodes), Some(2));
        assert_eq!(list.push(3, 3, nodes), Pushed::Done);
        assert_eq!(list.pop(nodes), Some(3));
        assert_eq!(list.pop(nodes), Some(1));
        assert_eq!(list.pop(nodes), Some(0));
        assert_eq!(list.pop(nodes), None);
        assert_eq!(list.len(nodes), 0);
    }

    #[test]
    fn closed_lists_count_what_they_held_and_take_nothing() {
        let (list, nodes) = (FreeList::new(), nodes(3));
        let nodes = &nodes[..];
        list.push(0, 9, nodes);
        list.push(1, 9, nodes);
        assert_eq!(list.close(nodes), 2);
        assert_eq!(list.push(2, 9, nodes), Pushed::Closed);
        assert_eq!(list.pop(nodes), None);
        assert_eq!(list.close(nodes), 0);
    }

    #[test]
    fn the_same_slot_on_top_again_is_another_head() {
        let (list, nodes) = (FreeList::new(), nodes(2));
        let nodes = &nodes[..];
        list.push(0, 2, nodes);
        list.push(1, 2, nodes);
        // A thread that sleeps in `pop` here believes that 0 is below 1 ...
        let seen = list.head.load(Ordering::Relaxed);
        assert_eq!((list.pop(nodes), list.pop(nodes)), (Some(1), Some(0)));
        list.push(1, 2, nodes);
        // ... which would hand out 0 twice, were its swap to succeed now.
        assert_ne!(list.head.load(Ordering::Relaxed), seen);
    }

    #[test]
    fn no_slot_is_held_by_two_threads() {
        const SLOTS: u32 = 3;
        let (list, nodes) = (FreeList::new(), nodes(SLOTS as usize));
        let nodes = &nodes[..];
        let held: Vec<AtomicBool> = (0..SLOTS).map(|_| AtomicBool::new(false)).collect();
        for index in 0..SLOTS {
            list.push(index, SLOTS, nodes);
        }
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..50_000_u32 {
                        // Two at a time, given back in either order, so that
                        // the same index comes back over different ones.
                        let pair = [list.pop(nodes), list.pop(nodes)];
                        for index in pair.into_iter().flatten() {
                            assert!(!held[index as usize].swap(true, Ordering::Relaxed));
                        }
                        for step in 0..2 {
                            if let Some(index) = pair[(step + round as usize) % 2] {
                                assert!(held[index as usize].swap(false, Ordering::Relaxed));
                                assert_eq!(list.push(index, SLOTS, nodes), Pushed::Done);
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(list.len(nodes), SLOTS);
        let mut all: Vec<u32> = std::iter::from_fn(|| list.pop(nodes)).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    }
}
