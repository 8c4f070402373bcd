//! Where instances get their memory from.

use super::Enabled;

/// How instances get their memory.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum InstanceAllocationStrategy {
    /// From the system, when it is needed.
    #[default]
    OnDemand,
    /// From a pool made with the engine. Not implemented yet.
    Pooling(PoolingAllocationConfig),
}

impl InstanceAllocationStrategy {
    /// Pooling, with the default limits.
    pub fn pooling() -> Self {
        InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::default())
    }
}

impl From<PoolingAllocationConfig> for InstanceAllocationStrategy {
    fn from(config: PoolingAllocationConfig) -> Self {
        InstanceAllocationStrategy::Pooling(config)
    }
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $set:ident $get:ident $ty:ty = $default:expr;)*) => {
        /// The limits of a pool for [`InstanceAllocationStrategy::Pooling`], which is not implemented yet.
        #[derive(Debug, Clone)]
        pub struct PoolingAllocationConfig {
            $($set: $ty,)*
        }

        impl PoolingAllocationConfig {
            $(
                $(#[doc = $doc])*
                pub fn $set(&mut self, value: $ty) -> &mut Self {
                    self.$set = value;
                    self
                }

                #[doc = concat!("What [`PoolingAllocationConfig::", stringify!($set), "`] set.")]
                pub fn $get(&self) -> $ty {
                    self.$set
                }
            )*
        }

        impl Default for PoolingAllocationConfig {
            fn default() -> Self {
                PoolingAllocationConfig {
                    $($set: $default,)*
                }
            }
        }
    };
}

limits! {
    /// Idle slots that keep their memory: 100 by default.
    max_unused_warm_slots get_max_unused_warm_slots u32 = 100;
    /// Slots whose memory is given back by one system call: 1 by default.
    decommit_batch_size get_decommit_batch_size usize = 1;
    /// Bytes of an idle fiber stack that stay resident: 0 by default.
    async_stack_keep_resident get_async_stack_keep_resident usize = 0;
    /// Bytes of an idle linear memory that stay resident: 0 by default.
    linear_memory_keep_resident get_memory_keep_resident usize = 0;
    /// Bytes of an idle table that stay resident: 0 by default.
    table_keep_resident get_table_keep_resident usize = 0;
    /// Component instances at one time: 1,000 by default.
    total_component_instances get_total_component_instances u32 = 1000;
    /// Bytes of the runtime's state per component instance: 1 MiB by default.
    max_component_instance_size get_max_component_instance_size usize = 1 << 20;
    /// Core instances per component: unlimited by default.
    max_core_instances_per_component get_max_core_instances_per_component u32 = u32::MAX;
    /// Linear memories per component: unlimited by default.
    max_memories_per_component get_max_memories_per_component u32 = u32::MAX;
    /// Tables per component: unlimited by default.
    max_tables_per_component get_max_tables_per_component u32 = u32::MAX;
    /// Linear memories at one time: 1,000 by default.
    total_memories get_total_memories u32 = 1000;
    /// Tables at one time: 1,000 by default.
    total_tables get_total_tables u32 = 1000;
    /// Fiber stacks at one time: 1,000 by default.
    total_stacks get_total_stacks u32 = 1000;
    /// Core instances at one time: 1,000 by default.
    total_core_instances get_total_core_instances u32 = 1000;
    /// Bytes of the runtime's state per core instance: 1 MiB by default.
    max_core_instance_size get_max_core_instance_size usize = 1 << 20;
    /// Tables per module: 1 by default.
    max_tables_per_module get_max_tables_per_module u32 = 1;
    /// Elements per table: 20,000 by default.
    table_elements get_table_elements usize = 20_000;
    /// Linear memories per module: 1 by default.
    max_memories_per_module get_max_memories_per_module u32 = 1;
    /// Bytes per linear memory: 4 GiB by default.
    max_memory_size get_max_memory_size usize = 1 << 32;
    /// Whether slots are told apart by memory protection keys: no by default.
    memory_protection_keys get_memory_protection_keys Enabled = Enabled::No;
    /// Memory protection keys to use: 16 by default.
    max_memory_protection_keys get_max_memory_protection_keys usize = 16;
    /// Garbage-collected heaps at one time: 1,000 by default.
    total_gc_heaps get_total_gc_heaps u32 = 1000;
    /// Whether dirty pages are found by Linux's `PAGEMAP_SCAN`: no by default.
    pagemap_scan get_pagemap_scan Enabled = Enabled::No;
}

impl PoolingAllocationConfig {
    /// The default limits.
    pub fn new() -> PoolingAllocationConfig {
        PoolingAllocationConfig::default()
    }

    /// Whether memory protection keys can be used. They cannot: it is not implemented yet.
    pub fn are_memory_protection_keys_available() -> bool {
        false
    }
}
