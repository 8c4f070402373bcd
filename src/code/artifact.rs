//! What compilation yields: machine code and the tables that describe it.

use super::Dwarf;
use crate::bytes::{Bytes, Table};
use crate::entity::PrimaryMap;
use crate::wasm::{DefinedFuncIndex, ModuleInfo};
use serde::{Deserialize, Serialize};
use std::fs::File;

/// A compiled module: position-independent code without host relocations, and everything known about it.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) module: ModuleInfo,
    pub(crate) text: Text,
    pub(crate) functions: PrimaryMap<DefinedFuncIndex, FuncLoc>,
    pub(crate) tables: CodeTables,
    pub(crate) dwarf: Dwarf,
    /// Trampolines that came along, if any.
    pub(crate) trampolines: TrampolineCode,
}

/// How far behind the beginning of a text of this length its `.eh_frame` is put.
pub(crate) fn frames_offset(text: usize) -> usize {
    text.next_multiple_of(8)
}

/// Machine code. Functions lie at 16-byte aligned offsets; the host's word (see `abi::builtins`) is the last.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) bytes: Bytes,
    /// `.eh_frame`, to lie at [`frames_offset`] from the text, as it does in the file; may be empty.
    pub(crate) frames: Bytes,
    /// The file that holds it, and where, if it may be mapped: whoever says so promises that nobody changes the file.
    pub(crate) file: Option<(File, u64)>,
}

/// Where a function's code lies, and where it came from.
#[derive(Copy, Clone, Debug)]
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

impl FuncLoc {
    pub(super) const SIZE: usize = 16;

    pub(super) fn to_bytes(self) -> [u8; Self::SIZE] {
        words([
            self.start,
            self.len,
            self.wasm_offset,
            self.fuel_slot.cast_unsigned(),
        ])
    }

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let [start, len, wasm_offset, slot] = unwords(bytes);
        FuncLoc {
            start,
            len,
            wasm_offset,
            fuel_slot: slot.cast_signed(),
        }
    }
}

/// Sorted tables over text offsets. Whatever bytes they are made of, looking things up does no harm.
#[derive(Clone, Default, Debug)]
pub(crate) struct CodeTables {
    /// Trap codes of instructions.
    pub(crate) traps: Table<1>,
    /// By first offset the byte offset in the wasm binary; an entry holds up to the next one. [`NO_OPERATOR`] means that
    /// the code belongs to no wasm operator.
    pub(crate) addresses: Table<4>,
    /// Where the count of fuel is when an instruction faults.
    pub(crate) fuel: Table<12>,
}

/// Instead of an offset in the wasm binary.
const NO_OPERATOR: u32 = u32::MAX;

/// The count of fuel at an instruction that may fault.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct FuelSite {
    /// Offset of the instruction.
    pub(crate) offset: u32,
    pub(crate) place: FuelPlace,
    /// What is to be added to what is found there.
    pub(crate) owed: i32,
}

/// Where a word of a running function is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum FuelPlace {
    /// In the integer register of this number, as instructions encode it.
    Register(u8),
    /// At this distance from the frame pointer.
    Frame(i32),
}

/// What kind of place a word is in, as the fuel table has it.
const IN_REGISTER: u32 = 0;
const IN_FRAME: u32 = 1;

impl CodeTables {
    /// Tables of entries that are sorted by offset.
    pub(crate) fn new(traps: &[(u32, u8)], addresses: &[(u32, u32)], fuel: &[FuelSite]) -> Self {
        CodeTables {
            traps: Table::new(traps.iter().map(|&(offset, code)| (offset, [code]))),
            addresses: Table::new(
                addresses
                    .iter()
                    .map(|&(offset, wasm)| (offset, wasm.to_le_bytes())),
            ),
            fuel: Table::new(fuel.iter().map(|site| {
                let (kind, place) = match site.place {
                    FuelPlace::Register(register) => (IN_REGISTER, u32::from(register)),
                    FuelPlace::Frame(distance) => (IN_FRAME, distance.cast_unsigned()),
                };
                (site.offset, words([site.owed.cast_unsigned(), kind, place]))
            })),
        }
    }

    /// The count of fuel at the faulting instruction at exactly this offset.
    pub(crate) fn fuel_at(&self, offset: u32) -> Option<FuelSite> {
        let [owed, kind, place] = unwords(self.fuel.get(offset)?);
        Some(FuelSite {
            offset,
            place: match kind {
                IN_REGISTER => FuelPlace::Register(u8::try_from(place).ok().filter(|&r| r < 16)?),
                IN_FRAME => FuelPlace::Frame(place.cast_signed()),
                _ => return None,
            },
            owed: owed.cast_signed(),
        })
    }

    /// The trap code recorded at exactly this offset.
    pub(crate) fn trap_at(&self, offset: u32) -> Option<u8> {
        self.traps.get(offset).map(|[code]| code)
    }

    /// The wasm offset of the operator whose code covers this offset.
    pub(crate) fn wasm_offset_at(&self, offset: u32) -> Option<u32> {
        operator(self.addresses.at_or_before(offset)?.1)
    }

    /// Offsets in the text, ascending, with the wasm offset of the operator that the code from there on belongs to.
    pub(crate) fn addresses(&self) -> impl ExactSizeIterator<Item = (u32, Option<u32>)> + '_ {
        self.addresses
            .iter()
            .map(|(offset, wasm)| (offset, operator(wasm)))
    }
}

fn operator(wasm: [u8; 4]) -> Option<u32> {
    let wasm = u32::from_le_bytes(wasm);
    (wasm != NO_OPERATOR).then_some(wasm)
}

fn words<const N: usize, const BYTES: usize>(words: [u32; N]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn unwords<const N: usize, const BYTES: usize>(bytes: [u8; BYTES]) -> [u32; N] {
    let (chunks, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|i| chunks.get(i).map_or(0, |word| u32::from_le_bytes(*word)))
}

/// The trampolines of some function types.
#[derive(Default, Debug)]
pub(crate) struct TrampolineCode {
    pub(crate) text: Bytes,
    /// As in [`Text`].
    pub(crate) frames: Bytes,
    /// By type, where they are. In an artifact: of the module's types, in order, each type once; or of none.
    pub(crate) places: Vec<TrampolinePlace>,
}

/// Where the two trampolines of a function type are in their text.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct TrampolinePlace {
    pub(crate) enter: u32,
    pub(crate) exit: u32,
}
