//! All programs of the WASI test suite for preview 1, each as a process of `tussah run`.

#[path = "../../wasi/tests/support/cases.rs"]
mod cases;

use cases::{Outcome, PROGRAMS, case_of, copy, programs, say, unpack};
use std::process::{Command, Stdio};

#[test]
fn all_programs_of_the_suite() {
    let Some(suite) = unpack() else {
        return;
    };
    let (mut run, mut failures) = (0, Vec::new());
    for program in programs(&suite.path().join("wasi-testsuite-p1")) {
        let case = case_of(&program);
        let folder = program.parent().expect("a program lies in a folder");
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussah"));
        command.arg("run");
        command.arg("--cache-dir").arg(suite.path().join("cache"));
        let root = case.root.iter().map(|dir| (dir, "/"));
        let dirs = case.dirs.iter().map(|dir| (dir, dir.as_str()));
        for (dir, name) in root.chain(dirs) {
            let mine = scratch.path().join(dir);
            copy(&folder.join(dir), &mine);
            command.arg(format!("--dir={}::{name}", mine.display()));
        }
        for (name, value) in &case.env {
            command.arg(format!("--env={name}={value}"));
        }
        let output = command
            .arg(&program)
            .args(&case.args)
            .stdin(Stdio::null())
            .output()
            .expect("the command runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let outcome = Outcome {
            ended: output
                .status
                .code()
                .ok_or_else(|| output.status.to_string()),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        run += 1;
        if let Err(why) = case.check(&outcome) {
            failures.push(format!("{}: {why}", program.display()));
        }
    }
    say(format_args!(
        "{run} programs as processes; {} failures, 0 skipped",
        failures.len()
    ));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(run, PROGRAMS);
}
