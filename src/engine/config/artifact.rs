//! Precompiled code: how it is marked, and where it is cached.

use super::{Config, ModuleVersionStrategy};
#[cfg(feature = "cache")]
use crate::engine::Cache;
use crate::error::{Result, ensure};

impl Config {
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
