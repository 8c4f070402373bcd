//! A long run: so many modules from a seed on.

use super::tally::Tally;
use super::{Campaign, Outcome};
use crate::report::announce;
use crate::watch::{Busy, Ended, watch};
use crate::{generate, ours, peer};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Between two lines of progress.
const OFTEN: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many modules.
    pub modules: u64,
    /// The first seed.
    pub seed: u64,
    /// On how many threads.
    pub jobs: usize,
    /// Where modules that differ are kept, each beside a text that says how.
    pub keep: PathBuf,
}

/// Runs modules until there were as many as planned, and prints a summary: whether none differed and enough returned.
///
/// # Errors
///
/// The folder cannot be made.
///
/// # Panics
///
/// If the generator gives nothing, or threads cannot be made.
pub fn march(plan: &Plan) -> std::io::Result<bool> {
    fs::create_dir_all(&plan.keep)?;
    let next = AtomicU64::new(plan.seed);
    let shared = Mutex::new((Tally::new(), Instant::now(), 0));
    let busy: Vec<_> = (0..plan.jobs.max(1)).map(|_| Busy::default()).collect();
    let stack = ours::run::THREAD_STACK.max(peer::run::THREAD_STACK);
    thread::scope(|scope| {
        scope.spawn(|| watch(&busy));
        for slot in &busy {
            let (next, shared) = (&next, &shared);
            let worker = thread::Builder::new().stack_size(stack);
            let started = worker.spawn_scoped(scope, move || {
                let _ended = Ended(slot);
                let mut campaign = Campaign::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    slot.runs(format!("seed {seed}"));
                    let outcome = campaign.run(&generate::smith_bytes(seed));
                    let mut shared = shared.lock().expect("no worker panics while counting");
                    let (tally, told, modules) = &mut *shared;
                    if *modules == plan.modules {
                        return;
                    }
                    match outcome {
                        Some(outcome) => {
                            *modules += 1;
                            tally.add(&outcome);
                            keep(&plan.keep, seed, &outcome);
                        }
                        None => tally.nothing(),
                    }
                    if told.elapsed() > OFTEN {
                        *told = Instant::now();
                        tally.progress();
                    }
                }
            });
            started.expect("a thread");
        }
    });
    let (tally, ..) = shared.into_inner().expect("no worker panicked");
    Ok(tally.conclude())
}

/// Keeps a module that differs; those in which wasmi 2 alone does go into a folder of their own, without being told.
fn keep(folder: &Path, seed: u64, outcome: &Outcome) {
    let differs = !outcome.differences.is_empty();
    let (folder, what) = match differs {
        true => (folder.to_owned(), &outcome.differences),
        false if outcome.only_newest.is_empty() => return,
        false => (folder.join("wasmi-2"), &outcome.only_newest),
    };
    let text = format!(
        "seed {seed}, {}\n{}\n{}\n",
        outcome.name,
        outcome.mode,
        what.join("\n")
    );
    if differs {
        announce(&format!("DIFFERENCE {text}"));
    }
    let path = folder.join(outcome.name.replace(':', "-"));
    let kept = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(path.with_extension("wasm"), &outcome.wasm))
        .and_then(|()| fs::write(path.with_extension("txt"), text));
    if let Err(error) = kept {
        announce(&format!("{}: {error}", path.display()));
    }
}
