//! Counts outcomes and prints them.

use super::Outcome;
use crate::report::announce;
use std::collections::BTreeMap;
use std::time::Instant;

/// How many of them have to return from an exported function.
const RETURNED_PERCENT: u64 = 60;

/// Fewer are no sample: the percentage is printed, and not judged.
const SAMPLE: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Tally {
    started: Instant,
    modules: u64,
    nothing: u64,
    structured: u64,
    refused: u64,
    returned: u64,
    all_returned: u64,
    interpreted: u64,
    comparisons: u64,
    host_calls: u64,
    fuel: u64,
    yields: u64,
    out_of_fuel: u64,
    endless: u64,
    cut_by_fuel: u64,
    overflows: u64,
    differing: u64,
    only_newest: u64,
    called: u64,
    instantiations: BTreeMap<String, u64>,
    endings: BTreeMap<String, u64>,
    unsupported: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            started: Instant::now(),
            modules: 0,
            nothing: 0,
            structured: 0,
            refused: 0,
            returned: 0,
            all_returned: 0,
            interpreted: 0,
            comparisons: 0,
            host_calls: 0,
            fuel: 0,
            yields: 0,
            out_of_fuel: 0,
            endless: 0,
            cut_by_fuel: 0,
            overflows: 0,
            differing: 0,
            only_newest: 0,
            called: 0,
            instantiations: BTreeMap::new(),
            endings: BTreeMap::new(),
            unsupported: BTreeMap::new(),
        }
    }

    /// Bytes that stood for no module.
    pub(super) fn nothing(&mut self) {
        self.nothing += 1;
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.modules += 1;
        self.structured += u64::from(outcome.structured);
        self.refused += u64::from(outcome.refused.is_some());
        self.returned += u64::from(outcome.returned);
        self.all_returned += u64::from(outcome.all_returned);
        self.interpreted += u64::from(outcome.interpreted);
        self.comparisons += outcome.comparisons;
        self.host_calls += outcome.host_calls;
        self.fuel += outcome.fuel;
        self.yields += outcome.yields;
        self.out_of_fuel += u64::from(outcome.out_of_fuel);
        self.endless += u64::from(outcome.endless);
        self.cut_by_fuel += u64::from(outcome.cut_by_fuel);
        self.overflows += outcome.overflows;
        self.differing += u64::from(!outcome.differences.is_empty());
        self.only_newest += u64::from(!outcome.only_newest.is_empty());
        self.called += u64::from(outcome.endings.len() > 1);
        let mut counts = &mut self.instantiations;
        for ending in &outcome.endings {
            *counts.entry(ending.clone()).or_default() += 1;
            counts = &mut self.endings;
        }
        if let Some(why) = &outcome.unsupported {
            // Without the offset, which is each module's own.
            let why = why.split(" (at offset").next().unwrap_or(why);
            *self.unsupported.entry(why.to_owned()).or_default() += 1;
        }
        if let Some(why) = &outcome.refused
            && self.refused < 4
        {
            announce(&format!("refused by both, {}: {why}", outcome.name));
        }
    }

    fn percent(&self, of: u64) -> u64 {
        100 * of / self.modules.max(1)
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(super) fn progress(&self) {
        #[expect(clippy::cast_precision_loss, reason = "printed with one digit")]
        let rate = self.modules as f64 / self.seconds().max(0.001);
        announce(&format!(
            "{} modules, {} % returned, {} differ, {:.0} s, {rate:.1}/s",
            self.modules,
            self.percent(self.returned),
            self.differing,
            self.seconds()
        ));
    }

    /// Prints the summary: whether all is well.
    pub(super) fn conclude(&self) -> bool {
        let told = |counts: &BTreeMap<String, u64>| {
            let parts: Vec<_> = counts.iter().map(|(k, n)| format!("{k} {n}")).collect();
            parts.join(", ")
        };
        announce("");
        announce(&format!(
            "modules               {}, {} of them structured, {} with calls, {} refused by both; {} seeds gave none",
            self.modules, self.structured, self.called, self.refused, self.nothing
        ));
        announce(&format!(
            "returned              {} % from an exported function, {} % from all",
            self.percent(self.returned),
            self.percent(self.all_returned)
        ));
        announce(&format!(
            "instantiations        {}",
            told(&self.instantiations)
        ));
        announce(&format!("calls                 {}", told(&self.endings)));
        announce(&format!(
            "work                  {} units of fuel, {} host calls, {} yields",
            self.fuel, self.host_calls, self.yields
        ));
        announce(&format!(
            "oracles               wasmtime {} modules, wasmi {}",
            self.modules - self.refused,
            self.interpreted
        ));
        for (why, count) in &self.unsupported {
            announce(&format!(
                "                      {count} wasmi refuses: {why}"
            ));
        }
        announce(&format!("comparisons           {}", self.comparisons));
        announce(&format!(
            "exhausted             fuel in {} modules ({} not run in tussah without fuel, {} compared with wasmi up to \
             there), stacks in {} comparisons",
            self.out_of_fuel, self.endless, self.cut_by_fuel, self.overflows
        ));
        announce(&format!(
            "explained otherwise   {} modules in which wasmi 2 alone differs: wasmi 1 does as wasmtime and tussah",
            self.only_newest
        ));
        announce(&format!("differing modules     {}", self.differing));
        announce(&format!("seconds               {:.0}", self.seconds()));
        let few = self.modules >= SAMPLE && self.percent(self.returned) < RETURNED_PERCENT;
        if few {
            announce(&format!("FAILED: fewer than {RETURNED_PERCENT} % return"));
        }
        if self.refused > 0 {
            announce("FAILED: the generator makes modules that are refused");
        }
        if self.differing > 0 {
            announce("FAILED: modules differ");
        }
        !few && self.refused == 0 && self.differing == 0
    }
}
