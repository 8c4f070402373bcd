//! Functions of descriptors that move no bytes.

use super::errno::{Answer, Errno};
use super::file::filestat;
use super::memory::GuestMemory;
use super::table::Kind;
use super::types::{Filestat, contains, fdflags, fstflags, rights};
use super::{Guest, WasiP1Ctx, context};
use crate::perms::{DirPerms, FilePerms};
use rustix::fs::{Advice, FallocateFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};

/// `fd_advise`.
pub(super) async fn advise(
    guest: &mut dyn Guest,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Answer {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::INVAL),
    };
    let file = context(guest).table.file(fd, rights::FD_ADVISE)?;
    let end = offset.checked_add(len).ok_or(Errno::INVAL)?;
    i64::try_from(end).map_err(|_| Errno::INVAL)?;
    let work = move || {
        rustix::fs::fadvise(file.fd(), offset, NonZeroU64::new(len), advice)?;
        Ok(())
    };
    guest.blocking().run(work).await
}

/// `fd_allocate`.
pub(super) async fn allocate(guest: &mut dyn Guest, fd: u32, offset: u64, len: u64) -> Answer {
    let file = context(guest).table.file(fd, rights::FD_ALLOCATE)?;
    let end = offset.checked_add(len).ok_or(Errno::FBIG)?;
    i64::try_from(end).map_err(|_| Errno::FBIG)?;
    let work = move || {
        rustix::fs::fallocate(file.fd(), FallocateFlags::empty(), offset, len)?;
        Ok(())
    };
    guest.blocking().run(work).await
}

/// `fd_close`. Closing may wait for the disk, so it is work of its own.
pub(super) async fn close(guest: &mut dyn Guest, fd: u32) -> Answer {
    let closed = context(guest).table.remove(fd)?;
    drop_elsewhere(guest, closed.kind).await
}

/// Drops what may be the last handle of a file.
async fn drop_elsewhere(guest: &mut dyn Guest, kind: Kind) -> Answer {
    let work = match kind {
        Kind::File(_) | Kind::Directory(_) => move || {
            drop(kind);
            Ok(())
        },
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => return Ok(()),
    };
    guest.blocking().run(work).await
}

/// `fd_sync`, `fd_datasync`.
pub(super) async fn sync(guest: &mut dyn Guest, fd: u32, data_only: bool) -> Answer {
    let right = if data_only {
        rights::FD_DATASYNC
    } else {
        rights::FD_SYNC
    };
    let kind = match &context(guest).table.get(fd)?.kind {
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => return Err(Errno::INVAL),
        kind => kind.clone(),
    };
    context(guest).table.with(fd, right)?;
    let work = move || {
        let fd = system_fd(&kind).ok_or(Errno::INVAL)?;
        if data_only {
            rustix::fs::fdatasync(fd)?;
        } else {
            rustix::fs::fsync(fd)?;
        }
        Ok(())
    };
    guest.blocking().run(work).await
}

/// The system's descriptor of a file or directory.
fn system_fd(kind: &Kind) -> Option<BorrowedFd<'_>> {
    match kind {
        Kind::File(file) => Some(file.fd()),
        Kind::Directory(directory) => Some(directory.dir.as_fd()),
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => None,
    }
}

/// `fd_filestat_get`.
pub(super) async fn filestat_get(guest: &mut dyn Guest, fd: u32, out: u32) -> Answer {
    let (memory, ctx) = guest.split();
    memory.check(out, 64, 8)?;
    let kind = ctx.table.with(fd, rights::FD_FILESTAT_GET)?.kind.clone();
    let stat = match kind {
        Kind::File(_) | Kind::Directory(_) => {
            let work = move || filestat(system_fd(&kind).ok_or(Errno::BADF)?);
            guest.blocking().run(work).await?
        }
        // Nothing of the host's streams is the guest's business beyond what they are.
        kind => Filestat {
            filetype: kind.filetype(),
            nlink: 1,
            ..Filestat::default()
        },
    };
    guest.split().0.put(out, 8, &stat.to_bytes())
}

/// `fd_filestat_set_size`.
pub(super) async fn filestat_set_size(guest: &mut dyn Guest, fd: u32, size: u64) -> Answer {
    let file = context(guest)
        .table
        .file(fd, rights::FD_FILESTAT_SET_SIZE)?;
    i64::try_from(size).map_err(|_| Errno::FBIG)?;
    let work = move || {
        rustix::fs::ftruncate(file.fd(), size)?;
        Ok(())
    };
    guest.blocking().run(work).await
}

/// Which of the two times are set, and to what.
pub(super) fn times((atim, mtim): (u64, u64), flags: u32) -> Answer<Timestamps> {
    let flags = u16::try_from(flags).map_err(|_| Errno::INVAL)?;
    if flags & !fstflags::ALL != 0 {
        return Err(Errno::INVAL);
    }
    let time = |value: u64, set: u16, now: u16| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => Ok(Timespec {
            tv_sec: i64::try_from(value / 1_000_000_000).map_err(|_| Errno::INVAL)?,
            tv_nsec: i64::try_from(value % 1_000_000_000).map_err(|_| Errno::INVAL)?,
        }),
        (false, true) => Ok(Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        }),
        (false, false) => Ok(Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        }),
    };
    Ok(Timestamps {
        last_access: time(atim, fstflags::ATIM, fstflags::ATIM_NOW)?,
        last_modification: time(mtim, fstflags::MTIM, fstflags::MTIM_NOW)?,
    })
}

/// `fd_filestat_set_times`.
pub(super) async fn filestat_set_times(
    guest: &mut dyn Guest,
    fd: u32,
    values: (u64, u64),
    flags: u32,
) -> Answer {
    let times = times(values, flags)?;
    let table = &context(guest).table;
    let kind = table.get(fd)?.kind.clone();
    let permitted = match &kind {
        Kind::File(_) => true,
        Kind::Directory(directory) => directory.dir_perms.contains(DirPerms::MUTATE),
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => return Err(Errno::INVAL),
    };
    if !permitted {
        return Err(Errno::PERM);
    }
    table.with(fd, rights::FD_FILESTAT_SET_TIMES)?;
    let work = move || {
        rustix::fs::futimens(system_fd(&kind).ok_or(Errno::INVAL)?, &times)?;
        Ok(())
    };
    guest.blocking().run(work).await
}

/// `fd_renumber`. What was open at the new number is closed.
pub(super) async fn renumber(guest: &mut dyn Guest, from: u32, to: u32) -> Answer {
    match context(guest).table.renumber(from, to)? {
        Some(replaced) => drop_elsewhere(guest, replaced.kind).await,
        None => Ok(()),
    }
}

/// `fd_fdstat_get`.
pub(super) fn fdstat_get(
    mut memory: GuestMemory<'_>,
    ctx: &WasiP1Ctx,
    fd: u32,
    out: u32,
) -> Answer {
    let descriptor = ctx.table.get(fd)?;
    let mut bytes = [0; 24];
    bytes[0] = descriptor.kind.filetype();
    bytes[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&descriptor.base.to_le_bytes());
    bytes[16..24].copy_from_slice(&descriptor.inheriting.to_le_bytes());
    memory.put(out, 8, &bytes)
}

/// `fd_fdstat_set_flags`.
pub(super) fn fdstat_set_flags(ctx: &mut WasiP1Ctx, fd: u32, flags: u32) -> Answer {
    let flags = u16::try_from(flags).map_err(|_| Errno::INVAL)?;
    if flags & !fdflags::ALL != 0 {
        return Err(Errno::INVAL);
    }
    let descriptor = ctx.table.with(fd, rights::FD_FDSTAT_SET_FLAGS)?;
    if (flags ^ descriptor.flags) & fdflags::AT_OPEN != 0 {
        return Err(Errno::NOTSUP);
    }
    match &descriptor.kind {
        Kind::File(file) => file.set_flags(flags)?,
        Kind::Directory(_) if flags & fdflags::APPEND != 0 => return Err(Errno::INVAL),
        // Of these, only whether the guest waits can be chosen, and that is ours to do.
        Kind::Directory(_) | Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => {}
    }
    ctx.table.get_mut(fd)?.flags = flags;
    Ok(())
}

/// `fd_fdstat_set_rights`: rights can be given away only.
pub(super) fn fdstat_set_rights(
    ctx: &mut WasiP1Ctx,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Answer {
    let descriptor = ctx.table.get_mut(fd)?;
    if !contains(descriptor.base, base) || !contains(descriptor.inheriting, inheriting) {
        return Err(Errno::NOTCAPABLE);
    }
    descriptor.base = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

/// `fd_prestat_get`. Guests ask from number 3 on, until there is no such descriptor.
pub(super) fn prestat_get(
    mut memory: GuestMemory<'_>,
    ctx: &WasiP1Ctx,
    fd: u32,
    out: u32,
) -> Answer {
    let name = ctx.table.get(fd)?.preopen.as_ref().ok_or(Errno::BADF)?;
    let mut bytes = [0; 8];
    let len = u32::try_from(name.len()).map_err(|_| Errno::NAMETOOLONG)?;
    bytes[4..8].copy_from_slice(&len.to_le_bytes());
    memory.put(out, 4, &bytes)
}

/// `fd_prestat_dir_name`.
pub(super) fn prestat_dir_name(
    mut memory: GuestMemory<'_>,
    ctx: &WasiP1Ctx,
    fd: u32,
    path: u32,
    len: u32,
) -> Answer {
    let name = ctx.table.get(fd)?.preopen.as_ref().ok_or(Errno::BADF)?;
    if name.len() > len as usize {
        return Err(Errno::NAMETOOLONG);
    }
    memory.slice_mut(path, len)?[..name.len()].copy_from_slice(name.as_bytes());
    Ok(())
}

/// `fd_seek`.
pub(super) fn seek(
    mut memory: GuestMemory<'_>,
    ctx: &WasiP1Ctx,
    fd: u32,
    (offset, whence): (i64, u32),
    out: u32,
) -> Answer {
    memory.check(out, 8, 8)?;
    let to = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::INVAL)?),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        _ => return Err(Errno::INVAL),
    };
    if whence == 1 && offset == 0 {
        return tell(memory, ctx, fd, out);
    }
    let position = ctx.table.file(fd, rights::FD_SEEK)?.seek(to)?;
    memory.put_u64(out, position)
}

/// `fd_tell`. The right to seek contains that to tell.
pub(super) fn tell(mut memory: GuestMemory<'_>, ctx: &WasiP1Ctx, fd: u32, out: u32) -> Answer {
    memory.check(out, 8, 8)?;
    let file = ctx
        .table
        .file(fd, rights::FD_TELL)
        .or_else(|_| ctx.table.file(fd, rights::FD_SEEK))?;
    let position = file.seek(SeekFrom::Current(0))?;
    memory.put_u64(out, position)
}

/// Whether a file that is opened may be read and written, by what the host permits.
pub(super) fn permitted(perms: FilePerms, read: bool, write: bool) -> bool {
    (!read || perms.contains(FilePerms::READ)) && (!write || perms.contains(FilePerms::WRITE))
}
