//! Creators that break their promises where that can be seen: an error, not a wild access. No guest ever touches the
//! memory that these pretend to have.

use crate::{
    Config, Engine, Func, Instance, LinearMemory, MemoryCreator, MemoryType, Module, Result,
    StackCreator, StackMemory, Store,
};
use std::ops::Range;
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const PAGE: usize = 65536;

/// What storage says of itself, and what after its first growth.
#[derive(Copy, Clone)]
struct Says {
    base: usize,
    size: usize,
    capacity: usize,
}

const HONEST: Says = Says {
    base: 1 << 20,
    size: PAGE,
    capacity: 1 << 32,
};

struct Liar {
    now: Says,
    after: Says,
}

// SAFETY: it breaks the promises; no test of this file accesses the memory.
unsafe impl LinearMemory for Liar {
    fn byte_size(&self) -> usize {
        self.now.size
    }

    fn byte_capacity(&self) -> usize {
        self.now.capacity
    }

    fn grow_to(&mut self, _: usize) -> Result<()> {
        self.now = self.after;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        ptr::without_provenance_mut(self.now.base)
    }
}

struct Lies(Says, Says);

// SAFETY: as above.
unsafe impl MemoryCreator for Lies {
    fn new_memory(
        &self,
        _: MemoryType,
        _: usize,
        _: Option<usize>,
        _: Option<usize>,
        _: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        Ok(Box::new(Liar {
            now: self.0,
            after: self.1,
        }))
    }
}

fn instantiate(now: Says, after: Says) -> Result<(Store<()>, Instance)> {
    let engine = Engine::new(Config::new().with_host_memory(Arc::new(Lies(now, after))))?;
    let wat = r#"(module (memory (export "m") 1)
        (func (export "grow") (result i32) i32.const 1 memory.grow))"#;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, wat)?, &[])?;
    Ok((store, instance))
}

#[test]
fn memories_that_are_none_are_refused() {
    for (now, message) in [
        (Says { base: 0, ..HONEST }, "not the beginning of a page"),
        (Says { base: 7, ..HONEST }, "not the beginning of a page"),
        (Says { size: 5, ..HONEST }, "of 5 bytes instead of 65536"),
        (
            Says {
                capacity: 4096,
                ..HONEST
            },
            "more than its capacity of 4096",
        ),
        (
            Says {
                capacity: usize::MAX,
                ..HONEST
            },
            "exceed the address space",
        ),
        (
            Says {
                base: usize::MAX - 4095,
                ..HONEST
            },
            "exceed the address space",
        ),
    ] {
        let error = instantiate(now, now).expect_err("a refusal").to_string();
        assert!(error.contains(message), "{error}");
    }
    instantiate(HONEST, HONEST).unwrap();
}

#[test]
fn growth_that_did_not_happen_is_no_growth() {
    let grown = Says {
        size: 2 * PAGE,
        ..HONEST
    };
    for (after, expected) in [
        (grown, 1),
        // Did nothing, did something else, moved although the reservation holds every size, and is nowhere at all.
        (HONEST, -1),
        (
            Says {
                size: PAGE + 1,
                ..HONEST
            },
            -1,
        ),
        (
            Says {
                base: 2 << 20,
                ..grown
            },
            -1,
        ),
        (Says { base: 0, ..grown }, -1),
    ] {
        let (mut store, instance) = instantiate(HONEST, after).unwrap();
        let memory = instance.get_memory(&mut store, "m").unwrap();
        let grow = instance
            .get_typed_func::<(), i32>(&mut store, "grow")
            .unwrap();
        assert_eq!(grow.call(&mut store, ()).unwrap(), expected);
        let size = if expected < 0 { PAGE } else { 2 * PAGE };
        assert_eq!(memory.data_size(&store), size);
        assert_eq!(memory.data_ptr(&store).addr(), HONEST.base);
    }
}

struct Stack {
    memory: Box<[u128]>,
    guard: usize,
}

impl Stack {
    fn base(&self) -> *mut u8 {
        self.memory.as_ptr().cast_mut().cast()
    }
}

// SAFETY: it has no guard that faults; stacks of this file are refused before anything runs on them.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.base().wrapping_add(size_of_val(&*self.memory))
    }

    fn range(&self) -> Range<usize> {
        self.base().addr() + self.guard..self.top().addr()
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.base()..self.base().wrapping_add(self.guard)
    }
}

struct Stacks {
    missing: usize,
    guard: usize,
}

// SAFETY: as above.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, _: bool) -> Result<Box<dyn StackMemory>> {
        let bytes = size - self.missing + self.guard;
        Ok(Box::new(Stack {
            memory: vec![0; bytes / 16].into(),
            guard: self.guard,
        }))
    }
}

#[test]
fn stacks_that_are_too_small_or_unguarded_are_refused() {
    for (missing, guard, message) in [
        (16, 4096, "of 2097136 bytes instead of 2097152"),
        (0, 0, "without a guard directly below it"),
    ] {
        let stacks = Arc::new(Stacks { missing, guard });
        let engine = Engine::new(Config::new().with_host_stack(stacks)).unwrap();
        let mut store = Store::new(&engine, ());
        let func = Func::wrap(&mut store, || {});
        let mut call = pin!(func.call_async(&mut store, &[], &mut []));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = call.as_mut().poll(&mut cx) else {
            panic!("{message} was accepted");
        };
        assert!(format!("{error:#}").contains(message), "{error:#}");
    }
}
