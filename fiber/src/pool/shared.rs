//! What all handles and stacks of one pool share, and when it goes away.
//!
//! A reference count touched by every `get` and every return would cost as
//! much as the free list itself. Instead the slots are counted once, at the
//! end. While a handle lives, nothing is freed. The last handle to go closes
//! both free lists; that tells how many stacks are still out. A stack coming
//! back finds the lists closed and counts itself off instead:
//!
//! | who | change of `remaining` | frees if the result is 0 |
//! |---|---|---|
//! | last handle, after closing | + stacks still out | yes |
//! | stack that found the lists closed | - 1 | yes |
//!
//! `remaining` starts at 0 and every stack out is subtracted once and added
//! once, so before the addition it is negative and it is 0 exactly once
//! thereafter, whatever the order. A forgotten stack never comes back: then
//! the pool's memory stays mapped for good, as promised.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::chunks::{ChunkNodes, Chunks, Growth};
use super::free_list::{FreeList, Pushed};
use super::{PoolExhausted, StackPoolStats};
use crate::os;
use crate::stack::{FiberStack, StackLayout};

/// What a pool does with its stacks, in checked form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) zero: bool,
    pub(super) max_stacks: Option<u32>,
    pub(super) max_warm: u32,
    /// Bytes below the top that zeroing overwrites rather than discards.
    pub(super) keep_resident: usize,
}

#[derive(Debug)]
pub(super) struct Shared {
    /// Idle stacks with their memory; taken first.
    warm: FreeList,
    /// Idle stacks whose memory was given back to the system.
    cold: FreeList,
    chunks: Chunks,
    policy: Policy,
    growth: Mutex<Growth>,
    remaining: AtomicIsize,
}

impl Shared {
    pub(super) fn new(layout: StackLayout, policy: Policy) -> Self {
        Self {
            warm: FreeList::new(),
            cold: FreeList::new(),
            chunks: Chunks::new(layout),
            policy,
            growth: Mutex::new(Growth::new()),
            remaining: AtomicIsize::new(0),
        }
    }

    /// Takes a stack out of the pool at `this`.
    ///
    /// # Safety
    ///
    /// `this` is the pool of a live handle.
    #[inline]
    pub(super) unsafe fn take(this: NonNull<Self>) -> io::Result<FiberStack> {
        // SAFETY: a live handle keeps the pool.
        let shared = unsafe { this.as_ref() };
        let index = match shared.warm.pop(shared.nodes()) {
            Some(index) => index,
            None => shared.take_slow(this)?,
        };
        // SAFETY: the index came from a free list or is new, so it is ours
        // alone; `create` put its guard in place; the pool waits for it.
        Ok(unsafe { FiberStack::pooled(shared.chunks.stack(index)) })
    }

    /// `this` is where `self` lives.
    #[cold]
    fn take_slow(&self, this: NonNull<Self>) -> io::Result<u32> {
        if let Some(index) = self.cold.pop(self.nodes()) {
            return Ok(index);
        }
        let mut growth = self.lock_growth();
        // Some may have come back while this thread waited for the lock.
        if let Some(index) = self
            .warm
            .pop(self.nodes())
            .or_else(|| self.cold.pop(self.nodes()))
        {
            return Ok(index);
        }
        let limit = self.policy.max_stacks.unwrap_or(u32::MAX);
        let room = limit - growth.created;
        if room == 0 {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                PoolExhausted { limit },
            ));
        }
        self.chunks
            .create(&mut growth, room, this)
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!(
                        "cannot add a fiber stack to the {} of its pool: {error}",
                        growth.created
                    ),
                )
            })
    }

    pub(super) fn stats(&self) -> StackPoolStats {
        let growth = self.lock_growth();
        let warm = self.warm.len(self.nodes());
        let cold = self.cold.len(self.nodes());
        let idle = warm.saturating_add(cold).min(growth.created);
        StackPoolStats {
            live: (growth.created - idle) as usize,
            idle: idle as usize,
            warm: warm.min(idle) as usize,
            mapped_bytes: growth.mapped,
        }
    }

    #[inline]
    fn nodes(&self) -> ChunkNodes {
        // SAFETY: nodes are only asked for by the free lists' methods. Those
        // are called through a handle, or for a slot that is out, and do not
        // ask again once such a slot has been pushed.
        unsafe { ChunkNodes::new(&self.chunks) }
    }

    pub(super) fn stack_size(&self) -> usize {
        self.chunks.layout().usable()
    }

    /// Closes the pool at `this`: its last handle is gone.
    ///
    /// # Safety
    ///
    /// `this` came from `Box::into_raw`, this is called once, and no handle
    /// is left, so nobody takes stacks any more.
    pub(super) unsafe fn close(this: NonNull<Self>) {
        // SAFETY: only this call or the last stack frees the pool, and the
        // stacks cannot, since `remaining` does not reach 0 before the
        // addition in `count_off` below.
        let shared = unsafe { this.as_ref() };
        let idle = shared.warm.close(shared.nodes()) + shared.cold.close(shared.nodes());
        let out = shared.lock_growth().created - idle;
        let out = isize::try_from(out).expect("the number of slots fits an isize");
        // SAFETY: this is the one addition of the table above.
        unsafe { Self::count_off(this, out) };
    }

    /// Changes `remaining` and frees the pool if that makes it 0.
    ///
    /// # Safety
    ///
    /// The change is one of those in the table above. `this` is not to be
    /// used afterwards.
    unsafe fn count_off(this: NonNull<Self>, change: isize) {
        // SAFETY: the pool is freed only by who makes `remaining` 0, and that
        // takes this very change.
        let before = unsafe { this.as_ref() }
            .remaining
            .fetch_add(change, Ordering::AcqRel);
        if before + change == 0 {
            // SAFETY: no handle and no stack is left, and this is the one
            // time that the count is 0.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }

    fn lock_growth(&self) -> std::sync::MutexGuard<'_, Growth> {
        // Nothing under the lock leaves it half done when it panics.
        self.growth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a returned stack read as zero.
    ///
    /// # Safety
    ///
    /// The slot is the caller's and nothing lives in it.
    unsafe fn zero(&self, index: u32) {
        let layout = self.chunks.layout();
        let keep = self.policy.keep_resident.min(layout.usable());
        let rest = layout.usable() - keep;
        let bottom = self.chunks.stack(index).bottom();
        // SAFETY: the usable part of the slot, in whole pages; nothing there.
        let discarded = unsafe { os::discard(bottom, rest) };
        // Locked memory cannot be discarded: overwrite it, it is resident.
        let from = if discarded.is_ok() { rest } else { 0 };
        // SAFETY: still within the usable part.
        unsafe { ptr::write_bytes(bottom.as_ptr().add(from), 0, layout.usable() - from) };
    }

    /// Gives a returned stack's memory back to the system.
    ///
    /// # Safety
    ///
    /// As for [`Shared::zero`].
    #[cold]
    unsafe fn cool(&self, index: u32) {
        let layout = self.chunks.layout();
        let bottom = self.chunks.stack(index).bottom();
        // A refusal (locked memory) costs memory, not correctness.
        // SAFETY: the usable part of the slot; nothing lives there.
        let _ = unsafe { os::discard(bottom, layout.usable()) };
    }
}

/// Which slot of which pool.
#[derive(Clone, Copy)]
pub(crate) struct PoolHome {
    shared: NonNull<Shared>,
    index: u32,
}

// SAFETY: an address of a `Shared`, which is `Send + Sync`, and a number.
unsafe impl Send for PoolHome {}
// SAFETY: as above.
unsafe impl Sync for PoolHome {}

impl PoolHome {
    pub(super) fn new(shared: NonNull<Shared>, index: u32) -> Self {
        Self { shared, index }
    }

    /// Brings a stack back into its pool.
    ///
    /// # Safety
    ///
    /// The stack was out, nothing lives on it, and no handle to it is used
    /// any more.
    #[inline]
    pub(crate) unsafe fn give_back(self) {
        let (this, index) = (self.shared, self.index);
        // SAFETY: the pool cannot be freed while this slot is out.
        let shared = unsafe { this.as_ref() };
        if shared.policy.zero {
            // SAFETY: the slot is ours by this function's contract.
            unsafe { shared.zero(index) };
        }
        let mut pushed = shared
            .warm
            .push(index, shared.policy.max_warm, shared.nodes());
        if pushed == Pushed::Full {
            // SAFETY: as above; the push has left the slot with us.
            unsafe { shared.cool(index) };
            pushed = shared.cold.push(index, u32::MAX, shared.nodes());
        }
        // After `Done` another thread may have freed the pool already.
        if pushed == Pushed::Closed {
            // SAFETY: this slot was out when the pool was closed, and is
            // counted off here, once.
            unsafe { Shared::count_off(this, -1) };
        }
    }
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Shared>();
};
