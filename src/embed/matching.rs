//! Whether what is offered fits what a module imports, and how it is said if not.
//!
//! [`Offer`] is all that matching knows of a definition. This file must not know linkers: they bring offers.

use super::externals::Extern;
use crate::engine::Engine;
use crate::error::{Context, Error, Result, bail, ensure, format_err};
use crate::store::{LoadedModule, StoreCore};
use crate::wasm::{EntityIndex, GlobalDesc, MemoryDesc, TableDesc, WasmVal};
use std::fmt;

/// The type of something that may satisfy an import.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Offer {
    /// A function, by the id of its type in its engine.
    Func(u32),
    /// A table; its minimum is its current size.
    Table(TableDesc),
    /// A memory; its minimum is its current size.
    Memory(MemoryDesc),
    /// A global.
    Global(GlobalDesc),
    /// A tag, which no module can import yet.
    Tag,
}

impl Offer {
    /// The type of an item of this store, as it is now.
    ///
    /// # Errors
    ///
    /// The item is of a kind that is not implemented.
    ///
    /// # Panics
    ///
    /// If the item is of another store.
    pub(crate) fn of(core: &StoreCore, item: &Extern) -> Result<Offer> {
        Ok(match item {
            Extern::Func(func) => Offer::Func(func.registered_type(core).id()),
            Extern::Table(table) => Offer::Table(core.table_desc(table.id(core))),
            Extern::Memory(memory) => Offer::Memory(core.memory_desc(memory.id(core))),
            Extern::Global(global) => Offer::Global(core.globals[global.id(core).index()].desc),
            Extern::SharedMemory(_) => bail!("shared memories are not implemented yet"),
            Extern::Tag(_) => Offer::Tag,
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Offer::Func(_) => "function",
            Offer::Table(_) => "table",
            Offer::Memory(_) => "memory",
            Offer::Global(_) => "global",
            Offer::Tag => "tag",
        }
    }
}

/// An error for what would mix the things of several engines.
pub(crate) fn cross_engine() -> Error {
    format_err!("cross-`Engine` instantiation is not currently supported")
}

/// An error for what would mix the things of several stores.
pub(crate) fn cross_store() -> Error {
    format_err!("cross-`Store` instantiation is not currently supported")
}

/// Checks that a module's imports are satisfied by what is given for them, in order.
///
/// # Errors
///
/// The module or an import is of another engine, the numbers differ, or a type does not fit. The message names the
/// import; its cause says what was expected and what was found.
pub(crate) fn typecheck<'i, I>(
    engine: &Engine,
    module: &LoadedModule,
    imports: &'i [I],
    offer: impl Fn(&'i I) -> Result<(Option<&'i Engine>, Offer)>,
) -> Result<()> {
    ensure_same(engine, &module.engine)?;
    let expected = &module.info().imports;
    if expected.len() != imports.len() {
        bail!(
            "expected {} imports, found {}",
            expected.len(),
            imports.len()
        );
    }
    for (import, given) in expected.iter().zip(imports) {
        let (name, field) = (&import.module, &import.name);
        let (origin, offer) = offer(given)?;
        ensure!(
            origin.is_none_or(|origin| Engine::same(origin, engine)),
            "cross-`Engine` instantiation is not currently supported: the item provided for `{name}::{field}` belongs to \
             a different engine than the module being instantiated"
        );
        fits(module, import.index, &offer)
            .with_context(|| format!("incompatible import type for `{name}::{field}`"))?;
    }
    Ok(())
}

/// Refuses to mix engines.
pub(crate) fn ensure_same(a: &Engine, b: &Engine) -> Result<()> {
    if Engine::same(a, b) {
        Ok(())
    } else {
        Err(cross_engine())
    }
}

/// Whether an offer fits an imported entity of a module of the same engine.
fn fits(module: &LoadedModule, expected: EntityIndex, offer: &Offer) -> Result<()> {
    let info = module.info();
    match (expected, offer) {
        (EntityIndex::Func(expected), &Offer::Func(actual)) => {
            let expected = module.registered_func(expected);
            if expected.id() == actual {
                return Ok(());
            }
            let expected = expected.ty();
            // A type that nobody holds any more belonged to a store that is gone.
            match module.engine.types().get(actual) {
                Some(actual) => bail!(
                    "types incompatible: expected type `{expected}`, found type `{}`",
                    actual.ty()
                ),
                None => bail!("types incompatible: expected type `{expected}`, found another type"),
            }
        }
        (EntityIndex::Table(expected), Offer::Table(actual)) => {
            table(&info.tables[expected], actual)
        }
        (EntityIndex::Memory(expected), Offer::Memory(actual)) => {
            memory(&info.memories[expected], actual)
        }
        (EntityIndex::Global(expected), Offer::Global(actual)) => {
            global(&info.globals[expected], actual)
        }
        (expected, actual) => {
            let expected = match expected {
                EntityIndex::Func(_) => "func",
                EntityIndex::Table(_) => "table",
                EntityIndex::Memory(_) => "memory",
                EntityIndex::Global(_) => "global",
            };
            bail!("expected {expected}, but found {}", actual.kind())
        }
    }
}

fn global(expected: &GlobalDesc, actual: &GlobalDesc) -> Result<()> {
    // What can be written must be neither narrower nor wider than what is read.
    let matches = if expected.mutable || actual.mutable {
        actual.content == expected.content
    } else {
        actual.content.matches(expected.content)
    };
    ensure_type(matches, "global", expected.content, actual.content)?;
    ensure_word(
        "global",
        (expected.mutable, actual.mutable),
        ["immutable", "mutable"],
    )
}

fn table(expected: &TableDesc, actual: &TableDesc) -> Result<()> {
    let (wanted, found) = (expected.element, actual.element);
    ensure_type(
        wanted == found,
        "table",
        WasmVal::Ref(wanted),
        WasmVal::Ref(found),
    )?;
    ensure_word(
        "table",
        (expected.table64, actual.table64),
        ["32-bit", "64-bit"],
    )?;
    ensure_limits(
        "table",
        (expected.min, expected.max),
        (actual.min, actual.max),
    )
}

fn memory(expected: &MemoryDesc, actual: &MemoryDesc) -> Result<()> {
    ensure_word(
        "memory",
        (expected.shared, actual.shared),
        ["non-shared", "shared"],
    )?;
    ensure_word(
        "memory",
        (expected.memory64, actual.memory64),
        ["32-bit", "64-bit"],
    )?;
    ensure_limits(
        "memory",
        (expected.min, expected.max),
        (actual.min, actual.max),
    )?;
    ensure!(
        expected.page_size_log2 == actual.page_size_log2,
        "memory types incompatible: expected a memory with a page size of {}, but received a memory with a page size \
         of {}",
        expected.page_size(),
        actual.page_size()
    );
    Ok(())
}

fn ensure_type(
    matches: bool,
    what: &str,
    expected: impl fmt::Display,
    actual: impl fmt::Display,
) -> Result<()> {
    ensure!(
        matches,
        "{what} types incompatible: expected {what} of type `{expected}`, found {what} of type `{actual}`"
    );
    Ok(())
}

/// Compares an attribute, expected and actual, that has a word for each of its two values.
fn ensure_word(
    what: &str,
    (expected, actual): (bool, bool),
    words: [&'static str; 2],
) -> Result<()> {
    ensure!(
        expected == actual,
        "{what} types incompatible: expected {} {what}, found {} {what}",
        words[usize::from(expected)],
        words[usize::from(actual)]
    );
    Ok(())
}

type Limits = (u64, Option<u64>);

fn ensure_limits(what: &str, expected: Limits, actual: Limits) -> Result<()> {
    let max_fits = match (expected.1, actual.1) {
        (None, _) => true,
        (Some(expected), Some(actual)) => actual <= expected,
        (Some(_), None) => false,
    };
    if expected.0 <= actual.0 && max_fits {
        return Ok(());
    }
    let show = |(min, max): Limits| {
        let max = max.map_or_else(|| "none".to_owned(), |max| max.to_string());
        format!("min: {min}, max: {max}")
    };
    bail!(
        "{what} types incompatible: expected {what} limits ({}) doesn't match provided {what} limits ({})",
        show(expected),
        show(actual)
    )
}

#[cfg(test)]
mod tests {
    //! Limits and words, without a store.

    use super::{Limits, ensure_limits, global, memory, table};
    use crate::wasm::{GlobalDesc, MemoryDesc, TableDesc, WasmHeap, WasmRef, WasmVal};

    #[test]
    fn limits_fit_if_the_minimum_is_reached_and_the_maximum_is_not_passed() {
        let fits =
            |expected: Limits, actual: Limits| ensure_limits("table", expected, actual).is_ok();
        assert!(fits((1, None), (1, None)));
        assert!(fits((1, None), (2, Some(3))));
        assert!(fits((1, Some(3)), (3, Some(3))));
        assert!(!fits((2, None), (1, None)));
        assert!(!fits((1, Some(3)), (1, None)));
        assert!(!fits((1, Some(3)), (1, Some(4))));
        let error = ensure_limits("memory", (2, Some(3)), (1, None)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "memory types incompatible: expected memory limits (min: 2, max: 3) doesn't match provided memory limits \
             (min: 1, max: none)"
        );
    }

    #[test]
    fn globals_are_covariant_only_if_neither_can_be_written() {
        let desc = |heap, mutable| GlobalDesc {
            content: WasmVal::Ref(WasmRef {
                nullable: true,
                heap,
            }),
            mutable,
        };
        global(&desc(WasmHeap::Func, false), &desc(WasmHeap::NoFunc, false)).unwrap();
        assert!(global(&desc(WasmHeap::NoFunc, false), &desc(WasmHeap::Func, false)).is_err());
        let error = global(&desc(WasmHeap::Func, true), &desc(WasmHeap::NoFunc, true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "global types incompatible: expected global of type `funcref`, found global of type `nullfuncref`"
        );
        let error = global(&desc(WasmHeap::Func, true), &desc(WasmHeap::Func, false)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "global types incompatible: expected mutable global, found immutable global"
        );
    }

    #[test]
    fn tables_and_memories_agree_on_everything_but_limits() {
        let desc = |element, table64| TableDesc {
            element,
            min: 1,
            max: None,
            table64,
        };
        table(&desc(WasmRef::FUNC, false), &desc(WasmRef::FUNC, false)).unwrap();
        let externref = WasmRef {
            nullable: true,
            heap: WasmHeap::Extern,
        };
        assert!(table(&desc(WasmRef::FUNC, false), &desc(externref, false)).is_err());
        let error = table(&desc(WasmRef::FUNC, false), &desc(WasmRef::FUNC, true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "table types incompatible: expected 32-bit table, found 64-bit table"
        );
        let desc = |shared, page_size_log2| MemoryDesc {
            min: 1,
            max: Some(1),
            memory64: false,
            shared,
            page_size_log2,
        };
        memory(&desc(false, 16), &desc(false, 16)).unwrap();
        let error = memory(&desc(false, 16), &desc(true, 16)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "memory types incompatible: expected non-shared memory, found shared memory"
        );
        let error = memory(&desc(false, 16), &desc(false, 0)).unwrap_err();
        assert!(error.to_string().contains("page size of 65536"), "{error}");
    }
}
