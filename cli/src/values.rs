//! Arguments and results of `--invoke`, as text.

use tussah::{FuncType, Result, V128, Val, ValType, bail, ensure};

/// One value per parameter.
///
/// # Errors
///
/// There are too many or too few, or one is no value of its type.
pub(crate) fn parse_all(ty: &FuncType, texts: &[String]) -> Result<Vec<Val>> {
    ensure!(
        ty.params().len() == texts.len(),
        "the function takes {} arguments, {} are given: its type is {ty}",
        ty.params().len(),
        texts.len()
    );
    let pairs = ty.params().zip(texts).enumerate();
    pairs
        .map(|(i, (ty, text))| match parse(&ty, text) {
            Some(value) => Ok(value),
            None => bail!("argument {}: `{text}` is no {ty}", i + 1),
        })
        .collect()
}

fn parse(ty: &ValType, text: &str) -> Option<Val> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    Some(match ty {
        // Both as signed and as unsigned.
        ValType::I32 => Val::I32(match i32::from_str_radix(digits, radix) {
            Ok(value) => value,
            Err(_) => u32::from_str_radix(digits, radix).ok()?.cast_signed(),
        }),
        ValType::I64 => Val::I64(match i64::from_str_radix(digits, radix) {
            Ok(value) => value,
            Err(_) => u64::from_str_radix(digits, radix).ok()?.cast_signed(),
        }),
        ValType::F32 => Val::F32(text.parse::<f32>().ok()?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>().ok()?.to_bits()),
        ValType::V128 => Val::V128(V128::from(u128::from_str_radix(digits, radix).ok()?)),
        ValType::Ref(_) => return None,
    })
}

/// As [`parse_all`] reads them, references aside.
pub(crate) fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(value) => format!("{:#x}", value.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) => "null".to_owned(),
        Val::FuncRef(Some(_)) => "<a function>".to_owned(),
        Val::ExternRef(Some(_)) => "<a host value>".to_owned(),
        _ => "<a reference>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use tussah::ValType;

    #[test]
    fn values_go_through_text() {
        for (ty, text) in [
            (ValType::I32, "-5"),
            (ValType::I64, "9223372036854775807"),
            (ValType::F32, "1.5"),
            (ValType::F64, "-0.25"),
            (ValType::V128, "0x1234567890abcdef1234567890abcdef"),
        ] {
            assert_eq!(show(&parse(&ty, text).unwrap()), text);
        }
        assert_eq!(show(&parse(&ValType::I32, "4294967295").unwrap()), "-1");
        assert_eq!(show(&parse(&ValType::I32, "0xff").unwrap()), "255");
        assert_eq!(show(&parse(&ValType::F64, "inf").unwrap()), "inf");
        for wrong in ["", "x", "4294967296", "1.5"] {
            assert!(parse(&ValType::I32, wrong).is_none(), "{wrong}");
        }
    }
}
