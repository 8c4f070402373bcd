//! Host values that guests hold: the heap behind `externref`, and what keeps its values alive.
//!
//! A guest sees a handle: the number of a slot plus one, zero being null. The host sees roots. *Scoped* roots are
//! pushed on a stack and fall with the scope that was entered before them; *owned* roots live as long as a Rust value
//! does. A value without roots that no guest holds any more is freed by [`collect_externs`].
//!
//! A slot's generation changes when its value is freed, a scope's when roots fall, so a stale root is recognised and
//! never names another value. This file must not know the public reference types.

use super::StoreCore;
use crate::wasm::{WasmRef, WasmVal};
use crate::{Result, bail};
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

/// Values that a store may hold. Nothing is freed while a guest runs, so without a limit a guest could make the host run
/// out of memory with any import that hands out host values; the limit is checked where such a value is made.
pub(crate) const MAX_VALUES: usize = 1 << 20;

// Roots need a bit of a handle to tell their kinds apart.
const _: () = assert!(MAX_VALUES < RootIndex::OWNED as usize);

/// The garbage that is tolerated before [`ExternHeap::wants_collection`].
const FIRST_THRESHOLD: usize = 1024;

/// A store's host values and the host's roots into them.
#[derive(Default)]
pub(crate) struct ExternHeap {
    slots: Vec<Slot>,
    /// Indices of slots without a value.
    free: Vec<u32>,
    scoped: Vec<ScopedRoot>,
    /// Generation of the scoped roots that are pushed now.
    scope_generation: u32,
    owned: Vec<OwnedRoot>,
    /// Live values at which a collection is due; zero until the first one.
    threshold: usize,
    /// Owned roots at which the dead ones are swept; zero until the first sweep.
    owned_threshold: usize,
}

struct Slot {
    generation: u32,
    value: Option<Box<dyn Any + Send + Sync>>,
}

struct ScopedRoot {
    generation: u32,
    handle: u32,
}

struct OwnedRoot {
    handle: u32,
    alive: Weak<()>,
}

/// A place in the heap's root set. Copies are cheap; whether it still holds is asked of the heap.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RootIndex {
    /// A position among the scoped roots, or, with [`RootIndex::OWNED`] set, a handle.
    place: u32,
    generation: u32,
}

impl RootIndex {
    const OWNED: u32 = 1 << 31;
}

impl fmt::Debug for ExternHeap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternHeap")
            .field("values", &self.len())
            .field("scoped", &self.scoped.len())
            .field("owned", &self.owned.len())
            .finish_non_exhaustive()
    }
}

impl ExternHeap {
    /// Takes a value in; its handle is not zero. Nothing roots it yet.
    ///
    /// # Errors
    ///
    /// The heap holds [`MAX_VALUES`] values.
    pub(crate) fn insert(&mut self, value: Box<dyn Any + Send + Sync>) -> Result<u32> {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize].value = Some(value);
            return Ok(index + 1);
        }
        if self.slots.len() >= MAX_VALUES {
            bail!(
                "resource limit exceeded: a store holds at most {MAX_VALUES} host values, and frees none while its guests \
                 run"
            );
        }
        self.slots.push(Slot {
            generation: 0,
            value: Some(value),
        });
        Ok(u32::try_from(self.slots.len()).expect("bounded above"))
    }

    /// Values that are held.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Bytes of the heap itself; the values' own allocations are not counted.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// The value behind a handle, unless it is null or stale.
    pub(crate) fn get(&self, handle: u32) -> Option<&(dyn Any + Send + Sync)> {
        self.slot(handle)?.value.as_deref()
    }

    /// The value behind a handle, unless it is null or stale.
    pub(crate) fn get_mut(&mut self, handle: u32) -> Option<&mut (dyn Any + Send + Sync)> {
        let index = handle.checked_sub(1)? as usize;
        self.slots.get_mut(index)?.value.as_deref_mut()
    }

    fn slot(&self, handle: u32) -> Option<&Slot> {
        self.slots.get(handle.checked_sub(1)? as usize)
    }

    /// Begins a scope of roots; to be given to [`ExternHeap::exit_scope`].
    #[inline]
    pub(crate) fn enter_scope(&self) -> usize {
        self.scoped.len()
    }

    /// Ends a scope: roots pushed since fall.
    #[inline]
    pub(crate) fn exit_scope(&mut self, scope: usize) {
        if self.scoped.len() > scope {
            self.scoped.truncate(scope);
            self.scope_generation = self.scope_generation.wrapping_add(1);
        }
    }

    /// Makes room for more scoped roots.
    pub(crate) fn reserve_roots(&mut self, additional: usize) {
        self.scoped.reserve(additional);
    }

    /// Roots a value in the current scope. `None` for null and for handles of no value.
    ///
    /// # Panics
    ///
    /// If there are 2^31 roots.
    pub(crate) fn push_root(&mut self, handle: u32) -> Option<RootIndex> {
        self.get(handle)?;
        let place = u32::try_from(self.scoped.len()).unwrap_or(u32::MAX);
        assert!(place < RootIndex::OWNED, "too many roots in one scope");
        let generation = self.scope_generation;
        self.scoped.push(ScopedRoot { generation, handle });
        Some(RootIndex { place, generation })
    }

    /// Roots a value for as long as a share of the answer exists. `None` for null and for handles of no value.
    pub(crate) fn own_root(&mut self, handle: u32) -> Option<(RootIndex, Arc<()>)> {
        let slot = self.slot(handle)?;
        slot.value.as_ref()?;
        let root = RootIndex {
            place: handle | RootIndex::OWNED,
            generation: slot.generation,
        };
        if self.owned.len() >= self.owned_threshold.max(8) {
            // Amortised: at least as many have been added as survived the last sweep.
            self.sweep_owned();
        }
        let share = Arc::new(());
        let alive = Arc::downgrade(&share);
        self.owned.push(OwnedRoot { handle, alive });
        Some((root, share))
    }

    fn sweep_owned(&mut self) {
        self.owned.retain(|root| root.alive.strong_count() > 0);
        self.owned_threshold = self.owned.len() * 2;
    }

    /// The handle that a root holds; `None` once it has fallen.
    pub(crate) fn resolve(&self, root: RootIndex) -> Option<u32> {
        if root.place & RootIndex::OWNED == 0 {
            let entry = self.scoped.get(root.place as usize)?;
            return (entry.generation == root.generation).then_some(entry.handle);
        }
        let handle = root.place & !RootIndex::OWNED;
        let slot = self.slot(handle)?;
        (slot.generation == root.generation && slot.value.is_some()).then_some(handle)
    }

    /// Whether so much has been inserted since the last collection that another one is worth its time, or there is no
    /// room without one.
    pub(crate) fn wants_collection(&self) -> bool {
        self.len() >= self.threshold.clamp(FIRST_THRESHOLD, MAX_VALUES)
    }

    /// Frees every value that neither `live` nor a root reports. `live` is given the function to report handles to;
    /// handles of no value are ignored.
    pub(crate) fn collect(&mut self, live: impl FnOnce(&mut dyn FnMut(u32))) {
        let mut marks = vec![false; self.slots.len()];
        let mut mark = |handle: u32| {
            let index = handle.checked_sub(1).map(|index| index as usize);
            if let Some(mark) = index.and_then(|index| marks.get_mut(index)) {
                *mark = true;
            }
        };
        live(&mut mark);
        self.sweep_owned();
        for root in &self.scoped {
            mark(root.handle);
        }
        for root in &self.owned {
            mark(root.handle);
        }
        let mut dead = Vec::new();
        for ((slot, index), marked) in self.slots.iter_mut().zip(0..).zip(marks) {
            if !marked && let Some(value) = slot.value.take() {
                slot.generation = slot.generation.wrapping_add(1);
                self.free.push(index);
                dead.push(value);
            }
        }
        self.threshold = self.len() * 2;
        // The heap is consistent again before a destructor of the embedder's runs, and may panic.
        drop(dead);
    }
}

/// Frees host values that nobody can reach any more.
///
/// Compiled code keeps handles in registers and on its stack, of which there are no maps. So this does nothing while
/// any frame of the store's guests is on a stack: inside host functions, and inside `*_async` calls.
pub(crate) fn collect_externs(core: &mut StoreCore) {
    if !core.exec.activation.is_null() || core.exec.vm.exec.entry_fp != 0 {
        return;
    }
    let StoreCore {
        externs,
        globals,
        tables,
        instances,
        ..
    } = core;
    externs.collect(|mark| {
        for global in globals.iter() {
            if matches!(global.desc.content, WasmVal::Ref(ty) if is_host_ref(ty)) {
                // SAFETY: globals live as long as the store, and no guest runs that could write it meanwhile.
                let bytes = unsafe { global.vm.read() }.bytes;
                mark(handle_of(u64::from_le_bytes(
                    *bytes.first_chunk().expect("a global is wider"),
                )));
            }
        }
        for entity in tables.iter() {
            if is_host_ref(entity.desc.element) {
                // SAFETY: a table's elements are so many initialised words, and no guest runs that could write them
                // meanwhile.
                let words =
                    unsafe { std::slice::from_raw_parts(entity.table.base(), entity.table.len()) };
                for &word in words {
                    mark(handle_of(word as u64));
                }
            }
        }
        for instance in instances.iter() {
            for (index, segment) in &instance.module.info().elems {
                if is_host_ref(segment.ty) {
                    for &word in instance.elem(index).as_deref().unwrap_or_default() {
                        mark(handle_of(word as u64));
                    }
                }
            }
        }
    });
}

/// Whether references of this type are handles of this heap.
fn is_host_ref(ty: WasmRef) -> bool {
    !ty.is_func()
}

/// The handle in a word as tables and globals hold it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "handles are the low half of the word"
)]
fn handle_of(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    //! Handles, scopes and generations, without a store.

    use super::{ExternHeap, MAX_VALUES};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn number(heap: &ExternHeap, handle: u32) -> Option<i32> {
        heap.get(handle)?.downcast_ref().copied()
    }

    #[test]
    fn null_and_strange_handles_name_nothing() {
        let mut heap = ExternHeap::default();
        let handle = heap.insert(Box::new(1)).unwrap();
        assert_eq!(handle, 1);
        for none in [0, 2, u32::MAX] {
            assert!(heap.get(none).is_none() && heap.get_mut(none).is_none());
            assert!(heap.push_root(none).is_none() && heap.own_root(none).is_none());
        }
    }

    #[test]
    fn scoped_roots_fall_with_their_scope() {
        let mut heap = ExternHeap::default();
        let a = heap.insert(Box::new(1)).unwrap();
        let outer = heap.push_root(a).unwrap();
        let scope = heap.enter_scope();
        let b = heap.insert(Box::new(2)).unwrap();
        let inner = heap.push_root(b).unwrap();
        heap.collect(|_| {});
        assert_eq!((number(&heap, a), number(&heap, b)), (Some(1), Some(2)));
        heap.exit_scope(scope);
        assert_eq!(heap.resolve(inner), None);
        // The same place, taken by another root.
        let again = heap.push_root(a).unwrap();
        assert_eq!((heap.resolve(inner), heap.resolve(again)), (None, Some(a)));
        assert_eq!(heap.resolve(outer), Some(a));
        heap.collect(|_| {});
        assert_eq!((number(&heap, a), number(&heap, b)), (Some(1), None));
    }

    #[test]
    fn owned_roots_live_as_long_as_their_share() {
        let mut heap = ExternHeap::default();
        let handle = heap.insert(Box::new(1)).unwrap();
        let (root, share) = heap.own_root(handle).unwrap();
        let copy = Arc::clone(&share);
        drop(share);
        heap.collect(|_| {});
        assert_eq!(heap.resolve(root), Some(handle));
        drop(copy);
        heap.collect(|_| {});
        assert_eq!(heap.resolve(root), None);
        assert_eq!(
            heap.insert(Box::new(2)).unwrap(),
            handle,
            "slots are reused"
        );
        assert_eq!(heap.resolve(root), None, "and the old root knows");
    }

    #[test]
    fn what_guests_hold_survives_and_the_rest_is_dropped() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut heap = ExternHeap::default();
        let handles: Vec<u32> = (0..10)
            .map(|_| {
                heap.insert(Box::new(Counted(Arc::clone(&dropped))))
                    .unwrap()
            })
            .collect();
        heap.collect(|mark| {
            mark(handles[3]);
            mark(0);
            mark(99);
        });
        assert_eq!(dropped.load(Ordering::Relaxed), 9);
        assert_eq!(heap.len(), 1);
        assert!(heap.get(handles[3]).is_some());
        drop(heap);
        assert_eq!(dropped.load(Ordering::Relaxed), 10);
    }

    #[test]
    fn the_limit_is_one_of_values_that_cannot_be_freed() {
        let mut heap = ExternHeap::default();
        let live = u32::try_from(MAX_VALUES / 2 + 1000).unwrap();
        for _ in 0..2 * MAX_VALUES {
            if heap.wants_collection() {
                // The next one is due at twice as much, which is more than there may be.
                heap.collect(|mark| (1..=live).for_each(mark));
            }
            heap.insert(Box::new(())).unwrap();
        }
        while heap.len() < MAX_VALUES {
            heap.insert(Box::new(())).unwrap();
        }
        let error = heap.insert(Box::new(())).unwrap_err().to_string();
        assert!(error.contains("at most 1048576 host values"), "{error}");
        assert!(heap.wants_collection());
    }

    #[test]
    fn roots_that_died_do_not_pile_up() {
        let mut heap = ExternHeap::default();
        let handle = heap.insert(Box::new(1)).unwrap();
        for _ in 0..1000 {
            drop(heap.own_root(handle));
        }
        assert!(heap.owned.len() <= 16, "{}", heap.owned.len());
    }
}
