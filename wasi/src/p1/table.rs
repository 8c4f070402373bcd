//! The table of descriptors of one context.

use super::errno::{Answer, Errno};
use super::file::{Directory, File};
use super::socket::Socket;
use super::stream::{Input, Output};
use super::types::{contains, filetype};
use std::sync::Arc;

/// What a descriptor stands for. It is shared with operations that were left running when their call was dropped.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    File(Arc<File>),
    Directory(Arc<Directory>),
    Input(Arc<Input>),
    Output(Arc<Output>),
    Socket(Arc<Socket>),
}

impl Kind {
    /// The interface's word for it.
    pub(crate) fn filetype(&self) -> u8 {
        let terminal = |is| {
            if is {
                filetype::CHARACTER_DEVICE
            } else {
                filetype::UNKNOWN
            }
        };
        match self {
            Kind::File(file) => file.filetype(),
            Kind::Directory(_) => filetype::DIRECTORY,
            Kind::Input(input) => terminal(input.is_terminal()),
            Kind::Output(output) => terminal(output.is_terminal()),
            Kind::Socket(_) => filetype::SOCKET_STREAM,
        }
    }
}

/// One open descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    /// What the guest may do with it; it only ever shrinks.
    pub(crate) base: u64,
    /// What it may do with what is opened through it.
    pub(crate) inheriting: u64,
    /// `fdflags`.
    pub(crate) flags: u16,
    /// The guest's name of a preopened directory.
    pub(crate) preopen: Option<Arc<str>>,
}

/// Descriptors by number. The lowest free number is given first, as POSIX does and guests expect.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Option<Descriptor>>,
    /// No number below is free.
    free_from: usize,
    /// How many may be open at once.
    limit: usize,
}

impl Table {
    pub(crate) fn new(limit: usize) -> Table {
        Table {
            entries: Vec::new(),
            free_from: 0,
            limit,
        }
    }

    /// Gives a descriptor a number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Answer<u32> {
        let slot = self.free_slot();
        if slot >= self.limit {
            return Err(Errno::MFILE);
        }
        let fd = u32::try_from(slot).map_err(|_| Errno::MFILE)?;
        if slot == self.entries.len() {
            self.entries.push(Some(descriptor));
        } else {
            self.entries[slot] = Some(descriptor);
        }
        self.free_from = slot + 1;
        Ok(fd)
    }

    /// Fails if there is no room: asked before something is opened, which might create it.
    pub(crate) fn check_room(&mut self) -> Answer {
        self.free_from = self.free_slot();
        if self.free_from < self.limit {
            Ok(())
        } else {
            Err(Errno::MFILE)
        }
    }

    fn free_slot(&self) -> usize {
        let later = &self.entries[self.free_from.min(self.entries.len())..];
        let skip = later.iter().take_while(|entry| entry.is_some()).count();
        self.free_from.min(self.entries.len()) + skip
    }

    /// The descriptor of a number.
    pub(crate) fn get(&self, fd: u32) -> Answer<&Descriptor> {
        let entry = self.entries.get(fd as usize).and_then(Option::as_ref);
        entry.ok_or(Errno::BADF)
    }

    /// The descriptor of a number, to be changed.
    pub(crate) fn get_mut(&mut self, fd: u32) -> Answer<&mut Descriptor> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::as_mut);
        entry.ok_or(Errno::BADF)
    }

    /// The descriptor, if it has these rights.
    pub(crate) fn with(&self, fd: u32, rights: u64) -> Answer<&Descriptor> {
        let descriptor = self.get(fd)?;
        if contains(descriptor.base, rights) {
            Ok(descriptor)
        } else {
            Err(Errno::NOTCAPABLE)
        }
    }

    /// The file of a descriptor with these rights. A directory is refused as one, a stream because it has no positions.
    pub(crate) fn file(&self, fd: u32, rights: u64) -> Answer<Arc<File>> {
        match &self.get(fd)?.kind {
            Kind::Directory(_) => Err(Errno::ISDIR),
            Kind::File(file) => {
                let file = file.clone();
                self.with(fd, rights).map(|_| file)
            }
            Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => Err(Errno::SPIPE),
        }
    }

    /// The directory of a descriptor with these rights.
    pub(crate) fn directory(&self, fd: u32, rights: u64) -> Answer<Arc<Directory>> {
        match &self.get(fd)?.kind {
            Kind::Directory(directory) => {
                let directory = directory.clone();
                // What the host withholds is a matter of permission, what the guest gave away one of capability.
                if !contains(directory.grantable(), rights) {
                    return Err(Errno::PERM);
                }
                self.with(fd, rights).map(|_| directory)
            }
            _ => Err(Errno::NOTDIR),
        }
    }

    /// Takes a descriptor out.
    pub(crate) fn remove(&mut self, fd: u32) -> Answer<Descriptor> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::take);
        let descriptor = entry.ok_or(Errno::BADF)?;
        self.free_from = self.free_from.min(fd as usize);
        Ok(descriptor)
    }

    /// Moves a descriptor to the number of another open one, and gives that one back.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Answer<Option<Descriptor>> {
        self.get(to)?;
        if from == to {
            return Ok(None);
        }
        let descriptor = self.remove(from)?;
        let replaced = std::mem::replace(self.get_mut(to)?, descriptor);
        Ok(Some(replaced))
    }
}
