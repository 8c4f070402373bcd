//! Debug information that is good, damaged, or meant to do harm.

use super::{Dwarf, DwarfSection};
use std::time::{Duration, Instant};

/// Built with debug information; see `examples/backtrace/guests`.
const GUEST: &[u8] = include_bytes!("../../../examples/backtrace/guests/invoice.wasm");

/// More than any lookup may take, on a busy machine and without optimisation.
const PATIENCE: Duration = Duration::from_secs(20);

fn guest() -> Dwarf {
    let mut dwarf = Dwarf::default();
    for payload in wasmparser::Parser::new(0).parse_all(GUEST) {
        match payload.unwrap() {
            wasmparser::Payload::CodeSectionStart {
                unchecked_range, ..
            } => dwarf.code_section = u32::try_from(unchecked_range.start).unwrap(),
            wasmparser::Payload::CustomSection(custom) if Dwarf::is_section(custom.name()) => {
                dwarf.sections.push(section(custom.name(), custom.data()));
            }
            _ => {}
        }
    }
    dwarf
}

fn section(name: &str, data: &[u8]) -> DwarfSection {
    DwarfSection {
        name: name.into(),
        data: data.to_vec().into(),
    }
}

fn names(dwarf: &Dwarf, at: u32) -> Vec<String> {
    let symbols = dwarf.symbols_at(at).into_iter();
    symbols.filter_map(|symbol| symbol.name).collect()
}

#[test]
fn inlined_functions_are_named_from_the_inside_out() {
    let dwarf = guest();
    let inlined: Vec<_> = (0..u32::try_from(GUEST.len()).unwrap())
        .map(|at| names(&dwarf, at))
        .filter(|names| names.len() > 1)
        .collect();
    assert!(!inlined.is_empty());
    for names in inlined {
        assert_eq!(names, ["price_per_piece", "cheapest"]);
    }
}

#[test]
fn every_truncation_and_many_mutations_are_survived() {
    let good = guest();
    let end = u32::try_from(GUEST.len()).unwrap();
    let probes: Vec<u32> = (good.code_section..end).step_by(23).take(12).collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let started = Instant::now();
    let (mut runs, mut answers) = (0, 0);
    let mut run = |sections: Vec<DwarfSection>| {
        let dwarf = Dwarf {
            code_section: good.code_section,
            sections,
            ..Dwarf::default()
        };
        runs += 1;
        for &at in &probes {
            answers += usize::from(!dwarf.symbols_at(at).is_empty());
        }
    };
    let copy = || -> Vec<DwarfSection> {
        let sections = good.sections.iter();
        sections.map(|s| section(&s.name, &s.data)).collect()
    };
    for which in 0..good.sections.len() {
        for len in 0..good.sections[which].data.len() {
            let mut sections = copy();
            sections[which].data = sections[which].data.part(0..len);
            run(sections);
        }
    }
    for _ in 0..6000 {
        let mut sections = copy();
        for _ in 0..=random(3) {
            let which = random(sections.len());
            let mut data = sections[which].data.to_vec();
            let at = random(data.len());
            data[at] = [
                0,
                1,
                0x7f,
                0x80,
                0xff,
                data[at] ^ 1,
                data[at].wrapping_add(1),
            ][random(7)];
            sections[which].data = data.into();
        }
        run(sections);
    }
    assert!(
        runs > 6000 && answers > runs,
        "{answers} answers in {runs} runs"
    );
    assert!(started.elapsed() < PATIENCE * 6, "{:?}", started.elapsed());
}

fn uleb(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Sections of one unit that covers the addresses from 0 to 0x1000, with these abbreviations and entries inside.
fn unit(abbreviations: &[u8], entries: &[u8]) -> Vec<DwarfSection> {
    // 1: a compile unit with children, low_pc (addr) and high_pc (data4).
    let mut table = vec![1, 0x11, 1, 0x11, 0x01, 0x12, 0x06, 0, 0];
    table.extend_from_slice(abbreviations);
    table.push(0);
    let mut body = vec![4, 0, 0, 0, 0, 0, 4, 1];
    body.extend_from_slice(&1u32.to_le_bytes());
    body.extend_from_slice(&0x1000u32.to_le_bytes());
    body.extend_from_slice(entries);
    let mut info = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    // The version is 16 bits, the offset of the abbreviations 32.
    info.append(&mut body);
    vec![
        section(".debug_info", &info),
        section(".debug_abbrev", &table),
    ]
}

fn survives(sections: Vec<DwarfSection>) -> Vec<String> {
    let dwarf = Dwarf {
        sections,
        ..Dwarf::default()
    };
    let started = Instant::now();
    let names = (16..20).flat_map(|at| names(&dwarf, at)).collect();
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    names
}

#[test]
fn a_hand_made_unit_is_read() {
    // 2: a subprogram with name (string), low_pc, high_pc.
    let table = [2, 0x2e, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0, 0];
    let mut entries = vec![2, b'f', 0];
    entries.extend_from_slice(&1u32.to_le_bytes());
    entries.extend_from_slice(&0x12u32.to_le_bytes());
    entries.push(0);
    assert_eq!(survives(unit(&table, &entries)), ["f", "f", "f"]);
}

#[test]
fn entries_nested_a_million_deep_overflow_no_stack() {
    // 2: a subprogram with children that covers everything; 3: an inlined one, likewise.
    let table = [
        2, 0x2e, 1, 0x11, 0x01, 0x12, 0x06, 0, 0, //
        3, 0x1d, 1, 0x11, 0x01, 0x12, 0x06, 0, 0,
    ];
    let mut entries = Vec::new();
    for i in 0..1_000_000u32 {
        entries.push(if i == 0 { 2 } else { 3 });
        entries.extend_from_slice(&1u32.to_le_bytes());
        entries.extend_from_slice(&0x1000u32.to_le_bytes());
    }
    survives(unit(&table, &entries));
}

#[test]
fn attributes_without_contents_are_paid_for() {
    // 2: a variable with 60,000 attributes that are there by being named (flag_present).
    let mut table = Vec::new();
    table.extend_from_slice(&[2, 0x34, 0]);
    for _ in 0..60_000 {
        table.extend_from_slice(&[0x3f, 0x19]);
    }
    table.extend_from_slice(&[0, 0]);
    survives(unit(&table, &vec![2; 4_000_000]));
}

#[test]
fn a_chain_of_names_that_is_a_circle_ends() {
    // 2: a subprogram with abstract_origin (ref4), low_pc, high_pc. It refers to itself: the root is 20 bytes.
    let table = [2, 0x2e, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x06, 0, 0];
    let mut entries = vec![2];
    entries.extend_from_slice(&20u32.to_le_bytes());
    entries.extend_from_slice(&1u32.to_le_bytes());
    entries.extend_from_slice(&0x1000u32.to_le_bytes());
    assert!(survives(unit(&table, &entries)).is_empty());
}

#[test]
fn many_units_with_one_large_table_are_left_out() {
    let mut table = Vec::new();
    for code in 2..20_000 {
        uleb(&mut table, code);
        table.extend_from_slice(&[0x34, 0, 0, 0]);
    }
    let one = unit(&table, &[]);
    let mut info = Vec::new();
    for _ in 0..100_000 {
        info.extend_from_slice(&one[0].data);
    }
    let abbreviations = section(".debug_abbrev", &one[1].data);
    survives(vec![section(".debug_info", &info), abbreviations]);
}

#[test]
fn ends_beyond_the_last_address_do_not_wrap() {
    // A unit of 64-bit addresses whose size passes the end of the address space.
    let table = [1, 0x11, 0, 0x11, 0x01, 0x12, 0x07, 0, 0, 0];
    let mut body = vec![4, 0, 0, 0, 0, 0, 8, 1];
    body.extend_from_slice(&16u64.to_le_bytes());
    body.extend_from_slice(&u64::MAX.to_le_bytes());
    let mut info = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    info.append(&mut body);
    let sections = vec![
        section(".debug_info", &info),
        section(".debug_abbrev", &table),
    ];
    assert!(survives(sections).is_empty());
}
