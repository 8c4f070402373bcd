//! What a fiber promises: values, panics, drops, nesting, refusals.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;

use tussah_fiber::{Fiber, FiberStack, StackPool, StackPoolConfig, Suspend};

fn pool() -> StackPool {
    StackPool::new(StackPoolConfig::default()).unwrap()
}

/// Counts how often it was dropped.
struct Bell(Rc<Cell<u32>>);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn suspends_and_resumes_many_times() {
    let mut fiber = Fiber::new(
        pool().get().unwrap(),
        |mut sum: u64, suspend: &mut Suspend<u64, u64, u64>| {
            for _ in 0..1_000_000 {
                sum += suspend.suspend(sum);
            }
            sum
        },
    )
    .unwrap();
    assert!(!fiber.started());
    let mut expected = 0;
    for value in 0..1_000_000_u64 {
        expected += value;
        assert_eq!(fiber.resume(value), Err(expected));
        assert!(fiber.started() && !fiber.done());
    }
    assert_eq!(fiber.resume(5), Ok(expected + 5));
    assert!(fiber.done());
}

#[test]
fn carries_values_of_any_size() {
    type Big = [u64; 100];
    let mut fiber = Fiber::new(
        pool().get().unwrap(),
        |big: Big, suspend: &mut Suspend<Big, String, ()>| {
            let again = suspend.suspend(format!("{}", big.iter().sum::<u64>()));
            assert_eq!(again, [2; 100]);
            suspend.suspend(String::new());
        },
    )
    .unwrap();
    assert_eq!(fiber.resume([1; 100]), Err("100".to_owned()));
    assert_eq!(fiber.resume([2; 100]), Err(String::new()));
    assert_eq!(fiber.resume([3; 100]), Ok(()));

    let mut unit = Fiber::new(pool().get().unwrap(), |(), suspend| suspend.suspend(())).unwrap();
    assert_eq!(unit.resume(()), Err(()));
    assert_eq!(unit.resume(()), Ok(()));
}

#[test]
fn runs_on_its_own_stack() {
    let stack = pool().get().unwrap();
    let (range, guard) = (stack.range(), stack.guard_range());
    assert_eq!(stack.top().addr(), range.end);
    assert_eq!(guard.end.addr(), range.start);
    assert!(guard.start < guard.end);
    let inside = range.clone();
    let mut fiber = Fiber::new(stack, move |(), _: &mut Suspend<(), (), bool>| {
        let local = 0_u8;
        inside.contains(&std::ptr::from_ref(&local).addr())
    })
    .unwrap();
    assert_eq!(fiber.stack().range(), range);
    assert_eq!(fiber.resume(()), Ok(true));
}

#[test]
fn a_panic_comes_out_of_resume_with_its_payload() {
    #[derive(Debug, PartialEq)]
    struct Payload(u32);

    let pool = pool();
    let drops = Rc::new(Cell::new(0));
    let bell = Bell(drops.clone());
    let mut fiber = Fiber::new(
        pool.get().unwrap(),
        move |(), suspend: &mut Suspend<(), (), ()>| {
            let _bell = bell;
            suspend.suspend(());
            panic_any(Payload(7));
        },
    )
    .unwrap();
    assert_eq!(fiber.resume(()), Err(()));
    let payload = catch_unwind(AssertUnwindSafe(|| fiber.resume(()))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&Payload(7)));
    assert_eq!(drops.get(), 1, "the panic unwound the fiber's frames");
    assert!(fiber.done());
    drop(fiber);
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn a_caught_panic_inside_leaves_the_fiber_usable() {
    let mut fiber = Fiber::new(
        pool().get().unwrap(),
        |(), suspend: &mut Suspend<(), bool, ()>| {
            let caught = catch_unwind(|| panic_any(1)).is_err();
            suspend.suspend(caught);
        },
    )
    .unwrap();
    assert_eq!(fiber.resume(()), Err(true));
    assert_eq!(fiber.resume(()), Ok(()));
}

#[test]
fn a_fiber_never_started_drops_its_closure_and_returns_its_stack() {
    let pool = pool();
    let drops = Rc::new(Cell::new(0));
    let bell = Bell(drops.clone());
    let fiber = Fiber::new(
        pool.get().unwrap(),
        move |(), _: &mut Suspend<(), (), ()>| {
            let _bell = bell;
        },
    )
    .unwrap();
    assert_eq!(pool.stats().live, 1);
    drop(fiber);
    assert_eq!(drops.get(), 1);
    assert_eq!((pool.stats().live, pool.stats().idle), (0, 1));
}

#[test]
fn a_closure_that_panics_when_dropped_still_returns_the_stack() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any("boom");
        }
    }

    let pool = pool();
    let bomb = Bomb;
    let fiber = Fiber::new(
        pool.get().unwrap(),
        move |(), _: &mut Suspend<(), (), ()>| drop(bomb),
    )
    .unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| drop(fiber))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"boom"));
    assert_eq!((pool.stats().live, pool.stats().idle), (0, 1));
}

#[test]
fn a_finished_fiber_returns_its_stack_and_hands_it_out_on_demand() {
    let pool = pool();
    let mut fiber =
        Fiber::new(pool.get().unwrap(), |x: u8, _: &mut Suspend<u8, (), u8>| x).unwrap();
    let mut fiber = match fiber.resume(1) {
        Ok(1) => fiber,
        other => panic!("{other:?}"),
    };
    let again = catch_unwind(AssertUnwindSafe(|| fiber.resume(2)));
    assert!(again.is_err(), "a finished fiber cannot be resumed");
    let stack = fiber.into_stack().unwrap();
    let top = stack.top();
    assert_eq!(pool.stats().live, 1);

    let fiber = Fiber::new(stack, |x: u8, _: &mut Suspend<u8, (), u8>| x).unwrap();
    assert_eq!(fiber.stack().top(), top);
    let mut fiber = fiber.into_stack().expect_err("not done yet");
    assert_eq!(fiber.resume(9), Ok(9));
    drop(fiber);
    assert_eq!((pool.stats().live, pool.stats().idle), (0, 1));
}

#[test]
fn closures_too_big_or_too_aligned_for_the_stack_top_go_through_the_heap() {
    #[repr(align(128))]
    struct Aligned(u8);

    let big = [3_u8; 8 << 10];
    let aligned = Aligned(4);
    let mut fiber = Fiber::new(
        pool().get().unwrap(),
        move |(), _: &mut Suspend<(), (), usize>| {
            assert!(std::ptr::from_ref(&aligned).addr().is_multiple_of(128));
            big.iter().map(|b| usize::from(*b)).sum::<usize>() + usize::from(aligned.0)
        },
    )
    .unwrap();
    assert_eq!(fiber.resume(()), Ok(3 * (8 << 10) + 4));
}

#[test]
fn a_stack_too_small_for_its_closure_is_refused() {
    let stack = FiberStack::new(1, false).unwrap();
    let page = stack.range().len();
    let big = [0_u8; 700];
    let result = Fiber::new(stack, move |(), _: &mut Suspend<(), (), u8>| big[0]);
    // Pages are 4 KiB nearly everywhere; where they are bigger it fits.
    assert_eq!(result.is_err(), page < 700 + 2048);
}

#[test]
fn fibers_nest_and_suspend_through_each_other() {
    let pool = pool();
    let inner_pool = pool.clone();
    let mut outer = Fiber::new(
        pool.get().unwrap(),
        move |start: u32, outer: &mut Suspend<u32, u32, u32>| {
            // SAFETY: `inner` is run to its end within this frame.
            let mut inner = unsafe {
                Fiber::new_scoped(
                    inner_pool.get().unwrap(),
                    |x: u32, inner: &mut Suspend<u32, u32, u32>| {
                        // Suspends the outer fiber from the inner one's stack.
                        let y = outer.suspend(x + 1);
                        let z = inner.suspend(y + 1);
                        outer.suspend(z + 1)
                    },
                )
            }
            .unwrap();
            let yielded = inner.resume(start).unwrap_err();
            inner.resume(yielded + 100).unwrap()
        },
    )
    .unwrap();
    assert_eq!(outer.resume(1), Err(2));
    assert_eq!(outer.resume(10), Err(112));
    assert_eq!(outer.resume(50), Ok(50));
    drop(outer);
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn swapping_two_suspends_swaps_nothing() {
    let pool = pool();
    let inner_stack = pool.get().unwrap();
    let mut outer = Fiber::new(
        pool.get().unwrap(),
        move |(), outer: &mut Suspend<(), u8, ()>| {
            // SAFETY: `inner` is run to its end within this frame.
            let mut inner = unsafe {
                Fiber::new_scoped(inner_stack, |(), inner: &mut Suspend<(), u8, ()>| {
                    std::mem::swap(outer, inner);
                    inner.suspend(1);
                    outer.suspend(2);
                })
            }
            .unwrap();
            assert_eq!(inner.resume(()), Err(1));
            assert_eq!(inner.resume(()), Ok(()));
            drop(inner);
            outer.suspend(3);
        },
    )
    .unwrap();
    assert_eq!(outer.resume(()), Err(2));
    assert_eq!(outer.resume(()), Err(3));
    assert_eq!(outer.resume(()), Ok(()));
}

#[test]
fn borrows_what_outlives_it() {
    let mut log = Vec::new();
    {
        // SAFETY: the fiber is run to its end here.
        let mut fiber = unsafe {
            Fiber::new_scoped(pool().get().unwrap(), |x: u8, suspend| {
                log.push(x);
                log.push(suspend.suspend(()));
            })
        }
        .unwrap();
        assert_eq!(fiber.resume(1), Err(()));
        assert_eq!(fiber.resume(2), Ok(()));
    }
    assert_eq!(log, [1, 2]);
}

#[test]
fn absurd_sizes_are_errors() {
    for size in [
        0,
        usize::MAX,
        usize::MAX - 4095,
        isize::MAX as usize,
        1 << 62,
    ] {
        let error = FiberStack::new(size, false).unwrap_err();
        assert!(error.to_string().contains("stack"), "{error}");
        let config = StackPoolConfig {
            stack_size: size,
            ..StackPoolConfig::default()
        };
        let error = StackPool::new(config).and_then(|p| p.get()).unwrap_err();
        assert!(error.to_string().contains("stack"), "{error}");
    }
    assert_eq!(
        FiberStack::new(0, true).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
    let config = StackPoolConfig {
        guard_size: usize::MAX,
        ..StackPoolConfig::default()
    };
    assert!(StackPool::new(config).is_err());
    let config = StackPoolConfig {
        guard_size: 0,
        ..StackPoolConfig::default()
    };
    let stack = StackPool::new(config).unwrap().get().unwrap();
    assert!(!stack.guard_range().is_empty(), "there is always a guard");
    // One byte is a page.
    let stack = FiberStack::new(1, true).unwrap();
    assert!(stack.range().len() >= 4096);
}
