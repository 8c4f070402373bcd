//! The one place that runs code which somebody else has compiled.

#![expect(unsafe_code, reason = "the user says that the file is trusted")]

use std::path::Path;
use tussah::{Engine, Module, Result};

/// Loads a precompiled module that the user trusts.
///
/// # Errors
///
/// It was made by another version, for other settings or another machine, or is damaged.
pub(crate) fn load(engine: &Engine, path: &Path) -> Result<Module> {
    // SAFETY: `--allow-precompiled` is the user's word for what is in the file, and that it stays as it is.
    unsafe { Module::deserialize_file(engine, path) }
}
