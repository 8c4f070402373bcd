//! [`CodeBuilder`]: compiling with more to say than [`Module::new`] takes.

use super::Module;
use super::module::{read, to_binary};
use crate::engine::Engine;
use crate::error::Context;
use crate::{Result, bail};
use std::borrow::Cow;
use std::path::Path;

/// Collects what is to be compiled, and compiles it.
///
/// ```
/// use tussah::{CodeBuilder, CodeHint, Engine};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let mut builder = CodeBuilder::new(&engine);
/// builder.wasm_binary_or_text(b"(module)", None)?;
/// assert!(matches!(builder.hint(), Some(CodeHint::Module)));
/// let module = builder.compile_module()?;
/// # let _ = module;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CodeBuilder<'a> {
    engine: &'a Engine,
    wasm: Option<Cow<'a, [u8]>>,
}

/// What bytes look like.
#[derive(Debug)]
pub enum CodeHint {
    /// A module.
    Module,
    /// A component, which is not implemented yet.
    Component,
}

impl<'a> CodeBuilder<'a> {
    /// A builder that has nothing to compile yet.
    pub fn new(engine: &'a Engine) -> Self {
        CodeBuilder { engine, wasm: None }
    }

    /// Gives it WebAssembly in the binary format. The path is where it came from; nothing is read from there.
    ///
    /// # Errors
    ///
    /// It has some already.
    pub fn wasm_binary(
        &mut self,
        wasm_bytes: impl Into<Cow<'a, [u8]>>,
        wasm_path: Option<&'a Path>,
    ) -> Result<&mut Self> {
        // Only debugging information in a file beside it would be looked for, which is not implemented.
        let _ = wasm_path;
        if self.wasm.is_some() {
            bail!("cannot configure wasm bytes twice");
        }
        self.wasm = Some(wasm_bytes.into());
        Ok(self)
    }

    /// Gives it WebAssembly in either format, as [`Module::new`] takes it. The path is for messages.
    ///
    /// # Errors
    ///
    /// It has some already, or the text is malformed.
    pub fn wasm_binary_or_text(
        &mut self,
        wasm_bytes: &'a [u8],
        wasm_path: Option<&'a Path>,
    ) -> Result<&mut Self> {
        self.wasm_binary(to_binary(wasm_bytes, wasm_path)?, wasm_path)
    }

    /// Gives it a file in the binary format.
    ///
    /// # Errors
    ///
    /// It has some already, or the file cannot be read.
    pub fn wasm_binary_file(&mut self, file: &'a Path) -> Result<&mut Self> {
        self.wasm_binary(read(file)?, Some(file))
    }

    /// Gives it a file in either format.
    ///
    /// # Errors
    ///
    /// It has some already, the file cannot be read, or its text is malformed.
    pub fn wasm_binary_or_text_file(&mut self, file: &'a Path) -> Result<&mut Self> {
        let bytes = read(file)?;
        let wasm = to_binary(&bytes, Some(file))?.into_owned();
        self.wasm_binary(wasm, Some(file))
    }

    /// Would give it debugging information that was split off, which is not implemented yet.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn dwarf_package(&mut self, dwp_bytes: &'a [u8]) -> Result<&mut Self> {
        let _ = dwp_bytes;
        bail!("`CodeBuilder::dwarf_package` is not implemented yet")
    }

    /// As [`CodeBuilder::dwarf_package`], with a file.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn dwarf_package_file(&mut self, file: &Path) -> Result<&mut Self> {
        let _ = file;
        bail!("`CodeBuilder::dwarf_package_file` is not implemented yet")
    }

    /// What it has looks like; `None` if it has nothing, or nothing that looks like WebAssembly.
    pub fn hint(&self) -> Option<CodeHint> {
        let wasm = self.wasm.as_ref()?;
        if wasmparser::Parser::is_component(wasm) {
            Some(CodeHint::Component)
        } else if wasmparser::Parser::is_core_wasm(wasm) {
            Some(CodeHint::Module)
        } else {
            None
        }
    }

    fn wasm(&self) -> Result<&[u8]> {
        self.wasm
            .as_deref()
            .context("no wasm bytes have been configured")
    }

    /// Compiles a module: see [`Module::new`].
    ///
    /// # Errors
    ///
    /// It has nothing to compile, or as for [`Module::new`].
    pub fn compile_module(&self) -> Result<Module> {
        Module::from_binary(self.engine, self.wasm()?)
    }

    /// Compiles a module into bytes: see [`Engine::precompile_module`].
    ///
    /// # Errors
    ///
    /// As for [`CodeBuilder::compile_module`].
    pub fn compile_module_serialized(&self) -> Result<Vec<u8>> {
        self.engine.precompile_module(self.wasm()?)
    }
}
