//! Modules whose functions do much and terminate.
//!
//! Functions lie in tiers and call only lower tiers. Loops count down a local that nothing else writes. Addresses,
//! indices and lengths are masked into bounds, divisors are made odd, unless a module is a *risky* one: those may trap
//! anywhere. Costs are estimated while code is made, so that loops around calls around loops stay affordable.
//!
//! ```text
//! functions   0..5 imports | leaves (one per type, then more) | middle | top
//! memory 0    1..4 pages, exported; the host pokes its first 4 KiB
//! table 0     8 functions, never written: 0..4 of one type, 4..8 of another
//! table 1     functions of the first type and nulls, at work
//! table 2     externrefs
//! ```

mod body;
mod expression;
mod operators;
mod reference;
mod statement;

use crate::case::{Case, Kind};
use crate::rng::Rng;
use body::{Body, Callee};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemorySection, MemoryType, Module, RefType, StartSection, TableSection, TableType,
    TypeSection, ValType,
};

use ValType::{F32, F64, I32, I64};

/// Units per call, far above what the estimates allow.
const FUEL: u64 = 3_000_000;

/// The types of functions, by index.
pub(super) const TYPES: [(&[ValType], &[ValType]); 8] = [
    (&[], &[]),
    (&[I32, I32], &[I32]),
    (&[I64, F64], &[I64, F64]),
    (&[I32], &[I32]),
    (&[ValType::EXTERNREF, I32], &[ValType::EXTERNREF]),
    (&[F32, I32], &[F32]),
    (&[I64], &[I64]),
    (&[I32, I64, F32, F64], &[F64]),
];

/// The type of the functions of table 0's first half and of table 1, and that of the second half.
pub(super) const FIRST: u32 = 3;
pub(super) const SECOND: u32 = 6;

/// The host's functions, as types.
const IMPORTS: [u32; 5] = [0, 1, 2, 4, 5];

/// The globals that functions write: an import, then one of each type.
pub(super) const GLOBALS: [ValType; 6] = [I64, I32, I64, F32, F64, ValType::EXTERNREF];
/// The one that no function writes.
pub(super) const CONSTANT: u32 = 6;

/// Bytes of the data segment that is never dropped.
pub(super) const DATA: u32 = 64;

/// The case of this seed.
pub(crate) fn structured(seed: u64) -> Case {
    let mut rng = Rng::new(seed ^ 0x57c7);
    let wasm = Maker::new(rng.clone()).module();
    Case {
        kind: Kind::Structured,
        name: format!("structured:{seed}"),
        seed,
        wasm,
        fuel: if rng.chance(1, 10) {
            u64::from(rng.below(4000))
        } else {
            FUEL
        },
        rounds: 2,
        fail_at: rng.chance(1, 16).then(|| u64::from(rng.below(40)) + 1),
        reenters: rng.chance(1, 2),
        expected: None,
        files: None,
    }
}

struct Maker {
    rng: Rng,
    risky: bool,
    callees: Vec<Callee>,
    types: Vec<u32>,
    code: CodeSection,
}

impl Maker {
    fn new(mut rng: Rng) -> Self {
        Maker {
            risky: rng.chance(1, 8),
            rng,
            callees: Vec::new(),
            types: Vec::new(),
            code: CodeSection::new(),
        }
    }

    fn module(mut self) -> Vec<u8> {
        for (index, &ty) in (0..).zip(&IMPORTS) {
            self.callees.push(Callee {
                index,
                ty,
                cost: 8,
                leaf: false,
            });
        }
        // Leaves: no calls, so that tables may name them and the host may call back.
        for ty in [0, FIRST, FIRST, FIRST, SECOND, SECOND, 5] {
            self.function(ty, 300, 0);
        }
        let leaves = self.callees.len();
        for _ in 0..2 + self.rng.below(2) {
            let ty = self.any_type();
            self.function(ty, 2_000, leaves);
        }
        let middle = self.callees.len();
        for _ in 0..1 + self.rng.below(2) {
            let ty = self.any_type();
            let cost = 4_000 + u64::from(self.rng.below(16_000));
            self.function(ty, cost, middle);
        }
        self.assemble()
    }

    fn any_type(&mut self) -> u32 {
        self.rng.below(8)
    }

    /// Adds a function that calls the first so many, and costs about so much.
    fn function(&mut self, ty: u32, cost: u64, calls: usize) {
        let seed = self.rng.number();
        let mut body = Body::new(Rng::new(seed), ty, cost, &self.callees[..calls], self.risky);
        body.all();
        let cost = body.cost();
        self.code.function(&body.finish());
        self.types.push(ty);
        let index = u32::try_from(self.callees.len()).unwrap_or(u32::MAX);
        self.callees.push(Callee {
            index,
            ty,
            cost,
            leaf: calls == 0,
        });
    }

    fn assemble(mut self) -> Vec<u8> {
        let mut types = TypeSection::new();
        for (params, results) in TYPES {
            types
                .ty()
                .function(params.iter().copied(), results.iter().copied());
        }
        let mut imports = ImportSection::new();
        for ty in IMPORTS {
            imports.import("host", "function", EntityType::Function(ty));
        }
        imports.import("host", "global", global_type(I64, true));
        let mut functions = FunctionSection::new();
        for ty in &self.types {
            functions.function(*ty);
        }
        let mut tables = TableSection::new();
        tables.table(table_type(RefType::FUNCREF, 8, Some(8)));
        tables.table(table_type(RefType::FUNCREF, 10, Some(24)));
        let most = self.rng.chance(1, 2).then_some(16);
        tables.table(table_type(RefType::EXTERNREF, 8, most));
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: self.rng.chance(1, 2).then_some(4),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let (first, second) = self.leaves();
        let mut elements = ElementSection::new();
        let both: Vec<u32> = first.iter().chain(&second).copied().collect();
        elements.active(Some(0), &ConstExpr::i32_const(0), functions_of(&both));
        elements.active(Some(1), &ConstExpr::i32_const(2), functions_of(&first));
        elements.passive(functions_of(&first));
        elements.passive(functions_of(&first));
        let mut data = DataSection::new();
        let bytes: Vec<u8> = (0..DATA)
            .flat_map(|_| self.rng.number().to_le_bytes())
            .collect();
        data.passive(bytes[..DATA as usize].iter().copied());
        data.passive(bytes[..16].iter().copied());
        data.active(0, &ConstExpr::i32_const(4096), bytes.iter().copied());
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&tables)
            .section(&memories)
            .section(&self.globals())
            .section(&self.exports());
        if self.rng.chance(1, 4) {
            // The first leaf takes nothing and returns nothing.
            module.section(&StartSection { function_index: 5 });
        }
        module
            .section(&elements)
            .section(&DataCountSection { count: 3 })
            .section(&self.code)
            .section(&data);
        module.finish()
    }

    /// Four leaves of either type that tables hold.
    fn leaves(&self) -> (Vec<u32>, Vec<u32>) {
        let of = |ty: u32| {
            let leaves = self.callees.iter().filter(move |c| c.leaf && c.ty == ty);
            leaves.map(|c| c.index).cycle().take(4).collect()
        };
        (of(FIRST), of(SECOND))
    }

    fn globals(&mut self) -> GlobalSection {
        let mut globals = GlobalSection::new();
        let word = self.rng.number().cast_signed();
        globals.global(global_type(I32, true), &ConstExpr::i32_const(7));
        globals.global(global_type(I64, true), &ConstExpr::i64_const(word));
        globals.global(global_type(F32, true), &ConstExpr::f32_const(1.5.into()));
        globals.global(
            global_type(F64, true),
            &ConstExpr::f64_const((-0.25).into()),
        );
        let null = ConstExpr::ref_null(wasm_encoder::HeapType::EXTERN);
        globals.global(global_type(ValType::EXTERNREF, true), &null);
        let sum = [
            Instruction::I32Const(self.rng.below(1000).cast_signed()),
            Instruction::I32Const(-3),
            Instruction::I32Mul,
            Instruction::I32Const(11),
            Instruction::I32Add,
        ];
        globals.global(global_type(I32, false), &ConstExpr::extended(sum));
        globals
    }

    fn exports(&self) -> ExportSection {
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("reenter", ExportKind::Func, 5);
        for callee in &self.callees[IMPORTS.len()..] {
            exports.export(
                &format!("f{}", callee.index),
                ExportKind::Func,
                callee.index,
            );
        }
        for table in 0..3 {
            exports.export(&format!("t{table}"), ExportKind::Table, table);
        }
        for global in 0..=CONSTANT {
            exports.export(&format!("g{global}"), ExportKind::Global, global);
        }
        exports
    }
}

fn functions_of(list: &[u32]) -> Elements<'_> {
    Elements::Functions(list.into())
}

fn global_type(val_type: ValType, mutable: bool) -> GlobalType {
    GlobalType {
        val_type,
        mutable,
        shared: false,
    }
}

fn table_type(element_type: RefType, minimum: u64, maximum: Option<u64>) -> TableType {
    TableType {
        element_type,
        minimum,
        maximum,
        table64: false,
        shared: false,
    }
}
