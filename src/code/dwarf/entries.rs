//! Entries of a unit: which functions are at an address, and how they are called.

use super::budget::{Budget, Stop};
use super::lines::Place;
use super::symbolize::{Bytes, Reader, Units};
use gimli::{
    Abbreviations, AttributeValue, DebugAddrBase, DebugRngListsBase, DebugStrOffsetsBase, DwAt,
    DwarfFileType, EntriesRaw, RangeListsOffset, UnitHeader, UnitOffset, constants,
};
use std::ops::Range;

/// References from one entry to the next that are followed on the way to a name.
const MAX_HOPS: usize = 8;

/// Functions inlined into one another; more are left out.
const MAX_INLINED: usize = 64;

/// Longer names are cut.
const MAX_NAME: usize = 64 << 10;

/// Indices into tables that are larger are not looked up: none is that long, and products with an entry's size fit.
const MAX_INDEX: usize = u32::MAX as usize;

/// A unit and what its root says of the sections around it.
pub(super) struct Unit<'a> {
    pub(super) header: UnitHeader<Bytes<'a>>,
    abbreviations: Abbreviations,
    /// What lists of ranges count from.
    low_pc: u64,
    addresses: DebugAddrBase,
    strings: DebugStrOffsetsBase,
    ranges: DebugRngListsBase,
}

/// The attributes of an entry that somebody may ask for.
#[derive(Default)]
pub(super) struct Entry<'a> {
    attributes: Vec<(DwAt, AttributeValue<Bytes<'a>>)>,
}

impl<'a> Entry<'a> {
    pub(super) fn get(&self, name: DwAt) -> Option<AttributeValue<Bytes<'a>>> {
        let mut all = self.attributes.iter();
        all.find(|(is, _)| *is == name).map(|&(_, value)| value)
    }

    fn number(&self, name: DwAt) -> Option<u64> {
        match self.get(name)? {
            AttributeValue::FileIndex(index) => Some(index),
            value => value.udata_value(),
        }
    }
}

/// A function at an address.
#[derive(Debug)]
pub(super) struct FunctionAt {
    pub(super) name: Option<String>,
    /// Where, in the function around it, it was inlined.
    pub(super) called_at: Place,
}

impl<'a> Unit<'a> {
    /// Reads the root.
    pub(super) fn open(
        reader: &Reader<'a>,
        header: UnitHeader<Bytes<'a>>,
        abbreviations: Abbreviations,
        budget: &mut Budget,
    ) -> Result<(Unit<'a>, Entry<'a>), Stop> {
        let encoding = header.encoding();
        let kind = DwarfFileType::Main;
        let mut unit = Unit {
            low_pc: 0,
            addresses: DebugAddrBase(0),
            strings: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, kind),
            ranges: DebugRngListsBase::default_for_encoding_and_file(encoding, kind),
            header,
            abbreviations,
        };
        let mut root = Entry::default();
        let mut entries = unit.header.entries_raw(&unit.abbreviations, None)?;
        let abbreviation = entries.read_abbreviation()?.ok_or(Stop)?;
        read(&mut entries, abbreviation.attributes(), &mut root, budget)?;
        for &(_, value) in &root.attributes {
            match value {
                AttributeValue::DebugAddrBase(base) => unit.addresses = base,
                AttributeValue::DebugStrOffsetsBase(base) => unit.strings = base,
                AttributeValue::DebugRngListsBase(base) => unit.ranges = base,
                _ => {}
            }
        }
        if let Some(low) = root.get(constants::DW_AT_low_pc) {
            unit.low_pc = unit.address(reader, low).unwrap_or(0);
        }
        Ok((unit, root))
    }

    /// Calls `each` with every range of addresses that an entry covers.
    pub(super) fn ranges(
        &self,
        reader: &Reader<'a>,
        entry: &Entry<'a>,
        budget: &mut Budget,
        mut each: impl FnMut(Range<u64>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let low = entry.get(constants::DW_AT_low_pc);
        let low = low.and_then(|low| self.address(reader, low));
        let list = match entry.get(constants::DW_AT_ranges) {
            Some(AttributeValue::RangeListsRef(offset)) => Some(RangeListsOffset(offset.0)),
            Some(AttributeValue::DebugRngListsIndex(index)) if index.0 < MAX_INDEX => Some(
                reader
                    .sections
                    .ranges
                    .get_offset(self.header.encoding(), self.ranges, index)?,
            ),
            _ => None,
        };
        if let Some(list) = list {
            let mut list = reader.sections.ranges.ranges(
                list,
                self.header.encoding(),
                self.low_pc,
                &reader.sections.debug_addr,
                self.addresses,
            )?;
            // Entry by entry: those that stand for no range cost as much as others.
            while let Some(raw) = list.next_raw()? {
                budget.pay(1)?;
                let Some(range) = list.convert_raw(raw)? else {
                    continue;
                };
                if self.is_real(range.begin) && range.begin < range.end {
                    each(range.begin..range.end)?;
                }
            }
            return Ok(());
        }
        let Some(low) = low.filter(|&low| self.is_real(low)) else {
            return Ok(());
        };
        let high = match entry.get(constants::DW_AT_high_pc) {
            Some(AttributeValue::Udata(size)) => low.checked_add(size),
            Some(value) => match value.udata_value() {
                Some(size) => low.checked_add(size),
                None => self.address(reader, value),
            },
            None => None,
        };
        match high {
            Some(high) if low < high => each(low..high),
            _ => Ok(()),
        }
    }

    /// Linkers leave such an address where a function was dropped.
    fn is_real(&self, address: u64) -> bool {
        !self.header.is_tombstone_address(address)
    }

    fn address(&self, reader: &Reader<'a>, value: AttributeValue<Bytes<'a>>) -> Option<u64> {
        match value {
            AttributeValue::Addr(address) => Some(address),
            AttributeValue::DebugAddrIndex(index) if index.0 < MAX_INDEX => {
                let size = self.header.address_size();
                let table = &reader.sections.debug_addr;
                table.get_address(size, self.addresses, index).ok()
            }
            _ => None,
        }
    }

    /// What a string attribute says.
    pub(super) fn string(
        &self,
        reader: &Reader<'a>,
        value: AttributeValue<Bytes<'a>>,
    ) -> Option<Bytes<'a>> {
        let sections = &reader.sections;
        match value {
            AttributeValue::String(string) => Some(string),
            AttributeValue::DebugStrRef(offset) => sections.debug_str.get_str(offset).ok(),
            AttributeValue::DebugLineStrRef(offset) => sections.debug_line_str.get_str(offset).ok(),
            AttributeValue::DebugStrOffsetsIndex(index) if index.0 < MAX_INDEX => {
                let table = &sections.debug_str_offsets;
                let offset = table.get_str_offset(self.header.format(), self.strings, index);
                sections.debug_str.get_str(offset.ok()?).ok()
            }
            _ => None,
        }
    }

    fn text(&self, reader: &Reader<'a>, value: AttributeValue<Bytes<'a>>) -> Option<String> {
        let bytes = self.string(reader, value)?.slice();
        let bytes = &bytes[..bytes.len().min(MAX_NAME)];
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// An entry by its place in the unit.
    fn entry_at(&self, offset: usize, budget: &mut Budget) -> Result<Entry<'a>, Stop> {
        let offset = UnitOffset(offset);
        if !offset.is_in_bounds(&self.header) {
            return Err(Stop);
        }
        let mut entry = Entry::default();
        let mut entries = self.header.entries_raw(&self.abbreviations, Some(offset))?;
        let abbreviation = entries.read_abbreviation()?.ok_or(Stop)?;
        read(&mut entries, abbreviation.attributes(), &mut entry, budget)?;
        Ok(entry)
    }
}

/// Reads an entry's attributes, and keeps those that are looked at.
fn read<'a>(
    entries: &mut EntriesRaw<'_, Bytes<'a>>,
    attributes: &[gimli::AttributeSpecification],
    entry: &mut Entry<'a>,
    budget: &mut Budget,
) -> Result<(), Stop> {
    budget.pay(attributes.len() + 1)?;
    entry.attributes.clear();
    for &spec in attributes {
        let attribute = entries.read_attribute(spec)?;
        if WANTED.contains(&attribute.name()) {
            entry.attributes.push((attribute.name(), attribute.value()));
        }
    }
    Ok(())
}

const WANTED: &[DwAt] = &[
    constants::DW_AT_name,
    constants::DW_AT_linkage_name,
    constants::DW_AT_MIPS_linkage_name,
    constants::DW_AT_comp_dir,
    constants::DW_AT_stmt_list,
    constants::DW_AT_low_pc,
    constants::DW_AT_high_pc,
    constants::DW_AT_ranges,
    constants::DW_AT_addr_base,
    constants::DW_AT_str_offsets_base,
    constants::DW_AT_rnglists_base,
    constants::DW_AT_abstract_origin,
    constants::DW_AT_specification,
    constants::DW_AT_call_file,
    constants::DW_AT_call_line,
    constants::DW_AT_call_column,
];

/// The functions whose code is at an address, innermost first. Walks the entries without recursion: they may be nested
/// as deeply as the unit is long.
pub(super) fn functions_at<'a>(
    reader: &Reader<'a>,
    units: &Units,
    unit: &Unit<'a>,
    address: u64,
    budget: &mut Budget,
) -> Result<Vec<FunctionAt>, Stop> {
    // Each function with the depth of its entry; an inlined one is inside the one before.
    let mut found: Vec<(isize, Entry<'a>)> = Vec::new();
    let mut entries = unit.header.entries_raw(&unit.abbreviations, None)?;
    let mut entry = Entry::default();
    while !entries.is_empty() {
        budget.pay(1)?;
        let depth = entries.next_depth();
        // Behind the end of the outermost one that was found there is nothing more to find.
        if found.first().is_some_and(|(outer, _)| depth <= *outer) {
            break;
        }
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        let is_function = match abbreviation.tag() {
            constants::DW_TAG_subprogram => true,
            constants::DW_TAG_inlined_subroutine => {
                // Not inside the function of which it would be a part.
                found.last().is_some_and(|(outer, _)| depth > *outer) && found.len() < MAX_INLINED
            }
            _ => false,
        };
        let attributes = abbreviation.attributes();
        if !is_function {
            budget.pay(attributes.len())?;
            entries.skip_attributes(attributes)?;
            continue;
        }
        read(&mut entries, attributes, &mut entry, budget)?;
        let mut covers = false;
        // One broken list of ranges hides its function only.
        let _ = unit.ranges(reader, &entry, budget, |range| {
            covers |= range.contains(&address);
            if covers { Err(Stop) } else { Ok(()) }
        });
        if covers {
            if abbreviation.tag() == constants::DW_TAG_subprogram {
                found.clear();
            }
            found.push((depth, std::mem::take(&mut entry)));
        }
    }
    let mut functions = Vec::with_capacity(found.len());
    for (_, entry) in found.iter().rev() {
        let small = |name| {
            entry
                .number(name)
                .and_then(|number| u32::try_from(number).ok())
        };
        functions.push(FunctionAt {
            name: name_of(reader, units, unit, entry, budget).unwrap_or(None),
            called_at: Place {
                file: entry.number(constants::DW_AT_call_file),
                line: small(constants::DW_AT_call_line).filter(|&line| line != 0),
                column: small(constants::DW_AT_call_column).filter(|&column| column != 0),
            },
        });
    }
    Ok(functions)
}

/// The name of a function: its own, or that of the entry it refers to.
fn name_of<'a>(
    reader: &Reader<'a>,
    units: &Units,
    unit: &Unit<'a>,
    entry: &Entry<'a>,
    budget: &mut Budget,
) -> Result<Option<String>, Stop> {
    const NAMES: [DwAt; 3] = [
        constants::DW_AT_linkage_name,
        constants::DW_AT_MIPS_linkage_name,
        constants::DW_AT_name,
    ];
    const REFERENCES: [DwAt; 2] = [
        constants::DW_AT_abstract_origin,
        constants::DW_AT_specification,
    ];
    let mut other: Option<Unit<'a>> = None;
    let mut next: Option<Entry<'a>> = None;
    let mut short = None;
    for _ in 0..MAX_HOPS {
        let unit = other.as_ref().unwrap_or(unit);
        let entry = next.as_ref().unwrap_or(entry);
        for name in NAMES {
            let Some(value) = entry.get(name) else {
                continue;
            };
            let text = unit.text(reader, value);
            if name != constants::DW_AT_name {
                return Ok(text);
            }
            // A linkage name may follow, which says more.
            short = short.or(text);
        }
        let reference = REFERENCES.iter().find_map(|&name| entry.get(name));
        let found = match reference {
            Some(AttributeValue::UnitRef(offset)) => unit.entry_at(offset.0, budget)?,
            Some(AttributeValue::DebugInfoRef(offset)) => {
                let (unit, offset) = reader.unit_of(units, offset.0, budget)?;
                let entry = unit.entry_at(offset, budget)?;
                other = Some(unit);
                entry
            }
            _ => break,
        };
        next = Some(found);
    }
    Ok(short)
}
