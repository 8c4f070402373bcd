//! A script from its text to a report.

use crate::report::{Failure, Report};
use crate::session::{Session, Way, keyword};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tussah::{Config, Engine, Result, Store, WasmFeatures};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{Error, Wast};

/// What is done to the store before each directive.
pub(crate) type Prepare = dyn Fn(&mut Store<()>) -> Result<()> + Send + Sync;

/// Runs scripts, each in a store of its own.
#[derive(Clone)]
pub struct Runner {
    engine: Engine,
    features: WasmFeatures,
    prepare: Arc<Prepare>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// A runner for scripts that may use exactly these proposals, whatever the configuration says about proposals.
    ///
    /// # Errors
    ///
    /// The configuration is refused.
    pub fn new(mut config: Config, features: WasmFeatures) -> Result<Runner> {
        config.wasm_features(WasmFeatures::all(), false);
        config.wasm_features(features, true);
        Ok(Runner {
            engine: Engine::new(&config)?,
            features,
            prepare: Arc::new(|_| Ok(())),
        })
    }

    /// Does something to the script's store before each directive: give it fuel, for example.
    #[must_use]
    pub fn before_each(
        mut self,
        prepare: impl Fn(&mut Store<()>) -> Result<()> + Send + Sync + 'static,
    ) -> Runner {
        self.prepare = Arc::new(prepare);
        self
    }

    /// Runs a script on the current stack. `file` is what failures name.
    #[must_use]
    pub fn run(&self, file: &str, script: &str) -> Report {
        let running = pin!(self.run_in(Way::OnThisStack, file, script));
        match running.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(report) => report,
            Poll::Pending => unreachable!("on this stack nothing is awaited"),
        }
    }

    /// Runs a script on fibers: each instantiation and each call is a future of tussah's.
    pub async fn run_async(&self, file: &str, script: &str) -> Report {
        self.run_in(Way::OnFibers, file, script).await
    }

    async fn run_in(&self, way: Way, file: &str, script: &str) -> Report {
        let mut report = Report {
            directives: 0,
            passed: 0,
            failures: Vec::new(),
        };
        if let Err(error) = self.directives(way, file, script, &mut report).await {
            report.failures.push(Failure {
                file: file.to_string(),
                line: error.span().linecol_in(script).0 + 1,
                directive: "script",
                expected: "directives".to_string(),
                found: error.message(),
            });
        }
        report
    }

    /// # Errors
    ///
    /// The script cannot be parsed: nothing was run.
    async fn directives(
        &self,
        way: Way,
        file: &str,
        script: &str,
        report: &mut Report,
    ) -> Result<(), Error> {
        let mut lexer = Lexer::new(script);
        // Names in scripts are there to test names.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer)?;
        let parsed: Wast<'_> = parser::parse(&buffer)?;
        let mut session = Session::new(way, &self.engine, self.features, &*self.prepare);
        for directive in parsed.directives {
            report.directives += 1;
            let span = directive.span();
            let keyword = keyword(&directive);
            match Box::pin(session.run(directive)).await {
                Ok(()) => report.passed += 1,
                Err(mismatch) => report.failures.push(Failure {
                    file: file.to_string(),
                    line: span.linecol_in(script).0 + 1,
                    directive: keyword,
                    expected: mismatch.expected,
                    found: mismatch.found,
                }),
            }
        }
        Ok(())
    }
}
