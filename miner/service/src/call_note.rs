//! Facts about one call for its log line: the caller, the tenant, the subject and the outcome.
//!
//! The call's handler adds what it learns; the line is written once, when the call has ended.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Extensions;

use super::caller::Caller;
use super::connection::ConnectionInfo;
use super::echo::cut;
use super::limits::ECHO_BYTES_MAX;

/// Facts that a handler adds about its call. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallNote(Arc<Mutex<Noted>>);

/// The fields of the log line. Callers' texts are truncated but not escaped: the log quotes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    /// Who makes the call; `None`: nobody who could be identified.
    pub(super) caller: Option<Caller>,
    pub(super) tenant: Option<String>,
    pub(super) network: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) job_id: Option<String>,
    /// Result of a call that succeeded ("valid", "accepted"); `None` means "ok".
    pub(super) outcome: Option<&'static str>,
    /// More detail, as text.
    pub(super) detail: Option<String>,
}

impl CallNote {
    /// Returns the note of the call that a request belongs to; an unused one if the request has none.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    pub(crate) fn caller(&self, caller: &Caller) {
        self.lock().caller = Some(caller.clone());
    }

    pub(crate) fn tenant(&self, tenant: &str) {
        self.lock().tenant = text(tenant);
    }

    pub(crate) fn network(&self, network: &str) {
        self.lock().network = text(network);
    }

    pub(crate) fn request_id(&self, request_id: &str) {
        self.lock().request_id = text(request_id);
    }

    pub(crate) fn job_id(&self, job_id: &str) {
        self.lock().job_id = text(job_id);
    }

    pub(crate) fn outcome(&self, outcome: &'static str) {
        self.lock().outcome = Some(outcome);
    }

    pub(crate) fn detail(&self, detail: &str) {
        self.lock().detail = text(detail);
    }

    pub(super) fn noted(&self) -> Noted {
        self.lock().clone()
    }

    /// A poisoned lock is still usable: every change is one assignment.
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a text that a caller may have left empty.
fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text, ECHO_BYTES_MAX))
}

/// Returns the remote address of the connection.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectionInfo>().map(|info| info.peer)
}
