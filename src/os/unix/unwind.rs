//! Tells the system's unwinder of frames that no object file describes.

use std::ffi::c_void;

unsafe extern "C" {
    fn __register_frame(frames: *const c_void);
    fn __deregister_frame(frames: *const c_void);
}

/// Whether [`register_frames`] takes a whole `.eh_frame` section. Where libgcc is not the unwinder, as with musl, the
/// function of this name wants something else.
pub(crate) const UNWINDER_TAKES_SECTIONS: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// Announces an `.eh_frame` section.
///
/// # Safety
///
/// The section is well-formed, ends with a zero length, stays as it is until [`deregister_frames`], and
/// [`UNWINDER_TAKES_SECTIONS`].
pub(crate) unsafe fn register_frames(section: *const u8) {
    // SAFETY: the caller's.
    unsafe { __register_frame(section.cast()) }
}

/// Takes the announcement back.
///
/// # Safety
///
/// The section was announced, and no thread unwinds through its frames.
pub(crate) unsafe fn deregister_frames(section: *const u8) {
    // SAFETY: the caller's.
    unsafe { __deregister_frame(section.cast()) }
}
