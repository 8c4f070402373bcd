//! Fuel per operator.

use crate::code::CostTable;
use crate::error::{Result, ensure};

macro_rules! costs {
    ($($(#[doc = $doc:literal])* $name:ident = $default:literal;)*) => {
        /// Fuel for work whose amount is only known when an operator runs, beside the operator's own cost.
        #[derive(Clone, Hash, Debug, PartialEq, Eq)]
        pub struct VariableOperatorCost {
            $($(#[doc = $doc])* pub $name: u8,)*
        }

        impl VariableOperatorCost {
            /// The default costs.
            pub const fn new() -> Self {
                VariableOperatorCost { $($name: $default,)* }
            }
        }
    };
}

costs! {
    /// Per byte of `memory.copy`.
    memory_copy_per_byte = 1;
    /// Per byte of `memory.fill`.
    memory_fill_per_byte = 1;
    /// Per byte of `memory.init`.
    memory_init_per_byte = 1;
    /// Per page of `memory.grow`.
    memory_grow_per_page = 0;
    /// Per element of `table.copy`.
    table_copy_per_element = 1;
    /// Per element of `table.fill`.
    table_fill_per_element = 1;
    /// Per element of `table.init`.
    table_init_per_element = 1;
    /// Per element of `table.grow`.
    table_grow_per_element = 1;
    /// Per element of `array.copy`.
    array_copy_per_element = 1;
    /// Per element of `array.fill`.
    array_fill_per_element = 1;
    /// Per element of `array.new_data`.
    array_new_data_per_element = 1;
    /// Per element of `array.init_data`.
    array_init_data_per_element = 1;
    /// Per element of `array.new_elem`.
    array_new_elem_per_element = 1;
    /// Per element of `array.init_elem`.
    array_init_elem_per_element = 1;
    /// Per element of `array.new_default`.
    array_new_default_per_element = 1;
    /// Per element of `array.new`.
    array_new_per_element = 1;
}

impl Default for VariableOperatorCost {
    fn default() -> Self {
        VariableOperatorCost::new()
    }
}

/// Whether an operator generates no code of its own, and is free by default.
const fn is_structural(name: &str) -> bool {
    const STRUCTURAL: [&str; 8] = [
        "Nop",
        "Drop",
        "Block",
        "Loop",
        "Unreachable",
        "Return",
        "Else",
        "End",
    ];
    let mut i = 0;
    while i < STRUCTURAL.len() {
        if same(STRUCTURAL[i].as_bytes(), name.as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

macro_rules! define_operator_cost {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*)
    )*) => {
        /// Fuel that each operator consumes when it runs; what [`Config::operator_cost`] takes.
        ///
        /// [`Config::operator_cost`]: crate::Config::operator_cost
        #[derive(Clone, Hash, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "a field is named as its operator is in wasmparser")]
        pub struct OperatorCost {
            $(pub $op: u8,)*
            /// Fuel for work whose amount is only known when an operator runs.
            pub variable: VariableOperatorCost,
        }

        impl OperatorCost {
            /// The default costs: nothing for `nop`, `drop`, `block`, `loop`, `unreachable`, `return`, `else` and
            /// `end`, one unit for everything else.
            pub const fn new() -> Self {
                OperatorCost {
                    $($op: !is_structural(stringify!($op)) as u8,)*
                    variable: VariableOperatorCost::new(),
                }
            }

            /// Every operator's name and cost.
            fn table(&self) -> impl Iterator<Item = (&'static str, u8)> {
                [$((stringify!($op), self.$op)),*].into_iter()
            }
        }
    };
}

wasmparser::for_each_operator!(define_operator_cost);

impl Default for OperatorCost {
    fn default() -> Self {
        OperatorCost::new()
    }
}

impl OperatorCost {
    /// The costs in the form that the compiler implements.
    ///
    /// # Errors
    ///
    /// The costs differ more than that form can say.
    pub(super) fn to_table(&self) -> Result<CostTable> {
        let VariableOperatorCost {
            memory_copy_per_byte: per_byte,
            table_copy_per_element: per_element,
            ..
        } = self.variable;
        let structural = self.Nop;
        let other = self.I32Add;
        for (name, cost) in self.table() {
            let expected = if is_structural(name) {
                structural
            } else {
                other
            };
            ensure!(
                cost == expected,
                "per-operator costs are not implemented yet: {name} costs {cost}, others like it {expected}"
            );
        }
        // Operators of the garbage collection proposal are not implemented, so nothing depends on their costs.
        let v = &self.variable;
        ensure!(
            v.memory_fill_per_byte == per_byte
                && v.memory_init_per_byte == per_byte
                && v.memory_grow_per_page == 0
                && v.table_fill_per_element == per_element
                && v.table_init_per_element == per_element
                && v.table_grow_per_element == per_element,
            "per-operator costs are not implemented yet: bulk operations must cost the same per byte and per element, \
             and growing a memory nothing per page"
        );
        Ok(CostTable {
            structural,
            other,
            per_byte,
            per_element,
        })
    }
}
