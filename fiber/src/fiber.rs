//! A closure that runs on a stack of its own and can suspend at any depth.
//!
//! ```text
//!   resumer's stack                       fiber's stack
//!
//!   Fiber::resume(value)  -- switch -->   f(value, suspend)
//!         |                                  ...
//!   Err(yielded)          <-- switch --   suspend.suspend(yielded)
//!         |                                  |
//!   Fiber::resume(value)  -- switch -->   returns value
//!         |                                  ...
//!   Ok(returned)          <-- switch --   f returns, or panics: then
//!   or the panic goes on                  `resume` panics with its payload
//! ```
//!
//! States: new, suspended, done. Only a suspended fiber holds live frames; it
//! is the only one whose drop leaks (see the crate's documentation).

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::stack::{Bounds, FiberStack, invalid};

/// Closures up to this size are moved onto the fiber's stack, which takes no
/// more than 1 KiB in one piece; bigger ones go through the heap.
const LARGEST_INLINE_CLOSURE: usize = 768;

/// What must be left of a stack once the closure is on it.
const LEAST_HEADROOM: usize = 2048;

static LEAKED: AtomicUsize = AtomicUsize::new(0);

/// How many stacks of this process were leaked by dropping suspended fibers.
///
/// Zero unless an owner broke the rule that a started fiber is run to its
/// end. `mem::forget` of a fiber is not counted.
pub fn leaked_stacks() -> usize {
    LEAKED.load(Ordering::Relaxed)
}

/// A closure running on a [`FiberStack`].
///
/// `Resume` is what each [`resume`](Self::resume) passes in, `Yield` what each
/// [`Suspend::suspend`] passes out, `Return` what the closure returns. Up to a
/// machine word they travel in a register, otherwise by one copy.
///
/// A fiber is not `Send`: its frames may hold anything. See [`SendFiber`].
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<tussah_fiber::Fiber<'static, (), (), ()>>();
/// ```
pub struct Fiber<'a, Resume, Yield, Return> {
    /// Dropped by hand: its own drop would unwind live frames by force.
    coroutine: ManuallyDrop<Coroutine<Resume, Yield, Return, Bounds>>,
    /// Dropped by hand: only when no frames live on it.
    stack: ManuallyDrop<FiberStack>,
    /// The closure may borrow for `'a`.
    closure: PhantomData<&'a ()>,
}

impl<Resume, Yield, Return> Fiber<'static, Resume, Yield, Return>
where
    Resume: 'static,
    Yield: 'static,
    Return: 'static,
{
    /// Makes a fiber that will run `f` on `stack` when it is first resumed.
    ///
    /// The closure is moved to the top of the stack: nothing is allocated
    /// unless it is bigger than 768 bytes or aligned beyond 16.
    ///
    /// # Errors
    ///
    /// The stack is too small for the closure. The stack is dropped then.
    #[inline]
    pub fn new<F>(stack: FiberStack, f: F) -> io::Result<Self>
    where
        F: FnOnce(Resume, &mut Suspend<Resume, Yield, Return>) -> Return + 'static,
    {
        // SAFETY: nothing is borrowed.
        unsafe { Self::new_scoped(stack, f) }
    }
}

impl<'a, Resume, Yield, Return> Fiber<'a, Resume, Yield, Return> {
    /// [`Fiber::new`] for a closure or values that borrow.
    ///
    /// # Errors
    ///
    /// The stack is too small for the closure. The stack is dropped then.
    ///
    /// # Safety
    ///
    /// If the fiber is leaked (dropped while suspended, or forgotten), `'a`
    /// and the lifetimes in the type parameters may end while its frames
    /// still exist, and they never run again. So no frame that lives across a
    /// suspend may rely on its own return or destructors to end a borrow of
    /// such data. `std::thread::scope` does; a `Future` polled on the fiber
    /// cannot, since a future may be forgotten as well.
    #[inline]
    pub unsafe fn new_scoped<F>(stack: FiberStack, f: F) -> io::Result<Self>
    where
        F: FnOnce(Resume, &mut Suspend<Resume, Yield, Return>) -> Return + 'a,
    {
        if size_of::<F>() > LARGEST_INLINE_CLOSURE || align_of::<F>() > 16 {
            // SAFETY: the caller's.
            unsafe { Self::on_stack(stack, Box::new(f)) }
        } else {
            // SAFETY: the caller's.
            unsafe { Self::on_stack(stack, f) }
        }
    }

    /// # Safety
    ///
    /// As for [`Fiber::new_scoped`].
    #[inline]
    unsafe fn on_stack<F>(stack: FiberStack, f: F) -> io::Result<Self>
    where
        F: FnOnce(Resume, &mut Suspend<Resume, Yield, Return>) -> Return + 'a,
    {
        let usable = stack.range().len();
        if usable < size_of::<F>() + LEAST_HEADROOM {
            return Err(too_small(usable, size_of::<F>()));
        }
        let body = move |yielder: &Yielder<Resume, Yield>, value: Resume| {
            // SAFETY: the `Suspend` is not used after this call, and the
            // yielder lives at the top of this stack until the body returns.
            f(value, unsafe { Suspend::at(yielder) })
        };
        // SAFETY: `Fiber` keeps the stack, whose bounds these are, for as
        // long as the coroutine has frames, or for good; and what `f` borrows
        // outlives the `Fiber`, or is covered by the caller's promise.
        let coroutine = unsafe { Coroutine::with_stack_unchecked(stack.bounds(), body) };
        Ok(Self {
            coroutine: ManuallyDrop::new(coroutine),
            stack: ManuallyDrop::new(stack),
            closure: PhantomData,
        })
    }

    /// Runs the fiber until it suspends or finishes.
    ///
    /// `value` becomes the closure's first argument, or the result of the
    /// `suspend` the fiber is waiting in. Answers `Ok` if the closure returned
    /// and `Err` if it suspended.
    ///
    /// # Panics
    ///
    /// If the fiber is done already. If the closure panics, with its payload;
    /// the fiber is done then.
    #[inline]
    pub fn resume(&mut self, value: Resume) -> Result<Return, Yield> {
        match self.coroutine.resume(value) {
            CoroutineResult::Return(returned) => Ok(returned),
            CoroutineResult::Yield(yielded) => Err(yielded),
        }
    }

    /// Whether the closure has returned or panicked.
    #[inline]
    pub fn done(&self) -> bool {
        self.coroutine.done()
    }

    /// Whether the fiber was ever resumed.
    #[inline]
    pub fn started(&self) -> bool {
        self.coroutine.started()
    }

    /// The stack this fiber runs on.
    #[inline]
    pub fn stack(&self) -> &FiberStack {
        &self.stack
    }

    /// Takes the stack of a finished fiber, to run another one on it.
    ///
    /// # Errors
    ///
    /// The fiber is not done; it is handed back.
    #[inline]
    pub fn into_stack(self) -> Result<FiberStack, Self> {
        if !self.done() {
            return Err(self);
        }
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again; a done coroutine has
        // nothing on its stack.
        unsafe { ManuallyDrop::drop(&mut this.coroutine) };
        // SAFETY: as above.
        Ok(unsafe { ManuallyDrop::take(&mut this.stack) })
    }
}

impl<Resume, Yield, Return> Drop for Fiber<'_, Resume, Yield, Return> {
    #[inline]
    fn drop(&mut self) {
        if self.coroutine.started() && !self.coroutine.done() {
            leak();
            return;
        }
        let _release = Release(&mut self.stack);
        // Drops the closure of a fiber that was never started. Not left to
        // the coroutine's own drop, which aborts if the closure's drop panics.
        self.coroutine.force_unwind();
        // SAFETY: the coroutine is done, or empty now; `self` is being
        // dropped, so this happens once.
        unsafe { ManuallyDrop::drop(&mut self.coroutine) };
    }
}

/// Gives a stack back at the end of the scope, panic or not.
struct Release<'s>(&'s mut ManuallyDrop<FiberStack>);

impl Drop for Release<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: made once, by `Fiber::drop`, for a stack without frames.
        unsafe { ManuallyDrop::drop(self.0) };
    }
}

impl<Resume, Yield, Return> fmt::Debug for Fiber<'_, Resume, Yield, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fiber")
            .field("started", &self.started())
            .field("done", &self.done())
            .field("stack", &*self.stack)
            .finish()
    }
}

/// The way out of a running fiber, lent to its closure.
///
/// Has no size: it is known by its address, the fiber's switch record, so
/// that swapping two of them in safe code swaps nothing.
///
/// It may be passed to code that runs another fiber on top of this one; a
/// suspend then parks both, and resuming this one continues in the other.
#[repr(C)]
pub struct Suspend<Resume, Yield, Return> {
    /// Neither `Send` nor `Sync`: it is the running fiber's thread's.
    running: PhantomData<*mut (Resume, Yield, Return)>,
}

impl<Resume, Yield, Return> Suspend<Resume, Yield, Return> {
    /// # Safety
    ///
    /// The answer is used only while the fiber of `yielder` runs.
    #[inline]
    unsafe fn at<'s>(yielder: &Yielder<Resume, Yield>) -> &'s mut Self {
        let address = ptr::from_ref(yielder).expose_provenance();
        // SAFETY: a value without size may live at any aligned address, and
        // its reference claims no memory.
        unsafe { &mut *ptr::with_exposed_provenance_mut::<Self>(address) }
    }

    /// Stops here and makes the running [`Fiber::resume`] answer
    /// `Err(value)`; returns what the next `resume` passes in.
    ///
    /// May return on another thread (see [`SendFiber`]). Must not be called
    /// while the thread is panicking: the panic count is the thread's.
    #[inline]
    pub fn suspend(&mut self, value: Yield) -> Resume {
        let address = ptr::from_mut(self).addr();
        let yielder = ptr::with_exposed_provenance::<Yielder<Resume, Yield>>(address);
        // SAFETY: `at` exposed the yielder at this address and its caller
        // vouches that the fiber runs, so the yielder is alive; and the type
        // cannot leave the fiber's thread nor outlive the closure.
        unsafe { &*yielder }.suspend(value)
    }
}

impl<Resume, Yield, Return> fmt::Debug for Suspend<Resume, Yield, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspend").finish_non_exhaustive()
    }
}

/// A fiber that may be resumed and dropped on any thread, one at a time.
///
/// Rust cannot see what lives on a stack, so [`new`](Self::new) takes a
/// promise. A runtime that wraps [`Fiber`] itself makes the same promise with
/// its own `unsafe impl Send`.
///
/// 1. **Data.** The closure, and everything in a frame that lives across a
///    suspend, is `Send`, with one exception: the runtime's own frames and
///    raw pointers, where the runtime sees to it that they are good on the
///    next thread. Of what users provide, only `Send` futures may live
///    across a suspend; hence no user code that is not a `Send` future may
///    be between the root of the fiber and the suspend.
/// 2. **Values.** What is passed by `resume`, `suspend` and return is `Send`,
///    or is used only on the thread that passed it.
/// 3. **Thread-locals.** No address of a thread-local is kept across a
///    suspend. The compiler believes that a function stays on one thread and
///    may compute such an address once: read and write thread-locals only in
///    functions marked `#[inline(never)]` that cannot suspend themselves.
/// 4. **Guards.** No lock guard, no thread-scoped registration (signal mask,
///    FPU mode, tracing span entered by guard) is held across a suspend.
/// 5. **Panics.** No suspend while `std::thread::panicking()`, and none
///    inside a destructor run by unwinding.
/// 6. **Order.** Handing the fiber to the next thread is a release, taking it
///    there an acquire, as with any `Send` value: channels, locks and
///    executors do so.
pub struct SendFiber<'a, Resume, Yield, Return>(Fiber<'a, Resume, Yield, Return>);

#[expect(
    clippy::non_send_fields_in_send_ty,
    reason = "sending what is not Send by itself is the purpose"
)]
// SAFETY: `SendFiber::new` takes the promise listed above, and `self` gives
// no access by which another fiber could be put in its place.
unsafe impl<Resume, Yield, Return> Send for SendFiber<'_, Resume, Yield, Return> {}

impl<'a, Resume, Yield, Return> SendFiber<'a, Resume, Yield, Return> {
    /// Vouches that a fiber may change threads.
    ///
    /// # Safety
    ///
    /// All six points of the type's documentation hold for as long as the
    /// fiber, or a stack frame of it, exists.
    #[inline]
    pub unsafe fn new(fiber: Fiber<'a, Resume, Yield, Return>) -> Self {
        Self(fiber)
    }

    /// Runs the fiber on this thread: see [`Fiber::resume`].
    #[inline]
    pub fn resume(&mut self, value: Resume) -> Result<Return, Yield> {
        self.0.resume(value)
    }

    /// Whether the closure has returned or panicked.
    #[inline]
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// The stack this fiber runs on.
    #[inline]
    pub fn stack(&self) -> &FiberStack {
        self.0.stack()
    }

    /// Gives up moving between threads.
    #[inline]
    pub fn into_inner(self) -> Fiber<'a, Resume, Yield, Return> {
        self.0
    }
}

impl<Resume, Yield, Return> fmt::Debug for SendFiber<'_, Resume, Yield, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendFiber").field(&self.0).finish()
    }
}

#[cold]
fn leak() {
    LEAKED.fetch_add(1, Ordering::Relaxed);
}

#[cold]
fn too_small(usable: usize, closure: usize) -> io::Error {
    invalid(format!(
        "a stack of {usable} bytes is too small for a closure of {closure} bytes \
         and {LEAST_HEADROOM} bytes to run it"
    ))
}
