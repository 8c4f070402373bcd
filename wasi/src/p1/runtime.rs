//! Where waiting is done: on the runtime of whoever called, or, for synchronous use, on one of this crate.

use super::errno::{Answer, Errno};
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

/// The caller's runtime, or that of this crate.
pub(crate) fn handle() -> Handle {
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

/// Blocks this thread until `future` is ready. Its timers are those of this crate's runtime, so that it ends even on the
/// only thread of another one.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let _context = own().enter();
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
