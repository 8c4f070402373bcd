//! `/tmp/perf-PID.map`: lines of start, size (both hexadecimal) and name.

use super::{Code, clean, lock};
use crate::error::{Context, Result};
use crate::os;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

static MAP: Mutex<Option<File>> = Mutex::new(None);

/// Makes the file, unless an engine has done so.
pub(super) fn open() -> Result<()> {
    let mut map = lock(&MAP);
    if map.is_none() {
        let path = format!("/tmp/perf-{}.map", std::process::id());
        let file = os::open_own(OpenOptions::new().append(true), Path::new(&path))
            .with_context(|| format!("cannot make the map for perf, {path}"))?;
        *map = Some(file);
    }
    Ok(())
}

/// Adds lines.
pub(super) fn write(all: &[Code<'_>]) {
    let mut text = Vec::new();
    for code in all {
        let (start, len, name) = (code.address, code.bytes.len(), clean(&code.name));
        if len > 0 {
            // Writing to memory does not fail.
            let _ = writeln!(text, "{start:x} {len:x} {name}");
        }
    }
    if let Some(file) = &mut *lock(&MAP) {
        // Names that are lost are no reason to fail.
        let _ = file.write_all(&text);
    }
}
