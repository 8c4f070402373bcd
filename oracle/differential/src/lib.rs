//! tussah beside the runtime whose interface it has, on modules that nobody wrote and on programs that somebody did: the
//! same results, traps, memories, globals, tables and fuel, in whatever way tussah is made to run them.
//!
//! `generate/` makes modules from seeds and `programs` finds programs: they are [`case::Case`]s. `twice/` runs a case in
//! one runtime and is compiled for both, so that the same source says what is done and what is looked at. What it sees,
//! an [`observe::Observed`], belongs to neither; `compare` tells two of them apart, and `report` counts.
#![expect(
    clippy::duplicate_mod,
    reason = "the same source is compiled against either runtime"
)]

mod case;
mod compare;
mod generate;
mod judge;
mod observe;
mod programs;
mod report;
mod rng;
#[cfg(test)]
mod sabotage;
mod sections;
mod session;

pub use session::{Options, run};

/// On tussah.
#[path = "twice"]
mod ours {
    mod host;
    pub(crate) mod run;
    mod values;
    mod wasi;

    use tussah as runtime;
}

/// On wasmtime 48.
#[path = "twice"]
mod peer {
    mod host;
    pub(crate) mod run;
    mod values;
    mod wasi;

    use wasmtime as runtime;
}
