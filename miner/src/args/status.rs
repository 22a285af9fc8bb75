//! The flags of `status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values;

const STATUS_EXAMPLES: &str = "\
Examples:
  cityseal status                                    the service on 127.0.0.1:50051
  cityseal status --refusals 50                      and why it refused the last 50 calls
  cityseal status --address seal.city.example.org:50051 --ca pki/ca.pem --token-file viewer.token
  cityseal status --json

A credential with the scope `read` sees its own tenant, one with `operate` all of them. `cityseal serve --dashboard`
shows the same in a browser.

Exit codes: 0 the service serves, 1 it does not (no device is ready, or it drains), 2 anything else, such as no answer.";

/// Options of `status`.
#[derive(Clone, Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    /// The address of the service: HOST:PORT, with http:// or https:// if needed.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    pub address: String,
    /// Connect over TLS, and trust the CAs in this PEM file.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Present this client certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "ca", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key of the client certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Send the token in this file (from `cityseal token`).
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Show why the service refused the last N calls, 0 to 1000.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(..=1000))]
    pub refusals: u32,
    /// Give up after this many seconds without an answer.
    #[arg(long, value_name = "S", default_value = "5", value_parser = values::seconds)]
    pub timeout: Duration,
}
