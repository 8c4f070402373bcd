//! Unix: `mmap`, `sigaction`, `sigaltstack`. Registers of an interrupted thread are a file per system and processor.

#[cfg(feature = "debug-builtins")]
mod debugger;
mod mmap;
#[cfg(feature = "profiling")]
mod perf;
mod signal;
mod signal_stack;
mod unwind;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "ucontext_linux_x86_64.rs"]
mod ucontext;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!(
    "no port for this system and processor: add a `ucontext_<system>_<processor>.rs` with the same names"
);

#[cfg(feature = "debug-builtins")]
pub(crate) use debugger::DebuggerFile;
pub(crate) use mmap::{FileMap, Reservation, page_size};
#[cfg(feature = "profiling")]
pub(crate) use perf::{map_marker, monotonic_nanos, open_own, thread_id};
pub(crate) use signal::install_signal_handlers;
pub(crate) use signal_stack::ensure_signal_stack;
pub(crate) use unwind::{UNWINDER_TAKES_SECTIONS, deregister_frames, register_frames};
