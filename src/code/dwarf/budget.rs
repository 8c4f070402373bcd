//! What reading debug information may cost.
//!
//! A few bytes of DWARF can stand for much work: a table of abbreviations that every unit shares, an entry of a million
//! attributes without contents, a list of ranges that all entries name. So everything that is read is paid for.

/// Reading ended before its end: the bytes are malformed, or the budget is spent.
#[derive(Copy, Clone, Debug)]
pub(super) struct Stop;

impl From<gimli::Error> for Stop {
    fn from(_: gimli::Error) -> Self {
        Stop
    }
}

/// Work that is left, in bytes, attributes, rows or ranges to be looked at.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    /// For finding the units of a module, once.
    pub(super) fn of_index() -> Budget {
        Budget(1 << 26)
    }

    /// For one address: about a second's work; real programs need a hundredth of it.
    pub(super) fn of_lookup() -> Budget {
        Budget(1 << 25)
    }

    /// Pays for so much work.
    pub(super) fn pay(&mut self, work: usize) -> Result<(), Stop> {
        self.0 = self.0.checked_sub(work as u64).ok_or(Stop)?;
        Ok(())
    }
}
