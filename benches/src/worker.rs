//! A side in a process of its own: nothing of one runtime (its signal handlers, its threads, its memory) stands in the
//! other's way, and what a side cannot survive ends its process alone.
//!
//! The bench starts itself again with [`ARGUMENT`] and the side. The worker reads a line, does what it says, and answers
//! with a line:
//!
//! ```text
//! batch CASE OPERATIONS    ok NANOSECONDS OPERATIONS VALUE
//! peak                     ok BYTES
//!                          error TEXT
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::case::{Batch, Case, Run};

/// The first argument of a worker.
pub(crate) const ARGUMENT: &str = "--worker";

/// Batches of more operations than this begin with an untimed part: caches have forgotten the case since its last turn.
const WARM: u64 = 16;

/// The bench's end of a worker.
pub(crate) struct Worker {
    process: Child,
    /// Taken to tell the worker to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts this executable again, as a worker for the side of that name.
    pub(crate) fn start(side: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, side])
            // Errors that carry a backtrace of the host would cost many times what they are measured for.
            .env_remove("RUST_BACKTRACE")
            .env("RUST_LIB_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a worker does not start")?;
        let questions = process.stdin.take();
        let answers = process.stdout.take().context("a worker without output")?;
        Ok(Self {
            process,
            questions,
            answers: BufReader::new(answers),
        })
    }

    pub(crate) fn batch(&mut self, case: usize, operations: u64) -> Result<Batch> {
        let [nanoseconds, operations, value] = self.ask(&format!("batch {case} {operations}"))?;
        ensure!(operations > 0, "nothing was done");
        Ok(Batch {
            elapsed: Duration::from_nanos(nanoseconds),
            operations,
            value,
        })
    }

    /// By how much memory the process once held more than at its start.
    pub(crate) fn peak(&mut self) -> Result<u64> {
        let [bytes] = self.ask("peak")?;
        Ok(bytes)
    }

    fn ask<const N: usize>(&mut self, question: &str) -> Result<[u64; N]> {
        let questions = self.questions.as_mut().context("the worker has ended")?;
        let mut answer = String::new();
        // A worker that died neither reads nor answers; its status says more than either error.
        let _ = writeln!(questions, "{question}");
        let _ = self.answers.read_line(&mut answer);
        if answer.is_empty() {
            self.questions = None;
            bail!("the worker died: {}", self.process.wait()?);
        }
        if let Some(text) = answer.strip_prefix("error ") {
            bail!("{}", text.trim_end());
        }
        answer
            .strip_prefix("ok ")
            .and_then(|numbers| numbers.split_whitespace().map(|n| n.parse().ok()).collect())
            .and_then(|numbers: Vec<u64>| numbers.try_into().ok())
            .with_context(|| format!("the worker answered {answer:?}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.questions = None;
        // It ends when it has nothing more to read; that it cannot be waited for changes nothing here.
        let _ = self.process.wait();
    }
}

/// The worker itself: answers until there are no more questions.
pub(crate) fn serve(cases: &[Case]) -> Result<()> {
    // Forgets the peak so far: the cases have just been listed, for which an archive is unpacked.
    fs::write("/proc/self/clear_refs", "5")?;
    let resident = status("VmRSS")?;
    let mut runs = HashMap::new();
    let mut answers = std::io::stdout().lock();
    for question in std::io::stdin().lock().lines() {
        let answer = answer(&question?, cases, &mut runs, resident);
        match answer {
            Ok(numbers) => writeln!(answers, "ok {numbers}")?,
            Err(error) => writeln!(
                answers,
                "error {}",
                format!("{error:#}").replace('\n', " / ")
            )?,
        }
        answers.flush()?;
    }
    Ok(())
}

fn answer(
    question: &str,
    cases: &[Case],
    runs: &mut HashMap<usize, Box<Run>>,
    resident: u64,
) -> Result<String> {
    let words: Vec<_> = question.split_whitespace().collect();
    match *words {
        ["batch", case, operations] => {
            let index = case.parse()?;
            let operations: u64 = operations.parse()?;
            let run = match runs.entry(index) {
                Entry::Occupied(run) => run.into_mut(),
                Entry::Vacant(place) => {
                    let case = cases.get(index).context("there is no such case")?;
                    place.insert(case.set_up()?)
                }
            };
            if operations > WARM {
                run(operations / WARM)?;
            }
            let batch = run(operations)?;
            let nanoseconds = batch.elapsed.as_nanos();
            Ok(format!(
                "{nanoseconds} {} {}",
                batch.operations, batch.value
            ))
        }
        ["peak"] => Ok(status("VmHWM")?.saturating_sub(resident).to_string()),
        _ => bail!("what is `{question}`?"),
    }
}

/// A size from what the system says of this process, in bytes.
fn status(field: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let kib = text.lines().find_map(|line| {
        let rest = line.strip_prefix(field)?.strip_prefix(':')?;
        rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    Ok(kib.with_context(|| format!("no {field} in the process's status"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Batch, Case, Duration, HashMap, answer, status};

    #[test]
    fn batches_are_set_up_once_and_answered() {
        let case = Case::new("x", || {
            let mut batches = 0;
            Ok(move |operations| {
                batches += 1;
                Ok(Batch {
                    elapsed: Duration::from_nanos(5),
                    operations,
                    value: batches,
                })
            })
        });
        let (cases, mut runs) = ([case], HashMap::new());
        let mut ask = |question: &str| answer(question, &cases, &mut runs, 0);
        assert_eq!(ask("batch 0 2").unwrap(), "5 2 1");
        assert_eq!(ask("batch 0 2").unwrap(), "5 2 2");
        // Two more batches: an untimed one goes before.
        assert_eq!(ask("batch 0 32").unwrap(), "5 32 4");
        assert!(ask("batch 1 1").is_err());
        assert!(ask("what").is_err());
        assert!(ask("peak").unwrap().parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn the_peak_is_not_below_what_is_resident() {
        assert!(status("VmHWM").unwrap() >= status("VmRSS").unwrap());
        assert!(status("VmNothing").is_err());
    }
}
