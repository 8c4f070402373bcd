//! A guest that does what a test says: it hands each function of the interface on, so that tests call them raw.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::fmt::Write as _;
use std::io::Write as _;
use tussah::{Engine, Instance, Linker, Memory, Module, Store, Val};
use tussah_wasi::WasiCtxBuilder;
use tussah_wasi::p1::{self, WasiP1Ctx};

/// All functions, with their parameters: `i` has 32 bits, `I` 64. All but one answer an error number.
pub(crate) const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

pub(crate) const BADF: u32 = 8;
pub(crate) const AGAIN: u32 = 6;
pub(crate) const EXIST: u32 = 20;
pub(crate) const FAULT: u32 = 21;
pub(crate) const ILSEQ: u32 = 25;
pub(crate) const INVAL: u32 = 28;
pub(crate) const ISDIR: u32 = 31;
pub(crate) const LOOP: u32 = 32;
pub(crate) const MFILE: u32 = 33;
pub(crate) const NAMETOOLONG: u32 = 37;
pub(crate) const NOENT: u32 = 44;
pub(crate) const NOTDIR: u32 = 54;
pub(crate) const NOTSOCK: u32 = 57;
pub(crate) const NOTSUP: u32 = 58;
pub(crate) const PERM: u32 = 63;
pub(crate) const SPIPE: u32 = 70;
pub(crate) const NOTCAPABLE: u32 = 76;

pub(crate) const FD_READ: i64 = 1 << 1;
pub(crate) const FD_WRITE: i64 = 1 << 6;
pub(crate) const ALL_RIGHTS: i64 = (1 << 30) - 1;
pub(crate) const CREAT: i64 = 1;
pub(crate) const DIRECTORY: i64 = 2;
pub(crate) const EXCL: i64 = 4;
pub(crate) const TRUNC: i64 = 8;
pub(crate) const FOLLOW: i64 = 1;

/// The guest's memory: results at [`OUT`], one buffer's descriptor at [`IOV`], two strings, and a buffer.
pub(crate) const OUT: i64 = 64;
pub(crate) const IOV: i64 = 512;
pub(crate) const FIRST: i64 = 1 << 12;
pub(crate) const SECOND: i64 = 1 << 14;
pub(crate) const BUFFER: i64 = 1 << 16;
pub(crate) const PAGES: i64 = 16;

fn text() -> String {
    let mut wat = String::from("(module\n");
    let types = |params: &str| -> String {
        let names = params
            .chars()
            .map(|c| if c == 'i' { " i32" } else { " i64" });
        names.collect()
    };
    let result = |name: &str| {
        if name == "proc_exit" {
            ""
        } else {
            "(result i32)"
        }
    };
    for (name, params) in FUNCTIONS {
        let (types, result) = (types(params), result(name));
        writeln!(
            wat,
            r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param{types}) {result}))"#
        )
        .expect("text grows");
    }
    writeln!(wat, r#"(memory (export "memory") {PAGES})"#).expect("text grows");
    for (name, params) in FUNCTIONS {
        let (types, result) = (types(params), result(name));
        let gets: String = (0..params.len())
            .map(|i| format!("local.get {i} "))
            .collect();
        writeln!(
            wat,
            r#"(func (export "{name}") (param{types}) {result} {gets} call ${name})"#
        )
        .expect("text grows");
    }
    wat.push(')');
    wat
}

/// Told even if the test passes, which captures what macros print.
pub(crate) fn say(what: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{what}").expect("stderr can be written");
}

/// A guest and its store.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) store: Store<WasiP1Ctx>,
    instance: Instance,
    memory: Memory,
}

/// The module, compiled once for each engine.
pub(crate) fn module(engine: &Engine) -> Module {
    Module::new(engine, text()).expect("the guest is valid")
}

impl Guest {
    /// A guest whose waits block.
    pub(crate) fn new(builder: &mut WasiCtxBuilder) -> Guest {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_sync(&mut linker, |ctx| ctx).expect("names are free");
        let mut store = Store::new(&engine, builder.build_p1());
        let instance = linker
            .instantiate(&mut store, &module(&engine))
            .expect("all imports are defined");
        Guest::of(store, instance)
    }

    /// A guest whose waits suspend it.
    pub(crate) async fn suspending(builder: &mut WasiCtxBuilder) -> Guest {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_async(&mut linker, |ctx| ctx).expect("names are free");
        let mut store = Store::new(&engine, builder.build_p1());
        let instance = linker
            .instantiate_async(&mut store, &module(&engine))
            .await
            .expect("all imports are defined");
        Guest::of(store, instance)
    }

    fn of(mut store: Store<WasiP1Ctx>, instance: Instance) -> Guest {
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        Guest {
            store,
            instance,
            memory,
        }
    }

    fn values(name: &str, args: &[i64]) -> Vec<Val> {
        let found = FUNCTIONS.iter().find(|(n, _)| *n == name);
        let (_, params) = found.expect("a function of the interface");
        assert_eq!(params.len(), args.len(), "arguments of {name}");
        let values = params.chars().zip(args);
        values
            .map(|(c, &arg)| {
                if c == 'i' {
                    #[expect(clippy::cast_possible_truncation, reason = "tests pass any bits")]
                    Val::I32(arg as i32)
                } else {
                    Val::I64(arg)
                }
            })
            .collect()
    }

    /// Calls a function, blocking.
    pub(crate) fn try_call(&mut self, name: &str, args: &[i64]) -> tussah::Result<u32> {
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .expect("exported");
        let mut results = vec![Val::I32(0); usize::from(name != "proc_exit")];
        func.call(&mut self.store, &Self::values(name, args), &mut results)?;
        Ok(results
            .first()
            .map_or(0, |v| v.unwrap_i32().cast_unsigned()))
    }

    /// Calls a function that must not trap, blocking.
    pub(crate) fn call(&mut self, name: &str, args: &[i64]) -> u32 {
        self.try_call(name, args).expect("no trap")
    }

    /// Calls a function that must not trap, suspending.
    pub(crate) async fn call_async(&mut self, name: &str, args: &[i64]) -> u32 {
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .expect("exported");
        let mut results = vec![Val::I32(0); 1];
        func.call_async(&mut self.store, &Self::values(name, args), &mut results)
            .await
            .expect("no trap");
        results[0].unwrap_i32().cast_unsigned()
    }

    /// Puts bytes into memory.
    pub(crate) fn put(&mut self, at: i64, bytes: &[u8]) {
        let at = usize::try_from(at).expect("an address");
        self.memory
            .write(&mut self.store, at, bytes)
            .expect("in bounds");
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self, at: i64, len: usize) -> Vec<u8> {
        let at = usize::try_from(at).expect("an address");
        self.memory.data(&self.store)[at..at + len].to_vec()
    }

    pub(crate) fn u32_at(&self, at: i64) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().expect("four bytes"))
    }

    pub(crate) fn u64_at(&self, at: i64) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().expect("eight bytes"))
    }

    /// Puts the first path, and gives its arguments.
    pub(crate) fn first(&mut self, path: impl AsRef<[u8]>) -> [i64; 2] {
        self.put(FIRST, path.as_ref());
        [FIRST, i64::try_from(path.as_ref().len()).expect("short")]
    }

    /// Puts the second path, and gives its arguments.
    pub(crate) fn second(&mut self, path: impl AsRef<[u8]>) -> [i64; 2] {
        self.put(SECOND, path.as_ref());
        [SECOND, i64::try_from(path.as_ref().len()).expect("short")]
    }

    /// Puts one buffer's descriptor, and gives its arguments.
    pub(crate) fn iov(&mut self, len: usize) -> [i64; 2] {
        let mut iov = [0; 8];
        iov[..4].copy_from_slice(&u32::try_from(BUFFER).expect("small").to_le_bytes());
        iov[4..].copy_from_slice(&u32::try_from(len).expect("small").to_le_bytes());
        self.put(IOV, &iov);
        [IOV, 1]
    }

    /// Arguments of `path_open`.
    pub(crate) fn open_args(
        &mut self,
        fd: i64,
        path: &str,
        follow: i64,
        oflags: i64,
        rights: i64,
    ) -> [i64; 9] {
        let [at, len] = self.first(path);
        [fd, follow, at, len, oflags, rights, ALL_RIGHTS, 0, OUT]
    }

    /// Opens, and gives the descriptor or the error number.
    pub(crate) fn open(
        &mut self,
        fd: i64,
        path: &str,
        follow: i64,
        oflags: i64,
        rights: i64,
    ) -> Result<i64, u32> {
        let args = self.open_args(fd, path, follow, oflags, rights);
        match self.call("path_open", &args) {
            0 => Ok(i64::from(self.u32_at(OUT))),
            errno => Err(errno),
        }
    }

    /// Reads once.
    pub(crate) fn read(&mut self, fd: i64, len: usize) -> Result<Vec<u8>, u32> {
        let [iov, count] = self.iov(len);
        match self.call("fd_read", &[fd, iov, count, OUT]) {
            0 => Ok(self.bytes(BUFFER, self.u32_at(OUT) as usize)),
            errno => Err(errno),
        }
    }

    /// Writes once.
    pub(crate) fn write(&mut self, fd: i64, bytes: &[u8]) -> Result<usize, u32> {
        let [iov, count] = self.iov(bytes.len());
        self.put(BUFFER, bytes);
        match self.call("fd_write", &[fd, iov, count, OUT]) {
            0 => Ok(self.u32_at(OUT) as usize),
            errno => Err(errno),
        }
    }
}
