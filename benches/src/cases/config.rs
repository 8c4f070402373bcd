//! The configuration from which every case starts.

use super::runtime::Config;

/// The defaults, but that neither side makes unwind tables for native debuggers: ours cannot, and the peer would pay for
/// its own at every compilation.
pub(crate) fn new() -> Config {
    let mut config = Config::new();
    config.native_unwind_info(false);
    config
}
