//! Defining modules in a linker, by the conventions of programs and libraries: commands and reactors.
//!
//! A command, which exports `_start`, is instantiated anew for each call of any of its functions. A reactor is
//! instantiated once; its `_initialize` is called, if there is one.

use super::{InstancePre, Linker};
use crate::embed::context::AsContextMut;
use crate::embed::externals::Extern;
use crate::embed::func::Func;
use crate::embed::instance::Instance;
use crate::embed::matching::ensure_same;
use crate::embed::module::Module;
use crate::embed::types::{ExternType, FuncType};
use crate::error::{Context, Result, bail, format_err};
use std::sync::Arc;

/// What a linker does with a module.
enum Kind {
    Command,
    Reactor,
}

impl Kind {
    fn of(module: &Module) -> Result<Kind> {
        let is_func = |name: &str| module.get_export(name).map(|ty| ty.func().is_some());
        match (is_func("_start"), is_func("_initialize")) {
            (Some(true), None) => Ok(Kind::Command),
            (Some(false), None) => bail!("`_start` must be a function"),
            (None, Some(false)) => bail!("`_initialize` must be a function"),
            (None, _) => Ok(Kind::Reactor),
            (Some(_), Some(_)) => bail!("Program cannot be both a Command and a Reactor"),
        }
    }
}

impl<T> Linker<T> {
    /// Defines what a module exports, instantiating it as its kind wants.
    ///
    /// - A *command* exports `_start`. Its functions are defined so that each call makes an instance of its own, which
    ///   serves that call. What it imports is resolved now.
    /// - A *reactor* exports `_initialize`, or neither. It is instantiated now, `_initialize` is called, and what it
    ///   exports is defined.
    ///
    /// Instances live as long as the store, so that many calls of commands want a store of their own now and then.
    ///
    /// # Errors
    ///
    /// Names are taken; the module is both or its entry is no function; a command exports what is no function and is not
    /// known ([`Linker::allow_unknown_exports`]); the module cannot be instantiated, or `_initialize` fails.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        ensure_same(&self.engine, &store.as_context().0.core().engine)?;
        if let Kind::Command = Kind::of(module)? {
            return self.command(module_name, module, Self::define_command);
        }
        let instance = self.instantiate(&mut store, module)?;
        if let Some(initialize) = initializer(&mut store, instance) {
            initialize
                .typed::<(), ()>(&store)
                .and_then(|initialize| initialize.call(&mut store, ()))
                .context(INITIALIZING)?;
        }
        self.instance(store, module_name, instance)
    }

    /// As [`Linker::module`], for async use: a command's functions are async host functions.
    ///
    /// # Errors
    ///
    /// As for [`Linker::module`].
    pub async fn module_async(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self>
    where
        T: Send + 'static,
    {
        ensure_same(&self.engine, &store.as_context().0.core().engine)?;
        if let Kind::Command = Kind::of(module)? {
            return self.command(module_name, module, Self::define_command_async);
        }
        let instance = self.instantiate_async(&mut store, module).await?;
        if let Some(initialize) = initializer(&mut store, instance) {
            let initialize = initialize.typed::<(), ()>(&store).context(INITIALIZING)?;
            initialize
                .call_async(&mut store, ())
                .await
                .context(INITIALIZING)?;
        }
        self.instance(store, module_name, instance)
    }

    /// Defines each function that a command exports by `define`.
    fn command(
        &mut self,
        module_name: &str,
        module: &Module,
        define: fn(&mut Self, &str, &str, FuncType, InstancePre<T>) -> Result<()>,
    ) -> Result<&mut Self>
    where
        T: 'static,
    {
        let instance = self.instantiate_pre(module)?;
        for export in module.exports() {
            match export.ty() {
                ExternType::Func(ty) => {
                    define(self, module_name, export.name(), ty, instance.clone())?;
                }
                ty if self.allow_unknown_exports || is_customary(export.name(), &ty) => {}
                _ => bail!("command export '{}' is not a function", export.name()),
            }
        }
        Ok(self)
    }

    fn define_command(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        command: InstancePre<T>,
    ) -> Result<()>
    where
        T: 'static,
    {
        let export = name.to_owned();
        self.func_new(module, name, ty, move |mut caller, params, results| {
            let instance = command.instantiate(&mut caller)?;
            exported(&mut caller, instance, &export)?.call(&mut caller, params, results)
        })?;
        Ok(())
    }

    fn define_command_async(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        command: InstancePre<T>,
    ) -> Result<()>
    where
        T: Send + 'static,
    {
        let command = Arc::new((command, name.to_owned()));
        self.func_new_async(module, name, ty, move |mut caller, params, results| {
            let command = Arc::clone(&command);
            Box::new(async move {
                let (command, export) = &*command;
                let instance = command.instantiate_async(&mut caller).await?;
                exported(&mut caller, instance, export)?
                    .call_async(&mut caller, params, results)
                    .await
            })
        })?;
        Ok(())
    }
}

const INITIALIZING: &str = "calling the Reactor initialization function";

fn initializer(store: impl AsContextMut, instance: Instance) -> Option<Func> {
    instance
        .get_export(store, "_initialize")
        .and_then(Extern::into_func)
}

/// A function of which the module said that it exports it.
fn exported(store: impl AsContextMut, instance: Instance, name: &str) -> Result<Func> {
    instance
        .get_func(store, name)
        .ok_or_else(|| format_err!("the command no longer exports a function `{name}`"))
}

/// Whether an export is one of those that toolchains add to commands, although nobody can use them.
fn is_customary(name: &str, ty: &ExternType) -> bool {
    match ty {
        ExternType::Memory(_) => name == "memory",
        ExternType::Table(_) => matches!(name, "table" | "__indirect_function_table"),
        ExternType::Global(_) => matches!(
            name,
            "__data_end" | "__heap_base" | "__dso_handle" | "__rtti_base"
        ),
        ExternType::Func(_) | ExternType::Tag(_) => false,
    }
}
