//! The claims on bytes from seeds: a bounded run that is the same on every machine, and that has to see enough.

#![expect(clippy::print_stdout, reason = "what was seen is worth knowing")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use tussah_claims::{
    artifact_rejects_garbage, async_interleave, bytes, translate_no_panic, with_room,
};

/// How often what was seen; the last seed is printed if a claim does not hold.
fn count<T: Debug>(seeds: std::ops::Range<u64>, run: fn(&[u8]) -> T) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for seed in seeds {
        let seen = std::panic::catch_unwind(|| run(&bytes(seed)));
        let seen = seen.unwrap_or_else(|_| panic!("the claim does not hold for seed {seed}"));
        *counts.entry(format!("{seen:?}")).or_default() += 1;
    }
    counts
}

#[test]
fn translate_no_panic() {
    let seen = count(0..600, translate_no_panic::run);
    println!("{seen:?}");
    assert!(seen["Accepted"] > 60, "{seen:?}");
    assert!(seen["Refused"] > 200, "{seen:?}");
}

#[test]
fn artifact_rejects_garbage() {
    let seen = count(0..4_000, artifact_rejects_garbage::run);
    println!("{seen:?}");
    assert!(seen["Refused"] > 1_500, "{seen:?}");
    assert!(seen["Declined"] > 100, "{seen:?}");
    assert!(seen["Read"] > 100, "{seen:?}");
}

#[test]
fn guests_do_the_same_in_every_way() {
    with_room(|| {
        let (mut guests, mut returned, mut sum) = (0, 0, (0, 0, 0, 0));
        for seed in 0..60 {
            let Some(seen) = async_interleave(&bytes(seed)) else {
                continue;
            };
            guests += 1;
            returned += u64::from(seen.returned);
            sum.0 += seen.runs;
            sum.1 += seen.yields;
            sum.2 += seen.dropped;
            sum.3 += seen.host_calls;
        }
        println!(
            "{guests} guests, {returned} returned; runs, yields, dropped, host calls: {sum:?}"
        );
        assert!(guests > 40 && returned > guests / 3, "{guests}, {returned}");
        assert!(
            sum.0 > 300 && sum.1 > 3_000 && sum.2 > 30 && sum.3 > 200,
            "{sum:?}"
        );
    });
}
