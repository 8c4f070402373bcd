//! What a linker holds under a name: an item of one store, or a host function for all stores of the engine.

use crate::embed::externals::Extern;
use crate::embed::host::HostFunc;
use crate::embed::instance;
use crate::embed::matching::{Offer, cross_store, ensure_same};
use crate::engine::Engine;
use crate::error::Result;
use crate::store::StoreCore;
use std::sync::Arc;

/// A definition.
#[derive(Clone)]
pub(crate) enum Definition {
    /// An item of a store.
    Extern {
        item: Extern,
        /// Its type when it was defined.
        offer: Offer,
        engine: Engine,
    },
    /// A function that is put into each store when it is needed there.
    HostFunc(Arc<HostFunc>),
}

impl Definition {
    /// Defines an item of this store.
    ///
    /// # Errors
    ///
    /// The item is of another store, or of a kind that is not implemented.
    pub(super) fn new(core: &StoreCore, item: Extern) -> Result<Definition> {
        if !instance::comes_from(&item, core) {
            return Err(cross_store());
        }
        Ok(Definition::Extern {
            offer: Offer::of(core, &item)?,
            item,
            engine: core.engine.clone(),
        })
    }

    /// Its type. Memories and tables of the store, if one is given, have their current sizes.
    pub(super) fn offer(&self, core: Option<&StoreCore>) -> Result<Offer> {
        match (self, core) {
            (Definition::Extern { item, .. }, Some(core)) if instance::comes_from(item, core) => {
                Offer::of(core, item)
            }
            (Definition::Extern { offer, .. }, _) => Ok(*offer),
            (Definition::HostFunc(func), _) => Ok(Offer::Func(func.ty().id())),
        }
    }

    /// The engine that it belongs to.
    pub(super) fn engine(&self) -> &Engine {
        match self {
            Definition::Extern { engine, .. } => engine,
            Definition::HostFunc(func) => func.engine(),
        }
    }

    /// The item in this store. The definition's linker and the store are of the same `T`. An async host function makes
    /// the store one for async use.
    ///
    /// # Errors
    ///
    /// A host function of another engine, or there is no memory for its trampolines.
    pub(super) fn to_extern(&self, core: &mut StoreCore) -> Result<Extern> {
        match self {
            Definition::Extern { item, .. } => Ok(item.clone()),
            Definition::HostFunc(func) => {
                ensure_same(func.engine(), &core.engine)?;
                Ok(func.enter_store(core)?.into())
            }
        }
    }
}
