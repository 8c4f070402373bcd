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

/// Whether backtraces name files and lines.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum BacktraceDetails {
    On,
    Off,
    /// Off, because an environment variable does not turn it on.
    OffByEnvironment,
}

/// The variable of [`WasmBacktraceDetails::Environment`].
const DETAILS_VARIABLE: &str = "TUSSAH_BACKTRACE_DETAILS";

impl Debugging {
    /// What [`Config::wasm_backtrace_details`] comes to.
    pub(super) fn details(&self) -> BacktraceDetails {
        match self.backtrace_details {
            _ if cfg!(not(feature = "addr2line")) => BacktraceDetails::Off,
            WasmBacktraceDetails::Enable => BacktraceDetails::On,
            WasmBacktraceDetails::Disable => BacktraceDetails::Off,
            WasmBacktraceDetails::Environment => match std::env::var_os(DETAILS_VARIABLE) {
                Some(value) if value == "1" => BacktraceDetails::On,
                _ => BacktraceDetails::OffByEnvironment,
            },
        }
    }

    /// Frames that are captured where a guest is left.
    pub(super) fn frame_limit(&self) -> usize {
        let for_dump = self.coredump.then_some(DEFAULT_BACKTRACE_FRAMES);
        self.backtrace_frames.or(for_dump).map_or(0, Into::into)
    }

    /// Whether anything that was asked for reads the modules' debug sections.
    #[cfg(feature = "cranelift")]
    pub(super) fn wants_dwarf(&self) -> bool {
        self.details() == BacktraceDetails::On || self.profiler == ProfilingStrategy::JitDump
    }
}

impl Config {
    /// Whether errors carry core dumps.
    #[cfg(feature = "coredump")]
    pub(in super::super) fn dumps_core(&self) -> bool {
        self.debug.coredump
    }

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
    /// variable `TUSSAH_BACKTRACE_DETAILS` decides, at the time at which the engine is made.
    ///
    /// Modules then keep their DWARF sections, compiled ones too. They are read when somebody looks at a backtrace,
    /// within fixed bounds of time and memory. Without the feature `addr2line` this has no effect.
    pub fn wasm_backtrace_details(&mut self, enable: WasmBacktraceDetails) -> &mut Self {
        self.debug.backtrace_details = enable;
        self
    }

    /// Whether the system's unwinder is told of generated code, so that native backtraces and debuggers walk through
    /// guests to the host below them. On by default on Linux with glibc; elsewhere it is not implemented, and asking for
    /// it is refused by `Engine::new`. Guests' own backtraces do not need it.
    ///
    /// Some unwinders take longer to find a frame, and to add or remove a module, the more modules there are.
    pub fn native_unwind_info(&mut self, enable: bool) -> &mut Self {
        self.debug.native_unwind_info = Some(enable);
        self
    }

    /// Whether native debuggers are told of generated code, by their interface for code made at run time: names of
    /// functions, and how their frames are unwound if [`Config::native_unwind_info`] is on. Source lines and variables of
    /// guests are not implemented yet. Off by default; needs the feature `debug-builtins`.
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

    /// Whether errors of guests carry a `WasmCoreDump`. Off by default; needs the feature `coredump`. It has as many
    /// frames as backtraces have, and the default number where these are turned off.
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

    /// How profilers are told about generated code; they are not by default. Needs the feature `profiling`; what is not
    /// implemented is refused by `Engine::new`.
    ///
    /// [`ProfilingStrategy::JitDump`] makes modules keep their DWARF sections, so that profiles have source lines.
    pub fn profiler(&mut self, profile: ProfilingStrategy) -> &mut Self {
        self.debug.profiler = profile;
        self
    }
}
