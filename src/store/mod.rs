//! What a store owns, without its type parameter: instances, memories, tables, globals, host values, limits, fuel and
//! epochs; how an instance is made; the bodies of the builtins.
//!
//! Dynamic ids (`InstanceId`, `MemoryId`, ..) index the store's vectors; entities that anything refers to are never
//! removed before the store is dropped. This room must not know the public handles, nor `T`: what needs the data goes through [`StoreHooks`].
//!
//! # Order of drop
//!
//! Instances go first, then memories, then host values and the host functions kept alive; an image goes with the last
//! share in its module.

#![expect(unsafe_code, reason = "raw store state that machine code shares")]

mod budget;
mod builtins;
mod core;
mod entities;
mod externs;
mod hook;
mod instance;
mod instantiate;
mod kept;
mod limits;
mod module;
mod settle;

#[expect(unreachable_pub, reason = "hidden methods of public traits name it")]
pub use self::core::StoreCore;
pub(crate) use self::core::{StoreHooks, StoreId};
pub use budget::UpdateDeadline;
pub(crate) use builtins::builtin_array;
pub(crate) use entities::{
    GlobalEntity, GlobalId, InstanceId, MemoryEntity, MemoryId, TableEntity, TableId,
};
pub(crate) use externs::{RootIndex, collect_externs};
#[cfg(feature = "call-hook")]
pub use hook::CallHook;
#[cfg(not(feature = "call-hook"))]
pub(crate) use hook::CallHook;
pub(crate) use instance::{ImportedEntity, InstanceData};
pub(crate) use instantiate::{Start, func_ref, instantiate};
pub use limits::{
    DEFAULT_INSTANCE_LIMIT, DEFAULT_MEMORY_LIMIT, DEFAULT_TABLE_LIMIT, ResourceLimiter,
    ResourceLimiterAsync, StoreLimits, StoreLimitsBuilder,
};
pub(crate) use module::LoadedModule;
