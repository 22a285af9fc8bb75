//! What the log says of one call: who called, on whose behalf, about what, and what came of it.
//!
//! A call's handler adds what it learns; the line is written once, when the call has ended.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Extensions;

use super::connection::ConnectionInfo;
use super::echo::cut;
use super::limits::ECHO_BYTES_MAX;

/// What a handler learns of its call. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallNote(Arc<Mutex<Noted>>);

/// The fields of the line. Texts of callers are cut and not escaped: the log quotes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    pub(super) tenant: Option<String>,
    pub(super) network: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) job_id: Option<String>,
    /// What a call that succeeded came to ("valid", "accepted"); absent: "ok".
    pub(super) outcome: Option<&'static str>,
    /// More of it, in words.
    pub(super) detail: Option<String>,
}

impl CallNote {
    /// The note of the call that a request belongs to; one that nobody reads where the request came some other way.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
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

    /// A poisoned lock is entered all the same: every change is one assignment.
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text that a caller may have left empty.
fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text, ECHO_BYTES_MAX))
}

/// The address at the other end of the connection.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectionInfo>().map(|info| info.peer)
}
