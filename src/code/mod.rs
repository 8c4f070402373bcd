//! From artifact bytes to executable image to "which function and which trap is this pc".
//!
//! An [`Artifact`] is what the compiler makes and what can be serialised. An [`Image`] is an artifact's code, mapped
//! executable inside the process's one code region. This room must not know how code is generated, nor what a store is.

#![expect(unsafe_code, reason = "executable memory")]

mod artifact;
mod dwarf;
#[cfg(feature = "debug-builtins")]
mod elf;
mod identity;
mod image;
mod region;
mod serialize;
mod tunables;
mod validate;

pub(crate) use artifact::{
    Artifact, CodeTables, FuelPlace, FuelSite, FuncLoc, Text, TrampolineCode, TrampolinePlace,
    frames_offset,
};
pub(crate) use dwarf::{Dwarf, DwarfSection, SourceSymbol};
#[cfg(feature = "debug-builtins")]
pub(crate) use elf::object_file;
pub(crate) use identity::{CODEGEN, CPU};
pub(crate) use image::{CompiledModule, Image, find_image};
pub(crate) use serialize::{Check, from_bytes, from_file, is_artifact};
pub(crate) use tunables::{CostTable, Tunables};
