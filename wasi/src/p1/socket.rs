//! Sockets that the host opened for the guest, and the four functions for them.

use super::errno::{Answer, Errno};
use super::ready::{self, Interest};
use super::table::{Descriptor, Kind};
use super::types::{fdflags, rights, sock};
use super::{Guest, context};
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A socket, listening or connected. The system never blocks on it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    pub(crate) listening: bool,
}

impl Socket {
    /// Takes over a socket, which must have been made non-blocking.
    pub(crate) fn new(fd: OwnedFd, listening: bool) -> Socket {
        Socket { fd, listening }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Receives once.
    pub(crate) async fn receive(
        &self,
        len: usize,
        flags: RecvFlags,
        may_wait: bool,
    ) -> Answer<Vec<u8>> {
        if self.listening {
            return Err(Errno::NOTCONN);
        }
        let mut data = vec![0; len];
        loop {
            match rustix::net::recv(&self.fd, &mut data[..], flags) {
                Err(rustix::io::Errno::AGAIN) if may_wait => {
                    ready::wait(self.fd(), Interest::READABLE).await?;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok((received, _)) => {
                    data.truncate(received);
                    return Ok(data);
                }
            }
        }
    }

    /// Sends once.
    pub(crate) async fn send(&self, data: &[u8], may_wait: bool) -> Answer<usize> {
        if self.listening {
            return Err(Errno::NOTCONN);
        }
        loop {
            match rustix::net::send(&self.fd, data, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::AGAIN) if may_wait => {
                    ready::wait(self.fd(), Interest::WRITABLE).await?;
                }
                Err(rustix::io::Errno::INTR) => {}
                sent => return Ok(sent?),
            }
        }
    }

    async fn accept(&self, may_wait: bool) -> Answer<OwnedFd> {
        if !self.listening {
            return Err(Errno::INVAL);
        }
        loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match rustix::net::accept_with(&self.fd, flags) {
                Err(rustix::io::Errno::AGAIN) if may_wait => {
                    ready::wait(self.fd(), Interest::READABLE).await?;
                }
                Err(rustix::io::Errno::INTR) => {}
                accepted => return Ok(accepted?),
            }
        }
    }
}

/// The socket of a descriptor, and whether the guest waits for it.
fn socket(guest: &mut dyn Guest, fd: u32, rights: u64) -> Answer<(Arc<Socket>, bool)> {
    let table = &context(guest).table;
    match &table.get(fd)?.kind {
        Kind::Socket(socket) => {
            let socket = socket.clone();
            let descriptor = table.with(fd, rights)?;
            Ok((socket, descriptor.flags & fdflags::NONBLOCK == 0))
        }
        _ => Err(Errno::NOTSOCK),
    }
}

pub(super) async fn sock_accept(guest: &mut dyn Guest, fd: u32, flags: u32, out: u32) -> Answer {
    guest.split().0.check(out, 4, 4)?;
    let flags = u16::try_from(flags).map_err(|_| Errno::INVAL)?;
    if flags & !fdflags::NONBLOCK != 0 {
        return Err(Errno::INVAL);
    }
    let (listener, may_wait) = socket(guest, fd, rights::SOCK_ACCEPT)?;
    context(guest).table.check_room()?;
    let accepted = listener.accept(may_wait).await?;
    let (mut memory, ctx) = guest.split();
    let fd = ctx.table.insert(Descriptor {
        kind: Kind::Socket(Arc::new(Socket::new(accepted, false))),
        base: rights::SOCKET,
        inheriting: 0,
        flags,
        preopen: None,
    })?;
    memory.put_u32(out, fd)
}

pub(super) async fn sock_recv(
    guest: &mut dyn Guest,
    fd: u32,
    (buffers, count): (u32, u32),
    flags: u32,
    (out_len, out_flags): (u32, u32),
) -> Answer {
    let memory = guest.split().0;
    memory.check(out_len, 4, 4)?;
    memory.check(out_flags, 2, 2)?;
    let buffers = memory.buffers(buffers, count)?;
    let flags = u16::try_from(flags).map_err(|_| Errno::INVAL)?;
    if flags & !(sock::RECV_PEEK | sock::RECV_WAITALL) != 0 {
        return Err(Errno::INVAL);
    }
    let (socket, may_wait) = socket(guest, fd, rights::FD_READ)?;
    // Waiting for all is done here: the system's way of it does nothing for sockets that do not block.
    let peek = flags & sock::RECV_PEEK != 0;
    let all = flags & sock::RECV_WAITALL != 0 && !peek && may_wait;
    let system = if peek {
        RecvFlags::PEEK
    } else {
        RecvFlags::empty()
    };
    let mut data = socket.receive(buffers.total(), system, may_wait).await?;
    while all && data.len() < buffers.total() {
        let left = buffers.total() - data.len();
        let more = socket.receive(left, system, true).await?;
        if more.is_empty() {
            break;
        }
        data.extend_from_slice(&more);
    }
    let mut memory = guest.split().0;
    memory.scatter(&buffers, &data)?;
    memory.put_size(out_len, data.len())?;
    // The one flag says that a message was cut, and streams have no messages.
    memory.put_u16(out_flags, 0)
}

pub(super) async fn sock_send(
    guest: &mut dyn Guest,
    fd: u32,
    (buffers, count): (u32, u32),
    flags: u32,
    out: u32,
) -> Answer {
    let memory = guest.split().0;
    memory.check(out, 4, 4)?;
    let buffers = memory.buffers(buffers, count)?;
    let data = memory.gather(&buffers)?;
    if flags != 0 {
        return Err(Errno::INVAL);
    }
    let (socket, may_wait) = socket(guest, fd, rights::FD_WRITE)?;
    let sent = socket.send(&data, may_wait).await?;
    guest.split().0.put_size(out, sent)
}

pub(super) async fn sock_shutdown(guest: &mut dyn Guest, fd: u32, how: u32) -> Answer {
    let (socket, _) = socket(guest, fd, rights::SOCK_SHUTDOWN)?;
    let how = match how {
        sock::SHUT_RD => Shutdown::Read,
        sock::SHUT_WR => Shutdown::Write,
        both if both == sock::SHUT_RD | sock::SHUT_WR => Shutdown::Both,
        _ => return Err(Errno::INVAL),
    };
    Ok(rustix::net::shutdown(socket.fd(), how)?)
}
