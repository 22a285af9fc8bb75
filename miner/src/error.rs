//! Why the binary gave no answer: the sum of its commands' errors.

use cityseal_cli::{CliError, Ending, Explain};

use crate::commands::bench::BenchCommandError;
use crate::commands::bench::drill::DrillCommandError;
use crate::commands::certs::CertsCommandError;
use crate::commands::config::ConfigCommandError;
use crate::commands::devices::DevicesCommandError;
use crate::commands::journal::JournalCommandError;
use crate::commands::key::KeyCommandError;
use crate::commands::package::PackageCommandError;
use crate::commands::receipt::ReceiptCommandError;
use crate::commands::seal::SealCommandError;
use crate::commands::selftest::SelftestCommandError;
use crate::commands::serve::ServeCommandError;
use crate::commands::status::StatusCommandError;
use crate::commands::token::TokenCommandError;
use crate::commands::verify::VerifyCommandError;
use crate::demo::DemoError;

/// Why the binary gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CommandError {
    /// The log or the priority of the process, before any command.
    #[error(transparent)]
    Process(#[from] CliError),
    /// `devices`.
    #[error(transparent)]
    Devices(#[from] DevicesCommandError),
    /// `selftest`.
    #[error(transparent)]
    Selftest(#[from] SelftestCommandError),
    /// `bench`.
    #[error(transparent)]
    Bench(#[from] BenchCommandError),
    /// `seal`.
    #[error(transparent)]
    Seal(#[from] SealCommandError),
    /// `verify`.
    #[error(transparent)]
    Verify(#[from] VerifyCommandError),
    /// `receipt`.
    #[error(transparent)]
    Receipt(#[from] ReceiptCommandError),
    /// `key`.
    #[error(transparent)]
    Key(#[from] KeyCommandError),
    /// `certs`.
    #[error(transparent)]
    Certs(#[from] CertsCommandError),
    /// `token`.
    #[error(transparent)]
    Token(#[from] TokenCommandError),
    /// `serve`.
    #[error(transparent)]
    Serve(#[from] ServeCommandError),
    /// `journal`.
    #[error(transparent)]
    Journal(#[from] JournalCommandError),
    /// `status`.
    #[error(transparent)]
    Status(#[from] StatusCommandError),
    /// `demo`.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// `drill`.
    #[error(transparent)]
    Drill(#[from] DrillCommandError),
    /// `config`.
    #[error(transparent)]
    Config(#[from] ConfigCommandError),
    /// `completions` and `man`.
    #[error(transparent)]
    Package(#[from] PackageCommandError),
}

impl CommandError {
    fn inner(&self) -> &dyn Explain {
        match self {
            Self::Process(error) => error,
            Self::Devices(error) => error,
            Self::Selftest(error) => error,
            Self::Bench(error) => error,
            Self::Seal(error) => error,
            Self::Verify(error) => error,
            Self::Receipt(error) => error,
            Self::Key(error) => error,
            Self::Certs(error) => error,
            Self::Token(error) => error,
            Self::Serve(error) => error,
            Self::Journal(error) => error,
            Self::Status(error) => error,
            Self::Demo(error) => error,
            Self::Drill(error) => error,
            Self::Config(error) => error,
            Self::Package(error) => error,
        }
    }
}

impl Explain for CommandError {
    fn reason(&self) -> &'static str {
        self.inner().reason()
    }

    fn place(&self) -> Option<String> {
        self.inner().place()
    }

    fn hint(&self) -> Option<String> {
        self.inner().hint()
    }
}

impl From<&CommandError> for Ending {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::Process(_)
            | CommandError::Devices(_)
            | CommandError::Selftest(_)
            | CommandError::Bench(_)
            | CommandError::Seal(_)
            | CommandError::Verify(_)
            | CommandError::Receipt(_)
            | CommandError::Key(_)
            | CommandError::Certs(_)
            | CommandError::Token(_)
            | CommandError::Serve(_)
            | CommandError::Journal(_)
            | CommandError::Status(_)
            | CommandError::Demo(_)
            | CommandError::Drill(_)
            | CommandError::Config(_)
            | CommandError::Package(_) => Self::Neither,
        }
    }
}
