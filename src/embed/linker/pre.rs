//! [`InstancePre`]: a module whose imports have been found and checked, ready for many instances.

use super::definition::Definition;
use crate::embed::context::AsContextMut;
use crate::embed::instance::{Imports, Instance, comes_from, create, create_on_fiber};
use crate::embed::matching::{cross_store, ensure_same, typecheck};
use crate::embed::module::Module;
use crate::engine::Engine;
use crate::error::Result;
use crate::store::StoreCore;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A module with its imports resolved by a [`Linker`](crate::Linker), made by
/// [`Linker::instantiate_pre`](crate::Linker::instantiate_pre).
///
/// Names are looked up and types compared once; after that, each instance costs only its own initialisation. It is a
/// handle: clones share everything.
pub struct InstancePre<T> {
    module: Module,
    /// What satisfies the imports, in order. Stores keep the host functions among them.
    definitions: Arc<[Definition]>,
    /// The definitions take the data of stores, mutably, so this is invariant in `T`; none is kept here.
    data: PhantomData<fn(T) -> T>,
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        InstancePre {
            module: self.module.clone(),
            definitions: Arc::clone(&self.definitions),
            data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre")
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> InstancePre<T> {
    /// Checks the types of definitions made for stores of `T`. With a store at hand, its memories and tables count with
    /// their current sizes.
    pub(super) fn new(
        engine: &Engine,
        module: &Module,
        definitions: Box<[Definition]>,
        core: Option<&StoreCore>,
    ) -> Result<Self> {
        typecheck(engine, module.loaded(), &definitions, |definition| {
            Ok((Some(definition.engine()), definition.offer(core)?))
        })?;
        Ok(InstancePre {
            module: module.clone(),
            definitions: definitions.into(),
            data: PhantomData,
        })
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// As for [`Instance::new`], types aside. If one of the imports is an async host function, the store becomes one for
    /// async use, and this is refused.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        let imports = self.imports(core)?;
        // After the imports, which may be what makes the store one for async use.
        core.validate_sync_call()?;
        create(core, &self.module, &imports)
    }

    /// Makes an instance on a fiber; see [`Instance::new_async`].
    ///
    /// # Errors
    ///
    /// As for [`Instance::new_async`], types aside.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        let imports = self.imports(store.0.core_mut())?;
        create_on_fiber(&mut store, &self.module, imports).await
    }

    /// The imports in this store, which is made to keep the host functions alive.
    fn imports(&self, core: &mut StoreCore) -> Result<Imports> {
        ensure_same(&core.engine, self.module.engine())?;
        let mut imports = Imports::default();
        for definition in &*self.definitions {
            match definition {
                Definition::Extern { item, .. } if comes_from(item, core) => {
                    imports.push(core, item)?;
                }
                Definition::Extern { .. } => return Err(cross_store()),
                Definition::HostFunc(func) => {
                    func.enter_store(core)?;
                    imports.push_host(func.func_ref());
                }
            }
        }
        Ok(imports)
    }
}
