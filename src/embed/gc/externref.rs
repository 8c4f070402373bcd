//! `externref`: values of the host that guests can hold and pass on, but not look into.

use super::rooting::{GcRefImpl, GcRoot, push};
use super::{AnyRef, OwnedRooted, Rooted};
use crate::Result;
use crate::embed::{AsContextMut, StoreContext, StoreContextMut};
use crate::store::{StoreCore, collect_externs};
use std::any::Any;

/// A value of the host that guests can hold.
///
/// It is used through its roots, [`Rooted<ExternRef>`](Rooted) and [`OwnedRooted<ExternRef>`](OwnedRooted), which
/// dereference to this type. The value is dropped some time after neither roots nor guests refer to it, at the latest
/// with its store. See [`Store::gc`](crate::Store::gc).
///
/// ```
/// # use tussah::*;
/// # fn main() -> Result<()> {
/// let mut store = Store::<()>::default();
/// let held = ExternRef::new(&mut store, 5_u32)?;
/// let global = GlobalType::new(ValType::EXTERNREF, Mutability::Const);
/// let global = Global::new(&mut store, global, held.into())?;
///
/// let back = global.get(&mut store);
/// let data = back.unwrap_externref().unwrap().data(&store)?.unwrap();
/// assert_eq!(data.downcast_ref(), Some(&5_u32));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ExternRef {
    root: GcRoot,
}

impl GcRefImpl for ExternRef {
    fn root(self) -> GcRoot {
        self.root
    }

    fn with_root(self, root: GcRoot) -> Self {
        ExternRef { root }
    }
}

impl ExternRef {
    /// Moves a value into the store, rooted in the current scope.
    ///
    /// If much has been moved there since, values that nothing refers to any more are dropped first, unless a guest of
    /// the store is on a stack, as in host functions.
    ///
    /// # Errors
    ///
    /// The store holds 1,048,576 host values. In a host function that error, passed on, ends the guest, which may well
    /// have asked for one value after the other.
    pub fn new<T>(mut store: impl AsContextMut, value: T) -> Result<Rooted<ExternRef>>
    where
        T: 'static + Any + Send + Sync,
    {
        Self::insert(store.as_context_mut().0.core_mut(), Box::new(value))
    }

    /// As [`ExternRef::new`]. It does not wait at present.
    ///
    /// # Errors
    ///
    /// The store holds 1,048,576 host values.
    #[expect(
        clippy::unused_async,
        reason = "the interface is async; allocating never waits yet"
    )]
    pub async fn new_async<T>(mut store: impl AsContextMut, value: T) -> Result<Rooted<ExternRef>>
    where
        T: 'static + Any + Send + Sync,
    {
        Self::insert(store.as_context_mut().0.core_mut(), Box::new(value))
    }

    fn insert(
        core: &mut StoreCore,
        value: Box<dyn Any + Send + Sync>,
    ) -> Result<Rooted<ExternRef>> {
        if core.externs.wants_collection() {
            collect_externs(core);
        }
        let handle = core.externs.insert(value)?;
        Ok(Rooted::from_handle(core, handle).expect("just inserted"))
    }

    /// Would wrap a reference of the guest's garbage-collected heap, of which there are none yet.
    ///
    /// # Errors
    ///
    /// There is no value to call this with.
    pub fn convert_any(
        context: impl AsContextMut,
        anyref: Rooted<AnyRef>,
    ) -> Result<Rooted<ExternRef>> {
        drop(context);
        match *anyref {}
    }

    /// The value. It is `None` for references that wrap no host value, which do not exist yet.
    ///
    /// # Errors
    ///
    /// The root has fallen, or the store is another one.
    pub fn data<'a, T>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Option<&'a (dyn Any + Send + Sync)>>
    where
        T: 'static,
    {
        let core = store.into().0.core();
        let handle = self.root.handle(core)?;
        Ok(core.externs.get(handle))
    }

    /// The value, mutably. It is `None` for references that wrap no host value, which do not exist yet.
    ///
    /// # Errors
    ///
    /// The root has fallen, or the store is another one.
    pub fn data_mut<'a, T>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> Result<Option<&'a mut (dyn Any + Send + Sync)>>
    where
        T: 'static,
    {
        let core = store.into().0.core_mut();
        let handle = self.root.handle(core)?;
        Ok(core.externs.get_mut(handle))
    }

    /// The reference of a raw value, rooted in the current scope. `None` for null, and for numbers that are no handle
    /// of the store.
    pub fn from_raw(mut store: impl AsContextMut, raw: u32) -> Option<Rooted<ExternRef>> {
        Rooted::from_handle(store.as_context_mut().0.core_mut(), raw)
    }

    /// The reference as a raw value. That is no root: it is good only while something else keeps the value alive.
    ///
    /// # Errors
    ///
    /// The root has fallen, or the store is another one.
    pub fn to_raw(&self, mut store: impl AsContextMut) -> Result<u32> {
        self.root.handle(store.as_context_mut().0.core())
    }
}

impl Rooted<ExternRef> {
    /// Roots the value of a handle in the current scope. `None` for null and for handles of no value.
    pub(crate) fn from_handle(core: &mut StoreCore, handle: u32) -> Option<Rooted<ExternRef>> {
        push(core, handle).map(|root| Rooted::new(ExternRef { root }))
    }
}

impl OwnedRooted<ExternRef> {
    /// Roots the value of a handle for as long as the answer exists. `None` for null and for handles of no value.
    pub(crate) fn from_handle(core: &mut StoreCore, handle: u32) -> Option<OwnedRooted<ExternRef>> {
        let scope = core.externs.enter_scope();
        let owned = Rooted::from_handle(core, handle).and_then(|r| r.to_owned_in(core).ok());
        core.externs.exit_scope(scope);
        owned
    }
}
