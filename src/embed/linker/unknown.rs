//! Imports that nobody defined: the error that names one, and definitions made up for them.

use super::Linker;
use crate::embed::context::{AsContext, AsContextMut};
use crate::embed::module::Module;
use crate::embed::types::{ExternType, ImportType};
use crate::error::{Context, Result};
use std::fmt;

impl<T> Linker<T> {
    /// Defines functions that a module imports and that are not defined, as ones that fail with [`UnknownImportError`]
    /// when they are called. Imports that are no functions are left alone.
    ///
    /// # Errors
    ///
    /// There is no memory for code.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()>
    where
        T: 'static,
    {
        for import in module.imports() {
            let ExternType::Func(ty) = import.ty() else {
                continue;
            };
            if self.find(import.module(), import.name()).is_some() {
                continue;
            }
            let error = UnknownImportError::new(&import);
            self.func_new(import.module(), import.name(), ty, move |_, _, _| {
                Err(error.clone().into())
            })?;
        }
        Ok(())
    }

    /// Defines what a module imports and what is not defined: functions that return zeros and nulls, globals that hold
    /// them, memories and tables of the smallest size.
    ///
    /// # Errors
    ///
    /// A type has no default value, since it is a reference that is never null; or what is made passes a limit.
    pub fn define_unknown_imports_as_default_values(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<()>
    where
        T: 'static,
    {
        let mut store = store.as_context_mut();
        for import in module.imports() {
            let (module, name) = (import.module(), import.name());
            if self.find(module, name).is_some() {
                continue;
            }
            let item = import.ty().default_value(&mut store).with_context(|| {
                format!(
                    "no default value exists for `{module}::{name}` with type `{:?}`",
                    import.ty()
                )
            })?;
            self.define(store.as_context(), module, name, item)?;
        }
        Ok(())
    }
}

/// A module imports what is not defined.
///
/// ```
/// use tussah::{Engine, Linker, Module, Store, UnknownImportError};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (import "host" "log" (func)))"#)?;
/// let error = Linker::<()>::new(&engine).instantiate_pre(&module).unwrap_err();
/// let unknown = error.downcast_ref::<UnknownImportError>().unwrap();
/// assert_eq!((unknown.module(), unknown.name()), ("host", "log"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct UnknownImportError {
    module: String,
    name: String,
    ty: ExternType,
}

impl UnknownImportError {
    pub(super) fn new(import: &ImportType<'_>) -> Self {
        UnknownImportError {
            module: import.module().to_owned(),
            name: import.name().to_owned(),
            ty: import.ty(),
        }
    }

    /// The import's first name.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The import's second name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type that the module declares for it.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

impl fmt::Display for UnknownImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown import: `{}::{}` has not been defined",
            self.module, self.name
        )
    }
}

impl std::error::Error for UnknownImportError {}
