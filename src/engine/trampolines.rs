//! The two trampolines of one function type, mapped executable.

#![expect(unsafe_code, reason = "an address becomes a function pointer")]

use crate::abi::EnterFn;
use crate::code::{CodeTables, Image, TrampolineCode, TrampolinePlace};
use crate::error::Result;
use std::fmt;
use std::ops::Range;

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
    /// Keeps both mapped.
    image: Image,
}

// SAFETY: the pointers lead to immutable machine code that `image` keeps mapped on whatever thread.
unsafe impl Send for Trampolines {}
// SAFETY: as above.
unsafe impl Sync for Trampolines {}

impl Trampolines {
    /// Makes compiled trampolines executable: one result per type, in order.
    ///
    /// # Errors
    ///
    /// There is no memory for code.
    ///
    /// # Panics
    ///
    /// If a place is outside the text.
    pub(super) fn publish(code: &TrampolineCode) -> Result<Vec<Self>> {
        // No trap sites are recorded: trampolines raise by themselves.
        let image = Image::publish(&code.text, Vec::new(), CodeTables::default(), &code.frames)?;
        let ends = code.places.iter().skip(1).map(|next| next.enter as usize);
        let ends = ends.chain([code.text.len()]);
        let made = |(place, end): (&TrampolinePlace, usize)| {
            let enter = image.address_of(place.enter);
            Trampolines {
                range: place.enter as usize..end,
                // SAFETY: the compiler put code with exactly this signature and convention there, and a trampoline's
                // pointer is only used while `image` is alive.
                enter: unsafe { std::mem::transmute::<*const u8, EnterFn>(enter) },
                exit: image.address_of(place.exit),
                image: image.clone(),
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
