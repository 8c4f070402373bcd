//! Artifacts that were damaged, given to `Module::deserialize`: whatever differs from what was serialized is refused by the
//! checksum; with a checksum that fits, what the header or the identity say is refused all the same, and what the metadata
//! say is an error or a description that can be looked at. Code is trusted, so it is never run here.

use crate::mutate::mutate;
use crate::originals::ORIGINALS;
use arbitrary::{Result, Unstructured};
use std::sync::OnceLock;
use tussah::{Config, Engine, Module};

/// Where fields are: the layout is told in the header of tussah's `code/serialize.rs`.
const MAGIC: &[u8] = b"\x7ftussah\0";
const CHECKSUM: usize = 12;
const CHECKED: usize = 16;
const HEADER: usize = 40;

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

/// The ends of an artifact's identity and metadata.
fn ends(bytes: &[u8]) -> (usize, usize) {
    let len = |at: usize| {
        let len = bytes[at..].first_chunk().expect("a header");
        usize::try_from(u64::from_le_bytes(*len)).expect("a length")
    };
    let identity = HEADER + len(CHECKED);
    (identity, identity + len(CHECKED + 8))
}

fn seal(bytes: &mut [u8]) {
    if bytes.len() > CHECKED {
        let checksum = crc32fast::hash(&bytes[CHECKED..]);
        bytes[CHECKSUM..CHECKED].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Replaces a part of the bytes, of whatever length it becomes.
fn change(
    bytes: &mut Vec<u8>,
    part: std::ops::Range<usize>,
    u: &mut Unstructured<'_>,
) -> Result<()> {
    let mut piece = bytes[part.clone()].to_vec();
    let copy = piece.clone();
    mutate(&mut piece, &copy, u)?;
    bytes.splice(part, piece);
    Ok(())
}

/// Writes the lengths of the parts as they have become.
fn fit(bytes: &mut [u8], identity: usize, metadata: usize) {
    for (len, at) in [(identity, CHECKED), (metadata, CHECKED + 8)] {
        bytes[at..at + 8].copy_from_slice(&(len as u64).to_le_bytes());
    }
}

fn damage(
    bytes: &mut Vec<u8>,
    same: &[Vec<u8>],
    foreign: &[Vec<u8>],
    u: &mut Unstructured<'_>,
) -> Result<Demand> {
    let (identity, metadata) = ends(bytes);
    let whole = bytes.len();
    Ok(match u.int_in_range(0..=8)? {
        // Anything, anywhere, and nobody fits the checksum.
        0 => {
            let other = u.choose(same)?;
            mutate(bytes, other, u)?;
            Demand::Refuse
        }
        1 => {
            bytes.truncate(u.choose_index(whole)?);
            seal(bytes);
            Demand::Refuse
        }
        // One artifact's beginning and another one's end.
        2 => {
            let other = u.choose(same)?;
            let at = u.choose_index(whole.min(other.len()))?;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[at..]);
            Demand::Refuse
        }
        3 => {
            *bytes = u.choose(foreign)?.clone();
            Demand::Refuse
        }
        4 => {
            *bytes = u.bytes(u.len())?.to_vec();
            if u.is_empty() && bytes.len() > HEADER && bytes[0] & 1 == 0 {
                bytes[..MAGIC.len()].copy_from_slice(MAGIC);
                seal(bytes);
            }
            Demand::Refuse
        }
        // The header, with a checksum that fits; the checksum itself is not damage then.
        5 => {
            let field = *u.choose(&[0, 8, CHECKED, CHECKED + 8, CHECKED + 16])?;
            let at = field + u.choose_index(if field == 8 { 4 } else { 8 })?;
            bytes[at] ^= u.int_in_range(1..=255u8)?;
            seal(bytes);
            Demand::Refuse
        }
        6 => {
            let before = bytes[HEADER..identity].to_vec();
            change(bytes, HEADER..identity, u)?;
            let identity = bytes.len() - (whole - identity);
            let changed = bytes[HEADER..identity] != before;
            fit(bytes, identity - HEADER, metadata - (HEADER + before.len()));
            seal(bytes);
            if changed {
                Demand::Refuse
            } else {
                Demand::Survive
            }
        }
        // What is described, with a checksum that fits.
        7 => {
            change(bytes, identity..metadata, u)?;
            let metadata = bytes.len() - (whole - metadata);
            fit(bytes, identity - HEADER, metadata - identity);
            seal(bytes);
            Demand::Survive
        }
        // The code: lengths stay, so that what is described may still fit.
        _ => {
            let at = metadata + u.choose_index((whole - metadata).max(1))?;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= u.int_in_range(1..=255u8)?;
            }
            seal(bytes);
            Demand::Survive
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
    let demand = damage(&mut bytes, same, &all.artifacts[1 - own], u)?;
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
    let outcome = unsafe { Module::deserialize(engine, &bytes) };
    let module = match (outcome, demand) {
        (Err(error), _) => {
            assert!(!format!("{error:?}").is_empty(), "an error without text");
            return Ok(match demand {
                Demand::Refuse => Seen::Refused,
                Demand::Survive => Seen::Declined,
            });
        }
        (Ok(_), Demand::Refuse) => panic!("a damaged artifact of {} bytes was read", bytes.len()),
        (Ok(module), Demand::Survive) => module,
    };
    // All that can be asked without running anything.
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
    Ok(Seen::Read)
}
