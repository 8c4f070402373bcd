//! Whether a module is refused, and for what is wrong with it.
//!
//! A runtime without a proposal refuses modules that use it, so that an assertion that a module is invalid could hold
//! by accident. Therefore the reason must be the one that validation has with all the proposals that the script was to
//! be run with.

use crate::reasons;
use crate::report::{Mismatch, Outcome};
use tussah::{Engine, Module, WasmFeatures};
use wasmparser::Validator;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wat};

/// Whether it is a component, of which nothing can be said.
///
/// # Errors
///
/// It is.
pub(crate) fn no_component(module: &QuoteWat<'_>, expected: &str) -> Outcome {
    match module {
        QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) => Err(Mismatch::new(
            expected,
            "a component, which this runner does not know",
        )),
        _ => Ok(()),
    }
}

/// A module's binary form.
///
/// # Errors
///
/// What is wrong with the text, in words.
pub(crate) fn encode(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, String> {
    match module {
        QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) => {
            Err("components are not supported".to_string())
        }
        QuoteWat::Wat(wat) => wat.encode().map_err(|e| e.message()),
        QuoteWat::QuoteModule(_, pieces) => {
            let mut text = Vec::new();
            for (_, piece) in pieces {
                text.extend_from_slice(piece);
                text.push(b' ');
            }
            encode_text(&text)
        }
    }
}

fn encode_text(text: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "malformed UTF-8 encoding".to_string())?;
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|e| e.message())?;
    let mut wat: Wat<'_> = parser::parse(&buffer).map_err(|e| e.message())?;
    wat.encode().map_err(|e| e.message())
}

/// Checks that what a module is refused for is what the script says.
pub(crate) fn for_this(reason: &str, message: &str, expected: &str) -> Outcome {
    if reasons::is_meant(reason, message) {
        return Ok(());
    }
    let found = format!("that it was refused for something else: {reason}");
    Err(Mismatch::new(expected, found))
}

/// Checks that a binary is refused for what the script says, given the proposals that it was written for.
pub(crate) fn of_binary(
    engine: &Engine,
    features: WasmFeatures,
    binary: &[u8],
    message: &str,
    expected: &str,
) -> Outcome {
    let Err(refusal) = Module::from_binary(engine, binary) else {
        return Err(Mismatch::new(expected, "that it is accepted"));
    };
    let refusal = format!("{refusal:#}");
    match Validator::new_with_features(features).validate_all(binary) {
        Ok(_) => Err(Mismatch::new(
            expected,
            format!("a valid module that was refused: {refusal}"),
        )),
        Err(reason) if refusal.contains(reason.message()) => {
            for_this(reason.message(), message, expected)
        }
        Err(reason) => Err(Mismatch::new(
            expected,
            format!(
                "that it was refused for something else: {refusal}; validation says: {}",
                reason.message()
            ),
        )),
    }
}
