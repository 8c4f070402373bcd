//! What machine code depends on, as text: it keys caches, and tells which artifacts an engine can load.

use super::config::Settings;
use crate::code::{CODEGEN, CPU};
use std::fmt::Write;

/// What the code generator says of itself; empty in builds without one.
#[derive(Default, Debug)]
pub(super) struct CodeIdentity {
    /// Instruction-set extensions that its code uses.
    pub(super) cpu: String,
    /// Its name, version and flags.
    pub(super) codegen: Option<String>,
}

/// Lines of `key=value`, always in the same order.
pub(super) fn describe(settings: &Settings, code: &CodeIdentity) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        // A value of several lines must not pass for several values.
        let value = value.to_string().replace('\n', " ");
        writeln!(text, "{key}={value}").expect("writing to a string succeeds");
    };
    line("version", &settings.artifact_version);
    line(
        "target",
        &format_args!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    );
    line(CPU, &code.cpu);
    if let Some(codegen) = &code.codegen {
        line(CODEGEN, codegen);
    }
    // Destructured so that a new setting cannot be forgotten here.
    let crate::code::Tunables {
        consume_fuel,
        operator_cost,
        epoch_interruption,
        signals_based_traps,
        memory_reservation,
        memory_guard_size,
        memory_reservation_for_growth,
        memory_may_move,
        guard_before_linear_memory,
        branch_hinting,
        generate_address_map,
        relaxed_simd_deterministic,
    } = &settings.tunables;
    line("consume_fuel", consume_fuel);
    let crate::code::CostTable {
        structural,
        other,
        per_byte,
        per_element,
    } = operator_cost;
    line(
        "operator_cost",
        &format_args!("{structural},{other},{per_byte},{per_element}"),
    );
    line("epoch_interruption", epoch_interruption);
    line("signals_based_traps", signals_based_traps);
    line("memory_reservation", memory_reservation);
    line("memory_guard_size", memory_guard_size);
    line(
        "memory_reservation_for_growth",
        memory_reservation_for_growth,
    );
    line("memory_may_move", memory_may_move);
    line("guard_before_linear_memory", guard_before_linear_memory);
    line("branch_hinting", branch_hinting);
    line("generate_address_map", generate_address_map);
    line("relaxed_simd_deterministic", relaxed_simd_deterministic);
    let features: Vec<_> = settings
        .features
        .iter_names()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    line("features", &features.join(","));
    text
}
