//! Start functions run on a fiber, and no executor hides inside that would block on them: two instantiations on one thread
//! can wait for each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;

use tussah::{Caller, Engine, Func, Instance, Linker, Module, Store};
use tussah_async_tests::channel::{Receiver, Sender, channel};
use tussah_async_tests::executor::{OneThread, block_on};
use tussah_async_tests::future::suspend;
use tussah_async_tests::{engine, isolated, module};

const START: &str = r#"
    (module
        (import "h" "meet" (func $meet (param i32) (result i32)))
        (global $sum (export "sum") (mut i32) (i32.const 0))
        (func $start (local $i i32)
            (loop $again
                (global.set $sum (i32.add (global.get $sum) (call $meet (local.get $i))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const 8)))))
        (start $start)
        (func (export "ready") (result i32) (global.get $sum)))"#;

/// For each round, what a guest sends to its peer and what it waits for.
type Rounds = HashMap<i32, (Sender<i32>, Receiver<i32>)>;

/// Two guests' ends of eight channels each way.
fn pair() -> (Rounds, Rounds) {
    let (mut left, mut right) = (Rounds::new(), Rounds::new());
    for round in 0..8 {
        let (to_right, from_left) = channel();
        let (to_left, from_right) = channel();
        left.insert(round, (to_right, from_right));
        right.insert(round, (to_left, from_left));
    }
    (left, right)
}

/// Sends the round's number and waits for the other guest's.
async fn meet(mut caller: Caller<'_, Rounds>, round: i32) -> i32 {
    let (to_peer, from_peer) = caller.data_mut().remove(&round).expect("each round once");
    to_peer.send(round);
    from_peer.await
}

/// The ways to instantiate, all of which run start functions.
#[derive(Clone, Copy, Debug)]
enum Way {
    Instance,
    Linker,
    Pre,
}

async fn instantiate(engine: &Engine, module: &Module, rounds: Rounds, way: Way) -> i32 {
    let mut store = Store::new(engine, rounds);
    let mut linker = Linker::new(engine);
    linker
        .func_wrap_async(
            "h",
            "meet",
            |caller: Caller<'_, Rounds>, (round,): (i32,)| Box::new(meet(caller, round)),
        )
        .unwrap();
    let instance = match way {
        Way::Instance => {
            let import = Func::wrap_async(
                &mut store,
                |caller: Caller<'_, Rounds>, (round,): (i32,)| Box::new(meet(caller, round)),
            );
            Instance::new_async(&mut store, module, &[import.into()])
                .await
                .unwrap()
        }
        Way::Linker => linker.instantiate_async(&mut store, module).await.unwrap(),
        Way::Pre => {
            let pre = linker.instantiate_pre(module).unwrap();
            pre.instantiate_async(&mut store).await.unwrap()
        }
    };
    let ready = instance
        .get_typed_func::<(), i32>(&mut store, "ready")
        .unwrap();
    ready.call_async(&mut store, ()).await.unwrap()
}

isolated! {
    30 => fn row01_starts_wait_for_each_other_on_one_thread() {
        let engine = engine(false, false);
        let module = module(&engine, START);
        for (a, b) in [(Way::Instance, Way::Instance), (Way::Linker, Way::Pre), (Way::Pre, Way::Instance)] {
            let (left, right) = pair();
            let sums = Mutex::new(Vec::new());
            let mut executor = OneThread::new();
            for (rounds, way) in [(left, a), (right, b)] {
                let (engine, module, sums) = (&engine, &module, &sums);
                executor.spawn(async move {
                    let sum = instantiate(engine, module, rounds, way).await;
                    sums.lock().unwrap().push(sum);
                });
            }
            executor.run();
            drop(executor);
            assert_eq!(sums.into_inner().unwrap(), [28, 28], "{a:?} with {b:?}");
        }
    }

    30 => fn row01_start_runs_on_the_thread_that_polls() {
        let engine = engine(false, false);
        let module = module(&engine, START);
        let mut store = Store::new(&engine, Vec::new());
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap_async("h", "meet", |mut caller: Caller<'_, Vec<_>>, (round,): (i32,)| {
                Box::new(async move {
                    suspend(2).await;
                    caller.data_mut().push(thread::current().id());
                    round
                })
            })
            .unwrap();
        block_on(linker.instantiate_async(&mut store, &module)).unwrap();
        assert_eq!(store.data(), &vec![thread::current().id(); 8]);
    }

    30 => fn row01_a_start_can_instantiate_a_guest_with_a_start() {
        let engine = engine(false, false);
        let inner = module(&engine, START);
        let outer = module(&engine, START);
        let mut linker = Linker::new(&engine);
        let nested = Arc::new(Mutex::new(None::<Linker<u32>>));
        let for_host = Arc::clone(&nested);
        linker
            .func_wrap_async("h", "meet", move |mut caller: Caller<'_, u32>, (round,): (i32,)| {
                let linker = for_host.lock().unwrap().clone().expect("set below");
                let inner = inner.clone();
                Box::new(async move {
                    suspend(1).await;
                    // One level is enough: the innermost guests only count.
                    *caller.data_mut() += 1;
                    if *caller.data() % 9 == 1 {
                        linker.instantiate_async(&mut caller, &inner).await.unwrap();
                    }
                    round
                })
            })
            .unwrap();
        *nested.lock().unwrap() = Some(linker.clone());
        let mut store = Store::new(&engine, 0_u32);
        let instance = block_on(linker.instantiate_async(&mut store, &outer)).unwrap();
        *nested.lock().unwrap() = None;
        let sum = instance.get_global(&mut store, "sum").unwrap().get(&mut store);
        assert_eq!(sum.i32(), Some(28));
        assert!(*store.data() > 8, "no start ran inside of a start: {}", store.data());
    }
}
