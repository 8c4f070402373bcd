//! Claims, each a function of arbitrary bytes that panics where the claim does not hold, and otherwise says what it saw: a
//! test that saw too little is none.
//!
//! | claim | of |
//! |---|---|
//! | [`translate_no_panic`](translate_no_panic::run) | whatever is given to `Module::new` |
//! | [`async_interleave`] | one guest on a native stack, on fibers, among others, after others were dropped |
//! | [`artifact_rejects_garbage`](artifact_rejects_garbage::run) | damaged artifacts given to `Module::deserialize` |
//!
//! That tussah does what other runtimes do is claimed elsewhere, as they are no dependencies of this crate.

pub mod artifact_rejects_garbage;
mod mutate;
mod originals;
pub mod translate_no_panic;

pub use tussah_differential::{
    Interleaved, interleave as async_interleave, smith_bytes as bytes, with_room,
};
