//! In a build without call hooks nobody is told of transitions.

use super::store::StoreInner;
use crate::Result;
use crate::store::CallHook;
use std::marker::PhantomData;

/// Nobody.
pub(super) struct Hook<T: 'static>(PhantomData<fn(T)>);

impl<T> Default for Hook<T> {
    fn default() -> Self {
        Hook(PhantomData)
    }
}

impl<T> StoreInner<T> {
    #[expect(clippy::needless_pass_by_ref_mut, reason = "the signature of its twin")]
    pub(super) fn tell_hook(&mut self, _: CallHook) -> Result<()> {
        Ok(())
    }
}
