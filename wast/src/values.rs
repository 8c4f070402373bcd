//! Arguments, results, and the patterns that results match.

use crate::report::{Mismatch, Outcome};
use std::fmt::{Display, LowerHex, Write as _};
use tussah::{AnyRef, ExternRef, HeapType, Rooted, Store, V128, Val};
use wast::core::{
    AbstractHeapType, HeapType as WastHeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore,
};
use wast::token::{F32, F64};

/// An argument as the runtime takes it.
pub(crate) fn argument(store: &mut Store<()>, arg: &WastArgCore<'_>) -> Outcome<Val> {
    Ok(match arg {
        WastArgCore::I32(v) => Val::I32(*v),
        WastArgCore::I64(v) => Val::I64(*v),
        WastArgCore::F32(v) => Val::F32(v.bits),
        WastArgCore::F64(v) => Val::F64(v.bits),
        WastArgCore::V128(v) => Val::V128(u128::from_le_bytes(v.to_le_bytes()).into()),
        WastArgCore::RefNull(ty) => match hierarchy(ty) {
            Some(top) => Val::null_ref(&top),
            None => {
                return Err(Mismatch::new(
                    "an argument",
                    format!("a null of a type that is the module's own: {ty:?}"),
                ));
            }
        },
        WastArgCore::RefExtern(v) => {
            let reference = ExternRef::new(&mut *store, *v)
                .map_err(|e| Mismatch::new("an argument", format!("{e:#}")))?;
            Val::ExternRef(Some(reference))
        }
        WastArgCore::RefHost(_) => {
            return Err(Mismatch::new(
                "an argument",
                "`ref.host`, which needs the gc proposal and is not implemented",
            ));
        }
    })
}

/// Whether a value is what a pattern describes.
pub(crate) fn matches(store: &Store<()>, value: &Val, pattern: &WastRetCore<'_>) -> bool {
    match (value, pattern) {
        (_, WastRetCore::Either(cases)) => cases.iter().any(|case| matches(store, value, case)),
        (Val::I32(found), WastRetCore::I32(expected)) => found == expected,
        (Val::I64(found), WastRetCore::I64(expected)) => found == expected,
        (Val::F32(found), WastRetCore::F32(expected)) => f32_matches(*found, expected),
        (Val::F64(found), WastRetCore::F64(expected)) => f64_matches(*found, expected),
        (Val::V128(found), WastRetCore::V128(expected)) => v128_matches(*found, expected),
        (_, WastRetCore::RefNull(ty)) => null_matches(value, ty.as_ref()),
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(None)) => true,
        (Val::ExternRef(Some(found)), WastRetCore::RefExtern(expected)) => {
            expected.is_none_or(|expected| host_value(store, found) == Some(expected))
        }
        (Val::AnyRef(Some(found)), _) => any_matches(store, found, pattern),
        _ => false,
    }
}

fn any_matches(store: &Store<()>, found: &Rooted<AnyRef>, pattern: &WastRetCore<'_>) -> bool {
    match pattern {
        WastRetCore::RefAny => true,
        WastRetCore::RefEq => found.is_eqref(store).unwrap_or(false),
        WastRetCore::RefArray => found.is_array(store).unwrap_or(false),
        WastRetCore::RefStruct => found.is_struct(store).unwrap_or(false),
        WastRetCore::RefI31 => found.is_i31(store).unwrap_or(false),
        // Host values inside the `any` hierarchy cannot be looked at yet, and nothing is shared.
        _ => false,
    }
}

/// The number that a script wrapped into a host reference.
fn host_value(store: &Store<()>, reference: &Rooted<ExternRef>) -> Option<u32> {
    let data = reference.data(store).ok()??;
    data.downcast_ref::<u32>().copied()
}

/// Null, of the hierarchy if the pattern says one. Types that are a module's own may be in several.
fn null_matches(value: &Val, ty: Option<&WastHeapType<'_>>) -> bool {
    let top = ty.and_then(hierarchy);
    let in_hierarchy = |found: HeapType| top.as_ref().is_none_or(|top| HeapType::eq(top, &found));
    match value {
        Val::FuncRef(None) => in_hierarchy(HeapType::Func),
        Val::ExternRef(None) => in_hierarchy(HeapType::Extern),
        Val::AnyRef(None) => in_hierarchy(HeapType::Any),
        Val::ExnRef(None) => in_hierarchy(HeapType::Exn),
        Val::ContRef(None) => in_hierarchy(HeapType::Cont),
        _ => false,
    }
}

/// The top of a heap type's hierarchy. `None` for types that are a module's own.
fn hierarchy(ty: &WastHeapType<'_>) -> Option<HeapType> {
    use AbstractHeapType as A;
    let WastHeapType::Abstract { ty, .. } = ty else {
        return None;
    };
    Some(match ty {
        A::Func | A::NoFunc => HeapType::Func,
        A::Extern | A::NoExtern => HeapType::Extern,
        A::Any | A::Eq | A::Struct | A::Array | A::I31 | A::None => HeapType::Any,
        A::Exn | A::NoExn => HeapType::Exn,
        A::Cont | A::NoCont => HeapType::Cont,
    })
}

/// The sign is free in both kinds; a canonical NaN has only the highest bit of its payload, an arithmetic one at least.
fn f32_matches(found: u32, pattern: &NanPattern<F32>) -> bool {
    const CANONICAL: u32 = 0x7fc0_0000;
    match pattern {
        NanPattern::CanonicalNan => found & 0x7fff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => found & CANONICAL == CANONICAL,
        NanPattern::Value(expected) => found == expected.bits,
    }
}

fn f64_matches(found: u64, pattern: &NanPattern<F64>) -> bool {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    match pattern {
        NanPattern::CanonicalNan => found & 0x7fff_ffff_ffff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => found & CANONICAL == CANONICAL,
        NanPattern::Value(expected) => found == expected.bits,
    }
}

fn v128_matches(found: V128, pattern: &V128Pattern) -> bool {
    let bytes = found.as_u128().to_le_bytes();
    match pattern {
        V128Pattern::I8x16(expected) => bytes.map(u8::cast_signed) == *expected,
        V128Pattern::I16x8(expected) => lanes(bytes, i16::from_le_bytes).eq(*expected),
        V128Pattern::I32x4(expected) => lanes(bytes, i32::from_le_bytes).eq(*expected),
        V128Pattern::I64x2(expected) => lanes(bytes, i64::from_le_bytes).eq(*expected),
        V128Pattern::F32x4(expected) => lanes(bytes, u32::from_le_bytes)
            .zip(expected)
            .all(|(found, expected)| f32_matches(found, expected)),
        V128Pattern::F64x2(expected) => lanes(bytes, u64::from_le_bytes)
            .zip(expected)
            .all(|(found, expected)| f64_matches(found, expected)),
    }
}

/// A vector's lanes, the lowest first.
fn lanes<const N: usize, T>(bytes: [u8; 16], lane: fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    (0..16 / N).map(move |i| {
        let mut part = [0; N];
        part.copy_from_slice(&bytes[i * N..][..N]);
        lane(part)
    })
}

/// Patterns as scripts write them, with the bits of floats.
pub(crate) fn patterns(patterns: &[WastRetCore<'_>]) -> String {
    list(patterns.iter().map(pattern_text))
}

/// Values as scripts write them. Vectors have the lanes of the pattern at their place.
pub(crate) fn describe(store: &Store<()>, values: &[Val], patterns: &[WastRetCore<'_>]) -> String {
    list(values.iter().enumerate().map(|(i, value)| match value {
        Val::I32(v) => format!("(i32.const {v})"),
        Val::I64(v) => format!("(i64.const {v})"),
        Val::F32(bits) => format!("(f32.const {})", float(f32::from_bits(*bits), bits)),
        Val::F64(bits) => format!("(f64.const {})", float(f64::from_bits(*bits), bits)),
        Val::V128(v) => vector_text(*v, patterns.get(i)),
        Val::FuncRef(None) => "(ref.null func)".to_string(),
        Val::ExternRef(None) => "(ref.null extern)".to_string(),
        Val::AnyRef(None) => "(ref.null any)".to_string(),
        Val::ExnRef(None) => "(ref.null exn)".to_string(),
        Val::ContRef(_) => "(ref.null cont)".to_string(),
        Val::FuncRef(Some(_)) => "(ref.func)".to_string(),
        Val::ExternRef(Some(r)) => match host_value(store, r) {
            Some(v) => format!("(ref.extern {v})"),
            None => "(ref.extern)".to_string(),
        },
        Val::AnyRef(Some(_)) => "(ref.any)".to_string(),
        Val::ExnRef(Some(_)) => "(ref.exn)".to_string(),
    }))
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() {
        return "no results".to_string();
    }
    items.join(" ")
}

fn pattern_text(pattern: &WastRetCore<'_>) -> String {
    match pattern {
        WastRetCore::I32(v) => format!("(i32.const {v})"),
        WastRetCore::I64(v) => format!("(i64.const {v})"),
        WastRetCore::F32(v) => format!("(f32.const {})", f32_text(v)),
        WastRetCore::F64(v) => format!("(f64.const {})", f64_text(v)),
        WastRetCore::V128(v) => match v {
            V128Pattern::I8x16(v) => lanes_text("i8x16", v.iter()),
            V128Pattern::I16x8(v) => lanes_text("i16x8", v.iter()),
            V128Pattern::I32x4(v) => lanes_text("i32x4", v.iter()),
            V128Pattern::I64x2(v) => lanes_text("i64x2", v.iter()),
            V128Pattern::F32x4(v) => lanes_text("f32x4", v.iter().map(f32_text)),
            V128Pattern::F64x2(v) => lanes_text("f64x2", v.iter().map(f64_text)),
        },
        WastRetCore::RefNull(None) => "(ref.null)".to_string(),
        WastRetCore::RefNull(Some(ty)) => match hierarchy(ty) {
            Some(top) => format!("(ref.null {top})"),
            None => "(ref.null of a type)".to_string(),
        },
        WastRetCore::RefExtern(Some(v)) => format!("(ref.extern {v})"),
        WastRetCore::RefExtern(None) => "(ref.extern)".to_string(),
        WastRetCore::RefHost(v) => format!("(ref.host {v})"),
        WastRetCore::RefFunc(None) => "(ref.func)".to_string(),
        WastRetCore::RefFunc(Some(_)) => {
            "(ref.func of an index), which cannot be compared".to_string()
        }
        WastRetCore::RefAny => "(ref.any)".to_string(),
        WastRetCore::RefEq => "(ref.eq)".to_string(),
        WastRetCore::RefArray => "(ref.array)".to_string(),
        WastRetCore::RefStruct => "(ref.struct)".to_string(),
        WastRetCore::RefI31 => "(ref.i31)".to_string(),
        WastRetCore::RefI31Shared => "(ref.i31_shared)".to_string(),
        WastRetCore::Either(cases) => format!("(either {})", patterns(cases)),
    }
}

fn vector_text(value: V128, pattern: Option<&WastRetCore<'_>>) -> String {
    let pattern = match pattern {
        Some(WastRetCore::Either(cases)) => cases.first(),
        other => other,
    };
    let bytes = value.as_u128().to_le_bytes();
    match pattern {
        Some(WastRetCore::V128(V128Pattern::I8x16(_))) => {
            lanes_text("i8x16", bytes.map(u8::cast_signed).iter())
        }
        Some(WastRetCore::V128(V128Pattern::I16x8(_))) => {
            lanes_text("i16x8", lanes(bytes, i16::from_le_bytes))
        }
        Some(WastRetCore::V128(V128Pattern::I64x2(_))) => {
            lanes_text("i64x2", lanes(bytes, i64::from_le_bytes))
        }
        Some(WastRetCore::V128(V128Pattern::F32x4(_))) => {
            let lanes = lanes(bytes, u32::from_le_bytes);
            lanes_text("f32x4", lanes.map(|v| float(f32::from_bits(v), &v)))
        }
        Some(WastRetCore::V128(V128Pattern::F64x2(_))) => {
            let lanes = lanes(bytes, u64::from_le_bytes);
            lanes_text("f64x2", lanes.map(|v| float(f64::from_bits(v), &v)))
        }
        _ => lanes_text("i32x4", lanes(bytes, i32::from_le_bytes)),
    }
}

fn lanes_text(shape: &str, lanes: impl Iterator<Item = impl Display>) -> String {
    let mut text = format!("(v128.const {shape}");
    for lane in lanes {
        write!(text, " {lane}").expect("strings take everything");
    }
    text.push(')');
    text
}

fn f32_text(pattern: &NanPattern<F32>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_string(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_string(),
        NanPattern::Value(v) => float(f32::from_bits(v.bits), &v.bits),
    }
}

fn f64_text(pattern: &NanPattern<F64>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_string(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_string(),
        NanPattern::Value(v) => float(f64::from_bits(v.bits), &v.bits),
    }
}

/// A float and its bits, because NaNs, signs of zeros and last digits matter.
fn float(value: impl Display, bits: &impl LowerHex) -> String {
    format!("{value}[{bits:#x}]")
}

#[cfg(test)]
mod tests {
    //! Where patterns are not equality: NaNs, lanes, alternatives, nulls.

    use super::{describe, matches, patterns};
    use tussah::{Engine, ExternRef, Store, Val};
    use wast::core::{NanPattern, V128Pattern, WastRetCore};
    use wast::token::{F32, F64};

    fn store() -> Store<()> {
        Store::new(&Engine::default(), ())
    }

    #[test]
    fn nans_are_canonical_arithmetic_or_exact() {
        let store = store();
        let f32s = |bits, pattern| matches(&store, &Val::F32(bits), &WastRetCore::F32(pattern));
        for (bits, canonical, arithmetic) in [
            (0x7fc0_0000, true, true),
            (0xffc0_0000, true, true),
            (0x7fc0_0001, false, true),
            (0x7fa0_0000, false, false),
            (0x7f80_0000, false, false),
        ] {
            assert_eq!(f32s(bits, NanPattern::CanonicalNan), canonical, "{bits:#x}");
            assert_eq!(
                f32s(bits, NanPattern::ArithmeticNan),
                arithmetic,
                "{bits:#x}"
            );
        }
        let quiet = F32 { bits: 0x7fc0_0001 };
        assert!(f32s(0x7fc0_0001, NanPattern::Value(quiet)));
        assert!(!f32s(0x7fc0_0000, NanPattern::Value(quiet)));
        let f64s = |bits, pattern| matches(&store, &Val::F64(bits), &WastRetCore::F64(pattern));
        assert!(f64s(0xfff8_0000_0000_0000, NanPattern::CanonicalNan));
        assert!(!f64s(0x7ff8_0000_0000_0001, NanPattern::CanonicalNan));
        assert!(f64s(0x7ff8_0000_0000_0001, NanPattern::ArithmeticNan));
        assert!(!f64s(0x7ff4_0000_0000_0000, NanPattern::ArithmeticNan));
        assert!(!f64s(0, NanPattern::Value(F64 { bits: 1 << 63 })));
    }

    #[test]
    fn vectors_are_compared_lane_by_lane() {
        let store = store();
        let bits: u128 = 0x7fc0_0001_ffc0_0000_0000_0000_3f80_0000;
        let value = Val::V128(bits.into());
        let lanes = |last| {
            WastRetCore::V128(V128Pattern::F32x4([
                NanPattern::Value(F32 { bits: 0x3f80_0000 }),
                NanPattern::Value(F32 { bits: 0 }),
                NanPattern::CanonicalNan,
                last,
            ]))
        };
        assert!(matches(&store, &value, &lanes(NanPattern::ArithmeticNan)));
        let wrong = lanes(NanPattern::CanonicalNan);
        assert!(!matches(&store, &value, &wrong));
        assert_eq!(
            describe(&store, &[value], &[wrong]),
            "(v128.const f32x4 1[0x3f800000] 0[0x0] NaN[0xffc00000] NaN[0x7fc00001])"
        );
        let ints = WastRetCore::V128(V128Pattern::I64x2([0x3f80_0000, 0x7fc0_0001_ffc0_0000]));
        assert!(matches(&store, &value, &ints));
        let bytes = V128Pattern::I8x16([0; 16]);
        assert!(!matches(&store, &value, &WastRetCore::V128(bytes)));
    }

    #[test]
    fn alternatives_nulls_and_host_values() {
        let mut store = store();
        let either = WastRetCore::Either(vec![WastRetCore::I32(1), WastRetCore::I32(2)]);
        assert!(matches(&store, &Val::I32(2), &either));
        assert!(!matches(&store, &Val::I32(3), &either));
        assert!(!matches(&store, &Val::I64(2), &either));
        assert_eq!(patterns(&[either]), "(either (i32.const 1) (i32.const 2))");

        let null = WastRetCore::RefNull(None);
        assert!(matches(&store, &Val::FuncRef(None), &null));
        assert!(matches(&store, &Val::ExternRef(None), &null));
        assert!(!matches(&store, &Val::I32(0), &null));
        let seven = ExternRef::new(&mut store, 7_u32).unwrap();
        let seven = Val::ExternRef(Some(seven));
        assert!(!matches(&store, &seven, &null));
        assert!(matches(&store, &seven, &WastRetCore::RefExtern(Some(7))));
        assert!(matches(&store, &seven, &WastRetCore::RefExtern(None)));
        assert!(!matches(&store, &seven, &WastRetCore::RefExtern(Some(8))));
        assert!(!matches(
            &store,
            &Val::ExternRef(None),
            &WastRetCore::RefExtern(None)
        ));
        assert!(!matches(
            &store,
            &Val::FuncRef(None),
            &WastRetCore::RefFunc(None)
        ));
    }
}
