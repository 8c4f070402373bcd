//! Stacks: how much WebAssembly may use of them, and the ones that fibers run on.

use super::Config;
use crate::Result;
use std::fmt;
use std::sync::Arc;
use tussah_fiber::StackMemory;

/// Makes the stacks that fibers run on: see [`Config::with_host_stack`].
///
/// # Safety
///
/// What it makes keeps the promises of [`StackMemory`].
#[expect(unsafe_code, reason = "an unsafe trait for embedders to implement")]
pub unsafe trait StackCreator: Send + Sync {
    /// Makes a stack with at least `size` usable bytes and, directly below them, a guard of at least a page. If `zeroed`,
    /// the usable bytes are all zero.
    ///
    /// # Errors
    ///
    /// There is none to be had; the call for which it was wanted fails.
    fn new_stack(&self, size: usize, zeroed: bool) -> Result<Box<dyn StackMemory>>;
}

impl fmt::Debug for dyn StackCreator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StackCreator")
    }
}

/// Stack settings.
#[derive(Clone, Debug)]
pub(super) struct Stacks {
    /// What makes fibers' stacks, if the embedder does.
    pub(super) creator: Option<Arc<dyn StackCreator>>,
    pub(super) max_wasm_stack: usize,
    pub(super) async_stack_size: usize,
    pub(super) async_stack_zeroing: bool,
}

impl Default for Stacks {
    fn default() -> Self {
        Stacks {
            creator: None,
            max_wasm_stack: 512 << 10,
            async_stack_size: 2 << 20,
            async_stack_zeroing: false,
        }
    }
}

impl Config {
    /// Bytes of stack that WebAssembly may use, 512 KiB by default. Beyond them a guest traps with
    /// [`Trap::StackOverflow`](crate::Trap::StackOverflow).
    ///
    /// The limit counts from the outermost entry into WebAssembly on a stack. Blocking calls run on the caller's own
    /// stack, which must have room for this much, and for host functions beyond it. On fibers,
    /// [`Config::async_stack_size`] minus this is what host functions have. Zero, or more than the fibers' stacks
    /// have, is refused by `Engine::new`.
    pub fn max_wasm_stack(&mut self, size: usize) -> &mut Self {
        self.stack.max_wasm_stack = size;
        self
    }

    /// Bytes of a fiber's stack, 2 MiB by default, of which WebAssembly uses at most [`Config::max_wasm_stack`]. The
    /// rest is for host functions: they are not stopped at the end of it but by the guard below, which ends the
    /// process.
    ///
    /// Where the two sizes leave host functions less than 32 KiB, fibers get larger stacks than asked for, so that the
    /// runtime itself always has room.
    pub fn async_stack_size(&mut self, size: usize) -> &mut Self {
        self.stack.async_stack_size = size;
        self
    }

    /// Takes fibers' stacks from the embedder instead of the engine's pool.
    ///
    /// A stack is asked for when a call begins that needs one, and dropped when the store is, or when another takes its
    /// place as the one that the store keeps for its next call. One that is too small, or has no guard, is refused.
    pub fn with_host_stack(&mut self, stack_creator: Arc<dyn StackCreator>) -> &mut Self {
        self.stack.creator = Some(stack_creator);
        self
    }

    /// Whether a fiber's stack is all zero whenever a fiber starts on it. Off by default: guests cannot read what they
    /// have not written, so that this is defence in depth.
    pub fn async_stack_zeroing(&mut self, enable: bool) -> &mut Self {
        self.stack.async_stack_zeroing = enable;
        self
    }
}
