//! What differs between operating systems: address space, fault signals, signal stacks.
//!
//! Every port is a folder with the same names; this file picks one. This room must not know what the address space is
//! used for, which addresses hold code, nor what a trap is.

#![expect(unsafe_code, reason = "system calls and signal handlers")]

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as port;

#[cfg(not(unix))]
compile_error!(
    "no port for this operating system: add a folder beside `src/os/unix` with the same names"
);

#[cfg(target_arch = "x86_64")]
#[path = "cpu_x86_64.rs"]
mod cpu;

#[cfg(feature = "cranelift")]
pub(crate) use cpu::cpu_features;
pub(crate) use cpu::has_cpu_feature;
#[cfg(feature = "debug-builtins")]
pub(crate) use port::DebuggerFile;
pub(crate) use port::{
    FileMap, Reservation, UNWINDER_TAKES_SECTIONS, deregister_frames, ensure_signal_stack,
    install_signal_handlers, page_size, register_frames,
};
#[cfg(feature = "profiling")]
pub(crate) use port::{map_marker, monotonic_nanos, open_own, thread_id};

/// A fault that the processor reported, as far as registers tell.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Fault {
    /// The instruction that faulted.
    pub(crate) pc: usize,
    /// The stack pointer.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "part of what a handler is told")
    )]
    pub(crate) sp: usize,
    /// The frame pointer.
    pub(crate) fp: usize,
    /// The integer registers by the numbers that instructions encode.
    pub(crate) registers: [usize; 16],
    /// The address that was accessed; `None` where the system does not say, and for faults without an access.
    pub(crate) address: Option<usize>,
    /// What went wrong.
    pub(crate) kind: FaultKind,
}

/// The classes of faults.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum FaultKind {
    /// An access to memory that is not there, or not for this use.
    Memory,
    /// An instruction that does not exist, or exists to fault.
    Illegal,
    /// A division by zero, or one whose result does not fit.
    Arithmetic,
}

/// Where a thread goes on after a fault.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Continue {
    /// The next instruction.
    pub(crate) pc: usize,
    /// The stack pointer it finds.
    pub(crate) sp: usize,
    /// The frame pointer it finds.
    pub(crate) fp: usize,
}

/// Decides over a fault; `None` means "not ours".
///
/// It runs inside a signal handler: it must not allocate, lock or unwind.
pub(crate) type FaultHandler = fn(&Fault) -> Option<Continue>;
