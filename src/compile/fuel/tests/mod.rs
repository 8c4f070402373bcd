//! Plans of small functions as text, limits, and [`checker`] on random bodies and on the example guests.

mod checker;
mod limits;
mod random;

use super::FuelPlan;
use crate::code::CostTable;
use checker::{Checker, Tally};
use random::Rng;
use wasmparser::{BinaryReader, FunctionBody, Parser, Payload};

fn costs(structural: u8, other: u8) -> CostTable {
    CostTable {
        structural,
        other,
        ..CostTable::default()
    }
}

fn plan_of(body: &[u8], costs: &CostTable) -> Option<FuelPlan> {
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    FuelPlan::new(&body, costs)
}

/// The bodies of a module.
fn bodies(wasm: &[u8]) -> Vec<&[u8]> {
    let payloads = Parser::new(0).parse_all(wasm);
    payloads
        .filter_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body.as_bytes()),
            _ => None,
        })
        .collect()
}

/// The one body of a module in which `$f` may be called.
fn body(text: &str) -> Vec<u8> {
    let text = format!(
        r#"(module (import "" "f" (func $f)) (memory 1)
            (func (param i32) (result i32) (local i32) {text}))"#
    );
    let wasm = wat::parse_str(text).unwrap();
    bodies(&wasm)[0].to_vec()
}

/// Compares a plan's text, after random walks along it.
#[track_caller]
fn expect(costs: &CostTable, text: &str, expected: &str) {
    let body = body(text);
    let plan = plan_of(&body, costs).unwrap();
    let checker = Checker::new(&body, costs);
    checker.check_unreachable(&plan).unwrap();
    let mut rng = Rng::new(1);
    for _ in 0..200 {
        checker.walk(&plan, &mut rng, 200, 5).unwrap();
    }
    let lines: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(plan.to_string().trim_end(), lines.join("\n").trim());
}

/// Charges per turn of the loops, by the plan and at the end of each block, on walks that stay in loops for long.
fn charges_per_turn(text: &str) -> (f64, f64) {
    let body = body(text);
    let costs = CostTable::default();
    let plan = plan_of(&body, &costs).unwrap();
    let checker = Checker::new(&body, &costs);
    let mut rng = Rng::new(7);
    let mut tally = Tally::default();
    for _ in 0..1000 {
        tally += checker.walk(&plan, &mut rng, 400, 9).unwrap();
    }
    assert!(tally.turns > 1000, "loops that hardly turn prove nothing");
    let per_turn = |charges: u64| charges as f64 / tally.turns as f64;
    (per_turn(tally.charges), per_turn(tally.by_block))
}

const STRAIGHT: &str = "local.get 0 i32.load drop call $f local.get 0";

const LOOP_WITH_IF: &str = "
    loop
        local.get 0
        if
            local.get 0 i32.const 1 i32.add local.set 0
        else
            nop i32.const 1 local.set 1
        end
        local.get 1 i32.const 1 i32.sub local.tee 1
        br_if 0
    end
    local.get 0";

const IF_WITHOUT_ELSE: &str = "
    local.get 0
    if
        i32.const 1 local.set 1
    end
    local.get 1";

const EARLY_EXITS: &str = "
    block
        block
            local.get 0 i32.eqz br_if 0
            local.get 0 i32.const 2 i32.eq br_if 1
            call $f
            br 1
        end
        i32.const 5 local.set 0
    end
    local.get 0";

const TABLE: &str = "
    loop
        block block block
            local.get 0 br_table 0 1 0 2 1
        end
            i32.const 1 local.set 0 br 2
        end
            i32.const 2 i32.const 3 i32.add local.set 0 br 1
        end
    end
    local.get 0";

const NESTED_LOOPS: &str = "
    loop
        i32.const 9 local.set 1
        loop
            local.get 0
            if
                local.get 0 i32.const 3 i32.and
                if
                    i32.const 1 local.set 0
                else
                    local.get 0 br_if 2
                end
            end
            local.get 1 i32.const 1 i32.sub local.tee 1 br_if 0
        end
        local.get 0 br_if 0
    end
    local.get 0";

const WHILE: &str = "
    block
        loop
            local.get 0 i32.eqz br_if 1
            local.get 0 i32.const 1 i32.and
            if
                i32.const 1 local.set 1
            end
            local.get 0 i32.const 1 i32.sub local.set 0
            br 0
        end
    end
    local.get 1";

#[test]
fn straight_code_pays_where_others_look() {
    expect(
        &costs(0, 1),
        STRAIGHT,
        "3 before: +3
         5 before: +1
         owed: 1 2 2 0 1 0",
    );
    expect(
        &costs(2, 3),
        STRAIGHT,
        "3 before: +11
         5 before: +5
         owed: 3 6 8 0 3 0",
    );
}

#[test]
fn a_loop_pays_in_the_arms_of_its_if() {
    expect(
        &costs(0, 1),
        LOOP_WITH_IF,
        "7 before: +11
         11 before: +9
         19 before: +1
         owed: 0 1 2 3 4 5 6 -5 2 3 4 -5 -4 -3 -2 -1 0 0 1 0",
    );
}

#[test]
fn an_if_without_else_pays_in_one_arm() {
    expect(
        &costs(0, 1),
        IF_WITHOUT_ELSE,
        "4 before: +5
         4 alternative: +3
         owed: 1 2 3 4 -1 0 0",
    );
    expect(
        &costs(10, 1),
        IF_WITHOUT_ELSE,
        "4 before: +25
         4 alternative: +13
         owed: 1 2 3 4 -11 -10 0",
    );
}

#[test]
fn early_exits_meet_behind_their_blocks() {
    expect(
        &costs(0, 1),
        EARLY_EXITS,
        "8 taken to 1: +8
         9 before: +8
         10 before: +2
         14 before: +6
         owed: 0 0 1 2 3 4 5 6 7 0 -1 0 4 5 -1 0 0",
    );
}

#[test]
fn a_br_table_has_an_edge_for_each_distinct_target() {
    expect(
        &costs(1, 2),
        TABLE,
        "0 before: +1
         9 before: +13
         15 before: +17
         19 before: +11
         owed: 0 1 2 3 5 7 0 9 11 0 0 9 11 13 15 0 0 8 10 0",
    );
}

#[test]
fn unreachable_code_costs_nothing() {
    expect(
        &costs(5, 1),
        "block
            local.get 0 br_if 0
            return
            if nop else call $f br 1 end
            loop br 0 end
        end
        local.get 0",
        "3 before: +12
         15 before: +13
         owed: 5 6 7 0 0 0 0 0 0 0 0 0 0 0 8 0",
    );
}

/// An `if` that is left by both arms and a block that is never left make no code reachable.
#[test]
fn blocks_without_exit() {
    expect(
        &costs(1, 1),
        "block
            local.get 0
            if br 1 else unreachable end
            block loop br 0 end end
        end
        local.get 0",
        "5 before: +4
         14 before: +6
         owed: 1 2 3 4 0 0 0 0 0 0 0 0 0 5 0",
    );
}

/// About one charge for each turn of a loop, which must be exact at its header: 0.3 to 0.55 of what charging at the end
/// of each block adds.
#[test]
fn loops_pay_about_once_a_turn() {
    for (text, plan, by_block) in [
        (LOOP_WITH_IF, 1.09, 3.09),
        (TABLE, 0.99, 1.99),
        (NESTED_LOOPS, 1.51, 2.75),
        (WHILE, 1.00, 3.35),
    ] {
        let found = charges_per_turn(text);
        assert_eq!(format!("{found:.2?}"), format!("{:.2?}", (plan, by_block)));
    }
}

#[test]
fn random_walks_along_random_bodies_are_charged_exactly() {
    let mut rng = Rng::new(0x7a55_a4f1);
    let mut tally = Tally::default();
    let (mut charges, mut unreachable) = (0, 0);
    for _ in 0..1500 {
        let size = 1 + rng.below(150);
        let body = random::body(&mut rng, size);
        let costs = match rng.below(3) {
            0 => CostTable::default(),
            1 => costs(1, 1),
            _ => costs(rng.byte(), rng.byte()),
        };
        let plan = plan_of(&body, &costs).unwrap();
        let checker = Checker::new(&body, &costs);
        charges += plan.charges.len();
        unreachable += checker.check_unreachable(&plan).unwrap();
        for loyal in (0..10).chain(0..10) {
            match checker.walk(&plan, &mut rng, 300, loyal) {
                Ok(walk) => tally += walk,
                Err(what) => panic!("{what}\n{plan}{body:02x?}"),
            }
        }
    }
    assert!(charges > 10_000, "{charges}");
    assert!(unreachable > 30_000, "{unreachable}");
    let Tally {
        steps,
        turns,
        pinned,
        ..
    } = tally;
    assert!(
        steps > 500_000 && turns > 200_000 && pinned > 200_000,
        "{tally:?}"
    );
}

/// Every charge and every debt that a walk comes by is one that the checker would miss.
#[test]
fn the_checker_notices_any_change_of_a_plan() {
    let mut rng = Rng::new(3);
    let (mut noticed, mut changes) = (0, 0);
    for text in [
        LOOP_WITH_IF,
        IF_WITHOUT_ELSE,
        EARLY_EXITS,
        TABLE,
        NESTED_LOOPS,
        WHILE,
    ] {
        let body = body(text);
        let costs = costs(2, 3);
        let plan = plan_of(&body, &costs).unwrap();
        let checker = Checker::new(&body, &costs);
        let mut fails = |plan: &FuelPlan| {
            checker.check_unreachable(plan).is_err()
                || (0..300).any(|_| checker.walk(plan, &mut rng, 300, 5).is_err())
        };
        assert!(!fails(&plan));
        for i in 0..plan.charges.len() {
            let mut broken = plan.clone();
            broken.charges[i].amount += 1;
            changes += 1;
            noticed += usize::from(fails(&broken));
            let mut broken = plan.clone();
            broken.charges.remove(i);
            changes += 1;
            noticed += usize::from(fails(&broken));
        }
        for i in 0..plan.owed.len() {
            let mut broken = plan.clone();
            broken.owed[i] -= 1;
            changes += 1;
            noticed += usize::from(fails(&broken));
        }
    }
    assert_eq!((noticed, changes), (165, 165));
}

#[test]
fn walks_along_the_example_guests_are_charged_exactly() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/guests");
    let mut rng = Rng::new(5);
    let (mut guests, mut tally) = (0, Tally::default());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "wasm") {
            continue;
        }
        guests += 1;
        let wasm = std::fs::read(&path).unwrap();
        for body in bodies(&wasm) {
            let costs = costs(1, 2);
            let plan = plan_of(body, &costs).unwrap();
            let checker = Checker::new(body, &costs);
            checker.check_unreachable(&plan).unwrap();
            for _ in 0..20 {
                tally += checker.walk(&plan, &mut rng, 500, 9).unwrap();
            }
        }
    }
    assert!(guests >= 5);
    // Nearly all of what is left is needed at the pinned points of these walks.
    assert!(tally.pinned > 10_000, "{tally:?}");
    assert!(
        tally.charges < tally.pinned + tally.pinned / 20,
        "{tally:?}"
    );
    assert!(tally.charges < tally.by_block, "{tally:?}");
}
