//! The two trampolines of one function type, mapped executable.

#![expect(unsafe_code, reason = "an address becomes a function pointer")]

use crate::abi::EnterFn;
#[cfg(feature = "debug-builtins")]
use crate::code::object_file;
use crate::code::{CodeTables, Image, TrampolineCode, TrampolinePlace};
use crate::error::Result;
#[cfg(feature = "debug-builtins")]
use crate::os::DebuggerFile;
use std::fmt;
use std::ops::Range;
#[cfg(feature = "debug-builtins")]
use std::sync::Arc;

/// Machine code by which the host enters functions of one type, and by which wasm code leaves to host functions of it.
/// The pointers hold as long as this value does.
pub(crate) struct Trampolines {
    /// How the host enters a function of the type.
    pub(crate) enter: EnterFn,
    /// The code of a host function of the type, as wasm code calls it.
    pub(crate) exit: *const u8,
    /// Where both are in the image.
    #[cfg_attr(
        not(feature = "profiling"),
        expect(dead_code, reason = "for profilers")
    )]
    range: Range<usize>,
    /// Set if native debuggers are told of them; goes before the code does.
    #[cfg(feature = "debug-builtins")]
    _debugger: Option<Arc<DebuggerFile>>,
    /// Keeps both mapped.
    #[cfg_attr(
        not(feature = "profiling"),
        expect(dead_code, reason = "held for its drop")
    )]
    image: Image,
}

// SAFETY: the pointers lead to immutable machine code that `image` keeps mapped on whatever thread.
unsafe impl Send for Trampolines {}
// SAFETY: as above.
unsafe impl Sync for Trampolines {}

impl Trampolines {
    /// Makes compiled trampolines executable: one result per type, in order. Debuggers are told if
    /// `announce` says so.
    ///
    /// # Errors
    ///
    /// There is no memory for code.
    ///
    /// # Panics
    ///
    /// If a place is outside the text.
    #[cfg_attr(
        not(feature = "debug-builtins"),
        expect(unused_variables, reason = "nobody to tell")
    )]
    pub(super) fn publish(code: &TrampolineCode, announce: bool) -> Result<Vec<Self>> {
        // No trap sites are recorded: trampolines raise by themselves.
        let image = Image::publish(&code.text, Vec::new(), CodeTables::default(), &code.frames)?;
        let ends = code.places.iter().skip(1).map(|next| next.enter as usize);
        let ends = ends.chain([code.text.len()]);
        #[cfg(feature = "debug-builtins")]
        let debugger = announce.then(|| {
            let len = |from: u32, to: usize| u32::try_from(to).unwrap_or(from) - from;
            let symbols = code
                .places
                .iter()
                .zip(ends.clone())
                .flat_map(|(place, end)| {
                    let (enter, exit) = (place.enter, place.exit);
                    [
                        (enter, len(enter, exit as usize), "tussah!<enter>".into()),
                        (exit, len(exit, end), "tussah!<exit>".into()),
                    ]
                });
            Arc::new(DebuggerFile::announce(object_file(&image, symbols)))
        });
        let made = |(place, end): (&TrampolinePlace, usize)| {
            let enter = image.address_of(place.enter);
            Trampolines {
                range: place.enter as usize..end,
                // SAFETY: the compiler put code with exactly this signature and convention there, and a trampoline's
                // pointer is only used while `image` is alive.
                enter: unsafe { std::mem::transmute::<*const u8, EnterFn>(enter) },
                exit: image.address_of(place.exit),
                image: image.clone(),
                #[cfg(feature = "debug-builtins")]
                _debugger: debugger.clone(),
            }
        };
        Ok(code.places.iter().zip(ends).map(made).collect())
    }

    /// The machine code of both.
    #[cfg(feature = "profiling")]
    pub(super) fn text(&self) -> &[u8] {
        &self.image.text()[self.range.clone()]
    }
}

impl fmt::Debug for Trampolines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trampolines").finish_non_exhaustive()
    }
}
