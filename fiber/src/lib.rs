//! Stackful fibers on pooled, guarded stacks.
//!
//! A [`Fiber`] runs a closure on a stack of its own. The closure may suspend
//! at any call depth and is resumed where it stopped, on the same thread or,
//! under a contract ([`SendFiber`]), on another one. A [`FiberStack`] is the
//! memory it runs on, with a guard below it; a [`StackPool`] hands stacks out
//! and takes them back in a few nanoseconds.
//!
//! This crate knows nothing of WebAssembly, stores, traps or futures. The
//! register switch itself is the `corosensei` crate's; this crate adds the
//! memory, the ownership rules and the contract for moving between threads.
//!
//! ```
//! use tussah_fiber::{Fiber, StackPool, StackPoolConfig};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = StackPool::new(StackPoolConfig::default())?;
//! let mut adder = Fiber::new(pool.get()?, |mut sum: u32, suspend| {
//!     while sum < 100 {
//!         sum += suspend.suspend(sum);
//!     }
//!     "full"
//! })?;
//! assert_eq!(adder.resume(40), Err(40)); // suspended with 40
//! assert_eq!(adder.resume(50), Err(90));
//! assert_eq!(adder.resume(10), Ok("full")); // returned
//! assert!(adder.done());
//! # Ok(())
//! # }
//! ```
//!
//! # The one rule: finish what was started
//!
//! A started fiber is to be resumed until it returns. Only its own code can
//! run the destructors on its stack: machine code of guests cannot be unwound
//! and `panic = "abort"` must work, so nothing here unwinds a stack by force.
//! To cancel a fiber, resume it with a value that tells it to return.
//!
//! A fiber dropped while suspended is *leaked*: what lives on its stack is
//! never dropped, moved, reused or unmapped (pinned futures may live there).
//! That is safe, it is counted by [`leaked_stacks`], and it is a bug of the
//! owner. A fiber that was never started is simply dropped with its closure.
//!
//! # Map
//!
//! | module | what lives there |
//! |---|---|
//! | `fiber` | [`Fiber`], [`Suspend`], [`SendFiber`] |
//! | `stack` | [`FiberStack`]: layout, and who owns the memory |
//! | `pool` | [`StackPool`]: chunks of slots, lock-free free lists, lifetime |
//! | `os` | map, guard, discard; one twin for each platform |
//!
//! # Features
//!
//! - `sanitizer`: announce every switch to AddressSanitizer. The final binary
//!   must be built with it.

mod fiber;
mod os;
mod pool;
mod stack;

pub use fiber::{Fiber, SendFiber, Suspend, leaked_stacks};
pub use pool::{PoolExhausted, StackPool, StackPoolConfig, StackPoolStats};
pub use stack::{FiberStack, StackMemory};
