//! Which proposals guests may use: `-W` of every subcommand that compiles.

use std::str::FromStr;
use tussah::WasmFeatures;

// Proposals on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Proposals {
    /// Turn proposals on, or off with `=n`. `all` is every one of them. The last mention counts.
    ///
    /// By default, those of version 3 of the specification are on.
    #[arg(
        short = 'W',
        long = "wasm",
        value_name = "NAME[=y|n]",
        value_delimiter = ','
    )]
    wasm: Vec<Toggle>,
}

impl Proposals {
    /// Those that are on.
    pub(crate) fn features(&self) -> WasmFeatures {
        let mut features = WasmFeatures::WASM3;
        for toggle in &self.wasm {
            features.set(toggle.flags, toggle.on);
        }
        features
    }
}

/// Proposals by the names that their repositories have.
const NAMES: &[(&str, WasmFeatures)] = &[
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::GC),
    ("memory64", WasmFeatures::MEMORY64),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("mutable-global", WasmFeatures::MUTABLE_GLOBAL),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    (
        "nontrapping-float-to-int-conversions",
        WasmFeatures::SATURATING_FLOAT_TO_INT,
    ),
    ("sign-extension-ops", WasmFeatures::SIGN_EXTENSION),
    ("simd", WasmFeatures::SIMD),
    ("stack-switching", WasmFeatures::STACK_SWITCHING),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("threads", WasmFeatures::THREADS),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
];

/// One `NAME[=y|n]`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Toggle {
    flags: WasmFeatures,
    on: bool,
}

impl FromStr for Toggle {
    type Err = String;

    fn from_str(text: &str) -> Result<Toggle, String> {
        let (name, value) = text.split_once('=').unwrap_or((text, "y"));
        let on = match value {
            "y" | "yes" | "true" => true,
            "n" | "no" | "false" => false,
            _ => return Err(format!("`{value}` is neither y nor n")),
        };
        let flags = if name == "all" {
            NAMES.iter().map(|(_, flag)| *flag).collect()
        } else {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            let Some((_, flag)) = known else {
                let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "no such proposal; there are all, {}",
                    names.join(", ")
                ));
            };
            *flag
        };
        Ok(Toggle { flags, on })
    }
}

#[cfg(test)]
mod tests {
    //! Names, values, and that the last one counts.

    use super::{Proposals, Toggle};
    use tussah::WasmFeatures;

    fn features(wasm: &[&str]) -> WasmFeatures {
        let wasm = wasm.iter().map(|text| text.parse().unwrap()).collect();
        Proposals { wasm }.features()
    }

    #[test]
    fn the_last_mention_counts() {
        assert_eq!(features(&[]), WasmFeatures::WASM3);
        assert!(!features(&["simd=n"]).contains(WasmFeatures::SIMD));
        assert!(features(&["simd=n", "simd"]).contains(WasmFeatures::SIMD));
        let only = features(&["all=n", "tail-call=yes"]);
        assert!(only.contains(WasmFeatures::TAIL_CALL));
        assert!(!only.intersects(WasmFeatures::SIMD | WasmFeatures::WIDE_ARITHMETIC));
        assert!(features(&["all"]).contains(WasmFeatures::CUSTOM_PAGE_SIZES));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let refusal = |text: &str| text.parse::<Toggle>().unwrap_err();
        assert_eq!(refusal("simd=maybe"), "`maybe` is neither y nor n");
        assert!(refusal("smid").starts_with("no such proposal; there are all, bulk-memory,"));
    }
}
