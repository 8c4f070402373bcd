//! Which code generator: the host's, with the flags the runtime relies on and those the user asked for.
//!
//! Must not know what is compiled.

use crate::code::Tunables;
use crate::error::{Result, ensure, format_err};
use crate::os::{cpu_features, has_cpu_feature};
use cranelift_codegen::isa::{Builder as IsaBuilder, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags, SetError};
use std::fmt::Write as _;
use std::path::PathBuf;

/// How hard the compiler tries.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum OptLevel {
    /// Compile fast.
    None,
    /// Run fast.
    Speed,
    /// Run fast, and prefer smaller code.
    SpeedAndSize,
}

/// What an engine asks of the compiler.
#[derive(Clone, Debug)]
pub(crate) struct CompilerSettings {
    pub(crate) opt_level: OptLevel,
    /// Allocate registers in one pass: faster compilation, slower code.
    pub(crate) single_pass_regalloc: bool,
    pub(crate) nan_canonicalization: bool,
    /// Check CLIF between passes.
    pub(crate) debug_verifier: bool,
    /// Compile functions on all cores.
    pub(crate) parallel: bool,
    /// Describe frames for the system's unwinder.
    pub(crate) unwind_info: bool,
    /// Keep the modules' debug sections in their artifacts.
    pub(crate) keep_dwarf: bool,
    /// Proposals that modules may use.
    pub(crate) features: wasmparser::WasmFeatures,
    /// Proposals that were asked for, implemented or not.
    pub(crate) asked: wasmparser::WasmFeatures,
    /// Cranelift flags by name; without a value a flag is enabled.
    pub(crate) flags: Vec<(String, Option<String>)>,
    /// Where to write CLIF to; changes nothing of what is compiled.
    pub(crate) clif_dir: Option<PathBuf>,
}

/// Flags on which the runtime relies: how it walks frames, catches traps and bounds stacks.
const REQUIRED: &[(&str, &str)] = &[
    ("preserve_frame_pointers", "true"),
    ("enable_multi_ret_implicit_sret", "true"),
    ("enable_pinned_reg", "false"),
    // A function's own prologue compares the stack limit with its whole frame.
    ("enable_probestack", "false"),
    ("is_pic", "false"),
    ("tls_model", "none"),
    ("libcall_call_conv", "isa_default"),
    ("stack_switch_model", "none"),
];

/// Flags that a user may override.
const DEFAULTS: &[(&str, &str)] = &[
    ("enable_heap_access_spectre_mitigation", "true"),
    ("enable_table_access_spectre_mitigation", "true"),
];

/// The code generator for ordinary functions.
pub(crate) fn host_isa(settings: &CompilerSettings) -> Result<OwnedTargetIsa> {
    build(settings, &[])
}

/// The code generator for functions on which the ordinary one would take too long: every pass of it is about linear.
pub(crate) fn linear_isa(settings: &CompilerSettings) -> Result<OwnedTargetIsa> {
    build(
        settings,
        &[
            ("opt_level", "none"),
            ("regalloc_algorithm", "single_pass"),
            ("enable_alias_analysis", "false"),
        ],
    )
}

/// How the flags are called that say which extensions a processor has.
const EXTENSION: &str = "has_";

/// Names the code generator and how it generates code, apart from the extensions: the flags that are set, on a version of
/// Cranelift whose defaults decide the others. `isa` says what became of them where the user set some, too.
pub(crate) fn describe(settings: &CompilerSettings, isa: Option<&dyn TargetIsa>) -> String {
    let own = own_flags(settings).into_iter();
    let mut flags: Vec<_> = own.map(|(name, value)| (name, value.to_owned())).collect();
    if let Some(isa) = isa {
        let defaults = Flags::new(settings::builder());
        for (value, default) in isa.flags().iter().zip(defaults.iter()) {
            let (name, value, default) = (value.name, show(&value), show(&default));
            match flags.iter_mut().find(|(own, _)| *own == name) {
                Some((_, own)) => *own = value,
                None if value != default => flags.push((name, value)),
                None => {}
            }
        }
    }
    let mut text = format!("cranelift-{}", cranelift_codegen::VERSION);
    for (name, value) in flags {
        // Writing to a string does not fail.
        let _ = write!(text, " {name}={value}");
    }
    text
}

/// A flag's value as it is set.
fn show(value: &settings::Value) -> String {
    match value.as_bool() {
        Some(value) => value.to_string(),
        None => value.value_string(),
    }
}

/// The instruction-set extensions that code may use.
pub(crate) fn extensions(isa: &dyn TargetIsa) -> Vec<&'static str> {
    isa.isa_flags()
        .iter()
        .filter(|flag| flag.as_bool() == Some(true))
        .filter_map(|flag| flag.name.strip_prefix(EXTENSION))
        .collect()
}

/// The flags that the runtime and the engine's configuration ask for; later ones win.
fn own_flags(settings: &CompilerSettings) -> Vec<(&'static str, &'static str)> {
    let bool = |b: bool| if b { "true" } else { "false" };
    let opt_level = match settings.opt_level {
        OptLevel::None => "none",
        OptLevel::Speed => "speed",
        OptLevel::SpeedAndSize => "speed_and_size",
    };
    let regalloc = if settings.single_pass_regalloc {
        "single_pass"
    } else {
        "backtracking"
    };
    let chosen = [
        (
            "enable_nan_canonicalization",
            bool(settings.nan_canonicalization),
        ),
        ("enable_verifier", bool(settings.debug_verifier)),
        ("unwind_info", bool(settings.unwind_info)),
        ("opt_level", opt_level),
        ("regalloc_algorithm", regalloc),
    ];
    [DEFAULTS, REQUIRED, &chosen].concat()
}

/// `fixed` does not yield to the user's flags.
fn build(settings: &CompilerSettings, fixed: &[(&str, &str)]) -> Result<OwnedTargetIsa> {
    let mut shared = settings::builder();
    let mut host = native()?;
    for (name, value) in own_flags(settings) {
        shared.set(name, value)?;
    }
    for (name, value) in &settings.flags {
        set_user_flag(&mut shared, &mut host, name, value.as_deref())?;
    }
    for &(name, value) in fixed {
        shared.set(name, value)?;
    }
    let flags = Flags::new(shared);
    check_required(&flags)?;
    ensure!(
        flags.unwind_info() == settings.unwind_info,
        "Cranelift flag `unwind_info` must be `{}`, `Config::native_unwind_info` decides",
        settings.unwind_info
    );
    host.finish(flags)
        .map_err(|e| format_err!("the code generator refused its settings: {e}"))
}

/// For this machine, with the extensions by which artifacts call them.
fn native() -> Result<IsaBuilder> {
    let mut builder = cranelift_native::builder_with_options(false)
        .map_err(|reason| format_err!("this machine cannot run compiled code: {reason}"))?;
    for extension in cpu_features() {
        builder.enable(&format!("{EXTENSION}{extension}"))?;
    }
    Ok(builder)
}

fn set_user_flag(
    shared: &mut settings::Builder,
    host: &mut IsaBuilder,
    name: &str,
    value: Option<&str>,
) -> Result<()> {
    fn set(on: &mut dyn Configurable, name: &str, value: Option<&str>) -> Result<(), SetError> {
        match value {
            Some(value) => on.set(name, value),
            None => on.enable(name),
        }
    }
    let result = match set(shared, name, value) {
        Err(SetError::BadName(_)) => set(host, name, value),
        result => result,
    };
    result.map_err(|error| match error {
        SetError::BadName(_) => format_err!("unknown Cranelift flag `{name}`"),
        error => format_err!("invalid setting of Cranelift flag `{name}`: {error}"),
    })
}

fn check_required(flags: &Flags) -> Result<()> {
    for value in flags.iter() {
        if let Some((name, required)) = REQUIRED.iter().find(|(name, _)| *name == value.name) {
            ensure!(
                show(&value) == *required,
                "Cranelift flag `{name}` must be `{required}`, the runtime relies on it"
            );
        }
    }
    Ok(())
}

/// Code may use no instruction that this machine lacks, and needs some. `extensions` are those that code may use.
pub(crate) fn check_extensions(
    extensions: &[&str],
    features: wasmparser::WasmFeatures,
    tunables: &Tunables,
) -> Result<()> {
    use wasmparser::WasmFeatures as F;
    for extension in extensions {
        ensure!(
            has_cpu_feature(extension) != Some(false),
            "Cranelift flag `{EXTENSION}{extension}` is set, but this machine does not have the instructions"
        );
    }
    if !cfg!(target_arch = "x86_64") {
        return Ok(());
    }
    let has = |name: &str| extensions.contains(&name);
    ensure!(
        has("sse41"),
        "compiled code needs SSE4.1, which this machine does not have or a flag disables"
    );
    // Else the code generator would call functions that nobody links.
    ensure!(
        !features.contains(F::SIMD) || has("ssse3"),
        "the simd proposal needs SSSE3, which this machine does not have or a flag disables; \
         `Config::wasm_simd(false)` turns the proposal off"
    );
    ensure!(
        !features.contains(F::SIMD | F::RELAXED_SIMD)
            || !tunables.relaxed_simd_deterministic
            || (has("avx") && has("fma")),
        "`Config::relaxed_simd_deterministic` needs AVX and FMA, which this machine does not have or a flag disables; \
         `Config::wasm_relaxed_simd(false)` turns the relaxed-simd proposal off"
    );
    Ok(())
}
