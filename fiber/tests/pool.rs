//! What a pool promises: reuse, limits, zeroing, sharing between threads.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tussah_fiber::{Fiber, FiberStack, PoolExhausted, StackPool, StackPoolConfig, Suspend};

fn pool(change: impl FnOnce(&mut StackPoolConfig)) -> StackPool {
    let mut config = StackPoolConfig {
        stack_size: 64 << 10,
        ..StackPoolConfig::default()
    };
    change(&mut config);
    StackPool::new(config).unwrap()
}

/// The first word of a stack, which no fiber has reached.
fn bottom(stack: &FiberStack) -> *mut u64 {
    std::ptr::with_exposed_provenance_mut(stack.range().start)
}

fn write(stack: &FiberStack, value: u64) {
    let _ = stack.top().expose_provenance();
    // SAFETY: the test owns the stack and no fiber runs on it.
    unsafe { bottom(stack).write_volatile(value) };
    // SAFETY: as above; the last word of the stack.
    unsafe { stack.top().cast::<u64>().sub(1).write_volatile(value) };
}

fn read(stack: &FiberStack) -> (u64, u64) {
    let _ = stack.top().expose_provenance();
    // SAFETY: as in `write`.
    let low = unsafe { bottom(stack).read_volatile() };
    // SAFETY: as in `write`.
    let high = unsafe { stack.top().cast::<u64>().sub(1).read_volatile() };
    (low, high)
}

#[test]
fn the_last_stack_returned_is_the_next_handed_out() {
    let pool = pool(|_| ());
    let (a, b) = (pool.get().unwrap(), pool.get().unwrap());
    let (top_a, top_b) = (a.top(), b.top());
    assert_ne!(top_a, top_b);
    assert!(a.is_pooled());
    drop(b);
    drop(a);
    assert_eq!(pool.get().unwrap().top(), top_a);
    let a = pool.get().unwrap();
    let b = pool.get().unwrap();
    assert_eq!((a.top(), b.top()), (top_a, top_b));
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle), (2, 0));
    assert!(stats.mapped_bytes >= 2 * (64 << 10));
}

#[test]
fn a_full_pool_says_so_and_recovers() {
    let pool = pool(|c| c.max_stacks = Some(3));
    let held: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
    let error = pool.get().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    assert_eq!(
        error.to_string(),
        "all 3 fiber stacks of the pool are in use"
    );
    let source = error.get_ref().unwrap() as &(dyn Error + 'static);
    assert_eq!(source.downcast_ref::<PoolExhausted>().unwrap().limit(), 3);
    // No more was mapped than the limit has use for.
    let slot = held[0].range().len() + (64 << 10);
    assert_eq!(pool.stats().mapped_bytes, 3 * slot);
    drop(held);
    assert!(pool.get().is_ok());
    assert!(
        StackPool::new(StackPoolConfig {
            max_stacks: Some(0),
            ..StackPoolConfig::default()
        })
        .is_err()
    );
}

#[test]
fn reused_stacks_are_zero_if_asked_for() {
    for keep_resident in [0, 4096, 1 << 40] {
        for max_warm in [0, 8] {
            let pool = pool(|c| {
                c.zero_on_reuse = true;
                c.keep_resident = keep_resident;
                c.max_warm = max_warm;
            });
            for round in 1..10 {
                let stack = pool.get().unwrap();
                assert_eq!(read(&stack), (0, 0), "{keep_resident} {max_warm}");
                write(&stack, round);
                assert_eq!(read(&stack), (round, round));
            }
            assert_eq!(pool.stats().idle, 1, "one stack served all rounds");
        }
    }
}

#[test]
fn warm_stacks_keep_their_memory_and_cold_ones_do_not() {
    let pool = pool(|c| c.max_warm = 1);
    let (a, b) = (pool.get().unwrap(), pool.get().unwrap());
    write(&a, 1);
    write(&b, 2);
    drop(a);
    drop(b);
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.warm), (2, 1));
    let (first, second) = (pool.get().unwrap(), pool.get().unwrap());
    assert_eq!(read(&first), (1, 1), "the warm one comes first");
    assert_eq!(read(&second), (0, 0), "the cold one gave its memory back");
}

#[test]
fn stacks_too_big_for_a_whole_chunk_are_mapped_one_by_one() {
    // 64 of these are 128 TiB, all the user space there is.
    let pool = pool(|c| c.stack_size = 2 << 40);
    let stack = pool.get().unwrap();
    write(&stack, 1);
    assert_eq!(read(&stack), (1, 1));
}

#[test]
fn threads_never_share_a_stack() {
    let pool = pool(|c| {
        c.max_warm = 2;
        c.max_stacks = Some(16);
    });
    let ids = AtomicU64::new(1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut held: Vec<(FiberStack, u64)> = Vec::new();
                for round in 0..20_000_usize {
                    if held.len() < 4 && round % 3 != 0 {
                        let stack = pool.get().unwrap();
                        let id = ids.fetch_add(1, Ordering::Relaxed);
                        write(&stack, id);
                        held.push((stack, id));
                    } else if !held.is_empty() {
                        let (stack, id) = held.swap_remove(round % held.len());
                        assert_eq!(read(&stack), (id, id));
                    }
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!(stats.live, 0);
    assert!(stats.idle <= 16, "{stats:?}");
}

#[test]
fn fibers_finish_on_stacks_of_a_pool_that_is_gone() {
    let pool = pool(|_| ());
    let mut fibers: Vec<_> = (0..100)
        .map(|_| {
            Fiber::new(
                pool.get().unwrap(),
                |x: u32, suspend: &mut Suspend<u32, u32, u32>| suspend.suspend(x),
            )
            .unwrap()
        })
        .collect();
    for fiber in &mut fibers {
        assert_eq!(fiber.resume(1), Err(1));
    }
    drop(pool);
    for fiber in &mut fibers {
        assert_eq!(fiber.resume(2), Ok(2));
    }
}
