//! Line tables: from an address to a file and a line.

use super::budget::{Budget, Stop};
use super::entries::{Entry, Unit};
use super::symbolize::{Bytes, Reader};
use gimli::{
    AttributeValue, ColumnType, IncompleteLineProgram, LineInstruction, LineRow, Section as _,
    constants,
};

/// Headers that are longer belong to no unit that a compiler made. Each byte may become a hundred in memory.
const MAX_HEADER: usize = 512 << 10;

/// Longer paths are cut.
const MAX_PATH: usize = 4096;

/// A position in the source. The file is an index of the unit's table.
#[derive(Copy, Clone, Default, Debug)]
pub(super) struct Place {
    pub(super) file: Option<u64>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
}

/// The line program of one unit.
pub(super) struct Lines<'a> {
    program: IncompleteLineProgram<Bytes<'a>>,
    directory: Option<Bytes<'a>>,
}

impl<'a> Lines<'a> {
    pub(super) fn open(
        reader: &Reader<'a>,
        unit: &Unit<'a>,
        root: &Entry<'a>,
        budget: &mut Budget,
    ) -> Result<Self, Stop> {
        let Some(AttributeValue::DebugLineRef(offset)) = root.get(constants::DW_AT_stmt_list)
        else {
            return Err(Stop);
        };
        let section = reader.sections.debug_line.reader().slice();
        let header = header_len(section.get(offset.0..).ok_or(Stop)?).ok_or(Stop)?;
        budget.pay(header)?;
        if header > MAX_HEADER {
            return Err(Stop);
        }
        let string = |name| unit.string(reader, root.get(name)?);
        let directory = string(constants::DW_AT_comp_dir);
        let program = reader.sections.debug_line.program(
            offset,
            unit.header.address_size(),
            directory,
            string(constants::DW_AT_name),
        )?;
        Ok(Lines { program, directory })
    }

    /// The row that covers an address.
    pub(super) fn find(&self, address: u64, budget: &mut Budget) -> Result<Option<Place>, Stop> {
        let mut program = self.program.clone();
        let header = program.header().clone();
        let mut instructions = header.instructions();
        let mut row = LineRow::new(&header);
        let mut before: Option<(u64, Place)> = None;
        loop {
            budget.pay(1)?;
            let instruction = match instructions.next_instruction(&header)? {
                // A file that is defined on the way is not worth a table that grows with each.
                Some(LineInstruction::DefineFile(_)) => continue,
                Some(instruction) => instruction,
                None => return Ok(None),
            };
            if !row.execute(instruction, &mut program)? {
                continue;
            }
            if let Some((start, place)) = before
                && (start..row.address()).contains(&address)
            {
                return Ok(Some(place));
            }
            before = (!row.end_sequence()).then(|| {
                let place = Place {
                    file: Some(row.file_index()),
                    line: row.line().and_then(|line| u32::try_from(line.get()).ok()),
                    column: match row.column() {
                        ColumnType::LeftEdge => None,
                        ColumnType::Column(column) => u32::try_from(column.get()).ok(),
                    },
                };
                (row.address(), place)
            });
            row.reset(&header);
        }
    }

    /// The path of a file.
    pub(super) fn file(&self, reader: &Reader<'a>, unit: &Unit<'a>, index: u64) -> Option<String> {
        let header = self.program.header();
        let file = header.file(index)?;
        let mut path = String::new();
        if let Some(directory) = self.directory {
            push(&mut path, directory);
        }
        if file.directory_index() != 0
            && let Some(directory) = file.directory(header)
        {
            push(&mut path, unit.string(reader, directory)?);
        }
        push(&mut path, unit.string(reader, file.path_name())?);
        Some(path)
    }
}

/// Appends a path, which replaces what is there if it is absolute.
fn push(path: &mut String, more: Bytes<'_>) {
    let bytes = more.slice();
    let more = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_PATH)]);
    let windows = more.get(1..3).is_some_and(|drive| drive == ":\\");
    if more.starts_with('/') || windows {
        path.clear();
    } else if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(&more);
}

/// Bytes of a line program's header: what gimli reads into memory.
fn header_len(program: &[u8]) -> Option<usize> {
    let word = |at: usize| {
        let word = program.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    // The length of all; the initial lengths of 64-bit DWARF are no lengths.
    if word(0)? >= 0xffff_fff0 {
        return None;
    }
    let version = u16::from_le_bytes(*program.get(4..)?.first_chunk()?);
    let at = if version >= 5 { 8 } else { 6 };
    Some(word(at)? as usize)
}
