//! [`Config`]: what an embedder may choose, a file per topic.
//!
//! | file | topic |
//! |---|---|
//! | `choices` | the enumerations that methods take |
//! | `codegen` | the compiler |
//! | `interrupt` | fuel and epochs |
//! | `stack` | stacks |
//! | `features` | WebAssembly proposals |
//! | `memory` | linear memories, tables, garbage-collected heaps |
//! | `debug` | backtraces, debugging, profiling |
//! | `artifact` | precompiled code |
//! | `pooling` | where instances come from |
//! | `cost` | fuel per operator |
//! | `getters` | reading an engine's settings back |
//! | `validate` | the check of it all, and the [`Settings`] that come out |
//!
//! Methods only record. What does not go together or is not implemented is refused by `Engine::new`; a switch that
//! does nothing says so and never changes what programs compute.

mod artifact;
mod choices;
mod codegen;
mod cost;
mod debug;
mod features;
mod getters;
mod interrupt;
mod memory;
mod pooling;
mod stack;
mod validate;

pub use artifact::CustomCodeMemory;
pub use choices::{
    Collector, Enabled, Inlining, ModuleVersionStrategy, OptLevel, ProfilingStrategy,
    RegallocAlgorithm, Strategy, WasmBacktraceDetails,
};
pub use cost::{OperatorCost, VariableOperatorCost};
pub(crate) use debug::BacktraceDetails;
pub use pooling::{InstanceAllocationStrategy, PoolingAllocationConfig};
pub use stack::StackCreator;
pub(super) use validate::Settings;
pub use wasmparser::WasmFeatures;

use crate::code::Tunables;
use std::fmt;
use std::num::NonZeroUsize;

/// Frames that a trap's backtrace captures by default.
const DEFAULT_BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(20).unwrap();

/// What an [`Engine`](crate::Engine) is made with.
///
/// Methods record a choice and return the same configuration, so that calls can be chained; choices that contradict
/// each other, and ones that are not implemented, are refused by [`Engine::new`](crate::Engine::new).
///
/// ```
/// use tussah::{Config, Engine};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::new(Config::new().consume_fuel(true).max_wasm_stack(256 << 10))?;
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Config {
    /// Settings that generated code depends on. `operator_cost` is set by [`validate`] alone.
    tunables: Tunables,
    features: WasmFeatures,
    codegen: codegen::Codegen,
    debug: debug::Debugging,
    memory: memory::Memories,
    stack: stack::Stacks,
    operator_cost: Option<Box<OperatorCost>>,
    module_version: ModuleVersionStrategy,
    #[cfg(feature = "cache")]
    cache: Option<crate::engine::Cache>,
    allocation_strategy: InstanceAllocationStrategy,
    concurrency_support: bool,
    macos_use_mach_ports: bool,
}

impl Config {
    /// The default configuration.
    pub fn new() -> Self {
        Config {
            tunables: Tunables::default(),
            features: features::DEFAULT,
            codegen: codegen::Codegen::default(),
            debug: debug::Debugging::default(),
            memory: memory::Memories::default(),
            stack: stack::Stacks::default(),
            operator_cost: None,
            module_version: ModuleVersionStrategy::default(),
            #[cfg(feature = "cache")]
            cache: None,
            allocation_strategy: InstanceAllocationStrategy::default(),
            concurrency_support: true,
            macos_use_mach_ports: true,
        }
    }

    /// Does nothing: every store can be used from async and from blocking code.
    #[doc(hidden)]
    #[deprecated(note = "no longer has any effect")]
    pub fn async_support(&mut self, _enable: bool) -> &mut Self {
        self
    }

    /// Whether components may use the component model's concurrency. On by default; has no effect on core modules, and
    /// components are not implemented yet.
    pub fn concurrency_support(&mut self, enable: bool) -> &mut Self {
        self.concurrency_support = enable;
        self
    }

    /// Whether traps are found by the faults that the processor reports, which makes most checks free. On by default.
    ///
    /// Turned off, every check is explicit code and no signal handlers are installed.
    pub fn signals_based_traps(&mut self, enable: bool) -> &mut Self {
        self.tunables.signals_based_traps = enable;
        self
    }

    /// How macOS would report faults. Has no effect: signals are used.
    pub fn macos_use_mach_ports(&mut self, mach_ports: bool) -> &mut Self {
        self.macos_use_mach_ports = mach_ports;
        self
    }

    /// How instances get their memory; on demand by default. Pooling is not implemented yet and refused by
    /// `Engine::new`. (Fiber stacks are always pooled.)
    pub fn allocation_strategy(
        &mut self,
        strategy: impl Into<InstanceAllocationStrategy>,
    ) -> &mut Self {
        self.allocation_strategy = strategy.into();
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Config::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            tunables,
            features,
            codegen,
            debug,
            memory,
            stack,
            operator_cost,
            module_version,
            #[cfg(feature = "cache")]
            cache,
            allocation_strategy,
            concurrency_support,
            macos_use_mach_ports,
        } = self;
        let mut all = f.debug_struct("Config");
        #[cfg(feature = "cache")]
        all.field("cache", cache);
        all.field("tunables", tunables)
            .field("features", features)
            .field("codegen", codegen)
            .field("debug", debug)
            .field("memory", memory)
            .field("stack", stack)
            .field("custom_operator_cost", &operator_cost.is_some())
            .field("module_version", module_version)
            .field("allocation_strategy", allocation_strategy)
            .field("concurrency_support", concurrency_support)
            .field("macos_use_mach_ports", macos_use_mach_ports)
            .finish()
    }
}
