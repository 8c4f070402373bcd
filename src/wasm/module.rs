//! What a module says of itself, after validation: types, imports, exports, definitions, segments, names.

use super::{
    DataIndex, DefinedFuncIndex, DefinedGlobalIndex, DefinedMemoryIndex, DefinedTableIndex,
    ElemIndex, FuncIndex, GlobalDesc, GlobalIndex, MemoryDesc, MemoryIndex, TableDesc, TableIndex,
    TypeIndex, WasmFuncType, WasmRef,
};
use cranelift_entity::{EntityRef, PrimaryMap};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// The description of one module. Maps over an index space hold imported entities first.
#[derive(Default, Debug, Serialize, Deserialize)]
pub(crate) struct ModuleInfo {
    pub(crate) name: Option<String>,
    pub(crate) types: PrimaryMap<TypeIndex, WasmFuncType>,
    /// Imports in declaration order.
    pub(crate) imports: Vec<ImportDef>,
    /// Exports by name, in declaration order.
    pub(crate) exports: IndexMap<String, ExportDef>,

    pub(crate) funcs: PrimaryMap<FuncIndex, TypeIndex>,
    pub(crate) tables: PrimaryMap<TableIndex, TableDesc>,
    pub(crate) memories: PrimaryMap<MemoryIndex, MemoryDesc>,
    pub(crate) globals: PrimaryMap<GlobalIndex, GlobalDesc>,
    pub(crate) imported_funcs: usize,
    pub(crate) imported_tables: usize,
    pub(crate) imported_memories: usize,
    pub(crate) imported_globals: usize,

    /// Initial values of the defined globals.
    pub(crate) global_inits: PrimaryMap<DefinedGlobalIndex, ConstExpr>,
    /// Initial element of each defined table; `None` is null.
    pub(crate) table_inits: PrimaryMap<DefinedTableIndex, Option<ConstExpr>>,
    pub(crate) elems: PrimaryMap<ElemIndex, ElemSegment>,
    pub(crate) data: PrimaryMap<DataIndex, DataSegment>,
    /// All data segments' bytes, one after another; `DataSegment::range` points into this.
    #[serde(with = "serde_bytes_vec")]
    pub(crate) data_bytes: Vec<u8>,
    pub(crate) start: Option<FuncIndex>,

    /// Functions whose reference can be taken (exports, `ref.func`, element segments, global initialisers): each
    /// escaping function owns one function reference in the VMContext, in this order.
    pub(crate) escaping: Vec<FuncIndex>,
    /// Function names of the name section.
    pub(crate) func_names: BTreeMap<u32, String>,
}

/// An import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImportDef {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) index: EntityIndex,
}

/// An export.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExportDef {
    pub(crate) index: EntityIndex,
}

/// An index into one of the importable and exportable index spaces.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum EntityIndex {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
}

/// The type of an importable or exportable entity.
#[derive(Clone, Debug)]
pub(crate) enum EntityType {
    Func(WasmFuncType),
    Table(TableDesc),
    Memory(MemoryDesc),
    Global(GlobalDesc),
}

/// A constant expression as a stack program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ConstExpr {
    pub(crate) ops: Vec<ConstOp>,
}

/// One operator of a constant expression. Floats are kept as bits.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum ConstOp {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    GlobalGet(GlobalIndex),
    RefNull(WasmRef),
    RefFunc(FuncIndex),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// An element segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ElemSegment {
    pub(crate) ty: WasmRef,
    pub(crate) mode: ElemMode,
    pub(crate) items: ElemItems,
}

/// The elements of a segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ElemItems {
    /// Function indices.
    Funcs(Vec<FuncIndex>),
    /// General constant expressions.
    Exprs(Vec<ConstExpr>),
}

/// How an element segment is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ElemMode {
    Passive,
    Declared,
    Active {
        table: TableIndex,
        offset: ConstExpr,
    },
}

/// A data segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DataSegment {
    pub(crate) mode: DataMode,
    /// Where its bytes lie in `ModuleInfo::data_bytes`.
    pub(crate) range: Range<usize>,
}

/// How a data segment is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum DataMode {
    Passive,
    Active {
        memory: MemoryIndex,
        offset: ConstExpr,
    },
}

macro_rules! defined_index {
    ($($fn:ident $back:ident $imported:ident $index:ident $defined:ident;)*) => {$(
        /// The defined index of an entity, or `None` for an imported one.
        pub(crate) fn $fn(&self, index: $index) -> Option<$defined> {
            index.index().checked_sub(self.$imported).map($defined::new)
        }

        /// The inverse of the defined index.
        #[allow(dead_code, reason = "one table generates both directions for every index space")]
        pub(crate) fn $back(&self, index: $defined) -> $index {
            $index::new(index.index() + self.$imported)
        }
    )*};
}

impl ModuleInfo {
    defined_index! {
        defined_func func_index imported_funcs FuncIndex DefinedFuncIndex;
        defined_table table_index imported_tables TableIndex DefinedTableIndex;
        defined_memory memory_index imported_memories MemoryIndex DefinedMemoryIndex;
        defined_global global_index imported_globals GlobalIndex DefinedGlobalIndex;
    }

    /// The type of a function.
    pub(crate) fn func_type(&self, func: FuncIndex) -> &WasmFuncType {
        &self.types[self.funcs[func]]
    }

    /// The name that the name section gives a function.
    pub(crate) fn func_name(&self, func: FuncIndex) -> Option<&str> {
        self.func_names.get(&func.as_u32()).map(String::as_str)
    }

    /// The type of an importable or exportable entity.
    pub(crate) fn entity_type(&self, index: EntityIndex) -> EntityType {
        match index {
            EntityIndex::Func(i) => EntityType::Func(self.func_type(i).clone()),
            EntityIndex::Table(i) => EntityType::Table(self.tables[i]),
            EntityIndex::Memory(i) => EntityType::Memory(self.memories[i]),
            EntityIndex::Global(i) => EntityType::Global(self.globals[i]),
        }
    }

    /// The bytes of a data segment.
    pub(crate) fn data_of(&self, data: DataIndex) -> &[u8] {
        &self.data_bytes[self.data[data].range.clone()]
    }
}

pub(crate) mod serde_bytes_vec {
    //! Serialises a byte vector as one block.

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;
    use std::fmt;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Vec<u8>, E> {
                Ok(v.to_vec())
            }
            fn visit_byte_buf<E: Error>(self, v: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(v)
            }
        }
        d.deserialize_byte_buf(Bytes)
    }
}
