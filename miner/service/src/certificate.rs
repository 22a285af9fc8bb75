//! The certificate of a client, as far as the service uses it: its URIs and its end.
//!
//! rustls has verified the chain before; this module only reads it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;

/// The certificate chain with which a client opened its connection.
pub(crate) struct PeerCertificate {
    /// The client's own certificate first.
    chain: Vec<CertificateDer<'static>>,
    uris: Vec<String>,
    /// The Unix time from which on it is refused.
    not_after: u64,
    /// The generation of the configuration under which the chain was found valid last; 0 for none.
    valid_in: AtomicU64,
}

impl PeerCertificate {
    /// Reads a chain; `None` if it is empty.
    pub(crate) fn new(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let first = chain.first()?;
        // A certificate that cannot be parsed belongs to no tenant.
        let facts = Facts::of(first).unwrap_or_default();
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        Some(Self { chain, uris: facts.uris, not_after: facts.not_after, valid_in: AtomicU64::new(0) })
    }

    /// The URIs of its subject alternative names.
    pub(crate) fn uris(&self) -> &[String] {
        &self.uris
    }

    pub(crate) const fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether the chain is valid under the configuration of this generation. `verify` is called once for each.
    pub(crate) fn is_valid_in(&self, generation: u64, verify: impl FnOnce(&[CertificateDer<'static>]) -> bool) -> bool {
        if self.valid_in.load(Ordering::Relaxed) == generation {
            return true;
        }
        let is_valid = verify(&self.chain);
        if is_valid {
            self.valid_in.store(generation, Ordering::Relaxed);
        }
        is_valid
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate").field("uris", &self.uris).finish_non_exhaustive()
    }
}

/// What the service reads in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) uris: Vec<String>,
    /// The first second after its validity, as Unix time.
    pub(crate) not_after: u64,
}

impl Facts {
    /// Reads a certificate in DER; `None` if it cannot be parsed.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let names = parsed.subject_alternative_name().ok()?;
        let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let uri =
            |name: &GeneralName<'_>| if let GeneralName::URI(uri) = name { Some((*uri).to_owned()) } else { None };
        let last = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        Some(Self { uris: names.iter().filter_map(uri).collect(), not_after: last.saturating_add(1) })
    }
}
