//! The engine and the module of a command: settings that several subcommands share, and the cache.

use crate::patience::patiently;
use crate::proposals::Proposals;
use crate::units;
use std::path::{Path, PathBuf};
use tussah::error::Context;
use tussah::{Cache, CacheConfig, Config, Engine, Module, Result, bail};

// How modules are compiled.
#[derive(Debug, clap::Args)]
pub(crate) struct Compilation {
    #[command(flatten)]
    proposals: Proposals,
    /// Stack that guests may use.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    max_stack: Option<u64>,
    /// Lay code out by the module's branch hints.
    #[arg(long)]
    branch_hints: bool,
}

impl Compilation {
    /// The configuration, for guests that are stopped by these.
    pub(crate) fn config(&self, fuel: bool, timeout: bool) -> Result<Config> {
        let mut config = Config::new();
        config.wasm_features(tussah::WasmFeatures::all(), false);
        config.wasm_features(
            self.proposals.features() | tussah::WasmFeatures::GC_TYPES,
            true,
        );
        config.wasm_branch_hinting(self.branch_hints);
        config.consume_fuel(fuel);
        config.epoch_interruption(timeout);
        if let Some(size) = self.max_stack {
            let size = usize::try_from(size).context("a stack of that size")?;
            config.max_wasm_stack(size);
            // What the runtime and host functions get on the same stack.
            let host = 1 << 20;
            config.async_stack_size(size.checked_add(host).context("a stack of that size")?);
        }
        Ok(config)
    }
}

// Where compiled modules are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Caching {
    /// Do not keep compiled modules, nor look for them.
    #[arg(long)]
    no_cache: bool,
    /// Keep compiled modules in this folder instead of the user's.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_cache")]
    cache_dir: Option<PathBuf>,
}

impl Caching {
    /// The cache, if there is one. A user without a folder has none; a folder that is named must be good.
    pub(crate) fn cache(&self) -> Result<Option<Cache>> {
        if self.no_cache {
            return Ok(None);
        }
        if let Some(folder) = &self.cache_dir {
            let folder = std::path::absolute(folder)?;
            return Cache::new(CacheConfig::new().with_directory(folder).clone()).map(Some);
        }
        match Cache::from_file(None) {
            Ok(cache) => Ok(Some(cache)),
            Err(error) => {
                tracing::warn!("no cache: {error:#}");
                Ok(None)
            }
        }
    }
}

/// Reads and compiles a module in either format; precompiled ones only where they are trusted.
///
/// # Errors
///
/// The file cannot be read, is no module, or is not valid.
pub(crate) fn load(engine: &Engine, path: &Path, precompiled: bool) -> Result<Module> {
    let started = std::time::Instant::now();
    let found = Engine::detect_precompiled_file(path)?;
    if found.is_some() && !precompiled {
        bail!(
            "`{}` is a precompiled module, whose code runs unchecked; `--allow-precompiled` says that it is trusted",
            path.display()
        );
    }
    let module = if found.is_some() {
        crate::precompiled::load(engine, path)?
    } else {
        patiently(path, || Module::from_file(engine, path))?
    };
    tracing::debug!(elapsed = ?started.elapsed(), file = %path.display(), "module is ready");
    Ok(module)
}
