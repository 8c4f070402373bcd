//! Golden files: what each idea of WebAssembly becomes in CLIF, before optimisation.
//!
//! `<family>/<idea>.wat` says in its first lines what to find and under which settings; `<idea>.clif` beside it is what the
//! compiler makes of it. `TUSSAH_BLESS=1 cargo test --test golden` rewrites the latter, but not what the `.wat` says of
//! it: a check that is lost fails even then.
//!
//! ```text
//! ;;! What the reader should find, in one line.
//! ;;! config = fuel, memory-reservation=0
//! ;;! show = func, raise
//! ;;! has = brif .. load.i32
//! ;;! has 2 = icmp sge
//! ;;! lacks = select_spectre_guard
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `config` | settings, see `case.rs`; none by default |
//! | `show` | which files of `Config::emit_clif` are compared: `func` (the default), `builtin`, `raise`, `enter`, `exit` |
//! | `has` | these texts occur, one after the other |
//! | `has N` | this text occurs so many times |
//! | `lacks` | this text does not occur |
//!
//! Every file makes at least one such claim.

mod case;
mod clif;
mod diff;
mod emit;

use case::Case;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// There is no fewer of them. Raise it when files are added.
const FILES: usize = 146;

/// Which families there are, so that none is lost.
const FAMILIES: &[&str] = &[
    "boundary", "call", "control", "epoch", "fuel", "global", "memory", "memory64", "numeric",
    "simd", "stack", "table", "trap",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The files of one extension, as `family/idea`.
fn files(extension: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for family in fs::read_dir(root()).expect("the folder can be read") {
        let family = family.expect("an entry can be read").path();
        if !family.is_dir() {
            continue;
        }
        for file in fs::read_dir(&family).expect("a family can be read") {
            let file = file.expect("an entry can be read").path();
            if file.extension().is_some_and(|e| e == extension) {
                found.insert(file.with_extension(""));
            }
        }
    }
    found
}

#[test]
fn clif_is_as_blessed() {
    let bless = std::env::var_os("TUSSAH_BLESS").is_some_and(|value| value == "1");
    let mut failures = Vec::new();
    for path in files("wat") {
        let name = path.strip_prefix(root()).expect("below the root");
        let mut fail = |what: String| failures.push(format!("{}: {what}", name.display()));
        let wat = fs::read_to_string(path.with_extension("wat")).expect("a source can be read");
        let actual = match Case::parse(&wat).and_then(|case| Ok((case.compile()?, case))) {
            Ok((actual, case)) => {
                case.check(&actual).into_iter().for_each(&mut fail);
                actual
            }
            Err(error) => {
                fail(error);
                continue;
            }
        };
        let golden = path.with_extension("clif");
        let expected = fs::read_to_string(&golden).ok();
        if expected.as_ref() == Some(&actual) {
            continue;
        }
        if bless {
            fs::write(&golden, &actual).expect("a golden file can be written");
            continue;
        }
        match expected {
            Some(expected) => fail(format!(
                "the CLIF is another\n{}",
                diff::unified(&expected, &actual)
            )),
            None => fail("there is no `.clif` yet".to_owned()),
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n\n{} differences and broken claims; TUSSAH_BLESS=1 accepts differences",
        failures.join("\n"),
        failures.len()
    );
}

#[test]
fn files_are_complete() {
    let (sources, golden) = (files("wat"), files("clif"));
    let orphans: Vec<_> = golden.difference(&sources).collect();
    assert!(orphans.is_empty(), "`.clif` without `.wat`: {orphans:?}");
    assert!(
        sources.len() >= FILES,
        "only {} of {FILES} files",
        sources.len()
    );
    let families: BTreeSet<_> = sources
        .iter()
        .filter_map(|path| path.parent()?.file_name()?.to_str())
        .collect();
    assert_eq!(families, FAMILIES.iter().copied().collect());
}
