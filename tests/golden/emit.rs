//! `Config::emit_clif` itself: it changes nothing of what is compiled, always writes the same, and says what it cannot
//! write.

use crate::case::TempDir;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tussah::{Config, Engine, Module};

const WAT: &str = r#"(module
    (import "" "" (func))
    (memory 1)
    (func $named (export "f") (param i32) (result i32) (memory.grow (local.get 0)))
    (func unreachable))"#;

fn config(dir: &Path) -> Config {
    let mut config = Config::new();
    config.consume_fuel(true).emit_clif(dir);
    config
}

fn read(dir: &Path) -> BTreeMap<String, String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn artifacts_are_the_same() {
    let dir = TempDir::new();
    let plain = Engine::new(Config::new().consume_fuel(true)).unwrap();
    let emitting = Engine::new(&config(&dir.0)).unwrap();
    let artifact = emitting.precompile_module(WAT.as_bytes()).unwrap();
    assert!(artifact == plain.precompile_module(WAT.as_bytes()).unwrap());
    // SAFETY: the bytes are an engine's own.
    unsafe { Module::deserialize(&plain, &artifact) }.unwrap();
}

#[test]
fn every_function_has_its_file() {
    let dirs = [TempDir::new(), TempDir::new()];
    let all = [true, false].map(|parallel| {
        let dir = &dirs[usize::from(parallel)].0.join("made/on/demand");
        let engine = Engine::new(config(dir).parallel_compilation(parallel)).unwrap();
        // The second time overwrites the first.
        for _ in 0..2 {
            Module::new(&engine, WAT).unwrap();
        }
        read(dir)
    });
    assert_eq!(all[0], all[1]);
    let names: Vec<_> = all[0].keys().collect();
    assert_eq!(
        names,
        [
            "builtin-MemoryGrow.clif",
            "builtin-OutOfFuel.clif",
            "func-1.clif",
            "func-2.clif",
            "raise-UnreachableCodeReached.clif",
        ]
    );
    assert!(all[0]["func-1.clif"].starts_with("; func-1 \"named\"\n"));
    assert!(all[0]["func-2.clif"].starts_with("; func-2\n"));
}

#[test]
fn what_cannot_be_written_is_named() {
    let dir = TempDir::new();
    fs::create_dir_all(&dir.0).unwrap();
    let file = dir.0.join("file");
    fs::write(&file, "").unwrap();
    let inside = file.join("inside");
    let error = Engine::new(&config(&inside)).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("failed to make the directory"), "{text}");
    assert!(text.contains(&inside.display().to_string()), "{text}");

    let engine = Engine::new(&config(&dir.0)).unwrap();
    let taken = dir.0.join("func-2.clif");
    fs::create_dir(&taken).unwrap();
    let error = Module::new(&engine, WAT).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("failed to write CLIF"), "{text}");
    assert!(text.contains(&taken.display().to_string()), "{text}");
}
