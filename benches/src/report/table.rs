//! What was measured, for people: a line per case, or where cases have modes, a line per plain case.

use super::summary::{modes, overhead, summaries};
use crate::harness::{Bench, Outcome, Row};
use crate::measure::Pair;

pub(super) fn text(bench: &Bench, outcome: &Outcome) -> String {
    let Bench { verb, note, .. } = bench;
    let rows = &outcome.rows;
    let mut text = format!(
        "{verb}: tussah (A) beside wasmtime 48 (B), time per operation, interleaved rounds\n"
    );
    if let Some([middle, worst]) = noise(rows) {
        text += &format!(
            "noise: A against A differs in the minimum by {middle:.1} % in the middle case, {worst:.1} % in the worst\n"
        );
    }
    if !rows.is_empty() {
        let modes = modes(rows);
        text += "\n";
        text += &aligned(&if modes.is_empty() {
            lines(rows)
        } else {
            lines_with_modes(rows, &modes)
        });
        if !modes.is_empty() {
            text +=
                "\nA +, B +: the minimum in that mode, over the faster plain minimum of the two\n";
        }
    }
    if !note.is_empty() {
        text += &format!("\n{note}\n");
    }
    for (case, why) in &outcome.failures {
        text += &format!("\nFAILED {case}: {why}\n");
    }
    text
}

/// The spread of the minima between A and A in percent: the median over the cases, and the largest.
fn noise(rows: &[Row]) -> Option<[f64; 2]> {
    let spreads = rows.iter().filter_map(|row| row.noise);
    let mut spreads: Vec<_> = spreads.map(|noise| noise.spread().min * 100.0).collect();
    spreads.sort_unstable_by(f64::total_cmp);
    Some([spreads.get(spreads.len() / 2).copied()?, *spreads.last()?])
}

const HEADER: [&str; 8] = [
    "case", "A min", "B min", "A/B", "A median", "B median", "A/B", "noise",
];

fn lines(rows: &[Row]) -> Vec<Vec<String>> {
    let peaks = rows.iter().any(|row| row.peak.is_some());
    let mut header = HEADER.to_vec();
    header.push("rounds");
    if peaks {
        header.extend(["A peak", "B peak", "A/B"]);
    }
    let width = header.len();
    let mut lines = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for row in rows {
        let mut line = plain(row);
        line.push(row.pair.rounds.to_string());
        match row.peak {
            Some((a, b)) => line.extend([
                mebibytes(a),
                mebibytes(b),
                format!("{:.2}", a as f64 / b as f64),
            ]),
            None => line.resize(width, String::new()),
        }
        lines.push(line);
    }
    for summary in summaries(rows) {
        let mut line = mean(summary.set, summary.cases);
        line[3] = format!("{:.3}", summary.ratio.min);
        line[6] = format!("{:.3}", summary.ratio.median);
        line.resize(width, String::new());
        lines.push(line);
    }
    lines
}

fn lines_with_modes(rows: &[Row], modes: &[&'static str]) -> Vec<Vec<String>> {
    let mut header: Vec<_> = HEADER.into_iter().map(str::to_owned).collect();
    for mode in modes {
        header.extend([format!("{mode}: A +"), "B +".to_owned()]);
    }
    header.push("rounds".to_owned());
    let mut lines = vec![header];
    for row in rows.iter().filter(|row| row.mode.is_none()) {
        let mut line = plain(row);
        for mode in modes {
            let is_it = |other: &&Row| {
                other
                    .mode
                    .as_ref()
                    .is_some_and(|(plain, m)| *plain == row.name && m == mode)
            };
            let parts = rows.iter().find(is_it).and_then(|row| overhead(row, rows));
            line.extend(percents(parts));
        }
        line.push(row.pair.rounds.to_string());
        lines.push(line);
    }
    for summary in summaries(rows) {
        let mut line = mean(summary.set, summary.cases);
        line[3] = format!("{:.3}", summary.ratio.min);
        line[6] = format!("{:.3}", summary.ratio.median);
        for mode in modes {
            let of_mode = summary.overheads.iter().find(|(m, _)| m == mode);
            line.extend(percents(of_mode.map(|(_, parts)| *parts)));
        }
        line.push(String::new());
        lines.push(line);
    }
    lines
}

/// The columns of [`HEADER`].
fn plain(row: &Row) -> Vec<String> {
    let Pair { a, b, .. } = row.pair;
    let ratio = a.relative_to(b);
    let noise = row.noise.map_or_else(String::new, |noise| {
        format!("{:.1} %", noise.spread().min * 100.0)
    });
    vec![
        row.name.clone(),
        time(a.min),
        time(b.min),
        format!("{:.3}", ratio.min),
        time(a.median),
        time(b.median),
        format!("{:.3}", ratio.median),
        noise,
    ]
}

fn mean(set: &str, cases: usize) -> Vec<String> {
    let mut line = vec![String::new(); HEADER.len()];
    line[0] = format!("geomean of {cases} {set}");
    line
}

/// The first column to the left, all others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = format!("{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            row += &format!("  {cell:>width$}");
        }
        text += row.trim_end();
        text += "\n";
    }
    text
}

fn percents(parts: Option<(f64, f64)>) -> [String; 2] {
    parts.map_or_else(Default::default, |(a, b)| {
        [a, b].map(|part| format!("{:+.1} %", part * 100.0))
    })
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{value:.2} {unit}")
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{bench, rows};
    use super::{Outcome, noise, text, time};

    #[test]
    fn times_have_units() {
        assert_eq!(time(12.345), "12.35 ns");
        assert_eq!(time(12_345_678.0), "12.35 ms");
    }

    #[test]
    fn the_worst_noise_is_named() {
        assert_eq!(noise(&rows()), Some([100.0, 100.0]));
        assert_eq!(noise(&[]), None);
    }

    #[test]
    fn modes_stand_beside_their_plain_case() {
        let rows = rows().to_vec();
        let failures = vec![("z".to_owned(), "died".to_owned())];
        let text = text(&bench(), &Outcome { rows, failures });
        let line = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start));
            let cells = line.expect("is there").split_whitespace();
            cells.collect::<Vec<_>>().join(" ")
        };
        assert!(line("x").ends_with("100.0 % +100.0 % +50.0 % 3"), "{text}");
        assert!(line("y").ends_with("100.0 % +0.0 % +100.0 % 3"), "{text}");
        assert_eq!(
            line("geomean"),
            "geomean of 2 all 1.000 1.000 +41.4 % +73.2 %"
        );
        assert_eq!(line("FAILED"), "FAILED z: died");
    }
}
