//! The few functions that the programs import: files to read, two streams to write, and nothing that differs between two
//! runs.

use super::host::State;
use super::runtime::{Caller, Extern, Result, Val, bail};
use super::values::HostError;
use crate::case::Files;
use std::sync::Arc;

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const NOENT: i32 = 44;
const SPIPE: i32 = 70;
/// The folder that holds the inputs.
const FOLDER: u32 = 3;
/// The first file that the guest opens.
const FIRST: u32 = 4;

const DIRECTORY: u8 = 3;
const CHARACTERS: u8 = 2;
const REGULAR: u8 = 4;

/// A program's surroundings.
pub(super) struct Program {
    files: Arc<Files>,
    /// By number, from [`FIRST`]: which input, and how far it was read; `None` once closed.
    open: Vec<Option<(usize, usize)>>,
    output: Vec<u8>,
    random: u8,
}

impl Program {
    pub(super) fn new(files: Arc<Files>) -> Self {
        Program {
            files,
            open: Vec::new(),
            output: Vec::new(),
            random: 0,
        }
    }

    pub(super) fn into_output(self) -> Vec<u8> {
        self.output
    }

    fn file(&mut self, fd: u32) -> Option<&mut (usize, usize)> {
        let index = fd.checked_sub(FIRST)?;
        self.open.get_mut(index as usize)?.as_mut()
    }

    fn kind(&mut self, fd: u32) -> Option<u8> {
        match fd {
            0..=2 => Some(CHARACTERS),
            FOLDER => Some(DIRECTORY),
            _ => self.file(fd).map(|_| REGULAR),
        }
    }
}

/// The guest's memory, with accesses that fail instead of going astray.
struct Guest<'a>(&'a mut [u8]);

impl Guest<'_> {
    fn at(&mut self, at: u32, len: usize) -> Result<&mut [u8]> {
        let range = at as usize..at as usize + len;
        match self.0.get_mut(range) {
            Some(bytes) => Ok(bytes),
            None => bail!("{len} bytes at {at} are outside of the guest's memory"),
        }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        self.at(at, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn word(&mut self, at: u32) -> Result<u32> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.at(at, 4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    /// The buffers of a vectored read or write.
    fn buffers(&mut self, at: u32, count: u32) -> Result<Vec<(u32, usize)>> {
        (0..count)
            .map(|i| {
                let len = self.word(at + 8 * i + 4)?;
                Ok((self.word(at + 8 * i)?, len as usize))
            })
            .collect()
    }
}

/// Calls the function of this name.
pub(super) fn call(
    caller: &mut Caller<'_, State>,
    name: &str,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    if matches!(name, "start" | "end") {
        return Ok(());
    }
    let param = |index: usize| match params[index] {
        Val::I32(x) => x.cast_unsigned(),
        // Only `fd_seek` has a 64-bit parameter that is looked at, and it takes small ones.
        Val::I64(x) => u32::try_from(x).unwrap_or(u32::MAX),
        _ => unreachable!("preview 1 has integers only"),
    };
    if name == "proc_exit" {
        return Err(HostError(format!("exit {}", param(0))).into());
    }
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        bail!("a program without memory");
    };
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    let program = state.program.as_mut().expect("a program runs");
    let errno = operate(program, &mut Guest(bytes), name, &param)?;
    results[0] = Val::I32(errno);
    Ok(())
}

fn operate(
    program: &mut Program,
    guest: &mut Guest<'_>,
    name: &str,
    param: &dyn Fn(usize) -> u32,
) -> Result<i32> {
    let fd = param(0);
    match name {
        "args_sizes_get" | "environ_sizes_get" => {
            guest.put(param(0), &[0; 4])?;
            guest.put(param(1), &[0; 4])?;
        }
        "args_get" | "environ_get" => {}
        "random_get" => {
            for byte in guest.at(param(0), param(1) as usize)? {
                program.random = program.random.wrapping_mul(5).wrapping_add(1);
                *byte = program.random;
            }
        }
        "fd_close" => match fd.checked_sub(FIRST).map(|index| index as usize) {
            Some(index) if index < program.open.len() => program.open[index] = None,
            _ => {}
        },
        "fd_prestat_get" if fd == FOLDER => guest.put(param(1), &[0, 0, 0, 0, 1, 0, 0, 0])?,
        "fd_prestat_dir_name" if fd == FOLDER => guest.put(param(1), b".")?,
        "fd_prestat_get" | "fd_prestat_dir_name" => return Ok(BADF),
        "fd_fdstat_get" => {
            let Some(kind) = program.kind(fd) else {
                return Ok(BADF);
            };
            let mut stat = [0; 24];
            stat[0] = kind;
            stat[8..].fill(0xff);
            // Streams can neither seek nor tell: buffers are then flushed by lines.
            if kind == CHARACTERS {
                stat[8] = 0xdb;
            }
            guest.put(param(1), &stat)?;
        }
        "fd_filestat_get" => return file_stat(program, guest, fd, param(1)),
        "path_open" => {
            let Some(input) = find(program, guest.at(param(2), param(3) as usize)?) else {
                return Ok(NOENT);
            };
            let fd = FIRST + u32::try_from(program.open.len()).unwrap_or(0);
            program.open.push(Some((input, 0)));
            guest.put(param(8), &fd.to_le_bytes())?;
        }
        "path_filestat_get" => {
            let Some(input) = find(program, guest.at(param(2), param(3) as usize)?) else {
                return Ok(NOENT);
            };
            let size = program.files.inputs[input].1.len() as u64;
            put_stat(guest, param(4), REGULAR, size)?;
        }
        "fd_seek" => return Ok(SPIPE),
        "fd_read" => return read(program, guest, param),
        "fd_write" => {
            let mut written = 0;
            for (at, len) in guest.buffers(param(1), param(2))? {
                program.output.extend_from_slice(guest.at(at, len)?);
                written += u32::try_from(len).unwrap_or(0);
            }
            guest.put(param(3), &written.to_le_bytes())?;
        }
        _ => bail!("no stub for {name}"),
    }
    Ok(SUCCESS)
}

/// The input of this name.
fn find(program: &Program, name: &[u8]) -> Option<usize> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let mut inputs = program.files.inputs.iter();
    inputs.position(|input| input.0.as_bytes() == name)
}

fn put_stat(guest: &mut Guest<'_>, at: u32, kind: u8, size: u64) -> Result<()> {
    let mut stat = [0; 64];
    stat[16] = kind;
    stat[32..40].copy_from_slice(&size.to_le_bytes());
    guest.put(at, &stat)
}

fn file_stat(program: &mut Program, guest: &mut Guest<'_>, fd: u32, at: u32) -> Result<i32> {
    let Some(kind) = program.kind(fd) else {
        return Ok(BADF);
    };
    let size = match program.file(fd) {
        Some(&mut (input, _)) => program.files.inputs[input].1.len() as u64,
        None => 0,
    };
    put_stat(guest, at, kind, size)?;
    Ok(SUCCESS)
}

fn read(program: &mut Program, guest: &mut Guest<'_>, param: &dyn Fn(usize) -> u32) -> Result<i32> {
    let files = program.files.clone();
    let Some((input, at)) = program.file(param(0)) else {
        return Ok(BADF);
    };
    let mut total = 0;
    for (to, len) in guest.buffers(param(1), param(2))? {
        let rest = &files.inputs[*input].1[*at..];
        let take = rest.len().min(len);
        guest.put(to, &rest[..take])?;
        *at += take;
        total += u32::try_from(take).unwrap_or(0);
    }
    guest.put(param(3), &total.to_le_bytes())?;
    Ok(SUCCESS)
}
