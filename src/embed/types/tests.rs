//! Subtyping, conversions, and types that can be described but not run.

use super::{
    ArrayType, ExnType, ExternType, FieldType, Finality, FuncType, GlobalType, HeapType,
    MemoryType, Mutability, RefType, StorageType, StructType, TableType, TagType, ValType,
};
use crate::engine::Engine;
use crate::wasm::{EntityType, WasmFuncType, WasmHeap, WasmRef, WasmVal};

/// Every abstract heap type, with its supertypes besides itself.
const ABSTRACT: [(HeapType, &[&str]); 14] = [
    (HeapType::Extern, &[]),
    (HeapType::NoExtern, &["extern"]),
    (HeapType::Func, &[]),
    (HeapType::NoFunc, &["func"]),
    (HeapType::Any, &[]),
    (HeapType::Eq, &["any"]),
    (HeapType::I31, &["eq", "any"]),
    (HeapType::Array, &["eq", "any"]),
    (HeapType::Struct, &["eq", "any"]),
    (HeapType::None, &["i31", "array", "struct", "eq", "any"]),
    (HeapType::Exn, &[]),
    (HeapType::NoExn, &["exn"]),
    (HeapType::Cont, &[]),
    (HeapType::NoCont, &["cont"]),
];

fn immutable(ty: ValType) -> FieldType {
    FieldType::new(Mutability::Const, ty.into())
}

#[test]
fn abstract_heap_types_match_exactly_their_supertypes() {
    for (a, above) in &ABSTRACT {
        for (b, _) in &ABSTRACT {
            let name = b.to_string();
            let expected = a.to_string() == name || above.contains(&name.as_str());
            assert_eq!(a.matches(b), expected, "{a} <= {b}");
        }
        assert!(a.matches(&a.top()) && a.bottom().matches(a), "{a}");
        assert!(a.top().is_top() && a.bottom().is_bottom(), "{a}");
    }
}

#[test]
fn concrete_heap_types_lie_between_top_and_bottom() {
    let engine = Engine::default();
    let concrete: [(HeapType, HeapType); 4] = [
        (
            FuncType::new(&engine, [ValType::I32], []).into(),
            HeapType::Func,
        ),
        (
            ArrayType::new(&engine, immutable(ValType::I32)).into(),
            HeapType::Array,
        ),
        (
            StructType::new(&engine, [immutable(ValType::I32)])
                .unwrap()
                .into(),
            HeapType::Struct,
        ),
        (
            ExnType::new(&engine, [ValType::I32]).unwrap().into(),
            HeapType::Exn,
        ),
    ];
    for (ty, above) in &concrete {
        assert!(ty.is_concrete() && ty.matches(ty) && ty.matches(above) && ty.matches(&ty.top()));
        assert!(ty.bottom().matches(ty) && !above.matches(ty));
        assert_eq!(ty.matches(&HeapType::Eq), ty.top().is_any(), "{ty} <= eq");
        let others = concrete
            .iter()
            .filter(|(other, _)| other.to_string() != ty.to_string());
        for (other, _) in others {
            assert!(!ty.matches(other), "{ty} <= {other}");
        }
    }
}

#[test]
fn nullability_only_widens() {
    let nullable = RefType::FUNCREF;
    let never_null = RefType::new(false, HeapType::Func);
    assert!(never_null.matches(&nullable) && !nullable.matches(&never_null));
    assert!(!RefType::eq(&nullable, &never_null));
    assert_eq!(never_null.to_string(), "(ref func)");
}

#[test]
fn types_of_different_engines_are_never_the_same() {
    let (a, b) = (Engine::default(), Engine::default());
    let (x, y) = (FuncType::new(&a, [], []), FuncType::new(&b, [], []));
    assert!(!x.matches(&y) && !FuncType::eq(&x, &y));
    let of_b = ValType::from(RefType::new(true, y.into()));
    assert!(!of_b.comes_from_same_engine(&a));
    let refused =
        FuncType::with_finality_and_supertype(&a, Finality::Final, None, [of_b.clone()], []);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "type used with wrong engine"
    );
}

#[test]
fn functions_take_more_and_return_less() {
    let engine = Engine::default();
    let never_null = ValType::from(RefType::new(false, HeapType::Extern));
    let wide = FuncType::new(&engine, [ValType::EXTERNREF], [never_null.clone()]);
    let narrow = FuncType::new(&engine, [never_null], [ValType::EXTERNREF]);
    assert!(wide.matches(&narrow) && !narrow.matches(&wide));
    // As reference targets they are unrelated, for neither declares the other.
    assert!(!HeapType::from(wide).matches(&narrow.into()));
}

#[test]
fn declared_supertypes_are_checked_and_followed() {
    let engine = Engine::default();
    let define = |finality, supertype: Option<&FuncType>, results: &[ValType]| {
        FuncType::with_finality_and_supertype(
            &engine,
            finality,
            supertype,
            [],
            results.iter().cloned(),
        )
    };
    let open = define(Finality::NonFinal, None, &[ValType::FUNCREF]).unwrap();
    let below = define(Finality::Final, Some(&open), &[ValType::NULLFUNCREF]).unwrap();
    assert!(HeapType::from(below.clone()).matches(&open.clone().into()));
    assert!(!HeapType::from(open.clone()).matches(&below.clone().into()));
    assert!(define(Finality::Final, Some(&open), &[ValType::I32]).is_err());
    assert!(define(Finality::Final, Some(&below), &[ValType::NULLFUNCREF]).is_err());
    assert!(FuncType::eq(&below.supertype().unwrap(), &open));
    for ty in [open, below] {
        assert!(
            ty.register()
                .unwrap_err()
                .to_string()
                .contains("not implemented")
        );
    }
}

#[test]
fn function_types_are_interned_or_say_why_not() {
    let engine = Engine::default();
    let ty = FuncType::new(&engine, [ValType::I32, ValType::FUNCREF], [ValType::F64]);
    let same = FuncType::new(&engine, [ValType::I32, ValType::FUNCREF], [ValType::F64]);
    assert_eq!(ty.register().unwrap(), same.register().unwrap());
    let expected = WasmFuncType {
        params: [WasmVal::I32, WasmVal::Ref(WasmRef::FUNC)].into(),
        results: [WasmVal::F64].into(),
    };
    assert_eq!(ty.to_wasm().unwrap(), expected);
    assert!(FuncType::eq(&ty, &FuncType::from_wasm(&engine, &expected)));
    assert_eq!(
        ty.to_string(),
        "(type (func (param i32 (ref null func)) (result f64)))"
    );

    let strange = FuncType::new(&engine, [ValType::ANYREF], []);
    assert_eq!(strange.params().len(), 1);
    assert!(FuncType::eq(&strange, &strange.clone()));
    let error = strange.register().unwrap_err().to_string();
    assert_eq!(
        error,
        "references to the heap type `any` are not implemented yet"
    );
}

#[test]
fn conversions_round_trip() {
    for heap in [
        WasmHeap::Func,
        WasmHeap::NoFunc,
        WasmHeap::Extern,
        WasmHeap::NoExtern,
    ] {
        for nullable in [true, false] {
            let ty = WasmVal::Ref(WasmRef { nullable, heap });
            assert_eq!(ValType::from_wasm(ty).to_wasm().unwrap(), ty);
        }
    }
    for ty in [
        WasmVal::I32,
        WasmVal::I64,
        WasmVal::F32,
        WasmVal::F64,
        WasmVal::V128,
    ] {
        let public = ValType::from_wasm(ty);
        assert_eq!(public.to_wasm().unwrap(), ty);
        assert_eq!(public.to_string(), ty.to_string());
    }
    let global = GlobalType::new(ValType::I64, Mutability::Var);
    let global_desc = global.to_desc().unwrap();
    assert!(global_desc.mutable && global_desc.content == WasmVal::I64);
    let table = TableType::new(RefType::EXTERNREF, 1, Some(2))
        .to_desc()
        .unwrap();
    let memory = MemoryType::new(1, Some(2));
    let engine = Engine::default();
    let public = [
        EntityType::Global(global_desc),
        EntityType::Table(table),
        EntityType::Memory(*memory.desc()),
    ]
    .map(|ty| ExternType::from_wasm(&engine, &ty));
    assert!(public[0].unwrap_global().mutability().is_var());
    assert_eq!(public[1].unwrap_table().to_desc().unwrap(), table);
    assert_eq!(public[2].unwrap_memory(), &memory);
    assert!(public[2].func().is_none());
}

#[test]
fn struct_and_array_types_are_structural() {
    let engine = Engine::default();
    let mutable = FieldType::new(Mutability::Var, StorageType::I8);
    let open = StructType::with_finality_and_supertype(
        &engine,
        Finality::NonFinal,
        None,
        [mutable.clone()],
    )
    .unwrap();
    let longer = StructType::with_finality_and_supertype(
        &engine,
        Finality::Final,
        Some(&open),
        [mutable.clone(), immutable(ValType::I64)],
    )
    .unwrap();
    assert!(longer.matches(&open) && !open.matches(&longer));
    assert!(HeapType::from(longer.clone()).matches(&open.clone().into()));
    assert!(StructType::eq(&longer.supertype().unwrap(), &open));
    let again = StructType::with_finality_and_supertype(
        &engine,
        Finality::NonFinal,
        None,
        [mutable.clone()],
    );
    assert!(StructType::eq(&open, &again.unwrap()));
    let unrelated = StructType::with_finality_and_supertype(
        &engine,
        Finality::Final,
        Some(&open),
        [immutable(ValType::I64)],
    );
    assert!(unrelated.is_err());
    assert_eq!(longer.to_string(), "(struct (field (mut i8)) (field i64))");
    assert!(longer.fields().all(|f| f.element_type().unpack().is_num()));

    let array = ArrayType::new(&engine, mutable);
    assert_eq!(array.to_string(), "(array (field (mut i8)))");
    assert!(array.mutability().is_var() && array.element_type().is_i8());
}

#[test]
fn tags_throw_what_their_parameters_say() {
    let engine = Engine::default();
    let tag = TagType::new(FuncType::new(&engine, [ValType::I32], []));
    let exn = ExnType::from_tag_type(&tag).unwrap();
    assert_eq!(exn.fields().len(), 1);
    assert!(
        exn.field(0)
            .unwrap()
            .element_type()
            .unwrap_val_type()
            .is_i32()
    );
    assert!(FuncType::eq(exn.tag_type().ty(), tag.ty()));
    let returns = TagType::new(FuncType::new(&engine, [], [ValType::I32]));
    assert!(ExnType::from_tag_type(&returns).is_err());
}

#[test]
fn memory_limits_are_what_indices_can_address() {
    let build = |min, max, wide| {
        MemoryType::builder()
            .min(min)
            .max(max)
            .memory64(wide)
            .build()
    };
    assert!(build(65536, Some(65536), false).is_ok());
    assert!(build(65537, None, false).is_err());
    assert!(build(0, Some(65537), false).is_err());
    assert!(build(0, Some(u64::MAX), false).is_err());
    assert!(build(0, Some(u64::MAX), true).is_ok());
    assert!(build(1 << 48, None, true).is_err());
    assert!(build((1 << 48) - 1, None, true).is_ok());
    assert!(MemoryType::builder().shared(true).build().is_err());
    let bytes = MemoryType::builder().page_size_log2(0).build().unwrap();
    assert_eq!(bytes.page_size(), 1);
}
