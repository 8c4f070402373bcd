//! Function types, interned: inside one engine, two structurally equal types have the same id, and checking an indirect
//! call is comparing ids.
//!
//! An entry lives as long as someone holds a [`RegisteredType`] for it; dropping the last one removes it. Ids are
//! never reused, so a stale id can only ever be unknown, never another type.
//!
//! Invariant: an entry's own `Drop` takes the write lock, so no `RegisteredType` is dropped while a lock is held.

use super::Trampolines;
use crate::error::{Error, Result, ensure};
use crate::wasm::WasmFuncType;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

/// Parameters, and as well results, that a function type may have: what validation admits in modules, so that trampolines
/// need not cope with more.
pub(crate) const MAX_VALUES: usize = 1000;

/// The function types of one engine.
#[derive(Debug, Default)]
pub(crate) struct TypeRegistry {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    maps: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    by_type: HashMap<Arc<WasmFuncType>, Slot>,
    by_id: HashMap<u32, Weak<TypeEntry>>,
    /// The next id. `u32::MAX` is never given out.
    next: u32,
}

#[derive(Debug)]
struct Slot {
    id: u32,
    entry: Weak<TypeEntry>,
}

/// A share in an interned function type. Equality is that of ids, which means something within one engine only.
#[derive(Clone)]
pub(crate) struct RegisteredType(Arc<TypeEntry>);

struct TypeEntry {
    id: u32,
    ty: Arc<WasmFuncType>,
    trampolines: OnceLock<Trampolines>,
    registry: Weak<Shared>,
}

impl TypeRegistry {
    /// Interns a type.
    ///
    /// # Errors
    ///
    /// It has more than [`MAX_VALUES`] parameters or results, or 2^32 - 1 different types have been interned over the
    /// engine's life.
    pub(crate) fn register(&self, ty: &WasmFuncType) -> Result<RegisteredType> {
        for (what, count) in [
            ("parameters", ty.params.len()),
            ("results", ty.results.len()),
        ] {
            ensure!(
                count <= MAX_VALUES,
                "a function type has {count} {what}, which exceeds the limit of {MAX_VALUES}"
            );
        }
        if let Some(found) = self.shared.read().find(ty) {
            return Ok(found);
        }
        let mut maps = self.shared.write();
        if let Some(found) = maps.find(ty) {
            return Ok(found);
        }
        let id = maps.next;
        maps.next = id
            .checked_add(1)
            .ok_or_else(|| Error::msg("the engine has no ids for function types left"))?;
        let ty = Arc::new(ty.clone());
        let entry = Arc::new(TypeEntry {
            id,
            ty: Arc::clone(&ty),
            trampolines: OnceLock::new(),
            registry: Arc::downgrade(&self.shared),
        });
        let weak = Arc::downgrade(&entry);
        maps.by_id.insert(id, Weak::clone(&weak));
        // A dying entry of the same type may still be listed; it will leave its successor alone.
        maps.by_type.insert(ty, Slot { id, entry: weak });
        Ok(RegisteredType(entry))
    }

    /// The type with this id, if someone still holds it.
    pub(crate) fn get(&self, id: u32) -> Option<RegisteredType> {
        self.shared
            .read()
            .by_id
            .get(&id)?
            .upgrade()
            .map(RegisteredType)
    }
}

impl Shared {
    // No code that can panic halfway runs under the lock, so a poisoned lock guards consistent maps.
    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Maps {
    fn find(&self, ty: &WasmFuncType) -> Option<RegisteredType> {
        self.by_type.get(ty)?.entry.upgrade().map(RegisteredType)
    }
}

impl RegisteredType {
    /// The id that machine code compares.
    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.0.id
    }

    /// The type.
    #[inline]
    pub(crate) fn ty(&self) -> &WasmFuncType {
        &self.0.ty
    }

    /// Where the type's trampolines are kept once they are compiled.
    pub(super) fn trampolines(&self) -> &OnceLock<Trampolines> {
        &self.0.trampolines
    }
}

impl Drop for TypeEntry {
    fn drop(&mut self) {
        let Some(shared) = self.registry.upgrade() else {
            return;
        };
        let mut maps = shared.write();
        maps.by_id.remove(&self.id);
        if maps.by_type.get(&*self.ty).is_some_and(|s| s.id == self.id) {
            maps.by_type.remove(&*self.ty);
        }
    }
}

impl PartialEq for RegisteredType {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for RegisteredType {}

impl fmt::Debug for RegisteredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.id(), self.ty())
    }
}

#[cfg(test)]
mod tests {
    //! Identity, lifetime, and the race between a dying entry and its successor.

    use super::{TypeRegistry, WasmFuncType};
    use crate::wasm::WasmVal;

    fn takes(params: &[WasmVal]) -> WasmFuncType {
        WasmFuncType {
            params: params.into(),
            results: [].into(),
        }
    }

    #[test]
    fn equal_types_share_an_id_and_ids_are_not_reused() {
        let registry = TypeRegistry::default();
        let a = registry.register(&takes(&[WasmVal::I32])).unwrap();
        let b = registry.register(&takes(&[WasmVal::I32])).unwrap();
        let c = registry.register(&takes(&[WasmVal::I64])).unwrap();
        assert!(a == b && a != c);
        assert_eq!(registry.get(a.id()).unwrap(), a);
        let id = a.id();
        drop((a, b));
        assert!(registry.get(id).is_none());
        let again = registry.register(&takes(&[WasmVal::I32])).unwrap();
        assert_ne!(again.id(), id);
        assert_eq!(registry.shared.read().by_type.len(), 2);
        assert_eq!(registry.shared.read().by_id.len(), 2);
        drop((again, c));
        assert!(registry.shared.read().by_type.is_empty());
        assert!(registry.shared.read().by_id.is_empty());
    }

    #[test]
    fn no_type_is_larger_than_a_module_could_have_it() {
        let registry = TypeRegistry::default();
        let many = |params: usize, results: usize| WasmFuncType {
            params: vec![WasmVal::I32; params].into(),
            results: vec![WasmVal::I64; results].into(),
        };
        registry.register(&many(1000, 1000)).unwrap();
        for (params, results, words) in [
            (1001, 0, "1001 parameters, which exceeds the limit of 1000"),
            (0, 1001, "1001 results, which exceeds the limit of 1000"),
        ] {
            let error = registry.register(&many(params, results)).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn running_out_of_ids_is_an_error() {
        let registry = TypeRegistry::default();
        registry.shared.write().next = u32::MAX - 1;
        let last = registry.register(&takes(&[])).unwrap();
        assert!(registry.register(&takes(&[WasmVal::F32])).is_err());
        assert_eq!(registry.register(&takes(&[])).unwrap(), last);
    }

    #[test]
    fn a_type_may_outlive_its_registry() {
        let registry = TypeRegistry::default();
        let ty = registry.register(&takes(&[WasmVal::F64])).unwrap();
        drop(registry);
        assert_eq!(ty.ty(), &takes(&[WasmVal::F64]));
    }

    #[test]
    fn threads_that_drop_and_register_leave_nothing_behind() {
        let registry = TypeRegistry::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let ty = registry.register(&takes(&[WasmVal::I32])).unwrap();
                        assert_eq!(registry.get(ty.id()).unwrap(), ty);
                    }
                });
            }
        });
        assert!(registry.shared.read().by_type.is_empty());
        assert!(registry.shared.read().by_id.is_empty());
    }
}
