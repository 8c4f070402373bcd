//! A whole run of the oracle: which cases, on how many threads, and what must come out.

use crate::case::{Case, Kind};
use crate::judge::{Engines, Verdict, judge};
use crate::report::Report;
use crate::watch::{Busy, Ended, watch};
use crate::{generate, ours, peer, programs};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many modules of `wasm-smith` and of our own, together.
    pub modules: u64,
    /// The first seed.
    pub seed: u64,
    /// One case by its name instead of all: `structured:17`.
    pub only: Option<String>,
    /// A folder for programs and for modules that showed a difference.
    pub scratch: PathBuf,
}

impl Options {
    /// From the environment: `TUSSAH_ORACLE_MODULES`, `TUSSAH_ORACLE_SEED`, `TUSSAH_ORACLE_ONLY`.
    ///
    /// # Errors
    ///
    /// A variable holds something else than it should.
    pub fn from_env(scratch: PathBuf) -> Result<Self, String> {
        let number = |name: &str, default: u64| match env::var(name) {
            Ok(text) => text
                .parse()
                .map_err(|_| format!("{name} is not a number: {text}")),
            Err(_) => Ok(default),
        };
        Ok(Options {
            modules: number("TUSSAH_ORACLE_MODULES", 2_700)?,
            seed: number("TUSSAH_ORACLE_SEED", 0)?,
            only: env::var("TUSSAH_ORACLE_ONLY").ok(),
            scratch,
        })
    }
}

/// What is still to be made and run.
#[derive(Clone)]
enum Work {
    Generate(fn(u64) -> Case, u64),
    Run(Box<Case>),
}

/// The generator of this name.
fn generator(name: &str) -> Option<fn(u64) -> Case> {
    Some(match name {
        "smith" => generate::smith,
        "structured" => generate::structured,
        "trapping" => generate::trapping,
        _ => return None,
    })
}

fn work(options: &Options, report: &mut Report) -> Result<Vec<Work>, String> {
    if let Some(only) = &options.only {
        if let Some((kind, seed)) = only.split_once(':')
            && let Some(generator) = generator(kind)
        {
            let seed = seed.parse().map_err(|_| format!("no seed: {seed}"))?;
            return Ok(vec![Work::Generate(generator, seed)]);
        }
        let programs = programs::cases(&options.scratch)?.into_iter();
        return Ok(programs
            .filter(|case| case.name.starts_with(only.as_str()))
            .map(|case| Work::Run(Box::new(case)))
            .collect());
    }
    let mut work = Vec::new();
    match programs::cases(&options.scratch) {
        Ok(cases) => work.extend(cases.into_iter().map(|case| Work::Run(Box::new(case)))),
        Err(why) => report.no_programs(&why, env::var_os("CI").is_some()),
    }
    let seeds = |count: u64| options.seed..options.seed + count;
    // Our own generator makes a quarter: enough for much to be executed.
    let own = options.modules / 4;
    let smith = options.modules - own;
    work.extend(seeds(smith).map(|seed| Work::Generate(generate::smith, seed)));
    work.extend(seeds(own).map(|seed| Work::Generate(generate::structured, seed)));
    work.extend(seeds(options.modules / 6).map(|seed| Work::Generate(generate::trapping, seed)));
    Ok(work)
}

/// Runs the oracle and prints its summary: whether everything was as it should be.
///
/// # Errors
///
/// The options name something that does not exist.
pub fn run(options: &Options) -> Result<bool, String> {
    fs::create_dir_all(&options.scratch).map_err(|error| error.to_string())?;
    let mut report = Report::new(options);
    let work = work(options, &mut report)?;
    let engines = Engines::new();
    let next = AtomicUsize::new(0);
    let report = Mutex::new(report);
    let stack = ours::run::THREAD_STACK.max(peer::run::THREAD_STACK);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let busy: Vec<_> = (0..workers).map(|_| Busy::default()).collect();
    let announce = env::var_os("TUSSAH_ORACLE_TRACE").is_some();
    thread::scope(|scope| {
        scope.spawn(|| watch(&busy));
        for slot in &busy {
            let worker = thread::Builder::new().stack_size(stack);
            let (next, work, engines, report) = (&next, &work, &engines, &report);
            let started = worker.spawn_scoped(scope, move || {
                let _ended = Ended(slot);
                while let Some(work) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let case = match work.clone() {
                        Work::Generate(make, seed) => make(seed),
                        Work::Run(case) => *case,
                    };
                    if announce {
                        crate::report::announce(&case.name);
                    }
                    slot.runs(case.name.clone());
                    let verdict = judge(engines, &case);
                    let mut report = report.lock().expect("no worker panics while reporting");
                    keep(options, &case, &verdict);
                    report.add(&case, &verdict);
                }
            });
            started.expect("a thread");
        }
    });
    let report = report.into_inner().expect("no worker panicked");
    Ok(report.conclude(options))
}

/// Keeps the module of a case that showed a difference, or that was asked for.
fn keep(options: &Options, case: &Case, verdict: &Verdict) {
    let asked = options.only.is_some() && case.kind != Kind::Program;
    if asked || !verdict.differences.is_empty() {
        let path = options.scratch.join(case.name.replace(':', "-") + ".wasm");
        if let Err(error) = fs::write(&path, &case.wasm) {
            crate::report::announce(&format!("{}: {error}", path.display()));
        }
    }
}
