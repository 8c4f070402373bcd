//! Published code as an object file in memory, for debuggers.
//!
//! ```text
//! header | .eh_frame | .symtab | .strtab | .shstrtab | section headers
//! ```
//! The code itself is not in the file: its section names the addresses where it lies. Symbols are absolute.

use super::Image;

/// Section names, each behind its predecessor's zero.
const NAMES: &[u8] = b"\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab\0";

const HEADER: u16 = 64;
const SECTION: u16 = 64;
const SYMBOL: u64 = 24;

/// What debuggers are to know of an image. `symbols` are offset, length and name.
pub(crate) fn object_file<'a>(
    image: &Image,
    symbols: impl Iterator<Item = (u32, u32, std::borrow::Cow<'a, str>)>,
) -> Box<[u8]> {
    let base = image.base().addr() as u64;
    let mut strings = vec![0];
    // The first symbol is none.
    let mut table = vec![0; 24];
    for (offset, len, name) in symbols {
        let Ok(at) = u32::try_from(strings.len()) else {
            break;
        };
        strings.extend(name.bytes().filter(|&byte| byte != 0));
        strings.push(0);
        table.extend_from_slice(&at.to_le_bytes());
        // A global function, in section 1.
        table.extend_from_slice(&[0x12, 0, 1, 0]);
        table.extend_from_slice(&(base + u64::from(offset)).to_le_bytes());
        table.extend_from_slice(&u64::from(len).to_le_bytes());
    }

    let mut file = vec![0; HEADER.into()];
    let mut part = |bytes: &[u8]| {
        file.resize(file.len().next_multiple_of(8), 0);
        let at = file.len() as u64;
        file.extend_from_slice(bytes);
        (at, bytes.len() as u64)
    };
    let frames = part(image.frames());
    let table = part(&table);
    let strings = part(&strings);
    let names = part(NAMES);
    file.resize(file.len().next_multiple_of(8), 0);
    let sections = file.len() as u64;

    let name = |name: &[u8]| {
        let found = NAMES.windows(name.len()).position(|window| window == name);
        u32::try_from(found.unwrap_or(0)).unwrap_or(0)
    };
    let frames_at = image.frames().as_ptr().addr() as u64;
    // Name, kind, flags, address, place and length in the file, link, information, alignment, entry size.
    type Section = (u32, u32, u64, u64, (u64, u64), u32, u32, u64, u64);
    let text = (0, image.text().len() as u64);
    let all: [Section; 6] = [
        (0, 0, 0, 0, (0, 0), 0, 0, 0, 0),
        (name(b".text\0"), 8, 6, base, text, 0, 0, 16, 0),
        (name(b".eh_frame\0"), 1, 2, frames_at, frames, 0, 0, 8, 0),
        (name(b".symtab\0"), 2, 0, 0, table, 4, 1, 8, SYMBOL),
        (name(b".strtab\0"), 3, 0, 0, strings, 0, 0, 1, 0),
        (name(b".shstrtab\0"), 3, 0, 0, names, 0, 0, 1, 0),
    ];
    for (name, kind, flags, address, (at, len), link, information, align, entry) in all {
        for word in [name, kind] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for long in [flags, address, at, len] {
            file.extend_from_slice(&long.to_le_bytes());
        }
        for word in [link, information] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for long in [align, entry] {
            file.extend_from_slice(&long.to_le_bytes());
        }
    }

    // 64 bits, little-endian, version 1, System V.
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    let mut at = 16;
    let mut put = |bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    // An executable, for x86-64.
    put(&[2, 0, 62, 0, 1, 0, 0, 0]);
    for long in [0, 0, sections] {
        put(&long.to_le_bytes());
    }
    put(&[0; 4]);
    for half in [HEADER, 0, 0, SECTION, 6, 5] {
        put(&half.to_le_bytes());
    }
    file.into_boxed_slice()
}
