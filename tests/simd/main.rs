//! Vectors: each operator of the simd and relaxed-simd proposals against a model in plain Rust, one lane at a time; and
//! vectors wherever values go.
//!
//! | file | what it tests |
//! |---|---|
//! | `model` | nothing: lanes of any type, random vectors |
//! | `operators` | nothing: for each operator its parameters, its result and what it should compute |
//! | `values` | that operators compute that, however their operands come and however code is generated |
//! | `memory` | loads and stores: values, bounds, fuel at the trap |
//! | `places` | locals, globals, calls, host functions, blocks, selections |
//! | `relaxed` | the relaxed-simd proposal, deterministic and not |
//! | `target` | machines that lack instructions |

mod memory;
mod model;
mod operators;
mod places;
mod relaxed;
mod target;
mod values;
