//! Precompiled code: how it is marked, and where it is cached.

use super::{Config, ModuleVersionStrategy};
#[cfg(feature = "cache")]
use crate::engine::Cache;
use crate::error::{Result, ensure};
use std::fmt;
use std::sync::Arc;

/// Makes code executable where [`Config::with_custom_code_memory`] asks for it. Not implemented yet.
pub trait CustomCodeMemory: Send + Sync {
    /// What code must be aligned to, in bytes.
    fn required_alignment(&self) -> usize;

    /// Makes code executable that has just been written.
    ///
    /// # Errors
    ///
    /// It cannot be.
    fn publish_executable(&self, ptr: *const u8, len: usize) -> Result<()>;

    /// Makes code writable again that is about to be freed.
    ///
    /// # Errors
    ///
    /// It cannot be.
    fn unpublish_executable(&self, ptr: *const u8, len: usize) -> Result<()>;
}

impl fmt::Debug for dyn CustomCodeMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomCodeMemory")
    }
}

impl Config {
    /// Lets the embedder make code executable; `None`, the default, has it done by the system. Not implemented yet, and
    /// refused by `Engine::new`.
    pub fn with_custom_code_memory(
        &mut self,
        custom_code_memory: Option<Arc<dyn CustomCodeMemory>>,
    ) -> &mut Self {
        self.codegen.custom_code_memory = custom_code_memory.is_some();
        self
    }

    /// Sets the cache of compiled modules: [`Module::new`](crate::Module::new) and its likes look there first. None by
    /// default.
    #[cfg(feature = "cache")]
    pub fn cache(&mut self, cache: Option<Cache>) -> &mut Self {
        self.cache = cache;
        self
    }

    /// The cache, unless compilation is wanted for what it writes besides.
    #[cfg(all(feature = "cache", feature = "cranelift"))]
    pub(in super::super) fn cached(&self) -> Option<&Cache> {
        self.cache
            .as_ref()
            .filter(|_| self.codegen.clif_dir.is_none())
    }

    /// Sets the version that precompiled code is marked with: this crate's by default.
    ///
    /// # Errors
    ///
    /// A custom version of more than 255 bytes.
    pub fn module_version(&mut self, strategy: ModuleVersionStrategy) -> Result<&mut Self> {
        if let ModuleVersionStrategy::Custom(version) = &strategy {
            ensure!(
                version.len() <= 255,
                "custom module version cannot be more than 255 bytes: {version}"
            );
        }
        self.module_version = strategy;
        Ok(self)
    }

    /// Whether compiled code remembers which byte of the binary each instruction comes from. On by default; backtraces
    /// have no offsets without it.
    pub fn generate_address_map(&mut self, generate: bool) -> &mut Self {
        self.tunables.generate_address_map = generate;
        self
    }
}
