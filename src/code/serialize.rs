//! Artifacts as bytes.
//!
//! ```text
//!  0  magic                 8 bytes
//!  8  format version        u32, little-endian like all numbers here
//! 12  checksum of the head  u32, CRC-32 of everything from here to the end of `functions`, itself excluded
//! 16  checksum of the rest  u32, CRC-32 of everything behind that
//! 20  zero                  u32
//! 24  lengths               u64 for each section
//!     identity              UTF-8, lines of `key=value`
//!     metadata              postcard: module description, places of trampolines, names of debug sections
//!     functions             where each one's code is
//!     traps, addresses, fuel, names by function: sorted tables
//!     names, data           of functions, of segments
//!     debug sections        those of the binary, one behind the other
//!     trampolines           machine code, then how their frames are unwound
//!     zeros                 up to a multiple of `PAGE`
//!     text                  machine code, then how its frames are unwound
//! ```
//!
//! The head is decoded and always checked. The rest is used where it lies, in a mapped file if there is one, and looked at
//! as a whole by [`Check::All`] only. Checksums find damage, not malice: whoever may write an artifact decides what code
//! runs.

use super::{
    Artifact, CodeTables, CompiledModule, Dwarf, FuncLoc, Text, TrampolineCode, TrampolinePlace,
    identity, validate,
};
use crate::abi::builtins::HOST_WORD;
use crate::bytes::{Bytes, Table};
use crate::entity::PrimaryMap;
use crate::error::{Context, Result, ensure};
use crate::os::FileMap;
use crate::wasm::{DefinedFuncIndex, FuncNames, ModuleInfo};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;

const MAGIC: [u8; 8] = *b"\x7ftussah\0";

/// Raised whenever the layout above, or a structure inside the metadata, changes.
const FORMAT: u32 = 3;

/// Where the two checksums are, and what the first one covers begins.
const HEAD_SUM: Range<usize> = 12..16;
const REST_SUM: Range<usize> = 16..20;
const LENGTHS: usize = 24;

/// Where text begins: so that it can be mapped from files by systems with pages of this size.
const PAGE: usize = 4096;

const IDENTITY: usize = 0;
const METADATA: usize = 1;
const FUNCTIONS: usize = 2;
const TRAPS: usize = 3;
const ADDRESSES: usize = 4;
const FUEL: usize = 5;
const NAME_TABLE: usize = 6;
const NAMES: usize = 7;
const DATA: usize = 8;
const DWARF: usize = 9;
const TRAMPOLINES: usize = 10;
const TRAMPOLINE_FRAMES: usize = 11;
const TEXT: usize = 12;
const FRAMES: usize = 13;
const SECTIONS: usize = 14;

/// Bytes before the first section.
const HEADER: usize = LENGTHS + SECTIONS * 8;

/// How much of an artifact is checked.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Check {
    /// What is decoded.
    Head,
    /// Every byte.
    All,
}

/// The metadata, to write.
#[derive(Serialize)]
struct MetadataRef<'a> {
    module: &'a ModuleInfo,
    trampolines: &'a [TrampolinePlace],
    dwarf: &'a Dwarf,
    dwarf_lengths: Vec<usize>,
}

/// The metadata, as read: field by field what [`MetadataRef`] is.
#[derive(Deserialize)]
struct Metadata {
    module: ModuleInfo,
    trampolines: Vec<TrampolinePlace>,
    dwarf: Dwarf,
    dwarf_lengths: Vec<usize>,
}

impl CompiledModule {
    /// The module as bytes, for [`from_bytes`] under an `identity` that this one fits.
    ///
    /// # Errors
    ///
    /// The description cannot be encoded.
    pub(crate) fn serialize(
        &self,
        trampolines: &TrampolineCode,
        identity: &str,
    ) -> Result<Vec<u8>> {
        // The host's word belongs to the process.
        let mut text = self.image.text().to_vec();
        if let Some(word) = text.last_chunk_mut::<HOST_WORD>() {
            word.fill(0);
        }
        Parts {
            module: &self.info,
            functions: &self.functions,
            tables: self.image.tables(),
            text: &text,
            frames: self.image.frames(),
            dwarf: &self.dwarf,
        }
        .to_bytes(trampolines, identity)
    }
}

impl Artifact {
    /// The artifact as bytes, for [`from_bytes`] under an `identity` that this one fits.
    ///
    /// # Errors
    ///
    /// The description cannot be encoded.
    pub(crate) fn serialize(
        &self,
        trampolines: &TrampolineCode,
        identity: &str,
    ) -> Result<Vec<u8>> {
        Parts {
            module: &self.module,
            functions: &self.functions,
            tables: &self.tables,
            text: &self.text.bytes,
            frames: &self.text.frames,
            dwarf: &self.dwarf,
        }
        .to_bytes(trampolines, identity)
    }
}

/// What an artifact is made of.
struct Parts<'a> {
    module: &'a ModuleInfo,
    functions: &'a PrimaryMap<DefinedFuncIndex, FuncLoc>,
    tables: &'a CodeTables,
    text: &'a [u8],
    frames: &'a [u8],
    dwarf: &'a Dwarf,
}

impl Parts<'_> {
    fn to_bytes(&self, trampolines: &TrampolineCode, identity: &str) -> Result<Vec<u8>> {
        let debug = || self.dwarf.sections.iter().map(|section| &*section.data);
        let metadata = MetadataRef {
            module: self.module,
            trampolines: &trampolines.places,
            dwarf: self.dwarf,
            dwarf_lengths: debug().map(<[u8]>::len).collect(),
        };
        let metadata =
            postcard::to_stdvec(&metadata).context("cannot encode the module's description")?;
        let functions: Vec<u8> = self
            .functions
            .values()
            .flat_map(|loc| loc.to_bytes())
            .collect();
        let debug: Vec<u8> = debug().flatten().copied().collect();
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        for (section, bytes) in [
            (IDENTITY, identity.as_bytes()),
            (METADATA, &metadata),
            (FUNCTIONS, &functions),
            (TRAPS, self.tables.traps.bytes()),
            (ADDRESSES, self.tables.addresses.bytes()),
            (FUEL, self.tables.fuel.bytes()),
            (NAME_TABLE, self.module.func_names.table.bytes()),
            (NAMES, &self.module.func_names.text),
            (DATA, &self.module.data_bytes),
            (DWARF, &debug),
            (TRAMPOLINES, &trampolines.text),
            (TRAMPOLINE_FRAMES, &trampolines.frames),
            (TEXT, self.text),
            (FRAMES, self.frames),
        ] {
            sections[section] = bytes;
        }
        Ok(assemble(&sections))
    }
}

/// Puts sections one behind the other, with the header before them.
fn assemble(sections: &[&[u8]; SECTIONS]) -> Vec<u8> {
    let len: usize = sections.iter().map(|section| section.len()).sum();
    let mut bytes = Vec::with_capacity(HEADER + len + PAGE);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.resize(LENGTHS, 0);
    for section in sections {
        bytes.extend_from_slice(&(section.len() as u64).to_le_bytes());
    }
    let mut head = 0;
    for (section, part) in sections.iter().enumerate() {
        if section == TEXT {
            bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        }
        bytes.extend_from_slice(part);
        if section == FUNCTIONS {
            head = bytes.len();
        }
    }
    let rest = crc32fast::hash(&bytes[head..]);
    bytes[REST_SUM].copy_from_slice(&rest.to_le_bytes());
    let sum = crc32fast::hash(&bytes[HEAD_SUM.end..head]);
    bytes[HEAD_SUM].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Whether bytes begin as an artifact does.
pub(crate) fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Reads an artifact back.
///
/// # Errors
///
/// The bytes are no artifact, damaged, of another format, made under an `identity` that does not fit, or inconsistent.
pub(crate) fn from_bytes(bytes: &[u8], identity: &str, check: Check) -> Result<Artifact> {
    let ranges = split(bytes, check)?;
    // The text will be copied elsewhere and forgotten; what is before it stays.
    let (kept, passing) = bytes.split_at(ranges[TEXT].start);
    let (kept, passing) = (Bytes::from(kept.to_vec()), Bytes::from(passing.to_vec()));
    let sections = ranges.map(|range| match range.start.checked_sub(kept.len()) {
        Some(start) => passing.part(start..start + range.len()),
        None => kept.part(range),
    });
    decode(&sections, identity)
}

/// Makes an artifact of its sections.
fn decode(sections: &[Bytes; SECTIONS], identity: &str) -> Result<Artifact> {
    let found = std::str::from_utf8(&sections[IDENTITY])
        .context("the artifact is malformed: its identity is not UTF-8")?;
    identity::check(found, identity)?;
    let (metadata, rest) = postcard::take_from_bytes::<Metadata>(&sections[METADATA])
        .context("the artifact is malformed: its metadata cannot be decoded")?;
    ensure!(
        rest.is_empty(),
        "the artifact is malformed: {} bytes behind its metadata",
        rest.len()
    );
    let (functions, rest) = sections[FUNCTIONS].as_chunks::<{ FuncLoc::SIZE }>();
    ensure!(
        rest.is_empty(),
        "the artifact is malformed: {} bytes behind its functions",
        rest.len()
    );
    let functions = functions.iter().map(|loc| FuncLoc::from_bytes(*loc));
    let Metadata {
        mut module,
        trampolines,
        mut dwarf,
        dwarf_lengths,
    } = metadata;
    let mut debug = sections[DWARF].clone();
    for (section, len) in dwarf.sections.iter_mut().zip(dwarf_lengths) {
        let all = debug.len();
        ensure!(
            len <= all,
            "the artifact is malformed: debug sections that are longer than all"
        );
        section.data = debug.part(0..len);
        debug = debug.part(len..all);
    }
    module.func_names = FuncNames {
        table: table(sections, NAME_TABLE)?,
        text: sections[NAMES].clone(),
    };
    module.data_bytes = sections[DATA].clone();
    let artifact = Artifact {
        module,
        text: Text {
            bytes: sections[TEXT].clone(),
            frames: sections[FRAMES].clone(),
            file: None,
        },
        functions: functions.collect(),
        tables: CodeTables {
            traps: table(sections, TRAPS)?,
            addresses: table(sections, ADDRESSES)?,
            fuel: table(sections, FUEL)?,
        },
        trampolines: TrampolineCode {
            text: sections[TRAMPOLINES].clone(),
            frames: sections[TRAMPOLINE_FRAMES].clone(),
            places: trampolines,
        },
        dwarf,
    };
    validate::artifact(&artifact).context("the artifact is inconsistent")?;
    Ok(artifact)
}

/// Files up to this size are read: that is done sooner than two mappings are made, of the file and of the code in it.
const READ: usize = 32 << 10;

/// As [`from_bytes`], of a whole file, which is mapped and not copied unless it is small.
///
/// # Errors
///
/// As for [`from_bytes`], and if the file cannot be read or mapped.
///
/// # Safety
///
/// Nobody changes the file as long as the artifact, or the module made of it, is there.
pub(crate) unsafe fn from_file(file: File, identity: &str, check: Check) -> Result<Artifact> {
    let small = read_small(&file).context("the precompiled module cannot be read")?;
    if let Some(bytes) = small {
        return from_bytes(&bytes, identity, check);
    }
    // SAFETY: the caller's promise.
    let map = unsafe { FileMap::new(&file) }.context("the precompiled module cannot be mapped")?;
    let bytes = Bytes::new(map);
    let ranges = split(&bytes, check)?;
    let offset = ranges[TEXT].start as u64;
    let mut artifact = decode(&ranges.map(|range| bytes.part(range)), identity)?;
    artifact.text.file = Some((file, offset));
    Ok(artifact)
}

/// The contents of a small file. Something else than a plain file may have more to read than it says: it is none.
fn read_small(mut file: &File) -> io::Result<Option<Vec<u8>>> {
    let len = file.metadata()?.len();
    let Some(room) = usize::try_from(len).ok().filter(|&len| len <= READ) else {
        return Ok(None);
    };
    let mut bytes = Vec::with_capacity(room + 1);
    file.rewind()?;
    file.take(len + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() == room).then_some(bytes))
}

fn table<const N: usize>(sections: &[Bytes; SECTIONS], section: usize) -> Result<Table<N>> {
    Table::from_bytes(sections[section].clone()).context("the artifact is malformed")
}

/// The sections of an artifact whose header fits, and as much of them as is to be checked.
fn split(bytes: &[u8], check: Check) -> Result<[Range<usize>; SECTIONS]> {
    ensure!(
        is_artifact(bytes),
        "not an artifact: {} bytes without its magic number",
        bytes.len()
    );
    let word = |at: usize| {
        bytes
            .get(at..)?
            .first_chunk()
            .copied()
            .map(u32::from_le_bytes)
    };
    if let Some(format) = word(MAGIC.len()) {
        ensure!(
            format == FORMAT,
            "the artifact is of format {format}, and this version of tussah reads format {FORMAT}"
        );
    }
    ensure!(
        bytes.len() >= HEADER,
        "the artifact is truncated: {} bytes are left where {HEADER} should follow",
        bytes.len()
    );
    let (lengths, _) = bytes[LENGTHS..HEADER].as_chunks::<8>();
    let mut sections = [const { 0..0 }; SECTIONS];
    let mut end = HEADER;
    for (section, (range, len)) in sections.iter_mut().zip(lengths).enumerate() {
        let len = u64::from_le_bytes(*len);
        let start = match section {
            TEXT => end.next_multiple_of(PAGE),
            _ => end,
        };
        let left = bytes.len().checked_sub(start);
        let fitting = usize::try_from(len)
            .ok()
            .filter(|&len| left.is_some_and(|left| len <= left));
        let len = fitting.with_context(|| {
            let left = left.unwrap_or(0);
            format!("the artifact is truncated: {left} bytes are left where {len} should follow")
        })?;
        end = start + len;
        *range = start..end;
    }
    ensure!(
        end == bytes.len(),
        "the artifact is malformed: {} bytes behind its end",
        bytes.len() - end
    );
    let head = sections[FUNCTIONS].end;
    let sums = [(HEAD_SUM, HEAD_SUM.end..head), (REST_SUM, head..end)];
    let checked = match check {
        Check::Head => 1,
        Check::All => 2,
    };
    for (sum, covered) in sums.into_iter().take(checked) {
        ensure!(
            Some(crc32fast::hash(&bytes[covered])) == word(sum.start),
            "the artifact is damaged: a checksum does not match"
        );
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::{
        Check, FORMAT, FUNCTIONS, HEAD_SUM, HEADER, LENGTHS, PAGE, READ, REST_SUM, from_bytes,
        from_file, is_artifact,
    };
    use crate::abi::VmContext;
    use crate::abi::builtins::HOST_WORD;
    use crate::code::validate::tests::artifact;
    use crate::code::{Artifact, CompiledModule};
    use std::fs::File;

    const IDENTITY: &str = "target=x86_64\nfuel=true\nfeatures=simd,tail-call\n";

    extern "C" fn host(_: u32, _: i32, _: usize, _: usize) -> *mut VmContext {
        std::ptr::null_mut()
    }

    fn bytes() -> Vec<u8> {
        let artifact = artifact();
        artifact.serialize(&artifact.trampolines, IDENTITY).unwrap()
    }

    fn read(bytes: &[u8], check: Check) -> crate::Result<Artifact> {
        from_bytes(bytes, IDENTITY, check)
    }

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", read(bytes, Check::All).unwrap_err())
    }

    fn sealed(mut bytes: Vec<u8>, head: usize) -> Vec<u8> {
        let rest = crc32fast::hash(&bytes[head..]);
        bytes[REST_SUM].copy_from_slice(&rest.to_le_bytes());
        let sum = crc32fast::hash(&bytes[HEAD_SUM.end..head]);
        bytes[HEAD_SUM].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Where the head ends.
    fn head() -> usize {
        let bytes = bytes();
        let lengths = bytes[LENGTHS..HEADER].as_chunks::<8>().0;
        let head = lengths[..=FUNCTIONS].iter().map(|len| usize::from(len[0]));
        HEADER + head.sum::<usize>()
    }

    fn publish(artifact: Artifact) -> CompiledModule {
        CompiledModule::publish(artifact, host).unwrap().0
    }

    #[test]
    fn artifacts_round_trip_before_and_after_publishing() {
        let bytes = bytes();
        assert!(is_artifact(&bytes) && !is_artifact(b"\0asm\x01\0\0\0") && !is_artifact(b""));
        let read = read(&bytes, Check::Head).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", artifact()));
        let module = publish(read);
        let trampolines = artifact().trampolines;
        assert_eq!(module.serialize(&trampolines, IDENTITY).unwrap(), bytes);
        let (function, loc) = module.functions.iter().next_back().unwrap();
        let address = module.function_address(function);
        assert_eq!(address, module.image.address_of(loc.start));
        assert_eq!(module.image.func_at(address.addr()), Some(function));
    }

    #[test]
    fn a_file_is_the_same_module_whether_it_is_mapped_or_read() {
        for (padding, mapped) in [(0, false), (READ, true)] {
            let mut artifact = artifact();
            let mut text = artifact.text.bytes.to_vec();
            text.splice(
                text.len() - HOST_WORD..text.len() - HOST_WORD,
                vec![0xcc; padding],
            );
            artifact.text.bytes = text.into();
            let bytes = artifact.serialize(&artifact.trampolines, IDENTITY).unwrap();
            let name = format!("tussah-artifact-{}-{padding}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, &bytes).unwrap();
            // SAFETY: nobody else knows of the file, which is removed but not changed.
            let artifact = unsafe { from_file(File::open(&path).unwrap(), IDENTITY, Check::All) };
            std::fs::remove_file(&path).unwrap();
            let artifact = artifact.unwrap();
            assert_eq!(artifact.text.file.is_some(), mapped);
            let module = publish(artifact);
            let trampolines = super::TrampolineCode::default();
            let copied = publish(read(&bytes, Check::All).unwrap());
            assert_eq!(module.image.text(), copied.image.text());
            assert_eq!(
                module.serialize(&trampolines, IDENTITY).unwrap(),
                copied.serialize(&trampolines, IDENTITY).unwrap()
            );
            assert_ne!(module.image.text().last_chunk(), Some(&[0; HOST_WORD]));
        }
    }

    #[test]
    fn a_module_without_functions_is_an_artifact_too() {
        let empty = Artifact {
            module: Default::default(),
            text: crate::code::Text {
                bytes: vec![0; HOST_WORD].into(),
                frames: Default::default(),
                file: None,
            },
            functions: Default::default(),
            tables: Default::default(),
            dwarf: Default::default(),
            trampolines: Default::default(),
        };
        let bytes = empty.serialize(&empty.trampolines, IDENTITY).unwrap();
        let module = publish(read(&bytes, Check::All).unwrap());
        assert_eq!(module.image.text().len(), HOST_WORD);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = bytes();
        for len in 0..bytes.len() {
            let error = refusal(&bytes[..len]);
            let expected = if len < 8 {
                "not an artifact: "
            } else {
                "the artifact is truncated: "
            };
            assert!(error.starts_with(expected), "{len}: {error}");
        }
        // Nothing is left of the sections, not even the zeros before a text of no length.
        let mut empty = bytes[..HEADER].to_vec();
        empty[LENGTHS..].fill(0);
        assert_eq!(
            refusal(&empty),
            "the artifact is truncated: 0 bytes are left where 0 should follow"
        );
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(
            refusal(&longer),
            "the artifact is malformed: 1 bytes behind its end"
        );
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let bytes = bytes();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = refusal(&damaged);
            assert!(
                error.starts_with("the artifact is ") || error.starts_with("not an artifact"),
                "{bit}: {error}"
            );
            // What is decoded is checked even if the rest is taken on trust.
            assert!(
                bit / 8 >= head() || read(&damaged, Check::Head).is_err(),
                "{bit}"
            );
        }
    }

    /// With checksums that fit, decoding and validation are on their own: any answer is fine, except a panic.
    #[test]
    fn garbage_behind_good_checksums_does_no_harm() {
        let (bytes, head) = (bytes(), head());
        let mut accepted = 0;
        let padding = bytes.len() - bytes.len() % PAGE;
        for at in (HEAD_SUM.end..bytes.len()).filter(|at| !(padding - 3000..padding).contains(at)) {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let Ok(artifact) = read(&sealed(changed, head), Check::All) else {
                    continue;
                };
                accepted += 1;
                let module = publish(artifact);
                for function in module.functions.keys() {
                    let pc = module.function_address(function).addr();
                    assert!(module.image.func_at(pc).is_some());
                }
                for offset in 0..u32::try_from(module.image.text().len()).unwrap() {
                    let tables = module.image.tables();
                    let _ = (tables.trap_at(offset), tables.wasm_offset_at(offset));
                    let _ = tables.fuel_at(offset);
                }
                for data in module.info.data.keys() {
                    let _ = module.info.data_of(data);
                }
                for func in module.info.funcs.keys() {
                    let _ = module.info.func_name(func);
                }
                for export in module.info.exports.values() {
                    let _ = module.info.entity_type(export.index);
                }
            }
        }
        assert!(accepted > 100, "most changes of the text are accepted");
    }

    #[test]
    fn other_engines_and_formats_are_refused() {
        let error = from_bytes(&bytes(), "target=arm\n", Check::Head).unwrap_err();
        assert!(error.to_string().contains("its target is `x86_64`"));
        let mut newer = bytes();
        newer[8] = 99;
        assert_eq!(
            refusal(&newer),
            format!(
                "the artifact is of format 99, and this version of tussah reads format {FORMAT}"
            )
        );
    }
}
