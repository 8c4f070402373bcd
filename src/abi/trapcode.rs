//! Trap codes: how a [`Trap`] is numbered in compiled code.
//!
//! Cranelift keeps one byte per trap site: its own reserved codes at the top, ours from [`TRAP_CODE_BASE`] upward.

use crate::wasm::Trap;

/// The code of the first [`Trap`]; a code of zero does not exist.
const TRAP_CODE_BASE: u8 = 1;

/// The code of a trap.
pub(crate) const fn encode_trap(trap: Trap) -> u8 {
    trap as u8 + TRAP_CODE_BASE
}

/// The trap of a code.
pub(crate) fn decode_trap(code: u8) -> Option<Trap> {
    Trap::from_u8(code.checked_sub(TRAP_CODE_BASE)?)
}

#[cfg(test)]
mod tests {
    use super::{decode_trap, encode_trap};
    use crate::wasm::Trap;

    #[test]
    fn codes_round_trip() {
        let mut seen = 0;
        for n in 0..=u8::MAX {
            if let Some(trap) = Trap::from_u8(n) {
                assert_eq!(decode_trap(encode_trap(trap)), Some(trap));
                seen += 1;
            }
        }
        assert!(seen > 20);
        assert_eq!(decode_trap(0), None);
    }
}
