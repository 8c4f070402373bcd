//! Random function bodies: well nested, but not valid; plans do not look at types.

/// SplitMix64.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a bound that is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Straight operators, some of them structural, some that may trap.
const STRAIGHT: &[&[u8]] = &[
    &[0x01],          // nop
    &[0x1a],          // drop
    &[0x1b],          // select
    &[0x20, 0],       // local.get
    &[0x41, 1],       // i32.const
    &[0x6a],          // i32.add
    &[0x6d],          // i32.div_s
    &[0x28, 2, 0],    // i32.load
    &[0x3f, 0],       // memory.size
    &[0x25, 0],       // table.get
    &[0xfc, 0x00],    // i32.trunc_sat_f32_s
    &[0xfc, 0x09, 0], // data.drop
    &[0xfc, 0x0d, 0], // elem.drop
    &[0xfc, 0x10, 0], // table.size
];

/// Operators at which others see the count.
const PINNED: &[&[u8]] = &[
    &[0x10, 0],          // call
    &[0x11, 0, 0],       // call_indirect
    &[0x14, 0],          // call_ref
    &[0x40, 0],          // memory.grow
    &[0xfc, 0x08, 0, 0], // memory.init
    &[0xfc, 0x0a, 0, 0], // memory.copy
    &[0xfc, 0x0b, 0],    // memory.fill
    &[0xfc, 0x0c, 0, 0], // table.init
    &[0xfc, 0x0e, 0, 0], // table.copy
    &[0xfc, 0x0f, 0],    // table.grow
    &[0xfc, 0x11, 0],    // table.fill
];

/// Operators behind which nothing is reachable.
const FINAL: &[&[u8]] = &[
    &[0x00],       // unreachable
    &[0x0f],       // return
    &[0x12, 0],    // return_call
    &[0x13, 0, 0], // return_call_indirect
    &[0x15, 0],    // return_call_ref
];

/// A body of about so many operators.
pub(super) fn body(rng: &mut Rng, operators: usize) -> Vec<u8> {
    let mut out = vec![0];
    // For each open block whether an `else` may follow.
    let mut open = vec![false];
    for _ in 0..operators {
        // What ends the function's own block early leaves little to look at.
        let may_end = open.len() > 1 || rng.below(8) == 0;
        match rng.below(40) {
            0..16 => emit(&mut out, rng, STRAIGHT),
            16 | 17 => emit(&mut out, rng, PINNED),
            18 if may_end && rng.below(3) == 0 => emit(&mut out, rng, FINAL),
            19..22 => {
                out.extend([0x02, 0x40]);
                open.push(false);
            }
            22 | 23 => {
                out.extend([0x03, 0x40]);
                open.push(false);
            }
            24..27 => {
                out.extend([0x04, 0x40]);
                open.push(true);
            }
            27 | 28 => {
                if let Some(may @ true) = open.last_mut() {
                    *may = false;
                    out.push(0x05);
                }
            }
            29..34 if open.len() > 1 => {
                out.push(0x0b);
                open.pop();
            }
            34 if may_end && rng.below(2) == 0 => branch(&mut out, rng, 0x0c, open.len()),
            35..38 => {
                // br_if, and rarely br_on_null and br_on_non_null
                let code = [0x0d, 0x0d, 0x0d, 0x0d, 0xd5, 0xd6][rng.below(6)];
                branch(&mut out, rng, code, open.len());
            }
            38 if may_end && rng.below(2) == 0 => {
                let targets = rng.below(6);
                out.push(0x0e);
                leb(&mut out, u32::try_from(targets).expect("below 6"));
                for _ in 0..=targets {
                    depth(&mut out, rng, open.len());
                }
            }
            _ => {}
        }
    }
    out.extend(open.iter().map(|_| 0x0b));
    out
}

fn emit(out: &mut Vec<u8>, rng: &mut Rng, choice: &[&[u8]]) {
    out.extend_from_slice(choice[rng.below(choice.len())]);
}

fn branch(out: &mut Vec<u8>, rng: &mut Rng, code: u8, open: usize) {
    out.push(code);
    depth(out, rng, open);
}

/// Mostly an inner label.
fn depth(out: &mut Vec<u8>, rng: &mut Rng, open: usize) {
    let labels = match rng.below(8) {
        0 => open,
        _ => open.saturating_sub(1).clamp(1, 4),
    };
    let depth = rng.below(labels);
    leb(out, u32::try_from(depth).expect("few blocks are open"));
}

pub(super) fn leb(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
