//! `.eh_frame`: how the system's unwinder, and native debuggers, walk over frames of compiled code.
//!
//! Positions are relative to where they stand, and the section lies at a fixed distance behind the text, so that it is
//! as independent of addresses as the text is.

use super::link::{Compiled, Linked};
use crate::code::frames_offset;
use crate::error::{Context, Result, bail};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use gimli::constants::{DW_EH_PE_pcrel, DW_EH_PE_sdata4};
use gimli::write::{Address, EhFrame, EndianVec, FrameTable, Writer};
use gimli::{DwEhPe, LittleEndian};

/// The section for a text; empty if the code generator was not asked for it.
pub(super) fn frames(
    isa: &dyn TargetIsa,
    functions: &[Compiled],
    linked: &Linked,
) -> Result<Vec<u8>> {
    if !isa.flags().unwind_info() {
        return Ok(Vec::new());
    }
    let mut entry = isa
        .create_systemv_cie()
        .context("the code generator knows no unwinding for this machine")?;
    entry.fde_address_encoding = DwEhPe(DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0);
    let mut table = FrameTable::default();
    let common = table.add_cie(entry);
    let section = frames_offset(linked.text.len()) as u64;
    for (function, &start) in functions.iter().zip(&linked.starts) {
        match &function.unwind {
            Some(UnwindInfo::SystemV(info)) => {
                // Counted from the section, and so negative.
                let start = u64::from(start).wrapping_sub(section);
                table.add_fde(common, info.to_fde(Address::Constant(start)));
            }
            Some(_) => bail!("the code generator describes frames for another system"),
            None => {}
        }
    }
    let mut out = EhFrame(EndianVec::new(LittleEndian));
    table
        .write_eh_frame(&mut out)
        .context("cannot describe the frames of compiled code")?;
    // The unwinder reads up to a length of zero.
    out.0.write_u32(0).context("cannot end the section")?;
    Ok(out.0.into_vec())
}
