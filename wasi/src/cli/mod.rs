//! Standard streams: the traits by which a host gives them to guests, and what implements them.

mod stdin;
mod wrap;

use std::io;
use tokio::io::{AsyncRead, AsyncWrite, Empty};

pub use stdin::{Stdin, stdin};
pub use tokio::io::{Stderr, Stdout, stderr, stdout};
pub use wrap::{AsyncStdinStream, AsyncStdoutStream, InputFile, OutputFile};

/// Whether a stream is a terminal, which guests may ask.
pub trait IsTerminal {
    /// Whether it is.
    fn is_terminal(&self) -> bool;
}

/// Where a guest's standard input comes from.
pub trait StdinStream: IsTerminal + Send {
    /// The stream that a context reads. A guest that waits for it is suspended, and may be cancelled: a read that was not
    /// ready must have taken nothing.
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync>;
}

/// Where a guest's standard output, or its standard error, goes.
pub trait StdoutStream: IsTerminal + Send {
    /// The stream that a context writes. It is flushed after each of the guest's writes.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync>;
}

impl IsTerminal for Empty {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Empty {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(tokio::io::empty())
    }
}

impl StdoutStream for Empty {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::empty())
    }
}

/// The process's own streams, under both of their names.
macro_rules! process_streams {
    ($($stream:ty, $std:ident: $trait:ident -> $access:ident = $make:expr;)*) => {$(
        impl IsTerminal for $stream {
            fn is_terminal(&self) -> bool {
                io::IsTerminal::is_terminal(&io::$std())
            }
        }

        impl $trait for $stream {
            fn async_stream(&self) -> Box<dyn $access + Send + Sync> {
                Box::new($make)
            }
        }
    )*};
}

process_streams! {
    io::Stdin, stdin: StdinStream -> AsyncRead = stdin();
    tokio::io::Stdin, stdin: StdinStream -> AsyncRead = stdin();
    Stdin, stdin: StdinStream -> AsyncRead = stdin();
    io::Stdout, stdout: StdoutStream -> AsyncWrite = stdout();
    Stdout, stdout: StdoutStream -> AsyncWrite = stdout();
    io::Stderr, stderr: StdoutStream -> AsyncWrite = stderr();
    Stderr, stderr: StdoutStream -> AsyncWrite = stderr();
}
