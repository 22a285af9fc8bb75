//! `cityseal status`: what a running service does, and why it refused calls.

mod text;

use std::path::{Path, PathBuf};

use cityseal_cli::signals::runtime;
use cityseal_cli::{CliError, Ending, Explain, files};
use cityseal_client::{
    Client, ClientError, ClientOptions, RefusedCall, RetryPolicy, ServingState, StatusReport, StatusRequest, Tls,
};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::args::StatusArgs;
use crate::context::Context;
use crate::json::StatusAnswer;

/// Maximum size of a certificate, key or token file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Refusals per call; more are read page by page.
const PAGE: u32 = 256;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StatusCommandError {
    /// A file, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The service.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The service did not answer in time.
    #[error("no answer from {address} within {seconds} s")]
    Timeout {
        /// The address.
        address: String,
        /// The limit.
        seconds: f64,
    },
}

impl Explain for StatusCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Client(ClientError::Address { .. }) => "bad-address",
            Self::Client(ClientError::Credential(_)) => "bad-credential",
            Self::Client(ClientError::Unreachable { .. }) | Self::Timeout { .. } => "service-unreachable",
            Self::Client(_) => "call-failed",
        }
    }

    fn place(&self) -> Option<String> {
        if let Self::Cli(error) = self { error.place() } else { None }
    }
}

pub(crate) fn run(context: &Context, args: &StatusArgs) -> Result<Ending, StatusCommandError> {
    let options = options(args)?;
    let runtime = runtime(1).map_err(CliError::System)?;
    let asked = runtime.block_on(async { timeout(args.timeout, ask(options, args.refusals)).await });
    let late = || StatusCommandError::Timeout { address: args.address.clone(), seconds: args.timeout.as_secs_f64() };
    let report = asked.map_err(|_| late())??;
    let is_serving = report.service.state == ServingState::Serving;
    let answer = StatusAnswer::from(report.clone());
    context.output.answer(&answer, |output| text::human(output, &report)).map_err(CliError::Stdout)?;
    Ok(if is_serving { Ending::Yes } else { Ending::No })
}

async fn ask(options: ClientOptions, refusals: u32) -> Result<StatusReport, ClientError> {
    let client = Client::connect(options).await?;
    let mut report = client.status(&StatusRequest::new().refusals(refusals.min(PAGE))).await?;
    while (report.refusals.len() as u32) < refusals {
        let Some(RefusedCall { seq, .. }) = report.refusals.last() else { break };
        let missing = refusals - report.refusals.len() as u32;
        let page = client.status(&StatusRequest::new().refusals(missing.min(PAGE)).before(*seq)).await?.refusals;
        if page.is_empty() {
            break;
        }
        report.refusals.extend(page);
    }
    Ok(report)
}

/// Reads the files of TLS and the token.
fn options(args: &StatusArgs) -> Result<ClientOptions, CliError> {
    // A person waits, so a refusal is shown at once.
    let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
    let mut options = ClientOptions::new(&args.address).retry(once);
    if let Some(ca) = &args.ca {
        let mut tls = Tls::new(read(ca)?);
        if let Some((certificate, key)) = args.cert.as_ref().zip(args.key.as_ref()) {
            tls = tls.identity(read(certificate)?, read(key)?);
        }
        options = options.tls(tls);
    }
    if let Some(file) = &args.token_file {
        options = options.bearer_token(&*Zeroizing::new(read(file)?));
    }
    Ok(options)
}

fn read(path: &Path) -> Result<String, CliError> {
    files::read_text(path, FILE_BYTES_MAX).map_err(|source| CliError::ReadFile { path: PathBuf::from(path), source })
}
