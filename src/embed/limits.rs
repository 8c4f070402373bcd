//! How the synchronous forms of allocating operations meet a limiter that may wait.

use super::StoreContextMut;
use crate::exec::AsyncState;
use crate::store::StoreCore;

/// Runs an operation that asks the limiter, in such a way that the limiter cannot suspend.
///
/// On a fiber the frames of a synchronous host function lie below; they may hold what must not change threads, so
/// nothing may suspend here. An async limiter that is not ready at once is therefore an error, as it is off a fiber.
pub(super) fn without_waiting<T, R>(
    store: &mut StoreContextMut<'_, T>,
    operation: impl FnOnce(&mut StoreCore) -> R,
) -> R {
    struct Restore<'a>(&'a mut StoreCore, AsyncState);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            self.0.exec.async_state = std::mem::replace(&mut self.1, AsyncState::NONE);
        }
    }
    let core = store.0.core_mut();
    let state = std::mem::replace(&mut core.exec.async_state, AsyncState::NONE);
    let restore = Restore(core, state);
    operation(restore.0)
}
