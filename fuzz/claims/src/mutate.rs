//! Damages bytes as other bytes say.

use arbitrary::{Result, Unstructured};

/// Bytes that often stand for something: small counts, opcodes, the ends of LEB128 numbers, types.
const TELLING: [u8; 16] = [
    0, 1, 2, 0x0b, 0x10, 0x11, 0x40, 0x60, 0x6f, 0x70, 0x7e, 0x7f, 0x80, 0xfc, 0xfd, 0xff,
];

/// Changes `bytes` in some places; pieces of `other` may get in.
pub(crate) fn mutate(bytes: &mut Vec<u8>, other: &[u8], u: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=8)? {
        once(bytes, other, u)?;
    }
    Ok(())
}

fn once(bytes: &mut Vec<u8>, other: &[u8], u: &mut Unstructured<'_>) -> Result<()> {
    if bytes.is_empty() {
        bytes.extend_from_slice(other);
        return Ok(());
    }
    let at = u.choose_index(bytes.len())?;
    let len = u.int_in_range(0..=(bytes.len() - at).min(64))?;
    match u.int_in_range(0..=7)? {
        0 => bytes[at] ^= 1 << u.int_in_range(0..=7)?,
        1 => bytes[at] = *u.choose(&TELLING)?,
        2 => bytes[at] = u.arbitrary()?,
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..at + len)),
        5 => bytes.extend_from_within(at..at + len),
        6 => {
            let copy = bytes[at..at + len].to_vec();
            let to = u.choose_index(bytes.len())?;
            bytes.splice(to..to, copy);
        }
        _ => {
            if !other.is_empty() {
                let from = u.choose_index(other.len())?;
                let until = other.len().min(from + len);
                bytes.splice(at..at + len, other[from..until].iter().copied());
            }
        }
    }
    Ok(())
}
