//! The check of a whole [`Config`], and what comes out of it.

use super::{
    BacktraceDetails, Config, InstanceAllocationStrategy, ProfilingStrategy, StackCreator,
    Strategy, WasmFeatures, features,
};
use crate::code::Tunables;
#[cfg(feature = "cranelift")]
use crate::compile;
use crate::error::{Context, Result, bail, ensure};
use crate::memory::MemoryMaker;
use crate::os::UNWINDER_TAKES_SECTIONS;
use std::sync::Arc;

/// What is left of a fiber's stack for the host, at least. The runtime's own frames, a suspension's and a signal
/// handler's fit many times.
const MIN_HOST_STACK: usize = 32 << 10;

/// Sizes of memories are multiples of this, WebAssembly's page, which is a multiple of every host's page.
const GRANULE: u64 = 64 << 10;

/// A configuration that goes together, in the form the engine uses.
pub(in super::super) struct Settings {
    /// As it was asked for.
    pub(in super::super) config: Config,
    pub(in super::super) tunables: Tunables,
    /// Proposals asked for and implemented.
    pub(in super::super) features: WasmFeatures,
    pub(in super::super) max_wasm_stack: usize,
    pub(in super::super) async_stack_size: usize,
    pub(in super::super) async_stack_zeroing: bool,
    /// What makes guests' memories, if the embedder does.
    pub(in super::super) memory_maker: Option<Arc<dyn MemoryMaker>>,
    /// What makes fibers' stacks, if the embedder does.
    pub(in super::super) stack_creator: Option<Arc<dyn StackCreator>>,
    pub(in super::super) backtrace_limit: Option<usize>,
    /// Whether native debuggers are told of code.
    pub(in super::super) native_debug_info: bool,
    /// Frames that are captured where a guest is left.
    pub(in super::super) frame_limit: usize,
    #[cfg(feature = "profiling")]
    pub(in super::super) profiler: ProfilingStrategy,
    /// Whether backtraces name files and lines, and whether that is the environment's choice.
    pub(in super::super) backtrace_details: BacktraceDetails,
    /// The version that artifacts are marked with.
    pub(in super::super) artifact_version: String,
    /// Whether modules can be compiled. Trampolines always are.
    #[cfg(feature = "cranelift")]
    pub(in super::super) compile_modules: bool,
    #[cfg(feature = "cranelift")]
    pub(in super::super) compiler: compile::CompilerSettings,
}

impl Config {
    /// Checks that the choices go together and are implemented.
    pub(in super::super) fn validate(&self) -> Result<Settings> {
        self.refuse_unimplemented()?;
        let features = self.features & features::IMPLEMENTED;
        Ok(Settings {
            tunables: self.checked_tunables()?,
            features,
            max_wasm_stack: self.stack.max_wasm_stack,
            async_stack_size: self.checked_fiber_stack()?,
            async_stack_zeroing: self.stack.async_stack_zeroing,
            memory_maker: self.memory.maker.clone(),
            stack_creator: self.stack.creator.clone(),
            backtrace_limit: self.debug.backtrace_frames.map(Into::into),
            native_debug_info: self.debug.native_debug_info,
            frame_limit: self.debug.frame_limit(),
            #[cfg(feature = "profiling")]
            profiler: self.debug.profiler,
            backtrace_details: self.debug.details(),
            artifact_version: self.module_version.as_str().to_string(),
            #[cfg(feature = "cranelift")]
            compile_modules: self.codegen.enabled,
            #[cfg(feature = "cranelift")]
            compiler: self.compiler_settings(features)?,
            config: self.clone(),
        })
    }

    fn refuse_unimplemented(&self) -> Result<()> {
        let pooling = matches!(
            self.allocation_strategy,
            InstanceAllocationStrategy::Pooling(_)
        );
        let refusals = [
            (pooling, "the pooling allocation strategy"),
            (
                self.codegen.strategy == Strategy::Winch,
                "the Winch compiler",
            ),
            (
                self.codegen.debug_checks,
                "`Config::cranelift_wasmtime_debug_checks`",
            ),
            (
                self.codegen.custom_detection,
                "`Config::detect_host_feature`",
            ),
            (
                self.codegen.custom_code_memory,
                "`Config::with_custom_code_memory`",
            ),
            (
                self.debug.profiler != ProfilingStrategy::None && cfg!(not(feature = "profiling")),
                "`Config::profiler` without the feature `profiling`",
            ),
            (
                self.debug.native_unwind_info == Some(true) && !UNWINDER_TAKES_SECTIONS,
                "`Config::native_unwind_info` on this system",
            ),
            (
                self.debug.native_debug_info && cfg!(not(feature = "debug-builtins")),
                "`Config::debug_info` without the feature `debug-builtins`",
            ),
            (self.debug.guest_debug, "`Config::guest_debug`"),
            (
                self.debug.coredump && cfg!(not(feature = "coredump")),
                "`Config::coredump_on_trap` without the feature `coredump`",
            ),
            (self.debug.wmemcheck, "`Config::wmemcheck`"),
            (self.memory.shared, "`Config::shared_memory`"),
        ];
        for (asked, what) in refusals {
            ensure!(!asked, "{what} is not implemented yet");
        }
        Ok(())
    }

    fn checked_tunables(&self) -> Result<Tunables> {
        let mut tunables = self.tunables.clone();
        if let Some(cost) = &self.operator_cost {
            tunables.operator_cost = cost.to_table()?;
        }
        for (bytes, what) in [
            (&mut tunables.memory_reservation, "memory_reservation"),
            (&mut tunables.memory_guard_size, "memory_guard_size"),
            (
                &mut tunables.memory_reservation_for_growth,
                "memory_reservation_for_growth",
            ),
        ] {
            *bytes = bytes
                .checked_next_multiple_of(GRANULE)
                .with_context(|| format!("{what} of {bytes} bytes exceeds the address space"))?;
        }
        Ok(tunables)
    }

    /// The size of a fiber's stack: as asked, or more where the host would be left without any.
    fn checked_fiber_stack(&self) -> Result<usize> {
        let (wasm, whole) = (self.stack.max_wasm_stack, self.stack.async_stack_size);
        if wasm > whole {
            bail!("max_wasm_stack size cannot exceed the async_stack_size");
        }
        if wasm == 0 {
            bail!("max_wasm_stack size cannot be zero");
        }
        let needed = wasm
            .checked_add(MIN_HOST_STACK)
            .with_context(|| format!("max_wasm_stack of {wasm} bytes exceeds the address space"))?;
        Ok(whole.max(needed))
    }

    #[cfg(feature = "cranelift")]
    fn compiler_settings(&self, features: WasmFeatures) -> Result<compile::CompilerSettings> {
        use super::{OptLevel, RegallocAlgorithm};
        Ok(compile::CompilerSettings {
            opt_level: match self.codegen.opt_level {
                OptLevel::None => compile::OptLevel::None,
                OptLevel::Speed => compile::OptLevel::Speed,
                OptLevel::SpeedAndSize => compile::OptLevel::SpeedAndSize,
            },
            single_pass_regalloc: self.codegen.regalloc == RegallocAlgorithm::SinglePass,
            nan_canonicalization: self.codegen.nan_canonicalization,
            debug_verifier: self.codegen.verifier,
            parallel: self.codegen.parallel,
            unwind_info: self
                .debug
                .native_unwind_info
                .unwrap_or(UNWINDER_TAKES_SECTIONS),
            keep_dwarf: self.debug.wants_dwarf(),
            features,
            asked: self.features,
            flags: self.codegen.flags.clone(),
            clif_dir: self.codegen.clif_dir.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    //! What is refused, what is adjusted, and that nothing else is.

    use super::{Config, MIN_HOST_STACK, WasmFeatures};
    use crate::engine::CustomCodeMemory;
    use crate::engine::{
        InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig, ProfilingStrategy,
        Strategy,
    };
    use std::sync::Arc;

    fn refusal(adjust: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::new();
        adjust(&mut config);
        match config.validate() {
            Ok(_) => panic!("accepted: {config:?}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn what_is_not_implemented_is_refused_by_name() {
        type Case = (fn(&mut Config), &'static str);
        let refusals: [Case; 7] = [
            (
                |c| _ = c.allocation_strategy(InstanceAllocationStrategy::pooling()),
                "the pooling allocation strategy",
            ),
            (
                |c| _ = c.allocation_strategy(PoolingAllocationConfig::new()),
                "the pooling allocation strategy",
            ),
            (|c| _ = c.strategy(Strategy::Winch), "the Winch compiler"),
            (
                |c| _ = c.cranelift_wasmtime_debug_checks(true),
                "`Config::cranelift_wasmtime_debug_checks`",
            ),
            (|c| _ = c.guest_debug(true), "`Config::guest_debug`"),
            (|c| _ = c.wmemcheck(true), "`Config::wmemcheck`"),
            (|c| _ = c.shared_memory(true), "`Config::shared_memory`"),
        ];
        for (adjust, what) in refusals {
            assert_eq!(refusal(adjust), format!("{what} is not implemented yet"));
        }
        struct Never;
        impl CustomCodeMemory for Never {
            fn required_alignment(&self) -> usize {
                1
            }
            fn publish_executable(&self, _: *const u8, _: usize) -> crate::Result<()> {
                Ok(())
            }
            fn unpublish_executable(&self, _: *const u8, _: usize) -> crate::Result<()> {
                Ok(())
            }
        }
        let custom = || Some(Arc::new(Never) as Arc<dyn CustomCodeMemory>);
        assert_eq!(
            refusal(|c| _ = c.with_custom_code_memory(custom())),
            "`Config::with_custom_code_memory` is not implemented yet"
        );
        let mut config = Config::new();
        config
            .with_custom_code_memory(custom())
            .with_custom_code_memory(None);
        assert!(config.validate().is_ok());
        assert!(Config::new().target("riscv64gc-unknown-linux-gnu").is_err());
    }

    #[test]
    fn saying_the_default_is_accepted() {
        let mut config = Config::new();
        config
            .strategy(Strategy::Cranelift)
            .profiler(ProfilingStrategy::None)
            .native_unwind_info(false)
            .allocation_strategy(InstanceAllocationStrategy::OnDemand)
            .cache(None)
            .operator_cost(OperatorCost::new());
        let (plain, said) = (Config::new().validate(), config.validate());
        assert_eq!(plain.unwrap().tunables, said.unwrap().tunables);
    }

    #[test]
    fn the_host_always_has_some_of_a_fibers_stack() {
        let size = |wasm, whole| {
            let mut config = Config::new();
            config.max_wasm_stack(wasm).async_stack_size(whole);
            config.validate().map(|s| s.async_stack_size)
        };
        assert_eq!(size(512 << 10, 2 << 20).unwrap(), 2 << 20);
        assert_eq!(size(1 << 20, 1 << 20).unwrap(), (1 << 20) + MIN_HOST_STACK);
        assert_eq!(
            size((1 << 20) - 4096, 1 << 20).unwrap(),
            (1 << 20) - 4096 + MIN_HOST_STACK
        );
        assert_eq!(
            size(0, 1 << 20).unwrap_err().to_string(),
            "max_wasm_stack size cannot be zero"
        );
        assert_eq!(
            size(2, 1).unwrap_err().to_string(),
            "max_wasm_stack size cannot exceed the async_stack_size"
        );
        assert!(size(usize::MAX, usize::MAX).is_err());
    }

    #[test]
    fn memory_sizes_are_whole_pages() {
        let mut config = Config::new();
        config.memory_reservation(1).memory_guard_size(0);
        let tunables = config.validate().unwrap().tunables;
        assert_eq!(tunables.memory_reservation, 65536);
        assert_eq!(tunables.memory_guard_size, 0);
        assert!(refusal(|c| _ = c.memory_guard_size(u64::MAX)).contains("memory_guard_size"));
    }

    #[test]
    fn features_are_those_asked_for_and_implemented() {
        let settings = Config::new().validate().unwrap();
        let on = WasmFeatures::MULTI_MEMORY
            | WasmFeatures::MEMORY64
            | WasmFeatures::SIMD
            | WasmFeatures::RELAXED_SIMD;
        assert!(settings.features.contains(on));
        assert!(
            !settings
                .features
                .intersects(WasmFeatures::CUSTOM_PAGE_SIZES | WasmFeatures::WIDE_ARITHMETIC)
        );
        assert!(!settings.features.intersects(
            WasmFeatures::THREADS
                | WasmFeatures::EXCEPTIONS
                | WasmFeatures::GC
                | WasmFeatures::COMPONENT_MODEL
        ));
        let mut config = Config::new();
        config.wasm_multi_memory(false).wasm_tail_call(false);
        let settings = config.validate().unwrap();
        assert!(
            !settings
                .features
                .intersects(WasmFeatures::MULTI_MEMORY | WasmFeatures::TAIL_CALL)
        );
        assert!(settings.features.contains(WasmFeatures::BULK_MEMORY));
    }

    #[test]
    fn operator_costs_are_taken_or_refused_by_name() {
        let mut cost = OperatorCost::new();
        cost.variable.memory_copy_per_byte = 0;
        cost.variable.memory_fill_per_byte = 0;
        cost.variable.memory_init_per_byte = 0;
        let mut config = Config::new();
        config.operator_cost(cost.clone());
        let table = config.validate().unwrap().tunables.operator_cost;
        assert_eq!((table.structural, table.other), (0, 1));
        assert_eq!((table.per_byte, table.per_element), (0, 1));
        cost.I64DivS = 20;
        assert!(refusal(|c| _ = c.operator_cost(cost)).contains("I64DivS costs 20"));
        let mut cost = OperatorCost::new();
        cost.variable.memory_grow_per_page = 1;
        assert!(refusal(|c| _ = c.operator_cost(cost)).contains("per page"));
    }
}
