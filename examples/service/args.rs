//! The command line, checked before anything starts. Knows nothing of guests or of tokio.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Thousands of untrusted guests share a few worker threads of one tokio process.
///
/// Without `--listen` the service drives a load against itself over loopback HTTP, first without hostile guests and then with
/// them, prints what happened to each, and exits with 0 only if every promise held.
#[derive(Debug, Parser)]
#[command(name = "service", version)]
pub(crate) struct Args {
    /// Only serve `GET /<guest>?name=...` on this address, until killed
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,

    /// How long to load the service with hostile guests; a shorter run without them comes first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(6..=86_400))]
    pub(crate) seconds: u64,

    /// Connections that keep one well-behaved guest alive each
    #[arg(long, default_value_t = 2_500, value_parser = clap::value_parser!(u32).range(50..=25_000))]
    pub(crate) guests: u32,

    /// Connections that keep one hostile guest alive each
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(50..=25_000))]
    pub(crate) hostile: u32,

    /// Worker threads of the service's tokio runtime
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) workers: u16,

    /// Where the guests are: each `NAME.wasm` here answers under `/NAME`
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/guests"))]
    pub(crate) dir: PathBuf,
}
