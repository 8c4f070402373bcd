//! What a precompiled module costs to load, from the file until it is dropped.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::config;
use super::runtime::{Engine, Instance, Module, Store};
use crate::case::{Batch, Case, repeat};

/// Functions of the large module, whose artifact has about a megabyte.
const FUNCTIONS: usize = 4_800;

/// Tiny and large, from files and from memory.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, functions) in [("tiny module", 1), ("artifact of 1 MB", FUNCTIONS)] {
        cases.push(Case::new(format!("{name}, deserialize_file"), move || {
            file(functions, false)
        }));
        cases.push(Case::new(
            format!("{name}, deserialize_file, instance, call"),
            move || file(functions, true),
        ));
        cases.push(Case::new(format!("{name}, deserialize"), move || {
            memory(functions)
        }));
    }
    cases
}

/// Functions with names, loops and memory accesses; the last one, `check`, answers 3.
fn guest(functions: usize) -> String {
    let mut text = String::from("(module (memory 1) (data (i32.const 0) \"some data\")");
    for i in 0..functions {
        _ = write!(
            text,
            "(func $function_{i} (param i32 i64) (result i64) (local i32)
                (block (loop
                    (br_if 1 (i32.ge_u (local.get 2) (local.get 0)))
                    (i64.store (i32.shl (local.get 2) (i32.const 3))
                        (i64.add (i64.load (i32.shl (local.get 2) (i32.const 3))) (local.get 1)))
                    (local.set 2 (i32.add (local.get 2) (i32.const {})))
                    (br 0)))
                (i64.mul (local.get 1) (i64.load offset={} (i32.const 0))))",
            i % 7 + 1,
            i * 8
        );
    }
    text + r#"(func (export "check") (result i32) (i32.const 3)))"#
}

/// An artifact in a file of this process, which goes when the value does.
struct Artifact {
    engine: Engine,
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Artifact {
    fn new(functions: usize) -> Result<Artifact> {
        let engine = Engine::new(&config::new())?;
        let bytes = engine.precompile_module(guest(functions).as_bytes())?;
        if functions == FUNCTIONS {
            let expected = 800_000..1_200_000;
            ensure!(expected.contains(&bytes.len()), "{} bytes", bytes.len());
        }
        let name = format!("tussah-bench-{}-{functions}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, &bytes)?;
        Ok(Artifact {
            engine,
            bytes,
            path,
        })
    }
}

impl Drop for Artifact {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.path);
    }
}

fn file(functions: usize, run: bool) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let artifact = Artifact::new(functions)?;
    Ok(move |n| {
        repeat(n, || {
            // SAFETY: this process has written the file and leaves it alone.
            let module = unsafe { Module::deserialize_file(&artifact.engine, &artifact.path) }?;
            if run {
                let mut store = Store::new(&artifact.engine, ());
                let instance = Instance::new(&mut store, &module, &[])?;
                let check = instance.get_typed_func::<(), i32>(&mut store, "check")?;
                let answer = check.call(&mut store, ())?;
                ensure!(answer == 3, "the instance says {answer}");
            }
            Ok::<_, anyhow::Error>(0)
        })
    })
}

fn memory(functions: usize) -> Result<impl FnMut(u64) -> Result<Batch>> {
    let artifact = Artifact::new(functions)?;
    Ok(move |n| {
        repeat(n, || {
            // SAFETY: the engine has just made these bytes.
            unsafe { Module::deserialize(&artifact.engine, &artifact.bytes) }.map(|_| 0)
        })
    })
}
