//! For each operator but loads and stores: its parameters, its result, and what it should compute.

use crate::model::{Lane, Ty, V, lanes, low, map, vector, zip, zip3};

/// Which NaNs a result may have.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Nan {
    /// There is nothing to choose.
    Exact,
    /// In lanes of 32 bits that are NaN, any arithmetic one.
    F32,
    F64,
}

pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Ty],
    /// How many immediates, and what they are below.
    pub(crate) immediates: (usize, u32),
    pub(crate) result: Ty,
    pub(crate) nan: Nan,
    pub(crate) model: fn(&[V], &[u8]) -> V,
}

const NONE: (usize, u32) = (0, 0);
const V1: &[Ty] = &[Ty::V128];
const V2: &[Ty] = &[Ty::V128; 2];
const V3: &[Ty] = &[Ty::V128; 3];

/// `name => shape model`, where the shape tells parameters, immediates, result and how NaNs compare.
macro_rules! operators {
    ($($name:expr => $shape:ident $model:expr;)*) => {
        vec![$({
            let (params, immediates, result, nan) = shape::$shape();
            Op { name: $name, params, immediates, result, nan, model: $model }
        }),*]
    };
}

mod shape {
    //! Parameters, immediates, result, and how NaNs compare.
    use super::{NONE, Nan, Ty, V1, V2, V3};
    type Shape = (&'static [Ty], (usize, u32), Ty, Nan);
    pub(super) fn v() -> Shape {
        (V1, NONE, Ty::V128, Nan::Exact)
    }
    pub(super) fn f32() -> Shape {
        (V1, NONE, Ty::V128, Nan::F32)
    }
    pub(super) fn f64() -> Shape {
        (V1, NONE, Ty::V128, Nan::F64)
    }
    pub(super) fn vv() -> Shape {
        (V2, NONE, Ty::V128, Nan::Exact)
    }
    pub(super) fn ff32() -> Shape {
        (V2, NONE, Ty::V128, Nan::F32)
    }
    pub(super) fn ff64() -> Shape {
        (V2, NONE, Ty::V128, Nan::F64)
    }
    pub(super) fn vvv() -> Shape {
        (V3, NONE, Ty::V128, Nan::Exact)
    }
    pub(super) fn fff32() -> Shape {
        (V3, NONE, Ty::V128, Nan::F32)
    }
    pub(super) fn fff64() -> Shape {
        (V3, NONE, Ty::V128, Nan::F64)
    }
    pub(super) fn shift() -> Shape {
        (&[Ty::V128, Ty::I32], NONE, Ty::V128, Nan::Exact)
    }
    pub(super) fn test() -> Shape {
        (V1, NONE, Ty::I32, Nan::Exact)
    }
    pub(super) fn shuffle() -> Shape {
        (V2, (16, 32), Ty::V128, Nan::Exact)
    }
    macro_rules! lane_shapes {
        ($($splat:ident $extract:ident $replace:ident $ty:ident $count:literal;)*) => {$(
            pub(super) fn $splat() -> Shape {
                (&[Ty::$ty], NONE, Ty::V128, Nan::Exact)
            }
            pub(super) fn $extract() -> Shape {
                (V1, (1, $count), Ty::$ty, Nan::Exact)
            }
            pub(super) fn $replace() -> Shape {
                (&[Ty::V128, Ty::$ty], (1, $count), Ty::V128, Nan::Exact)
            }
        )*};
    }
    lane_shapes! {
        splat8 extract8 replace8 I32 16;
        splat16 extract16 replace16 I32 8;
        splat32 extract32 replace32 I32 4;
        splat64 extract64 replace64 I64 2;
        splatf32 extractf32 replacef32 F32 4;
        splatf64 extractf64 replacef64 F64 2;
    }
}

fn splat<T: Lane>(a: &[V], _: &[u8]) -> V {
    vector(vec![low::<T>(a[0]); 16 / T::BYTES])
}

fn extract<T: Lane>(a: V, lane: u8) -> T {
    lanes::<T>(a)[usize::from(lane)]
}

fn replace<T: Lane>(a: &[V], lane: &[u8]) -> V {
    let mut all = lanes::<T>(a[0]);
    all[usize::from(lane[0])] = low(a[1]);
    vector(all)
}

/// All ones or all zeros.
macro_rules! mask {
    ($ty:ty, $cond:expr) => {
        if $cond { <$ty>::MAX } else { 0 }
    };
}

fn bits(a: V, f: impl Fn(u8) -> u8) -> V {
    map(a, f)
}

fn low_half<T: Lane, R: Lane>(a: V, f: impl Fn(T) -> R) -> Vec<R> {
    let all = lanes(a);
    let half = all.len() / 2;
    all.into_iter().take(half).map(f).collect()
}

fn high_half<T: Lane, R: Lane>(a: V, f: impl Fn(T) -> R) -> Vec<R> {
    let all = lanes(a);
    let half = all.len() / 2;
    all.into_iter().skip(half).map(f).collect()
}

/// Widened halves, multiplied.
fn ext_mul<T: Lane, R: Lane>(half: impl Fn(V) -> Vec<T>, a: &[V], mul: impl Fn(T, T) -> R) -> V {
    let pairs = half(a[0]).into_iter().zip(half(a[1]));
    vector(pairs.map(|(a, b)| mul(a, b)))
}

fn pairs<T: Lane, R: Lane>(a: V, f: impl Fn(T, T) -> R) -> V {
    vector(lanes::<T>(a).chunks(2).map(|pair| f(pair[0], pair[1])))
}

macro_rules! float_rules {
    ($min:ident $max:ident $ty:ty) => {
        /// The lesser; NaN if either is; -0 is less than 0.
        pub(crate) fn $min(a: $ty, b: $ty) -> $ty {
            match (a, b) {
                _ if a.is_nan() || b.is_nan() => <$ty>::NAN,
                _ if a == b => {
                    if a.is_sign_negative() {
                        a
                    } else {
                        b
                    }
                }
                _ if a < b => a,
                _ => b,
            }
        }
        /// The greater; NaN if either is; 0 is greater than -0.
        pub(crate) fn $max(a: $ty, b: $ty) -> $ty {
            -$min(-a, -b)
        }
    };
}
float_rules!(min32 max32 f32);
float_rules!(min64 max64 f64);

pub(crate) fn q15mulr(a: i16, b: i16) -> i16 {
    let product = (i32::from(a) * i32::from(b) + 0x4000) >> 15;
    i16::try_from(product).unwrap_or(i16::MAX)
}

fn bitmask<T: Lane>(a: V, negative: impl Fn(T) -> bool) -> V {
    let signs = lanes(a).into_iter().map(negative);
    vector([signs
        .enumerate()
        .map(|(i, set)| u32::from(set) << i)
        .sum::<u32>()])
}

fn truth(is: bool) -> V {
    vector([u32::from(is)])
}

/// Everything that one type of integer lanes has.
macro_rules! integer {
    ($ops:ident, $shape:literal, $s:ty, $u:ty) => {
        $ops.extend(operators! {
            concat!($shape, ".add") => vv |a, _| zip(a[0], a[1], <$s>::wrapping_add);
            concat!($shape, ".sub") => vv |a, _| zip(a[0], a[1], <$s>::wrapping_sub);
            concat!($shape, ".neg") => v |a, _| map(a[0], <$s>::wrapping_neg);
            concat!($shape, ".abs") => v |a, _| map(a[0], <$s>::wrapping_abs);
            concat!($shape, ".eq") => vv |a, _| zip(a[0], a[1], |a: $u, b| mask!($u, a == b));
            concat!($shape, ".ne") => vv |a, _| zip(a[0], a[1], |a: $u, b| mask!($u, a != b));
            concat!($shape, ".lt_s") => vv |a, _| zip(a[0], a[1], |a: $s, b| mask!($u, a < b));
            concat!($shape, ".gt_s") => vv |a, _| zip(a[0], a[1], |a: $s, b| mask!($u, a > b));
            concat!($shape, ".le_s") => vv |a, _| zip(a[0], a[1], |a: $s, b| mask!($u, a <= b));
            concat!($shape, ".ge_s") => vv |a, _| zip(a[0], a[1], |a: $s, b| mask!($u, a >= b));
            concat!($shape, ".shl") => shift |a, _| map(a[0], |x: $u| x.wrapping_shl(low(a[1])));
            concat!($shape, ".shr_s") => shift |a, _| map(a[0], |x: $s| x.wrapping_shr(low(a[1])));
            concat!($shape, ".shr_u") => shift |a, _| map(a[0], |x: $u| x.wrapping_shr(low(a[1])));
            concat!($shape, ".all_true") => test |a, _| truth(lanes(a[0]).iter().all(|&x: &$u| x != 0));
            concat!($shape, ".bitmask") => test |a, _| bitmask(a[0], |x: $s| x < 0);
        })
    };
    (unsigned $ops:ident, $shape:literal, $s:ty, $u:ty) => {
        $ops.extend(operators! {
            concat!($shape, ".lt_u") => vv |a, _| zip(a[0], a[1], |a: $u, b| mask!($u, a < b));
            concat!($shape, ".gt_u") => vv |a, _| zip(a[0], a[1], |a: $u, b| mask!($u, a > b));
            concat!($shape, ".le_u") => vv |a, _| zip(a[0], a[1], |a: $u, b| mask!($u, a <= b));
            concat!($shape, ".ge_u") => vv |a, _| zip(a[0], a[1], |a: $u, b| mask!($u, a >= b));
            concat!($shape, ".min_s") => vv |a, _| zip(a[0], a[1], <$s>::min);
            concat!($shape, ".min_u") => vv |a, _| zip(a[0], a[1], <$u>::min);
            concat!($shape, ".max_s") => vv |a, _| zip(a[0], a[1], <$s>::max);
            concat!($shape, ".max_u") => vv |a, _| zip(a[0], a[1], <$u>::max);
        })
    };
    (saturating $ops:ident, $shape:literal, $s:ty, $u:ty) => {
        $ops.extend(operators! {
            concat!($shape, ".add_sat_s") => vv |a, _| zip(a[0], a[1], <$s>::saturating_add);
            concat!($shape, ".add_sat_u") => vv |a, _| zip(a[0], a[1], <$u>::saturating_add);
            concat!($shape, ".sub_sat_s") => vv |a, _| zip(a[0], a[1], <$s>::saturating_sub);
            concat!($shape, ".sub_sat_u") => vv |a, _| zip(a[0], a[1], <$u>::saturating_sub);
            concat!($shape, ".avgr_u") => vv |a, _| zip(a[0], a[1], |a: $u, b: $u| {
                <$u>::try_from((u32::from(a) + u32::from(b)).div_ceil(2)).expect("between the two")
            });
        })
    };
}

/// Everything that one type of float lanes has.
macro_rules! float {
    ($ops:ident, $shape:literal, $f:ident $ff:ident, $ty:ty, $u:ty, $min:ident $max:ident) => {
        $ops.extend(operators! {
            concat!($shape, ".add") => $ff |a, _| zip(a[0], a[1], |a: $ty, b| a + b);
            concat!($shape, ".sub") => $ff |a, _| zip(a[0], a[1], |a: $ty, b| a - b);
            concat!($shape, ".mul") => $ff |a, _| zip(a[0], a[1], |a: $ty, b| a * b);
            concat!($shape, ".div") => $ff |a, _| zip(a[0], a[1], |a: $ty, b| a / b);
            concat!($shape, ".min") => $ff |a, _| zip(a[0], a[1], $min);
            concat!($shape, ".max") => $ff |a, _| zip(a[0], a[1], $max);
            concat!($shape, ".pmin") => vv |a, _| zip(a[0], a[1], |a: $ty, b| if b < a { b } else { a });
            concat!($shape, ".pmax") => vv |a, _| zip(a[0], a[1], |a: $ty, b| if a < b { b } else { a });
            concat!($shape, ".abs") => v |a, _| map(a[0], |x: $u| x & (<$u>::MAX >> 1));
            concat!($shape, ".neg") => v |a, _| map(a[0], |x: $u| x ^ !(<$u>::MAX >> 1));
            concat!($shape, ".sqrt") => $f |a, _| map(a[0], <$ty>::sqrt);
            concat!($shape, ".ceil") => $f |a, _| map(a[0], <$ty>::ceil);
            concat!($shape, ".floor") => $f |a, _| map(a[0], <$ty>::floor);
            concat!($shape, ".trunc") => $f |a, _| map(a[0], <$ty>::trunc);
            concat!($shape, ".nearest") => $f |a, _| map(a[0], <$ty>::round_ties_even);
            concat!($shape, ".eq") => vv |a, _| zip(a[0], a[1], |a: $ty, b| mask!($u, a == b));
            concat!($shape, ".ne") => vv |a, _| zip(a[0], a[1], |a: $ty, b| mask!($u, a != b));
            concat!($shape, ".lt") => vv |a, _| zip(a[0], a[1], |a: $ty, b| mask!($u, a < b));
            concat!($shape, ".gt") => vv |a, _| zip(a[0], a[1], |a: $ty, b| mask!($u, a > b));
            concat!($shape, ".le") => vv |a, _| zip(a[0], a[1], |a: $ty, b| mask!($u, a <= b));
            concat!($shape, ".ge") => vv |a, _| zip(a[0], a[1], |a: $ty, b| mask!($u, a >= b));
        })
    };
}

/// From narrow lanes to those of twice the width.
macro_rules! widening {
    ($ops:ident, $to:literal $from:literal, $s:ty => $ws:ty, $u:ty => $wu:ty) => {
        $ops.extend(operators! {
            concat!($to, ".extend_low_", $from, "_s") => v |a, _| vector(low_half(a[0], |x: $s| <$ws>::from(x)));
            concat!($to, ".extend_high_", $from, "_s") => v |a, _| vector(high_half(a[0], |x: $s| <$ws>::from(x)));
            concat!($to, ".extend_low_", $from, "_u") => v |a, _| vector(low_half(a[0], |x: $u| <$wu>::from(x)));
            concat!($to, ".extend_high_", $from, "_u") => v |a, _| vector(high_half(a[0], |x: $u| <$wu>::from(x)));
            concat!($to, ".extmul_low_", $from, "_s") => vv
                |a, _| ext_mul(|v| low_half(v, |x: $s| <$ws>::from(x)), a, <$ws>::wrapping_mul);
            concat!($to, ".extmul_high_", $from, "_s") => vv
                |a, _| ext_mul(|v| high_half(v, |x: $s| <$ws>::from(x)), a, <$ws>::wrapping_mul);
            concat!($to, ".extmul_low_", $from, "_u") => vv
                |a, _| ext_mul(|v| low_half(v, |x: $u| <$wu>::from(x)), a, <$wu>::wrapping_mul);
            concat!($to, ".extmul_high_", $from, "_u") => vv
                |a, _| ext_mul(|v| high_half(v, |x: $u| <$wu>::from(x)), a, <$wu>::wrapping_mul);
        })
    };
    (pairwise $ops:ident, $to:literal $from:literal, $s:ty => $ws:ty, $u:ty => $wu:ty) => {
        $ops.extend(operators! {
            concat!($to, ".extadd_pairwise_", $from, "_s") => v
                |a, _| pairs(a[0], |a: $s, b| <$ws>::from(a) + <$ws>::from(b));
            concat!($to, ".extadd_pairwise_", $from, "_u") => v
                |a, _| pairs(a[0], |a: $u, b| <$wu>::from(a) + <$wu>::from(b));
        })
    };
}

/// Both vectors' lanes, narrowed.
fn narrow<T: Lane, R: Lane>(a: &[V], f: impl Fn(T) -> R) -> V {
    let all = lanes(a[0]).into_iter().chain(lanes(a[1]));
    vector(all.map(f))
}

/// The simd proposal but for constants, loads and stores.
pub(crate) fn simd() -> Vec<Op> {
    let mut ops = Vec::new();
    integer!(ops, "i8x16", i8, u8);
    integer!(ops, "i16x8", i16, u16);
    integer!(ops, "i32x4", i32, u32);
    integer!(ops, "i64x2", i64, u64);
    integer!(unsigned ops, "i8x16", i8, u8);
    integer!(unsigned ops, "i16x8", i16, u16);
    integer!(unsigned ops, "i32x4", i32, u32);
    integer!(saturating ops, "i8x16", i8, u8);
    integer!(saturating ops, "i16x8", i16, u16);
    float!(ops, "f32x4", f32 ff32, f32, u32, min32 max32);
    float!(ops, "f64x2", f64 ff64, f64, u64, min64 max64);
    widening!(ops, "i16x8" "i8x16", i8 => i16, u8 => u16);
    widening!(ops, "i32x4" "i16x8", i16 => i32, u16 => u32);
    widening!(ops, "i64x2" "i32x4", i32 => i64, u32 => u64);
    widening!(pairwise ops, "i16x8" "i8x16", i8 => i16, u8 => u16);
    widening!(pairwise ops, "i32x4" "i16x8", i16 => i32, u16 => u32);
    ops.extend(operators! {
        "i16x8.mul" => vv |a, _| zip(a[0], a[1], i16::wrapping_mul);
        "i32x4.mul" => vv |a, _| zip(a[0], a[1], i32::wrapping_mul);
        "i64x2.mul" => vv |a, _| zip(a[0], a[1], i64::wrapping_mul);
        "i8x16.popcnt" => v |a, _| map(a[0], |x: u8| (0..8).map(|i| x >> i & 1).sum::<u8>());
        "i16x8.q15mulr_sat_s" => vv |a, _| zip(a[0], a[1], q15mulr);
        "i32x4.dot_i16x8_s" => vv |a, _| {
            let products = lanes::<i16>(a[0]).into_iter().zip(lanes::<i16>(a[1]));
            let products: Vec<i32> = products.map(|(a, b)| i32::from(a) * i32::from(b)).collect();
            vector(products.chunks(2).map(|pair| pair[0].wrapping_add(pair[1])))
        };
        "v128.not" => v |a, _| bits(a[0], |x| !x);
        "v128.and" => vv |a, _| zip(a[0], a[1], |a: u8, b| a & b);
        "v128.andnot" => vv |a, _| zip(a[0], a[1], |a: u8, b: u8| a & !b);
        "v128.or" => vv |a, _| zip(a[0], a[1], |a: u8, b| a | b);
        "v128.xor" => vv |a, _| zip(a[0], a[1], |a: u8, b| a ^ b);
        "v128.bitselect" => vvv |a, _| zip3(a[0], a[1], a[2], |a: u8, b, c| a & c | b & !c);
        "v128.any_true" => test |a, _| truth(a[0] != [0; 16]);
    });
    ops.extend(movement());
    ops.extend(conversions());
    ops
}

fn movement() -> Vec<Op> {
    operators! {
        "i8x16.shuffle" => shuffle |a, lanes| vector(lanes.iter().map(|&i| a[usize::from(i) / 16][usize::from(i) % 16]));
        "i8x16.swizzle" => vv |a, _| map(a[1], |i: u8| a[0].get(usize::from(i)).copied().unwrap_or(0));
        "i8x16.splat" => splat8 splat::<u8>;
        "i16x8.splat" => splat16 splat::<u16>;
        "i32x4.splat" => splat32 splat::<u32>;
        "i64x2.splat" => splat64 splat::<u64>;
        "f32x4.splat" => splatf32 splat::<u32>;
        "f64x2.splat" => splatf64 splat::<u64>;
        "i8x16.extract_lane_s" => extract8 |a, i| vector([i32::from(extract::<i8>(a[0], i[0]))]);
        "i8x16.extract_lane_u" => extract8 |a, i| vector([u32::from(extract::<u8>(a[0], i[0]))]);
        "i16x8.extract_lane_s" => extract16 |a, i| vector([i32::from(extract::<i16>(a[0], i[0]))]);
        "i16x8.extract_lane_u" => extract16 |a, i| vector([u32::from(extract::<u16>(a[0], i[0]))]);
        "i32x4.extract_lane" => extract32 |a, i| vector([extract::<u32>(a[0], i[0])]);
        "i64x2.extract_lane" => extract64 |a, i| vector([extract::<u64>(a[0], i[0])]);
        "f32x4.extract_lane" => extractf32 |a, i| vector([extract::<u32>(a[0], i[0])]);
        "f64x2.extract_lane" => extractf64 |a, i| vector([extract::<u64>(a[0], i[0])]);
        "i8x16.replace_lane" => replace8 replace::<u8>;
        "i16x8.replace_lane" => replace16 replace::<u16>;
        "i32x4.replace_lane" => replace32 replace::<u32>;
        "i64x2.replace_lane" => replace64 replace::<u64>;
        "f32x4.replace_lane" => replacef32 replace::<u32>;
        "f64x2.replace_lane" => replacef64 replace::<u64>;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "conversions of Rust are what is expected: they saturate, round to nearest, and make 0 of NaN"
)]
fn conversions() -> Vec<Op> {
    operators! {
        "i8x16.narrow_i16x8_s" => vv |a, _| narrow(a, |x: i16| x.clamp(-128, 127) as i8);
        "i8x16.narrow_i16x8_u" => vv |a, _| narrow(a, |x: i16| x.clamp(0, 255) as u8);
        "i16x8.narrow_i32x4_s" => vv |a, _| narrow(a, |x: i32| x.clamp(-32768, 32767) as i16);
        "i16x8.narrow_i32x4_u" => vv |a, _| narrow(a, |x: i32| x.clamp(0, 65535) as u16);
        "i32x4.trunc_sat_f32x4_s" => v |a, _| map(a[0], |x: f32| x as i32);
        "i32x4.trunc_sat_f32x4_u" => v |a, _| map(a[0], |x: f32| x as u32);
        "i32x4.trunc_sat_f64x2_s_zero" => v |a, _| vector(lanes(a[0]).into_iter().map(|x: f64| x as i32));
        "i32x4.trunc_sat_f64x2_u_zero" => v |a, _| vector(lanes(a[0]).into_iter().map(|x: f64| x as u32));
        "f32x4.convert_i32x4_s" => v |a, _| map(a[0], |x: i32| x as f32);
        "f32x4.convert_i32x4_u" => v |a, _| map(a[0], |x: u32| x as f32);
        "f64x2.convert_low_i32x4_s" => v |a, _| vector(low_half(a[0], |x: i32| f64::from(x)));
        "f64x2.convert_low_i32x4_u" => v |a, _| vector(low_half(a[0], |x: u32| f64::from(x)));
        "f32x4.demote_f64x2_zero" => f32 |a, _| vector(lanes(a[0]).into_iter().map(|x: f64| x as f32));
        "f64x2.promote_low_f32x4" => f64 |a, _| vector(low_half(a[0], |x: f32| f64::from(x)));
    }
}

/// The relaxed-simd proposal, as its deterministic profile has it.
pub(crate) fn relaxed() -> Vec<Op> {
    let plain = simd();
    let model = |name: &str| {
        let found = plain.iter().find(|op| op.name == name);
        found.unwrap_or_else(|| panic!("no operator {name}")).model
    };
    let select = model("v128.bitselect");
    operators! {
        "i8x16.relaxed_swizzle" => vv model("i8x16.swizzle");
        "i32x4.relaxed_trunc_f32x4_s" => v model("i32x4.trunc_sat_f32x4_s");
        "i32x4.relaxed_trunc_f32x4_u" => v model("i32x4.trunc_sat_f32x4_u");
        "i32x4.relaxed_trunc_f64x2_s_zero" => v model("i32x4.trunc_sat_f64x2_s_zero");
        "i32x4.relaxed_trunc_f64x2_u_zero" => v model("i32x4.trunc_sat_f64x2_u_zero");
        "f32x4.relaxed_madd" => fff32 |a, _| zip3(a[0], a[1], a[2], |a: f32, b, c| a.mul_add(b, c));
        "f32x4.relaxed_nmadd" => fff32 |a, _| zip3(a[0], a[1], a[2], |a: f32, b, c| (-a).mul_add(b, c));
        "f64x2.relaxed_madd" => fff64 |a, _| zip3(a[0], a[1], a[2], |a: f64, b, c| a.mul_add(b, c));
        "f64x2.relaxed_nmadd" => fff64 |a, _| zip3(a[0], a[1], a[2], |a: f64, b, c| (-a).mul_add(b, c));
        "i8x16.relaxed_laneselect" => vvv select;
        "i16x8.relaxed_laneselect" => vvv select;
        "i32x4.relaxed_laneselect" => vvv select;
        "i64x2.relaxed_laneselect" => vvv select;
        "f32x4.relaxed_min" => ff32 model("f32x4.min");
        "f32x4.relaxed_max" => ff32 model("f32x4.max");
        "f64x2.relaxed_min" => ff64 model("f64x2.min");
        "f64x2.relaxed_max" => ff64 model("f64x2.max");
        "i16x8.relaxed_q15mulr_s" => vv model("i16x8.q15mulr_sat_s");
        "i16x8.relaxed_dot_i8x16_i7x16_s" => vv |a, _| dot(a[0], a[1]);
        "i32x4.relaxed_dot_i8x16_i7x16_add_s" => vvv |a, _| {
            let sums = pairs(dot(a[0], a[1]), |a: i16, b| i32::from(a) + i32::from(b));
            zip(sums, a[2], i32::wrapping_add)
        };
    }
}

fn dot(a: V, b: V) -> V {
    let products = lanes::<i8>(a).into_iter().zip(lanes::<i8>(b));
    let products: Vec<i16> = products.map(|(a, b)| i16::from(a) * i16::from(b)).collect();
    vector(products.chunks(2).map(|pair| pair[0].wrapping_add(pair[1])))
}
