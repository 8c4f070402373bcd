//! [`Engine`]: a validated configuration, and what all stores and modules made with it share.

use super::config::{BacktraceDetails, Config, Settings, WasmFeatures};
use super::epoch::EpochClock;
use super::identity::{self, CodeIdentity};
#[cfg(feature = "profiling")]
use super::profile::Profiler;
use super::{RegisteredType, Trampolines, TypeRegistry};
use crate::code::{self, Tunables};
#[cfg(feature = "cranelift")]
use crate::compile::Compiler;
use crate::error::{Context, Result, bail, ensure};
use crate::exec;
use crate::memory::MemoryMaker;
use std::fmt;
use std::fs::File;
use std::hash::Hash;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use tussah_fiber::{FiberStack, StackPool, StackPoolConfig};

/// Idle fiber stacks that keep their memory. Each may be dirty down to the guest's limit, so this bounds what a burst of
/// deep recursions leaves behind; stores keep their own last stack besides.
const WARM_STACKS: usize = 32;

/// Compiles and runs WebAssembly under one [`Config`].
///
/// An engine is a handle: clones are the same engine. Modules and stores belong to the engine they were made with, and
/// only what belongs to the same engine can be used together. Engines can be shared between threads freely.
///
/// ```
/// use tussah::{Config, Engine};
///
/// # fn main() -> tussah::Result<()> {
/// let engine = Engine::new(Config::new().epoch_interruption(true))?;
/// assert!(Engine::same(&engine, &engine.clone()));
/// engine.increment_epoch();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    settings: Settings,
    /// Machine code reads it through a pointer.
    clock: EpochClock,
    types: TypeRegistry,
    stacks: OnceLock<StackPool>,
    #[cfg(feature = "cranelift")]
    compiler: Compiler,
    identity: String,
    #[cfg(feature = "profiling")]
    profiler: Profiler,
}

impl Engine {
    /// Makes an engine, after checking that the configuration goes together and that everything it asks for is
    /// implemented.
    ///
    /// The first engine that relies on hardware faults to find traps ([`Config::signals_based_traps`], the default)
    /// installs signal handlers for the process.
    ///
    /// # Errors
    ///
    /// The configuration contradicts itself, asks for something that is not implemented or that this machine lacks,
    /// or the signal handlers cannot be installed.
    pub fn new(config: &Config) -> Result<Engine> {
        let settings = config.validate()?;
        #[cfg(feature = "cranelift")]
        let compiler = Compiler::new(&settings.compiler, &settings.tunables)
            .context("failed to set up the compiler for this machine")?;
        #[cfg(feature = "cranelift")]
        let code = CodeIdentity {
            cpu: compiler.cpu_features(),
            codegen: Some(compiler.describe()),
        };
        #[cfg(not(feature = "cranelift"))]
        let code = CodeIdentity::default();
        #[cfg(feature = "profiling")]
        let profiler = Profiler::new(settings.profiler)?;
        if settings.tunables.signals_based_traps {
            exec::init_process()?;
        }
        Ok(Engine {
            inner: Arc::new(EngineInner {
                identity: identity::describe(&settings, &code),
                settings,
                clock: EpochClock::default(),
                types: TypeRegistry::default(),
                stacks: OnceLock::new(),
                #[cfg(feature = "cranelift")]
                compiler,
                #[cfg(feature = "profiling")]
                profiler,
            }),
        })
    }

    /// A handle that does not keep the engine alive, for threads that advance the epoch.
    pub fn weak(&self) -> EngineWeak {
        EngineWeak {
            inner: Arc::downgrade(&self.inner),
        }
    }

    /// Whether two handles are of the same engine.
    #[inline]
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }

    /// Advances the epoch that [`Config::epoch_interruption`] compares deadlines with.
    ///
    /// It can be called from any thread, and from signal handlers: it takes no lock and makes no system call. It looks at
    /// the deadlines of as many stores as were ever alive at one time, at about a nanosecond each.
    #[inline]
    pub fn increment_epoch(&self) {
        self.inner.clock.tick();
    }

    /// Compiles a module to bytes that an engine of the same settings and the same version accepts in
    /// `Module::deserialize`, on this machine or one like it. The text format is accepted under the feature `wat`.
    ///
    /// # Errors
    ///
    /// The module is malformed, invalid, beyond the implementation's limits, or uses proposals that are turned off or
    /// not implemented; or compilation is turned off ([`Config::enable_compiler`]).
    pub fn precompile_module(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let bytes = binary(bytes)?;
        let artifact = self.compile_artifact(&bytes)?;
        let trampolines = self.compile_trampolines(&artifact.module)?;
        artifact.serialize(&trampolines, self.artifact_identity())
    }

    /// Whether bytes are the output of [`Engine::precompile_module`], going by their header.
    pub fn detect_precompiled(bytes: &[u8]) -> Option<Precompiled> {
        code::is_artifact(bytes).then_some(Precompiled::Module)
    }

    /// Whether a file holds the output of [`Engine::precompile_module`], going by its header.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn detect_precompiled_file(path: impl AsRef<Path>) -> Result<Option<Precompiled>> {
        /// More than any header.
        const PREFIX: usize = 4096;
        let path = path.as_ref();
        let read = || -> std::io::Result<Vec<u8>> {
            let mut prefix = Vec::with_capacity(PREFIX);
            File::open(path)?
                .take(PREFIX as u64)
                .read_to_end(&mut prefix)?;
            std::io::Result::Ok(prefix)
        };
        let prefix = read().with_context(|| format!("failed to read `{}`", path.display()))?;
        Ok(Self::detect_precompiled(&prefix))
    }

    /// Something whose hash differs between engines that cannot load each other's precompiled modules: a key under
    /// which to store them.
    pub fn precompile_compatibility_hash(&self) -> impl Hash + '_ {
        self.artifact_identity()
    }

    /// Pays now what a thread otherwise pays when it first enters WebAssembly.
    ///
    /// Calling it is never necessary.
    pub fn tls_eager_initialize() {
        // A failure is reported by the first entry, which needs it.
        let _ = crate::os::ensure_signal_stack();
    }

    /// Gives up the process's signal handlers, as far as that is possible.
    ///
    /// The handlers stay installed, since nothing tells whether others were installed on top of them; they pass every
    /// signal that is not a guest's fault on to the handlers they replaced. With no engine left, that is all of them.
    ///
    /// # Panics
    ///
    /// If other handles to this engine exist, weak ones included.
    ///
    /// # Safety
    ///
    /// No thread may be running WebAssembly of this process.
    #[expect(unsafe_code, reason = "callers written for the usual contract")]
    pub unsafe fn unload_process_handlers(self) {
        assert_eq!(Arc::weak_count(&self.inner), 0);
        assert_eq!(Arc::strong_count(&self.inner), 1);
    }
}

impl Engine {
    /// What the engine was made with.
    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Settings that machine code depends on.
    pub(crate) fn tunables(&self) -> &Tunables {
        &self.inner.settings.tunables
    }

    /// The proposals that modules may use: what was asked for, as far as it is implemented.
    pub(crate) fn features(&self) -> WasmFeatures {
        self.inner.settings.features
    }

    /// The epoch.
    pub(crate) fn clock(&self) -> &EpochClock {
        &self.inner.clock
    }

    /// The engine's function types.
    pub(crate) fn types(&self) -> &TypeRegistry {
        &self.inner.types
    }

    /// The stacks that fibers run on.
    ///
    /// # Errors
    ///
    /// Stacks of the configured size do not fit the address space.
    pub(crate) fn stack_pool(&self) -> Result<&StackPool> {
        let inner = &*self.inner;
        if let Some(pool) = inner.stacks.get() {
            return Ok(pool);
        }
        let pool = StackPool::new(StackPoolConfig {
            stack_size: inner.settings.async_stack_size,
            zero_on_reuse: inner.settings.async_stack_zeroing,
            max_warm: WARM_STACKS,
            ..StackPoolConfig::default()
        })
        .context("failed to set up the pool of fiber stacks")?;
        // A pool made by another thread meanwhile wins; this one has mapped nothing yet.
        Ok(inner.stacks.get_or_init(|| pool))
    }

    /// A stack for a fiber: the embedder's, or the pool's.
    ///
    /// # Errors
    ///
    /// There is none to be had, or the embedder's is none to run on.
    pub(crate) fn new_stack(&self) -> Result<FiberStack> {
        let settings = &self.inner.settings;
        let Some(creator) = &settings.stack_creator else {
            return Ok(self.stack_pool()?.get()?);
        };
        let size = settings.async_stack_size;
        let memory = creator.new_stack(size, settings.async_stack_zeroing)?;
        let stack = FiberStack::from_custom(memory)?;
        // Guests may go down to a limit that was computed from the top, and the host a good deal further.
        let usable = stack.range().len();
        ensure!(
            usable >= size,
            "a stack creator made a stack of {usable} bytes instead of {size}"
        );
        ensure!(
            stack.guard_range().start < stack.guard_range().end,
            "a stack creator made a stack without a guard directly below it"
        );
        Ok(stack)
    }

    /// What makes guests' memories, if the embedder does.
    pub(crate) fn memory_maker(&self) -> Option<&Arc<dyn MemoryMaker>> {
        self.inner.settings.memory_maker.as_ref()
    }

    /// Bytes of stack that WebAssembly may use.
    pub(crate) fn max_wasm_stack(&self) -> usize {
        self.inner.settings.max_wasm_stack
    }

    /// Whether stacks are zeroed between uses.
    pub(crate) fn zeroes_stacks(&self) -> bool {
        self.inner.settings.async_stack_zeroing
    }

    /// How many frames a trap's backtrace captures at most; `None` captures none.
    pub(crate) fn backtrace_limit(&self) -> Option<usize> {
        self.inner.settings.backtrace_limit
    }

    /// How many frames are captured at most where a guest is left: for a backtrace or a core dump.
    pub(crate) fn frame_limit(&self) -> usize {
        self.inner.settings.frame_limit
    }

    /// Whether errors carry core dumps.
    #[cfg(feature = "coredump")]
    pub(crate) fn dumps_core(&self) -> bool {
        self.inner.settings.config.dumps_core()
    }

    /// Whether backtraces name files and lines.
    pub(crate) fn backtrace_details(&self) -> BacktraceDetails {
        self.inner.settings.backtrace_details
    }

    /// What an artifact must have been made under to be loaded here: lines of `key=value`.
    pub(crate) fn artifact_identity(&self) -> &str {
        &self.inner.identity
    }

    /// The trampolines of a function type: those that a loaded module brought, or compiled when they are first asked for.
    /// `None` where there is no compiler and no module brought any. `ty` must be of this engine.
    ///
    /// # Errors
    ///
    /// There is no memory for code.
    pub(crate) fn known_trampolines<'t>(
        &self,
        ty: &'t RegisteredType,
    ) -> Result<Option<&'t Trampolines>> {
        let cell = ty.trampolines();
        if let Some(trampolines) = cell.get() {
            return Ok(Some(trampolines));
        }
        #[cfg(feature = "cranelift")]
        {
            let code = self.inner.compiler.compile_trampolines([ty.ty()])?;
            for made in self.publish_trampolines(&code)? {
                // Trampolines made by another thread meanwhile win.
                self.take_trampolines(ty, made);
            }
        }
        Ok(cell.get())
    }

    /// Compiles a module in the binary format.
    ///
    /// # Errors
    ///
    /// As [`Engine::precompile_module`].
    #[cfg(feature = "cranelift")]
    pub(crate) fn compile_artifact(&self, wasm: &[u8]) -> Result<code::Artifact> {
        self.compiler()?.compile_module(wasm)
    }

    /// As [`Engine::compile_artifact`], or from the cache, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Engine::precompile_module`].
    pub(crate) fn cached_artifact(&self, wasm: &[u8]) -> Result<code::Artifact> {
        #[cfg(all(feature = "cache", feature = "cranelift"))]
        if let Some(cache) = self.inner.settings.config.cached() {
            self.compiler()?;
            let dwarf = self.inner.settings.compiler.keep_dwarf;
            let more = format!("keep_dwarf={dwarf}");
            return cache.get_or_make(wasm, self.artifact_identity(), &more, || {
                let mut artifact = self.compile_artifact(wasm)?;
                artifact.trampolines = self.compile_trampolines(&artifact.module)?;
                Ok(artifact)
            });
        }
        self.compile_artifact(wasm)
    }

    #[cfg(not(feature = "cranelift"))]
    pub(crate) fn compile_artifact(&self, _: &[u8]) -> Result<code::Artifact> {
        bail!("compilation support is not part of this build: enable the `cranelift` feature")
    }

    /// The trampolines of all types of a module, as its artifact carries them along.
    ///
    /// # Errors
    ///
    /// There is no compiler in this build.
    #[cfg(feature = "cranelift")]
    pub(crate) fn compile_trampolines(
        &self,
        module: &crate::wasm::ModuleInfo,
    ) -> Result<code::TrampolineCode> {
        self.inner
            .compiler
            .compile_trampolines(module.distinct_types())
    }

    #[cfg(not(feature = "cranelift"))]
    pub(crate) fn compile_trampolines(
        &self,
        _: &crate::wasm::ModuleInfo,
    ) -> Result<code::TrampolineCode> {
        bail!("compilation support is not part of this build: enable the `cranelift` feature")
    }

    /// Takes the trampolines that came along with a module: one for each of these types. Those that are known already
    /// are left alone.
    ///
    /// # Errors
    ///
    /// There is no memory for code.
    pub(crate) fn bring_trampolines<'t>(
        &self,
        types: impl Iterator<Item = &'t RegisteredType> + Clone,
        code: &code::TrampolineCode,
    ) -> Result<()> {
        if code.places.is_empty() || types.clone().all(|ty| ty.trampolines().get().is_some()) {
            return Ok(());
        }
        for (ty, made) in types.zip(self.publish_trampolines(code)?) {
            self.take_trampolines(ty, made);
        }
        Ok(())
    }

    /// Gives a type its trampolines, if it has none, and tells the profiler.
    fn take_trampolines(&self, ty: &RegisteredType, made: Trampolines) {
        if ty.trampolines().set(made).is_err() {
            return;
        }
        #[cfg(feature = "profiling")]
        if let Some(kept) = ty.trampolines().get() {
            self.inner.profiler.trampolines(ty.ty(), kept);
        }
    }

    fn publish_trampolines(&self, code: &code::TrampolineCode) -> Result<Vec<Trampolines>> {
        Trampolines::publish(code, self.inner.settings.native_debug_info)
    }

    /// Tells whom the configuration names of a module's code.
    #[cfg_attr(
        not(all(feature = "debug-builtins", feature = "profiling")),
        allow(
            unused_variables,
            clippy::needless_pass_by_ref_mut,
            reason = "nobody to tell"
        )
    )]
    pub(crate) fn announce(&self, module: &mut code::CompiledModule) {
        #[cfg(feature = "debug-builtins")]
        if self.inner.settings.native_debug_info {
            module.announce();
        }
        #[cfg(feature = "profiling")]
        self.inner.profiler.module(module);
    }

    /// The compiler of modules.
    ///
    /// # Errors
    ///
    /// Compilation is turned off in the configuration.
    #[cfg(feature = "cranelift")]
    pub(crate) fn compiler(&self) -> Result<&Compiler> {
        if !self.inner.settings.compile_modules {
            bail!("compilation is turned off by `Config::enable_compiler(false)`");
        }
        Ok(&self.inner.compiler)
    }
}

/// The binary format, whichever of the two formats `bytes` are in.
#[cfg(feature = "wat")]
fn binary(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>> {
    Ok(wat::parse_bytes(bytes)?)
}

#[cfg(not(feature = "wat"))]
fn binary(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>> {
    Ok(bytes.into())
}

impl Default for Engine {
    /// An engine with the default configuration.
    ///
    /// # Panics
    ///
    /// If that is impossible on this machine.
    fn default() -> Engine {
        Engine::new(&Config::default()).expect("the default configuration works on this machine")
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("epoch", &self.inner.clock.now())
            .finish_non_exhaustive()
    }
}

/// A handle to an [`Engine`] that does not keep it alive.
#[derive(Clone, Default)]
pub struct EngineWeak {
    inner: Weak<EngineInner>,
}

impl EngineWeak {
    /// The engine, if any other handle still keeps it.
    pub fn upgrade(&self) -> Option<Engine> {
        self.inner.upgrade().map(|inner| Engine { inner })
    }
}

impl fmt::Debug for EngineWeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineWeak").finish_non_exhaustive()
    }
}

/// What precompiled bytes are.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub enum Precompiled {
    /// A core module.
    Module,
    /// A component. Components are not implemented yet.
    Component,
}

#[cfg(test)]
mod tests {
    //! What engines share, and what tells them apart.

    use super::{Engine, Precompiled};
    use crate::engine::{Config, ModuleVersionStrategy, OptLevel};
    use crate::wasm::{WasmFuncType, WasmVal};

    fn engine(adjust: impl FnOnce(&mut Config)) -> Engine {
        let mut config = Config::new();
        adjust(&mut config);
        Engine::new(&config).unwrap()
    }

    #[test]
    fn everything_that_changes_code_changes_the_identity() {
        let adjustments: [fn(&mut Config); 11] = [
            |_| {},
            |c| _ = c.consume_fuel(true),
            |c| _ = c.epoch_interruption(true),
            |c| _ = c.signals_based_traps(false),
            |c| _ = c.memory_reservation(1 << 20),
            |c| _ = c.memory_guard_size(1 << 20),
            |c| _ = c.memory_may_move(false),
            |c| _ = c.generate_address_map(false),
            |c| _ = c.cranelift_opt_level(OptLevel::None),
            |c| _ = c.wasm_tail_call(false),
            |c| {
                let version = ModuleVersionStrategy::Custom("7\nconsume_fuel=true".into());
                c.module_version(version).unwrap();
            },
        ];
        let identities = adjustments.map(|adjust| engine(adjust).artifact_identity().to_string());
        for (i, a) in identities.iter().enumerate() {
            assert_eq!(*a, engine(adjustments[i]).artifact_identity());
            for b in &identities[..i] {
                assert_ne!(a, b);
            }
            assert!(a.lines().all(|line| line.contains('=')), "{a}");
            assert_eq!(a.lines().count(), identities[0].lines().count());
        }
    }

    #[test]
    fn handles_share_the_epoch() {
        let engine = Engine::default();
        let clone = engine.clone();
        clone.increment_epoch();
        engine.increment_epoch();
        assert_eq!(engine.clock().now(), 2);
    }

    #[test]
    #[cfg(feature = "cranelift")]
    fn trampolines_are_compiled_once_per_type() {
        let engine = Engine::default();
        let ty = WasmFuncType {
            params: [WasmVal::I32; 20].into(),
            results: [WasmVal::F64, WasmVal::I64].into(),
        };
        let (a, b) = (engine.types().register(&ty), engine.types().register(&ty));
        let (a, b) = (a.unwrap(), b.unwrap());
        let exits = [&a, &b].map(|ty| engine.known_trampolines(ty).unwrap().unwrap().exit);
        assert!(exits[0] == exits[1] && !exits[0].is_null());
        // They belong to the type, which may outlive the engine.
        drop(engine);
        assert!(a.trampolines().get().is_some());
    }

    #[test]
    #[cfg(feature = "cranelift")]
    fn precompiled_modules_are_recognised() {
        let module = b"\0asm\x01\0\0\0";
        let bytes = Engine::default().precompile_module(module).unwrap();
        assert_eq!(
            Engine::detect_precompiled(&bytes),
            Some(Precompiled::Module)
        );
        assert_eq!(Engine::detect_precompiled(module), None);
        let runtime_only = engine(|c| _ = c.enable_compiler(false));
        let refused = runtime_only.precompile_module(module).unwrap_err();
        assert!(refused.to_string().contains("enable_compiler"));
    }

    #[test]
    fn one_pool_of_the_configured_stacks() {
        let engine = engine(|c| _ = c.max_wasm_stack(64 << 10).async_stack_size(256 << 10));
        let pool = engine.stack_pool().unwrap();
        assert_eq!(pool.stack_size(), 256 << 10);
        let stack = pool.get().unwrap();
        assert_eq!(engine.stack_pool().unwrap().stats().live, 1);
        drop(stack);
    }
}
