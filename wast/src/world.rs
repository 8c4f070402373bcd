//! What one script has made so far: a store, and in it instances by name.

use crate::report::{Mismatch, Outcome};
use crate::spectest;
use std::collections::HashMap;
use tussah::{Engine, Instance, Linker, Module, Store, WasmFeatures};
use wast::token::Id;

/// A store and what lives in it.
pub(crate) struct World {
    pub(crate) store: Store<()>,
    spectest: Linker<()>,
    /// `spectest` and everything registered.
    pub(crate) linker: Linker<()>,
    registered: HashMap<String, Instance>,
    /// Modules and instances by their identifiers.
    pub(crate) modules: HashMap<String, Module>,
    pub(crate) instances: HashMap<String, Instance>,
    /// Those that a directive without an identifier is about: the last, unless that failed.
    pub(crate) module: Option<Module>,
    pub(crate) instance: Option<Instance>,
}

impl World {
    /// # Errors
    ///
    /// The engine cannot make what `spectest` consists of.
    pub(crate) fn new(engine: &Engine, features: WasmFeatures) -> tussah::Result<World> {
        let mut store = Store::new(engine, ());
        let mut spectest = Linker::new(engine);
        spectest::define(&mut spectest, &mut store, features)?;
        Ok(World {
            store,
            linker: spectest.clone(),
            spectest,
            registered: HashMap::new(),
            modules: HashMap::new(),
            instances: HashMap::new(),
            module: None,
            instance: None,
        })
    }

    /// The instance of this identifier, or the last one.
    pub(crate) fn instance(&self, id: Option<Id<'_>>) -> Outcome<Instance> {
        match id {
            Some(id) => self.instances.get(id.name()).copied().ok_or_else(|| {
                Mismatch::new(
                    format!("an instance `${}`", id.name()),
                    "none, or one that failed",
                )
            }),
            None => self
                .instance
                .ok_or_else(|| Mismatch::new("an instance", "none, or one that failed")),
        }
    }

    /// The module of this identifier, or the last one.
    pub(crate) fn module(&self, id: Option<Id<'_>>) -> Outcome<Module> {
        match id {
            Some(id) => self.modules.get(id.name()).cloned().ok_or_else(|| {
                Mismatch::new(
                    format!("a module `${}`", id.name()),
                    "none, or one that failed",
                )
            }),
            None => self
                .module
                .clone()
                .ok_or_else(|| Mismatch::new("a module", "none, or one that failed")),
        }
    }

    /// Makes an instance's exports importable. A name that is registered again means the new instance only.
    pub(crate) fn register(&mut self, name: &str, instance: Instance) -> tussah::Result<()> {
        if self.registered.insert(name.to_string(), instance).is_none() {
            self.linker.instance(&mut self.store, name, instance)?;
            return Ok(());
        }
        self.linker = self.spectest.clone();
        for (name, instance) in &self.registered {
            self.linker.instance(&mut self.store, name, *instance)?;
        }
        Ok(())
    }
}
