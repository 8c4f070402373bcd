//! The enumerations that [`Config`](super::Config) methods take.

use crate::error::{Error, Result, bail};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Which compiler.
#[non_exhaustive]
#[derive(PartialEq, Eq, Clone, Debug, Copy)]
pub enum Strategy {
    /// The default, which is Cranelift.
    Auto,
    /// Cranelift: optimised code.
    Cranelift,
    /// A single-pass compiler. Not implemented.
    Winch,
}

/// Which garbage collector. There is no garbage-collected heap for guests yet, so all choices behave alike.
#[non_exhaustive]
#[derive(PartialEq, Eq, Clone, Debug, Copy, Default)]
pub enum Collector {
    /// The default one.
    #[default]
    Auto,
    /// Deferred reference counting.
    DeferredReferenceCounting,
    /// None: the heap only fills up.
    Null,
    /// Copying.
    Copying,
}

/// How much the compiler optimises.
#[non_exhaustive]
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum OptLevel {
    /// Hardly at all; compiles fastest.
    None,
    /// For speed.
    Speed,
    /// For speed and small code.
    SpeedAndSize,
}

/// How the compiler allocates registers.
#[non_exhaustive]
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum RegallocAlgorithm {
    /// Good code; may take more than linear time.
    Backtracking,
    /// One pass: linear time, more spills.
    SinglePass,
}

/// How profilers are told about generated code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProfilingStrategy {
    /// They are not.
    None,
    /// By `perf`'s map file, `/tmp/perf-PID.map`: names of functions.
    PerfMap,
    /// By `perf`'s jitdump file, `jit-PID.dump` in the working directory: names, code and source lines.
    JitDump,
    /// By VTune's interface. Not implemented.
    VTune,
    /// For the Pulley interpreter, which does not exist here.
    Pulley,
}

/// Whether backtraces name source files and lines.
#[derive(Debug, Clone, Copy)]
pub enum WasmBacktraceDetails {
    /// Always.
    Enable,
    /// Never.
    Disable,
    /// If the environment variable `TUSSAH_BACKTRACE_DETAILS` is `1` when the engine is made.
    Environment,
}

/// Whether to use something that not every machine has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Enabled {
    /// If the machine has it.
    Auto,
    /// Always; without it, making the engine fails.
    Yes,
    /// Never.
    No,
}

/// Across which boundaries the compiler may inline functions.
#[derive(Clone, Copy, Hash, Debug, PartialEq, Eq)]
pub enum Inlining {
    /// All.
    Yes,
    /// Between modules; within one only if it uses garbage collection.
    InterModuleAndIntraGc,
    /// Between modules.
    InterModule,
    /// None, except the runtime's own intrinsics.
    Intrinsics,
    /// None.
    No,
}

impl FromStr for Inlining {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        Ok(match s {
            "y" | "yes" | "true" => Inlining::Yes,
            "gc" => Inlining::InterModuleAndIntraGc,
            "inter-module" => Inlining::InterModule,
            "intrinsics" => Inlining::Intrinsics,
            "n" | "no" | "false" => Inlining::No,
            _ => bail!(
                "invalid inlining option `{s}`, only yes,no,gc,inter-module,intrinsics accepted"
            ),
        })
    }
}

impl fmt::Display for Inlining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Inlining::Yes => "yes",
            Inlining::InterModuleAndIntraGc => "gc",
            Inlining::InterModule => "inter-module",
            Inlining::Intrinsics => "intrinsics",
            Inlining::No => "no",
        })
    }
}

/// Which version precompiled code is marked with; code of another version is refused.
#[derive(Clone, Debug, Default)]
pub enum ModuleVersionStrategy {
    /// The version of this crate.
    #[default]
    WasmtimeVersion,
    /// The embedder's own, of at most 255 bytes. Only changes of the embedder's version are then noticed.
    Custom(String),
    /// None: code of any version is accepted.
    None,
}

impl ModuleVersionStrategy {
    /// The mark.
    pub fn as_str(&self) -> &str {
        match self {
            ModuleVersionStrategy::WasmtimeVersion => env!("CARGO_PKG_VERSION"),
            ModuleVersionStrategy::Custom(version) => version,
            ModuleVersionStrategy::None => "",
        }
    }
}

impl Hash for ModuleVersionStrategy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
