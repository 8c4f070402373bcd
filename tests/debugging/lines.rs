//! Files and lines in backtraces.

use super::{GUEST, engine, example, trapped};
use tussah::{Engine, Module, WasmBacktrace, WasmBacktraceDetails};

const WHERE: [(&str, &str, u32); 4] = [
    ("price_per_piece", "guests/./invoice.h", 8),
    ("cheapest", "guests/invoice.c", 12),
    ("cheapest_of", "guests/invoice.c", 19),
    ("discount", "guests/invoice.c", 25),
];

fn detailed(details: WasmBacktraceDetails) -> Engine {
    engine(|c| _ = c.wasm_backtrace_details(details))
}

fn check(engine: &Engine, module: &Module) {
    let (_store, error) = trapped(engine, module).unwrap();
    let trace: &WasmBacktrace = error.downcast_ref().unwrap();
    let frames = trace.frames();
    // Two functions are one frame: the inner one was inlined.
    let symbols: Vec<usize> = frames.iter().map(|f| f.symbols().len()).collect();
    assert_eq!(symbols, [2, 1, 1]);
    let all = frames.iter().flat_map(|frame| frame.symbols());
    let found: Vec<_> = all
        .map(|s| (s.name().unwrap(), s.file().unwrap(), s.line().unwrap()))
        .collect();
    assert_eq!(found, WHERE);
    assert!(frames[0].symbols()[0].column().is_some());
    for frame in frames {
        let (whole, inside) = (frame.module_offset().unwrap(), frame.func_offset().unwrap());
        assert!(inside < whole && whole < GUEST.len());
    }
}

#[test]
fn symbols_are_found_also_after_a_detour_through_bytes() {
    let engine = detailed(WasmBacktraceDetails::Enable);
    let module = Module::new(&engine, GUEST).unwrap();
    check(&engine, &module);
    let bytes = module.serialize().unwrap();
    // SAFETY: these bytes are what `serialize` made.
    #[expect(unsafe_code, reason = "loads what was just made")]
    let module = unsafe { Module::deserialize(&engine, bytes) }.unwrap();
    check(&engine, &module);
}

#[test]
fn the_example_reads_as_its_documentation_says() {
    let text = example::report().unwrap();
    let expected = "\
wasm trap: integer divide by zero
  price_per_piece at guests/./invoice.h:8
  cheapest at guests/invoice.c:12
  cheapest_of at guests/invoice.c:19
  discount at guests/invoice.c:25

error while executing at wasm backtrace:
    0:     0xa6 - price_per_piece
                    at guests/./invoice.h:8:24
                - cheapest
                    at guests/invoice.c:12:17
    1:     0x7d - cheapest_of
                    at guests/invoice.c:19:27
    2:     0x50 - discount
                    at guests/invoice.c:25:12
";
    assert_eq!(text, expected);
}

#[test]
fn what_nobody_asked_for_is_neither_kept_nor_read() {
    let engine = detailed(WasmBacktraceDetails::Disable);
    let module = Module::new(&engine, GUEST).unwrap();
    let (_store, error) = trapped(&engine, &module).unwrap();
    let trace: &WasmBacktrace = error.downcast_ref().unwrap();
    assert!(trace.frames().iter().all(|f| f.symbols().is_empty()));
    assert_eq!(trace.frames()[0].func_name(), Some("cheapest"));
    assert!(!trace.to_string().contains("TUSSAH_BACKTRACE_DETAILS"));
    let has_lines = |artifact: &[u8]| artifact.windows(11).any(|part| part == b".debug_line");
    assert!(!has_lines(&module.serialize().unwrap()));

    let asking = detailed(WasmBacktraceDetails::Enable);
    let whole = Module::new(&asking, GUEST).unwrap().serialize().unwrap();
    assert!(has_lines(&whole));
    // What an artifact has besides is no reason to refuse it, and is not read where that is turned off.
    // SAFETY: these bytes are what `serialize` made.
    #[expect(unsafe_code, reason = "loads what was just made")]
    let module = unsafe { Module::deserialize(&engine, whole) }.unwrap();
    let (_store, error) = trapped(&engine, &module).unwrap();
    let trace: &WasmBacktrace = error.downcast_ref().unwrap();
    assert!(trace.frames().iter().all(|f| f.symbols().is_empty()));
}

#[test]
fn where_the_environment_decides_the_trace_says_so() {
    if std::env::var_os("TUSSAH_BACKTRACE_DETAILS").is_some() {
        panic!("this test is for an environment without TUSSAH_BACKTRACE_DETAILS");
    }
    let engine = detailed(WasmBacktraceDetails::Environment);
    let text = |wasm: &[u8]| {
        let module = Module::new(&engine, wasm).unwrap();
        let (_store, error) = trapped(&engine, &module).unwrap();
        error.downcast_ref::<WasmBacktrace>().unwrap().to_string()
    };
    assert!(text(GUEST).contains("TUSSAH_BACKTRACE_DETAILS=1"));
    let bare = wat::parse_str(
        r#"(module (func (export "discount") (param i32) (result i32) unreachable))"#,
    );
    assert!(!text(&bare.unwrap()).contains("note:"));
}

#[test]
fn without_an_address_map_there_are_names_only() {
    let engine = engine(|c| {
        c.wasm_backtrace_details(WasmBacktraceDetails::Enable)
            .generate_address_map(false);
    });
    let module = Module::new(&engine, GUEST).unwrap();
    assert!(module.address_map().is_none());
    let (_store, error) = trapped(&engine, &module).unwrap();
    let trace: &WasmBacktrace = error.downcast_ref().unwrap();
    for frame in trace.frames() {
        assert_eq!((frame.module_offset(), frame.func_offset()), (None, None));
        assert!(frame.symbols().is_empty() && frame.func_name().is_some());
    }
}

#[test]
fn address_maps_ascend_and_stay_inside() {
    let engine = Engine::default();
    let module = Module::new(&engine, GUEST).unwrap();
    let map: Vec<_> = module.address_map().unwrap().collect();
    assert!(map.is_sorted_by(|a, b| a.0 < b.0 && a.1 != b.1));
    assert!(map.iter().any(|entry| entry.1.is_none()));
    for (offset, operator) in map {
        assert!(offset <= module.text().len());
        assert!(operator.is_none_or(|operator| (operator as usize) < GUEST.len()));
    }
    let needs = module.resources_required();
    assert_eq!((needs.num_memories, needs.num_tables), (1, 1));
    assert_eq!(needs.max_initial_table_size, Some(1));
}
