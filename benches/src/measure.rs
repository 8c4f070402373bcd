//! Measures groups of cases: first A against A, which is the noise, then rounds of A and B in turn. Knows nothing of what
//! it measures, nor in which process.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::case::Batch;

/// How long a batch must take: far above the clock's grain, far below the scheduler's slice, so that many batches are not
/// interrupted at all. It may become twice as long.
const ENOUGH: Duration = Duration::from_millis(1);
/// Longer than what may have interrupted a batch.
const CERTAIN: Duration = Duration::from_millis(30);
/// The part of a group's time that goes to A against A.
const NOISE_SHARE: f64 = 0.2;

/// Rounds that a group gets even if there is no time for them.
pub(crate) const ROUNDS: usize = 3;

/// How often the sides are started anew, where that is cheap: the same code is now faster, now slower, for where it lies.
const STARTS: u32 = 3;

/// Who does a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// tussah.
    A,
    /// tussah, set up a second time.
    Again,
    /// The peer.
    B,
}

/// Does a batch of the case of that index.
pub(crate) trait Sides {
    fn batch(&mut self, side: Side, case: usize, operations: u64) -> Result<Batch>;
}

/// What a side's batches say, in nanoseconds per operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The fastest batch: what the code costs where nothing disturbs it.
    pub(crate) min: f64,
    /// A quarter of the batches were faster. One that had luck (a predictor can learn a whole sort by heart) does not move
    /// it, nor does a machine that is disturbed half of the time.
    pub(crate) quarter: f64,
    pub(crate) median: f64,
}

impl Times {
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let middle = samples.len() / 2;
        let median = if samples.len().is_multiple_of(2) {
            f64::midpoint(samples[middle - 1], samples[middle])
        } else {
            samples[middle]
        };
        Self {
            min: samples[0],
            quarter: samples[samples.len() / 4],
            median,
        }
    }

    /// These times in units of others.
    pub(crate) fn relative_to(self, other: Self) -> Self {
        Self {
            min: self.min / other.min,
            quarter: self.quarter / other.quarter,
            median: self.median / other.median,
        }
    }
}

/// The times of two sides after interleaved rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) a: Times,
    pub(crate) b: Times,
    pub(crate) rounds: usize,
}

impl Pair {
    fn of((a, b): Samples) -> Self {
        Self {
            rounds: a.len(),
            a: Times::of(a),
            b: Times::of(b),
        }
    }

    /// How far two measurements of the same thing are apart.
    pub(crate) fn spread(self) -> Times {
        let apart = |x: f64, y: f64| x.max(y) / x.min(y) - 1.0;
        Times {
            min: apart(self.a.min, self.b.min),
            quarter: apart(self.a.quarter, self.b.quarter),
            median: apart(self.a.median, self.b.median),
        }
    }
}

/// What was measured of a group.
#[derive(Debug)]
pub(crate) struct Measured {
    /// A against A, of the group's first case.
    pub(crate) noise: Pair,
    /// A against B, of each case.
    pub(crate) pairs: Vec<Pair>,
}

/// How long a group may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) time: Duration,
    /// Rounds that a group gets however slow its cases are: at most [`ROUNDS`].
    pub(crate) rounds: usize,
}

/// A group's cases are measured in the same rounds, so that what changes with time is the same for all of them. `start`
/// starts the sides.
pub(crate) fn measure<S: Sides>(
    mut start: impl FnMut() -> Result<S>,
    cases: &[usize],
    effort: Effort,
) -> Result<Measured> {
    let mut noise = vec![Samples::default()];
    let mut pairs = vec![Samples::default(); cases.len()];
    let mut values = vec![None; cases.len()];
    let mut starts = 0;
    while starts < STARTS {
        let mut bench = Bench {
            sides: start()?,
            values: &mut values,
            cases,
        };
        let begin = Instant::now();
        let (operations, first_round) = bench.calibrate()?;
        let costs = begin.elapsed();
        let slow = operations.iter().all(|&operations| operations == 1);
        // What is fast gets its rounds whatever the effort; what is slow has little noise in any one of them.
        let (least_noise, least) = if slow {
            pairs = first_round;
            (effort.rounds.min(2), effort.rounds - 1)
        } else {
            bench.once(Side::Again, 0, operations[0])?;
            (ROUNDS, ROUNDS)
        };

        let cheap = !slow && costs * STARTS * 4 < effort.time;
        let now = if cheap { 1 } else { STARTS - starts };
        starts += now;
        let time = effort.time * now / STARTS;
        let noise_time = time.mul_f64(NOISE_SHARE);
        let first = &operations[..1];
        bench.rounds(Side::Again, first, &mut noise, noise_time, least_noise)?;
        bench.rounds(Side::B, &operations, &mut pairs, time - noise_time, least)?;
    }
    let noise = noise.into_iter().map(Pair::of).next();
    Ok(Measured {
        noise: noise.context("there is one")?,
        pairs: pairs.into_iter().map(Pair::of).collect(),
    })
}

/// Those of a case's two sides, in nanoseconds per operation.
type Samples = (Vec<f64>, Vec<f64>);

struct Bench<'a, S> {
    sides: S,
    cases: &'a [usize],
    /// What the operations of each case compute.
    values: &'a mut [Option<u64>],
}

impl<S: Sides> Bench<'_, S> {
    fn once(&mut self, side: Side, at: usize, operations: u64) -> Result<Batch> {
        let batch = self.sides.batch(side, self.cases[at], operations)?;
        let value = *self.values[at].get_or_insert(batch.value);
        ensure!(
            batch.value == value,
            "{side:?} computed {}, not {value} as before",
            batch.value
        );
        Ok(batch)
    }

    /// Nanoseconds per operation.
    fn sample(&mut self, side: Side, at: usize, operations: u64) -> Result<f64> {
        let batch = self.once(side, at, operations)?;
        Ok(batch.elapsed.as_secs_f64() * 1e9 / batch.operations as f64)
    }

    /// A batch on either side, and the length of the longer one.
    fn both(&mut self, at: usize, operations: u64) -> Result<(Samples, Duration)> {
        let a = self.sample(Side::A, at, operations)?;
        let b = self.sample(Side::B, at, operations)?;
        let length = Duration::from_secs_f64(a.max(b) * operations as f64 / 1e9);
        Ok(((vec![a], vec![b]), length))
    }

    /// How many operations of each case make a batch on the slower side, and such a batch of either. Sets both sides up
    /// and warms them.
    fn calibrate(&mut self) -> Result<(Vec<u64>, Vec<Samples>)> {
        let mut all = Vec::new();
        for at in 0..self.cases.len() {
            let mut operations = 1;
            loop {
                let (first, length) = self.both(at, operations)?;
                // A batch that was merely interrupted is not that long a second time.
                if length >= ENOUGH && (length >= CERTAIN || self.both(at, operations)?.1 >= ENOUGH)
                {
                    all.push((operations, first));
                    break;
                }
                operations *= 2;
            }
        }
        Ok(all.into_iter().unzip())
    }

    /// Rounds of A and another side, each of which begins every other round. Adds to `samples`.
    fn rounds(
        &mut self,
        other: Side,
        operations: &[u64],
        samples: &mut [Samples],
        time: Duration,
        least: usize,
    ) -> Result<()> {
        let start = Instant::now();
        let mut rounds = 0;
        // A round is not begun that would end behind the time.
        while rounds < least || start.elapsed().mul_f64(1.0 + 1.0 / rounds.max(1) as f64) <= time {
            for (at, &operations) in operations.iter().enumerate() {
                let (a, b) = if rounds % 2 == 1 {
                    let a = self.sample(Side::A, at, operations)?;
                    (a, self.sample(other, at, operations)?)
                } else {
                    let b = self.sample(other, at, operations)?;
                    (self.sample(Side::A, at, operations)?, b)
                };
                samples[at].0.push(a);
                samples[at].1.push(b);
            }
            rounds += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Batch, Duration, Effort, Measured, Pair, ROUNDS, Result, Side, Sides, Times, measure,
    };
    use anyhow::Context as _;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Batches whose operations take the given hundredths of a second in turn: so slow that one is a batch.
    struct Scripted {
        a: Vec<u64>,
        again: Vec<u64>,
        b: Vec<u64>,
        value_of_b: u64,
        turns: Rc<RefCell<Vec<Side>>>,
    }

    impl Scripted {
        fn new(a: &[u64], again: &[u64], b: &[u64]) -> Self {
            Self {
                a: a.to_vec(),
                again: again.to_vec(),
                b: b.to_vec(),
                value_of_b: 7,
                turns: Rc::default(),
            }
        }
    }

    impl Sides for Scripted {
        fn batch(&mut self, side: Side, _: usize, _: u64) -> Result<Batch> {
            self.turns.borrow_mut().push(side);
            let (times, value) = match side {
                Side::A => (&mut self.a, 7),
                Side::Again => (&mut self.again, 7),
                Side::B => (&mut self.b, self.value_of_b),
            };
            Ok(Batch {
                elapsed: Duration::from_millis(10 * times.remove(0)),
                operations: 1,
                value,
            })
        }
    }

    const SHORT: Effort = Effort {
        time: Duration::ZERO,
        rounds: 3,
    };

    /// Slow sides are started once.
    fn once(sides: Scripted) -> Result<Measured> {
        let mut sides = Some(sides);
        measure(|| sides.take().context("started again"), &[0], SHORT)
    }

    /// Batches of the given length, however many operations.
    struct Fast(Duration);

    impl Sides for Fast {
        fn batch(&mut self, _: Side, _: usize, operations: u64) -> Result<Batch> {
            Ok(Batch {
                elapsed: self.0.mul_f64(operations as f64),
                operations,
                value: 0,
            })
        }
    }

    #[test]
    fn fast_sides_are_started_again() {
        let mut lengths = [1, 2, 3].map(Duration::from_micros).into_iter();
        let effort = Effort {
            time: Duration::from_millis(30),
            rounds: 1,
        };
        let start = || lengths.next().map(Fast).context("started too often");
        let Pair { a, b, rounds } = measure(start, &[0], effort).unwrap().pairs[0];
        assert!(
            (a.min - 1e3).abs() < 1.0 && (b.min - 1e3).abs() < 1.0,
            "{a:?}"
        );
        assert!(rounds >= 3 * ROUNDS, "{rounds}");
        assert_eq!(lengths.len(), 0);
    }

    #[test]
    fn one_lucky_batch_moves_no_quarter() {
        let samples = [9.0, 9.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0];
        assert_eq!(Times::of(samples.to_vec()).quarter, 9.0);
        assert_eq!(Times::of(vec![3.0, 2.0, 4.0]).quarter, 2.0);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let times = Times::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((times.min, times.median), (1.0, 2.5));
        assert_eq!(Times::of(vec![9.0, 5.0, 7.0]).median, 7.0);
    }

    #[test]
    fn sides_are_measured_in_turn() {
        // Calibration is the first round; then two of A against A and two more of A against B.
        let sides = Scripted::new(&[4, 3, 3, 6, 5], &[6, 6], &[8, 10, 12]);
        let turns = Rc::clone(&sides.turns);
        let Measured { noise, pairs } = once(sides).unwrap();
        let Pair { a, b, rounds } = pairs[0];
        assert_eq!((noise.spread().min, noise.rounds), (1.0, 2));
        assert_eq!((a.min, a.median, rounds), (4e7, 5e7, 3));
        let ratio = a.relative_to(b);
        assert_eq!((ratio.min, ratio.median), (0.5, 0.5));
        use Side::{A, Again, B};
        let expected = [A, B, Again, A, A, Again, B, A, A, B];
        assert_eq!(*turns.borrow(), expected);
    }

    #[test]
    fn sides_that_compute_different_things_are_refused() {
        let mut sides = Scripted::new(&[5], &[], &[5]);
        sides.value_of_b = 8;
        let error = once(sides).unwrap_err();
        assert_eq!(error.to_string(), "B computed 8, not 7 as before");
    }

    #[test]
    fn noise_has_no_direction() {
        let times = |min| Times {
            min,
            quarter: min,
            median: min,
        };
        let pair = |a, b| Pair {
            a: times(a),
            b: times(b),
            rounds: 1,
        };
        assert_eq!(pair(2.0, 3.0).spread().min, pair(3.0, 2.0).spread().min);
        assert_eq!(pair(2.0, 3.0).spread().median, 0.5);
    }
}
