//! Transitions between host and guest, which an embedder may want to hear of.

#![cfg_attr(
    not(feature = "call-hook"),
    expect(dead_code, unreachable_pub, reason = "exported with the feature")
)]

use super::StoreCore;
use crate::Result;

/// A transition between the host and a guest.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum CallHook {
    /// The host is about to call a function of a guest.
    CallingWasm,
    /// Such a call has ended.
    ReturningFromWasm,
    /// A guest is about to call a function of the host.
    CallingHost,
    /// Such a call has ended.
    ReturningFromHost,
}

impl CallHook {
    /// Whether the host runs after this.
    pub fn entering_host(&self) -> bool {
        matches!(self, CallHook::ReturningFromWasm | CallHook::CallingHost)
    }

    /// Whether a guest runs after this.
    pub fn exiting_host(&self) -> bool {
        matches!(self, CallHook::ReturningFromHost | CallHook::CallingWasm)
    }
}

impl StoreCore {
    /// Tells the embedder of a transition, if it wants to know. Nothing at all in a build without the feature.
    ///
    /// # Errors
    ///
    /// The embedder's.
    #[inline(always)]
    pub(crate) fn call_hook(&mut self, transition: CallHook) -> Result<()> {
        if cfg!(feature = "call-hook") && self.has_call_hook {
            return self.tell_call_hook(transition);
        }
        Ok(())
    }

    /// Never part of the frame that enters wasm or suspends.
    #[cold]
    #[inline(never)]
    fn tell_call_hook(&mut self, transition: CallHook) -> Result<()> {
        self.hooks().call_hook(transition)
    }
}
