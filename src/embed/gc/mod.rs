//! References into heaps that are not the host's Rust heap, and how the host keeps their targets alive.
//!
//! | file | what lives there |
//! |---|---|
//! | `rooting` | [`Rooted`], [`RootScope`], [`OwnedRooted`] |
//! | `externref` | [`ExternRef`]: values of the host that guests hold |
//! | `null` | types of which only null is a reference |
//! | `unsupported` | the references of proposals that are not implemented: types without values |
//!
//! The heap itself is in room `store`; this module must not know how it is laid out.

mod externref;
mod null;
mod rooting;
#[cfg(all(test, feature = "cranelift", feature = "wat"))]
mod tests;
mod unsupported;

pub use externref::ExternRef;
pub use null::{NoExtern, NoFunc, NoneRef};
pub use rooting::{OwnedRooted, RootScope, Rooted};
pub use unsupported::{AnyRef, ArrayRef, ContRef, EqRef, ExnRef, I31, StructRef};

use rooting::{GcRefImpl, RootedGcRefImpl};
use std::fmt;
use std::ops::Deref;

/// A reference that must be rooted to be used: [`ExternRef`], and those of proposals to come.
pub trait GcRef: GcRefImpl {}

impl<T: GcRefImpl> GcRef for T {}

/// A root of a `T`: [`Rooted`] or [`OwnedRooted`].
pub trait RootedGcRef<T: GcRef>: RootedGcRefImpl<T> + Deref<Target = T> {}

impl<T, U> RootedGcRef<T> for U
where
    T: GcRef,
    U: RootedGcRefImpl<T> + Deref<Target = T>,
{
}

/// A garbage-collected heap had no room for an allocation. Carries what was to be stored.
///
/// The heap of host values grows as needed, so nothing raises this error yet.
pub struct GcHeapOutOfMemory<T> {
    inner: T,
    bytes_needed: u64,
}

impl<T> GcHeapOutOfMemory<T> {
    /// Takes the value back.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Takes the value back and keeps the error, for instance as the reason of a
    /// [`Store::gc`](crate::Store::gc).
    pub fn take_inner(self) -> (T, GcHeapOutOfMemory<()>) {
        let bytes_needed = self.bytes_needed;
        let rest = GcHeapOutOfMemory {
            inner: (),
            bytes_needed,
        };
        (self.inner, rest)
    }
}

impl<T> fmt::Debug for GcHeapOutOfMemory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Display for GcHeapOutOfMemory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "GC heap out of memory: no capacity for allocation of {} bytes",
            self.bytes_needed
        )
    }
}

impl<T> std::error::Error for GcHeapOutOfMemory<T> {}
