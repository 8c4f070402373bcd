//! What compilation yields: machine code and the tables that describe it.

use crate::wasm::{DefinedFuncIndex, ModuleInfo};
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};

/// A compiled module: position-independent code without host relocations, and everything known about it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) module: ModuleInfo,
    /// Machine code. Functions lie at 16-byte aligned offsets; the host's word (see `abi::builtins`) is the last.
    pub(crate) text: Vec<u8>,
    pub(crate) functions: PrimaryMap<DefinedFuncIndex, FuncLoc>,
    pub(crate) tables: CodeTables,
}

/// Where a function's code lies, and where it came from.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FuncLoc {
    /// Offset of its code in the text.
    pub(crate) start: u32,
    /// Bytes of code.
    pub(crate) len: u32,
    /// Byte offset of its body in the wasm binary.
    pub(crate) wasm_offset: u32,
    /// Where, relative to its frame pointer, cold builtins find and leave the count of fuel; zero if there is no such slot.
    pub(crate) fuel_slot: i32,
}

/// Sorted tables over text offsets.
#[derive(Default, Debug, Serialize, Deserialize)]
pub(crate) struct CodeTables {
    /// `(offset of the instruction, trap code)`, sorted by offset.
    pub(crate) traps: Vec<(u32, u8)>,
    /// `(first offset, byte offset in the wasm binary)`, sorted; an entry holds up to the next one.
    /// `u32::MAX` means that the code belongs to no wasm operator.
    pub(crate) addresses: Vec<(u32, u32)>,
    /// Where the count of fuel is when an instruction faults, sorted by offset.
    pub(crate) fuel: Vec<FuelSite>,
}

/// The count of fuel at an instruction that may fault.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct FuelSite {
    /// Offset of the instruction.
    pub(crate) offset: u32,
    pub(crate) place: FuelPlace,
    /// What is to be added to what is found there.
    pub(crate) owed: i32,
}

/// Where a word of a running function is.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum FuelPlace {
    /// In the integer register of this number, as instructions encode it.
    Register(u8),
    /// At this distance from the frame pointer.
    Frame(i32),
}

impl CodeTables {
    /// The count of fuel at the faulting instruction at exactly this offset.
    pub(crate) fn fuel_at(&self, offset: u32) -> Option<FuelSite> {
        let i = self.fuel.binary_search_by_key(&offset, |site| site.offset);
        Some(self.fuel[i.ok()?])
    }

    /// The trap code recorded at exactly this offset.
    pub(crate) fn trap_at(&self, offset: u32) -> Option<u8> {
        let i = self
            .traps
            .binary_search_by_key(&offset, |&(at, _)| at)
            .ok()?;
        Some(self.traps[i].1)
    }

    /// The wasm offset of the operator whose code covers this offset.
    pub(crate) fn wasm_offset_at(&self, offset: u32) -> Option<u32> {
        let after = self.addresses.partition_point(|&(at, _)| at <= offset);
        let (_, wasm) = *self.addresses.get(after.checked_sub(1)?)?;
        (wasm != u32::MAX).then_some(wasm)
    }
}

/// The trampolines of some function types.
#[derive(Default, Debug)]
pub(crate) struct TrampolineCode {
    pub(crate) text: Vec<u8>,
    /// By type, where they are.
    pub(crate) places: Vec<TrampolinePlace>,
}

/// Where the two trampolines of a function type are in their text.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct TrampolinePlace {
    pub(crate) enter: u32,
    pub(crate) exit: u32,
}
