//! Roots: what keeps a value alive while the host holds a reference to it.
//!
//! A [`Rooted`] is a place on the store's stack of roots and costs nothing; a [`RootScope`] pops what was pushed since
//! it was made. An [`OwnedRooted`] shares a reference count with the store and may outlive scopes.

use super::{GcRef, RootedGcRef};
use crate::embed::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::store::{RootIndex, StoreCore, StoreId};
use crate::{Result, bail, format_err};
use std::any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// What every reference is inside: a root of some store. Nameless outside; a reference of an unsupported kind has none.
#[doc(hidden)]
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct GcRoot {
    store: StoreId,
    index: RootIndex,
}

impl GcRoot {
    pub(super) fn comes_from(self, core: &StoreCore) -> bool {
        self.store == core.id
    }

    /// The handle behind the root.
    ///
    /// # Errors
    ///
    /// The root is of another store, or has fallen.
    pub(super) fn handle(self, core: &StoreCore) -> Result<u32> {
        if !self.comes_from(core) {
            bail!("object used with wrong store");
        }
        core.externs.resolve(self.index).ok_or_else(|| {
            format_err!("attempted to use a garbage-collected object that has been unrooted")
        })
    }
}

/// Seals [`GcRef`].
#[doc(hidden)]
pub trait GcRefImpl: Copy + Send + Sync + 'static {
    /// The root that the reference is.
    fn root(self) -> GcRoot;

    /// The same reference by another root.
    #[must_use]
    fn with_root(self, root: GcRoot) -> Self;
}

/// Seals [`RootedGcRef`].
#[doc(hidden)]
pub trait RootedGcRefImpl<T: GcRef> {
    /// The root.
    fn gc_root(&self) -> GcRoot;
}

/// A reference that is rooted in a scope: it is good until the innermost [`RootScope`] around its making ends, or, in a
/// host function, until that function returns. Made outside of both it is good as long as its store.
///
/// Using it later is an error, not undefined behaviour.
///
/// ```
/// # use tussah::{ExternRef, RootScope, Rooted, Store};
/// # fn main() -> tussah::Result<()> {
/// let mut store = Store::<()>::default();
/// let (short, long) = {
///     let mut scope = RootScope::new(&mut store);
///     let short: Rooted<ExternRef> = ExternRef::new(&mut scope, "host data")?;
///     let long = short.to_owned_rooted(&mut scope)?;
///     (short, long)
/// };
/// assert!(short.data(&store).is_err());
/// assert!(long.data(&store)?.unwrap().is::<&str>());
/// # Ok(())
/// # }
/// ```
pub struct Rooted<T: GcRef> {
    reference: T,
}

impl<T: GcRef> Clone for Rooted<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: GcRef> Copy for Rooted<T> {}

impl<T: GcRef> fmt::Debug for Rooted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rooted<{}>(", any::type_name::<T>())?;
        self.reference.root().fmt(f)?;
        f.write_str(")")
    }
}

impl<T: GcRef> Deref for Rooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.reference
    }
}

impl<T: GcRef> RootedGcRefImpl<T> for Rooted<T> {
    fn gc_root(&self) -> GcRoot {
        self.reference.root()
    }
}

impl<T: GcRef> Rooted<T> {
    /// Roots the value for as long as the answer, or a clone of it, exists.
    ///
    /// # Errors
    ///
    /// The scope has ended, or the store is another one.
    pub fn to_owned_rooted(&self, mut store: impl AsContextMut) -> Result<OwnedRooted<T>> {
        self.to_owned_in(store.as_context_mut().0.core_mut())
    }

    /// As [`Rooted::to_owned_rooted`].
    pub(crate) fn to_owned_in(self, core: &mut StoreCore) -> Result<OwnedRooted<T>> {
        let handle = self.to_handle(core)?;
        OwnedRooted::share(core, self.reference, handle)
    }

    /// Whether two roots are the same root. Two roots of one value are not; see [`Rooted::ref_eq`].
    pub fn rooted_eq(a: Self, b: Self) -> bool {
        a.reference.root() == b.reference.root()
    }

    /// Whether two roots refer to one value.
    ///
    /// # Errors
    ///
    /// A scope has ended, or the store is another one.
    pub fn ref_eq(
        store: impl AsContext,
        a: &impl RootedGcRef<T>,
        b: &impl RootedGcRef<T>,
    ) -> Result<bool> {
        let store = store.as_context();
        let core = store.0.core();
        Ok(a.gc_root().handle(core)? == b.gc_root().handle(core)?)
    }

    /// Hashes the root, consistently with [`Rooted::rooted_eq`].
    pub fn rooted_hash<H>(&self, state: &mut H)
    where
        H: Hasher,
    {
        self.reference.root().hash(state);
    }

    /// Hashes the value's identity, consistently with [`Rooted::ref_eq`].
    ///
    /// # Errors
    ///
    /// The scope has ended, or the store is another one.
    pub fn ref_hash<H>(&self, store: impl AsContext, state: &mut H) -> Result<()>
    where
        H: Hasher,
    {
        self.to_handle(store.as_context().0.core())?.hash(state);
        Ok(())
    }

    /// The root of a reference that has just been made.
    pub(super) fn new(reference: T) -> Self {
        Rooted { reference }
    }

    /// Whether the root is of this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.reference.root().comes_from(core)
    }

    /// The handle that guests know the value by.
    ///
    /// # Errors
    ///
    /// The scope has ended, or the store is another one.
    pub(crate) fn to_handle(self, core: &StoreCore) -> Result<u32> {
        self.reference.root().handle(core)
    }
}

/// Pushes a root in the current scope. `None` for null and for handles of no value.
pub(super) fn push(core: &mut StoreCore, handle: u32) -> Option<GcRoot> {
    let index = core.externs.push_root(handle)?;
    let store = core.id;
    Some(GcRoot { store, index })
}

/// A scope of roots: a store, of which every [`Rooted`] made since falls when the scope is dropped.
///
/// Use it wherever a store would be used.
pub struct RootScope<C>
where
    C: AsContextMut,
{
    store: C,
    scope: usize,
}

impl<C> RootScope<C>
where
    C: AsContextMut,
{
    /// Begins a scope.
    pub fn new(store: C) -> Self {
        let scope = store.as_context().0.core().externs.enter_scope();
        RootScope { store, scope }
    }

    /// Makes room for this many more roots.
    pub fn reserve(&mut self, additional: usize) {
        let store = self.store.as_context_mut();
        store.0.core_mut().externs.reserve_roots(additional);
    }
}

impl<C: AsContextMut> Drop for RootScope<C> {
    fn drop(&mut self) {
        let store = self.store.as_context_mut();
        store.0.core_mut().externs.exit_scope(self.scope);
    }
}

impl<C: AsContextMut> fmt::Debug for RootScope<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootScope")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl<C: AsContextMut> AsContext for RootScope<C> {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        self.store.as_context()
    }
}

impl<C: AsContextMut> AsContextMut for RootScope<C> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        self.store.as_context_mut()
    }
}

/// A reference that roots its value for as long as it, or a clone of it, exists. It may be dropped without its store.
pub struct OwnedRooted<T>
where
    T: GcRef,
{
    reference: T,
    /// The store watches this count; see `store::externs`.
    share: Arc<()>,
    marker: PhantomData<T>,
}

impl<T: GcRef> Clone for OwnedRooted<T> {
    fn clone(&self) -> Self {
        OwnedRooted {
            reference: self.reference,
            share: Arc::clone(&self.share),
            marker: PhantomData,
        }
    }
}

impl<T: GcRef> fmt::Debug for OwnedRooted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedRooted<{}>(", any::type_name::<T>())?;
        self.reference.root().fmt(f)?;
        f.write_str(")")
    }
}

impl<T: GcRef> Deref for OwnedRooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.reference
    }
}

impl<T: GcRef> RootedGcRefImpl<T> for OwnedRooted<T> {
    fn gc_root(&self) -> GcRoot {
        self.reference.root()
    }
}

impl<T> OwnedRooted<T>
where
    T: GcRef,
{
    /// Roots the value of a live handle.
    fn share(core: &mut StoreCore, reference: T, handle: u32) -> Result<Self> {
        let Some((index, share)) = core.externs.own_root(handle) else {
            bail!("attempted to use a garbage-collected object that has been unrooted");
        };
        let store = core.id;
        Ok(OwnedRooted {
            reference: reference.with_root(GcRoot { store, index }),
            share,
            marker: PhantomData,
        })
    }

    /// Roots the value in the current scope as well.
    ///
    /// # Panics
    ///
    /// The store is another one.
    pub fn to_rooted(&self, mut context: impl AsContextMut) -> Rooted<T> {
        let context = context.as_context_mut();
        let core = context.0.core_mut();
        assert!(self.comes_from(core), "object used with wrong store");
        let root = self
            .to_handle(core)
            .ok()
            .and_then(|handle| push(core, handle))
            .expect("an owned root keeps its value alive");
        Rooted::new(self.reference.with_root(root))
    }

    /// Whether two roots refer to one value.
    ///
    /// # Errors
    ///
    /// A scope has ended, or the store is another one.
    pub fn ref_eq(
        store: impl AsContext,
        a: &impl RootedGcRef<T>,
        b: &impl RootedGcRef<T>,
    ) -> Result<bool> {
        Rooted::ref_eq(store, a, b)
    }

    /// Hashes the root.
    pub fn rooted_hash<H>(&self, state: &mut H)
    where
        H: Hasher,
    {
        self.reference.root().hash(state);
    }

    /// Hashes the value's identity, consistently with [`OwnedRooted::ref_eq`].
    ///
    /// # Panics
    ///
    /// The store is another one.
    pub fn ref_hash<H>(&self, store: impl AsContext, state: &mut H)
    where
        H: Hasher,
    {
        let handle = self.to_handle(store.as_context().0.core());
        handle.expect("object used with wrong store").hash(state);
    }

    /// Whether the root is of this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.reference.root().comes_from(core)
    }

    /// The handle that guests know the value by. Whoever gives it to a guest keeps `self` until the guest has it.
    ///
    /// # Errors
    ///
    /// The store is another one.
    pub(crate) fn to_handle(&self, core: &StoreCore) -> Result<u32> {
        self.reference.root().handle(core)
    }
}
