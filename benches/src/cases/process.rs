//! A program in a process of its own, with as little around it as there can be: what a command line is measured against.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::config;
use super::runtime::{Engine, Linker, Module, Store};
use super::wasi::{self, Exit, Wasi};
use crate::programs::Program;

/// Compiles a module to a file.
///
/// # Errors
///
/// The module is not valid, or a file cannot be read or written.
pub fn precompile(wasm: &Path, to: &Path) -> Result<()> {
    let engine = Engine::new(&config::new())?;
    Ok(std::fs::write(
        to,
        engine.precompile_module(&std::fs::read(wasm)?)?,
    )?)
}

/// Runs a precompiled program that finds the files of a folder, and returns its status.
///
/// # Errors
///
/// The program traps, or a file cannot be read.
pub fn run(compiled: &Path, folder: &Path) -> Result<u8> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_none_or(|e| e != "wasm") {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, std::fs::read(entry.path())?));
        }
    }
    let program = Box::leak(Box::new(Program {
        files,
        ..Program::default()
    }));
    let engine = Engine::new(&config::new())?;
    // SAFETY: the bench has made the file, and nobody else writes to it.
    let module = unsafe { Module::deserialize_file(&engine, compiled) }?;
    let mut linker = Linker::new(&engine);
    wasi::define(&mut linker)?;
    let mut store = Store::new(&engine, Wasi::new(program));
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let ended = start.call(&mut store, ());
    let wasi = store.data();
    std::io::stdout().write_all(&wasi.stdout)?;
    std::io::stderr().write_all(&wasi.stderr)?;
    match ended {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<Exit>() {
            Some(exit) => Ok(u8::try_from(exit.0)?),
            None => Err(anyhow::Error::from(error)).context("the program failed"),
        },
    }
}
