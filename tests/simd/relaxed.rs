//! The relaxed-simd proposal: the same results as everywhere if asked for; otherwise, lane by lane, one of those that the
//! proposal allows.

use crate::model::{Lane, V, lanes, zip};
use crate::operators::{self, Op, relaxed};
use crate::values::{check, check_with, engine};

#[test]
fn deterministic() {
    let deterministic = engine(|c| _ = c.relaxed_simd_deterministic(true));
    check(&deterministic, &relaxed(), 11, false);
    let canonical = engine(|c| {
        c.relaxed_simd_deterministic(true)
            .cranelift_nan_canonicalization(true)
            .consume_fuel(true);
    });
    check(&canonical, &relaxed(), 12, true);
}

#[test]
fn one_of_the_results_that_are_allowed() {
    for (seed, fuel) in [(13, false), (14, true)] {
        let engine = engine(|c| _ = c.consume_fuel(fuel));
        check_with(&engine, &relaxed(), seed, &|op, args, _, actual| {
            allowed(op, args, actual)
        });
    }
}

/// Whether each lane is one of these, given the lanes of the operands.
fn each<T: Lane, R: Lane>(args: &[V], actual: V, is: impl Fn(&[T], R) -> bool) -> bool {
    let operands: Vec<Vec<T>> = args.iter().map(|&arg| lanes(arg)).collect();
    let results = lanes::<R>(actual).into_iter().enumerate();
    results.take(operands[0].len()).all(|(i, result)| {
        let lane: Vec<T> = operands.iter().map(|lanes| lanes[i]).collect();
        is(&lane, result)
    })
}

macro_rules! select {
    ($args:ident, $actual:ident, $ty:ty) => {
        each($args, $actual, |x: &[$ty], is: $ty| {
            let by_sign = if x[2] >> (<$ty>::BITS - 1) == 1 {
                x[0]
            } else {
                x[1]
            };
            is == by_sign || is == x[0] & x[2] | x[1] & !x[2]
        })
    };
}

macro_rules! multiply {
    ($args:ident, $actual:ident, $ty:ty, $factor:expr) => {
        each($args, $actual, |x: &[$ty], is: $ty| {
            let factor: fn($ty) -> $ty = $factor;
            let a = factor(x[0]);
            let (once, twice) = (a.mul_add(x[1], x[2]), a * x[1] + x[2]);
            let same = |e: $ty| e.to_bits() == is.to_bits() || e.is_nan() && is.is_nan();
            same(once) || same(twice)
        })
    };
}

macro_rules! extreme {
    ($args:ident, $actual:ident, $ty:ty, $exact:path) => {
        each($args, $actual, |x: &[$ty], is: $ty| {
            let open = x[0].is_nan() || x[1].is_nan() || x[0] == 0.0 && x[1] == 0.0;
            let one = x.iter().any(|x| x.to_bits() == is.to_bits());
            let exact = $exact(x[0], x[1]);
            exact.to_bits() == is.to_bits() || open && (one || exact.is_nan() && is.is_nan())
        })
    };
}

macro_rules! truncation {
    ($args:ident, $actual:ident, $float:ty, $int:ty, $other:expr) => {
        each($args, $actual, |x: &[$float], is: $int| {
            // All integers of 32 bits are among the doubles.
            let whole = f64::from(x[0].trunc());
            let fits = whole >= f64::from(<$int>::MIN) && whole <= f64::from(<$int>::MAX);
            is == x[0] as $int || !fits && is == $other
        })
    };
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what does not fit is what is tested"
)]
pub(crate) fn allowed(op: &Op, args: &[V], actual: V) -> bool {
    let zero_above = lanes::<u64>(actual)[1] == 0;
    match op.name {
        "i8x16.relaxed_swizzle" => {
            let places = lanes::<u8>(args[1]).into_iter().zip(lanes::<u8>(actual));
            let mut places = places.map(|(place, is)| (usize::from(place), is));
            places.all(|(place, is)| match place {
                0..16 => is == args[0][place],
                16..128 => is == 0 || is == args[0][place % 16],
                _ => is == 0,
            })
        }
        "i32x4.relaxed_trunc_f32x4_s" => truncation!(args, actual, f32, i32, i32::MIN),
        "i32x4.relaxed_trunc_f32x4_u" => truncation!(args, actual, f32, u32, u32::MAX),
        "i32x4.relaxed_trunc_f64x2_s_zero" => {
            truncation!(args, actual, f64, i32, i32::MIN) && zero_above
        }
        "i32x4.relaxed_trunc_f64x2_u_zero" => {
            truncation!(args, actual, f64, u32, u32::MAX) && zero_above
        }
        "f32x4.relaxed_madd" => multiply!(args, actual, f32, |a| a),
        "f32x4.relaxed_nmadd" => multiply!(args, actual, f32, |a| -a),
        "f64x2.relaxed_madd" => multiply!(args, actual, f64, |a| a),
        "f64x2.relaxed_nmadd" => multiply!(args, actual, f64, |a| -a),
        "i8x16.relaxed_laneselect" => select!(args, actual, u8),
        "i16x8.relaxed_laneselect" => select!(args, actual, u16),
        "i32x4.relaxed_laneselect" => select!(args, actual, u32),
        "i64x2.relaxed_laneselect" => select!(args, actual, u64),
        "f32x4.relaxed_min" => extreme!(args, actual, f32, operators::min32),
        "f32x4.relaxed_max" => extreme!(args, actual, f32, operators::max32),
        "f64x2.relaxed_min" => extreme!(args, actual, f64, operators::min64),
        "f64x2.relaxed_max" => extreme!(args, actual, f64, operators::max64),
        "i16x8.relaxed_q15mulr_s" => each(args, actual, |x: &[i16], is: i16| {
            is == operators::q15mulr(x[0], x[1])
                || x[0] == i16::MIN && x[1] == i16::MIN && is == i16::MIN
        }),
        "i16x8.relaxed_dot_i8x16_i7x16_s" => {
            let [wrapped, saturated] = dots(args);
            all(actual, wrapped, saturated)
        }
        "i32x4.relaxed_dot_i8x16_i7x16_add_s" => {
            let sum = |products: V| {
                let pairs = lanes::<i16>(products);
                let sums = pairs.chunks(2).map(|p| i32::from(p[0]) + i32::from(p[1]));
                zip(crate::model::vector(sums), args[2], i32::wrapping_add)
            };
            // Both products of a sum are made in the same way.
            let [wrapped, saturated] = dots(args).map(sum);
            actual == wrapped || actual == saturated
        }
        other => panic!("no rule for {other}"),
    }
}

/// Products of bytes, neighbours added: the second operand signed and sums wrapped, or unsigned and sums saturated.
#[expect(clippy::cast_possible_truncation, reason = "sums wrap or were clamped")]
fn dots(args: &[V]) -> [V; 2] {
    let sums = |b: fn(u8) -> i32, sum: fn(i32) -> i16| {
        let pairs = lanes::<i8>(args[0]).into_iter().zip(lanes::<u8>(args[1]));
        let products: Vec<i32> = pairs.map(|(x, y)| i32::from(x) * b(y)).collect();
        crate::model::vector(products.chunks(2).map(|pair| sum(pair[0] + pair[1])))
    };
    [
        sums(|y| i32::from(y.cast_signed()), |sum| sum as i16),
        sums(i32::from, |sum| {
            sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
        }),
    ]
}

fn all(actual: V, one: V, other: V) -> bool {
    let expected = lanes::<i16>(one).into_iter().zip(lanes::<i16>(other));
    let mut each = lanes::<i16>(actual).into_iter().zip(expected);
    each.all(|(is, (one, other))| is == one || is == other)
}
