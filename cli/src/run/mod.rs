//! `tussah run`: runs a program, or one function of a module.
//!
//! The exit status is the guest's. A guest that traps, or is stopped by one of the limits, exits with [`ABORTED`].

mod limits;

use crate::engine::{Caching, Compilation, load};
use crate::{say, say_error, units, values};
use limits::{Limits, explain};
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tussah::error::Context as _;
use tussah::{Engine, Func, Instance, Linker, Module, Result, Store, Val, bail, format_err};
use tussah_wasi::p1::{self, WasiP1Ctx};
use tussah_wasi::{DirPerms, FilePerms, I32Exit, WasiCtxBuilder};

/// What shells report for a process that aborts: 128 + SIGABRT.
const ABORTED: u8 = 134;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Give the guest a directory, under another name if two are given.
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,
    /// Set an environment variable for the guest; without a value, to what it is here.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Call this exported function with the arguments after the file, and print its results.
    #[arg(long, value_name = "FUNCTION")]
    invoke: Option<String>,
    /// Stop the guest after so many operators.
    #[arg(long, value_name = "N")]
    fuel: Option<u64>,
    /// Stop the guest after this time.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    timeout: Option<Duration>,
    /// Let the guest's memories and tables have so much together.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    max_memory: Option<u64>,
    /// Answer imports from this module by functions that do nothing and return zeros.
    #[arg(long = "stub-imports", value_name = "MODULE")]
    stubs: Vec<String>,
    /// Trust the file if it is precompiled: its code runs unchecked.
    #[arg(long)]
    allow_precompiled: bool,
    #[command(flatten)]
    compilation: Compilation,
    #[command(flatten)]
    caching: Caching,
    /// The program: a module in the binary or the text format.
    file: PathBuf,
    /// What the guest gets.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    args: Vec<String>,
}

/// How the guest is called: on a fiber, which can be given up at any time, or directly.
#[derive(Copy, Clone, Debug)]
enum Way {
    Fiber,
    Direct,
}

impl Way {
    async fn call(
        self,
        store: &mut Store<Host>,
        func: Func,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        match self {
            Way::Fiber => func.call_async(store, params, results).await,
            Way::Direct => func.call(store, params, results),
        }
    }
}

/// What the store holds.
struct Host {
    wasi: WasiP1Ctx,
    limits: Limits,
}

impl Host {
    fn wasi(&mut self) -> &mut WasiP1Ctx {
        &mut self.wasi
    }
}

/// # Errors
///
/// The guest cannot be started: a file or a directory cannot be opened, the module is not valid, or imports what is
/// not there.
pub(crate) fn execute(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.timeout.is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("failed to start the asynchronous runtime")?;
        return runtime.block_on(run(arguments));
    }
    // Nobody else wants the thread, so that the guest may block it: nothing is ever pending.
    let mut run = pin!(run(arguments));
    match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => bail!("something waits although nothing may"),
    }
}

/// Returns only if the guest could not be started.
async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut config = arguments
        .compilation
        .config(arguments.fuel.is_some(), arguments.timeout.is_some())?;
    config.cache(arguments.caching.cache()?);
    let engine = Engine::new(&config)?;
    let path = &arguments.file;
    let module = load(&engine, path, arguments.allow_precompiled)?;

    let mut linker = Linker::new(&engine);
    let way = match arguments.timeout {
        Some(_) => {
            p1::add_to_linker_async(&mut linker, Host::wasi)?;
            Way::Fiber
        }
        None => {
            p1::add_to_linker_sync(&mut linker, Host::wasi)?;
            Way::Direct
        }
    };
    // A stub may stand for a function of WASI, and a module may import one name twice.
    linker.allow_shadowing(true);
    for name in &arguments.stubs {
        stub(&mut linker, &module, name)?;
    }

    let host = Host {
        wasi: wasi(arguments)?,
        limits: Limits::new(arguments.max_memory),
    };
    let mut store = Store::new(&engine, host);
    store.limiter(|host| &mut host.limits);
    if let Some(fuel) = arguments.fuel {
        store.set_fuel(fuel)?;
    }
    if arguments.timeout.is_some() {
        // The tick of `limits::within`.
        store.set_epoch_deadline(1);
    }
    let guest = async {
        let instance = match way {
            Way::Fiber => linker.instantiate_async(&mut store, &module).await?,
            Way::Direct => linker.instantiate(&mut store, &module)?,
        };
        match &arguments.invoke {
            Some(name) => invoke(&mut store, way, &module, instance, name, &arguments.args).await,
            None => start(&mut store, way, &module, instance).await,
        }
    };
    let outcome = match arguments.timeout {
        Some(limit) => limits::within(&engine, limit, guest).await,
        None => guest.await,
    };
    match outcome {
        Ok(results) => {
            for value in &results {
                say(&values::show(value));
            }
            exit(0)
        }
        Err(error) => {
            if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
                // More than a process can say is a failure all the same.
                exit(u8::try_from(*code).unwrap_or(1));
            }
            let Some(message) = explain(&error, arguments, &store.data().limits) else {
                return Err(error.context(format!("failed to run `{}`", path.display())));
            };
            say_error(&message);
            exit(ABORTED)
        }
    }
}

/// Ends the process. The system takes everything back at once, faster than drops would; a thread may be waiting for
/// standard input, which nobody wants any more.
fn exit(status: u8) -> ! {
    std::process::exit(status.into())
}

/// What the guest gets from its surroundings.
fn wasi(arguments: &Arguments) -> Result<WasiP1Ctx> {
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdio();
    // Without a timeout nobody else wants the thread.
    builder.allow_blocking_current_thread(arguments.timeout.is_none());
    let name = arguments.file.file_name().unwrap_or_default();
    builder.arg(name.to_string_lossy());
    if arguments.invoke.is_none() {
        builder.args(&arguments.args);
    }
    for setting in &arguments.env {
        match setting.split_once('=') {
            Some((name, value)) => {
                builder.env(name, value);
            }
            None => {
                let value = std::env::var(setting)
                    .with_context(|| format!("the environment variable {setting}"))?;
                builder.env(setting, value);
            }
        }
    }
    for dir in &arguments.dirs {
        let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
        builder.preopened_dir(host, guest, DirPerms::all(), FilePerms::all())?;
    }
    Ok(builder.build_p1())
}

/// Defines every function that the guest imports from a module as one that does nothing.
fn stub(linker: &mut Linker<Host>, module: &Module, name: &str) -> Result<()> {
    let mut known = false;
    for import in module.imports().filter(|import| import.module() == name) {
        known = true;
        let ty = import.ty();
        let Some(ty) = ty.func() else {
            bail!(
                "`--stub-imports {name}` makes functions, but `{}` is none",
                import.name()
            );
        };
        // Results are zeros and nulls before the function touches them.
        linker.func_new(name, import.name(), ty.clone(), |_, _, _| Ok(()))?;
    }
    if !known {
        tracing::warn!("nothing is imported from `{name}`");
    }
    Ok(())
}

/// Runs a command: a module with `_start`.
async fn start(
    store: &mut Store<Host>,
    way: Way,
    module: &Module,
    instance: Instance,
) -> Result<Vec<Val>> {
    let Some(start) = instance.get_func(&mut *store, "_start") else {
        let functions = module
            .exports()
            .filter(|export| export.ty().func().is_some());
        let names: Vec<_> = functions.map(|export| export.name().to_owned()).collect();
        bail!(
            "the module has no `_start`; `--invoke` calls one of its functions: {}",
            if names.is_empty() {
                "it exports none".to_owned()
            } else {
                names.join(", ")
            }
        );
    };
    way.call(store, start, &[], &mut []).await?;
    Ok(Vec::new())
}

/// Calls a function of a library, after its `_initialize`.
async fn invoke(
    store: &mut Store<Host>,
    way: Way,
    module: &Module,
    instance: Instance,
    name: &str,
    texts: &[String],
) -> Result<Vec<Val>> {
    let func: Func = instance
        .get_func(&mut *store, name)
        .ok_or_else(|| format_err!("the module exports no function `{name}`"))?;
    let ty = func.ty(&*store);
    let params = values::parse_all(&ty, texts)?;
    if module.get_export("_initialize").is_some()
        && let Some(initialize) = instance.get_func(&mut *store, "_initialize")
    {
        way.call(store, initialize, &[], &mut []).await?;
    }
    let results = ty.results();
    let mut results: Vec<Val> = results
        .map(|ty| ty.default_value().unwrap_or(Val::I32(0)))
        .collect();
    way.call(store, func, &params, &mut results).await?;
    Ok(results)
}
