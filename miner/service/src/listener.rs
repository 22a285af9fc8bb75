//! The accept loop: a permit before each accept, limits per address, and a pause when file descriptors run out. With
//! TLS, each connection has its handshake in a task of its own, so that a slow one delays no other.
//!
//! It ends when its receiver is dropped, which is how the server stops accepting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

use super::access::Access;
use super::certificate::PeerCertificate;
use super::connection::{Admission, ConnectionInfo, GuardedStream, HTTP2_PREFACE_LEN, Preface, Seat, Seats};
use super::idle::{self, Connections};
use super::limit_table::Limits;
use super::limits::{
    ACCEPT_PAUSE_FIRST, ACCEPT_PAUSE_MAX, CONNECTION_IDLE_MAX, CONNECTIONS_CLOSING_MAX, DASHBOARD_CONNECTIONS_MAX,
    DASHBOARD_CONNECTIONS_PER_ADDRESS_MAX, HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX, METRICS_CONNECTIONS_MAX,
    METRICS_CONNECTIONS_PER_ADDRESS_MAX, PREFACE_DEADLINE,
};
use super::log_budget::LogBudget;
use super::tls::Protocol;
use super::transport::Transport;

/// Accepted sockets waiting to be served.
const WAITING_MAX: usize = 16;

pub(crate) type Accepted = io::Result<GuardedStream<Transport>>;

/// The limits of one listener.
#[derive(Clone, Copy, Debug)]
struct ListenerLimits {
    /// Connections in total, and of one address.
    connections: usize,
    per_address: usize,
    uploads_per_connection: usize,
}

/// What a listener accepts.
pub(crate) struct Listening {
    protocol: Protocol,
    /// The source of its TLS; `None`: it never has TLS.
    access: Option<Arc<Access>>,
    /// The places of its connections.
    pub(crate) connections: Connections,
    limits: ListenerLimits,
}

impl Listening {
    /// Calls, with the TLS of `access`.
    pub(crate) fn calls(access: Arc<Access>, limits: &Limits) -> Self {
        let connections = Connections::new(limits.connections, limits.connection_idle);
        let limits = ListenerLimits {
            connections: limits.connections,
            per_address: limits.connections_per_address,
            uploads_per_connection: limits.uploads_per_connection,
        };
        Self { protocol: Protocol::Http2, access: Some(access), connections, limits }
    }

    /// Requests for metrics, with the TLS of `access`.
    pub(crate) fn metrics(access: Option<Arc<Access>>) -> Self {
        Self::http1(Protocol::Http1, access, METRICS_CONNECTIONS_MAX, METRICS_CONNECTIONS_PER_ADDRESS_MAX)
    }

    /// Requests for pages, with the TLS of `access`.
    pub(crate) fn pages(access: Arc<Access>) -> Self {
        let (connections, per_address) = (DASHBOARD_CONNECTIONS_MAX, DASHBOARD_CONNECTIONS_PER_ADDRESS_MAX);
        Self::http1(Protocol::Pages, Some(access), connections, per_address)
    }

    fn http1(protocol: Protocol, access: Option<Arc<Access>>, connections: usize, per_address: usize) -> Self {
        let limits = ListenerLimits { connections, per_address, uploads_per_connection: 0 };
        let connections = Connections::new(limits.connections, CONNECTION_IDLE_MAX);
        Self { protocol, access, connections, limits }
    }
}

/// Starts accepting. `cut` becomes true when all connections must close immediately.
pub(crate) fn accept(
    listener: TcpListener,
    listening: Listening,
    cut: watch::Receiver<bool>,
    budget: Arc<LogBudget>,
) -> mpsc::Receiver<Accepted> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let Listening { protocol, access, connections, limits } = listening;
    let acceptor = Acceptor {
        listener,
        protocol,
        access,
        permits: Arc::new(Semaphore::new(limits.connections + CONNECTIONS_CLOSING_MAX)),
        connections,
        seats: Seats::new(limits.per_address),
        handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        handshake_seats: Seats::new(HANDSHAKES_PER_ADDRESS_MAX),
        cut,
        pause: ACCEPT_PAUSE_FIRST,
        budget,
        limits,
    };
    tokio::spawn(acceptor.run(sender));
    receiver
}

struct Acceptor {
    listener: TcpListener,
    protocol: Protocol,
    access: Option<Arc<Access>>,
    permits: Arc<Semaphore>,
    connections: Connections,
    seats: Seats,
    handshakes: Arc<Semaphore>,
    handshake_seats: Seats,
    cut: watch::Receiver<bool>,
    pause: Duration,
    budget: Arc<LogBudget>,
    limits: ListenerLimits,
}

impl Acceptor {
    async fn run(mut self, sender: mpsc::Sender<Accepted>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.next() => accepted,
                () = sender.closed() => return,
            };
            let Some(connection) = accepted else { continue };
            match self.access.as_ref().and_then(|access| access.tls(self.protocol)) {
                Some(config) => self.spawn_handshake(connection, config, &sender),
                None => {
                    if sender.send(Ok(connection.plain())).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Returns the next connection; `None` if it was refused or could not be accepted.
    async fn next(&mut self) -> Option<Connection> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("this semaphore is never closed");
        match self.listener.accept().await {
            Ok((socket, peer)) => {
                self.pause = ACCEPT_PAUSE_FIRST;
                self.admit(socket, peer, permit)
            }
            Err(error) => {
                self.pause_after(&error).await;
                None
            }
        }
    }

    fn admit(&self, socket: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Option<Connection> {
        let Some(seat) = self.seats.take(peer.ip()) else {
            self.log_refused(peer, self.limits.per_address, "connections");
            return None;
        };
        let Some(usage) = self.connections.admit(peer.ip()) else {
            if let Some(left_out) = self.budget.take(Instant::now()) {
                info!(%peer, max = self.limits.connections, left_out, "connection refused: all places taken");
            }
            return None;
        };
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%peer, %error, "connection lost before it was served");
            return None;
        }
        debug!(%peer, "connection accepted");
        let admission = Admission { _permit: permit, _seat: seat, usage };
        let deadline = tokio::time::Instant::now() + PREFACE_DEADLINE;
        let (protocol, uploads_max) = (self.protocol, self.limits.uploads_per_connection);
        Some(Connection { socket, peer, admission, deadline, cut: self.cut.clone(), protocol, uploads_max })
    }

    fn log_refused(&self, peer: SocketAddr, max: usize, of: &'static str) {
        if let Some(left_out) = self.budget.take(Instant::now()) {
            info!(%peer, max, of, left_out, "connection refused: address limit reached");
        }
    }

    /// Hands the connection over after its handshake, in a task of its own.
    fn spawn_handshake(&self, connection: Connection, config: Arc<ServerConfig>, sender: &mpsc::Sender<Accepted>) {
        let peer = connection.peer;
        let Some(seat) = self.handshake_seats.take(peer.ip()) else {
            self.log_refused(peer, HANDSHAKES_PER_ADDRESS_MAX, "TLS handshakes");
            return;
        };
        let (handshakes, sender, budget) = (Arc::clone(&self.handshakes), sender.clone(), Arc::clone(&self.budget));
        tokio::spawn(async move {
            match connection.with_tls(config, handshakes, seat).await {
                // The server may have stopped meanwhile.
                Ok(stream) => drop(sender.send(Ok(stream)).await),
                Err(error) => {
                    if let Some(left_out) = budget.take(Instant::now()) {
                        info!(%peer, %error, left_out, "connection refused: no TLS");
                    }
                }
            }
        });
    }

    /// Pauses after a failed accept. A connection that its client closed causes no pause; any other error is a lack of
    /// resources, for which the listener stays ready and this loop would spin.
    async fn pause_after(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            return;
        }
        warn!(%error, pause_ms = self.pause.as_millis(), "cannot accept connections");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(ACCEPT_PAUSE_MAX);
    }
}

/// Why a connection has no TLS.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the handshake was not complete in time")]
    Deadline,
    #[error("the service is closing")]
    Closing,
    #[error("{0}")]
    Displaced(&'static str),
    #[error("the client did not offer HTTP/2 (ALPN h2)")]
    NoHttp2,
    #[error("{0}")]
    Tls(#[from] io::Error),
}

/// An accepted socket with its resources, and the time by which its preface must have arrived.
struct Connection {
    socket: TcpStream,
    peer: SocketAddr,
    admission: Admission,
    deadline: tokio::time::Instant,
    cut: watch::Receiver<bool>,
    uploads_max: usize,
    protocol: Protocol,
}

impl Connection {
    fn plain(self) -> GuardedStream<Transport> {
        let info = ConnectionInfo::new(self.peer, Arc::clone(&self.admission.usage), None, self.uploads_max);
        let Self { socket, admission, deadline, cut, protocol, .. } = self;
        GuardedStream::new(Transport::Plain(socket), info, admission, preface(protocol, deadline), cut)
    }

    /// Waits for its turn and for the handshake, both by the deadline of the preface.
    async fn with_tls(
        self,
        config: Arc<ServerConfig>,
        handshakes: Arc<Semaphore>,
        _seat: Seat,
    ) -> Result<GuardedStream<Transport>, HandshakeError> {
        let Self { socket, peer, admission, deadline, mut cut, protocol, uploads_max } = self;
        let shaking = async {
            let _permit = handshakes.acquire().await.expect("this semaphore is never closed");
            TlsAcceptor::from(config).accept(socket).await
        };
        let shaken = tokio::select! {
            shaken = timeout_at(deadline, shaking) => shaken.map_err(|_| HandshakeError::Deadline)??,
            () = async { drop(cut.wait_for(|cut| *cut).await) } => return Err(HandshakeError::Closing),
            reason = idle::closes(Arc::clone(&admission.usage)) => return Err(HandshakeError::Displaced(reason)),
        };
        let client = client_of(&shaken, protocol)?;
        let info = ConnectionInfo::new(peer, Arc::clone(&admission.usage), client, uploads_max);
        let transport = Transport::Tls(Box::new(shaken));
        Ok(GuardedStream::new(transport, info, admission, preface(protocol, deadline), cut))
    }
}

/// The bytes that a client must send by the deadline. The server of HTTP/1 has a deadline for the head of a request.
const fn preface(protocol: Protocol, deadline: tokio::time::Instant) -> Preface {
    match protocol {
        Protocol::Http2 => Preface { len: HTTP2_PREFACE_LEN, deadline },
        Protocol::Http1 | Protocol::Pages => Preface { len: 1, deadline },
    }
}

/// Returns the client's certificate, if it has one, of a connection on which the protocol was agreed.
fn client_of(stream: &TlsStream<TcpStream>, protocol: Protocol) -> Result<Option<PeerCertificate>, HandshakeError> {
    let (_, session) = stream.get_ref();
    if !protocol.accepts(session.alpn_protocol()) {
        return Err(HandshakeError::NoHttp2);
    }
    Ok(session.peer_certificates().and_then(PeerCertificate::new))
}
