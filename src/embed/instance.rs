//! [`Instance`]: making one from a module and its imports, and finding its exports.
//!
//! [`Imports`] is the checked list that every way of instantiating ends in; [`create`] runs on whatever stack is current.

#![expect(unsafe_code, reason = "function references travel to a fiber")]

use super::call;
use super::context::{AsContextMut, StoreContext, StoreContextMut};
use super::externals::{Export, Extern, SharedMemory, Tag};
use super::func::Func;
use super::global::Global;
use super::matching::{Offer, cross_store, typecheck};
use super::memory::Memory;
use super::module::{Module, ModuleExport};
use super::table::Table;
use super::typed::{TypedFunc, WasmParams, WasmResults};
use crate::entity::EntityRef;
use crate::error::{Context, Result, bail, format_err};
use crate::store::{self, ImportedEntity, InstanceData, InstanceId, StoreCore, StoreId};
use crate::wasm::EntityIndex;
use smallvec::SmallVec;

pub use super::linker::InstancePre;

/// An instance of a [`Module`] in a store: its functions, memories, tables and globals.
///
/// An instance is a handle into its store and lives as long as that. Using it with another store panics.
///
/// ```
/// use tussah::{Engine, Instance, Module, Store};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(
///     &engine,
///     r#"(module (func (export "double") (param i32) (result i32)
///         (i32.add (local.get 0) (local.get 0))))"#,
/// )?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let double = instance.get_typed_func::<i32, i32>(&mut store, "double")?;
/// assert_eq!(double.call(&mut store, 21)?, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    store: StoreId,
    id: InstanceId,
}

impl Instance {
    /// Instantiates a module with imports in the order of their declaration, and runs its start function.
    ///
    /// Where imports have names rather than positions, see [`Linker`](crate::Linker).
    ///
    /// # Errors
    ///
    /// - The number of imports or a type differs from what the module declares.
    /// - An import is of another store, or the module of another engine.
    /// - The store is one for async use, or this is a host function called by an async one: use
    ///   [`Instance::new_async`].
    /// - A limit of the store, or memory that cannot be had.
    /// - The trap of a segment that does not fit or of the start function. What has been written to imported memories and
    ///   tables until then stays.
    pub fn new(
        mut store: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        core.validate_sync_call()?;
        let imports = Imports::check(core, module, imports)?;
        create(core, module, &imports)
    }

    /// As [`Instance::new`], on a fiber: limiters and the start function may wait, and epochs and fuel may yield.
    ///
    /// The future is `Send` if the store's data is. Dropping it unfinished leaves an instance that nothing refers to.
    ///
    /// # Errors
    ///
    /// As for [`Instance::new`], except that stores for async use are welcome.
    pub async fn new_async(
        mut store: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        let imports = Imports::check(store.0.core(), module, imports)?;
        create_on_fiber(&mut store, module, imports).await
    }

    /// The module of which this is an instance.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn module<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a Module {
        let core = store.into().0.core();
        Module::from_loaded_ref(&self.data(core).module)
    }

    /// All exports, in the order of their declaration.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn exports<'a, T: 'static>(
        &'a self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> impl ExactSizeIterator<Item = Export<'a>> + 'a {
        let core: &'a StoreCore = store.into().0.core();
        let exports = &self.data(core).module.info().exports;
        exports
            .iter()
            .map(move |(name, export)| Export::new(name, self.item(core, export.index)))
    }

    /// The export of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        self.export(store.as_context_mut().0.core(), name)
    }

    /// The export at a place that [`Module::get_export_index`] found; `None` if that was another module.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_module_export(
        &self,
        mut store: impl AsContextMut,
        export: &ModuleExport,
    ) -> Option<Extern> {
        self.export_at(store.as_context_mut().0.core(), export)
    }

    /// The exported function of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The exported function of this name, as one whose type is checked once and known to the compiler.
    ///
    /// # Errors
    ///
    /// There is no such function, or it has another type.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_typed_func<Params, Results>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>>
    where
        Params: WasmParams,
        Results: WasmResults,
    {
        let func = self
            .get_func(store.as_context_mut(), name)
            .ok_or_else(|| format_err!("failed to find function export `{name}`"))?;
        func.typed::<Params, Results>(store)
            .with_context(|| format!("failed to convert function `{name}` to given type"))
    }

    /// The exported table of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The exported memory of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// The exported shared memory of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_shared_memory(&self, store: impl AsContextMut, name: &str) -> Option<SharedMemory> {
        self.get_export(store, name)?.into_shared_memory()
    }

    /// The exported global of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// The exported tag of this name.
    ///
    /// # Panics
    ///
    /// If the instance is of another store.
    pub fn get_tag(&self, store: impl AsContextMut, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.into_tag()
    }
}

impl Instance {
    /// The handle of an instance of this store.
    pub(crate) fn from_id(store: StoreId, id: InstanceId) -> Instance {
        Instance { store, id }
    }

    /// Whether the instance is of this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.store == core.id
    }

    /// As [`Instance::get_export`].
    pub(crate) fn export(&self, core: &StoreCore, name: &str) -> Option<Extern> {
        let export = self.data(core).module.info().exports.get(name)?;
        Some(self.item(core, export.index))
    }

    /// As [`Instance::get_module_export`].
    pub(crate) fn export_at(&self, core: &StoreCore, export: &ModuleExport) -> Option<Extern> {
        let entity = export.entity_in(&self.data(core).module)?;
        Some(self.item(core, entity))
    }

    fn data<'s>(&self, core: &'s StoreCore) -> &'s InstanceData {
        assert!(self.comes_from(core), "object used with the wrong store");
        &core.instances[self.id.index()]
    }

    /// The handle of an exported entity.
    fn item(&self, core: &StoreCore, index: EntityIndex) -> Extern {
        let data = self.data(core);
        match index {
            EntityIndex::Func(i) => {
                Func::from_ref(self.store, store::func_ref(core, self.id, i)).into()
            }
            EntityIndex::Table(i) => Table::from_id(self.store, data.tables[i.index()]).into(),
            EntityIndex::Memory(i) => Memory::from_id(self.store, data.memories[i.index()]).into(),
            EntityIndex::Global(i) => Global::from_id(self.store, data.globals[i.index()]).into(),
        }
    }
}

/// What satisfies a module's imports, in order: of the right types and the right store.
#[derive(Default)]
pub(super) struct Imports(SmallVec<[ImportedEntity; 8]>);

#[expect(
    clippy::non_send_fields_in_send_ty,
    reason = "function references are pointers"
)]
// SAFETY: function references point to what is kept by the store into which they are imported or by its engine's host
// functions, which may both change threads; whoever moves the list moves, or exclusively borrows, the store with it.
unsafe impl Send for Imports {}

impl Imports {
    /// Checks imports given by position.
    fn check(core: &StoreCore, module: &Module, imports: &[Extern]) -> Result<Imports> {
        if !imports.iter().all(|item| comes_from(item, core)) {
            return Err(cross_store());
        }
        typecheck(&core.engine, module.loaded(), imports, |item| {
            Ok((None, Offer::of(core, item)?))
        })?;
        let mut checked = Imports::default();
        for item in imports {
            checked.push(core, item)?;
        }
        Ok(checked)
    }

    /// Adds an item of this store, whose type has been checked.
    pub(super) fn push(&mut self, core: &StoreCore, item: &Extern) -> Result<()> {
        self.0.push(match item {
            Extern::Func(func) => ImportedEntity::Func(func.func_ref(core)),
            Extern::Table(table) => ImportedEntity::Table(table.id(core)),
            Extern::Memory(memory) => ImportedEntity::Memory(memory.id(core)),
            Extern::Global(global) => ImportedEntity::Global(global.id(core)),
            Extern::SharedMemory(_) => bail!("shared memories are not implemented yet"),
            Extern::Tag(_) => bail!("tags are not implemented yet"),
        });
        Ok(())
    }

    /// Adds a host function that the store has been told to keep.
    pub(super) fn push_host(&mut self, func: std::ptr::NonNull<crate::abi::VmFuncRef>) {
        self.0.push(ImportedEntity::Func(func));
    }
}

/// Whether an item is of this store.
pub(super) fn comes_from(item: &Extern, core: &StoreCore) -> bool {
    match item {
        Extern::Func(func) => func.comes_from(core),
        Extern::Table(table) => table.comes_from(core),
        Extern::Memory(memory) => memory.comes_from(core),
        Extern::Global(global) => global.comes_from(core),
        Extern::Tag(tag) => tag.comes_from(core),
        // Shared by all stores of an engine.
        Extern::SharedMemory(_) => true,
    }
}

/// Instantiates and runs the start function, on the current stack.
pub(super) fn create(core: &mut StoreCore, module: &Module, imports: &Imports) -> Result<Instance> {
    let loaded = module.loaded();
    let (id, start) = store::instantiate(core, loaded, &imports.0)?;
    if let (Some(start), Some(index)) = (start, loaded.info().start) {
        call::call_start(core, start, loaded.registered_func(index))?;
    }
    Ok(Instance::from_id(core.id, id))
}

/// As [`create`], on a fiber of the store.
pub(super) async fn create_on_fiber<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    module: &Module,
    imports: Imports,
) -> Result<Instance> {
    call::on_fiber(store, move |store| {
        create(store.0.core_mut(), module, &imports)
    })
    .await?
}
