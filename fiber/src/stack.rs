//! The memory a fiber runs on: its layout, and who owns it.
//!
//! ```text
//!  high   +------------------+  <- top(): page aligned, range().end
//!         | switch record    |     entry function, link to the resumer
//!         | closure          |     moved here by Fiber::new, no heap
//!         +------------------+
//!         | frames           |     grow downwards
//!         |        |         |
//!         |        v         |
//!         ~                  ~     untouched pages cost nothing
//!         |                  |
//!         +------------------+  <- range().start, guard_range().end
//!         | guard            |     every access faults
//!  low    +------------------+  <- guard_range().start
//! ```
//!
//! A stack owns its memory in one of three ways: a mapping of its own, a slot
//! of a pool, or memory lent by the embedder. Dropping it gives the memory
//! back; forgetting it means that the memory is never unmapped or reused.

use std::fmt;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;

use corosensei::stack::{MIN_STACK_SIZE, STACK_ALIGNMENT, Stack, StackPointer};

use crate::os::{self, Mapping};
use crate::pool::PoolHome;

/// Guard size where nobody asked for another one.
///
/// Rust and Cranelift probe every page of a large frame; C code linked into
/// a host function usually does not, and could step over a single page.
pub(crate) const DEFAULT_GUARD: usize = 64 << 10;

/// Memory for a fiber's stack, with a guard below it.
///
/// Stacks may be made and dropped on any thread. See [`StackPool`] for the
/// cheap way of getting one.
///
/// [`StackPool`]: crate::StackPool
//
// Stacks are moved often: pool, fiber, store. So the handle is one pointer,
// which travels in a register, to a record that stays where it is.
pub struct FiberStack {
    /// Valid as long as this handle; never handed out twice at a time.
    slot: NonNull<Slot>,
}

// SAFETY: a handle is a pointer to a `Slot`, which is `Send + Sync`, and the
// right to give it back once. The memory itself is only touched by a fiber,
// which has its own contract for crossing threads.
unsafe impl Send for FiberStack {}
// SAFETY: `&FiberStack` only tells addresses.
unsafe impl Sync for FiberStack {}

/// The record of one stack. Never changed once made.
#[derive(Debug)]
pub(crate) struct Slot {
    top: NonNull<u8>,
    usable: usize,
    /// Bytes of guard directly below the usable range.
    guard: usize,
    home: Home,
}

// SAFETY: `top` is an address, and the rest is `Send`.
unsafe impl Send for Slot {}
// SAFETY: as above for `Sync`; and nothing in a record changes.
unsafe impl Sync for Slot {}

/// Where a stack goes when it is dropped.
enum Home {
    /// Back to a pool, which also holds the record.
    Pool(PoolHome),
    /// Unmapped, with its boxed record.
    Mapping(#[expect(dead_code, reason = "kept for its drop")] Mapping),
    /// Back to the embedder, with its boxed record.
    Custom(#[expect(dead_code, reason = "kept for its drop")] Box<dyn StackMemory>),
}

impl FiberStack {
    /// Maps a stack of its own with at least `size` usable bytes.
    ///
    /// Fresh memory is always zero, so `zeroed` asks for nothing more here;
    /// it is for [`StackMemory`] providers, which recycle.
    ///
    /// # Errors
    ///
    /// `size` is zero or does not fit the address space, or the system has no
    /// memory or no mapping left.
    pub fn new(size: usize, zeroed: bool) -> io::Result<Self> {
        let _ = zeroed;
        let layout = StackLayout::new(size, DEFAULT_GUARD)?;
        let mapping = Mapping::new(layout.stride()).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot map a fiber stack of {size} bytes: {error}"),
            )
        })?;
        let base = mapping.base();
        // SAFETY: the mapping is `stride` bytes long, fresh, and nobody else
        // has seen it.
        unsafe { layout.protect(&mapping, base) }?;
        // SAFETY: as above; the slot owns the mapping from here on.
        Ok(Self::boxed(unsafe {
            Slot::new(base, layout, Home::Mapping(mapping))
        }))
    }

    /// Uses memory provided by the embedder.
    ///
    /// # Errors
    ///
    /// The memory is smaller than 4 KiB, its top is not aligned to 16 bytes
    /// or is not the end of its range, or the guard overlaps the range.
    pub fn from_custom(memory: Box<dyn StackMemory>) -> io::Result<Self> {
        let range = memory.range();
        let guard = memory.guard_range();
        let guard = guard.start.addr()..guard.end.addr();
        let top = NonNull::new(memory.top())
            .filter(|top| top.addr().get() == range.end)
            .ok_or_else(|| invalid("the top of a custom stack must be the end of its range"))?;
        if !range.end.is_multiple_of(STACK_ALIGNMENT) {
            return Err(invalid("the top of a custom stack must be 16-byte aligned"));
        }
        let usable = range.end.saturating_sub(range.start);
        if usable < MIN_STACK_SIZE {
            return Err(invalid(format!(
                "a custom stack must have at least {MIN_STACK_SIZE} bytes, this one has {usable}"
            )));
        }
        if guard.end > range.start || guard.start > guard.end {
            return Err(invalid("the guard of a custom stack must lie below it"));
        }
        Ok(Self::boxed(Slot {
            top,
            usable,
            // Only a guard that touches the stack counts as its limit.
            guard: if guard.end == range.start {
                guard.end - guard.start
            } else {
                0
            },
            home: Home::Custom(memory),
        }))
    }

    fn boxed(slot: Slot) -> Self {
        Self {
            slot: NonNull::from(Box::leak(Box::new(slot))),
        }
    }

    /// The stack of a pool's slot.
    ///
    /// # Safety
    ///
    /// The slot's guard is in place, no other handle to it exists, and its
    /// pool lives until it is given back.
    #[inline]
    pub(crate) unsafe fn pooled(slot: &Slot) -> Self {
        debug_assert!(matches!(slot.home, Home::Pool(_)));
        Self {
            slot: NonNull::from(slot),
        }
    }

    #[inline]
    fn slot(&self) -> &Slot {
        // SAFETY: the record lives as long as this handle: it is boxed for
        // it, or its pool waits for it.
        unsafe { self.slot.as_ref() }
    }

    /// The highest address: where the first frame is pushed.
    #[inline]
    pub fn top(&self) -> *mut u8 {
        self.slot().top.as_ptr()
    }

    /// The usable addresses, guard excluded.
    #[inline]
    pub fn range(&self) -> Range<usize> {
        let slot = self.slot();
        let end = slot.top.addr().get();
        end - slot.usable..end
    }

    /// The guard directly below the usable addresses; empty if the memory is
    /// the embedder's and its guard lies elsewhere.
    #[inline]
    pub fn guard_range(&self) -> Range<*mut u8> {
        let slot = self.slot();
        let end = slot.top.as_ptr().wrapping_sub(slot.usable);
        end.wrapping_sub(slot.guard)..end
    }

    /// Whether dropping this stack gives it back to a pool.
    pub fn is_pooled(&self) -> bool {
        matches!(self.slot().home, Home::Pool(_))
    }

    #[inline]
    pub(crate) fn bounds(&self) -> Bounds {
        let slot = self.slot();
        Bounds {
            top: slot.top.addr(),
            len: slot.usable + slot.guard,
        }
    }
}

impl Drop for FiberStack {
    #[inline]
    fn drop(&mut self) {
        if let Home::Pool(home) = &self.slot().home {
            // The record may be gone as soon as the pool has the slot back.
            let home = *home;
            // SAFETY: this handle was the slot's only one and ends here.
            unsafe { home.give_back() };
        } else {
            // SAFETY: other slots were boxed by `boxed` for this handle.
            drop(unsafe { Box::from_raw(self.slot.as_ptr()) });
        }
    }
}

impl fmt::Debug for FiberStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FiberStack")
            .field("range", &self.range())
            .field("guard", &self.guard_range())
            .field("home", &self.slot().home)
            .finish()
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pool(_) => "pool",
            Self::Mapping(_) => "mapping",
            Self::Custom(_) => "custom",
        })
    }
}

impl Slot {
    /// The record of a pool's slot.
    ///
    /// # Safety
    ///
    /// `base` starts a slot of `layout` that stays mapped while the record
    /// is in use.
    pub(crate) unsafe fn pooled(base: NonNull<u8>, layout: StackLayout, home: PoolHome) -> Self {
        // SAFETY: the caller's.
        unsafe { Self::new(base, layout, Home::Pool(home)) }
    }

    /// # Safety
    ///
    /// As for [`Slot::pooled`].
    unsafe fn new(base: NonNull<u8>, layout: StackLayout, home: Home) -> Self {
        Self {
            // SAFETY: a slot is `stride` bytes long, so this is its end.
            top: unsafe { base.add(layout.stride()) },
            usable: layout.usable,
            guard: layout.guard,
            home,
        }
    }

    /// The lowest usable address.
    pub(crate) fn bottom(&self) -> NonNull<u8> {
        // SAFETY: a slot has `usable` bytes below its top.
        unsafe { self.top.sub(self.usable) }
    }

    /// The lowest address, the guard's.
    pub(crate) fn base(&self) -> NonNull<u8> {
        // SAFETY: a slot has its guard below the usable bytes.
        unsafe { self.bottom().sub(self.guard) }
    }
}

/// Stack memory provided by the embedder; dropping it frees it.
///
/// # Safety
///
/// As long as the value lives, all of [`range`](Self::range) is readable,
/// writable and used by nobody else, [`top`](Self::top) is its end, and an
/// access to [`guard_range`](Self::guard_range), directly below it and at
/// least a page long, faults. The three always answer the same.
pub unsafe trait StackMemory: Send + Sync {
    /// The highest address, aligned to 16 bytes.
    fn top(&self) -> *mut u8;
    /// The usable addresses, guard excluded.
    fn range(&self) -> Range<usize>;
    /// The guard.
    fn guard_range(&self) -> Range<*mut u8>;
}

/// Sizes of one slot: a guard, then the usable bytes; both whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackLayout {
    usable: usize,
    guard: usize,
}

impl StackLayout {
    /// Rounds both sizes up to pages; a guard has at least one.
    pub(crate) fn new(size: usize, guard: usize) -> io::Result<Self> {
        if size == 0 {
            return Err(invalid("a fiber stack cannot have a size of 0 bytes"));
        }
        let page = os::page_size();
        let pages = |bytes: usize| bytes.checked_next_multiple_of(page);
        let layout = pages(size)
            .zip(pages(guard.max(1)))
            .map(|(usable, guard)| Self { usable, guard });
        layout
            .filter(|l| {
                l.usable
                    .checked_add(l.guard)
                    .is_some_and(|stride| isize::try_from(stride).is_ok())
            })
            .ok_or_else(|| {
                invalid(format!(
                    "a fiber stack of {size} bytes with a guard of {guard} bytes \
                     does not fit the address space"
                ))
            })
    }

    /// Usable bytes of a slot.
    #[inline]
    pub(crate) fn usable(self) -> usize {
        self.usable
    }

    /// Bytes from one slot to the next.
    #[inline]
    pub(crate) fn stride(self) -> usize {
        self.usable + self.guard
    }

    /// Puts the guard of the slot at `base` in place.
    ///
    /// # Safety
    ///
    /// `base` starts a slot of this layout inside `mapping`, and nothing
    /// lives in it.
    pub(crate) unsafe fn protect(self, mapping: &Mapping, base: NonNull<u8>) -> io::Result<()> {
        // SAFETY: the guard is the lowest part of the slot, in whole pages.
        unsafe { mapping.guard(base, self.guard) }.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot guard a fiber stack: {error}"))
        })
    }
}

/// What the switch needs to know of a stack. Owns nothing: the `Fiber` keeps
/// the `FiberStack` beside the coroutine that runs on it.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    top: StackPointer,
    /// Usable bytes and guard together, below the top.
    len: usize,
}

// SAFETY: `FiberStack` promises the alignment, the minimum size (one page, or
// checked for custom memory) and the guard.
unsafe impl Stack for Bounds {
    #[inline]
    fn base(&self) -> StackPointer {
        self.top
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.top.get() - self.len).expect("a stack does not start at null")
    }
}

#[cold]
pub(crate) fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.into())
}
