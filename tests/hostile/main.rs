//! Garbage and malice in: modules that were damaged, modules made to break a compiler, imports and arguments of the wrong kind, limits
//! that cannot be. Each gets an error or a trap that says what and where; never a panic, a crash, a hang, or memory without bound.

mod bombs;
mod encode;
mod limits;
mod meters;
mod mutants;
mod refusals;
mod support;
