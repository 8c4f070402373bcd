//! A fiber dropped while suspended. One test: the counter is the process's.

use std::cell::Cell;
use std::rc::Rc;

use tussah_fiber::{Fiber, StackPool, StackPoolConfig, Suspend, leaked_stacks};

#[test]
fn a_suspended_fiber_is_leaked_whole_and_counted() {
    struct Bell(Rc<Cell<bool>>);
    impl Drop for Bell {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }

    let pool = StackPool::new(StackPoolConfig {
        max_stacks: Some(4),
        ..StackPoolConfig::default()
    })
    .unwrap();
    let dropped = Rc::new(Cell::new(false));
    let park = |marker: u64| {
        let bell = Bell(dropped.clone());
        let mut fiber = Fiber::new(
            pool.get().unwrap(),
            move |(), suspend: &mut Suspend<(), *const u64, ()>| {
                let _bell = bell;
                let on_stack = marker;
                suspend.suspend(&raw const on_stack);
            },
        )
        .unwrap();
        let address = fiber.resume(()).unwrap_err();
        (fiber, address)
    };

    assert_eq!(leaked_stacks(), 0);
    let (fiber, first) = park(0x1234_5678);
    let lost = fiber.stack().range();
    drop(fiber);
    assert_eq!(leaked_stacks(), 1);

    let (fiber, second) = park(0x9abc_def0);
    #[expect(clippy::mem_forget, reason = "what is being tested")]
    std::mem::forget(fiber);
    assert_eq!(leaked_stacks(), 1, "forgetting is not counted");

    // Neither stack is handed out again; both count against the limit.
    let others = [pool.get().unwrap(), pool.get().unwrap()];
    for stack in &others {
        assert!(!lost.contains(&(stack.top().addr() - 1)));
        // SAFETY: the test owns the stack; no fiber runs on it.
        unsafe { stack.top().sub(4096).write_bytes(0xff, 4096) };
    }
    assert!(pool.get().is_err());
    assert_eq!(pool.stats().live, 4);

    // And neither is unmapped or written to when everything else is gone.
    drop(others);
    drop(pool);
    // SAFETY: leaked stacks stay as they were for good.
    assert_eq!(unsafe { first.read_volatile() }, 0x1234_5678);
    // SAFETY: as above.
    assert_eq!(unsafe { second.read_volatile() }, 0x9abc_def0);
    assert!(!dropped.get(), "nothing on a leaked stack is dropped");
}
