//! The compiled programs of the suite, from its archive: what each reads and what it must print.
//!
//! The archive lies beside the repository, not in it. It is unpacked into memory; `TUSSAH_SUITES` names another folder
//! with it. Without the archive the cases that need it fail, and say why.

use std::fs;
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

/// A program, and everything around it.
#[derive(Debug, Default)]
pub struct Program {
    /// Its folder's name.
    pub name: String,
    /// The module.
    pub wasm: Vec<u8>,
    /// What it finds in its only directory.
    pub files: Vec<(String, Vec<u8>)>,
    /// What it must write to standard output; nothing is known if nothing is here.
    pub stdout: Option<Vec<u8>>,
    /// As `stdout`, to standard error.
    pub stderr: Option<Vec<u8>>,
}

/// The program in which nothing is left to measure: its compiler has folded the loops between its marks.
pub const FOLDED: &str = "shootout-nestedloop";

/// The programs in the order of the archive.
///
/// # Errors
///
/// The archive is not there or not what it should be.
pub fn programs() -> Result<&'static [Program]> {
    static PROGRAMS: OnceLock<Result<Vec<Program>, String>> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(|| load().map_err(|error| format!("{error:#}")));
    programs
        .as_deref()
        .map_err(|error| anyhow::Error::msg(error.clone()))
}

/// The program of that name.
///
/// # Errors
///
/// There is none, or [`programs`]' error.
pub fn program(name: &str) -> Result<&'static Program> {
    let mut programs = programs()?.iter();
    programs
        .find(|program| program.name == name)
        .with_context(|| format!("no program `{name}` in the suite"))
}

fn archive() -> PathBuf {
    let folder = std::env::var_os("TUSSAH_SUITES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/suites")),
        PathBuf::from,
    );
    folder.join("programs.tar.xz")
}

fn load() -> Result<Vec<Program>> {
    let path = archive();
    let packed = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut unpacked = Vec::new();
    lzma_rs::xz_decompress(&mut Cursor::new(packed), &mut unpacked)
        .with_context(|| format!("{} cannot be unpacked", path.display()))?;
    read(&unpacked)
}

/// From `programs/NAME/FILE`s.
fn read(tar: &[u8]) -> Result<Vec<Program>> {
    let mut programs: Vec<Program> = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.into_owned();
        let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        let [_, name, file] = [(); 3].map(|()| parts.next().unwrap_or_default());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;

        let program = match programs.iter_mut().find(|program| program.name == name) {
            Some(program) => program,
            None => programs.push_mut(Program {
                name,
                ..Program::default()
            }),
        };
        if file.ends_with(".wasm") {
            program.wasm = bytes;
        } else if file.ends_with(".stdout.expected") {
            program.stdout = Some(bytes);
        } else if file.ends_with(".stderr.expected") {
            program.stderr = Some(bytes);
        } else {
            program.files.push((file, bytes));
        }
    }
    let empty = programs.iter().find(|program| program.wasm.is_empty());
    if let Some(Program { name, .. }) = empty {
        anyhow::bail!("the program `{name}` has no module");
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::read;

    fn tar(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_cksum();
            builder
                .append_data(&mut header, path, text.as_bytes())
                .expect("memory takes all");
        }
        builder.into_inner().expect("memory takes all")
    }

    #[test]
    fn files_find_their_places() {
        let tar = tar(&[
            ("programs/x/benchmark.wasm", "wasm"),
            ("programs/x/benchmark.stdout.expected", ""),
            ("programs/x/default.input", "in"),
            ("programs/y/y.wasm", "other"),
        ]);
        let programs = read(&tar).unwrap();
        assert_eq!(programs.len(), 2);
        assert_eq!(programs[0].wasm, b"wasm");
        assert_eq!(programs[0].stdout.as_deref(), Some(&b""[..]));
        assert_eq!(programs[0].stderr, None);
        assert_eq!(
            programs[0].files,
            [("default.input".to_owned(), b"in".to_vec())]
        );
        assert_eq!(programs[1].name, "y");
    }

    #[test]
    fn a_program_without_a_module_is_refused() {
        assert!(read(&tar(&[("programs/x/default.input", "in")])).is_err());
    }
}
