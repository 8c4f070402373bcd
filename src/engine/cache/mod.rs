//! A cache of compiled modules on disk.
//!
//! An entry is an artifact under a name that says what it was made of: a hash of the module, of everything the engine
//! compares artifacts by, and of the code generator's flags. Entries come into being whole, by a rename, and are never
//! written again; so processes that share a folder need no lock to read, and may map what they find. Every byte of an
//! entry is checked before it is used, and what is damaged is removed.
//!
//! | file | what lives there |
//! |---|---|
//! | `config` | [`CacheConfig`]: where, and how large |
//! | `disk` | names, reading, writing, making room |
//!
//! This folder must not know how modules are compiled.

mod config;
mod disk;
#[cfg(test)]
mod tests;

use crate::code::Artifact;
use crate::error::Result;
pub use config::CacheConfig;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A cache of compiled modules in a folder, for [`Config::cache`](crate::Config::cache).
///
/// It is a handle: clones share everything. Engines and processes may share a folder. Whoever may write to the folder
/// decides what code runs, so it should belong to the user alone, as the default one does.
///
/// ```
/// use tussah::{Cache, CacheConfig, Config, Engine, Module};
///
/// # fn main() -> tussah::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("tussah-cache-doc-{}", std::process::id()));
/// let cache = Cache::new(CacheConfig::new().with_directory(&folder).clone())?;
/// let engine = Engine::new(Config::new().cache(Some(cache.clone())))?;
/// for _ in 0..2 {
///     Module::new(&engine, "(module (func (export \"f\")))")?;
/// }
/// assert_eq!((cache.cache_misses(), cache.cache_hits()), (1, 1));
/// # std::fs::remove_dir_all(folder).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    folder: disk::Folder,
    hits: AtomicUsize,
    misses: AtomicUsize,
}

impl Cache {
    /// Opens a cache, making its folder if there is none.
    ///
    /// # Errors
    ///
    /// There is no folder to be had: none is configured and the user has none, or it cannot be made.
    pub fn new(config: CacheConfig) -> Result<Cache> {
        Ok(Cache {
            inner: Arc::new(Inner {
                folder: disk::Folder::open(config)?,
                hits: AtomicUsize::new(0),
                misses: AtomicUsize::new(0),
            }),
        })
    }

    /// Opens the cache that a file describes; see [`CacheConfig::from_file`].
    ///
    /// # Errors
    ///
    /// As for [`CacheConfig::from_file`] and [`Cache::new`].
    pub fn from_file(path: Option<&Path>) -> Result<Cache> {
        Cache::new(CacheConfig::from_file(path)?)
    }

    /// The folder.
    pub fn directory(&self) -> &PathBuf {
        self.inner.folder.path()
    }

    /// How many modules this handle and its clones have found in the cache.
    pub fn cache_hits(&self) -> usize {
        self.inner.hits.load(Ordering::Relaxed)
    }

    /// How many had to be compiled.
    pub fn cache_misses(&self) -> usize {
        self.inner.misses.load(Ordering::Relaxed)
    }

    /// The artifact of a module under an identity: from the cache, or made and, if that is possible, put there. `more` is
    /// what else it depends on.
    pub(super) fn get_or_make(
        &self,
        wasm: &[u8],
        identity: &str,
        more: &str,
        make: impl FnOnce() -> Result<Artifact>,
    ) -> Result<Artifact> {
        let folder = &self.inner.folder;
        let name = disk::name(wasm, &[identity, more]);
        // Under whatever name it is found, an entry says itself what it is.
        let identity = &format!("{identity}entry={name}\n");
        if let Some(found) = folder.get(&name, identity) {
            self.inner.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(found);
        }
        self.inner.misses.fetch_add(1, Ordering::Relaxed);
        let made = make()?;
        // A cache that cannot be written to is no reason to fail.
        if let Ok(bytes) = made.serialize(&made.trampolines, identity) {
            let _ = folder.put(&name, &bytes);
        }
        Ok(made)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("directory", self.directory())
            .finish_non_exhaustive()
    }
}
