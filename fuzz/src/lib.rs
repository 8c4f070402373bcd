//! What all targets share: how they are run by libFuzzer, and how without.

#![expect(clippy::print_stdout, reason = "the counts are what it is run for")]

use clap::Parser;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{fs, thread};

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys;

/// Defines a target: a function of bytes.
#[macro_export]
macro_rules! target {
    ($run:expr) => {
        #[cfg(feature = "libfuzzer")]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let _ = $run(data);
        });

        #[cfg(not(feature = "libfuzzer"))]
        fn main() {
            $crate::replay($run);
        }
    };
}

/// Runs inputs from files, or from seeds.
#[derive(Parser)]
struct Arguments {
    /// Inputs, as libFuzzer keeps them
    files: Vec<PathBuf>,
    /// Without files: the first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Without files: how many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
}

/// Runs a target without libFuzzer, and prints how often it saw what.
///
/// # Panics
///
/// If the target does.
pub fn replay<T: Debug>(run: fn(&[u8]) -> T) {
    let Arguments { files, seed, seeds } = Arguments::parse();
    if !files.is_empty() {
        for path in files {
            let bytes =
                fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            println!("{}: {:?}", path.display(), run(&bytes));
        }
        return;
    }
    let mut counts = BTreeMap::<String, u64>::new();
    for seed in seed..seed + seeds {
        // Said before, so that it is known of a crash too.
        let seen = format!("{:?}", run(&tussah_claims::bytes(seed)));
        // Numbers are each input's own; the first word is what was seen.
        let word = seen.split([' ', '(']).next().unwrap_or_default();
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    println!("{seeds} seeds from {seed}: {counts:?}");
}

/// A thread with room for the deepest guest: those that call targets have less.
#[derive(Debug)]
pub struct Roomy<T>(Mutex<(SyncSender<Vec<u8>>, Receiver<T>)>);

impl<T: Send + 'static> Roomy<T> {
    /// Starts the thread, which runs `work` for each input. Whatever it keeps, it makes when asked for the first time.
    ///
    /// # Panics
    ///
    /// If threads cannot be made.
    pub fn new<W: FnMut(&[u8]) -> T>(make: impl FnOnce() -> W + Send + 'static) -> Self {
        let (inputs, received) = sync_channel::<Vec<u8>>(1);
        let (answer, answers) = sync_channel(1);
        thread::spawn(move || {
            tussah_claims::with_room(move || {
                let mut work = make();
                for input in received {
                    if answer.send(work(&input)).is_err() {
                        return;
                    }
                }
            });
        });
        Roomy(Mutex::new((inputs, answers)))
    }

    /// Runs the thread's work.
    ///
    /// # Panics
    ///
    /// If the work did.
    pub fn run(&self, data: &[u8]) -> T {
        let ends = self.0.lock().expect("nobody panics with this lock");
        ends.0.send(data.to_vec()).expect("the thread lives");
        ends.1
            .recv()
            .expect("the thread answers unless the claim does not hold")
    }
}
