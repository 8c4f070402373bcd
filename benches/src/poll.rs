//! The executor of the benches: it polls, and does nothing else.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Polls a future until it is ready, as an executor with nothing else to do would; `between` is called after each poll
/// that was not the last. Returns also how many those were.
pub fn poll_to_end<F: Future>(future: F, mut between: impl FnMut()) -> (F::Output, u64) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let mut pending = 0;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return (output, pending);
        }
        pending += 1;
        between();
    }
}

/// As [`poll_to_end`], of a future whose polls nobody counts.
pub fn block_on<F: Future>(future: F) -> F::Output {
    poll_to_end(future, || {}).0
}

/// A future that is pending once. Nobody is woken: [`poll_to_end`] polls again anyway.
#[derive(Debug, Default)]
pub struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Yield, poll_to_end};

    #[test]
    fn polls_that_were_pending_are_counted() {
        let mut between = 0;
        let twice = async {
            Yield::default().await;
            Yield::default().await;
            7
        };
        assert_eq!(poll_to_end(twice, || between += 1), (7, 2));
        assert_eq!(between, 2);
    }
}
