//! See `tussah_claims::async_interleave`.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::OnceLock;
use tussah_claims::Interleaved;
use tussah_fuzz::Roomy;

fn run(data: &[u8]) -> Option<Interleaved> {
    static THREAD: OnceLock<Roomy<Option<Interleaved>>> = OnceLock::new();
    let thread = THREAD.get_or_init(|| Roomy::new(|| tussah_claims::async_interleave));
    thread.run(data)
}

tussah_fuzz::target!(run);
