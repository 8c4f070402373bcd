//! The one public error type, a thin shell over `anyhow::Error` with the interface that users of wasmtime know.

use std::error::Error as StdError;
use std::fmt::{self, Debug, Display};
use std::ops::{Deref, DerefMut};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `Ok` with the error type fixed to [`Error`], for closures and async blocks that would otherwise need annotations.
#[expect(non_snake_case, reason = "mirrors the variant it builds")]
pub fn Ok<T>(value: T) -> Result<T> {
    Result::Ok(value)
}

/// Anything that can go wrong: a refused module, a failed instantiation, a guest's trap, a host function's error.
///
/// It is one word, `Send + Sync`, keeps its chain of causes and remembers context: `{}` prints the outermost message,
/// `{:#}` the whole chain, `{:?}` the chain on lines of its own and a native backtrace where one was captured.
/// Traps are found by [`Error::downcast_ref`] with [`Trap`](crate::Trap), guest backtraces with
/// [`WasmBacktrace`](crate::WasmBacktrace).
pub struct Error(anyhow::Error);

impl Error {
    /// Wraps an error value.
    #[cold]
    pub fn new<E>(error: E) -> Self
    where
        E: StdError + Send + Sync + 'static,
    {
        Error(anyhow::Error::new(error))
    }

    /// Makes an error of a message.
    #[cold]
    pub fn msg<M>(message: M) -> Self
    where
        M: Debug + Display + Send + Sync + 'static,
    {
        Error(anyhow::Error::msg(message))
    }

    /// Wraps a boxed error.
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync + 'static>) -> Self {
        Error(anyhow::Error::from_boxed(error))
    }

    /// Wraps an `anyhow` error without losing its chain.
    #[cfg(feature = "anyhow")]
    pub fn from_anyhow(error: anyhow::Error) -> Self {
        Error(error)
    }

    /// Adds an outer message; both stay reachable by downcast.
    #[must_use]
    pub fn context<C>(self, context: C) -> Self
    where
        C: Display + Send + Sync + 'static,
    {
        Error(self.0.context(context))
    }

    /// The native backtrace of where the error was made, if `RUST_BACKTRACE` asked for one.
    pub fn backtrace(&self) -> &std::backtrace::Backtrace {
        self.0.backtrace()
    }

    /// The error and its causes, outermost first.
    pub fn chain(&self) -> Chain<'_> {
        Chain(self.0.chain())
    }

    /// The innermost cause.
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        self.0.root_cause()
    }

    /// Whether the error or one of its context values is an `E`.
    pub fn is<E>(&self) -> bool
    where
        E: Display + Debug + Send + Sync + 'static,
    {
        self.0.is::<E>()
    }

    /// Takes the `E` out, or gives the error back.
    ///
    /// # Errors
    ///
    /// The error itself, if it is no `E`.
    pub fn downcast<E>(self) -> Result<E, Self>
    where
        E: Display + Debug + Send + Sync + 'static,
    {
        self.0.downcast::<E>().map_err(Error)
    }

    /// Looks for an `E`.
    pub fn downcast_ref<E>(&self) -> Option<&E>
    where
        E: Display + Debug + Send + Sync + 'static,
    {
        self.0.downcast_ref::<E>()
    }

    /// Looks for an `E`, mutably.
    pub fn downcast_mut<E>(&mut self) -> Option<&mut E>
    where
        E: Display + Debug + Send + Sync + 'static,
    {
        self.0.downcast_mut::<E>()
    }

    /// Turns it into a boxed standard error.
    pub fn into_boxed_dyn_error(self) -> Box<dyn StdError + Send + Sync + 'static> {
        self.0.into()
    }
}

impl<E> From<E> for Error
where
    E: StdError + Send + Sync + 'static,
{
    #[cold]
    fn from(error: E) -> Self {
        Error(anyhow::Error::from(error))
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync + 'static> {
    fn from(error: Error) -> Self {
        error.0.into()
    }
}

impl From<Error> for Box<dyn StdError + Send + 'static> {
    fn from(error: Error) -> Self {
        error.0.into()
    }
}

impl From<Error> for Box<dyn StdError + 'static> {
    fn from(error: Error) -> Self {
        error.0.into()
    }
}

#[cfg(feature = "anyhow")]
impl From<Error> for anyhow::Error {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl Deref for Error {
    type Target = dyn StdError + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0
    }
}

impl AsRef<dyn StdError + Send + Sync> for Error {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &**self
    }
}

impl AsRef<dyn StdError> for Error {
    fn as_ref(&self) -> &(dyn StdError + 'static) {
        &**self
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// Iterator over an error and its causes, made by [`Error::chain`].
#[derive(Clone)]
pub struct Chain<'a>(anyhow::Chain<'a>);

impl Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Chain<'a> {
    type Item = &'a (dyn StdError + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Chain<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for Chain<'_> {}

impl std::iter::FusedIterator for Chain<'_> {}

/// Adds context to results and options.
pub trait Context<T, E>: private::Sealed {
    /// Wraps the error, or the absence, with a message.
    ///
    /// # Errors
    ///
    /// The original error under the context; for `None`, the context alone.
    fn context<C>(self, context: C) -> Result<T, Error>
    where
        C: Display + Send + Sync + 'static;

    /// As [`Context::context`], computing the message only when it is needed.
    ///
    /// # Errors
    ///
    /// The original error under the context; for `None`, the context alone.
    fn with_context<C, F>(self, context: F) -> Result<T, Error>
    where
        C: Display + Send + Sync + 'static,
        F: FnOnce() -> C;
}

impl<T, E> Context<T, E> for Result<T, E>
where
    E: private::IntoError,
{
    fn context<C>(self, context: C) -> Result<T, Error>
    where
        C: Display + Send + Sync + 'static,
    {
        self.map_err(|e| e.into_error().context(context))
    }

    fn with_context<C, F>(self, context: F) -> Result<T, Error>
    where
        C: Display + Send + Sync + 'static,
        F: FnOnce() -> C,
    {
        self.map_err(|e| e.into_error().context(context()))
    }
}

impl<T> Context<T, std::convert::Infallible> for Option<T> {
    fn context<C>(self, context: C) -> Result<T, Error>
    where
        C: Display + Send + Sync + 'static,
    {
        self.ok_or_else(|| Error(anyhow::Error::msg(context.to_string())))
    }

    fn with_context<C, F>(self, context: F) -> Result<T, Error>
    where
        C: Display + Send + Sync + 'static,
        F: FnOnce() -> C,
    {
        self.ok_or_else(|| Error(anyhow::Error::msg(context().to_string())))
    }
}

mod private {
    //! Seals [`Context`](super::Context) and tells standard errors from our own.

    use super::{Error, StdError};

    #[expect(unnameable_types, reason = "seals a public trait")]
    pub trait Sealed {}
    impl<T, E: IntoError> Sealed for Result<T, E> {}
    impl<T> Sealed for Option<T> {}

    #[expect(unnameable_types, reason = "seals a public trait")]
    pub trait IntoError {
        fn into_error(self) -> Error;
    }
    impl<E: StdError + Send + Sync + 'static> IntoError for E {
        fn into_error(self) -> Error {
            Error::new(self)
        }
    }
    impl IntoError for Error {
        fn into_error(self) -> Error {
            self
        }
    }
}

/// Turns an `anyhow` result into this crate's.
#[cfg(feature = "anyhow")]
pub trait ToWasmtimeResult<T> {
    /// Converts the error without losing its chain.
    ///
    /// # Errors
    ///
    /// The same error in this crate's type.
    fn to_wasmtime_result(self) -> Result<T>;
}

#[cfg(feature = "anyhow")]
impl<T> ToWasmtimeResult<T> for anyhow::Result<T> {
    fn to_wasmtime_result(self) -> Result<T> {
        self.map_err(Error::from_anyhow)
    }
}

#[cfg(feature = "anyhow")]
impl<T> ToWasmtimeResult<T> for Result<T> {
    fn to_wasmtime_result(self) -> Result<T> {
        self
    }
}

/// An allocation of the host failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    requested: usize,
}

impl OutOfMemory {
    /// For an allocation of so many bytes.
    pub const fn new(requested: usize) -> Self {
        OutOfMemory { requested }
    }

    /// Bytes that were asked for.
    pub fn requested_allocation_size(&self) -> usize {
        self.requested
    }
}

impl Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "out of memory (failed to allocate {} bytes)",
            self.requested
        )
    }
}

impl StdError for OutOfMemory {}

/// Makes an [`Error`](crate::Error) of a format string or of an error value.
#[macro_export]
macro_rules! format_err {
    ($fmt:literal $(, $($arg:tt)*)?) => {
        $crate::Error::msg(::std::format!($fmt $(, $($arg)*)?))
    };
    ($err:expr $(,)?) => {{
        #[allow(unused_imports, reason = "one of the two adaptors is picked by autoref")]
        use $crate::error::__macro::{FromMessage as _, FromStd as _};
        let error = $err;
        (&error).tussah_kind().make(error)
    }};
}

/// Returns early with an [`Error`](crate::Error).
#[macro_export]
macro_rules! bail {
    ($($arg:tt)*) => {
        return ::std::result::Result::Err($crate::format_err!($($arg)*))
    };
}

/// Returns early with an [`Error`](crate::Error) unless a condition holds.
#[macro_export]
macro_rules! ensure {
    ($cond:expr $(,)?) => {
        if !$cond {
            $crate::bail!("Condition failed: `{}`", ::std::stringify!($cond));
        }
    };
    ($cond:expr, $($arg:tt)*) => {
        if !$cond {
            $crate::bail!($($arg)*);
        }
    };
}

pub use crate::{bail, ensure, format_err};

#[doc(hidden)]
pub mod __macro {
    //! Picks, by autoref, between error values and plain messages in `format_err!`.

    use super::{Debug, Display, Error};

    #[derive(Debug)]
    pub struct Std;
    #[derive(Debug)]
    pub struct Message;

    pub trait FromStd {
        #[inline]
        fn tussah_kind(&self) -> Std {
            Std
        }
    }
    impl<E: Into<Error>> FromStd for E {}

    pub trait FromMessage {
        #[inline]
        fn tussah_kind(&self) -> Message {
            Message
        }
    }
    impl<M: Debug + Display> FromMessage for &M {}

    impl Std {
        pub fn make<E: Into<Error>>(self, error: E) -> Error {
            error.into()
        }
    }
    impl Message {
        pub fn make<M: Debug + Display + Send + Sync + 'static>(self, message: M) -> Error {
            Error::msg(message)
        }
    }
}
