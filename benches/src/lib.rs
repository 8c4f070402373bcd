//! tussah beside the peer whose interface it has: what calls, instances, compilation, traps and interruptibility cost in
//! each, measured in interleaved rounds.
//!
//! `cases/` holds one file per verb. Each is compiled twice, as a part of [`ours`] and of [`peer`], so both runtimes do
//! what the same source says; what only one of them has is named in that module here. A bench in `../benches/` is a
//! [`Bench`]: `harness` decides what is measured, each side in a process of its own (`worker`), `measure` does the
//! rounds, `report` prints. These four know nothing of WebAssembly.
//!
//! Both engines have the configuration of `cases/config.rs` but for what a case names; a test holds that it says the same
//! on either side.
#![expect(
    clippy::duplicate_mod,
    reason = "the same cases are compiled against either runtime"
)]

pub mod case;
mod harness;
pub mod kernels;
mod measure;
pub mod poll;
pub mod processes;
pub mod programs;
mod report;
mod worker;

pub use harness::Bench;

/// The cases on tussah.
#[path = "cases"]
pub mod ours {
    pub mod call;
    pub mod compile;
    pub(crate) mod config;
    pub mod instantiate;
    pub mod interrupt;
    pub mod load;
    pub mod trap;
    mod wasi;

    use tussah as runtime;

    /// Async host functions whose futures lie on the fiber's stack.
    mod unboxed {
        use crate::poll::Yield;
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
    pub(crate) mod config;
    pub mod instantiate;
    pub mod interrupt;
    pub mod load;
    pub mod process;
    pub mod trap;
    mod wasi;

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

#[cfg(test)]
mod tests {
    /// What the engines can be asked about their configurations, and what could make a difference here, they must answer
    /// alike. Left out: the strategy and inlining, which they name differently, and support for concurrent components,
    /// without which the peer is built.
    #[test]
    fn both_sides_are_configured_alike() {
        let ours = tussah::Engine::new(&super::ours::config::new()).unwrap();
        let peer = wasmtime::Engine::new(&super::peer::config::new()).unwrap();
        macro_rules! assert_alike {
            ($($get:ident),* $(,)?) => {$(
                assert_eq!(
                    format!("{:?}", ours.$get()),
                    format!("{:?}", peer.$get()),
                    stringify!($get)
                );
            )*};
        }
        assert_alike!(
            get_cranelift_opt_level,
            get_cranelift_regalloc_algorithm,
            get_cranelift_nan_canonicalization,
            get_cranelift_debug_verifier,
            get_parallel_compilation,
            get_native_unwind_info,
            get_generate_address_map,
            get_debug_info,
            get_debug_symbols,
            get_guest_debug,
            get_wasm_backtrace_max_frames,
            get_signals_based_traps,
            get_memory_reservation,
            get_memory_reservation_for_growth,
            get_memory_guard_size,
            get_memory_may_move,
            get_guard_before_linear_memory,
            get_memory_init_cow,
            get_memory_guaranteed_dense_image_size,
            get_table_lazy_init,
            get_max_wasm_stack,
            get_async_stack_size,
            get_async_stack_zeroing,
            get_epoch_interruption,
            get_consume_fuel,
        );
        assert!(ours.get_pooling_config().is_none() && peer.get_pooling_config().is_none());
        // Neither side's flags are touched, so both keep the mitigations that are on by default.
        for flags in [
            ours.get_cranelift_flags_enabled().collect::<Vec<_>>(),
            peer.get_cranelift_flags_enabled().collect::<Vec<_>>(),
        ] {
            assert!(
                !flags.iter().any(|flag| flag.contains("spectre")),
                "{flags:?}"
            );
        }
    }
}
