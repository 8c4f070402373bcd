//! Makes the exported function `init` of a core module its start function: adds a start section and takes the export away.
//!
//! `add_start MODULE.wasm` rewrites the file. `wasm-ld` 14 writes no start section of its own accord, and neither
//! rustc nor clang has a way to ask for one; this is the post-link step. Built for the machine that runs `build.sh`.

use std::{env, fs, process::exit};

const EXPORT: u8 = 7;
const START: u8 = 8;
const FUNCTION: u8 = 0;

fn read_leb(bytes: &[u8], at: &mut usize) -> Result<u32, String> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = *bytes.get(*at).ok_or("the module ends in a number")?;
        *at += 1;
        if shift > 28 {
            return Err("a number of more than 32 bits".into());
        }
        value |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
}

fn write_leb(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_section(id: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    write_leb(body.len() as u32, out);
    out.extend_from_slice(body);
}

/// Splits the export `init` off an export section: the section without it, and the function's index.
fn take_init(body: &[u8]) -> Result<(Vec<u8>, u32), String> {
    let (mut at, mut kept, mut init) = (0, Vec::new(), None);
    let count = read_leb(body, &mut at)?;
    for _ in 0..count {
        let from = at;
        let len = read_leb(body, &mut at)? as usize;
        let name = body.get(at..at + len).ok_or("an export's name is cut off")?;
        at += len;
        let kind = *body.get(at).ok_or("an export is cut off")?;
        at += 1;
        let index = read_leb(body, &mut at)?;
        if name == b"init" && kind == FUNCTION {
            init = Some(index);
        } else {
            kept.extend_from_slice(&body[from..at]);
        }
    }
    let mut section = Vec::new();
    write_leb(count - 1, &mut section);
    section.extend(kept);
    Ok((section, init.ok_or("it exports no function `init`")?))
}

fn add_start(module: &[u8]) -> Result<Vec<u8>, String> {
    if module.get(..8) != Some(b"\0asm\x01\0\0\0") {
        return Err("not a core module".into());
    }
    let (mut out, mut at, mut done) = (module[..8].to_vec(), 8, false);
    while at < module.len() {
        let id = module[at];
        at += 1;
        let len = read_leb(module, &mut at)? as usize;
        let body = module.get(at..at + len).ok_or("a section is cut off")?;
        at += len;
        match id {
            START => return Err("it has a start function already".into()),
            EXPORT => {
                let (exports, init) = take_init(body)?;
                write_section(EXPORT, &exports, &mut out);
                let mut start = Vec::new();
                write_leb(init, &mut start);
                write_section(START, &start, &mut out);
                done = true;
            }
            _ => write_section(id, body, &mut out),
        }
    }
    if done { Ok(out) } else { Err("it has no exports".into()) }
}

fn main() {
    let path = env::args().nth(1).unwrap_or_else(|| {
        eprintln!("usage: add_start MODULE.wasm");
        exit(2);
    });
    let result = fs::read(&path)
        .map_err(|e| e.to_string())
        .and_then(|module| add_start(&module))
        .and_then(|module| fs::write(&path, module).map_err(|e| e.to_string()));
    if let Err(why) = result {
        eprintln!("{path}: {why}");
        exit(1);
    }
}
