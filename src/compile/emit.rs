//! Writes CLIF to files, for people to read: as translated, before any optimisation.
//!
//! | file | what |
//! |---|---|
//! | `func-N.clif` | function `N` of the module, imports counted |
//! | `builtin-NAME.clif` | how the module's functions reach a builtin |
//! | `raise-NAME.clif` | how they raise a trap |
//! | `enter-TYPE.clif`, `exit-TYPE.clif` | how the host enters functions of a type, how they leave to the host's |
//!
//! Names depend on nothing but the module and the types, so that equal input overwrites what it has written.

use super::symbol::Symbol;
use super::translate::Marked;
use crate::abi::decode_trap;
use crate::error::{Context, Result};
use crate::wasm::{DefinedFuncIndex, ModuleInfo, WasmFuncType, WasmVal};
use cranelift_codegen::ir::{Function, TrapCode};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

/// The longest part of a file name that a type makes up; file systems allow 255 bytes for a whole name.
const MAX_TYPE_NAME: usize = 200;

/// Where CLIF is written to.
pub(super) struct ClifDir(PathBuf);

impl ClifDir {
    /// Makes the directory if there is none.
    pub(super) fn new(path: &Path) -> Result<ClifDir> {
        fs::create_dir_all(path).with_context(|| {
            format!("failed to make the directory `{}` for CLIF", path.display())
        })?;
        Ok(ClifDir(path.to_path_buf()))
    }

    /// Writes a function of a module.
    pub(super) fn of_function(
        &self,
        module: &ModuleInfo,
        defined: DefinedFuncIndex,
        func: &Function,
    ) -> Result<()> {
        let index = module.func_index(defined);
        let file = format!("func-{}", index.as_u32());
        match module.func_name(index) {
            Some(name) => self.write(&file, &format!("{file} {name:?}"), Some(module), func),
            None => self.write(&file, &file, Some(module), func),
        }
    }

    /// Writes a trampoline of a module.
    pub(super) fn of_module(&self, symbol: Symbol, func: &Function) -> Result<()> {
        let name = name(symbol);
        self.write(&name, &name, None, func)
    }

    /// Writes a trampoline of a function type.
    pub(super) fn of_type(&self, ty: &WasmFuncType, symbol: Symbol, func: &Function) -> Result<()> {
        let file = format!("{}-{}", name(symbol), type_name(ty));
        self.write(&file, &format!("{} {ty}", name(symbol)), None, func)
    }

    /// Writes the function below a title and what its numbers stand for.
    fn write(
        &self,
        file: &str,
        title: &str,
        module: Option<&ModuleInfo>,
        func: &Function,
    ) -> Result<()> {
        let mut text = format!("; {title}\n");
        for (_, external) in func.params.user_named_funcs() {
            let name = match (Symbol::from_external(external), module) {
                (Some(Symbol::Func(defined)), Some(module)) => {
                    format!("func-{}", module.func_index(defined).as_u32())
                }
                (Some(symbol), _) => name(symbol),
                (None, _) => continue,
            };
            let _ = writeln!(text, "; {external} is {name}");
        }
        for code in trap_codes(func).into_iter().map(TrapCode::from_raw) {
            let _ = match (Marked::from_clif(code), decode_trap(code.as_raw().get())) {
                (Some(Marked { trap, mark }), _) => writeln!(text, "; {code} is {trap:?}#{mark}"),
                (None, Some(trap)) => writeln!(text, "; {code} is {trap:?}"),
                // Those of Cranelift have names.
                (None, None) => continue,
            };
        }
        let _ = write!(text, "{}", func.display());
        let path = self.0.join(format!("{file}.clif"));
        fs::write(&path, text)
            .with_context(|| format!("failed to write CLIF to `{}`", path.display()))
    }
}

/// The codes of all instructions that may trap, each once.
fn trap_codes(func: &Function) -> BTreeSet<NonZeroU8> {
    func.layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block))
        .filter_map(|inst| {
            let data = &func.dfg.insts[inst];
            data.trap_code()
                .or_else(|| data.memflags_trap_code(&func.dfg))
                .map(|code| code.as_raw())
        })
        .collect()
}

/// A symbol as files and comments name it.
fn name(symbol: Symbol) -> String {
    match symbol {
        Symbol::Func(func) => format!("defined-{}", func.as_u32()),
        Symbol::Builtin(builtin) => format!("builtin-{builtin:?}"),
        Symbol::Raise(code) => match decode_trap(code) {
            Some(trap) => format!("raise-{trap:?}"),
            None => format!("raise-{code}"),
        },
        Symbol::HostWord => "host-word".to_owned(),
        Symbol::Enter => "enter".to_owned(),
        Symbol::Exit => "exit".to_owned(),
    }
}

/// A function type as part of a file name; long ones end in a checksum.
fn type_name(ty: &WasmFuncType) -> String {
    let list = |types: &[WasmVal]| {
        let types: Vec<_> = types.iter().map(ToString::to_string).collect();
        let list = types.join("_");
        // References to a heap type have spaces and brackets in their names.
        list.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "~")
    };
    let mut name = format!("{}-to-{}", list(&ty.params), list(&ty.results));
    if name.len() > MAX_TYPE_NAME {
        let sum = crc32fast::hash(name.as_bytes());
        name.truncate(MAX_TYPE_NAME);
        let _ = write!(name, "-{sum:08x}");
    }
    name
}

#[cfg(test)]
mod tests {
    //! Names are usable, and tell types apart.

    use super::type_name;
    use crate::wasm::{WasmFuncType, WasmRef, WasmVal};

    fn ty(params: &[WasmVal], results: &[WasmVal]) -> WasmFuncType {
        WasmFuncType {
            params: params.into(),
            results: results.into(),
        }
    }

    #[test]
    fn types_have_file_names() {
        assert_eq!(type_name(&ty(&[], &[])), "-to-");
        let two = ty(
            &[WasmVal::I32, WasmVal::Ref(WasmRef::FUNC)],
            &[WasmVal::F64],
        );
        assert_eq!(type_name(&two), "i32_funcref-to-f64");
        let strict = WasmVal::Ref(WasmRef {
            nullable: false,
            ..WasmRef::FUNC
        });
        let name = type_name(&ty(&[strict], &[]));
        assert_ne!(name, type_name(&ty(&[WasmVal::Ref(WasmRef::FUNC)], &[])));
        assert!(
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_~-".contains(c))
        );
        let (long, longer) = (
            ty(&[WasmVal::I32; 999], &[]),
            ty(&[WasmVal::I32; 1000], &[]),
        );
        assert_ne!(type_name(&long), type_name(&longer));
        assert!(type_name(&longer).len() < 240);
    }
}
