//! What the async tests share: a one-thread executor, futures that suspend on purpose, channels between
//! guests, counters of threads, wakes, drops and allocations, and a way to run a test in a process of its own.
//!
//! Nothing here knows how the runtime works inside. The tests see only its public interface, so each of them also
//! says what an embedder may rely on.
//!
//! # `Send` is honest
//!
//! A store whose data must stay on one thread cannot be driven from a future that may move:
//!
//! ```compile_fail
//! use std::rc::Rc;
//! async fn go(store: &mut tussah::Store<Rc<u32>>, func: tussah::TypedFunc<(), ()>) {
//!     func.call_async(store, ()).await.unwrap();
//! }
//! ```
//!
//! The same with data that may move:
//!
//! ```
//! use std::sync::Arc;
//! async fn go(store: &mut tussah::Store<Arc<u32>>, func: tussah::TypedFunc<(), ()>) {
//!     func.call_async(store, ()).await.unwrap();
//! }
//! ```
//!
//! A host future that keeps an `Rc` across an await is refused where the import is defined:
//!
//! ```compile_fail
//! use std::rc::Rc;
//! fn define(linker: &mut tussah::Linker<u32>) {
//!     linker
//!         .func_wrap_async("h", "f", |_: tussah::Caller<'_, u32>, (): ()| {
//!             Box::new(async move {
//!                 let kept = Rc::new(1_i32);
//!                 std::future::ready(()).await;
//!                 *kept
//!             })
//!         })
//!         .unwrap();
//! }
//! ```
//!
//! The same with an `Arc`:
//!
//! ```
//! use std::sync::Arc;
//! fn define(linker: &mut tussah::Linker<u32>) {
//!     linker
//!         .func_wrap_async("h", "f", |_: tussah::Caller<'_, u32>, (): ()| {
//!             Box::new(async move {
//!                 let kept = Arc::new(1_i32);
//!                 std::future::ready(()).await;
//!                 *kept
//!             })
//!         })
//!         .unwrap();
//! }
//! ```
//!
//! An async import of a store whose data must stay on one thread is refused too, because its future runs with a
//! `Caller` in hand:
//!
//! ```compile_fail
//! use std::rc::Rc;
//! fn define(store: &mut tussah::Store<Rc<u32>>) -> tussah::Func {
//!     tussah::Func::wrap_async(store, |_: tussah::Caller<'_, Rc<u32>>, (): ()| Box::new(async {}))
//! }
//! ```
//!
//! The same with data that may move:
//!
//! ```
//! use std::sync::Arc;
//! fn define(store: &mut tussah::Store<Arc<u32>>) -> tussah::Func {
//!     tussah::Func::wrap_async(store, |_: tussah::Caller<'_, Arc<u32>>, (): ()| Box::new(async {}))
//! }
//! ```
//!
//! A host closure must itself be shareable between threads:
//!
//! ```compile_fail
//! use std::cell::Cell;
//! fn define(linker: &mut tussah::Linker<u32>) {
//!     let calls = Cell::new(0_u32);
//!     linker.func_wrap("h", "f", move || calls.set(calls.get() + 1)).unwrap();
//! }
//! ```
//!
//! The same with an atomic:
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! fn define(linker: &mut tussah::Linker<u32>) {
//!     let calls = AtomicU32::new(0);
//!     linker.func_wrap("h", "f", move || { calls.fetch_add(1, Ordering::Relaxed); }).unwrap();
//! }
//! ```

#![doc = include_str!("variance.md")]

pub mod channel;
pub mod count;
pub mod executor;
pub mod future;
pub mod isolate;
pub mod rng;

use tussah::{Config, Engine, Module};

/// An engine with fuel and epochs as asked, everything else at its default.
///
/// # Panics
///
/// If the engine cannot be made.
#[must_use]
pub fn engine(fuel: bool, epochs: bool) -> Engine {
    let mut config = Config::new();
    config.consume_fuel(fuel).epoch_interruption(epochs);
    Engine::new(&config).expect("an engine with default settings")
}

/// Compiles text that the test itself wrote.
///
/// # Panics
///
/// If the text is not a valid module.
#[must_use]
pub fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat).unwrap_or_else(|error| panic!("{error:?}\nin:\n{wat}"))
}
