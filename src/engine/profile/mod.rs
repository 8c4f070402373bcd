//! Tells native profilers where compiled code is and what it is called.
//!
//! | file | what is written |
//! |---|---|
//! | `perf_map` | a line of text per function, which `perf report` looks up |
//! | `jitdump` | the code itself and its source lines, which `perf inject` makes files of |
//!
//! Both are files of the process, shared by its engines, and only grow. A file that can no longer be written costs the
//! names of what comes later, nothing else.

mod jitdump;
mod perf_map;

use super::Trampolines;
use super::config::ProfilingStrategy;
use crate::code::CompiledModule;
use crate::error::{Result, bail};
use crate::wasm::WasmFuncType;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An engine's choice.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Profiler {
    None,
    PerfMap,
    JitDump,
}

/// A stretch of machine code.
#[derive(Debug)]
struct Code<'a> {
    address: usize,
    bytes: &'a [u8],
    name: String,
    lines: Vec<Line>,
}

/// Where the code from an address on comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    address: usize,
    line: u32,
    file: String,
}

impl Profiler {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// It cannot be made, or the strategy does not exist here.
    pub(super) fn new(strategy: ProfilingStrategy) -> Result<Profiler> {
        match strategy {
            ProfilingStrategy::None => Ok(Profiler::None),
            ProfilingStrategy::PerfMap => {
                perf_map::open()?;
                Ok(Profiler::PerfMap)
            }
            ProfilingStrategy::JitDump => {
                jitdump::open()?;
                Ok(Profiler::JitDump)
            }
            ProfilingStrategy::VTune => bail!(
                "`ProfilingStrategy::VTune` is not implemented: perf reads `PerfMap` and `JitDump`"
            ),
            ProfilingStrategy::Pulley => {
                bail!("`ProfilingStrategy::Pulley` is for an interpreter that does not exist here")
            }
        }
    }

    /// Names a module's functions.
    pub(super) fn module(self, module: &CompiledModule) {
        if self == Profiler::None {
            return;
        }
        let name = module.info.name.as_deref().unwrap_or("<unknown>");
        let text = module.image.text();
        let base = module.image.base().addr();
        let code = |start: usize, end: usize, name: String, lines: Vec<Line>| Code {
            address: base + start,
            bytes: &text[start..end],
            name,
            lines,
        };
        let mut end = 0;
        let mut all = Vec::with_capacity(module.functions.len() + 1);
        for (defined, loc) in &module.functions {
            let func = module.info.func_index(defined);
            let function = match module.info.func_name(func) {
                Some(function) => format!("{:#}", rustc_demangle::demangle(function)),
                None => format!("<wasm function {}>", func.as_u32()),
            };
            let start = loc.start as usize;
            let behind = start + loc.len as usize;
            let lines = match self {
                Profiler::JitDump => lines(module, start, behind),
                _ => Vec::new(),
            };
            all.push(code(start, behind, format!("{name}!{function}"), lines));
            end = end.max(behind);
        }
        // Behind the functions lie the trampolines to the runtime.
        let trampolines = format!("{name}!<trampolines>");
        all.push(code(end, text.len(), trampolines, Vec::new()));
        self.write(&all);
    }

    /// Names the trampolines of a function type.
    pub(super) fn trampolines(self, ty: &WasmFuncType, trampolines: &Trampolines) {
        if self == Profiler::None {
            return;
        }
        self.write(&[Code {
            address: trampolines.text().as_ptr().addr(),
            bytes: trampolines.text(),
            name: format!("tussah!<enter and exit {ty}>"),
            lines: Vec::new(),
        }]);
    }

    fn write(self, all: &[Code<'_>]) {
        match self {
            Profiler::None => {}
            Profiler::PerfMap => perf_map::write(all),
            Profiler::JitDump => jitdump::write(all),
        }
    }
}

/// The source lines of the code between two offsets, where debug information was kept. Looking up each operator takes
/// time, so this is bounded.
fn lines(module: &CompiledModule, start: usize, end: usize) -> Vec<Line> {
    const MAX_LOOKUPS: usize = 4096;
    let addresses = &module.image.tables().addresses;
    let from = addresses.partition_point(|&(at, _)| (at as usize) < start);
    let mut lines: Vec<Line> = Vec::new();
    if module.dwarf.sections.is_empty() {
        return lines;
    }
    for &(at, operator) in addresses[from..].iter().take(MAX_LOOKUPS) {
        if at as usize >= end {
            break;
        }
        let symbol = module.dwarf.symbols_at(operator).into_iter().next();
        let Some((file, line)) = symbol.and_then(|symbol| Some((symbol.file?, symbol.line?)))
        else {
            continue;
        };
        let same = |last: &Line| last.line == line && last.file == file;
        if !lines.last().is_some_and(same) {
            lines.push(Line {
                address: module.image.base().addr() + at as usize,
                line,
                file,
            });
        }
    }
    lines
}

/// A name without what ends names in these files.
fn clean(name: &str) -> String {
    name.replace(|c: char| c.is_control(), "?")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
