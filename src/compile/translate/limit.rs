//! What one function may cost to translate.
//!
//! The size limit of a function body does not bound its CLIF: two bytes can branch with a thousand values, and
//! Cranelift's table of a variable has an entry for each block. Both are counted here.

use cranelift_codegen::ir::DataFlowGraph;

/// Instructions or values of one function. Cranelift's register allocator refuses fewer.
const MAX_ENTITIES: usize = 1 << 24;
/// Values passed by calls and branches of one function.
const MAX_OPERANDS: u64 = 1 << 24;
/// Used variables times blocks of one function: a bound of the entries in Cranelift's tables.
const MAX_VARIABLE_ENTRIES: usize = 1 << 27;
/// Targets of one `br_table`, as other engines have it.
pub(super) const MAX_BR_TABLE_TARGETS: u32 = 65520;

/// What has been spent.
#[derive(Default)]
pub(super) struct Budget {
    operands: u64,
    used_locals: Vec<bool>,
    variables: usize,
}

impl Budget {
    /// Counts values that an operator passes on.
    pub(super) fn spend(&mut self, operands: usize) -> crate::Result<()> {
        self.operands += operands as u64;
        if self.operands > MAX_OPERANDS {
            return Err(too_large("values passed by calls and branches"));
        }
        Ok(())
    }

    /// Counts variables of labels.
    pub(super) fn declare(&mut self) {
        self.variables += 1;
    }

    /// Counts the locals that are used at all.
    pub(super) fn use_local(&mut self, index: u32, dfg: &DataFlowGraph) -> crate::Result<()> {
        let index = index as usize;
        if index >= self.used_locals.len() {
            self.used_locals.resize(index + 1, false);
        }
        if !self.used_locals[index] {
            self.used_locals[index] = true;
            self.variables += 1;
            self.check(dfg)?;
        }
        Ok(())
    }

    /// Refuses a function that has grown too large.
    pub(super) fn check(&self, dfg: &DataFlowGraph) -> crate::Result<()> {
        if dfg.num_insts() > MAX_ENTITIES
            || dfg.num_values() > MAX_ENTITIES
            || dfg.value_lists.capacity() > MAX_ENTITIES
        {
            return Err(too_large("instructions"));
        }
        if self.variables.saturating_mul(dfg.num_blocks()) > MAX_VARIABLE_ENTRIES {
            return Err(too_large("variables for its blocks"));
        }
        Ok(())
    }
}

/// The error for a function beyond a limit of this implementation.
#[cold]
pub(super) fn too_large(what: &str) -> crate::Error {
    crate::Error::msg(format!(
        "function exceeds a limit of this implementation: too many {what}"
    ))
}
