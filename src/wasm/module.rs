//! What a module says of itself, after validation: types, imports, exports, definitions, segments, names.

use super::{
    DataIndex, DefinedFuncIndex, DefinedGlobalIndex, DefinedMemoryIndex, DefinedTableIndex,
    ElemIndex, FuncIndex, GlobalDesc, GlobalIndex, MemoryDesc, MemoryIndex, TableDesc, TableIndex,
    TypeIndex, WasmFuncType, WasmRef,
};
use crate::bytes::{Bytes, Table};
use crate::entity::{EntityRef, PrimaryMap};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
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
    #[serde(skip)]
    pub(crate) data_bytes: Bytes,
    pub(crate) start: Option<FuncIndex>,

    /// Functions whose reference can be taken (exports, `ref.func`, element segments, global initialisers): each
    /// escaping function owns one function reference in the VMContext, in this order.
    pub(crate) escaping: Vec<FuncIndex>,
    /// Function names of the name section.
    #[serde(skip)]
    pub(crate) func_names: FuncNames,
}

/// Names of functions, looked up where they lie.
#[derive(Clone, Default, Debug)]
pub(crate) struct FuncNames {
    /// By function index: offset and length in `text`.
    pub(crate) table: Table<8>,
    /// All names, one after another.
    pub(crate) text: Bytes,
}

impl FuncNames {
    /// Names by function index.
    pub(crate) fn new(names: &BTreeMap<u32, &str>) -> FuncNames {
        let mut text = String::new();
        let entries = names.iter().filter_map(|(&func, name)| {
            let entry = u64::from(u32::try_from(text.len()).ok()?)
                | u64::from(u32::try_from(name.len()).ok()?) << 32;
            text.push_str(name);
            Some((func, entry.to_le_bytes()))
        });
        let entries: Vec<_> = entries.collect();
        FuncNames {
            table: Table::new(entries.into_iter()),
            text: text.into_bytes().into(),
        }
    }

    /// The name of a function; `None` if it has none, or what is there is no text.
    pub(crate) fn get(&self, func: FuncIndex) -> Option<&str> {
        let entry = u64::from_le_bytes(self.table.get(func.as_u32())?);
        let offset = usize::try_from(entry & u64::from(u32::MAX)).ok()?;
        let len = usize::try_from(entry >> 32).ok()?;
        std::str::from_utf8(self.text.get(offset..)?.get(..len)?).ok()
    }
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

    /// The function types, each once, in the order of their first places.
    pub(crate) fn distinct_types(&self) -> impl Iterator<Item = &WasmFuncType> {
        let mut seen = HashSet::new();
        self.types.values().filter(move |&ty| seen.insert(ty))
    }

    /// The name that the name section gives a function.
    pub(crate) fn func_name(&self, func: FuncIndex) -> Option<&str> {
        self.func_names.get(func)
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
