//! The compiler.

use super::{Config, Inlining, OptLevel, RegallocAlgorithm, Strategy};
use crate::error::{Result, bail};
use std::path::{Path, PathBuf};

/// Compiler settings.
#[derive(Clone, Debug)]
pub(super) struct Codegen {
    pub(super) enabled: bool,
    pub(super) strategy: Strategy,
    pub(super) opt_level: OptLevel,
    pub(super) regalloc: RegallocAlgorithm,
    pub(super) nan_canonicalization: bool,
    pub(super) verifier: bool,
    pub(super) debug_checks: bool,
    pub(super) parallel: bool,
    pub(super) inlining: Inlining,
    /// Cranelift flags in the order given, the last of a name counts; `None` enables.
    pub(super) flags: Vec<(String, Option<String>)>,
    /// Whether the host's features are to be asked of the embedder.
    pub(super) custom_detection: bool,
    pub(super) clif_dir: Option<PathBuf>,
    /// Whether the embedder wants to make code executable.
    pub(super) custom_code_memory: bool,
}

impl Default for Codegen {
    fn default() -> Self {
        Codegen {
            enabled: true,
            strategy: Strategy::Auto,
            opt_level: OptLevel::Speed,
            regalloc: RegallocAlgorithm::Backtracking,
            nan_canonicalization: false,
            verifier: false,
            debug_checks: false,
            parallel: true,
            inlining: Inlining::Intrinsics,
            flags: Vec::new(),
            custom_detection: false,
            clif_dir: None,
            custom_code_memory: false,
        }
    }
}

impl Config {
    /// Whether modules can be compiled. On by default; turned off, only precompiled modules can be loaded.
    pub fn enable_compiler(&mut self, enable: bool) -> &mut Self {
        self.codegen.enabled = enable;
        self
    }

    /// Would choose another target than this machine.
    ///
    /// # Errors
    ///
    /// Always: cross-compilation is not implemented yet.
    pub fn target(&mut self, target: &str) -> Result<&mut Self> {
        bail!("compiling for the target `{target}` is not implemented yet, only for the host")
    }

    /// Which compiler. Cranelift, the default, is the only one; others are refused by `Engine::new`.
    pub fn strategy(&mut self, strategy: Strategy) -> &mut Self {
        self.codegen.strategy = strategy;
        self
    }

    /// How much to optimise: [`OptLevel::Speed`] by default.
    pub fn cranelift_opt_level(&mut self, level: OptLevel) -> &mut Self {
        self.codegen.opt_level = level;
        self
    }

    /// How to allocate registers: [`RegallocAlgorithm::Backtracking`] by default.
    pub fn cranelift_regalloc_algorithm(&mut self, algo: RegallocAlgorithm) -> &mut Self {
        self.codegen.regalloc = algo;
        self
    }

    /// Whether every NaN that a computation yields has the same bits, on every machine. Off by default.
    pub fn cranelift_nan_canonicalization(&mut self, enable: bool) -> &mut Self {
        self.codegen.nan_canonicalization = enable;
        self
    }

    /// Whether Cranelift checks its intermediate code between passes; costs compile time. Off by default.
    pub fn cranelift_debug_verifier(&mut self, enable: bool) -> &mut Self {
        self.codegen.verifier = enable;
        self
    }

    /// Whether generated code checks the runtime's own assumptions. Off by default; not implemented yet, and refused
    /// by `Engine::new`.
    pub fn cranelift_wasmtime_debug_checks(&mut self, enable: bool) -> &mut Self {
        self.codegen.debug_checks = enable;
        self
    }

    /// Enables a Cranelift flag. Unknown flags, and ones that the runtime relies on being otherwise, are refused by
    /// `Engine::new`.
    ///
    /// # Safety
    ///
    /// Flags can change what generated code means or which instructions it uses: the caller answers for the code being
    /// right, and for this machine having the instructions.
    #[expect(unsafe_code, reason = "the caller answers for the flag")]
    pub unsafe fn cranelift_flag_enable(&mut self, flag: &str) -> &mut Self {
        self.codegen.flags.push((flag.to_string(), None));
        self
    }

    /// Sets a Cranelift flag. Unknown flags and values, and flags that the runtime relies on being otherwise, are
    /// refused by `Engine::new`.
    ///
    /// # Safety
    ///
    /// As for [`Config::cranelift_flag_enable`].
    #[expect(unsafe_code, reason = "the caller answers for the flag")]
    pub unsafe fn cranelift_flag_set(&mut self, name: &str, value: &str) -> &mut Self {
        let flag = (name.to_string(), Some(value.to_string()));
        self.codegen.flags.push(flag);
        self
    }

    /// Would replace how this machine's features are found; not implemented yet, and refused by `Engine::new`.
    ///
    /// # Safety
    ///
    /// The function must not claim features that this machine lacks.
    #[expect(unsafe_code, reason = "the caller answers for the function")]
    pub unsafe fn detect_host_feature(&mut self, _detect: fn(&str) -> Option<bool>) -> &mut Self {
        self.codegen.custom_detection = true;
        self
    }

    /// Whether 32-bit x86 hosts pass floats in registers. Has no effect: such hosts are not supported.
    ///
    /// # Safety
    ///
    /// The host must really do so.
    #[expect(unsafe_code, reason = "callers written for the usual contract")]
    pub unsafe fn x86_float_abi_ok(&mut self, _enable: bool) -> &mut Self {
        self
    }

    /// Writes the intermediate code (CLIF) of whatever is compiled to files in this directory, as it is before
    /// optimisation: each function of a module to `func-N.clif`, where `N` is its index, and the trampolines between
    /// guest and runtime to files beside. What is there under these names is overwritten, by the next module too.
    ///
    /// `Engine::new` makes the directory, and fails if it cannot; a module whose files cannot be written fails to
    /// compile. The code that is compiled is the same as without.
    pub fn emit_clif(&mut self, path: &Path) -> &mut Self {
        self.codegen.clif_dir = Some(path.to_path_buf());
        self
    }

    /// Whether functions are compiled on all cores. On by default; the code is the same either way.
    pub fn parallel_compilation(&mut self, parallel: bool) -> &mut Self {
        self.codegen.parallel = parallel;
        self
    }

    /// Which functions the compiler may inline. A hint; nothing is inlined yet.
    pub fn compiler_inlining(&mut self, inlining: Inlining) -> &mut Self {
        self.codegen.inlining = inlining;
        self
    }
}
