//! What a store may allocate: the hooks an embedder implements, and a ready-made implementation with fixed numbers.
//!
//! Limits are asked before anything is allocated. This file must not know how memories and tables grow.

use crate::{Error, Result, bail};

/// Instances that a store may hold if its limiter does not say otherwise.
pub const DEFAULT_INSTANCE_LIMIT: usize = 10_000;
/// Tables that a store may hold if its limiter does not say otherwise.
pub const DEFAULT_TABLE_LIMIT: usize = 10_000;
/// Linear memories that a store may hold if its limiter does not say otherwise.
pub const DEFAULT_MEMORY_LIMIT: usize = 10_000;

/// Decides how much a store may allocate.
///
/// It is asked whenever a memory or table is made or is about to grow, by the guest or by the host, and whenever an
/// instance is made. [`StoreLimits`] is an implementation for fixed numbers. A store is given its limiter by
/// [`Store::limiter`](crate::Store::limiter).
pub trait ResourceLimiter: Send {
    /// Whether a linear memory may grow from `current` to `desired` bytes. `maximum` is what its type admits.
    ///
    /// A new memory is a growth from zero. `desired` may exceed `maximum`; whatever the answer, such a growth fails.
    /// With `Ok(false)` the guest's `memory.grow` answers -1.
    ///
    /// # Errors
    ///
    /// An error stops the guest: it comes out of the call as it is.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// Tells that a growth failed although it was allowed.
    ///
    /// # Errors
    ///
    /// An error stops the guest, which otherwise sees -1.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// Whether a table may grow from `current` to `desired` elements. `maximum` is what its type admits.
    ///
    /// # Errors
    ///
    /// As for [`ResourceLimiter::memory_growing`].
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// Tells that a growth failed although it was allowed.
    ///
    /// # Errors
    ///
    /// An error stops the guest, which otherwise sees -1.
    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// Instances that the store may hold.
    fn instances(&self) -> usize {
        DEFAULT_INSTANCE_LIMIT
    }

    /// Tables that the store may hold.
    fn tables(&self) -> usize {
        DEFAULT_TABLE_LIMIT
    }

    /// Linear memories that the store may hold.
    fn memories(&self) -> usize {
        DEFAULT_MEMORY_LIMIT
    }
}

/// As [`ResourceLimiter`], but its answer may be awaited: the guest is suspended meanwhile.
///
/// A store is given such a limiter by [`Store::limiter_async`](crate::Store::limiter_async), and is entered by
/// `*_async` functions only from then on.
#[async_trait::async_trait]
pub trait ResourceLimiterAsync: Send {
    /// As [`ResourceLimiter::memory_growing`].
    ///
    /// # Errors
    ///
    /// An error stops the guest.
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// As [`ResourceLimiter::memory_grow_failed`].
    ///
    /// # Errors
    ///
    /// An error stops the guest.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// As [`ResourceLimiter::table_growing`].
    ///
    /// # Errors
    ///
    /// An error stops the guest.
    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// As [`ResourceLimiter::table_grow_failed`].
    ///
    /// # Errors
    ///
    /// An error stops the guest.
    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// As [`ResourceLimiter::instances`].
    fn instances(&self) -> usize {
        DEFAULT_INSTANCE_LIMIT
    }

    /// As [`ResourceLimiter::tables`].
    fn tables(&self) -> usize {
        DEFAULT_TABLE_LIMIT
    }

    /// As [`ResourceLimiter::memories`].
    fn memories(&self) -> usize {
        DEFAULT_MEMORY_LIMIT
    }
}

/// Describes a [`StoreLimits`].
#[derive(Clone, Debug, Default)]
pub struct StoreLimitsBuilder(StoreLimits);

impl StoreLimitsBuilder {
    /// Starts with memories and tables unlimited, and ten thousand each of instances, tables and memories.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes to which each linear memory may grow.
    #[must_use]
    pub fn memory_size(mut self, limit: usize) -> Self {
        self.0.memory_size = Some(limit);
        self
    }

    /// Elements to which each table may grow.
    #[must_use]
    pub fn table_elements(mut self, limit: usize) -> Self {
        self.0.table_elements = Some(limit);
        self
    }

    /// Instances that the store may hold.
    #[must_use]
    pub fn instances(mut self, limit: usize) -> Self {
        self.0.instances = limit;
        self
    }

    /// Tables that the store may hold.
    #[must_use]
    pub fn tables(mut self, tables: usize) -> Self {
        self.0.tables = tables;
        self
    }

    /// Linear memories that the store may hold.
    #[must_use]
    pub fn memories(mut self, memories: usize) -> Self {
        self.0.memories = memories;
        self
    }

    /// Whether a growth that fails stops the guest instead of answering -1. That departs from the specification, and
    /// is handy with guests that do not cope with failed growths.
    #[must_use]
    pub fn trap_on_grow_failure(mut self, trap: bool) -> Self {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits as described.
    pub fn build(self) -> StoreLimits {
        self.0
    }
}

/// A [`ResourceLimiter`] of fixed numbers, made by a [`StoreLimitsBuilder`].
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    trap_on_grow_failure: bool,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits {
            memory_size: None,
            table_elements: None,
            instances: DEFAULT_INSTANCE_LIMIT,
            tables: DEFAULT_TABLE_LIMIT,
            memories: DEFAULT_MEMORY_LIMIT,
            trap_on_grow_failure: false,
        }
    }
}

/// Whether `desired` exceeds neither bound.
fn within(desired: usize, limit: Option<usize>, maximum: Option<usize>) -> bool {
    limit.is_none_or(|limit| desired <= limit) && maximum.is_none_or(|max| desired <= max)
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let allowed = within(desired, self.memory_size, maximum);
        if !allowed && self.trap_on_grow_failure {
            bail!("forcing trap when growing memory to {desired} bytes");
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        if self.trap_on_grow_failure {
            return Err(error.context("forcing a memory growth failure to be a trap"));
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let allowed = within(desired, self.table_elements, maximum);
        if !allowed && self.trap_on_grow_failure {
            bail!("forcing trap when growing table to {desired} elements");
        }
        Ok(allowed)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        if self.trap_on_grow_failure {
            return Err(error.context("forcing a table growth failure to be a trap"));
        }
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    //! The built-in limiter at and around its limits.

    use super::{ResourceLimiter, StoreLimitsBuilder};

    #[test]
    fn the_smaller_of_limit_and_maximum_counts() {
        let mut limits = StoreLimitsBuilder::new()
            .memory_size(10)
            .table_elements(3)
            .build();
        assert!(limits.memory_growing(0, 10, Some(10)).unwrap());
        assert!(!limits.memory_growing(10, 11, None).unwrap());
        assert!(!limits.memory_growing(0, 10, Some(9)).unwrap());
        assert!(limits.table_growing(0, 3, None).unwrap());
        assert!(!limits.table_growing(0, 4, None).unwrap());
        assert!(!limits.table_growing(0, 3, Some(2)).unwrap());
        assert!(
            limits
                .memory_grow_failed(crate::format_err!("no room"))
                .is_ok()
        );
    }

    #[test]
    fn refusals_can_be_made_errors() {
        let mut limits = StoreLimitsBuilder::new()
            .memory_size(10)
            .table_elements(3)
            .trap_on_grow_failure(true)
            .build();
        let error = limits.memory_growing(0, 11, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "forcing trap when growing memory to 11 bytes"
        );
        let error = limits.table_growing(0, 4, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "forcing trap when growing table to 4 elements"
        );
        let error = limits
            .memory_grow_failed(crate::format_err!("no room"))
            .unwrap_err();
        assert_eq!(error.root_cause().to_string(), "no room");
    }
}
