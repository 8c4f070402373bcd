//! The code generators of a compiler, each made when it is first needed: an engine that only loads artifacts needs none,
//! and to make one takes longer than to load a small artifact.
//!
//! Must not know what is compiled.

use super::settings::{self, CompilerSettings};
use crate::code::Tunables;
use crate::error::Result;
use crate::os::cpu_features;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use std::sync::OnceLock;

pub(crate) struct Generators {
    settings: CompilerSettings,
    extensions: Vec<&'static str>,
    full: OnceLock<OwnedTargetIsa>,
    linear: OnceLock<OwnedTargetIsa>,
}

impl Generators {
    /// # Errors
    ///
    /// If the machine lacks instructions that compiled code needs; a flag is unknown, has no such value, or is one on
    /// which the runtime relies.
    pub(crate) fn new(settings: &CompilerSettings, tunables: &Tunables) -> Result<Generators> {
        let mut made = Generators {
            settings: settings.clone(),
            extensions: cpu_features().collect(),
            full: OnceLock::new(),
            linear: OnceLock::new(),
        };
        // Only the code generator knows what flags mean, and whether there are such.
        if !settings.flags.is_empty() {
            made.extensions = settings::extensions(made.full()?);
        }
        settings::check_extensions(&made.extensions, settings.features, tunables)?;
        Ok(made)
    }

    /// For ordinary functions.
    pub(crate) fn full(&self) -> Result<&dyn TargetIsa> {
        get(&self.full, || settings::host_isa(&self.settings))
    }

    /// For functions on which the other would take too long.
    pub(crate) fn linear(&self) -> Result<&dyn TargetIsa> {
        get(&self.linear, || settings::linear_isa(&self.settings))
    }

    /// Names the code generator and how it generates code, apart from the extensions.
    pub(crate) fn describe(&self) -> String {
        // It was made then, to check them.
        let users = !self.settings.flags.is_empty();
        let isa = self.full.get().filter(|_| users).map(|isa| &**isa);
        settings::describe(&self.settings, isa)
    }

    /// The instruction-set extensions that code may use, separated by commas.
    pub(crate) fn extensions(&self) -> String {
        self.extensions.join(",")
    }
}

fn get(
    cell: &OnceLock<OwnedTargetIsa>,
    make: impl FnOnce() -> Result<OwnedTargetIsa>,
) -> Result<&dyn TargetIsa> {
    if cell.get().is_none() {
        // Another thread may be faster; the two are the same.
        let _ = cell.set(make()?);
    }
    let made = cell.get().expect("has just been set");
    Ok(&**made)
}
