//! Linux on x86-64: the registers of an interrupted thread, and what fresh code needs before it runs.

use crate::os::Continue;
use libc::{
    REG_EFL, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX,
    REG_RBP, REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP, c_int, ucontext_t,
};

/// The direction flag. Both calling conventions and wasm code want it clear.
const DIRECTION: i64 = 1 << 10;

/// The integer registers in the order of their numbers in instructions.
const NUMBERED: [c_int; 16] = [
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9,
    REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
];

/// The registers that a fault handler looks at.
#[derive(Copy, Clone, Debug)]
pub(super) struct Registers {
    pub(super) pc: usize,
    pub(super) sp: usize,
    pub(super) fp: usize,
    /// By the numbers that instructions encode.
    pub(super) numbered: [usize; 16],
}

/// Reads the interrupted thread's registers.
pub(super) fn registers(context: &ucontext_t) -> Registers {
    // A register is a machine word, which the C library types as signed.
    let word =
        |register| usize::from_ne_bytes(context.uc_mcontext.gregs[slot(register)].to_ne_bytes());
    Registers {
        pc: word(REG_RIP),
        sp: word(REG_RSP),
        fp: word(REG_RBP),
        numbered: NUMBERED.map(word),
    }
}

/// Makes the interrupted thread go on elsewhere once the handler returns.
pub(super) fn redirect(context: &mut ucontext_t, to: Continue) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[slot(REG_RIP)] = (to.pc as u64).cast_signed();
    registers[slot(REG_RSP)] = (to.sp as u64).cast_signed();
    registers[slot(REG_RBP)] = (to.fp as u64).cast_signed();
    registers[slot(REG_EFL)] &= !DIRECTION;
}

/// Makes freshly written code visible to instruction fetch. This processor needs nothing: its caches are coherent, and
/// the protection change that precedes execution serialises every processor that had the pages mapped.
pub(super) fn synchronize_code(_base: *const u8, _len: usize) {}

fn slot(register: c_int) -> usize {
    register.cast_unsigned() as usize
}
