//! Artifacts that were damaged, given to `Module::deserialize_checked` and `Module::deserialize`.
//!
//! The former refuses whatever differs from what was serialized, the latter whatever differs in the head. With checksums
//! that fit, either refuses another format, another identity and lengths that cannot be; what else is described is an
//! error or a description that can be looked at. Code is trusted, so it is never run here.

use crate::mutate::mutate;
use crate::originals::ORIGINALS;
use arbitrary::{Result, Unstructured};
use std::ops::Range;
use std::sync::OnceLock;
use tussah::{Config, Engine, Module};

/// Where fields are: the layout is told in the header of tussah's `code/serialize.rs`.
const MAGIC: &[u8] = b"\x7ftussah\0";
const FORMAT: usize = 8;
const HEAD_SUM: Range<usize> = 12..16;
const REST_SUM: Range<usize> = 16..20;
const LENGTHS: usize = 24;
const SECTIONS: usize = 14;
const HEADER: usize = LENGTHS + 8 * SECTIONS;
const IDENTITY: usize = 0;
const METADATA: usize = 1;
const FUNCTIONS: usize = 2;
const TEXT: usize = 12;
/// The lengths that nothing can make up for: those of the head, as it is decoded, and those behind the zeros before text.
const FIRM: [usize; 5] = [IDENTITY, METADATA, FUNCTIONS, TEXT, TEXT + 1];

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The bytes stand for nothing, or for an artifact that is not damaged.
    Nothing,
    /// What had to be refused was.
    Refused,
    /// What may be read either way was refused.
    Declined,
    /// What may be read either way was read.
    Read,
}

/// Damage that must be found, and damage that need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Refuse,
    Survive,
}

struct Originals {
    /// Two engines whose artifacts are not each other's.
    engines: [Engine; 2],
    artifacts: [Vec<Vec<u8>>; 2],
}

fn originals() -> &'static Originals {
    static ALL: OnceLock<Originals> = OnceLock::new();
    ALL.get_or_init(|| {
        let engines = [false, true].map(|fuel| {
            let mut config = Config::new();
            config.consume_fuel(fuel).parallel_compilation(false);
            Engine::new(&config).expect("an engine")
        });
        let artifacts = engines.each_ref().map(|engine| {
            let serialized = ORIGINALS.iter().map(|text| {
                let module = Module::new(engine, text).expect("a module");
                module.serialize().expect("bytes")
            });
            serialized.collect()
        });
        Originals { engines, artifacts }
    })
}

/// The ranges of the sections of the head.
fn head(bytes: &[u8]) -> [Range<usize>; 3] {
    let mut end = HEADER;
    [IDENTITY, METADATA, FUNCTIONS].map(|section| {
        let field = bytes[LENGTHS + 8 * section..].first_chunk();
        let len = u64::from_le_bytes(*field.expect("a header"));
        let start = end;
        end = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        start..end
    })
}

/// Makes the checksums fit.
fn seal(bytes: &mut [u8]) {
    if bytes.len() < HEADER {
        return;
    }
    let end = head(bytes)[FUNCTIONS].end.min(bytes.len());
    let rest = crc32fast::hash(&bytes[end..]);
    bytes[REST_SUM].copy_from_slice(&rest.to_le_bytes());
    let sum = crc32fast::hash(&bytes[HEAD_SUM.end..end]);
    bytes[HEAD_SUM].copy_from_slice(&sum.to_le_bytes());
}

/// Changes a section of the head, takes from or adds to the zeros before text what its length became less or more, and
/// makes lengths and checksums fit.
fn change(bytes: &mut Vec<u8>, section: usize, u: &mut Unstructured<'_>) -> Result<()> {
    let sections: Vec<Range<usize>> = all_sections(bytes);
    let part = sections[section].clone();
    let mut piece = bytes[part.clone()].to_vec();
    let copy = piece.clone();
    mutate(&mut piece, &copy, u)?;
    let text = bytes.split_off(sections[TEXT].start);
    bytes.truncate(sections[TEXT - 1].end);
    let len = piece.len() as u64;
    bytes.splice(part, piece);
    bytes.resize(bytes.len().next_multiple_of(4096), 0);
    bytes.extend_from_slice(&text);
    let at = LENGTHS + 8 * section;
    bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
    seal(bytes);
    Ok(())
}

/// The ranges of all sections of an artifact that is not damaged.
fn all_sections(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut end = HEADER;
    let ranges = (0..SECTIONS).map(|section| {
        let field = bytes[LENGTHS + 8 * section..].first_chunk();
        let len = u64::from_le_bytes(*field.expect("a header"));
        let start = if section == TEXT {
            end.next_multiple_of(4096)
        } else {
            end
        };
        end = start + usize::try_from(len).expect("a length");
        start..end
    });
    ranges.collect()
}

/// What an identity says that has to be as the engine has it: all but the processor's extensions, which may be fewer.
fn firm(identity: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(identity).ok()?;
    Some(
        text.lines()
            .filter(|line| !line.starts_with("cpu="))
            .collect(),
    )
}

/// Damages the bytes: what each form has to do, that which checks all and that which checks the head.
fn damage(
    bytes: &mut Vec<u8>,
    same: &[Vec<u8>],
    foreign: &[Vec<u8>],
    u: &mut Unstructured<'_>,
) -> Result<[Demand; 2]> {
    use Demand::{Refuse, Survive};
    let original = bytes.clone();
    let rest = head(bytes)[FUNCTIONS].end;
    Ok(match u.int_in_range(0..=9)? {
        // Anything, anywhere; or one artifact's beginning and another one's end. Nobody fits the checksums.
        kind @ 0..=1 => {
            let other = u.choose(same)?;
            if kind == 0 {
                mutate(bytes, other, u)?;
            } else {
                let at = u.choose_index(bytes.len().min(other.len()))?;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[at..]);
            }
            let whole = same
                .iter()
                .any(|one| bytes.starts_with(&one[..head(one)[FUNCTIONS].end]));
            [Refuse, if whole { Survive } else { Refuse }]
        }
        2 => {
            bytes.truncate(u.choose_index(bytes.len())?);
            seal(bytes);
            [Refuse; 2]
        }
        3 => {
            *bytes = u.choose(foreign)?.clone();
            [Refuse; 2]
        }
        4 => {
            let garbage = u.bytes(u.len())?;
            bytes.truncate(*u.choose(&[0, MAGIC.len(), FORMAT + 4])?);
            bytes.extend_from_slice(garbage);
            seal(bytes);
            [Refuse; 2]
        }
        // The header.
        5 => {
            let section = u.choose_index(SECTIONS)?;
            let field = *u.choose(&[0, FORMAT, LENGTHS + 8 * section])?;
            let at = field + u.choose_index(if field == FORMAT { 4 } else { 8 })?;
            bytes[at] ^= u.int_in_range(1..=255u8)?;
            seal(bytes);
            let loose = field == LENGTHS + 8 * section && !FIRM.contains(&section);
            [if loose { Survive } else { Refuse }; 2]
        }
        6 => {
            change(bytes, IDENTITY, u)?;
            let same = firm(&bytes[head(bytes)[IDENTITY].clone()])
                == firm(&original[head(&original)[IDENTITY].clone()]);
            [if same { Survive } else { Refuse }; 2]
        }
        // What is described.
        7 => {
            change(bytes, METADATA, u)?;
            [Survive; 2]
        }
        8 => {
            change(bytes, FUNCTIONS, u)?;
            [Survive; 2]
        }
        // What is used where it lies, and code.
        _ => {
            let at = rest + u.choose_index(bytes.len() - rest)?;
            bytes[at] ^= u.int_in_range(1..=255u8)?;
            if u.arbitrary()? {
                seal(bytes);
                [Survive; 2]
            } else {
                [Refuse, Survive]
            }
        }
    })
}

/// Damages an artifact as `data` says, and reads it.
///
/// # Panics
///
/// If tussah does, or reads what it has to refuse.
pub fn run(data: &[u8]) -> Seen {
    let mut u = Unstructured::new(data);
    attempt(&mut u).unwrap_or(Seen::Nothing)
}

fn attempt(u: &mut Unstructured<'_>) -> Result<Seen> {
    let all = originals();
    let own = usize::from(u.arbitrary::<bool>()?);
    let (engine, same) = (&all.engines[own], &all.artifacts[own]);
    let original = u.choose(same)?;
    let mut bytes = original.clone();
    let [checked, trusted] = damage(&mut bytes, same, &all.artifacts[1 - own], u)?;
    let detected = Engine::detect_precompiled(&bytes).is_some();
    assert_eq!(
        detected,
        bytes.starts_with(MAGIC),
        "what begins as an artifact is one"
    );
    if same.contains(&bytes) {
        return Ok(Seen::Nothing);
    }
    #[expect(unsafe_code, reason = "deserialising trusts the code that it is given")]
    // SAFETY: that the code is what the compiler made matters when it runs; nothing here is instantiated.
    let outcomes = unsafe {
        [
            (Module::deserialize_checked(engine, &bytes), checked),
            (Module::deserialize(engine, &bytes), trusted),
        ]
    };
    let mut seen = Seen::Refused;
    for (outcome, demand) in outcomes {
        match (outcome, demand) {
            (Err(error), _) => {
                assert!(!format!("{error:?}").is_empty(), "an error without text");
                if demand == Demand::Survive && seen == Seen::Refused {
                    seen = Seen::Declined;
                }
            }
            (Ok(_), Demand::Refuse) => {
                let at = original.iter().zip(&bytes).position(|(a, b)| a != b);
                panic!(
                    "a damaged artifact of {} bytes instead of {} was read; what differs first is at {at:?}",
                    bytes.len(),
                    original.len()
                )
            }
            (Ok(module), Demand::Survive) => {
                look(&module);
                seen = Seen::Read;
            }
        }
    }
    Ok(seen)
}

/// Asks all that can be asked without running anything.
fn look(module: &Module) {
    for import in module.imports() {
        let _ = (import.module(), import.name(), import.ty());
    }
    for export in module.exports() {
        assert!(
            module.get_export(export.name()).is_some(),
            "an export has a type"
        );
        let _ = export.ty();
    }
    let text = module.text().len();
    for function in module.functions() {
        assert!(
            function.offset + function.len <= text,
            "code lies within the text"
        );
    }
    let mapped = module.address_map().map_or(0, Iterator::count);
    let _ = (module.name(), module.resources_required(), mapped);
    module.serialize().expect("what was read can be written");
}
