//! One type names everything that is compiled.

use crate::abi::builtins::Builtin;
use crate::entity::EntityRef;
use crate::wasm::DefinedFuncIndex;
use cranelift_codegen::ir::{UserExternalName, UserFuncName};

/// The name of a compiled thing, as relocations carry it.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Symbol {
    /// A function of the module.
    Func(DefinedFuncIndex),
    /// The trampoline to a builtin.
    Builtin(Builtin),
    /// The trampoline that raises the trap of this code.
    Raise(u8),
    /// The host's word.
    HostWord,
    /// The trampoline by which the host enters functions of one type.
    Enter,
    /// The trampoline by which wasm code leaves to host functions of one type.
    Exit,
}

const NS_FUNC: u32 = 0;
const NS_BUILTIN: u32 = 1;
const NS_ENTER: u32 = 2;
const NS_EXIT: u32 = 3;
const NS_RAISE: u32 = 4;
const NS_HOST_WORD: u32 = 5;

impl Symbol {
    /// As an external name in CLIF.
    pub(crate) fn to_external(self) -> UserExternalName {
        let (namespace, index) = match self {
            Symbol::Func(f) => (NS_FUNC, f.as_u32()),
            Symbol::Builtin(b) => (NS_BUILTIN, b as u32),
            Symbol::Raise(code) => (NS_RAISE, u32::from(code)),
            Symbol::HostWord => (NS_HOST_WORD, 0),
            Symbol::Enter => (NS_ENTER, 0),
            Symbol::Exit => (NS_EXIT, 0),
        };
        UserExternalName { namespace, index }
    }

    /// As a function's own name in CLIF.
    pub(crate) fn to_func_name(self) -> UserFuncName {
        UserFuncName::User(self.to_external())
    }

    /// The inverse of [`Symbol::to_external`].
    pub(crate) fn from_external(name: &UserExternalName) -> Option<Symbol> {
        match name.namespace {
            NS_FUNC => Some(Symbol::Func(DefinedFuncIndex::new(name.index as usize))),
            NS_BUILTIN => Some(Symbol::Builtin(*Builtin::ALL.get(name.index as usize)?)),
            NS_RAISE => Some(Symbol::Raise(u8::try_from(name.index).ok()?)),
            NS_HOST_WORD => Some(Symbol::HostWord),
            NS_ENTER => Some(Symbol::Enter),
            NS_EXIT => Some(Symbol::Exit),
            _ => None,
        }
    }
}
