//! Fibers: running a store's work on a stack of its own, and waiting for futures from inside.
//!
//! [`on_fiber`] makes a future of a closure: each poll resumes the fiber with the executor's context. [`block_on`],
//! called on the fiber, polls a future in place with that context and suspends while it is pending.
//!
//! # Who may touch what
//!
//! | field | while the fiber runs | while it is suspended |
//! |---|---|---|
//! | `ExecCore::vm.exec`, `activation` | the fiber's | the resumer's; the fiber's are in `Seat::parked` |
//! | `ExecCore::async_state` | set; `NONE` while a host future is polled | the resumer's |
//! | the thread's cell | the fiber's | the resumer's |
//!
//! # What a switch costs
//!
//! The switch itself is a few nanoseconds. But a processor foresees where a `return` leads by the calls it has seen, and
//! behind a switch it foresees wrongly, once per frame. So the frames around both ends of a switch are inlined.
//!
//! # Why futures over a fiber are `Send`
//!
//! Between the root of a fiber and a suspend there are only frames of this crate, of wasm code, and of `Send` futures:
//! a host function that is not a future returns before anything can suspend, because blocking entries refuse to run on
//! a fiber. Thread-locals are reached by functions that are never inlined; and other people's code, which may have
//! thread-locals of its own, is called from the frames that suspend and never inlined into them.

use super::{Activation, ExecCore, tls};
use crate::abi::VmExec;
use crate::os;
use crate::{Result, format_err};
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::{Pin, pin};
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, Waker};
use tussah_fiber::{Fiber, FiberStack, Suspend};

/// What a resume tells the fiber: to poll again with this context, which is good until the next suspend; or, if there is
/// none, that the future was dropped, and to unwind. One word, so that it travels in a register.
type Wake = Option<NonNull<Context<'static>>>;

type RawFiber = Fiber<'static, Wake, (), ()>;
type RawSuspend = Suspend<Wake, (), ()>;

/// How the running fiber suspends, if it may.
pub(crate) struct AsyncState {
    suspend: *mut RawSuspend,
    context: *mut Context<'static>,
    /// Not zero once the fiber is cancelled: it may never wait again. A whole word, as the structure is exchanged by words.
    cancelled: usize,
}

impl AsyncState {
    /// Not on a fiber, or inside a host future's poll.
    pub(crate) const NONE: AsyncState = AsyncState {
        suspend: ptr::null_mut(),
        context: ptr::null_mut(),
        cancelled: 0,
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
#[inline(always)]
pub(crate) unsafe fn block_on<F: Future + ?Sized>(
    exec: *mut ExecCore,
    mut future: Pin<&mut F>,
) -> Result<F::Output> {
    // SAFETY: the caller's.
    let state = unsafe { std::mem::replace(&mut (*exec).async_state, AsyncState::NONE) };
    if state.suspend.is_null() {
        let mut context = Context::from_waker(Waker::noop());
        return match poll_once(future, &mut context) {
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
        if lent.state.cancelled != 0 {
            return Err(Cancelled.into());
        }
        // SAFETY: the context came with the last resume, whose poll is still going on.
        let context = unsafe { &mut *lent.state.context };
        if let Poll::Ready(value) = poll_once(future.as_mut(), context) {
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
            Some(context) => lent.state.context = context.as_ptr(),
            None => lent.state.cancelled = 1,
        }
    }
}

/// Never part of the frame that suspends, see the module's promise.
#[inline(never)]
fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
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

/// Gives the executor a turn: suspends the running fiber, awake at once.
///
/// # Errors
///
/// The fiber was cancelled, or there is none to suspend.
///
/// # Safety
///
/// As for [`block_on`].
#[inline(always)]
pub(crate) unsafe fn yield_now(exec: *mut ExecCore) -> Result<()> {
    // SAFETY: the caller's.
    let state = unsafe { &mut (*exec).async_state };
    if state.suspend.is_null() || state.cancelled != 0 || std::thread::panicking() {
        // Errs for the right reason.
        // SAFETY: the caller's.
        return unsafe { block_on(exec, pin!(std::future::pending())) };
    }
    let suspend = state.suspend;
    // SAFETY: the context came with the last resume, whose poll is still going on. A waker knows nothing of the store.
    unsafe { (*state.context).waker().wake_by_ref() };
    // SAFETY: the fiber runs, so its switch record is alive.
    let wake = unsafe { (*suspend).suspend(()) };
    // SAFETY: the caller's; the state is back since this fiber runs again.
    let state = unsafe { &mut (*exec).async_state };
    match wake {
        Some(context) => {
            state.context = context.as_ptr();
            Ok(())
        }
        None => {
            state.cancelled = 1;
            Err(Cancelled.into())
        }
    }
}

/// What belongs to a stack and is exchanged with the store's and the thread's on every switch.
struct Parked {
    registers: VmExec,
    activation: *const Activation,
    async_state: AsyncState,
    thread: tls::ThreadState,
}

/// Lies in the first frame of a fiber.
struct Seat {
    /// The link from the fiber's first activation to those of the stack that resumes it, for backtraces.
    base: Activation,
    /// The resumer's while the fiber runs, the fiber's while it is suspended.
    parked: Parked,
}

/// Exchanges words one by one. They have just been written so, and a processor has to wait before it can read several of
/// them at once.
macro_rules! swap_words {
    ($one:expr, $other:expr; $($field:ident)*) => {$(
        let (one, other) = (&raw mut $one.$field, &raw mut $other.$field);
        // SAFETY: both are fields of live structures that are borrowed exclusively.
        unsafe {
            let word = one.read_volatile();
            one.write_volatile(other.read_volatile());
            other.write_volatile(word);
        }
    )*};
}

impl Seat {
    /// Exchanges what belongs to the stack that runs with what is parked.
    #[inline(always)]
    fn exchange(&mut self, exec: &mut ExecCore) {
        let parked = &mut self.parked;
        swap_words!(exec.vm.exec, parked.registers; stack_limit entry_sp entry_fp entry_handler exit_fp exit_pc);
        swap_words!(exec.async_state, parked.async_state; suspend context cancelled);
        swap_words!(exec, parked; activation);
        parked.thread = tls::replace(parked.thread);
    }
}

/// A closure on a fiber, as a future. Dropping it cancels: whatever the fiber waits for fails, guests unwind, host
/// destructors run.
#[pin_project::pin_project(PinnedDrop)]
pub(crate) struct OnFiber<R, F, N> {
    exec: *mut ExecCore,
    new_stack: Option<N>,
    run: Option<F>,
    answer: Option<R>,
    fiber: Option<RawFiber>,
    /// Null until the fiber runs.
    seat: *mut Seat,
    #[pin]
    pinned: PhantomPinned,
}

// SAFETY: the module's documentation says what lives on the fiber across a suspend; the store is borrowed by whoever made
// this, by `on_fiber`'s contract, and its data is `Send` if this is sent.
unsafe impl<R: Send, F: Send, N: Send> Send for OnFiber<R, F, N> {}

impl<R, F, N> OnFiber<R, F, N>
where
    F: FnOnce() -> R,
    N: FnOnce() -> Result<FiberStack>,
{
    /// Makes the fiber; nothing runs yet.
    fn make(self: Pin<&mut Self>) -> Result<()> {
        // SAFETY: nothing is moved out of the pinned place.
        let this = unsafe { self.get_unchecked_mut() };
        let exec = this.exec;
        // SAFETY: the borrow of the store that `on_fiber`'s caller has.
        let warm = unsafe { (*exec).warm_stack.take() };
        let stack = match (warm, this.new_stack.take()) {
            (Some(stack), _) => stack,
            (None, Some(new_stack)) => {
                new_stack().map_err(|e| e.context("failed to allocate a fiber stack"))?
            }
            (None, None) => return Err(format_err!("a future was polled after its end")),
        };
        let me: *mut Self = this;
        let body = move |wake: Wake, suspend: &mut RawSuspend| {
            // SAFETY: `me` is pinned and resumes this fiber, so it is alive.
            unsafe { Self::main(me, wake, suspend) };
        };
        // SAFETY: what the closure borrows outlives the future, or is covered by the promise of `on_fiber`'s caller for a
        // forgotten one.
        let fiber = unsafe { Fiber::<'_, Wake, (), ()>::new_scoped(stack, body) }
            .map_err(|e| format_err!(e).context("failed to make a fiber"))?;
        // SAFETY: only the lifetime of the closure changes; the caller outlives the future, or forgets it.
        this.fiber =
            Some(unsafe { std::mem::transmute::<Fiber<'_, Wake, (), ()>, RawFiber>(fiber) });
        Ok(())
    }

    /// What runs on the fiber: makes the store able to suspend it, runs the closure, leaves the answer.
    ///
    /// # Safety
    ///
    /// `me` is the pinned future that resumes this fiber.
    #[inline(always)]
    unsafe fn main(me: *mut Self, wake: Wake, suspend: &mut RawSuspend) {
        let Some(context) = wake else {
            // Never-started fibers are dropped, not cancelled.
            return;
        };
        // SAFETY: the caller's; the future's poll waits for this fiber and touches none of these meanwhile.
        let (exec, run) = unsafe { ((*me).exec, (*me).run.take()) };
        // SAFETY: the future borrows the store.
        let core = unsafe { &mut *exec };
        let mut seat = Seat {
            base: Activation {
                outer: core.vm.exec,
                previous: core.activation,
            },
            parked: Parked {
                registers: VmExec::EMPTY,
                activation: ptr::null(),
                async_state: AsyncState {
                    suspend,
                    context: context.as_ptr(),
                    cancelled: 0,
                },
                thread: tls::ThreadState {
                    exec,
                    stack_limit: super::stack_pointer()
                        .saturating_sub(core.max_wasm_stack)
                        .max(1),
                },
            },
        };
        seat.parked.activation = &raw const seat.base;
        seat.exchange(core);
        // SAFETY: as above.
        unsafe { (*me).seat = &raw mut seat };
        // Puts everything back however the closure ends.
        struct Leave(*mut ExecCore, *mut Seat);
        impl Drop for Leave {
            #[inline(always)]
            fn drop(&mut self) {
                // SAFETY: the closure has ended, so nobody else uses the store; the seat is in the frame that this is in.
                unsafe { (*self.1).exchange(&mut *self.0) };
            }
        }
        let leave = Leave(exec, &raw mut seat);
        let answer = run.map(|run| run());
        drop(leave);
        // SAFETY: as above; the closure has ended.
        unsafe { (*me).answer = answer };
    }
}

impl<R, F, N> OnFiber<R, F, N> {
    /// Runs the fiber until it suspends or ends; true at its end.
    #[inline(always)]
    fn resume(self: Pin<&mut Self>, wake: Wake) -> bool {
        let this = self.project();
        let exec = *this.exec;
        let Some(fiber) = this.fiber.as_mut() else {
            return true;
        };
        // Where the seat is, is known while the fiber is suspended only.
        let parked = std::mem::replace(this.seat, ptr::null_mut());
        if !parked.is_null() {
            // SAFETY: the future borrows the store, nobody else touches it during this poll; the fiber is suspended, so its
            // first frame is alive and nobody uses it.
            let (exec, seat) = unsafe { (&mut *exec, &mut *parked) };
            seat.base = Activation {
                outer: exec.vm.exec,
                previous: exec.activation,
            };
            seat.exchange(exec);
        }
        // The fiber may find itself on a new thread. Without a signal stack of its own there, a fault's handler runs on the
        // fiber, which keeps the host's share of stack for such things.
        let _ = os::ensure_signal_stack();
        if fiber.resume(wake).is_ok() {
            // The first time, the fiber has put it there.
            *this.seat = ptr::null_mut();
            if let Some(Ok(stack)) = this.fiber.take().map(Fiber::into_stack) {
                // SAFETY: as above; the fiber has ended.
                let core = unsafe { &mut *exec };
                core.warm_stack = core.keep_stack.then_some(stack);
            }
            return true;
        }
        if !parked.is_null() {
            *this.seat = parked;
        }
        // SAFETY: as above; the fiber is suspended, so its seat is in place.
        unsafe { (**this.seat).exchange(&mut *exec) };
        false
    }
}

impl<R, F, N> Future for OnFiber<R, F, N>
where
    F: FnOnce() -> R,
    N: FnOnce() -> Result<FiberStack>,
{
    type Output = Result<R>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        if self.fiber.is_none() {
            self.as_mut().make()?;
        }
        let context = NonNull::from(cx).cast::<Context<'static>>();
        if !self.as_mut().resume(Some(context)) {
            return Poll::Pending;
        }
        let answer = self.project().answer.take();
        Poll::Ready(answer.ok_or_else(|| format_err!("a fiber ended without an answer")))
    }
}

#[pin_project::pinned_drop]
impl<R, F, N> PinnedDrop for OnFiber<R, F, N> {
    fn drop(mut self: Pin<&mut Self>) {
        let started = self
            .fiber
            .as_ref()
            .is_some_and(|fiber| fiber.started() && !fiber.done());
        // A cancelled fiber cannot wait again, so one resume ends it; if it did not, its stack is leaked, not freed.
        if started && !self.as_mut().resume(None) {
            debug_assert!(false, "a cancelled fiber suspended again");
        }
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
pub(crate) unsafe fn on_fiber<R, F, N>(
    exec: *mut ExecCore,
    new_stack: N,
    run: F,
) -> OnFiber<R, F, N>
where
    F: FnOnce() -> R,
    N: FnOnce() -> Result<FiberStack>,
{
    OnFiber {
        exec,
        new_stack: Some(new_stack),
        run: Some(run),
        answer: None,
        fiber: None,
        seat: ptr::null_mut(),
        pinned: PhantomPinned,
    }
}
