//! Reading an engine's settings back.

use super::{
    Collector, Config, Inlining, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    RegallocAlgorithm, Strategy, WasmFeatures,
};
use crate::engine::Engine;
use std::num::NonZeroUsize;

macro_rules! getters {
    ($($get:ident = $set:ident: $ty:ty = |$from:ident| $value:expr;)*) => {$(
        #[doc = concat!("What [`Config::", stringify!($set), "`] chose, or its default.")]
        pub fn $get(&self) -> $ty {
            let $from = self;
            $value
        }
    )*};
}

/// Settings read back. Getters of settings that a build may lack return an `Option`, as callers expect.
impl Engine {
    /// The configuration that the engine was made with.
    pub fn config(&self) -> &Config {
        &self.settings().config
    }

    getters! {
        get_memory_may_move = memory_may_move: bool = |e| e.tunables().memory_may_move;
        get_memory_reservation = memory_reservation: u64 = |e| e.tunables().memory_reservation;
        get_memory_reservation_for_growth = memory_reservation_for_growth: u64 =
            |e| e.tunables().memory_reservation_for_growth;
        get_memory_guard_size = memory_guard_size: u64 = |e| e.tunables().memory_guard_size;
        get_guard_before_linear_memory = guard_before_linear_memory: bool =
            |e| e.tunables().guard_before_linear_memory;
        get_signals_based_traps = signals_based_traps: bool = |e| e.tunables().signals_based_traps;
        get_epoch_interruption = epoch_interruption: bool = |e| e.tunables().epoch_interruption;
        get_consume_fuel = consume_fuel: bool = |e| e.tunables().consume_fuel;
        get_generate_address_map = generate_address_map: bool =
            |e| e.tunables().generate_address_map;

        get_memory_init_cow = memory_init_cow: bool = |e| e.config().memory.init_cow;
        get_memory_guaranteed_dense_image_size = memory_guaranteed_dense_image_size: u64 =
            |e| e.config().memory.dense_image_size;
        get_table_lazy_init = table_lazy_init: bool = |e| e.config().memory.table_lazy_init;
        get_shared_memory = shared_memory: bool = |e| e.config().memory.shared;
        get_collector = collector: Option<Collector> = |e| Some(e.config().memory.collector);
        get_gc_heap_initial_size = gc_heap_initial_size: u64 =
            |e| e.config().memory.gc_heap.initial_size;
        get_gc_heap_may_move = gc_heap_may_move: bool =
            |e| e.config().memory.gc_heap.may_move.unwrap_or(e.tunables().memory_may_move);
        get_gc_heap_reservation = gc_heap_reservation: u64 = |e| {
            let asked = e.config().memory.gc_heap.reservation;
            asked.unwrap_or(e.tunables().memory_reservation)
        };
        get_gc_heap_guard_size = gc_heap_guard_size: u64 = |e| {
            let asked = e.config().memory.gc_heap.guard_size;
            asked.unwrap_or(e.tunables().memory_guard_size)
        };
        get_gc_heap_reservation_for_growth = gc_heap_reservation_for_growth: u64 = |e| {
            let asked = e.config().memory.gc_heap.reservation_for_growth;
            asked.unwrap_or(e.tunables().memory_reservation_for_growth)
        };

        get_max_wasm_stack = max_wasm_stack: usize = |e| e.config().stack.max_wasm_stack;
        get_async_stack_size = async_stack_size: usize = |e| e.config().stack.async_stack_size;
        get_async_stack_zeroing = async_stack_zeroing: bool =
            |e| e.config().stack.async_stack_zeroing;

        get_strategy = strategy: Option<Strategy> = |e| Some(e.config().codegen.strategy);
        get_cranelift_opt_level = cranelift_opt_level: Option<OptLevel> =
            |e| Some(e.config().codegen.opt_level);
        get_cranelift_regalloc_algorithm = cranelift_regalloc_algorithm: Option<RegallocAlgorithm> =
            |e| Some(e.config().codegen.regalloc);
        get_cranelift_nan_canonicalization = cranelift_nan_canonicalization: Option<bool> =
            |e| Some(e.config().codegen.nan_canonicalization);
        get_cranelift_debug_verifier = cranelift_debug_verifier: Option<bool> =
            |e| Some(e.config().codegen.verifier);
        get_parallel_compilation = parallel_compilation: bool = |e| e.config().codegen.parallel;
        get_compiler_inlining = compiler_inlining: Inlining = |e| e.config().codegen.inlining;

        get_debug_info = debug_info: bool = |e| e.config().debug.native_debug_info;
        get_debug_symbols = debug_symbols: bool = |e| e.config().debug.symbols;
        get_guest_debug = guest_debug: bool = |e| e.config().debug.guest_debug;
        get_native_unwind_info = native_unwind_info: Option<bool> =
            |e| Some(e.config().debug.native_unwind_info.unwrap_or(false));
        get_wasm_backtrace_max_frames = wasm_backtrace_max_frames: usize =
            |e| e.config().debug.backtrace_frames.map_or(0, NonZeroUsize::get);

        get_wasm_branch_hinting = wasm_branch_hinting: bool = |e| e.config().tunables.branch_hinting;
        get_relaxed_simd_deterministic = relaxed_simd_deterministic: bool =
            |e| e.tunables().relaxed_simd_deterministic;
        get_concurrency_support = concurrency_support: bool = |e| e.config().concurrency_support;
    }

    /// The proposals that modules may use: those that [`Config::wasm_features`] and its kin turned on, as far as they
    /// are implemented.
    pub fn get_wasm_features(&self) -> WasmFeatures {
        self.features()
    }

    /// The pool's limits, if [`Config::allocation_strategy`] chose one.
    pub fn get_pooling_config(&self) -> Option<&PoolingAllocationConfig> {
        match &self.config().allocation_strategy {
            InstanceAllocationStrategy::Pooling(config) => Some(config),
            InstanceAllocationStrategy::OnDemand => None,
        }
    }

    /// The target of [`Config::target`], this machine's by default; `None` if nothing can be compiled.
    pub fn get_target(&self) -> Option<String> {
        #[cfg(feature = "cranelift")]
        return self
            .compiler()
            .and_then(crate::compile::Compiler::triple)
            .ok();
        #[cfg(not(feature = "cranelift"))]
        None
    }

    /// The flags that [`Config::cranelift_flag_enable`] enabled.
    pub fn get_cranelift_flags_enabled(&self) -> impl Iterator<Item = &str> {
        let flags = self.config().codegen.flags.iter();
        flags.filter_map(|(name, value)| value.is_none().then_some(name.as_str()))
    }

    /// The flags that [`Config::cranelift_flag_set`] set.
    pub fn get_cranelift_flags_set(&self) -> impl Iterator<Item = (&str, &str)> {
        let flags = self.config().codegen.flags.iter();
        flags.filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }
}
