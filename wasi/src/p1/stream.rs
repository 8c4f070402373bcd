//! Standard streams: what the host gave as [`StdinStream`] and [`StdoutStream`], with what polling and cancelling need.

use super::errno::{Answer, Errno};
use super::memory::MAX_IO;
use crate::cli::{StdinStream, StdoutStream};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read ahead, so that a guest can ask whether there is something.
const READ_AHEAD: usize = 8 << 10;

/// A stream that the guest reads.
pub(crate) struct Input {
    state: Mutex<InputState>,
    terminal: bool,
}

struct InputState {
    reader: Pin<Box<dyn AsyncRead + Send + Sync>>,
    /// Bytes that were read and not taken yet: `buffer[start..end]`. Allocated when first needed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

impl Input {
    pub(crate) fn new(stream: &dyn StdinStream) -> Input {
        Input {
            state: Mutex::new(InputState {
                reader: Box::into_pin(stream.async_stream()),
                buffer: Vec::new(),
                start: 0,
                end: 0,
            }),
            terminal: stream.is_terminal(),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Ready when there is something to read, with how much, or when the stream has ended, with 0. Nothing is taken.
    pub(crate) fn poll_fill(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        lock(&self.state).poll_fill(cx)
    }

    /// Reads what there is; waits if there is nothing and it may. Dropping the future loses no byte.
    pub(crate) async fn read(&self, len: usize, may_wait: bool) -> Answer<Vec<u8>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let read = poll_fn(|cx| {
            let mut state = lock(&self.state);
            match state.poll_fill(cx) {
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(state.take(len))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                Poll::Pending if may_wait => Poll::Pending,
                Poll::Pending => Poll::Ready(Err(Errno::AGAIN)),
            }
        });
        read.await
    }
}

impl InputState {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.start == self.end {
            self.buffer.resize(READ_AHEAD, 0);
            let mut buffer = ReadBuf::new(&mut self.buffer);
            (self.start, self.end) = (0, 0);
            ready!(self.reader.as_mut().poll_read(cx, &mut buffer))?;
            self.end = buffer.filled().len();
        }
        Poll::Ready(Ok(self.end - self.start))
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let len = len.min(self.end - self.start);
        let taken = self.buffer[self.start..self.start + len].to_vec();
        self.start += len;
        taken
    }
}

/// A stream that the guest writes.
pub(crate) struct Output {
    writer: Mutex<Pin<Box<dyn AsyncWrite + Send + Sync>>>,
    terminal: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

impl Output {
    pub(crate) fn new(stream: &dyn StdoutStream) -> Output {
        Output {
            writer: Mutex::new(Box::into_pin(stream.async_stream())),
            terminal: stream.is_terminal(),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes a part, and waits until it is where the host wants it: what a guest wrote is seen although the guest, or
    /// the whole process, ends right after.
    pub(crate) async fn write(&self, data: &[u8], may_wait: bool) -> Answer<usize> {
        let data = &data[..data.len().min(MAX_IO)];
        let written = poll_fn(
            |cx| match lock(&self.writer).as_mut().poll_write(cx, data) {
                Poll::Ready(written) => Poll::Ready(written.map_err(Errno::from)),
                Poll::Pending if may_wait => Poll::Pending,
                Poll::Pending => Poll::Ready(Err(Errno::AGAIN)),
            },
        )
        .await?;
        if written == 0 && !data.is_empty() {
            return Err(Errno::PIPE);
        }
        poll_fn(|cx| lock(&self.writer).as_mut().poll_flush(cx)).await?;
        Ok(written)
    }
}

/// A panic of the host's stream leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
