//! `path_open`.

use super::Guest;
use super::errno::{Answer, Errno};
use super::fd::permitted;
use super::file::{Directory, File};
use super::table::{Descriptor, Kind};
use super::types::{LOOKUP_SYMLINK_FOLLOW, contains, fdflags, oflags, rights};
use crate::perms::DirPerms;
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{FileType, OFlags};
use std::sync::Arc;

/// The three sets of flags, as the guest gave them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub(super) lookup: u32,
    pub(super) oflags: u32,
    pub(super) fdflags: u32,
}

/// What is to be opened, and how.
struct Request {
    path: String,
    follow: bool,
    oflags: u16,
    fdflags: u16,
    read: bool,
    write: bool,
}

/// Opens a file or directory below a directory. The descriptor gets those of the wanted rights that make sense for what
/// was opened and that the directory hands on.
pub(super) async fn path_open(
    guest: &mut dyn Guest,
    fd: u32,
    (path, len): (u32, u32),
    flags: Flags,
    (base, inheriting): (u64, u64),
    out: u32,
) -> Answer {
    let (memory, ctx) = guest.split();
    memory.check(out, 4, 4)?;
    let path = memory.path(path, len)?;
    let oflags = u16::try_from(flags.oflags).map_err(|_| Errno::INVAL)?;
    let fdflags = u16::try_from(flags.fdflags).map_err(|_| Errno::INVAL)?;
    if oflags & !oflags::ALL != 0
        || fdflags & !fdflags::ALL != 0
        || flags.lookup & !LOOKUP_SYMLINK_FOLLOW != 0
    {
        return Err(Errno::INVAL);
    }
    let directory = ctx.table.directory(fd, needed(oflags))?;
    let descriptor = ctx.table.get(fd)?;
    let read = base & rights::FD_READ != 0;
    let write = base & rights::FD_WRITE != 0;
    let handed = descriptor.inheriting;
    ctx.table.check_room()?;

    let changes = oflags & (oflags::CREAT | oflags::TRUNC) != 0;
    let wants_write = write && contains(handed, rights::FD_WRITE);
    // What changes nothing may turn out to be a directory, for which other permissions count.
    if !permitted(directory.file_perms, read && changes, changes || write) {
        return Err(Errno::PERM);
    }
    let request = Request {
        path,
        follow: flags.lookup & LOOKUP_SYMLINK_FOLLOW != 0,
        oflags,
        fdflags,
        read: read || !(wants_write || changes),
        write: wants_write || changes,
    };
    let parent = directory.clone();
    let opened = guest
        .blocking()
        .run(move || open(&parent, &request))
        .await?;
    let grantable = match &opened {
        Kind::Directory(_) => directory.grantable(),
        _ if !permitted(directory.file_perms, read, false) => return Err(Errno::PERM),
        _ => rights::FILE & directory.grantable_inside(),
    };
    let is_directory = matches!(opened, Kind::Directory(_));
    let descriptor = Descriptor {
        kind: opened,
        base: base & handed & grantable,
        inheriting: if is_directory { inheriting & handed } else { 0 },
        flags: fdflags,
        preopen: None,
    };
    let (mut memory, ctx) = guest.split();
    let fd = ctx.table.insert(descriptor)?;
    memory.put_u32(out, fd)
}

/// The rights that the directory must have.
fn needed(oflags: u16) -> u64 {
    let mut needed = rights::PATH_OPEN;
    if oflags & oflags::CREAT != 0 {
        needed |= rights::PATH_CREATE_FILE;
    }
    if oflags & oflags::TRUNC != 0 {
        needed |= rights::PATH_FILESTAT_SET_SIZE;
    }
    needed
}

/// The part that may block.
fn open(parent: &Directory, request: &Request) -> Answer<Kind> {
    let has = |flag: u16| request.oflags & flag != 0;
    let mut options = OpenOptions::new();
    options
        .read(request.read)
        .write(request.write)
        .truncate(has(oflags::TRUNC));
    if has(oflags::CREAT) {
        if has(oflags::DIRECTORY) {
            // Directories are made by another function.
            return Err(Errno::INVAL);
        }
        options.create(true).create_new(has(oflags::EXCL));
    }
    options.follow(if request.follow {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    });
    options
        .dsync(request.fdflags & fdflags::DSYNC != 0)
        .sync(request.fdflags & fdflags::SYNC != 0)
        .rsync(request.fdflags & fdflags::RSYNC != 0);
    // A pipe without a peer must not hold up the thread, and a terminal must not become ours.
    let mut system = OFlags::NONBLOCK | OFlags::NOCTTY;
    if has(oflags::DIRECTORY) {
        system |= OFlags::DIRECTORY;
    }
    options.custom_flags(system.bits().cast_signed());

    let file = parent.dir.open_with(&request.path, &options)?.into_std();
    let ty = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if ty == FileType::Directory {
        if has(oflags::TRUNC) {
            return Err(Errno::ISDIR);
        }
        if !parent.dir_perms.contains(DirPerms::READ) {
            return Err(Errno::PERM);
        }
        let dir = Dir::from_std_file(file);
        let directory = Directory::new(dir, parent.dir_perms, parent.file_perms);
        return Ok(Kind::Directory(Arc::new(directory)));
    }
    let file = File::new(file, ty);
    if request.fdflags & fdflags::APPEND != 0 {
        file.set_flags(request.fdflags)?;
    }
    Ok(Kind::File(Arc::new(file)))
}
