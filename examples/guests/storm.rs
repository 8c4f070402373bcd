//! A hostile guest: calls the host's cheapest function without end.

mod host {
    #[link(wasm_import_module = "host")]
    extern "C" {
        /// Returns `n + 1`, at once.
        pub fn next(n: u32) -> u32;
    }
}

#[no_mangle]
pub extern "C" fn buffer(_len: usize) -> *mut u8 {
    static mut INPUT: [u8; 4096] = [0; 4096];
    unsafe { INPUT.as_mut_ptr() }
}

#[no_mangle]
pub extern "C" fn handle(_ptr: *const u8, len: usize) -> u64 {
    let mut n = len as u32;
    loop {
        n = unsafe { host::next(n) };
    }
}
