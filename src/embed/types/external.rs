//! The types of what modules import and export.

use super::{FuncType, MemoryType, Mutability, RefType, ValType};
use crate::engine::Engine;
use crate::error::Result;
use crate::wasm::{EntityType, GlobalDesc, TableDesc};
use std::fmt;

/// The type of something that can be imported or exported.
#[derive(Debug, Clone)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A global.
    Global(GlobalType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// An exception tag.
    Tag(TagType),
}

macro_rules! extern_types {
    ($($what:literal $variant:ident $ty:ident $get:ident $unwrap:ident;)*) => {
        impl ExternType {
            $(
                #[doc = concat!("The ", $what, " type, if this is one.")]
                pub fn $get(&self) -> Option<&$ty> {
                    match self {
                        ExternType::$variant(ty) => Some(ty),
                        _ => None,
                    }
                }

                #[doc = concat!("The ", $what, " type.")]
                ///
                /// # Panics
                ///
                /// If this is another kind of type.
                pub fn $unwrap(&self) -> &$ty {
                    self.$get().expect(concat!("expected ", stringify!($ty)))
                }
            )*
        }

        $(
            impl From<$ty> for ExternType {
                fn from(ty: $ty) -> Self {
                    ExternType::$variant(ty)
                }
            }
        )*
    };
}

extern_types! {
    "function" Func FuncType func unwrap_func;
    "global" Global GlobalType global unwrap_global;
    "table" Table TableType table unwrap_table;
    "memory" Memory MemoryType memory unwrap_memory;
    "tag" Tag TagType tag unwrap_tag;
}

impl ExternType {
    /// The public form of an engine's type.
    pub(crate) fn from_wasm(engine: &Engine, ty: &EntityType) -> ExternType {
        match ty {
            EntityType::Func(ty) => FuncType::from_wasm(engine, ty).into(),
            EntityType::Table(desc) => TableType::from_desc(desc).into(),
            EntityType::Memory(desc) => MemoryType::from_desc(desc).into(),
            EntityType::Global(desc) => GlobalType::from_desc(desc).into(),
        }
    }
}

/// The type of a global: what it holds, and whether that can change.
#[derive(Debug, Clone, Hash)]
pub struct GlobalType {
    content: ValType,
    mutability: Mutability,
}

impl GlobalType {
    /// A global type of its parts.
    pub fn new(content: ValType, mutability: Mutability) -> GlobalType {
        GlobalType {
            content,
            mutability,
        }
    }

    /// The type of the value it holds.
    pub fn content(&self) -> &ValType {
        &self.content
    }

    /// Whether it can be written.
    pub fn mutability(&self) -> Mutability {
        self.mutability
    }

    /// The type in the engine's vocabulary.
    ///
    /// # Errors
    ///
    /// The content is of a type that is not implemented.
    pub(crate) fn to_desc(&self) -> Result<GlobalDesc> {
        Ok(GlobalDesc {
            content: self.content.to_wasm()?,
            mutable: self.mutability.is_var(),
        })
    }

    /// The public form of an engine's type.
    pub(crate) fn from_desc(desc: &GlobalDesc) -> GlobalType {
        let mutability = if desc.mutable {
            Mutability::Var
        } else {
            Mutability::Const
        };
        GlobalType::new(ValType::from_wasm(desc.content), mutability)
    }
}

/// The type of an exception tag.
#[derive(Debug, Clone, Hash)]
pub struct TagType {
    ty: FuncType,
}

impl TagType {
    /// A tag whose exceptions carry the function type's parameters.
    pub fn new(ty: FuncType) -> TagType {
        TagType { ty }
    }

    /// The function type.
    pub fn ty(&self) -> &FuncType {
        &self.ty
    }
}

/// The type of a table: what its elements are, and its limits in elements.
#[derive(Debug, Clone, Hash)]
pub struct TableType {
    element: RefType,
    min: u64,
    max: Option<u64>,
    is_64: bool,
}

impl TableType {
    /// A table with 32-bit indices.
    pub fn new(element: RefType, min: u32, max: Option<u32>) -> TableType {
        TableType {
            element,
            min: min.into(),
            max: max.map(Into::into),
            is_64: false,
        }
    }

    /// A table with 64-bit indices. Creating such tables is not implemented yet.
    pub fn new64(element: RefType, min: u64, max: Option<u64>) -> TableType {
        TableType {
            element,
            min,
            max,
            is_64: true,
        }
    }

    /// Whether indices have 64 bits.
    pub fn is_64(&self) -> bool {
        self.is_64
    }

    /// The type of the elements.
    pub fn element(&self) -> &RefType {
        &self.element
    }

    /// Elements that the table has at least.
    pub fn minimum(&self) -> u64 {
        self.min
    }

    /// Elements that the table has at most.
    pub fn maximum(&self) -> Option<u64> {
        self.max
    }

    /// The type in the engine's vocabulary.
    ///
    /// # Errors
    ///
    /// The elements are of a type that is not implemented.
    pub(crate) fn to_desc(&self) -> Result<TableDesc> {
        Ok(TableDesc {
            element: self.element.to_wasm()?,
            min: self.min,
            max: self.max,
            table64: self.is_64,
        })
    }

    /// The public form of an engine's type.
    pub(crate) fn from_desc(desc: &TableDesc) -> TableType {
        TableType {
            element: RefType::from_wasm(desc.element),
            min: desc.min,
            max: desc.max,
            is_64: desc.table64,
        }
    }
}

/// An import that a module declares.
#[derive(Clone)]
pub struct ImportType<'module> {
    module: &'module str,
    name: &'module str,
    ty: ExternType,
}

impl<'module> ImportType<'module> {
    /// An import of its parts.
    pub(crate) fn new(module: &'module str, name: &'module str, ty: ExternType) -> Self {
        ImportType { module, name, ty }
    }

    /// The first of its two names, which says from where it is imported.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// The second of its two names, which says what is imported.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What is expected there.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

impl fmt::Debug for ImportType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportType")
            .field("module", &self.module)
            .field("name", &self.name)
            .field("ty", &self.ty)
            .finish()
    }
}

/// An export that a module declares.
#[derive(Clone)]
pub struct ExportType<'module> {
    name: &'module str,
    ty: ExternType,
}

impl<'module> ExportType<'module> {
    /// An export of its parts.
    pub(crate) fn new(name: &'module str, ty: ExternType) -> Self {
        ExportType { name, ty }
    }

    /// Its name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What it is.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

impl fmt::Debug for ExportType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportType")
            .field("name", &self.name)
            .field("ty", &self.ty)
            .finish()
    }
}
