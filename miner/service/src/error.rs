//! Why the service could not be started, or stopped by itself.

use std::io;
use std::net::SocketAddr;

use cityseal_engine::Blame;

/// Why the service could not be started, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Without TLS and authentication anybody could use what is not on loopback.
    #[error(
        "refusing to listen on {address}: the service has neither TLS nor authentication yet, so it takes loopback addresses \
         only (127.0.0.1, [::1])"
    )]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Another program listens there.
    #[error("port {} on {} is in use; choose another with --listen", address.port(), address.ip())]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The operating system refused the address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system gave no random numbers.
    #[error("no key for resume tokens: {source}")]
    Random {
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor set of the build is broken.
    #[error("the service's own description cannot be read: {source}")]
    Reflection {
        /// What is wrong with it.
        source: tonic_reflection::server::Error,
    },
    /// The server ended without being asked to.
    #[error("the server stopped: {source}")]
    Transport {
        /// What the transport said.
        source: tonic::transport::Error,
    },
    /// The accept loop ended without being asked to.
    #[error("the server stopped accepting connections")]
    Stopped,
}

impl ServeError {
    pub(crate) fn from_bind(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            return Self::PortInUse { address };
        }
        Self::Bind { address, source }
    }

    /// Who must act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::NotLoopback { .. } | Self::PortInUse { .. } | Self::Bind { .. } => Blame::Input,
            Self::Random { .. } | Self::Reflection { .. } | Self::Transport { .. } | Self::Stopped => Blame::Ours,
        }
    }
}
