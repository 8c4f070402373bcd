//! The one range of address space in which all compiled code of the process lies.
//!
//! ```text
//! | granule 0 | granule 1 | granule 2 | ...            64 KiB each
//! | image A   | image A   | image B   | inaccessible ...
//!
//! owners:  [ A, A, B, null, .. ]                       one pointer per granule
//! ```
//!
//! That it is one range makes "is this pc ours" two compares, and the table of owners makes "whose is it" one load:
//! both work inside a signal handler. Allocation takes a lock, lookup never does.

use super::artifact::frames_offset;
use super::image::ImageInner;
use crate::error::{Context, Result};
use crate::os::{self, Reservation};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Code is allocated in multiples of this. At least the largest page size that a supported system may have.
const GRANULE: usize = 64 << 10;

/// What is reserved, if the system gives it; halved down to [`SMALLEST`] otherwise.
const LARGEST: usize = 64 << 30;
const SMALLEST: usize = 64 << 20;

static REGION: OnceLock<Region> = OnceLock::new();

/// Granules that hold nothing. Locked also while the region is being made.
static FREE: Mutex<FreeList> = Mutex::new(FreeList::new());

/// The region.
struct Region {
    space: Reservation,
    /// One `AtomicPtr<ImageInner>` per granule, zeroed by the system and committed as it is touched.
    owners: Reservation,
}

impl Region {
    fn reserve() -> Result<Region> {
        let mut size = LARGEST;
        let space = loop {
            match Reservation::new(size) {
                Ok(space) => break space,
                Err(_) if size > SMALLEST => size /= 2,
                Err(e) => return Err(e).context("no address space for compiled code"),
            }
        };
        let owners = Reservation::new(size / GRANULE * size_of::<AtomicPtr<ImageInner>>())?;
        owners.make_accessible(0..owners.len())?;
        Ok(Region { space, owners })
    }

    /// The granule of a pc, if it is in the region.
    fn granule_of(&self, pc: usize) -> Option<usize> {
        let addresses = self.space.addresses();
        addresses
            .contains(&pc)
            .then(|| (pc - addresses.start) / GRANULE)
    }

    fn owner(&self, granule: usize) -> &AtomicPtr<ImageInner> {
        assert!(granule < self.space.len() / GRANULE);
        let table: *const AtomicPtr<ImageInner> = self.owners.base().cast_const().cast();
        // SAFETY: the table has one entry per granule of the region, page-aligned, zeroed (which is null), accessible,
        // and lives in a static; the index was checked.
        unsafe { &*table.add(granule) }
    }
}

/// Whether a pc is in the range where compiled code lies.
#[cfg(test)]
fn contains(pc: usize) -> bool {
    REGION
        .get()
        .is_some_and(|region| region.space.addresses().contains(&pc))
}

/// The image whose code is at `pc`. Async-signal-safe.
///
/// # Safety
///
/// If there is an image at `pc`, it stays alive as long as the answer is used: this thread is running its code, or has
/// a frame of it on a stack, or holds a handle.
pub(super) unsafe fn find_image<'a>(pc: usize) -> Option<&'a ImageInner> {
    let region = REGION.get()?;
    let image = region.owner(region.granule_of(pc)?).load(Ordering::Acquire);
    // SAFETY: the table holds pointers to images that have not been dropped; the caller keeps this one alive.
    unsafe { image.as_ref() }
}

/// Granules that an image owns.
#[derive(Debug)]
pub(super) struct CodeMemory {
    /// First granule.
    start: usize,
    /// Number of granules.
    count: usize,
}

impl CodeMemory {
    /// Allocates room for `text`, and for `frames` at `frames_offset` behind it, and makes it executable there, `last` in
    /// place of the text's last bytes. The memory is never writable and executable at once.
    ///
    /// # Errors
    ///
    /// The code region is full, or the system has no memory left.
    pub(super) fn publish(text: &[u8], last: &[u8], frames: &[u8]) -> Result<Self> {
        let behind = frames_offset(text.len());
        let count = extent(text.len(), frames.len()).div_ceil(GRANULE);
        let memory = CodeMemory::allocate(count)?;
        if count == 0 {
            return Ok(memory);
        }
        let (space, range) = (&region().space, memory.part());
        // The whole granules, not just the pages used, so that neighbours have equal protection and the system keeps
        // one mapping for all. Untouched pages cost nothing.
        space.make_accessible(range.clone())?;
        // SAFETY: the allocator gave these granules to `memory` alone, they are writable now, and at least as long as
        // the text, which lies elsewhere.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), memory.base(), text.len());
            let end = memory.base().wrapping_add(text.len() - last.len());
            ptr::copy_nonoverlapping(last.as_ptr(), end, last.len());
            let place = memory.base().wrapping_add(behind);
            ptr::copy_nonoverlapping(frames.as_ptr(), place, frames.len());
        }
        // SAFETY: nobody else knows of this memory, and we are done writing.
        unsafe { space.make_executable(range) }?;
        Ok(memory)
    }

    /// Maps a file executable, from an offset on that is a whole page: `text` bytes, over the last of which `last` is
    /// written, and `frames` bytes behind them. The file is neither copied nor changed.
    ///
    /// # Errors
    ///
    /// As for [`CodeMemory::publish`], or the file cannot be mapped.
    ///
    /// # Safety
    ///
    /// Nobody changes the file while it is mapped.
    pub(super) unsafe fn map(
        file: &File,
        offset: u64,
        text: usize,
        last: &[u8],
        frames: usize,
    ) -> Result<Self> {
        let len = extent(text, frames);
        let memory = CodeMemory::allocate(len.div_ceil(GRANULE))?;
        if len == 0 {
            return Ok(memory);
        }
        let space = &region().space;
        let start = memory.part().start;
        // SAFETY: the allocator gave these granules to `memory` alone; the caller's promise for the file.
        unsafe { space.map_file(start..start + len, file, offset) }?;
        let page = os::page_size();
        let word = start + text - last.len();
        let pages = word / page * page..(start + text).next_multiple_of(page);
        space.make_accessible(pages.clone())?;
        // SAFETY: inside the part just mapped, which is private to us and writable now.
        unsafe {
            let to = space.base().wrapping_add(word);
            ptr::copy_nonoverlapping(last.as_ptr(), to, last.len());
        }
        // SAFETY: nobody else knows of this memory, and we are done writing.
        unsafe { space.make_executable(pages) }?;
        Ok(memory)
    }

    fn allocate(count: usize) -> Result<Self> {
        if count == 0 {
            return Ok(CodeMemory { start: 0, count: 0 });
        }
        let mut free = lock_free_list();
        if REGION.get().is_none() {
            let region = Region::reserve()?;
            free.give(0, region.space.len() / GRANULE);
            let first = REGION.set(region);
            assert!(first.is_ok(), "the region is made under the lock");
        }
        let start = free.take(count).with_context(|| {
            format!(
                "the code region of {} bytes has no room for {} more",
                region().space.len(),
                count.saturating_mul(GRANULE)
            )
        })?;
        Ok(CodeMemory { start, count })
    }

    /// Where the text begins; dangling if the text is empty.
    pub(super) fn base(&self) -> *mut u8 {
        if self.count == 0 {
            return NonNull::dangling().as_ptr();
        }
        region().space.base().wrapping_add(self.start * GRANULE)
    }

    /// Lets [`find_image`] find `image` by the addresses of this memory.
    pub(super) fn register(&self, image: *const ImageInner) {
        for granule in self.start..self.start + self.count {
            region()
                .owner(granule)
                .store(image.cast_mut(), Ordering::Release);
        }
    }

    /// The memory as a part of the region.
    fn part(&self) -> Range<usize> {
        self.start * GRANULE..(self.start + self.count) * GRANULE
    }
}

impl Drop for CodeMemory {
    /// Gives the memory back. The owner guarantees that none of its code is running.
    fn drop(&mut self) {
        if self.count == 0 {
            return;
        }
        self.register(ptr::null());
        // SAFETY: the owner is gone, and with it everybody who could run or read this code.
        let freed = unsafe { region().space.make_inaccessible(self.part()) };
        // Where the system refuses (it is out of mappings), the granules are lost rather than handed out in a state
        // that nobody expects.
        if freed.is_ok() {
            lock_free_list().give(self.start, self.count);
        }
    }
}

/// Bytes from the beginning of a text to the end of what lies behind it.
fn extent(text: usize, frames: usize) -> usize {
    match frames {
        0 => text,
        _ => frames_offset(text) + frames,
    }
}

/// The region, for holders of granules.
fn region() -> &'static Region {
    REGION
        .get()
        .expect("whoever holds granules has made the region")
}

fn lock_free_list() -> MutexGuard<'static, FreeList> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Free granules as disjoint ranges that never touch: start -> count.
#[derive(Debug)]
struct FreeList(BTreeMap<usize, usize>);

impl FreeList {
    const fn new() -> Self {
        FreeList(BTreeMap::new())
    }

    /// Takes the lowest range that is long enough.
    fn take(&mut self, count: usize) -> Option<usize> {
        let (&start, &len) = self.0.iter().find(|&(_, &len)| len >= count)?;
        self.0.remove(&start);
        if len > count {
            self.0.insert(start + count, len - count);
        }
        Some(start)
    }

    /// Gives a range back and joins it with its neighbours.
    fn give(&mut self, mut start: usize, mut count: usize) {
        if let Some((&before, &len)) = self.0.range(..start).next_back()
            && before + len == start
        {
            self.0.remove(&before);
            start = before;
            count += len;
        }
        if let Some(len) = self.0.remove(&(start + count)) {
            count += len;
        }
        self.0.insert(start, count);
    }
}

#[cfg(test)]
mod tests {
    use super::{CodeMemory, FreeList, GRANULE, contains, find_image};
    use std::ptr;

    #[test]
    fn free_ranges_are_lowest_first_and_join() {
        let mut free = FreeList::new();
        free.give(0, 10);
        let [a, b, c] = [2, 3, 5].map(|count| free.take(count).unwrap());
        assert_eq!([a, b, c], [0, 2, 5]);
        assert_eq!(free.take(1), None);
        free.give(a, 2);
        free.give(c, 5);
        assert_eq!(free.0.len(), 2);
        assert_eq!(free.take(3), Some(5));
        free.give(5, 3);
        free.give(b, 3);
        assert_eq!(free.0.into_iter().collect::<Vec<_>>(), [(0, 10)]);
    }

    #[test]
    fn memory_is_found_while_it_is_registered() {
        let memory = CodeMemory::publish(&[0xc3; GRANULE + 1], &[], &[]).unwrap();
        let other = CodeMemory::publish(&[0xc3], &[], &[]).unwrap();
        assert_eq!(memory.count, 2);
        let pc = memory.base().addr();
        assert!(contains(pc) && contains(pc + 2 * GRANULE - 1));
        // A pointer is all that the table keeps; it is never followed here.
        let owner = ptr::without_provenance(0x1000);
        memory.register(owner);
        for (at, expected) in [
            (pc, owner),
            (pc + 2 * GRANULE - 1, owner),
            (other.base().addr(), ptr::null()),
        ] {
            let granule = super::region().granule_of(at).unwrap();
            let found = super::region()
                .owner(granule)
                .load(super::Ordering::Acquire);
            assert_eq!(found.cast_const(), expected);
        }
        drop(memory);
        let granule = super::region().granule_of(pc).unwrap();
        let after = super::region()
            .owner(granule)
            .load(super::Ordering::Acquire);
        assert_ne!(after.cast_const(), owner);
        assert!(!contains(0) && !contains((&raw const other).addr()));
        // SAFETY: no image is at these addresses.
        assert!(unsafe { find_image(0) }.is_none());
    }

    #[test]
    fn empty_text_needs_no_memory() {
        let memory = CodeMemory::publish(&[], &[], &[]).unwrap();
        assert_eq!(memory.count, 0);
        assert!(!memory.base().is_null());
    }
}
