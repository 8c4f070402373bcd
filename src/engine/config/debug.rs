//! Backtraces, debugging and profiling.

use super::{Config, DEFAULT_BACKTRACE_FRAMES, ProfilingStrategy, WasmBacktraceDetails};
use std::num::NonZeroUsize;

/// Debugging settings.
#[derive(Clone, Debug)]
pub(super) struct Debugging {
    pub(super) backtrace_frames: Option<NonZeroUsize>,
    pub(super) backtrace_details: WasmBacktraceDetails,
    pub(super) native_unwind_info: Option<bool>,
    pub(super) native_debug_info: bool,
    pub(super) symbols: bool,
    pub(super) guest_debug: bool,
    pub(super) coredump: bool,
    pub(super) wmemcheck: bool,
    pub(super) profiler: ProfilingStrategy,
}

impl Default for Debugging {
    fn default() -> Self {
        Debugging {
            backtrace_frames: Some(DEFAULT_BACKTRACE_FRAMES),
            backtrace_details: WasmBacktraceDetails::Environment,
            native_unwind_info: None,
            native_debug_info: false,
            symbols: true,
            guest_debug: false,
            coredump: false,
            wmemcheck: false,
            profiler: ProfilingStrategy::None,
        }
    }
}

impl Config {
    /// Turns backtraces off, or on with the default limit.
    #[deprecated(note = "use `wasm_backtrace_max_frames` instead")]
    pub fn wasm_backtrace(&mut self, enable: bool) -> &mut Self {
        self.wasm_backtrace_max_frames(enable.then_some(DEFAULT_BACKTRACE_FRAMES))
    }

    /// How many frames a trap's backtrace captures at most: 20 by default. `None` captures no backtraces on traps.
    pub fn wasm_backtrace_max_frames(&mut self, limit: Option<NonZeroUsize>) -> &mut Self {
        self.debug.backtrace_frames = limit;
        self
    }

    /// Whether backtraces name source files and lines, if the module has debug information. By default the environment
    /// variable `WASMTIME_BACKTRACE_DETAILS` decides. Source positions are not implemented yet, so that it has no
    /// effect.
    pub fn wasm_backtrace_details(&mut self, enable: WasmBacktraceDetails) -> &mut Self {
        self.debug.backtrace_details = enable;
        self
    }

    /// Whether generated code carries unwind tables for native debuggers and profilers. Not implemented yet: `true` is
    /// refused by `Engine::new`. Guests' backtraces do not need it.
    pub fn native_unwind_info(&mut self, enable: bool) -> &mut Self {
        self.debug.native_unwind_info = Some(enable);
        self
    }

    /// Whether generated code carries debug information for native debuggers. Off by default; not implemented yet, and
    /// refused by `Engine::new`.
    pub fn debug_info(&mut self, enable: bool) -> &mut Self {
        self.debug.native_debug_info = enable;
        self
    }

    /// Whether precompiled code may contain symbols for native tools. On by default; it never contains any yet.
    pub fn debug_symbols(&mut self, enable: bool) -> &mut Self {
        self.debug.symbols = enable;
        self
    }

    /// Whether guests can be debugged as WebAssembly. Off by default; not implemented yet, and refused by
    /// `Engine::new`.
    pub fn guest_debug(&mut self, enable: bool) -> &mut Self {
        self.debug.guest_debug = enable;
        self
    }

    /// Whether traps carry core dumps of the guest. Off by default; not implemented yet, and refused by `Engine::new`.
    pub fn coredump_on_trap(&mut self, enable: bool) -> &mut Self {
        self.debug.coredump = enable;
        self
    }

    /// Whether accesses are checked against what the guest's allocator has handed out. Off by default; not implemented
    /// yet, and refused by `Engine::new`.
    pub fn wmemcheck(&mut self, enable: bool) -> &mut Self {
        self.debug.wmemcheck = enable;
        self
    }

    /// How profilers are told about generated code. They are not by default; other choices are not implemented yet,
    /// and refused by `Engine::new`.
    pub fn profiler(&mut self, profile: ProfilingStrategy) -> &mut Self {
        self.debug.profiler = profile;
        self
    }
}
