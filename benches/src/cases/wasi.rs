//! As much of WASI preview 1 as the programs of the suite ask for, in memory: three standard streams and one directory of
//! files to be read. Beside it the two functions between which a program does what is measured.

use std::time::{Duration, Instant};

use super::runtime::{Caller, Error, Extern, Linker, Memory, Result};
use crate::programs::Program;

const WASI: &str = "wasi_snapshot_preview1";

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const NOENT: i32 = 44;
const SPIPE: i32 = 70;

/// The descriptor of the directory. Files are counted on from it.
const DIRECTORY: u32 = 3;

const FILETYPE_CHARACTER_DEVICE: u8 = 2;
const FILETYPE_DIRECTORY: u8 = 3;
const FILETYPE_REGULAR_FILE: u8 = 4;

/// A program's surroundings, and what it left there.
pub(super) struct Wasi {
    program: &'static Program,
    /// Files that were opened: which one, and how far it has been read.
    open: Vec<Option<(usize, usize)>>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    started: Option<Instant>,
    /// Between `bench.start` and `bench.end`.
    pub(super) measured: Duration,
}

impl Wasi {
    pub(super) fn new(program: &'static Program) -> Self {
        Self {
            program,
            open: Vec::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            started: None,
            measured: Duration::ZERO,
        }
    }

    fn file(&mut self, fd: u32) -> Option<(&'static [u8], &mut usize)> {
        let index = fd.checked_sub(DIRECTORY + 1)? as usize;
        let (file, position) = self.open.get_mut(index)?.as_mut()?;
        Some((&self.program.files[*file].1, position))
    }

    fn file_type(&mut self, fd: u32) -> Option<u8> {
        match fd {
            0..=2 => Some(FILETYPE_CHARACTER_DEVICE),
            DIRECTORY => Some(FILETYPE_DIRECTORY),
            _ => self.file(fd).map(|_| FILETYPE_REGULAR_FILE),
        }
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        let name = name.strip_prefix(b"./").unwrap_or(name);
        let mut names = self.program.files.iter().map(|(name, _)| name.as_bytes());
        names.position(|file| file == name)
    }
}

/// How a program says that it is done, and with which status.
#[derive(Debug)]
pub(super) struct Exit(pub(super) u32);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit with status {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Everything that the programs import.
pub(super) fn define(linker: &mut Linker<Wasi>) -> Result<()> {
    linker.func_wrap("bench", "start", |mut caller: Caller<'_, Wasi>| {
        caller.data_mut().started = Some(Instant::now());
    })?;
    linker.func_wrap("bench", "end", |mut caller: Caller<'_, Wasi>| {
        let now = Instant::now();
        let wasi = caller.data_mut();
        if let Some(started) = wasi.started.take() {
            wasi.measured += now - started;
        }
    })?;
    surroundings(linker)?;
    directory(linker)?;
    descriptors(linker)?;
    streams(linker)
}

fn surroundings(linker: &mut Linker<Wasi>) -> Result<()> {
    // No arguments and no environment: lists of length zero.
    for (sizes, get) in [
        ("args_sizes_get", "args_get"),
        ("environ_sizes_get", "environ_get"),
    ] {
        linker.func_wrap(
            WASI,
            sizes,
            |caller: Caller<'_, Wasi>, count: u32, size: u32| {
                let mut guest = Guest::new(caller)?;
                guest.write(count, &0_u32.to_le_bytes())?;
                guest.write(size, &0_u32.to_le_bytes())?;
                Ok(SUCCESS)
            },
        )?;
        linker.func_wrap(WASI, get, |_: u32, _: u32| SUCCESS)?;
    }
    // Programs seed hash tables with it: the same every time, or no two runs would do the same.
    linker.func_wrap(
        WASI,
        "random_get",
        |caller: Caller<'_, Wasi>, at: u32, length: u32| {
            Guest::new(caller)?.write(at, &vec![0x5a; length as usize])?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(WASI, "proc_exit", |status: u32| -> Result<()> {
        Err(Error::new(Exit(status)))
    })?;
    Ok(())
}

fn directory(linker: &mut Linker<Wasi>) -> Result<()> {
    linker.func_wrap(
        WASI,
        "fd_prestat_get",
        |caller: Caller<'_, Wasi>, fd: u32, at: u32| {
            if fd != DIRECTORY {
                return Ok(BADF);
            }
            // A directory, whose name has one byte.
            let stat = [0, 0, 0, 0, 1, 0, 0, 0];
            Guest::new(caller)?.write(at, &stat)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_prestat_dir_name",
        |caller: Caller<'_, Wasi>, fd: u32, at: u32, _: u32| {
            if fd != DIRECTORY {
                return Ok(BADF);
            }
            Guest::new(caller)?.write(at, b".")?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "path_open",
        |caller: Caller<'_, Wasi>,
         _directory: u32,
         _lookup: u32,
         path: u32,
         length: u32,
         _open: u32,
         _rights: u64,
         _inherited: u64,
         _flags: u32,
         opened: u32| {
            let mut guest = Guest::new(caller)?;
            let path = guest.read(path, length)?;
            let wasi = guest.caller.data_mut();
            let Some(file) = wasi.find(&path) else {
                return Ok(NOENT);
            };
            wasi.open.push(Some((file, 0)));
            let fd = DIRECTORY + u32::try_from(wasi.open.len())?;
            guest.write(opened, &fd.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "path_filestat_get",
        |caller: Caller<'_, Wasi>,
         _directory: u32,
         _lookup: u32,
         path: u32,
         length: u32,
         at: u32| {
            let mut guest = Guest::new(caller)?;
            let path = guest.read(path, length)?;
            let wasi = guest.caller.data();
            let Some(file) = wasi.find(&path) else {
                return Ok(NOENT);
            };
            let size = wasi.program.files[file].1.len();
            guest.write(at, &file_stat(FILETYPE_REGULAR_FILE, size))?;
            Ok(SUCCESS)
        },
    )?;
    Ok(())
}

fn descriptors(linker: &mut Linker<Wasi>) -> Result<()> {
    linker.func_wrap(
        WASI,
        "fd_filestat_get",
        |caller: Caller<'_, Wasi>, fd: u32, at: u32| {
            let mut guest = Guest::new(caller)?;
            let wasi = guest.caller.data_mut();
            let Some(file_type) = wasi.file_type(fd) else {
                return Ok(BADF);
            };
            let size = wasi.file(fd).map_or(0, |(bytes, _)| bytes.len());
            guest.write(at, &file_stat(file_type, size))?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_fdstat_get",
        |caller: Caller<'_, Wasi>, fd: u32, at: u32| {
            let mut guest = Guest::new(caller)?;
            let Some(file_type) = guest.caller.data_mut().file_type(fd) else {
                return Ok(BADF);
            };
            let mut stat = [0; 24];
            stat[0] = file_type;
            // All rights, except that streams cannot be sought and told: libraries buffer them if they look like terminals.
            stat[8..24].fill(0xff);
            guest.write(at, &stat)?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(WASI, "fd_close", |mut caller: Caller<'_, Wasi>, fd: u32| {
        let index = fd.checked_sub(DIRECTORY + 1).map(|index| index as usize);
        let open = &mut caller.data_mut().open;
        let file = index
            .and_then(|index| open.get_mut(index))
            .and_then(Option::take);
        match (fd, file) {
            (0..=DIRECTORY, _) | (_, Some(_)) => SUCCESS,
            (_, None) => BADF,
        }
    })?;
    Ok(())
}

fn streams(linker: &mut Linker<Wasi>) -> Result<()> {
    linker.func_wrap(
        WASI,
        "fd_seek",
        |caller: Caller<'_, Wasi>, fd: u32, offset: i64, whence: u32, at: u32| {
            let mut guest = Guest::new(caller)?;
            let Some((bytes, position)) = guest.caller.data_mut().file(fd) else {
                return Ok(SPIPE);
            };
            let from = [0, *position, bytes.len()][whence as usize % 3];
            *position = usize::try_from(i64::try_from(from)? + offset)?;
            let position = *position as u64;
            guest.write(at, &position.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_read",
        |caller: Caller<'_, Wasi>, fd: u32, vectors: u32, count: u32, read: u32| {
            let mut guest = Guest::new(caller)?;
            let mut total = 0;
            for (at, length) in guest.vectors(vectors, count)? {
                // Standard input is empty.
                if fd == 0 {
                    break;
                }
                let Some((bytes, position)) = guest.caller.data_mut().file(fd) else {
                    return Ok(BADF);
                };
                let rest = bytes.get(*position..).unwrap_or_default();
                let part = &rest[..rest.len().min(length as usize)];
                *position += part.len();
                total += u32::try_from(part.len())?;
                guest.write(at, part)?;
            }
            guest.write(read, &total.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |caller: Caller<'_, Wasi>, fd: u32, vectors: u32, count: u32, written: u32| {
            let mut guest = Guest::new(caller)?;
            let mut total = 0;
            for (at, length) in guest.vectors(vectors, count)? {
                let bytes = guest.read(at, length)?;
                let wasi = guest.caller.data_mut();
                match fd {
                    1 => wasi.stdout.extend(bytes),
                    2 => wasi.stderr.extend(bytes),
                    _ => return Ok(BADF),
                }
                total += length;
            }
            guest.write(written, &total.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    Ok(())
}

fn file_stat(file_type: u8, size: usize) -> [u8; 64] {
    let mut stat = [0; 64];
    stat[16] = file_type;
    // One link.
    stat[24] = 1;
    stat[32..40].copy_from_slice(&(size as u64).to_le_bytes());
    stat
}

/// The calling program and its memory.
struct Guest<'a> {
    caller: Caller<'a, Wasi>,
    memory: Memory,
}

impl<'a> Guest<'a> {
    fn new(mut caller: Caller<'a, Wasi>) -> Result<Self> {
        let memory = caller.get_export("memory").and_then(Extern::into_memory);
        let memory = memory.ok_or_else(|| Error::msg("the program exports no memory"))?;
        Ok(Self { caller, memory })
    }

    fn read(&self, at: u32, length: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.memory.read(&self.caller, at as usize, &mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        Ok(self.memory.write(&mut self.caller, at as usize, bytes)?)
    }

    /// Places and lengths of buffers.
    fn vectors(&self, at: u32, count: u32) -> Result<Vec<(u32, u32)>> {
        let bytes = self.read(at, count * 8)?;
        let word = |word: &[u8]| {
            word.iter()
                .rev()
                .fold(0, |x, &byte| x << 8 | u32::from(byte))
        };
        Ok(bytes
            .chunks_exact(8)
            .map(|pair| (word(&pair[..4]), word(&pair[4..])))
            .collect())
    }
}
