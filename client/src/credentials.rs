//! TLS and the credentials of the caller: its certificate and its bearer token.
//!
//! Neither `Debug` nor an error shows a key or a token.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use tonic::{Request, Status};

/// The prefix of every token of the service: the program and the format.
const TOKEN_PREFIX: &str = "cs1_";
/// Maximum length of a token in bytes: the service's have 85.
const TOKEN_BYTES_MAX: usize = 256;

/// TLS to a service: whom to trust, and the client's own certificate.
///
/// ```
/// use cityseal_client::{ClientOptions, Tls};
///
/// fn options(ca: &str, certificate: &str, key: String) -> ClientOptions {
///     ClientOptions::new("https://seal.city.example.org:50051").tls(Tls::new(ca).identity(certificate, key))
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Tls {
    ca_pem: String,
    identity: Option<(String, Arc<SecretString>)>,
    server_name: Option<String>,
}

impl Tls {
    /// Trusts services whose certificate was issued by one of these CAs, in PEM. The CAs of the system are not trusted.
    pub fn new(ca_pem: impl Into<String>) -> Self {
        Self { ca_pem: ca_pem.into(), identity: None, server_name: None }
    }

    /// Presents this certificate (followed by its intermediate certificates) with its private key, both in PEM.
    pub fn identity(self, certificate_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        let key = Arc::new(SecretString::from(key_pem.into()));
        Self { identity: Some((certificate_pem.into(), key)), ..self }
    }

    /// Expects a certificate for this name instead of the host of the address, such as behind a port forwarding.
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    pub(crate) fn to_config(&self) -> ClientTlsConfig {
        let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.ca_pem));
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key.expose_secret()));
        }
        match &self.server_name {
            Some(name) => config.domain_name(name),
            None => config,
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (identity, server_name) = (self.identity.is_some(), &self.server_name);
        f.debug_struct("Tls").field("has_identity", &identity).field("server_name", server_name).finish_non_exhaustive()
    }
}

/// What is wrong with the credentials of a client. No message repeats one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialProblem {
    /// An `https` address without a CA to trust.
    #[error("an https:// address needs the CA of the service; set it with `ClientOptions::tls`")]
    NoCa,
    /// TLS for an `http` address.
    #[error("TLS is configured, but the address begins with http://; use https://")]
    NotHttps,
    /// A token that everybody on the network could read.
    #[error("a token is sent over https:// only, or to a loopback address")]
    TokenWithoutTls,
    /// Not a token.
    #[error("this is not a token; expected cs1_ID_SECRET, as `cityseal token` wrote it")]
    Token,
    /// The CA, the certificate, the key or the server name cannot be used.
    #[error("the CA, the certificate, the key (all in PEM) or the server name cannot be used")]
    Tls,
}

/// A bearer token, as the options hold it.
#[derive(Clone)]
pub(crate) struct Token(Arc<SecretString>);

impl Token {
    /// Whitespace around the token is ignored, such as the line break at the end of its file.
    pub(crate) fn new(text: &str) -> Self {
        Self(Arc::new(SecretString::from(text.trim().to_owned())))
    }

    pub(crate) fn to_bearer(&self) -> Result<Bearer, CredentialProblem> {
        let token = self.0.expose_secret();
        let is_token = token.starts_with(TOKEN_PREFIX)
            && token.len() <= TOKEN_BYTES_MAX
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token {
            return Err(CredentialProblem::Token);
        }
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| CredentialProblem::Token)?;
        // `Debug` does not show it, and HTTP/2 does not put it into its header table.
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Adds the token, if there is one, to each call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "cs1_0011223344556677_canarycanarycanary";

    #[test]
    fn a_token_is_sent_as_a_bearer_token_and_shown_nowhere() {
        let token = Token::new(&format!("{TOKEN}\n"));
        let mut bearer = token.to_bearer().unwrap();
        let request = bearer.call(Request::new(())).unwrap();
        let sent = request.metadata().get("authorization").unwrap();
        assert_eq!(sent.to_str().unwrap(), format!("Bearer {TOKEN}"));
        let tls = Tls::new("ca").identity("certificate", "canarycanary");
        let shown = format!("{token:?} {bearer:?} {request:?} {tls:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_without_showing_it() {
        for text in ["", "canary", "cs1_a\nb", "cs1_\u{fc}", &format!("cs1_{}", "a".repeat(TOKEN_BYTES_MAX))] {
            let problem = Token::new(text).to_bearer().unwrap_err();
            assert_eq!(problem, CredentialProblem::Token, "{text}");
            assert!(!problem.to_string().contains("canary"));
        }
    }
}
