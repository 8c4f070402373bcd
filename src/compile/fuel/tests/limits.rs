//! Bodies that are broken, and bodies that are large.

use super::super::MAX_BODY;
use super::random::leb;
use super::{costs, plan_of};
use std::time::Instant;

#[test]
fn malformed_bodies_have_no_plan() {
    const BLOCK: [u8; 2] = [0x02, 0x40];
    const IF: [u8; 2] = [0x04, 0x40];
    let cases: [(&str, &[u8]); 16] = [
        ("no operators", &[]),
        ("no end", &[0x01]),
        ("no end of a block", &[BLOCK[0], BLOCK[1], 0x0b]),
        ("operators behind the end", &[0x0b, 0x01]),
        ("two ends", &[0x0b, 0x0b]),
        ("an else without if", &[0x05, 0x0b]),
        (
            "an else in a block",
            &[BLOCK[0], BLOCK[1], 0x05, 0x0b, 0x0b],
        ),
        ("two elses", &[IF[0], IF[1], 0x05, 0x05, 0x0b, 0x0b]),
        (
            "an unreachable else",
            &[0x00, BLOCK[0], BLOCK[1], 0x05, 0x0b, 0x0b],
        ),
        ("a br too deep", &[0x0c, 1, 0x0b]),
        ("an unreachable br too deep", &[0x00, 0x0c, 1, 0x0b]),
        ("a br_if too deep", &[0x0d, 1, 0x0b]),
        ("a br_table too deep", &[0x0e, 1, 7, 0, 0x0b]),
        ("a br_table cut off", &[0x0e, 9, 0]),
        ("no operator", &[0xff, 0x0b]),
        ("half an operator", &[0x41]),
    ];
    for (what, operators) in cases {
        let body = [&[0], operators].concat();
        assert!(plan_of(&body, &costs(1, 1)).is_none(), "{what}");
    }
    assert!(plan_of(&[0, 0x0b], &costs(1, 1)).is_some());
    assert!(plan_of(&[], &costs(1, 1)).is_none());
    let mut large = vec![0x01; MAX_BODY];
    large[0] = 0;
    large.push(0x0b);
    assert!(plan_of(&large, &costs(1, 1)).is_none());
}

/// What is worst in each way, at the highest costs.
#[test]
fn hostile_bodies_take_linear_time() {
    const LARGE: usize = 1 << 20;
    let fill = |size: usize, unit: &[u8]| {
        let mut body = vec![0];
        while body.len() + unit.len() < size {
            body.extend_from_slice(unit);
        }
        body.push(0x0b);
        body
    };
    let nested = |blocks: usize, inside: &[u8]| {
        let mut body = vec![0];
        body.extend([0x02, 0x40].repeat(blocks));
        body.extend_from_slice(inside);
        body.extend(vec![0x0b; blocks + 1]);
        body
    };
    let targets = 65_520u32;
    // In a block of its own, so that the next one is reached.
    let mut table = vec![0x02, 0x40, 0x0e];
    leb(&mut table, targets);
    for depth in 0..=targets {
        leb(&mut table, depth);
    }
    table.push(0x0b);
    let bodies = [
        // The largest sum of costs that there can be.
        ("straight", fill(MAX_BODY, &[0x1b]), 1),
        ("br_if", fill(LARGE, &[0x0d, 0]), 1),
        (
            "if",
            fill(LARGE, &[0x04, 0x40, 0x1b, 0x05, 0x0b]),
            LARGE / 5 - 1,
        ),
        (
            "loop",
            fill(LARGE, &[0x03, 0x40, 0x0d, 0, 0x0b]),
            LARGE / 5 - 1,
        ),
        ("call", fill(LARGE, &[0x10, 0]), LARGE / 2 - 1),
        ("block", nested(LARGE, &[]), 1),
        ("br_table", nested(targets as usize, &table.repeat(4)), 1),
    ];
    for (what, body, least) in bodies {
        let started = Instant::now();
        let plan = plan_of(&body, &costs(255, 255)).expect(what);
        assert!(
            plan.charges.len() >= least,
            "{what}: {}",
            plan.charges.len()
        );
        // Quadratic time would be hours.
        assert!(started.elapsed().as_secs() < 60, "{what}");
    }
}
