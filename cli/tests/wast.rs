//! `tussah wast` on scripts that are wrong in twelve ways: each is found, and said precisely. And on one that is right.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Writes a script and runs the command on it.
fn run(name: &str, script: &str) -> (PathBuf, Output) {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, script).expect("the script can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_tussah"))
        .arg("wast")
        .arg(&file)
        .output()
        .expect("the command runs");
    (file, output)
}

/// What is wrong with a script: the line, the directive, what it expected, and what was found.
struct Wrong {
    name: &'static str,
    script: &'static str,
    failure: &'static str,
    directives: usize,
}

const WRONG: &[Wrong] = &[
    Wrong {
        name: "integer.wast",
        script: r#"(module (func (export "f") (result i32) (i32.const 2)))
(assert_return (invoke "f") (i32.const 2))
(assert_return (invoke "f")
  (i32.const 3))"#,
        failure: "3: assert_return: expected (i32.const 3), found (i32.const 2)",
        directives: 3,
    },
    Wrong {
        name: "nan.wast",
        script: r#"(module (func (export "f") (result f32) (f32.const nan:0x600000)))
(assert_return (invoke "f") (f32.const nan:arithmetic))
(assert_return (invoke "f") (f32.const nan:canonical))"#,
        failure: "3: assert_return: expected (f32.const nan:canonical), found (f32.const NaN[0x7fe00000])",
        directives: 3,
    },
    Wrong {
        name: "zero.wast",
        script: r#"(module (func (export "f") (result f64) (f64.const -0)))
(assert_return (invoke "f") (f64.const 0))"#,
        failure: "2: assert_return: expected (f64.const 0[0x0]), found (f64.const -0[0x8000000000000000])",
        directives: 2,
    },
    Wrong {
        name: "reference.wast",
        script: r#"(module
  (func $f (export "f") (param externref) (result externref funcref) (local.get 0) (ref.func $f)))
(assert_return (invoke "f" (ref.extern 7)) (ref.extern 7) (ref.func))

(assert_return (invoke "f" (ref.extern 7)) (ref.extern 8) (ref.null func))"#,
        failure: "5: assert_return: expected (ref.extern 8) (ref.null func), found (ref.extern 7) (ref.func)",
        directives: 3,
    },
    Wrong {
        name: "trap.wast",
        script: r#"(module (func (export "f") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))
(assert_trap (invoke "f" (i32.const 0)) "integer divide by zero")
(assert_trap (invoke "f" (i32.const 0)) "integer overflow")"#,
        failure: "3: assert_trap: expected the trap \"integer overflow\", found the trap \"wasm trap: integer divide by zero\"",
        directives: 3,
    },
    Wrong {
        name: "no_trap.wast",
        script: r#"(module (func (export "f") (result i64) (i64.const -1)))
(assert_exhaustion (invoke "f") "call stack exhausted")"#,
        failure: "2: assert_exhaustion: expected the trap \"call stack exhausted\", found that it returned (i64.const -1)",
        directives: 2,
    },
    Wrong {
        name: "valid.wast",
        script: r#"(assert_invalid (module (func (result i32) (i64.const 0))) "type mismatch")
(assert_invalid (module (func (result i32) (i32.const 0))) "type mismatch")"#,
        failure: "2: assert_invalid: expected an invalid module: \"type mismatch\", found that it is accepted",
        directives: 2,
    },
    Wrong {
        name: "well_formed.wast",
        script: r#"(assert_malformed (module quote "(func") "unexpected end")
(assert_malformed (module quote "(func)") "unexpected end")"#,
        failure: "2: assert_malformed: expected a malformed module: \"unexpected end\", found that it is accepted",
        directives: 2,
    },
    Wrong {
        name: "other_reason.wast",
        script: r#"(assert_invalid (module (func (result i32) (i64.const 0))) "type mismatch")
(assert_invalid (module (func (result i32) (i64.const 0))) "unknown local")"#,
        failure: "2: assert_invalid: expected an invalid module: \"unknown local\", found that it was refused for something \
                  else: type mismatch: expected i32, found i64",
        directives: 2,
    },
    Wrong {
        name: "other_text.wast",
        script: r#"(assert_malformed (module quote "(func $a) (func $a)") "duplicate func")
(assert_malformed (module quote "(func $a) (func $a)") "unexpected end")"#,
        failure: "2: assert_malformed: expected a malformed module: \"unexpected end\", found that it was refused for \
                  something else: duplicate func identifier",
        directives: 2,
    },
    Wrong {
        name: "linkable.wast",
        script: r#"(assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "incompatible import type")
(assert_unlinkable
  (module (import "spectest" "print" (func (param i32)))) "unknown import")"#,
        failure: "2: assert_unlinkable: expected that linking fails with \"unknown import\", found an error: incompatible \
                  import type for `spectest::print`: types incompatible: expected type `(func (param i32))`, found type \
                  `(func)`",
        directives: 2,
    },
    Wrong {
        name: "directive.wast",
        script: "(module)\n\n(assert_nothing (invoke \"f\"))",
        failure: "3: script: expected directives, found ",
        directives: 0,
    },
];

#[test]
fn each_wrong_expectation_is_reported() {
    assert_eq!(WRONG.len(), 12);
    for wrong in WRONG {
        let (file, output) = run(wrong.name, wrong.script);
        assert_eq!(output.status.code(), Some(1), "{}", wrong.name);
        let errors = String::from_utf8(output.stderr).expect("errors are UTF-8");
        let failure = format!("{}:{}", file.display(), wrong.failure);
        if wrong.directives == 0 {
            assert!(errors.starts_with(&failure), "{errors}is not\n{failure}..");
            assert!(
                errors.contains("assert_nothing") || errors.contains("unexpected token"),
                "{errors}"
            );
        } else {
            assert_eq!(errors, failure + "\n");
        }
        let said = String::from_utf8(output.stdout).expect("output is UTF-8");
        let passed = wrong.directives.saturating_sub(1);
        let summary = format!(
            "{}: {} directives, {passed} passed, 1 failed\n",
            file.display(),
            wrong.directives
        );
        assert_eq!(said, summary);
    }
}

#[test]
fn what_holds_is_no_failure() {
    let script = r#"(module $a (func (export "f") (result i32) (i32.const 2)))
(register "a" $a)
(module (import "a" "f" (func $f (result i32))) (func (export "g") (result i32) (call $f)))
(assert_return (invoke "g") (i32.const 2))
(assert_return (invoke $a "f") (either (i32.const 1) (i32.const 2)))"#;
    let (file, output) = run("right.wast", script);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let summary = format!("{}: 5 directives, 5 passed, 0 failed\n", file.display());
    assert_eq!(String::from_utf8(output.stdout), Ok(summary));
}

#[test]
fn a_failed_module_is_not_mistaken_for_the_one_before() {
    let script = r#"(module (func (export "f")))
(module (import "nobody" "has" (func)))
(assert_return (invoke "f"))
(module quote "(func")"#;
    let (file, output) = run("after_failure.wast", script);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).expect("errors are UTF-8");
    let lines: Vec<_> = errors.lines().collect();
    let file = file.display();
    assert_eq!(lines.len(), 3, "{errors}");
    assert_eq!(
        lines[..2],
        [
            format!(
                "{file}:2: module: expected an instance, found an error: unknown import: `nobody::has` has not been defined"
            ),
            format!(
                "{file}:3: assert_return: expected an instance, found none, or one that failed"
            ),
        ]
    );
    assert!(lines[2].starts_with(&format!(
        "{file}:4: module: expected a valid module, found "
    )));
}

#[test]
fn a_refusal_for_lack_of_a_proposal_is_a_failure() {
    // Valid with threads, which are not implemented: whoever says it is invalid is wrong.
    let script = r#"(assert_invalid (module (memory 1 2 shared)) "something")"#;
    let (file, output) = run("refused.wast", script);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).expect("errors are UTF-8");
    let begin = format!(
        "{}:1: assert_invalid: expected an invalid module: \"something\", found a valid module that was refused: threads",
        file.display()
    );
    assert!(errors.starts_with(&begin), "{errors}");
}

#[test]
fn directives_that_need_threads_say_so() {
    let script = "(module $m)\n(thread $t (module))\n(wait $t)";
    let (file, output) = run("threads.wast", script);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).expect("errors are UTF-8");
    let lines: Vec<_> = errors.lines().collect();
    let line = |n: usize, what, name| {
        format!(
            "{}:{n}: {name}: expected {what}, found the directive `{name}`, which needs the threads proposal and is not \
             implemented",
            file.display()
        )
    };
    assert_eq!(
        lines,
        [
            line(2, "a thread", "thread"),
            line(3, "the end of a thread", "wait")
        ]
    );
}

#[test]
fn a_script_that_is_not_there_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_tussah"))
        .args(["wast", "no/such.wast"])
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).expect("errors are UTF-8");
    assert!(
        errors.starts_with("error: cannot read `no/such.wast`: "),
        "{errors}"
    );
}
