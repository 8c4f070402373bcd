//! Traps by the names that scripts have for them.

use tussah::{Error, Trap};

/// Whether an error is the trap that a script means by `message`.
pub(crate) fn is_named(error: &Error, message: &str) -> bool {
    error
        .downcast_ref::<Trap>()
        .is_some_and(|trap| names(*trap).iter().any(|name| same(name, message)))
}

/// Some messages end with an index that nobody else knows: `uninitialized element 2`.
fn same(name: &str, message: &str) -> bool {
    let Some(rest) = message.strip_prefix(name) else {
        return false;
    };
    rest.is_empty()
        || rest
            .strip_prefix(' ')
            .is_some_and(|index| index.parse::<u64>().is_ok())
}

/// What scripts of the official suites call a trap. Traps of other rules have no name in scripts.
fn names(trap: Trap) -> &'static [&'static str] {
    match trap {
        Trap::StackOverflow => &["call stack exhausted"],
        Trap::MemoryOutOfBounds => &["out of bounds memory access"],
        Trap::HeapMisaligned => &["unaligned atomic"],
        Trap::TableOutOfBounds => &["undefined element", "out of bounds table access"],
        Trap::IndirectCallToNull => &["uninitialized element", "uninitialized"],
        Trap::BadSignature => &["indirect call type mismatch", "indirect call"],
        Trap::IntegerOverflow => &["integer overflow"],
        Trap::IntegerDivisionByZero => &["integer divide by zero"],
        Trap::BadConversionToInteger => &["invalid conversion to integer"],
        Trap::UnreachableCodeReached => &["unreachable"],
        Trap::AtomicWaitNonSharedMemory => &["expected shared memory"],
        Trap::NullReference => &[
            "null reference",
            "null function reference",
            "null structure reference",
            "null array reference",
            "null i31 reference",
            "null exception reference",
        ],
        Trap::ArrayOutOfBounds => &["out of bounds array access"],
        Trap::CastFailure => &["cast failure"],
        Trap::UnhandledTag => &["unhandled tag", "unhandled"],
        Trap::ContinuationAlreadyConsumed => &["continuation already consumed"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    //! Names, indices behind them, and what is neither.

    use super::is_named;
    use tussah::{Error, Trap};

    #[test]
    fn traps_have_the_names_of_scripts() {
        let named = |trap: Trap, message| is_named(&Error::new(trap), message);
        assert!(named(Trap::IndirectCallToNull, "uninitialized element"));
        assert!(named(Trap::IndirectCallToNull, "uninitialized element 2"));
        assert!(!named(
            Trap::IndirectCallToNull,
            "uninitialized element two"
        ));
        assert!(!named(Trap::IndirectCallToNull, "uninitialized elements"));
        assert!(named(Trap::TableOutOfBounds, "undefined element"));
        assert!(!named(
            Trap::MemoryOutOfBounds,
            "out of bounds table access"
        ));
        assert!(!named(Trap::OutOfFuel, ""));
        assert!(!named(Trap::IntegerOverflow, "integer"));
        assert!(!is_named(
            &Error::msg("integer overflow"),
            "integer overflow"
        ));
    }
}
