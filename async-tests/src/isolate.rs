//! Runs a test in a process of its own, so that it counts only its own threads, and so that a hang or a crash is a failed test
//! with a message rather than the end of the whole run.

use std::env;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Names the test that a child process is to run.
const CHILD: &str = "TUSSAH_TEST_CHILD";

/// How a child process ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status; `None` if it was still running when its time was up and had to be killed.
    pub status: Option<ExitStatus>,
    /// What it wrote to its standard error.
    pub stderr: String,
    /// Whether the test harness in it reported that the one test ran to its end and passed.
    pub passed: bool,
}

impl Outcome {
    /// The signal that ended it.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }
}

/// Whether this process is the child made for the test of that name.
#[must_use]
pub fn is_child(test: &str) -> bool {
    env::var_os(CHILD).is_some_and(|name| name == test)
}

/// Runs one test of this test binary in a new process and waits for its end.
///
/// `test` is the path of the test below the crate.
///
/// # Panics
///
/// If no process can be made.
#[must_use]
pub fn run_child(test: &str, limit: Duration) -> Outcome {
    let program = env::current_exe().expect("the path of this program");
    let mut child = Command::new(program)
        .args([
            test,
            "--exact",
            "--nocapture",
            "--include-ignored",
            "--test-threads=1",
        ])
        .env(CHILD, test)
        // Cores of deliberate crashes are of no use to anybody, backtraces of them only slow.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child process");
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let status = wait(&mut child, limit);
    let stdout = stdout.join().expect("a reader that does not panic");
    let stderr = stderr.join().expect("a reader that does not panic");
    // A name that matches no test would end well, too.
    let passed = status.is_some_and(|status| status.success()) && stdout.contains("ok. 1 passed");
    Outcome {
        status,
        stderr,
        passed,
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the status of a child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    // It may end between the last look and here; then there is nothing to kill.
    let _ = child.kill();
    child.wait().expect("the status of a child");
    None
}

/// The body of a test made by [`isolated!`](crate::isolated).
///
/// # Panics
///
/// If the test fails, crashes or takes longer than `seconds`.
pub fn isolate(module: &str, name: &str, seconds: u64, body: fn()) {
    // Test names are paths below the crate, module paths begin with it.
    let test = match module.split_once("::") {
        Some((_, path)) => format!("{path}::{name}"),
        None => name.to_owned(),
    };
    if is_child(&test) {
        return body();
    }
    let outcome = run_child(&test, Duration::from_secs(seconds));
    match outcome.status {
        None => panic!("{test} did not end within {seconds} s\n{}", outcome.stderr),
        Some(status) => assert!(outcome.passed, "{test}: {status}\n{}", outcome.stderr),
    }
}

/// Tests that run in a process of their own and must end within so many seconds: `isolated! { 30 => fn name() { .. } }`.
#[macro_export]
macro_rules! isolated {
    ($($(#[$meta:meta])* $seconds:literal => fn $name:ident() $body:block)+) => { $(
        $(#[$meta])*
        #[test]
        fn $name() {
            fn body() $body
            $crate::isolate::isolate(module_path!(), stringify!($name), $seconds, body);
        }
    )+ };
}
