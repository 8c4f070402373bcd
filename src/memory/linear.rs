//! One linear memory: its address space, its size, how it grows.

use super::MemoryPlan;
use crate::abi::VmMemory;
use crate::code::Tunables;
use crate::error::{Context, Result, ensure, format_err};
use crate::os::{self, Reservation};
use crate::wasm::MemoryDesc;
use std::ops::Range;
use std::ptr;

/// A linear memory.
///
/// ```text
/// | guard (optional) | accessible: byte_len | reserved: the rest of capacity | guard |
/// ^ space.base()     ^ base()                                               ^ base() + capacity
/// ```
#[derive(Debug)]
pub(crate) struct LinearMemory {
    desc: MemoryDesc,
    space: Reservation,
    /// Bytes of guard before the base.
    before: usize,
    /// Bytes from the base that may become accessible without a move: a multiple of the system's page size.
    capacity: usize,
    /// Bytes of guard behind the capacity.
    guard: usize,
    /// The size that the guest sees; the rest of the system's page that it ends in is accessible too.
    len: usize,
    /// What to reserve beyond the needed size, if a move is needed and allowed.
    growth: Option<u64>,
}

impl LinearMemory {
    /// Makes a memory of its type's minimum size, zeroed.
    ///
    /// # Errors
    ///
    /// The minimum exceeds what the type or this system can address, the system has no memory left, or the memory is of
    /// a kind that is not implemented.
    pub(crate) fn new(desc: &MemoryDesc, tunables: &Tunables) -> Result<Self> {
        ensure!(!desc.shared, "shared memories are not implemented yet");
        let too_large = || {
            let min = desc.min;
            format_err!("memory minimum size of {min} pages exceeds memory limits")
        };
        let min = desc
            .min_bytes()
            .filter(|&min| min <= desc.max_bytes())
            .ok_or_else(too_large)?;
        let plan = MemoryPlan::new(desc, tunables);
        let before = if tunables.guard_before_linear_memory {
            plan.guard
        } else {
            0
        };
        let growth = plan
            .may_move
            .then_some(tunables.memory_reservation_for_growth);
        // A memory that may move has room to grow from the start, as after a move.
        let capacity = match growth {
            Some(growth) if min > plan.reservation => {
                min.saturating_add(growth).min(desc.max_bytes())
            }
            _ => min.max(plan.reservation),
        };
        let layout = Layout::new(before, capacity, plan.guard).ok_or_else(too_large)?;
        let len = usize::try_from(min).map_err(|_| too_large())?;
        let space = layout.reserve(len).with_context(|| {
            format!(
                "cannot allocate a memory of {} pages of {} bytes",
                desc.min,
                desc.page_size()
            )
        })?;
        Ok(LinearMemory {
            desc: *desc,
            space,
            before: layout.before,
            capacity: layout.capacity,
            guard: layout.guard,
            len,
            growth,
        })
    }

    /// Where byte 0 is. It changes only in [`LinearMemory::grow_to`].
    pub(crate) fn base(&self) -> *mut u8 {
        self.space.base().wrapping_add(self.before)
    }

    /// The current size in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.len
    }

    /// The type it was made for; `min` is the size it began with.
    pub(crate) fn desc(&self) -> &MemoryDesc {
        &self.desc
    }

    /// What machine code needs to know; out of date after the next growth.
    pub(crate) fn vm(&self) -> VmMemory {
        VmMemory {
            base: self.base(),
            len: self.len,
        }
    }

    /// All addresses that belong to the memory, guards included: a fault at one of them is an access out of bounds.
    /// Out of date after the next growth.
    pub(crate) fn range_of_reservation(&self) -> Range<usize> {
        self.space.addresses()
    }

    /// Makes the memory larger. New bytes are zero. Nothing changes if it fails.
    ///
    /// # Errors
    ///
    /// `new_len` is smaller than the current size, no multiple of the page size, more than the type admits, or more than
    /// the settings allow to reserve; or the system has no memory left.
    pub(crate) fn grow_to(&mut self, new_len: usize) -> Result<()> {
        let wanted = new_len as u64;
        ensure!(
            new_len >= self.len && wanted.is_multiple_of(self.desc.page_size()),
            "a memory of {} bytes cannot become {new_len} bytes",
            self.len
        );
        let max = self.desc.max_bytes();
        ensure!(
            wanted <= max,
            "a memory of at most {max} bytes cannot grow to {new_len} bytes"
        );
        if new_len <= self.capacity {
            // A wasm page may be smaller than the system's, whose rest is accessible already.
            let new = whole_pages(self.len)..whole_pages(new_len);
            if !new.is_empty() {
                self.space
                    .make_accessible(self.before + new.start..self.before + new.end)?;
            }
        } else {
            self.move_to_larger(new_len)?;
        }
        self.len = new_len;
        Ok(())
    }

    /// Copies the memory to a reservation that has room for `new_len` bytes, all of them accessible.
    fn move_to_larger(&mut self, new_len: usize) -> Result<()> {
        let growth = self.growth.with_context(|| {
            format!(
                "a memory that may not move cannot grow beyond its reservation of {} bytes",
                self.capacity
            )
        })?;
        let wanted = new_len as u64;
        // No more than the type admits: the rest could never be used.
        let capacity = wanted.saturating_add(growth).min(self.desc.max_bytes());
        let layout = Layout::new(self.before as u64, capacity, self.guard as u64)
            .with_context(|| format!("a memory of {new_len} bytes cannot be addressed"))?;
        let space = layout.reserve(new_len)?;
        let base = space.base().wrapping_add(layout.before);
        // SAFETY: the pages that hold `len` bytes are accessible at both places, which are separate mappings; `&mut
        // self` says that nobody writes to the old one. The new one is fresh.
        unsafe { copy_sparsely(self.base().cast_const(), base, whole_pages(self.len)) };
        self.space = space;
        self.capacity = layout.capacity;
        Ok(())
    }
}

/// Sizes of a memory's parts in this system's pages.
struct Layout {
    before: usize,
    capacity: usize,
    guard: usize,
}

impl Layout {
    /// Rounds up to pages; `None` if that overflows.
    fn new(before: u64, capacity: u64, guard: u64) -> Option<Self> {
        let pages = |bytes: u64| {
            usize::try_from(bytes)
                .ok()?
                .checked_next_multiple_of(os::page_size())
        };
        Some(Layout {
            before: pages(before)?,
            capacity: pages(capacity)?,
            guard: pages(guard)?,
        })
    }

    /// Reserves all parts and makes the first `accessible` bytes behind the first guard accessible.
    fn reserve(&self, accessible: usize) -> Result<Reservation> {
        let total = self
            .before
            .checked_add(self.capacity)
            .and_then(|sum| sum.checked_add(self.guard))
            .context("the memory and its guards do not fit the address space")?;
        let space = Reservation::new(total)?;
        // Reservations cost one system call; so does this, unless there is nothing to do.
        space.make_accessible(self.before..self.before + whole_pages(accessible))?;
        Ok(space)
    }
}

/// A length inside a reservation, rounded up to the system's pages.
fn whole_pages(len: usize) -> usize {
    len.next_multiple_of(os::page_size())
}

/// Copies what is not zero already, page by page: pages that the guest never touched cost no memory after the move.
///
/// # Safety
///
/// Both ranges are accessible, disjoint and unused by others; they are whole pages, and `to` is all zero.
unsafe fn copy_sparsely(from: *const u8, to: *mut u8, len: usize) {
    let page = os::page_size();
    for at in (0..len).step_by(page) {
        // SAFETY: inside the range, as `len` is a multiple of the page size; page-aligned, so aligned for words.
        let words = unsafe {
            std::slice::from_raw_parts(from.add(at).cast::<u64>(), page / size_of::<u64>())
        };
        if words.iter().any(|&word| word != 0) {
            // SAFETY: inside both ranges, which are disjoint.
            unsafe { ptr::copy_nonoverlapping(from.add(at), to.add(at), page) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LinearMemory;
    use crate::code::Tunables;
    use crate::wasm::MemoryDesc;

    const PAGE: usize = 65536;

    fn desc(min: u64, max: Option<u64>) -> MemoryDesc {
        MemoryDesc {
            min,
            max,
            memory64: false,
            shared: false,
            page_size_log2: 16,
        }
    }

    fn small() -> Tunables {
        Tunables {
            memory_reservation: 2 * PAGE as u64,
            memory_guard_size: PAGE as u64,
            memory_reservation_for_growth: 3 * PAGE as u64,
            ..Tunables::default()
        }
    }

    fn write(memory: &mut LinearMemory, at: usize, byte: u8) {
        assert!(at < memory.byte_len());
        // SAFETY: in bounds, and the memory is borrowed mutably.
        unsafe { memory.base().add(at).write(byte) }
    }

    fn read(memory: &LinearMemory, at: usize) -> u8 {
        assert!(at < memory.byte_len());
        // SAFETY: in bounds, and nobody writes.
        unsafe { memory.base().add(at).read() }
    }

    #[test]
    fn the_whole_plan_is_reserved() {
        let tunables = Tunables::default();
        for desc in [desc(0, Some(0)), desc(1, Some(2)), desc(1, None)] {
            let memory = LinearMemory::new(&desc, &tunables).unwrap();
            let (base, range) = (memory.base().addr(), memory.range_of_reservation());
            assert_eq!(memory.byte_len() as u64, desc.min_bytes().unwrap());
            assert_eq!((base - range.start) as u64, tunables.memory_guard_size);
            assert_eq!(
                (range.end - base) as u64,
                tunables.memory_reservation + tunables.memory_guard_size
            );
        }
        let bare = Tunables {
            memory_reservation: 0,
            memory_guard_size: 0,
            guard_before_linear_memory: false,
            ..tunables
        };
        let memory = LinearMemory::new(&desc(0, None), &bare).unwrap();
        assert!(memory.range_of_reservation().is_empty());
        assert!(!memory.base().is_null());
    }

    #[test]
    fn growth_in_place_keeps_the_base() {
        let mut memory = LinearMemory::new(&desc(1, Some(4)), &Tunables::default()).unwrap();
        let base = memory.base();
        write(&mut memory, PAGE - 1, 5);
        memory.grow_to(PAGE).unwrap();
        memory.grow_to(4 * PAGE).unwrap();
        assert_eq!((memory.vm().base, memory.vm().len), (base, 4 * PAGE));
        assert_eq!(read(&memory, PAGE - 1), 5);
        assert_eq!(read(&memory, 4 * PAGE - 1), 0);
        let error = memory.grow_to(5 * PAGE).unwrap_err().to_string();
        assert_eq!(
            error,
            "a memory of at most 262144 bytes cannot grow to 327680 bytes"
        );
        assert!(memory.grow_to(3 * PAGE).is_err() && memory.grow_to(4 * PAGE + 1).is_err());
        assert_eq!(memory.byte_len(), 4 * PAGE);
    }

    #[test]
    fn growth_beyond_the_reservation_moves() {
        let mut memory = LinearMemory::new(&desc(1, Some(100)), &small()).unwrap();
        write(&mut memory, 3, 9);
        let old = memory.base();
        memory.grow_to(3 * PAGE).unwrap();
        assert_ne!(memory.base(), old);
        assert_eq!(read(&memory, 3), 9);
        write(&mut memory, 3 * PAGE - 1, 1);
        // There is room for growth behind it now.
        let moved = memory.base();
        memory.grow_to(6 * PAGE).unwrap();
        assert_eq!(memory.base(), moved);
        write(&mut memory, 5 * PAGE, 4);
        memory.grow_to(100 * PAGE).unwrap();
        assert_eq!(
            (read(&memory, 5 * PAGE), read(&memory, 5 * PAGE - 1)),
            (4, 0)
        );
        assert_eq!(read(&memory, 3), 9);
        assert_eq!(read(&memory, 3 * PAGE - 1), 1);
        assert_eq!(
            memory.range_of_reservation().len(),
            102 * PAGE,
            "no more than the type admits"
        );
    }

    #[test]
    fn a_memory_that_may_not_move_stays() {
        let tunables = Tunables {
            memory_may_move: false,
            ..small()
        };
        let mut memory = LinearMemory::new(&desc(1, None), &tunables).unwrap();
        memory.grow_to(2 * PAGE).unwrap();
        let error = memory.grow_to(3 * PAGE).unwrap_err().to_string();
        assert_eq!(
            error,
            "a memory that may not move cannot grow beyond its reservation of 131072 bytes"
        );
        assert_eq!(memory.byte_len(), 2 * PAGE);
        // A minimum beyond the reservation is reserved all the same.
        let memory = LinearMemory::new(&desc(5, None), &tunables).unwrap();
        assert_eq!(memory.byte_len(), 5 * PAGE);
    }

    #[test]
    fn pages_of_one_byte() {
        let bytes = |min, max| MemoryDesc {
            page_size_log2: 0,
            ..desc(min, max)
        };
        let mut memory = LinearMemory::new(&bytes(3, None), &small()).unwrap();
        assert_eq!(memory.byte_len(), 3);
        write(&mut memory, 2, 7);
        for len in [4, 4096, 4097, 5 * PAGE + 1] {
            memory.grow_to(len).unwrap();
            assert_eq!((memory.byte_len(), read(&memory, 2)), (len, 7));
            assert_eq!(read(&memory, len - 1), 0);
            write(&mut memory, len - 1, 7);
        }
        assert_eq!(bytes(0, None).max_bytes(), u64::from(u32::MAX));
        assert_eq!(bytes(0, Some(5)).max_bytes(), 5);
    }

    #[test]
    fn minimums_that_cannot_be_are_refused() {
        let memory64 = |min| MemoryDesc {
            memory64: true,
            ..desc(min, None)
        };
        for bad in [
            desc(65537, None),
            desc(2, Some(1)),
            memory64(1 << 48),
            memory64(u64::MAX),
            memory64((1 << 48) - 1),
        ] {
            let error = LinearMemory::new(&bad, &Tunables::default()).unwrap_err();
            let expected = format!(
                "memory minimum size of {} pages exceeds memory limits",
                bad.min
            );
            let whole = format!("{error:#}");
            assert!(
                whole == expected || whole.starts_with("cannot allocate a memory of "),
                "{whole}"
            );
        }
    }

    #[test]
    fn what_is_not_implemented_says_so() {
        let shared = MemoryDesc {
            shared: true,
            ..desc(0, Some(1))
        };
        let error = LinearMemory::new(&shared, &Tunables::default()).unwrap_err();
        assert_eq!(error.to_string(), "shared memories are not implemented yet");
    }
}
