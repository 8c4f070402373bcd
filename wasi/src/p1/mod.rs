//! WASI preview 1: the module `wasi_snapshot_preview1` with its 46 functions.
//!
//! A function's body is written once. Those that never wait get the guest's memory and the context; those that may wait
//! are `async` and get a `Guest`, from which they take memory and context anew after each wait, so that no borrow of
//! the store lives across it. [`add_to_linker_async`] lets the guest be suspended meanwhile; [`add_to_linker_sync`]
//! blocks the thread.
//!
//! What is not known here: how guests are suspended, and anything of tussah that is not public.

mod args;
mod clock;
mod errno;
mod fd;
mod file;
mod io;
mod linker;
mod memory;
mod open;
mod path;
mod poll;
mod random;
mod ready;
mod runtime;
mod socket;
mod stream;
mod table;
mod types;

use crate::cli::{StdinStream, StdoutStream};
use crate::ctx::{Preopen, WasiCtx};
use cap_std::fs::Dir;
use file::Directory;
use memory::GuestMemory;
use runtime::Blocking;
use socket::Socket;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use stream::{Input, Output};
use table::{Descriptor, Kind, Table};
use types::{fdflags, rights};

pub use linker::{add_to_linker_async, add_to_linker_sync};

/// What one guest has: a [`WasiCtx`] and the table of its descriptors. It belongs into the store's data; made by
/// [`WasiCtxBuilder::build_p1`](crate::WasiCtxBuilder::build_p1).
#[derive(Debug)]
pub struct WasiP1Ctx {
    pub(crate) ctx: WasiCtx,
    table: Table,
}

impl WasiP1Ctx {
    /// Gives the numbers 0, 1 and 2 to the standard streams, and those from 3 on to what was preopened, in its order.
    pub(crate) fn new(mut ctx: WasiCtx) -> WasiP1Ctx {
        let preopens = std::mem::take(&mut ctx.preopens);
        // What the host itself opened is not the guest's doing: the limit is beyond it.
        let mut table = Table::new(ctx.descriptor_limit.max(3 + preopens.len()));
        let streams = [
            input(&*ctx.stdin),
            output(&*ctx.stdout),
            output(&*ctx.stderr),
        ];
        for descriptor in streams
            .into_iter()
            .chain(preopens.into_iter().map(preopened))
        {
            table
                .insert(descriptor)
                .expect("the limit was raised to what the host opened");
        }
        WasiP1Ctx { ctx, table }
    }

    /// The context without descriptors.
    pub fn ctx(&mut self) -> &mut WasiCtx {
        &mut self.ctx
    }
}

fn input(stream: &dyn StdinStream) -> Descriptor {
    Descriptor {
        kind: Kind::Input(Arc::new(Input::new(stream))),
        base: rights::INPUT,
        inheriting: 0,
        flags: 0,
        preopen: None,
    }
}

fn output(stream: &dyn StdoutStream) -> Descriptor {
    Descriptor {
        kind: Kind::Output(Arc::new(Output::new(stream))),
        base: rights::OUTPUT,
        inheriting: 0,
        flags: fdflags::APPEND,
        preopen: None,
    }
}

fn preopened(preopen: Preopen) -> Descriptor {
    match preopen {
        Preopen::Directory {
            dir,
            guest_path,
            dir_perms,
            file_perms,
        } => {
            let directory = Directory::new(Dir::from_std_file(dir), dir_perms, file_perms);
            Descriptor {
                base: directory.grantable(),
                inheriting: directory.grantable_inside(),
                kind: Kind::Directory(Arc::new(directory)),
                flags: 0,
                preopen: Some(guest_path),
            }
        }
        Preopen::Listener(listener) => socket(listener.into(), true),
        Preopen::Stream(stream) => socket(stream.into(), false),
    }
}

fn socket(fd: OwnedFd, listening: bool) -> Descriptor {
    Descriptor {
        kind: Kind::Socket(Arc::new(Socket::new(fd, listening))),
        base: if listening {
            rights::LISTENER
        } else {
            rights::SOCKET
        },
        inheriting: 0,
        flags: 0,
        preopen: None,
    }
}

/// The caller of a function that may wait.
trait Guest: Send {
    /// Memory and context, for until the next wait.
    fn split(&mut self) -> (GuestMemory<'_>, &mut WasiP1Ctx);

    /// Where work that blocks is done.
    fn blocking(&mut self) -> Blocking;
}

/// The context alone.
fn context(guest: &mut dyn Guest) -> &mut WasiP1Ctx {
    guest.split().1
}
