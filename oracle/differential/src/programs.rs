//! Real programs, from an archive that is kept beside the repository: `shared/suites/programs.tar.xz` in a folder above,
//! or the folder that `TUSSAH_SUITES` names.

use crate::case::{Case, Files, Kind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

const ARCHIVE: &str = "programs.tar.xz";

/// Units with which programs run in all modes, and those with which they run where yields are rare: eight of the twelve
/// get to their end with the latter.
const FEW: u64 = 1_000_000;
const MANY: u64 = 120_000_000;

/// Whether a case is one of those for which yields have to be rare.
pub(crate) fn is_long(case: &Case) -> bool {
    case.kind == Kind::Program && case.fuel > FEW
}

fn archive() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("TUSSAH_SUITES") {
        return Some(Path::new(&folder).join(ARCHIVE));
    }
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/suites").join(ARCHIVE))
        .find(|path| path.exists())
}

/// The programs, each twice, or why there are none.
pub(crate) fn cases(scratch: &Path) -> Result<Vec<Case>, String> {
    let archive = archive().ok_or(format!("no shared/suites/{ARCHIVE} in any folder above"))?;
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(scratch)
        .status()
        .map_err(|error| format!("tar does not run: {error}"))?;
    if !unpacked.success() {
        return Err(format!("tar cannot unpack {}", archive.display()));
    }
    let mut cases = Vec::new();
    for folder in list(&scratch.join("programs"))? {
        let (mut inputs, mut output, mut wasm) = (Vec::new(), None, None);
        for path in list(&folder)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let bytes = fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
            if name.ends_with(".wasm") {
                wasm = Some(bytes);
            } else if name.ends_with(".expected") {
                output.get_or_insert_with(Vec::new).extend(bytes);
            } else {
                inputs.push((name, bytes));
            }
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let wasm = wasm.ok_or(format!("{name} has no module"))?;
        let files = Arc::new(Files { inputs, output });
        for fuel in [FEW, MANY] {
            cases.push(Case {
                kind: Kind::Program,
                name: format!("program:{name}:{fuel}"),
                seed: 0,
                wasm: wasm.clone(),
                fuel,
                rounds: 1,
                fail_at: None,
                reenters: false,
                expected: None,
                files: Some(files.clone()),
            });
        }
    }
    if cases.is_empty() {
        return Err(format!("{} has no programs", archive.display()));
    }
    Ok(cases)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}
