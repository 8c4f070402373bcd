//! The cache on disk: entries are found again, whoever made them, and damaged ones are not used.

use std::fs;
use std::path::PathBuf;
use tussah::{Cache, CacheConfig, Config, Engine, Instance, Module, Store};

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

    fn cache(&self) -> Cache {
        Cache::new(self.config()).unwrap()
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

fn engine(cache: &Cache, adjust: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new();
    config.cache(Some(cache.clone()));
    adjust(&mut config);
    Engine::new(&config).unwrap()
}

fn wasm(n: i32) -> Vec<u8> {
    let text = format!("(module (func (export \"f\") (result i32) (i32.const {n})))");
    wat::parse_str(text).unwrap()
}

fn answer(engine: &Engine, wasm: &[u8]) -> i32 {
    let module = Module::new(engine, wasm).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(), i32>(&mut store, "f").unwrap();
    f.call(&mut store, ()).unwrap()
}

#[test]
fn modules_are_compiled_once_per_configuration() {
    let temporary = Temporary::new("once");
    let cache = temporary.cache();
    for (hits, misses) in [(0, 1), (1, 1)] {
        assert_eq!(answer(&engine(&cache, |_| {}), &wasm(7)), 7);
        assert_eq!((cache.cache_hits(), cache.cache_misses()), (hits, misses));
    }
    assert_eq!(answer(&engine(&cache, |_| {}), &wasm(8)), 8);
    assert_eq!(
        answer(
            &engine(&cache, |c| _ =
                c.consume_fuel(false).cranelift_nan_canonicalization(true)),
            &wasm(7)
        ),
        7
    );
    assert_eq!((cache.cache_hits(), cache.cache_misses()), (1, 3));
    assert_eq!(temporary.entries().len(), 3);
    // Another process would open it anew.
    let again = temporary.cache();
    assert_eq!(answer(&engine(&again, |_| {}), &wasm(8)), 8);
    assert_eq!((again.cache_hits(), again.cache_misses()), (1, 0));
}

#[test]
fn invalid_modules_are_not_kept() {
    let temporary = Temporary::new("invalid");
    let cache = temporary.cache();
    let engine = engine(&cache, |_| {});
    assert!(Module::new(&engine, b"\0asm\x01\0\0\0\xff").is_err());
    assert!(temporary.entries().is_empty());
}

#[test]
fn damaged_entries_are_dropped_and_made_anew() {
    let temporary = Temporary::new("damaged");
    let cache = temporary.cache();
    let engine = engine(&cache, |_| {});
    assert_eq!(answer(&engine, &wasm(5)), 5);
    let [path] = &temporary.entries()[..] else {
        panic!("one entry")
    };
    let good = fs::read(path).unwrap();
    let replace = |bytes: &[u8]| {
        // As a rename: what is mapped must not change.
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let mut misses = 1;
    for at in [0, 9, 13, 30, good.len() / 2, good.len() - 9, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        replace(&bad);
        assert_eq!(answer(&engine, &wasm(5)), 5);
        misses += 1;
        assert_eq!(cache.cache_misses(), misses, "{at}");
        assert_eq!(fs::read(path).unwrap(), good);
    }
    for len in [0, 7, 100, good.len() - 1] {
        replace(&good[..len]);
        assert_eq!(answer(&engine, &wasm(5)), 5);
        misses += 1;
        assert_eq!(cache.cache_misses(), misses, "{len}");
    }
    assert_eq!(cache.cache_hits(), 0);
}

#[test]
fn many_at_once() {
    let temporary = Temporary::new("concurrent");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let temporary = &temporary;
            scope.spawn(move || {
                let cache = temporary.cache();
                let engine = engine(&cache, |_| {});
                for i in 0..20 {
                    let n = (i + thread * 5) % 20;
                    assert_eq!(answer(&engine, &wasm(n)), n);
                    if i == 10 {
                        // Somebody empties the folder.
                        for path in temporary.entries() {
                            let _ = fs::remove_file(path);
                        }
                    }
                }
            });
        }
    });
    assert!(temporary.entries().len() <= 20);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_no_error() {
    let temporary = Temporary::new("readonly");
    let cache = temporary.cache();
    fs::remove_dir_all(&temporary.0).unwrap();
    assert_eq!(answer(&engine(&cache, |_| {}), &wasm(3)), 3);
    assert_eq!(cache.cache_misses(), 1);
    let file = temporary.0.with_extension("file");
    fs::write(&file, b"").unwrap();
    let error = Cache::new(CacheConfig::new().with_directory(file.join("x")).clone());
    assert!(error.unwrap_err().to_string().contains("folder"));
    fs::remove_file(file).unwrap();
}

#[test]
fn an_entry_under_the_name_of_another_is_not_used() {
    let temporary = Temporary::new("mixed");
    let cache = temporary.cache();
    let engine = engine(&cache, |_| {});
    assert_eq!(
        (answer(&engine, &wasm(1)), answer(&engine, &wasm(2))),
        (1, 2)
    );
    let [a, b] = &temporary.entries()[..] else {
        panic!("two entries")
    };
    let (first, second) = (fs::read(a).unwrap(), fs::read(b).unwrap());
    for (path, bytes) in [(a, second), (b, first)] {
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(
        (answer(&engine, &wasm(1)), answer(&engine, &wasm(2))),
        (1, 2)
    );
    assert_eq!((cache.cache_hits(), cache.cache_misses()), (0, 4));
}
