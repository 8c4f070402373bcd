//! Why modules are refused, by the names that scripts have for it.
//!
//! The specification's interpreter, whose words scripts use, reads the formats in another order than wasmparser and wast:
//! where two things are wrong, or one can be called by two names, they differ.

/// Whether a reason is the one that a script means by `message`.
pub(crate) fn is_meant(reason: &str, message: &str) -> bool {
    if reason.contains(message) {
        return true;
    }
    let known = |&&(name, _): &&(&str, &[&str])| {
        message
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let others = OTHER_NAMES.iter().filter(known);
    others
        .flat_map(|(_, reasons)| *reasons)
        .any(|other| reason.contains(other))
}

const END: &str = "unexpected end-of-file";
const TRAILING: &str = "trailing bytes at end of section";
const BODY: &str = "control frames remain at end of function body or expression";

/// What scripts say, and what it is called here.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    // Validation.
    ("immutable global", &["global is immutable"]),
    ("invalid lane index", &["SIMD index out of bounds"]),
    (
        "memory size must be at most 65536 pages (4GiB)",
        &["memory size must be at most 0x10000 65536-byte pages"],
    ),
    (
        "offset out of range",
        &["invalid var_u32: integer too large"],
    ),
    // The binary format.
    ("END opcode expected", &[BODY]),
    (
        "data count and data section have inconsistent lengths",
        &["data count is non-zero but data section is absent"],
    ),
    (
        "function and code section have inconsistent lengths",
        &[
            "function section is absent but code section has non-zero count",
            "function section has non-zero count but code section is absent",
        ],
    ),
    ("i32 constant", &["invalid var_u32: integer too large"]),
    ("illegal opcode", &["illegal opcode: 0x", END]),
    (
        "integer representation too long",
        &[
            END,
            TRAILING,
            "malformed section id",
            "invalid leading byte",
            "limits flags",
        ],
    ),
    (
        "integer too large",
        &[END, TRAILING, "malformed section id", "limits flags"],
    ),
    ("invalid UTF-8 encoding", &["malformed UTF-8 encoding"]),
    ("invalid mutability", MUTABILITY),
    ("invalid section id", &["malformed section id"]),
    ("invalid value type", &[END]),
    (
        "length out of bounds",
        &[END, "expected section, got wasm magic number"],
    ),
    ("malformed import kind", &["for external kind", END]),
    ("malformed limits flags", &["limits flags", END]),
    (
        "malformed memop flags",
        &[
            "malformed memop: reserved flags bits set",
            "invalid memop alignment",
        ],
    ),
    ("malformed mutability", MUTABILITY),
    ("malformed section id", &[END]),
    ("multiple start sections", &["section out of order"]),
    ("section size mismatch", &[BODY]),
    (
        "unexpected content after last section",
        &[
            "section out of order",
            "function and code section have inconsistent lengths",
        ],
    ),
    (
        "unexpected end",
        &[
            END,
            BODY,
            "unknown label: branch depth too large",
            "expected `)`",
        ],
    ),
    // The text format, of which the parser says what it expected instead.
    ("empty annotation id", &["invalid character in string"]),
    ("empty identifier", &["invalid character in string"]),
    (
        "i8 constant out of range",
        &["malformed lane index", "constant out of range"],
    ),
    ("i64 constant out of range", &["constant out of range"]),
    ("illegal character", &["unexpected character"]),
    ("unclosed string", &[END]),
    ("unexpected token", TOKENS),
    ("unknown operator", TOKENS),
    ("wrong number of lane indices", TOKENS),
    ("wrong number of lane literals", TOKENS),
];

const MUTABILITY: &[&str] = &["malformed global flags", "shared globals require"];

const TOKENS: &[&str] = &[
    "expected ",
    "extra tokens remaining after parse",
    "constant out of range",
];

#[cfg(test)]
mod tests {
    use super::is_meant;

    #[test]
    fn reasons_have_the_names_of_scripts() {
        assert!(is_meant("type mismatch: expected i32", "type mismatch"));
        assert!(is_meant("SIMD index out of bounds", "invalid lane index"));
        assert!(is_meant("illegal opcode: 0xff", "illegal opcode ff"));
        assert!(is_meant(
            "unknown operator or unexpected token",
            "unknown operator get_local"
        ));
        assert!(!is_meant("type mismatch", "unknown local"));
        assert!(!is_meant("unexpected end-of-file", "invalid lane index"));
        assert!(!is_meant("unexpected end-of-file", "unexpected ending"));
    }
}
