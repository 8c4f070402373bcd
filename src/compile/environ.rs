//! One walk over a module's sections: validates them, describes the module, and sets the function bodies aside.
//!
//! Bodies are validated later, while they are translated. Must not know how code is generated.

use super::convert::{const_expr, func_type, global_type, memory_type, ref_type, table_type};
use crate::code::{Dwarf, DwarfSection};
use crate::entity::EntityRef;
use crate::error::{Error, Result, bail, format_err};
use crate::wasm::{
    ConstExpr, ConstOp, DataMode, DataSegment, DefinedFuncIndex, ElemItems, ElemMode, ElemSegment,
    EntityIndex, ExportDef, FuncIndex, FuncNames, GlobalIndex, ImportDef, MemoryIndex, ModuleInfo,
    TableIndex, TypeIndex, WasmRef,
};
use indexmap::IndexSet;
use std::collections::{BTreeMap, HashMap};
use wasmparser::{
    BranchHintSectionReader, ElementItems, ElementKind, Encoding, ExternalKind, FuncToValidate,
    FunctionBody, KnownCustom, Name, NameSectionReader, Parser, Payload, TableInit, TypeRef,
    ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// A module and its bodies, which are not validated yet.
#[derive(Debug)]
pub(crate) struct Described<'a> {
    pub(crate) module: ModuleInfo,
    pub(crate) bodies: Vec<Body<'a>>,
    /// Debug sections, if they are wanted.
    pub(crate) dwarf: Dwarf,
}

/// What to keep of custom sections.
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Customs {
    /// Branch hints.
    pub(crate) hints: bool,
    /// Debug sections.
    pub(crate) dwarf: bool,
}

/// A function body to be validated and translated.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) func: DefinedFuncIndex,
    pub(crate) body: FunctionBody<'a>,
    pub(crate) validate: FuncToValidate<ValidatorResources>,
    pub(crate) hints: BranchHints,
}

/// Which conditional branches of a body are likely to be taken: byte offsets from the body's start, ascending.
#[derive(Debug, Default)]
pub(crate) struct BranchHints(Vec<(u32, bool)>);

impl BranchHints {
    /// What is known of the branch at an offset.
    pub(crate) fn at(&self, offset: u32) -> Option<bool> {
        let at = self.0.binary_search_by_key(&offset, |&(at, _)| at).ok()?;
        Some(self.0[at].1)
    }
}

/// Validates everything but the bodies.
pub(crate) fn describe(
    wasm: &[u8],
    features: WasmFeatures,
    customs: Customs,
) -> Result<Described<'_>> {
    let mut walk = Walk {
        customs,
        dwarf: Dwarf::default(),
        hints: HashMap::new(),
        names: BTreeMap::new(),
        data_bytes: Vec::new(),
        module: ModuleInfo::default(),
        bodies: Vec::new(),
        escaping: IndexSet::new(),
    };
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        if let Payload::Version {
            encoding: Encoding::Component,
            ..
        } = payload
        {
            bail!("expected a WebAssembly module, found a component (at offset 0x4)");
        }
        if let ValidPayload::Func(validate, body) = validator.payload(&payload)? {
            let hints = walk.hints.remove(&validate.index).unwrap_or_default();
            walk.bodies.push(Body {
                func: DefinedFuncIndex::new(walk.bodies.len()),
                body,
                validate,
                hints,
            });
        }
        walk.section(payload)?;
    }
    Ok(walk.finish())
}

struct Walk<'a> {
    customs: Customs,
    dwarf: Dwarf,
    /// By function, until its body comes.
    hints: HashMap<u32, BranchHints>,
    names: BTreeMap<u32, &'a str>,
    data_bytes: Vec<u8>,
    module: ModuleInfo,
    bodies: Vec<Body<'a>>,
    escaping: IndexSet<FuncIndex>,
}

impl<'a> Walk<'a> {
    /// Records a section that has been validated.
    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    self.module.types.push(func_type(&ty?)?);
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.import(&import).map_err(|e| at(offset, &e))?;
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.module.funcs.push(TypeIndex::new(ty? as usize));
                }
            }
            Payload::TableSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, table) = item?;
                    self.table(&table).map_err(|e| at(offset, &e))?;
                }
            }
            Payload::MemorySection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, ty) = item?;
                    let ty = memory_type(&ty).map_err(|e| at(offset, &e))?;
                    self.module.memories.push(ty);
                }
            }
            Payload::TagSection(reader) if reader.count() > 0 => bail!(
                "the exception-handling proposal is not supported: tag section (at offset {:#x})",
                reader.range().start
            ),
            Payload::GlobalSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, global) = item?;
                    let ty = global_type(&global.ty).map_err(|e| at(offset, &e))?;
                    let init = self.const_expr(&global.init_expr)?;
                    self.module.globals.push(ty);
                    self.module.global_inits.push(init);
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    self.export(&export?)?;
                }
            }
            Payload::StartSection { func, .. } => {
                self.module.start = Some(FuncIndex::new(func as usize));
            }
            Payload::ElementSection(reader) => {
                for elem in reader {
                    self.elem(elem?)?;
                }
            }
            Payload::DataSection(reader) => {
                for data in reader {
                    self.data(&data?)?;
                }
            }
            Payload::CodeSectionStart {
                ref unchecked_range,
                ..
            } => {
                // Functions' bodies are refused where offsets do not fit.
                self.dwarf.code_section = u32::try_from(unchecked_range.start).unwrap_or(u32::MAX);
            }
            Payload::CustomSection(custom) if Dwarf::is_section(custom.name()) => {
                if self.customs.dwarf {
                    self.dwarf.sections.push(DwarfSection {
                        name: custom.name().to_owned(),
                        data: custom.data().to_vec().into(),
                    });
                } else {
                    self.dwarf.dropped = true;
                }
            }
            // Custom sections are for diagnostics and hints: what is broken about them is no reason to refuse a module.
            Payload::CustomSection(custom) => match custom.as_known() {
                KnownCustom::Name(names) => {
                    let _ = self.names(names);
                }
                KnownCustom::BranchHints(hints) if self.customs.hints => {
                    let _ = self.branch_hints(hints);
                }
                _ => {}
            },
            // What else there is has been validated and says nothing more, or is not part of a module.
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) -> Result<()> {
        let module = &mut self.module;
        let index = match import.ty {
            TypeRef::Func(ty) => {
                module.imported_funcs += 1;
                EntityIndex::Func(module.funcs.push(TypeIndex::new(ty as usize)))
            }
            TypeRef::Table(ty) => {
                module.imported_tables += 1;
                EntityIndex::Table(module.tables.push(table_type(&ty)?))
            }
            TypeRef::Memory(ty) => {
                module.imported_memories += 1;
                EntityIndex::Memory(module.memories.push(memory_type(&ty)?))
            }
            TypeRef::Global(ty) => {
                module.imported_globals += 1;
                EntityIndex::Global(module.globals.push(global_type(&ty)?))
            }
            TypeRef::Tag(_) => {
                bail!("the exception-handling proposal is not supported: imported tag")
            }
            TypeRef::FuncExact(_) => {
                bail!("the custom-descriptors proposal is not supported: exact function import")
            }
        };
        module.imports.push(ImportDef {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            index,
        });
        Ok(())
    }

    fn table(&mut self, table: &wasmparser::Table<'_>) -> Result<()> {
        let ty = table_type(&table.ty)?;
        let init = match &table.init {
            TableInit::RefNull => None,
            TableInit::Expr(expr) => Some(self.const_expr(expr)?),
        };
        self.module.tables.push(ty);
        self.module.table_inits.push(init);
        Ok(())
    }

    fn export(&mut self, export: &wasmparser::Export<'_>) -> Result<()> {
        let at = export.index as usize;
        let index = match export.kind {
            ExternalKind::Func => {
                self.escapes(FuncIndex::new(at));
                EntityIndex::Func(FuncIndex::new(at))
            }
            ExternalKind::Table => EntityIndex::Table(TableIndex::new(at)),
            ExternalKind::Memory => EntityIndex::Memory(MemoryIndex::new(at)),
            ExternalKind::Global => EntityIndex::Global(GlobalIndex::new(at)),
            ExternalKind::Tag => {
                bail!("the exception-handling proposal is not supported: exported tag")
            }
            ExternalKind::FuncExact => {
                bail!("the custom-descriptors proposal is not supported: exact function export")
            }
        };
        self.module
            .exports
            .insert(export.name.to_owned(), ExportDef { index });
        Ok(())
    }

    fn elem(&mut self, elem: wasmparser::Element<'_>) -> Result<()> {
        let mode = match elem.kind {
            ElementKind::Passive => ElemMode::Passive,
            ElementKind::Declared => ElemMode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => ElemMode::Active {
                table: TableIndex::new(table_index.unwrap_or(0) as usize),
                offset: self.const_expr(&offset_expr)?,
            },
        };
        let (ty, items) = match elem.items {
            ElementItems::Functions(reader) => {
                let mut funcs = Vec::new();
                for func in reader {
                    let func = FuncIndex::new(func? as usize);
                    self.escapes(func);
                    funcs.push(func);
                }
                (WasmRef::FUNC, ElemItems::Funcs(funcs))
            }
            ElementItems::Expressions(ty, reader) => {
                let mut exprs = Vec::new();
                for expr in reader {
                    exprs.push(self.const_expr(&expr?)?);
                }
                (ref_type(ty)?, ElemItems::Exprs(exprs))
            }
        };
        self.module.elems.push(ElemSegment { ty, mode, items });
        Ok(())
    }

    fn data(&mut self, data: &wasmparser::Data<'_>) -> Result<()> {
        let mode = match &data.kind {
            wasmparser::DataKind::Passive => DataMode::Passive,
            wasmparser::DataKind::Active {
                memory_index,
                offset_expr,
            } => DataMode::Active {
                memory: MemoryIndex::new(*memory_index as usize),
                offset: self.const_expr(offset_expr)?,
            },
        };
        let bytes = &mut self.data_bytes;
        let start = bytes.len();
        bytes.extend_from_slice(data.data);
        let range = start..bytes.len();
        self.module.data.push(DataSegment { mode, range });
        Ok(())
    }

    /// Keeps what comes before the first fault.
    fn names(&mut self, names: NameSectionReader<'a>) -> Result<()> {
        for name in names {
            match name? {
                Name::Module { name, .. } => self.module.name = Some(name.to_owned()),
                Name::Function(map) => {
                    for naming in map {
                        let naming = naming?;
                        self.names.insert(naming.index, naming.name);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps what comes before the first fault.
    fn branch_hints(&mut self, functions: BranchHintSectionReader<'_>) -> Result<()> {
        for function in functions {
            let function = function?;
            let hints = &mut self.hints.entry(function.func).or_default().0;
            for hint in function.hints {
                let hint = hint?;
                // The proposal wants them in order; others would not be found.
                if hints
                    .last()
                    .is_none_or(|&(last, _)| last < hint.func_offset)
                {
                    hints.push((hint.func_offset, hint.taken));
                }
            }
        }
        Ok(())
    }

    /// Converts a constant expression; the functions it refers to escape.
    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        let expr = const_expr(expr)?;
        for op in &expr.ops {
            if let ConstOp::RefFunc(func) = op {
                self.escapes(*func);
            }
        }
        Ok(expr)
    }

    /// Validation has seen to it that code takes references only of functions that are exported or named by a segment
    /// or an initialiser. Imported functions bring their own references.
    fn escapes(&mut self, func: FuncIndex) {
        if self.module.defined_func(func).is_some() {
            self.escaping.insert(func);
        }
    }

    fn finish(self) -> Described<'a> {
        let mut module = self.module;
        let mut names = self.names;
        names.retain(|&func, _| (func as usize) < module.funcs.len());
        module.func_names = FuncNames::new(&names);
        module.data_bytes = self.data_bytes.into();
        module.escaping = self.escaping.into_iter().collect();
        Described {
            module,
            bodies: self.bodies,
            dwarf: self.dwarf,
        }
    }
}

fn at(offset: u64, error: &Error) -> Error {
    format_err!("{error} (at offset {offset:#x})")
}
