//! Guest backtraces: which functions of which modules were running.

#![expect(unsafe_code, reason = "walks the running stack")]

use super::{AsContext, Module};
use crate::code::SourceSymbol;
use crate::engine::BacktraceDetails;
use crate::entity::EntityRef;
use crate::exec::{self, RawFrame};
use crate::store::{LoadedModule, StoreCore};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What [`WasmBacktrace::force_capture`] captures at most if the engine captures nothing by itself.
const DEFAULT_MAX_FRAMES: usize = 20;

/// The guest frames that were on the stack, innermost first.
///
/// Errors of guests carry one: find it by [`Error::downcast_ref`](crate::Error::downcast_ref). How many frames are
/// captured, if any, is
/// [`Config::wasm_backtrace_max_frames`](crate::Config::wasm_backtrace_max_frames).
///
/// ```
/// # use tussah::{Engine, Instance, Module, Store, WasmBacktrace};
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module
///         (func $outer (export "run") (call $inner))
///         (func $inner unreachable))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
///
/// let error = run.call(&mut store, ()).unwrap_err();
/// let trace: &WasmBacktrace = error.downcast_ref().unwrap();
/// let names: Vec<_> = trace.frames().iter().map(|f| f.func_name()).collect();
/// assert_eq!(names, [Some("inner"), Some("outer")]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WasmBacktrace {
    frames: Vec<FrameInfo>,
}

impl WasmBacktrace {
    /// Captures the frames of this store's guests that are on the stack now: those that called the running host
    /// function. Empty outside of host functions, and if the engine is configured to capture none.
    pub fn capture(store: impl AsContext) -> WasmBacktrace {
        let store = store.as_context();
        let core = store.0.core();
        Self::of_running(core, core.engine.backtrace_limit().unwrap_or(0))
    }

    /// As [`WasmBacktrace::capture`] even if the engine is configured to capture none.
    pub fn force_capture(store: impl AsContext) -> WasmBacktrace {
        let store = store.as_context();
        let core = store.0.core();
        Self::of_running(
            core,
            core.engine.backtrace_limit().unwrap_or(DEFAULT_MAX_FRAMES),
        )
    }

    fn of_running(core: &StoreCore, limit: usize) -> WasmBacktrace {
        let mut frames = Vec::new();
        // SAFETY: the store is borrowed, so its guests either do not run or wait for the host function that lent it;
        // the activation chain then describes the frames below that function.
        unsafe { exec::capture(&core.exec, None, limit, &mut frames) };
        Self::from_frames(core, &frames)
    }

    /// Finds out what raw frames are. Frames of no function of the store's modules are left out.
    pub(crate) fn from_frames(core: &StoreCore, frames: &[RawFrame]) -> WasmBacktrace {
        // Few modules take part in one backtrace, while a store may have thousands of instances.
        let mut seen: Vec<Module> = Vec::new();
        let frames = frames
            .iter()
            .filter_map(|frame| {
                let known = seen.iter().find(|m| contains(m.loaded(), frame.pc));
                let module = match known {
                    Some(module) => module.clone(),
                    None => {
                        let mut modules = core.instances.iter().map(|i| &i.module);
                        let module = modules.find(|m| contains(m, frame.pc))?;
                        let module = Module::from_loaded(Arc::clone(module));
                        seen.push(module.clone());
                        module
                    }
                };
                FrameInfo::new(module, frame.pc)
            })
            .collect();
        WasmBacktrace { frames }
    }

    /// The frames, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }
}

fn contains(module: &LoadedModule, pc: usize) -> bool {
    module.compiled.image.range().contains(&pc)
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error while executing at wasm backtrace:")?;
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {i:>3}: ")?;
            if let Some(offset) = frame.module_offset() {
                write!(f, "{offset:#8x} - ")?;
            }
            let module = frame.module().name().unwrap_or("<unknown>");
            let symbols = frame.symbols();
            if symbols.is_empty() {
                write!(f, "{module}!{}", FrameName(frame))?;
            }
            for (i, symbol) in symbols.iter().enumerate() {
                if i > 0 {
                    f.write_str("\n                - ")?;
                }
                match symbol.name() {
                    Some(name) => write!(f, "{}", Demangled(name))?,
                    None if i == 0 => write!(f, "{module}!{}", FrameName(frame))?,
                    None => f.write_str("<inlined function>")?,
                }
                if let Some(file) = symbol.file() {
                    write!(f, "\n                    at {file}")?;
                    if let Some(line) = symbol.line() {
                        write!(f, ":{line}")?;
                        if let Some(column) = symbol.column() {
                            write!(f, ":{column}")?;
                        }
                    }
                }
            }
        }
        if self.frames.iter().any(FrameInfo::has_unread_symbols) {
            f.write_str(
                "\nnote: with the environment variable TUSSAH_BACKTRACE_DETAILS=1 this names files and lines",
            )?;
        }
        Ok(())
    }
}

/// The name of a frame's function as the module has it.
struct FrameName<'a>(&'a FrameInfo);

impl fmt::Display for FrameName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.func_name() {
            Some(name) => Demangled(name).fmt(f),
            None => write!(f, "<wasm function {}>", self.0.func_index()),
        }
    }
}

/// A name as its source language has it, if that is Rust.
struct Demangled<'a>(&'a str);

impl fmt::Display for Demangled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rustc_demangle::try_demangle(self.0) {
            Ok(name) => write!(f, "{name}"),
            Err(_) => f.write_str(self.0),
        }
    }
}

/// A frame of a [`WasmBacktrace`].
#[derive(Debug)]
pub struct FrameInfo {
    module: Module,
    func_index: u32,
    func_name: Option<String>,
    /// Byte offsets in the wasm binary of the function's body and of the operator.
    func_start: u32,
    offset: Option<u32>,
    /// Read when they are first asked for: a backtrace is cheap as long as nobody looks at it.
    symbols: OnceLock<Vec<FrameSymbol>>,
}

impl FrameInfo {
    /// The frame whose running instruction is at `pc`; `None` if no function of the module is there.
    fn new(module: Module, pc: usize) -> Option<FrameInfo> {
        let compiled = &module.loaded().compiled;
        let defined = compiled.image.func_at(pc)?;
        let func = compiled.info.func_index(defined);
        let func_index = u32::try_from(func.index()).ok()?;
        let func_name = compiled.info.func_name(func).map(str::to_owned);
        let func_start = compiled.functions[defined].wasm_offset;
        let offset = compiled.image.wasm_offset_at(pc);
        Some(FrameInfo {
            func_index,
            func_name,
            func_start,
            offset,
            symbols: OnceLock::new(),
            module,
        })
    }

    /// The function's index in its module, imported functions counted.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The function's name, if the module's name section has one.
    pub fn func_name(&self) -> Option<&str> {
        self.func_name.as_deref()
    }

    /// Byte offset in the wasm binary of the operator that was running, unless the engine was configured not to keep
    /// track: see [`Config::generate_address_map`](crate::Config::generate_address_map).
    pub fn module_offset(&self) -> Option<usize> {
        Some(self.offset? as usize)
    }

    /// As [`FrameInfo::module_offset`], but from the beginning of the function's body.
    pub fn func_offset(&self) -> Option<usize> {
        Some(self.offset?.checked_sub(self.func_start)? as usize)
    }

    /// Where the operator comes from in the source: the functions that were inlined into one another there, innermost
    /// first. Empty unless the module has debug information and
    /// [`Config::wasm_backtrace_details`](crate::Config::wasm_backtrace_details) is on.
    ///
    /// The debug information is read now, in bounded time; what cannot be read is left out.
    pub fn symbols(&self) -> &[FrameSymbol] {
        self.symbols.get_or_init(|| {
            let on = self.module.engine().backtrace_details() == BacktraceDetails::On;
            let offset = self.offset.filter(|_| on);
            let dwarf = &self.module.loaded().compiled.dwarf;
            let found = offset.map(|offset| dwarf.symbols_at(offset));
            let found = found.unwrap_or_default().into_iter();
            found.map(|symbol| FrameSymbol { symbol }).collect()
        })
    }

    /// Whether the environment could make more of this frame.
    fn has_unread_symbols(&self) -> bool {
        let dwarf = &self.module.loaded().compiled.dwarf;
        self.module.engine().backtrace_details() == BacktraceDetails::OffByEnvironment
            && (dwarf.dropped || !dwarf.sections.is_empty())
    }
}

/// A source position of a [`FrameInfo`].
#[derive(Debug)]
pub struct FrameSymbol {
    symbol: SourceSymbol,
}

impl FrameSymbol {
    /// The function's name, as mangled as the source language left it.
    pub fn name(&self) -> Option<&str> {
        self.symbol.name.as_deref()
    }

    /// The source file.
    pub fn file(&self) -> Option<&str> {
        self.symbol.file.as_deref()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> Option<u32> {
        self.symbol.line
    }

    /// The column, counted from 1.
    pub fn column(&self) -> Option<u32> {
        self.symbol.column
    }
}
