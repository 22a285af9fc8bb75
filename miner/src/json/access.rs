//! The answers of `certs` and `token`. None holds a secret, only the paths of the files that do.

use serde::Serialize;

/// The answer of `certs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CertsAnswer {
    /// The certificate of the CA.
    pub(crate) ca: String,
    /// Its secret key.
    pub(crate) ca_key: String,
    /// The first second after the validity of the CA, as Unix time.
    pub(crate) ca_not_after: u64,
    /// The revocation list.
    pub(crate) crl: String,
    /// The certificate of the service.
    pub(crate) server: ServerRow,
    /// A certificate for each tenant.
    pub(crate) clients: Vec<ClientRow>,
    /// The first second after the validity of the certificates, as Unix time.
    pub(crate) not_after: u64,
    /// Tables for the configuration file, in TOML.
    pub(crate) configuration: String,
}

/// The answer of `certs add`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CertsAddAnswer {
    /// The certificate of the service, if there is a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<ServerRow>,
    /// A certificate for each tenant.
    pub(crate) clients: Vec<ClientRow>,
    /// The first second after the validity of the certificates, as Unix time.
    pub(crate) not_after: u64,
}

/// The answer of `certs revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CertsRevokeAnswer {
    /// The revocation list.
    pub(crate) crl: String,
    /// The serial numbers in it, in hex.
    pub(crate) serials: Vec<String>,
}

/// The certificate of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServerRow {
    /// The names and addresses for which it is valid.
    pub(crate) names: Vec<String>,
    /// The file of the certificate.
    pub(crate) certificate: String,
    /// The file of its secret key.
    pub(crate) key: String,
}

/// The certificate of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ClientRow {
    /// The tenant.
    pub(crate) tenant: String,
    /// The URI in the certificate.
    pub(crate) uri: String,
    /// The serial number in hex.
    pub(crate) serial: String,
    /// The file of the certificate.
    pub(crate) certificate: String,
    /// The file of its secret key.
    pub(crate) key: String,
}

/// The answer of `token`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TokenAnswer {
    /// The id of the token, which is not secret.
    pub(crate) id: String,
    /// The tenant.
    pub(crate) tenant: String,
    /// What it may do.
    pub(crate) scopes: Vec<&'static str>,
    /// The Unix time from which on it is refused.
    pub(crate) not_after: u64,
    /// The file of the token.
    pub(crate) token_file: String,
    /// The line for the service's file of tokens.
    pub(crate) line: String,
}
