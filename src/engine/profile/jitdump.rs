//! `jit-PID.dump` in the working directory, by `tools/perf/Documentation/jitdump-specification.txt` of Linux.
//!
//! ```text
//! header   magic, version, size, machine, 0, pid, time, flags
//! record   kind, size, time, then
//!            0 load:   pid, tid, address twice, length, number, name, code
//!            2 lines:  address, count, then each: address, line, 0, file
//! ```
//! `perf record` sees the file because its first page is mapped executable, and `perf inject --jit` then makes an object
//! file of each function.

use super::{Code, clean, lock};
use crate::error::{Context, Result};
use crate::os;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Mutex;

const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER: u32 = 40;
const MACHINE_X86_64: u32 = 62;
const LOAD: u32 = 0;
const LINES: u32 = 2;

/// Bytes of a record before what its kind says.
const PREFIX: usize = 16;

static DUMP: Mutex<Option<Dump>> = Mutex::new(None);

struct Dump {
    file: File,
    /// Numbers what is loaded.
    next: u64,
}

/// Makes the file, unless an engine has done so.
pub(super) fn open() -> Result<()> {
    let mut dump = lock(&DUMP);
    if dump.is_some() {
        return Ok(());
    }
    let path = format!("jit-{}.dump", std::process::id());
    let make = || -> std::io::Result<File> {
        let mut file = os::open_own(OpenOptions::new().read(true).write(true), Path::new(&path))?;
        file.set_len(0)?;
        let mut header = Vec::new();
        for word in [
            MAGIC,
            VERSION,
            HEADER,
            MACHINE_X86_64,
            0,
            std::process::id(),
        ] {
            header.extend_from_slice(&word.to_ne_bytes());
        }
        for long in [os::monotonic_nanos(), 0] {
            header.extend_from_slice(&long.to_ne_bytes());
        }
        file.write_all(&header)?;
        // Never unmapped, like the file is never closed.
        os::map_marker(file.as_fd())?;
        Ok(file)
    };
    let file = make().with_context(|| format!("cannot make the dump for perf, {path}"))?;
    *dump = Some(Dump { file, next: 0 });
    Ok(())
}

/// Adds records.
pub(super) fn write(all: &[Code<'_>]) {
    let mut dump = lock(&DUMP);
    let Some(dump) = &mut *dump else {
        return;
    };
    let mut bytes = Vec::new();
    for code in all {
        if code.bytes.is_empty() {
            continue;
        }
        let time = os::monotonic_nanos();
        // Lines come before the code they are of.
        if !code.lines.is_empty() {
            record(&mut bytes, LINES, time, &lines(code));
        }
        record(&mut bytes, LOAD, time, &load(code, dump.next));
        dump.next += 1;
    }
    // Names that are lost are no reason to fail.
    let _ = dump.file.write_all(&bytes);
}

fn record(out: &mut Vec<u8>, kind: u32, time: u64, body: &[u8]) {
    let Ok(size) = u32::try_from(PREFIX + body.len()) else {
        return;
    };
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&size.to_ne_bytes());
    out.extend_from_slice(&time.to_ne_bytes());
    out.extend_from_slice(body);
}

fn load(code: &Code<'_>, number: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for word in [std::process::id(), os::thread_id()] {
        body.extend_from_slice(&word.to_ne_bytes());
    }
    let (address, len) = (code.address as u64, code.bytes.len() as u64);
    for long in [address, address, len, number] {
        body.extend_from_slice(&long.to_ne_bytes());
    }
    text(&mut body, &code.name);
    body.extend_from_slice(code.bytes);
    body
}

fn lines(code: &Code<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    for long in [code.address as u64, code.lines.len() as u64] {
        body.extend_from_slice(&long.to_ne_bytes());
    }
    for line in &code.lines {
        body.extend_from_slice(&(line.address as u64).to_ne_bytes());
        for word in [line.line, 0] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        text(&mut body, &line.file);
    }
    body
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(clean(text).as_bytes());
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::{Code, lines, load, record};
    use crate::engine::profile::Line;

    #[test]
    fn records_are_as_long_as_they_say() {
        let code = Code {
            address: 0x1000,
            bytes: &[0x90, 0xc3],
            name: "m!f\n".into(),
            lines: vec![Line {
                address: 0x1001,
                line: 7,
                file: "a.c".into(),
            }],
        };
        let mut out = Vec::new();
        record(&mut out, super::LINES, 5, &lines(&code));
        let first = out.len();
        record(&mut out, super::LOAD, 6, &load(&code, 9));
        let word = |at: usize| u32::from_ne_bytes(*out[at..].first_chunk().unwrap()) as usize;
        let long = |at: usize| u64::from_ne_bytes(*out[at..].first_chunk().unwrap());
        assert_eq!((word(0), word(4)), (2, first));
        assert_eq!((long(8), long(16), long(24)), (5, 0x1000, 1));
        assert_eq!((long(32), word(40), word(44)), (0x1001, 7, 0));
        assert_eq!(&out[48..first], b"a.c\0");
        assert_eq!((word(first), word(first + 4)), (0, out.len() - first));
        assert_eq!(word(first + 16), std::process::id() as usize);
        assert_eq!(
            [24, 32, 40, 48].map(|at| long(first + at)),
            [0x1000, 0x1000, 2, 9]
        );
        assert_eq!(&out[first + 56..], b"m!f?\0\x90\xc3");
    }
}
