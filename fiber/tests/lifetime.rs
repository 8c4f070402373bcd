//! When a pool's memory goes away. One test: it watches the address space.

use std::io;
use std::sync::Barrier;
use std::thread;

use tussah_fiber::{StackPool, StackPoolConfig};

/// Whether an address is mapped, guard or not.
fn mapped(address: usize) -> bool {
    let page = address & !4095;
    let page = std::ptr::without_provenance_mut(page);
    // SAFETY: `msync` changes nothing in private memory; it answers ENOMEM
    // for what is not mapped.
    let result = unsafe { libc::msync(page, 1, libc::MS_ASYNC) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOMEM)
}

#[test]
fn a_pool_is_freed_with_its_last_handle_or_stack_whichever_is_later() {
    let new_pool = || {
        StackPool::new(StackPoolConfig {
            // Chunks so large that nothing else is mapped into a hole.
            stack_size: 16 << 20,
            max_warm: 1,
            ..StackPoolConfig::default()
        })
        .unwrap()
    };

    // The handle last.
    let pool = new_pool();
    let stack = pool.get().unwrap();
    let low = stack.range().start;
    drop(stack);
    assert!(mapped(low));
    drop(pool.clone());
    assert!(mapped(low), "a clone is left");
    drop(pool);
    assert!(!mapped(low));

    // A stack last.
    let pool = new_pool();
    let stacks: Vec<_> = (0..5).map(|_| pool.get().unwrap()).collect();
    drop(pool.get().unwrap());
    let low = stacks[0].range().start;
    drop(pool);
    for stack in stacks {
        assert!(mapped(low));
        drop(stack);
    }
    assert!(!mapped(low));

    // All at once.
    for round in 0..300 {
        let pool = new_pool();
        let stacks: Vec<_> = (0..4).map(|_| pool.get().unwrap()).collect();
        let low = stacks[0].range().start;
        let start = Barrier::new(5);
        thread::scope(|scope| {
            for stack in stacks {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    drop(stack);
                });
            }
            start.wait();
            for _ in 0..round % 7 * 50 {
                std::hint::spin_loop();
            }
            drop(pool);
        });
        assert!(!mapped(low), "round {round}");
    }

    // A forgotten stack keeps the memory for good.
    let pool = new_pool();
    let stack = pool.get().unwrap();
    let low = stack.range().start;
    #[expect(clippy::mem_forget, reason = "what is being tested")]
    std::mem::forget(stack);
    drop(pool.get().unwrap());
    assert_eq!(pool.stats().live, 1);
    drop(pool);
    assert!(mapped(low));
}
