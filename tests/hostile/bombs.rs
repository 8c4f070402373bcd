//! Modules made to break a compiler. Each is compiled in bounded time and memory and then does what it says, or is refused with the
//! name of the limit it broke.

use tussah::{Engine, Instance, Module, OptLevel, Result, Trap};

use crate::encode::{
    BLOCK, BR_IF, BR_TABLE, CALL, DROP, ELSE, EMPTY, END, I32, I32_ADD, I32_CONST, I32_LOAD,
    I32_STORE, I32_WRAP_I64, I64, I64_ADD, I64_CONST, I64_LOAD, IF, LOCAL_GET, LOCAL_SET, LOOP,
    MEMORY_FILL, body, leb, module, one_function, sized, vec,
};
use crate::meters::bombs;
use crate::support::{block_on, refused, text};

/// An answer, a refusal that names a limit, or a frame too large for the guest's stack.
fn bounded(result: Result<i32>, answer: i32) {
    match result {
        Ok(value) => assert_eq!(value, answer),
        Err(error) => assert!(
            text(&error).contains("limit") || text(&error).contains("call stack exhausted"),
            "{}",
            text(&error)
        ),
    }
}

/// `op` with an index behind it.
fn indexed(op: u8, index: u64, code: &mut Vec<u8>) {
    code.push(op);
    leb(index, code);
}

/// Function 0 sums so many results of function 1, all of them made before the first is used.
fn many_results(calls: usize) -> Vec<u8> {
    let mut code = [LOCAL_GET, 0, CALL, 1].repeat(calls);
    code.extend(vec![I32_ADD; calls - 1]);
    let bodies = [body(&[], &code), body(&[], &[LOCAL_GET, 0])].concat();
    two_functions(&bodies)
}

/// A function that calls itself while so many results live.
fn recursion_of_large_frames(results: usize) -> Vec<u8> {
    let mut code = [LOCAL_GET, 0, CALL, 1].repeat(results);
    code.extend([LOCAL_GET, 0, CALL, 0]);
    code.extend(vec![I32_ADD; results]);
    let bodies = [body(&[], &code), body(&[], &[LOCAL_GET, 0])].concat();
    two_functions(&bodies)
}

fn two_functions(bodies: &[u8]) -> Vec<u8> {
    module(&[
        (1, vec(1, &[0x60, 1, I32, 1, I32])),
        (3, vec(2, &[0, 0])),
        (7, vec(1, &[1, b'f', 0, 0])),
        (10, vec(2, bodies)),
    ])
}

bombs! {
    60 s, 1500 mib => fn fifty_thousand_locals(meters) {
        // All of them live at once: each is read from memory before the first is used.
        let mut code = Vec::new();
        for local in 1..=49_999 {
            code.extend([I32_CONST, 0, I32_LOAD, 2, 0]);
            indexed(LOCAL_SET, local, &mut code);
        }
        indexed(LOCAL_GET, 0, &mut code);
        for local in 1..=49_999 {
            indexed(LOCAL_GET, local, &mut code);
            code.push(I32_ADD);
        }
        bounded(meters.run(&one_function(&[(49_999, I32)], &code), 7), 7);
        refused(meters.compile(&one_function(&[(50_000, I32)], &code)), &["locals"]);
        refused(meters.compile(&one_function(&[(u64::from(u32::MAX), I32), (9, I64)], &code)), &["locals"]);
    }

    90 s, 3000 mib => fn a_body_of_seven_megabytes(meters) {
        let mut code = vec![LOCAL_GET, 0];
        while code.len() < 7_000_000 {
            code.extend([LOCAL_GET, 0, I32_ADD]);
        }
        let adds = i32::try_from((code.len() - 2) / 3).unwrap();
        bounded(meters.run(&one_function(&[], &code), 3), 3 + 3 * adds);
        code.resize(7_700_000, 1);
        refused(meters.compile(&one_function(&[], &code)), &["size"]);
    }

    90 s, 3000 mib => fn seven_megabytes_of_branches_and_stores(meters) {
        // A hundred thousand branches in a row; then as many as a body can hold.
        for size in [1_400_000, 7_000_000] {
            let mut code = Vec::new();
            while code.len() < size {
                code.extend([BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, LOCAL_GET, 0, I32_CONST, 1, I32_STORE, 2, 0, END]);
            }
            code.extend([I32_CONST, 5]);
            bounded(meters.run(&one_function(&[], &code), 1), 5);
        }
    }

    60 s, 1500 mib => fn a_million_branch_targets(meters) {
        let mut code = vec![BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE];
        leb(1_000_000, &mut code);
        code.extend((0..1_000_000).map(|i| u8::from(i % 3 == 0)));
        code.extend([0, END, I32_CONST, 10, LOCAL_SET, 0, END, LOCAL_GET, 0]);
        let wasm = one_function(&[], &code);
        for (arg, answer) in [(0, 0), (1, 10), (999_999, 999_999), (999_998, 10), (-1, 10)] {
            bounded(meters.run(&wasm, arg), answer);
        }
        let mut code = vec![LOCAL_GET, 0, BR_TABLE];
        leb(u64::from(u32::MAX), &mut code);
        code.extend([0, 0, 0]);
        refused(meters.compile(&one_function(&[], &code)), &["offset "]);
    }

    90 s, 1500 mib => fn a_hundred_thousand_functions(meters) {
        // Each calls the one before it.
        let count = 100_000;
        let mut bodies = body(&[], &[LOCAL_GET, 0]);
        for callee in 0..count - 1 {
            let mut code = vec![LOCAL_GET, 0, I32_CONST, 1, I32_ADD];
            indexed(CALL, callee, &mut code);
            bodies.extend(body(&[], &code));
        }
        let mut export = vec![1, b'f', 0];
        leb(1000, &mut export);
        export.extend([1, b'g', 0]);
        leb(count - 1, &mut export);
        let functions = usize::try_from(count).unwrap();
        let wasm = module(&[
            (1, vec(1, &[0x60, 1, I32, 1, I32])),
            (3, vec(functions, &vec![0; functions])),
            (7, vec(2, &export)),
            (10, vec(functions, &bodies)),
        ]);
        assert_eq!(meters.run(&wasm, 1).unwrap(), 1001);
        let engine = meters.engine();
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = meters.store(&engine);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let deepest = instance.get_typed_func::<i32, i32>(&mut store, "g").unwrap();
        match deepest.call(&mut store, 1) {
            Ok(answer) => assert_eq!(answer, 100_000),
            Err(error) => assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::StackOverflow)),
        }
    }

    60 s, 1500 mib => fn a_million_functions_and_one(meters) {
        let count = 1_000_001;
        let wasm = module(&[(1, vec(1, &[0x60, 0, 0])), (3, vec(count, &vec![0; count]))]);
        refused(meters.compile(&wasm), &["functions", "limit"]);
    }

    60 s, 1500 mib => fn blocks_in_blocks(meters) {
        for depth in [1_000, 100_000] {
            let mut code = [BLOCK, EMPTY].repeat(depth);
            indexed(LOCAL_GET, 0, &mut code);
            indexed(BR_IF, depth as u64 - 1, &mut code);
            code.extend(vec![END; depth]);
            code.extend([I32_CONST, 9]);
            bounded(meters.run(&one_function(&[], &code), 1), 9);
        }
    }

    60 s, 1500 mib => fn ifs_in_ifs(meters) {
        for depth in [1_000, 20_000] {
            let mut code = [LOCAL_GET, 0, IF, EMPTY].repeat(depth);
            code.extend([I32_CONST, 4, LOCAL_SET, 0]);
            code.extend([ELSE, END].repeat(depth));
            code.extend([LOCAL_GET, 0]);
            bounded(meters.run(&one_function(&[], &code), 1), 4);
        }
    }

    60 s, 1500 mib => fn loops_in_loops(meters) {
        for depth in [1_000, 20_000] {
            let mut code = [LOOP, EMPTY].repeat(depth);
            code.extend([LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0]);
            code.extend([I32_CONST, 0, BR_IF, 0, END].repeat(depth));
            code.extend([LOCAL_GET, 0]);
            bounded(meters.run(&one_function(&[], &code), 1), 2);
        }
    }

    60 s, 1500 mib => fn many_locals_through_many_loops(meters) {
        // Every local is used below every loop, so each loop carries all of them: the square of a small module, and to a register
        // allocator that looks for the best place of each, a good deal more than that.
        for (loops, locals) in [(100, 100), (400, 400)] {
            let mut code = Vec::new();
            for local in 1..=locals {
                code.extend([I32_CONST, 0, I32_LOAD, 2, 0]);
                indexed(LOCAL_SET, local, &mut code);
            }
            code.extend([LOOP, EMPTY].repeat(loops));
            for local in 1..=locals {
                indexed(LOCAL_GET, local, &mut code);
                code.extend([I32_CONST, 1, I32_ADD]);
                indexed(LOCAL_SET, local, &mut code);
            }
            code.extend([I32_CONST, 0, I32_LOAD, 2, 0, BR_IF, 0, END].repeat(loops));
            indexed(LOCAL_GET, locals, &mut code);
            bounded(meters.run(&one_function(&[(locals, I32)], &code), 0), 1);
        }
    }

    60 s, 1500 mib => fn a_deep_operand_stack(meters) {
        let depth = 200_000;
        let mut code = [LOCAL_GET, 0].repeat(depth);
        code.extend(vec![I32_ADD; depth - 1]);
        bounded(meters.run(&one_function(&[], &code), 1), 200_000);
        let mut code = [LOCAL_GET, 0].repeat(depth);
        code.extend(vec![DROP; depth - 1]);
        bounded(meters.run(&one_function(&[], &code), 6), 6);
    }

    60 s, 1500 mib => fn results_that_live_across_calls(meters) {
        // Each result waits on the operand stack while all further calls are made.
        for calls in [5_000, 60_000, 280_000] {
            let wasm = many_results(calls);
            bounded(meters.run(&wasm, 1), i32::try_from(calls).unwrap());
        }
    }

    60 s, 1500 mib => fn a_frame_larger_than_the_hosts_share_of_a_stack(meters) {
        // Without signals a function looks at its stack when its frame is there already.
        let mut config = meters.config();
        config.signals_based_traps(false);
        let engine = Engine::new(&config).unwrap();
        refused(Module::new(&engine, many_results(280_000)), &["function 0", "stack frame", "limit of 16384 bytes"]);
        // Below the limit the last frame fits between the guest's share and the guard.
        let wasm = recursion_of_large_frames(1_900);
        let module = Module::new(&engine, wasm).unwrap();
        let mut store = meters.store(&engine);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let func = instance.get_typed_func::<i32, i32>(&mut store, "f").unwrap();
        for _ in 0..3 {
            let error = block_on(func.call_async(&mut store, 1)).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::StackOverflow), "{error:?}");
            let error = func.call(&mut store, 1).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::StackOverflow), "{error:?}");
        }
    }

    60 s, 1500 mib => fn a_thousand_parameters_and_results(meters) {
        let signature = |params: usize, results: usize| {
            [&[0x60][..], &vec(params, &vec![I32; params]), &vec(results, &vec![I32; results])].concat()
        };
        // `g` takes and gives a thousand; `f` passes its argument to each and takes the last of them back.
        let mut pass = Vec::new();
        (0..1000).for_each(|local| indexed(LOCAL_GET, local, &mut pass));
        let mut code = [LOCAL_GET, 0].repeat(1000);
        code.extend([CALL, 0, LOCAL_SET, 0]);
        code.extend(vec![DROP; 999]);
        code.extend([LOCAL_GET, 0]);
        let types = [signature(1000, 1000), signature(1, 1)].concat();
        let wasm = module(&[
            (1, vec(2, &types)),
            (3, vec(2, &[0, 1])),
            (7, vec(1, &[1, b'f', 0, 1])),
            (10, vec(2, &[body(&[], &pass), body(&[], &code)].concat())),
        ]);
        assert_eq!(meters.run(&wasm, 11).unwrap(), 11);
        refused(meters.compile(&module(&[(1, vec(1, &signature(1001, 0)))])), &["params"]);
        refused(meters.compile(&module(&[(1, vec(1, &signature(0, 1001)))])), &["returns"]);
        refused(meters.compile(&module(&[(1, vec(1, &signature(1_000_000, 0)))])), &["params"]);
    }

    60 s, 1500 mib => fn counts_that_promise_more_than_there_is(meters) {
        // A count of four thousand million entries, of which none follow, must not be believed when memory is set aside.
        for section in [1_u8, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12] {
            let mut count = Vec::new();
            leb(u64::from(u32::MAX), &mut count);
            refused(meters.compile(&module(&[(section, count)])), &["offset "]);
        }
        for len in [1_000_000_000_u64, u64::from(u32::MAX)] {
            let mut wasm = b"\0asm\x01\0\0\0\x00".to_vec();
            leb(len, &mut wasm);
            refused(meters.compile(&wasm), &["offset "]);
        }
    }

    60 s, 2000 mib => fn a_hundred_thousand_of_everything_else(meters) {
        let n = 100_000;
        let mut exports = Vec::new();
        for i in 0..n {
            exports.extend(sized(format!("export number {i}").as_bytes()));
            exports.extend([3, 0]);
        }
        let mut types = Vec::new();
        (0..n).for_each(|i| types.extend([0x60, 3, [I32, I64][i % 2], [I32, I64][i / 2 % 2], I64, 0]));
        let wasm = module(&[
            (1, vec(n, &types)),
            (4, vec(1, &[0x70, 0, 10])),
            (5, vec(1, &[0, 1])),
            (6, vec(n, &[I32, 0, I32_CONST, 3, END].repeat(n))),
            (7, vec(n, &exports)),
            (9, vec(n, &[0, I32_CONST, 0, END, 0].repeat(n))),
            (11, vec(n, &[0, I32_CONST, 0, END, 1, b'x'].repeat(n))),
        ]);
        let engine = meters.engine();
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = meters.store(&engine);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        assert_eq!(module.exports().len(), n);
        assert!(instance.get_global(&mut store, "export number 99999").is_some());
        assert!(instance.get_global(&mut store, "export number 100000").is_none());
    }

    60 s, 1500 mib => fn many_small_fills_between_loads(meters) {
        // Each of the thousands of fills adds to the count, each of as many loads may trap and has to know it.
        let mut code = Vec::new();
        while code.len() < 300_000 {
            code.extend([I32_CONST, 0, I32_CONST, 1, I32_CONST, 4, 0xfc, MEMORY_FILL, 0, I32_CONST, 0, I32_LOAD, 2, 0, DROP]);
        }
        code.extend([I32_CONST, 0, I32_LOAD, 2, 0]);
        let wasm = one_function(&[], &code);
        for level in [OptLevel::None, OptLevel::Speed] {
            let mut config = meters.config();
            config.cranelift_opt_level(level);
            let engine = Engine::new(&config).unwrap();
            assert_eq!(meters.run_in(&engine, &wasm, 0).unwrap(), 0x0101_0101);
        }
    }

    60 s, 1500 mib => fn a_long_sum_over_one_load(meters) {
        let mut code = vec![I32_CONST, 0, I64_LOAD, 3, 0];
        let mut adds = 0;
        while code.len() < 300_000 {
            code.extend([I64_CONST, 1, I64_ADD]);
            adds += 1;
        }
        code.push(I32_WRAP_I64);
        let wasm = one_function(&[], &code);
        for level in [OptLevel::None, OptLevel::Speed] {
            let mut config = meters.config();
            config.cranelift_opt_level(level);
            let engine = Engine::new(&config).unwrap();
            assert_eq!(meters.run_in(&engine, &wasm, 0).unwrap(), adds);
        }
    }
}
