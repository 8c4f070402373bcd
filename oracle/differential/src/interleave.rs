//! One guest in tussah alone, in many ways: on the caller's stack; on a fiber with imports that are pending, with yields by
//! fuel and by epochs; among others on one executor; and after others were dropped halfway. It must do the same each time,
//! and use the same fuel.

use crate::case::{Case, FIBER, FUEL, Mode, PLAIN, Settings};
use crate::compare::{Against, compare};
use crate::generate;
use crate::observe::Observed;
use crate::ours::run::{self, THREAD_STACK};
use crate::rng::Rng;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use tussah::{Engine, Module};

/// What a case went through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interleaved {
    /// Runs that were compared.
    pub runs: u64,
    /// How often guests gave the thread back.
    pub yields: u64,
    /// Runs that were dropped halfway.
    pub dropped: u64,
    /// Whether every call returned.
    pub returned: bool,
    /// Host calls of one run.
    pub host_calls: u64,
}

thread_local! {
    /// Engines are dear, and made once per setting. Each thread has its own, as their epochs must not change for others.
    static ENGINES: RefCell<Vec<(Settings, Engine)>> = const { RefCell::new(Vec::new()) };
}

fn engine(settings: &Settings) -> Engine {
    ENGINES.with_borrow_mut(|engines| {
        if let Some((_, engine)) = engines.iter().find(|(known, _)| known == settings) {
            return engine.clone();
        }
        let engine = run::engine(settings);
        engines.push((*settings, engine.clone()));
        engine
    })
}

/// Runs `work` on a thread whose stack has room for the deepest guest.
///
/// # Panics
///
/// As `work` does.
pub fn with_room<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(THREAD_STACK).spawn(work);
    match thread.expect("a thread").join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Runs the case that these bytes stand for; `None` if they stand for none. Needs a thread as [`with_room`] makes it.
///
/// # Panics
///
/// If the guest did not do the same each time.
pub fn interleave(data: &[u8]) -> Option<Interleaved> {
    let seed = u64::from_le_bytes(*data.first_chunk()?);
    let mut rng = Rng::new(seed ^ 0x1e4f);
    // Our own modules do much; those of wasm-smith are odd.
    let case = if rng.chance(1, 3) {
        generate::structured(seed)
    } else {
        generate::smith_of(data)?.0
    };
    let settings = Settings {
        epochs: rng.chance(1, 3),
        signals: rng.chance(3, 4),
        reservation: rng.chance(1, 4).then_some(0),
        optimises: rng.chance(1, 2),
        ..FUEL
    };
    let module = run::compile(&engine(&settings), &case.wasm);
    let module = module.unwrap_or_else(|why| panic!("{} is refused: {why}", case.name));
    let mut ways = Ways {
        module: &module,
        settings,
        rng,
        seen: Interleaved::default(),
    };
    ways.alone(&case);
    ways.among_others(&case);
    ways.after_drops(&case);
    Some(ways.seen)
}

struct Ways<'a> {
    module: &'a Module,
    settings: Settings,
    rng: Rng,
    seen: Interleaved,
}

type Running<'a> = Pin<Box<dyn Future<Output = Observed> + 'a>>;

impl Ways<'_> {
    /// On the caller's stack: what all others are compared with.
    fn plain(&self, case: &Case) -> Observed {
        let mode = Mode {
            settings: self.settings,
            ..PLAIN
        };
        run::observe(self.module, case, &mode, 0)
    }

    /// Some way on a fiber.
    fn any(&mut self, pending: bool, yields: bool) -> Mode {
        Mode {
            settings: self.settings,
            pending,
            interval: yields.then(|| {
                let most = *self.rng.pick(&[3, 50, 1_000, 20_000]);
                u64::from(self.rng.below(most)) + 1
            }),
            ..FIBER
        }
    }

    fn judge(&mut self, case: &Case, way: &str, mode: &Mode, expected: &Observed, seen: &Observed) {
        let comparison = compare(expected, seen, Against::Ourselves);
        self.seen.runs += 1;
        self.seen.yields += seen.yields;
        let lines: Vec<_> = comparison.differences.iter().map(|d| &*d.what).collect();
        assert!(
            lines.is_empty(),
            "{} differs {way}, {mode:?}:\n{}",
            case.name,
            lines.join("\n")
        );
    }

    fn alone(&mut self, case: &Case) {
        let expected = self.plain(case);
        self.seen.returned = expected.returned();
        self.seen.host_calls = expected.calls.last().map_or(0, |call| call.host_calls);
        for (pending, yields) in [(true, false), (false, true), (true, true)] {
            let mut mode = self.any(pending, yields);
            mode.ticks = self.settings.epochs && self.rng.chance(1, 2);
            let seen = run::observe(self.module, case, &mode, 0);
            self.judge(case, "alone", &mode, &expected, &seen);
        }
    }

    /// Some guests of the module, each with a host of its own seed, polled in any order.
    fn among_others(&mut self, case: &Case) {
        let count = 2 + self.rng.below(5);
        let guests: Vec<_> = (0..count)
            .map(|_| {
                let mut case = case.clone();
                case.seed = self.rng.number();
                let (pending, yields) = (self.rng.chance(2, 3), self.rng.chance(2, 3));
                (self.plain(&case), case, self.any(pending, yields))
            })
            .collect();
        let mut running: Vec<(usize, Running<'_>)> = guests
            .iter()
            .map(|(_, case, mode)| Box::pin(run::watch(self.module, case, mode, 0)) as Running<'_>)
            .enumerate()
            .collect();
        let mut ended = Vec::new();
        while !running.is_empty() {
            if self.settings.epochs && self.rng.chance(1, 4) {
                self.module.engine().increment_epoch();
            }
            let at = self.rng.below(u32::try_from(running.len()).expect("few")) as usize;
            match poll(&mut running[at].1) {
                Some(seen) => ended.push((running.swap_remove(at).0, seen)),
                None => self.seen.yields += 1,
            }
        }
        drop(running);
        for (guest, seen) in ended {
            let (expected, case, mode) = &guests[guest];
            self.judge(case, "among others", mode, expected, &seen);
        }
    }

    /// A fresh run after some were dropped, each wherever it was after some polls.
    fn after_drops(&mut self, case: &Case) {
        let expected = self.plain(case);
        for _ in 0..3 {
            let mut mode = self.any(true, true);
            let polls = self.rng.below(if self.rng.clone().chance(1, 2) {
                8
            } else {
                400
            });
            let mut running: Running<'_> = Box::pin(run::watch(self.module, case, &mode, 0));
            let ended = (0..polls).find_map(|_| poll(&mut running));
            drop(running);
            match ended {
                Some(seen) => self.judge(
                    case,
                    "although it was to be dropped",
                    &mode,
                    &expected,
                    &seen,
                ),
                None => self.seen.dropped += 1,
            }
            mode = self.any(true, false);
            let seen = run::observe(self.module, case, &mode, 0);
            self.judge(case, "after one was dropped", &mode, &expected, &seen);
        }
    }
}

fn poll(running: &mut Running<'_>) -> Option<Observed> {
    let mut cx = Context::from_waker(Waker::noop());
    match running.as_mut().poll(&mut cx) {
        Poll::Ready(seen) => Some(seen),
        Poll::Pending => None,
    }
}
