//! Why a command could not set up its engine. The errors of the commands have it as their source.

use cityseal_cli::Explain;
use cityseal_engine::BuildError;

use crate::config::ConfigError;

/// Why a command could not set up its engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SetupError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Explain for SetupError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Config(error) => error.reason(),
            Self::Build(_) => "no-engine",
        }
    }

    fn place(&self) -> Option<String> {
        if let Self::Config(error) = self { error.place() } else { None }
    }
}
