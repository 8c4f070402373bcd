//! Whole processes: the command `tussah run` with a warm cache beside the least that a program on the peer can be, which
//! loads what was compiled before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Batch, Case, repeat};
use crate::programs::{Program, programs};

/// The two programs.
static PROGRAMS: OnceLock<[PathBuf; 2]> = OnceLock::new();

/// Takes the peer's program and the command, which is beside it, and copies them into a folder, as installing them does. A
/// file that a linker wrote lies in pieces in the system's cache, so that each of its pages costs more.
///
/// # Errors
///
/// One of them is not there, or cannot be copied.
pub fn install(minimal: &Path, folder: &Path) -> Result<()> {
    let tussah = minimal.with_file_name("tussah");
    ensure!(
        tussah.exists(),
        "no {}: `cargo build --release -p tussah-cli` makes it",
        tussah.display()
    );
    let copies = [folder.join("tussah"), folder.join("minimal")];
    for (from, to) in [&*tussah, minimal].into_iter().zip(&copies) {
        fs::copy(from, to).with_context(|| format!("cannot make {}", to.display()))?;
    }
    _ = PROGRAMS.set(copies);
    Ok(())
}

fn programs_installed() -> Result<&'static [PathBuf; 2]> {
    PROGRAMS.get().context("`install` was not called")
}

/// The cases as the command runs them.
#[must_use]
pub fn ours() -> Vec<Case> {
    cases(command)
}

/// The cases on the peer.
#[must_use]
pub fn peer() -> Vec<Case> {
    cases(minimal)
}

/// Makes what runs a module, whose file lies in a folder with what it reads.
type Make = fn(wasm: &Path) -> Result<Command>;

fn cases(make: Make) -> Vec<Case> {
    let mut cases = vec![Case::new("hello, from start to end", move || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wasi/tests/guests/hello_c.wasm");
        let hello = Program {
            name: "hello".to_owned(),
            wasm: fs::read(&path)?,
            stdout: Some(b"hello from C\n".to_vec()),
            ..Program::default()
        };
        run(make, &hello)
    })];
    match programs() {
        Ok(programs) => cases.extend(programs.iter().map(|program| {
            Case::new(program.name.clone(), move || run(make, program)).sets(&["programs"])
        })),
        Err(error) => cases.push(Case::impossible("programs", &error)),
    }
    cases
}

fn run(make: Make, program: &Program) -> Result<impl FnMut(u64) -> Result<Batch> + use<>> {
    let name = format!("tussah-bench-{}-{}", std::process::id(), program.name);
    let folder = Folder(std::env::temp_dir().join(name));
    fs::create_dir_all(&folder.0)?;
    for (name, bytes) in &program.files {
        fs::write(folder.0.join(name), bytes)?;
    }
    let wasm = folder.0.join("guest.wasm");
    fs::write(&wasm, &program.wasm)?;
    let mut command = make(&wasm)?;
    command.current_dir(&folder.0).stdin(Stdio::null());
    let output = command.output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {stderr}", output.status);
    if let Some(expected) = &program.stdout {
        ensure!(output.stdout == *expected, "it wrote something else");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(move |n| {
        // Moved in here, the folder lives as long as it is needed.
        let _folder = &folder;
        repeat(n, || {
            let status = command.status()?;
            ensure!(status.success(), "{status}");
            Ok::<_, anyhow::Error>(0)
        })
    })
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn command(wasm: &Path) -> Result<Command> {
    let [tussah, _] = programs_installed()?;
    let mut command = Command::new(tussah);
    let folder = wasm.parent().context("a file lies in a folder")?;
    command
        .arg("run")
        .arg("--cache-dir")
        .arg(folder.join("cache"))
        .args(["--stub-imports", "bench", "--dir", "."])
        .arg(wasm);
    Ok(command)
}

fn minimal(wasm: &Path) -> Result<Command> {
    let [_, minimal] = programs_installed()?;
    let compiled = wasm.with_extension("cwasm");
    let mut precompile = Command::new(minimal);
    precompile.arg("precompile").args([wasm, &compiled]);
    ensure!(precompile.status()?.success(), "it cannot be compiled");
    let mut command = Command::new(minimal);
    command.arg("run").arg(compiled).arg(".");
    Ok(command)
}
