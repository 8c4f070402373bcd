//! The folder of a cache: entries that come whole and go whole.

#![expect(unsafe_code, reason = "entries are mapped")]

use super::CacheConfig;
use crate::code::{self, Artifact, Check};
use crate::error::{Context, Result};
use sha2::{Digest, Sha256};
use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const ENTRY: &str = ".tussah";
const UNFINISHED: &str = ".unfinished";

/// After this long, a file that was not finished never will be.
const ABANDONED: Duration = Duration::from_secs(3600);

/// An entry's time of last use is not written more often than this.
const USE_GRANULARITY: Duration = Duration::from_secs(600);

/// New entries between two looks at all of them.
const STORES_PER_LOOK: u64 = 32;

/// Under which name a module is kept.
pub(super) fn name(wasm: &[u8], settings: &[&str]) -> String {
    let mut hash = Sha256::new();
    for setting in settings {
        hash.update((setting.len() as u64).to_le_bytes());
        hash.update(setting);
    }
    hash.update(this_build());
    hash.update(wasm);
    let digest = hash.finalize();
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
    hex.collect::<String>() + ENTRY
}

/// Tells builds of one version apart, whose code may differ: a debug build is somebody's working copy.
fn this_build() -> Vec<u8> {
    if !cfg!(debug_assertions) {
        return Vec::new();
    }
    let executable = std::env::current_exe().and_then(fs::metadata);
    let Ok(executable) = executable else {
        return Vec::new();
    };
    let modified = executable.modified().ok();
    let since = modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let nanos = since.map_or(0, |since| since.as_nanos());
    [
        nanos.to_le_bytes(),
        u128::from(executable.len()).to_le_bytes(),
    ]
    .concat()
}

/// A folder of entries.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    size: u64,
    count: u64,
    stores: AtomicU64,
}

impl Folder {
    /// Makes the folder if there is none, for this user alone.
    pub(super) fn open(config: CacheConfig) -> Result<Folder> {
        let path = config.folder()?;
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .with_context(|| format!("failed to make the cache's folder `{}`", path.display()))?;
        Ok(Folder {
            path,
            size: config.files_total_size_soft_limit(),
            count: config.file_count_soft_limit(),
            stores: AtomicU64::new(0),
        })
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// An entry, after checking all of it. One that is damaged, or is not what its name says, is removed.
    pub(super) fn get(&self, name: &str, identity: &str) -> Option<Artifact> {
        let path = self.path.join(name);
        let file = File::open(&path).ok()?;
        let used = file.try_clone();
        // SAFETY: entries are never written after the rename that made them; the folder is trusted to obey.
        match unsafe { code::from_file(file, identity, Check::All) } {
            Ok(artifact) => {
                if let Ok(file) = used {
                    note_use(&file);
                }
                Some(artifact)
            }
            Err(error) => {
                // It may be whole, where the system could not read or map it.
                if !error.is::<io::Error>() {
                    let _ = fs::remove_file(&path);
                }
                None
            }
        }
    }

    /// Adds an entry, or replaces it by one that is as good, and makes room from time to time.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Process numbers are no names: containers that share a folder may all be number 1.
        let random = RandomState::new().build_hasher().finish();
        let unfinished = self.path.join(format!("{random:016x}{UNFINISHED}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut file = options.open(&unfinished)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| fs::rename(&unfinished, self.path.join(name)));
        drop(file);
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        if self
            .stores
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(STORES_PER_LOOK)
        {
            self.make_room()?;
        }
        written
    }

    /// Removes what has not been used for longest, if there is too much, and what was never finished.
    pub(super) fn make_room(&self) -> io::Result<()> {
        let now = SystemTime::now();
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.path)? {
            let file = file?;
            // What disappears meanwhile is somebody else's work.
            let Ok(metadata) = file.metadata() else {
                continue;
            };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let name = file.file_name();
            let name = Path::new(&name).to_string_lossy();
            if name.ends_with(ENTRY) {
                entries.push((used, metadata.len(), file.path()));
            } else if name.ends_with(UNFINISHED)
                && now.duration_since(used).is_ok_and(|age| age > ABANDONED)
            {
                let _ = fs::remove_file(file.path());
            }
        }
        let mut size: u64 = entries.iter().map(|(_, len, _)| len).sum();
        let mut count = entries.len() as u64;
        if size <= self.size && count <= self.count {
            return Ok(());
        }
        let (size_wanted, count_wanted) = (self.size / 5 * 4, self.count / 5 * 4);
        entries.sort_unstable();
        for (_, len, path) in entries {
            if size <= size_wanted && count <= count_wanted {
                break;
            }
            // Whoever has it mapped keeps it.
            let _ = fs::remove_file(path);
            size -= len;
            count -= 1;
        }
        Ok(())
    }
}

/// Makes an entry the most recently used one.
fn note_use(file: &File) {
    let now = SystemTime::now();
    let last = file.metadata().and_then(|metadata| metadata.modified());
    let recent = last.is_ok_and(|last| {
        now.duration_since(last)
            .is_ok_and(|age| age < USE_GRANULARITY)
    });
    if !recent {
        let _ = file.set_modified(now);
    }
}
