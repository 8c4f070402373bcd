//! The folder stays within its limits. What a cache does for modules is tested from outside.

use super::disk::Folder;
use super::{CacheConfig, disk};
use std::fs;
use std::path::PathBuf;

/// A folder that is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        let path = std::env::temp_dir().join(format!("tussah-cache-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Temporary(path)
    }

    fn config(&self) -> CacheConfig {
        CacheConfig::new().with_directory(&self.0).clone()
    }

    fn entries(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).unwrap();
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_used_least_goes_first() {
    let temporary = Temporary::new("room");
    let mut config = temporary.config();
    config.with_file_count_soft_limit(10);
    let folder = Folder::open(config).unwrap();
    for i in 0..12_u64 {
        let path = temporary.0.join(format!("{i:02}.tussah"));
        fs::write(&path, [0; 10]).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000 - i);
        fs::File::open(&path).unwrap().set_modified(at).unwrap();
    }
    let stale = temporary.0.join("1-1.unfinished");
    fs::write(&stale, b"x").unwrap();
    let long_ago = std::time::UNIX_EPOCH;
    fs::File::open(&stale)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    fs::write(temporary.0.join("other"), b"not ours").unwrap();
    folder.make_room().unwrap();
    let names: Vec<_> = temporary
        .entries()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    // Eight entries, the youngest, and what is somebody else's.
    let expected: Vec<_> = (0..8).map(|i| format!("{i:02}.tussah")).collect();
    assert_eq!(names[..8], expected);
    assert_eq!(names[8..], ["other"]);
    folder.put("new.tussah", &[0; 10]).unwrap();
    assert!(temporary.0.join("new.tussah").exists());
}

#[test]
fn sizes_are_bounded() {
    let temporary = Temporary::new("size");
    let mut config = temporary.config();
    config.with_files_total_size_soft_limit(100_000);
    let folder = Folder::open(config).unwrap();
    for i in 0..200 {
        folder.put(&format!("{i}.tussah"), &[0; 1000]).unwrap();
    }
    let entries = temporary.entries().len();
    assert!((80..=132).contains(&entries), "{entries}");
}

#[test]
fn names_tell_modules_and_settings_apart() {
    let names = [("a", "b"), ("a", "c"), ("b", "b"), ("ab", ""), ("", "ab")]
        .map(|(wasm, identity)| disk::name(wasm.as_bytes(), &[identity]));
    for (i, name) in names.iter().enumerate() {
        assert!(name.len() > 64 && !names[..i].contains(name));
    }
}
