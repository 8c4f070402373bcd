//! The official test suites, in every way in which guests can run.
//!
//! One test for each configuration and suite, and one line that says what it came to: files, directives, passed, failed.
//! The line is written to the standard output itself, so that `cargo test` shows it. When all suites of a configuration
//! have been run, their sum follows.
//!
//! | file | what lives there |
//! |---|---|
//! | `suites` | where the scripts are, and which proposals they may use |
//! | `configurations` | how they are run |
//! | `pins` | how many there are, and which ones cannot pass yet |

mod configurations;
mod pins;
mod suites;

use configurations::Configuration;
use pins::{Exclusion, Pin};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};
use suites::{Script, Suite};
use tussah_wast::Report;

/// What scripts came to. Those that are excluded count apart.
#[derive(Clone, Copy, Default)]
struct Sum {
    suites: usize,
    files: usize,
    directives: usize,
    passed: usize,
    failed: usize,
    excluded_files: usize,
    excluded_directives: usize,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.suites += other.suites;
        self.files += other.files;
        self.directives += other.directives;
        self.passed += other.passed;
        self.failed += other.failed;
        self.excluded_files += other.excluded_files;
        self.excluded_directives += other.excluded_directives;
    }

    fn line(&self, title: &str) -> String {
        let mut line = format!(
            "{title}: {} files, {} directives, {} passed, {} failed",
            self.files, self.directives, self.passed, self.failed
        );
        if self.excluded_files > 0 {
            line += &format!(
                "; excluded: {} files, {} of their directives do not pass",
                self.excluded_files, self.excluded_directives
            );
        }
        line
    }
}

/// Says something that the test harness does not hold back.
fn announce(line: &str) {
    let mut out = io::stdout().lock();
    // A closed pipe is no reason to fail.
    let _ = writeln!(out, "{line}");
}

/// Runs a suite and compares with the pins.
fn check(configuration: Configuration, suite: Suite) {
    let Some(scripts) = suite.scripts() else {
        let what = format!(
            "{}: NOT RUN: there is no {}",
            suite.name(),
            suites::archive().display()
        );
        assert!(std::env::var_os("CI").is_none(), "{what}");
        announce(&format!("\n!!! {}, {what}\n", configuration.name()));
        return;
    };
    let reports = run(configuration, suite, &scripts);
    let mut wrong = Vec::new();
    let mut sum = Sum {
        suites: 1,
        ..Sum::default()
    };
    for (script, report) in scripts.iter().zip(&reports) {
        sum.passed += report.passed;
        match pins::exclusion(configuration, suite, &script.name) {
            Some(exclusion) => {
                sum.excluded_files += 1;
                sum.excluded_directives += report.failures.len();
                wrong.extend(disagreement(exclusion, report));
            }
            None => {
                sum.files += 1;
                sum.failed += report.failures.len();
                wrong.extend(report.failures.iter().map(ToString::to_string));
            }
        }
        sum.directives += report.directives;
    }
    let title = format!("{}, {}", configuration.name(), suite.name());
    announce(&sum.line(&title));
    let pin = pins::of(suite);
    let found = Pin {
        files: scripts.len(),
        directives: sum.directives,
    };
    if found != pin {
        wrong.push(format!("the pin says {pin:?}, found {found:?}"));
    }
    let stale = pins::EXCLUSIONS
        .iter()
        .filter(|e| e.suite == suite && scripts.iter().all(|s| s.name != e.file));
    wrong.extend(stale.map(|e| format!("{} is excluded and does not exist", e.file)));
    let wrong_lines = wrong.join("\n");
    assert!(wrong.is_empty(), "{title}:\n{wrong_lines}");
    finish(configuration, sum);
}

/// Exclusions may only shrink: one that has become smaller must be made so in the table.
fn disagreement(exclusion: &Exclusion, report: &Report) -> Option<String> {
    let failed = report.failures.len();
    if failed == exclusion.failing {
        return None;
    }
    let mut text = format!(
        "{} is excluded ({}) with {} failing directives, found {failed}",
        exclusion.file, exclusion.reason, exclusion.failing
    );
    if failed > exclusion.failing {
        for failure in &report.failures {
            text += &format!("\n  {failure}");
        }
    }
    Some(text)
}

/// Runs scripts on as many threads as there are processors. Reports are in the order of the scripts.
fn run(configuration: Configuration, suite: Suite, scripts: &[Script]) -> Vec<Report> {
    let runner = configuration
        .runner(suite.features())
        .expect("the configuration is accepted");
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    let yields = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((index, script)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    scripts.get(index).map(|script| (index, script))
                } {
                    let run = || configuration.run(&runner, &script.name, &script.text, &yields);
                    let report = catch_unwind(AssertUnwindSafe(run))
                        .unwrap_or_else(|_| panic!("{}: the runtime panicked", script.name));
                    reports.lock().expect("no panic here").push((index, report));
                }
            });
        }
    });
    assert_eq!(
        yields.into_inner() > 0,
        configuration.yields(),
        "{} yields if and only if it is said to",
        configuration.name()
    );
    let mut reports = reports.into_inner().expect("no panic here");
    reports.sort_by_key(|(index, _)| *index);
    reports.into_iter().map(|(_, report)| report).collect()
}

/// Announces a configuration's sum once the last of its suites has passed.
fn finish(configuration: Configuration, sum: Sum) {
    static SUMS: Mutex<[Option<Sum>; 4]> = Mutex::new([None; 4]);
    let mut sums = SUMS.lock().expect("nothing panics with the lock");
    let total = sums[configuration as usize].get_or_insert_default();
    total.add(sum);
    if total.suites == suites::ALL.len() {
        announce(&total.line(&format!("{}, all suites", configuration.name())));
    }
}

/// A test for each suite.
macro_rules! configuration {
    ($module:ident $configuration:ident) => {
        mod $module {
            use crate::suites::Suite;
            use crate::{check, configurations::Configuration};

            configuration! { @tests $configuration
                wasm_v1 V1;
                wasm_v2 V2;
                wasm_v3 V3;
                simd Simd;
                tail_call TailCall;
                multi_memory MultiMemory;
                memory64 Memory64;
                memory64_shared Memory64Shared;
                relaxed_simd RelaxedSimd;
                extended_const ExtendedConst;
                custom_page_sizes CustomPageSizes;
                wide_arithmetic WideArithmetic;
            }
        }
    };
    (@tests $configuration:ident $($test:ident $suite:ident;)*) => {$(
        #[test]
        fn $test() {
            check(Configuration::$configuration, Suite::$suite);
        }
    )*};
}

configuration!(native_stack NativeStack);
configuration!(fibers Fibers);
configuration!(fibers_with_fuel_yields FuelYields);
configuration!(explicit_checks ExplicitChecks);
