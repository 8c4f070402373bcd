//! A compiled module inside an engine: its image and its interned types.

use crate::code::{Artifact, CompiledModule};
use crate::engine::{Engine, RegisteredType};
use crate::exec;
use crate::wasm::{FuncIndex, ModuleInfo, TypeIndex};
use crate::{Result, ensure};
use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A module ready to be instantiated in any store of its engine.
pub(crate) struct LoadedModule {
    /// Tells loaded modules apart; never reused in a process.
    pub(crate) id: u64,
    pub(crate) engine: Engine,
    pub(crate) compiled: CompiledModule,
    /// The module's function types, interned; indexed by `TypeIndex`.
    types: Box<[RegisteredType]>,
    /// Their ids, as machine code reads them.
    type_ids: Box<[u32]>,
}

impl fmt::Debug for LoadedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModule")
            .field("name", &self.compiled.info.name)
            .finish_non_exhaustive()
    }
}

impl LoadedModule {
    /// Makes an artifact's code executable and interns its types.
    ///
    /// # Errors
    ///
    /// There is no room for code, or the engine has run out of type ids.
    pub(crate) fn publish(engine: &Engine, artifact: Artifact) -> Result<Self> {
        let (mut compiled, trampolines) = CompiledModule::publish(artifact, exec::enter_cold)?;
        engine.announce(&mut compiled);
        let types = compiled
            .info
            .types
            .values()
            .map(|ty| engine.types().register(ty))
            .collect::<Result<Box<[_]>>>()?;
        ensure!(
            cfg!(feature = "cranelift") || types.is_empty() || !trampolines.places.is_empty(),
            "the artifact brings no trampolines, and this build cannot compile them"
        );
        if !trampolines.places.is_empty() {
            let mut seen = HashSet::new();
            let distinct: Vec<_> = types.iter().filter(|ty| seen.insert(ty.id())).collect();
            engine.bring_trampolines(distinct.into_iter(), &trampolines)?;
        }
        let type_ids = types.iter().map(RegisteredType::id).collect();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(LoadedModule {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            compiled,
            types,
            type_ids,
        })
    }

    pub(crate) fn info(&self) -> &ModuleInfo {
        &self.compiled.info
    }

    pub(crate) fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// An interned type of the module.
    pub(crate) fn registered(&self, index: TypeIndex) -> &RegisteredType {
        &self.types[index.as_u32() as usize]
    }

    /// The interned type of a function.
    pub(crate) fn registered_func(&self, index: FuncIndex) -> &RegisteredType {
        self.registered(self.info().funcs[index])
    }
}
