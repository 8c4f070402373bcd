//! Runs one case in the peer and in all modes of tussah, and says what differs.

use crate::case::{Case, MODES, Mode, PLAIN, SETTINGS};
use crate::compare::{self, Against, Comparison, Nature, compare};
use crate::observe::Observed;
use crate::sections::with_empty_start;
use crate::{ours, peer, programs};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The engines of both runtimes.
pub(crate) struct Engines {
    ours: Vec<tussah::Engine>,
    peer: wasmtime::Engine,
}

impl Engines {
    pub(crate) fn new() -> Self {
        Engines {
            // First, so that the peer's traps pass through our handler's chain.
            ours: SETTINGS.iter().map(ours::run::engine).collect(),
            peer: peer::run::engine(&PLAIN.settings),
        }
    }
}

/// What became of a case.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What the peer did; `None` if it refused the module.
    pub(crate) reference: Option<Observed>,
    pub(crate) comparisons: u64,
    /// Runs of tussah.
    pub(crate) runs: u64,
    pub(crate) yields: u64,
    /// What differs, and in which modes.
    pub(crate) differences: Vec<(String, Vec<&'static str>)>,
    /// As [`Verdict::differences`], after fuel ended at a bulk operation.
    pub(crate) after_bulk: Vec<(String, Vec<&'static str>)>,
    /// Units of the peer's own instantiation.
    pub(crate) startup: u64,
    /// Fuel at traps where the peer's is not exact: comparisons, and those that differed.
    pub(crate) at_traps: u64,
    pub(crate) inexact: Vec<String>,
    /// Runs without fuel that were left out because the case does not end.
    pub(crate) endless: u64,
    /// Comparisons that ended at an overflow of the stack.
    pub(crate) overflows: u64,
}

impl Verdict {
    fn take(&mut self, mode: &Mode, beside: &str, comparison: Comparison) {
        self.comparisons += comparison.made;
        self.overflows += u64::from(comparison.overflowed);
        for difference in comparison.differences {
            let text = format!("beside {beside}: {}", difference.what);
            match difference.nature {
                Nature::Plain => note(&mut self.differences, mode, text),
                Nature::AfterBulk => note(&mut self.after_bulk, mode, text),
                Nature::FuelAtTrap => self.inexact.push(format!("{}, {text}", mode.name)),
            }
        }
    }

    fn wrong(&mut self, mode: &Mode, text: String) {
        note(&mut self.differences, mode, text);
    }
}

fn note(list: &mut Vec<(String, Vec<&'static str>)>, mode: &Mode, text: String) {
    match list.iter_mut().find(|(known, _)| *known == text) {
        Some((_, modes)) => modes.push(mode.name),
        None => list.push((text, vec![mode.name])),
    }
}

/// What the peer uses to instantiate a module before the start function is entered. It compiles initializers into a
/// function that counts as one, with bulk operations and a call; which of them need it is no part of the contract.
pub(crate) fn startup(
    engine: &wasmtime::Engine,
    case: &Case,
    module: &wasmtime::Module,
    wasm: &[u8],
) -> u64 {
    let functions = module
        .imports()
        .filter(|import| import.ty().func().is_some());
    let functions = u32::try_from(functions.count()).expect("a module's functions");
    let alone = Case {
        rounds: 0,
        fuel: u64::from(u32::MAX),
        ..case.clone()
    };
    match with_empty_start(wasm, functions) {
        Some(wasm) => {
            let module = peer::run::compile(engine, &wasm).expect("a valid module");
            let used = peer::run::observe(&module, &alone, &PLAIN, 0).fuel();
            // Entering the empty function is the case's own.
            used.saturating_sub(1)
        }
        None => peer::run::observe(module, &alone, &PLAIN, 0).fuel(),
    }
}

/// Whether a case runs in a mode.
fn applies(case: &Case, mode: &Mode) -> bool {
    // A yield at every turn of every loop takes its time.
    let often = mode.ticks || mode.interval.is_some_and(|units| units < 100);
    !(often && programs::is_long(case))
}

/// Judges a case.
pub(crate) fn judge(engines: &Engines, case: &Case) -> Verdict {
    judge_pair(engines, case, &case.wasm)
}

/// As [`judge`], but the peer runs another module: for tests that want to see the difference found.
pub(crate) fn judge_pair(engines: &Engines, case: &Case, theirs: &[u8]) -> Verdict {
    let mut verdict = Verdict::default();
    let compiled = peer::run::compile(&engines.peer, theirs);
    let reference = match &compiled {
        Ok(module) => {
            verdict.startup = startup(&engines.peer, case, module, theirs);
            Some(peer::run::observe(module, case, &PLAIN, verdict.startup))
        }
        Err(_) => None,
    };
    let mut own: Option<Observed> = None;
    let mut modules: Vec<Option<tussah::Module>> = vec![None; SETTINGS.len()];
    for mode in MODES.iter().filter(|mode| applies(case, mode)) {
        let endless = reference
            .as_ref()
            .is_some_and(|run| run.trapped("OutOfFuel"));
        if endless && !mode.settings.fuel {
            verdict.endless += 1;
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let at = SETTINGS.iter().position(|one| *one == mode.settings);
            let at = at.expect("modes are made of these settings");
            let slot = &mut modules[at];
            if slot.is_none() {
                *slot = Some(ours::run::compile(&engines.ours[at], &case.wasm)?);
            }
            let module = slot.as_ref().expect("just compiled");
            Ok::<_, String>(ours::run::observe(module, case, mode, 0))
        }));
        verdict.runs += 1;
        let run = match (outcome, &reference, &compiled) {
            (Ok(Ok(run)), Some(_), _) => run,
            (Ok(Err(_)), None, _) => {
                verdict.comparisons += 1;
                continue;
            }
            (Ok(Ok(_)), None, Err(why)) => {
                verdict.wrong(mode, format!("only the peer refuses: {why}"));
                continue;
            }
            (Ok(Err(why)), _, _) => {
                verdict.wrong(mode, format!("only tussah refuses: {why}"));
                continue;
            }
            (Err(_), _, _) | (_, None, Ok(_)) => {
                verdict.wrong(mode, "panicked".to_owned());
                continue;
            }
        };
        verdict.yields += run.yields;
        if let Some(reference) = &reference {
            verdict.take(mode, "the peer", compare(reference, &run, Against::Peer));
        }
        let known = compare::expected(case, &run);
        if mode.settings.fuel {
            let traps = run
                .calls
                .iter()
                .filter(|call| !call.ending.is_exact_in_peer());
            verdict.at_traps += traps.count() as u64;
        }
        verdict.take(mode, "what is known", known);
        match &own {
            Some(own) => verdict.take(
                mode,
                "the native stack",
                compare(own, &run, Against::Ourselves),
            ),
            None => own = Some(run),
        }
    }
    verdict.reference = reference;
    verdict
}
