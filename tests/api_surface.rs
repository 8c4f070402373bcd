//! The public contract, pinned: every signature, trait impl and auto trait that code written for
//! wasmtime 48 relies on is coerced here to the type it must have, so that a drift is a compile
//! error. The oracle crate compiles and runs this very file with wasmtime in tussah's place; so
//! nothing here may mention what only tussah has.
//!
//! It is one long list on purpose, in one order, to be read beside the contract, whose
//! section numbers the modules carry. Tables of signatures are not for reading through: look up the
//! item that failed.
//!
//! | module       | covers                                                                     |
//! |--------------|----------------------------------------------------------------------------|
//! | `changed`    | what older code stumbles over: `async_support`, `gc(why)`, `u64` indices    |
//! | `config`     | `Config`, `OptLevel`, `WasmBacktraceDetails`, `WasmFeatures`                |
//! | `engine`     | `Engine`, `EngineWeak`, `Precompiled`                                       |
//! | `store`      | `Store`, `StoreContext[Mut]`, `AsContext[Mut]`, `UpdateDeadline`, fuel, epochs |
//! | `limits`     | `ResourceLimiter[Async]`, `StoreLimits[Builder]`                            |
//! | `module`     | `Module`, `ModuleExport`, `ModuleFunction`, `ResourcesRequired`             |
//! | `linker`     | `Linker`, `UnknownImportError`                                              |
//! | `instance`   | `Instance`, `InstancePre`                                                   |
//! | `func`       | `Func`, `TypedFunc`, `Caller`, `NoFunc`, `IntoFunc`, `Wasm{Ty,TyList,Ret,Params,Results}` |
//! | `externals`  | `Extern`, `Export`, `Memory`, `MemoryAccessError`, `Table`, `Global`         |
//! | `values`     | `Val`, `Ref`, `V128`                                                        |
//! | `trap`       | `Trap`, `WasmBacktrace`, `FrameInfo`, `FrameSymbol`                         |
//! | `error`      | `Error`, `Result`, `Context`, `Chain`, `OutOfMemory`, macros                |
//! | `types`      | `ValType`, `RefType`, `HeapType`, `FuncType`, `ExternType` and their parts  |
//! | `externref`  | `ExternRef`, `Rooted`, `OwnedRooted`, `RootScope`                           |
//! | `auto`       | `Send` and `Sync` of all the above (of futures: beside their functions)      |
//! | `behaviour`  | messages and defaults that embedders match on, at run time                  |
//! | `settings`   | every other setting, getters, pools' limits, `CodeBuilder`, `ValRaw`: a file beside this one |
//! | `creators`   | `MemoryCreator`, `LinearMemory`, `StackCreator`, `StackMemory`: likewise    |
//! | `hooks`      | `CallHook`, `CallHookHandler`, under the feature `call-hook`: likewise      |
//!
//! How a check is written: a plain function is coerced to a fn pointer, its bounds probed with the
//! weakest type parameters the contract allows; what returns `impl Trait` is returned from a
//! function with the same signature; a future's output is named through [`output`] (which also
//! demands `Send`) or [`output_local`]. That something does *not* compile cannot be said here.
//! Not covered, being later work: exceptions and tags beyond their variants, shared memories, the GC types, pools beyond
//! their limits, debugging, the component model.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tussah as wt;

/// Asserts trait bounds: `bounds! { Type => [Bound + Bound]; }`.
macro_rules! bounds {
    ($($subject:ty => [$($bound:tt)+];)*) => {$({
        fn check<Subject: $($bound)+>() {}
        check::<$subject>();
    })*};
}

/// Asserts the type of functions and constants: `sigs! { path => type; }`.
macro_rules! sigs {
    ($($item:expr => $ty:ty;)*) => {$(
        let _: $ty = $item;
    )*};
}

#[path = "api_surface/creators.rs"]
mod creators;
#[cfg(feature = "call-hook")]
#[path = "api_surface/hooks.rs"]
mod hooks;
#[path = "api_surface/settings.rs"]
mod settings;

/// Names the output of a future that has to be `Send`.
fn output<O>(_: impl Future<Output = O> + Send) {}

/// Names the output of a future that need not be `Send`.
fn output_local<O>(_: impl Future<Output = O>) {}

/// Polls a future to its end, counting the polls; for futures that wake themselves.
fn block_on<O>(future: impl Future<Output = O>) -> (O, usize) {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for polls in 1..100_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return (output, polls);
        }
    }
    panic!("the future is still pending after 100,000 polls");
}

/// Section 0: where code for older versions differs from code for this one.
mod changed {
    use super::wt;

    #[test]
    #[expect(deprecated, reason = "a hidden no-op that old code still calls")]
    fn async_support_is_a_no_op() {
        sigs! {
            wt::Config::async_support => for<'c> fn(&'c mut wt::Config, bool) -> &'c mut wt::Config;
        }
        for enable in [true, false] {
            let engine = wt::Engine::new(wt::Config::new().async_support(enable)).unwrap();
            let mut store = wt::Store::new(&engine, ());
            let func = wt::Func::wrap(&mut store, |x: i32| x + 1);
            let typed = func.typed::<i32, i32>(&store).unwrap();
            assert_eq!(typed.call(&mut store, 1).unwrap(), 2);
            let (async_result, _) = super::block_on(typed.call_async(&mut store, 1));
            assert_eq!(async_result.unwrap(), 2);
        }
    }

    #[test]
    fn collecting_takes_a_reason() {
        sigs! {
            wt::Store::<()>::gc =>
                fn(&mut wt::Store<()>, Option<&wt::GcHeapOutOfMemory<()>>) -> wt::Result<()>;
        }
        wt::Store::<()>::default().gc(None).unwrap();
    }
}

/// Section 1: configuration.
mod config {
    use super::wt;
    use std::num::NonZeroUsize;

    type With<Arg> = for<'c> fn(&'c mut wt::Config, Arg) -> &'c mut wt::Config;

    const TOGGLES: &[With<bool>] = &[
        wt::Config::consume_fuel,
        wt::Config::epoch_interruption,
        wt::Config::async_stack_zeroing,
        wt::Config::wasm_tail_call,
        wt::Config::wasm_branch_hinting,
        wt::Config::wasm_custom_page_sizes,
        wt::Config::wasm_threads,
        wt::Config::wasm_reference_types,
        wt::Config::wasm_function_references,
        wt::Config::wasm_wide_arithmetic,
        wt::Config::wasm_gc,
        wt::Config::wasm_simd,
        wt::Config::wasm_relaxed_simd,
        wt::Config::wasm_bulk_memory,
        wt::Config::wasm_multi_value,
        wt::Config::wasm_multi_memory,
        wt::Config::wasm_memory64,
        wt::Config::wasm_extended_const,
        wt::Config::wasm_exceptions,
        wt::Config::memory_may_move,
        wt::Config::memory_init_cow,
        wt::Config::guard_before_linear_memory,
        wt::Config::signals_based_traps,
        wt::Config::concurrency_support,
    ];

    #[test]
    fn builders() {
        sigs! {
            wt::Config::new => fn() -> wt::Config;
            wt::Config::max_wasm_stack => With<usize>;
            wt::Config::async_stack_size => With<usize>;
            wt::Config::memory_reservation => With<u64>;
            wt::Config::memory_guard_size => With<u64>;
            wt::Config::memory_reservation_for_growth => With<u64>;
            wt::Config::memory_guaranteed_dense_image_size => With<u64>;
            wt::Config::cranelift_opt_level => With<wt::OptLevel>;
            wt::Config::wasm_backtrace_max_frames => With<Option<NonZeroUsize>>;
            wt::Config::wasm_backtrace_details => With<wt::WasmBacktraceDetails>;
            wt::Config::wasm_features =>
                for<'c> fn(&'c mut wt::Config, wt::WasmFeatures, bool) -> &'c mut wt::Config;
        }
        bounds! {
            wt::Config => [Clone + std::fmt::Debug + Default];
            wt::OptLevel => [Copy + std::fmt::Debug + Eq];
            wt::WasmBacktraceDetails => [Copy + std::fmt::Debug];
            wt::WasmFeatures => [Copy + std::fmt::Debug + Eq + std::ops::BitOr];
        }
    }

    /// A builder method only records; what does not go together is refused by `Engine::new`.
    #[test]
    fn toggles_record_and_return_the_same_config() {
        for toggle in TOGGLES {
            for enable in [true, false] {
                let mut config = wt::Config::new();
                let before: *const wt::Config = &raw const config;
                let after: *const wt::Config = toggle(&mut config, enable);
                assert_eq!(before, after);
            }
        }
    }

    #[test]
    fn choices() {
        let levels = [
            wt::OptLevel::None,
            wt::OptLevel::Speed,
            wt::OptLevel::SpeedAndSize,
        ];
        for level in levels {
            wt::Engine::new(wt::Config::new().cranelift_opt_level(level)).unwrap();
        }
        let details = [
            wt::WasmBacktraceDetails::Enable,
            wt::WasmBacktraceDetails::Disable,
            wt::WasmBacktraceDetails::Environment,
        ];
        for detail in details {
            // Exhaustive: a new choice would break embedders' matches.
            match detail {
                wt::WasmBacktraceDetails::Enable
                | wt::WasmBacktraceDetails::Disable
                | wt::WasmBacktraceDetails::Environment => {}
            }
            wt::Config::new().wasm_backtrace_details(detail);
        }
    }

    #[test]
    fn stack_sizes_are_checked_by_engine_new() {
        let engine = |adjust: fn(&mut wt::Config)| {
            let mut config = wt::Config::new();
            adjust(&mut config);
            wt::Engine::new(&config).map(drop)
        };
        const DEFAULT_ASYNC_STACK: usize = 2 << 20;
        engine(|_| {}).unwrap();
        engine(|c| _ = c.max_wasm_stack(0)).unwrap_err();
        engine(|c| _ = c.max_wasm_stack(DEFAULT_ASYNC_STACK)).unwrap();
        engine(|c| _ = c.max_wasm_stack(DEFAULT_ASYNC_STACK + 1)).unwrap_err();
        engine(|c| {
            _ = c
                .max_wasm_stack(DEFAULT_ASYNC_STACK + 1)
                .async_stack_size(4 << 20)
        })
        .unwrap();
        // The default of max_wasm_stack, half a mebibyte, has to fit as well.
        engine(|c| _ = c.async_stack_size(512 << 10)).unwrap();
        engine(|c| _ = c.async_stack_size((512 << 10) - 4096)).unwrap_err();
    }

    #[test]
    fn proposals_can_be_refused() {
        let two_results = "(module (func (result i32 i32) i32.const 1 i32.const 2))";
        let extend = "(module (func (param i32) (result i32) local.get 0 i32.extend8_s))";
        let compiles = |config: &wt::Config, wat: &str| {
            let engine = wt::Engine::new(config).unwrap();
            wt::Module::new(&engine, wat).is_ok()
        };
        assert!(compiles(&wt::Config::new(), two_results));
        assert!(!compiles(
            wt::Config::new().wasm_multi_value(false),
            two_results
        ));
        let without = |feature| {
            let mut config = wt::Config::new();
            config.wasm_features(feature, false);
            config
        };
        assert!(!compiles(
            &without(wt::WasmFeatures::MULTI_VALUE),
            two_results
        ));
        assert!(compiles(&wt::Config::new(), extend));
        assert!(!compiles(
            &without(wt::WasmFeatures::SIGN_EXTENSION),
            extend
        ));
    }
}

/// Section 1: the engine.
mod engine {
    use super::wt;
    use std::path::Path;

    fn paths<P: AsRef<Path>>() {
        sigs! {
            wt::Engine::detect_precompiled_file =>
                fn(P) -> wt::Result<Option<wt::Precompiled>>;
        }
    }

    fn compatibility_hash(engine: &wt::Engine) -> impl std::hash::Hash + '_ {
        engine.precompile_compatibility_hash()
    }

    #[test]
    fn signatures() {
        paths::<&str>();
        sigs! {
            wt::Engine::new => fn(&wt::Config) -> wt::Result<wt::Engine>;
            wt::Engine::weak => fn(&wt::Engine) -> wt::EngineWeak;
            wt::Engine::same => fn(&wt::Engine, &wt::Engine) -> bool;
            wt::Engine::detect_precompiled => fn(&[u8]) -> Option<wt::Precompiled>;
            wt::Engine::precompile_module => fn(&wt::Engine, &[u8]) -> wt::Result<Vec<u8>>;
            wt::Engine::tls_eager_initialize => fn();
            wt::Engine::increment_epoch => fn(&wt::Engine);
            wt::Engine::unload_process_handlers => unsafe fn(wt::Engine);
            wt::EngineWeak::upgrade => fn(&wt::EngineWeak) -> Option<wt::Engine>;
        }
        bounds! {
            wt::Engine => [Clone + std::fmt::Debug + Default];
            wt::EngineWeak => [Clone + Default];
            wt::Precompiled => [Copy + std::fmt::Debug + Eq];
        }
    }

    #[test]
    fn identity_weakness_and_sniffing() {
        let engine = wt::Engine::default();
        assert!(wt::Engine::same(&engine, &engine.clone()));
        assert!(!wt::Engine::same(&engine, &wt::Engine::default()));
        let weak = engine.weak();
        assert!(wt::Engine::same(&weak.upgrade().unwrap(), &engine));
        drop(engine);
        assert!(weak.upgrade().is_none());
        assert!(wt::EngineWeak::default().upgrade().is_none());

        assert_eq!(wt::Engine::detect_precompiled(b"\0asm\x01\0\0\0"), None);
        assert!(wt::Engine::detect_precompiled_file("/no/such/file").is_err());
        for kind in [wt::Precompiled::Module, wt::Precompiled::Component] {
            match kind {
                wt::Precompiled::Module | wt::Precompiled::Component => {}
            }
        }
        wt::Engine::tls_eager_initialize();

        let hash = |engine: &wt::Engine| {
            use std::hash::{Hash, Hasher};
            let mut state = std::hash::DefaultHasher::new();
            compatibility_hash(engine).hash(&mut state);
            state.finish()
        };
        let fueled = wt::Engine::new(wt::Config::new().consume_fuel(true)).unwrap();
        assert_eq!(hash(&wt::Engine::default()), hash(&wt::Engine::default()));
        assert_ne!(hash(&wt::Engine::default()), hash(&fueled));
    }
}

/// Section 2: stores and their contexts.
mod store {
    use super::{block_on, output, wt};
    use std::pin::Pin;

    type Why<'w> = Option<&'w wt::GcHeapOutOfMemory<()>>;

    fn owned<T: 'static>() {
        type S<T> = wt::Store<T>;
        sigs! {
            wt::Store::new => fn(&wt::Engine, T) -> S<T>;
            wt::Store::try_new => fn(&wt::Engine, T) -> wt::Result<S<T>>;
            wt::Store::data => fn(&S<T>) -> &T;
            wt::Store::data_mut => fn(&mut S<T>) -> &mut T;
            wt::Store::into_data => fn(S<T>) -> T;
            wt::Store::engine => fn(&S<T>) -> &wt::Engine;
            wt::Store::get_fuel => fn(&S<T>) -> wt::Result<u64>;
            wt::Store::set_fuel => fn(&mut S<T>, u64) -> wt::Result<()>;
            wt::Store::fuel_async_yield_interval => fn(&mut S<T>, Option<u64>) -> wt::Result<()>;
            wt::Store::set_epoch_deadline => fn(&mut S<T>, u64);
            wt::Store::epoch_deadline_trap => fn(&mut S<T>);
            wt::Store::epoch_deadline_async_yield_and_update => fn(&mut S<T>, u64);
            wt::Store::has_pending_exception => fn(&S<T>) -> bool;
            wt::Store::gc => fn(&mut S<T>, Why<'_>) -> wt::Result<()>;
            wt::Store::gc_heap_capacity => fn(&S<T>) -> usize;
        }
    }

    fn callbacks<T, Limit, LimitAsync, Epoch>()
    where
        T: 'static,
        Limit: (FnMut(&mut T) -> &mut dyn wt::ResourceLimiter) + Send + Sync + 'static,
        LimitAsync: (FnMut(&mut T) -> &mut dyn wt::ResourceLimiterAsync) + Send + Sync + 'static,
        Epoch: FnMut(wt::StoreContextMut<'_, T>) -> wt::Result<wt::UpdateDeadline>
            + Send
            + Sync
            + 'static,
    {
        sigs! {
            wt::Store::limiter => fn(&mut wt::Store<T>, Limit);
            wt::Store::limiter_async => fn(&mut wt::Store<T>, LimitAsync);
            wt::Store::epoch_deadline_callback => fn(&mut wt::Store<T>, Epoch);
        }
    }

    #[expect(
        clippy::extra_unused_lifetimes,
        reason = "one lifetime for the whole table"
    )]
    fn borrowed<'a, T: 'static>() {
        type Shared<'a, T> = wt::StoreContext<'a, T>;
        type Unique<'a, T> = wt::StoreContextMut<'a, T>;
        sigs! {
            Shared::engine => for<'s> fn(&'s Shared<'a, T>) -> &'s wt::Engine;
            // Lives as long as the store's borrow, not as the context's.
            Shared::data => fn(&Shared<'a, T>) -> &'a T;
            Shared::get_fuel => fn(&Shared<'a, T>) -> wt::Result<u64>;

            Unique::data => for<'s> fn(&'s Unique<'a, T>) -> &'s T;
            Unique::data_mut => for<'s> fn(&'s mut Unique<'a, T>) -> &'s mut T;
            Unique::engine => for<'s> fn(&'s Unique<'a, T>) -> &'s wt::Engine;
            Unique::get_fuel => fn(&Unique<'a, T>) -> wt::Result<u64>;
            Unique::set_fuel => fn(&mut Unique<'a, T>, u64) -> wt::Result<()>;
            Unique::fuel_async_yield_interval =>
                fn(&mut Unique<'a, T>, Option<u64>) -> wt::Result<()>;
            Unique::set_epoch_deadline => fn(&mut Unique<'a, T>, u64);
            Unique::epoch_deadline_trap => fn(&mut Unique<'a, T>);
            Unique::epoch_deadline_async_yield_and_update => fn(&mut Unique<'a, T>, u64);
            Unique::has_pending_exception => fn(&Unique<'a, T>) -> bool;
            Unique::gc => fn(&mut Unique<'a, T>, Why<'_>) -> wt::Result<()>;
        }
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn futures<T: Send + 'static>(
        store: &mut wt::Store<T>,
        context: &mut wt::StoreContextMut<'_, T>,
        why: Why<'_>,
    ) {
        output::<wt::Result<()>>(store.gc_async(why));
        output::<wt::Result<()>>(context.gc_async(why));
    }

    fn is_context<C: wt::AsContext<Data = T>, T: 'static>() {
        sigs! { C::as_context => for<'c> fn(&'c C) -> wt::StoreContext<'c, T>; }
    }

    fn is_context_mut<C: wt::AsContextMut<Data = T>, T: 'static>() {
        is_context::<C, T>();
        sigs! { C::as_context_mut => for<'c> fn(&'c mut C) -> wt::StoreContextMut<'c, T>; }
    }

    fn conversions<'a, T, C, M>()
    where
        T: 'static,
        C: wt::AsContext<Data = T> + 'a,
        M: wt::AsContextMut<Data = T> + 'a,
    {
        is_context_mut::<wt::Store<T>, T>();
        is_context_mut::<wt::StoreContextMut<'a, T>, T>();
        is_context_mut::<wt::Caller<'a, T>, T>();
        is_context_mut::<&mut M, T>();
        is_context::<wt::StoreContext<'a, T>, T>();
        is_context::<&C, T>();
        is_context::<&mut C, T>();
        sigs! {
            <wt::StoreContext<'a, T> as From<&'a C>>::from =>
                fn(&'a C) -> wt::StoreContext<'a, T>;
            <wt::StoreContext<'a, T> as From<&'a mut C>>::from =>
                fn(&'a mut C) -> wt::StoreContext<'a, T>;
            <wt::StoreContext<'a, T> as From<wt::StoreContextMut<'a, T>>>::from =>
                fn(wt::StoreContextMut<'a, T>) -> wt::StoreContext<'a, T>;
            <wt::StoreContextMut<'a, T> as From<&'a mut M>>::from =>
                fn(&'a mut M) -> wt::StoreContextMut<'a, T>;
            <wt::StoreContextMut<'a, T> as From<wt::Caller<'a, T>>>::from =>
                fn(wt::Caller<'a, T>) -> wt::StoreContextMut<'a, T>;
        }
    }

    /// Embedders implement the two traits for their own wrappers.
    struct Wrapper(wt::Store<u32>);

    impl wt::AsContext for Wrapper {
        type Data = u32;

        fn as_context(&self) -> wt::StoreContext<'_, u32> {
            wt::AsContext::as_context(&self.0)
        }
    }

    impl wt::AsContextMut for Wrapper {
        fn as_context_mut(&mut self) -> wt::StoreContextMut<'_, u32> {
            wt::AsContextMut::as_context_mut(&mut self.0)
        }
    }

    #[test]
    fn signatures() {
        owned::<u32>();
        callbacks::<
            wt::StoreLimits,
            fn(&mut wt::StoreLimits) -> &mut dyn wt::ResourceLimiter,
            fn(&mut wt::StoreLimits) -> &mut dyn wt::ResourceLimiterAsync,
            fn(wt::StoreContextMut<'_, wt::StoreLimits>) -> wt::Result<wt::UpdateDeadline>,
        >();
        borrowed::<u32>();
        conversions::<u32, Wrapper, Wrapper>();
        bounds! {
            wt::Store<u32> => [Default + std::fmt::Debug];
        }
    }

    #[test]
    fn data_goes_in_and_comes_out() {
        let engine = wt::Engine::default();
        let mut wrapper = Wrapper(wt::Store::try_new(&engine, 1).unwrap());
        *wt::AsContextMut::as_context_mut(&mut wrapper).data_mut() += 1;
        assert_eq!(*wt::AsContext::as_context(&wrapper).data(), 2);
        assert!(wt::Engine::same(wrapper.0.engine(), &engine));
        assert_eq!(wrapper.0.into_data(), 2);
        assert_eq!(*wt::Store::<u32>::default().data(), 0);
    }

    #[test]
    fn fuel() {
        let mut store = wt::Store::<()>::default();
        assert!(store.get_fuel().is_err(), "fuel is off by default");
        assert!(store.set_fuel(1).is_err());
        assert!(store.fuel_async_yield_interval(Some(1)).is_err());

        let engine = wt::Engine::new(wt::Config::new().consume_fuel(true)).unwrap();
        let mut store = wt::Store::new(&engine, ());
        assert_eq!(store.get_fuel().unwrap(), 0);
        store.set_fuel(u64::MAX).unwrap();
        assert_eq!(store.get_fuel().unwrap(), u64::MAX);
        assert!(store.fuel_async_yield_interval(Some(0)).is_err());

        // One at function entry and one for each operator but `end`.
        let module = wt::Module::new(&engine, r#"(module (func (export "f") i32.const 1 drop))"#);
        let instance = wt::Instance::new(&mut store, &module.unwrap(), &[]).unwrap();
        let func = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        store.set_fuel(100).unwrap();
        func.call(&mut store, ()).unwrap();
        assert_eq!(store.get_fuel().unwrap(), 98);
        store.set_fuel(1).unwrap();
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast::<wt::Trap>().unwrap(), wt::Trap::OutOfFuel);
    }

    fn ticking() -> (wt::Store<Vec<&'static str>>, wt::TypedFunc<(), ()>) {
        let engine = wt::Engine::new(wt::Config::new().epoch_interruption(true)).unwrap();
        let mut store = wt::Store::new(&engine, Vec::new());
        let module = wt::Module::new(&engine, r#"(module (func (export "f")))"#).unwrap();
        store.set_epoch_deadline(1);
        let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
        let func = instance.get_typed_func(&mut store, "f").unwrap();
        engine.increment_epoch();
        (store, func)
    }

    #[test]
    fn a_fresh_store_is_past_its_epoch_deadline() {
        let engine = wt::Engine::new(wt::Config::new().epoch_interruption(true)).unwrap();
        let mut store = wt::Store::new(&engine, ());
        let module = wt::Module::new(&engine, "(module (func $f) (start $f))").unwrap();
        let error = wt::Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_eq!(error.downcast::<wt::Trap>().unwrap(), wt::Trap::Interrupt);
    }

    #[test]
    fn deadlines_trap_continue_and_fail() {
        let (mut store, func) = ticking();
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast::<wt::Trap>().unwrap(), wt::Trap::Interrupt);

        store.epoch_deadline_callback(|mut context| {
            context.data_mut().push("continue");
            Ok(wt::UpdateDeadline::Continue(1))
        });
        func.call(&mut store, ()).unwrap();
        func.call(&mut store, ()).unwrap();
        assert_eq!(*store.data(), ["continue"]);

        store.engine().increment_epoch();
        store.epoch_deadline_callback(|_| Ok(wt::UpdateDeadline::Interrupt));
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast::<wt::Trap>().unwrap(), wt::Trap::Interrupt);

        store.epoch_deadline_callback(|_| wt::bail!("not today"));
        let error = func.call(&mut store, ()).unwrap_err();
        assert!(format!("{error:#}").contains("not today"), "{error:#}");

        store.epoch_deadline_trap();
        func.call(&mut store, ()).unwrap_err();
    }

    #[test]
    fn deadlines_yield() {
        let (mut store, func) = ticking();
        store.epoch_deadline_callback(|_| Ok(wt::UpdateDeadline::Yield(1)));
        let (result, polls) = block_on(func.call_async(&mut store, ()));
        result.unwrap();
        assert_eq!(polls, 2);

        store.engine().increment_epoch();
        store.epoch_deadline_callback(|_| {
            let pause: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(yield_times(3));
            Ok(wt::UpdateDeadline::YieldCustom(1, pause))
        });
        let (result, polls) = block_on(func.call_async(&mut store, ()));
        result.unwrap();
        assert_eq!(polls, 4);

        store.engine().increment_epoch();
        store.epoch_deadline_async_yield_and_update(1);
        let (result, polls) = block_on(func.call_async(&mut store, ()));
        result.unwrap();
        assert_eq!(polls, 2);
    }

    /// `UpdateDeadline` is non-exhaustive: the wildcard must stay reachable from outside.
    #[test]
    fn deadline_variants() {
        fn name(update: &wt::UpdateDeadline) -> &'static str {
            match update {
                wt::UpdateDeadline::Interrupt => "interrupt",
                wt::UpdateDeadline::Continue(0_u64) => "continue 0",
                wt::UpdateDeadline::Yield(_) => "yield",
                wt::UpdateDeadline::YieldCustom(_, _) => "yield custom",
                _ => "other",
            }
        }
        assert_eq!(name(&wt::UpdateDeadline::Continue(0)), "continue 0");
        assert_eq!(name(&wt::UpdateDeadline::Continue(1)), "other");
    }

    /// Pending `times` times, waking itself.
    pub(super) async fn yield_times(mut times: usize) {
        std::future::poll_fn(|cx| {
            if times == 0 {
                return std::task::Poll::Ready(());
            }
            times -= 1;
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    }
}

/// Section 2: resource limits.
mod limits {
    use super::{block_on, wt};
    use std::pin::Pin;

    type Grow<'f> = Pin<Box<dyn Future<Output = wt::Result<bool>> + Send + 'f>>;

    /// Only what has no default.
    struct Required;

    impl wt::ResourceLimiter for Required {
        fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wt::Result<bool> {
            Ok(true)
        }

        fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wt::Result<bool> {
            Ok(true)
        }
    }

    /// Spelled as `#[async_trait]` expands it, which is what an implementer's attribute emits.
    impl wt::ResourceLimiterAsync for Required {
        fn memory_growing<'life0, 'async_trait>(
            &'life0 mut self,
            _current: usize,
            desired: usize,
            _maximum: Option<usize>,
        ) -> Grow<'async_trait>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async move {
                super::store::yield_times(3).await;
                Ok(desired <= 2 << 16)
            })
        }

        fn table_growing<'life0, 'async_trait>(
            &'life0 mut self,
            _current: usize,
            _desired: usize,
            _maximum: Option<usize>,
        ) -> Grow<'async_trait>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Ok(true) })
        }
    }

    fn methods<L: wt::ResourceLimiter, A: wt::ResourceLimiterAsync>() {
        type Growing<L> = fn(&mut L, usize, usize, Option<usize>) -> wt::Result<bool>;
        sigs! {
            L::memory_growing => Growing<L>;
            L::memory_grow_failed => fn(&mut L, wt::Error) -> wt::Result<()>;
            L::table_growing => Growing<L>;
            L::table_grow_failed => fn(&mut L, wt::Error) -> wt::Result<()>;
            L::instances => fn(&L) -> usize;
            L::tables => fn(&L) -> usize;
            L::memories => fn(&L) -> usize;

            A::memory_grow_failed => fn(&mut A, wt::Error) -> wt::Result<()>;
            A::table_grow_failed => fn(&mut A, wt::Error) -> wt::Result<()>;
            A::instances => fn(&A) -> usize;
            A::tables => fn(&A) -> usize;
            A::memories => fn(&A) -> usize;
        }
        bounds! {
            L => [Send];
            A => [Send];
        }
    }

    /// Apart, because a `where` clause on the lifetime rules out a fn pointer.
    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn async_growing<'l, A: wt::ResourceLimiterAsync>(limiter: &'l mut A, table: bool) -> Grow<'l> {
        let (current, desired, maximum): (usize, usize, Option<usize>) = (0, 1, None);
        if table {
            limiter.table_growing(current, desired, maximum)
        } else {
            limiter.memory_growing(current, desired, maximum)
        }
    }

    #[test]
    fn signatures() {
        type B = wt::StoreLimitsBuilder;
        methods::<Required, Required>();
        sigs! {
            wt::StoreLimitsBuilder::new => fn() -> B;
            wt::StoreLimitsBuilder::memory_size => fn(B, usize) -> B;
            wt::StoreLimitsBuilder::table_elements => fn(B, usize) -> B;
            wt::StoreLimitsBuilder::instances => fn(B, usize) -> B;
            wt::StoreLimitsBuilder::tables => fn(B, usize) -> B;
            wt::StoreLimitsBuilder::memories => fn(B, usize) -> B;
            wt::StoreLimitsBuilder::trap_on_grow_failure => fn(B, bool) -> B;
            wt::StoreLimitsBuilder::build => fn(B) -> wt::StoreLimits;
            wt::DEFAULT_INSTANCE_LIMIT => usize;
            wt::DEFAULT_TABLE_LIMIT => usize;
            wt::DEFAULT_MEMORY_LIMIT => usize;
        }
        bounds! {
            wt::StoreLimits => [Clone + std::fmt::Debug + Default + wt::ResourceLimiter];
        }
        // Both are used as trait objects.
        let _: &mut dyn wt::ResourceLimiter = &mut Required;
        let _: &mut dyn wt::ResourceLimiterAsync = &mut Required;
    }

    #[test]
    fn defaults() {
        let expect = [10_000; 3];
        let limits = wt::StoreLimits::default();
        let of = |l: &dyn wt::ResourceLimiter| [l.instances(), l.tables(), l.memories()];
        assert_eq!(of(&limits), expect);
        assert_eq!(of(&Required), expect);
        let consts = [
            wt::DEFAULT_INSTANCE_LIMIT,
            wt::DEFAULT_TABLE_LIMIT,
            wt::DEFAULT_MEMORY_LIMIT,
        ];
        assert_eq!(consts, expect);
        let built = wt::StoreLimitsBuilder::new()
            .instances(1)
            .tables(2)
            .memories(3)
            .build();
        assert_eq!(of(&built), [1, 2, 3]);
    }

    #[test]
    fn growth_is_refused_with_minus_one_or_an_error() {
        for trap in [false, true] {
            let engine = wt::Engine::default();
            let limits = wt::StoreLimitsBuilder::new().memory_size(2 << 16);
            let limits = limits.trap_on_grow_failure(trap).build();
            let mut store = wt::Store::new(&engine, limits);
            store.limiter(|limits| limits);
            let (memory, grow) = grower(&mut store);
            assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
            assert_eq!(memory.size(&store), 2);
            match grow.call(&mut store, 1) {
                Ok(result) => assert!(!trap && result == -1),
                Err(error) => assert!(trap, "{error:?}"),
            }
            assert!(
                memory.grow(&mut store, 1).is_err(),
                "the host gets an error either way"
            );
        }
    }

    #[test]
    fn an_async_limiter_suspends_the_guest() {
        let mut store = wt::Store::new(&wt::Engine::default(), Required);
        let (memory, grow) = grower(&mut store);
        store.limiter_async(|limiter| limiter);
        let (result, polls) = block_on(grow.call_async(&mut store, 1));
        assert_eq!((result.unwrap(), polls), (1, 4));
        let (result, polls) = block_on(memory.grow_async(&mut store, 1));
        assert!(result.is_err());
        assert_eq!(polls, 4);
        assert!(
            grow.call(&mut store, 1).is_err(),
            "such a store is async only"
        );
    }

    fn grower<T>(store: &mut wt::Store<T>) -> (wt::Memory, wt::TypedFunc<i32, i32>) {
        let wat = r#"(module
            (memory (export "m") 1)
            (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))"#;
        let module = wt::Module::new(store.engine(), wat).unwrap();
        let instance = wt::Instance::new(&mut *store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut *store, "m").unwrap();
        (
            memory,
            instance.get_typed_func(&mut *store, "grow").unwrap(),
        )
    }
}

/// Section 3: modules.
mod module {
    use super::wt;
    use std::ops::Range;
    use std::path::Path;
    use std::ptr::NonNull;

    type R = wt::Result<wt::Module>;

    fn sources<B: AsRef<[u8]>, P: AsRef<Path>>() {
        sigs! {
            wt::Module::new => fn(&wt::Engine, B) -> R;
            wt::Module::from_file => fn(&wt::Engine, P) -> R;
            wt::Module::from_trusted_file => unsafe fn(&wt::Engine, P) -> R;
            wt::Module::deserialize => unsafe fn(&wt::Engine, B) -> R;
            wt::Module::deserialize_file => unsafe fn(&wt::Engine, P) -> R;
        }
    }

    fn imports<'module>(
        module: &'module wt::Module,
    ) -> impl ExactSizeIterator<Item = wt::ImportType<'module>> + 'module {
        module.imports()
    }

    fn exports<'module>(
        module: &'module wt::Module,
    ) -> impl ExactSizeIterator<Item = wt::ExportType<'module>> + 'module {
        module.exports()
    }

    fn address_map<'a>(
        module: &'a wt::Module,
    ) -> Option<impl Iterator<Item = (usize, Option<u32>)> + 'a> {
        module.address_map()
    }

    fn functions<'a>(
        module: &'a wt::Module,
    ) -> impl ExactSizeIterator<Item = wt::ModuleFunction> + 'a {
        module.functions()
    }

    #[test]
    fn signatures() {
        type M = wt::Module;
        sources::<&str, &str>();
        sources::<Vec<u8>, std::path::PathBuf>();
        sigs! {
            wt::Module::from_binary => fn(&wt::Engine, &[u8]) -> R;
            wt::Module::deserialize_raw => unsafe fn(&wt::Engine, NonNull<[u8]>) -> R;
            wt::Module::deserialize_open_file => unsafe fn(&wt::Engine, std::fs::File) -> R;
            wt::Module::validate => fn(&wt::Engine, &[u8]) -> wt::Result<()>;
            wt::Module::serialize => fn(&M) -> wt::Result<Vec<u8>>;
            wt::Module::name => fn(&M) -> Option<&str>;
            wt::Module::get_export => fn(&M, &str) -> Option<wt::ExternType>;
            wt::Module::get_export_index => fn(&M, &str) -> Option<wt::ModuleExport>;
            wt::Module::engine => fn(&M) -> &wt::Engine;
            wt::Module::resources_required => fn(&M) -> wt::ResourcesRequired;
            wt::Module::image_range => fn(&M) -> Range<*const u8>;
            wt::Module::initialize_copy_on_write_image => fn(&M) -> wt::Result<()>;
            wt::Module::text => fn(&M) -> &[u8];
            wt::Module::same => fn(&M, &M) -> bool;
        }
        bounds! {
            wt::Module => [Clone + std::fmt::Debug];
            wt::ModuleExport => [Copy];
        }
    }

    #[test]
    fn descriptions() {
        let engine = wt::Engine::default();
        let wat = r#"(module $m
            (import "a" "f" (func $f (param i32)))
            (import "a" "g" (global i64))
            (memory (export "mem") 2 3)
            (table (export "tab") 5 funcref)
            (func $run (export "run") (result f32) f32.const 0))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        assert_eq!(module.name(), Some("m"));
        assert!(wt::Engine::same(module.engine(), &engine));
        assert!(wt::Module::same(&module, &module.clone()));
        assert!(!wt::Module::same(
            &module,
            &wt::Module::new(&engine, wat).unwrap()
        ));

        let mut list = imports(&module);
        assert_eq!(list.len(), 2);
        let first = list.next().unwrap();
        assert_eq!((first.module(), first.name()), ("a", "f"));
        assert!(matches!(first.ty(), wt::ExternType::Func(ty) if ty.params().len() == 1));
        assert!(matches!(
            list.next().unwrap().ty(),
            wt::ExternType::Global(_)
        ));

        let names: Vec<_> = exports(&module).map(|export| export.name()).collect();
        assert_eq!(names, ["mem", "tab", "run"]);
        assert!(matches!(
            module.get_export("run"),
            Some(wt::ExternType::Func(_))
        ));
        assert!(module.get_export("nope").is_none());
        assert!(module.get_export_index("mem").is_some());
        assert!(module.get_export_index("nope").is_none());

        let wt::ResourcesRequired {
            num_memories,
            max_initial_memory_size,
            num_tables,
            max_initial_table_size,
        } = module.resources_required();
        let _: (u32, Option<u64>) = (num_memories, max_initial_memory_size);
        let _: (u32, Option<u64>) = (num_tables, max_initial_table_size);
        assert_eq!((num_memories, max_initial_memory_size), (1, Some(2)));
        assert_eq!((num_tables, max_initial_table_size), (1, Some(5)));
    }

    #[test]
    fn machine_code_is_described() {
        let module = wt::Module::new(&wt::Engine::default(), "(module (func $only))").unwrap();
        let mut list = functions(&module);
        assert_eq!(list.len(), 1);
        let function = list.next().unwrap();
        let _: (wt::StaticModuleIndex, wt::FuncIndex) = (function.module, function.index);
        let _: &Option<String> = &function.name;
        let (offset, len): (usize, usize) = (function.offset, function.len);
        assert!(len > 0 && offset + len <= module.text().len());
        let range = module.image_range();
        assert!(range.contains(&module.text().as_ptr()));
        let starts: Vec<_> = address_map(&module).unwrap().collect();
        assert!(starts.iter().any(|(_, wasm)| wasm.is_some()));
    }

    #[test]
    fn binary_only_where_it_says_so() {
        let engine = wt::Engine::default();
        assert!(wt::Module::from_binary(&engine, b"(module)").is_err());
        assert!(wt::Module::from_binary(&engine, b"\0asm\x01\0\0\0").is_ok());
        assert!(wt::Module::validate(&engine, b"\0asm\x01\0\0\0").is_ok());
        assert!(wt::Module::validate(&engine, b"\0asm\x02\0\0\0").is_err());
        assert!(wt::Module::from_file(&engine, "/no/such/file.wasm").is_err());
    }
}

/// Section 3: linkers.
mod linker {
    use super::{output, wt};
    use std::mem::MaybeUninit;

    type L<T> = wt::Linker<T>;
    type Chained<'l, T> = wt::Result<&'l mut wt::Linker<T>>;

    /// What needs nothing of `T`, not even `'static`.
    fn of_anything<T>() {
        sigs! {
            wt::Linker::new => fn(&wt::Engine) -> L<T>;
            wt::Linker::engine => fn(&L<T>) -> &wt::Engine;
            wt::Linker::allow_shadowing => for<'l> fn(&'l mut L<T>, bool) -> &'l mut L<T>;
            wt::Linker::allow_unknown_exports => for<'l> fn(&'l mut L<T>, bool) -> &'l mut L<T>;
            wt::Linker::alias => for<'l> fn(&'l mut L<T>, &str, &str, &str, &str) -> Chained<'l, T>;
            wt::Linker::alias_module => fn(&mut L<T>, &str, &str) -> wt::Result<()>;
            <L<T> as Clone>::clone => fn(&L<T>) -> L<T>;
        }
    }

    fn of_stores<T, Shared, Unique, Item>()
    where
        T: 'static,
        Shared: wt::AsContext<Data = T>,
        Unique: wt::AsContextMut<Data = T>,
        Item: Into<wt::Extern>,
    {
        sigs! {
            wt::Linker::default => fn() -> L<T>;
            wt::Linker::define_unknown_imports_as_traps =>
                fn(&mut L<T>, &wt::Module) -> wt::Result<()>;
            wt::Linker::define_unknown_imports_as_default_values =>
                fn(&mut L<T>, Unique, &wt::Module) -> wt::Result<()>;
            wt::Linker::define =>
                for<'l> fn(&'l mut L<T>, Shared, &str, &str, Item) -> Chained<'l, T>;
            wt::Linker::instance =>
                for<'l> fn(&'l mut L<T>, Unique, &str, wt::Instance) -> Chained<'l, T>;
            wt::Linker::module =>
                for<'l> fn(&'l mut L<T>, Unique, &str, &wt::Module) -> Chained<'l, T>;
            wt::Linker::instantiate => fn(&L<T>, Unique, &wt::Module) -> wt::Result<wt::Instance>;
            wt::Linker::instantiate_pre => fn(&L<T>, &wt::Module) -> wt::Result<wt::InstancePre<T>>;
            wt::Linker::get => fn(&L<T>, Unique, &str, &str) -> wt::Result<wt::Extern>;
            wt::Linker::get_by_import =>
                fn(&L<T>, Unique, &wt::ImportType<'_>) -> Option<wt::Extern>;
            wt::Linker::try_get_by_import =>
                fn(&L<T>, Unique, &wt::ImportType<'_>) -> wt::Result<Option<wt::Extern>>;
            wt::Linker::get_default => fn(&L<T>, Unique, &str) -> wt::Result<wt::Func>;
        }
    }

    fn iter<'a: 'p, 'p, T: 'static>(
        linker: &'a L<T>,
        store: impl wt::AsContextMut<Data = T> + 'p,
    ) -> impl Iterator<Item = (&'a str, &'a str, wt::Extern)> + 'p {
        linker.iter(store)
    }

    fn host_functions<T, Dynamic, Raw, Typed, P, R>()
    where
        T: 'static,
        Dynamic: Fn(wt::Caller<'_, T>, &[wt::Val], &mut [wt::Val]) -> wt::Result<()>
            + Send
            + Sync
            + 'static,
        Raw: Fn(wt::Caller<'_, T>, &mut [MaybeUninit<wt::ValRaw>]) -> wt::Result<()>
            + Send
            + Sync
            + 'static,
        Typed: wt::IntoFunc<T, P, R>,
    {
        sigs! {
            wt::Linker::func_new =>
                for<'l> fn(&'l mut L<T>, &str, &str, wt::FuncType, Dynamic) -> Chained<'l, T>;
            wt::Linker::func_new_unchecked =>
                for<'l> unsafe fn(&'l mut L<T>, &str, &str, wt::FuncType, Raw) -> Chained<'l, T>;
            wt::Linker::func_wrap::<P, R> =>
                for<'l> fn(&'l mut L<T>, &str, &str, Typed) -> Chained<'l, T>;
        }
    }

    fn async_host_functions<T, Dynamic, Typed, P, R>()
    where
        T: Send + 'static,
        Dynamic: for<'a> Fn(
                wt::Caller<'a, T>,
                &'a [wt::Val],
                &'a mut [wt::Val],
            ) -> Box<dyn Future<Output = wt::Result<()>> + Send + 'a>
            + Send
            + Sync
            + 'static,
        Typed: for<'a> Fn(wt::Caller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a>
            + Send
            + Sync
            + 'static,
        P: wt::WasmTyList,
        R: wt::WasmRet,
    {
        sigs! {
            wt::Linker::func_new_async::<Dynamic> =>
                for<'l> fn(&'l mut L<T>, &str, &str, wt::FuncType, Dynamic) -> Chained<'l, T>;
            wt::Linker::func_wrap_async::<Typed, P, R> =>
                for<'l> fn(&'l mut L<T>, &str, &str, Typed) -> Chained<'l, T>;
        }
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn futures<'l, T: Send + 'static>(
        linker: &'l mut L<T>,
        store: &mut wt::Store<T>,
        module: &wt::Module,
    ) {
        output::<wt::Result<wt::Instance>>(linker.instantiate_async(&mut *store, module));
        output::<Chained<'l, T>>(linker.module_async(&mut *store, "", module));
    }

    #[test]
    fn signatures() {
        type DynamicAsync = for<'a> fn(
            wt::Caller<'a, u32>,
            &'a [wt::Val],
            &'a mut [wt::Val],
        )
            -> Box<dyn Future<Output = wt::Result<()>> + Send + 'a>;
        type TypedAsync = for<'a> fn(
            wt::Caller<'a, u32>,
            (i32, f64),
        ) -> Box<dyn Future<Output = i64> + Send + 'a>;
        of_anything::<&u32>();
        of_stores::<u32, &wt::Store<u32>, &mut wt::Store<u32>, wt::Func>();
        host_functions::<
            u32,
            fn(wt::Caller<'_, u32>, &[wt::Val], &mut [wt::Val]) -> wt::Result<()>,
            fn(wt::Caller<'_, u32>, &mut [MaybeUninit<wt::ValRaw>]) -> wt::Result<()>,
            fn(i32),
            _,
            _,
        >();
        async_host_functions::<u32, DynamicAsync, TypedAsync, _, _>();
        sigs! {
            wt::UnknownImportError::module => fn(&wt::UnknownImportError) -> &str;
            wt::UnknownImportError::name => fn(&wt::UnknownImportError) -> &str;
            wt::UnknownImportError::ty => fn(&wt::UnknownImportError) -> wt::ExternType;
        }
        bounds! {
            wt::Linker<u32> => [Clone + std::fmt::Debug + Default];
            wt::UnknownImportError => [Clone + std::error::Error];
        }
    }

    #[test]
    fn definitions() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let mut linker = wt::Linker::new(&engine);
        linker
            .func_wrap("m", "f", || {})
            .unwrap()
            .func_wrap("m", "g", |x: i32| x)
            .unwrap();
        assert!(
            linker.func_wrap("m", "f", || {}).is_err(),
            "shadowing is off by default"
        );
        linker
            .allow_shadowing(true)
            .func_wrap("m", "f", || 1_i64)
            .unwrap();
        linker.alias("m", "g", "n", "h").unwrap();
        linker.alias_module("n", "o").unwrap();
        let mut all: Vec<_> = iter(&linker, &mut store).map(|(m, n, _)| (m, n)).collect();
        all.sort_unstable();
        assert_eq!(all, [("m", "f"), ("m", "g"), ("n", "h"), ("o", "h")]);
        let item = linker.get(&mut store, "o", "h").unwrap();
        assert_eq!(item.into_func().unwrap().ty(&store).params().len(), 1);
        assert!(linker.get(&mut store, "o", "nope").is_err());
    }

    #[test]
    fn unknown_imports_can_be_defined() {
        let engine = wt::Engine::default();
        let wat = r#"(module
            (import "a" "b" (func $f (result i32)))
            (func (export "run") (result i32) call $f))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let run = |linker: &wt::Linker<()>| {
            let mut store = wt::Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let run = instance
                .get_typed_func::<(), i32>(&mut store, "run")
                .unwrap();
            run.call(&mut store, ())
        };
        let mut linker = wt::Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let error = run(&linker).unwrap_err();
        let unknown = error.downcast_ref::<wt::UnknownImportError>().unwrap();
        assert_eq!((unknown.module(), unknown.name()), ("a", "b"));

        let mut store = wt::Store::new(&engine, ());
        let mut linker = wt::Linker::new(&engine);
        linker
            .define_unknown_imports_as_default_values(&mut store, &module)
            .unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance
            .get_typed_func::<(), i32>(&mut store, "run")
            .unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 0);
    }
}

/// Section 3: instances.
mod instance {
    use super::{output, output_local, wt};

    type I = wt::Instance;

    fn of_contexts<'a, T, C, Shared>()
    where
        T: 'static,
        C: wt::AsContextMut<Data = T>,
        Shared: Into<wt::StoreContext<'a, T>>,
    {
        sigs! {
            wt::Instance::new => fn(C, &wt::Module, &[wt::Extern]) -> wt::Result<I>;
            wt::Instance::module::<T> => fn(&I, Shared) -> &'a wt::Module;
            wt::Instance::get_export => fn(&I, C, &str) -> Option<wt::Extern>;
            wt::Instance::get_module_export => fn(&I, C, &wt::ModuleExport) -> Option<wt::Extern>;
            wt::Instance::get_func => fn(&I, C, &str) -> Option<wt::Func>;
            wt::Instance::get_table => fn(&I, C, &str) -> Option<wt::Table>;
            wt::Instance::get_memory => fn(&I, C, &str) -> Option<wt::Memory>;
            wt::Instance::get_shared_memory => fn(&I, C, &str) -> Option<wt::SharedMemory>;
            wt::Instance::get_global => fn(&I, C, &str) -> Option<wt::Global>;
            wt::Instance::get_tag => fn(&I, C, &str) -> Option<wt::Tag>;
            wt::InstancePre::instantiate => fn(&wt::InstancePre<T>, C) -> wt::Result<I>;
            wt::InstancePre::module => fn(&wt::InstancePre<T>) -> &wt::Module;
        }
    }

    fn typed<C: wt::AsContextMut, P: wt::WasmParams, R: wt::WasmResults>() {
        sigs! {
            wt::Instance::get_typed_func::<P, R> =>
                fn(&I, C, &str) -> wt::Result<wt::TypedFunc<P, R>>;
        }
    }

    fn exports<'a, T: 'static>(
        instance: &'a I,
        store: impl Into<wt::StoreContextMut<'a, T>>,
    ) -> impl ExactSizeIterator<Item = wt::Export<'a>> + 'a {
        instance.exports(store)
    }

    fn cloned<T>() {
        sigs! {
            <wt::InstancePre<T> as Clone>::clone => fn(&wt::InstancePre<T>) -> wt::InstancePre<T>;
        }
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn futures<T: Send + 'static>(
        store: &mut wt::Store<T>,
        module: &wt::Module,
        pre: &wt::InstancePre<T>,
    ) {
        output::<wt::Result<I>>(I::new_async(&mut *store, module, &[]));
        output::<wt::Result<I>>(pre.instantiate_async(&mut *store));
    }

    /// Data that is not `Send` costs the future its `Send`, not its use.
    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn local_futures<T: 'static>(
        mut store: impl wt::AsContextMut<Data = T>,
        module: &wt::Module,
        pre: &wt::InstancePre<T>,
    ) {
        output_local::<wt::Result<I>>(I::new_async(&mut store, module, &[]));
        output_local::<wt::Result<I>>(pre.instantiate_async(&mut store));
    }

    #[test]
    fn signatures() {
        type S<'s> = &'s mut wt::Store<u32>;
        of_contexts::<u32, S<'_>, S<'_>>();
        typed::<S<'_>, (), i32>();
        cloned::<&u32>();
        bounds! {
            wt::Instance => [Copy + std::fmt::Debug + Eq];
        }
    }

    #[test]
    fn exports_by_name_by_index_and_in_order() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let wat = r#"(module
            (func (export "f") (param i32))
            (memory (export "m") 1)
            (table (export "t") 1 funcref)
            (global (export "g") i32 i32.const 7))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let instance = I::new(&mut store, &module, &[]).unwrap();
        assert!(wt::Module::same(instance.module(&store), &module));
        let all = exports(&instance, &mut store);
        assert_eq!(all.len(), 4);
        let names: Vec<&str> = all.map(|export| export.name()).collect();
        assert_eq!(names, ["f", "m", "t", "g"]);

        let index = module.get_export_index("g").unwrap();
        let global = instance.get_module_export(&mut store, &index).unwrap();
        let global = global.into_global().unwrap();
        assert_eq!(global.get(&mut store).unwrap_i32(), 7);
        assert!(instance.get_func(&mut store, "f").is_some());
        assert!(instance.get_memory(&mut store, "m").is_some());
        assert!(instance.get_table(&mut store, "t").is_some());
        assert!(instance.get_global(&mut store, "g").is_some());
        assert!(instance.get_export(&mut store, "nope").is_none());
        assert!(
            instance.get_func(&mut store, "m").is_none(),
            "of another kind"
        );
        assert!(
            instance.get_shared_memory(&mut store, "m").is_none(),
            "not shared"
        );
        assert!(instance.get_tag(&mut store, "m").is_none());
        assert!(instance.get_typed_func::<i32, ()>(&mut store, "f").is_ok());
        assert!(instance.get_typed_func::<i64, ()>(&mut store, "f").is_err());
        assert!(
            instance
                .get_typed_func::<(), ()>(&mut store, "nope")
                .is_err()
        );

        let pre = wt::Linker::new(&engine).instantiate_pre(&module).unwrap();
        assert!(wt::Module::same(pre.clone().module(), &module));
        let other = pre.instantiate(&mut store).unwrap();
        assert_ne!(instance, other);
    }
}

/// Section 4: functions.
mod func {
    use super::{block_on, output, wt};
    use std::ffi::c_void;
    use std::mem::MaybeUninit;

    type F = wt::Func;

    fn of_contexts<T, C, Shared, Dynamic, Raw>()
    where
        T: 'static,
        C: wt::AsContextMut<Data = T>,
        Shared: wt::AsContext,
        Dynamic: Fn(wt::Caller<'_, T>, &[wt::Val], &mut [wt::Val]) -> wt::Result<()>
            + Send
            + Sync
            + 'static,
        Raw: Fn(wt::Caller<'_, T>, &mut [MaybeUninit<wt::ValRaw>]) -> wt::Result<()>
            + Send
            + Sync
            + 'static,
    {
        sigs! {
            wt::Func::new::<T> => fn(C, wt::FuncType, Dynamic) -> F;
            wt::Func::try_new::<T> => fn(C, wt::FuncType, Dynamic) -> wt::Result<F>;
            wt::Func::new_unchecked::<T> => unsafe fn(C, wt::FuncType, Raw) -> F;
            wt::Func::ty => fn(&F, Shared) -> wt::FuncType;
            wt::Func::matches_ty => fn(&F, Shared, &wt::FuncType) -> bool;
            wt::Func::call => fn(&F, C, &[wt::Val], &mut [wt::Val]) -> wt::Result<()>;
            wt::Func::call_unchecked => unsafe fn(&F, C, *mut [wt::ValRaw]) -> wt::Result<()>;
            wt::Func::from_raw => unsafe fn(C, *mut c_void) -> Option<F>;
            wt::Func::to_raw => fn(&F, C) -> *mut c_void;
        }
    }

    fn typed<T, C, Shared, Host, P, R, HostP, HostR>()
    where
        T: 'static,
        C: wt::AsContextMut<Data = T>,
        Shared: wt::AsContext,
        Host: wt::IntoFunc<T, HostP, HostR>,
        P: wt::WasmParams,
        R: wt::WasmResults,
    {
        type Typed<P, R> = wt::TypedFunc<P, R>;
        sigs! {
            wt::Func::wrap::<T, HostP, HostR> => fn(C, Host) -> F;
            wt::Func::try_wrap::<T, HostP, HostR> => fn(C, Host) -> wt::Result<F>;
            wt::Func::typed::<P, R> => fn(&F, Shared) -> wt::Result<Typed<P, R>>;
            wt::TypedFunc::new_unchecked => unsafe fn(Shared, F) -> Typed<P, R>;
            wt::TypedFunc::func => fn(&Typed<P, R>) -> &F;
            wt::TypedFunc::call => fn(&Typed<P, R>, C, P) -> wt::Result<R>;
            <Typed<P, R> as Clone>::clone => fn(&Typed<P, R>) -> Typed<P, R>;
        }
        bounds! {
            Host => [Send + Sync + 'static];
            P => [Send];
            R => [wt::WasmParams];
        }
    }

    fn asynchronous<T, C, Dynamic, Typed, P, R>()
    where
        T: Send + 'static,
        C: wt::AsContextMut<Data = T>,
        Dynamic: for<'a> Fn(
                wt::Caller<'a, T>,
                &'a [wt::Val],
                &'a mut [wt::Val],
            ) -> Box<dyn Future<Output = wt::Result<()>> + Send + 'a>
            + Send
            + Sync
            + 'static,
        Typed: for<'a> Fn(wt::Caller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a>
            + Send
            + Sync
            + 'static,
        P: wt::WasmTyList,
        R: wt::WasmRet,
    {
        sigs! {
            wt::Func::new_async::<T, Dynamic> => fn(C, wt::FuncType, Dynamic) -> F;
            wt::Func::wrap_async::<T, Typed, P, R> => fn(C, Typed) -> F;
        }
    }

    #[expect(
        clippy::extra_unused_lifetimes,
        reason = "one lifetime for the whole table"
    )]
    fn caller<'a, T: 'static>() {
        type C<'a, T> = wt::Caller<'a, T>;
        sigs! {
            wt::Caller::get_export => fn(&mut C<'a, T>, &str) -> Option<wt::Extern>;
            wt::Caller::get_module_export =>
                fn(&mut C<'a, T>, &wt::ModuleExport) -> Option<wt::Extern>;
            wt::Caller::data => for<'c> fn(&'c C<'a, T>) -> &'c T;
            wt::Caller::data_mut => for<'c> fn(&'c mut C<'a, T>) -> &'c mut T;
            wt::Caller::engine => for<'c> fn(&'c C<'a, T>) -> &'c wt::Engine;
            wt::Caller::gc =>
                fn(&mut C<'a, T>, Option<&wt::GcHeapOutOfMemory<()>>) -> wt::Result<()>;
            wt::Caller::gc_heap_capacity => fn(&C<'a, T>) -> usize;
            wt::Caller::get_fuel => fn(&C<'a, T>) -> wt::Result<u64>;
            wt::Caller::set_fuel => fn(&mut C<'a, T>, u64) -> wt::Result<()>;
            wt::Caller::fuel_async_yield_interval =>
                fn(&mut C<'a, T>, Option<u64>) -> wt::Result<()>;
        }
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn futures<T, P, R>(
        store: &mut wt::Store<T>,
        caller: &mut wt::Caller<'_, T>,
        func: &F,
        typed: &wt::TypedFunc<P, R>,
        params: P,
    ) where
        T: Send + 'static,
        P: wt::WasmParams + Sync,
        R: wt::WasmResults + Sync,
    {
        output::<wt::Result<()>>(func.call_async(&mut *store, &[], &mut []));
        output::<wt::Result<R>>(typed.call_async(&mut *store, params));
        output::<wt::Result<()>>(func.call_async(&mut *caller, &[], &mut []));
        output::<wt::Result<()>>(caller.gc_async(None));
    }

    #[test]
    fn signatures() {
        type S<'s> = &'s mut wt::Store<u32>;
        type DynamicAsync = for<'a> fn(
            wt::Caller<'a, u32>,
            &'a [wt::Val],
            &'a mut [wt::Val],
        )
            -> Box<dyn Future<Output = wt::Result<()>> + Send + 'a>;
        type TypedAsync = for<'a> fn(
            wt::Caller<'a, u32>,
            (),
        )
            -> Box<dyn Future<Output = wt::Result<i64>> + Send + 'a>;
        of_contexts::<
            u32,
            S<'_>,
            &wt::Store<u32>,
            fn(wt::Caller<'_, u32>, &[wt::Val], &mut [wt::Val]) -> wt::Result<()>,
            fn(wt::Caller<'_, u32>, &mut [MaybeUninit<wt::ValRaw>]) -> wt::Result<()>,
        >();
        typed::<u32, S<'_>, S<'_>, fn(i32) -> f64, (i32, i64), f32, _, _>();
        asynchronous::<u32, S<'_>, DynamicAsync, TypedAsync, _, _>();
        caller::<u32>();
        sigs! {
            wt::NoFunc::null => fn() -> Option<wt::NoFunc>;
            wt::NoFunc::null_ref => fn() -> wt::Ref;
            wt::NoFunc::null_val => fn() -> wt::Val;
        }
        bounds! {
            wt::Func => [Copy + std::fmt::Debug];
            wt::NoFunc => [Copy + std::fmt::Debug + Eq];
        }
    }

    #[test]
    fn what_crosses_the_boundary() {
        type SixTuple = (i32, i64, f32, f64, wt::V128, Option<wt::Func>);
        type Seventeen = (
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
            i32,
        );
        bounds! {
            i32 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            u32 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            i64 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            u64 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            f32 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            f64 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            wt::V128 => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            wt::Func => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            Option<wt::Func> => [wt::WasmTy + wt::WasmParams + wt::WasmResults + wt::WasmRet];
            wt::NoFunc => [wt::WasmTy];
            Option<wt::NoFunc> => [wt::WasmTy];
            () => [wt::WasmParams + wt::WasmResults + wt::WasmTyList + wt::WasmRet];
            (i32,) => [wt::WasmParams + wt::WasmResults + wt::WasmTyList + wt::WasmRet];
            SixTuple => [wt::WasmParams + wt::WasmResults + wt::WasmTyList + wt::WasmRet];
            Seventeen => [wt::WasmParams + wt::WasmResults + wt::WasmTyList + wt::WasmRet];
            wt::Result<()> => [wt::WasmRet];
            wt::Result<i32> => [wt::WasmRet];
            wt::Result<SixTuple> => [wt::WasmRet];
        }
        let types: Vec<wt::ValType> = <(i32, f64) as wt::WasmTyList>::valtypes().collect();
        assert!(matches!(types[..], [wt::ValType::I32, wt::ValType::F64]));
    }

    /// Closures of 0 to 17 arguments, with and without the caller in front.
    #[test]
    fn closures_of_every_arity() {
        fn arity<T: 'static, P, R>(
            store: &mut wt::Store<T>,
            func: impl wt::IntoFunc<T, P, R>,
        ) -> usize {
            let func = wt::Func::wrap(&mut *store, func);
            func.ty(&*store).params().len()
        }
        macro_rules! arities {
            ($store:ident: $($count:literal [$($arg:ident)*])*) => {$(
                assert_eq!(arity(&mut $store, |$($arg: i32),*| { let _ = ($($arg,)*); }), $count);
                assert_eq!(
                    arity(&mut $store, |caller: wt::Caller<'_, u32>, $($arg: i32),*| -> wt::Result<i64> {
                        let _ = ($($arg,)*);
                        Ok(i64::from(*caller.data()))
                    }),
                    $count,
                );
            )*};
        }
        let mut store = wt::Store::<u32>::default();
        arities! { store:
            0 []
            1 [a]
            2 [a b]
            3 [a b c]
            4 [a b c d]
            5 [a b c d e]
            6 [a b c d e f]
            7 [a b c d e f g]
            8 [a b c d e f g h]
            9 [a b c d e f g h i]
            10 [a b c d e f g h i j]
            11 [a b c d e f g h i j k]
            12 [a b c d e f g h i j k l]
            13 [a b c d e f g h i j k l m]
            14 [a b c d e f g h i j k l m n]
            15 [a b c d e f g h i j k l m n o]
            16 [a b c d e f g h i j k l m n o p]
            17 [a b c d e f g h i j k l m n o p q]
        }
    }

    #[test]
    fn dynamic_calls_check_both_sides() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let ty = wt::FuncType::new(&engine, [wt::ValType::I32], [wt::ValType::I64]);
        let good = wt::Func::new(&mut store, ty.clone(), |_, params, results| {
            results[0] = wt::Val::I64(params[0].unwrap_i32().into());
            Ok(())
        });
        assert!(good.matches_ty(&store, &ty));
        let mut results = [wt::Val::I32(0)];
        good.call(&mut store, &[wt::Val::I32(5)], &mut results)
            .unwrap();
        assert_eq!(results[0].unwrap_i64(), 5);
        assert!(
            good.call(&mut store, &[wt::Val::I64(5)], &mut results)
                .is_err()
        );
        let liar = wt::Func::new(&mut store, ty, |_, _, results| {
            results[0] = wt::Val::F32(0);
            Ok(())
        });
        assert!(
            liar.call(&mut store, &[wt::Val::I32(5)], &mut results)
                .is_err()
        );
        assert!(wt::NoFunc::null().is_none());
        assert!(wt::NoFunc::null_ref().is_null());
        assert!(matches!(wt::NoFunc::null_val(), wt::Val::FuncRef(None)));
    }

    #[test]
    fn raw_handles_round_trip() {
        let mut store = wt::Store::<()>::default();
        let func = wt::Func::wrap(&mut store, || 7_i32);
        let raw = func.to_raw(&mut store);
        assert!(!raw.is_null());
        // SAFETY: the pointer was made by `to_raw` on a function of this very store.
        let again = unsafe { wt::Func::from_raw(&mut store, raw) }.unwrap();
        let typed = again.typed::<(), i32>(&store).unwrap();
        assert_eq!(typed.clone().call(&mut store, ()).unwrap(), 7);
        // SAFETY: null is the other pointer `from_raw` admits.
        assert!(unsafe { wt::Func::from_raw(&mut store, std::ptr::null_mut()) }.is_none());
    }

    #[test]
    fn the_caller_reaches_its_instance() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, 0_usize);
        let mut linker = wt::Linker::new(&engine);
        linker
            .func_wrap(
                "h",
                "f",
                |mut caller: wt::Caller<'_, usize>, at: u32| -> wt::Result<u32> {
                    let memory = caller
                        .get_export("m")
                        .and_then(wt::Extern::into_memory)
                        .unwrap();
                    let (bytes, data) = memory.data_and_store_mut(&mut caller);
                    *data += bytes.len();
                    let at = usize::try_from(at)?;
                    Ok(u32::from(bytes[at]))
                },
            )
            .unwrap();
        let wat = r#"(module
            (import "h" "f" (func $f (param i32) (result i32)))
            (memory (export "m") 1)
            (data (i32.const 9) "A")
            (func (export "run") (result i32) (call $f (i32.const 9))))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance
            .get_typed_func::<(), u32>(&mut store, "run")
            .unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 65);
        assert_eq!(*store.data(), 65536);
    }

    /// The three async forms, each suspending three times in mid-call.
    #[test]
    fn async_host_functions() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, 1_i32);
        let mut linker = wt::Linker::new(&engine);
        linker
            .func_wrap_async(
                "h",
                "typed",
                |mut caller: wt::Caller<'_, i32>, (a, b): (i32, i64)| {
                    Box::new(async move {
                        super::store::yield_times(3).await;
                        *caller.data_mut() += a;
                        i64::from(*caller.data()) + b
                    })
                },
            )
            .unwrap();
        let ty = wt::FuncType::new(&engine, [wt::ValType::I64], [wt::ValType::I64]);
        linker
            .func_new_async("h", "dynamic", ty, |_caller, params, results| {
                Box::new(async move {
                    super::store::yield_times(3).await;
                    results[0] = wt::Val::I64(params[0].unwrap_i64() * 2);
                    Ok(())
                })
            })
            .unwrap();
        let wat = r#"(module
            (import "h" "typed" (func $typed (param i32 i64) (result i64)))
            (import "h" "dynamic" (func $dynamic (param i64) (result i64)))
            (global $g (mut i64) (i64.const 0))
            (func $start (global.set $g (call $typed (i32.const 1) (i64.const 10))))
            (start $start)
            (func (export "run") (result i64) (call $dynamic (global.get $g))))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let (instance, polls) = block_on(linker.instantiate_async(&mut store, &module));
        let instance = instance.unwrap();
        assert_eq!(polls, 4);
        let run = instance
            .get_typed_func::<(), i64>(&mut store, "run")
            .unwrap();
        let (result, polls) = block_on(run.call_async(&mut store, ()));
        assert_eq!((result.unwrap(), polls), (24, 4));

        let func = wt::Func::wrap_async(&mut store, |_caller, (x,): (i32,)| {
            Box::new(async move {
                super::store::yield_times(1).await;
                if x == 0 {
                    Err(wt::Error::msg("zero"))
                } else {
                    Ok(100 / x)
                }
            })
        });
        let typed = func.typed::<i32, i32>(&store).unwrap();
        assert_eq!(block_on(typed.call_async(&mut store, 5)).0.unwrap(), 20);
        let error = block_on(typed.call_async(&mut store, 0)).0.unwrap_err();
        assert_eq!(error.root_cause().to_string(), "zero");
    }
}

/// Section 5: memories, tables, globals and what holds them.
mod externals {
    use super::{output, output_local, wt};

    fn of_memories<'a, T, C, Shared, IntoShared, IntoUnique>()
    where
        T: 'static,
        C: wt::AsContextMut,
        Shared: wt::AsContext,
        IntoShared: Into<wt::StoreContext<'a, T>>,
        IntoUnique: Into<wt::StoreContextMut<'a, T>>,
    {
        type M = wt::Memory;
        type Access = Result<(), wt::MemoryAccessError>;
        sigs! {
            wt::Memory::new => fn(C, wt::MemoryType) -> wt::Result<M>;
            wt::Memory::ty => fn(&M, Shared) -> wt::MemoryType;
            wt::Memory::read => fn(&M, Shared, usize, &mut [u8]) -> Access;
            wt::Memory::write => fn(&M, C, usize, &[u8]) -> Access;
            wt::Memory::data::<T> => fn(&M, IntoShared) -> &'a [u8];
            wt::Memory::data_mut::<T> => fn(&M, IntoUnique) -> &'a mut [u8];
            wt::Memory::data_and_store_mut::<T> => fn(&M, IntoUnique) -> (&'a mut [u8], &'a mut T);
            wt::Memory::data_ptr => fn(&M, Shared) -> *mut u8;
            wt::Memory::data_size => fn(&M, Shared) -> usize;
            wt::Memory::size => fn(&M, Shared) -> u64;
            wt::Memory::page_size => fn(&M, Shared) -> u64;
            wt::Memory::page_size_log2 => fn(&M, Shared) -> u8;
            wt::Memory::grow => fn(&M, C, u64) -> wt::Result<u64>;
        }
    }

    fn of_tables_and_globals<C: wt::AsContextMut, Shared: wt::AsContext>() {
        type T = wt::Table;
        type G = wt::Global;
        sigs! {
            wt::Table::new => fn(C, wt::TableType, wt::Ref) -> wt::Result<T>;
            wt::Table::ty => fn(&T, Shared) -> wt::TableType;
            wt::Table::get => fn(&T, C, u64) -> Option<wt::Ref>;
            wt::Table::set => fn(&T, C, u64, wt::Ref) -> wt::Result<()>;
            wt::Table::size => fn(&T, Shared) -> u64;
            wt::Table::grow => fn(&T, C, u64, wt::Ref) -> wt::Result<u64>;
            wt::Table::copy => fn(C, &T, u64, &T, u64, u64) -> wt::Result<()>;
            wt::Table::fill => fn(&T, C, u64, wt::Ref, u64) -> wt::Result<()>;
            wt::Global::new => fn(C, wt::GlobalType, wt::Val) -> wt::Result<G>;
            wt::Global::ty => fn(&G, Shared) -> wt::GlobalType;
            wt::Global::get => fn(&G, C) -> wt::Val;
            wt::Global::set => fn(&G, C, wt::Val) -> wt::Result<()>;
        }
    }

    #[expect(
        clippy::extra_unused_lifetimes,
        reason = "one lifetime for the whole table"
    )]
    fn of_externs<'i, Shared: wt::AsContext>() {
        type E<'i> = wt::Export<'i>;
        sigs! {
            wt::Extern::into_func => fn(wt::Extern) -> Option<wt::Func>;
            wt::Extern::into_global => fn(wt::Extern) -> Option<wt::Global>;
            wt::Extern::into_table => fn(wt::Extern) -> Option<wt::Table>;
            wt::Extern::into_memory => fn(wt::Extern) -> Option<wt::Memory>;
            wt::Extern::into_shared_memory => fn(wt::Extern) -> Option<wt::SharedMemory>;
            wt::Extern::into_tag => fn(wt::Extern) -> Option<wt::Tag>;
            wt::Extern::ty => fn(&wt::Extern, Shared) -> wt::ExternType;
            // The name outlives the export.
            wt::Export::name => fn(&E<'i>) -> &'i str;
            wt::Export::ty => fn(&E<'i>, Shared) -> wt::ExternType;
            wt::Export::into_extern => fn(E<'i>) -> wt::Extern;
            wt::Export::into_func => fn(E<'i>) -> Option<wt::Func>;
            wt::Export::into_table => fn(E<'i>) -> Option<wt::Table>;
            wt::Export::into_memory => fn(E<'i>) -> Option<wt::Memory>;
            wt::Export::into_shared_memory => fn(E<'i>) -> Option<wt::SharedMemory>;
            wt::Export::into_global => fn(E<'i>) -> Option<wt::Global>;
            wt::Export::into_tag => fn(E<'i>) -> Option<wt::Tag>;
        }
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn futures<T: Send + 'static>(
        store: &mut wt::Store<T>,
        memory: wt::Memory,
        table: wt::Table,
        types: (wt::MemoryType, wt::TableType),
        init: &wt::Ref,
    ) {
        output::<wt::Result<wt::Memory>>(wt::Memory::new_async(&mut *store, types.0));
        output::<wt::Result<u64>>(memory.grow_async(&mut *store, 1_u64));
        output::<wt::Result<wt::Table>>(wt::Table::new_async(&mut *store, types.1, init.clone()));
        output::<wt::Result<u64>>(table.grow_async(&mut *store, 1_u64, init.clone()));
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn local_futures<C: wt::AsContextMut>(
        mut store: C,
        memory: wt::Memory,
        table: wt::Table,
        types: (wt::MemoryType, wt::TableType),
        init: &wt::Ref,
    ) {
        output_local::<wt::Result<wt::Memory>>(wt::Memory::new_async(&mut store, types.0));
        output_local::<wt::Result<u64>>(memory.grow_async(&mut store, 1_u64));
        output_local::<wt::Result<wt::Table>>(wt::Table::new_async(
            &mut store,
            types.1,
            init.clone(),
        ));
        output_local::<wt::Result<u64>>(table.grow_async(&mut store, 1_u64, init.clone()));
    }

    #[test]
    fn signatures() {
        type S<'s> = &'s mut wt::Store<u32>;
        of_memories::<u32, S<'_>, S<'_>, S<'_>, S<'_>>();
        of_tables_and_globals::<S<'_>, S<'_>>();
        of_externs::<S<'_>>();
        bounds! {
            wt::Memory => [Copy + std::fmt::Debug];
            wt::Table => [Copy + std::fmt::Debug];
            wt::Global => [Copy + std::fmt::Debug];
            wt::MemoryAccessError => [std::error::Error];
            wt::Export<'static> => [Clone];
            wt::Extern => [Clone + std::fmt::Debug + From<wt::Func> + From<wt::Global>
                + From<wt::Memory> + From<wt::SharedMemory> + From<wt::Table> + From<wt::Tag>];
        }
    }

    /// Exhaustive: an embedder's match over the kinds of extern has no wildcard.
    fn kind(item: &wt::Extern) -> &'static str {
        match item {
            wt::Extern::Func(wt::Func { .. }) => "func",
            wt::Extern::Global(wt::Global { .. }) => "global",
            wt::Extern::Table(wt::Table { .. }) => "table",
            wt::Extern::Memory(wt::Memory { .. }) => "memory",
            wt::Extern::SharedMemory(wt::SharedMemory { .. }) => "shared memory",
            wt::Extern::Tag(wt::Tag { .. }) => "tag",
        }
    }

    #[test]
    fn externs_turn_into_exactly_what_they_are() {
        let mut store = wt::Store::<()>::default();
        let wat = r#"(module
            (func (export "func"))
            (global (export "global") i32 i32.const 0)
            (table (export "table") 1 funcref)
            (memory (export "memory") 1))"#;
        let module = wt::Module::new(store.engine(), wat).unwrap();
        let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
        let exports: Vec<wt::Export<'_>> = instance.exports(&mut store).collect();
        for export in exports {
            let item = export.clone().into_extern();
            let name = export.name();
            assert_eq!(kind(&item), name);
            let into = |yes: bool, other: &str| assert_eq!(yes, name == other, "{name} {other}");
            into(item.clone().into_func().is_some(), "func");
            into(item.clone().into_global().is_some(), "global");
            into(item.clone().into_table().is_some(), "table");
            into(item.clone().into_memory().is_some(), "memory");
            into(item.clone().into_shared_memory().is_some(), "shared memory");
            into(item.into_tag().is_some(), "tag");
            into(export.clone().into_func().is_some(), "func");
            into(export.clone().into_global().is_some(), "global");
            into(export.clone().into_table().is_some(), "table");
            into(export.clone().into_memory().is_some(), "memory");
            into(
                export.clone().into_shared_memory().is_some(),
                "shared memory",
            );
            into(export.into_tag().is_some(), "tag");
        }
    }

    #[test]
    fn memories() {
        let mut store = wt::Store::<()>::default();
        let memory = wt::Memory::new(&mut store, wt::MemoryType::new(1, Some(2))).unwrap();
        assert_eq!((memory.size(&store), memory.data_size(&store)), (1, 65536));
        assert_eq!(
            (memory.page_size(&store), memory.page_size_log2(&store)),
            (65536, 16)
        );
        memory.write(&mut store, 65535, b"x").unwrap();
        let error = memory.write(&mut store, 65535, b"xy").unwrap_err();
        assert_eq!(error.to_string(), "out of bounds memory access");
        assert!(memory.read(&store, usize::MAX, &mut [0]).is_err());
        assert_eq!(memory.data(&store).last(), Some(&b'x'));
        assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
        assert!(memory.grow(&mut store, 1).is_err());
        assert_eq!(memory.data_mut(&mut store).len(), 2 * 65536);
        assert!(
            wt::MemoryType::builder().min(70_000).build().is_err(),
            "above 4 GiB"
        );
    }

    #[test]
    fn tables_and_globals() {
        let mut store = wt::Store::<()>::default();
        let ty = wt::TableType::new(wt::RefType::FUNCREF, 2, Some(4));
        let table = wt::Table::new(&mut store, ty.clone(), wt::Ref::Func(None)).unwrap();
        let func = wt::Func::wrap(&mut store, || {});
        table.set(&mut store, 0, func.into()).unwrap();
        assert!(table.set(&mut store, 2, wt::Ref::Func(None)).is_err());
        assert!(table.set(&mut store, 0, wt::Ref::Extern(None)).is_err());
        assert!(table.get(&mut store, 0).unwrap().is_non_null());
        assert!(table.get(&mut store, u64::MAX).is_none());
        assert_eq!(table.grow(&mut store, 1, func.into()).unwrap(), 2);
        assert!(table.grow(&mut store, 2, func.into()).is_err());
        wt::Table::copy(&mut store, &table, 1, &table, 0, 1).unwrap();
        assert!(wt::Table::copy(&mut store, &table, 1, &table, 0, 3).is_err());
        table.fill(&mut store, 0, wt::Ref::Func(None), 3).unwrap();
        assert!(table.get(&mut store, 1).unwrap().is_null());
        assert!(wt::Table::new(&mut store, ty, wt::Ref::Extern(None)).is_err());

        let global = |store: &mut wt::Store<()>, mutability| {
            let ty = wt::GlobalType::new(wt::ValType::I32, mutability);
            wt::Global::new(store, ty, wt::Val::I32(1)).unwrap()
        };
        let var = global(&mut store, wt::Mutability::Var);
        var.set(&mut store, wt::Val::I32(2)).unwrap();
        assert!(var.set(&mut store, wt::Val::I64(2)).is_err());
        assert_eq!(var.get(&mut store).unwrap_i32(), 2);
        let constant = global(&mut store, wt::Mutability::Const);
        assert!(constant.set(&mut store, wt::Val::I32(2)).is_err());
    }
}

/// Section 5: values.
mod values {
    use super::wt;

    type Externs = wt::Rooted<wt::ExternRef>;

    fn of_contexts<C: wt::AsContextMut, Shared: wt::AsContext>() {
        type V = wt::Val;
        type R = wt::Ref;
        sigs! {
            wt::Val::ty => fn(&V, Shared) -> wt::Result<wt::ValType>;
            wt::Val::matches_ty => fn(&V, Shared, &wt::ValType) -> wt::Result<bool>;
            wt::Val::to_raw => fn(&V, C) -> wt::Result<wt::ValRaw>;
            wt::Val::from_raw => unsafe fn(C, wt::ValRaw, wt::ValType) -> V;
            wt::Ref::ty => fn(&R, Shared) -> wt::Result<wt::RefType>;
            wt::Ref::matches_ty => fn(&R, Shared, &wt::RefType) -> wt::Result<bool>;
        }
    }

    #[test]
    fn signatures() {
        type V = wt::Val;
        type R = wt::Ref;
        of_contexts::<&mut wt::Store<()>, &wt::Store<()>>();
        const NULLS: [wt::Val; 3] = [
            wt::Val::null_func_ref(),
            wt::Val::null_extern_ref(),
            wt::Val::null_any_ref(),
        ];
        assert!(matches!(
            NULLS,
            [V::FuncRef(None), V::ExternRef(None), V::AnyRef(None)]
        ));
        sigs! {
            wt::Val::null_ref => fn(&wt::HeapType) -> V;
            wt::Val::default_for_ty => fn(&wt::ValType) -> Option<V>;
            wt::Val::i32 => fn(&V) -> Option<i32>;
            wt::Val::i64 => fn(&V) -> Option<i64>;
            wt::Val::f32 => fn(&V) -> Option<f32>;
            wt::Val::f64 => fn(&V) -> Option<f64>;
            wt::Val::v128 => fn(&V) -> Option<wt::V128>;
            wt::Val::unwrap_i32 => fn(&V) -> i32;
            wt::Val::unwrap_i64 => fn(&V) -> i64;
            wt::Val::unwrap_f32 => fn(&V) -> f32;
            wt::Val::unwrap_f64 => fn(&V) -> f64;
            wt::Val::unwrap_v128 => fn(&V) -> wt::V128;
            wt::Val::func_ref => fn(&V) -> Option<Option<&wt::Func>>;
            wt::Val::unwrap_func_ref => fn(&V) -> Option<&wt::Func>;
            wt::Val::extern_ref => fn(&V) -> Option<Option<&Externs>>;
            wt::Val::unwrap_extern_ref => fn(&V) -> Option<&Externs>;
            wt::Val::ref_ => fn(V) -> Option<R>;
            wt::Val::externref => fn(&V) -> Option<Option<&Externs>>;
            wt::Val::unwrap_externref => fn(&V) -> Option<&Externs>;
            wt::Val::anyref => fn(&V) -> Option<Option<&wt::Rooted<wt::AnyRef>>>;
            wt::Val::unwrap_anyref => fn(&V) -> Option<&wt::Rooted<wt::AnyRef>>;
            wt::Val::exnref => fn(&V) -> Option<Option<&wt::Rooted<wt::ExnRef>>>;
            wt::Val::unwrap_exnref => fn(&V) -> Option<&wt::Rooted<wt::ExnRef>>;
            wt::Val::funcref => fn(&V) -> Option<Option<&wt::Func>>;
            wt::Val::unwrap_funcref => fn(&V) -> Option<&wt::Func>;

            wt::Ref::null => fn(&wt::HeapType) -> R;
            wt::Ref::is_null => fn(&R) -> bool;
            wt::Ref::is_non_null => fn(&R) -> bool;
            wt::Ref::is_extern => fn(&R) -> bool;
            wt::Ref::as_extern => fn(&R) -> Option<Option<&Externs>>;
            wt::Ref::unwrap_extern => fn(&R) -> Option<&Externs>;
            wt::Ref::is_any => fn(&R) -> bool;
            wt::Ref::as_any => fn(&R) -> Option<Option<&wt::Rooted<wt::AnyRef>>>;
            wt::Ref::unwrap_any => fn(&R) -> Option<&wt::Rooted<wt::AnyRef>>;
            wt::Ref::is_exn => fn(&R) -> bool;
            wt::Ref::as_exn => fn(&R) -> Option<Option<&wt::Rooted<wt::ExnRef>>>;
            wt::Ref::unwrap_exn => fn(&R) -> Option<&wt::Rooted<wt::ExnRef>>;
            wt::Ref::is_func => fn(&R) -> bool;
            wt::Ref::as_func => fn(&R) -> Option<Option<&wt::Func>>;
            wt::Ref::unwrap_func => fn(&R) -> Option<&wt::Func>;

            wt::V128::as_u128 => fn(&wt::V128) -> u128;
        }
        bounds! {
            wt::Val => [Copy + std::fmt::Debug
                + From<i32> + From<i64> + From<f32> + From<f64> + From<u128> + From<wt::V128>
                + From<wt::Ref> + From<wt::Func> + From<Option<wt::Func>>
                + From<Externs> + From<Option<Externs>>
                + From<wt::Rooted<wt::AnyRef>> + From<Option<wt::Rooted<wt::AnyRef>>>
                + From<wt::Rooted<wt::ExnRef>> + From<Option<wt::Rooted<wt::ExnRef>>>];
            wt::Ref => [Clone + std::fmt::Debug
                + From<wt::Func> + From<Option<wt::Func>> + From<Externs> + From<Option<Externs>>
                + From<wt::Rooted<wt::AnyRef>> + From<Option<wt::Rooted<wt::AnyRef>>>
                + From<wt::Rooted<wt::ExnRef>> + From<Option<wt::Rooted<wt::ExnRef>>>];
            wt::V128 => [Copy + std::fmt::Debug + Ord + From<u128> + Into<u128> + wt::WasmTy];
        }
    }

    /// Exhaustive, with the type of each payload.
    fn bits(value: wt::Val) -> Option<u128> {
        match value {
            wt::Val::I32(bits) => Some(u128::from(i32::cast_unsigned(bits))),
            wt::Val::I64(bits) => Some(u128::from(i64::cast_unsigned(bits))),
            wt::Val::F32(bits) => Some(u128::from(u32::from_ne_bytes(bits.to_ne_bytes()))),
            wt::Val::F64(bits) => Some(u128::from(u64::from_ne_bytes(bits.to_ne_bytes()))),
            wt::Val::V128(bits) => Some(bits.as_u128()),
            wt::Val::FuncRef(func) => Option::<wt::Func>::map(func, |_| 0),
            wt::Val::ExternRef(reference) => Option::<Externs>::map(reference, |_| 0),
            wt::Val::AnyRef(reference) => Option::<wt::Rooted<wt::AnyRef>>::map(reference, |_| 0),
            wt::Val::ExnRef(reference) => Option::<wt::Rooted<wt::ExnRef>>::map(reference, |_| 0),
            wt::Val::ContRef(reference) => Option::<wt::ContRef>::map(reference, |_| 0),
        }
    }

    fn is_null(reference: wt::Ref) -> bool {
        match reference {
            wt::Ref::Func(func) => Option::<wt::Func>::is_none(&func),
            wt::Ref::Extern(it) => Option::<Externs>::is_none(&it),
            wt::Ref::Any(it) => Option::<wt::Rooted<wt::AnyRef>>::is_none(&it),
            wt::Ref::Exn(it) => Option::<wt::Rooted<wt::ExnRef>>::is_none(&it),
        }
    }

    #[test]
    fn conversions_keep_the_bits() {
        assert_eq!(bits((-1_i32).into()), Some(0xffff_ffff));
        assert_eq!(bits((-1_i64).into()), Some(0xffff_ffff_ffff_ffff));
        let signalling = f32::from_bits(0x7fa0_0001);
        assert_eq!(bits(signalling.into()), Some(0x7fa0_0001));
        assert_eq!(bits(1.0_f64.into()), Some(0x3ff0_0000_0000_0000));
        assert_eq!(bits((1_u128 << 100).into()), Some(1 << 100));
        assert_eq!(
            wt::Val::from(1.5_f32).unwrap_f32().to_bits(),
            1.5_f32.to_bits()
        );
        assert_eq!(wt::Val::I32(1).i64(), None);
        assert!(std::panic::catch_unwind(|| wt::Val::I32(1).unwrap_i64()).is_err());
        assert!(wt::Val::I32(1).ref_().is_none());
        assert!(is_null(wt::Val::FuncRef(None).ref_().unwrap()));
        assert!(is_null(wt::Ref::null(&wt::HeapType::Extern)));
        assert!(matches!(
            wt::Val::null_ref(&wt::HeapType::Func),
            wt::Val::FuncRef(None)
        ));
    }

    #[test]
    fn values_know_their_type() {
        let mut store = wt::Store::<()>::default();
        let func = wt::Func::wrap(&mut store, || {});
        assert!(wt::Val::I32(1).ty(&store).unwrap().is_i32());
        assert!(
            wt::Val::from(func)
                .matches_ty(&store, &wt::ValType::FUNCREF)
                .unwrap()
        );
        assert!(
            !wt::Val::I64(1)
                .matches_ty(&store, &wt::ValType::I32)
                .unwrap()
        );
        assert!(
            wt::Ref::from(func)
                .matches_ty(&store, &wt::RefType::FUNCREF)
                .unwrap()
        );
        let raw = wt::Val::F64(7).to_raw(&mut store).unwrap();
        // SAFETY: the raw value was made from a value of this type in this store.
        let value = unsafe { wt::Val::from_raw(&mut store, raw, wt::ValType::F64) };
        assert_eq!(bits(value), Some(7));
    }
}

/// Section 5: traps and backtraces.
mod trap {
    use super::wt;

    const MESSAGES: &[(wt::Trap, &str)] = &[
        (wt::Trap::StackOverflow, "call stack exhausted"),
        (wt::Trap::MemoryOutOfBounds, "out of bounds memory access"),
        (wt::Trap::HeapMisaligned, "unaligned atomic"),
        (
            wt::Trap::TableOutOfBounds,
            "undefined element: out of bounds table access",
        ),
        (wt::Trap::IndirectCallToNull, "uninitialized element"),
        (wt::Trap::BadSignature, "indirect call type mismatch"),
        (wt::Trap::IntegerOverflow, "integer overflow"),
        (wt::Trap::IntegerDivisionByZero, "integer divide by zero"),
        (
            wt::Trap::BadConversionToInteger,
            "invalid conversion to integer",
        ),
        (
            wt::Trap::UnreachableCodeReached,
            "wasm `unreachable` instruction executed",
        ),
        (wt::Trap::Interrupt, "interrupt"),
        (wt::Trap::OutOfFuel, "all fuel consumed by WebAssembly"),
        (
            wt::Trap::AtomicWaitNonSharedMemory,
            "atomic wait on non-shared memory",
        ),
        (wt::Trap::NullReference, "null reference"),
        (wt::Trap::ArrayOutOfBounds, "out of bounds array access"),
        (wt::Trap::AllocationTooLarge, "allocation size too large"),
        (wt::Trap::CastFailure, "cast failure"),
        (wt::Trap::UnhandledTag, "unhandled tag"),
        (
            wt::Trap::ContinuationAlreadyConsumed,
            "continuation already consumed",
        ),
        (
            wt::Trap::DisabledOpcode,
            "pulley opcode disabled at compile time was executed",
        ),
    ];

    fn captures<Shared: wt::AsContext>() {
        sigs! {
            wt::WasmBacktrace::capture => fn(Shared) -> wt::WasmBacktrace;
            wt::WasmBacktrace::force_capture => fn(Shared) -> wt::WasmBacktrace;
        }
    }

    #[test]
    fn signatures() {
        type Info = wt::FrameInfo;
        type Symbol = wt::FrameSymbol;
        captures::<&wt::Store<()>>();
        sigs! {
            wt::Trap::from_u8 => fn(u8) -> Option<wt::Trap>;
            wt::WasmBacktrace::frames => fn(&wt::WasmBacktrace) -> &[Info];
            wt::FrameInfo::func_index => fn(&Info) -> u32;
            wt::FrameInfo::module => fn(&Info) -> &wt::Module;
            wt::FrameInfo::func_name => fn(&Info) -> Option<&str>;
            wt::FrameInfo::module_offset => fn(&Info) -> Option<usize>;
            wt::FrameInfo::func_offset => fn(&Info) -> Option<usize>;
            wt::FrameInfo::symbols => fn(&Info) -> &[Symbol];
            wt::FrameSymbol::name => fn(&Symbol) -> Option<&str>;
            wt::FrameSymbol::file => fn(&Symbol) -> Option<&str>;
            wt::FrameSymbol::line => fn(&Symbol) -> Option<u32>;
            wt::FrameSymbol::column => fn(&Symbol) -> Option<u32>;
            wt::ThrownException => wt::ThrownException;
        }
        bounds! {
            wt::Trap => [Copy + Eq + std::hash::Hash + std::error::Error];
            wt::WasmBacktrace => [std::fmt::Debug + std::fmt::Display];
            wt::FrameInfo => [std::fmt::Debug];
            wt::FrameSymbol => [std::fmt::Debug];
            wt::ThrownException => [std::error::Error];
        }
    }

    #[test]
    fn messages() {
        for &(trap, message) in MESSAGES {
            assert_eq!(trap.to_string(), format!("wasm trap: {message}"));
            assert_eq!(wt::Trap::from_u8(trap as u8), Some(trap));
        }
        assert_eq!(wt::Trap::from_u8(u8::MAX), None);
    }

    /// The guest programs that raise what needs neither threads nor GC, and their trap.
    #[test]
    fn each_fault_raises_its_own_trap() {
        const PRELUDE: &str = r#"(memory 1) (table 2 funcref) (elem (i32.const 0) $run)
            (type $other (func (param i64)))"#;
        let cases = [
            ("call $run", wt::Trap::StackOverflow),
            (
                "(drop (i32.load (i32.const 65536)))",
                wt::Trap::MemoryOutOfBounds,
            ),
            (
                "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 1))",
                wt::Trap::MemoryOutOfBounds,
            ),
            ("(call_indirect (i32.const 2))", wt::Trap::TableOutOfBounds),
            (
                "(call_indirect (i32.const 1))",
                wt::Trap::IndirectCallToNull,
            ),
            (
                "(call_indirect (type $other) (i64.const 0) (i32.const 0))",
                wt::Trap::BadSignature,
            ),
            (
                "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
                wt::Trap::IntegerOverflow,
            ),
            (
                "(drop (i64.rem_u (i64.const 1) (i64.const 0)))",
                wt::Trap::IntegerDivisionByZero,
            ),
            (
                "(drop (i32.trunc_f32_s (f32.const nan)))",
                wt::Trap::BadConversionToInteger,
            ),
            (
                "(drop (i32.trunc_f64_u (f64.const 1e10)))",
                wt::Trap::IntegerOverflow,
            ),
            ("unreachable", wt::Trap::UnreachableCodeReached),
        ];
        let engine = wt::Engine::default();
        for (body, expected) in cases {
            let wat = format!(r#"(module {PRELUDE} (func $run (export "run") {body}))"#);
            let module = wt::Module::new(&engine, wat).unwrap();
            let mut store = wt::Store::new(&engine, ());
            let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance
                .get_typed_func::<(), ()>(&mut store, "run")
                .unwrap();
            let error = run.call(&mut store, ()).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&expected), "{body}");
            assert!(
                format!("{error:?}").contains(&expected.to_string()),
                "{error:?}"
            );
        }
    }

    /// Thirty calls deep, then a trap.
    fn deep_trap(config: &wt::Config) -> wt::Error {
        let engine = wt::Engine::new(config).unwrap();
        let wat = r#"(module
            (func $deep (param i32)
                (if (i32.eqz (local.get 0)) (then unreachable))
                (call $deep (i32.sub (local.get 0) (i32.const 1))))
            (func $run (export "run") (call $deep (i32.const 29))))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let mut store = wt::Store::new(&engine, ());
        let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        let error = run.call(&mut store, ()).unwrap_err();
        assert_eq!(
            *error.downcast_ref::<wt::Trap>().unwrap(),
            wt::Trap::UnreachableCodeReached
        );
        error
    }

    #[test]
    fn backtraces_are_bounded() {
        let frames = |config: &wt::Config| {
            deep_trap(config)
                .downcast_ref::<wt::WasmBacktrace>()
                .map(|trace| trace.frames().len())
        };
        let limited = |limit| {
            let mut config = wt::Config::new();
            config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(limit));
            config
        };
        assert_eq!(frames(&wt::Config::new()), Some(20), "the default");
        assert_eq!(frames(&limited(3)), Some(3));
        assert_eq!(frames(&limited(100)), Some(31));
        assert_eq!(frames(&limited(0)), None, "none at all");
    }

    #[test]
    fn frames_say_where() {
        let mut config = wt::Config::new();
        config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(100));
        let error = deep_trap(&config);
        let trace = error.downcast_ref::<wt::WasmBacktrace>().unwrap();
        let innermost = &trace.frames()[0];
        assert_eq!(
            (innermost.func_index(), innermost.func_name()),
            (0, Some("deep"))
        );
        let outermost = &trace.frames()[30];
        assert_eq!(
            (outermost.func_index(), outermost.func_name()),
            (1, Some("run"))
        );
        assert!(innermost.symbols().is_empty(), "there is no DWARF");
        assert!(innermost.module_offset() < outermost.module_offset());
        assert!(innermost.func_offset() < innermost.module_offset());
        assert!(innermost.func_offset().is_some());
        assert_eq!(innermost.module().name(), None);
        assert!(trace.to_string().contains("deep"), "{trace}");
    }

    /// A host function sees who called it.
    #[test]
    fn backtraces_on_demand() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, 0);
        assert!(
            wt::WasmBacktrace::capture(&store).frames().is_empty(),
            "no guest is running"
        );
        let host = wt::Func::wrap(&mut store, |mut caller: wt::Caller<'_, usize>| {
            let captured = wt::WasmBacktrace::capture(&caller).frames().len();
            let forced = wt::WasmBacktrace::force_capture(&caller).frames().len();
            assert_eq!(captured, forced);
            *caller.data_mut() = captured;
        });
        let wat = r#"(module (import "" "" (func $h)) (func $g (call $h)) (func $f (call $g)) (start $f))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        wt::Instance::new(&mut store, &module, &[host.into()]).unwrap();
        assert_eq!(*store.data(), 2);
    }
}

/// Section 6: errors.
mod error {
    use super::wt;
    use std::convert::Infallible;
    use std::error::Error as StdError;
    use std::fmt::{Debug, Display};
    use std::iter::FusedIterator;
    use wt::ToWasmtimeResult as _;
    use wt::error::Context as _;

    type Thick = dyn StdError + Send + Sync + 'static;

    fn from_errors<E: StdError + Send + Sync + 'static>() {
        sigs! {
            wt::Error::new => fn(E) -> wt::Error;
            <wt::Error as From<E>>::from => fn(E) -> wt::Error;
        }
        is_context::<u8, E, Result<u8, E>>();
    }

    fn is_context<T, E, R: wt::error::Context<T, E>>() {}

    fn from_messages<M: Debug + Display + Send + Sync + 'static>() {
        sigs! {
            wt::Error::msg => fn(M) -> wt::Error;
            // What can be asked for need not be an error: a context or a message is found as well.
            wt::Error::is::<M> => fn(&wt::Error) -> bool;
            wt::Error::downcast => fn(wt::Error) -> Result<M, wt::Error>;
            wt::Error::downcast_ref => fn(&wt::Error) -> Option<&M>;
            wt::Error::downcast_mut => fn(&mut wt::Error) -> Option<&mut M>;
        }
    }

    fn contexts<T, E, R, C, F>()
    where
        R: wt::error::Context<T, E>,
        C: Display + Send + Sync + 'static,
        F: FnOnce() -> C,
    {
        sigs! {
            wt::Error::context => fn(wt::Error, C) -> wt::Error;
            R::context => fn(R, C) -> Result<T, wt::Error>;
            R::with_context => fn(R, F) -> Result<T, wt::Error>;
        }
        is_context::<T, wt::Error, wt::Result<T>>();
        is_context::<T, Infallible, Option<T>>();
    }

    #[test]
    fn signatures() {
        from_errors::<std::fmt::Error>();
        from_messages::<&str>();
        contexts::<u8, Infallible, Option<u8>, u8, fn() -> u8>();
        sigs! {
            wt::Error::from_boxed => fn(Box<Thick>) -> wt::Error;
            wt::Error::from_anyhow => fn(anyhow::Error) -> wt::Error;
            wt::Error::backtrace => fn(&wt::Error) -> &std::backtrace::Backtrace;
            wt::Error::chain => fn(&wt::Error) -> wt::error::Chain<'_>;
            wt::Error::root_cause => fn(&wt::Error) -> &(dyn StdError + 'static);
            wt::Error::into_boxed_dyn_error => fn(wt::Error) -> Box<Thick>;
            wt::error::Ok::<u8> => fn(u8) -> wt::Result<u8>;
            <wt::Error as std::ops::Deref>::deref => fn(&wt::Error) -> &Thick;
            wt::OutOfMemory::requested_allocation_size => fn(&wt::OutOfMemory) -> usize;
        }
        // `Result` takes any error, its own by default; both paths name the same types.
        let _: fn(wt::Result<u8>) -> Result<u8, wt::error::Error> = |result| result;
        let _: fn(wt::Result<u8, u16>) -> Result<u8, u16> = |result| result;
        let _: fn(wt::OutOfMemory) -> wt::error::OutOfMemory = |error| error;
        const NEEDED: wt::OutOfMemory = wt::OutOfMemory::new(7);
        assert_eq!(NEEDED.requested_allocation_size(), 7);
        bounds! {
            wt::Error => [Debug + Display + AsRef<dyn StdError> + AsRef<dyn StdError + Send + Sync>
                + From<wt::OutOfMemory>];
            Box<dyn StdError> => [From<wt::Error>];
            Box<dyn StdError + Send> => [From<wt::Error>];
            Box<Thick> => [From<wt::Error>];
            anyhow::Error => [From<wt::Error>];
            wt::error::Chain<'static> =>
                [Iterator<Item = &'static (dyn StdError + 'static)> + FusedIterator];
            wt::OutOfMemory => [Copy + StdError];
            anyhow::Result<u8> => [wt::error::ToWasmtimeResult<u8>];
            wt::Result<u8> => [wt::ToWasmtimeResult<u8>];
        }
        assert_eq!(size_of::<wt::Error>(), size_of::<usize>());
    }

    fn layered() -> wt::Error {
        let root = std::io::Error::new(std::io::ErrorKind::NotFound, "no such guest");
        wt::Error::from(root)
            .context("reading the guest")
            .context(404_u16)
    }

    #[test]
    fn formats() {
        let error = layered();
        assert_eq!(format!("{error}"), "404");
        assert_eq!(
            format!("{error:#}"),
            "404: reading the guest: no such guest"
        );
        // The backtrace of the host, if one was captured, comes after this.
        let debug = format!("{error:?}");
        let expected = "404\n\nCaused by:\n    0: reading the guest\n    1: no such guest";
        assert!(debug.starts_with(expected), "{debug}");
        let debug = format!("{:?}", wt::Error::msg("inner").context("outer"));
        assert!(
            debug.starts_with("outer\n\nCaused by:\n    inner"),
            "{debug}"
        );
        let debug = format!("{:?}", wt::Error::msg("alone"));
        assert!(debug.starts_with("alone"), "{debug}");
        assert!(!debug.contains("Caused by"), "{debug}");
    }

    #[test]
    fn downcasts_find_causes_and_contexts() {
        let mut error = layered();
        assert!(error.is::<std::io::Error>() && error.is::<&str>() && error.is::<u16>());
        assert!(!error.is::<wt::Trap>());
        *error.downcast_mut::<u16>().unwrap() += 1;
        assert_eq!(error.downcast_ref::<u16>(), Some(&405));
        let error = error.downcast::<wt::Trap>().unwrap_err();
        assert_eq!(error.to_string(), "405");
        assert_eq!(error.downcast::<&str>().unwrap(), "reading the guest");
        let root = layered().downcast::<std::io::Error>().unwrap();
        assert_eq!(root.kind(), std::io::ErrorKind::NotFound);
        assert_eq!(
            wt::Error::msg(String::from("m"))
                .downcast::<String>()
                .unwrap(),
            "m"
        );
        let trap = wt::Error::from(wt::Trap::Interrupt).context("guest a");
        assert_eq!(trap.downcast::<wt::Trap>().unwrap(), wt::Trap::Interrupt);
    }

    #[test]
    fn chains_and_conversions() {
        let error = layered();
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        assert_eq!(chain, ["404", "reading the guest", "no such guest"]);
        assert_eq!(error.root_cause().to_string(), "no such guest");
        assert!(error.root_cause().is::<std::io::Error>());
        assert_eq!(error.source().unwrap().to_string(), "reading the guest");
        let boxed: Box<dyn StdError> = error.into();
        assert_eq!(boxed.to_string(), "404");
        assert_eq!(boxed.source().unwrap().to_string(), "reading the guest");
        let boxed: Box<Thick> = wt::Error::msg("m").into_boxed_dyn_error();
        assert_eq!(wt::Error::from_boxed(boxed).to_string(), "m");

        let foreign: anyhow::Error = layered().into();
        assert_eq!(
            format!("{foreign:#}"),
            "404: reading the guest: no such guest"
        );
        let back = wt::Error::from_anyhow(anyhow::anyhow!("eep").context("outer"));
        assert_eq!(back.to_string(), "outer");
        let result: wt::Result<()> = Err(anyhow::anyhow!("eep")).to_wasmtime_result();
        assert_eq!(result.unwrap_err().to_string(), "eep");
    }

    #[test]
    fn question_mark_and_context() {
        fn parse(text: &str) -> wt::Result<i32> {
            let number = text
                .parse::<i32>()
                .with_context(|| format!("parsing {text:?}"))?;
            let positive = (number > 0).then_some(number).context("not positive")?;
            let checked: Result<_, std::num::TryFromIntError> = u8::try_from(positive);
            wt::error::Ok(checked?.into())
        }
        assert_eq!(parse("7").unwrap(), 7);
        let error = parse("x").unwrap_err();
        assert_eq!(error.to_string(), "parsing \"x\"");
        assert!(error.is::<std::num::ParseIntError>());
        assert_eq!(parse("0").unwrap_err().to_string(), "not positive");
        assert!(parse("300").unwrap_err().is::<std::num::TryFromIntError>());
        let nested: wt::Result<i32> = parse("x").context("top");
        assert_eq!(nested.unwrap_err().chain().count(), 3);
    }

    #[test]
    fn macros() {
        fn bails(how: u32) -> wt::Result<u32> {
            match how {
                0 => wt::bail!("literal"),
                1 => wt::bail!("inline {how}"),
                2 => wt::bail!("argument {}", how + 1),
                3 => wt::bail!(wt::Trap::Interrupt),
                4 => wt::bail!(String::from("message")),
                5 => wt::error::bail!("by the other path"),
                _ => wt::ensure!(how < 7, "{how} is too much"),
            }
            wt::error::ensure!(how != 6);
            Ok(how)
        }
        let text = |how| bails(how).unwrap_err().to_string();
        let expected = [
            "literal",
            "inline 1",
            "argument 3",
            "wasm trap: interrupt",
            "message",
        ];
        for (how, expected) in (0..).zip(expected) {
            assert_eq!(text(how), expected);
        }
        assert_eq!(text(5), "by the other path");
        assert_eq!(text(6), "Condition failed: `how != 6`");
        assert_eq!(text(7), "7 is too much");
        assert!(bails(3).unwrap_err().is::<wt::Trap>());
        assert_eq!(wt::format_err!("a {}", 1).to_string(), "a 1");
        assert!(wt::error::format_err!(wt::Trap::OutOfFuel).is::<wt::Trap>());
        assert_eq!(wt::format_err!(anyhow::anyhow!("x")).to_string(), "x");
    }
}

/// Section 7: types. Those of the GC proposal appear only as variants of [`wt::HeapType`].
mod types {
    use super::wt;

    fn of_functions<Params, Results, C>()
    where
        Params: IntoIterator<Item = wt::ValType>,
        Results: IntoIterator<Item = wt::ValType>,
        C: wt::AsContextMut,
    {
        type F = wt::FuncType;
        sigs! {
            wt::FuncType::new => fn(&wt::Engine, Params, Results) -> F;
            wt::FuncType::try_new =>
                fn(&wt::Engine, Params, Results) -> Result<F, wt::OutOfMemory>;
            wt::FuncType::with_finality_and_supertype =>
                fn(&wt::Engine, wt::Finality, Option<&F>, Params, Results) -> wt::Result<F>;
            wt::FuncType::engine => fn(&F) -> &wt::Engine;
            wt::FuncType::finality => fn(&F) -> wt::Finality;
            wt::FuncType::supertype => fn(&F) -> Option<F>;
            wt::FuncType::param => fn(&F, usize) -> Option<wt::ValType>;
            wt::FuncType::result => fn(&F, usize) -> Option<wt::ValType>;
            wt::FuncType::matches => fn(&F, &F) -> bool;
            wt::FuncType::eq => fn(&F, &F) -> bool;
            wt::FuncType::default_value => fn(&F, C) -> wt::Result<wt::Func>;
        }
    }

    fn params<'f>(ty: &'f wt::FuncType) -> impl ExactSizeIterator<Item = wt::ValType> + 'f {
        ty.params()
    }

    fn results<'f>(ty: &'f wt::FuncType) -> impl ExactSizeIterator<Item = wt::ValType> + 'f {
        ty.results()
    }

    fn defaults<C: wt::AsContextMut>() {
        sigs! {
            wt::ExternType::default_value => fn(&wt::ExternType, C) -> wt::Result<wt::Extern>;
            wt::GlobalType::default_value => fn(&wt::GlobalType, C) -> wt::Result<wt::Global>;
            wt::TableType::default_value => fn(&wt::TableType, C) -> wt::Result<wt::Table>;
            wt::MemoryType::default_value => fn(&wt::MemoryType, C) -> wt::Result<wt::Extern>;
        }
    }

    #[test]
    fn value_types() {
        type V = wt::ValType;
        type R = wt::RefType;
        type H = wt::HeapType;
        sigs! {
            wt::Mutability::is_const => fn(&wt::Mutability) -> bool;
            wt::Mutability::is_var => fn(&wt::Mutability) -> bool;
            wt::Finality::is_final => fn(&wt::Finality) -> bool;
            wt::Finality::is_non_final => fn(&wt::Finality) -> bool;

            wt::ValType::EXTERNREF => V;
            wt::ValType::NULLEXTERNREF => V;
            wt::ValType::FUNCREF => V;
            wt::ValType::NULLFUNCREF => V;
            wt::ValType::is_num => fn(&V) -> bool;
            wt::ValType::is_i32 => fn(&V) -> bool;
            wt::ValType::is_i64 => fn(&V) -> bool;
            wt::ValType::is_f32 => fn(&V) -> bool;
            wt::ValType::is_f64 => fn(&V) -> bool;
            wt::ValType::is_v128 => fn(&V) -> bool;
            wt::ValType::is_ref => fn(&V) -> bool;
            wt::ValType::is_funcref => fn(&V) -> bool;
            wt::ValType::is_externref => fn(&V) -> bool;
            wt::ValType::as_ref => fn(&V) -> Option<&R>;
            wt::ValType::unwrap_ref => fn(&V) -> &R;
            wt::ValType::matches => fn(&V, &V) -> bool;
            wt::ValType::eq => fn(&V, &V) -> bool;
            wt::ValType::default_value => fn(&V) -> Option<wt::Val>;

            wt::RefType::EXTERNREF => R;
            wt::RefType::NULLEXTERNREF => R;
            wt::RefType::FUNCREF => R;
            wt::RefType::NULLFUNCREF => R;
            wt::RefType::new => fn(bool, H) -> R;
            wt::RefType::is_nullable => fn(&R) -> bool;
            wt::RefType::heap_type => fn(&R) -> &H;
            wt::RefType::matches => fn(&R, &R) -> bool;
            wt::RefType::eq => fn(&R, &R) -> bool;

            wt::HeapType::top => fn(&H) -> H;
            wt::HeapType::bottom => fn(&H) -> H;
            wt::HeapType::matches => fn(&H, &H) -> bool;
            wt::HeapType::eq => fn(&H, &H) -> bool;
            wt::HeapType::is_extern => fn(&H) -> bool;
            wt::HeapType::is_func => fn(&H) -> bool;
            wt::HeapType::is_no_func => fn(&H) -> bool;
            wt::HeapType::is_abstract => fn(&H) -> bool;
            wt::HeapType::is_concrete => fn(&H) -> bool;
            wt::HeapType::is_concrete_func => fn(&H) -> bool;
            wt::HeapType::as_concrete_func => fn(&H) -> Option<&wt::FuncType>;
            wt::HeapType::unwrap_concrete_func => fn(&H) -> &wt::FuncType;
        }
        bounds! {
            wt::Mutability => [Copy + std::fmt::Debug + Eq + std::hash::Hash];
            wt::Finality => [Copy + std::fmt::Debug + Eq + std::hash::Hash];
            V => [Clone + std::fmt::Debug + std::fmt::Display + std::hash::Hash + From<R>];
            R => [Clone + std::fmt::Debug + std::fmt::Display + std::hash::Hash];
            H => [Clone + std::fmt::Debug + std::fmt::Display + std::hash::Hash
                + From<wt::FuncType>];
        }
    }

    #[test]
    fn item_types() {
        type C<'s> = &'s mut wt::Store<()>;
        of_functions::<[wt::ValType; 2], Option<wt::ValType>, C<'_>>();
        defaults::<C<'_>>();
        sigs! {
            wt::GlobalType::new => fn(wt::ValType, wt::Mutability) -> wt::GlobalType;
            wt::GlobalType::content => fn(&wt::GlobalType) -> &wt::ValType;
            wt::GlobalType::mutability => fn(&wt::GlobalType) -> wt::Mutability;

            wt::TableType::new => fn(wt::RefType, u32, Option<u32>) -> wt::TableType;
            wt::TableType::new64 => fn(wt::RefType, u64, Option<u64>) -> wt::TableType;
            wt::TableType::is_64 => fn(&wt::TableType) -> bool;
            wt::TableType::element => fn(&wt::TableType) -> &wt::RefType;
            wt::TableType::minimum => fn(&wt::TableType) -> u64;
            wt::TableType::maximum => fn(&wt::TableType) -> Option<u64>;

            wt::MemoryType::new => fn(u32, Option<u32>) -> wt::MemoryType;
            wt::MemoryType::new64 => fn(u64, Option<u64>) -> wt::MemoryType;
            wt::MemoryType::shared => fn(u32, u32) -> wt::MemoryType;
            wt::MemoryType::builder => fn() -> wt::MemoryTypeBuilder;
            wt::MemoryType::is_64 => fn(&wt::MemoryType) -> bool;
            wt::MemoryType::is_shared => fn(&wt::MemoryType) -> bool;
            wt::MemoryType::minimum => fn(&wt::MemoryType) -> u64;
            wt::MemoryType::maximum => fn(&wt::MemoryType) -> Option<u64>;
            wt::MemoryType::page_size => fn(&wt::MemoryType) -> u64;
            wt::MemoryType::page_size_log2 => fn(&wt::MemoryType) -> u8;

            wt::ExternType::func => fn(&wt::ExternType) -> Option<&wt::FuncType>;
            wt::ExternType::global => fn(&wt::ExternType) -> Option<&wt::GlobalType>;
            wt::ExternType::table => fn(&wt::ExternType) -> Option<&wt::TableType>;
            wt::ExternType::memory => fn(&wt::ExternType) -> Option<&wt::MemoryType>;
            wt::ExternType::unwrap_func => fn(&wt::ExternType) -> &wt::FuncType;
            wt::ExternType::unwrap_global => fn(&wt::ExternType) -> &wt::GlobalType;
            wt::ExternType::unwrap_table => fn(&wt::ExternType) -> &wt::TableType;
            wt::ExternType::unwrap_memory => fn(&wt::ExternType) -> &wt::MemoryType;
        }
        bounds! {
            wt::FuncType => [Clone + std::fmt::Debug + std::fmt::Display + std::hash::Hash];
            wt::GlobalType => [Clone + std::fmt::Debug + std::hash::Hash];
            wt::TableType => [Clone + std::fmt::Debug + std::hash::Hash];
            wt::MemoryType => [Clone + std::fmt::Debug + std::hash::Hash + Eq];
            wt::MemoryTypeBuilder => [Default];
            wt::ExternType => [Clone + std::fmt::Debug + From<wt::FuncType> + From<wt::GlobalType>
                + From<wt::MemoryType> + From<wt::TableType> + From<wt::TagType>];
            wt::ImportType<'static> => [Clone + std::fmt::Debug];
            wt::ExportType<'static> => [Clone + std::fmt::Debug];
        }
    }

    #[test]
    fn builders_and_descriptions() {
        type With<Arg> =
            for<'b> fn(&'b mut wt::MemoryTypeBuilder, Arg) -> &'b mut wt::MemoryTypeBuilder;
        // The strings live as long as the module.
        #[expect(
            clippy::extra_unused_lifetimes,
            reason = "one lifetime for the whole table"
        )]
        fn described<'m>() {
            sigs! {
                wt::ImportType::module => fn(&wt::ImportType<'m>) -> &'m str;
                wt::ImportType::name => fn(&wt::ImportType<'m>) -> &'m str;
                wt::ImportType::ty => fn(&wt::ImportType<'m>) -> wt::ExternType;
                wt::ExportType::name => fn(&wt::ExportType<'m>) -> &'m str;
                wt::ExportType::ty => fn(&wt::ExportType<'m>) -> wt::ExternType;
            }
        }
        described();
        sigs! {
            wt::MemoryTypeBuilder::new => fn() -> wt::MemoryTypeBuilder;
            wt::MemoryTypeBuilder::min => With<u64>;
            wt::MemoryTypeBuilder::max => With<Option<u64>>;
            wt::MemoryTypeBuilder::memory64 => With<bool>;
            wt::MemoryTypeBuilder::shared => With<bool>;
            wt::MemoryTypeBuilder::page_size_log2 => With<u8>;
            wt::MemoryTypeBuilder::build =>
                fn(&wt::MemoryTypeBuilder) -> wt::Result<wt::MemoryType>;
        }
        let ty = wt::MemoryTypeBuilder::new()
            .min(1)
            .max(Some(2))
            .build()
            .unwrap();
        assert_eq!(ty, wt::MemoryType::new(1, Some(2)));
        assert_eq!(
            (ty.minimum(), ty.maximum(), ty.is_64(), ty.is_shared()),
            (1, Some(2), false, false)
        );
        assert_eq!((ty.page_size(), ty.page_size_log2()), (65536, 16));
        assert!(wt::MemoryType::new64(1, None).is_64());
        assert!(wt::MemoryType::shared(1, 2).is_shared());
        assert!(
            wt::MemoryType::builder()
                .min(3)
                .max(Some(2))
                .build()
                .is_err()
        );
        assert!(wt::MemoryType::builder().page_size_log2(3).build().is_err());
        let table = wt::TableType::new(wt::RefType::FUNCREF, 1, None);
        assert_eq!(
            (table.minimum(), table.maximum(), table.is_64()),
            (1, None, false)
        );
        assert!(wt::TableType::new64(wt::RefType::EXTERNREF, 1, None).is_64());
        for mutability in [wt::Mutability::Const, wt::Mutability::Var] {
            let ty = wt::GlobalType::new(wt::ValType::F32, mutability);
            assert_eq!(
                ty.mutability().is_var(),
                match mutability {
                    wt::Mutability::Const => false,
                    wt::Mutability::Var => true,
                }
            );
            assert!(ty.content().is_f32());
        }
    }

    /// Exhaustive, payloads included.
    fn concrete(heap: &wt::HeapType) -> bool {
        match heap {
            wt::HeapType::Extern
            | wt::HeapType::NoExtern
            | wt::HeapType::Func
            | wt::HeapType::NoFunc
            | wt::HeapType::Any
            | wt::HeapType::Eq
            | wt::HeapType::I31
            | wt::HeapType::Array
            | wt::HeapType::Struct
            | wt::HeapType::Exn
            | wt::HeapType::NoExn
            | wt::HeapType::Cont
            | wt::HeapType::NoCont
            | wt::HeapType::None => false,
            wt::HeapType::ConcreteFunc(wt::FuncType { .. })
            | wt::HeapType::ConcreteArray(wt::ArrayType { .. })
            | wt::HeapType::ConcreteStruct(wt::StructType { .. })
            | wt::HeapType::ConcreteExn(wt::ExnType { .. })
            | wt::HeapType::ConcreteCont(wt::ContType { .. }) => true,
        }
    }

    fn width(ty: &wt::ValType) -> usize {
        match ty {
            wt::ValType::I32 | wt::ValType::F32 => 4,
            wt::ValType::I64 | wt::ValType::F64 => 8,
            wt::ValType::V128 => 16,
            wt::ValType::Ref(wt::RefType { .. }) => 0,
        }
    }

    fn kind(ty: &wt::ExternType) -> &'static str {
        match ty {
            wt::ExternType::Func(wt::FuncType { .. }) => "func",
            wt::ExternType::Global(wt::GlobalType { .. }) => "global",
            wt::ExternType::Table(wt::TableType { .. }) => "table",
            wt::ExternType::Memory(wt::MemoryType { .. }) => "memory",
            wt::ExternType::Tag(wt::TagType { .. }) => "tag",
        }
    }

    #[test]
    fn subtyping_and_names() {
        let engine = wt::Engine::default();
        let ty = wt::FuncType::new(&engine, [wt::ValType::I32, wt::ValType::F64], None);
        let same =
            wt::FuncType::try_new(&engine, [wt::ValType::I32, wt::ValType::F64], []).unwrap();
        assert!(wt::FuncType::eq(&ty, &same) && ty.matches(&same));
        assert!(!ty.matches(&wt::FuncType::new(&engine, [], [])));
        assert_eq!((params(&ty).len(), results(&ty).len()), (2, 0));
        assert!(ty.param(1).unwrap().is_f64() && ty.param(2).is_none() && ty.result(0).is_none());
        assert!(ty.finality().is_final() && ty.supertype().is_none());
        assert!(wt::Engine::same(ty.engine(), &engine));

        let heap = wt::HeapType::from(ty.clone());
        assert!(concrete(&heap) && !concrete(&heap.top()) && !concrete(&heap.bottom()));
        assert!(heap.top().is_func() && heap.bottom().is_no_func());
        let typed = wt::RefType::new(false, heap);
        assert!(typed.matches(&wt::RefType::FUNCREF) && !wt::RefType::FUNCREF.matches(&typed));
        assert!(wt::RefType::NULLFUNCREF.matches(&wt::RefType::FUNCREF));
        assert!(!wt::RefType::FUNCREF.matches(&wt::RefType::EXTERNREF));
        assert!(wt::ValType::eq(
            &wt::ValType::FUNCREF,
            &wt::RefType::FUNCREF.into()
        ));

        let numbers = ["i32", "i64", "f32", "f64", "v128"];
        let types = [
            wt::ValType::I32,
            wt::ValType::I64,
            wt::ValType::F32,
            wt::ValType::F64,
            wt::ValType::V128,
        ];
        for (ty, name) in types.iter().zip(numbers) {
            assert_eq!(ty.to_string(), name);
            assert!(ty.matches(ty) && !ty.matches(&wt::ValType::FUNCREF));
        }
        assert_eq!(types.iter().map(width).sum::<usize>(), 40);
        assert_eq!(width(&wt::ValType::EXTERNREF), 0);
        assert_eq!(wt::ValType::FUNCREF.to_string(), "(ref null func)");
        assert_eq!(wt::ValType::EXTERNREF.to_string(), "(ref null extern)");
    }

    #[test]
    fn default_values() {
        type V = wt::ValType;
        let engine = wt::Engine::default();
        assert!(matches!(V::I32.default_value(), Some(wt::Val::I32(0))));
        assert!(matches!(V::I64.default_value(), Some(wt::Val::I64(0))));
        assert!(matches!(V::F32.default_value(), Some(wt::Val::F32(0))));
        assert!(matches!(V::F64.default_value(), Some(wt::Val::F64(0))));
        let zero = V::V128.default_value().unwrap().unwrap_v128();
        assert_eq!(zero, wt::V128::from(0));
        assert!(matches!(
            V::FUNCREF.default_value(),
            Some(wt::Val::FuncRef(None))
        ));
        assert!(matches!(
            V::EXTERNREF.default_value(),
            Some(wt::Val::ExternRef(None))
        ));
        let never_null = wt::RefType::new(false, wt::HeapType::Extern);
        assert!(V::from(never_null.clone()).default_value().is_none());
        assert!(wt::Val::default_for_ty(&V::from(never_null.clone())).is_none());
        assert!(matches!(
            wt::Val::default_for_ty(&V::I64),
            Some(wt::Val::I64(0))
        ));

        let mut store = wt::Store::new(&engine, ());
        let ty = wt::FuncType::new(&engine, [V::F32], [V::I32, V::FUNCREF]);
        let func = ty.default_value(&mut store).unwrap();
        let mut results = [wt::Val::I32(9), wt::Val::I32(9)];
        func.call(&mut store, &[wt::Val::F32(1)], &mut results)
            .unwrap();
        assert!(matches!(results, [wt::Val::I32(0), wt::Val::FuncRef(None)]));
        let impossible = wt::FuncType::new(&engine, [], [never_null.clone().into()]);
        assert!(impossible.default_value(&mut store).is_err());

        let global = wt::GlobalType::new(V::I64, wt::Mutability::Var);
        assert_eq!(
            global
                .default_value(&mut store)
                .unwrap()
                .get(&mut store)
                .unwrap_i64(),
            0
        );
        let table = wt::TableType::new(wt::RefType::FUNCREF, 3, None);
        assert_eq!(table.default_value(&mut store).unwrap().size(&store), 3);
        assert!(
            wt::TableType::new(never_null, 3, None)
                .default_value(&mut store)
                .is_err()
        );
        let memory = wt::MemoryType::new(2, None);
        let item = memory.default_value(&mut store).unwrap();
        assert_eq!(item.into_memory().unwrap().size(&store), 2);
        let all: [wt::ExternType; 4] = [ty.into(), global.into(), table.into(), memory.into()];
        for (ty, name) in all.iter().zip(["func", "global", "table", "memory"]) {
            assert_eq!(kind(ty), name);
            let item = ty.default_value(&mut store).unwrap();
            assert_eq!(kind(&item.ty(&store)), name);
        }
    }
}

/// Section 8, as far as host references go.
mod externref {
    use super::{output, output_local, wt};
    use std::any::Any;
    use std::hash::Hasher;

    type X = wt::ExternRef;
    type Held = Box<u32>;

    fn of_contexts<'a, T, V, C, IntoShared, IntoUnique>()
    where
        T: 'static,
        V: 'static + Any + Send + Sync,
        C: wt::AsContextMut,
        IntoShared: Into<wt::StoreContext<'a, T>>,
        IntoUnique: Into<wt::StoreContextMut<'a, T>>,
    {
        type Data<R> = wt::Result<Option<R>>;
        sigs! {
            wt::ExternRef::new::<V> => fn(C, V) -> wt::Result<wt::Rooted<X>>;
            wt::ExternRef::data::<T> => fn(&X, IntoShared) -> Data<&'a (dyn Any + Send + Sync)>;
            wt::ExternRef::data_mut::<T> =>
                fn(&X, IntoUnique) -> Data<&'a mut (dyn Any + Send + Sync)>;
            wt::ExternRef::from_raw => fn(C, u32) -> Option<wt::Rooted<X>>;
            wt::ExternRef::to_raw => fn(&X, C) -> wt::Result<u32>;
        }
    }

    fn of_roots<C, Shared, H>()
    where
        C: wt::AsContextMut,
        Shared: wt::AsContext,
        H: Hasher,
    {
        type Rooted = wt::Rooted<X>;
        type Owned = wt::OwnedRooted<X>;
        sigs! {
            Rooted::to_owned_rooted => fn(&Rooted, C) -> wt::Result<Owned>;
            Rooted::rooted_eq => fn(Rooted, Rooted) -> bool;
            Rooted::ref_eq => fn(Shared, &Rooted, &Owned) -> wt::Result<bool>;
            Rooted::rooted_hash::<H> => fn(&Rooted, &mut H);
            Rooted::ref_hash => fn(&Rooted, Shared, &mut H) -> wt::Result<()>;
            Owned::to_rooted => fn(&Owned, C) -> Rooted;
            Owned::ref_eq => fn(Shared, &Owned, &Rooted) -> wt::Result<bool>;
            Owned::rooted_hash::<H> => fn(&Owned, &mut H);
            Owned::ref_hash => fn(&Owned, Shared, &mut H);
            wt::RootScope::new => fn(C) -> wt::RootScope<C>;
            wt::RootScope::reserve => fn(&mut wt::RootScope<C>, usize);
            <wt::RootScope<C> as wt::AsContextMut>::as_context_mut =>
                for<'s> fn(&'s mut wt::RootScope<C>) -> wt::StoreContextMut<'s, C::Data>;
            <wt::RootScope<C> as wt::AsContext>::as_context =>
                for<'s> fn(&'s wt::RootScope<C>) -> wt::StoreContext<'s, C::Data>;
        }
    }

    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn futures<T: Send + 'static, C: wt::AsContextMut>(store: &mut wt::Store<T>, context: C) {
        output::<wt::Result<wt::Rooted<X>>>(X::new_async(&mut *store, String::new()));
        output_local::<wt::Result<wt::Rooted<X>>>(X::new_async(context, String::new()));
    }

    #[test]
    fn signatures() {
        type S<'s> = &'s mut wt::Store<u32>;
        of_contexts::<u32, String, S<'_>, S<'_>, S<'_>>();
        of_roots::<S<'_>, S<'_>, std::hash::DefaultHasher>();
        bounds! {
            X => [wt::GcRef + std::fmt::Debug];
            wt::Rooted<X> => [Copy + std::fmt::Debug + wt::WasmTy + std::ops::Deref<Target = X>
                + wt::RootedGcRef<X>];
            Option<wt::Rooted<X>> => [wt::WasmTy];
            wt::OwnedRooted<X> => [Clone + std::fmt::Debug + wt::WasmTy
                + std::ops::Deref<Target = X> + wt::RootedGcRef<X>];
            Option<wt::OwnedRooted<X>> => [wt::WasmTy];
            wt::GcHeapOutOfMemory<()> => [std::error::Error];
        }
        sigs! {
            wt::GcHeapOutOfMemory::into_inner => fn(wt::GcHeapOutOfMemory<u8>) -> u8;
            wt::GcHeapOutOfMemory::take_inner =>
                fn(wt::GcHeapOutOfMemory<u8>) -> (u8, wt::GcHeapOutOfMemory<()>);
        }
    }

    #[test]
    fn host_data_passes_through_a_guest() {
        let mut store = wt::Store::<()>::default();
        let wat = r#"(module
            (table $t 1 externref)
            (func (export "keep") (param externref) (table.set $t (i32.const 0) (local.get 0)))
            (func (export "give") (result externref) (table.get $t (i32.const 0))))"#;
        let module = wt::Module::new(store.engine(), wat).unwrap();
        let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
        let keep = instance
            .get_typed_func::<Option<wt::Rooted<X>>, ()>(&mut store, "keep")
            .unwrap();
        let give = instance
            .get_typed_func::<(), Option<wt::Rooted<X>>>(&mut store, "give")
            .unwrap();
        assert!(give.call(&mut store, ()).unwrap().is_none());
        {
            let mut scope = wt::RootScope::new(&mut store);
            let held = X::new(&mut scope, Held::new(7)).unwrap();
            keep.call(&mut scope, Some(held)).unwrap();
        }
        store.gc(None).unwrap();
        let back = give.call(&mut store, ()).unwrap().unwrap();
        let data = back.data_mut(&mut store).unwrap().unwrap();
        *data.downcast_mut::<Held>().unwrap() = Held::new(8);
        let data = back.data(&store).unwrap().unwrap();
        assert_eq!(data.downcast_ref::<Held>().map(|held| **held), Some(8));
        assert!(data.downcast_ref::<String>().is_none());
    }

    #[test]
    fn roots_compare_by_identity_and_expire() {
        let mut store = wt::Store::<()>::default();
        let owned = {
            let mut scope = wt::RootScope::new(&mut store);
            let inner = X::new(&mut scope, 1_u8).unwrap();
            let other = X::new(&mut scope, 1_u8).unwrap();
            assert!(wt::Rooted::ref_eq(&scope, &inner, &inner).unwrap());
            assert!(!wt::Rooted::ref_eq(&scope, &inner, &other).unwrap());
            assert!(wt::Rooted::rooted_eq(inner, inner) && !wt::Rooted::rooted_eq(inner, other));
            inner.to_owned_rooted(&mut scope).unwrap()
        };
        let expired = {
            let mut scope = wt::RootScope::new(&mut store);
            X::new(&mut scope, 2_u8).unwrap()
        };
        assert!(expired.data(&store).is_err(), "its scope has ended");
        let rooted = owned.to_rooted(&mut store);
        assert!(wt::OwnedRooted::ref_eq(&store, &owned, &rooted).unwrap());
        let data = owned.data(&store).unwrap().unwrap();
        assert_eq!(data.downcast_ref::<u8>(), Some(&1));
    }
}

/// What may cross threads.
mod auto {
    use super::wt;

    #[test]
    fn send_and_sync() {
        bounds! {
            wt::Config => [Send + Sync];
            wt::Engine => [Send + Sync];
            wt::EngineWeak => [Send + Sync];
            wt::Store<()> => [Send + Sync];
            wt::StoreContext<'static, ()> => [Send + Sync];
            wt::StoreContextMut<'static, ()> => [Send + Sync];
            wt::Caller<'static, ()> => [Send + Sync];
            wt::StoreLimits => [Send + Sync];
            wt::UpdateDeadline => [Send];
            wt::Module => [Send + Sync];
            wt::ModuleExport => [Send + Sync];
            wt::Linker<()> => [Send + Sync];
            wt::InstancePre<()> => [Send + Sync];
            wt::Instance => [Send + Sync];
            wt::Func => [Send + Sync];
            wt::TypedFunc<(), ()> => [Send + Sync];
            wt::TypedFunc<(i32, Option<wt::Func>), (f64, wt::V128)> => [Send + Sync];
            wt::Memory => [Send + Sync];
            wt::Table => [Send + Sync];
            wt::Global => [Send + Sync];
            wt::Extern => [Send + Sync];
            wt::Val => [Send + Sync];
            wt::Ref => [Send + Sync];
            wt::V128 => [Send + Sync];
            wt::ExternRef => [Send + Sync];
            wt::Rooted<wt::ExternRef> => [Send + Sync];
            wt::OwnedRooted<wt::ExternRef> => [Send + Sync];
            wt::Trap => [Send + Sync];
            wt::Error => [Send + Sync];
            wt::OutOfMemory => [Send + Sync];
            wt::MemoryAccessError => [Send + Sync];
            wt::UnknownImportError => [Send + Sync];
            wt::WasmBacktrace => [Send + Sync];
            wt::FrameInfo => [Send + Sync];
            wt::FuncType => [Send + Sync];
            wt::ValType => [Send + Sync];
            wt::HeapType => [Send + Sync];
            wt::ExternType => [Send + Sync];
            wt::MemoryType => [Send + Sync];
        }
    }

    /// A linker holds no `T`, so it may be shared whatever `T` is.
    #[test]
    fn linkers_of_data_that_is_not_send() {
        bounds! {
            wt::Linker<*mut u8> => [Send + Sync];
            wt::InstancePre<*mut u8> => [Send + Sync];
        }
    }

    /// Data that is neither `Send` nor `Sync` is welcome, in a store that stays on its thread.
    #[test]
    fn stores_of_data_that_is_not_send() {
        use std::rc::Rc;
        let shared = Rc::new(std::cell::Cell::new(0));
        let mut store = wt::Store::new(&wt::Engine::default(), Rc::clone(&shared));
        let func = wt::Func::wrap(&mut store, |caller: wt::Caller<'_, Rc<_>>, x: i32| {
            let cell: &std::cell::Cell<i32> = caller.data();
            cell.set(cell.get() + x);
        });
        func.typed::<i32, ()>(&store)
            .unwrap()
            .call(&mut store, 3)
            .unwrap();
        assert_eq!(shared.get(), 3);
    }
}

/// Messages embedders match on, and the rules behind them.
mod behaviour {
    use super::{block_on, wt};

    const ASYNC_ONLY: &str =
        "store configuration requires that `*_async` functions are used instead";
    const NO_BLOCKING: &str = "cannot do blocking `call` from an async context";

    fn text(error: &wt::Error) -> String {
        format!("{error:#}")
    }

    /// Every way to make a store async-only is sticky and refuses every synchronous entry.
    #[test]
    fn async_only_stores_refuse_synchronous_entries() {
        let mut config = wt::Config::new();
        config.epoch_interruption(true).consume_fuel(true);
        let engine = wt::Engine::new(&config).unwrap();
        let module = wt::Module::new(&engine, "(module (func $f) (start $f))").unwrap();
        let wat = r#"(module (import "h" "f" (func)))"#;
        let importer = wt::Module::new(&engine, wat).unwrap();
        let ways: [fn(&mut wt::Store<()>, &wt::Module); 4] = [
            |store, _| store.epoch_deadline_async_yield_and_update(1),
            |store, _| store.fuel_async_yield_interval(Some(1000)).unwrap(),
            |store, _| _ = wt::Func::wrap_async(store, |_, ()| Box::new(async {})),
            |store, importer| {
                let mut linker = wt::Linker::new(store.engine());
                linker
                    .func_wrap_async("h", "f", |_, ()| Box::new(async {}))
                    .unwrap();
                let (instance, _) = block_on(linker.instantiate_async(store, importer));
                instance.unwrap();
            },
        ];
        for way in ways {
            let mut store = wt::Store::new(&engine, ());
            let func = wt::Func::wrap(&mut store, || {});
            let typed = func.typed::<(), ()>(&store).unwrap();
            store.set_fuel(10_000).unwrap();
            store.set_epoch_deadline(1);
            typed.call(&mut store, ()).unwrap();
            wt::Instance::new(&mut store, &module, &[]).unwrap();
            way(&mut store, &importer);
            let errors = [
                func.call(&mut store, &[], &mut []).unwrap_err(),
                typed.call(&mut store, ()).unwrap_err(),
                wt::Instance::new(&mut store, &module, &[]).unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.root_cause().to_string(), ASYNC_ONLY);
            }
            block_on(typed.call_async(&mut store, ())).0.unwrap();
            block_on(wt::Instance::new_async(&mut store, &module, &[]))
                .0
                .unwrap();
        }
    }

    /// On a fiber a synchronous call is an error even where the store would allow it.
    #[test]
    fn no_blocking_call_on_a_fiber() {
        fn nested(mut caller: wt::Caller<'_, ()>) -> wt::Result<()> {
            let inner = wt::Func::wrap(&mut caller, || {});
            inner.call(&mut caller, &[], &mut [])
        }
        let refusal = |store: &mut wt::Store<()>, func: wt::Func| {
            let typed = func.typed::<(), ()>(&*store).unwrap();
            let error = block_on(typed.call_async(store, ())).0.unwrap_err();
            error.root_cause().to_string()
        };
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let func = wt::Func::wrap(&mut store, nested);
        assert_eq!(refusal(&mut store, func), NO_BLOCKING);
        func.typed::<(), ()>(&store)
            .unwrap()
            .call(&mut store, ())
            .unwrap();
        // An async function makes the store async only, which is then the reason given.
        let func = wt::Func::wrap_async(&mut store, |caller, ()| {
            Box::new(async move { nested(caller) })
        });
        assert_eq!(refusal(&mut store, func), ASYNC_ONLY);

        // The way to do it: a fiber of its own for the nested entry.
        let nested_async = wt::Func::wrap_async(&mut store, |mut caller, ()| {
            Box::new(async move {
                let inner = wt::Func::wrap(&mut caller, || 5_i32);
                let inner = inner.typed::<(), i32>(&caller)?;
                inner.call_async(&mut caller, ()).await
            })
        });
        let typed = nested_async.typed::<(), i32>(&store).unwrap();
        assert_eq!(block_on(typed.call_async(&mut store, ())).0.unwrap(), 5);
    }

    #[test]
    fn imports() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let wat = r#"(module (import "env" "f" (func (param i32))) (import "env" "m" (memory 2)))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let wrong = wt::Func::wrap(&mut store, |_: i64| {});
        let right = wt::Func::wrap(&mut store, |_: i32| {});
        let memory = wt::Memory::new(&mut store, wt::MemoryType::new(1, None)).unwrap();
        let mut attempt = |imports: &[wt::Extern]| {
            let error = wt::Instance::new(&mut store, &module, imports).unwrap_err();
            (error.to_string(), error.chain().count())
        };
        assert_eq!(attempt(&[]).0, "expected 2 imports, found 0");
        assert_eq!(attempt(&[right.into()]).0, "expected 2 imports, found 1");
        let (message, causes) = attempt(&[wrong.into(), memory.into()]);
        assert_eq!(message, "incompatible import type for `env::f`");
        assert!(causes > 1, "the cause says what was expected and found");
        let (message, _) = attempt(&[right.into(), memory.into()]);
        assert_eq!(message, "incompatible import type for `env::m`");
        let (message, _) = attempt(&[memory.into(), right.into()]);
        assert_eq!(message, "incompatible import type for `env::f`");

        let mut linker = wt::Linker::new(&engine);
        let error = linker.instantiate(&mut store, &module).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown import: `env::f` has not been defined"
        );
        let unknown = error.downcast_ref::<wt::UnknownImportError>().unwrap();
        assert_eq!((unknown.module(), unknown.name()), ("env", "f"));
        assert!(matches!(unknown.ty(), wt::ExternType::Func(_)));
        linker.define(&store, "env", "f", wrong).unwrap();
        linker.define(&store, "env", "m", memory).unwrap();
        let Err(error) = linker.instantiate_pre(&module) else {
            panic!("the types do not match");
        };
        assert!(
            text(&error).contains("incompatible import type for `env::f`"),
            "{error:?}"
        );
    }

    #[test]
    fn calls() {
        let mut store = wt::Store::<()>::default();
        let func = wt::Func::wrap(&mut store, |_: i32| 0_i64);
        let call = |store: &mut wt::Store<()>, params: &[wt::Val], results: &mut [wt::Val]| {
            func.call(store, params, results).unwrap_err().to_string()
        };
        let one = [wt::Val::I32(1)];
        assert_eq!(
            call(&mut store, &[], &mut one.clone()),
            "expected 1 arguments, got 0"
        );
        assert_eq!(call(&mut store, &one, &mut []), "expected 1 results, got 0");
        assert!(func.typed::<i64, i64>(&store).is_err());
        assert!(func.typed::<i32, ()>(&store).is_err());
        assert!(
            func.typed::<u32, u64>(&store).is_ok(),
            "signs do not matter"
        );
    }

    /// What a host function returns comes out as it went in.
    #[test]
    fn host_errors_keep_their_identity() {
        #[derive(Debug, PartialEq)]
        struct QuotaExceeded(u32);
        impl std::fmt::Display for QuotaExceeded {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "quota of {} exceeded", self.0)
            }
        }
        impl std::error::Error for QuotaExceeded {}

        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let host = wt::Func::wrap(&mut store, || -> wt::Result<()> {
            Err(wt::Error::new(QuotaExceeded(3)).context("in the host"))
        });
        let wat = r#"(module (import "" "" (func $h)) (func (export "run") (call $h)))"#;
        let module = wt::Module::new(&engine, wat).unwrap();
        let instance = wt::Instance::new(&mut store, &module, &[host.into()]).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        let error = run.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&QuotaExceeded(3)));
        assert_eq!(error.downcast_ref(), Some(&"in the host"));
        assert!(error.is::<wt::WasmBacktrace>() && !error.is::<wt::Trap>());
        assert_eq!(error.root_cause().to_string(), "quota of 3 exceeded");
        assert_eq!(error.downcast::<QuotaExceeded>().unwrap(), QuotaExceeded(3));
    }

    #[test]
    fn epochs_and_fuel_are_off_by_default() {
        let engine = wt::Engine::default();
        let mut store = wt::Store::new(&engine, ());
        let module = wt::Module::new(&engine, "(module (func $f) (start $f))").unwrap();
        engine.increment_epoch();
        wt::Instance::new(&mut store, &module, &[]).unwrap();
        assert!(store.get_fuel().is_err());
    }

    #[test]
    fn stores_do_not_mix() {
        let engine = wt::Engine::default();
        let mut here = wt::Store::new(&engine, ());
        let mut there = wt::Store::new(&engine, ());
        let foreign = wt::Func::wrap(&mut there, || {});
        let take = wt::Func::wrap(&mut here, |_: Option<wt::Func>| {});
        let take = take.typed::<Option<wt::Func>, ()>(&here).unwrap();
        assert!(take.call(&mut here, Some(foreign)).is_err());
    }
}
