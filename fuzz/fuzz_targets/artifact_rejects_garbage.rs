//! See `tussah_claims::artifact_rejects_garbage`.
#![cfg_attr(feature = "libfuzzer", no_main)]

tussah_fuzz::target!(tussah_claims::artifact_rejects_garbage::run);
