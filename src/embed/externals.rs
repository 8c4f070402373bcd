//! What can be imported and exported, as one type; and shared memories and tags, which are not implemented yet.

use super::types::{ExternType, MemoryType, TagType};
use super::{AsContext, AsContextMut, Func, Global, Memory, Table};
use crate::engine::Engine;
use crate::store::StoreCore;
use crate::wasm::Trap;
use crate::{Result, bail};
use std::cell::UnsafeCell;
use std::convert::Infallible;
use std::time::Duration;

/// Something that can be imported or exported.
#[derive(Clone, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A global.
    Global(Global),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
    /// A linear memory that threads share.
    SharedMemory(SharedMemory),
    /// An exception tag.
    Tag(Tag),
}

macro_rules! externals {
    ($($what:literal $ty:ident $into:ident;)*) => {
        impl Extern {
            $(
                #[doc = concat!("The ", $what, ", if this is one.")]
                #[inline]
                pub fn $into(self) -> Option<$ty> {
                    match self {
                        Extern::$ty(it) => Some(it),
                        _ => None,
                    }
                }
            )*
        }

        impl Export<'_> {
            $(
                #[doc = concat!("The ", $what, ", if this is one.")]
                pub fn $into(self) -> Option<$ty> {
                    self.definition.$into()
                }
            )*
        }

        $(
            impl From<$ty> for Extern {
                fn from(it: $ty) -> Self {
                    Extern::$ty(it)
                }
            }
        )*
    };
}

externals! {
    "function" Func into_func;
    "global" Global into_global;
    "table" Table into_table;
    "memory" Memory into_memory;
    "shared memory" SharedMemory into_shared_memory;
    "tag" Tag into_tag;
}

impl Extern {
    /// Its type.
    ///
    /// # Panics
    ///
    /// It is of another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        let store = store.as_context();
        match self {
            Extern::Func(it) => ExternType::Func(it.ty(store)),
            Extern::Global(it) => ExternType::Global(it.ty(store)),
            Extern::Table(it) => ExternType::Table(it.ty(store)),
            Extern::Memory(it) => ExternType::Memory(it.ty(store)),
            Extern::SharedMemory(it) => ExternType::Memory(it.ty()),
            Extern::Tag(it) => ExternType::Tag(it.ty(store)),
        }
    }
}

/// An export of an instance: its name and what it is.
#[derive(Clone, Debug)]
pub struct Export<'instance> {
    name: &'instance str,
    definition: Extern,
}

impl<'instance> Export<'instance> {
    /// An export of its parts.
    pub(crate) fn new(name: &'instance str, definition: Extern) -> Self {
        Export { name, definition }
    }

    /// Its name.
    pub fn name(&self) -> &'instance str {
        self.name
    }

    /// Its type.
    ///
    /// # Panics
    ///
    /// It is of another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        self.definition.ty(store)
    }

    /// What it is.
    pub fn into_extern(self) -> Extern {
        self.definition
    }
}

/// An exception tag of a store.
///
/// Exceptions are not implemented yet: [`Tag::new`] is always an error, so there is no value of this type.
#[derive(Copy, Clone, Debug)]
pub struct Tag {
    never: Infallible,
}

impl Tag {
    /// Whether it is of this store.
    pub(crate) fn comes_from(&self, _: &StoreCore) -> bool {
        match self.never {}
    }

    /// Would make a tag.
    ///
    /// # Errors
    ///
    /// Always: exceptions are not implemented yet.
    pub fn new(store: impl AsContextMut, ty: &TagType) -> Result<Tag> {
        let _ = (&store, ty);
        bail!("exception tags are not implemented yet")
    }

    /// Its type.
    pub fn ty(&self, store: impl AsContext) -> TagType {
        let _ = &store;
        match self.never {}
    }

    /// Whether two tags are the same.
    pub fn eq(a: &Tag, b: &Tag, store: impl AsContext) -> bool {
        let _ = (b, &store);
        match a.never {}
    }
}

/// What a host function returns to throw an exception that was given to the store before. Exceptions are not implemented
/// yet, so a store never has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrownException;

impl std::fmt::Display for ThrownException {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("thrown Wasm exception")
    }
}

impl std::error::Error for ThrownException {}

/// How a wait on a shared memory ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum WaitResult {
    /// Another thread notified.
    Ok = 0,
    /// The value was not the expected one, so there was no wait.
    Mismatch = 1,
    /// Nobody notified in time.
    TimedOut = 2,
}

/// A linear memory that threads share.
///
/// Shared memories are not implemented yet: [`SharedMemory::new`] is always an error, so there is no value of this type.
#[derive(Clone, Debug)]
pub struct SharedMemory {
    never: Infallible,
}

impl SharedMemory {
    /// Would make a shared memory.
    ///
    /// # Errors
    ///
    /// Always: the type is not a shared one, or shared memories are not implemented yet.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self> {
        let _ = engine;
        if !ty.is_shared() {
            bail!("shared memory must have the `shared` flag enabled on its memory type");
        }
        bail!("shared memories are not implemented yet")
    }

    /// The type it was declared with.
    pub fn ty(&self) -> MemoryType {
        match self.never {}
    }

    /// The size in pages.
    pub fn size(&self) -> u64 {
        match self.never {}
    }

    /// Bytes per page.
    pub fn page_size(&self) -> u64 {
        match self.never {}
    }

    /// The size in bytes.
    pub fn data_size(&self) -> usize {
        match self.never {}
    }

    /// The bytes, which other threads may be writing.
    pub fn data(&self) -> &[UnsafeCell<u8>] {
        match self.never {}
    }

    /// Grows the memory by `delta` pages and tells its size before, in pages.
    ///
    /// # Errors
    ///
    /// There is no value to call this on.
    pub fn grow(&self, delta: u64) -> Result<u64> {
        let _ = delta;
        match self.never {}
    }

    /// Wakes at most `count` threads that wait at an address.
    ///
    /// # Errors
    ///
    /// There is no value to call this on.
    pub fn atomic_notify(&self, addr: u64, count: u32) -> Result<u32, Trap> {
        let _ = (addr, count);
        match self.never {}
    }

    /// Waits at an address if it holds a 32-bit value.
    ///
    /// # Errors
    ///
    /// There is no value to call this on.
    pub fn atomic_wait32(
        &self,
        addr: u64,
        expected: u32,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Trap> {
        let _ = (addr, expected, timeout);
        match self.never {}
    }

    /// Waits at an address if it holds a 64-bit value.
    ///
    /// # Errors
    ///
    /// There is no value to call this on.
    pub fn atomic_wait64(
        &self,
        addr: u64,
        expected: u64,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Trap> {
        let _ = (addr, expected, timeout);
        match self.never {}
    }
}
