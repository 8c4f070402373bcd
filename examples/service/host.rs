//! What guests may import, the state of one guest's store, and the backend that answers them. Knows nothing of HTTP or fairness.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tussah::error::Context as _;
use tussah::{Caller, Engine, Linker, ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

use crate::guests::exported_memory;

/// The largest linear memory of a guest.
const MEMORY_LIMIT: usize = 4 << 20;
const TABLE_LIMIT: usize = 10_000;
/// The longest key of the key-value store.
const LONGEST_KEY: u32 = 1 << 10;

/// What a guest's store holds.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limits: Limits,
    backend: Backend,
    alive: Arc<AtomicUsize>,
}

impl State {
    /// The state of one more guest; `alive` counts it for as long as its store lives.
    pub(crate) fn new(backend: Backend, alive: Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Relaxed);
        Self {
            limits: Limits::new(),
            backend,
            alive,
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Relaxed);
    }
}

/// A guest's memory or table would have outgrown its limit.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    desired: usize,
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "growing to {} exceeds the guest's limit", self.desired)
    }
}

impl Error for MemoryLimit {}

/// [`StoreLimits`], but a refusal ends the guest with [`MemoryLimit`] where `memory.grow` would return -1.
#[derive(Debug)]
pub(crate) struct Limits(StoreLimits);

impl Limits {
    fn new() -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_LIMIT)
            .memories(1)
            .table_elements(TABLE_LIMIT)
            .tables(4);
        Self(limits.instances(1).build())
    }
}

fn refuse(allowed: bool, desired: usize) -> Result<bool> {
    if allowed {
        Ok(true)
    } else {
        Err(MemoryLimit { desired }.into())
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        refuse(self.0.memory_growing(current, desired, maximum)?, desired)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        refuse(self.0.table_growing(current, desired, maximum)?, desired)
    }

    fn instances(&self) -> usize {
        self.0.instances()
    }

    fn tables(&self) -> usize {
        self.0.tables()
    }

    fn memories(&self) -> usize {
        self.0.memories()
    }
}

/// A linker that defines all that guests may import.
///
/// # Errors
///
/// None in practice: the names are distinct.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap_async(
        "host",
        "config",
        |mut caller: Caller<'_, State>, (buf, cap): (u32, u32)| {
            Box::new(async move {
                let config = caller.data().backend.config().await?;
                copy_out(&mut caller, &config, buf, cap)
            })
        },
    )?;
    linker.func_wrap_async(
        "host",
        "kv_get",
        |mut caller: Caller<'_, State>, (key, key_len, buf, cap): (u32, u32, u32, u32)| {
            Box::new(async move {
                let key = copy_in(&mut caller, key, key_len)?;
                match caller.data().backend.get(key).await? {
                    Some(value) => copy_out(&mut caller, &value, buf, cap),
                    None => Ok(-1),
                }
            })
        },
    )?;
    linker.func_wrap_async("host", "sleep_ms", |_: Caller<'_, State>, (ms,): (u32,)| {
        Box::new(tokio::time::sleep(Duration::from_millis(ms.into())))
    })?;
    linker.func_wrap_async("host", "next", |_: Caller<'_, State>, (n,): (u32,)| {
        Box::new(async move { n.wrapping_add(1) })
    })?;
    Ok(linker)
}

/// Copies what fits of `text` to `buf[..cap]` of the guest's memory; returns the length of all.
fn copy_out(caller: &mut Caller<'_, State>, text: &str, buf: u32, cap: u32) -> Result<i32> {
    let memory = exported_memory(caller.get_export("memory"))?;
    let fits = text.len().min(cap as usize);
    memory
        .write(&mut *caller, buf as usize, &text.as_bytes()[..fits])
        .context("the result's buffer")?;
    Ok(i32::try_from(text.len())?)
}

fn copy_in(caller: &mut Caller<'_, State>, ptr: u32, len: u32) -> Result<String> {
    let memory = exported_memory(caller.get_export("memory"))?;
    let mut bytes = vec![0; len.min(LONGEST_KEY) as usize];
    memory
        .read(&*caller, ptr as usize, &mut bytes)
        .context("the key")?;
    String::from_utf8(bytes).context("the key")
}

enum Query {
    Config(oneshot::Sender<Arc<str>>),
    Get(String, oneshot::Sender<Option<Arc<str>>>),
}

/// A handle to the task that holds configuration and data: whoever asks it is suspended until that task has run.
#[derive(Debug, Clone)]
pub(crate) struct Backend(mpsc::Sender<Query>);

impl Backend {
    /// Starts the backend; guests will be told to sleep for `delay` before they answer. To be called within a runtime.
    pub(crate) fn start(delay: Duration) -> Self {
        let config: Arc<str> = format!(
            "greeting=Hello\nprefix=user:\ndelay_ms={}\n",
            delay.as_millis()
        )
        .into();
        let titles = [
            ("ada", "Countess"),
            ("grace", "Rear Admiral"),
            ("alan", "Dr"),
        ];
        let data: HashMap<_, Arc<str>> = titles
            .map(|(name, title)| (format!("user:{name}"), title.into()))
            .into();

        let (sender, mut queries) = mpsc::channel(1024);
        tokio::spawn(async move {
            while let Some(query) = queries.recv().await {
                // A guest that was cancelled while it waited has dropped its end.
                match query {
                    Query::Config(reply) => drop(reply.send(config.clone())),
                    Query::Get(key, reply) => drop(reply.send(data.get(&key).cloned())),
                }
            }
        });
        Self(sender)
    }

    async fn config(&self) -> Result<Arc<str>> {
        self.ask(Query::Config).await
    }

    async fn get(&self, key: String) -> Result<Option<Arc<str>>> {
        self.ask(|reply| Query::Get(key, reply)).await
    }

    async fn ask<R>(&self, query: impl FnOnce(oneshot::Sender<R>) -> Query) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send(query(reply))
            .await
            .ok()
            .context("the backend has stopped")?;
        answer.await.context("the backend has stopped")
    }
}
