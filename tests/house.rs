//! The house rules that a compiler does not check: rooms import only rooms below them, every module says what it is,
//! and no peer hides in what ships.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rooms by layer. A room may use rooms of lower layers, and itself. `error`, `bytes` and `entity` are for
/// everybody.
const LAYERS: &[&[&str]] = &[
    &["wasm", "os"],
    &["abi"],
    &["code"],
    &["memory"],
    &["compile", "exec"],
    &["engine"],
    &["store"],
    &["embed"],
];

/// The one upward reference each that is deliberate: traps and results in the spec's vocabulary are this crate's own.
const EVERYWHERE: &[&str] = &[
    "bytes",
    "entity",
    "error",
    "Error",
    "Result",
    "Trap",
    "bail",
    "ensure",
    "format_err",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a source folder can be read") {
        let path = entry.expect("a folder entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// The first segments of all `crate::..` paths of a text, groups included.
fn crate_paths(text: &str) -> BTreeSet<String> {
    let mut heads = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0usize;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        heads.insert(head(&item));
                        item.clear();
                        continue;
                    }
                    _ => {}
                }
                item.push(c);
            }
            heads.insert(head(&item));
        } else {
            heads.insert(head(rest));
        }
    }
    heads.remove("");
    heads
}

fn head(path: &str) -> String {
    path.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn rooms_import_downward_only() {
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 40, "only {} files were scanned", files.len());
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in &files {
        let relative = file.strip_prefix(&src).expect("inside src");
        let room = relative
            .iter()
            .next()
            .and_then(|c| c.to_str())
            .expect("a utf-8 name");
        let Some(mine) = layer(room) else { continue };
        let text: String = fs::read_to_string(file)
            .expect("a source file can be read")
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        for used in crate_paths(&text) {
            if used == room || EVERYWHERE.contains(&used.as_str()) {
                continue;
            }
            checked += 1;
            match layer(&used) {
                Some(theirs) if theirs < mine => {}
                Some(_) => wrong.push(format!("{} uses crate::{used}", relative.display())),
                None if room == "embed" => {}
                None => wrong.push(format!(
                    "{} uses crate::{used}, which is no room below it",
                    relative.display()
                )),
            }
        }
    }
    assert!(checked > 100, "only {checked} imports were seen");
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_header() {
    let mut files = Vec::new();
    for dir in [
        "src",
        "fiber/src",
        "tests",
        "async-tests",
        "wast",
        "wasi",
        "cli",
    ] {
        sources(&root().join(dir), &mut files);
    }
    let bare: Vec<_> = files
        .iter()
        .filter(|file| {
            let text = fs::read_to_string(file).expect("a source file can be read");
            !text.trim_start().starts_with("//!")
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(bare.is_empty(), "no `//!` header in:\n{}", bare.join("\n"));
}

#[test]
fn files_stay_readable() {
    let mut files = Vec::new();
    for dir in ["src", "fiber/src", "wast/src", "wasi/src", "cli/src"] {
        sources(&root().join(dir), &mut files);
    }
    let long: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let lines = fs::read_to_string(file).ok()?.lines().count();
            (lines > 900).then(|| format!("{} has {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}

#[test]
fn no_peer_ships() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    // The last does not ship, but is part of the test command, which compiles no other runtime.
    for package in [
        "tussah",
        "tussah-fiber",
        "tussah-wast",
        "tussah-wasi",
        "tussah-cli",
        "tussah-claims",
    ] {
        let output = Command::new(&cargo)
            .args(["tree", "-e", "normal", "--no-dedupe"])
            .args(["--prefix", "depth", "-p", package])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(
            output.status.success(),
            "cargo tree failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let tree = String::from_utf8_lossy(&output.stdout);
        assert!(tree.contains("corosensei"), "no dependency was listed");
        // The path from the root to the line at hand. Cranelift's crates share helpers in `wasmtime-internal-core`
        // (errors, bit sets, no runtime); they and nobody else may.
        let mut path: Vec<&str> = Vec::new();
        for line in tree.lines() {
            let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
            let (depth, name) = line.split_at(digits);
            path.truncate(depth.parse().expect("a depth"));
            let parent = path.last().copied().unwrap_or_default();
            let shared =
                name.starts_with("wasmtime-internal-core ") && parent.starts_with("cranelift-");
            for peer in ["wasmtime", "wasmer", "wasmi"] {
                assert!(
                    !name.starts_with(peer) || shared,
                    "{package} ships {name} through {parent}"
                );
            }
            path.push(name);
        }
    }
}

#[test]
fn a_build_without_the_compiler_has_none_of_its_crates() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(&cargo)
        .args(["tree", "-e", "normal", "--prefix", "none"])
        .args(["-p", "tussah-precompiled"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("tussah-wasi ") && tree.contains("corosensei "));
    for crates in [
        "cranelift",
        "regalloc2",
        "rayon",
        "wasmtime",
        "wat ",
        "wast ",
    ] {
        let found = tree.lines().find(|line| line.starts_with(crates));
        assert_eq!(found, None);
    }
}
