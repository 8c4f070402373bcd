//! Proof that the oracle can fail: the peer runs one module and tussah a slightly different one, and the difference must
//! be found.

use crate::case::{Case, Expected, Kind};
use crate::generate::unreachable_instead;
use crate::judge::{Engines, Verdict, judge_pair};

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module")
}

fn case(wasm: Vec<u8>) -> Case {
    Case {
        kind: Kind::Structured,
        name: "sabotage".to_owned(),
        seed: 1,
        wasm,
        fuel: 10_000,
        rounds: 1,
        fail_at: None,
        reenters: false,
        expected: None,
        files: None,
    }
}

/// A module of which every line of [`CHANGES`] changes something.
const MODULE: &str = r#"(module
    (import "host" "look" (func $look (param i32)))
    (memory (export "memory") 1)
    (table (export "table") 2 10 funcref)
    (global (export "global") (mut i32) (i32.const 3))
    (func (export "run") (param i32) (result i32)
        (local $n i32)
        (local.set $n (i32.const 10))
        (call $look (i32.const 4))
        (i32.store (i32.const 5000) (i32.const 5))
        (global.set 0 (i32.const 6))
        (drop (table.grow 0 (ref.null func) (i32.const 1)))
        (loop $again
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $again (local.get $n)))
        (i32.const 7))
    (func (export "trap") (unreachable))
    (func (export "divide") (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "bulk") (memory.fill (i32.const 6000) (i32.const 1) (i32.const 200)))
    (func (export "endless") (loop $again (br $again))))"#;

/// What is replaced by what, and a word of what must be found to differ.
const CHANGES: [(&str, &str, &str); 13] = [
    ("(i32.const 7))", "(i32.const 8))", "ended differently"),
    (
        "(i32.const 7))",
        "(drop (i32.const 0)) (i32.const 7))",
        "fuel used",
    ),
    ("(i32.const 10))\n", "(i32.const 11))\n", "fuel used"),
    (
        "$look (i32.const 4)",
        "$look (i32.const 5)",
        "what the host saw",
    ),
    ("(call $look (i32.const 4))", "", "host calls"),
    ("i32.const 5000", "i32.const 5001", "memories"),
    (
        "(global.set 0 (i32.const 6))",
        "(global.set 0 (i32.const 9))",
        "globals",
    ),
    (
        "(ref.null func) (i32.const 1)",
        "(ref.null func) (i32.const 0)",
        "tables",
    ),
    (
        "(unreachable)",
        "(drop (i32.const 1)) (unreachable)",
        "trap: fuel used",
    ),
    ("(unreachable)", "", "trap ended differently"),
    (
        "i32.div_u (i32.const 1)",
        "i32.load (i32.const -1)) (drop",
        "divide ended differently",
    ),
    ("(i32.const 200)", "(i32.const 201)", "bulk: fuel used"),
    ("(br $again))))", ")))", "endless ended differently"),
];

fn found(verdict: &Verdict, word: &str) -> bool {
    verdict
        .differences
        .iter()
        .any(|(what, _)| what.contains(word))
}

#[test]
fn a_changed_module_is_found_out() {
    let engines = Engines::new();
    let right = binary(MODULE);
    let verdict = judge_pair(&engines, &case(right.clone()), &right);
    assert!(verdict.differences.is_empty(), "{:?}", verdict.differences);
    assert!(
        verdict.comparisons > 500,
        "only {} comparisons",
        verdict.comparisons
    );
    for (from, to, word) in CHANGES {
        let text = MODULE.replacen(from, to, 1);
        assert_ne!(text, MODULE, "{from} is not in the module");
        let verdict = judge_pair(&engines, &case(binary(&text)), &right);
        assert!(found(&verdict, word), "{to}: {:?}", verdict.differences);
    }
}

/// Fuel moves from behind a host call to before it: the sum is the same, and only the host can tell.
#[test]
fn fuel_is_compared_at_host_calls() {
    let call = "(call $look (i32.const 4))";
    let store = "(i32.store (i32.const 5000) (i32.const 5))";
    let text = MODULE.replacen(call, "", 1);
    let text = text.replacen(store, &format!("{store} {call}"), 1);
    let verdict = judge_pair(&Engines::new(), &case(binary(&text)), &binary(MODULE));
    assert!(
        found(&verdict, "fuel at host calls"),
        "{:?}",
        verdict.differences
    );
    assert!(!found(&verdict, "fuel used"), "{:?}", verdict.differences);
}

/// What `trapping` counts is right wherever the peer counts too.
#[test]
fn known_counts_are_the_peers() {
    let engines = Engines::new();
    let mut counted = 0;
    for seed in 0..300 {
        let case = unreachable_instead(seed);
        let verdict = judge_pair(&engines, &case, &case.wasm);
        assert!(
            verdict.differences.is_empty(),
            "{seed}: {:?}",
            verdict.differences
        );
        let fuel = verdict.reference.as_ref().map(|run| run.calls[1].fuel);
        assert_eq!(
            fuel,
            Some(case.expected.map(|expected| expected.fuel)),
            "{seed}"
        );
        counted += 1;
    }
    assert_eq!(counted, 300);
}

#[test]
fn a_wrong_expectation_is_found_out() {
    let engines = Engines::new();
    let wasm = binary(r#"(module (func (export "run") (drop (i32.const 1)) unreachable))"#);
    let judged = |trap, fuel| {
        let expected = Some(Expected { trap, fuel });
        let case = Case {
            expected,
            ..case(wasm.clone())
        };
        judge_pair(&engines, &case, &wasm)
    };
    // The entry and a constant.
    assert!(judged("UnreachableCodeReached", 2).differences.is_empty());
    assert!(found(&judged("UnreachableCodeReached", 1), "fuel used at"));
    assert!(found(&judged("UnreachableCodeReached", 3), "fuel used at"));
    assert!(found(&judged("IntegerOverflow", 2), "trap"));
}
