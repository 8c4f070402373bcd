//! Where waiting is done: on the runtime of whoever called, or, for synchronous use, on one of this crate.

use super::errno::{Answer, Errno};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use tokio::runtime::Handle;

/// Where an operation that blocks is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocking {
    /// On the pool of tokio's runtime, while the guest waits.
    Pool,
    /// Here, because the caller asked for it.
    InPlace,
}

impl Blocking {
    /// Runs `work`. If the future is dropped, work that has begun goes on by itself: it owns what it needs.
    pub(crate) async fn run<R: Send + 'static>(
        self,
        work: impl FnOnce() -> Answer<R> + Send + 'static,
    ) -> Answer<R> {
        match self {
            Blocking::InPlace => work(),
            // The work does not panic; a runtime that shuts down cancels it.
            Blocking::Pool => handle()
                .spawn_blocking(work)
                .await
                .unwrap_or(Err(Errno::IO)),
        }
    }
}

thread_local! {
    /// Whether this thread is inside [`block_on`].
    static BLOCKED: Cell<bool> = const { Cell::new(false) };
}

/// The caller's runtime, or that of this crate: if there is none, and inside [`block_on`], where the thread may be the only
/// one of the caller's.
pub(crate) fn handle() -> Handle {
    if BLOCKED.get() {
        return own().clone();
    }
    Handle::try_current().unwrap_or_else(|_| own().clone())
}

/// A runtime for callers without one: timers and readiness on a thread of its own, which begins when first needed.
fn own() -> &'static Handle {
    static OWN: LazyLock<Handle> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system has room for a runtime");
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name("tussah-wasi".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("the system has room for a thread");
        handle
    });
    &OWN
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until `future` is ready. What needs a runtime enters one by itself ([`handle`]).
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Outer(bool);
    impl Drop for Outer {
        fn drop(&mut self) {
            BLOCKED.set(self.0);
        }
    }
    let _outer = Outer(BLOCKED.replace(true));
    // The caller may be a task of tokio's, whose budget and whose queue of those who gave way must not matter here: the
    // thread that would look after them is this one.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Pending once: others get a turn.
pub(crate) async fn give_way() {
    let mut gave = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
