//! Artifacts as bytes.
//!
//! ```text
//!  0  magic                8 bytes
//!  8  format version       u32, little-endian like all numbers here
//! 12  checksum             u32, CRC-32 of everything behind it
//! 16  length of identity   u64
//! 24  length of metadata   u64
//! 32  length of text       u64
//! 40  identity             UTF-8, lines of `key=value`
//!     metadata             postcard: module description, functions, tables
//!     text                 machine code
//! ```
//!
//! The checksum finds damage, not malice: whoever may write an artifact decides what code runs. Everything but the
//! code itself is checked all the same, so that a wrong artifact is an error and not a surprise later.

use super::{Artifact, CodeTables, CompiledModule, FuncLoc, identity, validate};
use crate::abi::builtins::HOST_WORD;
use crate::error::{Context, Result, ensure};
use crate::wasm::{DefinedFuncIndex, ModuleInfo};
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};

const MAGIC: [u8; 8] = *b"\x7ftussah\0";

/// Raised whenever the layout above, or a structure inside the metadata, changes.
const FORMAT: u32 = 2;

/// Where the checksum is, and what it covers begins.
const CHECKSUM: usize = 12;
const CHECKED: usize = 16;

/// Bytes before the identity.
const HEADER: usize = 40;

/// The metadata, to write.
#[derive(Serialize)]
struct MetadataRef<'a> {
    module: &'a ModuleInfo,
    functions: &'a PrimaryMap<DefinedFuncIndex, FuncLoc>,
    tables: &'a CodeTables,
}

/// The metadata, as read: field by field what [`MetadataRef`] is.
#[derive(Deserialize)]
struct Metadata {
    module: ModuleInfo,
    functions: PrimaryMap<DefinedFuncIndex, FuncLoc>,
    tables: CodeTables,
}

impl Artifact {
    /// The artifact as bytes, for [`from_bytes`] under the same `identity`.
    ///
    /// # Errors
    ///
    /// The description cannot be encoded.
    pub(crate) fn serialize(&self, identity: &str) -> Result<Vec<u8>> {
        let metadata = MetadataRef {
            module: &self.module,
            functions: &self.functions,
            tables: &self.tables,
        };
        to_bytes(&metadata, &self.text, identity)
    }
}

impl CompiledModule {
    /// The artifact that the module was made of, as bytes, for [`from_bytes`] under the same `identity`.
    ///
    /// # Errors
    ///
    /// The description cannot be encoded.
    pub(crate) fn serialize(&self, identity: &str) -> Result<Vec<u8>> {
        let metadata = MetadataRef {
            module: &self.info,
            functions: &self.functions,
            tables: self.image.tables(),
        };
        // The host's word belongs to the process.
        let mut text = self.image.text().to_vec();
        if let Some(word) = text.last_chunk_mut::<HOST_WORD>() {
            word.fill(0);
        }
        to_bytes(&metadata, &text, identity)
    }
}

/// Whether bytes begin as an artifact does.
pub(crate) fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

fn to_bytes(metadata: &MetadataRef<'_>, text: &[u8], identity: &str) -> Result<Vec<u8>> {
    let metadata =
        postcard::to_stdvec(metadata).context("cannot encode the module's description")?;
    let parts = [identity.as_bytes(), &metadata, text];
    let mut bytes = Vec::with_capacity(HEADER + parts.iter().map(|part| part.len()).sum::<usize>());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; CHECKED - CHECKSUM]);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    let checksum = crc32fast::hash(&bytes[CHECKED..]);
    bytes[CHECKSUM..CHECKED].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// Reads an artifact back.
///
/// # Errors
///
/// The bytes are no artifact, damaged, of another format, made under another `identity`, or inconsistent.
pub(crate) fn from_bytes(bytes: &[u8], identity: &str) -> Result<Artifact> {
    ensure!(
        is_artifact(bytes),
        "not an artifact: {} bytes without its magic number",
        bytes.len()
    );
    let [found, metadata, text] = split(bytes)?;
    let found = std::str::from_utf8(found)
        .context("the artifact is malformed: its identity is not UTF-8")?;
    identity::check(found, identity)?;
    let (metadata, rest) = postcard::take_from_bytes::<Metadata>(metadata)
        .context("the artifact is malformed: its metadata cannot be decoded")?;
    ensure!(
        rest.is_empty(),
        "the artifact is malformed: {} bytes behind its metadata",
        rest.len()
    );
    let Metadata {
        module,
        functions,
        tables,
    } = metadata;
    let artifact = Artifact {
        module,
        text: text.to_vec(),
        functions,
        tables,
    };
    validate::artifact(&artifact).context("the artifact is inconsistent")?;
    Ok(artifact)
}

/// Identity, metadata and text, after a look at the header and the checksum.
fn split(bytes: &[u8]) -> Result<[&[u8]; 3]> {
    let truncated = || {
        let len = bytes.len();
        format!("the artifact is truncated: its {len} bytes end within the header")
    };
    let word = |at: usize| {
        let word = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    let long = |at: usize| {
        let long = bytes.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*long))
    };
    let format = word(MAGIC.len()).with_context(truncated)?;
    ensure!(
        format == FORMAT,
        "the artifact is of format {format}, and this version of tussah reads format {FORMAT}"
    );
    let checksum = word(CHECKSUM).with_context(truncated)?;
    let mut rest = bytes.get(HEADER..).with_context(truncated)?;
    let mut parts: [&[u8]; 3] = [&[]; 3];
    for (part, at) in parts.iter_mut().zip((CHECKED..HEADER).step_by(8)) {
        let len = long(at).with_context(truncated)?;
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| rest.split_at_checked(len));
        (*part, rest) = split.with_context(|| {
            let left = rest.len();
            format!("the artifact is truncated: {left} bytes are left where {len} should follow")
        })?;
    }
    ensure!(
        rest.is_empty(),
        "the artifact is malformed: {} bytes behind its end",
        rest.len()
    );
    ensure!(
        crc32fast::hash(&bytes[CHECKED..]) == checksum,
        "the artifact is damaged: its checksum does not match"
    );
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::{CHECKED, CHECKSUM, from_bytes, is_artifact};
    use crate::abi::VmContext;
    use crate::abi::builtins::HOST_WORD;
    use crate::code::validate::tests::artifact;
    use crate::code::{Artifact, CompiledModule};

    const IDENTITY: &str = "target=x86_64\nfuel=true\nfeatures=simd,tail-call\n";

    extern "C" fn host(_: u32, _: i32, _: usize, _: usize) -> *mut VmContext {
        std::ptr::null_mut()
    }

    fn bytes() -> Vec<u8> {
        artifact().serialize(IDENTITY).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", from_bytes(bytes, IDENTITY).unwrap_err())
    }

    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let checksum = crc32fast::hash(&bytes[CHECKED..]);
        bytes[CHECKSUM..CHECKED].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    #[test]
    fn artifacts_round_trip_before_and_after_publishing() {
        let bytes = bytes();
        assert!(is_artifact(&bytes) && !is_artifact(b"\0asm\x01\0\0\0") && !is_artifact(b""));
        let read = from_bytes(&bytes, IDENTITY).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", artifact()));
        let module = CompiledModule::publish(read, host).unwrap();
        assert_eq!(module.serialize(IDENTITY).unwrap(), bytes);
        let (function, loc) = module.functions.iter().next_back().unwrap();
        let address = module.function_address(function);
        assert_eq!(address, module.image.address_of(loc.start));
        assert_eq!(module.image.func_at(address.addr()), Some(function));
    }

    #[test]
    fn a_module_without_functions_is_an_artifact_too() {
        let empty = Artifact {
            module: Default::default(),
            text: vec![0; HOST_WORD],
            functions: Default::default(),
            tables: Default::default(),
        };
        let bytes = empty.serialize("").unwrap();
        let module = CompiledModule::publish(from_bytes(&bytes, "").unwrap(), host).unwrap();
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
        }
    }

    /// With a checksum that fits, decoding and validation are on their own: any answer is fine, except a panic.
    #[test]
    fn garbage_behind_a_good_checksum_does_no_harm() {
        let bytes = bytes();
        let mut accepted = 0;
        for at in CHECKED..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let Ok(artifact) = from_bytes(&sealed(changed), IDENTITY) else {
                    continue;
                };
                accepted += 1;
                let module = CompiledModule::publish(artifact, host).unwrap();
                for function in module.functions.keys() {
                    let pc = module.function_address(function).addr();
                    assert!(module.image.func_at(pc).is_some());
                    let _ = (module.image.trap_at(pc), module.image.wasm_offset_at(pc));
                }
                for data in module.info.data.keys() {
                    let _ = module.info.data_of(data);
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
        let error = from_bytes(&bytes(), "target=arm\n").unwrap_err();
        assert!(error.to_string().contains("its target is `x86_64`"));
        let mut newer = bytes();
        newer[8] = 99;
        assert_eq!(
            refusal(&newer),
            "the artifact is of format 99, and this version of tussah reads format 2"
        );
    }
}
