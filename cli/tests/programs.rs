//! Twelve compiled benchmark programs, each as a process of `tussah run`, give what is expected.
//!
//! They lie beside the repository, in `shared/suites` of a folder above, or in the one that `TUSSAH_SUITES` names. Without
//! them the test says so; where the environment has `CI`, it fails.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ARCHIVE: &str = "programs.tar.xz";
const PROGRAMS: usize = 12;

fn archive() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("TUSSAH_SUITES") {
        return Some(Path::new(&folder).join(ARCHIVE)).filter(|path| path.exists());
    }
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/suites").join(ARCHIVE))
        .find(|path| path.exists())
}

#[test]
fn every_program_gives_what_is_expected() {
    let Some(archive) = archive() else {
        assert!(std::env::var_os("CI").is_none(), "there is no {ARCHIVE}");
        writeln!(
            std::io::stderr(),
            "!!! NOT TESTED: there is no {ARCHIVE} in shared/suites of a folder above !!!"
        )
        .expect("stderr can be written");
        return;
    };
    let suite = tempfile::tempdir().expect("a temporary folder");
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(suite.path())
        .status()
        .expect("tar runs");
    assert!(unpacked.success());
    let (mut run, mut compared) = (0, 0);
    for entry in fs::read_dir(suite.path().join("programs")).expect("a folder of programs") {
        let folder = entry.expect("an entry").path();
        let files = fs::read_dir(&folder).expect("a program's folder");
        let mut files = files.map(|file| file.expect("an entry").path());
        let program = files.find(|path| path.extension().is_some_and(|e| e == "wasm"));
        let program = program.expect("a program");
        let name = program.file_stem().expect("a name").to_string_lossy();
        let expected = |which: &str| fs::read(folder.join(format!("{name}.{which}.expected"))).ok();
        let stdin = match File::open(folder.join("default.input")) {
            Ok(file) => Stdio::from(file),
            Err(_) => Stdio::null(),
        };
        let output = Command::new(env!("CARGO_BIN_EXE_tussah"))
            .current_dir(&folder)
            .args(["run", "--no-cache", "--stub-imports", "bench", "--dir", "."])
            .arg(&program)
            .stdin(stdin)
            .output()
            .expect("the command runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {stderr}");
        for (which, found) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if let Some(expected) = expected(which) {
                assert!(*found == expected, "{name} wrote something else to {which}");
            }
        }
        compared += usize::from(expected("stdout").is_some());
        run += 1;
    }
    // One of them comes without expectations: it must succeed.
    assert_eq!((run, compared), (PROGRAMS, PROGRAMS - 1));
}
