//! [`Module`]: a compiled module as embedders hold it, and what it says of itself.
//!
//! A shell around the store room's [`LoadedModule`]. This file must not know instances.

#![expect(
    unsafe_code,
    reason = "artifacts are trusted, and a loaded module is seen as a `Module`"
)]

use super::types::{ExportType, ExternType, FuncType, ImportType};
use crate::code::{self, Artifact, Check};
use crate::engine::Engine;
use crate::entity::entity_impl;
use crate::error::{Context, Result};
use crate::store::LoadedModule;
use crate::wasm::{EntityIndex, ImportDef, ModuleInfo};
use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// A WebAssembly module, validated and compiled.
///
/// A module is code without state: it can be instantiated any number of times, in any store of its engine. It is a
/// handle, and clones are the same module; the code is freed with the last handle and the last store that uses it.
///
/// ```
/// use tussah::{Engine, Module};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module $greeter (func (export "greet")))"#)?;
/// assert_eq!(module.name(), Some("greeter"));
/// assert_eq!(module.exports().next().unwrap().name(), "greet");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[repr(transparent)]
pub struct Module {
    inner: Arc<LoadedModule>,
}

impl Module {
    /// Compiles a module from the binary format or, under the feature `wat`, from the text format. Bytes that begin
    /// with `\0asm` are in the binary format.
    ///
    /// # Errors
    ///
    /// The module is malformed, invalid, beyond the implementation's limits, or uses proposals that are turned off or
    /// not implemented; or this build or the engine's configuration is without a compiler.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Self::from_binary(engine, &to_binary(bytes.as_ref(), None)?)
    }

    /// As [`Module::new`], with the contents of a file.
    ///
    /// # Errors
    ///
    /// As for [`Module::new`], and if the file cannot be read.
    pub fn from_file(engine: &Engine, file: impl AsRef<Path>) -> Result<Module> {
        let path = file.as_ref();
        Self::from_binary(engine, &to_binary(&read(path)?, Some(path))?)
    }

    /// As [`Module::new`], but the text format is refused.
    ///
    /// # Errors
    ///
    /// As for [`Module::new`].
    pub fn from_binary(engine: &Engine, binary: &[u8]) -> Result<Module> {
        Self::publish(engine, engine.cached_artifact(binary)?)
    }

    /// Loads a file that holds either a precompiled module or what [`Module::from_file`] accepts.
    ///
    /// # Errors
    ///
    /// As for [`Module::deserialize`] or [`Module::from_file`].
    ///
    /// # Safety
    ///
    /// If the file begins as a precompiled module does, then as for [`Module::deserialize`].
    pub unsafe fn from_trusted_file(engine: &Engine, file: impl AsRef<Path>) -> Result<Module> {
        let path = file.as_ref();
        let bytes = read(path)?;
        if Engine::detect_precompiled(&bytes).is_some() {
            // SAFETY: the caller's promise.
            return unsafe { Self::deserialize(engine, bytes) };
        }
        Self::from_binary(engine, &to_binary(&bytes, Some(path))?)
    }

    /// Loads what [`Module::serialize`] or [`Engine::precompile_module`] made, without compiling.
    ///
    /// # Errors
    ///
    /// The bytes are no precompiled module, are damaged where that can be seen, or were made by another version or under
    /// settings that differ from the engine's. The message names the setting.
    ///
    /// # Safety
    ///
    /// The bytes contain machine code that will be run: they must be, unchanged, what this crate made.
    pub unsafe fn deserialize(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Self::load(engine, bytes.as_ref(), Check::Head)
    }

    /// As [`Module::deserialize`], after checking that no byte of the artifact is damaged, code included.
    ///
    /// # Errors
    ///
    /// As for [`Module::deserialize`], or something is damaged.
    ///
    /// # Safety
    ///
    /// As for [`Module::deserialize`]: the check finds damage, not malice.
    pub unsafe fn deserialize_checked(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Self::load(engine, bytes.as_ref(), Check::All)
    }

    fn load(engine: &Engine, bytes: &[u8], check: Check) -> Result<Module> {
        let artifact = code::from_bytes(bytes, engine.artifact_identity(), check)?;
        Self::publish(engine, artifact)
    }

    fn publish(engine: &Engine, artifact: Artifact) -> Result<Module> {
        Ok(Self::from_loaded(Arc::new(LoadedModule::publish(
            engine, artifact,
        )?)))
    }

    /// As [`Module::deserialize`]. The bytes are copied.
    ///
    /// # Errors
    ///
    /// As for [`Module::deserialize`].
    ///
    /// # Safety
    ///
    /// As for [`Module::deserialize`]; and the memory is readable and is not written during the call.
    pub unsafe fn deserialize_raw(engine: &Engine, memory: NonNull<[u8]>) -> Result<Module> {
        // SAFETY: the caller's promise covers both the memory and what is in it.
        unsafe { Self::deserialize(engine, memory.as_ref()) }
    }

    /// As [`Module::deserialize`], with the contents of a file. One of more than 32 KiB is mapped: pages that are not used are
    /// not read.
    ///
    /// # Errors
    ///
    /// As for [`Module::deserialize`], and if the file cannot be read or mapped.
    ///
    /// # Safety
    ///
    /// As for [`Module::deserialize`]; and nobody writes to the file or truncates it while the module is there. It may be
    /// removed, or replaced by a new one of its name.
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let open = || Ok(File::open(path)?);
        // SAFETY: the caller's promise.
        open()
            .and_then(|file| unsafe { Self::deserialize_open_file(engine, file) })
            .with_context(|| format!("failed to load `{}`", path.display()))
    }

    /// As [`Module::deserialize_file`], with an open file. Its position does not matter.
    ///
    /// # Errors
    ///
    /// As for [`Module::deserialize_file`].
    ///
    /// # Safety
    ///
    /// As for [`Module::deserialize_file`].
    pub unsafe fn deserialize_open_file(engine: &Engine, file: File) -> Result<Module> {
        // SAFETY: the caller's promise.
        let artifact = unsafe { code::from_file(file, engine.artifact_identity(), Check::Head) }?;
        Self::publish(engine, artifact)
    }

    /// Checks a module in the binary format without compiling it.
    ///
    /// # Errors
    ///
    /// As for [`Module::new`], as far as validation goes.
    pub fn validate(engine: &Engine, binary: &[u8]) -> Result<()> {
        #[cfg(feature = "cranelift")]
        {
            engine.compiler()?.validate(binary)
        }
        #[cfg(not(feature = "cranelift"))]
        {
            let _ = (engine, binary);
            crate::bail!("validation is not part of this build: enable the `cranelift` feature")
        }
    }

    /// The module in a form that [`Module::deserialize`] accepts, in this process or another one.
    ///
    /// # Errors
    ///
    /// This build has no compiler, which makes the code by which the host will enter the module.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let engine = self.engine();
        let trampolines = engine.compile_trampolines(self.info())?;
        self.inner
            .compiled
            .serialize(&trampolines, engine.artifact_identity())
    }

    /// The name that the module gives itself in its name section.
    pub fn name(&self) -> Option<&str> {
        self.info().name.as_deref()
    }

    /// What the module imports, in the order of declaration.
    pub fn imports<'module>(
        &'module self,
    ) -> impl ExactSizeIterator<Item = ImportType<'module>> + 'module {
        self.info()
            .imports
            .iter()
            .map(|import| self.import_type(import))
    }

    /// What the module exports, in the order of declaration.
    pub fn exports<'module>(
        &'module self,
    ) -> impl ExactSizeIterator<Item = ExportType<'module>> + 'module {
        self.info()
            .exports
            .iter()
            .map(|(name, export)| ExportType::new(name, self.type_of(export.index)))
    }

    /// The type of an export.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let export = self.info().exports.get(name)?;
        Some(self.type_of(export.index))
    }

    /// Where an export lies, for [`Instance::get_module_export`](super::Instance::get_module_export): looking it up by
    /// name once serves all instances.
    pub fn get_export_index(&self, name: &str) -> Option<ModuleExport> {
        let export = self.info().exports.get(name)?;
        Some(ModuleExport {
            module: ModuleId::of(&self.inner),
            entity: export.index,
        })
    }

    /// The engine that the module belongs to.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// What an instance of the module will need. What it imports does not count.
    pub fn resources_required(&self) -> ResourcesRequired {
        let info = self.info();
        let memories = info.memories.values().skip(info.imported_memories);
        let tables = info.tables.values().skip(info.imported_tables);
        // Validation allows far fewer than 2^32 of either.
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        ResourcesRequired {
            num_memories: count(memories.len()),
            max_initial_memory_size: memories.map(|memory| memory.min).max(),
            num_tables: count(tables.len()),
            max_initial_table_size: tables.map(|table| table.min).max(),
        }
    }

    /// The addresses of the module's machine code.
    ///
    /// They may be locked into memory, or looked up in a profile; neither the bytes nor their protection may be changed.
    pub fn image_range(&self) -> Range<*const u8> {
        self.text().as_ptr_range()
    }

    /// Does now what is otherwise done when the module is first instantiated.
    ///
    /// Memories are initialised by copying for now, so that there is nothing to prepare.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn initialize_copy_on_write_image(&self) -> Result<()> {
        Ok(())
    }

    /// Which machine code belongs to which operator: offsets in [`Module::text`], ascending, with the operator's offset
    /// in the wasm binary. An entry holds up to the next one; `None` stands for code of no operator.
    ///
    /// There is no map if [`Config::generate_address_map`](crate::Config::generate_address_map) is turned off.
    pub fn address_map<'a>(&'a self) -> Option<impl Iterator<Item = (usize, Option<u32>)> + 'a> {
        if !self.engine().tunables().generate_address_map {
            return None;
        }
        let addresses = self.inner.compiled.image.tables().addresses();
        Some(addresses.map(|(offset, operator)| (offset as usize, operator)))
    }

    /// The machine code.
    pub fn text(&self) -> &[u8] {
        self.inner.compiled.image.text()
    }

    /// The functions that the module defines, and where their machine code lies.
    pub fn functions<'a>(&'a self) -> impl ExactSizeIterator<Item = ModuleFunction> + 'a {
        let functions = &self.inner.compiled.functions;
        functions.iter().map(|(defined, location)| {
            let index = self.info().func_index(defined);
            ModuleFunction {
                module: StaticModuleIndex(0),
                index: FuncIndex(index.as_u32()),
                name: self.info().func_name(index).map(str::to_owned),
                offset: location.start as usize,
                len: location.len as usize,
            }
        })
    }

    /// Whether two handles are of the same module. Modules compiled from the same bytes are different ones.
    #[inline]
    pub fn same(a: &Module, b: &Module) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }
}

impl Module {
    /// The public form of a loaded module.
    pub(crate) fn from_loaded(inner: Arc<LoadedModule>) -> Module {
        Module { inner }
    }

    /// As [`Module::from_loaded`], of a borrowed one.
    pub(crate) fn from_loaded_ref(inner: &Arc<LoadedModule>) -> &Module {
        // SAFETY: `Module` is a transparent wrapper of the `Arc`, so that the two have the same layout and invariants.
        unsafe { &*ptr::from_ref(inner).cast::<Module>() }
    }

    /// The module as the store room knows it.
    pub(crate) fn loaded(&self) -> &Arc<LoadedModule> {
        &self.inner
    }

    /// What the module says of itself.
    pub(crate) fn info(&self) -> &ModuleInfo {
        self.inner.info()
    }

    /// The public form of an import.
    pub(crate) fn import_type<'module>(
        &'module self,
        import: &'module ImportDef,
    ) -> ImportType<'module> {
        ImportType::new(&import.module, &import.name, self.type_of(import.index))
    }

    /// The public type of an importable or exportable entity.
    fn type_of(&self, index: EntityIndex) -> ExternType {
        let engine = self.engine();
        match index {
            // The type is interned already: this spares the registry a look-up.
            EntityIndex::Func(func) => {
                FuncType::from_registered(engine, self.inner.registered_func(func).clone()).into()
            }
            other => ExternType::from_wasm(engine, &self.info().entity_type(other)),
        }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("failed to read input file: {}", path.display()))
}

/// The binary format, whichever of the two formats `bytes` are in.
#[cfg(feature = "wat")]
pub(super) fn to_binary<'b>(bytes: &'b [u8], path: Option<&Path>) -> Result<Cow<'b, [u8]>> {
    wat::parse_bytes(bytes).map_err(|mut error| {
        if let Some(path) = path {
            error.set_path(path);
        }
        error.into()
    })
}

#[cfg(not(feature = "wat"))]
pub(super) fn to_binary<'b>(bytes: &'b [u8], path: Option<&Path>) -> Result<Cow<'b, [u8]>> {
    if !bytes.starts_with(b"\0asm") && std::str::from_utf8(bytes).is_ok() {
        let path = path.map_or_else(String::new, |path| format!(" in `{}`", path.display()));
        crate::bail!(
            "found text where a binary was expected{path}: the `wat` feature is not part of this build"
        );
    }
    Ok(bytes.into())
}

/// Tells modules apart.
#[derive(Copy, Clone, PartialEq, Eq)]
struct ModuleId(u64);

impl ModuleId {
    fn of(module: &Arc<LoadedModule>) -> Self {
        ModuleId(module.id)
    }
}

/// Where an export lies in a module: found by [`Module::get_export_index`], used with
/// [`Instance::get_module_export`](super::Instance::get_module_export).
#[derive(Copy, Clone)]
pub struct ModuleExport {
    module: ModuleId,
    entity: EntityIndex,
}

impl ModuleExport {
    /// The entity, if the export is one of this module.
    pub(crate) fn entity_in(&self, module: &Arc<LoadedModule>) -> Option<EntityIndex> {
        (self.module == ModuleId::of(module)).then_some(self.entity)
    }
}

impl fmt::Debug for ModuleExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModuleExport").field(&self.entity).finish()
    }
}

/// A function that a module defines.
#[derive(Clone, Debug)]
pub struct ModuleFunction {
    /// The module among those compiled together. A module by itself is the first.
    pub module: StaticModuleIndex,
    /// The function's index in the module, where imported ones come first.
    pub index: FuncIndex,
    /// The name that the name section gives it.
    pub name: Option<String>,
    /// Where its code begins in [`Module::text`].
    pub offset: usize,
    /// Bytes of code.
    pub len: usize,
}

/// What instances of a module need, as [`Module::resources_required`] says.
#[derive(Clone, Debug)]
pub struct ResourcesRequired {
    /// How many memories.
    pub num_memories: u32,
    /// The largest initial size of a memory, in pages; `None` if there are no memories.
    pub max_initial_memory_size: Option<u64>,
    /// How many tables.
    pub num_tables: u32,
    /// The largest initial size of a table, in elements; `None` if there are no tables.
    pub max_initial_table_size: Option<u64>,
}

/// The index of a function in a module's function index space, imported functions first.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncIndex(u32);
entity_impl!(FuncIndex);

/// The index of a module among those that were compiled together.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StaticModuleIndex(u32);
entity_impl!(StaticModuleIndex);
