//! Numbers and layouts of the interface, as its description in witx gives them.

/// Whether one set of bits contains another.
pub(crate) fn contains(set: u64, of: u64) -> bool {
    set & of == of
}

/// What may be done with a descriptor.
pub(crate) mod rights {
    pub(crate) const FD_DATASYNC: u64 = 1;
    pub(crate) const FD_READ: u64 = 1 << 1;
    pub(crate) const FD_SEEK: u64 = 1 << 2;
    pub(crate) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(crate) const FD_SYNC: u64 = 1 << 4;
    pub(crate) const FD_TELL: u64 = 1 << 5;
    pub(crate) const FD_WRITE: u64 = 1 << 6;
    pub(crate) const FD_ADVISE: u64 = 1 << 7;
    pub(crate) const FD_ALLOCATE: u64 = 1 << 8;
    pub(crate) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(crate) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(crate) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(crate) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(crate) const PATH_OPEN: u64 = 1 << 13;
    pub(crate) const FD_READDIR: u64 = 1 << 14;
    pub(crate) const PATH_READLINK: u64 = 1 << 15;
    pub(crate) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(crate) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(crate) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(crate) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(crate) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(crate) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(crate) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(crate) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(crate) const PATH_SYMLINK: u64 = 1 << 24;
    pub(crate) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(crate) const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub(crate) const POLL_FD_READWRITE: u64 = 1 << 27;
    pub(crate) const SOCK_SHUTDOWN: u64 = 1 << 28;
    pub(crate) const SOCK_ACCEPT: u64 = 1 << 29;

    /// Those that need a directory which may be changed.
    pub(crate) const MUTATE: u64 = PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;
    /// Those that need a directory which may be read.
    pub(crate) const LOOK: u64 =
        PATH_OPEN | FD_READDIR | PATH_READLINK | PATH_FILESTAT_GET | FD_FILESTAT_GET;
    /// All that mean something for a directory.
    pub(crate) const DIRECTORY: u64 = MUTATE | LOOK | FD_SYNC | FD_DATASYNC | FD_FDSTAT_SET_FLAGS;
    /// Those that need a file which may be written.
    pub(crate) const FILE_WRITE: u64 =
        FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES;
    /// All that mean something for a file.
    pub(crate) const FILE: u64 = FILE_WRITE
        | FD_READ
        | FD_SEEK
        | FD_TELL
        | FD_SYNC
        | FD_DATASYNC
        | FD_FDSTAT_SET_FLAGS
        | FD_ADVISE
        | FD_FILESTAT_GET
        | POLL_FD_READWRITE;
    /// Of an incoming stream.
    pub(crate) const INPUT: u64 =
        FD_READ | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
    /// Of an outgoing stream.
    pub(crate) const OUTPUT: u64 =
        FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
    /// Of a connected socket.
    pub(crate) const SOCKET: u64 = INPUT | OUTPUT | SOCK_SHUTDOWN;
    /// Of a listening socket.
    pub(crate) const LISTENER: u64 =
        FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE | SOCK_ACCEPT | FD_READ;
}

/// Flags of a descriptor.
pub(crate) mod fdflags {
    pub(crate) const APPEND: u16 = 1;
    pub(crate) const DSYNC: u16 = 1 << 1;
    pub(crate) const NONBLOCK: u16 = 1 << 2;
    pub(crate) const RSYNC: u16 = 1 << 3;
    pub(crate) const SYNC: u16 = 1 << 4;
    /// What can be chosen when a file is opened, and not later.
    pub(crate) const AT_OPEN: u16 = DSYNC | RSYNC | SYNC;
    pub(crate) const ALL: u16 = APPEND | NONBLOCK | AT_OPEN;
}

/// How to open.
pub(crate) mod oflags {
    pub(crate) const CREAT: u16 = 1;
    pub(crate) const DIRECTORY: u16 = 1 << 1;
    pub(crate) const EXCL: u16 = 1 << 2;
    pub(crate) const TRUNC: u16 = 1 << 3;
    pub(crate) const ALL: u16 = CREAT | DIRECTORY | EXCL | TRUNC;
}

/// How to look up a path: whether a link at its end is followed.
pub(crate) const LOOKUP_SYMLINK_FOLLOW: u32 = 1;

/// Which times to set.
pub(crate) mod fstflags {
    pub(crate) const ATIM: u16 = 1;
    pub(crate) const ATIM_NOW: u16 = 1 << 1;
    pub(crate) const MTIM: u16 = 1 << 2;
    pub(crate) const MTIM_NOW: u16 = 1 << 3;
    pub(crate) const ALL: u16 = ATIM | ATIM_NOW | MTIM | MTIM_NOW;
}

/// What a descriptor or a directory's entry is.
pub(crate) mod filetype {
    pub(crate) const UNKNOWN: u8 = 0;
    pub(crate) const BLOCK_DEVICE: u8 = 1;
    pub(crate) const CHARACTER_DEVICE: u8 = 2;
    pub(crate) const DIRECTORY: u8 = 3;
    pub(crate) const REGULAR_FILE: u8 = 4;
    pub(crate) const SOCKET_STREAM: u8 = 6;
    pub(crate) const SYMBOLIC_LINK: u8 = 7;

    /// The interface's word for the system's.
    pub(crate) fn from_system(ty: rustix::fs::FileType) -> u8 {
        use rustix::fs::FileType;
        match ty {
            FileType::RegularFile => REGULAR_FILE,
            FileType::Directory => DIRECTORY,
            FileType::Symlink => SYMBOLIC_LINK,
            FileType::CharacterDevice => CHARACTER_DEVICE,
            FileType::BlockDevice => BLOCK_DEVICE,
            FileType::Socket => SOCKET_STREAM,
            FileType::Fifo | FileType::Unknown => UNKNOWN,
        }
    }
}

/// Clocks.
pub(crate) mod clockid {
    pub(crate) const REALTIME: u32 = 0;
    pub(crate) const MONOTONIC: u32 = 1;
    pub(crate) const PROCESS_CPUTIME: u32 = 2;
    pub(crate) const THREAD_CPUTIME: u32 = 3;
}

/// What a subscription waits for.
pub(crate) mod eventtype {
    pub(crate) const CLOCK: u8 = 0;
    pub(crate) const FD_READ: u8 = 1;
    pub(crate) const FD_WRITE: u8 = 2;
}

/// A subscription's timeout is a point in time, not a duration.
pub(crate) const SUBSCRIPTION_CLOCK_ABSTIME: u16 = 1;
/// The other end has hung up.
pub(crate) const EVENT_FD_HANGUP: u16 = 1;

/// `{ userdata u64, tag u8, at 16: { clock id u32, at 24 timeout u64, precision u64, flags u16 } or { fd u32 } }`
pub(crate) const SUBSCRIPTION_SIZE: u32 = 48;
/// `{ userdata u64, error u16, type u8, at 16: nbytes u64, flags u16 }`
pub(crate) const EVENT_SIZE: u32 = 32;
/// `{ next u64, ino u64, namlen u32, type u8 }`, then the name.
pub(crate) const DIRENT_SIZE: usize = 24;
/// `{ buf u32, len u32 }`
pub(crate) const IOVEC_SIZE: u32 = 8;

/// Flags of receiving and shutting down.
pub(crate) mod sock {
    pub(crate) const RECV_PEEK: u16 = 1;
    pub(crate) const RECV_WAITALL: u16 = 2;
    pub(crate) const SHUT_RD: u32 = 1;
    pub(crate) const SHUT_WR: u32 = 2;
}

/// What is known about a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filestat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: u8,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
    pub(crate) ctim: u64,
}

impl Filestat {
    /// As it lies in memory.
    pub(crate) fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (at, value) in [
            (0, self.dev),
            (8, self.ino),
            (16, u64::from(self.filetype)),
            (24, self.nlink),
            (32, self.size),
            (40, self.atim),
            (48, self.mtim),
            (56, self.ctim),
        ] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}
