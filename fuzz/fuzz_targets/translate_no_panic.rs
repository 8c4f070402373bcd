//! See `tussah_claims::translate_no_panic`.
#![cfg_attr(feature = "libfuzzer", no_main)]

tussah_fuzz::target!(tussah_claims::translate_no_panic::run);
