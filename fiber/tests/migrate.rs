//! Fibers resumed on another thread each time.

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread::{self, ThreadId};

use tussah_fiber::{Fiber, SendFiber, StackPool, StackPoolConfig, Suspend};

type Wanderer = SendFiber<'static, u64, ThreadId, u64>;

#[inline(never)]
fn here() -> ThreadId {
    thread::current().id()
}

/// Recurses, so that frames of several depths change threads.
fn walk(depth: u32, hops: u64, suspend: &mut Suspend<u64, ThreadId, u64>) -> u64 {
    let kept = [u64::from(depth); 16];
    let mut sum = if depth > 0 {
        walk(depth - 1, hops, suspend)
    } else {
        (0..hops).map(|_| suspend.suspend(here())).sum()
    };
    sum += suspend.suspend(here());
    assert_eq!(std::hint::black_box(kept), [u64::from(depth); 16]);
    sum
}

fn wanderer(pool: &StackPool, hops: u64) -> Wanderer {
    let fiber = Fiber::new(
        pool.get().unwrap(),
        move |_, suspend: &mut Suspend<_, _, _>| walk(8, hops, suspend),
    )
    .unwrap();
    // SAFETY: across its suspends the closure holds integers, and it reads
    // the thread-local behind `here` in a function that is not inlined.
    unsafe { SendFiber::new(fiber) }
}

#[test]
fn ten_thousand_hops_between_threads() {
    const HOPS: u64 = 10_000;
    let pool = StackPool::new(StackPoolConfig::default()).unwrap();
    let mut fiber = wanderer(&pool, HOPS);
    assert_eq!(fiber.resume(0), Err(here()));

    // Two threads hand the fiber to each other.
    let (to_a, at_a) = mpsc::channel::<(Wanderer, u64)>();
    let (to_b, at_b) = mpsc::channel::<(Wanderer, u64)>();
    let run = |inbox: mpsc::Receiver<(Wanderer, u64)>, outbox: mpsc::Sender<(Wanderer, u64)>| {
        move || {
            for (mut fiber, hop) in inbox {
                match fiber.resume(hop) {
                    Err(thread) => {
                        assert_eq!(thread, here());
                        // The peer is gone once the fiber has returned there.
                        let _ = outbox.send((fiber, hop + 1));
                    }
                    Ok(sum) => return Some((hop, sum)),
                }
            }
            None
        }
    };
    let a = thread::spawn(run(at_a, to_b.clone()));
    let b = thread::spawn(run(at_b, to_a.clone()));
    to_a.send((fiber, 1)).unwrap();
    drop((to_a, to_b));
    let results = [a.join().unwrap(), b.join().unwrap()];
    // Nine levels suspend once more each on the way out.
    let last = HOPS + 9;
    let sum = last * (last + 1) / 2;
    let done: Vec<_> = results.into_iter().flatten().collect();
    assert_eq!(done, [(last, sum)]);
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn a_new_thread_for_every_resume() {
    let pool = StackPool::new(StackPoolConfig::default()).unwrap();
    let mut fiber = wanderer(&pool, 500);
    let mut seen = HashSet::new();
    loop {
        let (returned, result) = thread::spawn(move || {
            let result = fiber.resume(1);
            (fiber, result)
        })
        .join()
        .unwrap();
        fiber = returned;
        match result {
            Err(thread) => assert!(seen.insert(thread), "a thread of its own each time"),
            Ok(sum) => break assert_eq!(sum, 509),
        }
    }
    assert_eq!(seen.len(), 509);
    assert!(fiber.into_inner().done());
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn finished_on_another_thread_the_stack_still_comes_home() {
    let pool = StackPool::new(StackPoolConfig::default()).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut fiber = wanderer(&pool, 0);
                    fiber.resume(0).unwrap_err();
                    thread::spawn(move || while fiber.resume(0).is_err() {})
                        .join()
                        .unwrap();
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!(stats.live, 0);
    assert!(stats.idle <= 6, "stacks were reused: {stats:?}");
}
