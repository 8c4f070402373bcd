//! The table of functions, and how they become a linker's.

use super::errno::{Answer, code};
use super::memory::GuestMemory;
use super::runtime::{Blocking, block_on};
use super::{Guest, WasiP1Ctx, args, clock, fd, io, open, path, poll, random, socket};
use crate::error::I32Exit;
use std::thread;
use tussah::error::format_err;
use tussah::{Caller, Extern, Linker, Memory, Result};

/// The module that guests import from.
const MODULE: &str = "wasi_snapshot_preview1";

/// A guest's call: its memory and its context, found through the caller.
struct Call<'a, T: 'static, G> {
    caller: Caller<'a, T>,
    memory: Memory,
    get: G,
    in_place: bool,
}

impl<'a, T, G> Call<'a, T, G>
where
    T: Send + 'static,
    G: Fn(&mut T) -> &mut WasiP1Ctx + Send,
{
    fn new(mut caller: Caller<'a, T>, get: G, in_place: bool) -> Result<Self> {
        match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(Call {
                caller,
                memory,
                get,
                in_place,
            }),
            _ => Err(format_err!(
                "a WASI function was called by a module that does not export its memory as `memory`"
            )),
        }
    }
}

impl<T, G> Guest for Call<'_, T, G>
where
    T: Send + 'static,
    G: Fn(&mut T) -> &mut WasiP1Ctx + Send,
{
    fn split(&mut self) -> (GuestMemory<'_>, &mut WasiP1Ctx) {
        let (bytes, data) = self.memory.data_and_store_mut(&mut self.caller);
        (GuestMemory(bytes), (self.get)(data))
    }

    fn blocking(&mut self) -> Blocking {
        if self.in_place || self.split().1.ctx.allow_blocking_current_thread {
            Blocking::InPlace
        } else {
            Blocking::Pool
        }
    }
}

/// Defines all functions, such that a guest that waits is suspended: its instances are for `*_async` use, within a tokio
/// runtime that has its I/O and its timers enabled.
///
/// ```
/// use tussah::{Engine, Linker};
/// use tussah_wasi::p1::{self, WasiP1Ctx};
///
/// # fn main() -> tussah::Result<()> {
/// let mut linker: Linker<WasiP1Ctx> = Linker::new(&Engine::default());
/// p1::add_to_linker_async(&mut linker, |ctx| ctx)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A name of the module `wasi_snapshot_preview1` is taken.
pub fn add_to_linker_async<T: Send + 'static>(
    linker: &mut Linker<T>,
    f: impl Fn(&mut T) -> &mut WasiP1Ctx + Copy + Send + Sync + 'static,
) -> Result<()> {
    never_waiting(linker, f)?;
    macro_rules! waiting {
        ($($name:ident($($arg:ident: $ty:ty),*) = |$guest:ident| $body:expr;)*) => {$(
            linker.func_wrap_async(
                MODULE,
                stringify!($name),
                move |caller: Caller<'_, T>, ($($arg,)*): ($($ty,)*)| {
                    Box::new(async move {
                        let mut call = Call::new(caller, f, false)?;
                        let $guest: &mut dyn Guest = &mut call;
                        Ok::<u32, tussah::Error>(code($body.await))
                    })
                },
            )?;
        )*};
    }
    waiting_functions!(waiting);
    linker.func_wrap_async(MODULE, "sched_yield", |_: Caller<'_, T>, (): ()| {
        Box::new(async {
            tokio::task::yield_now().await;
            0u32
        })
    })?;
    Ok(())
}

/// Defines all functions, such that a guest that waits blocks its thread: for `call` instead of `call_async`, and for
/// programs that have no executor.
///
/// ```
/// use tussah::{Engine, Linker, Module, Store};
/// use tussah_wasi::{WasiCtxBuilder, p1};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
/// let module = Module::new(&engine, r#"(module (func (export "_start")))"#)?;
/// let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As for [`add_to_linker_async`].
pub fn add_to_linker_sync<T: Send + 'static>(
    linker: &mut Linker<T>,
    f: impl Fn(&mut T) -> &mut WasiP1Ctx + Copy + Send + Sync + 'static,
) -> Result<()> {
    never_waiting(linker, f)?;
    macro_rules! waiting {
        ($($name:ident($($arg:ident: $ty:ty),*) = |$guest:ident| $body:expr;)*) => {$(
            linker.func_wrap(
                MODULE,
                stringify!($name),
                move |caller: Caller<'_, T>, $($arg: $ty),*| -> Result<u32> {
                    let mut call = Call::new(caller, f, true)?;
                    let $guest: &mut dyn Guest = &mut call;
                    Ok(code(block_on($body)))
                },
            )?;
        )*};
    }
    waiting_functions!(waiting);
    linker.func_wrap(MODULE, "sched_yield", || {
        thread::yield_now();
        0u32
    })?;
    Ok(())
}

/// The functions that may wait: for a disk, a peer, a clock.
macro_rules! waiting_functions {
    ($define:ident) => {
        $define! {
            fd_advise(fd: u32, offset: u64, len: u64, advice: u32) = |guest| fd::advise(guest, fd, offset, len, advice);
            fd_allocate(fd: u32, offset: u64, len: u64) = |guest| fd::allocate(guest, fd, offset, len);
            fd_close(fd: u32) = |guest| fd::close(guest, fd);
            fd_datasync(fd: u32) = |guest| fd::sync(guest, fd, true);
            fd_filestat_get(fd: u32, out: u32) = |guest| fd::filestat_get(guest, fd, out);
            fd_filestat_set_size(fd: u32, size: u64) = |guest| fd::filestat_set_size(guest, fd, size);
            fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32) =
                |guest| fd::filestat_set_times(guest, fd, (atim, mtim), flags);
            fd_pread(fd: u32, iovs: u32, count: u32, offset: u64, out: u32) =
                |guest| io::read(guest, fd, (iovs, count), Some(offset), out);
            fd_pwrite(fd: u32, iovs: u32, count: u32, offset: u64, out: u32) =
                |guest| io::write(guest, fd, (iovs, count), Some(offset), out);
            fd_read(fd: u32, iovs: u32, count: u32, out: u32) =
                |guest| io::read(guest, fd, (iovs, count), None, out);
            fd_readdir(fd: u32, buf: u32, len: u32, cookie: u64, out: u32) =
                |guest| io::readdir(guest, fd, (buf, len), cookie, out);
            fd_renumber(from: u32, to: u32) = |guest| fd::renumber(guest, from, to);
            fd_sync(fd: u32) = |guest| fd::sync(guest, fd, false);
            fd_write(fd: u32, iovs: u32, count: u32, out: u32) =
                |guest| io::write(guest, fd, (iovs, count), None, out);
            path_create_directory(fd: u32, path: u32, len: u32) =
                |guest| path::create_directory(guest, fd, (path, len));
            path_filestat_get(fd: u32, flags: u32, path: u32, len: u32, out: u32) =
                |guest| path::filestat_get(guest, fd, flags, (path, len), out);
            path_filestat_set_times(
                fd: u32, flags: u32, path: u32, len: u32, atim: u64, mtim: u64, which: u32
            ) = |guest| path::filestat_set_times(guest, fd, flags, (path, len), (atim, mtim), which);
            path_link(from: u32, flags: u32, old: u32, old_len: u32, to: u32, new: u32, new_len: u32) =
                |guest| path::link(guest, flags, (from, old, old_len), (to, new, new_len));
            path_open(
                fd: u32, lookup: u32, path: u32, len: u32, oflags: u32,
                base: u64, inheriting: u64, fdflags: u32, out: u32
            ) = |guest| open::path_open(
                guest, fd, (path, len), open::Flags { lookup, oflags, fdflags }, (base, inheriting), out
            );
            path_readlink(fd: u32, path: u32, len: u32, buf: u32, buf_len: u32, out: u32) =
                |guest| path::readlink(guest, fd, (path, len), (buf, buf_len), out);
            path_remove_directory(fd: u32, path: u32, len: u32) =
                |guest| path::remove_directory(guest, fd, (path, len));
            path_rename(from: u32, old: u32, old_len: u32, to: u32, new: u32, new_len: u32) =
                |guest| path::rename(guest, (from, old, old_len), (to, new, new_len));
            path_symlink(old: u32, old_len: u32, fd: u32, new: u32, new_len: u32) =
                |guest| path::symlink(guest, (old, old_len), fd, (new, new_len));
            path_unlink_file(fd: u32, path: u32, len: u32) =
                |guest| path::unlink_file(guest, fd, (path, len));
            poll_oneoff(subscriptions: u32, events: u32, count: u32, out: u32) =
                |guest| poll::poll_oneoff(guest, subscriptions, events, count, out);
            random_get(buf: u32, len: u32) = |guest| random::get(guest, buf, len);
            sock_accept(fd: u32, flags: u32, out: u32) = |guest| socket::sock_accept(guest, fd, flags, out);
            sock_recv(fd: u32, iovs: u32, count: u32, flags: u32, out: u32, out_flags: u32) =
                |guest| socket::sock_recv(guest, fd, (iovs, count), flags, (out, out_flags));
            sock_send(fd: u32, iovs: u32, count: u32, flags: u32, out: u32) =
                |guest| socket::sock_send(guest, fd, (iovs, count), flags, out);
            sock_shutdown(fd: u32, how: u32) = |guest| socket::sock_shutdown(guest, fd, how);
        }
    };
}
use waiting_functions;

/// The functions that never wait.
fn never_waiting<T: Send + 'static>(
    linker: &mut Linker<T>,
    f: impl Fn(&mut T) -> &mut WasiP1Ctx + Copy + Send + Sync + 'static,
) -> Result<()> {
    macro_rules! now {
        ($($name:ident($($arg:ident: $ty:ty),*) = |$memory:ident, $ctx:ident| $body:expr;)*) => {$(
            linker.func_wrap(
                MODULE,
                stringify!($name),
                move |caller: Caller<'_, T>, $($arg: $ty),*| -> Result<u32> {
                    let mut call = Call::new(caller, f, true)?;
                    let ($memory, $ctx) = call.split();
                    let answer: Answer = $body;
                    Ok(code(answer))
                },
            )?;
        )*};
    }
    now! {
        args_get(argv: u32, buf: u32) = |memory, ctx| args::get(memory, &ctx.ctx.args, argv, buf);
        args_sizes_get(count: u32, size: u32) = |memory, ctx| args::sizes(memory, &ctx.ctx.args, count, size);
        clock_res_get(id: u32, out: u32) = |memory, ctx| clock::resolution(memory, ctx, id, out);
        clock_time_get(id: u32, _precision: u64, out: u32) = |memory, ctx| clock::time(memory, ctx, id, out);
        environ_get(environ: u32, buf: u32) = |memory, ctx| args::get(memory, &ctx.ctx.env, environ, buf);
        environ_sizes_get(count: u32, size: u32) = |memory, ctx| args::sizes(memory, &ctx.ctx.env, count, size);
        fd_fdstat_get(fd: u32, out: u32) = |memory, ctx| fd::fdstat_get(memory, ctx, fd, out);
        fd_fdstat_set_flags(fd: u32, flags: u32) = |_memory, ctx| fd::fdstat_set_flags(ctx, fd, flags);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) =
            |_memory, ctx| fd::fdstat_set_rights(ctx, fd, base, inheriting);
        fd_prestat_dir_name(fd: u32, path: u32, len: u32) =
            |memory, ctx| fd::prestat_dir_name(memory, ctx, fd, path, len);
        fd_prestat_get(fd: u32, out: u32) = |memory, ctx| fd::prestat_get(memory, ctx, fd, out);
        fd_seek(fd: u32, offset: i64, whence: u32, out: u32) =
            |memory, ctx| fd::seek(memory, ctx, fd, (offset, whence), out);
        fd_tell(fd: u32, out: u32) = |memory, ctx| fd::tell(memory, ctx, fd, out);
        proc_raise(signal: u32) = |_memory, _ctx| args::raise(signal);
    }
    linker.func_wrap(MODULE, "proc_exit", |status: u32| -> Result<()> {
        Err(I32Exit(status.cast_signed()).into())
    })?;
    Ok(())
}
