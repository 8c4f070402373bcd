//! The case of a fuzzer's bytes once in each of three runtimes: tussah in some mode, wasmtime, and wasmi.
//!
//! What is no difference is told and counted: that a runtime refuses what it does not implement, and that fuel or stack
//! end, which are each runtime's own. wasmtime's fuel is tussah's too, so between these two only stacks are.

#[cfg(test)]
mod known;
mod march;
mod tally;

pub use march::{Plan, march};

use crate::case::{Case, FIBER, Mode, PLAIN, Settings};
use crate::compare::{Against, Comparison, compare};
use crate::generate;
use crate::judge::startup;
use crate::observe::{Ending, Observed};
use crate::rng::Rng;
use crate::{interpreter, older, ours, peer};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The engines of all runtimes. They belong to one thread: the epochs of tussah's must not change for others.
pub struct Campaign {
    ours: Vec<(Settings, tussah::Engine)>,
    peer: wasmtime::Engine,
    interpreter: wasmi::Engine,
    older: wasmi_1::Engine,
}

/// The kinds of imports and exports, in the order in which wasmi wants the former.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Func,
    Table,
    Memory,
    Global,
}

/// What a module imports and exports, in its order.
pub(crate) struct Names {
    pub(crate) imports: Vec<Kind>,
    pub(crate) exports: Vec<String>,
}

impl Names {
    fn new(module: &wasmtime::Module) -> Self {
        let kinds = module.imports().map(|import| match import.ty() {
            wasmtime::ExternType::Func(_) => Kind::Func,
            wasmtime::ExternType::Table(_) => Kind::Table,
            wasmtime::ExternType::Memory(_) => Kind::Memory,
            wasmtime::ExternType::Global(_) => Kind::Global,
            wasmtime::ExternType::Tag(_) => unreachable!("no generated module has tags"),
        });
        Names {
            imports: kinds.collect(),
            exports: module.exports().map(|e| e.name().to_owned()).collect(),
        }
    }
}

/// What became of a case.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Names the case, and its file.
    pub name: String,
    /// The module.
    pub wasm: Vec<u8>,
    /// How tussah ran it.
    pub mode: String,
    /// What nothing explains.
    pub differences: Vec<String>,
    /// How the instantiation and the calls ended in wasmtime.
    endings: Vec<String>,
    /// Whether an exported function returned.
    returned: bool,
    /// Whether all did.
    all_returned: bool,
    structured: bool,
    host_calls: u64,
    fuel: u64,
    comparisons: u64,
    yields: u64,
    refused: Option<String>,
    /// Why wasmi refuses the module, if only wasmi does.
    unsupported: Option<String>,
    /// Fuel ended in wasmtime, and where it did tussah was compared to the unit.
    out_of_fuel: bool,
    /// What fuel left out: a run of tussah that does not count it, or the rest of the comparison with wasmi.
    endless: bool,
    cut_by_fuel: bool,
    /// Comparisons that ended at an overflow of a stack.
    overflows: u64,
    /// Whether wasmi was compared at all.
    interpreted: bool,
    /// Where the newest wasmi differs from all others, the one before among them.
    only_newest: Vec<String>,
}

impl std::fmt::Debug for Campaign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engines = self.ours.len();
        f.debug_struct("Campaign")
            .field("engines", &engines)
            .finish_non_exhaustive()
    }
}

impl Default for Campaign {
    fn default() -> Self {
        Campaign::new()
    }
}

impl Campaign {
    /// With engines for the peers; tussah's are made when they are needed.
    pub fn new() -> Self {
        let cheap = Settings {
            optimises: false,
            ..PLAIN.settings
        };
        // tussah's handlers come first, so that the peer's traps pass through our chain.
        let first = ours::run::engine(&PLAIN.settings);
        Campaign {
            ours: vec![(PLAIN.settings, first)],
            peer: peer::run::engine(&cheap),
            interpreter: interpreter::run::engine(),
            older: older::run::engine(),
        }
    }

    fn engine(&mut self, settings: &Settings) -> &tussah::Engine {
        let known = self.ours.iter().position(|(known, _)| known == settings);
        let at = known.unwrap_or_else(|| {
            self.ours.push((*settings, ours::run::engine(settings)));
            self.ours.len() - 1
        });
        &self.ours[at].1
    }

    /// Runs the case that these bytes stand for; `None` if they stand for none. Needs a thread as
    /// [`with_room`](crate::with_room) makes it.
    pub fn run(&mut self, data: &[u8]) -> Option<Outcome> {
        let seed = u64::from_le_bytes(*data.first_chunk()?);
        let mut rng = Rng::new(seed ^ 0xd1ff);
        let structured = rng.chance(1, 20);
        let (case, ends) = if structured {
            (generate::structured(seed), false)
        } else {
            generate::smith_of(data)?
        };
        let mode = any_mode(&mut rng, ends);
        let mut outcome = self.case(&case, &mode);
        outcome.structured = structured;
        Some(outcome)
    }

    fn case(&mut self, case: &Case, mode: &Mode) -> Outcome {
        let mut outcome = Outcome {
            name: case.name.clone(),
            wasm: case.wasm.clone(),
            mode: format!("{mode:?}"),
            ..Outcome::default()
        };
        let theirs = peer::run::compile(&self.peer, &case.wasm);
        let engine = self.engine(&mode.settings);
        let own = catch_unwind(AssertUnwindSafe(|| ours::run::compile(engine, &case.wasm)));
        let (theirs, own) = match (theirs, own) {
            (_, Err(_)) => return outcome.wrong("tussah: panicked while compiling".to_owned()),
            (Ok(_), Ok(Err(why))) => return outcome.wrong(format!("only tussah refuses: {why}")),
            (Err(why), Ok(Ok(_))) => return outcome.wrong(format!("only wasmtime refuses: {why}")),
            (Err(why), Ok(Err(_))) => {
                outcome.refused = Some(why);
                return outcome;
            }
            (Ok(theirs), Ok(Ok(own))) => (theirs, own),
        };
        let extra = startup(&self.peer, case, &theirs, &case.wasm);
        let reference = peer::run::observe(&theirs, case, &PLAIN, extra);
        outcome.note(&reference);
        if outcome.out_of_fuel && !mode.settings.fuel {
            outcome.endless = true;
        } else {
            match catch_unwind(AssertUnwindSafe(|| ours::run::observe(&own, case, mode, 0))) {
                Ok(seen) => {
                    outcome.yields = seen.yields;
                    let comparison = compare(&reference, &seen, Against::Peer);
                    outcome.take(&comparison);
                    outcome.differences.extend(lines("tussah", &comparison));
                }
                Err(_) => return outcome.wrong("tussah: panicked while running".to_owned()),
            }
        }
        self.interpret(case, &Names::new(&theirs), &reference, &mut outcome);
        outcome
    }

    /// Compares wasmi with wasmtime. Where they differ, the wasmi before says whose fault it is.
    fn interpret(
        &mut self,
        case: &Case,
        names: &Names,
        reference: &Observed,
        outcome: &mut Outcome,
    ) {
        let newest = guarded(|| {
            let module = interpreter::run::compile(&self.interpreter, &case.wasm)?;
            Ok(interpreter::run::observe(&module, case, names))
        });
        let said = match newest {
            Run::Refused(why) => {
                outcome.unsupported = Some(why);
                return;
            }
            Run::Panicked => {
                // Whoever panicked may have left its locks behind.
                self.interpreter = interpreter::run::engine();
                vec!["wasmi: panicked".to_owned()]
            }
            Run::Seen(seen) => {
                let comparison = outcome.beside(reference, &seen);
                outcome.interpreted = true;
                outcome.take(&comparison);
                lines("wasmi", &comparison)
            }
        };
        if said.is_empty() {
            return;
        }
        let older = guarded(|| {
            let module = older::run::compile(&self.older, &case.wasm)?;
            Ok(older::run::observe(&module, case, names))
        });
        if matches!(older, Run::Panicked) {
            self.older = older::run::engine();
        }
        match older {
            Run::Seen(seen) if outcome.beside(reference, &seen).differences.is_empty() => {
                outcome.only_newest = said;
            }
            _ => outcome.differences.extend(said),
        }
    }
}

/// What came of asking wasmi.
enum Run {
    Refused(String),
    Panicked,
    Seen(Observed),
}

fn guarded(run: impl FnOnce() -> Result<Observed, String>) -> Run {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(seen)) => Run::Seen(seen),
        Ok(Err(why)) => Run::Refused(why),
        Err(_) => Run::Panicked,
    }
}

fn lines(who: &str, comparison: &Comparison) -> Vec<String> {
    let lines = comparison.differences.iter();
    lines
        .map(|line| format!("{who} beside wasmtime: {}", line.what))
        .collect()
}

/// Some way to run a case; without fuel only if it ends by itself.
fn any_mode(rng: &mut Rng, ends: bool) -> Mode {
    let reservation = rng.chance(1, 4).then_some(0);
    let settings = Settings {
        fuel: !ends || rng.chance(1, 2),
        epochs: rng.chance(1, 4),
        signals: rng.chance(3, 4),
        reservation,
        may_move: reservation.is_some() || rng.chance(1, 2),
        optimises: rng.chance(1, 2),
    };
    if rng.chance(1, 2) {
        return Mode { settings, ..PLAIN };
    }
    Mode {
        settings,
        pending: rng.chance(1, 2),
        interval: (settings.fuel && rng.chance(1, 2)).then(|| u64::from(rng.below(2_000)) + 1),
        ticks: settings.epochs && rng.chance(1, 2),
        ..FIBER
    }
}

impl Outcome {
    fn wrong(mut self, what: String) -> Self {
        self.differences.push(what);
        self
    }

    fn note(&mut self, reference: &Observed) {
        self.endings = (reference.calls.iter())
            .map(|call| match &call.ending {
                Ending::Returned(_) => "returned".to_owned(),
                Ending::Trapped(name) => name.clone(),
                Ending::HostError(_) => "host error".to_owned(),
                Ending::Failed(_) => "failed otherwise".to_owned(),
            })
            .collect();
        let mut calls = reference.calls.iter().skip(1);
        self.returned = calls.any(|call| matches!(call.ending, Ending::Returned(_)));
        self.all_returned = reference.returned();
        self.out_of_fuel = reference.trapped("OutOfFuel");
        self.host_calls = reference.calls.last().map_or(0, |call| call.host_calls);
        self.fuel = reference.fuel();
    }

    fn take(&mut self, comparison: &Comparison) {
        self.comparisons += comparison.made;
        self.overflows += u64::from(comparison.overflowed);
    }

    /// Compares with wasmi, up to the end of fuel in either: what was done by then is each runtime's own.
    fn beside(&mut self, reference: &Observed, seen: &Observed) -> Comparison {
        let ended = |run: &Observed| {
            let ends = |ending: &Ending| ending.trap() == Some("OutOfFuel");
            run.calls.iter().position(|call| ends(&call.ending))
        };
        let first = [ended(reference), ended(seen)].into_iter().flatten().min();
        let Some(first) = first else {
            return compare(reference, seen, Against::Peer);
        };
        self.cut_by_fuel = true;
        let until = |run: &Observed| Observed {
            calls: run.calls[..first.min(run.calls.len())].to_vec(),
            ..Observed::default()
        };
        compare(&until(reference), &until(seen), Against::Peer)
    }
}
