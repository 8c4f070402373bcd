//! The bodies of the builtins.
//!
//! Bulk operations run in chunks: after each one the fuel it cost is charged and the epoch compared, so that a guest can
//! be stopped or made to yield in the middle of a gigabyte. Between chunks a callback may have grown the guest's memory,
//! so that addresses are computed anew, or dropped a segment, so that an operation shares in the one it began with.

use super::StoreCore;
use super::entities::{InstanceId, MemoryId, TableId};
use crate::abi::builtins::{ALREADY_CHARGED, for_each_builtin};
use crate::abi::{VmContext, decode_trap};
use crate::entity::EntityRef;
use crate::exec::Raised;
use crate::wasm::{DataIndex, ElemIndex, Trap};
use crate::{Error, Result, format_err};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

/// Bytes of a bulk memory operation between two looks at fuel and epoch.
const CHUNK_BYTES: u64 = 256 << 10;
/// Elements of a bulk table operation between two looks.
const CHUNK_ELEMENTS: u64 = 16 << 10;

/// The pointer array that VMContexts hold.
pub(crate) fn builtin_array() -> *const *const c_void {
    static ARRAY: Array = Array(for_each_builtin!(array));
    ARRAY.0.as_ptr()
}

struct Array([*const c_void; COUNT]);
// SAFETY: addresses of functions, never written.
unsafe impl Sync for Array {}

const COUNT: usize = crate::abi::builtins::Builtin::ALL.len();

macro_rules! array {
    ($($id:ident $name:ident ($($param:ident: $ty:ident),*) -> $ret:ident;)*) => {
        [$(shims::$name as *const c_void),*]
    };
}
use array;

mod shims {
    //! The `extern "C"` half: finds the store, catches panics, turns results into what machine code expects.

    use super::{VmContext, bodies, enter_host};
    use crate::abi::builtins::for_each_builtin;

    pub(super) use crate::exec::raise;

    macro_rules! ty {
        (I32) => {
            i32
        };
        (I64) => {
            i64
        };
    }

    macro_rules! shims {
        ($($id:ident $name:ident ($($param:ident: $ty:ident),*) -> $ret:ident;)*) => {
            $(shims!(@ $name ($($param: $ty),*) $ret);)*
        };
        (@ raise () Nothing) => {};
        (@ $name:ident ($($param:ident: $ty:ident),*) $ret:ident) => {
            /// # Safety
            ///
            /// Called by machine code of the VMContext's instance, through its trampoline.
            pub(super) unsafe extern "C" fn $name(vmctx: *mut VmContext $(, $param: ty!($ty))*) -> ret!($ret) {
                // SAFETY: the caller's.
                let done = unsafe {
                    enter_host(vmctx, |core, id| bodies::$name(core, id $(, $param)*))
                };
                ret!(done, $ret)
            }
        };
    }

    macro_rules! ret {
        (Nothing) => {
            ()
        };
        (Ok) => {
            bool
        };
        (Size) => {
            i64
        };
        ($done:ident, Nothing) => {{
            let _: Option<()> = $done;
        }};
        ($done:ident, Ok) => {{
            let done: Option<()> = $done;
            done.is_some()
        }};
        ($done:ident, Size) => {{
            let done: Option<i64> = $done;
            done.unwrap_or(-2)
        }};
    }

    for_each_builtin!(shims);
}

/// Runs a builtin's body. On an error or panic it is recorded for the raise, and `None` returned.
///
/// # Safety
///
/// `vmctx` is of a live instance whose code called this through a trampoline.
#[inline(always)]
unsafe fn enter_host<R>(
    vmctx: *mut VmContext,
    body: impl FnOnce(&mut StoreCore, InstanceId) -> Result<R>,
) -> Option<R> {
    // SAFETY: the store outlives its instances and does not move; the guest's thread has it to itself, and whoever
    // entered the guest uses no reference into it meanwhile.
    let (core, id) = unsafe {
        let store = (*vmctx).store.cast::<StoreCore>();
        (&mut *store, InstanceId::new((*vmctx).instance as usize))
    };
    let raised = match catch_unwind(AssertUnwindSafe(|| body(core, id))) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => match error.downcast::<Trap>() {
            Ok(trap) => Raised::Trap(trap),
            Err(error) => Raised::Error(error),
        },
        Err(payload) => Raised::Panic(payload),
    };
    // SAFETY: called through a trampoline, by this function's caller.
    unsafe { core.exec.record(raised) };
    None
}

/// Which unit a bulk operation is charged by.
#[derive(Copy, Clone)]
enum Unit {
    Byte,
    Element,
}

impl Unit {
    fn chunk(self) -> u64 {
        match self {
            Unit::Byte => CHUNK_BYTES,
            Unit::Element => CHUNK_ELEMENTS,
        }
    }
}

impl StoreCore {
    /// Runs `step(done, count)` over `len` units in chunks, charging and looking at the epoch after each.
    #[inline]
    fn in_chunks(
        &mut self,
        len: u64,
        unit: Unit,
        charged: bool,
        mut step: impl FnMut(&mut StoreCore, u64, u64),
    ) -> Result<()> {
        if charged && len <= unit.chunk() {
            step(self, 0, len);
            return Ok(());
        }
        let tunables = self.engine.tunables();
        let cost = u64::from(match unit {
            Unit::Byte => tunables.operator_cost.per_byte,
            Unit::Element => tunables.operator_cost.per_element,
        });
        let chunk = unit.chunk();
        let metered = tunables.consume_fuel && !charged;
        if metered {
            self.affords(len.saturating_mul(cost))?;
        }
        let mut done = 0;
        loop {
            let mut count = chunk.min(len - done);
            if metered && cost > 0 {
                // Up to where the counter runs out, so that yields come when they are due.
                let left = self.exec.vm.fuel.min(0).unsigned_abs();
                count = count.min((left / cost).max(1));
            }
            step(self, done, count);
            done += count;
            if metered {
                self.charge(count * cost)?;
            }
            if done == len {
                return Ok(());
            }
            self.new_epoch()?;
        }
    }

    /// Takes over the count of fuel from the function that called a cold builtin, and tells where it was.
    fn take_guest_fuel(&mut self) -> Option<NonNull<i64>> {
        if !self.engine.tunables().consume_fuel {
            return None;
        }
        // SAFETY: called by the bodies of cold builtins, so that a function of this store has just left wasm.
        let slot = unsafe { self.exec.fuel_slot() }?;
        // SAFETY: the slot lies in the frame of that function, which waits for the builtin and has filled it.
        self.exec.vm.fuel = unsafe { slot.read() };
        Some(slot)
    }

    /// Gives the count back to where [`StoreCore::take_guest_fuel`] found it.
    fn give_guest_fuel(&mut self, slot: Option<NonNull<i64>>) {
        if let Some(slot) = slot {
            // SAFETY: as above; the function still waits, as nothing has been raised.
            unsafe { slot.write(self.exec.vm.fuel) };
        }
    }

    fn memory_id(&self, id: InstanceId, index: i32) -> MemoryId {
        self.instances[id.index()].memories[index_of(index)]
    }

    fn table_id(&self, id: InstanceId, index: i32) -> TableId {
        self.instances[id.index()].tables[index_of(index)]
    }

    fn memory_size(&self, memory: MemoryId) -> u64 {
        self.memories[memory.index()].memory.byte_len() as u64
    }

    fn table_size(&self, table: TableId) -> u64 {
        self.tables[table.index()].table.len() as u64
    }

    /// Checks `(start, size)` pairs against a length. Running out of fuel for it goes before being out of bounds.
    #[inline]
    fn bounds(&mut self, pairs: &[(u64, u64)], len: u64, unit: Unit, charged: bool) -> Result<()> {
        let fits =
            |&(start, size): &(u64, u64)| start.checked_add(len).is_some_and(|end| end <= size);
        if pairs.iter().all(fits) {
            return Ok(());
        }
        Err(self.out_of_bounds(len, unit, charged))
    }

    /// Why an operation ends that does not fit.
    #[cold]
    fn out_of_bounds(&mut self, len: u64, unit: Unit, charged: bool) -> Error {
        let tunables = self.engine.tunables();
        let (cost, trap) = match unit {
            Unit::Byte => (tunables.operator_cost.per_byte, Trap::MemoryOutOfBounds),
            Unit::Element => (tunables.operator_cost.per_element, Trap::TableOutOfBounds),
        };
        let cost = u64::from(cost);
        if tunables.consume_fuel && !charged {
            let units = len.saturating_mul(cost);
            if let Err(error) = self.affords(units) {
                return error;
            }
            self.spend(units);
        }
        trap.into()
    }

    fn base(&self, memory: MemoryId) -> *mut u8 {
        self.memories[memory.index()].memory.base()
    }
}

/// An index parameter without its flag.
fn index_of(index: i32) -> usize {
    (index & !ALREADY_CHARGED).unsigned_abs() as usize
}

fn charged(index: i32) -> bool {
    index & ALREADY_CHARGED != 0
}

/// A table element's word.
fn word_of(word: i64) -> usize {
    usize::try_from(word.cast_unsigned()).expect("targets are 64 bits wide")
}

/// A count or offset that was checked against something in memory.
fn size(n: u64) -> usize {
    usize::try_from(n).expect("checked against a size in memory")
}

mod bodies {
    //! What each builtin does.

    #![expect(
        clippy::cast_sign_loss,
        reason = "machine code passes unsigned numbers in signed parameters"
    )]

    use super::{
        DataIndex, ElemIndex, EntityRef, InstanceId, Result, StoreCore, Unit, charged, decode_trap,
        format_err, index_of, ptr, size, word_of,
    };
    pub(super) fn memory_grow(
        core: &mut StoreCore,
        id: InstanceId,
        memory: i32,
        delta: i64,
    ) -> Result<i64> {
        let memory = core.memory_id(id, memory);
        Ok(match core.grow_memory(memory, delta as u64)? {
            Some(pages) => i64::try_from(pages)?,
            None => -1,
        })
    }

    pub(super) fn memory_fill(
        core: &mut StoreCore,
        id: InstanceId,
        index: i32,
        dst: i64,
        value: i32,
        len: i64,
    ) -> Result<()> {
        let memory = core.memory_id(id, index);
        let (dst, len) = (dst as u64, len as u64);
        let bounds = [(dst, core.memory_size(memory))];
        core.bounds(&bounds, len, Unit::Byte, charged(index))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the operator takes the low byte"
        )]
        let byte = value as u8;
        core.in_chunks(len, Unit::Byte, charged(index), |core, done, count| {
            // SAFETY: the range was checked, and memories never shrink.
            unsafe {
                let start = core.base(memory).add(size(dst + done));
                ptr::write_bytes(start, byte, size(count));
            }
        })
    }

    pub(super) fn memory_copy(
        core: &mut StoreCore,
        id: InstanceId,
        dst_index: i32,
        dst: i64,
        src_index: i32,
        src: i64,
        len: i64,
    ) -> Result<()> {
        let to = core.memory_id(id, dst_index);
        let from = core.memory_id(id, src_index);
        let (dst, src, len) = (dst as u64, src as u64, len as u64);
        let bounds = [(dst, core.memory_size(to)), (src, core.memory_size(from))];
        core.bounds(&bounds, len, Unit::Byte, charged(dst_index))?;
        // Overlapping chunks must not overwrite what is still to be read.
        let backwards = to == from && dst > src;
        core.in_chunks(len, Unit::Byte, charged(dst_index), |core, done, count| {
            let at = if backwards { len - done - count } else { done };
            // SAFETY: both ranges were checked, and memories never shrink.
            unsafe {
                let source = core.base(from).add(size(src + at));
                let target = core.base(to).add(size(dst + at));
                ptr::copy(source, target, size(count));
            }
        })
    }

    pub(super) fn memory_init(
        core: &mut StoreCore,
        id: InstanceId,
        index: i32,
        data: i32,
        dst: i64,
        src: i64,
        len: i64,
    ) -> Result<()> {
        let memory = core.memory_id(id, index);
        let data = DataIndex::new(index_of(data));
        let (dst, src, len) = (dst as u64, src as u64, len as u64);
        let owner = core.instances[id.index()].data_owner(data);
        let bytes = owner.as_ref().map_or(&[][..], |m| m.info().data_of(data));
        let bounds = [(dst, core.memory_size(memory)), (src, bytes.len() as u64)];
        core.bounds(&bounds, len, Unit::Byte, charged(index))?;
        core.in_chunks(len, Unit::Byte, charged(index), |core, done, count| {
            let source = &bytes[size(src + done)..][..size(count)];
            // SAFETY: the range was checked, memories never shrink, and a module's bytes are not a memory.
            unsafe {
                let target = core.base(memory).add(size(dst + done));
                ptr::copy_nonoverlapping(source.as_ptr(), target, source.len());
            }
        })
    }

    pub(super) fn data_drop(core: &mut StoreCore, id: InstanceId, data: i32) -> Result<()> {
        core.instances[id.index()].dropped_data[index_of(data)] = true;
        Ok(())
    }

    pub(super) fn table_grow(
        core: &mut StoreCore,
        id: InstanceId,
        index: i32,
        delta: i64,
        init: i64,
    ) -> Result<i64> {
        let table = core.table_id(id, index);
        let (delta, word) = (delta as u64, word_of(init));
        let tunables = core.engine.tunables();
        let total = delta.saturating_mul(tunables.operator_cost.per_element.into());
        let mut charged = charged(index) || !tunables.consume_fuel;
        if !charged && core.get_fuel()? <= total {
            // It will not do, so nothing is begun.
            core.charge(total)?;
            charged = true;
        }
        loop {
            let Some(new) = core.make_table_room(table, delta)? else {
                if !charged {
                    core.charge(total)?;
                }
                return Ok(-1);
            };
            // Only when all elements are ready do they become visible: a growth that is interrupted for good has never
            // happened, and no element is ever what it was not declared to be.
            let mut overtaken = false;
            core.in_chunks(delta, Unit::Element, charged, |core, done, count| {
                let storage = &mut core.tables[table.index()].table;
                overtaken |= storage.len() != new.start;
                if !overtaken {
                    let start = new.start + size(done);
                    storage.prepare(start..start + size(count), word);
                }
            })?;
            if !overtaken {
                core.publish_table(table, new.end);
                return Ok(i64::try_from(new.start)?);
            }
            // A callback has grown the table meanwhile: its growth came first, and this one begins again behind it.
            charged = true;
        }
    }

    pub(super) fn table_fill(
        core: &mut StoreCore,
        id: InstanceId,
        index: i32,
        dst: i64,
        value: i64,
        len: i64,
    ) -> Result<()> {
        let table = core.table_id(id, index);
        let (dst, len, word) = (dst as u64, len as u64, word_of(value));
        let bounds = [(dst, core.table_size(table))];
        core.bounds(&bounds, len, Unit::Element, charged(index))?;
        core.in_chunks(len, Unit::Element, charged(index), |core, done, count| {
            let storage = &mut core.tables[table.index()].table;
            for i in 0..count {
                storage.set(size(dst + done + i), word);
            }
        })
    }

    pub(super) fn table_copy(
        core: &mut StoreCore,
        id: InstanceId,
        dst_index: i32,
        dst: i64,
        src_index: i32,
        src: i64,
        len: i64,
    ) -> Result<()> {
        let to = core.table_id(id, dst_index);
        let from = core.table_id(id, src_index);
        let (dst, src, len) = (dst as u64, src as u64, len as u64);
        let bounds = [(dst, core.table_size(to)), (src, core.table_size(from))];
        core.bounds(&bounds, len, Unit::Element, charged(dst_index))?;
        let backwards = to == from && dst > src;
        core.in_chunks(
            len,
            Unit::Element,
            charged(dst_index),
            |core, done, count| {
                let at = if backwards { len - done - count } else { done };
                let source = core.tables[from.index()].table.base();
                let target = core.tables[to.index()].table.base();
                // SAFETY: both ranges were checked, and tables neither shrink nor move.
                unsafe {
                    ptr::copy(
                        source.add(size(src + at)),
                        target.add(size(dst + at)),
                        size(count),
                    );
                }
            },
        )
    }

    pub(super) fn table_init(
        core: &mut StoreCore,
        id: InstanceId,
        index: i32,
        elem: i32,
        dst: i64,
        src: i64,
        len: i64,
    ) -> Result<()> {
        let table = core.table_id(id, index);
        let elem = ElemIndex::new(index_of(elem));
        let (dst, src, len) = (dst as u64, src as u64, len as u64);
        let words = core.instances[id.index()].elem(elem);
        let words = words.as_deref().unwrap_or_default();
        let bounds = [(dst, core.table_size(table)), (src, words.len() as u64)];
        core.bounds(&bounds, len, Unit::Element, charged(index))?;
        core.in_chunks(len, Unit::Element, charged(index), |core, done, count| {
            let storage = &mut core.tables[table.index()].table;
            let source = &words[size(src + done)..][..size(count)];
            for (i, &word) in source.iter().enumerate() {
                storage.set(size(dst + done) + i, word);
            }
        })
    }

    pub(super) fn elem_drop(core: &mut StoreCore, id: InstanceId, elem: i32) -> Result<()> {
        core.instances[id.index()].elems[index_of(elem)] = None;
        Ok(())
    }

    pub(super) fn raise_trap(core: &mut StoreCore, _: InstanceId, code: i32) -> Result<()> {
        core.take_guest_fuel();
        let trap = u8::try_from(code).ok().and_then(decode_trap);
        Err(match trap {
            Some(trap) => trap.into(),
            None => format_err!("compiled code raised the unknown trap {code}"),
        })
    }

    #[inline(always)]
    pub(super) fn out_of_fuel(core: &mut StoreCore, _: InstanceId, _: i32) -> Result<()> {
        let slot = core.take_guest_fuel();
        core.out_of_fuel()?;
        core.give_guest_fuel(slot);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn new_epoch(core: &mut StoreCore, _: InstanceId, _: i32) -> Result<()> {
        let slot = core.take_guest_fuel();
        core.new_epoch()?;
        core.give_guest_fuel(slot);
        Ok(())
    }
}
