//! Thousands of untrusted guests in one tokio process: `GET /<guest>?name=...` runs a fresh guest in a fresh store.
//!
//! `cargo run --release --example service` drives a load against itself and judges the outcome; `-- --listen ADDR` only serves.
//!
//! ```text
//!   load ----- HTTP -----> server ---> fairness ---> guests ---> host
//!   (its own runtime)      (hyper)     (whose turn)  (stores)    (imports, backend task)
//!      |                                                 ^
//!      +---> report <--- probe (heartbeat, threads, memory)
//! ```
#![expect(
    clippy::print_stderr,
    reason = "a program tells its user what is wrong"
)]

mod args;
mod fairness;
mod guests;
mod host;
mod load;
mod probe;
mod report;
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tracing::warn;
use tracing_subscriber::EnvFilter;
use tussah::Result;
use tussah::error::Context as _;

use crate::args::Args;
use crate::fairness::{Policy, Turns, start_ticker};
use crate::host::Backend;
use crate::load::{ARRIVAL, Ask, Crowd, LEFT, Load};
use crate::probe::{CpuTime, Heartbeat, Range};
use crate::report::Phase;
use crate::server::Service;

/// Poll the operating system and the timers after this many polls of tasks. A task that runs a guest may take a whole
/// slice, so the default of 61 would leave timers and sockets alone for up to 61 slices.
const EVENT_INTERVAL: u32 = 4;
/// Visit the global queue after this many polls even if there is other work. In it are guests that have been given a turn
/// ([`fairness`]): the larger this is, the smaller their share of a busy processor.
const GLOBAL_QUEUE_INTERVAL: u32 = 61;

/// How long the greeter sleeps, by its configuration: most guests are asleep at most times.
const ASLEEP: Duration = Duration::from_secs(2);
/// The load without hostile guests takes this part of the time, but at least the second.
const BASELINE: (u64, u64) = (2, 8);

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Serves, or loads and judges; true if every promise held.
fn run(args: &Args) -> Result<bool> {
    let engine = guests::engine()?;
    let guests = guests::load(&engine, &args.dir)?;
    if let Some(missing) = args
        .listen
        .is_none()
        .then(|| {
            crowds(args)
                .into_iter()
                .find(|c| !guests.contains_key(c.guest))
        })
        .flatten()
    {
        return Err(tussah::format_err!(
            "the load needs the guest {}.wasm in {}",
            missing.guest,
            args.dir.display()
        ));
    }
    allow_connections(2 * (args.guests + args.hostile) + 256);
    let workers = usize::from(args.workers);
    let turns = Turns::new(workers);
    start_ticker(engine, turns.clone(), Policy::DEFAULT.slice)
        .context("cannot start the thread that ticks")?;

    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .event_interval(EVENT_INTERVAL)
        .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
        .thread_name("worker")
        .enable_all()
        .build()
        .context("cannot start the service's runtime")?;

    let (listener, service) = runtime.block_on(async {
        let address = args.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))?;
        let backend = Backend::start(ASLEEP);
        let service = Service {
            guests,
            backend,
            turns,
            policy: Policy::DEFAULT,
        };
        Result::<_>::Ok((listener, Arc::new(service)))
    })?;
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    let server = runtime.spawn(server::serve(listener, service.clone()));
    if args.listen.is_some() {
        eprintln!(
            "serving {} on http://{address}",
            service
                .guests
                .keys()
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        );
        runtime.block_on(server).context("the server stopped")?;
        return Ok(true);
    }
    let clients = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("clients")
        .enable_all()
        .build()?;
    Run {
        args,
        address,
        service: &service,
        runtime: &runtime,
        clients: &clients,
    }
    .judge()
}

/// Raises the soft limit of open files towards what the load needs.
fn allow_connections(files: u32) {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(files.into(), |hard| hard.min(files.into()));
    if limit.current.is_some_and(|soft| soft < wanted) {
        limit.current = Some(wanted);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            warn!(%error, "cannot raise the limit of open files to {wanted}");
        }
    }
    if wanted < files.into() {
        warn!("at most {wanted} files may be open, the load wants {files}");
    }
}

const fn ask(name: &'static str, ends: &'static [&'static str]) -> Ask {
    Ask {
        name,
        ends,
        answer: None,
    }
}

const fn answered(name: &'static str, answer: &'static str) -> Ask {
    Ask {
        name,
        ends: &["answered"],
        answer: Some(answer),
    }
}

static GREETER: [Ask; 4] = [
    answered("ada", "Hello, Countess ada!\n"),
    answered("bob", "Hello, bob!\n"),
    answered("grace", "Hello, Rear Admiral grace!\n"),
    answered("Jos%C3%A9+Silva", "Hello, José Silva!\n"),
];
static CPU: [Ask; 2] = [
    answered("", "25997 primes below 300000\n"),
    answered("200000", "17984 primes below 200000\n"),
];
static LEAVER: [Ask; 1] = [ask("eve", &[LEFT])];
/// With few rivals a spinner spends its budget before its client loses patience.
static QUITTER: [Ask; 1] = [ask("eve", &[LEFT, "budget"])];
static SPIN: [Ask; 1] = [ask("", &["budget"])];
static STORM: [Ask; 1] = [ask("", &["budget"])];
static RECURSE: [Ask; 1] = [ask("", &["stack"])];
static HOG: [Ask; 1] = [ask("", &["memory"])];
static TRAP: [Ask; 6] = [
    ask("unreachable", &["unreachable"]),
    ask("divide", &["divide"]),
    ask("overflow", &["overflow"]),
    ask("bounds", &["bounds"]),
    ask("signature", &["signature"]),
    ask("null", &["null"]),
];

/// Who will ask for what. Endless loops and storms live for long, the other hostile guests die at once and would only
/// measure how fast they can be made: they pause between requests. Leavers and quitters hang up on a guest that sleeps or spins,
/// which cancels it.
fn crowds(args: &Args) -> Vec<Crowd> {
    let crowd = |guest, asks, hostile, connections, pause| {
        let pause = Duration::from_millis(pause);
        Crowd {
            name: guest,
            guest,
            asks,
            hostile,
            connections,
            pause,
            asleep: Duration::ZERO,
            leaves_after: None,
        }
    };
    let (few, storms) = (4, args.hostile / 4);
    let soon = Some(Duration::from_millis(300));
    vec![
        Crowd {
            asleep: ASLEEP,
            ..crowd("greeter", &GREETER, false, args.guests, 0)
        },
        Crowd {
            name: "leaver",
            leaves_after: soon,
            ..crowd("greeter", &LEAVER, false, few, 0)
        },
        crowd("cpu", &CPU, false, 8, 80),
        crowd("spin", &SPIN, true, args.hostile - storms - 4 * few, 0),
        Crowd {
            name: "quitter",
            leaves_after: soon,
            ..crowd("spin", &QUITTER, true, few, 0)
        },
        crowd("storm", &STORM, true, storms, 0),
        crowd("recurse", &RECURSE, true, few, 100),
        crowd("hog", &HOG, true, few, 100),
        crowd("trap", &TRAP, true, few, 50),
    ]
}

/// A run of the load against the service.
struct Run<'a> {
    args: &'a Args,
    address: SocketAddr,
    service: &'a Service,
    runtime: &'a Runtime,
    clients: &'a Runtime,
}

impl Run<'_> {
    fn judge(&self) -> Result<bool> {
        let crowds = crowds(self.args);
        let benign: Vec<_> = crowds
            .iter()
            .filter(|crowd| !crowd.hostile)
            .copied()
            .collect();
        let seconds = self.args.seconds;
        let baseline = self.phase(
            "without hostile guests",
            &benign,
            (seconds / BASELINE.0).max(BASELINE.1).min(seconds),
        )?;
        let loaded = self.phase("with hostile guests", &crowds, seconds)?;

        report::print_phase("Without hostile guests", &baseline);
        report::print_phase("With hostile guests", &loaded);
        let most = |n: u32| n as usize * 4 / 5;
        let promises = report::promises(
            &baseline,
            &loaded,
            most(self.args.guests),
            most(self.args.hostile),
        );
        Ok(report::print_promises(&promises))
    }

    /// Loads the service for some seconds and watches it, then lets all requests end.
    fn phase(&self, title: &'static str, crowds: &[Crowd], seconds: u64) -> Result<Phase> {
        const SAMPLE: Duration = Duration::from_millis(100);
        probe::trim();
        let memory_before = probe::resident()?;
        let mut memory_peak = memory_before;
        let (mut threads, mut alive, mut hostile) = (Range::NONE, Range::NONE, Range::NONE);

        // Drawn from here and by no thread of its own: threads are counted.
        let bar = ProgressBar::new(seconds * 10)
            .with_message(title)
            .with_style(
                ProgressStyle::with_template("{msg:24} [{elapsed_precise}] {bar:32} {prefix}")
                    .expect("a valid template"),
            );
        let heartbeat = {
            let _within = self.runtime.enter();
            Heartbeat::start()
        };
        let load = {
            let _within = self.clients.enter();
            Load::start(self.address, crowds)
        };
        let started = Instant::now();
        let cpu_time = CpuTime::now()?;
        while started.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(SAMPLE);
            let (now_alive, now_hostile) = self.alive(crowds);
            if started.elapsed() > ARRIVAL + SAMPLE {
                alive.add(now_alive);
                hostile.add(now_hostile);
            }
            threads.add(probe::threads()?);
            memory_peak = memory_peak.max(probe::resident()?);
            bar.inc(1);
            bar.set_prefix(format!("{now_alive} guests alive, {now_hostile} hostile"));
        }
        let processors = CpuTime::now()?.since(cpu_time);
        bar.set_prefix("waiting for the last answers");
        let tallies = self.clients.block_on(load.finish());
        threads.add(probe::threads()?);
        let heartbeat = self.runtime.block_on(heartbeat.stop());
        bar.finish_and_clear();

        // Connections close, and their memory is freed, a moment after the last answer.
        thread::sleep(Duration::from_millis(500));
        let (left, _) = self.alive(crowds);
        probe::trim();
        let memory_after = probe::resident()?;
        Ok(Phase {
            tallies,
            heartbeat,
            threads,
            alive,
            hostile,
            left,
            processors,
            memory_before,
            memory_peak,
            memory_after,
        })
    }

    /// How many guests are alive, and how many of them are hostile.
    fn alive(&self, crowds: &[Crowd]) -> (usize, usize) {
        let is_hostile = |name: &str| {
            crowds
                .iter()
                .any(|crowd| crowd.guest == name && crowd.hostile)
        };
        let guests = self.service.guests.iter();
        guests.fold((0, 0), |(all, hostile), (name, guest)| {
            let alive = guest.alive();
            (
                all + alive,
                hostile + if is_hostile(name) { alive } else { 0 },
            )
        })
    }
}
