//! Counters: threads and mappings of this process, live host frames, allocations of this thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads of this process, as the kernel counts them.
///
/// # Panics
///
/// Where there is no `/proc`.
#[must_use]
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("/proc").count()
}

/// Memory mappings of this process.
///
/// # Panics
///
/// Where there is no `/proc`.
#[must_use]
pub fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps")
        .expect("/proc")
        .lines()
        .count()
}

/// A field of `/proc/self/status` in KiB, such as `VmHWM` or `VmRSS`.
///
/// # Panics
///
/// Where there is no `/proc`, or no such field in it.
#[must_use]
pub fn status_kib(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("a known field");
    line.split_whitespace()
        .nth(1)
        .and_then(|value| value.parse().ok())
        .expect("a number")
}

/// Counts how many [`Guard`]s were made and dropped.
#[derive(Clone, Debug, Default)]
pub struct Guards(Arc<[AtomicUsize; 2]>);

/// Alive while a host frame or a host future is.
#[derive(Debug)]
pub struct Guard(Guards);

impl Guards {
    /// A new guard.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        Guard(self.clone())
    }

    /// How many were ever made.
    #[must_use]
    pub fn made(&self) -> usize {
        self.0[0].load(Ordering::SeqCst)
    }

    /// How many were dropped.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }

    /// How many are alive.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.made() - self.dropped()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system allocator, with a count of the calls each thread makes to it.
#[derive(Debug)]
pub struct CountingAllocator;

/// Allocations made by this thread; zero unless [`CountingAllocator`] is the global allocator.
#[must_use]
pub fn allocations() -> usize {
    ALLOCATIONS.get()
}

fn count() {
    // A thread that is being torn down has no counter any more, and nobody who reads it.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every method passes its arguments on to `System` unchanged, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `old`, `layout` and `size` are passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises about `old` and `layout` are passed on.
        unsafe { System.dealloc(old, layout) }
    }
}
