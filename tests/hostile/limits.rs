//! Sizes that cannot be: memories and tables beyond what the host allows or the machine has, stacks of nothing, reservations of
//! everything.

use tussah::{
    Config, DEFAULT_INSTANCE_LIMIT, DEFAULT_MEMORY_LIMIT, DEFAULT_TABLE_LIMIT, Engine, Finality,
    Func, FuncType, Instance, Linker, Memory, MemoryType, Module, Ref, RefType, Result, Store,
    StoreLimits, StoreLimitsBuilder, Table, TableType, Trap, Val, ValType,
};

use crate::support::{alone, block_on, module, refused, text};

fn limited(engine: &Engine) -> Store<StoreLimits> {
    let limits = StoreLimitsBuilder::new()
        .memory_size(1 << 20)
        .table_elements(1000)
        .instances(3)
        .memories(2)
        .tables(2)
        .build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store
}

fn instantiate(engine: &Engine, wat: &str) -> Result<Instance> {
    Instance::new(limited(engine), &Module::new(engine, wat)?, &[])
}

/// A guest that has calls, a memory and a trap in it.
const GUEST: &str = r#"
    (module
        (memory 1)
        (func $deep (export "deep") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.load (i32.const 0)))))
        (func (export "trap") (drop (i32.load (i32.const 65536)))))"#;

/// Uses an engine with unusual settings: whatever fails must fail with an error.
fn use_engine(config: &Config) {
    let engine = match Engine::new(config) {
        Ok(engine) => engine,
        Err(error) => {
            assert!(text(&error).len() > 10, "an error without words");
            return;
        }
    };
    let guest = match Module::new(&engine, GUEST) {
        Ok(guest) => guest,
        Err(error) => {
            assert!(text(&error).len() > 10, "an error without words");
            return;
        }
    };
    for on_fiber in [false, true] {
        let mut store = Store::new(&engine, ());
        let instance = if on_fiber {
            block_on(Instance::new_async(&mut store, &guest, &[]))
        } else {
            Instance::new(&mut store, &guest, &[])
        };
        let Ok(instance) = instance else { continue };
        for depth in [0, 1, 10, 100_000_000] {
            let deep = instance
                .get_typed_func::<i32, i32>(&mut store, "deep")
                .unwrap();
            let result = if on_fiber {
                block_on(deep.call_async(&mut store, depth))
            } else {
                deep.call(&mut store, depth)
            };
            if let Ok(reached) = result {
                assert_eq!(reached, depth);
            }
        }
        let trap = instance
            .get_typed_func::<(), ()>(&mut store, "trap")
            .unwrap();
        let result = if on_fiber {
            block_on(trap.call_async(&mut store, ()))
        } else {
            trap.call(&mut store, ())
        };
        result.unwrap_err();
    }
}

const KIB: usize = 1 << 10;

alone! {
    30 s, 500 mib => fn memories_beyond_the_limit() {
        let engine = Engine::default();
        refused(instantiate(&engine, "(module (memory 17))"), &["memory minimum size of 17 pages exceeds memory limits"]);
        refused(instantiate(&engine, "(module (memory 65536))"), &["65536 pages", "limits"]);
        refused(Module::new(&engine, "(module (memory 65537))"), &["offset "]);
        refused(Module::new(&engine, "(module (memory 2 1))"), &["offset "]);
        refused(instantiate(&engine, "(module (memory 1) (data (i32.const -1) \"x\"))"), &["out of bounds memory access"]);
        refused(Memory::new(limited(&engine), MemoryType::new(17, None)), &["17 pages", "limits"]);
        refused(Memory::new(limited(&engine), MemoryType::new(65_536, Some(65_536))), &["65536 pages", "limits"]);

        let mut store = limited(&engine);
        let memory = Memory::new(&mut store, MemoryType::new(16, None)).unwrap();
        assert!(memory.grow(&mut store, 1).is_err());
        assert!(memory.grow(&mut store, u64::MAX).is_err());
        assert!(memory.grow(&mut store, 1 << 48).is_err());
        assert_eq!(memory.size(&store), 16);
        let grow = module(&engine, r#"(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#);
        let instance = Instance::new(&mut store, &grow, &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
        for (pages, answer) in [(-1, -1), (65_535, -1), (16, -1), (15, 1), (1, -1), (0, 16)] {
            assert_eq!(grow.call(&mut store, pages).unwrap(), answer, "{pages}");
        }
    }

    30 s, 500 mib => fn tables_beyond_the_limit() {
        let engine = Engine::default();
        refused(instantiate(&engine, "(module (table 1001 funcref))"), &["table minimum size of 1001 elements exceeds table limits"]);
        // Without a limit it is the machine that decides. Elements that are never touched cost address space alone; this
        // test's bound on memory holds all the same.
        let enormous = Module::new(&engine, "(module (table 4294967295 funcref))");
        if let Err(error) = enormous.and_then(|module| Instance::new(Store::new(&engine, ()), &module, &[])) {
            assert!(["table", "memory"].iter().any(|word| text(&error).contains(word)), "{}", text(&error));
        }
        refused(instantiate(&engine, "(module (table 1 funcref) (func $f) (elem (i32.const -1) $f))"), &["out of bounds table access"]);
        let ty = || TableType::new(RefType::FUNCREF, 1001, None);
        refused(Table::new(limited(&engine), ty(), Ref::Func(None)), &["1001 elements", "limits"]);
        let mut store = limited(&engine);
        let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 10, None), Ref::Func(None)).unwrap();
        assert!(table.grow(&mut store, 991, Ref::Func(None)).is_err());
        assert!(table.grow(&mut store, u64::MAX, Ref::Func(None)).is_err());
        assert_eq!(table.grow(&mut store, 990, Ref::Func(None)).unwrap(), 10);
        assert!(table.get(&mut store, 1000).is_none());
        assert!(table.get(&mut store, u64::MAX).is_none());
        assert!(table.set(&mut store, u64::MAX, Ref::Func(None)).is_err());
        assert!(table.fill(&mut store, 999, Ref::Func(None), u64::MAX).is_err());
        assert!(Table::copy(&mut store, &table, u64::MAX, &table, 0, u64::MAX).is_err());
    }

    30 s, 500 mib => fn more_instances_than_allowed() {
        let engine = Engine::default();
        let module = module(&engine, "(module)");
        let mut store = limited(&engine);
        for _ in 0..3 {
            Instance::new(&mut store, &module, &[]).unwrap();
        }
        refused(Instance::new(&mut store, &module, &[]), &["instance", "4"]);
        let mut store = limited(&engine);
        for _ in 0..2 {
            Memory::new(&mut store, MemoryType::new(0, None)).unwrap();
        }
        let memory = Module::new(&engine, "(module (memory 0))").unwrap();
        // Memories of the host's own making do not count; a guest's may not bring one more than allowed.
        for _ in 0..2 {
            Instance::new(&mut store, &memory, &[]).unwrap();
        }
        refused(Instance::new(&mut store, &memory, &[]), &["memor", "3"]);
    }

    60 s, 500 mib => fn a_limiter_that_traps_or_refuses_with_an_error() {
        struct Stern;
        impl tussah::ResourceLimiter for Stern {
            fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
                if current == 0 { Ok(true) } else { tussah::bail!("no more than {current} bytes, not {desired}") }
            }
            fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
                tussah::bail!("no table of {desired}")
            }
        }
        let engine = Engine::default();
        let mut store = Store::new(&engine, Stern);
        store.limiter(|stern| stern);
        let grow = module(&engine, r#"(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#);
        let instance = Instance::new(&mut store, &grow, &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").unwrap();
        refused(grow.call(&mut store, 1), &["no more than 65536 bytes, not 131072"]);
        let table = module(&engine, "(module (table 5 funcref))");
        refused(Instance::new(&mut store, &table, &[]), &["no table of 5"]);
    }

    60 s, 500 mib => fn no_stack_at_all() {
        let mut config = Config::new();
        config.max_wasm_stack(0);
        refused(Engine::new(&config), &["max_wasm_stack"]);
        let mut config = Config::new();
        config.async_stack_size(0);
        refused(Engine::new(&config), &["async_stack_size"]);
        let mut config = Config::new();
        config.max_wasm_stack(2 << 20).async_stack_size(1 << 20);
        refused(Engine::new(&config), &["max_wasm_stack", "async_stack_size"]);
    }

    60 s, 500 mib => fn hardly_any_stack_for_guests() {
        for max in [1, 16, 256, 4 * KIB] {
            let mut config = Config::new();
            config.max_wasm_stack(max);
            use_engine(&config);
        }
    }

    60 s, 500 mib => fn hardly_any_stack_for_the_host_on_a_fiber() {
        // Either there is an error, or there is room enough to run.
        for (max, size) in [(1, 1), (1, 4 * KIB), (4 * KIB, 4 * KIB), (4 * KIB, 8 * KIB), (64 * KIB, 64 * KIB), (512 * KIB, 512 * KIB)] {
            let mut config = Config::new();
            config.max_wasm_stack(max).async_stack_size(size);
            use_engine(&config);
        }
    }

    60 s, 500 mib => fn stacks_larger_than_the_machine() {
        for size in [1 << 46, 1 << 62, usize::MAX / 2, usize::MAX - 4095, usize::MAX] {
            let mut config = Config::new();
            config.async_stack_size(size);
            use_engine(&config);
        }
    }

    60 s, 500 mib => fn reservations_larger_than_the_machine() {
        for size in [1 << 46, 1 << 47, 1 << 62, u64::MAX - 4095, u64::MAX] {
            let settings: [fn(&mut Config, u64) -> &mut Config; 3] =
                [Config::memory_reservation, Config::memory_guard_size, Config::memory_reservation_for_growth];
            for set in settings {
                let mut config = Config::new();
                set(&mut config, size);
                use_engine(&config);
            }
        }
    }

    60 s, 500 mib => fn no_reservation_at_all() {
        let mut config = Config::new();
        config.memory_reservation(0).memory_guard_size(0).memory_reservation_for_growth(0);
        let engine = Engine::new(&config).unwrap();
        let mut store = Store::new(&engine, ());
        let guest = module(&engine, GUEST);
        let instance = Instance::new(&mut store, &guest, &[]).unwrap();
        let trap = instance.get_typed_func::<(), ()>(&mut store, "trap").unwrap();
        let error = trap.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
        let deep = instance.get_typed_func::<i32, i32>(&mut store, "deep").unwrap();
        assert_eq!(deep.call(&mut store, 3).unwrap(), 3);
    }

    30 s, 500 mib => fn what_was_never_made_does_not_count() {
        let engine = Engine::default();
        let mut store = limited(&engine);
        let too_large = module(&engine, "(module (memory 1) (memory 17) (table 1 funcref) (table 1 funcref))");
        let out_of_bounds = module(&engine, r#"(module (memory 1) (memory 1) (table 1 funcref) (table 1 funcref)
            (func $f) (elem (table 1) (i32.const 0) func $f) (data (i32.const 65536) "x"))"#);
        let no_element = module(&engine, "(module (table 1 funcref) (table 1 funcref) (func $f) (elem (table 1) (i32.const 1) func $f))");
        for _ in 0..10 {
            refused(Instance::new(&mut store, &too_large, &[]), &["memory minimum size of 17 pages"]);
            refused(block_on(Instance::new_async(&mut store, &too_large, &[])), &["memory minimum size of 17 pages"]);
            let error = Instance::new(&mut store, &out_of_bounds, &[]).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
            let error = Instance::new(&mut store, &no_element, &[]).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::TableOutOfBounds));
        }
        let all = module(&engine, r#"(module (memory (export "m") 1) (memory 1) (table 1 funcref) (table 1 funcref)
            (func (export "f") (result i32) (i32.load8_u (i32.const 3))) (data (i32.const 3) "\05"))"#);
        let instance = Instance::new(&mut store, &all, &[]).unwrap();
        let f = instance.get_typed_func::<(), i32>(&mut store, "f").unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap(), 5);
        refused(Instance::new(&mut store, &all, &[]), &["table count too high at 4"]);
    }

    30 s, 500 mib => fn what_others_may_call_stays_and_counts() {
        let engine = Engine::default();
        let mut store = limited(&engine);
        let ty = TableType::new(RefType::FUNCREF, 1, None);
        let table = Table::new(&mut store, ty, Ref::Func(None)).unwrap();
        // It fails after its function has been put into the host's table.
        let half = module(&engine, r#"(module (import "h" "t" (table 1 funcref)) (memory 1)
            (func $f (result i32) (i32.load8_u (i32.const 7))) (elem (i32.const 0) func $f)
            (data (i32.const 7) "\2a") (data (i32.const 65536) "x"))"#);
        for _ in 0..2 {
            let error = Instance::new(&mut store, &half, &[table.into()]).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
        }
        refused(Instance::new(&mut store, &half, &[table.into()]), &["memory count too high at 3"]);
        let held = table.get(&mut store, 0).unwrap();
        let f = held.unwrap_func().unwrap().typed::<(), i32>(&store).unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap(), 42);
    }

    60 s, 1500 mib => fn a_store_without_a_limiter_has_the_default_counts() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let empty = module(&engine, "(module)");
        for _ in 0..DEFAULT_INSTANCE_LIMIT {
            Instance::new(&mut store, &empty, &[]).unwrap();
        }
        refused(Instance::new(&mut store, &empty, &[]), &["instance count too high at 10001"]);
        let many = |what: &str, count: usize| format!("(module {})", what.repeat(count));
        let tables = module(&engine, &many("(table 0 0 funcref)", 100));
        let mut store = Store::new(&engine, ());
        for _ in 0..DEFAULT_TABLE_LIMIT / 100 {
            Instance::new(&mut store, &tables, &[]).unwrap();
        }
        refused(Instance::new(&mut store, &tables, &[]), &["table count too high at 10100"]);
        let mut config = Config::new();
        config.memory_reservation(0).memory_guard_size(0).memory_reservation_for_growth(0);
        let engine = Engine::new(&config).unwrap();
        let memories = module(&engine, &many("(memory 0 0)", 100));
        let mut store = Store::new(&engine, ());
        for _ in 0..DEFAULT_MEMORY_LIMIT / 100 {
            Instance::new(&mut store, &memories, &[]).unwrap();
        }
        refused(Instance::new(&mut store, &memories, &[]), &["memory count too high at 10100"]);
    }

    60 s, 500 mib => fn function_types_larger_than_any_module_has() {
        let engine = Engine::default();
        let ty = |params: usize, results: usize| {
            let values = |count| std::iter::repeat_n(ValType::I64, count);
            FuncType::new(&engine, values(params), values(results))
        };
        for (params, results, words) in [
            (1001, 0, "1001 parameters, which exceeds the limit of 1000"),
            (0, 1001, "1001 results, which exceeds the limit of 1000"),
            (300_000, 300_000, "300000 parameters, which exceeds the limit of 1000"),
        ] {
            let mut store = Store::new(&engine, ());
            let huge = ty(params, results);
            assert_eq!((huge.params().len(), huge.results().len()), (params, results));
            assert!(huge.matches(&huge) && FuncType::eq(&huge, &ty(params, results)));
            refused(FuncType::try_new(&engine, huge.params(), huge.results()).map_err(tussah::Error::from)
                .and_then(|ty| Func::try_new(&mut store, ty, |_, _, _| Ok(()))), &[words]);
            refused(huge.default_value(&mut store), &[words]);
            let mut linker = Linker::<()>::new(&engine);
            refused(linker.func_new("h", "f", huge.clone(), |_, _, _| Ok(())), &[words]);
            refused(linker.func_new_async("h", "f", huge.clone(), |_, _, _| Box::new(async { Ok(()) })), &[words]);
            let made = FuncType::with_finality_and_supertype(&engine, Finality::Final, None, huge.params(), huge.results());
            refused(made.and_then(|ty| Func::try_new(&mut store, ty, |_, _, _| Ok(()))), &[words]);
        }
        // The largest there may be.
        let mut store = Store::new(&engine, ());
        let func = Func::new(&mut store, ty(1000, 1000), |_, params, results| {
            results.copy_from_slice(params);
            results.reverse();
            Ok(())
        });
        let params: Vec<Val> = (0..1000).map(Val::I64).collect();
        let mut results = vec![Val::I64(0); 1000];
        func.call(&mut store, &params, &mut results).unwrap();
        assert!(results.iter().rev().enumerate().all(|(i, val)| val.unwrap_i64() == i64::try_from(i).unwrap()));
    }
}
