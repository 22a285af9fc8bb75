//! The dashboard: pages for people, rendered by the service itself, on a listener of their own.
//!
//! On loopback without identities everybody may look. Everywhere else it needs TLS and a login with a token that has
//! the scope `read`; only `operate` shows more than the token's tenant. Nothing can be changed here.

mod attempts;
mod charts;
mod guard;
mod page;
mod panes;
mod records;
mod routes;
mod server;
mod sessions;
mod words;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use self::attempts::Attempts;
use self::records::Records;
pub use self::records::{RecordRow, RecordsError};
use self::sessions::Sessions;
use super::access::{Access, Presented};
use super::caller::{Caller, Scope};
use super::error::ServeError;
use super::limits::DASHBOARD_STREAMS_MAX;
use super::listener::{Listening, accept};
use super::log_budget::LogBudget;
use super::status::StatusBoard;

/// Where the dashboard is shown, and what else than the service itself.
#[derive(Clone)]
#[must_use]
pub struct DashboardOptions {
    pub(crate) listen: SocketAddr,
    records: Option<records::Source>,
}

impl DashboardOptions {
    /// A dashboard on an address; with port 0 the operating system chooses a free port. Beyond loopback the service
    /// must have TLS and tokens.
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, records: None }
    }

    /// Shows benchmark records, which `read` returns, at most once a minute and on a thread that may block.
    pub fn records(self, read: impl Fn() -> Result<Vec<RecordRow>, RecordsError> + Send + Sync + 'static) -> Self {
        Self { records: Some(Arc::new(read)), ..self }
    }
}

impl fmt::Debug for DashboardOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_records = self.records.is_some();
        f.debug_struct("DashboardOptions").field("listen", &self.listen).field("has_records", &has_records).finish()
    }
}

/// A bound dashboard.
#[derive(Debug)]
pub(crate) struct Dashboard {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    pages: Arc<Pages>,
}

/// What the pages are made of.
#[derive(Debug)]
struct Pages {
    board: Arc<StatusBoard>,
    access: Arc<Access>,
    records: Records,
    sessions: Sessions,
    attempts: Attempts,
    /// One permit for each further stream of updates.
    streams: Arc<Semaphore>,
    /// Whether the address is loopback, where the name in each request must be too.
    is_loopback: bool,
}

/// Who looks at a page.
#[derive(Clone)]
enum Visitor {
    /// May look without a login.
    Local,
    /// Has logged in. The login is checked again by each request.
    Known { presented: Arc<Presented>, caller: Caller },
}

impl Visitor {
    fn caller(&self) -> Caller {
        match self {
            Self::Local => Caller::local(),
            Self::Known { caller, .. } => caller.clone(),
        }
    }
}

impl Dashboard {
    /// Binds the address.
    ///
    /// # Errors
    /// [`ServeError::DashboardAccess`] if the configuration lacks TLS or tokens for this address;
    /// [`ServeError::PortInUse`] or [`ServeError::Bind`].
    pub(crate) async fn bind(
        options: DashboardOptions,
        board: Arc<StatusBoard>,
        access: Arc<Access>,
    ) -> Result<Self, ServeError> {
        let wanted = options.listen;
        let refused = |missing| ServeError::DashboardAccess { address: wanted, missing };
        access.check_for_pages(wanted).map_err(refused)?;
        let listener = TcpListener::bind(wanted).await.map_err(|error| ServeError::from_bind(wanted, error))?;
        let address = listener.local_addr().map_err(|error| ServeError::from_bind(wanted, error))?;
        let pages = Pages {
            board,
            access,
            records: Records::new(options.records),
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            streams: Arc::new(Semaphore::new(DASHBOARD_STREAMS_MAX)),
            is_loopback: address.ip().to_canonical().is_loopback(),
        };
        Ok(Self { listener, address, pages: Arc::new(pages) })
    }

    /// Serves until it is dropped, or `cut` becomes true.
    pub(crate) async fn run(self, cut: watch::Receiver<bool>, budget: Arc<LogBudget>) {
        let router = routes::router(Arc::clone(&self.pages));
        let listening = Listening::pages(Arc::clone(&self.pages.access));
        server::serve(accept(self.listener, listening, cut, budget), self.pages, router).await;
    }
}

impl Pages {
    /// Finds out who makes a request with this session id; `None`: the visitor must log in.
    fn visitor(&self, session: Option<&str>) -> Option<Visitor> {
        if !self.access.current().needs_identity() {
            return Some(Visitor::Local);
        }
        self.known(self.sessions.find(session?, Instant::now())?)
    }

    /// Whether a visitor may still look.
    fn again(&self, visitor: &Visitor) -> Option<Visitor> {
        match visitor {
            Visitor::Local => (!self.access.current().needs_identity()).then_some(Visitor::Local),
            Visitor::Known { presented, .. } => self.known(Arc::clone(presented)),
        }
    }

    fn known(&self, presented: Arc<Presented>) -> Option<Visitor> {
        let identified = self.access.current().identify(&presented, cityseal_cli::unix_now())?;
        let caller = Some(identified.caller).filter(|caller| caller.has(Scope::Read))?;
        Some(Visitor::Known { presented, caller })
    }
}
