//! The public type vocabulary: what embedders write down and read back about values, functions and items.
//!
//! | file | what lives there |
//! |---|---|
//! | `value` | [`ValType`], [`Mutability`], [`Finality`] |
//! | `reference` | [`RefType`], [`HeapType`] and their subtyping |
//! | `func` | [`FuncType`] |
//! | `aggregate` | struct, array, exception and continuation types |
//! | `memory` | [`MemoryType`], [`MemoryTypeBuilder`] |
//! | `external` | [`ExternType`] and what it is made of, [`ImportType`], [`ExportType`] |
//!
//! These types can say more than the engine can run. Each converts to and from the vocabulary of room `wasm`;
//! the way there is fallible and names what is not implemented. This module must not know stores: default *values*
//! live elsewhere.

#![expect(
    clippy::should_implement_trait,
    reason = "types have subtypes, so `==` would invite mistakes; exact equality is spelt `T::eq(a, b)`"
)]

mod aggregate;
mod external;
mod func;
mod memory;
mod reference;
#[cfg(test)]
mod tests;
mod value;

pub use aggregate::{ArrayType, ContType, ExnType, FieldType, StorageType, StructType};
pub use external::{ExportType, ExternType, GlobalType, ImportType, TableType, TagType};
pub use func::FuncType;
pub use memory::{MemoryType, MemoryTypeBuilder};
pub use reference::{HeapType, RefType};
pub use value::{Finality, Mutability, ValType};
