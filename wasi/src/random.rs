//! Random numbers: the system's, or those of a generator that the host puts in their place.

use rand_core::{Rng, TryRng};
use std::convert::Infallible;
use std::fmt;

/// A generator of a context.
pub(crate) struct Random(Box<dyn Rng + Send>);

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

impl Random {
    pub(crate) fn new(generator: impl Rng + Send + 'static) -> Random {
        Random(Box::new(generator))
    }

    pub(crate) fn system() -> Random {
        Random::new(System)
    }

    /// The next bytes.
    pub(crate) fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// The system's source, fit for secrets.
struct System;

impl TryRng for System {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        // Fails on systems without a source only, and there a guest that believes in its secrets must not go on.
        getrandom::fill(bytes).expect("the system has a source of randomness");
        Ok(())
    }
}
