//! Measures groups of cases: first A against A, which is the noise, then rounds of A and B in turn. Knows nothing of what
//! it measures, nor in which process.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::case::Batch;

/// How long a batch should take: far above the clock's grain, far below the scheduler's slice, so that many batches are
/// not interrupted at all.
const BATCH: Duration = Duration::from_millis(3);
/// The part of a group's time that goes to A against A.
const NOISE_SHARE: f64 = 0.2;

/// Rounds that a group gets even if there is no time for them.
pub(crate) const ROUNDS: usize = 3;

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

/// The fastest and the middle one of a side's batches, in nanoseconds per operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The fastest batch: what the code costs where nothing disturbs it.
    pub(crate) min: f64,
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
            median,
        }
    }

    /// These times in units of others.
    pub(crate) fn relative_to(self, other: Self) -> Self {
        Self {
            min: self.min / other.min,
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
    /// How far two measurements of the same thing are apart.
    pub(crate) fn spread(self) -> Times {
        let apart = |x: f64, y: f64| x.max(y) / x.min(y) - 1.0;
        Times {
            min: apart(self.a.min, self.b.min),
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

/// A group's cases are measured in the same rounds, so that what changes with time is the same for all of them.
pub(crate) fn measure(sides: &mut impl Sides, cases: &[usize], effort: Effort) -> Result<Measured> {
    let mut bench = Bench {
        sides,
        values: vec![None; cases.len()],
        cases,
    };
    let (operations, mut samples) = bench.calibrate()?;
    let slow = operations.iter().all(|&operations| operations == 1);
    if !slow {
        bench.once(Side::Again, 0, operations[0])?;
        samples.clear();
    }

    // What is fast gets its rounds whatever the effort; what is slow has little noise in any one of them.
    let (least_noise, least) = if slow {
        (effort.rounds.min(2), effort.rounds)
    } else {
        (ROUNDS, ROUNDS)
    };
    let time = effort.time.mul_f64(NOISE_SHARE);
    let noise = bench.rounds(Side::Again, &operations[..1], Vec::new(), time, least_noise)?;
    let time = effort.time.saturating_sub(time);
    let pairs = bench.rounds(Side::B, &operations, samples, time, least)?;
    Ok(Measured {
        noise: noise[0],
        pairs,
    })
}

/// The samples of a case's two sides.
type Samples = (Vec<f64>, Vec<f64>);

struct Bench<'a, S> {
    sides: &'a mut S,
    cases: &'a [usize],
    /// What the operations of each case compute.
    values: Vec<Option<u64>>,
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

    /// How many operations of each case make a batch on the slower side, and such a batch of either. Sets both sides up
    /// and warms them.
    fn calibrate(&mut self) -> Result<(Vec<u64>, Vec<Samples>)> {
        let mut all = Vec::new();
        for at in 0..self.cases.len() {
            let mut operations = 1;
            loop {
                let a = self.sample(Side::A, at, operations)?;
                let b = self.sample(Side::B, at, operations)?;
                // A third of the aim is near enough, and slow operations are not run twice more than they need.
                if a.max(b) * operations as f64 * 3.0 >= BATCH.as_nanos() as f64 {
                    all.push((operations, (vec![a], vec![b])));
                    break;
                }
                operations *= 2;
            }
        }
        Ok(all.into_iter().unzip())
    }

    /// Rounds of A and another side, each of which begins every other round. `samples` may hold those of a first round.
    fn rounds(
        &mut self,
        other: Side,
        operations: &[u64],
        mut samples: Vec<Samples>,
        time: Duration,
        least: usize,
    ) -> Result<Vec<Pair>> {
        let start = Instant::now();
        samples.resize(operations.len(), Samples::default());
        let given = samples[0].0.len();
        let mut rounds = 0;
        // A round is not begun that would end behind the time.
        while given + rounds < least
            || start.elapsed().mul_f64(1.0 + 1.0 / rounds.max(1) as f64) <= time
        {
            for (at, &operations) in operations.iter().enumerate() {
                let (a, b) = if (given + rounds).is_multiple_of(2) {
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
        Ok(samples
            .into_iter()
            .map(|(a, b)| Pair {
                a: Times::of(a),
                b: Times::of(b),
                rounds: given + rounds,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Duration, Effort, Measured, Pair, Result, Side, Sides, Times, measure};

    /// Batches whose operations take the given milliseconds in turn: so slow that one is a batch.
    struct Scripted {
        a: Vec<u64>,
        again: Vec<u64>,
        b: Vec<u64>,
        value_of_b: u64,
        turns: Vec<Side>,
    }

    impl Scripted {
        fn new(a: &[u64], again: &[u64], b: &[u64]) -> Self {
            Self {
                a: a.to_vec(),
                again: again.to_vec(),
                b: b.to_vec(),
                value_of_b: 7,
                turns: Vec::new(),
            }
        }
    }

    impl Sides for Scripted {
        fn batch(&mut self, side: Side, _: usize, _: u64) -> Result<Batch> {
            self.turns.push(side);
            let (times, value) = match side {
                Side::A => (&mut self.a, 7),
                Side::Again => (&mut self.again, 7),
                Side::B => (&mut self.b, self.value_of_b),
            };
            Ok(Batch {
                elapsed: Duration::from_millis(times.remove(0)),
                operations: 1,
                value,
            })
        }
    }

    const SHORT: Effort = Effort {
        time: Duration::ZERO,
        rounds: 3,
    };

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let times = Times::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((times.min, times.median), (1.0, 2.5));
        assert_eq!(Times::of(vec![9.0, 5.0, 7.0]).median, 7.0);
    }

    #[test]
    fn sides_are_measured_in_turn() {
        // Calibration is the first round; then two of A against A and two more of A against B.
        let mut sides = Scripted::new(&[4, 3, 3, 6, 5], &[6, 6], &[8, 10, 12]);
        let Measured { noise, pairs } = measure(&mut sides, &[0], SHORT).unwrap();
        let Pair { a, b, rounds } = pairs[0];
        assert_eq!((noise.spread().min, noise.rounds), (1.0, 2));
        assert_eq!((a.min, a.median, rounds), (4e6, 5e6, 3));
        let ratio = a.relative_to(b);
        assert_eq!((ratio.min, ratio.median), (0.5, 0.5));
        use Side::{A, Again, B};
        let turns = [A, B, A, Again, Again, A, B, A, A, B];
        assert_eq!(sides.turns, turns);
    }

    #[test]
    fn sides_that_compute_different_things_are_refused() {
        let mut sides = Scripted::new(&[5], &[], &[5]);
        sides.value_of_b = 8;
        let error = measure(&mut sides, &[0], SHORT).unwrap_err();
        assert_eq!(error.to_string(), "B computed 8, not 7 as before");
    }

    #[test]
    fn noise_has_no_direction() {
        let times = |min| Times { min, median: min };
        let pair = |a, b| Pair {
            a: times(a),
            b: times(b),
            rounds: 1,
        };
        assert_eq!(pair(2.0, 3.0).spread().min, pair(3.0, 2.0).spread().min);
        assert_eq!(pair(2.0, 3.0).spread().median, 0.5);
    }
}
