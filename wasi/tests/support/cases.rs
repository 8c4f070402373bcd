//! The cases of the WASI test suite for preview 1: where they are, what each is given, and what must come of it.
//!
//! The suite lies beside the repository, not in it: in `shared/suites` of a folder above, or in the one that `TUSSAH_SUITES`
//! names. Without it a test says so; where the environment has `CI`, it fails.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const ARCHIVE: &str = "wasi-testsuite-p1.tar.xz";
pub(crate) const PROGRAMS: usize = 72;

/// What a program is given, and what it must do. A file beside it says so; without one it is given nothing and must succeed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Case {
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    /// A folder beside the program that it sees as `/`.
    pub(crate) root: Option<String>,
    /// More folders beside the program, which it sees under their own names.
    pub(crate) dirs: Vec<String>,
    pub(crate) exit_code: i32,
    pub(crate) stdout: Option<String>,
    pub(crate) stderr: Option<String>,
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its status, or how it failed.
    pub(crate) ended: Result<i32, String>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Case {
    pub(crate) fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what}: {outcome:#?}, expected {self:#?}"));
        if outcome.ended != Ok(self.exit_code) {
            return wrong("ended otherwise");
        }
        if self
            .stdout
            .as_ref()
            .is_some_and(|text| *text != outcome.stdout)
        {
            return wrong("wrote something else");
        }
        if self
            .stderr
            .as_ref()
            .is_some_and(|text| *text != outcome.stderr)
        {
            return wrong("wrote something else to stderr");
        }
        Ok(())
    }
}

/// Told even if the test passes, which captures what macros print.
pub(crate) fn say(what: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{what}").expect("stderr can be written");
}

fn archive() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("TUSSAH_SUITES") {
        return Some(Path::new(&folder).join(ARCHIVE)).filter(|path| path.exists());
    }
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/suites").join(ARCHIVE))
        .find(|path| path.exists())
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// Programs below a folder, sorted.
pub(crate) fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for language in fs::read_dir(folder).expect("the suite can be listed") {
        let language = language.expect("an entry").path();
        for entry in fs::read_dir(language).expect("a language's folder can be listed") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "wasm") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The suite, unpacked; `None` if it is not there.
pub(crate) fn unpack() -> Option<tempfile::TempDir> {
    let Some(archive) = archive() else {
        assert!(env::var_os("CI").is_none(), "there is no {ARCHIVE}");
        say(format_args!(
            "!!! NOT TESTED: there is no {ARCHIVE} in shared/suites of a folder above !!!"
        ));
        return None;
    };
    let suite = tempfile::tempdir().expect("a temporary folder");
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(suite.path())
        .status()
        .expect("tar runs");
    assert!(unpacked.success(), "tar unpacks {}", archive.display());
    Some(suite)
}

/// What is expected of a program.
pub(crate) fn case_of(program: &Path) -> Case {
    match fs::read(program.with_extension("json")) {
        Ok(json) => serde_json::from_slice(&json).expect("an expectation is JSON of this form"),
        Err(_) => Case::default(),
    }
}
