//! Sections 5 and 9: memories and stacks that the embedder makes.

use super::{block_on, wt};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const PAGE: usize = 65536;
/// The same, as guests count.
const WASM_PAGE: i32 = 65536;

/// Zeroed address space, unmapped on drop; what is not accessible faults.
struct Space {
    base: *mut u8,
    whole: usize,
}

// SAFETY: an address range without a tie to a thread.
unsafe impl Send for Space {}
// SAFETY: as above; shared references tell addresses only.
unsafe impl Sync for Space {}

impl Space {
    fn new(whole: usize) -> Space {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: no address is asked for, so nothing that exists changes.
        let base =
            unsafe { libc::mmap(ptr::null_mut(), whole.max(1), libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED);
        Space {
            base: base.cast(),
            whole: whole.max(1),
        }
    }

    fn open(&self, range: Range<usize>) {
        assert!(range.end <= self.whole);
        if range.is_empty() {
            return;
        }
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: inside the mapping.
        let at = unsafe { self.base.add(range.start) };
        // SAFETY: as above.
        let result = unsafe { libc::mprotect(at.cast(), range.len(), rights) };
        assert_eq!(result, 0);
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and used by nobody else any more.
        unsafe { libc::munmap(self.base.cast(), self.whole) };
    }
}

/// What a creator was asked for.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    pages: u64,
    minimum: usize,
    maximum: Option<usize>,
    reserved: Option<usize>,
    guard: usize,
}

#[derive(Default)]
struct Memories {
    asked: Mutex<Vec<Asked>>,
    live: Arc<AtomicUsize>,
    /// Growth beyond this is refused.
    most: Option<usize>,
}

struct Stored {
    space: Space,
    size: usize,
    capacity: usize,
    guard: usize,
    most: usize,
    live: Arc<AtomicUsize>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}

// SAFETY: capacity and guard are one mapping, of which `size` bytes are accessible; it moves only beyond its capacity.
unsafe impl wt::LinearMemory for Stored {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wt::Result<()> {
        wt::ensure!(new_size <= self.most, "{new_size} bytes are too many");
        if new_size > self.capacity {
            let space = Space::new(new_size + self.guard);
            space.open(0..new_size);
            // SAFETY: accessible at both places, which are separate.
            unsafe { ptr::copy_nonoverlapping(self.space.base, space.base, self.size) };
            self.capacity = new_size;
            self.space = space;
        }
        self.space.open(self.size..new_size);
        self.size = new_size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.space.base
    }
}

// SAFETY: `Stored` keeps the promises.
unsafe impl wt::MemoryCreator for Memories {
    fn new_memory(
        &self,
        ty: wt::MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn wt::LinearMemory>, String> {
        self.asked.lock().unwrap().push(Asked {
            pages: ty.minimum(),
            minimum,
            maximum,
            reserved: reserved_size_in_bytes,
            guard: guard_size_in_bytes,
        });
        if minimum > 8 * PAGE {
            return Err(format!("{minimum} bytes cannot be had"));
        }
        let capacity = minimum.max(reserved_size_in_bytes.unwrap_or(0));
        let space = Space::new(capacity + guard_size_in_bytes);
        space.open(0..minimum);
        self.live.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Stored {
            space,
            size: minimum,
            capacity,
            guard: guard_size_in_bytes,
            most: self.most.unwrap_or(usize::MAX),
            live: Arc::clone(&self.live),
        }))
    }
}

struct Stacks {
    asked: Mutex<Vec<(usize, bool)>>,
    ranges: Mutex<Vec<Range<usize>>>,
    fail: bool,
}

struct Stack {
    space: Space,
    guard: usize,
}

// SAFETY: all but the lowest pages, which are the guard, is accessible.
unsafe impl wt::StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.space.base.wrapping_add(self.space.whole)
    }

    fn range(&self) -> Range<usize> {
        self.space.base.addr() + self.guard..self.top().addr()
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.space.base..self.space.base.wrapping_add(self.guard)
    }
}

#[derive(Debug)]
struct NoStack;

impl std::fmt::Display for NoStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no stack today")
    }
}

impl std::error::Error for NoStack {}

// SAFETY: `Stack` keeps the promises.
unsafe impl wt::StackCreator for Stacks {
    fn new_stack(&self, size: usize, zeroed: bool) -> Result<Box<dyn wt::StackMemory>, wt::Error> {
        self.asked.lock().unwrap().push((size, zeroed));
        if self.fail {
            return Err(NoStack.into());
        }
        let stack = Stack {
            space: Space::new(size + PAGE),
            guard: PAGE,
        };
        stack.space.open(PAGE..size + PAGE);
        self.ranges
            .lock()
            .unwrap()
            .push(wt::StackMemory::range(&stack));
        Ok(Box::new(stack))
    }
}

#[test]
fn signatures() {
    type C = wt::Config;
    sigs! {
        C::with_host_memory => for<'c> fn(&'c mut C, Arc<dyn wt::MemoryCreator>) -> &'c mut C;
        C::with_host_stack => for<'c> fn(&'c mut C, Arc<dyn wt::StackCreator>) -> &'c mut C;
    }
    bounds! {
        dyn wt::MemoryCreator => [?Sized + Send + Sync];
        dyn wt::LinearMemory => [?Sized + Send + Sync];
        dyn wt::StackCreator => [?Sized + Send + Sync];
        dyn wt::StackMemory => [?Sized + Send + Sync];
    }
}

/// Writes at one address, reads at another, grows.
const WAT: &str = r#"(module
    (memory (export "m") 2 5)
    (data (i32.const 65535) "x")
    (func (export "store") (param i32 i32) local.get 0 local.get 1 i32.store8)
    (func (export "load") (param i32) (result i32) local.get 0 i32.load8_u)
    (func (export "far") (param i32) (result i32) local.get 0 i32.load offset=0x1fffff0)
    (func (export "grow") (param i32) (result i32)
        i32.const 7 i32.const 99 i32.store8
        local.get 0 memory.grow
        i32.const 7 i32.load8_u i32.const 99 i32.ne if unreachable end))"#;

struct Guest {
    store: wt::Store<()>,
    memory: wt::Memory,
    instance: wt::Instance,
}

impl Guest {
    fn new(config: &wt::Config) -> Guest {
        let engine = wt::Engine::new(config).unwrap();
        let module = wt::Module::new(&engine, WAT).unwrap();
        let mut store = wt::Store::new(&engine, ());
        let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "m").unwrap();
        Guest {
            store,
            memory,
            instance,
        }
    }

    fn call<P: wt::WasmParams, R: wt::WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> wt::Result<R> {
        let func = self.instance.get_typed_func(&mut self.store, name)?;
        func.call(&mut self.store, params)
    }

    fn traps<P: wt::WasmParams, R: wt::WasmResults>(&mut self, name: &str, params: P) {
        let error = self.call::<P, R>(name, params).err().expect("a trap");
        assert_eq!(
            error.downcast_ref::<wt::Trap>(),
            Some(&wt::Trap::MemoryOutOfBounds)
        );
    }
}

/// Reservations of all sizes, with faults and with checks.
#[test]
fn guests_live_in_memories_that_the_embedder_makes() {
    for (reservation, guard) in [(4 << 30, 32 << 20), (3 * PAGE, PAGE), (0, PAGE), (0, 0)] {
        for signals in [true, false] {
            let memories = Arc::new(Memories::default());
            let mut config = wt::Config::new();
            config
                .with_host_memory(Arc::clone(&memories) as Arc<dyn wt::MemoryCreator>)
                // Images of data are for memories that nobody else makes.
                .memory_init_cow(false)
                .memory_reservation(reservation as u64)
                .memory_guard_size(guard as u64)
                .memory_reservation_for_growth(0)
                .signals_based_traps(signals);
            let mut guest = Guest::new(&config);
            let asked = Asked {
                pages: 2,
                minimum: 2 * PAGE,
                maximum: Some(5 * PAGE),
                reserved: Some(reservation),
                guard,
            };
            assert_eq!(*memories.asked.lock().unwrap(), [asked]);

            assert_eq!(guest.call::<i32, i32>("load", 65535).unwrap(), 120);
            guest
                .call::<_, ()>("store", (2 * WASM_PAGE - 1, 5))
                .unwrap();
            assert_eq!(guest.memory.data(&guest.store)[2 * PAGE - 1], 5);
            guest.traps::<_, ()>("store", (2 * WASM_PAGE, 5));
            guest.traps::<_, i32>("load", -1);
            guest.traps::<_, i32>("far", 0);
            guest.traps::<_, i32>("far", -1);

            assert_eq!(guest.call::<i32, i32>("grow", 1).unwrap(), 2);
            assert_eq!(guest.call::<i32, i32>("grow", 2).unwrap(), 3);
            assert_eq!(guest.memory.data_size(&guest.store), 5 * PAGE);
            assert_eq!(
                guest.call::<i32, i32>("load", 2 * WASM_PAGE - 1).unwrap(),
                5
            );
            assert_eq!(
                guest.call::<i32, i32>("load", 5 * WASM_PAGE - 1).unwrap(),
                0
            );
            guest.traps::<_, i32>("load", 5 * WASM_PAGE);
            assert_eq!(guest.call::<i32, i32>("grow", 1).unwrap(), -1);

            assert_eq!(memories.live.load(Ordering::SeqCst), 1);
            drop(guest);
            assert_eq!(memories.live.load(Ordering::SeqCst), 0);
        }
    }
}

#[test]
fn what_a_memory_creator_refuses() {
    let memories = Arc::new(Memories {
        most: Some(3 * PAGE),
        ..Memories::default()
    });
    let mut config = wt::Config::new();
    config
        .with_host_memory(Arc::clone(&memories) as Arc<dyn wt::MemoryCreator>)
        .memory_init_cow(false);
    let mut guest = Guest::new(&config);
    assert_eq!(guest.call::<i32, i32>("grow", 1).unwrap(), 2);
    assert_eq!(guest.call::<i32, i32>("grow", 1).unwrap(), -1);
    assert!(guest.memory.grow(&mut guest.store, 1).is_err());
    assert_eq!(guest.memory.size(&guest.store), 3);

    let module = wt::Module::new(guest.store.engine(), "(module (memory 9))").unwrap();
    let error = wt::Instance::new(&mut guest.store, &module, &[]).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("589824 bytes cannot be had"), "{text}");

    // Memories of the host are its own business.
    let before = memories.asked.lock().unwrap().len();
    wt::Memory::new(&mut guest.store, wt::MemoryType::new(1, None)).unwrap();
    assert_eq!(memories.asked.lock().unwrap().len(), before);
}

#[test]
fn fibers_run_on_stacks_that_the_embedder_makes() {
    let stacks = |fail| {
        Arc::new(Stacks {
            asked: Mutex::default(),
            ranges: Mutex::default(),
            fail,
        })
    };
    for zeroed in [false, true] {
        let made = stacks(false);
        let mut config = wt::Config::new();
        config
            .with_host_stack(Arc::clone(&made) as Arc<dyn wt::StackCreator>)
            .async_stack_zeroing(zeroed)
            .async_stack_size(1 << 20);
        let mut store = wt::Store::new(&wt::Engine::new(&config).unwrap(), 0_usize);
        let func = wt::Func::wrap_async(&mut store, |mut caller: wt::Caller<'_, usize>, (): ()| {
            let here = 0_u8;
            *caller.data_mut() = ptr::from_ref(&here).addr();
            Box::new(super::store::yield_times(2))
        });
        let typed = func.typed::<(), ()>(&store).unwrap();
        let (result, polls) = block_on(typed.call_async(&mut store, ()));
        result.unwrap();
        assert_eq!(polls, 3);
        assert_eq!(*made.asked.lock().unwrap(), [(1 << 20, zeroed)]);
        assert!(made.ranges.lock().unwrap()[0].contains(store.data()));
    }

    let mut config = wt::Config::new();
    config.with_host_stack(stacks(true));
    let mut store = wt::Store::new(&wt::Engine::new(&config).unwrap(), ());
    let func = wt::Func::wrap(&mut store, || {});
    let error = block_on(func.call_async(&mut store, &[], &mut []))
        .0
        .unwrap_err();
    assert!(error.is::<NoStack>(), "{error:?}");
}

/// A guest on such a stack stops at its limit, not at the stack's end.
#[test]
fn deep_recursion_on_the_embedders_stack_is_a_trap() {
    let made = Stacks {
        asked: Mutex::default(),
        ranges: Mutex::default(),
        fail: false,
    };
    let mut config = wt::Config::new();
    config.with_host_stack(Arc::new(made));
    let engine = wt::Engine::new(&config).unwrap();
    let module = wt::Module::new(&engine, r#"(module (func $f (export "f") call $f))"#).unwrap();
    let mut store = wt::Store::new(&engine, ());
    let instance = wt::Instance::new(&mut store, &module, &[]).unwrap();
    let func = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = block_on(func.call_async(&mut store, ())).0.unwrap_err();
    assert_eq!(
        error.downcast_ref::<wt::Trap>(),
        Some(&wt::Trap::StackOverflow)
    );
}
