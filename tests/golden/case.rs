//! What a `.wat` says of itself, and its compilation.

use crate::clif;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tussah::{Config, Engine, ExternType, Func, FuncType, Module, OperatorCost, Store};

/// A claim about the CLIF.
#[derive(Debug, PartialEq)]
pub(crate) enum Claim {
    /// All of these, one after the other.
    Has(Vec<String>),
    Times(usize, String),
    Lacks(String),
}

/// A source file.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    wat: &'a str,
    config: Vec<&'a str>,
    show: Vec<&'a str>,
    claims: Vec<Claim>,
}

impl<'a> Case<'a> {
    /// Reads the first lines.
    pub(crate) fn parse(wat: &'a str) -> Result<Case<'a>, String> {
        let mut case = Case {
            wat,
            config: Vec::new(),
            show: Vec::new(),
            claims: Vec::new(),
        };
        let mut lines = wat.lines().map_while(|line| line.strip_prefix(";;! "));
        let idea = lines.next().unwrap_or_default();
        if !idea.ends_with('.') {
            return Err("the first line is no `;;!` with a sentence".to_owned());
        }
        for line in lines {
            let (key, value) = line
                .split_once(" = ")
                .ok_or_else(|| format!("`{line}` is no `key = value`"))?;
            let list = || value.split(", ");
            match key.split_once(' ').unwrap_or((key, "")) {
                ("config", "") => case.config.extend(list()),
                ("show", "") => case.show.extend(list()),
                ("has", "") => {
                    let texts = value.split(" .. ").map(str::to_owned).collect();
                    case.claims.push(Claim::Has(texts));
                }
                ("has", times) => {
                    let times = times.parse().map_err(|e| format!("`{line}`: {e}"))?;
                    case.claims.push(Claim::Times(times, value.to_owned()));
                }
                ("lacks", "") => case.claims.push(Claim::Lacks(value.to_owned())),
                _ => return Err(format!("`{key}` is unknown")),
            }
        }
        let first = wat.lines().take_while(|line| line.starts_with(";;! "));
        let rest = wat.lines().skip(first.count());
        if let Some(line) = rest
            .map(str::trim_start)
            .find(|line| line.starts_with(";;!"))
        {
            return Err(format!(
                "`{line}` is not read: it is not among the first lines"
            ));
        }
        if case.claims.is_empty() {
            return Err("it claims nothing of its CLIF".to_owned());
        }
        if case.show.is_empty() {
            case.show.push("func");
        }
        Ok(case)
    }

    /// Which claims do not hold.
    pub(crate) fn check(&self, clif: &str) -> Vec<String> {
        let broken = |claim: &Claim| match claim {
            Claim::Has(texts) => {
                let mut rest = clif;
                for text in texts {
                    match rest.split_once(text.as_str()) {
                        Some((_, behind)) => rest = behind,
                        None => return Some(format!("it lacks `{text}` of {texts:?}")),
                    }
                }
                None
            }
            Claim::Times(times, text) => {
                let found = clif.matches(text.as_str()).count();
                (found != *times).then(|| format!("it has {found} `{text}`, not {times}"))
            }
            Claim::Lacks(text) => clif
                .contains(text.as_str())
                .then(|| format!("it has `{text}`")),
        };
        self.claims.iter().filter_map(broken).collect()
    }

    /// The CLIF to be compared.
    pub(crate) fn compile(&self) -> Result<String, String> {
        let dir = TempDir::new();
        let mut config = self.configure()?;
        config.emit_clif(&dir.0);
        let compile = || -> tussah::Result<()> {
            let engine = Engine::new(&config)?;
            let module = Module::new(&engine, self.wat)?;
            // Trampolines are made on demand: both directions of each type, by a host function of it.
            let mut store = Store::new(&engine, ());
            let imports = module.imports().map(|import| import.ty());
            for ty in imports.chain(module.exports().map(|export| export.ty())) {
                if let ExternType::Func(ty) = ty {
                    let ty = FuncType::new(&engine, ty.params(), ty.results());
                    Func::new(&mut store, ty, |_, _, _| Ok(()));
                }
            }
            Ok(())
        };
        compile().map_err(|error| format!("{error:?}"))?;
        let mut files: Vec<PathBuf> = fs::read_dir(&dir.0)
            .expect("the directory was made")
            .map(|entry| entry.expect("an entry can be read").path())
            .collect();
        files.sort();
        let mut all = String::new();
        for kind in &self.show {
            let mut found = false;
            for file in &files {
                let name = file.file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| name.starts_with(&format!("{kind}-"))) {
                    found = true;
                    if !all.is_empty() {
                        all.push('\n');
                    }
                    let text = fs::read_to_string(file).expect("CLIF can be read");
                    all.push_str(&clif::normalise(&text));
                }
            }
            if !found {
                return Err(format!("no file `{kind}-*` was written"));
            }
        }
        Ok(all)
    }

    fn configure(&self) -> Result<Config, String> {
        let mut config = Config::new();
        for setting in &self.config {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            let number = || -> Result<u64, String> {
                value.parse().map_err(|e| format!("`{setting}`: {e}"))
            };
            match key {
                "fuel" => config.consume_fuel(true),
                "epochs" => config.epoch_interruption(true),
                "no-signals" => config.signals_based_traps(false),
                "memory-reservation" => config.memory_reservation(number()?),
                "guard" => config.memory_guard_size(number()?),
                "custom-page-sizes" => config.wasm_custom_page_sizes(true),
                "wide-arithmetic" => config.wasm_wide_arithmetic(true),
                "branch-hints" => config.wasm_branch_hinting(true),
                "deterministic" => config.relaxed_simd_deterministic(true),
                "no-move" => config.memory_may_move(false),
                "free-bulk" => {
                    let mut cost = OperatorCost::new();
                    cost.variable.memory_copy_per_byte = 0;
                    cost.variable.memory_fill_per_byte = 0;
                    cost.variable.memory_init_per_byte = 0;
                    config.operator_cost(cost)
                }
                _ => return Err(format!("the setting `{setting}` is unknown")),
            };
        }
        Ok(config)
    }
}

/// A directory that is removed in the end.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    /// Names a directory that does not exist yet.
    pub(crate) fn new() -> TempDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("golden-{}-{next}", std::process::id());
        TempDir(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn claims_can_be_broken() {
    let case = Case::parse(";;! One.\n;;! has = a .. b\n;;! has 2 = c\n;;! lacks = d\n(module)");
    let case = case.unwrap();
    assert!(case.check("a b c c").is_empty());
    for (clif, broken) in [
        ("b a c c", "it lacks `b` of [\"a\", \"b\"]"),
        ("a b c", "it has 1 `c`, not 2"),
        ("a b c c d", "it has `d`"),
    ] {
        assert_eq!(case.check(clif), [broken]);
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for (wat, error) in [
        ("(module)", "the first line is no `;;!` with a sentence"),
        (";;! One.\n(module)", "it claims nothing of its CLIF"),
        (";;! One.\n;;! hass = a\n", "`hass` is unknown"),
        (";;! One.\n;;! lacks a\n", "`lacks a` is no `key = value`"),
        (
            ";;! One.\n;;! has = a\n;;!lacks = b\n(module)",
            "`;;!lacks = b` is not read: it is not among the first lines",
        ),
    ] {
        assert_eq!(Case::parse(wat).unwrap_err(), error);
    }
    let wat = ";;! One.\n;;! has = func\n;;! config = fule\n(module (func))";
    let error = Case::parse(wat).unwrap().compile().unwrap_err();
    assert_eq!(error, "the setting `fule` is unknown");
    let wat = ";;! One.\n;;! has = a\n;;! show = raise\n(module (func))";
    let error = Case::parse(wat).unwrap().compile().unwrap_err();
    assert_eq!(error, "no file `raise-*` was written");
}
