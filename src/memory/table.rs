//! One table: words at an address that never changes.
//!
//! Machine code keeps a table's base across growth and reads elements through it, so storage is either of final size
//! or a reservation for all that the table may become. What the words mean is the store's business.

use crate::error::{Context, Result, format_err};
use crate::os::{self, Reservation};
use crate::wasm::TableDesc;
use std::ops::Range;
use std::ptr;

/// Elements that are reserved for a table whose type admits more: it cannot grow further.
const RESERVED: usize = 1 << 24;

/// Tables of fixed size up to this many elements live on the heap.
const SMALL: usize = (64 << 10) / size_of::<usize>();

/// A table's storage.
///
/// Elements are plain words that machine code reads and writes too, so they are only ever touched through pointers,
/// never borrowed.
#[derive(Debug)]
pub(crate) struct TableMemory {
    storage: Storage,
    len: usize,
    capacity: usize,
    /// Elements from here on have never been written and are zero. More than `len` only after a growth that was given up.
    written: usize,
}

#[derive(Debug)]
enum Storage {
    Heap(HeapWords),
    /// A reservation of at least `capacity` words, of which the first `committed` are accessible.
    Reserved {
        space: Reservation,
        committed: usize,
    },
}

/// A boxed slice, given up as a pointer so that machine code may write to it.
#[derive(Debug)]
struct HeapWords {
    base: *mut usize,
    len: usize,
}

// SAFETY: the words are owned and tied to no thread.
unsafe impl Send for HeapWords {}
// SAFETY: `&TableMemory` only reads; whoever runs machine code on the table has its store exclusively.
unsafe impl Sync for HeapWords {}

impl HeapWords {
    fn zeroed(len: usize) -> Self {
        let words = Box::into_raw(vec![0usize; len].into_boxed_slice());
        HeapWords {
            base: words.cast(),
            len,
        }
    }
}

impl Drop for HeapWords {
    fn drop(&mut self) {
        let words = ptr::slice_from_raw_parts_mut(self.base, self.len);
        // SAFETY: `zeroed` gave up a box of this length, and nobody uses the table any more.
        drop(unsafe { Box::from_raw(words) });
    }
}

impl TableMemory {
    /// Makes a table of its type's minimum size, all words zero.
    ///
    /// # Errors
    ///
    /// The minimum exceeds what can be addressed, or the system has no memory left.
    pub(crate) fn new(desc: &TableDesc) -> Result<Self> {
        let too_large = || {
            let min = desc.min;
            format_err!("table minimum size of {min} elements exceeds table limits")
        };
        let limit = if desc.table64 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        if desc.min > desc.max.unwrap_or(limit).min(limit) {
            return Err(too_large());
        }
        let len = usize::try_from(desc.min).map_err(|_| too_large())?;
        if desc.max == Some(desc.min) && len <= SMALL {
            return Ok(TableMemory {
                storage: Storage::Heap(HeapWords::zeroed(len)),
                len,
                capacity: len,
                written: len,
            });
        }
        let capacity = desc
            .max
            .and_then(|max| usize::try_from(max).ok())
            .map_or(RESERVED, |max| max.min(RESERVED))
            .max(len);
        let bytes = capacity
            .checked_mul(size_of::<usize>())
            .ok_or_else(too_large)?;
        let describe = || format!("cannot allocate a table of {len} elements");
        let space = Reservation::new(bytes).with_context(describe)?;
        let mut table = TableMemory {
            storage: Storage::Reserved {
                space,
                committed: 0,
            },
            len,
            capacity,
            written: len,
        };
        table.commit(len).with_context(describe)?;
        Ok(table)
    }

    /// Where element 0 is. It never changes.
    pub(crate) fn base(&self) -> *mut usize {
        match &self.storage {
            Storage::Heap(words) => words.base,
            Storage::Reserved { space, .. } => space.base().cast(),
        }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for `delta` elements more; nobody sees them yet. How many there will be in all, or `None` if there is
    /// no room.
    ///
    /// A growth is this, then [`TableMemory::prepare`] for all that is new, in as many parts as its caller likes, then
    /// [`TableMemory::publish`]. It may be given up at any point.
    pub(crate) fn make_room(&mut self, delta: u64) -> Option<usize> {
        let new = self.len.checked_add(usize::try_from(delta).ok()?)?;
        if new > self.capacity {
            return None;
        }
        self.commit(new).ok()?;
        Some(new)
    }

    /// Writes elements that nobody sees yet.
    ///
    /// # Panics
    ///
    /// They are elements of the table already, or there is no room for them.
    pub(crate) fn prepare(&mut self, range: Range<usize>, word: usize) {
        let room = match &self.storage {
            Storage::Heap(words) => words.len,
            Storage::Reserved { committed, .. } => *committed,
        };
        assert!(self.len <= range.start && range.end <= room);
        // What has never been written is zero; a page that is not touched costs no memory.
        let end = match word {
            0 => range.end.min(self.written),
            _ => range.end,
        };
        self.written = self.written.max(end);
        for i in range.start..end {
            // SAFETY: there is room for the element, as was checked; `&mut self` says that nobody else reads or writes.
            unsafe { self.base().add(i).write(word) };
        }
    }

    /// Makes elements part of the table that have been prepared, from its present end on to `len`.
    pub(crate) fn publish(&mut self, len: usize) {
        debug_assert!(self.len <= len && len <= self.capacity);
        self.len = len;
        self.written = self.written.max(len);
    }

    /// An element, or `None` out of bounds.
    pub(crate) fn get(&self, index: usize) -> Option<usize> {
        let at = self.at(index)?;
        // SAFETY: in bounds, so accessible and initialised; nobody writes while the store is borrowed.
        Some(unsafe { at.read() })
    }

    /// Sets an element; false, and no change, out of bounds.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "writes through a pointer")]
    pub(crate) fn set(&mut self, index: usize, word: usize) -> bool {
        let Some(at) = self.at(index) else {
            return false;
        };
        // SAFETY: in bounds, so accessible; `&mut self` says that nobody else reads or writes.
        unsafe { at.write(word) };
        true
    }

    /// Sets `len` elements from `start` on; false, and no change, out of bounds.
    pub(crate) fn fill(&mut self, start: usize, len: usize, word: usize) -> bool {
        let Some(end) = start.checked_add(len).filter(|&end| end <= self.len) else {
            return false;
        };
        for i in start..end {
            self.set(i, word);
        }
        true
    }

    /// Copies `len` elements from another table; false, and no change, out of bounds of either.
    pub(crate) fn copy_from(
        &mut self,
        to: usize,
        source: &TableMemory,
        from: usize,
        len: usize,
    ) -> bool {
        let inside =
            |start: usize, size: usize| start.checked_add(len).is_some_and(|end| end <= size);
        if !inside(to, self.len) || !inside(from, source.len) {
            return false;
        }
        // SAFETY: both ranges are in bounds, so accessible and initialised; `copy` admits overlap.
        unsafe { source.base().add(from).copy_to(self.base().add(to), len) };
        true
    }

    /// Copies `len` elements inside the table, which may overlap; false, and no change, out of bounds.
    pub(crate) fn copy_within(&mut self, to: usize, from: usize, len: usize) -> bool {
        let inside = |start: usize| start.checked_add(len).is_some_and(|end| end <= self.len);
        if !inside(to) || !inside(from) {
            return false;
        }
        // SAFETY: as for `copy_from`.
        unsafe { self.base().add(from).copy_to(self.base().add(to), len) };
        true
    }

    /// Where an element is, if it is in bounds.
    fn at(&self, index: usize) -> Option<*mut usize> {
        (index < self.len).then(|| self.base().wrapping_add(index))
    }

    /// Makes the first `len` elements accessible. In doubling steps, so that growth by one is not a system call each.
    fn commit(&mut self, len: usize) -> Result<()> {
        let Storage::Reserved { space, committed } = &mut self.storage else {
            return Ok(());
        };
        if len <= *committed {
            return Ok(());
        }
        let page = os::page_size();
        let bytes = |words: usize| (words * size_of::<usize>()).next_multiple_of(page);
        // No overflow: the reservation holds `capacity` words, rounded up to pages.
        let end = bytes(len.max(*committed * 2).min(self.capacity));
        let start = *committed * size_of::<usize>();
        space.make_accessible(start..end)?;
        *committed = end / size_of::<usize>();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{RESERVED, Storage, TableMemory};
    use crate::wasm::{TableDesc, WasmRef};

    fn desc(min: u64, max: Option<u64>) -> TableDesc {
        TableDesc {
            element: WasmRef::FUNC,
            min,
            max,
            table64: false,
        }
    }

    fn table(min: u64, max: Option<u64>) -> TableMemory {
        TableMemory::new(&desc(min, max)).unwrap()
    }

    impl TableMemory {
        /// A growth in one piece: the length before, or `None` if there is no room.
        fn grow(&mut self, delta: u64, fill: usize) -> Option<usize> {
            let old = self.len;
            let new = self.make_room(delta)?;
            self.prepare(old..new, fill);
            self.publish(new);
            Some(old)
        }
    }

    fn words(table: &TableMemory) -> Vec<usize> {
        (0..table.len()).map(|i| table.get(i).unwrap()).collect()
    }

    #[test]
    fn storage_fits_the_type() {
        let fixed = table(3, Some(3));
        assert!(matches!(fixed.storage, Storage::Heap(_)));
        assert_eq!((fixed.len(), fixed.capacity), (3, 3));
        assert_eq!(words(&fixed), [0; 3]);
        for (min, max, capacity) in [
            (0, None, RESERVED),
            (0, Some(10), 10),
            (10_000, Some(10_000), 10_000),
            (0, Some(0xffff_ffff), RESERVED),
            (20_000_000, None, 20_000_000),
        ] {
            let table = table(min, max);
            assert!(matches!(table.storage, Storage::Reserved { .. }));
            assert_eq!((table.len() as u64, table.capacity), (min, capacity));
        }
        assert_eq!(table(0, Some(0)).get(0), None);
    }

    #[test]
    fn growth_keeps_the_base_and_the_elements() {
        let mut table = table(1, None);
        let base = table.base();
        assert!(table.set(0, 7));
        assert_eq!(table.grow(0, 1), Some(1));
        assert_eq!(table.grow(2, 0), Some(1));
        assert_eq!(table.grow(1, 5), Some(3));
        assert_eq!(words(&table), [7, 0, 0, 5]);
        assert_eq!(table.grow(100_000, 9), Some(4));
        assert_eq!(table.get(100_003), Some(9));
        for _ in 0..5000 {
            table.grow(1, 3).unwrap();
        }
        assert_eq!(table.get(105_003), Some(3));
        assert_eq!(table.grow(u64::MAX, 0), None);
        assert_eq!(table.grow(RESERVED as u64, 0), None);
        assert_eq!(table.len(), 105_004);
        assert_eq!(table.base(), base);
    }

    #[test]
    fn a_growth_that_was_given_up_leaves_no_trace() {
        let mut table = table(1, None);
        let new = table.make_room(10_000).unwrap();
        table.prepare(1..new / 2, 7);
        assert_eq!((table.len(), table.get(1)), (1, None));
        assert_eq!(table.grow(2, 0), Some(1));
        assert_eq!(words(&table), [0; 3]);
        let new = table.make_room(20_000).unwrap();
        table.prepare(3..100, 0);
        table.prepare(100..new, 0);
        table.publish(new);
        assert!(words(&table).iter().all(|&word| word == 0));
        assert_eq!(table.len(), 20_003);
    }

    #[test]
    fn growth_stops_at_the_maximum() {
        let mut bounded = table(1, Some(600));
        assert_eq!(bounded.grow(600, 1), None);
        assert_eq!(bounded.grow(599, 1), Some(1));
        assert_eq!(bounded.grow(1, 1), None);
        assert_eq!(bounded.len(), 600);
        let mut fixed = table(2, Some(2));
        assert_eq!(fixed.grow(1, 0), None);
        assert_eq!(fixed.grow(0, 0), Some(2));
    }

    #[test]
    fn elements_out_of_bounds_do_not_exist() {
        let mut table = table(3, None);
        assert!(table.set(2, 8) && !table.set(3, 8) && !table.set(usize::MAX, 8));
        assert_eq!(words(&table), [0, 0, 8]);
        assert_eq!((table.get(3), table.get(usize::MAX)), (None, None));
    }

    #[test]
    fn absurd_minimums_are_refused() {
        let wide = TableDesc {
            table64: true,
            ..desc(u64::MAX / 4, None)
        };
        for bad in [desc(1 << 32, None), desc(2, Some(1)), wide] {
            let error = TableMemory::new(&bad).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "table minimum size of {} elements exceeds table limits",
                    bad.min
                )
            );
        }
    }
}
