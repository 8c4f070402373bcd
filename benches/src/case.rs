//! What is measured: cases, each set up when its turn comes and then done in batches.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Operations, the time that they took, and what came of them.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// The time of the operations alone.
    pub elapsed: Duration,
    /// How many there were.
    pub operations: u64,
    /// Stands for what an operation computed: the same in every batch and on both sides, or the case fails.
    pub value: u64,
}

/// Does about as many operations as it is told.
pub type Run = dyn FnMut(u64) -> Result<Batch>;

type Setup = dyn Fn() -> Result<Box<Run>>;

/// Something that can be done repeatedly, on one of the sides.
pub struct Case {
    pub(crate) name: String,
    /// The plain case that this one is a mode of, and the mode.
    pub(crate) mode: Option<(String, &'static str)>,
    pub(crate) sets: &'static [&'static str],
    pub(crate) peak: bool,
    setup: Box<Setup>,
}

impl Case {
    /// `setup` makes what does the operations. Both fail if an outcome is not the expected one.
    pub fn new<R>(name: impl Into<String>, setup: impl Fn() -> Result<R> + 'static) -> Self
    where
        R: FnMut(u64) -> Result<Batch> + 'static,
    {
        Self {
            name: name.into(),
            mode: None,
            sets: &[],
            peak: false,
            setup: Box::new(move || Ok(Box::new(setup()?))),
        }
    }

    /// A case that fails with that error as soon as its turn comes, so that it is counted and named.
    pub fn impossible(name: &str, error: &anyhow::Error) -> Self {
        let error = format!("{error:#}");
        Self::new(name, move || {
            let error = error.clone();
            Ok(move |_| Err(anyhow::Error::msg(error.clone())))
        })
    }

    /// Makes this a mode of the case `plain`: both are measured in the same rounds, and this one is reported as an
    /// overhead over the faster side of that one.
    #[must_use]
    pub fn mode(mut self, plain: &str, mode: &'static str) -> Self {
        self.name = format!("{plain}, {mode}");
        self.mode = Some((plain.to_owned(), mode));
        self
    }

    /// Counts this case in geometric means of these names.
    #[must_use]
    pub fn sets(mut self, sets: &'static [&'static str]) -> Self {
        self.sets = sets;
        self
    }

    /// Reports also by how much memory the first batch raises the peak of a fresh process.
    #[must_use]
    pub fn with_peak(mut self) -> Self {
        self.peak = true;
        self
    }

    pub(crate) fn set_up(&self) -> Result<Box<Run>> {
        (self.setup)()
    }

    /// The name of the plain case: its own, if this is not a mode of another.
    pub(crate) fn plain(&self) -> &str {
        self.mode.as_ref().map_or(&self.name, |(plain, _)| plain)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("sets", &self.sets)
            .field("peak", &self.peak)
            .finish_non_exhaustive()
    }
}

/// Does `operation` that many times. It must return the same each time.
///
/// # Errors
///
/// The operation's, and if two operations disagree.
pub fn repeat<E: Into<anyhow::Error>>(
    operations: u64,
    mut operation: impl FnMut() -> Result<u64, E>,
) -> Result<Batch> {
    ensure!(operations > 0, "nothing to do");
    let start = Instant::now();
    let first = operation().map_err(Into::into)?;
    // No branch: the cheapest operations take a nanosecond or two.
    let mut differs = 0;
    for _ in 1..operations {
        differs |= operation().map_err(Into::into)? ^ first;
    }
    let elapsed = start.elapsed();
    ensure!(differs == 0, "not every operation returned {first}");
    Ok(Batch {
        elapsed,
        operations,
        value: first,
    })
}

/// A checksum of bytes (FNV-1a), for [`Batch::value`].
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{checksum, repeat};
    use anyhow::Error;

    #[test]
    fn operations_that_disagree_are_noticed() {
        let mut turn = 0;
        let mut next = || {
            turn += 1;
            Ok::<_, Error>(turn)
        };
        assert_eq!(repeat(1, &mut next).unwrap().value, 1);
        assert!(repeat(2, next).is_err());
    }

    #[test]
    fn checksums_tell_bytes_apart() {
        assert_ne!(checksum(b"ab"), checksum(b"ba"));
        assert_ne!(checksum(b"a"), checksum(b"a\0"));
    }
}
