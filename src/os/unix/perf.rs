//! What `perf` wants to know of a process that makes code.

use rustix::mm::{MapFlags, ProtFlags};
use rustix::time::ClockId;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
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

/// Opens a file to write, or makes it, in a folder that may be everybody's: whoever else has put something under this name
/// must not choose what is written to, nor keep the process waiting.
///
/// # Errors
///
/// Those of the system, or something else is under this name.
pub(crate) fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let options = options
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .mode(0o644);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    let user = rustix::process::geteuid().as_raw();
    if metadata.is_file() && metadata.nlink() == 1 && metadata.uid() == user {
        Ok(file)
    } else {
        let reason = "there is something else under this name";
        Err(io::Error::new(io::ErrorKind::AlreadyExists, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::open_own;
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    #[test]
    fn only_plain_files_of_our_own_are_written_to() {
        let folder = std::env::temp_dir().join(format!("tussah-own-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [file, link, hard, fifo] = ["file", "link", "hard", "fifo"].map(|n| folder.join(n));
        let open = |path: &PathBuf| open_own(OpenOptions::new().read(true).write(true), path);
        open(&file).unwrap();
        open(&file).unwrap();
        symlink(&file, &link).unwrap();
        open(&link).unwrap_err();
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        // Nobody is at the other end.
        open(&fifo).unwrap_err();
        fs::hard_link(&file, &hard).unwrap();
        open(&file).unwrap_err();
        open(&hard).unwrap_err();
        fs::remove_dir_all(&folder).unwrap();
    }
}
