//! Random numbers, a process of its own for a test that may crash or hang, and an executor for calls that never wait.

use std::future::Future;
use std::io::Read;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use tussah::{Engine, Error, Module};

/// SplitMix64: the same seed gives the same garbage everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).expect("below a usize")
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }
}

/// Polls until ready. Guests here suspend only to let others run, of whom there are none.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// The whole chain of an error on one line.
pub(crate) fn text(error: &Error) -> String {
    format!("{error:?}").replace('\n', " ")
}

/// Compiles a module of this file's own.
pub(crate) fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat).unwrap_or_else(|error| panic!("{error:?}\nin:\n{wat}"))
}

/// Asserts that something was refused, with all of these words.
pub(crate) fn refused<T>(result: Result<T, Error>, words: &[&str]) {
    let Err(error) = result else {
        panic!("accepted, though it should be refused with {words:?}")
    };
    let text = text(&error);
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// A field of `/proc/self/status`, in MiB.
pub(crate) fn status_mib(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("a known field");
    let kib: usize = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number");
    kib / 1024
}

const CHILD: &str = "TUSSAH_HOSTILE_CHILD";

/// What a test in a process of its own may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) seconds: u64,
    /// Resident memory at its highest.
    pub(crate) mib: usize,
}

/// Runs `body` in a process of its own, which must pass within its bounds.
pub(crate) fn run_alone(module: &str, name: &str, bounds: Bounds, body: impl FnOnce()) {
    // Test names are paths below the crate, module paths begin with it.
    let path = module.split_once("::").map_or("", |(_, path)| path);
    let test = format!("{path}::{name}");
    if env::var_os(CHILD).is_some_and(|child| child == *test) {
        body();
        let peak = status_mib("VmHWM");
        assert!(peak <= bounds.mib, "{peak} MiB, of {} allowed", bounds.mib);
        return;
    }
    let mut child = Command::new(env::current_exe().expect("the path of this program"))
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, &test)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child process");
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let ended = wait(&mut child, Duration::from_secs(bounds.seconds));
    let status = child.wait().expect("the status of a child");
    let stdout = stdout.join().expect("a reader that does not panic");
    let stderr = stderr.join().expect("a reader that does not panic");
    assert!(
        ended,
        "{test} did not end within {} s\n{stderr}",
        bounds.seconds
    );
    // A name that matches no test would end well, too.
    assert!(
        status.success() && stdout.contains("ok. 1 passed"),
        "{test}: {status}\n{stderr}"
    );
}

fn wait(child: &mut Child, limit: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if child.try_wait().expect("the status of a child").is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    // It may have ended just now; then there is nothing to kill.
    let _ = child.kill();
    false
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Tests that run alone: `alone! { 30 s, 500 mib => fn name() { .. } }`.
macro_rules! alone {
    ($($(#[$meta:meta])* $seconds:literal s, $mib:literal mib => fn $name:ident() $body:block)+) => { $(
        $(#[$meta])*
        #[test]
        fn $name() {
            let bounds = crate::support::Bounds { seconds: $seconds, mib: $mib };
            crate::support::run_alone(module_path!(), stringify!($name), bounds, || $body);
        }
    )+ };
}

pub(crate) use alone;
