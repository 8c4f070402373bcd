//! Tables from the host's side.

#![expect(unsafe_code, reason = "table words become references")]

use super::limits::without_waiting;
use super::types::{RefType, TableType};
use super::val::Ref;
use super::{AsContext, AsContextMut};
use crate::error::Context;
use crate::store::{StoreCore, StoreId, TableEntity, TableId};
use crate::wasm::Trap;
use crate::{Result, bail};

const WRONG_ELEMENT: &str = "type mismatch: value does not match table element type";

/// A table of a store: references that guests find by index.
///
/// It is a handle: copying it does not copy the table, which lives as long as its store. All methods take that store,
/// and panic when given another one.
///
/// ```
/// # use tussah::{Func, Ref, RefType, Store, Table, TableType};
/// # fn main() -> tussah::Result<()> {
/// let mut store = Store::<()>::default();
/// let ty = TableType::new(RefType::FUNCREF, 2, None);
/// let table = Table::new(&mut store, ty, Ref::Func(None))?;
/// let func = Func::wrap(&mut store, || 5);
/// table.set(&mut store, 1, func.into())?;
/// assert!(table.get(&mut store, 0).unwrap().is_null());
/// assert!(table.get(&mut store, 1).unwrap().is_non_null());
/// assert!(table.get(&mut store, 2).is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Table {
    store: StoreId,
    id: TableId,
}

impl Table {
    /// Makes a table that no instance owns, with every element `init`. Give it to guests as an import.
    ///
    /// # Errors
    ///
    /// `init` is not of the element type, or of another store; the store's limiter refuses, or is async; there is no room for the minimum; or the type is not implemented.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table> {
        without_waiting(&mut store.as_context_mut(), |core| {
            Self::make(core, &ty, &init)
        })
    }

    /// As [`Table::new`] in stores whose limiter may wait.
    ///
    /// # Errors
    ///
    /// As for [`Table::new`].
    pub async fn new_async(
        mut store: impl AsContextMut,
        ty: TableType,
        init: Ref,
    ) -> Result<Table> {
        let mut store = store.as_context_mut();
        super::call::on_fiber(&mut store, move |store| {
            Self::make(store.0.core_mut(), &ty, &init)
        })
        .await?
    }

    fn make(core: &mut StoreCore, ty: &TableType, init: &Ref) -> Result<Table> {
        let word = checked_word(core, ty.element(), init)?;
        let desc = ty.to_desc()?;
        let mut table = core.new_table(&desc)?;
        if word != 0 {
            table.fill(0, table.len(), word);
        }
        let id = core.push_table(table, desc, None);
        Ok(Table::from_id(core.id, id))
    }

    /// The handle of a store's table.
    pub(crate) fn from_id(store: StoreId, id: TableId) -> Table {
        Table { store, id }
    }

    /// Which table of its store this is.
    ///
    /// # Panics
    ///
    /// `core` is another store.
    pub(crate) fn id(&self, core: &StoreCore) -> TableId {
        assert!(self.comes_from(core), "object used with the wrong store");
        self.id
    }

    /// Whether this is a table of this store.
    pub(crate) fn comes_from(&self, core: &StoreCore) -> bool {
        self.store == core.id
    }

    fn entity<'a>(&self, core: &'a StoreCore) -> &'a TableEntity {
        &core.tables[self.id(core).index()]
    }

    fn entity_mut<'a>(&self, core: &'a mut StoreCore) -> &'a mut TableEntity {
        let id = self.id(core);
        &mut core.tables[id.index()]
    }

    fn element(&self, core: &StoreCore) -> RefType {
        RefType::from_wasm(self.entity(core).desc.element)
    }

    /// The type the table was declared with. Its minimum is the size that the table began with; see [`Table::size`] for
    /// the current one.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        let store = store.as_context();
        TableType::from_desc(&self.entity(store.0.core()).desc)
    }

    /// An element, or `None` out of bounds. Host references are rooted in the current scope.
    pub fn get(&self, mut store: impl AsContextMut, index: u64) -> Option<Ref> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        let element = self.element(core);
        let word = self.entity(core).table.get(usize::try_from(index).ok()?)?;
        // SAFETY: the word was read from a table of this store with elements of this type.
        Some(unsafe { Ref::from_word(core, word, &element) })
    }

    /// Sets an element.
    ///
    /// # Errors
    ///
    /// The index is out of bounds; the reference is not of the element type, or of another store.
    pub fn set(&self, mut store: impl AsContextMut, index: u64, val: Ref) -> Result<()> {
        self.fill_in(store.as_context_mut().0.core_mut(), index, &val, 1)
    }

    /// Number of elements.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.entity(store.as_context().0.core()).table.len() as u64
    }

    /// Adds `delta` elements, all of them `init`, and tells the size before.
    ///
    /// # Errors
    ///
    /// `init` is not of the element type, or of another store; the store's limiter refuses, or is async; the type's maximum or the system's memory does not suffice. The table keeps its size then.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64> {
        without_waiting(&mut store.as_context_mut(), |core| {
            self.grow_in(core, delta, &init)
        })
    }

    /// As [`Table::grow`] in stores whose limiter may wait.
    ///
    /// # Errors
    ///
    /// As for [`Table::grow`].
    pub async fn grow_async(
        &self,
        mut store: impl AsContextMut,
        delta: u64,
        init: Ref,
    ) -> Result<u64> {
        let table = *self;
        let mut store = store.as_context_mut();
        super::call::on_fiber(&mut store, move |store| {
            table.grow_in(store.0.core_mut(), delta, &init)
        })
        .await?
    }

    fn grow_in(&self, core: &mut StoreCore, delta: u64, init: &Ref) -> Result<u64> {
        let id = self.id(core);
        let element = self.element(core);
        let word = checked_word(core, &element, init)?;
        match core.grow_table(id, delta, word)? {
            Some(before) => Ok(before),
            None => bail!("failed to grow table by `{delta}`"),
        }
    }

    /// Copies elements from one table to another, or within one, as if through a temporary.
    ///
    /// # Errors
    ///
    /// A range is out of bounds, which is [`Trap::TableOutOfBounds`], or the element types do not match. Nothing is
    /// copied then.
    pub fn copy(
        mut store: impl AsContextMut,
        dst_table: &Table,
        dst_index: u64,
        src_table: &Table,
        src_index: u64,
        len: u64,
    ) -> Result<()> {
        let store = store.as_context_mut();
        let core = store.0.core_mut();
        let dst = range(core, dst_table, dst_index, len)?;
        let src = range(core, src_table, src_index, len)?;
        let (to, from) = (dst_table.element(core), src_table.element(core));
        from.ensure_matches(&core.engine, &to).context(
            "type mismatch: source table's element type does not match destination table's element type",
        )?;
        let len = dst.1;
        let (dst_id, src_id) = (dst_table.id(core), src_table.id(core));
        let copied = match core
            .tables
            .get_disjoint_mut([dst_id.index(), src_id.index()])
        {
            Ok([to, from]) => to.table.copy_from(dst.0, &from.table, src.0, len),
            Err(_) => {
                let table = &mut dst_table.entity_mut(core).table;
                table.copy_within(dst.0, src.0, len)
            }
        };
        if !copied {
            return Err(Trap::TableOutOfBounds.into());
        }
        Ok(())
    }

    /// Sets `len` elements from `dst` on.
    ///
    /// # Errors
    ///
    /// The range is out of bounds, which is [`Trap::TableOutOfBounds`]; the reference is not of the element type, or of
    /// another store. Nothing is written then.
    pub fn fill(&self, mut store: impl AsContextMut, dst: u64, val: Ref, len: u64) -> Result<()> {
        self.fill_in(store.as_context_mut().0.core_mut(), dst, &val, len)
    }

    fn fill_in(&self, core: &mut StoreCore, dst: u64, val: &Ref, len: u64) -> Result<()> {
        let element = self.element(core);
        let word = checked_word(core, &element, val)?;
        let (start, len) = range(core, self, dst, len)?;
        self.entity_mut(core).table.fill(start, len, word);
        Ok(())
    }
}

/// Start and length of a range that is inside a table.
fn range(core: &StoreCore, table: &Table, start: u64, len: u64) -> Result<(usize, usize)> {
    let size = table.entity(core).table.len() as u64;
    let in_bounds = start.checked_add(len).is_some_and(|end| end <= size);
    match (usize::try_from(start), usize::try_from(len)) {
        (Ok(start), Ok(len)) if in_bounds => Ok((start, len)),
        _ => Err(Trap::TableOutOfBounds.into()),
    }
}

/// The word of a reference that is fit for a table with these elements.
fn checked_word(core: &StoreCore, element: &RefType, value: &Ref) -> Result<usize> {
    value
        .ensure_matches_ty(core, element)
        .context(WRONG_ELEMENT)?;
    value.to_word(core)
}
