//! Tells two runs of a case apart.

use crate::case::Case;
use crate::observe::{Call, Ending, Observed};
use std::fmt::Debug;

/// How two runs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// In anything but what follows.
    Plain,
    /// In the fuel used when a call ended in a trap where the peer's fuel is not exact.
    FuelAtTrap,
    /// In anything, after fuel had ended at a bulk operation.
    AfterBulk,
}

#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) nature: Nature,
    pub(crate) what: String,
}

/// What a comparison brought to light.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) made: u64,
    pub(crate) differences: Vec<Difference>,
    /// Whether a stack overflowed. Frames are not a part of the contract, so nothing from that call on is compared.
    pub(crate) overflowed: bool,
    /// Whether fuel ended at a bulk operation.
    bulk: bool,
}

/// Whose fuel a run's is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The peer's, which is not exact at all traps.
    Peer,
    /// Our own, in another mode.
    Ourselves,
}

impl Comparison {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, actual: &T) {
        self.judge(self.nature(), what, expected, actual);
    }

    fn nature(&self) -> Nature {
        if self.bulk {
            Nature::AfterBulk
        } else {
            Nature::Plain
        }
    }

    fn judge<T: PartialEq + Debug>(
        &mut self,
        nature: Nature,
        what: &str,
        expected: &T,
        actual: &T,
    ) {
        self.made += 1;
        if expected != actual {
            self.differences.push(Difference {
                nature,
                what: format!("{what}: {actual:x?} instead of {expected:x?}"),
            });
        }
    }

    fn call(&mut self, expected: &Call, actual: &Call, against: Against) {
        let name = &expected.name;
        self.same("name of call", name, &actual.name);
        self.made += 1;
        if !expected.ending.agrees(&actual.ending) {
            self.differences.push(Difference {
                nature: self.nature(),
                what: format!(
                    "{name} ended differently: {} instead of {}",
                    actual.ending, expected.ending
                ),
            });
        }
        self.same(
            &format!("{name}: host calls"),
            &expected.host_calls,
            &actual.host_calls,
        );
        self.same(
            &format!("{name}: what the host saw"),
            &expected.host_log,
            &actual.host_log,
        );
        if let (Some(expected), Some(actual)) = (expected.host_fuel, actual.host_fuel) {
            self.same(&format!("{name}: fuel at host calls"), &expected, &actual);
        }
        // How the call ended must be the same; what it wrote, and what is left, is known not to be.
        self.bulk |= expected.in_bulk;
        if let (Some(units), Some(own)) = (expected.fuel, actual.fuel) {
            let what = format!("{name}: fuel used in decimal {own} for {units}");
            if expected.ending.is_exact_in_peer() {
                self.same(&what, &units, &own);
            } else if against == Against::Ourselves && !self.bulk {
                self.judge(Nature::FuelAtTrap, &what, &units, &own);
            }
        }
    }
}

/// Compares a run with the one that it should be like.
pub(crate) fn compare(expected: &Observed, actual: &Observed, against: Against) -> Comparison {
    let mut comparison = Comparison::default();
    let overflowed = |call: &Call| call.ending.trap() == Some("StackOverflow");
    for (one, other) in expected.calls.iter().zip(&actual.calls) {
        if overflowed(one) || overflowed(other) {
            comparison.overflowed = true;
            return comparison;
        }
        comparison.call(one, other, against);
    }
    comparison.same("calls", &expected.calls.len(), &actual.calls.len());
    comparison.same("memories", &expected.memories, &actual.memories);
    comparison.same("globals", &expected.globals, &actual.globals);
    comparison.same("tables", &expected.tables, &actual.tables);
    comparison.same("output", &expected.output, &actual.output);
    comparison
}

/// Compares a run of tussah with what is known of the case itself.
pub(crate) fn expected(case: &Case, actual: &Observed) -> Comparison {
    let mut comparison = Comparison::default();
    if let (Some(expected), Some(call)) = (&case.expected, actual.calls.last()) {
        comparison.same("trap", &Some(expected.trap), &call.ending.trap());
        if let Some(fuel) = call.fuel {
            let nature = if call.ending.is_exact_in_peer() {
                Nature::Plain
            } else {
                Nature::FuelAtTrap
            };
            let what = format!(
                "fuel used at {} in decimal {fuel} for {}",
                expected.trap, expected.fuel
            );
            comparison.judge(nature, &what, &expected.fuel, &fuel);
        }
    }
    if let Some(output) = case.files.as_ref().and_then(|files| files.output.as_ref())
        && ended_well(actual)
    {
        let text = String::from_utf8_lossy(output);
        comparison.same("output", &text, &String::from_utf8_lossy(&actual.output));
    }
    comparison
}

/// Whether a program got to its end.
pub(crate) fn ended_well(run: &Observed) -> bool {
    run.calls.last().is_some_and(|call| match &call.ending {
        Ending::Returned(_) => call.name == "_start",
        Ending::HostError(text) => text == "exit 0",
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{Against, Nature, compare};
    use crate::observe::{Call, Ending, Observed, Value};

    fn call(ending: Ending) -> Call {
        Call {
            name: "run".to_owned(),
            ending,
            in_bulk: false,
            fuel: Some(1234),
            host_calls: 2,
            host_log: 77,
            host_fuel: Some(88),
        }
    }

    fn run(ending: Ending) -> Observed {
        Observed {
            calls: vec![call(Ending::Returned(Vec::new())), call(ending)],
            memories: vec![(65536, 5)],
            globals: vec![Value::F64(1)],
            tables: vec![(10, 6)],
            output: b"text".to_vec(),
            yields: 0,
        }
    }

    /// Each part of a run that is changed must be seen.
    #[test]
    fn every_change_is_a_difference() {
        let changes: [fn(&mut Observed); 15] = [
            |run| run.calls[1].name.push('x'),
            |run| run.calls[1].ending = Ending::Returned(vec![Value::I32(2)]),
            |run| run.calls[1].ending = Ending::Returned(vec![Value::I64(1)]),
            |run| run.calls[1].ending = Ending::Returned(Vec::new()),
            |run| run.calls[1].ending = Ending::Trapped("Interrupt".to_owned()),
            |run| run.calls[1].ending = Ending::HostError("no".to_owned()),
            |run| run.calls[1].ending = Ending::Failed("no".to_owned()),
            |run| run.calls[1].fuel = Some(1235),
            |run| run.calls[0].host_calls += 1,
            |run| run.calls[0].host_log += 1,
            |run| run.calls[0].host_fuel = Some(89),
            |run| run.memories[0].1 += 1,
            |run| run.globals[0] = Value::F64(2),
            |run| run.tables[0].0 += 1,
            |run| run.output.clear(),
        ];
        let right = run(Ending::Returned(vec![Value::I32(1)]));
        assert_eq!(compare(&right, &right, Against::Peer).differences.len(), 0);
        for (index, change) in changes.iter().enumerate() {
            let mut wrong = right.clone();
            change(&mut wrong);
            let found = compare(&right, &wrong, Against::Peer).differences;
            assert_eq!(found.len(), 1, "change {index}: {found:?}");
            assert_eq!(found[0].nature, Nature::Plain);
        }
        let mut wrong = right.clone();
        wrong.calls.pop();
        assert_eq!(compare(&right, &wrong, Against::Peer).differences.len(), 1);
    }

    #[test]
    fn fuel_counts_where_it_is_exact() {
        for (trap, against, differences) in [
            ("OutOfFuel", Against::Peer, 1),
            ("UnreachableCodeReached", Against::Peer, 1),
            ("MemoryOutOfBounds", Against::Peer, 0),
            ("MemoryOutOfBounds", Against::Ourselves, 1),
            ("StackOverflow", Against::Ourselves, 0),
        ] {
            let right = run(Ending::Trapped(trap.to_owned()));
            let mut wrong = right.clone();
            wrong.calls[1].fuel = Some(1);
            let found = compare(&right, &wrong, against).differences;
            assert_eq!(found.len(), differences, "{trap}, {against:?}");
        }
    }
}
