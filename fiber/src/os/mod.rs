//! What this crate asks of the operating system.
//!
//! Each platform's twin exports the same names: [`page_size`], [`Mapping`]
//! (map, guard, unmap) and [`discard`]. Nothing here knows how a stack is laid
//! out or who owns it.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{Mapping, discard, page_size};

#[cfg(not(unix))]
compile_error!("tussah-fiber has no os twin for this platform: write one beside src/os/unix.rs");
