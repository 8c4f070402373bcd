//! How many files and directives each suite has, and which of them cannot pass yet. The numbers are those of every
//! configuration. They change only with the suites, or because more passes.

use crate::configurations::Configuration;
use crate::suites::Suite;

/// What a suite consists of, excluded files included.
#[derive(Debug, PartialEq)]
pub(crate) struct Pin {
    pub(crate) files: usize,
    pub(crate) directives: usize,
}

/// A file with directives that need what is not implemented. It is run all the same, and when fewer of its directives
/// fail than this says, the test fails: exclusions only shrink.
pub(crate) struct Exclusion {
    pub(crate) suite: Suite,
    pub(crate) file: &'static str,
    /// How many directives fail.
    pub(crate) failing: usize,
    /// What they need, or why they cannot pass.
    pub(crate) reason: &'static str,
    /// The only configuration in which they fail, if it is one.
    pub(crate) only: Option<Configuration>,
}

/// What is excluded of a suite's file.
pub(crate) fn exclusion(
    configuration: Configuration,
    suite: Suite,
    file: &str,
) -> Option<&'static Exclusion> {
    EXCLUSIONS.iter().find(|e| {
        e.suite == suite && e.file == file && e.only.is_none_or(|only| only == configuration)
    })
}

/// The pin of a suite.
pub(crate) fn of(suite: Suite) -> Pin {
    let (files, directives) = match suite {
        Suite::V1 => (73, 19245),
        Suite::V2 => (90, 28012),
        Suite::V3 => (97, 21228),
        Suite::Simd => (59, 25990),
        Suite::TailCall => (2, 119),
        Suite::MultiMemory => (41, 912),
        Suite::Memory64 => (14, 1606),
        Suite::Memory64Shared => (16, 7755),
        Suite::RelaxedSimd => (7, 77),
        Suite::ExtendedConst => (3, 284),
        Suite::CustomPageSizes => (5, 207),
        Suite::WideArithmetic => (1, 109),
    };
    Pin { files, directives }
}

const GC: &str = "gc";
const EXCEPTIONS: &str = "exception-handling";
const FUNCTIONS: &str = "function-references";
const FUNCTIONS_GC: &str = "function-references and gc";
const FUNCTIONS_EXCEPTIONS: &str = "function-references and exception-handling";

const fn v3(file: &'static str, failing: usize, reason: &'static str) -> Exclusion {
    Exclusion {
        suite: Suite::V3,
        file,
        failing,
        reason,
        only: None,
    }
}

/// The one place where anything is excluded.
pub(crate) const EXCLUSIONS: &[Exclusion] = &[
    v3("br_on_non_null.wast", 11, FUNCTIONS),
    v3("br_on_null.wast", 9, FUNCTIONS),
    v3("br_table.wast", 162, FUNCTIONS),
    v3("call_ref.wast", 31, FUNCTIONS),
    v3("data.wast", 2, GC),
    v3("elem.wast", 18, FUNCTIONS_GC),
    v3("global.wast", 8, FUNCTIONS_GC),
    v3("imports.wast", 55, EXCEPTIONS),
    v3("instance.wast", 23, FUNCTIONS_EXCEPTIONS),
    v3("linking.wast", 43, FUNCTIONS),
    v3("local_init.wast", 6, FUNCTIONS),
    v3("ref.wast", 1, FUNCTIONS),
    v3("ref_as_non_null.wast", 6, FUNCTIONS),
    v3("ref_is_null.wast", 20, FUNCTIONS),
    v3("ref_null.wast", 34, GC),
    v3("return_call_ref.wast", 40, FUNCTIONS),
    v3("table.wast", 12, FUNCTIONS),
    v3("type-canon.wast", 2, GC),
    v3("type-equivalence.wast", 29, FUNCTIONS_GC),
    v3("type-rec.wast", 17, FUNCTIONS_GC),
    v3("unreached-valid.wast", 11, FUNCTIONS),
    Exclusion {
        suite: Suite::Memory64Shared,
        file: "table_init64.wast",
        failing: 2,
        reason: GC,
        only: None,
    },
    Exclusion {
        suite: Suite::Memory64Shared,
        file: "bulk64.wast",
        failing: 1,
        reason: "fuel: 2^64 - 1 bytes cost more than a store can have, so that they run out of it before they are out \
                 of bounds",
        only: Some(Configuration::FuelYields),
    },
];
