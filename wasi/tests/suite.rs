//! All programs of the WASI test suite for preview 1, with an async linker and with a synchronous one.
//!
//! The suite lies beside the repository, not in it: in `shared/suites` of a folder above, or in the one that `TUSSAH_SUITES`
//! names. Without it the test says so; where the environment has `CI`, it fails.
//!
//! A program's expectations are data, [`Case`], and what runs it is a function from one to an [`Outcome`]: a binary could be
//! spawned instead.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use tussah::{Engine, Linker, Module, Store};
use tussah_wasi::p1::{self, WasiP1Ctx};
use tussah_wasi::pipe::MemoryOutputPipe;
use tussah_wasi::{DirPerms, FilePerms, I32Exit, WasiCtxBuilder};

const ARCHIVE: &str = "wasi-testsuite-p1.tar.xz";
const PROGRAMS: usize = 72;

/// What a program is given, and what it must do. A file beside it says so; without one it is given nothing and must succeed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Case {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    /// A folder beside the program that it sees as `/`.
    root: Option<String>,
    /// More folders beside the program, which it sees under their own names.
    dirs: Vec<String>,
    exit_code: i32,
    stdout: Option<String>,
    stderr: Option<String>,
}

/// What a program did.
#[derive(Debug)]
struct Outcome {
    /// Its status, or how it failed.
    ended: Result<i32, String>,
    stdout: String,
    stderr: String,
}

impl Case {
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
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
fn say(what: std::fmt::Arguments<'_>) {
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

fn copy(from: &Path, to: &Path) {
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
fn programs(folder: &Path) -> Vec<PathBuf> {
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

/// The context that a case asks for, in a fresh copy of its folders.
fn context(program: &Path, case: &Case, scratch: &Path) -> (WasiP1Ctx, [MemoryOutputPipe; 2]) {
    let folder = program.parent().expect("a program lies in a folder");
    let outputs = [
        MemoryOutputPipe::new(1 << 20),
        MemoryOutputPipe::new(1 << 20),
    ];
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(outputs[0].clone())
        .stderr(outputs[1].clone())
        .arg(program.file_name().expect("a name").to_string_lossy())
        .args(&case.args)
        .envs(&case.env.iter().collect::<Vec<_>>());
    let root = case.root.iter().map(|dir| (dir, "/"));
    let dirs = case.dirs.iter().map(|dir| (dir, dir.as_str()));
    for (dir, name) in root.chain(dirs) {
        let mine = scratch.join(dir);
        copy(&folder.join(dir), &mine);
        builder
            .preopened_dir(mine, name, DirPerms::all(), FilePerms::all())
            .expect("the folder can be opened");
    }
    (builder.build_p1(), outputs)
}

/// How a call of `_start` ended.
fn status(ended: tussah::Result<()>) -> Result<i32, String> {
    match ended {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(format!("{error:?}")),
        },
    }
}

async fn run_async(engine: &Engine, module: &Module, ctx: WasiP1Ctx) -> tussah::Result<()> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |ctx| ctx)?;
    let mut store = Store::new(engine, ctx);
    let instance = linker.instantiate_async(&mut store, module).await?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    start.call_async(&mut store, ()).await
}

fn run_sync(engine: &Engine, module: &Module, ctx: WasiP1Ctx) -> tussah::Result<()> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    let mut store = Store::new(engine, ctx);
    let instance = linker.instantiate(&mut store, module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    start.call(&mut store, ())
}

#[test]
fn all_programs_of_the_suite() {
    let Some(archive) = archive() else {
        assert!(env::var_os("CI").is_none(), "there is no {ARCHIVE}");
        say(format_args!(
            "!!! NOT TESTED: there is no {ARCHIVE} in shared/suites of a folder above !!!"
        ));
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
    assert!(unpacked.success(), "tar unpacks {}", archive.display());

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let engine = Engine::default();
    let only = env::var("TUSSAH_WASI_ONLY").ok();
    let (mut run, mut failures) = (0, Vec::new());
    for program in programs(&suite.path().join("wasi-testsuite-p1")) {
        let name = format!(
            "{}",
            program
                .strip_prefix(suite.path())
                .expect("inside")
                .display()
        );
        if only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        run += 1;
        let case: Case = match fs::read(program.with_extension("json")) {
            Ok(json) => serde_json::from_slice(&json).expect("an expectation is JSON of this form"),
            Err(_) => Case::default(),
        };
        let module = Module::from_file(&engine, &program).expect("a program is valid");
        for mode in ["async", "sync"] {
            let scratch = tempfile::tempdir().expect("a temporary folder");
            let (ctx, outputs) = context(&program, &case, scratch.path());
            let ended = match mode {
                "async" => runtime.block_on(run_async(&engine, &module, ctx)),
                _ => run_sync(&engine, &module, ctx),
            };
            let [stdout, stderr] =
                outputs.map(|pipe| String::from_utf8_lossy(&pipe.contents()).into_owned());
            let outcome = Outcome {
                ended: status(ended),
                stdout,
                stderr,
            };
            if let Err(why) = case.check(&outcome) {
                failures.push(format!("{name} ({mode}): {why}"));
            }
        }
    }
    say(format_args!(
        "{run} programs, each async and sync; {} failures, 0 skipped",
        failures.len()
    ));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        only.is_some() || run == PROGRAMS,
        "{run} programs instead of {PROGRAMS}"
    );
}
