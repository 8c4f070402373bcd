//! Measures two sides of the same cases against each other: first A against A, which is the noise, then rounds of A and
//! B in turn. Knows nothing of what it measures.

use std::fmt;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::report;

/// How long a batch should take: far above the clock's grain, far below the scheduler's slice, so that many batches are
/// not interrupted at all.
const BATCH: Duration = Duration::from_millis(3);
/// Rounds that a case gets however slow it is.
const MIN_ROUNDS: usize = 3;
/// The part of a case's time that goes to A against A.
const NOISE_SHARE: f64 = 0.35;
const DEFAULT_SECONDS: f64 = 12.0;
const LONGEST_SECONDS: f64 = 3600.0;

/// Operations and the time that they took.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// From the first operation's start to the last one's end.
    pub elapsed: Duration,
    /// How many there were.
    pub operations: u64,
}

type Run = dyn FnMut(u64) -> Result<Batch>;

/// Something that can be done repeatedly, on one of the sides.
pub struct Case {
    name: String,
    baseline: Option<String>,
    run: Box<Run>,
}

impl Case {
    /// `run` does an operation about as many times as it is told, and says how often and in what time. It fails if
    /// an operation's outcome is not the expected one.
    pub fn new(name: impl Into<String>, run: impl FnMut(u64) -> Result<Batch> + 'static) -> Self {
        Self {
            name: name.into(),
            baseline: None,
            run: Box::new(run),
        }
    }

    /// Reports this case also as an overhead over the faster side of the case named `baseline`.
    #[must_use]
    pub fn over(mut self, baseline: impl Into<String>) -> Self {
        self.baseline = Some(baseline.into());
        self
    }

    fn batch(&mut self, operations: u64) -> Result<Batch> {
        let batch = (self.run)(operations).with_context(|| format!("case `{}`", self.name))?;
        ensure!(batch.operations > 0, "case `{}` did nothing", self.name);
        Ok(batch)
    }

    /// Nanoseconds per operation.
    fn sample(&mut self, operations: u64) -> Result<f64> {
        let batch = self.batch(operations)?;
        Ok(batch.elapsed.as_secs_f64() * 1e9 / batch.operations as f64)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("baseline", &self.baseline)
            .finish_non_exhaustive()
    }
}

/// The fastest and the middle one of a side's batches, in nanoseconds per operation.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The fastest batch: what the code costs where nothing disturbs it.
    pub min: f64,
    /// The median batch.
    pub median: f64,
}

impl Times {
    fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let middle = samples.len() / 2;
        let median = if samples.len().is_multiple_of(2) {
            f64::midpoint(samples[middle - 1], samples[middle])
        } else {
            samples[middle]
        };
        Self {
            min: samples[0],
            median,
        }
    }

    /// These times in units of others.
    #[must_use]
    pub fn relative_to(self, other: Self) -> Self {
        Self {
            min: self.min / other.min,
            median: self.median / other.median,
        }
    }
}

/// The times of both sides after interleaved rounds.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// The first of each round.
    pub a: Times,
    /// The second of each round.
    pub b: Times,
    /// How many rounds there were.
    pub rounds: usize,
}

/// What was measured of one case.
#[derive(Debug, Clone)]
pub struct Row {
    /// The case.
    pub name: String,
    /// The case whose faster side this one's times are compared with.
    pub baseline: Option<String>,
    /// A against A.
    pub noise: Pair,
    /// A against B.
    pub pair: Pair,
}

/// The whole of a bench executable: reads the arguments, measures A beside B, prints a table or JSON.
///
/// A is tussah and B the peer; both have the same cases in the same order.
#[must_use]
pub fn main(
    verb: &str,
    ours: impl FnOnce() -> Result<Vec<Case>>,
    peer: impl FnOnce() -> Result<Vec<Case>>,
) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            report::usage(verb, DEFAULT_SECONDS);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            report::failure(verb, &error);
            return ExitCode::from(2);
        }
    };
    let rows = ours()
        .and_then(|a| Ok((a, peer()?)))
        .and_then(|(a, b)| measure(a, b, &options));
    match rows {
        Ok(rows) if options.json => report::json(verb, &rows),
        Ok(rows) => report::table(verb, &rows),
        Err(error) => {
            report::failure(verb, &error);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[derive(Debug)]
struct Options {
    json: bool,
    /// For all cases together.
    seconds: f64,
    filter: Option<String>,
}

impl Options {
    /// `None` if help is wanted.
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self {
            json: false,
            seconds: DEFAULT_SECONDS,
            filter: None,
        };
        while let Some(arg) = args.next() {
            match &*arg {
                "--json" => options.json = true,
                "--seconds" => {
                    let text = args.next().context("--seconds: a number is missing")?;
                    options.seconds = text
                        .parse()
                        .ok()
                        .filter(|seconds| (0.0..=LONGEST_SECONDS).contains(seconds))
                        .with_context(|| {
                            format!("--seconds {text}: not a number from 0 to {LONGEST_SECONDS}")
                        })?;
                }
                // Cargo says this to every bench.
                "--bench" => {}
                "--help" | "-h" => return Ok(None),
                flag if flag.starts_with('-') => bail!("{flag}: no such option; see --help"),
                _ if options.filter.is_none() => options.filter = Some(arg),
                _ => bail!("{arg}: one filter is all that a bench takes"),
            }
        }
        Ok(Some(options))
    }
}

fn measure(ours: Vec<Case>, peer: Vec<Case>, options: &Options) -> Result<Vec<Row>> {
    ensure!(ours.len() == peer.len(), "the sides have different cases");
    let wanted = |name: &str| {
        options
            .filter
            .as_ref()
            .is_none_or(|part| name.contains(part))
    };
    let cases: Vec<_> = ours
        .into_iter()
        .zip(peer)
        .filter(|(a, _)| wanted(&a.name))
        .collect();
    ensure!(!cases.is_empty(), "no case has such a name");

    let seconds = options.seconds / cases.len() as f64;
    let noise_time = Duration::from_secs_f64(seconds * NOISE_SHARE);
    let pair_time = Duration::from_secs_f64(seconds * (1.0 - NOISE_SHARE));
    let mut rows = Vec::new();
    for (mut a, mut b) in cases {
        ensure!(a.name == b.name, "`{}` stands beside `{}`", a.name, b.name);
        let operations = calibrate(&mut a, &mut b)?;
        let noise = rounds(noise_time, || {
            Ok((a.sample(operations)?, a.sample(operations)?))
        })?;
        let pair = rounds(pair_time, || {
            Ok((a.sample(operations)?, b.sample(operations)?))
        })?;
        rows.push(Row {
            name: a.name,
            baseline: a.baseline,
            noise,
            pair,
        });
    }
    Ok(rows)
}

/// How many operations make a batch on the slower side. Warms both sides up on the way.
fn calibrate(a: &mut Case, b: &mut Case) -> Result<u64> {
    let mut operations = 1;
    loop {
        let slower = a
            .batch(operations)?
            .elapsed
            .max(b.batch(operations)?.elapsed);
        // A third of the aim is near enough, and slow operations are not run twice more than they need.
        if slower * 3 >= BATCH {
            return Ok(operations);
        }
        operations *= 2;
    }
}

fn rounds(time: Duration, mut round: impl FnMut() -> Result<(f64, f64)>) -> Result<Pair> {
    let start = Instant::now();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    while first.len() < MIN_ROUNDS || start.elapsed() < time {
        let (a, b) = round()?;
        first.push(a);
        second.push(b);
    }
    Ok(Pair {
        rounds: first.len(),
        a: Times::of(first),
        b: Times::of(second),
    })
}

/// Does `operation` that many times.
///
/// # Errors
///
/// The operation's.
pub fn repeat<E: Into<anyhow::Error>>(
    operations: u64,
    mut operation: impl FnMut() -> Result<(), E>,
) -> Result<Batch> {
    let start = Instant::now();
    for _ in 0..operations {
        operation().map_err(Into::into)?;
    }
    Ok(Batch {
        elapsed: start.elapsed(),
        operations,
    })
}

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
    use super::{Batch, Case, Duration, Options, Times, Yield, measure, poll_to_end};

    fn parse(args: &[&str]) -> anyhow::Result<Option<Options>> {
        Options::parse(args.iter().map(|&arg| arg.to_owned()))
    }

    /// A case whose batches take the given time in turn.
    fn scripted(name: &str, nanoseconds: &'static [u64]) -> Case {
        let mut turns = nanoseconds.iter().cycle();
        Case::new(name, move |_| {
            Ok(Batch {
                // A batch that is long enough at once.
                elapsed: Duration::from_millis(*turns.next().expect("cycles")),
                operations: 1_000_000,
            })
        })
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let times = Times::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((times.min, times.median), (1.0, 2.5));
        assert_eq!(Times::of(vec![9.0, 5.0, 7.0]).median, 7.0);
    }

    #[test]
    fn sides_are_measured_in_turn() {
        // One batch calibrates; then three rounds of A against A and three of A against B.
        let a = scripted("x", &[5, 1, 2, 1, 2, 1, 2, 4, 4, 4]);
        let b = scripted("x", &[5, 8, 8, 8]);
        let options = parse(&["--seconds", "0"]).unwrap().unwrap();
        let row = measure(vec![a], vec![b], &options).unwrap().remove(0);
        let noise = row.noise.a.relative_to(row.noise.b);
        let ratio = row.pair.a.relative_to(row.pair.b);
        assert_eq!((noise.min, noise.median), (0.5, 0.5));
        assert_eq!((ratio.min, ratio.median, row.pair.a.min), (0.5, 0.5, 4.0));
    }

    #[test]
    fn sides_of_different_cases_are_refused() {
        let options = parse(&["--seconds", "0"]).unwrap().unwrap();
        let (a, b) = (scripted("x", &[5]), scripted("y", &[5]));
        assert!(measure(vec![a], vec![b], &options).is_err());
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
