//! Futures that suspend on purpose.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// `Pending` a given number of times, waking itself each time.
#[derive(Debug)]
pub struct Yielder(u32);

/// A future that suspends `times` times before it is ready.
#[must_use]
pub fn suspend(times: u32) -> Yielder {
    Yielder(times)
}

impl Future for Yielder {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
