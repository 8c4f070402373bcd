//! Counts what was seen, prints it, and says whether it is enough.

#![expect(
    clippy::print_stdout,
    reason = "the summary is what the oracle is run for"
)]

use crate::case::{Case, Kind};
use crate::judge::Verdict;
use crate::observe::Ending;
use crate::session::Options;
use std::collections::BTreeMap;
use std::mem;
use std::time::Instant;

/// Units that a module has to use to count as one that executed something.
const MUCH: u64 = 1_000;

/// What a full run has to show.
const MODULES: u64 = 2_000;
const EXECUTED: u64 = 500;
const RETURNED_PERCENT: u64 = 60;

/// Whether fuel is exact at traps of operators that may also go well. While this is `false`, differences there are counted
/// and printed, but do not fail the run; once there are none the run fails until it is `true`, and from then on it holds.
const EXACT_AT_TRAPS: bool = true;

/// Whether nothing is written, and nothing left, when fuel ends at a bulk operation, as in the peer. Kept as
/// [`EXACT_AT_TRAPS`] is.
const EXACT_AT_BULK: bool = true;

/// How many differences are printed, and how many of a known sort.
const PRINTED: usize = 20;
const KNOWN_PRINTED: usize = 3;

/// What was seen of one kind of case.
#[derive(Debug, Default)]
struct Counts {
    modules: u64,
    refused: u64,
    /// Used [`MUCH`] or more.
    executed: u64,
    /// Every call returned, and the instantiation succeeded.
    returned: u64,
    /// By how they ended: calls and instantiations.
    endings: BTreeMap<String, u64>,
    fuel: u64,
    host_calls: u64,
    runs: u64,
    yields: u64,
    comparisons: u64,
    differences: u64,
    at_traps: u64,
    inexact: u64,
    /// Runs without fuel that were left out because the case does not end.
    endless: u64,
    overflows: u64,
    /// Units of the peer's own instantiations.
    startup: u64,
    after_bulk: u64,
}

pub(crate) struct Report {
    started: Instant,
    kinds: BTreeMap<Kind, Counts>,
    printed: usize,
    inexact: Vec<String>,
    after_bulk: Vec<String>,
    failures: Vec<String>,
}

/// Prints a line at once.
pub(crate) fn announce(line: &str) {
    println!("{line}");
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        println!(
            "oracle: {} modules from seed {}",
            options.modules, options.seed
        );
        Report {
            started: Instant::now(),
            kinds: BTreeMap::new(),
            printed: 0,
            inexact: Vec::new(),
            after_bulk: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn no_programs(&mut self, why: &str, fails: bool) {
        println!("\n!!! NO PROGRAMS ARE RUN: {why} !!!\n");
        if fails {
            self.failures.push(format!("no programs: {why}"));
        }
    }

    pub(crate) fn add(&mut self, case: &Case, verdict: &Verdict) {
        let counts = self.kinds.entry(case.kind).or_default();
        counts.modules += 1;
        match &verdict.reference {
            None => counts.refused += 1,
            Some(run) => {
                counts.executed += u64::from(run.fuel() >= MUCH);
                counts.returned += u64::from(run.returned());
                counts.fuel += run.fuel();
                counts.host_calls += run.calls.last().map_or(0, |call| call.host_calls);
                for call in &run.calls {
                    let ending = match &call.ending {
                        Ending::Returned(_) => "returned",
                        Ending::Trapped(name) => name,
                        Ending::HostError(_) => "host error",
                        Ending::Failed(_) => "failed otherwise",
                    };
                    *counts.endings.entry(ending.to_owned()).or_default() += 1;
                }
            }
        }
        counts.runs += verdict.runs;
        counts.yields += verdict.yields;
        counts.comparisons += verdict.comparisons;
        counts.differences += verdict.differences.len() as u64;
        counts.at_traps += verdict.at_traps;
        counts.inexact += verdict.inexact.len() as u64;
        counts.endless += verdict.endless;
        counts.overflows += verdict.overflows;
        for (what, modes) in &verdict.differences {
            if self.printed < PRINTED {
                println!(
                    "DIFFERENCE in {}: {what}: in {} modes, first {}",
                    case.name,
                    modes.len(),
                    modes[0]
                );
            }
            self.printed += 1;
        }
        counts.startup += verdict.startup;
        counts.after_bulk += verdict.after_bulk.len() as u64;
        if let Some((what, modes)) = verdict.after_bulk.first()
            && self.after_bulk.len() < KNOWN_PRINTED
        {
            self.after_bulk
                .push(format!("{}: {what}: in {} modes", case.name, modes.len()));
        }
        if self.inexact.len() < KNOWN_PRINTED {
            let lines = verdict.inexact.iter().take(1);
            self.inexact
                .extend(lines.map(|line| format!("{}: {line}", case.name)));
        }
    }

    /// Prints the summary: whether all is well.
    pub(crate) fn conclude(mut self, options: &Options) -> bool {
        println!("\nmodules, by kind:");
        println!(
            "kind         modules  >={MUCH}  returned  refused       fuel  host calls    runs    yields"
        );
        for (kind, c) in &self.kinds {
            println!(
                "{kind:<12}{:>8}{:>8}{:>10}{:>9}{:>11}{:>12}{:>8}{:>10}",
                c.modules,
                c.executed,
                c.returned,
                c.refused,
                c.fuel,
                c.host_calls,
                c.runs,
                c.yields
            );
        }
        println!("\ncalls and instantiations in the peer, by how they ended:");
        for (kind, c) in &self.kinds {
            let endings: Vec<_> = c
                .endings
                .iter()
                .map(|(name, n)| format!("{name} {n}"))
                .collect();
            println!("{kind:<12}{}", endings.join(", "));
        }
        println!();
        let sum = |of: fn(&Counts) -> u64| self.kinds.values().map(of).sum::<u64>();
        let differences = sum(|c| c.differences);
        println!("comparisons           {}", sum(|c| c.comparisons));
        println!("differences           {differences}");
        println!(
            "left out              {} runs without fuel of cases that do not end",
            sum(|c| c.endless)
        );
        println!(
            "cut short             {} comparisons at an overflow of the stack",
            sum(|c| c.overflows)
        );
        println!(
            "not compared          {} units of the peer's own instantiations",
            sum(|c| c.startup)
        );
        let after_bulk = sum(|c| c.after_bulk);
        println!("after fuel in bulk    {after_bulk} differences");
        let (at_traps, inexact) = (sum(|c| c.at_traps), sum(|c| c.inexact));
        println!(
            "fuel at other traps   {inexact} differences in {at_traps} runs of calls to a trap"
        );
        println!("time                  {:.1?}", self.started.elapsed());
        if differences > 0 {
            self.failures.push(format!("{differences} differences"));
        }
        if options.only.is_some() {
            for line in self.inexact.iter().chain(&self.after_bulk) {
                println!("KNOWN: {line}");
            }
        } else {
            let full = options.modules >= MODULES;
            let (traps, bulk) = (
                mem::take(&mut self.inexact),
                mem::take(&mut self.after_bulk),
            );
            self.judge_known(full, "EXACT_AT_TRAPS", EXACT_AT_TRAPS, inexact, &traps);
            self.judge_known(full, "EXACT_AT_BULK", EXACT_AT_BULK, after_bulk, &bulk);
            self.judge_amount();
        }
        for failure in &self.failures {
            println!("FAILED: {failure}");
        }
        self.failures.is_empty()
    }

    /// Something that does not hold yet must be seen not to hold, and something that does must hold.
    fn judge_known(
        &mut self,
        full: bool,
        name: &str,
        holds: bool,
        differences: u64,
        lines: &[String],
    ) {
        match (holds, differences) {
            (true, 0) => {}
            (true, _) => self
                .failures
                .push(format!("{name}: {differences} differences")),
            (false, 0) if full => {
                let text = format!("{name} holds: say so, that it stays so");
                self.failures.push(text);
            }
            (false, 0) => {}
            (false, _) => println!("KNOWN: {name} does not hold yet; for instance"),
        }
        for line in lines {
            println!("    {line}");
        }
    }

    /// Whether a full run has seen enough.
    fn judge_amount(&mut self) {
        let generated = |of: fn(&Counts) -> u64| {
            let kinds = [Kind::Smith, Kind::Structured];
            kinds
                .iter()
                .filter_map(|kind| self.kinds.get(kind))
                .map(of)
                .sum::<u64>()
        };
        let alone = self.kinds.get(&Kind::Smith);
        if let Some(c) = alone.filter(|c| c.modules > 0) {
            println!(
                "of wasm-smith alone   {} modules, {} with {MUCH} units or more, {} % returned from every call",
                c.modules,
                c.executed,
                100 * c.returned / c.modules
            );
        }
        let modules = generated(|c| c.modules);
        let executed = generated(|c| c.executed);
        let returned = generated(|c| c.returned);
        let percent = 100 * returned / modules.max(1);
        println!(
            "thresholds            {modules} modules (of {MODULES}), {executed} with {MUCH} units or more (of {EXECUTED}), \
             {percent} % returned from every call (of {RETURNED_PERCENT} %)"
        );
        if modules < MODULES {
            println!("                      not judged: a full run has {MODULES} modules");
            return;
        }
        let refused = self.kinds.values().map(|c| c.refused).sum::<u64>();
        if refused > 0 {
            self.failures.push(format!(
                "{refused} modules were refused by both: a generator is wrong"
            ));
        }
        if executed < EXECUTED || percent < RETURNED_PERCENT {
            self.failures
                .push("too little was executed, or too little returned".to_owned());
        }
    }
}
