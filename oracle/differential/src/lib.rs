//! tussah beside the runtime whose interface it has, on modules that nobody wrote and on programs that somebody did: the
//! same results, traps, memories, globals, tables and fuel, in whatever way tussah is made to run them.
//!
//! `generate/` makes modules from seeds and `programs` finds programs: they are [`case::Case`]s. `twice/` runs a case in
//! one runtime and is compiled for both, so that the same source says what is done and what is looked at. What it sees,
//! an [`observe::Observed`], belongs to neither; `compare` tells two of them apart, and `report` counts.
//!
//! Fuzzing uses the same: `campaign` runs a case of `wasm-smith` once in each of tussah, wasmtime and wasmi (`interpreter`),
//! `interleave` runs one in tussah alone, alone and among others. Without the feature `peers` tussah is all there is.
#![cfg_attr(
    feature = "peers",
    expect(
        clippy::duplicate_mod,
        reason = "the same source is compiled against either runtime"
    )
)]
#![cfg_attr(
    not(feature = "peers"),
    allow(
        dead_code,
        reason = "much of this is for those who compare with a peer"
    )
)]

#[cfg(feature = "peers")]
mod campaign;
mod case;
mod compare;
mod generate;
mod interleave;
#[cfg(feature = "peers")]
mod judge;
mod observe;
#[cfg(feature = "peers")]
mod programs;
#[cfg(feature = "peers")]
mod report;
mod rng;
#[cfg(all(test, feature = "peers"))]
mod sabotage;
#[cfg(feature = "peers")]
mod sections;
#[cfg(feature = "peers")]
mod session;
#[cfg(feature = "peers")]
mod watch;

#[cfg(feature = "peers")]
pub use campaign::{Campaign, Outcome, Plan, march};
pub use generate::smith_bytes;
pub use interleave::{Interleaved, interleave, with_room};
#[cfg(feature = "peers")]
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

/// On wasmi.
#[cfg(feature = "peers")]
#[path = "interpreter"]
mod interpreter {
    pub(crate) mod run;

    /// wasmi, and what another version of it says otherwise.
    mod runtime {
        pub(super) use wasmi::*;

        pub(super) fn zero(ty: ValType) -> Val {
            Val::default_for_ty(ty)
        }

        pub(super) fn empty(ty: TableType) -> Ref {
            Ref::null(ty.element())
        }

        pub(super) fn value(element: Ref) -> Val {
            element.into()
        }
    }
}

/// On the wasmi before, for where the newest one differs.
#[cfg(feature = "peers")]
#[path = "interpreter"]
mod older {
    pub(crate) mod run;

    /// As that of `interpreter`.
    mod runtime {
        pub(super) use wasmi_1::{Ref as Nullable, *};

        pub(super) fn zero(ty: ValType) -> Val {
            Val::default(ty)
        }

        pub(super) fn empty(ty: TableType) -> Val {
            Val::default(ty.element())
        }

        pub(super) fn value(element: Val) -> Val {
            element
        }
    }
}

/// On wasmtime 48.
#[cfg(feature = "peers")]
#[path = "twice"]
mod peer {
    mod host;
    pub(crate) mod run;
    mod values;
    mod wasi;

    use wasmtime as runtime;
}
