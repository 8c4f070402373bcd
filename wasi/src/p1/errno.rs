//! Error numbers of the interface, and where they come from.

use std::io;

/// What a function of the interface answers when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(u16);

/// What a function of the interface answers.
pub(crate) type Answer<T = ()> = Result<T, Errno>;

impl Errno {
    pub(crate) const AGAIN: Errno = Errno(6);
    pub(crate) const BADF: Errno = Errno(8);
    pub(crate) const EXIST: Errno = Errno(20);
    pub(crate) const FAULT: Errno = Errno(21);
    pub(crate) const FBIG: Errno = Errno(22);
    pub(crate) const ILSEQ: Errno = Errno(25);
    pub(crate) const INTR: Errno = Errno(27);
    pub(crate) const INVAL: Errno = Errno(28);
    pub(crate) const IO: Errno = Errno(29);
    pub(crate) const ISDIR: Errno = Errno(31);
    pub(crate) const MFILE: Errno = Errno(33);
    pub(crate) const NAMETOOLONG: Errno = Errno(37);
    pub(crate) const NOENT: Errno = Errno(44);
    pub(crate) const NOMEM: Errno = Errno(48);
    pub(crate) const NOSPC: Errno = Errno(51);
    pub(crate) const NOTCONN: Errno = Errno(53);
    pub(crate) const NOTDIR: Errno = Errno(54);
    pub(crate) const NOTEMPTY: Errno = Errno(55);
    pub(crate) const NOTSOCK: Errno = Errno(57);
    pub(crate) const NOTSUP: Errno = Errno(58);
    pub(crate) const PERM: Errno = Errno(63);
    pub(crate) const PIPE: Errno = Errno(64);
    pub(crate) const SPIPE: Errno = Errno(70);
    pub(crate) const TIMEDOUT: Errno = Errno(73);
    pub(crate) const NOTCAPABLE: Errno = Errno(76);

    /// The number that the guest sees.
    pub(crate) fn raw(self) -> u16 {
        self.0
    }
}

/// What the guest's call returns: 0 or an error number.
pub(crate) fn code(answer: Answer) -> u32 {
    match answer {
        Ok(()) => 0,
        Err(errno) => u32::from(errno.0),
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(errno) = rustix::io::Errno::from_io_error(&error) {
            return errno.into();
        }
        match error.kind() {
            // How `cap-std` refuses what would leave a directory: an error that the system did not make.
            io::ErrorKind::PermissionDenied => Errno::PERM,
            io::ErrorKind::NotFound => Errno::NOENT,
            io::ErrorKind::AlreadyExists => Errno::EXIST,
            io::ErrorKind::WouldBlock => Errno::AGAIN,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Errno::INVAL,
            io::ErrorKind::BrokenPipe => Errno::PIPE,
            io::ErrorKind::NotConnected => Errno::NOTCONN,
            io::ErrorKind::Interrupted => Errno::INTR,
            io::ErrorKind::StorageFull => Errno::NOSPC,
            io::ErrorKind::TimedOut => Errno::TIMEDOUT,
            io::ErrorKind::NotADirectory => Errno::NOTDIR,
            io::ErrorKind::IsADirectory => Errno::ISDIR,
            io::ErrorKind::DirectoryNotEmpty => Errno::NOTEMPTY,
            io::ErrorKind::Unsupported => Errno::NOTSUP,
            io::ErrorKind::OutOfMemory => Errno::NOMEM,
            _ => Errno::IO,
        }
    }
}

macro_rules! from_system {
    ($($system:ident => $number:literal)*) => {
        impl From<rustix::io::Errno> for Errno {
            fn from(errno: rustix::io::Errno) -> Errno {
                match errno {
                    $(rustix::io::Errno::$system => Errno($number),)*
                    _ => Errno::IO,
                }
            }
        }
    };
}

from_system! {
    TOOBIG => 1
    ACCESS => 2
    ADDRINUSE => 3
    ADDRNOTAVAIL => 4
    AFNOSUPPORT => 5
    AGAIN => 6
    ALREADY => 7
    BADF => 8
    BADMSG => 9
    BUSY => 10
    CANCELED => 11
    CONNABORTED => 13
    CONNREFUSED => 14
    CONNRESET => 15
    DEADLK => 16
    DESTADDRREQ => 17
    DOM => 18
    DQUOT => 19
    EXIST => 20
    FAULT => 21
    FBIG => 22
    HOSTUNREACH => 23
    ILSEQ => 25
    INPROGRESS => 26
    INTR => 27
    INVAL => 28
    IO => 29
    ISCONN => 30
    ISDIR => 31
    LOOP => 32
    MFILE => 33
    MLINK => 34
    MSGSIZE => 35
    NAMETOOLONG => 37
    NETDOWN => 38
    NETRESET => 39
    NETUNREACH => 40
    NFILE => 41
    NOBUFS => 42
    NODEV => 43
    NOENT => 44
    NOLCK => 46
    NOMEM => 48
    NOPROTOOPT => 50
    NOSPC => 51
    NOSYS => 52
    NOTCONN => 53
    NOTDIR => 54
    NOTEMPTY => 55
    NOTSOCK => 57
    OPNOTSUPP => 58
    NOTTY => 59
    NXIO => 60
    OVERFLOW => 61
    PERM => 63
    PIPE => 64
    PROTO => 65
    RANGE => 68
    ROFS => 69
    SPIPE => 70
    STALE => 72
    TIMEDOUT => 73
    TXTBSY => 74
    XDEV => 75
}
