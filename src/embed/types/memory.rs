//! Linear memory types.

use crate::error::{Context, Result, bail};
use crate::wasm::MemoryDesc;

const DEFAULT_PAGE_SIZE_LOG2: u8 = 16;

/// The type of a linear memory: its limits in pages, and how it is indexed.
#[derive(Debug, Clone, Hash, Eq, PartialEq)]
pub struct MemoryType {
    desc: MemoryDesc,
}

impl MemoryType {
    /// A memory with 32-bit indices and pages of 64 KiB.
    ///
    /// # Panics
    ///
    /// If the minimum exceeds the maximum, or a limit is more than 65,536 pages.
    pub fn new(minimum: u32, maximum: Option<u32>) -> MemoryType {
        MemoryTypeBuilder::new()
            .min(minimum.into())
            .max(maximum.map(Into::into))
            .build()
            .unwrap()
    }

    /// A memory with 64-bit indices. Creating such memories is not implemented yet.
    ///
    /// # Panics
    ///
    /// If the minimum exceeds the maximum, or a limit's bytes do not fit the address space.
    pub fn new64(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryTypeBuilder::new()
            .memory64(true)
            .min(minimum)
            .max(maximum)
            .build()
            .unwrap()
    }

    /// A memory shared between threads. Creating such memories is not implemented yet.
    ///
    /// # Panics
    ///
    /// If the minimum exceeds the maximum, or a limit is more than 65,536 pages.
    pub fn shared(minimum: u32, maximum: u32) -> MemoryType {
        MemoryTypeBuilder::new()
            .shared(true)
            .min(minimum.into())
            .max(Some(maximum.into()))
            .build()
            .unwrap()
    }

    /// Starts a description whose every part can be chosen, and that is checked without panics.
    pub fn builder() -> MemoryTypeBuilder {
        MemoryTypeBuilder::new()
    }

    /// Whether indices have 64 bits.
    pub fn is_64(&self) -> bool {
        self.desc.memory64
    }

    /// Whether the memory is shared between threads.
    pub fn is_shared(&self) -> bool {
        self.desc.shared
    }

    /// Pages that the memory has at least.
    pub fn minimum(&self) -> u64 {
        self.desc.min
    }

    /// Pages that the memory has at most.
    pub fn maximum(&self) -> Option<u64> {
        self.desc.max
    }

    /// Bytes per page.
    pub fn page_size(&self) -> u64 {
        self.desc.page_size()
    }

    /// Bytes per page, as a power of two.
    pub fn page_size_log2(&self) -> u8 {
        self.desc.page_size_log2
    }

    /// The type in the engine's vocabulary.
    pub(crate) fn desc(&self) -> &MemoryDesc {
        &self.desc
    }

    /// The public form of an engine's type.
    pub(crate) fn from_desc(desc: &MemoryDesc) -> MemoryType {
        MemoryType { desc: *desc }
    }
}

/// Builds a [`MemoryType`]: by default one of 32-bit indices, unshared, at least empty and without a maximum, in pages
/// of 64 KiB.
#[derive(Debug)]
pub struct MemoryTypeBuilder {
    desc: MemoryDesc,
}

impl Default for MemoryTypeBuilder {
    fn default() -> Self {
        MemoryTypeBuilder {
            desc: MemoryDesc {
                min: 0,
                max: None,
                memory64: false,
                shared: false,
                page_size_log2: DEFAULT_PAGE_SIZE_LOG2,
            },
        }
    }
}

impl MemoryTypeBuilder {
    /// As the type's description says.
    pub fn new() -> MemoryTypeBuilder {
        MemoryTypeBuilder::default()
    }

    /// Sets the minimum, in pages.
    pub fn min(&mut self, minimum: u64) -> &mut Self {
        self.desc.min = minimum;
        self
    }

    /// Sets the maximum, in pages.
    pub fn max(&mut self, maximum: Option<u64>) -> &mut Self {
        self.desc.max = maximum;
        self
    }

    /// Chooses 64-bit indices. Creating such memories is not implemented yet.
    pub fn memory64(&mut self, memory64: bool) -> &mut Self {
        self.desc.memory64 = memory64;
        self
    }

    /// Chooses a memory shared between threads, which needs a maximum. Creating such memories is not implemented yet.
    pub fn shared(&mut self, shared: bool) -> &mut Self {
        self.desc.shared = shared;
        self
    }

    /// Sets the page size: 16 (64 KiB), or 0 (one byte) under the custom-page-sizes proposal. Creating memories with
    /// pages of one byte is not implemented yet.
    pub fn page_size_log2(&mut self, page_size_log2: u8) -> &mut Self {
        self.desc.page_size_log2 = page_size_log2;
        self
    }

    /// Checks what was chosen and makes the type.
    ///
    /// # Errors
    ///
    /// The maximum is below the minimum, a limit exceeds what the index type can address, the page size is none of
    /// the two that exist, or a shared memory has no maximum.
    pub fn build(&self) -> Result<MemoryType> {
        let desc = &self.desc;
        if desc.max.is_some_and(|max| max < desc.min) {
            bail!("maximum page size cannot be smaller than the minimum page size");
        }
        if !matches!(desc.page_size_log2, 0 | DEFAULT_PAGE_SIZE_LOG2) {
            bail!(
                "page size must be 2**16 or 2**0, but was given 2**{}",
                desc.page_size_log2
            );
        }
        if desc.shared && desc.max.is_none() {
            bail!("shared memories must have a maximum size");
        }
        let addressable = if desc.memory64 {
            0_u64.wrapping_sub(desc.page_size())
        } else {
            1 << 32
        };
        let min = desc
            .min_bytes()
            .context("memory's minimum byte size must fit in a u64")?;
        if min > addressable {
            bail!("minimum size is too large for this memory type's index type");
        }
        // A maximum whose bytes do not even fit 64 bits is as good as none for 64-bit memories; for 32-bit ones it is
        // too large like any other.
        let max = desc.max.map(|max| max.checked_mul(desc.page_size()));
        let too_large = match max {
            None => false,
            Some(None) => !desc.memory64,
            Some(Some(bytes)) => bytes > addressable,
        };
        if too_large {
            bail!("maximum size is too large for this memory type's index type");
        }
        Ok(MemoryType { desc: self.desc })
    }
}
