//! What `perf` wants to know of a process that makes code.

use rustix::mm::{MapFlags, ProtFlags};
use rustix::time::ClockId;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr;

/// The clock that `perf record -k mono` uses.
pub(crate) fn monotonic_nanos() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    let nanos = now.tv_sec * 1_000_000_000 + now.tv_nsec;
    u64::try_from(nanos).unwrap_or(0)
}

/// The running thread, as the system numbers it.
pub(crate) fn thread_id() -> u32 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .cast_unsigned()
}

/// Maps a file's first page executable, for good: that is how `perf record` gets to know the file.
///
/// # Errors
///
/// Those of the system.
pub(crate) fn map_marker(file: BorrowedFd<'_>) -> io::Result<()> {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::EXEC, MapFlags::PRIVATE);
    // SAFETY: a new mapping where there was none; nobody reads it, and it is never removed.
    unsafe {
        rustix::mm::mmap(
            ptr::null_mut(),
            super::page_size(),
            protection,
            flags,
            file,
            0,
        )
    }?;
    Ok(())
}
