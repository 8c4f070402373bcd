//! A hostile guest: recurses without end.

#[no_mangle]
pub extern "C" fn buffer(_len: usize) -> *mut u8 {
    static mut INPUT: [u8; 4096] = [0; 4096];
    unsafe { INPUT.as_mut_ptr() }
}

/// Not a tail call, and no frame in linear memory: only the host's own stack limit can stop it.
#[allow(unconditional_recursion)]
#[inline(never)]
fn descend(depth: u64, seed: u64) -> u64 {
    let below = descend(depth + 1, seed.rotate_left(7) ^ depth);
    below.wrapping_mul(31) ^ seed
}

#[no_mangle]
pub extern "C" fn handle(_ptr: *const u8, len: usize) -> u64 {
    descend(0, len as u64)
}
