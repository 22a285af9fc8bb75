//! The flags of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{EngineArgs, examples, values};

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::SERVE)]
pub struct ServeArgs {
    /// Listen on this address; port 0 picks a free port (default: 127.0.0.1:50051). Beyond loopback the configuration
    /// must have TLS and the identity of callers (see `cityseal certs`).
    #[arg(long, value_name = "IP:PORT", value_parser = values::listen)]
    pub listen: Option<SocketAddr>,
    /// Offer metrics for Prometheus on this address (GET /metrics). Beyond loopback they need the TLS of the service
    /// and a credential with the scope `metrics`.
    #[arg(long, value_name = "IP:PORT", value_parser = values::listen)]
    pub metrics: Option<SocketAddr>,
    /// Write an event log in DIR: jobs, refusals, reloads, devices, drains; one JSON object a line.
    #[arg(long, value_name = "DIR")]
    pub events: Option<PathBuf>,
    /// Show a dashboard on this address, such as 127.0.0.1:8080. Beyond loopback the configuration must have TLS and
    /// tokens, with which people log in.
    #[arg(long, value_name = "IP:PORT", value_parser = values::listen)]
    pub dashboard: Option<SocketAddr>,
    /// Show the benchmark records of this machine from this folder on the dashboard (see `cityseal bench --record`).
    #[arg(long, value_name = "DIR")]
    pub records: Option<PathBuf>,
    /// Sign receipts with the secret key in FILE (from `cityseal key new`). Without a key the service issues none.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// After a stop signal, report `NOT_SERVING` but go on serving for this long, so that load balancers move away
    /// first (0 to 3600; default: 5).
    #[arg(long, value_name = "SECONDS", value_parser = values::lame_duck)]
    pub lame_duck: Option<Duration>,
    /// The devices to use.
    #[command(flatten)]
    pub engine: EngineArgs,
}
