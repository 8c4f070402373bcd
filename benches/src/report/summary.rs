//! What follows from the rows: overheads and geometric means.

use crate::harness::Row;
use crate::measure::{Pair, Times};

/// Geometric means over the cases of a set.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) set: &'static str,
    pub(super) cases: usize,
    /// A in units of B, over the plain cases.
    pub(super) ratio: Times,
    /// The largest of those ratios.
    pub(super) worst: f64,
    /// Mode by mode the overhead of either side.
    pub(super) overheads: Vec<(&'static str, (f64, f64))>,
}

/// What a mode's minima lie above the faster side of its plain case; nothing if this is no mode.
pub(super) fn overhead(row: &Row, rows: &[Row]) -> Option<(f64, f64)> {
    let (plain, _) = row.mode.as_ref()?;
    let Pair { a, b, .. } = rows.iter().find(|row| row.name == *plain)?.pair;
    let faster = a.min.min(b.min);
    Some((row.pair.a.min / faster - 1.0, row.pair.b.min / faster - 1.0))
}

/// The modes that occur, in order.
pub(super) fn modes(rows: &[Row]) -> Vec<&'static str> {
    let mut modes = Vec::new();
    for (_, mode) in rows.iter().filter_map(|row| row.mode.as_ref()) {
        if !modes.contains(mode) {
            modes.push(*mode);
        }
    }
    modes
}

pub(super) fn summaries(rows: &[Row]) -> Vec<Summary> {
    let mut sets = Vec::new();
    for set in rows.iter().flat_map(|row| row.sets) {
        if !sets.contains(set) {
            sets.push(*set);
        }
    }
    sets.into_iter().map(|set| summary(set, rows)).collect()
}

fn summary(set: &'static str, rows: &[Row]) -> Summary {
    let members: Vec<_> = rows.iter().filter(|row| row.sets.contains(&set)).collect();
    let plain = members.iter().filter(|row| row.mode.is_none());
    let ratios: Vec<_> = plain
        .map(|row| row.pair.a.relative_to(row.pair.b))
        .collect();
    let overheads = modes(rows).into_iter().filter_map(|mode| {
        let of_mode = |row: &&&Row| row.mode.as_ref().is_some_and(|(_, m)| *m == mode);
        let parts: Vec<_> = members
            .iter()
            .filter(of_mode)
            .filter_map(|row| overhead(row, rows))
            .collect();
        let mean = |side: fn(&(f64, f64)) -> f64| {
            geometric_mean(parts.iter().map(|part| 1.0 + side(part))) - 1.0
        };
        (!parts.is_empty()).then(|| (mode, (mean(|part| part.0), mean(|part| part.1))))
    });
    Summary {
        set,
        cases: ratios.len(),
        ratio: Times {
            min: geometric_mean(ratios.iter().map(|ratio| ratio.min)),
            median: geometric_mean(ratios.iter().map(|ratio| ratio.median)),
        },
        worst: ratios.iter().map(|ratio| ratio.min).fold(0.0, f64::max),
        overheads: overheads.collect(),
    }
}

fn geometric_mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(f64::ln).sum::<f64>() / count).exp()
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Pair, Row, Times, geometric_mean, overhead, summaries};
    use crate::harness::Bench;

    pub(in crate::report) fn bench() -> Bench {
        Bench {
            verb: "verb",
            seconds: 1.0,
            ours: Vec::new,
            peer: Vec::new,
            note: "noted",
        }
    }

    /// Two groups of a set: the second one's fuel costs A nothing and B all.
    pub(in crate::report) fn rows() -> [Row; 4] {
        let times = |min| Times { min, median: min };
        let pair = |a, b| Pair {
            a: times(a),
            b: times(b),
            rounds: 3,
        };
        let row = |name: &str, mode: Option<&str>, pair| Row {
            name: name.to_owned(),
            mode: mode.map(|plain| (plain.to_owned(), "fuel")),
            sets: &["all"],
            noise: mode.is_none().then_some(pair),
            pair,
            peak: None,
        };
        [
            row("x", None, pair(4.0, 2.0)),
            row("x, fuel", Some("x"), pair(4.0, 3.0)),
            row("y", None, pair(4.0, 8.0)),
            row("y, fuel", Some("y"), pair(4.0, 8.0)),
        ]
    }

    #[test]
    fn overheads_are_over_the_faster_plain_side() {
        let rows = rows();
        assert_eq!(overhead(&rows[0], &rows), None);
        assert_eq!(overhead(&rows[1], &rows), Some((1.0, 0.5)));
        assert_eq!(overhead(&rows[3], &rows), Some((0.0, 1.0)));
        assert_eq!(overhead(&rows[1], &rows[1..]), None);
    }

    #[test]
    fn sets_have_means() {
        let summary = summaries(&rows()).remove(0);
        assert_eq!((summary.set, summary.cases), ("all", 2));
        assert!((summary.ratio.min - 1.0).abs() < 1e-9, "{summary:?}");
        assert_eq!(summary.worst, 2.0);
        let (mode, (a, b)) = summary.overheads[0];
        assert_eq!(mode, "fuel");
        assert!((a - (2.0_f64.sqrt() - 1.0)).abs() < 1e-9, "{a}");
        assert!((b - (3.0_f64.sqrt() - 1.0)).abs() < 1e-9, "{b}");
    }

    #[test]
    fn a_geometric_mean_is_one() {
        assert!((geometric_mean([0.5, 2.0].into_iter()) - 1.0).abs() < 1e-9);
    }
}
