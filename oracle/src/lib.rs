//! Nothing lives here: the crate exists for its dependencies.
//!
//! Its tests are tussah's contract tests, compiled a second time with wasmtime 48 in the place of
//! tussah. What passes in the root crate and here is a promise kept; what passes in only one of
//! them is a drift, in tussah or in our reading of the contract. Keep tussah's internals out of
//! this crate: it may see public API only.
