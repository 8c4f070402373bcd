//! Vectors as bytes, their lanes as numbers of Rust, and random ones.

use tussah::{V128, Val};

/// A vector, or any other value in its lowest bytes.
pub(crate) type V = [u8; 16];

/// A number that is a lane.
pub(crate) trait Lane: Copy {
    const BYTES: usize;
    fn read(bytes: &[u8]) -> Self;
    fn write(self, bytes: &mut [u8]);
}

macro_rules! lanes {
    ($($ty:ty)*) => {$(
        impl Lane for $ty {
            const BYTES: usize = size_of::<$ty>();
            fn read(bytes: &[u8]) -> Self {
                <$ty>::from_le_bytes(bytes.try_into().expect("as many bytes as the type has"))
            }
            fn write(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

lanes!(i8 u8 i16 u16 i32 u32 i64 u64 f32 f64);

/// The lanes of a vector.
pub(crate) fn lanes<T: Lane>(v: V) -> Vec<T> {
    v.chunks(T::BYTES).map(T::read).collect()
}

/// The vector of these lanes; zero behind them.
pub(crate) fn vector<T: Lane>(lanes: impl IntoIterator<Item = T>) -> V {
    let mut v = [0; 16];
    for (lane, bytes) in lanes.into_iter().zip(v.chunks_mut(T::BYTES)) {
        lane.write(bytes);
    }
    v
}

/// The lowest lane.
pub(crate) fn low<T: Lane>(v: V) -> T {
    T::read(&v[..T::BYTES])
}

/// Lane by lane.
pub(crate) fn map<T: Lane, R: Lane>(a: V, f: impl Fn(T) -> R) -> V {
    vector(lanes(a).into_iter().map(f))
}

/// Lane by lane, of two vectors.
pub(crate) fn zip<T: Lane, R: Lane>(a: V, b: V, f: impl Fn(T, T) -> R) -> V {
    let pairs = lanes(a).into_iter().zip(lanes(b));
    vector(pairs.map(|(a, b)| f(a, b)))
}

/// Lane by lane, of three vectors.
pub(crate) fn zip3<T: Lane, R: Lane>(a: V, b: V, c: V, f: impl Fn(T, T, T) -> R) -> V {
    let triples = lanes(a).into_iter().zip(lanes(b)).zip(lanes(c));
    vector(triples.map(|((a, b), c)| f(a, b, c)))
}

/// Types of values.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Ty {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::V128 => "v128",
        }
    }

    pub(crate) fn to_val(self, v: V) -> Val {
        match self {
            Ty::I32 => Val::I32(low(v)),
            Ty::I64 => Val::I64(low(v)),
            Ty::F32 => Val::F32(low(v)),
            Ty::F64 => Val::F64(low(v)),
            Ty::V128 => Val::V128(V128::from(u128::from_le_bytes(v))),
        }
    }

    /// A constant in the text format.
    pub(crate) fn constant(self, v: V) -> String {
        match self {
            Ty::I32 => format!("(i32.const {})", low::<i32>(v)),
            Ty::I64 => format!("(i64.const {})", low::<i64>(v)),
            Ty::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", low::<i32>(v)),
            Ty::F64 => format!("(f64.reinterpret_i64 (i64.const {}))", low::<i64>(v)),
            Ty::V128 => {
                let [a, b] = lanes::<i64>(v)[..] else {
                    unreachable!("a vector has two lanes of 64 bits")
                };
                format!("(v128.const i64x2 {a} {b})")
            }
        }
    }
}

pub(crate) fn from_val(val: &Val) -> V {
    match *val {
        Val::I32(v) => vector([v]),
        Val::I64(v) => vector([v]),
        Val::F32(bits) => vector([bits]),
        Val::F64(bits) => vector([bits]),
        Val::V128(v) => v.as_u128().to_le_bytes(),
        ref other => panic!("{other:?} is no number"),
    }
}

/// SplitMix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.number() % u64::from(bound)).expect("below the bound")
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// Random bytes, or lanes that are special in their type.
    pub(crate) fn vector(&mut self) -> V {
        match self.below(9) {
            0 => vector((0..16).map(|_| [0x7f, 0x80, 0xff, 0, 1, 0x81][self.below(6) as usize])),
            1 => vector(
                (0..8).map(|_| [i16::MIN, i16::MAX, -1, 0, 1, 255, -129][self.below(7) as usize]),
            ),
            2 => vector(
                (0..4).map(|_| [i32::MIN, i32::MAX, -1, 0, 1, 65536][self.below(6) as usize]),
            ),
            3 => vector(
                (0..2).map(|_| [i64::MIN, i64::MAX, -1, 0, 1, 1 << 53][self.below(6) as usize]),
            ),
            4 => vector((0..4).map(|_| self.special_f32())),
            5 => vector((0..2).map(|_| self.special_f64())),
            // Small numbers, where conversions and roundings differ.
            6 => vector((0..4).map(|_| (self.below(4001) as f32 - 2000.0) / 8.0)),
            7 => vector((0..2).map(|_| (f64::from(self.below(4001)) - 2000.0) / 8.0)),
            _ => vector((0..16).map(|_| self.byte())),
        }
    }

    fn special_f32(&mut self) -> f32 {
        const SPECIAL: [f32; 16] = [
            0.0,
            -0.0,
            1.0,
            -1.5,
            2.5,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MAX,
            f32::MIN_POSITIVE,
            1e-45,
            2_147_483_648.0,
            -2_147_483_648.0,
            4_294_967_296.0,
            4_294_967_040.0,
            -2_147_484_000.0,
        ];
        match self.below(20) {
            16 => f32::from_bits(0x7fa0_0000),
            17 => f32::from_bits(0xffc0_0001),
            i => SPECIAL[i as usize % 16],
        }
    }

    fn special_f64(&mut self) -> f64 {
        const SPECIAL: [f64; 16] = [
            0.0,
            -0.0,
            1.0,
            -1.5,
            2.5,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            2_147_483_647.5,
            -2_147_483_648.9,
            4_294_967_296.0,
            4_294_967_295.5,
            1e300,
        ];
        match self.below(20) {
            16 => f64::from_bits(0x7ff4_0000_0000_0000),
            17 => f64::from_bits(0xfff8_0000_0000_0001),
            i => SPECIAL[i as usize % 16],
        }
    }
}
