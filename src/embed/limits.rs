//! How the synchronous forms of allocating operations meet a limiter that may wait.

use super::StoreContextMut;
use crate::store::StoreCore;
use crate::{Result, bail};

/// Runs an operation that asks the limiter, unless the limiter is one that may wait.
///
/// On a fiber the frames of a synchronous host function may lie below; they may hold what must not change threads, so
/// nothing may suspend here.
///
/// # Errors
///
/// The limiter is async, or the operation's.
pub(super) fn without_waiting<T, R>(
    store: &mut StoreContextMut<'_, T>,
    operation: impl FnOnce(&mut StoreCore) -> Result<R>,
) -> Result<R> {
    let core = store.0.core_mut();
    if core.hooks().limiter_may_wait() {
        bail!("when using an async resource limiter `*_async` functions must be used instead");
    }
    operation(core)
}

#[cfg(all(test, feature = "cranelift", feature = "wat"))]
mod tests {
    //! An async limiter that is not ready at once, asked by synchronous operations.

    use crate::{Caller, Engine, Func, Memory, MemoryType, ResourceLimiterAsync, Result, Store};
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Pending once per question.
    struct Slow;

    #[async_trait::async_trait]
    impl ResourceLimiterAsync for Slow {
        async fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
            let mut asked = false;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
            .await;
            Ok(true)
        }

        async fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
            Ok(true)
        }
    }

    /// The future's answer, and how often it was polled.
    fn run<F: Future>(future: F) -> (F::Output, usize) {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        let mut polls = 1;
        loop {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut cx) {
                return (answer, polls);
            }
            polls += 1;
        }
    }

    #[test]
    fn synchronous_forms_do_not_wait_anywhere() {
        let mut store = Store::new(&Engine::default(), Slow);
        store.limiter_async(|limiter| limiter);
        let ty = MemoryType::new(1, None);
        assert!(Memory::new(&mut store, ty.clone()).is_err());
        let (memory, polls) = run(Memory::new_async(&mut store, ty));
        let memory = memory.unwrap();
        assert_eq!(polls, 2);
        assert!(memory.grow(&mut store, 1).is_err());

        // On a fiber, under the frame of a host function that may hold anything.
        let grow = Func::wrap(&mut store, move |mut caller: Caller<'_, Slow>| {
            i32::from(memory.grow(&mut caller, 1).is_ok())
        });
        let grow = grow.typed::<(), i32>(&store).unwrap();
        let (grown, polls) = run(grow.call_async(&mut store, ()));
        assert_eq!((grown.unwrap(), polls), (0, 1));
        assert_eq!(memory.size(&store), 1);
        let (before, polls) = run(memory.grow_async(&mut store, 1));
        assert_eq!((before.unwrap(), polls), (1, 2));
    }
}
