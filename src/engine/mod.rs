//! Engines: the configuration, and what is shared by everything that runs under it.
//!
//! | file | what lives there |
//! |---|---|
//! | `engine` | [`Engine`]: compiler, epoch, fiber stacks; the one place that constructs the compiler |
//! | `config` | [`Config`], a file per topic, and its check by [`Engine::new`] |
//! | `registry` | function types, interned |
//! | `trampolines` | machine code per function type, by which the host is entered and left |
//! | `identity` | what artifacts must agree on to be loaded |
//!
//! This room must not know stores or instances: it outlives all of them.

mod config;
#[expect(
    clippy::module_inception,
    reason = "the room is named after its main type"
)]
mod engine;
mod epoch;
mod identity;
mod registry;
mod trampolines;

pub use config::{
    Cache, Collector, Config, CustomCodeMemory, Enabled, Inlining, InstanceAllocationStrategy,
    ModuleVersionStrategy, OperatorCost, OptLevel, PoolingAllocationConfig, ProfilingStrategy,
    RegallocAlgorithm, StackCreator, Strategy, VariableOperatorCost, WasmBacktraceDetails,
    WasmFeatures,
};
pub use engine::{Engine, EngineWeak, Precompiled};
pub(crate) use epoch::Alarm;
pub(crate) use registry::{RegisteredType, TypeRegistry};
pub(crate) use trampolines::Trampolines;
