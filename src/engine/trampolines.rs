//! The two trampolines of one function type, mapped executable.

#![expect(unsafe_code, reason = "an address becomes a function pointer")]

use crate::abi::EnterFn;
#[cfg(feature = "debug-builtins")]
use crate::code::object_file;
use crate::code::{CodeTables, Image, TrampolineCode};
use crate::error::Result;
#[cfg(feature = "debug-builtins")]
use crate::os::DebuggerFile;
use std::fmt;

/// Machine code by which the host enters functions of one type, and by which wasm code leaves to host functions of it.
/// The pointers hold as long as this value does.
pub(crate) struct Trampolines {
    /// How the host enters a function of the type.
    pub(crate) enter: EnterFn,
    /// The code of a host function of the type, as wasm code calls it.
    pub(crate) exit: *const u8,
    /// Set if native debuggers are told of them; goes before the code does.
    #[cfg(feature = "debug-builtins")]
    _debugger: Option<DebuggerFile>,
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
    /// Makes compiled trampolines executable, and tells debuggers if `announce` says so.
    #[cfg_attr(
        not(feature = "debug-builtins"),
        expect(unused_variables, reason = "nobody to tell")
    )]
    pub(super) fn publish(code: &TrampolineCode, announce: bool) -> Result<Self> {
        // No trap sites are recorded: trampolines raise by themselves.
        let image = Image::publish(&code.text, Vec::new(), CodeTables::default(), &code.frames)?;
        // SAFETY: the compiler put code with exactly this signature and convention at this offset, and a trampoline's
        // pointer is only used while `image` is alive.
        let enter =
            unsafe { std::mem::transmute::<*const u8, EnterFn>(image.address_of(code.enter)) };
        #[cfg(feature = "debug-builtins")]
        let debugger = announce.then(|| {
            let len = |start: u32, end: usize| u32::try_from(end).unwrap_or(start) - start;
            let symbols = [
                (
                    code.enter,
                    len(code.enter, code.exit as usize),
                    "tussah!<enter>".into(),
                ),
                (
                    code.exit,
                    len(code.exit, code.text.len()),
                    "tussah!<exit>".into(),
                ),
            ];
            DebuggerFile::announce(object_file(&image, symbols.into_iter()))
        });
        Ok(Trampolines {
            #[cfg(feature = "debug-builtins")]
            _debugger: debugger,
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
