//! A pool of fiber stacks of one size.
//!
//! | file | what lives there |
//! |---|---|
//! | `free_list` | lock-free list of indices; the warm path of get and return |
//! | `chunks` | mappings of many slots; index to address |
//! | `shared` | get, return, zeroing, cooling, and when it is all freed |
//!
//! Invariant: a slot is in one free list, or out as one [`FiberStack`], or
//! was never used. The pool does not know what runs on its stacks.

mod chunks;
mod free_list;
mod shared;

use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

pub(crate) use shared::PoolHome;
use shared::{Policy, Shared};

use crate::os;
use crate::stack::{DEFAULT_GUARD, FiberStack, StackLayout, invalid};

/// How a [`StackPool`] makes and keeps its stacks.
#[derive(Clone, Debug)]
pub struct StackPoolConfig {
    /// Usable bytes of a stack, rounded up to pages. 2 MiB by default.
    pub stack_size: usize,
    /// Bytes of guard below each stack, rounded up to pages, at least one
    /// page. 64 KiB by default; a guard costs address space, not memory.
    pub guard_size: usize,
    /// Whether a stack is all zero whenever it is handed out.
    pub zero_on_reuse: bool,
    /// How many stacks there may be, live and idle together; unlimited by
    /// default.
    pub max_stacks: Option<usize>,
    /// How many idle stacks keep their memory. Stacks returned beyond that
    /// give it back to the system, and cost page faults when used again.
    pub max_warm: usize,
    /// With `zero_on_reuse`, how many bytes below the top are zeroed by
    /// overwriting; the rest is given back. One page by default.
    pub keep_resident: usize,
}

impl Default for StackPoolConfig {
    fn default() -> Self {
        Self {
            stack_size: 2 << 20,
            guard_size: DEFAULT_GUARD,
            zero_on_reuse: false,
            max_stacks: None,
            max_warm: 256,
            keep_resident: os::page_size(),
        }
    }
}

/// Counts of a [`StackPool`], taken at one moment. While other threads use
/// the pool they may be off by what those threads are just doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackPoolStats {
    /// Stacks handed out and not returned.
    pub live: usize,
    /// Stacks waiting to be handed out again.
    pub idle: usize,
    /// Idle stacks that have kept their memory.
    pub warm: usize,
    /// Address space of all stacks, used ones or not; not resident memory.
    pub mapped_bytes: usize,
}

/// Every stack of a pool is in use.
///
/// The source of the [`io::Error`] (of kind [`QuotaExceeded`]) that
/// [`StackPool::get`] returns then.
///
/// [`QuotaExceeded`]: io::ErrorKind::QuotaExceeded
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolExhausted {
    limit: u32,
}

impl PoolExhausted {
    /// How many stacks the pool may have.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }
}

impl fmt::Display for PoolExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} fiber stacks of the pool are in use", self.limit)
    }
}

impl std::error::Error for PoolExhausted {}

/// A pool of stacks of one size, shared by clones of this handle.
///
/// Getting a warm stack and returning one is one compare-and-swap each. A
/// stack goes back when it is dropped, on any thread, and keeps the pool's
/// memory alive: handles may go first. A forgotten stack stays mapped for
/// good and is never handed out again.
///
/// ```
/// use tussah_fiber::{StackPool, StackPoolConfig};
///
/// # fn main() -> std::io::Result<()> {
/// let pool = StackPool::new(StackPoolConfig {
///     stack_size: 256 << 10,
///     ..StackPoolConfig::default()
/// })?;
/// let stack = pool.get()?;
/// assert_eq!(stack.range().len(), 256 << 10);
/// drop(stack);
/// assert_eq!(pool.stats().idle, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StackPool {
    handle: Arc<Handle>,
}

/// Closes the pool when the last clone goes.
struct Handle {
    shared: NonNull<Shared>,
}

// SAFETY: `Handle` is a reference to a `Shared`, which is `Send + Sync`.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl StackPool {
    /// Makes an empty pool; memory is mapped when stacks are asked for.
    ///
    /// # Errors
    ///
    /// The stack size is zero or does not fit the address space, or
    /// `max_stacks` is zero.
    pub fn new(config: StackPoolConfig) -> io::Result<Self> {
        let layout = StackLayout::new(config.stack_size, config.guard_size)?;
        if config.max_stacks == Some(0) {
            return Err(invalid("a stack pool cannot be limited to 0 stacks"));
        }
        let clamp = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let policy = Policy {
            zero: config.zero_on_reuse,
            max_stacks: config.max_stacks.map(clamp),
            max_warm: clamp(config.max_warm),
            keep_resident: config
                .keep_resident
                .checked_next_multiple_of(os::page_size())
                .unwrap_or(usize::MAX),
        };
        let shared = Box::new(Shared::new(layout, policy));
        Ok(Self {
            handle: Arc::new(Handle {
                shared: NonNull::from(Box::leak(shared)),
            }),
        })
    }

    /// Takes a stack: one that was used lately if there is one.
    ///
    /// # Errors
    ///
    /// All `max_stacks` are in use (the error's source is [`PoolExhausted`]),
    /// or the system has no memory or no mapping left.
    #[inline]
    pub fn get(&self) -> io::Result<FiberStack> {
        // SAFETY: `self` is a live handle of that pool.
        unsafe { Shared::take(self.handle.shared) }
    }

    /// Counts of the pool.
    pub fn stats(&self) -> StackPoolStats {
        self.shared().stats()
    }

    /// Usable bytes of each stack.
    pub fn stack_size(&self) -> usize {
        self.shared().stack_size()
    }

    fn shared(&self) -> &Shared {
        // SAFETY: a live handle keeps the pool.
        unsafe { self.handle.shared.as_ref() }
    }
}

impl fmt::Debug for StackPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackPool")
            .field("stack_size", &self.stack_size())
            .field("stats", &self.stats())
            .finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: `new` leaked the box, and this is the last clone.
        unsafe { Shared::close(self.shared) };
    }
}
