//! The network of a chain: a built-in one, a custom signet, or custom network parameters.

use std::path::{Path, PathBuf};

use cityseal_chain::{Network, Parameters, ParametersError};
use cityseal_cli::files::read_text;
use cityseal_cli::{CliError, Explain};

use crate::args::values::SignetChallenge;

/// Maximum size of a file of network parameters.
const PARAMETERS_BYTES_MAX: u64 = 1024 * 1024;

/// Why there are no parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NetworkError {
    /// The file of the parameters cannot be read.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// No network has that name.
    #[error("unknown network `{name}`; expected {known}, or a FILE.toml of custom network parameters")]
    Unknown {
        /// The name given.
        name: String,
        /// The known names.
        known: String,
    },
    /// A challenge was given for a network that is not a signet.
    #[error(
        "--signet-challenge is for --network signet, found --network {network}; a TOML file has its own \
         `signet_challenge`"
    )]
    ChallengeWithoutSignet {
        /// The requested network.
        network: String,
    },
    /// The custom network parameters are invalid.
    #[error("{}: {source}", path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: ParametersError,
    },
}

impl Explain for NetworkError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Unknown { .. } => "unknown-network",
            Self::ChallengeWithoutSignet { .. } => "challenge-without-signet",
            Self::Parameters { .. } => "bad-parameters",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Parameters { path, .. } => Some(path.display().to_string()),
            Self::Unknown { .. } | Self::ChallengeWithoutSignet { .. } => None,
        }
    }
}

/// The parameters of a built-in network, of a custom signet, or in a TOML file.
pub(crate) fn parameters(name: &str, challenge: Option<&SignetChallenge>) -> Result<Parameters, NetworkError> {
    if let Some(SignetChallenge(challenge)) = challenge {
        if name != Network::Signet.name() {
            return Err(NetworkError::ChallengeWithoutSignet { network: name.into() });
        }
        return Ok(Parameters::of(Network::Signet).with_signet_challenge(challenge.clone()));
    }
    if let Some(network) = Network::ALL.into_iter().find(|network| network.name() == name) {
        return Ok(Parameters::of(network));
    }
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let known = Network::ALL.map(Network::name).join(", ");
        return Err(NetworkError::Unknown { name: name.into(), known });
    }
    let text =
        read_text(path, PARAMETERS_BYTES_MAX).map_err(|source| CliError::ReadFile { path: path.into(), source })?;
    Parameters::from_toml(&text).map_err(|source| NetworkError::Parameters { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_unknown_network_is_refused_with_the_known_names() {
        let message = parameters("mainet", None).unwrap_err().to_string();
        assert!(message.contains("`mainet`") && message.contains("mainnet, testnet3"), "{message}");
        assert_eq!(parameters("regtest", None).unwrap().name(), "regtest");
    }

    #[test]
    fn a_missing_parameter_file_is_a_read_error() {
        let error = parameters("nowhere/city.toml", None).unwrap_err();
        let NetworkError::Cli(CliError::ReadFile { source, .. }) = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
    }
}
