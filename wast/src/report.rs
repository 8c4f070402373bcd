//! What a script came to.

use std::fmt;

/// What one script came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many directives the script has. None if it could not be parsed.
    pub directives: usize,
    /// How many of them did what they say.
    pub passed: usize,
    /// The others, in order; or the one reason why the script could not be parsed.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A directive that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The script's file, as the caller named it.
    pub file: String,
    /// The line where the directive begins, from 1.
    pub line: usize,
    /// The directive's keyword; `script` for a script that could not be parsed.
    pub directive: &'static str,
    /// What should have come out.
    pub expected: String,
    /// What came out.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: expected {}, found {}",
            self.file, self.line, self.directive, self.expected, self.found
        )
    }
}

/// What a directive expected and what it found instead.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Mismatch {
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// What a directive comes to.
pub(crate) type Outcome<T = ()> = Result<T, Mismatch>;
