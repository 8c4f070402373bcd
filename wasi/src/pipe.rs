//! Pipes in memory, for tests and for hosts that have the input or want the output as bytes.

use crate::cli::{IsTerminal, StdinStream, StdoutStream};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Input that is known beforehand. Clones share what is left.
///
/// ```
/// # use tussah_wasi::{WasiCtxBuilder, pipe::MemoryInputPipe};
/// WasiCtxBuilder::new().stdin(MemoryInputPipe::new("some lines\n"));
/// ```
#[derive(Clone, Debug)]
pub struct MemoryInputPipe {
    left: Arc<Mutex<Bytes>>,
}

impl MemoryInputPipe {
    /// A pipe with these bytes, and then its end.
    pub fn new(bytes: impl Into<Bytes>) -> MemoryInputPipe {
        MemoryInputPipe {
            left: Arc::new(Mutex::new(bytes.into())),
        }
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        lock(&self.left).is_empty()
    }
}

impl AsyncRead for MemoryInputPipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut left = lock(&self.left);
        let part = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..part]);
        left.advance(part);
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for MemoryInputPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for MemoryInputPipe {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }
}

/// Output that is kept. Clones share it: keep one to read what the guest wrote.
///
/// ```
/// # use tussah_wasi::{WasiCtxBuilder, pipe::MemoryOutputPipe};
/// let stdout = MemoryOutputPipe::new(1 << 20);
/// WasiCtxBuilder::new().stdout(stdout.clone());
/// // Later, when the guest has run:
/// assert_eq!(stdout.contents().as_ref(), b"");
/// ```
#[derive(Clone, Debug)]
pub struct MemoryOutputPipe {
    capacity: usize,
    kept: Arc<Mutex<BytesMut>>,
}

impl MemoryOutputPipe {
    /// A pipe that takes so many bytes; what is written beyond fails with `nospc`.
    pub fn new(capacity: usize) -> MemoryOutputPipe {
        MemoryOutputPipe {
            capacity,
            kept: Arc::default(),
        }
    }

    /// What was written so far.
    pub fn contents(&self) -> Bytes {
        Bytes::copy_from_slice(&lock(&self.kept))
    }

    /// What was written, without a copy, if there is no other clone.
    pub fn try_into_inner(self) -> Option<BytesMut> {
        let kept = Arc::into_inner(self.kept)?;
        Some(kept.into_inner().unwrap_or_else(|e| e.into_inner()))
    }
}

impl AsyncWrite for MemoryOutputPipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut kept = lock(&self.kept);
        let part = bytes.len().min(self.capacity.saturating_sub(kept.len()));
        if part == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        kept.extend_from_slice(&bytes[..part]);
        Poll::Ready(Ok(part))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for MemoryOutputPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for MemoryOutputPipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
