//! A well-behaved guest: greets by name.
//!
//! Its start function awaits the host's configuration; its handler awaits a key-value lookup and a timer. Every
//! `host` function below may suspend the guest in mid-call, which the guest cannot notice.

use std::cell::RefCell;
use std::collections::HashMap;

mod host {
    #[link(wasm_import_module = "host")]
    extern "C" {
        /// Copies the configuration to `buf[..cap]` and returns its whole length.
        pub fn config(buf: *mut u8, cap: usize) -> i32;
        /// Copies the value of `key` to `buf[..cap]` and returns its whole length, or -1 if there is none.
        pub fn kv_get(key: *const u8, key_len: usize, buf: *mut u8, cap: usize) -> i32;
        /// Returns after `ms` milliseconds.
        pub fn sleep_ms(ms: u32);
    }
}

thread_local! {
    static CONFIG: RefCell<HashMap<String, String>> = RefCell::new(HashMap::new());
    static INPUT: RefCell<Vec<u8>> = RefCell::new(Vec::new());
    static OUTPUT: RefCell<String> = RefCell::new(String::new());
}

/// Calls `fill` with a buffer, once more with a larger one if the first was too small.
fn fetch(fill: impl Fn(*mut u8, usize) -> i32) -> Option<String> {
    let mut buf = vec![0; 64];
    loop {
        let len = usize::try_from(fill(buf.as_mut_ptr(), buf.len())).ok()?;
        if len <= buf.len() {
            buf.truncate(len);
            return Some(String::from_utf8_lossy(&buf).into_owned());
        }
        buf.resize(len, 0);
    }
}

/// The start function: reads `key=value` lines from the host.
#[no_mangle]
pub extern "C" fn init() {
    let text = fetch(|buf, cap| unsafe { host::config(buf, cap) }).expect("a configuration");
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    CONFIG.with(|config| config.borrow_mut().extend(pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))));
}

/// Where the host may write a request of `len` bytes.
#[no_mangle]
pub extern "C" fn buffer(len: usize) -> *mut u8 {
    INPUT.with(|input| {
        let mut input = input.borrow_mut();
        input.resize(len, 0);
        input.as_mut_ptr()
    })
}

/// Answers the request in `ptr[..len]`, a name; returns the answer's address and length in one word.
#[no_mangle]
pub extern "C" fn handle(ptr: *const u8, len: usize) -> u64 {
    let request = unsafe { std::slice::from_raw_parts(ptr, len) };
    let name = String::from_utf8_lossy(request).into_owned();
    let config = |key: &str| CONFIG.with(|c| c.borrow().get(key).cloned().unwrap_or_default());

    let key = format!("{}{}", config("prefix"), name);
    let title = fetch(|buf, cap| unsafe { host::kv_get(key.as_ptr(), key.len(), buf, cap) });
    unsafe { host::sleep_ms(config("delay_ms").parse().expect("delay_ms is a number")) };

    let answer = match title {
        Some(title) => format!("{}, {} {}!\n", config("greeting"), title, name),
        None => format!("{}, {}!\n", config("greeting"), name),
    };
    OUTPUT.with(|output| {
        *output.borrow_mut() = answer;
        let output = output.borrow();
        (output.as_ptr() as u64) << 32 | output.len() as u64
    })
}
