//! `poll_oneoff`: waiting for clocks and descriptors, whichever is first.

use super::clock;
use super::errno::{Answer, Errno};
use super::file::filestat;
use super::memory::GuestMemory;
use super::ready::{self, Interest};
use super::runtime::handle;
use super::table::Kind;
use super::types::{
    EVENT_FD_HANGUP, EVENT_SIZE, SUBSCRIPTION_CLOCK_ABSTIME, SUBSCRIPTION_SIZE, clockid, eventtype,
    rights,
};
use super::{Guest, WasiP1Ctx};
use rustix::fs::SeekFrom;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// More descriptors than a guest can have, and then some clocks: the host's share of a call stays small.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// What one subscription waits for.
enum Wait {
    /// So many nanoseconds from now on.
    Clock(u64),
    /// Until there is something in a stream.
    Input(std::sync::Arc<super::stream::Input>),
    /// Until the system says so: the watch with this index.
    System(usize),
    /// Not at all.
    Now(Answer<u64>),
}

/// One descriptor in one direction, which the system watches for all subscriptions that wait for it: a call costs the
/// process two descriptors at most for each that the guest has.
struct Watch {
    future: Pin<Box<dyn Future<Output = Answer<Ready>> + Send>>,
    answer: Option<Answer<Ready>>,
}

/// What the system says of a descriptor.
#[derive(Clone, Copy)]
struct Ready {
    nbytes: u64,
    hangup: bool,
}

#[derive(Default)]
struct Watches {
    all: Vec<Watch>,
    /// By descriptor and type of event.
    known: BTreeMap<(u32, u8), usize>,
}

impl Watches {
    fn add(
        &mut self,
        fd: u32,
        ty: u8,
        future: impl Future<Output = Answer<Ready>> + Send + 'static,
    ) -> Wait {
        let all = &mut self.all;
        let index = self.known.entry((fd, ty)).or_insert_with(|| {
            all.push(Watch {
                future: Box::pin(future),
                answer: None,
            });
            all.len() - 1
        });
        Wait::System(*index)
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        for watch in self.all.iter_mut().filter(|watch| watch.answer.is_none()) {
            if let Poll::Ready(answer) = watch.future.as_mut().poll(cx) {
                watch.answer = Some(answer);
            }
        }
    }
}

struct Subscription {
    userdata: u64,
    ty: u8,
    wait: Wait,
}

#[derive(Clone, Copy)]
struct Event {
    userdata: u64,
    error: u16,
    ty: u8,
    nbytes: u64,
    flags: u16,
}

impl Event {
    fn to_bytes(self) -> [u8; EVENT_SIZE as usize] {
        let mut bytes = [0; EVENT_SIZE as usize];
        bytes[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.error.to_le_bytes());
        bytes[10] = self.ty;
        bytes[16..24].copy_from_slice(&self.nbytes.to_le_bytes());
        bytes[24..26].copy_from_slice(&self.flags.to_le_bytes());
        bytes
    }
}

/// Waits until at least one subscription is met, and tells of all that are.
pub(super) async fn poll_oneoff(
    guest: &mut dyn Guest,
    subscriptions: u32,
    events: u32,
    count: u32,
    out: u32,
) -> Answer {
    let (memory, ctx) = guest.split();
    memory.check(out, 4, 4)?;
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::INVAL);
    }
    memory.check(subscriptions, count * SUBSCRIPTION_SIZE, 8)?;
    memory.check(events, count * EVENT_SIZE, 8)?;
    let mut waits = Vec::new();
    let mut watches = Watches::default();
    for i in 0..count {
        waits.push(subscription(
            &memory,
            ctx,
            subscriptions + i * SUBSCRIPTION_SIZE,
            &mut watches,
        )?);
    }
    let happened = wait(&waits, &mut watches).await;
    let mut memory = guest.split().0;
    for (i, event) in (0..).zip(&happened) {
        memory.put(events + i * EVENT_SIZE, 8, &event.to_bytes())?;
    }
    memory.put_size(out, happened.len())
}

fn subscription(
    memory: &GuestMemory<'_>,
    ctx: &WasiP1Ctx,
    at: u32,
    watches: &mut Watches,
) -> Answer<Subscription> {
    let ty = memory.u8(at + 8)?;
    let wait = match ty {
        eventtype::CLOCK => {
            let id = memory.u32(at + 16)?;
            let timeout = memory.u64(at + 24)?;
            let flags = memory.u16(at + 40)?;
            match nanos_left(ctx, id, timeout, flags) {
                Ok(nanos) => Wait::Clock(nanos),
                Err(errno) => Wait::Now(Err(errno)),
            }
        }
        eventtype::FD_READ => readable(ctx, memory.u32(at + 16)?, watches),
        eventtype::FD_WRITE => writable(ctx, memory.u32(at + 16)?, watches),
        _ => return Err(Errno::INVAL),
    };
    Ok(Subscription {
        userdata: memory.u64(at)?,
        ty,
        wait,
    })
}

/// How long to wait for a clock.
fn nanos_left(ctx: &WasiP1Ctx, id: u32, timeout: u64, flags: u16) -> Answer<u64> {
    if flags & !SUBSCRIPTION_CLOCK_ABSTIME != 0 {
        return Err(Errno::INVAL);
    }
    match id {
        clockid::REALTIME | clockid::MONOTONIC => {}
        // Clocks that stand still while one waits for them.
        clockid::PROCESS_CPUTIME | clockid::THREAD_CPUTIME => return Err(Errno::NOTSUP),
        _ => return Err(Errno::INVAL),
    }
    if flags & SUBSCRIPTION_CLOCK_ABSTIME == 0 {
        Ok(timeout)
    } else {
        Ok(timeout.saturating_sub(clock::now(ctx, id)?))
    }
}

fn readable(ctx: &WasiP1Ctx, fd: u32, watches: &mut Watches) -> Wait {
    let descriptor = match ctx.table.with(fd, rights::FD_READ) {
        Ok(descriptor) => descriptor,
        Err(errno) => return Wait::Now(Err(errno)),
    };
    match descriptor.kind.clone() {
        Kind::Input(input) => Wait::Input(input),
        Kind::File(file) if file.is_regular() => Wait::Now(left_in(&file)),
        Kind::File(file) => watches.add(fd, eventtype::FD_READ, async move {
            let closed = ready::wait(file.fd(), Interest::READABLE).await?;
            Ok(waiting_in(file.fd(), closed))
        }),
        Kind::Socket(socket) => watches.add(fd, eventtype::FD_READ, async move {
            let closed = ready::wait(socket.fd(), Interest::READABLE).await?;
            Ok(waiting_in(socket.fd(), closed))
        }),
        Kind::Directory(_) | Kind::Output(_) => Wait::Now(Err(Errno::BADF)),
    }
}

/// The system does not tell how much can be written.
const WRITABLE: Ready = Ready {
    nbytes: 1,
    hangup: false,
};

/// What there is to read. For some, a listening socket, the system does not tell. Nothing is the end only if all writers
/// are gone: others may read from the same pipe.
fn waiting_in(fd: BorrowedFd<'_>, closed: bool) -> Ready {
    let nbytes = rustix::io::ioctl_fionread(fd).unwrap_or(1);
    Ready {
        nbytes,
        hangup: closed && nbytes == 0,
    }
}

/// What is between the position of a file and its end.
fn left_in(file: &super::file::File) -> Answer<u64> {
    let size = filestat(file.fd())?.size;
    Ok(size.saturating_sub(file.seek(SeekFrom::Current(0))?))
}

fn writable(ctx: &WasiP1Ctx, fd: u32, watches: &mut Watches) -> Wait {
    let descriptor = match ctx.table.with(fd, rights::FD_WRITE) {
        Ok(descriptor) => descriptor,
        Err(errno) => return Wait::Now(Err(errno)),
    };
    match descriptor.kind.clone() {
        Kind::File(file) if !file.is_regular() => {
            watches.add(fd, eventtype::FD_WRITE, async move {
                ready::wait(file.fd(), Interest::WRITABLE).await?;
                Ok(WRITABLE)
            })
        }
        Kind::Socket(socket) if !socket.listening => {
            watches.add(fd, eventtype::FD_WRITE, async move {
                ready::wait(socket.fd(), Interest::WRITABLE).await?;
                Ok(WRITABLE)
            })
        }
        // A stream of the host does not tell; it takes what it can when it is written.
        Kind::File(_) | Kind::Output(_) => Wait::Now(Ok(1)),
        Kind::Directory(_) | Kind::Input(_) | Kind::Socket(_) => Wait::Now(Err(Errno::BADF)),
    }
}

/// Waits for the first; then collects all.
async fn wait(waits: &[Subscription], watches: &mut Watches) -> Vec<Event> {
    let first = waits
        .iter()
        .filter_map(|subscription| match subscription.wait {
            Wait::Clock(nanos) => Some(nanos),
            _ => None,
        });
    let first = first.min();
    let mut sleep = first.filter(|&nanos| nanos > 0).map(sleep);
    poll_fn(|cx| {
        let elapsed = match &mut sleep {
            Some(sleep) => sleep.as_mut().poll(cx).is_ready(),
            None => true,
        };
        let elapsed = first.filter(|_| elapsed);
        watches.poll(cx);
        let events: Vec<Event> = waits
            .iter()
            .filter_map(|subscription| subscription.happened(cx, elapsed, watches))
            .collect();
        if events.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(events)
        }
    })
    .await
}

fn sleep(nanos: u64) -> Pin<Box<Sleep>> {
    let runtime = handle();
    let _context = runtime.enter();
    Box::pin(tokio::time::sleep(Duration::from_nanos(nanos)))
}

impl Subscription {
    /// The event, if it has happened; `elapsed` is the time of the clock that has rung.
    fn happened(
        &self,
        cx: &mut Context<'_>,
        elapsed: Option<u64>,
        watches: &Watches,
    ) -> Option<Event> {
        let (result, hangup) = match &self.wait {
            Wait::Clock(nanos) => match elapsed {
                Some(elapsed) if *nanos <= elapsed => (Ok(0), false),
                _ => return None,
            },
            Wait::Input(input) => match input.poll_fill(cx) {
                Poll::Ready(Ok(nbytes)) => (Ok(nbytes as u64), nbytes == 0),
                Poll::Ready(Err(error)) => (Err(error.into()), false),
                Poll::Pending => return None,
            },
            Wait::System(watch) => match watches.all[*watch].answer? {
                Ok(ready) => (Ok(ready.nbytes), ready.hangup),
                Err(errno) => (Err(errno), false),
            },
            Wait::Now(answer) => (*answer, false),
        };
        Some(Event {
            userdata: self.userdata,
            error: result.err().map_or(0, Errno::raw),
            ty: self.ty,
            nbytes: result.unwrap_or(0),
            flags: if hangup { EVENT_FD_HANGUP } else { 0 },
        })
    }
}
