//! Functions that move bytes between descriptors and the guest's memory. Bytes are copied out of memory before a wait
//! and into it after; a call moves a bounded number of them, and the guest calls again for more.

use super::Guest;
use super::errno::{Answer, Errno};
use super::table::Kind;
use super::types::{fdflags, rights};
use rustix::net::RecvFlags;

/// Entries of a directory are read in pieces of about this size.
const READDIR_CHUNK: usize = 64 << 10;

/// What a descriptor stands for, and whether the guest waits for it.
fn source(guest: &mut dyn Guest, fd: u32, right: u64) -> Answer<(Kind, bool)> {
    let table = &guest.split().1.table;
    let descriptor = table.get(fd)?;
    if matches!(descriptor.kind, Kind::Directory(_)) {
        return Err(Errno::ISDIR);
    }
    let may_wait = descriptor.flags & fdflags::NONBLOCK == 0;
    Ok((table.with(fd, right)?.kind.clone(), may_wait))
}

/// `fd_read`, and with an offset `fd_pread`.
pub(super) async fn read(
    guest: &mut dyn Guest,
    fd: u32,
    (iovs, count): (u32, u32),
    offset: Option<u64>,
    out: u32,
) -> Answer {
    let memory = guest.split().0;
    // Checked first: what has been read cannot be given back.
    memory.check(out, 4, 4)?;
    let buffers = memory.buffers(iovs, count)?;
    let len = buffers.total();
    let (kind, may_wait) = source(guest, fd, rights::FD_READ)?;
    check_offset(guest, fd, &kind, offset)?;
    let data = match kind {
        Kind::File(file) => {
            let blocking = guest.blocking();
            file.read(blocking, len, offset, may_wait).await?
        }
        Kind::Input(input) => input.read(len, may_wait).await?,
        Kind::Socket(socket) => socket.receive(len, RecvFlags::empty(), may_wait).await?,
        Kind::Output(_) => return Err(Errno::BADF),
        Kind::Directory(_) => return Err(Errno::ISDIR),
    };
    let mut memory = guest.split().0;
    memory.scatter(&buffers, &data)?;
    memory.put_size(out, data.len())
}

/// `fd_write`, and with an offset `fd_pwrite`.
pub(super) async fn write(
    guest: &mut dyn Guest,
    fd: u32,
    (iovs, count): (u32, u32),
    offset: Option<u64>,
    out: u32,
) -> Answer {
    let memory = guest.split().0;
    memory.check(out, 4, 4)?;
    let buffers = memory.buffers(iovs, count)?;
    let data = memory.gather(&buffers)?;
    let (kind, may_wait) = source(guest, fd, rights::FD_WRITE)?;
    check_offset(guest, fd, &kind, offset)?;
    let written = match kind {
        Kind::File(file) => {
            let blocking = guest.blocking();
            file.write(blocking, data, offset, may_wait).await?
        }
        Kind::Output(output) => output.write(&data, may_wait).await?,
        Kind::Socket(socket) => socket.send(&data, may_wait).await?,
        Kind::Input(_) => return Err(Errno::BADF),
        Kind::Directory(_) => return Err(Errno::ISDIR),
    };
    guest.split().0.put_size(out, written)
}

/// Only files have offsets, and using them takes the right to seek.
fn check_offset(guest: &mut dyn Guest, fd: u32, kind: &Kind, offset: Option<u64>) -> Answer {
    let Some(offset) = offset else { return Ok(()) };
    if !matches!(kind, Kind::File(_)) {
        return Err(Errno::SPIPE);
    }
    i64::try_from(offset).map_err(|_| Errno::INVAL)?;
    guest.split().1.table.with(fd, rights::FD_SEEK).map(drop)
}

/// `fd_readdir`. The last entry is cut where the buffer ends: a buffer that is not full says that there are no more.
pub(super) async fn readdir(
    guest: &mut dyn Guest,
    fd: u32,
    (mut buf, len): (u32, u32),
    mut cookie: u64,
    out: u32,
) -> Answer {
    let (memory, ctx) = guest.split();
    memory.check(out, 4, 4)?;
    memory.slice(buf, len)?;
    let directory = ctx.table.directory(fd, rights::FD_READDIR)?;
    let mut left = len;
    while left > 0 {
        let directory = directory.clone();
        let want = READDIR_CHUNK.min(left as usize);
        let work = move || directory.entries(cookie, want);
        let entries = guest.blocking().run(work).await?;
        let bytes = &entries.bytes[..entries.bytes.len().min(left as usize)];
        let part = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        guest.split().0.slice_mut(buf, part)?.copy_from_slice(bytes);
        // Behind the last byte of 4 GiB nothing is left to be written.
        buf = buf.wrapping_add(part);
        left -= part;
        cookie = entries.next;
        if entries.end {
            break;
        }
    }
    guest.split().0.put_u32(out, len - left)
}
