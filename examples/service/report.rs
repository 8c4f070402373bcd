//! What a run promises, whether the promises held, and the table of what happened. Only looks at what others measured.
#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use std::time::Duration;

use crate::load::Tally;
use crate::probe::{Histogram, Range};

/// The latest that 99% of the host's heartbeats may be.
const HEARTBEAT_P99: Duration = Duration::from_millis(20);
/// How much slower hostile guests may make 99% of the others.
const SLOWDOWN: u32 = 5;
/// What may stay resident after the load with hostile guests that did not after the one without.
const MEMORY_SLACK: usize = 16 << 20;

/// What was measured while one load ran.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) tallies: Vec<Tally>,
    pub(crate) heartbeat: Histogram,
    pub(crate) threads: Range,
    /// Guests alive at once, and the hostile ones among them, from when the last connection had arrived.
    pub(crate) alive: Range,
    pub(crate) hostile: Range,
    /// Guests still alive when all requests were answered.
    pub(crate) left: usize,
    /// The percentage of all processors that this process and others used.
    pub(crate) processors: (u64, u64),
    pub(crate) memory_before: usize,
    pub(crate) memory_peak: usize,
    pub(crate) memory_after: usize,
}

/// A promise, and what came of it.
#[derive(Debug)]
pub(crate) struct Promise {
    text: String,
    held: bool,
    seen: String,
}

/// Judges a run: the loads without and with hostile guests, which were to keep so many guests `alive`, so many of them `hostile`.
pub(crate) fn promises(
    baseline: &Phase,
    loaded: &Phase,
    alive: usize,
    hostile: usize,
) -> Vec<Promise> {
    let mut promises = Vec::new();
    requests(baseline, loaded, &mut promises);
    slowdown(baseline, loaded, &mut promises);
    host(baseline, loaded, &mut promises);
    promises.push(Promise::new(
        format!("at least {alive} guests are alive at once, {hostile} hostile ones among them"),
        loaded.alive.min >= alive && loaded.hostile.min >= hostile,
        format!(
            "never fewer than {}, {}",
            loaded.alive.min, loaded.hostile.min
        ),
    ));
    promises
}

impl Promise {
    fn new(text: impl Into<String>, held: bool, seen: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            held,
            seen: seen.into(),
        }
    }
}

fn requests(baseline: &Phase, loaded: &Phase, promises: &mut Vec<Promise>) {
    let both = || baseline.tallies.iter().chain(&loaded.tallies);
    for (text, hostile) in [
        ("every benign request gets its own right answer", false),
        ("every hostile guest ends for its own reason", true),
    ] {
        let tallies = || both().filter(|t| t.crowd.hostile == hostile);
        let wrong = tallies().find_map(|t| t.wrong.clone());
        let (requests, right) = tallies().fold((0, 0), |(requests, right), t| {
            (requests + t.requests, right + t.right)
        });
        let seen = format!(
            "{right} of {requests}{}",
            wrong.map(|w| format!("; {w}")).unwrap_or_default()
        );
        promises.push(Promise::new(text, right == requests, seen));
    }
    let unserved: Vec<_> = both()
        .filter(|t| t.requests == 0)
        .map(|t| t.crowd.name)
        .collect();
    let seen = if unserved.is_empty() {
        "all".into()
    } else {
        format!("not {}", unserved.join(", "))
    };
    promises.push(Promise::new(
        "every crowd was served",
        unserved.is_empty(),
        seen,
    ));
}

fn slowdown(baseline: &Phase, loaded: &Phase, promises: &mut Vec<Promise>) {
    for before in baseline
        .tallies
        .iter()
        .filter(|t| t.crowd.leaves_after.is_none())
    {
        let name = before.crowd.name;
        let Some(after) = loaded.tallies.iter().find(|t| t.crowd.name == name) else {
            continue;
        };
        let mut slower = |what: String, before: &Histogram, after: &Histogram| {
            let (before, after) = (before.percentile(99), after.percentile(99));
            promises.push(Promise::new(
                format!("p99 of {what} is at most {SLOWDOWN}x what it is without hostile guests"),
                after <= before * SLOWDOWN,
                format!("{} without, {} with", millis(before), millis(after)),
            ));
        };
        slower(name.into(), &before.latency, &after.latency);
        if !before.crowd.asleep.is_zero() {
            slower(
                format!("{name}, less its sleep,"),
                &before.overhead,
                &after.overhead,
            );
        }
    }
}

fn host(baseline: &Phase, loaded: &Phase, promises: &mut Vec<Promise>) {
    let p99 = loaded.heartbeat.percentile(99);
    promises.push(Promise::new(
        format!(
            "p99 of the heartbeat's delay is below {}",
            millis(HEARTBEAT_P99)
        ),
        p99 < HEARTBEAT_P99,
        format!("{} of {} beats", millis(p99), loaded.heartbeat.len()),
    ));
    let mut threads = baseline.threads;
    threads.add(loaded.threads.min);
    threads.add(loaded.threads.max);
    promises.push(Promise::new(
        "the number of OS threads is constant",
        threads.min == threads.max,
        threads.to_string(),
    ));
    let left = baseline.left + loaded.left;
    promises.push(Promise::new(
        "no guest outlives its request or its client",
        left == 0,
        format!("{left} did"),
    ));
    let (before, after) = (loaded.memory_before, loaded.memory_after);
    promises.push(Promise::new(
        format!(
            "memory returns to its level, give or take {}",
            mib(MEMORY_SLACK)
        ),
        after <= before + MEMORY_SLACK,
        format!("{} before, {} after", mib(before), mib(after)),
    ));
}

/// Prints the promises, those not kept by name; true if all held.
pub(crate) fn print_promises(promises: &[Promise]) -> bool {
    println!("\nPromises");
    for promise in promises {
        println!(
            "  {}  {}: {}",
            if promise.held { "held  " } else { "BROKEN" },
            promise.text,
            promise.seen
        );
    }
    let broken = promises.iter().filter(|p| !p.held).count();
    if broken > 0 {
        println!("\n{broken} of {} promises did not hold:", promises.len());
        promises
            .iter()
            .filter(|p| !p.held)
            .for_each(|p| println!("  {}", p.text));
    }
    broken == 0
}

/// Prints what happened during one load.
pub(crate) fn print_phase(title: &str, phase: &Phase) {
    println!("\n{title}");
    println!(
        "  {:<8} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10}  ends",
        "crowd", "requests", "as due", "p50", "p99", "-sleep p50", "-sleep p99"
    );
    for t in &phase.tallies {
        let ends: Vec<_> = t
            .ends
            .iter()
            .map(|(end, count)| format!("{end} {count}"))
            .collect();
        println!(
            "  {:<8} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10}  {}",
            t.crowd.name,
            t.requests,
            t.right,
            millis(t.latency.percentile(50)),
            millis(t.latency.percentile(99)),
            millis(t.overhead.percentile(50)),
            millis(t.overhead.percentile(99)),
            ends.join(", "),
        );
    }
    let beat = &phase.heartbeat;
    let (p50, p99, max) = (beat.percentile(50), beat.percentile(99), beat.max());
    println!(
        "  heartbeat delay: p50 {}, p99 {}, max {}",
        millis(p50),
        millis(p99),
        millis(max)
    );
    println!(
        "  guests alive at once: {}, hostile ones among them: {}",
        phase.alive, phase.hostile
    );
    println!("  OS threads: {}", phase.threads);
    let (own, others) = phase.processors;
    println!("  processors: {own}% used by this process, {others}% by others");
    let (before, peak, after) = (
        mib(phase.memory_before),
        mib(phase.memory_peak),
        mib(phase.memory_after),
    );
    println!("  resident memory: {before} before, {peak} at the peak, {after} after");
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn mib(bytes: usize) -> String {
    format!("{} MiB", bytes >> 20)
}
