//! The process's standard input. The system has no way to wait for it that works for terminals, pipes and files alike,
//! so one thread reads it, a piece at a time and only when somebody asks. It is no thread of tokio's: a runtime can shut
//! down while the thread waits for a key.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::thread;
use tokio::io::{AsyncRead, ReadBuf};

/// Read at once.
const PIECE: usize = 8 << 10;

/// The standard input of this process. All values share it: what one has read, others do not see.
#[derive(Debug)]
pub struct Stdin {
    _private: (),
}

/// The standard input of this process, for guests to share.
pub fn stdin() -> Stdin {
    Stdin { _private: () }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    asked: Condvar,
}

#[derive(Default)]
struct State {
    /// Somebody waits, so the thread should read.
    wanted: bool,
    /// What was read and not taken: `piece[start..]`.
    piece: Vec<u8>,
    start: usize,
    /// How the last read ended, if it brought nothing. Told once: a terminal's input may go on after its end.
    ended: Option<io::Result<()>>,
    waiting: Vec<Waker>,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    thread::Builder::new()
        .name("tussah-stdin".into())
        .spawn(read_for_others)
        .expect("the system has room for a thread");
    Shared::default()
});

fn lock() -> MutexGuard<'static, State> {
    SHARED.state.lock().unwrap_or_else(|e| e.into_inner())
}

fn read_for_others() {
    loop {
        let mut state = lock();
        while !state.wanted {
            state = SHARED.asked.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        drop(state);
        let mut piece = vec![0; PIECE];
        let read = io::stdin().lock().read(&mut piece);
        let mut state = lock();
        state.wanted = false;
        match read {
            Ok(0) => state.ended = Some(Ok(())),
            Ok(len) => {
                piece.truncate(len);
                state.piece = piece;
                state.start = 0;
            }
            Err(error) => state.ended = Some(Err(error)),
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = lock();
        if state.start < state.piece.len() {
            let part = buffer.remaining().min(state.piece.len() - state.start);
            buffer.put_slice(&state.piece[state.start..state.start + part]);
            state.start += part;
            return Poll::Ready(Ok(()));
        }
        if let Some(ended) = state.ended.take() {
            return Poll::Ready(ended);
        }
        if !state
            .waiting
            .iter()
            .any(|waker| waker.will_wake(cx.waker()))
        {
            state.waiting.push(cx.waker().clone());
        }
        state.wanted = true;
        SHARED.asked.notify_one();
        Poll::Pending
    }
}
