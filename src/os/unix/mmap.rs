//! Address space: reserved in one piece, made usable in parts.

use super::ucontext;
use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr;

/// Bytes per page of memory.
pub(crate) fn page_size() -> usize {
    // rustix caches it: the C library and the kernel's auxiliary vector are asked once.
    rustix::param::page_size()
}

/// A range of address space that belongs to its owner until dropped. Nothing in it is accessible at first.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: *mut u8,
    len: usize,
}

// SAFETY: a `Reservation` is an address range without ties to a thread.
unsafe impl Send for Reservation {}
// SAFETY: through `&Reservation` one gets numbers and changes protections by system calls, which are atomic.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `len` bytes, rounded up to pages. Nothing is mapped for a length of zero.
    ///
    /// # Errors
    ///
    /// The system has no such range left, or forbids it.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let Some(rounded) = len.checked_next_multiple_of(page_size()) else {
            return Err(failed(Errno::NOMEM, "reserve", len));
        };
        if rounded == 0 {
            // An address that is page-aligned, not null, and that no mapping may have.
            let base = ptr::without_provenance_mut(page_size());
            return Ok(Reservation { base, len: 0 });
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the system picks the address, so no existing mapping changes.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), rounded, ProtFlags::empty(), flags)
        }
        .map_err(|e| failed(e, "reserve", rounded))?;
        Ok(Reservation {
            base: base.cast(),
            len: rounded,
        })
    }

    /// The lowest address; dangling, but not null, if the length is zero.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Bytes reserved: a multiple of the page size.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The addresses of the range.
    pub(crate) fn addresses(&self) -> Range<usize> {
        self.base.addr()..self.base.addr() + self.len
    }

    /// Makes a page-aligned part readable and writable. What has never been accessible reads as zeros.
    ///
    /// # Errors
    ///
    /// The part is not inside the reservation or not page-aligned, or the system has no memory left.
    pub(crate) fn make_accessible(&self, range: Range<usize>) -> io::Result<()> {
        let (start, len) = self.part(&range)?;
        if len == 0 {
            return Ok(());
        }
        // SAFETY: `part` answers ranges inside this reservation only. Adding read and write access invalidates no
        // reference.
        unsafe { rustix::mm::mprotect(start, len, MprotectFlags::READ | MprotectFlags::WRITE) }
            .map_err(|e| failed(e, "make accessible", len))
    }

    /// Makes a page-aligned part readable and executable, and no longer writable.
    ///
    /// # Errors
    ///
    /// As for [`Reservation::make_accessible`].
    ///
    /// # Safety
    ///
    /// Nobody may write to the part any more.
    pub(crate) unsafe fn make_executable(&self, range: Range<usize>) -> io::Result<()> {
        let (start, len) = self.part(&range)?;
        if len == 0 {
            return Ok(());
        }
        // SAFETY: `part` answers ranges inside this reservation only; the caller gave up write access.
        unsafe { rustix::mm::mprotect(start, len, MprotectFlags::READ | MprotectFlags::EXEC) }
            .map_err(|e| failed(e, "make executable", len))?;
        ucontext::synchronize_code(start.cast(), len);
        Ok(())
    }

    /// Maps a file's bytes over a part that begins with a page, readable and executable. The rest of the last page is zero.
    ///
    /// # Errors
    ///
    /// As for [`Reservation::make_accessible`]; or the offset is no whole page, or the file cannot be mapped.
    ///
    /// # Safety
    ///
    /// Nobody uses the part, and nobody changes the file while it is mapped.
    pub(crate) unsafe fn map_file(
        &self,
        range: Range<usize>,
        file: &File,
        offset: u64,
    ) -> io::Result<()> {
        let pages = range.start..range.end.next_multiple_of(page_size());
        let (start, len) = self.part(&pages)?;
        let (access, flags) = (
            ProtFlags::READ | ProtFlags::EXEC,
            MapFlags::PRIVATE | MapFlags::FIXED,
        );
        // SAFETY: `part` answers ranges inside this reservation only, of which the caller says that nobody uses it.
        unsafe { rustix::mm::mmap(start, len, access, flags, file, offset) }
            .map_err(|e| failed(e, "map a file to", len))?;
        ucontext::synchronize_code(start.cast(), len);
        Ok(())
    }

    /// Makes a page-aligned part inaccessible, gives its memory back and forgets its contents, files included.
    ///
    /// # Errors
    ///
    /// As for [`Reservation::make_accessible`]. The part is then as it was.
    ///
    /// # Safety
    ///
    /// No reference into the part may exist, and no code in it may be running or be run.
    pub(crate) unsafe fn make_inaccessible(&self, range: Range<usize>) -> io::Result<()> {
        let (start, len) = self.part(&range)?;
        if len == 0 {
            return Ok(());
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        // SAFETY: `part` answers ranges inside this reservation only, and the caller says that nobody uses this one; the
        // new mapping replaces the old one whole.
        unsafe { rustix::mm::mmap_anonymous(start, len, ProtFlags::empty(), flags) }
            .map_err(|e| failed(e, "give back", len))?;
        Ok(())
    }

    /// Start and length of a part, after checking that it is one.
    fn part(&self, range: &Range<usize>) -> io::Result<(*mut c_void, usize)> {
        let page = page_size();
        let inside = range.start <= range.end && range.end <= self.len;
        if !inside || !range.start.is_multiple_of(page) || !range.end.is_multiple_of(page) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{range:#x?} is not a page-aligned part of a reservation of {:#x} bytes",
                    self.len
                ),
            ));
        }
        let start = self.base.wrapping_add(range.start).cast();
        Ok((start, range.end - range.start))
    }
}

/// A file's contents, mapped readable.
#[derive(Debug)]
pub(crate) struct FileMap {
    base: *mut c_void,
    len: usize,
}

// SAFETY: memory that nobody writes, tied to no thread.
unsafe impl Send for FileMap {}
// SAFETY: as above.
unsafe impl Sync for FileMap {}

impl FileMap {
    /// Maps all of a file.
    ///
    /// # Errors
    ///
    /// It cannot be mapped, or is larger than the address space.
    ///
    /// # Safety
    ///
    /// Nobody changes the file while it is mapped.
    pub(crate) unsafe fn new(file: &File) -> io::Result<FileMap> {
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut base = ptr::without_provenance_mut(page_size());
        if len > 0 {
            // SAFETY: the system picks the address, so no existing mapping changes.
            base = unsafe {
                rustix::mm::mmap(
                    ptr::null_mut(),
                    len,
                    ProtFlags::READ,
                    MapFlags::PRIVATE,
                    file,
                    0,
                )
            }
            .map_err(|e| failed(e, "map a file to", len))?;
        }
        Ok(FileMap { base, len })
    }
}

impl AsRef<[u8]> for FileMap {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: mapped readable as long as `self` lives, and unchanged by the promise of `new`.
        unsafe { std::slice::from_raw_parts(self.base.cast(), self.len) }
    }
}

impl Drop for FileMap {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // SAFETY: `new` mapped this range, and references into it do not outlive `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.base, self.len) };
        debug_assert!(unmapped.is_ok(), "munmap of {self:?}: {unmapped:?}");
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // SAFETY: the range came from `mmap_anonymous` with this length and nobody else unmaps it; references into it
        // do not outlive its owner.
        let unmapped = unsafe { rustix::mm::munmap(self.base.cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "munmap of {self:?}: {unmapped:?}");
    }
}

/// An error that says what was asked.
#[cold]
fn failed(error: Errno, what: &str, len: usize) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(
        error.kind(),
        format!("cannot {what} {len} bytes of address space: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{Reservation, page_size};

    #[test]
    fn parts_become_accessible_and_forget() {
        let page = page_size();
        let space = Reservation::new(3 * page + 1).unwrap();
        assert_eq!(space.len(), 4 * page);
        space.make_accessible(page..3 * page).unwrap();
        let at = space.base().wrapping_add(2 * page);
        // SAFETY: this page was just made accessible, and the test owns it.
        unsafe {
            assert_eq!(at.read(), 0);
            at.write(7);
        }
        // SAFETY: no reference into the page is held.
        unsafe { space.make_inaccessible(2 * page..3 * page) }.unwrap();
        space.make_accessible(2 * page..3 * page).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { at.read() }, 0, "contents are discarded");
    }

    #[test]
    fn executable_pages_run() {
        let page = page_size();
        let space = Reservation::new(page).unwrap();
        space.make_accessible(0..page).unwrap();
        // `mov eax, 42; ret`
        let code = [0xb8, 42, 0, 0, 0, 0xc3];
        // SAFETY: the page is accessible and long enough; nothing writes once it is executable.
        let function: extern "C" fn() -> i32 = unsafe {
            space
                .base()
                .copy_from_nonoverlapping(code.as_ptr(), code.len());
            space.make_executable(0..page).unwrap();
            std::mem::transmute(space.base())
        };
        assert_eq!(function(), 42);
    }

    #[test]
    fn empty_reservations_need_nothing() {
        let space = Reservation::new(0).unwrap();
        assert_eq!(space.len(), 0);
        assert!(!space.base().is_null());
        assert!(space.addresses().is_empty());
        space.make_accessible(0..0).unwrap();
    }

    #[test]
    fn refusals_say_what_was_asked() {
        let error = Reservation::new(1 << 60).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot reserve 1152921504606846976 bytes of address space: "),
            "{error}"
        );
        assert!(Reservation::new(usize::MAX).is_err());
        let space = Reservation::new(page_size()).unwrap();
        for range in [0..1, 0..2 * page_size(), page_size()..0, 1..page_size()] {
            let error = space.make_accessible(range).unwrap_err().to_string();
            assert!(error.contains("not a page-aligned part"), "{error}");
        }
    }
}
