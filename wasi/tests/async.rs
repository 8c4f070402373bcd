//! Guests that wait do not hold up anybody, and can be given up while they wait.

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::*;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tussah::{Engine, Linker, Module, Store};
use tussah_wasi::cli::{AsyncStdinStream, AsyncStdoutStream};
use tussah_wasi::{DirPerms, FilePerms, WasiCtxBuilder, p1};

/// Not long, yet longer than anything that does not wait.
const SOON: Duration = Duration::from_millis(100);
/// Only a test that hangs takes so long.
const LONG: Duration = Duration::from_secs(60);

/// A subscription to a clock.
fn clock(userdata: u64, nanos: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[16..20].copy_from_slice(&1u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&nanos.to_le_bytes());
    bytes
}

/// A subscription to a descriptor: 1 to read, 2 to write.
fn descriptor(userdata: u64, ty: u8, fd: u32) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = ty;
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes
}

/// Where subscriptions and events lie in the guest's memory.
const SUBSCRIPTIONS: i64 = 1 << 17;
const EVENTS: i64 = 1 << 18;

/// Polls, and gives the events: userdata, error, type, bytes.
async fn poll(guest: &mut Guest, subscriptions: &[[u8; 48]]) -> Vec<(u64, u16, u8, u64)> {
    guest.put(SUBSCRIPTIONS, &subscriptions.concat());
    let count = i64::try_from(subscriptions.len()).expect("few");
    let answer = guest
        .call_async("poll_oneoff", &[SUBSCRIPTIONS, EVENTS, count, OUT])
        .await;
    assert_eq!(answer, 0);
    events(guest)
}

fn events(guest: &Guest) -> Vec<(u64, u16, u8, u64)> {
    let at = |i: u32| EVENTS + 32 * i64::from(i);
    let event = |i: u32| {
        let bytes = guest.bytes(at(i) + 8, 3);
        let error = u16::from_le_bytes([bytes[0], bytes[1]]);
        (
            guest.u64_at(at(i)),
            error,
            bytes[2],
            guest.u64_at(at(i) + 16),
        )
    };
    (0..guest.u32_at(OUT)).map(event).collect()
}

#[test]
fn a_thousand_guests_sleep_at_once_on_one_thread() {
    const GUESTS: u32 = 1000;
    let sleeper = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "\01\00\00\00\00\00\00\00\00\CA\9A\3B\00\00\00\00")
        (func (export "_start") (result i32)
            (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))"#;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_async(&mut linker, |ctx| ctx).expect("names are free");
    let module = Module::new(&engine, sleeper).expect("a valid module");
    let pre = linker.instantiate_pre(&module).expect("all is defined");
    runtime.block_on(async {
        let mut guests = Vec::new();
        for _ in 0..GUESTS {
            let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
            let instance = pre
                .instantiate_async(&mut store)
                .await
                .expect("instantiates");
            guests.push((store, instance));
        }
        let begun = Instant::now();
        let woken = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = guests
            .into_iter()
            .map(|(mut store, instance)| {
                let woken = woken.clone();
                tokio::spawn(async move {
                    let start = instance
                        .get_typed_func::<(), u32>(&mut store, "_start")
                        .expect("exported");
                    let answer = start.call_async(&mut store, ()).await.expect("no trap");
                    assert_eq!(answer, 0);
                    woken.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let elapsed = begun.elapsed();
        say(format_args!(
            "{GUESTS} guests slept 1 s each in {elapsed:?} on one thread"
        ));
        assert_eq!(woken.load(Ordering::Relaxed), GUESTS);
        assert!(
            elapsed >= Duration::from_secs(1),
            "{elapsed:?}: they did not sleep"
        );
        assert!(
            elapsed < Duration::from_secs(4),
            "{elapsed:?}: they waited for each other"
        );
    });
}

#[tokio::test]
async fn a_read_waits_for_a_pipe_and_others_run() {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let mut guest =
        Guest::suspending(WasiCtxBuilder::new().stdin(AsyncStdinStream::new(theirs))).await;
    let [iov, count] = guest.iov(16);
    let writer = tokio::spawn(async move {
        tokio::time::sleep(SOON).await;
        ours.write_all(b"late").await.expect("the pipe is open");
    });
    // One thread: the writer gets its turn only because the guest is suspended.
    assert_eq!(guest.call_async("fd_read", &[0, iov, count, OUT]).await, 0);
    assert_eq!(guest.bytes(BUFFER, guest.u32_at(OUT) as usize), b"late");
    writer.await.expect("no panic");
    assert_eq!(guest.call_async("fd_read", &[0, iov, count, OUT]).await, 0);
    assert_eq!(guest.u32_at(OUT), 0, "the end of the pipe");
}

#[tokio::test]
async fn a_read_given_up_loses_nothing() {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let mut guest =
        Guest::suspending(WasiCtxBuilder::new().stdin(AsyncStdinStream::new(theirs))).await;
    let [iov, count] = guest.iov(16);
    for _ in 0..3 {
        let given_up = timeout(SOON, guest.call_async("fd_read", &[0, iov, count, OUT])).await;
        assert!(given_up.is_err(), "there was nothing to read");
    }
    ours.write_all(b"all of it")
        .await
        .expect("the pipe is open");
    assert_eq!(guest.call_async("fd_read", &[0, iov, count, OUT]).await, 0);
    assert_eq!(
        guest.bytes(BUFFER, guest.u32_at(OUT) as usize),
        b"all of it"
    );
}

#[tokio::test]
async fn a_write_waits_for_room() {
    let (mut ours, theirs) = tokio::io::duplex(8);
    let stdout = AsyncStdoutStream::new(1 << 16, theirs);
    let mut guest = Guest::suspending(WasiCtxBuilder::new().stdout(stdout)).await;
    guest.put(BUFFER, b"0123456789abcdef");
    let [iov, count] = guest.iov(16);
    assert_eq!(guest.call_async("fd_write", &[1, iov, count, OUT]).await, 0);
    assert_eq!(guest.u32_at(OUT), 8, "as much as there was room for");
    let given_up = timeout(SOON, guest.call_async("fd_write", &[1, iov, count, OUT])).await;
    assert!(given_up.is_err(), "there was no room");
    let mut buffer = [0; 8];
    tokio::io::AsyncReadExt::read_exact(&mut ours, &mut buffer)
        .await
        .expect("the pipe is open");
    assert_eq!(&buffer, b"01234567");
    assert_eq!(guest.call_async("fd_write", &[1, iov, count, OUT]).await, 0);
}

#[tokio::test]
async fn a_stream_that_must_not_wait_says_so() {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let mut guest =
        Guest::suspending(WasiCtxBuilder::new().stdin(AsyncStdinStream::new(theirs))).await;
    assert_eq!(guest.call_async("fd_fdstat_set_flags", &[0, 4]).await, 0);
    let [iov, count] = guest.iov(16);
    assert_eq!(
        guest.call_async("fd_read", &[0, iov, count, OUT]).await,
        AGAIN
    );
    ours.write_all(b"now").await.expect("the pipe is open");
    assert_eq!(guest.call_async("fd_read", &[0, iov, count, OUT]).await, 0);
    assert_eq!(guest.u32_at(OUT), 3);
}

#[tokio::test]
async fn polling_ends_with_whichever_is_first() {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let mut guest =
        Guest::suspending(WasiCtxBuilder::new().stdin(AsyncStdinStream::new(theirs))).await;
    let subscriptions = [
        clock(7, 50_000_000),
        descriptor(8, 1, 0),
        clock(9, 60_000_000_000),
    ];
    let begun = Instant::now();
    assert_eq!(poll(&mut guest, &subscriptions).await, [(7, 0, 0, 0)]);
    assert!(begun.elapsed() >= Duration::from_millis(50));

    let writer = tokio::spawn(async move {
        tokio::time::sleep(SOON).await;
        ours.write_all(b"abc").await.expect("the pipe is open");
        ours
    });
    let subscriptions = [descriptor(8, 1, 0), clock(9, 60_000_000_000)];
    assert_eq!(poll(&mut guest, &subscriptions).await, [(8, 0, 1, 3)]);
    // Asking has taken nothing.
    assert_eq!(poll(&mut guest, &subscriptions).await, [(8, 0, 1, 3)]);
    drop(writer.await.expect("no panic"));
    let [iov, count] = guest.iov(16);
    assert_eq!(guest.call_async("fd_read", &[0, iov, count, OUT]).await, 0);
    assert_eq!(
        poll(&mut guest, &subscriptions).await,
        [(8, 0, 1, 0)],
        "the end"
    );
    assert_eq!(guest.bytes(EVENTS + 24, 1), [1], "and that it is the end");
    // Descriptors that do not exist, or not that way, are events with errors.
    let subscriptions = [
        descriptor(1, 1, 99),
        descriptor(2, 1, 1),
        descriptor(3, 2, 2),
    ];
    let events = poll(&mut guest, &subscriptions).await;
    assert_eq!(events[0].1, 8);
    assert_eq!(events[1].1, 76);
    assert_eq!((events[2].1, events[2].2), (0, 2));
}

#[tokio::test]
async fn a_poll_given_up_can_be_repeated() {
    let mut guest = Guest::suspending(&mut WasiCtxBuilder::new()).await;
    let given_up = timeout(SOON, poll(&mut guest, &[clock(1, 60_000_000_000)])).await;
    assert!(given_up.is_err());
    assert_eq!(
        poll(&mut guest, &[clock(2, 1_000_000)]).await,
        [(2, 0, 0, 0)]
    );
}

#[tokio::test]
async fn yielding_lets_others_run() {
    let mut guest = Guest::suspending(&mut WasiCtxBuilder::new()).await;
    let turns = Arc::new(AtomicU32::new(0));
    let counting = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counting.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..100 {
        assert_eq!(guest.call_async("sched_yield", &[]).await, 0);
    }
    other.abort();
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= 50, "the other task had {turns} turns of 100");
}

#[tokio::test]
async fn a_fifo_in_a_directory_is_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .expect("a pipe can be made");
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(folder.path(), "/", DirPerms::all(), FilePerms::all())
        .expect("the folder is there");
    let mut guest = Guest::suspending(&mut builder).await;
    // Opening does not wait for the peer, reading waits for what it writes.
    let args = guest.open_args(3, "fifo", 0, 0, FD_READ);
    assert_eq!(guest.call_async("path_open", &args).await, 0);
    let fd = i64::from(guest.u32_at(OUT));
    let mut peer = fs::OpenOptions::new()
        .write(true)
        .open(&fifo)
        .expect("it opens");
    let [iov, count] = guest.iov(16);
    let given_up = timeout(SOON, guest.call_async("fd_read", &[fd, iov, count, OUT])).await;
    assert!(given_up.is_err(), "nobody has written");
    let writer = tokio::spawn(async move {
        tokio::time::sleep(SOON).await;
        peer.write_all(b"fifo").expect("the guest reads");
    });
    let read = timeout(LONG, guest.call_async("fd_read", &[fd, iov, count, OUT])).await;
    assert_eq!(read.expect("it is written"), 0);
    assert_eq!(guest.bytes(BUFFER, guest.u32_at(OUT) as usize), b"fifo");
    writer.await.expect("no panic");
}

/// A pipe in a directory of its own, and a guest that has opened it to read.
async fn fifo_reader(folder: &std::path::Path) -> (Guest, u32, fs::File) {
    let fifo = folder.join("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, 0o600.into(), 0).expect("it can be made");
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(folder, "/", DirPerms::all(), FilePerms::all())
        .expect("the folder is there");
    let mut guest = Guest::suspending(&mut builder).await;
    let args = guest.open_args(3, "fifo", 0, 0, FD_READ);
    assert_eq!(guest.call_async("path_open", &args).await, 0);
    let fd = guest.u32_at(OUT);
    let writer = fs::OpenOptions::new().write(true).open(&fifo);
    (guest, fd, writer.expect("it opens"))
}

#[tokio::test]
async fn polling_a_pipe_tells_how_much_there_is_and_when_it_ends() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut guest, fd, mut writer) = fifo_reader(folder.path()).await;
    let subscriptions = [descriptor(8, 1, fd), clock(9, 60_000_000_000)];
    writer.write_all(b"abc").expect("there is room");
    assert_eq!(poll(&mut guest, &subscriptions).await, [(8, 0, 1, 3)]);
    assert_eq!(guest.bytes(EVENTS + 24, 1), [0]);
    let [iov, count] = guest.iov(16);
    let args = [fd.into(), iov, count, OUT];
    assert_eq!(guest.call_async("fd_read", &args).await, 0);
    drop(writer);
    assert_eq!(poll(&mut guest, &subscriptions).await, [(8, 0, 1, 0)]);
    assert_eq!(guest.bytes(EVENTS + 24, 1), [1], "the end");
}

/// However often a guest names a descriptor, the process watches it once.
#[tokio::test]
async fn polling_costs_no_more_descriptors_than_the_guest_has() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut guest, fd, _writer) = fifo_reader(folder.path()).await;
    let mut subscriptions = vec![descriptor(8, 1, fd); 1000];
    subscriptions.push(clock(9, 300_000_000));
    // Other tests of this process open their own meanwhile; a watch of a pipe can be told by what it is.
    let watches = || {
        let fds = fs::read_dir("/proc/self/fd").expect("it can be listed");
        let links = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        links.filter(|link| link.starts_with(folder.path())).count()
    };
    let before = watches();
    let (events, during) = tokio::join!(poll(&mut guest, &subscriptions), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        watches()
    });
    assert_eq!(events, [(9, 0, 0, 0)]);
    assert_eq!(during, before + 1);
    assert_eq!(watches(), before);
}

#[tokio::test]
async fn file_work_given_up_leaves_a_usable_context() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(folder.path(), "/", DirPerms::all(), FilePerms::all())
        .expect("the folder is there");
    let mut guest = Guest::suspending(&mut builder).await;
    let args = guest.open_args(3, "file", 0, CREAT, FD_READ | FD_WRITE);
    assert_eq!(guest.call_async("path_open", &args).await, 0);
    let fd = i64::from(guest.u32_at(OUT));
    let [iov, count] = guest.iov(4096);
    for _ in 0..50 {
        // Polled once: the work is on the pool, and the guest is gone.
        let args = [fd, iov, count, OUT];
        let _ = timeout(Duration::ZERO, guest.call_async("fd_write", &args)).await;
    }
    assert_eq!(
        guest.call_async("fd_write", &[fd, iov, count, OUT]).await,
        0
    );
    assert_eq!(guest.u32_at(OUT), 4096);
    assert_eq!(guest.call_async("fd_sync", &[fd]).await, NOTCAPABLE);
    assert_eq!(guest.call_async("fd_close", &[fd]).await, 0);
    let size = fs::metadata(folder.path().join("file"))
        .expect("it is there")
        .len();
    assert!(size.is_multiple_of(4096) && size > 0, "{size} bytes");
}

/// The only thread of the pool is busy: whatever waits for it is not done on the executor's.
#[test]
fn work_on_files_is_done_by_the_pool() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("file"), "content").expect("a file can be written");
        let mut builder = WasiCtxBuilder::new();
        builder
            .preopened_dir(folder.path(), "/", DirPerms::all(), FilePerms::all())
            .expect("the folder is there");
        let mut guest = Guest::suspending(&mut builder).await;
        let open = guest.open_args(3, "file", 0, 0, ALL_RIGHTS);
        assert_eq!(guest.call_async("path_open", &open).await, 0);
        let fd = i64::from(guest.u32_at(OUT));
        let [iov, count] = guest.iov(4);
        let [path, len] = guest.first("file");
        let [dir, dir_len] = guest.second("dir");
        let calls: [(&str, Vec<i64>); 16] = [
            ("fd_advise", vec![fd, 0, 0, 0]),
            ("fd_datasync", vec![fd]),
            ("fd_sync", vec![fd]),
            ("fd_filestat_get", vec![fd, OUT]),
            ("fd_filestat_set_size", vec![fd, 5]),
            ("fd_filestat_set_times", vec![fd, 1, 1, 5]),
            ("fd_read", vec![fd, iov, count, OUT]),
            ("fd_write", vec![fd, iov, count, OUT]),
            ("fd_pread", vec![fd, iov, count, 0, OUT]),
            ("fd_pwrite", vec![fd, iov, count, 0, OUT]),
            ("fd_readdir", vec![3, BUFFER, 4096, 0, OUT]),
            ("path_filestat_get", vec![3, 0, path, len, OUT]),
            ("path_filestat_set_times", vec![3, 0, path, len, 1, 1, 5]),
            ("path_create_directory", vec![3, dir, dir_len]),
            ("path_remove_directory", vec![3, dir, dir_len]),
            ("path_open", open.to_vec()),
        ];
        for (name, args) in calls {
            let (release, held) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || held.recv().is_ok());
            let mut call = std::pin::pin!(guest.call_async(name, &args));
            let waits = timeout(Duration::from_millis(20), call.as_mut()).await;
            assert!(waits.is_err(), "{name} was done on the executor's thread");
            release.send(()).expect("the pool waits for it");
            assert_eq!(call.await, 0, "{name}");
            assert!(busy.await.expect("no panic"));
        }
        // A host that allows it has the work done in place.
        let mut builder = WasiCtxBuilder::new();
        builder.allow_blocking_current_thread(true);
        builder
            .preopened_dir(folder.path(), "/", DirPerms::all(), FilePerms::all())
            .expect("the folder is there");
        let mut guest = Guest::suspending(&mut builder).await;
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || held.recv().is_ok());
        let open = guest.open_args(3, "file", 0, 0, FD_READ);
        assert_eq!(guest.call_async("path_open", &open).await, 0);
        release.send(()).expect("the pool waits for it");
        assert!(busy.await.expect("no panic"));
    });
}

#[tokio::test]
async fn sockets_of_the_host_accept_receive_and_send() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_listener(listener)
        .expect("it can be made non-blocking");
    let mut guest = Guest::suspending(&mut builder).await;
    let given_up = timeout(SOON, guest.call_async("sock_accept", &[3, 0, OUT])).await;
    assert!(given_up.is_err(), "nobody has connected");
    let peer = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("the guest listens");
        stream.write_all(b"ping").expect("it is connected");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is text");
        answer
    });
    assert_eq!(guest.call_async("sock_accept", &[3, 0, OUT]).await, 0);
    let fd = i64::from(guest.u32_at(OUT));
    let [iov, count] = guest.iov(16);
    let flags = OUT + 8;
    // Peeking takes nothing; waiting for all waits for all.
    assert_eq!(
        guest
            .call_async("sock_recv", &[fd, iov, count, 1, OUT, flags])
            .await,
        0
    );
    let [iov, count] = guest.iov(4);
    assert_eq!(
        guest
            .call_async("sock_recv", &[fd, iov, count, 2, OUT, flags])
            .await,
        0
    );
    assert_eq!(guest.bytes(BUFFER, guest.u32_at(OUT) as usize), b"ping");
    guest.put(BUFFER, b"pong");
    assert_eq!(
        guest
            .call_async("sock_send", &[fd, iov, count, 0, OUT])
            .await,
        0
    );
    assert_eq!(guest.u32_at(OUT), 4);
    assert_eq!(guest.call_async("sock_shutdown", &[fd, 2]).await, 0);
    assert_eq!(peer.join().expect("no panic"), "pong");
    assert_eq!(guest.call_async("fd_close", &[fd]).await, 0);
    assert_eq!(guest.call_async("sock_accept", &[0, 0, OUT]).await, NOTSOCK);
    assert_eq!(guest.call_async("sock_shutdown", &[99, 1]).await, BADF);
}

/// What the second process of the next test does: it answers its input in capitals, line for line.
#[tokio::test]
#[ignore = "run by `inherited_streams_are_the_process_own` in a process of its own"]
async fn second_process() {
    let mut guest = Guest::suspending(WasiCtxBuilder::new().inherit_stdio()).await;
    let [iov, count] = guest.iov(64);
    loop {
        assert_eq!(guest.call_async("fd_read", &[0, iov, count, OUT]).await, 0);
        let line = guest.bytes(BUFFER, guest.u32_at(OUT) as usize);
        if line.is_empty() {
            break;
        }
        let answer = line.to_ascii_uppercase();
        guest.put(BUFFER, &answer);
        let [iov, count] = guest.iov(answer.len());
        assert_eq!(guest.call_async("fd_write", &[1, iov, count, OUT]).await, 0);
        guest.iov(64);
    }
    guest.put(BUFFER, b"done");
    let [iov, count] = guest.iov(4);
    assert_eq!(guest.call_async("fd_write", &[2, iov, count, OUT]).await, 0);
}

#[test]
fn inherited_streams_are_the_process_own() {
    let mut child = Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "second_process", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program runs twice");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"one line\n").expect("it reads");
    std::thread::sleep(SOON);
    stdin.write_all(b"and another\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("ONE LINE\nAND ANOTHER\n"), "{stdout}");
    assert!(stderr.contains("done"), "{stderr}");
}

/// The synchronous linker needs no runtime, and works on the only thread of one.
#[test]
fn synchronous_waits_block() {
    let wait = || {
        let mut guest = Guest::new(&mut WasiCtxBuilder::new());
        guest.put(SUBSCRIPTIONS, &clock(5, 50_000_000));
        let begun = Instant::now();
        assert_eq!(
            guest.call("poll_oneoff", &[SUBSCRIPTIONS, EVENTS, 1, OUT]),
            0
        );
        assert!(begun.elapsed() >= Duration::from_millis(50));
        assert_eq!(events(&guest), [(5, 0, 0, 0)]);
        assert_eq!(guest.call("sched_yield", &[]), 0);
    };
    wait();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async { wait() });
    // More often than tokio lets one task go on: what gave way would wait for a thread that waits.
    let often = || {
        let mut guest = Guest::new(&mut WasiCtxBuilder::new());
        guest.put(SUBSCRIPTIONS, &clock(5, 1_000));
        for _ in 0..300 {
            let polled = guest.call("poll_oneoff", &[SUBSCRIPTIONS, EVENTS, 1, OUT]);
            assert_eq!(polled, 0);
        }
    };
    runtime.block_on(async { often() });
}
