//! What a guest is given, and the builder for it.

use crate::cli::{StdinStream, StdoutStream, stdin};
use crate::clocks::{Clocks, HostMonotonicClock, HostWallClock};
use crate::p1::WasiP1Ctx;
use crate::perms::{DirPerms, FilePerms};
use crate::random::Random;
use rand_core::Rng;
use rustix::fs::{Mode, OFlags};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use tokio::io::empty;
use tussah::Result;
use tussah::error::Context as _;

/// Descriptors that a guest may have open at once, if nobody says otherwise.
const DESCRIPTORS: usize = 1024;

/// What a guest is given: arguments, environment, streams, directories, clocks, random numbers. Made by
/// [`WasiCtxBuilder`].
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) stdin: Box<dyn StdinStream>,
    pub(crate) stdout: Box<dyn StdoutStream>,
    pub(crate) stderr: Box<dyn StdoutStream>,
    pub(crate) preopens: Vec<Preopen>,
    pub(crate) clocks: Clocks,
    pub(crate) random: Random,
    pub(crate) descriptor_limit: usize,
    pub(crate) allow_blocking_current_thread: bool,
}

impl WasiCtx {
    /// A builder.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("args", &self.args)
            .field("preopens", &self.preopens)
            .field("descriptor_limit", &self.descriptor_limit)
            .finish_non_exhaustive()
    }
}

/// What is open before the guest begins.
#[derive(Debug)]
pub(crate) enum Preopen {
    Directory {
        dir: File,
        guest_path: Arc<str>,
        dir_perms: DirPerms,
        file_perms: FilePerms,
    },
    Listener(TcpListener),
    Stream(TcpStream),
}

/// Builds what a guest is given. Whatever is not named here it does not have: by default its input is empty, its output
/// goes nowhere, and it has no arguments, no environment and no files. It has the host's clocks and random numbers.
///
/// ```
/// use tussah_wasi::{DirPerms, FilePerms, WasiCtxBuilder};
///
/// # fn main() -> tussah::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let ctx = WasiCtxBuilder::new()
///     .args(&["program", "--verbose"])
///     .env("LANG", "C")
///     .inherit_stdout()
///     .preopened_dir(folder.path(), "/data", DirPerms::READ, FilePerms::READ)?
///     .build_p1();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WasiCtxBuilder {
    ctx: Option<WasiCtx>,
}

impl Default for WasiCtxBuilder {
    fn default() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }
}

impl WasiCtxBuilder {
    /// A builder of a guest that is given nothing.
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder {
            ctx: Some(WasiCtx {
                args: Vec::new(),
                env: Vec::new(),
                stdin: Box::new(empty()),
                stdout: Box::new(empty()),
                stderr: Box::new(empty()),
                preopens: Vec::new(),
                clocks: Clocks::host(),
                random: Random::system(),
                descriptor_limit: DESCRIPTORS,
                allow_blocking_current_thread: false,
            }),
        }
    }

    fn ctx(&mut self) -> &mut WasiCtx {
        self.ctx.as_mut().expect("a builder builds one context")
    }

    /// Where input comes from: a [`MemoryInputPipe`](crate::pipe::MemoryInputPipe), an
    /// [`AsyncStdinStream`](crate::cli::AsyncStdinStream), [`stdin`](crate::cli::stdin()), or a type of yours.
    pub fn stdin(&mut self, stdin: impl StdinStream + 'static) -> &mut Self {
        self.ctx().stdin = Box::new(stdin);
        self
    }

    /// Where output goes: a [`MemoryOutputPipe`](crate::pipe::MemoryOutputPipe), an
    /// [`AsyncStdoutStream`](crate::cli::AsyncStdoutStream), or a type of yours.
    pub fn stdout(&mut self, stdout: impl StdoutStream + 'static) -> &mut Self {
        self.ctx().stdout = Box::new(stdout);
        self
    }

    /// Where messages go; as [`WasiCtxBuilder::stdout`].
    pub fn stderr(&mut self, stderr: impl StdoutStream + 'static) -> &mut Self {
        self.ctx().stderr = Box::new(stderr);
        self
    }

    /// Input comes from where this process's does. It is read by a thread of its own, only when a guest asks.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.stdin(stdin())
    }

    /// Output goes where this process's does.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.stdout(io::stdout())
    }

    /// Messages go where this process's do.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.stderr(io::stderr())
    }

    /// All three.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Whether work that blocks may be done on the thread that polls, instead of on tokio's blocking pool. Cheaper where
    /// that thread has nothing else to do.
    pub fn allow_blocking_current_thread(&mut self, enable: bool) -> &mut Self {
        self.ctx().allow_blocking_current_thread = enable;
        self
    }

    /// Adds variables to the environment.
    pub fn envs(&mut self, env: &[(impl AsRef<str>, impl AsRef<str>)]) -> &mut Self {
        for (name, value) in env {
            self.env(name, value);
        }
        self
    }

    /// Adds a variable to the environment.
    pub fn env(&mut self, k: impl AsRef<str>, v: impl AsRef<str>) -> &mut Self {
        let variable = format!("{}={}", k.as_ref(), v.as_ref());
        self.ctx().env.push(variable);
        self
    }

    /// Adds this process's environment, as far as it is UTF-8.
    pub fn inherit_env(&mut self) -> &mut Self {
        let utf8 = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        for (name, value) in utf8 {
            self.env(name, value);
        }
        self
    }

    /// Adds arguments. The first of all is the program's name.
    pub fn args(&mut self, args: &[impl AsRef<str>]) -> &mut Self {
        for arg in args {
            self.arg(arg);
        }
        self
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<str>) -> &mut Self {
        self.ctx().args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds this process's arguments, as far as they are UTF-8.
    pub fn inherit_args(&mut self) -> &mut Self {
        let utf8 = std::env::args_os().filter_map(|arg| arg.into_string().ok());
        for arg in utf8 {
            self.arg(arg);
        }
        self
    }

    /// Gives the guest a directory, and all that is below it, under a name of its own. The first one is its descriptor 3.
    ///
    /// The directory is opened now: renaming it later does not matter. Nothing outside of it can be reached through it,
    /// whatever links there are and whatever changes meanwhile.
    ///
    /// # Errors
    ///
    /// There is no such directory, or it cannot be opened.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl AsRef<str>,
        dir_perms: DirPerms,
        file_perms: FilePerms,
    ) -> Result<&mut Self> {
        let host_path = host_path.as_ref();
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(host_path, flags, Mode::empty())
            .with_context(|| format!("cannot open the directory `{}`", host_path.display()))?;
        self.ctx().preopens.push(Preopen::Directory {
            dir: dir.into(),
            guest_path: guest_path.as_ref().into(),
            dir_perms,
            file_perms,
        });
        Ok(self)
    }

    /// Gives the guest a listening socket, as its next descriptor: it may accept connections. For guests, sockets come
    /// behind directories: preopen those first.
    ///
    /// # Errors
    ///
    /// The system cannot make it non-blocking.
    pub fn preopened_listener(&mut self, listener: TcpListener) -> Result<&mut Self> {
        listener.set_nonblocking(true)?;
        self.ctx().preopens.push(Preopen::Listener(listener));
        Ok(self)
    }

    /// Gives the guest a connection, as its next descriptor.
    ///
    /// # Errors
    ///
    /// As for [`WasiCtxBuilder::preopened_listener`].
    pub fn preopened_stream(&mut self, stream: TcpStream) -> Result<&mut Self> {
        stream.set_nonblocking(true)?;
        self.ctx().preopens.push(Preopen::Stream(stream));
        Ok(self)
    }

    /// How many descriptors the guest may have open at once, streams and preopened ones included; 1024 if nothing is said.
    /// A guest that wants more is told `mfile`.
    pub fn descriptor_limit(&mut self, limit: usize) -> &mut Self {
        self.ctx().descriptor_limit = limit;
        self
    }

    /// Another source for `random_get`, such as a seeded generator for runs that can be repeated.
    pub fn secure_random(&mut self, random: impl Rng + Send + 'static) -> &mut Self {
        self.ctx().random = Random::new(random);
        self
    }

    /// Another source of random numbers that need not be secret. Preview 1 has none: this is for code that also runs
    /// where there are, and changes nothing.
    pub fn insecure_random(&mut self, insecure_random: impl Rng + Send + 'static) -> &mut Self {
        drop(insecure_random);
        self
    }

    /// Another clock for the time of day.
    pub fn wall_clock(&mut self, clock: impl HostWallClock + 'static) -> &mut Self {
        self.ctx().clocks.wall = Box::new(clock);
        self
    }

    /// Another monotonic clock. It is also that of processor time then.
    pub fn monotonic_clock(&mut self, clock: impl HostMonotonicClock + 'static) -> &mut Self {
        self.ctx().clocks.replace_monotonic(Box::new(clock));
        self
    }

    /// The context without descriptors.
    ///
    /// # Panics
    ///
    /// The builder has built already.
    pub fn build(&mut self) -> WasiCtx {
        self.ctx.take().expect("a builder builds one context")
    }

    /// The context of a preview 1 guest.
    ///
    /// # Panics
    ///
    /// As for [`WasiCtxBuilder::build`].
    pub fn build_p1(&mut self) -> WasiP1Ctx {
        WasiP1Ctx::new(self.build())
    }
}
