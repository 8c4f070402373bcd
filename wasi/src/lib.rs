//! WASI preview 1 for [tussah](https://docs.rs/tussah): programs of C, C++, Rust, Zig and others run as guests of an async
//! service.
//!
//! ```
//! use tussah::{Engine, Linker, Module, Store};
//! use tussah_wasi::{WasiCtxBuilder, p1, pipe::MemoryOutputPipe};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> tussah::Result<()> {
//! let engine = Engine::default();
//! let mut linker = Linker::new(&engine);
//! p1::add_to_linker_async(&mut linker, |ctx| ctx)?;
//! let module = Module::from_file(&engine, "tests/guests/hello_c.wasm")?;
//! let stdout = MemoryOutputPipe::new(4096);
//! let mut store = Store::new(&engine, WasiCtxBuilder::new().stdout(stdout.clone()).build_p1());
//! let instance = linker.instantiate_async(&mut store, &module).await?;
//! let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
//! start.call_async(&mut store, ()).await?;
//! assert_eq!(stdout.contents().as_ref(), b"hello from C\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Waiting
//!
//! All 46 functions of `wasi_snapshot_preview1` are there. With [`p1::add_to_linker_async`] a guest never blocks a thread
//! of the executor:
//!
//! | a guest | waits |
//! |---|---|
//! | in a function that uses the disk | while tokio's blocking pool does the work |
//! | in `fd_read` on its input, `fd_write` on its output | for the stream that the host gave it |
//! | in a function of a pipe, a terminal or a socket | until the system says that it is ready |
//! | in `poll_oneoff` | for tokio's timer, and any of these |
//! | in `sched_yield` | until others had their turn |
//!
//! Dropping the future of a call while the guest waits ends the wait. Work that the pool had begun goes on by itself, and the
//! context stays usable. With [`p1::add_to_linker_sync`] the same functions block the thread.
//!
//! # Confinement
//!
//! A guest reaches what is below directories that were preopened for it, and nothing else: every path is resolved by
//! [cap-std](https://docs.rs/cap-std) relative to a directory that is open, and no `..`, no absolute path, no link and no
//! change meanwhile leads out. [`DirPerms`] and [`FilePerms`] say what it may do there; preview 1's own rights, which a guest
//! can only give away, are kept too. Pointers and lengths are checked; what a call makes the host allocate is
//! bounded, and so is the number of descriptors.
//!
//! # Names
//!
//! Names are those that users of wasmtime know: code for the preview 1 part of its WASI crate compiles with the crate renamed.
//! Beyond them there are [`WasiCtxBuilder::preopened_listener`], [`WasiCtxBuilder::preopened_stream`] and
//! [`WasiCtxBuilder::descriptor_limit`].
//!
//! # Deliberate deviations
//!
//! - `proc_raise` delivers no signals: it answers `notsup`.
//! - The clocks of processor time count the process's time since the context was made, for threads as well: a guest has no
//!   thread of its own.
//! - A pipe that is opened by path never makes the guest wait for a peer to open it.
//! - Vectored calls move at most 256 KiB and look at 1024 buffers; the guest is told how much was moved.

#![deny(unsafe_code)]

pub mod cli;
mod clocks;
mod ctx;
mod error;
pub mod p1;
pub mod p2;
mod perms;
pub mod pipe;
mod random;

pub use clocks::{HostMonotonicClock, HostWallClock};
pub use ctx::{WasiCtx, WasiCtxBuilder};
pub use error::I32Exit;
pub use perms::{DirPerms, FilePerms};
