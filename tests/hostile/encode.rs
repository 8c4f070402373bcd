//! A writer of binary modules, for those too large or too wrong to be written as text.

/// An unsigned number in LEB128.
pub(crate) fn leb(mut n: u64, out: &mut Vec<u8>) {
    loop {
        let low = n.to_le_bytes()[0] & 0x7f;
        n >>= 7;
        if n == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// A number and then so many bytes' worth of entries.
pub(crate) fn vec(count: usize, entries: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() + 5);
    leb(count as u64, &mut out);
    out.extend_from_slice(entries);
    out
}

/// Bytes with their length before them.
pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    vec(bytes.len(), bytes)
}

/// A module of these sections.
pub(crate) fn module(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    for (id, bytes) in sections {
        out.push(*id);
        out.extend(sized(bytes));
    }
    out
}

/// A function body: locals as `(count, type)`, then code without its last `end`.
pub(crate) fn body(locals: &[(u64, u8)], code: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(code.len() + 16);
    leb(locals.len() as u64, &mut out);
    for (count, ty) in locals {
        leb(*count, &mut out);
        out.push(*ty);
    }
    out.extend_from_slice(code);
    out.push(END);
    sized(&out)
}

/// A module of one function `f : [i32] -> [i32]` and a page of memory.
pub(crate) fn one_function(locals: &[(u64, u8)], code: &[u8]) -> Vec<u8> {
    module(&[
        (1, vec(1, &[0x60, 1, I32, 1, I32])),
        (3, vec(1, &[0])),
        (5, vec(1, &[0, 1])),
        (7, vec(1, &[1, b'f', 0, 0])),
        (10, vec(1, &body(locals, code))),
    ])
}

pub(crate) const I32: u8 = 0x7f;
pub(crate) const I64: u8 = 0x7e;
pub(crate) const BLOCK: u8 = 0x02;
pub(crate) const LOOP: u8 = 0x03;
pub(crate) const IF: u8 = 0x04;
pub(crate) const ELSE: u8 = 0x05;
pub(crate) const END: u8 = 0x0b;
pub(crate) const BR_IF: u8 = 0x0d;
pub(crate) const BR_TABLE: u8 = 0x0e;
pub(crate) const CALL: u8 = 0x10;
pub(crate) const DROP: u8 = 0x1a;
pub(crate) const LOCAL_GET: u8 = 0x20;
pub(crate) const LOCAL_SET: u8 = 0x21;
pub(crate) const I32_LOAD: u8 = 0x28;
pub(crate) const I64_LOAD: u8 = 0x29;
pub(crate) const I32_STORE: u8 = 0x36;
pub(crate) const I32_CONST: u8 = 0x41;
pub(crate) const I64_CONST: u8 = 0x42;
pub(crate) const I32_ADD: u8 = 0x6a;
pub(crate) const I64_ADD: u8 = 0x7c;
pub(crate) const I32_WRAP_I64: u8 = 0xa7;
/// Behind the prefix 0xfc.
pub(crate) const MEMORY_FILL: u8 = 0x0b;
pub(crate) const EMPTY: u8 = 0x40;
