//! What `tussah run` prints and how it exits: results, statuses, traps, limits, refusals.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A folder with a guest of many ways.
struct Scratch(tempfile::TempDir);

const GUEST: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "two") (result i32 f64) (i32.const 1) (f64.const 2.5))
    (func $divide (export "divide") (param i32) (result i32)
        (i32.div_u (i32.const 5) (local.get 0)))
    (func (export "spin") (loop (br 0)))
    (func (export "grow") (if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1)) (then unreachable)))
    (func $deeper (export "deeper") (call $deeper)))"#;

impl Scratch {
    fn new() -> Scratch {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("guest.wat"), GUEST).expect("a file");
        Scratch(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn tussah(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tussah"))
            .current_dir(self.0.path())
            .env("XDG_CACHE_HOME", self.0.path().join("cache"))
            .env_remove("RUST_LOG")
            .args(args)
            .output()
            .expect("the command runs")
    }

    /// Checks status, standard output, and a part of standard error.
    fn check(&self, args: &[&str], status: i32, stdout: &str, stderr: &str) {
        let output = self.tussah(args);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert_eq!(output.status.code(), Some(status), "{args:?}: {out}{err}");
        assert_eq!(out, stdout, "{args:?}: {err}");
        assert!(err.contains(stderr), "{args:?}: {err}");
        assert!(!stderr.is_empty() || err.is_empty(), "{args:?}: {err}");
    }
}

#[test]
fn functions_are_called_with_arguments() {
    let scratch = Scratch::new();
    let ok = |args: &[&str], stdout: &str| scratch.check(args, 0, stdout, "");
    ok(&["run", "--invoke", "add", "guest.wat", "3", "-4"], "-1\n");
    ok(
        &["run", "--invoke", "add", "guest.wat", "0x10", "4294967295"],
        "15\n",
    );
    ok(&["run", "--invoke=two", "guest.wat"], "1\n2.5\n");
    ok(&["run", "--invoke=grow", "guest.wat"], "");
    let bad = |args: &[&str], stderr: &str| scratch.check(args, 1, "", stderr);
    bad(
        &["run", "--invoke=add", "guest.wat", "3"],
        "takes 2 arguments, 1 are given",
    );
    bad(
        &["run", "--invoke=add", "guest.wat", "3", "x"],
        "argument 2: `x` is no i32",
    );
    bad(&["run", "--invoke=none", "guest.wat"], "no function `none`");
    bad(
        &["run", "guest.wat"],
        "no `_start`; `--invoke` calls one of its functions: add, two,",
    );
}

#[test]
fn traps_say_what_and_where() {
    let scratch = Scratch::new();
    let aborts = |args: &[&str], stderr: &str| scratch.check(args, 134, "", stderr);
    aborts(
        &["run", "--invoke=divide", "guest.wat", "0"],
        "wasm trap: integer divide by zero",
    );
    aborts(&["run", "--invoke=divide", "guest.wat", "0"], "!divide\n");
    aborts(
        &["run", "--invoke=deeper", "guest.wat"],
        "--max-stack gives a guest more stack",
    );
    scratch.check(
        &["run", "--invoke=deeper", "--max-stack=64KiB", "guest.wat"],
        134,
        "",
        "call stack exhausted",
    );
}

#[test]
fn limits_say_which() {
    let scratch = Scratch::new();
    let aborts = |args: &[&str], stderr: &str| scratch.check(args, 134, "", stderr);
    aborts(
        &["run", "--invoke=spin", "--fuel=100000", "guest.wat"],
        "has used up its fuel of 100000 units (--fuel)",
    );
    let begun = Instant::now();
    aborts(
        &["run", "--invoke=spin", "--timeout=200ms", "guest.wat"],
        "was not done within 200ms (--timeout)",
    );
    assert!(begun.elapsed() >= Duration::from_millis(200));
    aborts(
        &["run", "--invoke=grow", "--max-memory=64MiB", "guest.wat"],
        "asked for more than the 64 MiB of memory that it may have (--max-memory)",
    );
    aborts(
        &[
            "run",
            "--invoke=add",
            "--max-memory=4KiB",
            "guest.wat",
            "1",
            "2",
        ],
        "more than the 4 KiB",
    );
    scratch.check(
        &["run", "--invoke=add", "--fuel=1000", "guest.wat", "1", "2"],
        0,
        "3\n",
        "",
    );
    // Tables are memory, too: 16 MiB of it.
    let tables = scratch.file(
        "tables.wat",
        r#"(module (table 2000000 funcref) (func (export "_start")))"#,
    );
    let tables = tables.to_str().expect("a path");
    let limited = &["run", "--max-memory=15MiB", tables];
    aborts(limited, "more than the 15 MiB");
    scratch.check(&["run", "--max-memory=16MiB", tables], 0, "", "");
    // Time that suffices, and more than clocks have.
    for timeout in ["--timeout=1m", "--timeout=500000000000years"] {
        let args = &["run", timeout, "--invoke=add", "guest.wat", "1", "2"];
        scratch.check(args, 0, "3\n", "");
    }
    // A guest that waits is stopped as well as one that computes.
    let sleeper = scratch.file(
        "sleep.wat",
        r#"(module (import "wasi_snapshot_preview1" "poll_oneoff"
                (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            ;; A subscription to the monotonic clock, an hour from now.
            (data (i32.const 16) "\01\00\00\00\00\00\00\00\00\a0\b8\30\46\03\00\00")
            (func (export "_start") (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#,
    );
    let sleeper = sleeper.to_str().expect("a path");
    aborts(
        &["run", "--timeout=300ms", sleeper],
        "was not done within 300ms (--timeout)",
    );
}

#[test]
fn the_status_is_the_guests() {
    let scratch = Scratch::new();
    let exit = |code: u32| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const {code}))))"#
        )
    };
    for (code, status) in [
        (0, 0),
        (1, 1),
        (42, 42),
        (255, 255),
        (256, 1),
        (u32::MAX, 1),
    ] {
        let path = scratch.file("exit.wat", &exit(code));
        scratch.check(&["run", path.to_str().expect("a path")], status, "", "");
    }
}

#[test]
fn what_cannot_be_run_is_refused() {
    let scratch = Scratch::new();
    let bad = |args: &[&str], stderr: &str| scratch.check(args, 1, "", stderr);
    bad(&["run", "nowhere.wasm"], "failed to read `nowhere.wasm`");
    scratch.file("bad.wat", "(module (func (result i32)))");
    bad(&["run", "bad.wat"], "type mismatch");
    scratch.file(
        "needs.wat",
        r#"(module (import "a" "b" (func)) (func (export "_start")))"#,
    );
    bad(&["run", "needs.wat"], "unknown import: `a::b`");
    scratch.check(&["run", "--stub-imports=a", "needs.wat"], 0, "", "");
    scratch.file(
        "simd.wat",
        r#"(module (func (export "f") (drop (v128.const i64x2 0 0))))"#,
    );
    bad(&["run", "-W", "simd=n", "simd.wat"], "SIMD");
    let usage = scratch.tussah(&["run", "--timeout=soon", "guest.wat"]);
    assert_eq!(usage.status.code(), Some(2));
    bad(
        &["run", "--dir=/no/such/place", "guest.wat"],
        "/no/such/place",
    );
}

#[test]
fn compiled_ahead_of_time() {
    let scratch = Scratch::new();
    let output = scratch.tussah(&["compile", "guest.wat"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = [
        "run",
        "--allow-precompiled",
        "--invoke=add",
        "guest.cwasm",
        "1",
        "2",
    ];
    scratch.check(&run, 0, "3\n", "");
    scratch.check(&["run", "guest.cwasm"], 1, "", "--allow-precompiled");
    // Compiled for other limits.
    let fuel = [
        "run",
        "--allow-precompiled",
        "--fuel=10",
        "--invoke=add",
        "guest.cwasm",
        "1",
        "2",
    ];
    scratch.check(
        &fuel,
        1,
        "",
        "its consume_fuel is `false`, this engine's is `true`",
    );
    let mut bytes = std::fs::read(scratch.0.path().join("guest.cwasm")).expect("a file");
    bytes[40] ^= 1;
    std::fs::write(scratch.0.path().join("guest.cwasm"), bytes).expect("a file");
    scratch.check(&run, 1, "", "the artifact is");
}

#[test]
fn modules_are_compiled_once() {
    let scratch = Scratch::new();
    let entries = || {
        let folder = scratch.0.path().join("cache/tussah");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    for _ in 0..2 {
        scratch.check(
            &["run", "--invoke=add", "guest.wat", "1", "2"],
            0,
            "3\n",
            "",
        );
        assert_eq!(entries(), 1);
    }
    let without = ["run", "--no-cache", "--invoke=two", "guest.wat"];
    scratch.check(&without, 0, "1\n2.5\n", "");
    assert_eq!(entries(), 1);
}

#[test]
fn modules_are_described() {
    let scratch = Scratch::new();
    let output = scratch.tussah(&["inspect", "guest.wat"]);
    let text = String::from_utf8(output.stdout).expect("text");
    for part in [
        "imports: 0",
        "exports: 7",
        "  add  ",
        "(i32, i32) -> i32",
        "1.. pages of 65536 bytes",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let output = scratch.tussah(&["inspect", "--json", "guest.wat"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["exports"][1]["name"], "add");
    assert_eq!(json["exports"][1]["type"], "(i32, i32) -> i32");
    assert_eq!(json["memories"], 1);
    for shell in ["bash", "zsh", "fish"] {
        let output = scratch.tussah(&["completions", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("stub-imports"));
    }
}
