//! Static index spaces of one module. Dynamic ids (per store) live with the store.

use crate::entity::entity_impl;
use serde::{Deserialize, Serialize};

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident $short:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub(crate) struct $name(u32);
        entity_impl!($name, $short);
    )*};
}

indices! {
    /// A function type of the module's type section.
    TypeIndex "type";
    /// A function, imported ones first.
    FuncIndex "func";
    /// A function defined (not imported) by the module.
    DefinedFuncIndex "dfunc";
    /// A table, imported ones first.
    TableIndex "table";
    /// A table defined by the module.
    DefinedTableIndex "dtable";
    /// A linear memory, imported ones first.
    MemoryIndex "memory";
    /// A linear memory defined by the module.
    DefinedMemoryIndex "dmemory";
    /// A global, imported ones first.
    GlobalIndex "global";
    /// A global defined by the module.
    DefinedGlobalIndex "dglobal";
    /// An element segment.
    ElemIndex "elem";
    /// A data segment.
    DataIndex "data";
}
