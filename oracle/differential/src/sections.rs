//! Just enough of the binary format to replace a module's start function.

const TYPE: u8 = 1;
const FUNCTION: u8 = 3;
const START: u8 = 8;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// A LEB128 number at the front, and what follows it.
fn number(bytes: &[u8]) -> (u32, &[u8]) {
    let digits = 1 + bytes.iter().take_while(|byte| **byte >= 0x80).count();
    let (number, rest) = bytes.split_at(digits);
    let value = (number.iter().rev()).fold(0, |value, byte| value << 7 | u32::from(byte & 0x7f));
    (value, rest)
}

fn put(number: u32, to: &mut Vec<u8>) {
    let mut rest = number;
    loop {
        let digit = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        if rest == 0 {
            return to.push(digit);
        }
        to.push(digit | 0x80);
    }
}

/// Appends an entry to a section that is a list, and tells its index.
fn append(sections: &mut Vec<(u8, Vec<u8>)>, id: u8, entry: &[u8]) -> u32 {
    let mut at = sections.iter().position(|(other, _)| *other == id);
    if at.is_none() {
        // Sections are in the order of their numbers, but for custom ones, and what precedes code counts data segments.
        let later = |other: u8| {
            if id == CODE {
                other == DATA
            } else {
                other > id
            }
        };
        let place = sections.iter().position(|(other, _)| later(*other));
        let place = place.unwrap_or(sections.len());
        sections.insert(place, (id, vec![0]));
        at = Some(place);
    }
    let contents = &mut sections[at.expect("just inserted")].1;
    let (count, list) = number(contents);
    let mut longer = Vec::new();
    put(count + 1, &mut longer);
    longer.extend_from_slice(list);
    longer.extend_from_slice(entry);
    *contents = longer;
    count
}

/// A module whose start function does nothing; `None` if it has no start function.
pub(crate) fn with_empty_start(wasm: &[u8], imported_functions: u32) -> Option<Vec<u8>> {
    let (header, mut rest) = wasm.split_at(8);
    let mut sections = Vec::new();
    while let [id, length @ ..] = rest {
        let (len, contents) = number(length);
        let (contents, after) = contents.split_at(len as usize);
        sections.push((*id, contents.to_vec()));
        rest = after;
    }
    sections.iter().find(|(id, _)| *id == START)?;
    let ty = append(&mut sections, TYPE, &[0x60, 0, 0]);
    let mut function = Vec::new();
    put(ty, &mut function);
    let index = imported_functions + append(&mut sections, FUNCTION, &function);
    append(&mut sections, CODE, &[2, 0, 0x0b]);
    let mut module = header.to_vec();
    for (id, mut contents) in sections {
        if id == START {
            contents.clear();
            put(index, &mut contents);
        }
        module.push(id);
        put(u32::try_from(contents.len()).ok()?, &mut module);
        module.extend(contents);
    }
    Some(module)
}
