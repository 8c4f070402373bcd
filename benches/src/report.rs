//! Prints what was measured: a table for people, JSON for programs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its results"
)]

use crate::harness::{Pair, Row, Times};

pub(crate) fn usage(verb: &str, seconds: f64) {
    println!(
        "Usage: {verb} [FILTER] [--json] [--seconds SECONDS]

Measures tussah (A) beside wasmtime 48 (B), each case first A against A, then A and B in turn.

  FILTER     only cases with this in their names
  --json     print JSON instead of a table
  --seconds  for all cases together [default: {seconds}]"
    );
}

pub(crate) fn failure(verb: &str, error: &anyhow::Error) {
    eprintln!("{verb}: {error:#}");
}

pub(crate) fn table(verb: &str, rows: &[Row]) {
    let noise = rows.iter().map(|row| spread(row.noise));
    let noise = noise.fold((0.0, 0.0), |worst: (f64, f64), row| {
        (worst.0.max(row.min), worst.1.max(row.median))
    });
    println!("{verb}: tussah (A) beside wasmtime 48 (B), time per operation, interleaved rounds");
    println!(
        "noise: A against A differs by up to {:.1} % in the minimum, {:.1} % in the median\n",
        noise.0 * 100.0,
        noise.1 * 100.0
    );

    let mut header = vec![
        "case", "A min", "B min", "A/B", "A median", "B median", "A/B", "noise", "rounds",
    ];
    let overheads = rows.iter().any(|row| row.baseline.is_some());
    if overheads {
        header.extend(["A over", "B over"]);
    }
    let mut lines = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for row in rows {
        let Pair { a, b, rounds } = row.pair;
        let ratio = a.relative_to(b);
        let mut line = vec![
            row.name.clone(),
            time(a.min),
            time(b.min),
            format!("{:.2}", ratio.min),
            time(a.median),
            time(b.median),
            format!("{:.2}", ratio.median),
            format!("{:.1} %", spread(row.noise).min * 100.0),
            rounds.to_string(),
        ];
        match overhead(row, rows) {
            Some((a, b)) => line.extend([percent(a), percent(b)]),
            None if overheads => line.extend([String::new(), String::new()]),
            None => {}
        }
        lines.push(line);
    }
    print_aligned(&lines);
    if overheads {
        println!("\nover: the minimum, compared with the faster plain code of the two");
    }
}

/// The first column to the left, all others to the right.
fn print_aligned(lines: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    for line in lines {
        let mut text = format!("{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            text += &format!("  {cell:>width$}");
        }
        println!("{}", text.trim_end());
    }
}

pub(crate) fn json(verb: &str, rows: &[Row]) {
    let times = |Times { min, median }| format!(r#"{{"min": {min:.3}, "median": {median:.3}}}"#);
    let pair = |Pair { a, b, rounds }| {
        format!(
            r#"{{"a": {}, "b": {}, "ratio": {}, "rounds": {rounds}}}"#,
            times(a),
            times(b),
            times(a.relative_to(b))
        )
    };
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let overhead = overhead(row, rows).map_or_else(String::new, |(a, b)| {
                format!(r#", "overhead": {{"a": {a:.4}, "b": {b:.4}}}"#)
            });
            format!(
                r#"    {{"case": {}, "noise": {}, "pair": {}{overhead}}}"#,
                quote(&row.name),
                pair(row.noise),
                pair(row.pair)
            )
        })
        .collect();
    println!(
        "{{\n  \"bench\": {}, \"a\": \"tussah\", \"b\": \"wasmtime 48\", \"unit\": \"ns\",\n  \"rows\": [\n{}\n  ]\n}}",
        quote(verb),
        rows.join(",\n")
    );
}

fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// How far two measurements of the same thing are apart.
fn spread(noise: Pair) -> Times {
    let apart = |x: f64, y: f64| x.max(y) / x.min(y) - 1.0;
    Times {
        min: apart(noise.a.min, noise.b.min),
        median: apart(noise.a.median, noise.b.median),
    }
}

/// What a case's minima lie above the faster side of its baseline; nothing if that was not measured.
fn overhead(row: &Row, rows: &[Row]) -> Option<(f64, f64)> {
    let name = row.baseline.as_ref()?;
    let base = rows.iter().find(|row| row.name == *name)?.pair;
    let faster = base.a.min.min(base.b.min);
    Some((row.pair.a.min / faster - 1.0, row.pair.b.min / faster - 1.0))
}

fn percent(part: f64) -> String {
    format!("{:+.1} %", part * 100.0)
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
    use super::{Pair, Row, Times, overhead, quote, spread, time};

    fn pair(a: f64, b: f64) -> Pair {
        let times = |min| Times { min, median: min };
        Pair {
            a: times(a),
            b: times(b),
            rounds: 3,
        }
    }

    #[test]
    fn overheads_are_over_the_faster_plain_side() {
        let row = |name: &str, baseline: Option<&str>, pair| Row {
            name: name.to_owned(),
            baseline: baseline.map(str::to_owned),
            noise: pair,
            pair,
        };
        let plain = row("plain", None, pair(4.0, 2.0));
        let fuel = row("fuel", Some("plain"), pair(5.0, 3.0));
        let rows = [plain, fuel];
        assert_eq!(overhead(&rows[0], &rows), None);
        assert_eq!(overhead(&rows[1], &rows), Some((1.5, 0.5)));
        assert_eq!(overhead(&rows[1], &rows[1..]), None);
    }

    #[test]
    fn noise_has_no_direction() {
        assert_eq!(spread(pair(2.0, 3.0)).min, spread(pair(3.0, 2.0)).min);
        assert_eq!(spread(pair(2.0, 3.0)).median, 0.5);
    }

    #[test]
    fn text_is_fit_to_print() {
        assert_eq!(time(12.345), "12.35 ns");
        assert_eq!(time(12_345_678.0), "12.35 ms");
        assert_eq!(quote("a \"b\"\\\n"), r#""a \"b\"\\\u000a""#);
    }
}
