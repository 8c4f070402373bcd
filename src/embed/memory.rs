//! Linear memories from the host's side.

#![expect(unsafe_code, reason = "slices of memory that machine code shares")]

use super::limits::without_waiting;
use super::types::MemoryType;
use super::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::store::{MemoryEntity, MemoryId, StoreCore, StoreId};
use crate::{Result, bail};
use std::fmt;
use std::slice;

/// An access from the host went past the end of a memory.
#[derive(Debug)]
#[non_exhaustive]
pub struct MemoryAccessError {
    _private: (),
}

impl fmt::Display for MemoryAccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of bounds memory access")
    }
}

impl std::error::Error for MemoryAccessError {}

/// A linear memory of a store.
///
/// It is a handle: copying it does not copy the memory, which lives as long as its store. All methods take that store;
/// unless they say otherwise, they panic when given another one.
///
/// [`Memory::data`] and [`Memory::data_mut`] lend the bytes for as long as the store is borrowed, so nothing can write
/// them or move them meanwhile. Guests move a memory when they grow it: [`Memory::data_ptr`] is good until then only.
///
/// ```
/// # use tussah::{Engine, Memory, MemoryType, Store};
/// # fn main() -> tussah::Result<()> {
/// let mut store = Store::new(&Engine::default(), ());
/// let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
/// memory.write(&mut store, 100, b"host")?;
/// assert_eq!(&memory.data(&store)[100..104], b"host");
/// assert_eq!(memory.grow(&mut store, 2)?, 1);
/// assert_eq!(memory.size(&store), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Memory {
    store: StoreId,
    id: MemoryId,
}

impl Memory {
    /// Makes a memory that no instance owns. Give it to guests as an import.
    ///
    /// # Errors
    ///
    /// The store's limiter refuses it, or is async; there is no room for the minimum; or the type
    /// is of a kind that is not implemented. A shared memory is a [`SharedMemory`](crate::SharedMemory).
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        without_waiting(&mut store.as_context_mut(), |core| Self::make(core, &ty))
    }

    /// As [`Memory::new`] in stores whose limiter may wait.
    ///
    /// # Errors
    ///
    /// As for [`Memory::new`].
    pub async fn new_async(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let mut store = store.as_context_mut();
        super::call::on_fiber(&mut store, move |store| Self::make(store.0.core_mut(), &ty)).await?
    }

    fn make(core: &mut StoreCore, ty: &MemoryType) -> Result<Memory> {
        if ty.is_shared() {
            bail!("shared memories must be created through `SharedMemory`");
        }
        let memory = core.new_memory(ty.desc())?;
        let id = core.push_memory(memory, None);
        Ok(Memory::from_id(core.id, id))
    }

    /// The handle of a store's memory.
    pub(crate) fn from_id(store: StoreId, id: MemoryId) -> Memory {
        Memory { store, id }
    }

    /// Which memory of its store this is.
    ///
    /// # Panics
    ///
    /// `core` is another store.
    pub(crate) fn id(&self, core: &StoreCore) -> MemoryId {
        assert!(self.comes_from(core), "object used with the wrong store");
        self.id
    }

    /// Whether this is a memory of this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.store == core.id
    }

    fn entity<'a>(&self, core: &'a StoreCore) -> &'a MemoryEntity {
        &core.memories[self.id(core).index()]
    }

    /// The type the memory was declared with. Its minimum is the size that the memory began with; see [`Memory::size`]
    /// for the current one.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        let store = store.as_context();
        MemoryType::from_desc(self.entity(store.0.core()).memory.desc())
    }

    /// Copies bytes at `offset` into `buffer`.
    ///
    /// # Errors
    ///
    /// The range is not inside the memory; nothing is copied then.
    pub fn read(
        &self,
        store: impl AsContext,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context();
        let source = self
            .data(store)
            .get(offset..)
            .and_then(|rest| rest.get(..buffer.len()))
            .ok_or(MemoryAccessError { _private: () })?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    /// Copies `buffer` to `offset`.
    ///
    /// # Errors
    ///
    /// The range is not inside the memory; nothing is copied then.
    pub fn write(
        &self,
        mut store: impl AsContextMut,
        offset: usize,
        buffer: &[u8],
    ) -> Result<(), MemoryAccessError> {
        self.data_mut(store.as_context_mut())
            .get_mut(offset..)
            .and_then(|rest| rest.get_mut(..buffer.len()))
            .ok_or(MemoryAccessError { _private: () })?
            .copy_from_slice(buffer);
        Ok(())
    }

    /// The bytes, for as long as the store is borrowed.
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let memory = &self.entity(store.into().0.core()).memory;
        // SAFETY: so many bytes are accessible from the base; guests, who alone write them besides `data_mut`, run only
        // while the store is borrowed exclusively.
        unsafe { slice::from_raw_parts(memory.base(), memory.byte_len()) }
    }

    /// The bytes, mutably, for as long as the store is borrowed.
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> &'a mut [u8] {
        self.data_and_store_mut(store).0
    }

    /// The bytes together with the store's data.
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let inner = store.into().0;
        let memory = &self.entity(&inner.core).memory;
        // SAFETY: so many bytes are accessible from the base, and the store is borrowed exclusively for `'a`. The data
        // lies elsewhere.
        let bytes = unsafe { slice::from_raw_parts_mut(memory.base(), memory.byte_len()) };
        (bytes, &mut inner.data)
    }

    /// Where the memory begins. Growing the memory, which guests do too, may move it; reading and writing through the
    /// pointer follows the rules of [`Memory::data`].
    pub fn data_ptr(&self, store: impl AsContext) -> *mut u8 {
        self.entity(store.as_context().0.core()).memory.base()
    }

    /// The size in bytes.
    pub fn data_size(&self, store: impl AsContext) -> usize {
        self.entity(store.as_context().0.core()).memory.byte_len()
    }

    /// The size in pages.
    pub fn size(&self, store: impl AsContext) -> u64 {
        let store = store.as_context();
        let memory = &self.entity(store.0.core()).memory;
        memory.byte_len() as u64 / memory.desc().page_size()
    }

    /// Bytes per page.
    pub fn page_size(&self, store: impl AsContext) -> u64 {
        let store = store.as_context();
        self.entity(store.0.core()).memory.desc().page_size()
    }

    /// Bytes per page, as a power of two.
    pub fn page_size_log2(&self, store: impl AsContext) -> u8 {
        let store = store.as_context();
        self.entity(store.0.core()).memory.desc().page_size_log2
    }

    /// Grows the memory by `delta` pages and tells its size before, in pages.
    ///
    /// # Errors
    ///
    /// The store's limiter refuses, or is async; the type's maximum or the system's memory does
    /// not suffice. The memory keeps its size then.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        without_waiting(&mut store.as_context_mut(), |core| {
            self.grow_in(core, delta)
        })
    }

    /// As [`Memory::grow`] in stores whose limiter may wait.
    ///
    /// # Errors
    ///
    /// As for [`Memory::grow`].
    pub async fn grow_async(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let memory = *self;
        let mut store = store.as_context_mut();
        super::call::on_fiber(&mut store, move |store| {
            memory.grow_in(store.0.core_mut(), delta)
        })
        .await?
    }

    fn grow_in(&self, core: &mut StoreCore, delta: u64) -> Result<u64> {
        let id = self.id(core);
        match core.grow_memory(id, delta)? {
            Some(before) => Ok(before),
            None => bail!("failed to grow memory by `{delta}`"),
        }
    }
}
