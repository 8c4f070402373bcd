//! tussah beside the peer whose interface it has: what a call, an instance, a compilation and interruptibility cost in
//! each, measured in one process and in interleaved rounds.
//!
//! `cases/` holds one file per verb. Each is compiled twice, as a part of [`ours`] and of [`peer`], so both runtimes do
//! what the same source says; what only one of them has is named in that module here. [`harness`] measures and
//! [`report`] prints: they know nothing of WebAssembly. A bench in `../benches/` joins the three.
//!
//! Both engines have their default configurations but for what a case names. Both handle faults in this process: tussah
//! is set up first, so its traps pass through the peer's signal handler on their way.
#![expect(
    clippy::duplicate_mod,
    reason = "the same cases are compiled against either runtime"
)]

pub mod harness;
pub mod report;

/// The cases on tussah.
#[path = "cases"]
pub mod ours {
    pub mod call;
    pub mod compile;
    pub mod instantiate;
    pub mod interrupt;

    use tussah as runtime;

    /// Async host functions whose futures lie on the fiber's stack.
    mod unboxed {
        use crate::harness::Yield;
        use tussah::{Caller, Linker, Result};

        pub(super) fn ready(linker: &mut Linker<()>) -> Result<()> {
            let next = async |_: Caller<'_, ()>, (x,): (i32,)| x + 1;
            linker.func_wrap_async_unboxed("host", "next", next)?;
            Ok(())
        }

        pub(super) fn pending_once(linker: &mut Linker<()>) -> Result<()> {
            let next = async |_: Caller<'_, ()>, (x,): (i32,)| {
                Yield::default().await;
                x + 1
            };
            linker.func_wrap_async_unboxed("host", "next", next)?;
            Ok(())
        }
    }
}

/// The cases on wasmtime 48.
#[path = "cases"]
pub mod peer {
    pub mod call;
    pub mod compile;
    pub mod instantiate;
    pub mod interrupt;

    use wasmtime as runtime;

    /// The peer has boxed futures only: they stand beside our unboxed ones.
    mod unboxed {
        use wasmtime::{Linker, Result};

        pub(super) fn ready(linker: &mut Linker<()>) -> Result<()> {
            super::call::ready(linker)
        }

        pub(super) fn pending_once(linker: &mut Linker<()>) -> Result<()> {
            super::call::pending_once(linker)
        }
    }
}
