//! The whole of a bench executable: reads the arguments, starts the workers, measures, prints.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::case::{Batch, Case};
use crate::measure::{Effort, Pair, ROUNDS, Side, Sides, measure};
use crate::report;
use crate::worker::{self, Worker};

const LONGEST_SECONDS: f64 = 3600.0;
/// `--quick` divides the time by this.
const QUICK: f64 = 10.0;

/// A bench.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// Its name.
    pub verb: &'static str,
    /// How long all of it takes by default, where the cases are not so slow that it takes longer.
    pub seconds: f64,
    /// The cases on tussah.
    pub ours: fn() -> Vec<Case>,
    /// The same cases in the same order on the peer.
    pub peer: fn() -> Vec<Case>,
    /// What else a reader of the results must know.
    pub note: &'static str,
}

/// What was measured of one case.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) mode: Option<(String, &'static str)>,
    pub(crate) sets: &'static [&'static str],
    /// A against A, of cases that are no modes of others.
    pub(crate) noise: Option<Pair>,
    /// A against B.
    pub(crate) pair: Pair,
    /// By how many bytes one operation raised the peak of a fresh process on either side.
    pub(crate) peak: Option<(u64, u64)>,
}

/// What a bench found out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    /// Groups that could not be measured, and why.
    pub(crate) failures: Vec<(String, String)>,
}

impl Bench {
    /// Does what the arguments say.
    #[must_use]
    pub fn main(&self) -> ExitCode {
        let mut args = std::env::args().skip(1).peekable();
        if args.next_if(|arg| arg == worker::ARGUMENT).is_some() {
            let cases = match args.next().as_deref() {
                Some("a") => (self.ours)(),
                _ => (self.peer)(),
            };
            return self.exit(worker::serve(&cases), 1);
        }
        match Options::parse(args, self.seconds) {
            Ok(Some(options)) => self.exit(self.run(&options), 1),
            Ok(None) => {
                report::usage(self.verb, self.seconds);
                ExitCode::SUCCESS
            }
            Err(error) => self.exit(Err(error), 2),
        }
    }

    fn exit(&self, result: Result<()>, code: u8) -> ExitCode {
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report::failure(self.verb, &error);
                ExitCode::from(code)
            }
        }
    }

    fn run(&self, options: &Options) -> Result<()> {
        let cases = (self.ours)();
        let peer = (self.peer)();
        ensure!(
            cases
                .iter()
                .map(|c| &c.name)
                .eq(peer.iter().map(|c| &c.name)),
            "the sides have different cases"
        );
        let groups = groups(&cases, options.filter.as_deref());
        ensure!(!groups.is_empty(), "no case has such a name");

        let all: usize = groups.iter().map(Vec::len).sum();
        let mut outcome = Outcome::default();
        for group in &groups {
            let effort = Effort {
                time: Duration::from_secs_f64(options.seconds * group.len() as f64 / all as f64),
                rounds: if options.quick { 1 } else { ROUNDS },
            };
            match measure_group(&cases, group, effort) {
                Ok(rows) => outcome.rows.extend(rows),
                Err(error) => {
                    let name = cases[group[0]].name.clone();
                    outcome.failures.push((name, format!("{error:#}")));
                }
            }
        }
        if options.json {
            report::json(self, &outcome);
        } else {
            report::table(self, &outcome);
        }
        let failed = outcome.failures.len();
        ensure!(failed == 0, "{failed} of {} failed", groups.len());
        Ok(())
    }
}

/// Indices of wanted cases: each plain case with its modes, and with each wanted mode its plain case.
fn groups(cases: &[Case], filter: Option<&str>) -> Vec<Vec<usize>> {
    let wanted = |case: &Case| filter.is_none_or(|part| case.name.contains(part));
    let plain_cases = cases.iter().enumerate().filter(|(_, c)| c.mode.is_none());
    plain_cases
        .map(|(plain, case)| {
            let modes = cases.iter().enumerate().filter(|(_, mode)| {
                mode.mode.is_some() && mode.plain() == case.name && wanted(mode)
            });
            let mut group: Vec<_> = modes.map(|(mode, _)| mode).collect();
            if wanted(case) || !group.is_empty() {
                group.insert(0, plain);
            }
            group
        })
        .filter(|group| !group.is_empty())
        .collect()
}

/// One group's processes.
struct Workers {
    a: Worker,
    again: Worker,
    b: Worker,
}

impl Sides for Workers {
    fn batch(&mut self, side: Side, case: usize, operations: u64) -> Result<Batch> {
        let worker = match side {
            Side::A => &mut self.a,
            Side::Again => &mut self.again,
            Side::B => &mut self.b,
        };
        worker
            .batch(case, operations)
            .with_context(|| format!("side {side:?}"))
    }
}

fn measure_group(cases: &[Case], group: &[usize], effort: Effort) -> Result<Vec<Row>> {
    let mut peaks = Vec::new();
    for &case in group {
        let peak = |side| -> Result<u64> {
            let mut worker = Worker::start(side)?;
            worker.batch(case, 1)?;
            worker.peak()
        };
        peaks.push(if cases[case].peak {
            Some((peak("a")?, peak("b")?))
        } else {
            None
        });
    }
    let mut workers = Workers {
        a: Worker::start("a")?,
        again: Worker::start("a")?,
        b: Worker::start("b")?,
    };
    let measured = measure(&mut workers, group, effort)?;
    let rows = group.iter().zip(measured.pairs).zip(peaks);
    Ok(rows
        .map(|((&case, pair), peak)| {
            let case = &cases[case];
            Row {
                name: case.name.clone(),
                mode: case.mode.clone(),
                sets: case.sets,
                noise: case.mode.is_none().then_some(measured.noise),
                pair,
                peak,
            }
        })
        .collect())
}

#[derive(Debug)]
struct Options {
    json: bool,
    quick: bool,
    /// For all cases together.
    seconds: f64,
    filter: Option<String>,
}

impl Options {
    /// `None` if help is wanted.
    fn parse(mut args: impl Iterator<Item = String>, seconds: f64) -> Result<Option<Self>> {
        let mut given = None;
        let mut options = Self {
            json: false,
            quick: false,
            seconds,
            filter: None,
        };
        while let Some(arg) = args.next() {
            match &*arg {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                "--seconds" => {
                    let text = args.next().context("--seconds: a number is missing")?;
                    let number = text.parse().ok();
                    given = number.filter(|seconds| (0.0..=LONGEST_SECONDS).contains(seconds));
                    ensure!(
                        given.is_some(),
                        "--seconds {text}: not a number from 0 to {LONGEST_SECONDS}"
                    );
                }
                // Cargo says this to every bench.
                "--bench" => {}
                "--help" | "-h" => return Ok(None),
                flag if flag.starts_with('-') => bail!("{flag}: no such option; see --help"),
                _ if options.filter.is_none() => options.filter = Some(arg),
                _ => bail!("{arg}: one filter is all that a bench takes"),
            }
        }
        if options.quick {
            options.seconds /= QUICK;
        }
        options.seconds = given.unwrap_or(options.seconds);
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Case, Options, Result, groups};

    fn parse(args: &[&str]) -> Result<Option<Options>> {
        Options::parse(args.iter().map(|&arg| arg.to_owned()), 50.0)
    }

    #[test]
    fn arguments_are_checked() {
        assert!(parse(&["--bench", "--json", "noop"]).unwrap().unwrap().json);
        assert!(parse(&["--help"]).unwrap().is_none());
        for bad in [
            &["--seconds"][..],
            &["--seconds", "x"],
            &["--seconds", "-1"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&["--jsn"]).is_err());
        assert!(parse(&["one", "two"]).is_err());
    }

    #[test]
    fn quick_is_quicker_unless_the_time_is_given() {
        let seconds = |args: &[&str]| parse(args).unwrap().unwrap().seconds;
        assert_eq!(seconds(&[]), 50.0);
        assert_eq!(seconds(&["--quick"]), 5.0);
        assert_eq!(seconds(&["--seconds", "7", "--quick"]), 7.0);
    }

    #[test]
    fn a_mode_brings_its_plain_case_along() {
        let case = |name: &str| {
            Case::new(name, || {
                Ok(|_| -> Result<Batch> { unreachable!("only names matter here") })
            })
        };
        let cases = [
            case("fib"),
            case("").mode("fib", "fuel"),
            case("").mode("fib", "epoch"),
            case("loop"),
            case("").mode("loop", "fuel"),
        ];
        assert_eq!(groups(&cases, None), [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(groups(&cases, Some("fuel")), [vec![0, 1], vec![3, 4]]);
        assert_eq!(groups(&cases, Some("loop")), [vec![3, 4]]);
        assert!(groups(&cases, Some("sieve")).is_empty());
    }
}
