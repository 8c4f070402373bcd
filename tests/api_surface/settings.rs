//! Section 1, the rest of it: every other setting and its getter; and `CodeBuilder` and `ValRaw`, which belong nowhere else.

use super::wt;
use std::ffi::c_void;
use std::path::Path;
use std::sync::Arc;

type C = wt::Config;
type With<Arg> = for<'c> fn(&'c mut C, Arg) -> &'c mut C;
type Detect = fn(&str) -> Option<bool>;
type P = wt::PoolingAllocationConfig;
type Limit<Arg> = for<'c> fn(&'c mut P, Arg) -> &'c mut P;

/// That they exist and chain; each is recorded and read back below, where it has a getter.
#[test]
fn setters() {
    sigs! {
        C::compiler_inlining => With<wt::Inlining>;
        C::collector => With<wt::Collector>;
        C::strategy => With<wt::Strategy>;
        C::profiler => With<wt::ProfilingStrategy>;
        C::cranelift_regalloc_algorithm => With<wt::RegallocAlgorithm>;
        C::cranelift_nan_canonicalization => With<bool>;
        C::cranelift_debug_verifier => With<bool>;
        C::cranelift_wasmtime_debug_checks => With<bool>;
        C::cranelift_flag_enable => for<'c, 'f> unsafe fn(&'c mut C, &'f str) -> &'c mut C;
        C::detect_host_feature =>
            for<'c> unsafe fn(&'c mut C, Detect) -> &'c mut C;
        C::x86_float_abi_ok => for<'c> unsafe fn(&'c mut C, bool) -> &'c mut C;
        C::debug_info => With<bool>;
        C::debug_symbols => With<bool>;
        C::enable_compiler => With<bool>;
        C::force_memory_init_memfd => With<bool>;
        C::gc_heap_guard_size => With<u64>;
        C::gc_heap_initial_size => With<u64>;
        C::gc_heap_may_move => With<bool>;
        C::gc_heap_reservation => With<u64>;
        C::gc_heap_reservation_for_growth => With<u64>;
        C::gc_support => With<bool>;
        C::generate_address_map => With<bool>;
        C::macos_use_mach_ports => With<bool>;
        C::module_version => for<'c> fn(&'c mut C, wt::ModuleVersionStrategy) -> wt::Result<&'c mut C>;
        C::native_unwind_info => With<bool>;
        C::operator_cost => With<wt::OperatorCost>;
        C::parallel_compilation => With<bool>;
        C::relaxed_simd_deterministic => With<bool>;
        C::shared_memory => With<bool>;
        C::table_lazy_init => With<bool>;
        C::target => for<'c, 't> fn(&'c mut C, &'t str) -> wt::Result<&'c mut C>;
        C::wasm_shared_everything_threads => With<bool>;
        C::wasm_stack_switching => With<bool>;
        C::wmemcheck => With<bool>;
        C::with_custom_code_memory => With<Option<Arc<dyn wt::CustomCodeMemory>>>;
    }
    let mut config = wt::Config::new();
    // SAFETY: the flag has its default.
    unsafe { config.cranelift_flag_set("enable_probestack", "true") };
    let _: &mut wt::Config = config.allocation_strategy(wt::InstanceAllocationStrategy::OnDemand);
    bounds! {
        wt::Collector => [Copy + std::fmt::Debug + PartialEq + Default];
        wt::Strategy => [Copy + std::fmt::Debug + PartialEq];
        wt::ProfilingStrategy => [Copy + std::fmt::Debug + PartialEq];
        wt::RegallocAlgorithm => [Copy + std::fmt::Debug + PartialEq];
        wt::Enabled => [Copy + std::fmt::Debug + PartialEq];
        wt::ModuleVersionStrategy => [Clone + Default + std::hash::Hash];
        wt::InstanceAllocationStrategy => [Clone + Default];
        wt::PoolingAllocationConfig => [Clone + std::fmt::Debug + Default];
        dyn wt::CustomCodeMemory => [?Sized + Send + Sync];
    }
    let _ = [
        wt::Collector::Auto,
        wt::Collector::DeferredReferenceCounting,
        wt::Collector::Null,
        wt::Collector::Copying,
    ];
    let _ = [
        wt::Strategy::Auto,
        wt::Strategy::Cranelift,
        wt::Strategy::Winch,
    ];
    let _ = [
        wt::ProfilingStrategy::None,
        wt::ProfilingStrategy::PerfMap,
        wt::ProfilingStrategy::JitDump,
        wt::ProfilingStrategy::VTune,
        wt::ProfilingStrategy::Pulley,
    ];
    let _ = [wt::Enabled::Auto, wt::Enabled::Yes, wt::Enabled::No];
    let versions = [
        wt::ModuleVersionStrategy::WasmtimeVersion,
        wt::ModuleVersionStrategy::Custom("mine".to_string()),
        wt::ModuleVersionStrategy::None,
    ];
    assert!(!versions[0].as_str().is_empty());
    assert_eq!([versions[1].as_str(), versions[2].as_str()], ["mine", ""]);
    let too_long = wt::ModuleVersionStrategy::Custom("x".repeat(256));
    assert!(wt::Config::new().module_version(too_long).is_err());
}

/// What every engine answers of itself: the defaults are part of the contract.
#[test]
fn defaults_are_read_back() {
    let engine = wt::Engine::default();
    let _: &wt::Config = engine.config();
    assert_eq!(engine.get_max_wasm_stack(), 512 << 10);
    assert_eq!(engine.get_async_stack_size(), 2 << 20);
    assert_eq!(engine.get_memory_reservation(), 4 << 30);
    assert_eq!(engine.get_memory_guard_size(), 32 << 20);
    assert_eq!(engine.get_memory_reservation_for_growth(), 2 << 30);
    assert_eq!(engine.get_wasm_backtrace_max_frames(), 20);
    assert_eq!(engine.get_memory_guaranteed_dense_image_size(), 16 << 20);
    assert_eq!(engine.get_gc_heap_initial_size(), 0);
    let on = [
        engine.get_memory_may_move(),
        engine.get_memory_init_cow(),
        engine.get_guard_before_linear_memory(),
        engine.get_signals_based_traps(),
        engine.get_generate_address_map(),
        engine.get_parallel_compilation(),
        engine.get_table_lazy_init(),
    ];
    assert_eq!(on, [true; 7]);
    let off = [
        engine.get_async_stack_zeroing(),
        engine.get_consume_fuel(),
        engine.get_epoch_interruption(),
        engine.get_debug_info(),
        engine.get_guest_debug(),
        engine.get_relaxed_simd_deterministic(),
        engine.get_shared_memory(),
        engine.get_cranelift_nan_canonicalization().unwrap(),
    ];
    assert_eq!(off, [false; 8]);
    assert!(matches!(
        engine.get_cranelift_opt_level(),
        Some(wt::OptLevel::Speed)
    ));
    assert!(matches!(
        engine.get_cranelift_regalloc_algorithm(),
        Some(wt::RegallocAlgorithm::Backtracking)
    ));
    assert!(engine.get_pooling_config().is_none());
    assert!(engine.get_target().unwrap().contains("linux"));
    let _: Option<wt::Strategy> = engine.get_strategy();
    let _: Option<wt::Collector> = engine.get_collector();
    let _: Option<bool> = engine.get_native_unwind_info();
    let _: Option<bool> = engine.get_cranelift_debug_verifier();
    let _: wt::Inlining = engine.get_compiler_inlining();
    let _: wt::WasmFeatures = engine.get_wasm_features();
    let _: bool = engine.get_wasm_branch_hinting();
    let _: bool = engine.get_debug_symbols();
    let _: bool = engine.get_concurrency_support();
    let _: bool = engine.get_gc_heap_may_move();
    let _: [u64; 3] = [
        engine.get_gc_heap_reservation(),
        engine.get_gc_heap_guard_size(),
        engine.get_gc_heap_reservation_for_growth(),
    ];
}

#[test]
fn choices_are_read_back() {
    let mut config = wt::Config::new();
    config
        .max_wasm_stack(128 << 10)
        .async_stack_size(1 << 20)
        .async_stack_zeroing(true)
        .memory_reservation(1 << 20)
        .memory_guard_size(1 << 16)
        .memory_reservation_for_growth(3 << 16)
        .memory_may_move(false)
        .memory_init_cow(false)
        .memory_guaranteed_dense_image_size(5)
        .consume_fuel(true)
        .epoch_interruption(true)
        .parallel_compilation(false)
        .generate_address_map(false)
        .table_lazy_init(false)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(wt::OptLevel::None)
        .cranelift_regalloc_algorithm(wt::RegallocAlgorithm::SinglePass)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(3));
    // SAFETY: turns a check on.
    unsafe { config.cranelift_flag_enable("enable_verifier") };
    let engine = wt::Engine::new(&config).unwrap();
    assert_eq!(engine.get_max_wasm_stack(), 128 << 10);
    assert_eq!(engine.get_async_stack_size(), 1 << 20);
    assert_eq!(engine.get_memory_reservation(), 1 << 20);
    assert_eq!(engine.get_memory_guard_size(), 1 << 16);
    assert_eq!(engine.get_memory_reservation_for_growth(), 3 << 16);
    assert_eq!(engine.get_memory_guaranteed_dense_image_size(), 5);
    assert_eq!(engine.get_wasm_backtrace_max_frames(), 3);
    assert!(engine.get_async_stack_zeroing() && engine.get_consume_fuel());
    assert!(engine.get_epoch_interruption());
    assert!(!engine.get_memory_may_move() && !engine.get_memory_init_cow());
    assert!(!engine.get_parallel_compilation() && !engine.get_generate_address_map());
    assert!(!engine.get_table_lazy_init());
    assert_eq!(engine.get_cranelift_nan_canonicalization(), Some(true));
    assert!(matches!(
        engine.get_cranelift_opt_level(),
        Some(wt::OptLevel::None)
    ));
    assert!(matches!(
        engine.get_cranelift_regalloc_algorithm(),
        Some(wt::RegallocAlgorithm::SinglePass)
    ));
    let flags: Vec<&str> = engine.get_cranelift_flags_enabled().collect();
    assert_eq!(flags, ["enable_verifier"]);
    assert_eq!(engine.get_cranelift_flags_set().count(), 0);
}

macro_rules! limits {
    ($($set:ident $get:ident $ty:ty = $default:expr;)*) => {$({
        let set: Limit<$ty> = P::$set;
        let get: fn(&P) -> $ty = P::$get;
        let mut limits = P::new();
        assert_eq!(get(&limits), $default, stringify!($set));
        set(&mut limits, 7);
        assert_eq!(get(&limits), 7, stringify!($set));
    })*};
}

/// A pool's limits are recorded; whether there is a pool is the engine's to say.
#[test]
fn limits_of_pools() {
    limits! {
        max_unused_warm_slots get_max_unused_warm_slots u32 = 100;
        decommit_batch_size get_decommit_batch_size usize = 1;
        async_stack_keep_resident get_async_stack_keep_resident usize = 0;
        linear_memory_keep_resident get_memory_keep_resident usize = 0;
        table_keep_resident get_table_keep_resident usize = 0;
        total_component_instances get_total_component_instances u32 = 1000;
        max_component_instance_size get_max_component_instance_size usize = 1 << 20;
        max_core_instances_per_component get_max_core_instances_per_component u32 = u32::MAX;
        max_memories_per_component get_max_memories_per_component u32 = u32::MAX;
        max_tables_per_component get_max_tables_per_component u32 = u32::MAX;
        total_memories get_total_memories u32 = 1000;
        total_tables get_total_tables u32 = 1000;
        total_stacks get_total_stacks u32 = 1000;
        total_core_instances get_total_core_instances u32 = 1000;
        max_core_instance_size get_max_core_instance_size usize = 1 << 20;
        max_tables_per_module get_max_tables_per_module u32 = 1;
        table_elements get_table_elements usize = 20_000;
        max_memories_per_module get_max_memories_per_module u32 = 1;
        max_memory_size get_max_memory_size usize = 1 << 32;
        total_gc_heaps get_total_gc_heaps u32 = 1000;
    }
    let mut limits = P::new();
    assert_eq!(limits.get_pagemap_scan(), wt::Enabled::No);
    limits.pagemap_scan(wt::Enabled::Auto);
    assert_eq!(limits.get_pagemap_scan(), wt::Enabled::Auto);
}

#[test]
fn code_is_built_step_by_step() {
    type B<'a> = wt::CodeBuilder<'a>;
    type Bytes = for<'b> fn(
        &'b mut B<'static>,
        &'static [u8],
        Option<&'static Path>,
    ) -> wt::Result<&'b mut B<'static>>;
    type File = for<'b> fn(&'b mut B<'static>, &'static Path) -> wt::Result<&'b mut B<'static>>;
    sigs! {
        B::new => fn(&'static wt::Engine) -> B<'static>;
        |b, bytes: &'static [u8], path| B::wasm_binary(b, bytes, path) => Bytes;
        B::wasm_binary_or_text => Bytes;
        B::wasm_binary_file => File;
        B::wasm_binary_or_text_file => File;
        B::hint => for<'b> fn(&'b B<'static>) -> Option<wt::CodeHint>;
        B::compile_module => for<'b> fn(&'b B<'static>) -> wt::Result<wt::Module>;
        B::compile_module_serialized => for<'b> fn(&'b B<'static>) -> wt::Result<Vec<u8>>;
        B::dwarf_package =>
            for<'b> fn(&'b mut B<'static>, &'static [u8]) -> wt::Result<&'b mut B<'static>>;
        B::dwarf_package_file => for<'b, 'p> fn(&'b mut B<'static>, &'p Path) -> wt::Result<&'b mut B<'static>>;
    }
    let text = br#"(module (func (export "f")))"#;
    let binary = b"\0asm\x01\0\0\0";
    let engine = wt::Engine::default();
    let mut builder = wt::CodeBuilder::new(&engine);
    assert!(builder.hint().is_none());
    let error = builder.compile_module().unwrap_err();
    assert_eq!(error.to_string(), "no wasm bytes have been configured");
    builder.wasm_binary_or_text(text, None).unwrap();
    assert!(matches!(builder.hint(), Some(wt::CodeHint::Module)));
    assert!(builder.compile_module().unwrap().get_export("f").is_some());
    let bytes = builder.compile_module_serialized().unwrap();
    assert!(wt::Engine::detect_precompiled(&bytes).is_some());
    let error = builder.wasm_binary(&binary[..], None).err().unwrap();
    assert_eq!(error.to_string(), "cannot configure wasm bytes twice");

    let mut builder = wt::CodeBuilder::new(&engine);
    builder.wasm_binary(&text[..], None).unwrap();
    assert!(builder.hint().is_none() && builder.compile_module().is_err());
    let mut builder = wt::CodeBuilder::new(&engine);
    builder.wasm_binary(binary.to_vec(), None).unwrap();
    assert_eq!(builder.compile_module().unwrap().exports().len(), 0);

    let path = std::env::temp_dir().join(format!("code-builder-{}.wat", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let mut builder = wt::CodeBuilder::new(&engine);
    builder.wasm_binary_or_text_file(&path).unwrap();
    assert!(builder.compile_module().unwrap().get_export("f").is_some());
    let mut builder = wt::CodeBuilder::new(&engine);
    builder.wasm_binary_file(&path).unwrap();
    assert!(builder.compile_module().is_err(), "text is no binary");
    std::fs::remove_file(&path).unwrap();
    let mut builder = wt::CodeBuilder::new(&engine);
    let error = builder.wasm_binary_file(&path).err().unwrap();
    assert!(error.to_string().starts_with("failed to read input file: "));
}

#[test]
fn raw_values() {
    type R = wt::ValRaw;
    sigs! {
        R::funcref => fn(*mut c_void) -> R;
        R::get_funcref => fn(&R) -> *mut c_void;
        R::anyref => fn(u32) -> R;
        R::exnref => fn(u32) -> R;
        R::externref => fn(u32) -> R;
    }
    assert_eq!(R::i32(-5).get_i32(), -5);
    assert_eq!(R::i64(-5).get_i64(), -5);
    assert_eq!(R::u32(u32::MAX).get_u32(), u32::MAX);
    assert_eq!(R::u64(u64::MAX).get_u64(), u64::MAX);
    assert_eq!(R::i32(-1).get_u32(), u32::MAX);
    assert_eq!(R::u32(7).get_i32(), 7);
    assert_eq!(R::f32(1).get_f32(), 1);
    assert_eq!(R::f64(2).get_f64(), 2);
    assert_eq!(R::v128(1 << 100).get_v128(), 1 << 100);
    assert!(R::null().get_funcref().is_null());
    let handles = [
        R::null().get_externref(),
        R::null().get_anyref(),
        R::null().get_exnref(),
    ];
    assert_eq!(handles, [0; 3]);
}

/// There is nothing to take where nothing was thrown.
#[test]
fn no_exception_is_pending() {
    #[expect(dead_code, reason = "checked by the compiler, never run")]
    fn throw(store: &mut wt::Store<()>, exception: wt::Rooted<wt::ExnRef>) -> wt::Result<u8> {
        store.throw::<u8>(exception)
    }
    let mut store = wt::Store::new(&wt::Engine::default(), ());
    assert!(!store.has_pending_exception());
    assert!(store.take_pending_exception().is_none());
}
