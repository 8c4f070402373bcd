//! From an address to its unit, and from there to functions, files and lines.

use super::budget::{Budget, Stop};
use super::entries::{Unit, functions_at};
use super::lines::Lines;
use super::{Dwarf, SourceSymbol};
use gimli::{EndianSlice, Format, LittleEndian, UnitHeader};
use std::ops::Range;

/// What gimli reads from.
pub(super) type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// More ranges than this are not remembered.
const MAX_RANGES: usize = 1 << 20;

/// A table of abbreviations that is longer belongs to no unit that a compiler made.
const MAX_ABBREVIATIONS: usize = 256 << 10;

/// Where the units are.
#[derive(Default, Debug)]
pub(super) struct Units {
    /// Each unit's place in `.debug_info`, in order, and where its abbreviations are.
    units: Vec<(usize, Range<usize>)>,
    /// Addresses, and the index of their unit.
    ranges: Vec<(Range<u64>, usize)>,
}

/// The functions at an address of the code section, innermost first.
pub(super) fn symbols(dwarf: &Dwarf, address: u64) -> Vec<SourceSymbol> {
    let reader = Reader::new(dwarf);
    let units = dwarf.units.get_or_init(|| reader.units());
    let covering = units.ranges.iter().find(|(r, _)| r.contains(&address));
    let Some(&(_, unit)) = covering else {
        return Vec::new();
    };
    let mut budget = Budget::of_lookup();
    reader
        .symbols(units, unit, address, &mut budget)
        .unwrap_or_default()
}

/// The sections, as gimli wants them.
pub(super) struct Reader<'a> {
    pub(super) sections: gimli::Dwarf<Bytes<'a>>,
    abbreviations: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(dwarf: &'a Dwarf) -> Self {
        let load = |id: gimli::SectionId| {
            let data = dwarf.section(id.name());
            Ok::<_, Stop>(EndianSlice::new(data, LittleEndian))
        };
        Reader {
            sections: gimli::Dwarf::load(load).unwrap_or_default(),
            abbreviations: dwarf.section(".debug_abbrev"),
        }
    }

    /// Finds the units and what they cover, as far as the budget reaches.
    fn units(&self) -> Units {
        let mut units = Units::default();
        let mut budget = Budget::of_index();
        let _ = self.list(&mut units, &mut budget);
        for index in 0..units.units.len() {
            // A unit that cannot be read hides no other, unless it has taken everything.
            if budget.pay(1).is_err() || units.ranges.len() >= MAX_RANGES {
                break;
            }
            let _ = self.cover(&mut units, index, &mut budget);
        }
        units
    }

    fn list(&self, units: &mut Units, budget: &mut Budget) -> Result<(), Stop> {
        let mut starts = Vec::new();
        let mut headers = self.sections.units();
        while let Some(header) = headers.next()? {
            budget.pay(16)?;
            let place = header.debug_info_offset().ok_or(Stop)?.0;
            let table = header.debug_abbrev_offset().0;
            units.units.push((place, table..self.abbreviations.len()));
            starts.push(table);
        }
        // A table ends where the next one begins, at the latest, so that reading all of them is linear.
        starts.sort_unstable();
        for (_, table) in &mut units.units {
            let behind = starts.partition_point(|&start| start <= table.start);
            if let Some(&next) = starts.get(behind) {
                table.end = table.end.min(next);
            }
        }
        Ok(())
    }

    /// Remembers the ranges of a unit.
    fn cover(&self, units: &mut Units, index: usize, budget: &mut Budget) -> Result<(), Stop> {
        let (unit, root) = self.open(units, index, budget)?;
        unit.ranges(self, &root, budget, |range| {
            units.ranges.push((range, index));
            if units.ranges.len() < MAX_RANGES {
                Ok(())
            } else {
                Err(Stop)
            }
        })
    }

    /// Reads a unit's abbreviations and root.
    fn open(
        &self,
        units: &Units,
        index: usize,
        budget: &mut Budget,
    ) -> Result<(Unit<'a>, super::entries::Entry<'a>), Stop> {
        let (place, table) = units.units.get(index).ok_or(Stop)?;
        let header: UnitHeader<Bytes<'a>> =
            self.sections.unit_header(gimli::DebugInfoOffset(*place))?;
        if header.format() != Format::Dwarf32 {
            return Err(Stop);
        }
        let table = self.abbreviations.get(table.clone()).ok_or(Stop)?;
        // Each byte is more work than elsewhere.
        budget.pay(table.len().min(MAX_ABBREVIATIONS) * 4)?;
        if table.len() > MAX_ABBREVIATIONS {
            return Err(Stop);
        }
        let table = gimli::DebugAbbrev::from(EndianSlice::new(table, LittleEndian));
        let abbreviations = table.abbreviations(gimli::DebugAbbrevOffset(0))?;
        Unit::open(self, header, abbreviations, budget)
    }

    /// The unit that an offset in `.debug_info` is in, and the offset there.
    pub(super) fn unit_of(
        &self,
        units: &Units,
        offset: usize,
        budget: &mut Budget,
    ) -> Result<(Unit<'a>, usize), Stop> {
        let behind = units.units.partition_point(|&(place, _)| place <= offset);
        let index = behind.checked_sub(1).ok_or(Stop)?;
        let (unit, _) = self.open(units, index, budget)?;
        Ok((unit, offset - units.units[index].0))
    }

    fn symbols(
        &self,
        units: &Units,
        unit: usize,
        address: u64,
        budget: &mut Budget,
    ) -> Result<Vec<SourceSymbol>, Stop> {
        let (unit, root) = self.open(units, unit, budget)?;
        // What is known without the other is worth having.
        let lines = Lines::open(self, &unit, &root, budget).ok();
        let functions = functions_at(self, units, &unit, address, budget).unwrap_or_default();
        let place = lines
            .as_ref()
            .and_then(|lines| lines.find(address, budget).ok().flatten());
        let mut here = place.unwrap_or_default();
        if functions.is_empty() && here.file.is_none() {
            return Ok(Vec::new());
        }
        let mut symbols = Vec::with_capacity(functions.len().max(1));
        let file = |index: Option<u64>| {
            let (lines, index) = (lines.as_ref()?, index?);
            lines.file(self, &unit, index)
        };
        if functions.is_empty() {
            symbols.push(SourceSymbol {
                name: None,
                file: file(here.file),
                line: here.line,
                column: here.column,
            });
        }
        for function in functions {
            symbols.push(SourceSymbol {
                name: function.name,
                file: file(here.file),
                line: here.line,
                column: here.column,
            });
            here = function.called_at;
        }
        Ok(symbols)
    }
}
