//! Functions of paths. All of them go through `cap-std`, which resolves a path such that no component of it, no link and
//! no renaming meanwhile leads out of the directory that it is relative to.

use super::Guest;
use super::errno::{Answer, Errno};
use super::fd::times;
use super::file::{Directory, from_metadata};
use super::types::{LOOKUP_SYMLINK_FOLLOW, rights};
use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::fs::FileTypeExt;
use cap_std::time::SystemTime;
use rustix::fs::{Timespec, UTIME_NOW, UTIME_OMIT};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// A directory with the right to do something, and a path below it.
fn place(
    guest: &mut dyn Guest,
    fd: u32,
    right: u64,
    (path, len): (u32, u32),
) -> Answer<(Arc<Directory>, String)> {
    let (memory, ctx) = guest.split();
    let path = memory.path(path, len)?;
    Ok((ctx.table.directory(fd, right)?, path))
}

/// Whether a link at the path's end is followed.
fn follow(flags: u32) -> Answer<bool> {
    match flags {
        0 => Ok(false),
        LOOKUP_SYMLINK_FOLLOW => Ok(true),
        _ => Err(Errno::INVAL),
    }
}

/// `path_create_directory`.
pub(super) async fn create_directory(guest: &mut dyn Guest, fd: u32, path: (u32, u32)) -> Answer {
    let (directory, path) = place(guest, fd, rights::PATH_CREATE_DIRECTORY, path)?;
    let work = move || Ok(directory.dir.create_dir(path)?);
    guest.blocking().run(work).await
}

/// `path_filestat_get`.
pub(super) async fn filestat_get(
    guest: &mut dyn Guest,
    fd: u32,
    flags: u32,
    path: (u32, u32),
    out: u32,
) -> Answer {
    guest.split().0.check(out, 64, 8)?;
    let follow = follow(flags)?;
    let (directory, path) = place(guest, fd, rights::PATH_FILESTAT_GET, path)?;
    let work = move || {
        let metadata = if follow {
            directory.dir.metadata(path)?
        } else {
            directory.dir.symlink_metadata(path)?
        };
        Ok(from_metadata(&metadata))
    };
    let stat = guest.blocking().run(work).await?;
    guest.split().0.put(out, 8, &stat.to_bytes())
}

/// `path_filestat_set_times`.
pub(super) async fn filestat_set_times(
    guest: &mut dyn Guest,
    fd: u32,
    flags: u32,
    path: (u32, u32),
    values: (u64, u64),
    which: u32,
) -> Answer {
    let times = times(values, which)?;
    let follow = follow(flags)?;
    let (directory, path) = place(guest, fd, rights::PATH_FILESTAT_SET_TIMES, path)?;
    let work = move || {
        let (atime, mtime) = (spec(times.last_access)?, spec(times.last_modification)?);
        if follow {
            // Setting times opens the file, and opening a pipe waits for its peer.
            let ty = directory.dir.metadata(&path)?.file_type();
            if ty.is_fifo() || ty.is_socket() {
                return Err(Errno::NOTSUP);
            }
            directory.dir.set_times(path, atime, mtime)?;
        } else {
            directory.dir.set_symlink_times(path, atime, mtime)?;
        }
        Ok(())
    };
    guest.blocking().run(work).await
}

/// A time in the form that `cap-std` takes.
fn spec(time: Timespec) -> Answer<Option<SystemTimeSpec>> {
    if time.tv_nsec == UTIME_OMIT {
        return Ok(None);
    }
    if time.tv_nsec == UTIME_NOW {
        return Ok(Some(SystemTimeSpec::SymbolicNow));
    }
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::INVAL)?;
    let nanos = u32::try_from(time.tv_nsec).map_err(|_| Errno::INVAL)?;
    let at = UNIX_EPOCH
        .checked_add(Duration::new(seconds, nanos))
        .ok_or(Errno::INVAL)?;
    Ok(Some(SystemTimeSpec::Absolute(SystemTime::from_std(at))))
}

/// `path_link`. Links at the end of the old path are never followed.
pub(super) async fn link(
    guest: &mut dyn Guest,
    flags: u32,
    (from, old, old_len): (u32, u32, u32),
    (to, new, new_len): (u32, u32, u32),
) -> Answer {
    if follow(flags)? {
        return Err(Errno::INVAL);
    }
    let (source, old) = place(guest, from, rights::PATH_LINK_SOURCE, (old, old_len))?;
    let (target, new) = place(guest, to, rights::PATH_LINK_TARGET, (new, new_len))?;
    // A file that may only be read here must not become one that may be written there.
    if !target.grants_no_more_than(&source) {
        return Err(Errno::PERM);
    }
    let work = move || Ok(source.dir.hard_link(old, &target.dir, new)?);
    guest.blocking().run(work).await
}

/// `path_readlink`. An absolute target is not told. A relative one is, wherever it leads; following it is another matter.
pub(super) async fn readlink(
    guest: &mut dyn Guest,
    fd: u32,
    path: (u32, u32),
    (buf, len): (u32, u32),
    out: u32,
) -> Answer {
    let memory = guest.split().0;
    memory.check(out, 4, 4)?;
    memory.slice(buf, len)?;
    let (directory, path) = place(guest, fd, rights::PATH_READLINK, path)?;
    let work = move || Ok(directory.dir.read_link(path)?);
    let target = guest.blocking().run(work).await?;
    let target = target.as_os_str().as_encoded_bytes();
    let part = target.len().min(len as usize);
    let mut memory = guest.split().0;
    memory.slice_mut(buf, len)?[..part].copy_from_slice(&target[..part]);
    memory.put_size(out, part)
}

/// `path_remove_directory`.
pub(super) async fn remove_directory(guest: &mut dyn Guest, fd: u32, path: (u32, u32)) -> Answer {
    let (directory, path) = place(guest, fd, rights::PATH_REMOVE_DIRECTORY, path)?;
    let work = move || Ok(directory.dir.remove_dir(path)?);
    guest.blocking().run(work).await
}

/// `path_rename`.
pub(super) async fn rename(
    guest: &mut dyn Guest,
    (from, old, old_len): (u32, u32, u32),
    (to, new, new_len): (u32, u32, u32),
) -> Answer {
    let (source, old) = place(guest, from, rights::PATH_RENAME_SOURCE, (old, old_len))?;
    let (target, new) = place(guest, to, rights::PATH_RENAME_TARGET, (new, new_len))?;
    if !target.grants_no_more_than(&source) {
        return Err(Errno::PERM);
    }
    let work = move || Ok(source.dir.rename(old, &target.dir, new)?);
    guest.blocking().run(work).await
}

/// `path_symlink`. What it points to is relative, or it is not made.
pub(super) async fn symlink(
    guest: &mut dyn Guest,
    (old, old_len): (u32, u32),
    fd: u32,
    new: (u32, u32),
) -> Answer {
    let old = guest.split().0.path(old, old_len)?;
    let (directory, new) = place(guest, fd, rights::PATH_SYMLINK, new)?;
    let work = move || Ok(directory.dir.symlink(old, new)?);
    guest.blocking().run(work).await
}

/// `path_unlink_file`.
pub(super) async fn unlink_file(guest: &mut dyn Guest, fd: u32, path: (u32, u32)) -> Answer {
    let (directory, path) = place(guest, fd, rights::PATH_UNLINK_FILE, path)?;
    let work = move || Ok(directory.dir.remove_file(path)?);
    guest.blocking().run(work).await
}
