//! The store without its data.

use super::budget::Budget;
use super::entities::{GlobalEntity, MemoryEntity, TableEntity};
use super::externs::ExternHeap;
use super::instance::InstanceData;
use super::kept::Kept;
use super::{CallHook, UpdateDeadline, builtin_array};
use crate::abi::{MAGIC_INSTANCE, VmContext, VmFuncRef, VmGlobal, VmMemory, VmStore, VmTable};
use crate::engine::{Alarm, Engine};
use crate::exec::{self, ExecCore};
use crate::wasm::{MemoryDesc, TableDesc};
use crate::{Error, Result};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells stores apart; never reused in a process.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StoreId(u64);

impl StoreId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        StoreId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What the store asks of the part that knows its data.
pub(crate) trait StoreHooks {
    /// The limiter's answer to a memory growing; may wait on the fiber.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> Result<bool>;
    /// Tells the limiter that a growth failed.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()>;
    /// The limiter's answer to a table growing; may wait on the fiber.
    fn table_growing(&mut self, current: usize, desired: usize, max: Option<usize>)
    -> Result<bool>;
    /// Tells the limiter that a growth failed.
    fn table_grow_failed(&mut self, error: Error) -> Result<()>;
    /// `(instances, tables, memories)` that the limiter allows.
    fn count_limits(&mut self) -> (usize, usize, usize);
    /// Tells the call hook of a transition; may wait on the fiber.
    fn call_hook(&mut self, transition: CallHook) -> Result<()>;
    /// Whether the limiter is one that may wait.
    fn limiter_may_wait(&self) -> bool;
    /// Asks what is to happen at the epoch deadline.
    fn epoch_deadline_reached(&mut self) -> Result<UpdateDeadline>;
}

/// Turns a core's address into that of the structure around it. Going through the address keeps every access that a hook
/// makes derived from the borrow that asked for it.
pub(crate) type HooksOf = unsafe fn(*mut StoreCore) -> *mut dyn StoreHooks;

/// The store without its data. Machine code points at it: `exec` is first, and it never moves.
#[repr(C)]
#[doc(hidden)]
pub struct StoreCore {
    pub(crate) exec: ExecCore,
    pub(crate) id: StoreId,
    pub(crate) engine: Engine,
    /// The context in whose name the host enters functions.
    root: Box<VmContext>,
    pub(crate) instances: Vec<InstanceData>,
    /// Tables and memories that guests brought; those that the host made do not count against limits.
    pub(super) guest_tables: usize,
    pub(super) guest_memories: usize,
    pub(crate) memories: Vec<MemoryEntity>,
    pub(crate) tables: Vec<TableEntity>,
    pub(crate) globals: Vec<GlobalEntity>,
    pub(super) boxed_memories: Vec<NonNull<VmMemory>>,
    pub(super) boxed_tables: Vec<NonNull<VmTable>>,
    pub(super) boxed_globals: Vec<NonNull<VmGlobal>>,
    pub(crate) externs: ExternHeap,
    pub(crate) budget: Budget,
    /// Rings at the epoch deadline, if epochs are on.
    pub(super) alarm: Option<Alarm>,
    /// Host functions that this store's references may point into.
    pub(crate) kept: Kept,
    /// Those of them that have no machine code yet: see `settle`.
    pub(super) unsettled: Vec<NonNull<VmFuncRef>>,
    /// Sticky: sync entries are refused.
    pub(crate) async_required: bool,
    /// Whether somebody wants to be told of transitions.
    pub(crate) has_call_hook: bool,
    /// Finds the part with the data, around this one.
    hooks: HooksOf,
}

impl fmt::Debug for StoreCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCore")
            .field("id", &self.id)
            .field("instances", &self.instances.len())
            .field("memories", &self.memories.len())
            .field("tables", &self.tables.len())
            .finish_non_exhaustive()
    }
}

impl StoreCore {
    /// A core that still must be put in place and told where it lies by [`StoreCore::bind`].
    ///
    /// `hooks` is only ever given the address of this core in its final place.
    pub(crate) fn new(engine: &Engine, hooks: HooksOf) -> Self {
        StoreCore {
            exec: ExecCore::new(
                engine.max_wasm_stack(),
                engine.frame_limit(),
                !engine.zeroes_stacks(),
            ),
            id: StoreId::next(),
            engine: engine.clone(),
            root: Box::new(VmContext {
                magic: MAGIC_INSTANCE,
                instance: u32::MAX,
                store: ptr::null_mut(),
                builtins: builtin_array(),
                type_ids: ptr::null(),
                due: ptr::null(),
            }),
            instances: Vec::new(),
            guest_tables: 0,
            guest_memories: 0,
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            boxed_memories: Vec::new(),
            boxed_tables: Vec::new(),
            boxed_globals: Vec::new(),
            externs: ExternHeap::default(),
            alarm: engine
                .tunables()
                .epoch_interruption
                .then(|| engine.clock().alarm()),
            budget: Budget::default(),
            kept: Kept::default(),
            unsettled: Vec::new(),
            async_required: false,
            has_call_hook: false,
            hooks,
        }
    }

    /// Tells the core its final address.
    ///
    /// # Safety
    ///
    /// `this` does not move again.
    pub(crate) unsafe fn bind(this: *mut StoreCore) {
        // SAFETY: the caller's.
        let core = unsafe { &mut *this };
        core.root.store = this.cast();
        core.root.due = core.due();
        core.exec.root = &raw mut *core.root;
    }

    /// The word that machine code compares with zero where it may be interrupted.
    pub(crate) fn due(&self) -> *const AtomicU64 {
        static NEVER: AtomicU64 = AtomicU64::new(0);
        ptr::from_ref(self.alarm.as_ref().map_or(&NEVER, Alarm::due))
    }

    /// The executing half, as machine code and the `exec` room know it.
    pub(crate) fn exec_ptr(&mut self) -> *mut ExecCore {
        // The field is first in a `repr(C)` structure; the pointer is made from the whole so that it may be turned back.
        ptr::from_mut(self).cast()
    }

    /// The core's address as [`StoreCore::bind`] was told it: good for as long as the store lives, whatever borrows of
    /// the core come and go. Contexts hold this one.
    pub(crate) fn address(&self) -> *mut VmStore {
        self.root.store
    }

    /// The context in whose name the host enters functions.
    pub(crate) fn root(&mut self) -> *mut VmContext {
        &raw mut *self.root
    }

    /// The hooks.
    pub(crate) fn hooks(&mut self) -> &mut dyn StoreHooks {
        let hooks = self.hooks;
        // SAFETY: `new`'s caller gave the function that fits the structure around this core. Callers use nothing of the
        // core while a hook runs.
        unsafe { &mut *hooks(ptr::from_mut(self)) }
    }

    /// Whether work of this store runs on a fiber right now.
    pub(crate) fn can_block(&self) -> bool {
        // SAFETY: a reference is live.
        unsafe { exec::can_block(&raw const self.exec) }
    }

    /// Refuses a sync entry where it must not be.
    ///
    /// # Errors
    ///
    /// The store is async-required, or this is a fiber.
    pub(crate) fn validate_sync_call(&self) -> Result<()> {
        if self.async_required {
            crate::bail!("store configuration requires that `*_async` functions are used instead");
        }
        if self.can_block() {
            crate::bail!("cannot do blocking `call` from an async context");
        }
        Ok(())
    }

    /// Waits for a future on the running fiber.
    ///
    /// # Errors
    ///
    /// Cancelled, or pending off a fiber.
    pub(crate) fn block_on<F: Future + ?Sized>(
        &mut self,
        future: Pin<&mut F>,
    ) -> Result<F::Output> {
        // SAFETY: `self` is the store whose work runs here; its fields are not used until the future is done.
        unsafe { exec::block_on(self.exec_ptr(), future) }
    }

    /// Gives the executor a turn.
    ///
    /// # Errors
    ///
    /// Cancelled, or not on a fiber.
    #[inline(always)]
    pub(crate) fn yield_now(&mut self) -> Result<()> {
        // SAFETY: as in `block_on`.
        unsafe { exec::yield_now(self.exec_ptr()) }
    }

    /// Asks the limiter for a memory's growth.
    pub(crate) fn may_grow_memory(
        &mut self,
        current: usize,
        desired: usize,
        desc: &MemoryDesc,
    ) -> Result<bool> {
        let max = desc
            .max
            .map(|_| usize::try_from(desc.max_bytes()).unwrap_or(usize::MAX));
        self.hooks().memory_growing(current, desired, max)
    }

    /// Tells the limiter of a failed growth.
    pub(crate) fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.hooks().memory_grow_failed(error)
    }

    /// Asks the limiter for a table's growth.
    pub(crate) fn may_grow_table(
        &mut self,
        current: usize,
        desired: usize,
        desc: &TableDesc,
    ) -> Result<bool> {
        let max = desc
            .max
            .map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        self.hooks().table_growing(current, desired, max)
    }

    /// Tells the limiter of a failed growth.
    pub(crate) fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.hooks().table_grow_failed(error)
    }

    /// Refuses an instance with so many tables and memories if that is more of anything than the limiter allows. What is
    /// counted is what is in the store, so an instance that is never made leaves no trace.
    ///
    /// # Errors
    ///
    /// Names the limit that would be passed.
    pub(super) fn check_counts(&mut self, tables: usize, memories: usize) -> Result<()> {
        let (max_instances, max_tables, max_memories) = self.hooks().count_limits();
        let over = |what: &str, count: usize, max: usize| -> Result<()> {
            if count > max {
                crate::bail!("resource limit exceeded: {what} count too high at {count}");
            }
            Ok(())
        };
        let tables = self.guest_tables.saturating_add(tables);
        let memories = self.guest_memories.saturating_add(memories);
        over("instance", self.instances.len() + 1, max_instances)?;
        over("table", tables, max_tables)?;
        over("memory", memories, max_memories)
    }
}

impl Drop for StoreCore {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `push_*`, and nothing runs in a store that is dropped.
        unsafe {
            for &vm in &self.boxed_memories {
                drop(Box::from_raw(vm.as_ptr()));
            }
            for &vm in &self.boxed_tables {
                drop(Box::from_raw(vm.as_ptr()));
            }
            for &vm in &self.boxed_globals {
                drop(Box::from_raw(vm.as_ptr()));
            }
        }
    }
}
