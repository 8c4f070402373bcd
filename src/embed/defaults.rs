//! Default values of types: what satisfies an import when nothing better is at hand.

use super::types::{ExternType, FuncType, GlobalType, MemoryType, TableType, TagType, ValType};
use super::val::Val;
use super::{AsContextMut, Extern, Func, Global, Memory, SharedMemory, Table, Tag};
use crate::error::Context;
use crate::{Error, Result};

impl ValType {
    /// Zero or null; `None` for references that are never null.
    pub fn default_value(&self) -> Option<Val> {
        Val::default_for_ty(self)
    }
}

impl ExternType {
    /// A new item of this type, holding default values throughout.
    ///
    /// # Errors
    ///
    /// The item cannot be made, or needs a default value of a type that has none.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Extern> {
        match self {
            ExternType::Func(ty) => ty.default_value(store).map(Extern::Func),
            ExternType::Global(ty) => ty.default_value(store).map(Extern::Global),
            ExternType::Table(ty) => ty.default_value(store).map(Extern::Table),
            ExternType::Memory(ty) => ty.default_value(store),
            ExternType::Tag(ty) => ty.default_value(store).map(Extern::Tag),
        }
    }
}

impl FuncType {
    /// A new function of this type that returns default values.
    ///
    /// # Errors
    ///
    /// A result type has no default value, or the function type is not implemented.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Func> {
        let values = self
            .results()
            .map(|ty| ty.default_value())
            .collect::<Option<Vec<Val>>>()
            .ok_or_else(|| Error::msg("function results do not have a default value"))?;
        Func::try_new(store, self.clone(), move |_, _, results| {
            results.copy_from_slice(&values);
            Ok(())
        })
    }
}

impl GlobalType {
    /// A new global of this type that holds the default value.
    ///
    /// # Errors
    ///
    /// The content has no default value, or the global cannot be made.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Global> {
        let value = self
            .content()
            .default_value()
            .ok_or_else(|| Error::msg("global type has no default value"))?;
        Global::new(store, self.clone(), value)
    }
}

impl TableType {
    /// A new table of this type, full of null.
    ///
    /// # Errors
    ///
    /// The elements are never null, or the table cannot be made.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Table> {
        let init = ValType::Ref(self.element().clone())
            .default_value()
            .and_then(Val::ref_)
            .context("table element type does not have a default value")?;
        Table::new(store, self.clone(), init)
    }
}

impl MemoryType {
    /// A new memory of this type, zeroed.
    ///
    /// # Errors
    ///
    /// The memory cannot be made.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Extern> {
        if self.is_shared() {
            let store = store.as_context();
            return SharedMemory::new(store.engine(), self.clone()).map(Extern::SharedMemory);
        }
        Memory::new(store, self.clone()).map(Extern::Memory)
    }
}

impl TagType {
    /// Would make a new tag of this type.
    ///
    /// # Errors
    ///
    /// Always: exceptions are not implemented yet.
    pub fn default_value(&self, store: impl AsContextMut) -> Result<Tag> {
        Tag::new(store, self)
    }
}
