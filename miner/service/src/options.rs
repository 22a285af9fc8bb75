//! What a service is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cityseal_receipt::SecretKey;

use super::access::{Access, AccessSource, ReloadStatus};
use super::dashboard::DashboardOptions;
use super::error::ServeError;
use super::limit_table::Limits;
use super::limits::LAME_DUCK_MAX;

/// The commit in receipts of a program that does not name its own.
const COMMIT_UNKNOWN: &str = "unknown";

/// Configuration of a [`Service`](crate::Service).
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceOptions {
    pub(crate) listen: SocketAddr,
    pub(crate) lame_duck: Duration,
    pub(crate) limits: Limits,
    pub(crate) signer: Option<Arc<SecretKey>>,
    pub(crate) commit: &'static str,
    pub(crate) access: AccessSource,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) events: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) dashboard: Option<DashboardOptions>,
}

impl ServiceOptions {
    /// Creates options for an address; with port 0 the operating system chooses a free port. Without
    /// [`access`](Self::access) it must be a loopback address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            lame_duck: Duration::ZERO,
            limits: Limits::default(),
            signer: None,
            commit: COMMIT_UNKNOWN,
            access: AccessSource::default(),
            metrics: None,
            events: None,
            state: None,
            dashboard: None,
        }
    }

    /// Sets the folder of the journal, in which jobs survive the end of the service and a crash. It is made if it does
    /// not exist. Default: none, jobs are kept in memory only.
    pub fn state(self, folder: impl Into<PathBuf>) -> Self {
        Self { state: Some(folder.into()), ..self }
    }

    /// Sets who may call, and over which TLS. Default: everybody on loopback, without TLS.
    pub fn access(self, access: AccessSource) -> Self {
        Self { access, ..self }
    }

    /// Sets the address of the metrics (`GET /metrics`), a port of its own. Beyond loopback it has the TLS of the
    /// service, and a reader needs a credential with the scope `metrics`. Default: no metrics.
    pub fn metrics(self, listen: SocketAddr) -> Self {
        Self { metrics: Some(listen), ..self }
    }

    /// Sets the folder of the event log. Default: no event log.
    pub fn events(self, folder: impl Into<PathBuf>) -> Self {
        Self { events: Some(folder.into()), ..self }
    }

    /// Shows a dashboard. Default: none.
    pub fn dashboard(self, dashboard: DashboardOptions) -> Self {
        Self { dashboard: Some(dashboard), ..self }
    }

    /// Sets the key that signs receipts and from which the key for resume tokens is derived. Default: none, which means
    /// no receipts, and tokens that are valid only until the service ends.
    pub fn signer(self, key: Arc<SecretKey>) -> Self {
        Self { signer: Some(key), ..self }
    }

    /// The commit that the program was built from, for its receipts. Default: `unknown`.
    pub fn commit(self, commit: &'static str) -> Self {
        Self { commit, ..self }
    }

    /// Sets how long the service goes on serving after its health has become `NOT_SERVING`, before it refuses anything;
    /// at most [`LAME_DUCK_MAX`]. Default: 0.
    pub fn lame_duck(self, lame_duck: Duration) -> Self {
        Self { lame_duck: lame_duck.min(LAME_DUCK_MAX), ..self }
    }

    /// Sets all limits that are not constants.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets how long a drain waits for open calls before it closes them ([`Limits::drain`]).
    pub fn drain_max(mut self, drain_max: Duration) -> Self {
        self.limits.drain = drain_max;
        self
    }

    /// Sets how many events of a job are kept for late watchers ([`Limits::job_events`]).
    pub fn job_events_max(mut self, job_events_max: usize) -> Self {
        self.limits.job_events = job_events_max;
        self
    }

    /// Checks what [`Service::bind`](crate::Service::bind) would check before it listens: the addresses, TLS, tokens
    /// and tenants. Listens nowhere.
    ///
    /// # Errors
    /// Returns [`ServeError::NotLoopback`], [`ServeError::DashboardAccess`] or [`ServeError::Access`].
    pub fn check(&self) -> Result<ReloadStatus, ServeError> {
        Ok(self.load_access()?.status())
    }

    pub(crate) fn load_access(&self) -> Result<Access, ServeError> {
        let settings = self.access.settings();
        for address in [Some(self.listen), self.metrics].into_iter().flatten() {
            settings.check_for(address).map_err(|missing| ServeError::NotLoopback { address, missing })?;
        }
        if let Some(address) = self.dashboard.as_ref().map(|dashboard| dashboard.listen) {
            settings.check_for_pages(address).map_err(|missing| ServeError::DashboardAccess { address, missing })?;
        }
        Ok(Access::load(self.access.clone())?)
    }
}
