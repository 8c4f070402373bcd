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
        let mut addresses = module.image.tables().addresses().peekable();
        let mut lookups = match self {
            Profiler::JitDump if !module.dwarf.sections.is_empty() => MAX_LOOKUPS,
            _ => 0,
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
            let name = format!("{name}!{function}");
            let mut lines = Lines::default();
            // Functions lie in the order of their numbers, like what the table tells of them.
            while lookups > 0
                && let Some((at, operator)) = addresses.next_if(|&(at, _)| (at as usize) < behind)
            {
                if let Some(operator) = operator {
                    lookups -= 1;
                    lines.add(module, at, operator);
                }
            }
            all.push(code(start, behind, name, lines.0));
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

/// Operators of a module whose lines are looked up: each takes time, and a hostile module has many.
const MAX_LOOKUPS: usize = 1 << 17;

/// The source lines of a function's code.
#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    /// Adds the line of the code at an offset, if debug information knows it and it is another one than before.
    fn add(&mut self, module: &CompiledModule, at: u32, operator: u32) {
        let symbol = module.dwarf.symbols_at(operator).into_iter().next();
        let known = symbol.and_then(|symbol| Some((symbol.file?, symbol.line?)));
        let Some((file, line)) = known else { return };
        let same = |last: &Line| last.line == line && last.file == file;
        if !self.0.last().is_some_and(same) {
            let address = module.image.base().addr() + at as usize;
            self.0.push(Line {
                address,
                line,
                file,
            });
        }
    }
}

/// A name without what ends names in these files.
fn clean(name: &str) -> String {
    name.replace(|c: char| c.is_control(), "?")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
