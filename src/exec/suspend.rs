//! Fibers: running a store's work on a stack of its own, and waiting for futures from inside.
//!
//! [`on_fiber`] makes a future of a closure: each poll resumes the fiber with the executor's context. [`block_on`],
//! called on the fiber, polls a future in place with that context and suspends while it is pending.
//!
//! # Who may touch what
//!
//! | field | while the fiber runs | while it is suspended |
//! |---|---|---|
//! | `ExecCore::vm.exec`, `activation` | the fiber's | the resumer's; the fiber's are in `FiberFuture::parked` |
//! | `ExecCore::async_state` | set; `NONE` while a host future is polled | the resumer's |
//! | the thread's cell | the fiber's | the resumer's |
//!
//! # Why futures over a fiber are `Send`
//!
//! Between the root of a fiber and a suspend there are only frames of this crate, of wasm code, and of `Send` futures:
//! a host function that is not a future returns before anything can suspend, because blocking entries refuse to run on
//! a fiber. Thread-locals are reached by functions that are never inlined.

use super::{Activation, ExecCore, tls};
use crate::abi::VmExec;
use crate::os;
use crate::{Result, format_err};
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, Waker};
use tussah_fiber::{Fiber, FiberStack, Suspend};

/// What a resume tells the fiber.
#[derive(Debug)]
enum Wake {
    /// Poll again, with this context; it is good until the next suspend.
    Poll(*mut Context<'static>),
    /// The future was dropped: unwind.
    Cancel,
}

type RawFiber = Fiber<'static, Wake, (), ()>;
type RawSuspend = Suspend<Wake, (), ()>;

/// How the running fiber suspends, if it may.
pub(crate) struct AsyncState {
    suspend: *mut RawSuspend,
    context: *mut Context<'static>,
    /// Set once the fiber is cancelled: it may never wait again.
    cancelled: bool,
}

impl AsyncState {
    /// Not on a fiber, or inside a host future's poll.
    pub(crate) const NONE: AsyncState = AsyncState {
        suspend: ptr::null_mut(),
        context: ptr::null_mut(),
        cancelled: false,
    };
}

/// The error by which a dropped future unwinds its guest. It never reaches a caller of the public interface.
#[derive(Debug)]
pub(crate) struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the future of this call was dropped")
    }
}

impl std::error::Error for Cancelled {}

/// Whether work of this store runs on a fiber right now and may wait there.
///
/// # Safety
///
/// `exec` is live.
pub(crate) unsafe fn can_block(exec: *const ExecCore) -> bool {
    // SAFETY: the caller's.
    unsafe { !(*exec).async_state.suspend.is_null() }
}

/// Polls a future in place until it is ready, suspending the running fiber while it is pending. Off a fiber the future
/// is polled once.
///
/// # Errors
///
/// The fiber was cancelled, or the future is pending and there is no fiber to suspend.
///
/// # Safety
///
/// `exec` is the executing half of the live store whose work runs on this thread. No reference into the store is held
/// by the caller across this call except by `future`, and every frame between the fiber's root and here keeps the
/// module's promise of `Send`.
pub(crate) unsafe fn block_on<F: Future + ?Sized>(
    exec: *mut ExecCore,
    mut future: Pin<&mut F>,
) -> Result<F::Output> {
    // SAFETY: the caller's.
    let state = unsafe { std::mem::replace(&mut (*exec).async_state, AsyncState::NONE) };
    if state.suspend.is_null() {
        let mut context = Context::from_waker(Waker::noop());
        return match future.poll(&mut context) {
            Poll::Ready(value) => Ok(value),
            Poll::Pending => Err(format_err!(
                "an asynchronous operation was pending where the host may not wait: \
                 enter the store by an `*_async` function"
            )),
        };
    }
    // Puts the state back however this ends, a panicking future included.
    let mut lent = Lent { exec, state };
    loop {
        if lent.state.cancelled {
            return Err(Cancelled.into());
        }
        // SAFETY: the context came with the last resume, whose poll is still going on.
        let context = unsafe { &mut *lent.state.context };
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Ok(value);
        }
        if std::thread::panicking() {
            return Err(format_err!(
                "cannot wait for an asynchronous operation while panicking"
            ));
        }
        // SAFETY: the fiber runs, so its switch record is alive.
        let wake = unsafe { (*lent.state.suspend).suspend(()) };
        match wake {
            Wake::Poll(context) => lent.state.context = context,
            Wake::Cancel => lent.state.cancelled = true,
        }
    }
}

/// The state taken out of a store while a future is polled.
struct Lent {
    exec: *mut ExecCore,
    state: AsyncState,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, AsyncState::NONE);
        // SAFETY: `block_on`'s caller keeps the store alive during the call.
        unsafe { (*self.exec).async_state = state };
    }
}

/// Pending once, and awake at once: gives the executor a turn.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What belongs to a stack and is swapped with the store's and the thread's on every switch.
struct Parked {
    registers: VmExec,
    activation: *const Activation,
    thread: tls::ThreadState,
    async_state: AsyncState,
}

/// A closure on a fiber, as a future. Dropping it cancels: whatever the fiber waits for fails, guests unwind, host
/// destructors run.
#[pin_project::pin_project(PinnedDrop)]
pub(crate) struct FiberFuture {
    fiber: Option<RawFiber>,
    exec: *mut ExecCore,
    parked: Parked,
    /// The link from the fiber's first activation to those of the stack that resumes it, for backtraces.
    base: Activation,
    #[pin]
    pinned: PhantomPinned,
}

#[expect(
    clippy::non_send_fields_in_send_ty,
    reason = "the fiber and the pointers are sent under the module's promise"
)]
// SAFETY: the module's documentation says what lives on the fiber across a suspend; the store is borrowed by the future
// that owns this one, which is `Send` only if the store is.
unsafe impl Send for FiberFuture {}

impl FiberFuture {
    /// Runs the fiber until it suspends or ends; true at its end.
    fn resume(this: Pin<&mut Self>, wake: Wake) -> bool {
        let this = this.project();
        let exec = *this.exec;
        let Some(fiber) = this.fiber.as_mut() else {
            return true;
        };
        // SAFETY: the future borrows the store; nobody else touches it during this poll.
        let outer = unsafe { &mut *exec };
        if !fiber.started() {
            this.parked.activation = ptr::from_ref(&*this.base);
        }
        *this.base = Activation {
            outer: outer.vm.exec,
            previous: outer.activation,
        };
        swap(exec, this.parked);
        // Puts everything back however the resume ends.
        struct Switched<'a>(*mut ExecCore, &'a mut Parked);
        impl Drop for Switched<'_> {
            fn drop(&mut self) {
                swap(self.0, self.1);
            }
        }
        let switched = Switched(exec, this.parked);
        // The fiber may find itself on a new thread. Without a signal stack of its own there, a fault's handler runs on the
        // fiber, which keeps the host's share of stack for such things.
        let _ = os::ensure_signal_stack();
        let done = fiber.resume(wake).is_ok();
        drop(switched);
        if done && let Some(Ok(stack)) = this.fiber.take().map(Fiber::into_stack) {
            // SAFETY: as above; the fiber has ended.
            let core = unsafe { &mut *exec };
            core.warm_stack = core.keep_stack.then_some(stack);
        }
        done
    }
}

/// Exchanges what belongs to the running stack with what is parked.
fn swap(exec: *mut ExecCore, parked: &mut Parked) {
    // SAFETY: called by `FiberFuture::resume` alone, which has the store to itself.
    let exec = unsafe { &mut *exec };
    std::mem::swap(&mut exec.vm.exec, &mut parked.registers);
    std::mem::swap(&mut exec.activation, &mut parked.activation);
    std::mem::swap(&mut exec.async_state, &mut parked.async_state);
    parked.thread = tls::replace(parked.thread);
}

impl Future for FiberFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let context = ptr::from_mut(cx).cast::<Context<'static>>();
        if FiberFuture::resume(self, Wake::Poll(context)) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[pin_project::pinned_drop]
impl PinnedDrop for FiberFuture {
    fn drop(mut self: Pin<&mut Self>) {
        let started = self
            .fiber
            .as_ref()
            .is_some_and(|fiber| fiber.started() && !fiber.done());
        // A cancelled fiber cannot wait again, so one resume ends it; if it did not, its stack is leaked, not freed.
        if started && !FiberFuture::resume(self.as_mut(), Wake::Cancel) {
            debug_assert!(false, "a cancelled fiber suspended again");
        }
    }
}

/// A pointer that may travel with a future.
struct Shared<T>(*mut T);
// SAFETY: used by `on_fiber` alone, whose caller owns what it points to exclusively while the future exists.
unsafe impl<T> Send for Shared<T> {}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Shared<T> {}

impl<T> Shared<T> {
    fn get(self) -> *mut T {
        self.0
    }
}

/// Runs a closure on a fiber, so that it may wait by [`block_on`].
///
/// The closure and its answer live in the future; the fiber's stack comes from `exec.warm_stack` or `new_stack`.
/// A panic of the closure comes out of the poll.
///
/// # Errors
///
/// There is no stack to be had.
///
/// # Safety
///
/// `exec` is the executing half of a store that the caller borrows exclusively for as long as the future exists, and
/// whose data is `Send` if the future is sent. The closure keeps the module's promise. If the future is forgotten, what
/// the closure borrows may end although its frames still exist: they never run again, so the closure must not rely on
/// returning.
pub(crate) unsafe fn on_fiber<R, F>(
    exec: *mut ExecCore,
    new_stack: impl FnOnce() -> io::Result<FiberStack> + Send,
    run: F,
) -> impl Future<Output = Result<R>> + Send
where
    R: Send,
    F: FnOnce() -> R + Send,
{
    let exec = Shared(exec);
    async move {
        let mut answer: Option<R> = None;
        {
            let slot = Shared(&raw mut answer);
            let future = {
                // SAFETY: the caller's borrow of the store.
                let core = unsafe { &mut *exec.get() };
                let stack = match core.warm_stack.take() {
                    Some(stack) => stack,
                    None => new_stack()
                        .map_err(|e| format_err!(e).context("failed to allocate a fiber stack"))?,
                };
                let body = move |wake: Wake, suspend: &mut RawSuspend| {
                    fiber_main(exec.get(), wake, suspend);
                    let value = run();
                    // SAFETY: `answer` is pinned in the future that resumes this fiber.
                    unsafe { *slot.get() = Some(value) };
                };
                // SAFETY: the caller's promise covers a forgotten future.
                unsafe { scoped(exec.get(), stack, body) }?
            };
            future.await;
        }
        answer.ok_or_else(|| format_err!("a fiber ended without an answer"))
    }
}

/// Makes the future of a fiber whose body may borrow.
///
/// # Safety
///
/// As for [`on_fiber`].
unsafe fn scoped(
    exec: *mut ExecCore,
    stack: FiberStack,
    body: impl FnOnce(Wake, &mut RawSuspend),
) -> Result<FiberFuture> {
    // SAFETY: the caller's promise is that of `new_scoped`.
    let fiber = unsafe { Fiber::<'_, Wake, (), ()>::new_scoped(stack, body) }
        .map_err(|e| format_err!(e).context("failed to make a fiber"))?;
    // SAFETY: only the lifetime of the closure changes; the caller outlives the future, or forgets it.
    let fiber = unsafe { std::mem::transmute::<Fiber<'_, Wake, (), ()>, RawFiber>(fiber) };
    Ok(FiberFuture {
        fiber: Some(fiber),
        exec,
        parked: Parked {
            registers: VmExec::EMPTY,
            activation: ptr::null(),
            thread: tls::ThreadState::EMPTY,
            async_state: AsyncState::NONE,
        },
        base: Activation {
            outer: VmExec::EMPTY,
            previous: ptr::null(),
        },
        pinned: PhantomPinned,
    })
}

/// The first thing on a new fiber: makes the store able to suspend it and gives the stack its limit.
fn fiber_main(exec: *mut ExecCore, wake: Wake, suspend: &mut RawSuspend) {
    let Wake::Poll(context) = wake else {
        // Never-started fibers are dropped, not cancelled.
        return;
    };
    // SAFETY: the future that resumes this fiber has the store to itself.
    let core = unsafe { &mut *exec };
    core.async_state = AsyncState {
        suspend,
        context,
        cancelled: false,
    };
    let mut thread = tls::get();
    thread.stack_limit = super::stack_pointer()
        .saturating_sub(core.max_wasm_stack)
        .max(1);
    tls::replace(thread);
}
