//! What people at a terminal see of work that takes long.
//!
//! A spinner of its own: those of libraries guess how long work will take, with functions of the mathematical library,
//! and loading that library is a twentieth of a command's start.

use crate::harmless;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// After this long, somebody at a terminal wants to know what takes so long.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long each picture is seen.
const FRAME: Duration = Duration::from_millis(100);
const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Shows that something is going on while `work` takes long.
pub(crate) fn patiently<R>(path: &Path, work: impl FnOnce() -> R) -> R {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if dumb || !std::io::stderr().is_terminal() {
        return work();
    }
    let what = harmless(&format!("compiling {}", path.display()));
    let (done, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || spin(&what, &wait));
        // Dropped when the work ends, in whatever way.
        let _done = done;
        work()
    })
}

/// Turns until the other side of `wait` is gone.
fn spin(what: &str, wait: &mpsc::Receiver<()>) {
    let started = Instant::now();
    if wait.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let mut frames = FRAMES.iter().cycle();
    loop {
        let frame = frames.next().unwrap_or(&' ');
        let seconds = started.elapsed().as_secs();
        // On one line, however narrow the terminal is: no wrapping until it is written.
        draw(&format!(
            "\r\x1b[?7l{frame} {what} {seconds}s\x1b[K\x1b[?7h"
        ));
        if wait.recv_timeout(FRAME) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    draw("\r\x1b[K");
}

/// A terminal that is gone needs no picture.
fn draw(picture: &str) {
    let mut to = std::io::stderr().lock();
    _ = to.write_all(picture.as_bytes()).and_then(|()| to.flush());
}
