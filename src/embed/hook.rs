//! The embedder's call hook.

#![expect(unsafe_code, reason = "waits on the running fiber")]

use super::store::StoreInner;
use super::{Store, StoreContextMut};
use crate::Result;
use crate::exec;
use crate::store::CallHook;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;

/// A call hook that may wait: what [`Store::call_hook_async`] takes.
#[async_trait::async_trait]
pub trait CallHookHandler<T>: Send {
    /// Told of a transition, as [`Store::call_hook`]'s closure is. The guest is suspended meanwhile.
    ///
    /// # Errors
    ///
    /// Ends the guest's call.
    async fn handle_call_event(&self, t: StoreContextMut<'_, T>, ch: CallHook) -> Result<()>;
}

type SyncHook<T> = Box<dyn FnMut(StoreContextMut<'_, T>, CallHook) -> Result<()> + Send + Sync>;

/// Whom a store tells of transitions.
pub(super) struct Hook<T: 'static>(Kind<T>);

enum Kind<T: 'static> {
    /// Nobody, or a closure that is running.
    None,
    Sync(SyncHook<T>),
    /// Shared with the call that is being told, which may be forgotten.
    Async(Arc<dyn CallHookHandler<T> + Send + Sync>),
}

impl<T> Default for Hook<T> {
    fn default() -> Self {
        Hook(Kind::None)
    }
}

impl<T> Store<T> {
    /// Sets a closure that is told of every transition between the host and guests: before and after each call of a
    /// guest's function by the host, and before and after each call of a host function by a guest.
    ///
    /// Its error ends the call in question: before a call of the host it is what the host function would have failed with,
    /// after a call it takes the place of the result. It is told of the transitions that follow from that, too. While it
    /// runs it is not told of anything.
    ///
    /// What the runtime itself does for a guest, such as growing a memory, is no call of the host.
    pub fn call_hook(
        &mut self,
        hook: impl FnMut(StoreContextMut<'_, T>, CallHook) -> Result<()> + Send + Sync + 'static,
    ) {
        let inner = self.inner_mut();
        inner.hook = Hook(Kind::Sync(Box::new(hook)));
        inner.core.has_call_hook = true;
    }

    /// As [`Store::call_hook`] with a hook that may wait. From here on the store is entered by `*_async` functions only.
    #[expect(
        clippy::implied_bounds_in_impls,
        reason = "the bounds of the other callbacks"
    )]
    pub fn call_hook_async(&mut self, hook: impl CallHookHandler<T> + Send + Sync + 'static) {
        let inner = self.inner_mut();
        inner.hook = Hook(Kind::Async(Arc::new(hook)));
        inner.core.has_call_hook = true;
        inner.core.async_required = true;
    }
}

impl<T> StoreInner<T> {
    pub(super) fn tell_hook(&mut self, transition: CallHook) -> Result<()> {
        match &mut self.hook.0 {
            Kind::None => Ok(()),
            Kind::Sync(_) => {
                let Kind::Sync(mut hook) = std::mem::take(&mut self.hook).0 else {
                    return Ok(());
                };
                let told =
                    catch_unwind(AssertUnwindSafe(|| hook(StoreContextMut(self), transition)));
                self.hook = Hook(Kind::Sync(hook));
                told.unwrap_or_else(|payload| resume_unwind(payload))
            }
            Kind::Async(handler) => {
                let handler = Arc::clone(handler);
                let exec = self.core.exec_ptr();
                let told = handler.handle_call_event(StoreContextMut(self), transition);
                // SAFETY: this store's work runs here, and of its references only the future's is used meanwhile. Between
                // the fiber's root and here are frames of this crate and wasm code; the future is `Send`.
                unsafe { exec::block_on(exec, pin!(told)) }?
            }
        }
    }
}
