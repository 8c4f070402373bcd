//! A module's own debug information: the DWARF sections that its toolchain left in it, kept as they are.
//!
//! They are other people's bytes, which nobody has validated, and are not looked at before somebody asks where an
//! operator comes from. `symbolize` then answers within fixed bounds of time and memory, whatever the bytes say.

#[cfg(feature = "addr2line")]
mod budget;
#[cfg(feature = "addr2line")]
mod entries;
#[cfg(feature = "addr2line")]
mod lines;
#[cfg(feature = "addr2line")]
mod symbolize;
#[cfg(all(test, feature = "addr2line"))]
mod tests;

use crate::bytes::Bytes;
use serde::{Deserialize, Serialize};
#[cfg(feature = "addr2line")]
use std::sync::OnceLock;

/// The debug sections of one module.
#[derive(Default, Debug, Serialize, Deserialize)]
pub(crate) struct Dwarf {
    /// Where the contents of the code section begin in the binary: addresses in DWARF count from there.
    pub(crate) code_section: u32,
    /// Whether there were sections that nobody wanted to keep.
    pub(crate) dropped: bool,
    pub(crate) sections: Vec<DwarfSection>,
    #[cfg(feature = "addr2line")]
    #[serde(skip)]
    units: OnceLock<symbolize::Units>,
}

/// A custom section.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DwarfSection {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) data: Bytes,
}

/// Where an operator comes from: one of the functions that were inlined into one another there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SourceSymbol {
    /// As mangled as the source language left it.
    pub(crate) name: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
}

impl Dwarf {
    #[cfg(test)]
    pub(in crate::code) fn with_sections(code_section: u32, sections: Vec<DwarfSection>) -> Dwarf {
        Dwarf {
            code_section,
            sections,
            ..Dwarf::default()
        }
    }

    /// Whether a custom section of this name is one.
    pub(crate) fn is_section(name: &str) -> bool {
        name.starts_with(".debug_")
    }

    /// Where the operator at this offset in the binary comes from, innermost function first. Empty if nothing is known.
    #[cfg(feature = "addr2line")]
    pub(crate) fn symbols_at(&self, wasm_offset: u32) -> Vec<SourceSymbol> {
        let address = wasm_offset.checked_sub(self.code_section);
        match address {
            Some(address) if !self.sections.is_empty() => {
                symbolize::symbols(self, u64::from(address))
            }
            _ => Vec::new(),
        }
    }

    /// As above, in a build that does not read debug information.
    #[cfg(not(feature = "addr2line"))]
    pub(crate) fn symbols_at(&self, _wasm_offset: u32) -> Vec<SourceSymbol> {
        Vec::new()
    }

    /// A section's bytes; none if it is not there.
    #[cfg(feature = "addr2line")]
    fn section(&self, name: &str) -> &[u8] {
        let found = self.sections.iter().find(|section| section.name == name);
        found.map_or(&[], |section| &section.data)
    }
}
