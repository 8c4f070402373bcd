//! An instance: its module, its VMContext, and which entities of the store its index spaces name.

use super::entities::{GlobalId, MemoryId, TableId};
use super::module::LoadedModule;
use crate::abi::{VmContext, VmFuncRef};
use crate::wasm::{DataIndex, ElemIndex};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;

/// What satisfies an import; already matched against the module's type.
#[derive(Copy, Clone, Debug)]
pub(crate) enum ImportedEntity {
    Func(NonNull<VmFuncRef>),
    Table(TableId),
    Memory(MemoryId),
    Global(GlobalId),
}

/// An instance.
pub(crate) struct InstanceData {
    pub(crate) module: Arc<LoadedModule>,
    pub(super) vmctx: VmctxBox,
    /// By `MemoryIndex`.
    pub(crate) memories: Box<[MemoryId]>,
    /// By `TableIndex`.
    pub(crate) tables: Box<[TableId]>,
    /// By `GlobalIndex`.
    pub(crate) globals: Box<[GlobalId]>,
    /// The evaluated elements of passive segments; `None` once dropped, or for other segments.
    pub(super) elems: Vec<Option<Arc<[usize]>>>,
    /// Whether a data segment has been dropped; active ones are from the start.
    pub(super) dropped_data: Vec<bool>,
    /// The start function's reference.
    pub(super) start: Option<Box<VmFuncRef>>,
}

impl InstanceData {
    /// The elements of a passive segment; none once dropped. Whoever has them keeps them, even if the segment is
    /// dropped meanwhile.
    pub(super) fn elem(&self, index: ElemIndex) -> Option<Arc<[usize]>> {
        self.elems[index.as_u32() as usize].clone()
    }

    /// The module in which the bytes of a data segment are; none once dropped. Whoever has it keeps the bytes, even if
    /// the segment is dropped meanwhile.
    pub(super) fn data_owner(&self, index: DataIndex) -> Option<Arc<LoadedModule>> {
        let dropped = self.dropped_data[index.as_u32() as usize];
        (!dropped).then(|| Arc::clone(&self.module))
    }
}

/// Owns the zeroed allocation of a VMContext.
pub(super) struct VmctxBox(NonNull<VmContext>, Layout);

impl VmctxBox {
    /// Allocates `size` zeroed bytes for a head and its tail.
    pub(super) fn new(size: usize) -> Self {
        let size = size.max(size_of::<VmContext>());
        let layout = Layout::from_size_align(size, align_of::<VmContext>())
            .expect("layouts are smaller than 1 GiB");
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start.cast::<VmContext>()) else {
            handle_alloc_error(layout)
        };
        VmctxBox(start, layout)
    }

    /// A field of the tail.
    ///
    /// # Safety
    ///
    /// `offset` comes from the module's `VmctxLayout`, for a field of type `F`.
    pub(super) unsafe fn field<F>(&self, offset: u32) -> NonNull<F> {
        // SAFETY: the layout's offsets lie inside the allocation.
        unsafe { self.0.byte_add(offset as usize).cast() }
    }

    pub(super) fn head(&self) -> NonNull<VmContext> {
        self.0
    }
}

impl Drop for VmctxBox {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.0.as_ptr().cast(), self.1) };
    }
}
