//! tussah: an async WebAssembly runtime.

#![deny(unsafe_code)]

mod abi;
mod code;
#[cfg(feature = "cranelift")]
mod compile;
pub mod error;
mod memory;
mod wasm;

pub use abi::{V128, ValRaw};
pub use error::{Error, Result};
pub use wasm::Trap;
