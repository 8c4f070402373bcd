//! Calling a function: into wasm or straight to a host function, on this stack or on a fiber.

#![expect(unsafe_code, reason = "enters machine code")]

use super::StoreContextMut;
#[cfg(feature = "coredump")]
use super::coredump::WasmCoreDump;
use super::store::StoreInner;
use super::trap::WasmBacktrace;
use crate::abi::{EnterFn, MAGIC_HOST, ValRaw, VmContext, VmFuncRef, VmHostFunc};
use crate::engine::RegisteredType;
use crate::exec::{self, Cancelled, ExecCore, Raised, RawFrame};
use crate::store::{self, CallHook, StoreCore};
use crate::{Error, Result};
use std::future::Future;
use std::panic::resume_unwind;
use std::ptr::{self, NonNull};

/// Calls a function of this store on the current stack.
///
/// # Errors
///
/// The guest's trap or the host function's error, with a backtrace of the guest where there was one.
///
/// # Panics
///
/// With the payload of a host function that panicked.
///
/// # Safety
///
/// `func` is of this store and of the type whose `enter` trampoline is given; `args` has a slot for each parameter and
/// result, parameters filled in with values of this store.
#[inline(always)]
pub(crate) unsafe fn call_raw(
    core: &mut StoreCore,
    func: NonNull<VmFuncRef>,
    enter: EnterFn,
    args: *mut ValRaw,
) -> Result<()> {
    let root = core.root();
    // SAFETY: the caller's; the root context is of this store.
    unsafe { call_as(core, root, func, enter, args) }
}

/// As [`call_raw`], in the name of an instance: what a host function sees as its caller.
///
/// # Safety
///
/// As for [`call_raw`]; `caller` is a context of this store.
#[inline]
unsafe fn call_as(
    core: &mut StoreCore,
    caller: *mut VmContext,
    func: NonNull<VmFuncRef>,
    enter: EnterFn,
    args: *mut ValRaw,
) -> Result<()> {
    let exec = core.exec_ptr();
    core.call_hook(CallHook::CallingWasm)?;
    // SAFETY: the caller's.
    let result = unsafe { call_and_take(exec, caller, func, enter, args) };
    // SAFETY: the executing half is the store core's first field; the call has ended.
    unsafe { (*exec.cast::<StoreCore>()).call_hook(CallHook::ReturningFromWasm) }?;
    result
}

/// # Safety
///
/// As for [`call_as`]; `exec` is the executing half of the store.
#[inline(always)]
unsafe fn call_and_take(
    exec: *mut ExecCore,
    caller: *mut VmContext,
    func: NonNull<VmFuncRef>,
    enter: EnterFn,
    args: *mut ValRaw,
) -> Result<()> {
    // SAFETY: the caller's; a function's context never changes.
    let vmctx = unsafe { (*func.as_ptr()).vmctx };
    // SAFETY: the caller's.
    let raised = if unsafe { is_host(func) } {
        let host = vmctx.cast::<VmHostFunc>();
        // SAFETY: a host function's context holds its shim; the calling context is of this store.
        unsafe {
            if ((*host).shim)(host, caller, args) {
                return Ok(());
            }
            (*exec).raised.take()
        }
    } else {
        // SAFETY: the caller's; the code of a wasm function never changes.
        let code = unsafe { (*func.as_ptr()).code };
        // SAFETY: the caller's.
        match unsafe { exec::enter(exec, enter, vmctx, caller, args, code) } {
            Ok(()) => return Ok(()),
            Err(raised) => Some(raised),
        }
    };
    // SAFETY: the store is live and its call has ended.
    Err(unsafe { into_error(exec, raised) })
}

/// Whether a function is the host's.
///
/// # Safety
///
/// The function is of a live store.
#[inline]
pub(super) unsafe fn is_host(func: NonNull<VmFuncRef>) -> bool {
    // SAFETY: the caller's; both kinds of context begin with their magic.
    unsafe { (*(*func.as_ptr()).vmctx).magic == MAGIC_HOST }
}

/// How to enter a function of this type.
///
/// # Errors
///
/// There is no memory for the trampolines of its type, or this build cannot compile them and no module brought them.
///
/// # Safety
///
/// The function is of a live store.
pub(super) unsafe fn entry(
    core: &StoreCore,
    func: NonNull<VmFuncRef>,
    ty: &RegisteredType,
) -> Result<EnterFn> {
    match core.engine.known_trampolines(ty)? {
        Some(trampolines) => Ok(trampolines.enter),
        // SAFETY: the caller's.
        None if unsafe { is_host(func) } => Ok(exec::no_entry),
        None => Err(crate::format_err!(
            "there are no trampolines for the type {}: this build has no compiler, and no module brought them",
            ty.ty()
        )),
    }
}

/// What was raised, as the error that the caller sees.
///
/// # Safety
///
/// `exec` is the executing half of a live store that nobody else uses now.
#[cold]
unsafe fn into_error(exec: *mut ExecCore, raised: Option<Raised>) -> Error {
    let error = match raised {
        Some(Raised::Trap(trap)) => Error::from(trap),
        Some(Raised::Error(error)) => error,
        Some(Raised::Panic(payload)) => resume_unwind(payload),
        None => crate::format_err!("a call failed without a reason"),
    };
    // SAFETY: the executing half is the store core's first field.
    let core = unsafe { &mut *exec.cast::<StoreCore>() };
    let frames = std::mem::take(&mut core.exec.frames);
    let with_trace = !frames.is_empty() && !error.is::<WasmBacktrace>() && !error.is::<Cancelled>();
    let error = if with_trace {
        with_frames(error, core, &frames)
    } else {
        error
    };
    // The buffer goes back: the signal handler must find room in it.
    core.exec.frames = frames;
    core.exec.frames.clear();
    error
}

/// Attaches what the engine is configured to attach.
fn with_frames(error: Error, core: &StoreCore, frames: &[RawFrame]) -> Error {
    let mut error = error;
    if core.engine.backtrace_limit().is_some() {
        error = error.context(WasmBacktrace::from_frames(core, frames));
    }
    #[cfg(feature = "coredump")]
    if core.engine.dumps_core() && !error.is::<WasmCoreDump>() {
        let trace = WasmBacktrace::from_frames(core, frames);
        error = error.context(WasmCoreDump::new(core, trace));
    }
    error
}

/// Runs an instance's start function, which may be imported, on the current stack and in the instance's name.
///
/// # Errors
///
/// As for [`call_raw`].
pub(crate) fn call_start(
    core: &mut StoreCore,
    start: store::Start,
    ty: &RegisteredType,
) -> Result<()> {
    let store::Start { func, instance } = start;
    // SAFETY: the reference is of this store.
    let enter = unsafe { entry(core, func, ty) }?;
    // SAFETY: validation gives start functions no parameters and no results; the reference and the context are of one
    // instance of this store.
    unsafe { call_as(core, instance.as_ptr(), func, enter, ptr::null_mut()) }
}

/// A pointer that is sent with a future which borrows what it points to.
struct Sent<T>(*mut T);
// SAFETY: made by `on_fiber` alone, which holds the borrow that the pointer stands for, and whose future is `Send` only
// if that borrow is.
unsafe impl<T> Send for Sent<T> {}

impl<T> Sent<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

/// Runs `f` on a fiber of the store; inside it may wait by `StoreCore::block_on`.
///
/// # Errors
///
/// There is no stack to be had. What `f` answers is inside.
pub(crate) fn on_fiber<T: 'static, R: Send>(
    store: &mut StoreContextMut<'_, T>,
    f: impl FnOnce(&mut StoreContextMut<'_, T>) -> R + Send,
) -> impl Future<Output = Result<R>> + Send {
    let inner = Sent::<StoreInner<T>>(ptr::from_mut(&mut *store.0));
    let pool = Sent::<StoreInner<T>>(inner.get());
    let exec = inner.get().cast::<ExecCore>();
    let new_stack = move || {
        let inner = pool.get();
        // SAFETY: the store is borrowed by this future.
        let core = unsafe { &(*inner).core };
        core.engine.new_stack()
    };
    let run = move || {
        let inner = inner.get();
        // SAFETY: as above, exclusively; nothing but the fiber uses it while it runs.
        f(&mut StoreContextMut(unsafe { &mut *inner }))
    };
    // SAFETY: `store` is borrowed for as long as this future lives, as its type says, and callers keep the store itself in
    // their own futures, which are `Send` only if it is. What runs on the fiber is wasm code, this crate's frames, sync
    // host functions between which nothing suspends, and `Send` futures; see `exec::on_fiber`'s room.
    unsafe { exec::on_fiber(exec, new_stack, run) }
}
