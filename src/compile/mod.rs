//! From wasm bytes to an artifact: validate, describe, translate to CLIF, compile, link.
//!
//! The pipeline reads top to bottom in [`Compiler::compile_module`]. This room must not know how code is mapped or run,
//! nor that engines and stores exist; it reads layouts from `abi` and plans from `memory`. It has no unsafe code.

#![forbid(unsafe_code)]

mod convert;
mod emit;
mod environ;
mod fuel;
mod generators;
mod limits;
mod link;
mod locate;
mod pipeline;
mod settings;
mod signature;
mod symbol;
#[cfg(test)]
mod tests;
mod trampoline;
mod translate;
mod unwind;

pub(crate) use pipeline::Compiler;
pub(crate) use settings::{CompilerSettings, OptLevel};
