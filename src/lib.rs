//! tussah: an async WebAssembly runtime.
//!
//! Untrusted guests run on stackful fibers inside an async service: an asynchronous host function suspends the guest in
//! mid-call, at any depth; fuel and epochs give the thread back when a guest runs too long; thousands of guests share a
//! few threads. Code written for wasmtime compiles with the crate renamed.
//!
//! ```
//! use tussah::{Caller, Config, Engine, Linker, Module, Result, Store};
//!
//! # fn main() -> Result<()> {
//! let engine = Engine::new(&Config::new())?;
//! let module = Module::new(
//!     &engine,
//!     r#"(module
//!         (import "host" "fetch" (func $fetch (param i32) (result i32)))
//!         (func (export "run") (result i32) (i32.mul (call $fetch (i32.const 20)) (i32.const 2))))"#,
//! )?;
//! let mut linker = Linker::new(&engine);
//! linker.func_wrap_async("host", "fetch", |caller: Caller<'_, i32>, (n,): (i32,)| {
//!     Box::new(async move {
//!         // The guest is suspended here; other tasks run.
//!         futures::pending!();
//!         n + *caller.data()
//!     })
//! })?;
//! let answer = async {
//!     let mut store = Store::new(&engine, 1);
//!     let instance = linker.instantiate_async(&mut store, &module).await?;
//!     let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
//!     run.call_async(&mut store, ()).await
//! };
//! # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
//! # let mut answer = pin!(answer);
//! # let mut cx = Context::from_waker(Waker::noop());
//! # let answer = loop {
//! #     if let Poll::Ready(answer) = answer.as_mut().poll(&mut cx) { break answer?; }
//! # };
//! assert_eq!(answer, 42);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `cranelift` | yes | compiles WebAssembly; without it only precompiled modules run |
//! | `wat` | yes | [`Module::new`] takes the text format |
//! | `anyhow` | yes | conversions to and from `anyhow::Error` |
//! | `addr2line` | yes | files and lines in backtraces, from the guests' debug information |
//! | `coredump` | yes | core dumps of guests that trap |
//! | `debug-builtins` | yes | tells gdb and lldb of compiled code |
//! | `profiling` | yes | files that tell `perf` of compiled code |
//! | `cache` | yes | [`Cache`]: compiled modules on disk |
//! | `call-hook` | no | `Store::call_hook`: the embedder is told of transitions between host and guest |
//! | `sanitizer` | no | announces stack switches to AddressSanitizer |
//!
//! # Rooms
//!
//! `wasm` `os` < `abi` < `code` `memory` < `compile` `exec` < `engine` < `store` < `embed`: a room uses those before it
//! only. ARCHITECTURE.md says what each is for.

#![deny(unsafe_code)]
#![cfg_attr(
    not(feature = "cranelift"),
    allow(
        dead_code,
        unused_imports,
        reason = "what only the compiler reads of the shared rooms"
    )
)]

mod abi;
mod bytes;
mod code;
#[cfg(feature = "cranelift")]
mod compile;
mod embed;
mod engine;
mod entity;
pub mod error;
mod exec;
mod memory;
mod os;
mod store;
mod wasm;

pub use abi::{V128, ValRaw};
#[cfg(feature = "call-hook")]
pub use embed::CallHookHandler;
#[cfg(feature = "coredump")]
pub use embed::WasmCoreDump;
pub use embed::{
    AnyRef, ArrayRef, ArrayType, AsContext, AsContextMut, AsyncHostFn, Caller, CodeBuilder,
    CodeHint, ContRef, ContType, EqRef, ExnRef, ExnType, Export, ExportType, Extern, ExternRef,
    ExternType, FieldType, Finality, FrameInfo, FrameSymbol, Func, FuncIndex, FuncType,
    GcHeapOutOfMemory, GcRef, Global, GlobalType, HeapType, I31, ImportType, Instance, InstancePre,
    IntoFunc, Linker, Memory, MemoryAccessError, MemoryCreator, MemoryType, MemoryTypeBuilder,
    Module, ModuleExport, ModuleFunction, Mutability, NoExtern, NoFunc, NoneRef, OwnedRooted, Ref,
    RefType, ResourcesRequired, RootScope, Rooted, RootedGcRef, SharedMemory, StaticModuleIndex,
    StorageType, Store, StoreContext, StoreContextMut, StructRef, StructType, Table, TableType,
    Tag, TagType, ThrownException, TypedFunc, UnknownImportError, Val, ValType, WaitResult,
    WasmBacktrace, WasmParams, WasmResults, WasmRet, WasmTy, WasmTyList,
};
#[cfg(feature = "cache")]
pub use engine::{Cache, CacheConfig};
pub use engine::{
    Collector, Config, CustomCodeMemory, Enabled, Engine, EngineWeak, Inlining,
    InstanceAllocationStrategy, ModuleVersionStrategy, OperatorCost, OptLevel,
    PoolingAllocationConfig, Precompiled, ProfilingStrategy, RegallocAlgorithm, StackCreator,
    Strategy, VariableOperatorCost, WasmBacktraceDetails, WasmFeatures,
};
#[cfg(feature = "anyhow")]
pub use error::ToWasmtimeResult;
pub use error::{Error, OutOfMemory, Result};
pub use memory::host::LinearMemory;
#[cfg(feature = "call-hook")]
pub use store::CallHook;
pub use store::{
    DEFAULT_INSTANCE_LIMIT, DEFAULT_MEMORY_LIMIT, DEFAULT_TABLE_LIMIT, ResourceLimiter,
    ResourceLimiterAsync, StoreLimits, StoreLimitsBuilder, UpdateDeadline,
};
pub use tussah_fiber::StackMemory;
pub use wasm::Trap;
