//! Guards: what lies below a stack faults, in every kind of memory.
#![cfg(target_os = "linux")]

use std::env;
use std::hint::black_box;
use std::io;
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use tussah_fiber::{Fiber, FiberStack, StackMemory, StackPool, StackPoolConfig, Suspend};

/// Asks the kernel to read one byte: false if that would fault.
fn readable(address: usize) -> bool {
    let mut pipe = [0; 2];
    // SAFETY: `pipe` has room for the two descriptors.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    // SAFETY: `write` answers EFAULT for memory it cannot read.
    let written = unsafe { libc::write(pipe[1], std::ptr::without_provenance(address), 1) };
    if written != 1 {
        assert_eq!(
            io::Error::last_os_error().raw_os_error(),
            Some(libc::EFAULT)
        );
    }
    for descriptor in pipe {
        // SAFETY: opened above, used by nobody else.
        assert_eq!(unsafe { libc::close(descriptor) }, 0);
    }
    written == 1
}

fn assert_guarded(stack: &FiberStack) {
    let range = stack.range();
    assert!(readable(range.start) && readable(range.end - 1));
    let guard = stack.guard_range();
    for address in (guard.start.addr()..guard.end.addr()).step_by(4096) {
        assert!(!readable(address), "{address:#x} of {stack:?}");
        assert!(!readable(address + 4095), "{address:#x} of {stack:?}");
    }
}

#[test]
fn every_stack_has_its_guard_also_after_reuse() {
    assert_guarded(&FiberStack::new(10_000, false).unwrap());
    let pool = StackPool::new(StackPoolConfig {
        stack_size: 32 << 10,
        zero_on_reuse: true,
        max_warm: 10,
        ..StackPoolConfig::default()
    })
    .unwrap();
    for _ in 0..3 {
        let stacks: Vec<_> = (0..200).map(|_| pool.get().unwrap()).collect();
        stacks.iter().for_each(assert_guarded);
    }
}

/// Runs the ignored test `name` in a process of its own.
fn child(name: &str) -> std::process::Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .output()
        .unwrap()
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "runs until the guard stops it")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + black_box(frame)[0]
}

#[inline(never)]
fn one_huge_frame() -> u8 {
    let frame = black_box([7_u8; 8 << 20]);
    black_box(&frame)[frame.len() / 2]
}

fn overflow(f: fn()) {
    let pool = StackPool::new(StackPoolConfig::default()).unwrap();
    // Stacks on both sides of the one that overflows.
    let _stacks = [pool.get().unwrap(), pool.get().unwrap()];
    let mut fiber = Fiber::new(
        pool.get().unwrap(),
        move |(), _: &mut Suspend<(), (), ()>| f(),
    )
    .unwrap();
    let _ = fiber.resume(());
    // Only reached if the guard did not stop it: not a death by SIGSEGV.
    std::process::exit(42);
}

#[test]
#[ignore = "dies; run by stack_overflow_dies_of_sigsegv"]
fn child_recurses() {
    overflow(|| {
        black_box(recurse(0));
    });
}

#[test]
#[ignore = "dies; run by stack_overflow_dies_of_sigsegv"]
fn child_has_one_huge_frame() {
    overflow(|| {
        black_box(one_huge_frame());
    });
}

#[test]
fn stack_overflow_dies_of_sigsegv() {
    for name in ["child_recurses", "child_has_one_huge_frame"] {
        let output = child(name);
        if cfg!(feature = "sanitizer") {
            // AddressSanitizer takes the signal and reports.
            let report = String::from_utf8_lossy(&output.stderr);
            assert!(report.contains("stack-overflow"), "{report}");
        } else {
            assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
        }
    }
}

/// Locked memory refuses guard markers and discarding.
#[test]
#[ignore = "locks all memory; run by locked_memory_has_guards_and_zeroes_too"]
fn child_locks_its_memory() {
    // SAFETY: changes only how memory is backed.
    if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } != 0 {
        std::process::exit(43);
    }
    let pool = StackPool::new(StackPoolConfig {
        stack_size: 16 << 10,
        max_stacks: Some(8),
        zero_on_reuse: true,
        max_warm: 2,
        ..StackPoolConfig::default()
    })
    .unwrap();
    for _ in 0..3 {
        let stacks: Vec<_> = (0..8).map(|_| pool.get().unwrap()).collect();
        for stack in &stacks {
            assert_guarded(stack);
            let len = stack.range().len();
            // SAFETY: the test owns the stack and no fiber runs on it.
            let bytes = unsafe { std::slice::from_raw_parts_mut(stack.top().sub(len), len) };
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(1);
        }
    }
    std::process::exit(44);
}

#[test]
fn locked_memory_has_guards_and_zeroes_too() {
    let output = child("child_locks_its_memory");
    // 43: this user may not lock that much memory, so there is nothing to do.
    assert!(matches!(output.status.code(), Some(43 | 44)), "{output:?}");
}

/// Memory of the embedder: a mapping with its first page protected.
struct Lent {
    base: *mut u8,
    len: usize,
    skew: usize,
}

// SAFETY: only an address range.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

// SAFETY: mapped below with the first page protected, for good. (With a
// `skew` it breaks the rules that `from_custom` checks.)
unsafe impl StackMemory for Lent {
    fn top(&self) -> *mut u8 {
        self.base.wrapping_add(self.len - self.skew)
    }
    fn range(&self) -> Range<usize> {
        let base = self.base.addr();
        base + 4096..base + self.len - self.skew
    }
    fn guard_range(&self) -> Range<*mut u8> {
        self.base..self.base.wrapping_add(4096)
    }
}

fn lent(len: usize, skew: usize) -> Box<Lent> {
    // SAFETY: a fresh mapping.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(base, libc::MAP_FAILED);
    // SAFETY: nothing lives in the page.
    assert_eq!(unsafe { libc::mprotect(base, 4096, libc::PROT_NONE) }, 0);
    Box::new(Lent {
        base: base.cast(),
        len,
        skew,
    })
}

#[test]
fn memory_of_the_embedder_is_checked_and_used() {
    let stack = FiberStack::from_custom(lent(256 << 10, 0)).unwrap();
    assert_guarded(&stack);
    assert!(!stack.is_pooled());
    let mut fiber = Fiber::new(stack, |x: u8, suspend: &mut Suspend<u8, u8, u8>| {
        suspend.suspend(x)
    })
    .unwrap();
    assert_eq!(fiber.resume(1), Err(1));
    assert_eq!(fiber.resume(2), Ok(2));

    let unaligned = FiberStack::from_custom(lent(256 << 10, 8)).unwrap_err();
    assert!(unaligned.to_string().contains("aligned"), "{unaligned}");
    let small = FiberStack::from_custom(lent(8192, 16)).unwrap_err();
    assert!(small.to_string().contains("4080"), "{small}");
}
