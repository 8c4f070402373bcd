//! What was measured, for programs. Times are in nanoseconds, overheads and spreads in parts of one, memory in bytes.

use super::summary::{overhead, summaries};
use crate::harness::{Bench, Outcome, Row};
use crate::measure::{Pair, Times};

pub(super) fn text(bench: &Bench, outcome: &Outcome) -> String {
    let rows = list(outcome.rows.iter().map(|r| row(r, &outcome.rows)));
    let summaries = summaries(&outcome.rows);
    let means = list(summaries.iter().map(|summary| {
        let overheads = summary
            .overheads
            .iter()
            .map(|(mode, (a, b))| format!(r#"{}: {{"a": {a:.4}, "b": {b:.4}}}"#, quote(mode)));
        format!(
            r#"{{"set": {}, "cases": {}, "ratio": {}, "worst": {:.4}, "overhead": {{{}}}}}"#,
            quote(summary.set),
            summary.cases,
            times(summary.ratio),
            summary.worst,
            overheads.collect::<Vec<_>>().join(", ")
        )
    }));
    let failures = list(
        outcome
            .failures
            .iter()
            .map(|(case, why)| format!(r#"{{"case": {}, "why": {}}}"#, quote(case), quote(why))),
    );
    format!(
        "{{\n  \"bench\": {}, \"a\": \"tussah\", \"b\": \"wasmtime 48\", \"unit\": \"ns\",\n  \"rows\": {rows},\n  \
         \"geomeans\": {means},\n  \"failures\": {failures},\n  \"note\": {}\n}}",
        quote(bench.verb),
        quote(bench.note)
    )
}

fn row(row: &Row, rows: &[Row]) -> String {
    let mut text = format!(r#"{{"case": {}"#, quote(&row.name));
    if let Some((plain, mode)) = &row.mode {
        text += &format!(r#", "plain": {}, "mode": {}"#, quote(plain), quote(mode));
    }
    if let Some(noise) = row.noise {
        text += &format!(
            r#", "noise": {}, "spread": {}"#,
            pair(noise),
            times(noise.spread())
        );
    }
    text += &format!(r#", "pair": {}"#, pair(row.pair));
    if let Some((a, b)) = overhead(row, rows) {
        text += &format!(r#", "overhead": {{"a": {a:.4}, "b": {b:.4}}}"#);
    }
    if let Some((a, b)) = row.peak {
        text += &format!(r#", "peak": {{"a": {a}, "b": {b}}}"#);
    }
    text + "}"
}

fn pair(Pair { a, b, rounds }: Pair) -> String {
    format!(
        r#"{{"a": {}, "b": {}, "ratio": {}, "rounds": {rounds}}}"#,
        times(a),
        times(b),
        times(a.relative_to(b))
    )
}

fn times(Times { min, median }: Times) -> String {
    format!(r#"{{"min": {min:.4}, "median": {median:.4}}}"#)
}

fn list(items: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = items.map(|item| format!("\n    {item}")).collect();
    format!("[{}]", lines.join(","))
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

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{bench, rows};
    use super::{Outcome, quote, text};

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quote("a \"b\"\\\n"), r#""a \"b\"\\\u000a""#);
    }

    #[test]
    fn rows_means_and_failures_are_there() {
        let outcome = Outcome {
            rows: rows().to_vec(),
            failures: vec![("z".to_owned(), "died".to_owned())],
        };
        let text = text(&bench(), &outcome);
        for part in [
            r#""case": "x, fuel", "plain": "x", "mode": "fuel""#,
            r#""overhead": {"a": 1.0000, "b": 0.5000}"#,
            r#""set": "all", "cases": 2"#,
            r#"{"case": "z", "why": "died"}"#,
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
