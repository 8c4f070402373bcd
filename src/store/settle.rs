//! When host functions get their machine code.
//!
//! The code of a host function is the `exit` trampoline of its type, and there may be none yet: a build without the
//! compiler has the trampolines that its modules brought. So a function is taken without, and waits. Only an instance of
//! a module that knows the type can call it from wasm, and that module brings the trampolines; so whoever waits is
//! settled before an instance is made. The host calls host functions without any trampoline.

#![expect(unsafe_code, reason = "references are raw")]

use super::StoreCore;
use crate::Result;
use crate::abi::VmFuncRef;
use crate::engine::RegisteredType;
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

impl StoreCore {
    /// Takes a host function into the store: keeps its owner, and gives it its code as soon as there is one.
    ///
    /// # Errors
    ///
    /// There is no memory for the trampolines of its type.
    ///
    /// # Safety
    ///
    /// `func` lives in `owner`, is of this type, and its code is only written here.
    pub(crate) unsafe fn adopt<K: Any + Send + Sync>(
        &mut self,
        owner: &Arc<K>,
        func: NonNull<VmFuncRef>,
        ty: &RegisteredType,
    ) -> Result<()> {
        if !self.kept.keep(owner) {
            return Ok(());
        }
        // SAFETY: the caller's, and the owner is kept.
        let settled = unsafe { self.settle(func, ty) };
        if !matches!(settled, Ok(true)) {
            self.unsettled.push(func);
        }
        settled.map(|_| ())
    }

    /// Settles whoever waits, as far as that is possible.
    ///
    /// # Errors
    ///
    /// There is no memory for trampolines.
    #[inline]
    pub(super) fn settle_all(&mut self) -> Result<()> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.unsettled);
        let mut result = Ok(());
        waiting.retain(|&func| {
            // SAFETY: what waits is kept, and its owner holds its type.
            let settled = unsafe {
                self.func_type(func)
                    .map_or(Ok(false), |ty| self.settle(func, &ty))
            };
            match settled {
                Ok(done) => !done,
                Err(error) => {
                    result = Err(error);
                    true
                }
            }
        });
        self.unsettled = waiting;
        result
    }

    /// Gives a host function its code; false if there is none yet.
    ///
    /// # Safety
    ///
    /// As for [`StoreCore::adopt`].
    unsafe fn settle(&self, func: NonNull<VmFuncRef>, ty: &RegisteredType) -> Result<bool> {
        // SAFETY: the function is alive. Other stores of the engine may settle it too, on their threads, so everybody is
        // atomic; machine code and copies of the reference read it only after their own store has seen it set.
        let code =
            unsafe { AtomicPtr::from_ptr((&raw mut (*func.as_ptr()).code).cast::<*mut u8>()) };
        if !code.load(Ordering::Acquire).is_null() {
            return Ok(true);
        }
        let Some(trampolines) = self.engine.known_trampolines(ty)? else {
            return Ok(false);
        };
        // The owner holds the type and thereby its trampolines, which are the same for everybody: who is late writes
        // nothing.
        let exit = trampolines.exit.cast_mut();
        let _ = code.compare_exchange(
            std::ptr::null_mut(),
            exit,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        Ok(true)
    }
}
