//! What a run shows, in words that belong to neither runtime, so that two runs can be compared.

use std::fmt;

/// A value. Floats are bits; references keep what both runtimes can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    /// A null reference.
    Null,
    /// Some function.
    Func,
    /// The host's value with this number.
    Extern(u64),
}

impl Value {
    /// Bytes that differ for different values.
    pub(crate) fn to_bytes(self) -> [u8; 17] {
        let (kind, bits) = match self {
            Value::I32(x) => (0, u128::from(x.cast_unsigned())),
            Value::I64(x) => (1, u128::from(x.cast_unsigned())),
            Value::F32(x) => (2, u128::from(x)),
            Value::F64(x) => (3, u128::from(x)),
            Value::V128(x) => (7, x),
            Value::Null => (4, 0),
            Value::Func => (5, 0),
            Value::Extern(x) => (6, u128::from(x)),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(&bits.to_le_bytes());
        bytes
    }
}

/// How a call ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Returned(Vec<Value>),
    /// By the trap of this name.
    Trapped(String),
    /// By an error of a host function.
    HostError(String),
    /// By another error, whose text is each runtime's own.
    Failed(String),
}

impl Ending {
    /// Whether both are the same, as far as the contract goes.
    pub(crate) fn agrees(&self, other: &Ending) -> bool {
        match (self, other) {
            (Ending::Returned(a), Ending::Returned(b)) => a == b,
            (Ending::Trapped(a), Ending::Trapped(b))
            | (Ending::HostError(a), Ending::HostError(b)) => a == b,
            (Ending::Failed(_), Ending::Failed(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn trap(&self) -> Option<&str> {
        match self {
            Ending::Trapped(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the peer's fuel is exact here: everywhere but at traps of operators that may also go well.
    pub(crate) fn is_exact_in_peer(&self) -> bool {
        matches!(
            self.trap(),
            None | Some("OutOfFuel" | "UnreachableCodeReached")
        )
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Returned(values) => write!(f, "returned {values:x?}"),
            Ending::Trapped(name) => write!(f, "trapped: {name}"),
            Ending::HostError(text) => write!(f, "host error: {text}"),
            Ending::Failed(text) => write!(f, "failed: {text}"),
        }
    }
}

/// One call, or the instantiation.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) ending: Ending,
    /// Whether fuel ended at a bulk operation, at the latest in this call.
    pub(crate) in_bulk: bool,
    /// Units used, if they were counted.
    pub(crate) fuel: Option<u64>,
    /// How many host functions had been called by then, in all.
    pub(crate) host_calls: u64,
    /// A checksum of what they saw: which, with what, and what the memory held.
    pub(crate) host_log: u32,
    /// A checksum of the fuel that was left at each, if fuel was counted.
    pub(crate) host_fuel: Option<u32>,
}

/// A run: all that can be asked about an instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Of the instantiation, then of the calls.
    pub(crate) calls: Vec<Call>,
    /// Bytes and checksum of each.
    pub(crate) memories: Vec<(u64, u32)>,
    pub(crate) globals: Vec<Value>,
    /// Size of each, and a checksum of what can be told of its elements.
    pub(crate) tables: Vec<(u64, u32)>,
    /// What the program wrote.
    pub(crate) output: Vec<u8>,
    /// How often the guest gave the thread back.
    pub(crate) yields: u64,
}

impl Observed {
    /// All fuel used.
    pub(crate) fn fuel(&self) -> u64 {
        self.calls.iter().filter_map(|call| call.fuel).sum()
    }

    /// Whether everything returned that was called.
    pub(crate) fn returned(&self) -> bool {
        self.calls
            .iter()
            .all(|call| matches!(call.ending, Ending::Returned(_)))
    }

    pub(crate) fn trapped(&self, name: &str) -> bool {
        self.calls
            .iter()
            .any(|call| call.ending.trap() == Some(name))
    }
}
