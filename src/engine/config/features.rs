//! WebAssembly proposals.
//!
//! What is asked for is recorded as asked; what validation gets is that, as far as the compiler implements it. A module
//! that uses anything else is refused by validation, which names the proposal.

use super::{Config, WasmFeatures};

/// What the compiler implements.
pub(super) const IMPLEMENTED: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FLOATS)
    // Not the proposal: it is what makes `externref` a type.
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD);

/// What is asked for by default: version 3 of the specification, threads, components.
pub(super) const DEFAULT: WasmFeatures = WasmFeatures::WASM3
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::CM_ASYNC);

macro_rules! toggles {
    ($($(#[$doc:meta])* $name:ident $flag:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, enable: bool) -> &mut Self {
            self.wasm_features(WasmFeatures::$flag, enable)
        }
    )*};
}

/// Proposals: turned off, modules that use them are refused. Those said not to be implemented are refused either way.
impl Config {
    /// Turns proposals on or off by their flags.
    pub fn wasm_features(&mut self, flag: WasmFeatures, enable: bool) -> &mut Self {
        self.features.set(flag, enable);
        self
    }

    toggles! {
        /// Whether modules may use the tail-call proposal. On by default.
        wasm_tail_call TAIL_CALL;
        /// Whether modules may use the reference-types proposal. On by default.
        wasm_reference_types REFERENCE_TYPES;
        /// Whether modules may use the bulk-memory proposal. On by default.
        wasm_bulk_memory BULK_MEMORY;
        /// Whether modules may use the multi-value proposal. On by default.
        wasm_multi_value MULTI_VALUE;
        /// Whether modules may use the multi-memory proposal. On by default.
        wasm_multi_memory MULTI_MEMORY;
        /// Whether modules may use the extended-const proposal. On by default.
        wasm_extended_const EXTENDED_CONST;
        /// Whether modules may use the custom-page-sizes proposal. Off by default.
        wasm_custom_page_sizes CUSTOM_PAGE_SIZES;
        /// Whether modules may use the threads proposal. Not implemented yet: modules that use it are refused.
        wasm_threads THREADS;
        /// Whether modules may use the shared-everything-threads proposal. Not implemented yet: modules that use it are refused.
        wasm_shared_everything_threads SHARED_EVERYTHING_THREADS;
        /// Whether modules may use the function-references proposal. Not implemented yet: modules that use it are refused.
        wasm_function_references FUNCTION_REFERENCES;
        /// Whether modules may use the wide-arithmetic proposal. Off by default.
        wasm_wide_arithmetic WIDE_ARITHMETIC;
        /// Whether modules may use the gc proposal. Not implemented yet: modules that use it are refused.
        wasm_gc GC;
        /// Whether modules may use the simd proposal: vectors of 128 bits. On by default. On x86-64 it needs SSSE3, without
        /// which `Engine::new` fails.
        wasm_simd SIMD;
        /// Whether modules may use the relaxed-simd proposal: vector operators of whose results the machine may choose
        /// one. On by default.
        wasm_relaxed_simd RELAXED_SIMD;
        /// Whether modules may use the memory64 proposal. On by default.
        wasm_memory64 MEMORY64;
        /// Whether modules may use the stack-switching proposal. Not implemented yet: modules that use it are refused.
        wasm_stack_switching STACK_SWITCHING;
        /// Whether modules may use the exception-handling proposal. Not implemented yet: modules that use it are refused.
        wasm_exceptions EXCEPTIONS;
        /// Whether modules may use the legacy exception-handling proposal. Not implemented yet: modules that use it are refused.
        wasm_legacy_exceptions LEGACY_EXCEPTIONS;
        /// Whether modules may use the component-model proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model COMPONENT_MODEL;
        /// Whether modules may use the component-model async proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_async CM_ASYNC;
        /// Whether modules may use the component-model async builtins proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_more_async_builtins CM_MORE_ASYNC_BUILTINS;
        /// Whether modules may use the component-model stackful async proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_async_stackful CM_ASYNC_STACKFUL;
        /// Whether modules may use the component-model threading proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_threading CM_THREADING;
        /// Whether modules may use the component-model error-context proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_error_context CM_ERROR_CONTEXT;
        /// Whether modules may use the component-model gc proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_gc CM_GC;
        /// Whether modules may use the component-model map proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_map CM_MAP;
        /// Whether modules may use the component-model memory64 proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_memory64 CM64;
        /// Whether modules may use the component-model fixed-length lists proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_fixed_length_lists CM_FIXED_LENGTH_LISTS;
        /// Whether modules may use the component-model implements proposal. Not implemented yet: modules that use it are refused.
        wasm_component_model_implements CM_IMPLEMENTS;
        /// Whether host and function references other than `funcref` exist. On by default.
        gc_support GC_TYPES;
    }

    /// Whether branch hints steer code layout: the unlikely side of a hinted `if` or `br_if` is moved out of the way. Off by
    /// default.
    pub fn wasm_branch_hinting(&mut self, enable: bool) -> &mut Self {
        self.tunables.branch_hinting = enable;
        self
    }

    /// Whether relaxed-simd operators have the same results on every machine, which some of them pay for with speed. Off
    /// by default.
    ///
    /// A multiplication with addition is then rounded once. Where the machine lacks instructions for that (on x86-64, AVX
    /// and FMA), `Engine::new` fails unless [`Config::wasm_relaxed_simd`] is turned off.
    pub fn relaxed_simd_deterministic(&mut self, enable: bool) -> &mut Self {
        self.tunables.relaxed_simd_deterministic = enable;
        self
    }
}
