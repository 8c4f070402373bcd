//! The two trampolines of one function type, mapped executable.

#![expect(unsafe_code, reason = "an address becomes a function pointer")]

use crate::abi::EnterFn;
use crate::code::{CodeTables, Image, TrampolineCode};
use crate::error::Result;
use std::fmt;

/// Machine code by which the host enters functions of one type, and by which wasm code leaves to host functions of it.
/// The pointers hold as long as this value does.
pub(crate) struct Trampolines {
    /// How the host enters a function of the type.
    pub(crate) enter: EnterFn,
    /// The code of a host function of the type, as wasm code calls it.
    pub(crate) exit: *const u8,
    /// Keeps both mapped.
    image: Image,
}

// SAFETY: the pointers lead to immutable machine code that `image` keeps mapped on whatever thread.
unsafe impl Send for Trampolines {}
// SAFETY: as above.
unsafe impl Sync for Trampolines {}

impl Trampolines {
    /// Makes compiled trampolines executable.
    pub(super) fn publish(code: &TrampolineCode) -> Result<Self> {
        // No trap sites are recorded: trampolines raise by themselves.
        let image = Image::publish(
            &code.text,
            Vec::new(),
            CodeTables::default(),
            &code.frames,
        )?;
        // SAFETY: the compiler put code with exactly this signature and convention at this offset, and a trampoline's
        // pointer is only used while `image` is alive.
        let enter =
            unsafe { std::mem::transmute::<*const u8, EnterFn>(image.address_of(code.enter)) };
        Ok(Trampolines {
            enter,
            exit: image.address_of(code.exit),
            image,
        })
    }

    /// The machine code of both.
    #[cfg(feature = "profiling")]
    pub(super) fn text(&self) -> &[u8] {
        self.image.text()
    }
}

impl fmt::Debug for Trampolines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trampolines").finish_non_exhaustive()
    }
}
