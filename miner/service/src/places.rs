//! Places of callers, within the limits of their tenants.

use std::net::SocketAddr;
use std::sync::Arc;

use super::caller::Caller;
use super::refusal::Refusal;
use super::shares::{Full, Holder, Place, Shares};

/// The limit that a caller has reached.
#[derive(Debug)]
pub(crate) enum Reached {
    /// That of its tenant.
    Tenant { name: Arc<str>, max: usize },
    /// That of the service.
    Service,
}

impl Reached {
    /// The refusal for places of this kind, of which the service has `max`.
    pub(crate) fn refusal(self, what: &'static str, max: usize) -> Refusal {
        match self {
            Self::Tenant { name, max } => Refusal::Quota { subject: format!("tenant '{name}'"), what, max },
            Self::Service => Refusal::Quota { subject: "service".to_owned(), what, max },
        }
    }
}

/// Takes a place for a caller; `own_max` is the limit of its tenant, if that has one.
///
/// # Errors
/// Returns the limit that was reached.
pub(crate) fn take_place(
    shares: &Arc<Shares>,
    caller: &Caller,
    peer: Option<SocketAddr>,
    own_max: Option<usize>,
) -> Result<Place, Reached> {
    let taken = shares.take_within(Holder::of(caller, peer), own_max.unwrap_or(usize::MAX));
    taken.map_err(|full| match (full, caller.tenant(), own_max) {
        (Full::Holder, Some(name), Some(max)) => Reached::Tenant { name: Arc::clone(name), max },
        (Full::Holder | Full::All, _, _) => Reached::Service,
    })
}
