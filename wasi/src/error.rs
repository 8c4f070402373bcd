//! How a guest ends itself.

use std::error::Error;
use std::fmt;

/// A guest called `proc_exit`, with this status. It is the error of the call that entered the guest:
///
/// ```
/// use tussah_wasi::I32Exit;
///
/// # let error = tussah::Error::from(I32Exit(3));
/// match error.downcast_ref::<I32Exit>() {
///     Some(I32Exit(status)) => assert_eq!(*status, 3),
///     None => println!("the guest failed: {error:?}"),
/// }
/// ```
///
/// A guest that exits with 0 has succeeded, although the call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I32Exit(pub i32);

impl I32Exit {
    /// The status as [`std::process::exit`] takes it.
    pub fn process_exit_code(&self) -> i32 {
        self.0
    }
}

impl fmt::Display for I32Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest exited with status {}", self.0)
    }
}

impl Error for I32Exit {}
