//! All 46 functions: hostile arguments, limits, and what each answers.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::*;
use tussah::{Engine, Linker, Module, Store};
use tussah_wasi::pipe::{MemoryInputPipe, MemoryOutputPipe};
use tussah_wasi::{
    DirPerms, FilePerms, HostMonotonicClock, HostWallClock, I32Exit, WasiCtxBuilder, p1,
};

fn folder(builder: &mut WasiCtxBuilder) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("dir")).expect("a folder can be made");
    fs::write(folder.path().join("file"), "content").expect("a file can be written");
    builder
        .preopened_dir(folder.path(), "/", DirPerms::all(), FilePerms::all())
        .expect("the folder is there");
    folder
}

/// Numbers at and around limits, and some without meaning.
const HOSTILE: [i64; 16] = [
    0,
    1,
    3,
    7,
    64,
    BUFFER,
    PAGES * 65536 - 1,
    PAGES * 65536 - 8,
    PAGES * 65536,
    0x7fff_fff8,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    i64::MAX,
    i64::MIN,
];

/// Every function, with hostile arguments in all places: an error number or success, never a panic, and never a trap but
/// for `proc_exit`.
#[test]
fn hostile_arguments_are_answered() {
    let mut builder = WasiCtxBuilder::new();
    let _folder = folder(&mut builder);
    builder.stdin(MemoryInputPipe::new(vec![1; 1 << 16]));
    builder.arg("program").env("NAME", "value");
    let mut guest = Guest::new(&mut builder);
    // A small generator: runs are the same each time.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits") % bound
    };
    let mut calls = 0;
    for (name, params) in FUNCTIONS {
        let mut answers = std::collections::BTreeSet::new();
        for round in 0..400 {
            // The descriptors that tests before have closed or renumbered are replaced now and then.
            if round % 40 == 0 {
                let _ = guest.open(3, "file", 0, 0, ALL_RIGHTS);
            }
            let args: Vec<i64> = params
                .chars()
                .enumerate()
                .map(|(i, _)| match (i, next(3)) {
                    // Most functions look no further than a descriptor that does not exist.
                    (0, 0 | 1) => i64::try_from(next(6)).expect("small"),
                    _ => HOSTILE[next(HOSTILE.len())],
                })
                .collect();
            // Waiting for a clock that never rings is what was asked for.
            if name == "poll_oneoff" {
                guest.put(0, &[0xff; 4096]);
            }
            // A file as large as the disk likewise.
            if matches!(name, "fd_allocate" | "fd_filestat_set_size") && args[1] > 1 << 20 {
                let bad = [99].into_iter().chain(args[1..].iter().copied());
                let bad: Vec<i64> = bad.collect();
                assert_eq!(guest.call(name, &bad), BADF);
                continue;
            }
            match guest.try_call(name, &args) {
                Ok(errno) => {
                    assert!(errno <= 76, "{name}{args:?} answered {errno}");
                    answers.insert(errno);
                }
                Err(error) => {
                    assert_eq!(name, "proc_exit", "{name}{args:?} trapped: {error:?}");
                    assert!(error.is::<I32Exit>(), "{error:?}");
                }
            }
            calls += 1;
        }
        let harmless = ["proc_exit", "sched_yield"];
        assert!(
            harmless.contains(&name) || answers.iter().any(|&errno| errno != 0),
            "{name} accepted everything"
        );
    }
    say(format_args!(
        "{calls} calls of {} functions",
        FUNCTIONS.len()
    ));
}

#[test]
fn pointers_are_checked_one_by_one() {
    let mut builder = WasiCtxBuilder::new();
    let _folder = folder(&mut builder);
    builder.arg("program");
    let mut guest = Guest::new(&mut builder);
    let end = PAGES * 65536;
    let file = guest.open(3, "file", 0, 0, ALL_RIGHTS).expect("opens");
    for (name, args, errno) in [
        ("clock_time_get", vec![0, 0, end], FAULT),
        ("clock_time_get", vec![0, 0, end - 4], INVAL),
        ("clock_time_get", vec![0, 0, 4], INVAL),
        ("clock_time_get", vec![9, 0, OUT], INVAL),
        ("args_get", vec![end - 4, end], FAULT),
        ("args_get", vec![OUT, end - 3], FAULT),
        ("args_sizes_get", vec![OUT, end], FAULT),
        ("args_sizes_get", vec![OUT + 2, OUT], INVAL),
        ("fd_read", vec![file, 0xffff_fff8, 2, OUT], FAULT),
        ("fd_read", vec![file, OUT, 0x2000_0000, OUT], FAULT),
        ("fd_read", vec![file, OUT, 1, end], FAULT),
        ("fd_read", vec![file, OUT + 1, 1, OUT], INVAL),
        ("fd_fdstat_get", vec![file, end - 16], FAULT),
        ("fd_filestat_get", vec![file, end - 56], FAULT),
        ("fd_prestat_dir_name", vec![3, end, 1], FAULT),
        ("fd_prestat_dir_name", vec![3, OUT, 0], NAMETOOLONG),
        ("fd_readdir", vec![3, end - 8, 16, 0, OUT], FAULT),
        ("fd_readdir", vec![3, OUT, 16, -1, OUT], INVAL),
        ("path_open", vec![3, 0, end, 1, 0, 0, 0, 0, OUT], FAULT),
        (
            "path_open",
            vec![3, 0, FIRST, 5000, 0, 0, 0, 0, OUT],
            NAMETOOLONG,
        ),
        ("path_open", vec![3, 2, FIRST, 1, 0, 0, 0, 0, OUT], INVAL),
        ("path_open", vec![3, 0, FIRST, 1, 16, 0, 0, 0, OUT], INVAL),
        ("path_open", vec![3, 0, FIRST, 1, 0, 0, 0, 32, OUT], INVAL),
        ("poll_oneoff", vec![BUFFER, BUFFER, 0, OUT], INVAL),
        ("poll_oneoff", vec![BUFFER, BUFFER, 0x7fff_ffff, OUT], INVAL),
        ("poll_oneoff", vec![end - 48, end - 16, 1, OUT], FAULT),
        ("random_get", vec![end - 1, 2], FAULT),
        ("random_get", vec![0, 0xffff_ffff], FAULT),
        ("fd_seek", vec![file, -1, 0, OUT], INVAL),
        ("fd_seek", vec![file, 0, 3, OUT], INVAL),
        ("fd_seek", vec![0, 0, 1, OUT], SPIPE),
        ("fd_pread", vec![0, OUT, 0, 0, OUT], SPIPE),
        ("fd_pread", vec![file, OUT, 0, -1, OUT], INVAL),
        ("fd_advise", vec![file, 0, 0, 6], INVAL),
        ("fd_filestat_set_times", vec![file, 0, 0, 3], INVAL),
        ("fd_filestat_set_times", vec![file, 0, 0, 16], INVAL),
        ("fd_fdstat_set_flags", vec![file, 32], INVAL),
        ("fd_fdstat_set_flags", vec![file, 2], NOTSUP),
        ("fd_read", vec![3, OUT, 0, OUT], ISDIR),
        ("path_create_directory", vec![file, FIRST, 1], NOTDIR),
        ("path_link", vec![3, 1, FIRST, 1, 3, FIRST, 1], INVAL),
        ("proc_raise", vec![6], NOTSUP),
        ("proc_raise", vec![0], INVAL),
        ("sock_send", vec![file, OUT, 0, 0, OUT], NOTSOCK),
        ("sock_recv", vec![99, OUT, 0, 0, OUT, OUT], BADF),
    ] {
        guest.put(OUT, &[0; 16]);
        assert_eq!(guest.call(name, &args), errno, "{name}{args:?}");
    }
}

#[test]
fn a_buffer_outside_of_memory_is_refused_before_anything_is_read() {
    let stdin = MemoryInputPipe::new("untouched");
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(stdin.clone()));
    let mut iovs = Vec::new();
    for (at, len) in [(BUFFER, 4), (PAGES * 65536 - 1, 2)] {
        iovs.extend_from_slice(&u32::try_from(at).expect("small").to_le_bytes());
        iovs.extend_from_slice(&u32::to_le_bytes(len));
    }
    guest.put(IOV, &iovs);
    assert_eq!(guest.call("fd_read", &[0, IOV, 2, OUT]), FAULT);
    assert_eq!(guest.call("fd_read", &[0, IOV, 1, PAGES * 65536]), FAULT);
    assert_eq!(guest.call("fd_read", &[0, IOV, 1, OUT]), 0);
    assert_eq!(guest.bytes(BUFFER, 4), b"unto");
}

#[test]
fn descriptors_are_limited_and_reused() {
    let mut builder = WasiCtxBuilder::new();
    let folder = folder(&mut builder);
    let mut guest = Guest::new(builder.descriptor_limit(6));
    assert_eq!(guest.open(3, "file", 0, 0, FD_READ), Ok(4));
    assert_eq!(guest.open(3, "file", 0, 0, FD_READ), Ok(5));
    assert_eq!(guest.open(3, "new", 0, CREAT, FD_READ), Err(MFILE));
    assert!(
        !folder.path().join("new").exists(),
        "it was made although there was no room"
    );
    assert_eq!(guest.call("fd_close", &[4]), 0);
    assert_eq!(guest.call("fd_close", &[4]), BADF);
    assert_eq!(guest.open(3, "file", 0, 0, FD_READ), Ok(4));
    assert_eq!(guest.call("fd_renumber", &[5, 4]), 0);
    assert_eq!(guest.call("fd_close", &[5]), BADF);
    assert_eq!(guest.call("fd_renumber", &[4, 5]), BADF);
}

#[test]
fn large_transfers_are_cut_into_pieces() {
    let mut builder = WasiCtxBuilder::new();
    let folder = folder(&mut builder);
    let mut guest = Guest::new(&mut builder);
    let fd = guest
        .open(3, "large", 0, CREAT, FD_READ | FD_WRITE)
        .expect("opens");
    let written = guest.write(fd, &vec![7; 800_000]).expect("writes");
    assert_eq!(written, 256 << 10);
    assert_eq!(
        fs::metadata(folder.path().join("large"))
            .expect("is there")
            .len(),
        256 << 10
    );
}

#[test]
fn what_may_not_be_opened_is_not_changed_either() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "contents").expect("a file can be written");
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(folder.path(), "/", DirPerms::all(), FilePerms::WRITE)
        .expect("the folder is there");
    let mut guest = Guest::new(&mut builder);
    for (name, oflags) in [("file", TRUNC), ("new", CREAT)] {
        let args = guest.open_args(3, name, 0, oflags, FD_READ | FD_WRITE);
        assert_eq!(guest.call("path_open", &args), PERM, "{name}");
    }
    assert_eq!(fs::read(&file).expect("it is there"), b"contents");
    assert!(!folder.path().join("new").exists());
    let args = guest.open_args(3, "file", 0, TRUNC, FD_WRITE);
    assert_eq!(guest.call("path_open", &args), 0);
    assert_eq!(fs::read(&file).expect("it is there"), b"");
}

#[test]
fn directories_are_listed_in_pieces_of_any_size() {
    let mut builder = WasiCtxBuilder::new();
    let folder = folder(&mut builder);
    let mut expected = vec![".".to_owned(), "..".into(), "dir".into(), "file".into()];
    for i in 0..3000 {
        let name = format!("entry-{i}");
        fs::write(folder.path().join(&name), "").expect("a file can be written");
        expected.push(name);
    }
    expected.sort();
    let mut guest = Guest::new(&mut builder);
    for len in [64i64, 1000, 900_000] {
        let (mut cookie, mut found) = (0, Vec::new());
        loop {
            assert_eq!(guest.call("fd_readdir", &[3, BUFFER, len, cookie, OUT]), 0);
            let used = guest.u32_at(OUT) as usize;
            let mut bytes = &guest.bytes(BUFFER, used)[..];
            while bytes.len() >= 24 {
                let name_len = u32::from_le_bytes(bytes[16..20].try_into().expect("four")) as usize;
                let Some(name) = bytes.get(24..24 + name_len) else {
                    break;
                };
                found.push(String::from_utf8(name.to_vec()).expect("text"));
                if name == b".." {
                    // What lies above is nothing that the guest was given.
                    let own = fs::metadata(folder.path()).expect("it is there").ino();
                    assert_eq!(bytes[8..16], own.to_le_bytes());
                }
                cookie = i64::from_le_bytes(bytes[0..8].try_into().expect("eight"));
                bytes = &bytes[24 + name_len..];
            }
            if i64::try_from(used).expect("small") < len {
                break;
            }
        }
        found.sort();
        assert_eq!(found, expected, "in pieces of {len}");
    }
}

#[test]
fn arguments_and_environment_lie_as_programs_expect() {
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&["program", "", "ä"])
        .envs(&[("A", "1"), ("B", "=")]);
    let mut guest = Guest::new(&mut builder);
    assert_eq!(guest.call("args_sizes_get", &[OUT, OUT + 4]), 0);
    assert_eq!((guest.u32_at(OUT), guest.u32_at(OUT + 4)), (3, 12));
    assert_eq!(guest.call("args_get", &[FIRST, BUFFER]), 0);
    assert_eq!(guest.bytes(BUFFER, 12), "program\0\0ä\0".as_bytes());
    assert_eq!(i64::from(guest.u32_at(FIRST + 8)), BUFFER + 9);
    assert_eq!(guest.call("environ_get", &[FIRST, BUFFER]), 0);
    assert_eq!(guest.bytes(BUFFER, 8), b"A=1\0B==\0");
}

struct Fixed;
impl HostWallClock for Fixed {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn now(&self) -> Duration {
        Duration::from_secs(1_000_000)
    }
}

#[derive(Default)]
struct Counting(AtomicU64);
impl HostMonotonicClock for Counting {
    fn resolution(&self) -> u64 {
        5
    }
    fn now(&self) -> u64 {
        self.0.fetch_add(5, Ordering::Relaxed)
    }
}

#[test]
fn clocks_can_be_replaced() {
    let mut builder = WasiCtxBuilder::new();
    builder
        .wall_clock(Fixed)
        .monotonic_clock(Counting::default());
    let mut guest = Guest::new(&mut builder);
    let mut time = |id| {
        assert_eq!(guest.call("clock_time_get", &[id, 0, OUT]), 0);
        guest.u64_at(OUT)
    };
    assert_eq!(time(0), 1_000_000_000_000_000);
    assert_eq!([time(1), time(1), time(2), time(3)], [0, 5, 10, 15]);
    let mut resolution = |id| {
        assert_eq!(guest.call("clock_res_get", &[id, OUT]), 0);
        guest.u64_at(OUT)
    };
    assert_eq!(
        [resolution(0), resolution(1), resolution(2)],
        [1_000_000_000, 5, 5]
    );
}

#[test]
fn clocks_of_the_host_go_on() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    for id in 0..4 {
        assert_eq!(guest.call("clock_res_get", &[id, OUT]), 0);
        assert!(guest.u64_at(OUT) > 0);
        assert_eq!(guest.call("clock_time_get", &[id, 0, OUT]), 0);
        let before = guest.u64_at(OUT);
        let until = std::time::Instant::now() + Duration::from_millis(20);
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        assert_eq!(guest.call("clock_time_get", &[id, 0, OUT]), 0);
        assert!(guest.u64_at(OUT) > before, "clock {id} stood still");
    }
}

/// Says 1, 2, 3 and so on.
struct Countup(u8);
impl rand_core::TryRng for Countup {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

#[test]
fn random_numbers_can_be_replaced() {
    let mut guest = Guest::new(WasiCtxBuilder::new().secure_random(Countup(0)));
    assert_eq!(guest.call("random_get", &[BUFFER, 3]), 0);
    assert_eq!(guest.bytes(BUFFER, 4), [1, 2, 3, 0]);
    // More than a piece.
    assert_eq!(guest.call("random_get", &[BUFFER, 200_000]), 0);
    assert_eq!(
        guest.bytes(BUFFER + 199_999, 1),
        [(200_003u32 % 256).to_le_bytes()[0]]
    );
    let mut other = Guest::new(&mut WasiCtxBuilder::new());
    assert_eq!(other.call("random_get", &[BUFFER, 64]), 0);
    assert_ne!(other.bytes(BUFFER, 64), [0; 64]);
}

#[test]
fn exit_is_an_error_with_the_status() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    for status in [0, 1, 33, 255, -1] {
        let error = guest
            .try_call("proc_exit", &[status])
            .expect_err("it ends the guest");
        let exit = error.downcast_ref::<I32Exit>().expect("by that error");
        assert_eq!(i64::from(exit.0), status);
        assert_eq!(exit.process_exit_code(), exit.0);
    }
}

#[test]
fn output_beyond_a_pipes_room_is_an_error_of_the_guest() {
    let stdout = MemoryOutputPipe::new(5);
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(stdout.clone()));
    assert_eq!(guest.write(1, b"abcdefg"), Ok(5));
    assert_eq!(guest.write(1, b"fg"), Err(51));
    assert_eq!(guest.write(2, b"nowhere"), Ok(7));
    assert_eq!(guest.write(0, b"input"), Err(NOTCAPABLE));
    drop(guest);
    assert_eq!(
        stdout.try_into_inner().expect("the only clone").as_ref(),
        b"abcde"
    );
}

#[test]
fn a_guest_without_memory_is_told_why() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
            (func (export "run") (drop (call $close (i32.const 0)))))"#,
    )
    .expect("a valid module");
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |ctx| ctx).expect("names are free");
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("all is defined");
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .expect("exported");
    let error = run.call(&mut store, ()).expect_err("there is no memory");
    assert!(format!("{error:?}").contains("`memory`"), "{error:?}");
}

/// The context need not be all of the store's data.
#[test]
fn programs_in_four_languages_say_hello() {
    struct Data {
        wasi: p1::WasiP1Ctx,
    }
    let engine = Engine::default();
    let mut linker: Linker<Data> = Linker::new(&engine);
    p1::add_to_linker_async(&mut linker, |data| &mut data.wasi).expect("names are free");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (file, language) in [("c", "C"), ("cpp", "C++"), ("zig", "Zig"), ("rust", "Rust")] {
        let path = format!(
            "{}/tests/guests/hello_{file}.wasm",
            env!("CARGO_MANIFEST_DIR")
        );
        let module = Module::from_file(&engine, path).expect("a guest is committed");
        let stdout = MemoryOutputPipe::new(4096);
        let data = Data {
            wasi: WasiCtxBuilder::new()
                .arg("hello")
                .stdout(stdout.clone())
                .build_p1(),
        };
        let mut store = Store::new(&engine, data);
        runtime.block_on(async {
            let instance = linker
                .instantiate_async(&mut store, &module)
                .await
                .expect("links");
            let start = instance
                .get_typed_func::<(), ()>(&mut store, "_start")
                .expect("a program");
            match start.call_async(&mut store, ()).await {
                Ok(()) => {}
                Err(error) => assert_eq!(
                    error.downcast_ref::<I32Exit>(),
                    Some(&I32Exit(0)),
                    "{error:?}"
                ),
            }
        });
        assert_eq!(stdout.contents(), format!("hello from {language}\n"));
    }
}
