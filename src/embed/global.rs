//! Globals from the host's side.

#![expect(unsafe_code, reason = "a global's storage is shared with machine code")]

use super::types::GlobalType;
use super::val::Val;
use super::{AsContext, AsContextMut};
use crate::abi::{ValRaw, VmGlobal};
use crate::error::Context;
use crate::store::{GlobalEntity, GlobalId, StoreCore, StoreId};
use crate::{Result, bail};

/// A global of a store.
///
/// It is a handle: copying it does not copy the global, which lives as long as its store. All methods take that store,
/// and panic when given another one.
///
/// ```
/// # use tussah::{Global, GlobalType, Mutability, Store, Val, ValType};
/// # fn main() -> tussah::Result<()> {
/// let mut store = Store::<()>::default();
/// let ty = GlobalType::new(ValType::I32, Mutability::Var);
/// let global = Global::new(&mut store, ty, Val::I32(1))?;
/// global.set(&mut store, Val::I32(2))?;
/// assert_eq!(global.get(&mut store).i32(), Some(2));
/// assert!(global.set(&mut store, Val::I64(3)).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Global {
    store: StoreId,
    id: GlobalId,
}

impl Global {
    /// Makes a global that no instance owns. Give it to guests as an import.
    ///
    /// # Errors
    ///
    /// The value is not of the global's type, or of another store; or the type is not implemented.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, val: Val) -> Result<Global> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        val.ensure_matches_ty(core, ty.content()).context(
            "type mismatch: initial value provided does not match the type of this global",
        )?;
        let desc = ty.to_desc()?;
        let id = core.push_global(desc, storage(core, &val)?, None);
        Ok(Global::from_id(core.id, id))
    }

    /// The handle of a store's global.
    pub(crate) fn from_id(store: StoreId, id: GlobalId) -> Global {
        Global { store, id }
    }

    /// Which global of its store this is.
    ///
    /// # Panics
    ///
    /// `core` is another store.
    pub(crate) fn id(&self, core: &StoreCore) -> GlobalId {
        assert!(self.comes_from(core), "object used with the wrong store");
        self.id
    }

    /// Whether this is a global of this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.store == core.id
    }

    fn entity<'a>(&self, core: &'a StoreCore) -> &'a GlobalEntity {
        &core.globals[self.id(core).index()]
    }

    /// The global's type.
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        let store = store.as_context();
        GlobalType::from_desc(&self.entity(store.0.core()).desc)
    }

    /// The value. Host references are rooted in the current scope.
    pub fn get(&self, mut store: impl AsContextMut) -> Val {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        let entity = self.entity(core);
        let ty = GlobalType::from_desc(&entity.desc);
        // SAFETY: globals live as long as their store, and no guest writes it while the store is borrowed.
        let bytes = unsafe { entity.vm.read() }.bytes;
        let raw = ValRaw::v128(u128::from_le_bytes(bytes));
        // SAFETY: a global of this store holds a value of its type in the low bytes.
        unsafe { Val::from_raw_in(core, raw, ty.content()) }
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// The global is immutable; the value is not of its type, or of another store.
    pub fn set(&self, mut store: impl AsContextMut, val: Val) -> Result<()> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        let entity = self.entity(core);
        if !entity.desc.mutable {
            bail!("immutable global cannot be set");
        }
        let ty = GlobalType::from_desc(&entity.desc);
        val.ensure_matches_ty(core, ty.content())
            .context("type mismatch: attempt to set global to value of wrong type")?;
        let value = storage(core, &val)?;
        // SAFETY: globals live as long as their store, and no guest reads it while the store is borrowed. The value is
        // of the global's type.
        unsafe { entity.vm.write(value) };
        Ok(())
    }
}

/// The value as globals hold it.
fn storage(core: &StoreCore, value: &Val) -> Result<VmGlobal> {
    let bytes = value.to_raw_in(core)?.get_v128().to_le_bytes();
    Ok(VmGlobal { bytes })
}
