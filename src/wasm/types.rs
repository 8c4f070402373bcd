//! Value, function, table, memory and global types as the specification words them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value type.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum WasmVal {
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref(WasmRef),
}

/// A reference type.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct WasmRef {
    pub(crate) nullable: bool,
    pub(crate) heap: WasmHeap,
}

/// The heap types that are implemented. Others are refused at validation.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum WasmHeap {
    /// Any function.
    Func,
    /// Any host value.
    Extern,
    /// The uninhabited subtype of `Func`.
    NoFunc,
    /// The uninhabited subtype of `Extern`.
    NoExtern,
}

impl WasmRef {
    pub(crate) const FUNC: WasmRef = WasmRef {
        nullable: true,
        heap: WasmHeap::Func,
    };

    /// Whether values of this type are pointers to function references (as opposed to handles of host values).
    pub(crate) fn is_func(self) -> bool {
        matches!(self.heap, WasmHeap::Func | WasmHeap::NoFunc)
    }

    /// `externref`.
    #[cfg(test)]
    pub(crate) const EXTERN: WasmRef = WasmRef {
        nullable: true,
        heap: WasmHeap::Extern,
    };

    /// Subtyping: `self <= other`.
    pub(crate) fn matches(self, other: WasmRef) -> bool {
        (other.nullable || !self.nullable)
            && match (self.heap, other.heap) {
                (a, b) if a == b => true,
                (WasmHeap::NoFunc, WasmHeap::Func) | (WasmHeap::NoExtern, WasmHeap::Extern) => true,
                _ => false,
            }
    }
}

impl WasmVal {
    /// Subtyping: `self <= other`.
    pub(crate) fn matches(self, other: WasmVal) -> bool {
        match (self, other) {
            (WasmVal::Ref(a), WasmVal::Ref(b)) => a.matches(b),
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for WasmRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, WasmHeap::Func) => f.write_str("funcref"),
            (true, WasmHeap::Extern) => f.write_str("externref"),
            (true, WasmHeap::NoFunc) => f.write_str("nullfuncref"),
            (true, WasmHeap::NoExtern) => f.write_str("nullexternref"),
            (false, WasmHeap::Func) => f.write_str("(ref func)"),
            (false, WasmHeap::Extern) => f.write_str("(ref extern)"),
            (false, WasmHeap::NoFunc) => f.write_str("(ref nofunc)"),
            (false, WasmHeap::NoExtern) => f.write_str("(ref noextern)"),
        }
    }
}

impl fmt::Display for WasmVal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WasmVal::I32 => f.write_str("i32"),
            WasmVal::I64 => f.write_str("i64"),
            WasmVal::F32 => f.write_str("f32"),
            WasmVal::F64 => f.write_str("f64"),
            WasmVal::V128 => f.write_str("v128"),
            WasmVal::Ref(r) => r.fmt(f),
        }
    }
}

/// A function type. Equality is structural: this is what engines intern.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct WasmFuncType {
    pub(crate) params: Box<[WasmVal]>,
    pub(crate) results: Box<[WasmVal]>,
}

impl fmt::Display for WasmFuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        if !self.params.is_empty() {
            f.write_str(" (param")?;
            for p in &self.params {
                write!(f, " {p}")?;
            }
            f.write_str(")")?;
        }
        if !self.results.is_empty() {
            f.write_str(" (result")?;
            for r in &self.results {
                write!(f, " {r}")?;
            }
            f.write_str(")")?;
        }
        f.write_str(")")
    }
}

/// A linear memory type. Limits are in pages.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct MemoryDesc {
    pub(crate) min: u64,
    pub(crate) max: Option<u64>,
    pub(crate) memory64: bool,
    pub(crate) shared: bool,
    pub(crate) page_size_log2: u8,
}

impl MemoryDesc {
    /// Bytes per page.
    pub(crate) fn page_size(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// The smallest size in bytes, or `None` where it does not fit 64 bits.
    pub(crate) fn min_bytes(&self) -> Option<u64> {
        self.min.checked_mul(self.page_size())
    }

    /// The largest size in bytes that the type and its index type admit; saturates at `u64::MAX`.
    pub(crate) fn max_bytes(&self) -> u64 {
        // Sizes in pages must be numbers of the index type, so that a memory of bytes is never quite full.
        let by_index = match (self.memory64, self.page_size_log2) {
            (true, _) => u64::MAX,
            (false, 0) => u64::from(u32::MAX),
            (false, _) => 1 << 32,
        };
        self.max
            .map_or(u64::MAX, |max| max.saturating_mul(self.page_size()))
            .min(by_index)
    }
}

/// A table type. Limits are in elements.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct TableDesc {
    pub(crate) element: WasmRef,
    pub(crate) min: u64,
    pub(crate) max: Option<u64>,
    pub(crate) table64: bool,
}

/// A global type.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct GlobalDesc {
    pub(crate) content: WasmVal,
    pub(crate) mutable: bool,
}
