//! Streams made of tokio's readers and writers, and of files.

use super::{IsTerminal, StdinStream, StdoutStream};
use std::fmt;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Any reader as a standard input: one end of a [`tokio::io::duplex`], a connection, a child's output.
///
/// ```
/// # use tussah_wasi::{WasiCtxBuilder, cli::AsyncStdinStream};
/// let (ours, theirs) = tokio::io::duplex(4096);
/// WasiCtxBuilder::new().stdin(AsyncStdinStream::new(theirs));
/// // A guest that reads waits until something is written into `ours`.
/// # drop(ours);
/// ```
#[derive(Clone)]
pub struct AsyncStdinStream(Arc<Mutex<Pin<Box<dyn AsyncRead + Send + Sync>>>>);

impl AsyncStdinStream {
    /// Wraps a reader.
    pub fn new(reader: impl AsyncRead + Send + Sync + 'static) -> AsyncStdinStream {
        AsyncStdinStream(Arc::new(Mutex::new(Box::pin(reader))))
    }
}

impl fmt::Debug for AsyncStdinStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStdinStream").finish_non_exhaustive()
    }
}

impl AsyncRead for AsyncStdinStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        lock(&self.0).as_mut().poll_read(cx, buffer)
    }
}

impl IsTerminal for AsyncStdinStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for AsyncStdinStream {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }
}

/// Any writer as a standard output.
#[derive(Clone)]
pub struct AsyncStdoutStream {
    at_once: usize,
    writer: Arc<Mutex<Pin<Box<dyn AsyncWrite + Send + Sync>>>>,
}

impl AsyncStdoutStream {
    /// Wraps a writer, which is given at most `at_once` bytes in a piece.
    pub fn new(
        at_once: usize,
        writer: impl AsyncWrite + Send + Sync + 'static,
    ) -> AsyncStdoutStream {
        AsyncStdoutStream {
            at_once: at_once.max(1),
            writer: Arc::new(Mutex::new(Box::pin(writer))),
        }
    }
}

impl fmt::Debug for AsyncStdoutStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStdoutStream")
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}

impl AsyncWrite for AsyncStdoutStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = &bytes[..bytes.len().min(self.at_once)];
        lock(&self.writer).as_mut().poll_write(cx, piece)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.writer).as_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.writer).as_mut().poll_shutdown(cx)
    }
}

impl IsTerminal for AsyncStdoutStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for AsyncStdoutStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

/// A file as a standard input. Contexts that share it share its position.
#[derive(Clone, Debug)]
pub struct InputFile(Arc<File>);

impl InputFile {
    /// Wraps a file that was opened for reading.
    pub fn new(file: File) -> InputFile {
        InputFile(Arc::new(file))
    }
}

impl IsTerminal for InputFile {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&*self.0)
    }
}

impl StdinStream for InputFile {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        match self.0.try_clone() {
            Ok(file) => Box::new(tokio::fs::File::from_std(file)),
            Err(error) => Box::new(Broken(Some(error))),
        }
    }
}

/// A file as a standard output.
#[derive(Clone, Debug)]
pub struct OutputFile(Arc<File>);

impl OutputFile {
    /// Wraps a file that was opened for writing.
    pub fn new(file: File) -> OutputFile {
        OutputFile(Arc::new(file))
    }
}

impl IsTerminal for OutputFile {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&*self.0)
    }
}

impl StdoutStream for OutputFile {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        match self.0.try_clone() {
            Ok(file) => Box::new(tokio::fs::File::from_std(file)),
            Err(error) => Box::new(Broken(Some(error))),
        }
    }
}

/// A stream that could not be made: the guest is told so when it uses it.
struct Broken(Option<io::Error>);

impl Broken {
    fn error(&mut self) -> io::Error {
        self.0
            .take()
            .unwrap_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(self.error()))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(self.error()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
