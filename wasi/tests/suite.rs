//! All programs of the WASI test suite for preview 1, with an async linker and with a synchronous one.

#[path = "support/cases.rs"]
mod cases;

use cases::{Case, Outcome, PROGRAMS, copy, programs, say};
use std::env;
use std::path::Path;
use tussah::{Engine, Linker, Module, Store};
use tussah_wasi::p1::{self, WasiP1Ctx};
use tussah_wasi::pipe::MemoryOutputPipe;
use tussah_wasi::{DirPerms, FilePerms, I32Exit, WasiCtxBuilder};

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
    let Some(suite) = cases::unpack() else {
        return;
    };
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
        let case = cases::case_of(&program);
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
