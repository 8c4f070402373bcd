//! Twenty thousand parked fibers. One test: it measures the process.
#![cfg(target_os = "linux")]
// AddressSanitizer's shadow would be measured too.
#![cfg(not(feature = "sanitizer"))]

use std::fs;

use tussah_fiber::{Fiber, StackPool, StackPoolConfig, Suspend};

const FIBERS: usize = 20_000;

fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

/// Whether this kernel has guards that do not split mappings (Linux 6.13).
fn has_guard_markers() -> bool {
    // SAFETY: a fresh mapping, used for nothing else.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(page, libc::MAP_FAILED);
    // SAFETY: nothing lives in the page.
    unsafe { libc::madvise(page, 4096, 102) == 0 }
}

#[test]
fn parked_fibers_take_a_page_or_two_and_few_mappings() {
    let pool = StackPool::new(StackPoolConfig::default()).unwrap();
    let mut fibers = Vec::with_capacity(FIBERS);
    let (rss_before, maps_before) = (resident_kib(), mappings());
    for i in 0..FIBERS {
        let mut fiber = Fiber::new(
            pool.get().unwrap(),
            move |x: usize, suspend: &mut Suspend<usize, usize, usize>| suspend.suspend(x) + i,
        )
        .unwrap();
        assert_eq!(fiber.resume(i), Err(i));
        fibers.push(fiber);
    }
    let (rss_parked, maps_parked) = (resident_kib(), mappings());
    let each = (rss_parked - rss_before) as f64 / FIBERS as f64;
    assert!(each < 9.0, "{each} KiB for each parked fiber");
    if has_guard_markers() {
        let more = maps_parked - maps_before;
        assert!(more <= 16, "{more} mappings for {FIBERS} fibers");
    }
    assert_eq!(pool.stats().live, FIBERS);

    for (i, mut fiber) in fibers.drain(..).enumerate() {
        assert_eq!(fiber.resume(1), Ok(i + 1));
    }
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle), (0, FIBERS));
    assert_eq!(stats.warm, StackPoolConfig::default().max_warm);
    let kept = resident_kib().saturating_sub(rss_before);
    assert!(kept < 8 << 10, "{kept} KiB kept after {FIBERS} fibers");

    // Address space is reused, not mapped again.
    let again: Vec<_> = (0..FIBERS).map(|_| pool.get().unwrap()).collect();
    assert_eq!(pool.stats().mapped_bytes, stats.mapped_bytes);
    drop(again);
}
