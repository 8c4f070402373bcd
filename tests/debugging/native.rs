//! What the system's own tools see of guests.

use super::{GUEST, engine};
use std::backtrace::Backtrace;
use std::fs;
use tussah::{Engine, Linker, Module, ProfilingStrategy, Store};

/// A guest that calls the host some frames deep, in a way that needs all kinds of trampolines.
const GUEST_TEXT: &str = r#"(module $deep
    (import "host" "look" (func $look (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (call $middle (local.get 0)))
    (func $middle (param i32) (result i32)
        (i32.add (call $inner (local.get 0) (f64.const 1) (i64.const 2)) (i32.const 1)))
    (func $inner (param i32 f64 i64) (result i32)
        (if (result i32) (local.get 0)
            (then (call $middle (i32.sub (local.get 0) (i32.const 1))))
            (else (call $look (i32.const 5))))))"#;

#[inline(never)]
fn a_function_below_the_guest(engine: &Engine) -> String {
    let module = Module::new(engine, GUEST_TEXT).unwrap();
    let mut linker = Linker::<String>::new(engine);
    linker
        .func_wrap(
            "host",
            "look",
            |mut caller: tussah::Caller<'_, String>, n: i32| {
                *caller.data_mut() = Backtrace::force_capture().to_string();
                n
            },
        )
        .unwrap();
    let mut store = Store::new(engine, String::new());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 3).unwrap(), 9);
    store.into_data()
}

/// Whether a trace names the function itself, and not just its closure that is the host function.
fn reaches_the_bottom(trace: &str) -> bool {
    let mut lines = trace.lines();
    lines.any(|line| line.ends_with("a_function_below_the_guest"))
}

#[test]
fn the_systems_unwinder_walks_through_guests() {
    let described = a_function_below_the_guest(&Engine::default());
    assert!(reaches_the_bottom(&described), "{described}");
    let undescribed = a_function_below_the_guest(&engine(|c| _ = c.native_unwind_info(false)));
    assert!(
        !reaches_the_bottom(&undescribed),
        "something else describes the frames: {undescribed}"
    );
}

#[test]
fn unwinding_survives_a_detour_through_bytes_and_modules_that_are_gone() {
    let engine = Engine::default();
    for _ in 0..3 {
        let module = Module::new(&engine, GUEST_TEXT).unwrap();
        let bytes = module.serialize().unwrap();
        drop(module);
        // SAFETY: these bytes are what `serialize` made.
        #[expect(unsafe_code, reason = "loads what was just made")]
        let module = unsafe { Module::deserialize(&engine, &bytes) }.unwrap();
        assert_eq!(module.serialize().unwrap(), bytes);
        drop(module);
        // A panic asks for every section that is registered.
        std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(1))).unwrap_err();
        assert!(reaches_the_bottom(&a_function_below_the_guest(&engine)));
    }
}

#[test]
fn perf_maps_name_every_function() {
    let engine = engine(|c| _ = c.profiler(ProfilingStrategy::PerfMap));
    let module = Module::new(&engine, GUEST_TEXT).unwrap();
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let map = fs::read_to_string(&path).unwrap();
    let base = module.text().as_ptr().addr();
    for function in module.functions() {
        let name = match &function.name {
            Some(name) => name.clone(),
            None => "<wasm function 1>".to_string(),
        };
        let line = format!(
            "{:x} {:x} deep!{name}\n",
            base + function.offset,
            function.len
        );
        assert!(map.contains(&line), "{line:?} is not in {map}");
    }
    assert!(map.contains(" deep!<trampolines>\n"), "{map}");
    fs::remove_file(path).unwrap();
}

#[test]
fn jitdumps_have_code_and_lines() {
    let engine = engine(|c| _ = c.profiler(ProfilingStrategy::JitDump));
    let module = Module::new(&engine, GUEST).unwrap();
    let path = format!("jit-{}.dump", std::process::id());
    let dump = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    let word = |at: usize| u32::from_ne_bytes(*dump[at..].first_chunk().unwrap());
    assert_eq!((word(0), word(4), word(8)), (0x4a69_5444, 1, 40));
    let mut at = 40;
    let mut kinds = Vec::new();
    while at < dump.len() {
        let size = word(at + 4) as usize;
        kinds.push(word(at));
        let record = &dump[at..at + size];
        if word(at) == 2 {
            let named = record.windows(16).any(|w| w == b"guests/invoice.c");
            assert!(named, "lines without their file");
        }
        at += size;
    }
    assert_eq!(at, dump.len(), "records fill the file");
    // Three functions with lines before them, and the trampolines.
    assert_eq!(kinds, [2, 0, 2, 0, 2, 0, 0]);
    for function in module.functions() {
        let code = &module.text()[function.offset..function.offset + function.len];
        assert!(dump.windows(code.len()).any(|w| w == code));
    }
}

/// How debuggers see the list of object files.
#[repr(C)]
struct Entry {
    next: *const Entry,
    previous: *const Entry,
    file: *const u8,
    len: u64,
}

#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *const Entry,
    first: *const Entry,
}

#[expect(unsafe_code, reason = "reads what a debugger reads")]
unsafe extern "C" {
    static __jit_debug_descriptor: Descriptor;
}

/// The files in which a name occurs. No other test of this process asks for debuggers to be told.
fn files_with(name: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    // SAFETY: the list is only changed by the test that reads it.
    #[expect(unsafe_code, reason = "as above")]
    unsafe {
        let list = std::ptr::read_volatile(&raw const __jit_debug_descriptor);
        assert_eq!(list.version, 1);
        let mut next = list.first;
        while let Some(entry) = next.as_ref() {
            let len = usize::try_from(entry.len).unwrap();
            let file = std::slice::from_raw_parts(entry.file, len);
            if file.windows(name.len()).any(|w| w == name.as_bytes()) {
                found.push(file.to_vec());
            }
            next = entry.next;
        }
    }
    found
}

#[test]
fn debuggers_are_told_of_modules_while_these_exist() {
    let engine = engine(|c| _ = c.debug_info(true));
    let module = Module::new(&engine, GUEST_TEXT).unwrap();
    let other = Module::new(&engine, "(module $other (func $single))").unwrap();
    let files = files_with("deep!middle\0");
    assert_eq!(files.len(), 1);
    let file = &files[0];
    assert_eq!(&file[..8], b"\x7fELF\x02\x01\x01\0");
    let long = |at: usize| u64::from_le_bytes(*file[at..].first_chunk().unwrap());
    // The first section behind the null one is the text: where it lies, and how long it is.
    let text = usize::try_from(long(40)).unwrap() + 64;
    assert_eq!(long(text + 16), module.text().as_ptr().addr() as u64);
    assert_eq!(long(text + 32), module.text().len() as u64);
    drop(module);
    assert!(files_with("deep!middle\0").is_empty());
    assert_eq!(files_with("other!single\0").len(), 1);
    drop(other);
    assert!(files_with("other!single\0").is_empty());
}

#[test]
fn vtune_is_refused_by_name() {
    let mut config = tussah::Config::new();
    config.profiler(ProfilingStrategy::VTune);
    let error = Engine::new(&config).unwrap_err().to_string();
    assert!(
        error.starts_with("`ProfilingStrategy::VTune` is not implemented"),
        "{error}"
    );
}
