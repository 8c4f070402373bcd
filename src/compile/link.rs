//! Puts compiled functions into one text and resolves the calls among them.
//!
//! The result is position independent: a relocation to anything outside the text is refused. Must not know where a
//! function comes from.

use super::symbol::Symbol;
use super::translate::Marked;
use crate::abi::builtins::HOST_WORD;
use crate::abi::encode_trap;
use crate::code::FuelSite;
use crate::error::{Result, bail, ensure, format_err};
use crate::wasm::Trap;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, StackSlot, TrapCode};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use cranelift_codegen::{CompiledCode, FinalizedRelocTarget};
use std::collections::HashMap;

/// Machine code of one function and what is to be known about it. Offsets are relative to its start.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) symbol: Symbol,
    pub(crate) code: Vec<u8>,
    pub(crate) align: u32,
    /// Bytes of stack from the frame pointer down.
    pub(crate) frame: u32,
    /// See `FuncLoc::fuel_slot`.
    pub(crate) fuel_slot: i32,
    pub(crate) fuel: Vec<FuelSite>,
    pub(crate) calls: Vec<Call>,
    pub(crate) traps: Vec<(u32, u8)>,
    pub(crate) addresses: Vec<(u32, u32)>,
    /// How its frames are unwound, if that is wanted.
    pub(crate) unwind: Option<UnwindInfo>,
}

/// A call to be resolved.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) offset: u32,
    pub(crate) reloc: Reloc,
    pub(crate) addend: i64,
    pub(crate) target: Symbol,
}

impl Compiled {
    /// Takes what is needed out of the code generator's hands. `func` is what was compiled.
    pub(crate) fn new(
        symbol: Symbol,
        func: &Function,
        compiled: &CompiledCode,
        isa: &dyn TargetIsa,
        addresses: bool,
    ) -> Result<Self> {
        let buffer = &compiled.buffer;
        let mut calls = Vec::with_capacity(buffer.relocs().len());
        for reloc in buffer.relocs() {
            let target = match &reloc.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => func
                    .params
                    .user_named_funcs()
                    .get(*name)
                    .and_then(Symbol::from_external)
                    .ok_or_else(|| {
                        format_err!("the code of {symbol:?} refers to an unknown name")
                    })?,
                target => bail!(
                    "the code of {symbol:?} needs `{}`, which is not part of the module",
                    target.display(Some(&func.params))
                ),
            };
            calls.push(Call {
                offset: reloc.offset,
                reloc: reloc.kind,
                addend: reloc.addend,
                target,
            });
        }
        let mut traps = Vec::with_capacity(buffer.traps().len());
        for trap in buffer.traps() {
            traps.push((trap.offset, trap_code(trap.code)));
        }
        traps.sort_unstable();
        traps.dedup_by_key(|(offset, _)| *offset);
        let unwind = if isa.flags().unwind_info() {
            compiled.create_unwind_info(isa).map_err(|error| {
                format_err!("the frames of {symbol:?} have no description: {error}")
            })?
        } else {
            None
        };
        Ok(Compiled {
            symbol,
            code: buffer.data().to_vec(),
            align: buffer
                .alignment
                .max(isa.function_alignment().preferred)
                .max(16),
            frame: buffer
                .frame_layout()
                .map_or(u32::MAX, |frame| frame.frame_to_fp_offset),
            fuel_slot: 0,
            fuel: Vec::new(),
            calls,
            traps,
            addresses: if addresses {
                address_map(compiled)
            } else {
                Vec::new()
            },
            unwind,
        })
    }
}

/// Where a slot lies, relative to the frame pointer.
pub(crate) fn slot_offset(compiled: &CompiledCode, slot: StackSlot) -> Option<i32> {
    let frame = compiled.buffer.frame_layout()?;
    let from_bottom = i32::try_from(frame.stackslots[slot].offset).ok()?;
    Some(from_bottom - i32::try_from(frame.frame_to_fp_offset).ok()?)
}

/// Cranelift's own trap codes become ours; ours stay.
fn trap_code(code: TrapCode) -> u8 {
    encode_trap(match code {
        TrapCode::STACK_OVERFLOW => Trap::StackOverflow,
        TrapCode::HEAP_OUT_OF_BOUNDS => Trap::MemoryOutOfBounds,
        TrapCode::INTEGER_OVERFLOW => Trap::IntegerOverflow,
        TrapCode::INTEGER_DIVISION_BY_ZERO => Trap::IntegerDivisionByZero,
        TrapCode::BAD_CONVERSION_TO_INTEGER => Trap::BadConversionToInteger,
        other => match Marked::from_clif(other) {
            Some(marked) => marked.trap,
            None => return other.as_raw().get(),
        },
    })
}

/// Each entry holds up to the next; the first is at the function's start, so that none of the function before it
/// reaches into this one.
fn address_map(compiled: &CompiledCode) -> Vec<(u32, u32)> {
    const NONE: u32 = u32::MAX;
    let mut map: Vec<(u32, u32)> = Vec::new();
    let mut add = |offset: u32, loc: u32| match map.last() {
        Some(&(_, last)) if last == loc => {}
        _ => map.push((offset, loc)),
    };
    let mut end = 0;
    for range in compiled.buffer.get_srclocs_sorted() {
        if range.start >= range.end {
            continue;
        }
        if range.start > end {
            add(end, NONE);
        }
        // A default location is all ones, which is what we keep for "none".
        add(range.start, range.loc.bits());
        end = range.end;
    }
    if end < compiled.buffer.total_size() {
        add(end, NONE);
    }
    map
}

/// One text and where each function lies in it, in the order given.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) text: Vec<u8>,
    pub(crate) starts: Vec<u32>,
}

/// Calls reach 2 GiB in either direction.
const MAX_TEXT: u64 = 2 << 30;

/// Lays the functions out and resolves their calls. `host_word` puts the host's word behind them.
pub(crate) fn link(isa: &dyn TargetIsa, functions: &[Compiled], host_word: bool) -> Result<Linked> {
    let size: u64 = functions
        .iter()
        .map(|f| f.code.len() as u64 + u64::from(f.align))
        .sum();
    ensure!(
        size < MAX_TEXT,
        "the module's machine code exceeds the limit of {MAX_TEXT} bytes"
    );
    let mut labels: HashMap<Symbol, usize> = functions
        .iter()
        .enumerate()
        .map(|(label, f)| (f.symbol, label))
        .collect();
    if host_word {
        labels.insert(Symbol::HostWord, functions.len());
    }
    let mut control = ControlPlane::default();
    let mut text = isa.text_section_builder(labels.len());
    let mut starts = Vec::with_capacity(functions.len());
    for f in functions {
        let start = text.append(true, &f.code, f.align, &mut control);
        starts.push(u32::try_from(start)?);
        for call in &f.calls {
            let label = *labels.get(&call.target).ok_or_else(|| {
                format_err!(
                    "{:?} refers to {:?}, which is not there",
                    f.symbol,
                    call.target
                )
            })?;
            let at = start + u64::from(call.offset);
            ensure!(
                text.resolve_reloc(at, call.reloc, call.addend, label),
                "the linker does not know relocations of kind {:?}",
                call.reloc
            );
        }
    }
    if host_word {
        let align = u32::try_from(HOST_WORD)?;
        text.append(true, &[0; HOST_WORD], align, &mut control);
    }
    Ok(Linked {
        text: text.finish(&mut control),
        starts,
    })
}
