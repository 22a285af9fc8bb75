//! Why there are no figures, and why a drill could not run.

use std::path::{Path, PathBuf};

use cityseal_chain::TemplateError;
use cityseal_cli::files::OutputError;
use cityseal_cli::{CliError, Explain};
use cityseal_client::ClientError;
use cityseal_device::DeviceError;
use cityseal_engine::{BuildError, VerifyRequestError};
use cityseal_input::InputError;
use cityseal_service::ServeError;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A file, the folder of records or stdout.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The measured chain could not be read back.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The verifier refused the request.
    #[error(transparent)]
    VerifyRequest(#[from] VerifyRequestError),
    /// The template of a measured job is invalid.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A device failed while it was measured.
    #[error("{device}: {source}")]
    Device {
        /// The device.
        device: String,
        /// How it failed.
        source: DeviceError,
    },
    /// A device could not be opened.
    #[error("{device}: {reason}")]
    NotReady {
        /// The device.
        device: String,
        /// Why.
        reason: String,
    },
    /// No device can run the mode.
    #[error("no chosen device can run --mode {mode}")]
    NothingToMeasure {
        /// The mode.
        mode: &'static str,
    },
    /// The mode works on whole chains, not on batches of one size.
    #[error("--by-batch: --mode {mode} has no batches whose size could be chosen")]
    NoBatches {
        /// The mode.
        mode: &'static str,
    },
    /// A file is not a record.
    #[error("{}: not a record of bench: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: serde_json::Error,
    },
    /// A record has impossible figures.
    #[error("{}: rows[{row}]: {reason}", path.display())]
    RecordRow {
        /// The file.
        path: PathBuf,
        /// The row, counted from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder holds no records.
    #[error("{}: no record (*.json) in this folder or those below it", path.display())]
    NoRecords {
        /// The folder.
        path: PathBuf,
    },
    /// A plot of the report could not be drawn.
    #[error("a plot could not be drawn: {message}")]
    Plot {
        /// The message of the drawing library.
        message: String,
    },
    /// Two sides of a comparison have no row in common.
    #[error("{} and {} have no row in common (device, kernel, mode, threads)", before.display(), after.display())]
    NothingInCommon {
        /// The first side.
        before: PathBuf,
        /// The second side.
        after: PathBuf,
    },
    /// The service that is measured could not start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A call to the measured service failed.
    #[error(transparent)]
    Client(Box<ClientError>),
}

impl From<OutputError> for BenchError {
    fn from(error: OutputError) -> Self {
        Self::Cli(error.into())
    }
}

impl From<ClientError> for BenchError {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl Explain for BenchError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Build(_) => "no-engine",
            Self::Input(error) => error.reason(),
            Self::VerifyRequest(_) => "bad-request",
            Self::Template(_) => "bad-template",
            Self::Device { .. } => "device-failed",
            Self::NotReady { .. } => "device-not-ready",
            Self::NothingToMeasure { .. } | Self::NoBatches { .. } => "nothing-to-measure",
            Self::Record { .. } | Self::RecordRow { .. } => "bad-record",
            Self::NoRecords { .. } => "no-records",
            Self::Plot { .. } => "plot-failed",
            Self::NothingInCommon { .. } => "nothing-in-common",
            Self::Serve(_) => "service-failed",
            Self::Client(_) => "call-failed",
        }
    }

    fn place(&self) -> Option<String> {
        let shown = |path: &Path| Some(path.display().to_string());
        match self {
            Self::Cli(error) => error.place(),
            Self::Input(error) => error.place(),
            Self::Record { path, .. } | Self::RecordRow { path, .. } | Self::NoRecords { path } => shown(path),
            Self::Device { device, .. } | Self::NotReady { device, .. } => Some(device.clone()),
            Self::Build(_)
            | Self::VerifyRequest(_)
            | Self::Template(_)
            | Self::NothingToMeasure { .. }
            | Self::NoBatches { .. }
            | Self::Plot { .. }
            | Self::NothingInCommon { .. }
            | Self::Serve(_)
            | Self::Client(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Self::Input(error) = self { error.hint() } else { None }
    }
}

/// Why a drill could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// Stdout.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// An engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The verifier refused the request.
    #[error(transparent)]
    VerifyRequest(#[from] VerifyRequestError),
    /// The template of the job is invalid.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A device could not be opened again.
    #[error("{device}: {reason}")]
    NotReady {
        /// The device.
        device: String,
        /// Why.
        reason: String,
    },
}

impl Explain for DrillError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Build(_) => "no-engine",
            Self::VerifyRequest(_) => "bad-request",
            Self::Template(_) => "bad-template",
            Self::NotReady { .. } => "device-not-ready",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::NotReady { device, .. } => Some(device.clone()),
            Self::Build(_) | Self::VerifyRequest(_) | Self::Template(_) => None,
        }
    }
}
