//! Runs WebAssembly test scripts, `.wast` files, on tussah.
//!
//! A script is a list of directives: modules, calls, and assertions about both. [`Runner`] runs every one of them, goes
//! on after those that fail, and reports each by file and line with what was expected and what was found. Nothing is
//! skipped: a directive that cannot be run fails and says why.
//!
//! ```
//! use tussah::{Config, WasmFeatures};
//! use tussah_wast::Runner;
//!
//! # fn main() -> tussah::Result<()> {
//! let runner = Runner::new(Config::new(), WasmFeatures::WASM2)?;
//! let report = runner.run(
//!     "two.wast",
//!     r#"(module (func (export "two") (result i32) (i32.const 2)))
//!        (assert_return (invoke "two") (i32.const 3))"#,
//! );
//! assert_eq!((report.directives, report.passed), (2, 1));
//! assert_eq!(
//!     report.failures[0].to_string(),
//!     "two.wast:2: assert_return: expected (i32.const 3), found (i32.const 2)"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! | file | what lives there |
//! |---|---|
//! | `runner` | [`Runner`]: an engine, and a script from its text to a report |
//! | `session` | a script under way: its directives |
//! | `world` | what one script has made so far |
//! | `refusal` | whether a module is refused for what is wrong with it |
//! | `reasons` | what the specification calls these reasons |
//! | `values` | arguments, results and the patterns they match |
//! | `traps` | what the specification calls traps |
//! | `spectest` | the host module that scripts import from |
//! | `report` | [`Report`] and [`Failure`] |
//!
//! Only tussah's public interface is used.

#![forbid(unsafe_code)]

mod reasons;
mod refusal;
mod report;
mod runner;
mod session;
mod spectest;
mod traps;
mod values;
mod world;

pub use report::{Failure, Report};
pub use runner::Runner;
