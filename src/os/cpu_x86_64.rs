//! Which instruction-set extensions this processor has, by the names that artifacts use: the code generator's.

use std::arch::is_x86_feature_detected;

macro_rules! extensions {
    ($($name:literal is $detected:tt)*) => {
        #[cfg(feature = "cranelift")]
        const NAMES: &[&str] = &[$($name),*];

        /// Whether the processor, and the operating system, support an extension; `None` if the name is unknown.
        pub(crate) fn has_cpu_feature(name: &str) -> Option<bool> {
            Some(match name {
                $($name => is_x86_feature_detected!($detected),)*
                _ => return None,
            })
        }
    };
}

extensions! {
    "sse3" is "sse3"
    "ssse3" is "ssse3"
    "cmpxchg16b" is "cmpxchg16b"
    "sse41" is "sse4.1"
    "sse42" is "sse4.2"
    "popcnt" is "popcnt"
    "avx" is "avx"
    "avx2" is "avx2"
    "fma" is "fma"
    "bmi1" is "bmi1"
    "bmi2" is "bmi2"
    "lzcnt" is "lzcnt"
    "avx512bitalg" is "avx512bitalg"
    "avx512dq" is "avx512dq"
    "avx512f" is "avx512f"
    "avx512vl" is "avx512vl"
    "avx512vbmi" is "avx512vbmi"
    "avx_vnni" is "avxvnni"
    "avx512vnni" is "avx512vnni"
}

/// The extensions that are there, always in the same order.
#[cfg(feature = "cranelift")]
pub(crate) fn cpu_features() -> impl Iterator<Item = &'static str> {
    let is_there = |name: &&str| has_cpu_feature(name) == Some(true);
    NAMES.iter().copied().filter(is_there)
}
