//! [`Linker`]: definitions by name, from which modules' imports are satisfied.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod` | [`Linker`]: defining, aliasing, looking up, instantiating |
//! | `host` | defining host functions |
//! | `module` | defining modules: commands and reactors |
//! | `unknown` | imports that nobody defined |
//! | `definition` | what stands under a name |
//! | `pre` | [`InstancePre`] |
//!
//! Names are kept in two levels, each name once per level, so that looking one up copies nothing; the inner levels are
//! shared between clones and aliases until one of them changes. Types are compared in `matching`, not here.

mod definition;
mod host;
mod module;
mod pre;
#[cfg(test)]
mod tests;
mod unknown;

pub use pre::InstancePre;
pub use unknown::UnknownImportError;

use super::context::{AsContext, AsContextMut};
use super::externals::Extern;
use super::func::Func;
use super::instance::Instance;
use super::matching::{cross_store, ensure_same};
use super::module::Module;
use super::types::ImportType;
use crate::engine::Engine;
use crate::error::{Result, bail, format_err};
use crate::store::StoreCore;
use definition::Definition;
use indexmap::IndexMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

type Names = IndexMap<Arc<str>, Definition>;

/// Definitions by two names, `module` and `name`, that satisfy the imports of modules.
///
/// Host functions belong to the linker and work in every store of its engine whose data is a `T`; so a linker of host
/// functions is made once and used for as many stores as there are. Items of a store, by [`Linker::define`] and its
/// relatives, work in that store only.
///
/// ```
/// use tussah::{Engine, Linker, Module, Store};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("host", "square", |x: i32| x * x)?;
/// let module = Module::new(
///     &engine,
///     r#"(module
///         (import "host" "square" (func $square (param i32) (result i32)))
///         (func (export "quartic") (param i32) (result i32)
///             (call $square (call $square (local.get 0)))))"#,
/// )?;
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let quartic = instance.get_typed_func::<i32, i32>(&mut store, "quartic")?;
/// assert_eq!(quartic.call(&mut store, 3)?, 81);
/// # Ok(())
/// # }
/// ```
pub struct Linker<T> {
    engine: Engine,
    modules: IndexMap<Arc<str>, Arc<Names>>,
    allow_shadowing: bool,
    allow_unknown_exports: bool,
    /// The definitions take the data of stores, mutably, so this is invariant in `T`; none is kept here.
    data: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            modules: self.modules.clone(),
            allow_shadowing: self.allow_shadowing,
            allow_unknown_exports: self.allow_unknown_exports,
            data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker").finish_non_exhaustive()
    }
}

impl<T: 'static> Default for Linker<T> {
    /// A linker of an engine of its own.
    ///
    /// # Panics
    ///
    /// As for [`Engine::default`].
    fn default() -> Linker<T> {
        Linker::new(&Engine::default())
    }
}

impl<T> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            modules: IndexMap::new(),
            allow_shadowing: false,
            allow_unknown_exports: false,
            data: PhantomData,
        }
    }

    /// The engine for whose stores this is.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a definition may replace one of the same names; off by default, and an error then.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// Whether [`Linker::module`] passes over a command's exports that are no functions; off by default, and an error
    /// then, but for a few that toolchains are known to export.
    pub fn allow_unknown_exports(&mut self, allow: bool) -> &mut Self {
        self.allow_unknown_exports = allow;
        self
    }

    /// Defines an item of a store.
    ///
    /// # Errors
    ///
    /// The names are taken, or the item is of another store than the one given.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        let definition = Definition::new(store.as_context().0.core(), item.into())?;
        self.insert(module, name, definition)
    }

    /// Defines everything that an instance exports, under the names of the exports.
    ///
    /// # Errors
    ///
    /// Names are taken, or the instance is of another store than the one given.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        instance: Instance,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        let mut store = store.as_context_mut();
        if !instance.comes_from(store.0.core()) {
            return Err(cross_store());
        }
        let exports: Vec<_> = instance
            .exports(&mut store)
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect();
        for (name, item) in exports {
            let definition = Definition::new(store.0.core(), item)?;
            self.insert(module_name, &name, definition)?;
        }
        Ok(self)
    }

    /// Defines what stands under one pair of names under another one as well.
    ///
    /// # Errors
    ///
    /// There is no such definition, or the new names are taken.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self> {
        let definition = self
            .find(module, name)
            .ok_or_else(|| format_err!("no item named `{module}::{name}` defined"))?
            .clone();
        self.insert(as_module, as_name, definition)
    }

    /// Defines everything that stands under one module name under another one as well.
    ///
    /// # Errors
    ///
    /// Names under the new module name are taken.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<()> {
        let Some(names) = self.modules.get(module).map(Arc::clone) else {
            return Ok(());
        };
        if !self.modules.contains_key(as_module) {
            self.modules.insert(as_module.into(), names);
            return Ok(());
        }
        for (name, definition) in &*names {
            self.insert(as_module, name, definition.clone())?;
        }
        Ok(())
    }

    /// Instantiates a module with the definitions that its imports name, and runs its start function.
    ///
    /// # Errors
    ///
    /// - An import is not defined ([`UnknownImportError`]) or is of another type than declared.
    /// - A definition is of another store, or the module or the store of another engine.
    /// - One of the definitions is an async host function, or the store is one for async use: use
    ///   [`Linker::instantiate_async`].
    /// - Limits and traps, as for [`Instance::new`].
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance>
    where
        T: 'static,
    {
        self.resolve(module, Some(store.as_context_mut().0.core()))?
            .instantiate(store)
    }

    /// As [`Linker::instantiate`], on a fiber: limiters and the start function may wait, and epochs and fuel may yield.
    ///
    /// # Errors
    ///
    /// As for [`Linker::instantiate`], except that everything async is welcome.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance>
    where
        T: Send + 'static,
    {
        self.resolve(module, Some(store.as_context_mut().0.core()))?
            .instantiate_async(store)
            .await
    }

    /// Looks up and checks a module's imports now, to make instances later and faster.
    ///
    /// Memories and tables count with the sizes they had when they were defined.
    ///
    /// # Errors
    ///
    /// An import is not defined ([`UnknownImportError`]) or is of another type than declared, or the module is of
    /// another engine.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>>
    where
        T: 'static,
    {
        self.resolve(module, None)
    }

    /// All definitions with their names; host functions as functions of this store.
    ///
    /// # Panics
    ///
    /// The returned iterator panics if the store is of another engine.
    pub fn iter<'a: 'p, 'p>(
        &'a self,
        mut store: impl AsContextMut<Data = T> + 'p,
    ) -> impl Iterator<Item = (&'a str, &'a str, Extern)> + 'p
    where
        T: 'static,
    {
        let all = self.modules.iter().flat_map(|(module, names)| {
            let module: &'a str = module;
            names
                .iter()
                .map(move |(name, definition)| (module, &**name, definition))
        });
        all.map(move |(module, name, definition)| {
            let item = definition.to_extern(store.as_context_mut().0.core_mut());
            (module, name, item.expect("a store of the linker's engine"))
        })
    }

    /// The definition under these names; a host function as a function of this store.
    ///
    /// # Errors
    ///
    /// There is none, or the store is of another engine.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Result<Extern>
    where
        T: 'static,
    {
        match self.find(module, name) {
            Some(definition) => definition.to_extern(store.as_context_mut().0.core_mut()),
            None => bail!("missing definition for `{module}::{name}`"),
        }
    }

    /// The definition under an import's names, whatever its type.
    ///
    /// # Panics
    ///
    /// If the definition is a host function and the store of another engine.
    pub fn get_by_import(
        &self,
        store: impl AsContextMut<Data = T>,
        import: &ImportType<'_>,
    ) -> Option<Extern>
    where
        T: 'static,
    {
        self.try_get_by_import(store, import)
            .expect("a store of the linker's engine")
    }

    /// As [`Linker::get_by_import`].
    ///
    /// # Errors
    ///
    /// The definition is a host function and the store of another engine.
    pub fn try_get_by_import(
        &self,
        mut store: impl AsContextMut<Data = T>,
        import: &ImportType<'_>,
    ) -> Result<Option<Extern>>
    where
        T: 'static,
    {
        self.find(import.module(), import.name())
            .map(|definition| definition.to_extern(store.as_context_mut().0.core_mut()))
            .transpose()
    }

    /// The function to run of a module that was defined: the one under the empty name, or else `_start`, or else one
    /// that does nothing.
    ///
    /// # Errors
    ///
    /// What stands there is no function, or the store is of another engine.
    pub fn get_default(&self, mut store: impl AsContextMut<Data = T>, module: &str) -> Result<Func>
    where
        T: 'static,
    {
        ensure_same(&self.engine, &store.as_context().0.core().engine)?;
        for (name, what) in [("", "default export"), ("_start", "`_start`")] {
            let Some(definition) = self.find(module, name) else {
                continue;
            };
            return match definition.to_extern(store.as_context_mut().0.core_mut())? {
                Extern::Func(func) => Ok(func),
                _ => bail!("{what} in '{module}' is not a function"),
            };
        }
        Ok(Func::wrap(store, || {}))
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(name)
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> Result<&mut Self> {
        if !self.allow_shadowing && self.find(module, name).is_some() {
            bail!("import of `{module}::{name}` defined twice");
        }
        if !self.modules.contains_key(module) {
            self.modules.insert(module.into(), Arc::default());
        }
        let names = Arc::make_mut(&mut self.modules[module]);
        match names.get_mut(name) {
            Some(shadowed) => *shadowed = definition,
            None => {
                names.insert(name.into(), definition);
            }
        }
        Ok(self)
    }

    /// Finds what a module imports and checks the types.
    fn resolve(&self, module: &Module, core: Option<&StoreCore>) -> Result<InstancePre<T>>
    where
        T: 'static,
    {
        ensure_same(&self.engine, module.engine())?;
        let imports = &module.info().imports;
        let definitions = imports
            .iter()
            .map(|import| match self.find(&import.module, &import.name) {
                Some(definition) => Ok(definition.clone()),
                None => Err(UnknownImportError::new(&module.import_type(import)).into()),
            })
            .collect::<Result<_>>()?;
        InstancePre::new(&self.engine, module, definitions, core)
    }
}
