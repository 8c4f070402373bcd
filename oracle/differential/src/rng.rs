//! Pseudo-random numbers: the same seed gives the same case on every machine.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Rng(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        // The remainder is below a 32-bit number.
        u32::try_from(self.number() % u64::from(bound)).unwrap_or(0)
    }

    /// Whether something with a chance of `n` in `of` happens.
    pub(crate) fn chance(&mut self, n: u32, of: u32) -> bool {
        self.below(of) < n
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(u32::try_from(from.len()).unwrap_or(u32::MAX)) as usize]
    }

    /// A word that is often small or at an edge.
    pub(crate) fn word(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => u64::from(self.below(4)).wrapping_neg(),
            2 => 1 << self.below(64),
            3 => (1 << self.below(64)) - 1,
            4 | 5 => u64::from(self.below(256)),
            _ => self.number(),
        }
    }

    /// As [`Rng::word`], the low half.
    pub(crate) fn half_word(&mut self) -> i32 {
        let [a, b, c, d, ..] = self.word().to_le_bytes();
        i32::from_le_bytes([a, b, c, d])
    }

    /// Bits of a float that is no NaN: payloads are free in more places than comparisons can follow.
    pub(crate) fn f32_bits(&mut self) -> u32 {
        let bits = match self.below(4) {
            0 => *self.pick(&[0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 1, 0x4f00_0000]),
            1 => self.below(u32::MAX),
            _ => (f32::from(i16::from_le_bytes([self.byte(), self.byte()])) / 4.0).to_bits(),
        };
        if f32::from_bits(bits).is_nan() {
            0x3f80_0000
        } else {
            bits
        }
    }

    /// As [`Rng::f32_bits`].
    pub(crate) fn f64_bits(&mut self) -> u64 {
        let bits = match self.below(4) {
            0 => *self.pick(&[0, 1 << 63, 0x7ff0 << 48, 0xfff0 << 48, 1, 0x41e0 << 48]),
            1 => self.number(),
            _ => (f64::from(i16::from_le_bytes([self.byte(), self.byte()])) / 4.0).to_bits(),
        };
        if f64::from_bits(bits).is_nan() {
            0x3ff0 << 48
        } else {
            bits
        }
    }

    /// Bits of four floats of 32 bits or of two of 64 that are no NaNs.
    pub(crate) fn vector_bits(&mut self) -> u128 {
        if self.chance(1, 2) {
            (0..4).fold(0, |bits, _| bits << 32 | u128::from(self.f32_bits()))
        } else {
            (0..2).fold(0, |bits, _| bits << 64 | u128::from(self.f64_bits()))
        }
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }
}
