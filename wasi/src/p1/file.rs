//! Open files and directories, and what the system does with them. Regular files block and belong onto the pool; other
//! files never block: they are opened so, and waited for by readiness.

use super::errno::{Answer, Errno};
use super::memory::MAX_IO;
use super::ready::{self, Interest};
use super::runtime::Blocking;
use super::types::{DIRENT_SIZE, Filestat, fdflags, filetype, rights};
use crate::perms::{DirPerms, FilePerms};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, OFlags, RawDir, SeekFrom, Stat};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::Mutex;

/// An open file that is no directory.
#[derive(Debug)]
pub(crate) struct File {
    file: fs::File,
    ty: FileType,
}

impl File {
    /// Takes over a file that was opened without blocking.
    pub(crate) fn new(file: fs::File, ty: FileType) -> File {
        File { file, ty }
    }

    /// The system's descriptor.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The interface's word for what it is.
    pub(crate) fn filetype(&self) -> u8 {
        filetype::from_system(self.ty)
    }

    /// Whether reading and writing it may take a while, yet never waits for anybody.
    pub(crate) fn is_regular(&self) -> bool {
        matches!(self.ty, FileType::RegularFile | FileType::BlockDevice)
    }

    /// Reads once, at the file's position or at `offset`.
    pub(crate) async fn read(
        self: Arc<File>,
        blocking: Blocking,
        len: usize,
        offset: Option<u64>,
        may_wait: bool,
    ) -> Answer<Vec<u8>> {
        if self.is_regular() {
            return blocking.run(move || self.read_now(len, offset)).await;
        }
        loop {
            match self.read_now(len, offset) {
                Err(Errno::AGAIN) if may_wait => {
                    ready::wait(self.fd(), Interest::READABLE).await?;
                }
                answer => return answer,
            }
        }
    }

    fn read_now(&self, len: usize, offset: Option<u64>) -> Answer<Vec<u8>> {
        let mut data = vec![0; len.min(MAX_IO)];
        loop {
            let read = match offset {
                None => rustix::io::read(&self.file, &mut data[..]),
                Some(offset) => rustix::io::pread(&self.file, &mut data[..], offset),
            };
            match read {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(read) => {
                    data.truncate(read);
                    return Ok(data);
                }
            }
        }
    }

    /// Writes once, at the file's position or at `offset`.
    pub(crate) async fn write(
        self: Arc<File>,
        blocking: Blocking,
        data: Vec<u8>,
        offset: Option<u64>,
        may_wait: bool,
    ) -> Answer<usize> {
        if self.is_regular() {
            return blocking.run(move || self.write_now(&data, offset)).await;
        }
        loop {
            match self.write_now(&data, offset) {
                Err(Errno::AGAIN) if may_wait => {
                    ready::wait(self.fd(), Interest::WRITABLE).await?;
                }
                answer => return answer,
            }
        }
    }

    fn write_now(&self, data: &[u8], offset: Option<u64>) -> Answer<usize> {
        loop {
            let written = match offset {
                None => rustix::io::write(&self.file, data),
                Some(offset) => rustix::io::pwrite(&self.file, data, offset),
            };
            match written {
                Err(rustix::io::Errno::INTR) => {}
                written => return Ok(written?),
            }
        }
    }

    /// Moves the position.
    pub(crate) fn seek(&self, to: SeekFrom) -> Answer<u64> {
        Ok(rustix::fs::seek(&self.file, to)?)
    }

    /// Changes the flags that can be changed.
    pub(crate) fn set_flags(&self, flags: u16) -> Answer {
        let mut system = rustix::fs::fcntl_getfl(&self.file)?;
        system.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
        // Whether the guest waits is decided here; the system never does.
        system.insert(OFlags::NONBLOCK);
        Ok(rustix::fs::fcntl_setfl(&self.file, system)?)
    }
}

/// An open directory, the root of what can be reached through it.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) dir: Dir,
    pub(crate) dir_perms: DirPerms,
    pub(crate) file_perms: FilePerms,
    /// Held while entries are read: the position belongs to the system's descriptor.
    reading: Mutex<()>,
}

/// Some entries, as they lie in the guest's memory.
#[derive(Debug)]
pub(crate) struct Entries {
    pub(crate) bytes: Vec<u8>,
    /// Where the next ones begin.
    pub(crate) next: u64,
    /// There are no more.
    pub(crate) end: bool,
}

impl Directory {
    pub(crate) fn new(dir: Dir, dir_perms: DirPerms, file_perms: FilePerms) -> Directory {
        Directory {
            dir,
            dir_perms,
            file_perms,
            reading: Mutex::new(()),
        }
    }

    /// Whatever the host lets be done with the directory itself.
    pub(crate) fn grantable(&self) -> u64 {
        let mut granted = rights::DIRECTORY;
        if !self.dir_perms.contains(DirPerms::READ) {
            granted &= !rights::LOOK;
        }
        if !self.dir_perms.contains(DirPerms::MUTATE) {
            granted &= !rights::MUTATE;
        }
        granted
    }

    /// Whatever the host lets be done with what is inside.
    pub(crate) fn grantable_inside(&self) -> u64 {
        let mut files = rights::FILE;
        if !self.file_perms.contains(FilePerms::READ) {
            files &= !rights::FD_READ;
        }
        if !self.file_perms.contains(FilePerms::WRITE) {
            files &= !rights::FILE_WRITE;
        }
        self.grantable() | files
    }

    /// Whether what is moved or linked from `other` into this directory gains no permission by it.
    pub(crate) fn grants_no_more_than(&self, other: &Directory) -> bool {
        other.file_perms.contains(self.file_perms) && other.dir_perms.contains(self.dir_perms)
    }

    /// Reads entries from a cookie on, whole ones, until there are at least `len` bytes of them or no more.
    pub(crate) fn entries(&self, cookie: u64, len: usize) -> Answer<Entries> {
        let _reading = self.reading.lock().unwrap_or_else(|e| e.into_inner());
        // Cookies are the system's positions. Whatever else a guest says here is refused or read from somewhere in this
        // directory.
        let position = i64::try_from(cookie).map_err(|_| Errno::INVAL)?;
        rustix::fs::seek(&self.dir, SeekFrom::Start(position.unsigned_abs()))?;
        let mut scratch = Vec::with_capacity(16 << 10);
        let mut raw = RawDir::new(&self.dir, scratch.spare_capacity_mut());
        let mut entries = Entries {
            bytes: Vec::new(),
            next: cookie,
            end: false,
        };
        while entries.bytes.len() < len {
            let Some(entry) = raw.next() else {
                entries.end = true;
                break;
            };
            let entry = entry?;
            let name = entry.file_name();
            let mut ty = entry.file_type();
            if ty == FileType::Unknown {
                let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW);
                ty = stat.map_or(ty, |stat| FileType::from_raw_mode(stat.st_mode));
            }
            let name = name.to_bytes();
            let mut head = [0; DIRENT_SIZE];
            head[0..8].copy_from_slice(&entry.next_entry_cookie().to_le_bytes());
            // As at a root: what lies above a directory may be outside of what the guest was given.
            let ino = match name {
                b".." => rustix::fs::fstat(&self.dir)?.st_ino,
                _ => entry.ino(),
            };
            head[8..16].copy_from_slice(&ino.to_le_bytes());
            let length = u32::try_from(name.len()).map_err(|_| Errno::NAMETOOLONG)?;
            head[16..20].copy_from_slice(&length.to_le_bytes());
            head[20] = filetype::from_system(ty);
            entries.bytes.extend_from_slice(&head);
            entries.bytes.extend_from_slice(name);
            entries.next = entry.next_entry_cookie();
        }
        Ok(entries)
    }
}

/// What the system knows about an open file or directory.
pub(crate) fn filestat(fd: BorrowedFd<'_>) -> Answer<Filestat> {
    Ok(from_stat(&rustix::fs::fstat(fd)?))
}

/// The interface's form of the system's.
#[allow(
    clippy::useless_conversion,
    reason = "how wide the system's numbers are depends on the processor"
)]
fn from_stat(stat: &Stat) -> Filestat {
    let time = |seconds: i64, nanos: i64| {
        let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
    };
    Filestat {
        dev: stat.st_dev,
        ino: stat.st_ino,
        filetype: filetype::from_system(FileType::from_raw_mode(stat.st_mode)),
        nlink: u64::from(stat.st_nlink),
        size: stat.st_size.unsigned_abs(),
        atim: time(
            stat.st_atime,
            i64::try_from(stat.st_atime_nsec).unwrap_or(0),
        ),
        mtim: time(
            stat.st_mtime,
            i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
        ),
        ctim: time(
            stat.st_ctime,
            i64::try_from(stat.st_ctime_nsec).unwrap_or(0),
        ),
    }
}

/// The interface's form of what `cap-std` found out about a path.
pub(crate) fn from_metadata(metadata: &cap_std::fs::Metadata) -> Filestat {
    use cap_std::fs::{FileTypeExt, MetadataExt};
    let ty = metadata.file_type();
    let time = |seconds: i64, nanos: i64| {
        let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
    };
    Filestat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: if ty.is_file() {
            filetype::REGULAR_FILE
        } else if ty.is_dir() {
            filetype::DIRECTORY
        } else if ty.is_symlink() {
            filetype::SYMBOLIC_LINK
        } else if ty.is_char_device() {
            filetype::CHARACTER_DEVICE
        } else if ty.is_block_device() {
            filetype::BLOCK_DEVICE
        } else if ty.is_socket() {
            filetype::SOCKET_STREAM
        } else {
            filetype::UNKNOWN
        },
        nlink: metadata.nlink(),
        size: metadata.size(),
        atim: time(metadata.atime(), metadata.atime_nsec()),
        mtim: time(metadata.mtime(), metadata.mtime_nsec()),
        ctim: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}
