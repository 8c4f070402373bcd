//! What is run, and how: cases and modes, in words that belong to neither runtime.

use std::fmt;
use std::sync::Arc;

/// Where a case comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// From `wasm-smith`.
    Smith,
    /// From our own generator, whose modules terminate.
    Structured,
    /// Ends in a trap after a known number of units.
    Trapping,
    /// A real program.
    Program,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Smith => "smith",
            Kind::Structured => "structured",
            Kind::Trapping => "trapping",
            Kind::Program => "program",
        })
    }
}

/// The trap that a case must end in.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) trap: &'static str,
    /// Units used up to and with the operator that traps.
    pub(crate) fuel: u64,
}

/// What a program finds around it.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Names and contents.
    pub(crate) inputs: Vec<(String, Vec<u8>)>,
    /// What it must write if it gets to its end.
    pub(crate) output: Option<Vec<u8>>,
}

/// A module and what is done with it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) wasm: Vec<u8>,
    /// Units for the instantiation, and again for each call.
    pub(crate) fuel: u64,
    /// How often each exported function is called.
    pub(crate) rounds: u32,
    /// The host call that fails.
    pub(crate) fail_at: Option<u64>,
    /// Whether host functions call the export `reenter`.
    pub(crate) reenters: bool,
    pub(crate) expected: Option<Expected>,
    /// Makes the host functions those of a program.
    pub(crate) files: Option<Arc<Files>>,
}

/// How an engine is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) fuel: bool,
    pub(crate) epochs: bool,
    /// Off: bounds, divisors and stacks are checked by code.
    pub(crate) signals: bool,
    /// Zero: memories move when they grow, and nothing lies behind them.
    pub(crate) reservation: Option<u64>,
    /// Off: a memory grows within its reservation or not at all.
    pub(crate) may_move: bool,
    /// Off: code is made quickly instead of well.
    pub(crate) optimises: bool,
}

/// How a guest is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) settings: Settings,
    /// On a stack of its own, by the asynchronous calls; otherwise on the caller's.
    pub(crate) fiber: bool,
    /// Host functions wait for a random number of polls.
    pub(crate) pending: bool,
    /// Units between yields.
    pub(crate) interval: Option<u64>,
    /// The epoch changes at each poll, and each new one makes the guest yield.
    pub(crate) ticks: bool,
}

pub(crate) const FUEL: Settings = Settings {
    fuel: true,
    epochs: false,
    signals: true,
    reservation: None,
    may_move: true,
    optimises: true,
};

/// The engines that modules are compiled for.
pub(crate) const SETTINGS: [Settings; 6] = [
    FUEL,
    Settings {
        signals: false,
        ..FUEL
    },
    Settings {
        reservation: Some(0),
        ..FUEL
    },
    Settings {
        epochs: true,
        ..FUEL
    },
    Settings {
        fuel: false,
        ..FUEL
    },
    Settings {
        fuel: false,
        epochs: true,
        signals: false,
        reservation: Some(0),
        ..FUEL
    },
];

/// On the caller's stack, counting fuel: what the peer does, and what the other modes are compared with.
pub(crate) const PLAIN: Mode = Mode {
    name: "native stack",
    settings: SETTINGS[0],
    fiber: false,
    pending: false,
    interval: None,
    ticks: false,
};

pub(crate) const FIBER: Mode = Mode {
    name: "fiber",
    fiber: true,
    ..PLAIN
};

/// All ways in which tussah runs a case; [`PLAIN`] is first.
pub(crate) const MODES: [Mode; 14] = [
    PLAIN,
    FIBER,
    Mode {
        name: "fiber, imports pending",
        pending: true,
        ..FIBER
    },
    Mode {
        name: "fiber, yield every 1",
        interval: Some(1),
        ..FIBER
    },
    Mode {
        name: "fiber, yield every 7, imports pending",
        interval: Some(7),
        pending: true,
        ..FIBER
    },
    Mode {
        name: "fiber, yield every 100",
        interval: Some(100),
        ..FIBER
    },
    Mode {
        name: "explicit checks, native stack",
        settings: SETTINGS[1],
        ..PLAIN
    },
    Mode {
        name: "explicit checks, fiber, yield every 7",
        settings: SETTINGS[1],
        interval: Some(7),
        ..FIBER
    },
    Mode {
        name: "no reservation, native stack",
        settings: SETTINGS[2],
        ..PLAIN
    },
    Mode {
        name: "no reservation, fiber, imports pending",
        settings: SETTINGS[2],
        pending: true,
        ..FIBER
    },
    Mode {
        name: "epochs, fiber, a tick each poll",
        settings: SETTINGS[3],
        pending: true,
        ticks: true,
        ..FIBER
    },
    Mode {
        name: "no fuel, native stack",
        settings: SETTINGS[4],
        ..PLAIN
    },
    Mode {
        name: "no fuel, fiber, imports pending",
        settings: SETTINGS[4],
        pending: true,
        ..FIBER
    },
    Mode {
        name: "no fuel, epochs, explicit checks, no reservation, fiber",
        settings: SETTINGS[5],
        ticks: true,
        ..FIBER
    },
];
