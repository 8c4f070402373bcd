//! Ends the process when a case does not end.

use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{process, thread};

/// How long a case may take, on a busy machine too: a guest that fuel does not stop would run for ever.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a worker does.
#[derive(Default)]
pub(crate) enum State {
    #[default]
    Starts,
    /// This case, since then.
    Runs(String, Instant),
    Ended,
}

#[derive(Default)]
pub(crate) struct Busy(Mutex<State>);

impl Busy {
    pub(crate) fn runs(&self, case: String) {
        self.set(State::Runs(case, Instant::now()));
    }

    fn set(&self, state: State) {
        *self.0.lock().expect("nobody panics with this lock") = state;
    }
}

/// Says that a worker has ended, if only by a panic.
pub(crate) struct Ended<'a>(pub(crate) &'a Busy);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.set(State::Ended);
    }
}

/// Looks at workers until all have ended: no thread can be made to leave a guest that does not look at its fuel.
pub(crate) fn watch(workers: &[Busy]) {
    loop {
        thread::sleep(Duration::from_millis(200));
        let mut left = false;
        for worker in workers {
            match &*worker.0.lock().expect("nobody panics with this lock") {
                State::Runs(case, since) if since.elapsed() > PATIENCE => {
                    crate::report::announce(&format!(
                        "FAILED: {case} still runs after {PATIENCE:?}"
                    ));
                    process::exit(1);
                }
                State::Ended => {}
                State::Starts | State::Runs(..) => left = true,
            }
        }
        if !left {
            return;
        }
    }
}
