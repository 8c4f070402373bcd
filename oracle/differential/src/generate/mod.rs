//! Modules from seeds.
//!
//! | generator | makes | why |
//! |---|---|---|
//! | `smith` | what `wasm-smith` makes, of what tussah implements | odd shapes that nobody thinks of |
//! | `structured` | counted loops, calls, tables and memories at work; all of it terminates | much is executed, and returns |
//! | `trapping` | straight lines and loops that trap after a known number of units | the peer does not count to there |

mod smith;
mod structured;
#[cfg(feature = "peers")]
mod trapping;

#[cfg(feature = "peers")]
pub(crate) use smith::smith;
pub use smith::smith_bytes;
pub(crate) use smith::smith_of;
pub(crate) use structured::structured;
#[cfg(feature = "peers")]
pub(crate) use trapping::trapping;
#[cfg(all(test, feature = "peers"))]
pub(crate) use trapping::unreachable_instead;
