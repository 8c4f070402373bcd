//! Which instruction-set extensions this processor has, by the names that artifacts use: the code generator's.

use std::arch::is_x86_feature_detected;

/// Whether the processor, and the operating system, support an extension; `None` if the name is unknown.
pub(crate) fn has_cpu_feature(name: &str) -> Option<bool> {
    Some(match name {
        "sse3" => is_x86_feature_detected!("sse3"),
        "ssse3" => is_x86_feature_detected!("ssse3"),
        "cmpxchg16b" => is_x86_feature_detected!("cmpxchg16b"),
        "sse41" => is_x86_feature_detected!("sse4.1"),
        "sse42" => is_x86_feature_detected!("sse4.2"),
        "popcnt" => is_x86_feature_detected!("popcnt"),
        "avx" => is_x86_feature_detected!("avx"),
        "avx2" => is_x86_feature_detected!("avx2"),
        "fma" => is_x86_feature_detected!("fma"),
        "bmi1" => is_x86_feature_detected!("bmi1"),
        "bmi2" => is_x86_feature_detected!("bmi2"),
        "lzcnt" => is_x86_feature_detected!("lzcnt"),
        "avx512bitalg" => is_x86_feature_detected!("avx512bitalg"),
        "avx512dq" => is_x86_feature_detected!("avx512dq"),
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512vl" => is_x86_feature_detected!("avx512vl"),
        "avx512vbmi" => is_x86_feature_detected!("avx512vbmi"),
        "avx_vnni" => is_x86_feature_detected!("avxvnni"),
        "avx512vnni" => is_x86_feature_detected!("avx512vnni"),
        _ => return None,
    })
}
