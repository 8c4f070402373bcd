//! The guests: every `.wasm` of a folder, compiled and linked once, instantiated afresh for each request. Knows nothing of HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tracing::{debug, info};
use tussah::error::Context as _;
use tussah::{
    Config, Engine, Extern, Instance, InstancePre, Module, Result, Store, Trap, bail, format_err,
};

use crate::fairness::Meter;
use crate::host::{self, Backend, MemoryLimit, State};

/// The longest answer a guest may give.
const LONGEST_ANSWER: usize = 64 << 10;

/// How a guest's life ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Answered(String),
    /// It spent its budget of CPU time.
    Budget,
    /// It exhausted its stack.
    Stack,
    /// It asked for more memory than it may have.
    Memory,
    Trapped(Trap),
    /// It took longer than any request may.
    Deadline,
    /// It broke the contract between guest and host; or the host failed.
    Failed(String),
}

impl End {
    /// Names the end in one word or two.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Budget => "budget",
            Self::Stack => "stack",
            Self::Memory => "memory",
            Self::Deadline => "deadline",
            Self::Failed(_) => "failed",
            Self::Trapped(Trap::UnreachableCodeReached) => "unreachable",
            Self::Trapped(Trap::IntegerDivisionByZero) => "divide",
            Self::Trapped(Trap::MemoryOutOfBounds) => "bounds",
            Self::Trapped(Trap::IntegerOverflow) => "overflow",
            Self::Trapped(Trap::BadSignature) => "signature",
            Self::Trapped(Trap::IndirectCallToNull) => "null",
            Self::Trapped(_) => "trap",
        }
    }
}

impl From<tussah::Error> for End {
    fn from(error: tussah::Error) -> Self {
        debug!("{error:?}");
        if error.is::<MemoryLimit>() {
            return Self::Memory;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Budget,
            Some(Trap::StackOverflow) => Self::Stack,
            Some(&trap) => Self::Trapped(trap),
            None => Self::Failed(format!("{error:#}")),
        }
    }
}

/// A compiled and linked guest.
pub(crate) struct Guest {
    pre: InstancePre<State>,
    alive: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("alive", &self.alive())
            .finish_non_exhaustive()
    }
}

impl Guest {
    /// How many stores of this guest there are now.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Relaxed)
    }

    /// Instantiates the guest in a store of its own and has it answer `request`.
    pub(crate) async fn answer(
        &self,
        backend: &Backend,
        meter: &Arc<Meter>,
        request: &[u8],
    ) -> End {
        self.try_answer(backend, meter, request)
            .await
            .map_or_else(End::from, End::Answered)
    }

    async fn try_answer(
        &self,
        backend: &Backend,
        meter: &Arc<Meter>,
        request: &[u8],
    ) -> Result<String> {
        let state = State::new(backend.clone(), self.alive.clone());
        let mut store = Store::new(self.pre.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        let meter = meter.clone();
        store.epoch_deadline_callback(move |_| Ok(meter.deadline()));
        store.set_epoch_deadline(1);

        let instance = self.pre.instantiate_async(&mut store).await?;
        call(&mut store, instance, request).await
    }
}

async fn call(store: &mut Store<State>, instance: Instance, request: &[u8]) -> Result<String> {
    let len = u32::try_from(request.len())?;
    let memory = instance
        .get_memory(&mut *store, "memory")
        .context("the guest exports no memory")?;
    let buffer = instance.get_typed_func::<u32, u32>(&mut *store, "buffer")?;
    let handle = instance.get_typed_func::<(u32, u32), u64>(&mut *store, "handle")?;

    let ptr = buffer.call_async(&mut *store, len).await?;
    if ptr == 0 {
        bail!("the guest takes no request of {len} bytes");
    }
    memory
        .write(&mut *store, ptr as usize, request)
        .context("the guest's buffer is not in its memory")?;

    let answer = handle.call_async(&mut *store, (ptr, len)).await?;
    let (ptr, len) = ((answer >> 32) as usize, (answer & 0xffff_ffff) as usize);
    if len > LONGEST_ANSWER {
        bail!("the guest answers {len} bytes, more than {LONGEST_ANSWER}");
    }
    let bytes = memory
        .data(&*store)
        .get(ptr..ptr + len)
        .context("the guest's answer is not in its memory")?;
    Ok(str::from_utf8(bytes)
        .context("the guest's answer is not UTF-8")?
        .to_owned())
}

/// Every guest of a folder, by name.
pub(crate) type Guests = BTreeMap<String, Guest>;

/// An engine for guests that are not trusted.
pub(crate) fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(256 << 10)
        .async_stack_size(512 << 10);
    Engine::new(&config)
}

/// Compiles and links each `NAME.wasm` in `dir`.
///
/// # Errors
///
/// Names the file that cannot be read, is not valid, or needs or lacks something.
pub(crate) fn load(engine: &Engine, dir: &Path) -> Result<Guests> {
    let linker = host::linker(engine)?;
    let mut guests = Guests::new();
    let entries = dir
        .read_dir()
        .with_context(|| format!("cannot read the folder of guests {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let guest = load_one(engine, &linker, &path)
            .with_context(|| format!("guest {}", path.display()))?;
        info!(name, "compiled");
        guests.insert(name, guest);
    }
    if guests.is_empty() {
        bail!("there is no .wasm in {}", dir.display());
    }
    Ok(guests)
}

fn load_one(engine: &Engine, linker: &tussah::Linker<State>, path: &Path) -> Result<Guest> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let module = Module::new(engine, bytes).context("is not a module this engine runs")?;
    for export in ["memory", "buffer", "handle"] {
        module
            .get_export(export)
            .ok_or_else(|| format_err!("does not export `{export}`"))?;
    }
    let pre = linker
        .instantiate_pre(&module)
        .context("cannot be linked")?;
    Ok(Guest {
        pre,
        alive: Arc::default(),
    })
}

/// The memory that a guest exports as `memory`.
pub(crate) fn exported_memory(export: Option<Extern>) -> Result<tussah::Memory> {
    export
        .and_then(Extern::into_memory)
        .context("the guest exports no memory")
}
