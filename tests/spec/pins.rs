//! How many files and directives each suite has, and which of them cannot pass yet. The numbers are those of every
//! configuration. They change only with the suites, or because more passes.

use crate::suites::Suite;

/// What a suite consists of, excluded files included.
#[derive(Debug, PartialEq)]
pub(crate) struct Pin {
    pub(crate) files: usize,
    pub(crate) directives: usize,
    pub(crate) passed: usize,
}

/// A file with directives that need what is not implemented. It is run all the same, and when fewer of its directives
/// fail than this says, the test fails: exclusions only shrink.
pub(crate) struct Exclusion {
    pub(crate) suite: Suite,
    pub(crate) file: &'static str,
    /// How many directives fail.
    pub(crate) failing: usize,
    /// What they need.
    pub(crate) proposal: &'static str,
}

/// The pin of a suite.
pub(crate) fn of(suite: Suite) -> Pin {
    let (files, directives, passed) = match suite {
        Suite::V1 => (73, 19245, 19245),
        Suite::V2 => (90, 28012, 28012),
        Suite::V3 => (97, 21228, 20622),
        Suite::Simd => (59, 25990, 25990),
        Suite::TailCall => (2, 119, 119),
        Suite::MultiMemory => (41, 912, 912),
        Suite::Memory64 => (14, 1606, 1606),
        Suite::Memory64Shared => (16, 7755, 7753),
        Suite::RelaxedSimd => (7, 77, 77),
        Suite::ExtendedConst => (3, 284, 284),
        Suite::CustomPageSizes => (5, 207, 207),
        Suite::WideArithmetic => (1, 109, 109),
    };
    Pin {
        files,
        directives,
        passed,
    }
}

const GC: &str = "gc";
const EXCEPTIONS: &str = "exception-handling";
const FUNCTIONS: &str = "function-references";

const fn v3(file: &'static str, failing: usize, proposal: &'static str) -> Exclusion {
    Exclusion {
        suite: Suite::V3,
        file,
        failing,
        proposal,
    }
}

/// The one place where anything is excluded.
pub(crate) const EXCLUSIONS: &[Exclusion] = &[
    v3("br_on_non_null.wast", 12, FUNCTIONS),
    v3("br_on_null.wast", 10, FUNCTIONS),
    v3("br_table.wast", 162, FUNCTIONS),
    v3("call_ref.wast", 35, FUNCTIONS),
    v3("data.wast", 2, GC),
    v3("elem.wast", 20, FUNCTIONS),
    v3("global.wast", 9, GC),
    v3("imports.wast", 55, EXCEPTIONS),
    v3("instance.wast", 23, EXCEPTIONS),
    v3("linking.wast", 43, FUNCTIONS),
    v3("local_init.wast", 10, FUNCTIONS),
    v3("ref.wast", 13, FUNCTIONS),
    v3("ref_as_non_null.wast", 7, FUNCTIONS),
    v3("ref_is_null.wast", 20, FUNCTIONS),
    v3("ref_null.wast", 34, GC),
    v3("return_call_ref.wast", 51, FUNCTIONS),
    v3("table.wast", 22, FUNCTIONS),
    v3("type-canon.wast", 2, GC),
    v3("type-equivalence.wast", 30, FUNCTIONS),
    v3("type-rec.wast", 27, GC),
    v3("unreached-valid.wast", 11, FUNCTIONS),
    Exclusion {
        suite: Suite::Memory64Shared,
        file: "table_init64.wast",
        failing: 2,
        proposal: GC,
    },
];
