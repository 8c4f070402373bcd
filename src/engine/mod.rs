//! Engines: the configuration, and what is shared by everything that runs under it.
//!
//! | file | what lives there |
//! |---|---|
//! | `engine` | [`Engine`]: compiler, epoch, fiber stacks; the one place that constructs the compiler |
//! | `config` | [`Config`], a file per topic, and its check by [`Engine::new`] |
//! | `registry` | function types, interned |
//! | `trampolines` | machine code per function type, by which the host is entered and left |
//! | `cache` | compiled modules on disk |
//! | `profile` | what native profilers are told |
//! | `identity` | what artifacts must agree on to be loaded |
//!
//! This room must not know stores or instances: it outlives all of them.

#[cfg(feature = "cache")]
mod cache;
mod config;
#[expect(
    clippy::module_inception,
    reason = "the room is named after its main type"
)]
mod engine;
mod epoch;
mod identity;
#[cfg(feature = "profiling")]
mod profile;
mod registry;
mod trampolines;

#[cfg(feature = "cache")]
pub use cache::{Cache, CacheConfig};
pub(crate) use config::BacktraceDetails;
pub use config::{
    Collector, Config, CustomCodeMemory, Enabled, Inlining, InstanceAllocationStrategy,
    ModuleVersionStrategy, OperatorCost, OptLevel, PoolingAllocationConfig, ProfilingStrategy,
    RegallocAlgorithm, StackCreator, Strategy, VariableOperatorCost, WasmBacktraceDetails,
    WasmFeatures,
};
pub use engine::{Engine, EngineWeak, Precompiled};
pub(crate) use epoch::Alarm;
pub(crate) use registry::{RegisteredType, TypeRegistry};
pub(crate) use trampolines::Trampolines;
