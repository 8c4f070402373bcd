//! Guest backtraces: which functions of which modules were running.

#![expect(unsafe_code, reason = "walks the running stack")]

use super::{AsContext, Module};
use crate::exec::{self, RawFrame};
use crate::store::{LoadedModule, StoreCore};
use cranelift_entity::EntityRef;
use std::fmt;
use std::sync::Arc;

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
            write!(f, "{module}!")?;
            match frame.func_name() {
                Some(name) => match rustc_demangle::try_demangle(name) {
                    Ok(name) => write!(f, "{name}")?,
                    Err(_) => f.write_str(name)?,
                },
                None => write!(f, "<wasm function {}>", frame.func_index())?,
            }
        }
        Ok(())
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
    symbols: Vec<FrameSymbol>,
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
            symbols: Vec::new(),
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

    /// Source positions. Debug information of modules is not read yet, so there are none.
    pub fn symbols(&self) -> &[FrameSymbol] {
        &self.symbols
    }
}

/// A source position of a [`FrameInfo`].
#[derive(Debug)]
pub struct FrameSymbol {
    name: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

impl FrameSymbol {
    /// The function's name, as mangled as the source language left it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The source file.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column, counted from 1.
    pub fn column(&self) -> Option<u32> {
        self.column
    }
}
