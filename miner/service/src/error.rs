//! Errors of starting and running the service.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use cityseal_journal::JournalError;

use super::access::AccessError;
use super::jobs::OpenError;

/// Reason why the service could not be started, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Without TLS and identity anyone could use an address beyond loopback.
    #[error(
        "refusing to listen on {address}: beyond loopback the service needs TLS and the identity of its callers, and \
         the configuration lacks {missing}. Set `cert`, `key` and `client_ca` in [tls] (`cityseal certs` makes them), \
         or `tokens` (`cityseal token`) instead of `client_ca`; or listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// The requested address.
        address: SocketAddr,
        /// What the configuration lacks.
        missing: &'static str,
    },
    /// A dashboard on this address needs more than the configuration has.
    #[error(
        "refusing to show the dashboard on {address}: the configuration lacks {missing}. Set `tokens` (`cityseal token`) \
         and, beyond loopback, `cert` and `key` in [tls] (`cityseal certs`); or show it on 127.0.0.1 or [::1]"
    )]
    DashboardAccess {
        /// The requested address.
        address: SocketAddr,
        /// What the configuration lacks.
        missing: &'static str,
    },
    /// The files of TLS and identity cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Another program listens on this port.
    #[error("port {} on {} is in use; choose another with --listen or --dashboard", address.port(), address.ip())]
    PortInUse {
        /// The requested address.
        address: SocketAddr,
    },
    /// The operating system refused the address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The event log cannot be written.
    #[error("event log in {}: {source}", folder.display())]
    Events {
        /// The folder.
        folder: PathBuf,
        /// The error of the operating system; `WouldBlock` if another service uses the folder.
        source: io::Error,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The operating system provided no random numbers.
    #[error("cannot create a key: the system provides no random numbers: {source}")]
    Random {
        /// The error of the operating system.
        source: io::Error,
    },
    /// The descriptor set of this build is invalid.
    #[error("invalid protobuf descriptor set in this build: {source}")]
    Reflection {
        /// The error of the reflection service.
        source: tonic_reflection::server::Error,
    },
    /// The server ended unexpectedly.
    #[error("the server stopped: {source}")]
    Transport {
        /// The error of the transport.
        source: tonic::transport::Error,
    },
    /// The accept loop ended unexpectedly.
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
}

impl From<OpenError> for ServeError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Journal(error) => Self::Journal(error),
            OpenError::Random(source) => Self::Random { source },
        }
    }
}
