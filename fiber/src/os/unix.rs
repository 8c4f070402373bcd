//! Unix: `mmap`, `madvise`, `mprotect`.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a range fault on access by markers in the page table, so that one
/// mapping holds any number of guards. Since Linux 6.13.
#[cfg(target_os = "linux")]
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Guards of this process that are made by page protection.
static PROTECTED: AtomicUsize = AtomicUsize::new(0);

/// The size of a page of memory.
#[inline]
pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    match PAGE_SIZE.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: `sysconf` only reads its argument.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(size).expect("the page size is a positive number");
            PAGE_SIZE.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

/// Private, zeroed, readable and writable memory, unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
    /// Guards in it that are made by page protection.
    protected: AtomicUsize,
}

// SAFETY: a `Mapping` is only an address range; it has no tie to a thread.
unsafe impl Send for Mapping {}
// SAFETY: `&Mapping` hands out an address and a length; the counter is atomic.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes, a multiple of the page size, without reserving swap.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        // Stacks are sparse: thousands of them, a page or two touched in each.
        // MAP_NORESERVE keeps the rest out of the commit charge.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | stack_flag();
        // SAFETY: no address is asked for, so no existing mapping changes.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).expect("mmap never answers null without MAP_FIXED");
        // From here on the range is unmapped if anything below returns.
        let mapping = Self {
            base,
            len,
            protected: AtomicUsize::new(0),
        };
        avoid_huge_pages(&mapping);
        Ok(mapping)
    }

    /// The lowest address.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The length in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes every access to a range fault.
    ///
    /// By markers in the page table where the kernel has them. They are
    /// refused by Linux before 6.13 and in locked memory (`mlockall`); then by
    /// page protection, which splits the mapping in two. A process has only
    /// so many mappings, and the allocator needs some, so the number of such
    /// guards is limited.
    ///
    /// # Errors
    ///
    /// The limit is reached, or the system refuses.
    ///
    /// # Safety
    ///
    /// The range is whole pages inside this mapping, without a guard so far,
    /// and nothing lives there.
    pub(crate) unsafe fn guard(&self, base: NonNull<u8>, len: usize) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: by this function's contract nothing lives in the range.
            let result = unsafe { libc::madvise(base.as_ptr().cast(), len, MADV_GUARD_INSTALL) };
            if result == 0 {
                return Ok(());
            }
        }
        if PROTECTED.fetch_add(1, Ordering::Relaxed) >= protected_limit() {
            PROTECTED.fetch_sub(1, Ordering::Relaxed);
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!(
                    "{} guards take up the memory mappings that a process may have",
                    protected_limit()
                ),
            ));
        }
        // SAFETY: as above.
        let result = unsafe { libc::mprotect(base.as_ptr().cast(), len, libc::PROT_NONE) };
        if result == 0 {
            self.protected.fetch_add(1, Ordering::Relaxed);
            Ok(())
        } else {
            PROTECTED.fetch_sub(1, Ordering::Relaxed);
            Err(io::Error::last_os_error())
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range came from `mmap` and is ours alone; who drops the
        // mapping vouches that no stack in it is in use any more.
        let result = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
        debug_assert_eq!(result, 0, "munmap of our own mapping");
        PROTECTED.fetch_sub(*self.protected.get_mut(), Ordering::Relaxed);
    }
}

/// How many guards may be made by page protection: two mappings each, with
/// an eighth of all mappings left for everything else.
fn protected_limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| (max_mappings() - max_mappings() / 8) / 2)
}

/// How many mappings a process may have.
#[cfg(target_os = "linux")]
fn max_mappings() -> usize {
    const KERNEL_DEFAULT: usize = 65_530;
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(KERNEL_DEFAULT)
}

#[cfg(not(target_os = "linux"))]
fn max_mappings() -> usize {
    usize::MAX
}

#[cfg(target_os = "linux")]
fn stack_flag() -> libc::c_int {
    libc::MAP_STACK
}

#[cfg(not(target_os = "linux"))]
fn stack_flag() -> libc::c_int {
    0
}

/// A huge page below a stack's top would cost 2 MiB for the first byte used.
#[cfg(target_os = "linux")]
fn avoid_huge_pages(mapping: &Mapping) {
    // SAFETY: the advice changes how our own range is backed, never its bytes.
    // It is refused by kernels without huge pages, where it is not needed.
    unsafe {
        libc::madvise(
            mapping.base.as_ptr().cast(),
            mapping.len,
            libc::MADV_NOHUGEPAGE,
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn avoid_huge_pages(_: &Mapping) {}

/// Gives the memory of a range back: it reads as zero afterwards.
///
/// # Safety
///
/// The range is whole accessible pages inside a [`Mapping`], without guards,
/// and nothing lives there.
pub(crate) unsafe fn discard(base: NonNull<u8>, len: usize) -> io::Result<()> {
    if len == 0 {
        return Ok(());
    }
    // SAFETY: by this function's contract nothing lives in the range.
    let result = unsafe { discard_pages(base, len) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// # Safety
///
/// As for [`discard`].
#[cfg(target_os = "linux")]
unsafe fn discard_pages(base: NonNull<u8>, len: usize) -> libc::c_int {
    // SAFETY: the caller's; Linux promises zeroes after MADV_DONTNEED on
    // private anonymous memory.
    unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_DONTNEED) }
}

/// # Safety
///
/// As for [`discard`].
#[cfg(not(target_os = "linux"))]
unsafe fn discard_pages(base: NonNull<u8>, len: usize) -> libc::c_int {
    // Only Linux promises zeroes after MADV_DONTNEED: map anew in place.
    // SAFETY: the range is ours and nothing lives there.
    let result = unsafe {
        libc::mmap(
            base.as_ptr().cast(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    if result == libc::MAP_FAILED { -1 } else { 0 }
}
