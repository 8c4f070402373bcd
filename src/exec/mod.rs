//! Being inside wasm: entering it, leaving it, raising out of it, suspending it.
//!
//! [`ExecCore`] is what one store needs for that; it is the first field of the store's core, so that machine code, the
//! signal handler and the store meet at one address. This room must not know what a store owns, nor what host
//! functions and builtins do.
//!
//! # How a trap travels
//!
//! `enter` trampolines leave their stack pointer, frame pointer and handler address in `VmExec`. A trap restores these
//! three: the signal handler writes them into the interrupted context, [`raise`] loads them after a host function or
//! builtin said so. Only wasm frames are skipped, so every Rust destructor runs. What was raised waits in
//! [`ExecCore::raised`] for [`enter`] to pick up.

#![expect(unsafe_code, reason = "machine state")]

mod backtrace;
mod cold;
mod enter;
mod fault;
mod raise;
mod suspend;
mod tls;

pub(crate) use backtrace::{RawFrame, capture};
pub(crate) use cold::enter_cold;
use enter::stack_pointer;
pub(crate) use enter::{enter, no_entry};
pub(crate) use fault::init_process;
pub(crate) use raise::raise;
pub(crate) use suspend::{AsyncState, Cancelled, block_on, can_block, on_fiber, yield_now};

use crate::abi::{VmContext, VmExec, VmStore};
use crate::code;
use crate::wasm::Trap;
use std::any::Any;
use std::ops::Range;
use std::ptr::{self, NonNull};
use tussah_fiber::FiberStack;

/// The executing half of a store.
#[repr(C)]
pub(crate) struct ExecCore {
    /// What machine code knows; must stay first.
    pub(crate) vm: VmStore,
    /// The context in whose name the host acts; null until the store is in place.
    pub(crate) root: *mut VmContext,
    /// The activation inside which the running one was entered; null on a stack without wasm.
    pub(crate) activation: *const Activation,
    /// Why wasm code is being left, between the raise and its entry.
    pub(crate) raised: Option<Raised>,
    /// Frames captured at the raise, innermost first.
    pub(crate) frames: Vec<RawFrame>,
    /// At most so many frames are captured; zero disables capture.
    pub(crate) frame_limit: usize,
    /// Address ranges of the store's memories, guards included: where a fault may be a wasm trap.
    pub(crate) memory_ranges: Vec<Range<usize>>,
    /// How the running fiber suspends.
    pub(crate) async_state: AsyncState,
    /// The stack of the last finished fiber, kept warm for the next.
    pub(crate) warm_stack: Option<FiberStack>,
    /// Whether that may be done: a pool that zeroes stacks must see each of them.
    pub(crate) keep_stack: bool,
    /// Bytes of stack that wasm may use.
    pub(crate) max_wasm_stack: usize,
}

/// One stay inside wasm: what belonged to the stay around it.
pub(crate) struct Activation {
    /// The registers of the activation around this one.
    pub(crate) outer: VmExec,
    /// The next one out.
    pub(crate) previous: *const Activation,
}

/// Why wasm code was left without returning.
pub(crate) enum Raised {
    /// The guest's fault.
    Trap(Trap),
    /// A host function or builtin failed.
    Error(crate::Error),
    /// A host function panicked.
    Panic(Box<dyn Any + Send>),
}

impl ExecCore {
    pub(crate) fn new(max_wasm_stack: usize, frame_limit: usize, keep_stack: bool) -> Self {
        ExecCore {
            vm: VmStore {
                exec: VmExec::EMPTY,
                fuel: 0,
            },
            root: ptr::null_mut(),
            activation: ptr::null(),
            raised: None,
            frames: Vec::with_capacity(frame_limit),
            frame_limit,
            memory_ranges: Vec::new(),
            async_state: AsyncState::NONE,
            warm_stack: None,
            keep_stack,
            max_wasm_stack,
        }
    }

    /// Where the function that has left wasm for a cold builtin keeps the count of fuel, see `FuncLoc::fuel_slot`.
    ///
    /// # Safety
    ///
    /// Called by the body of a cold builtin of this store: wasm code of the innermost activation waits for it.
    pub(crate) unsafe fn fuel_slot(&self) -> Option<NonNull<i64>> {
        let VmExec {
            exit_fp, exit_pc, ..
        } = self.vm.exec;
        // SAFETY: the caller's: the frame at this pc keeps its image alive.
        let image = unsafe { code::find_image(exit_pc - 1) }?;
        let slot = image.fuel_slot_at(exit_pc - 1)?;
        // SAFETY: the trampoline's frame is alive; it begins with the frame pointer of the wasm function.
        let frame = unsafe { ptr::with_exposed_provenance::<usize>(exit_fp).read() };
        NonNull::new(ptr::with_exposed_provenance_mut(
            frame.wrapping_add_signed(slot),
        ))
    }

    /// Records why wasm is to be left, with a backtrace of the wasm frames that are on the stack now.
    ///
    /// # Safety
    ///
    /// The caller was called by wasm code of this store, through a trampoline that saved `exit_fp` and `exit_pc`, or no
    /// wasm code of this store is on the stack.
    #[cold]
    pub(crate) unsafe fn record(&mut self, raised: Raised) {
        if !matches!(raised, Raised::Panic(_)) {
            let mut frames = std::mem::take(&mut self.frames);
            frames.clear();
            // SAFETY: the caller's promise is that of `capture`.
            unsafe { capture(self, None, self.frame_limit, &mut frames) };
            self.frames = frames;
        }
        self.raised = Some(raised);
    }
}
