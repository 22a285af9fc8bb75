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
use super::connection::{Admission, ConnectionInfo, GuardedStream, Seat, Seats};
use super::idle::{self, Connections};
use super::limit_table::Limits;
use super::limits::{
    ACCEPT_PAUSE_FIRST, ACCEPT_PAUSE_MAX, CONNECTIONS_CLOSING_MAX, HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX,
    PREFACE_DEADLINE,
};
use super::log_budget::LogBudget;
use super::tls::ALPN_H2;
use super::transport::Transport;

/// Accepted sockets waiting to be served.
const WAITING_MAX: usize = 16;

pub(crate) type Accepted = io::Result<GuardedStream<Transport>>;

/// Starts accepting. `cut` becomes true when all connections must close immediately.
pub(crate) fn accept(
    listener: TcpListener,
    access: Arc<Access>,
    cut: watch::Receiver<bool>,
    budget: Arc<LogBudget>,
    limits: Limits,
) -> mpsc::Receiver<Accepted> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let acceptor = Acceptor {
        listener,
        access,
        permits: Arc::new(Semaphore::new(limits.connections + CONNECTIONS_CLOSING_MAX)),
        connections: Connections::new(limits.connections, limits.connection_idle),
        seats: Seats::new(limits.connections_per_address),
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
    access: Arc<Access>,
    permits: Arc<Semaphore>,
    connections: Connections,
    seats: Seats,
    handshakes: Arc<Semaphore>,
    handshake_seats: Seats,
    cut: watch::Receiver<bool>,
    pause: Duration,
    budget: Arc<LogBudget>,
    limits: Limits,
}

impl Acceptor {
    async fn run(mut self, sender: mpsc::Sender<Accepted>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.next() => accepted,
                () = sender.closed() => return,
            };
            let Some(connection) = accepted else { continue };
            match self.access.tls() {
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
            self.log_refused(peer, self.limits.connections_per_address, "connections");
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
        let uploads_max = self.limits.uploads_per_connection;
        Some(Connection { socket, peer, admission, deadline, cut: self.cut.clone(), uploads_max })
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
}

impl Connection {
    fn plain(self) -> GuardedStream<Transport> {
        let info = ConnectionInfo::new(self.peer, Arc::clone(&self.admission.usage), None, self.uploads_max);
        GuardedStream::new(Transport::Plain(self.socket), info, self.admission, self.deadline, self.cut)
    }

    /// Waits for its turn and for the handshake, both by the deadline of the preface.
    async fn with_tls(
        self,
        config: Arc<ServerConfig>,
        handshakes: Arc<Semaphore>,
        _seat: Seat,
    ) -> Result<GuardedStream<Transport>, HandshakeError> {
        let Self { socket, peer, admission, deadline, mut cut, uploads_max } = self;
        let shaking = async {
            let _permit = handshakes.acquire().await.expect("this semaphore is never closed");
            TlsAcceptor::from(config).accept(socket).await
        };
        let shaken = tokio::select! {
            shaken = timeout_at(deadline, shaking) => shaken.map_err(|_| HandshakeError::Deadline)??,
            () = async { drop(cut.wait_for(|cut| *cut).await) } => return Err(HandshakeError::Closing),
            reason = idle::closes(Arc::clone(&admission.usage)) => return Err(HandshakeError::Displaced(reason)),
        };
        let info = ConnectionInfo::new(peer, Arc::clone(&admission.usage), client_of(&shaken)?, uploads_max);
        Ok(GuardedStream::new(Transport::Tls(Box::new(shaken)), info, admission, deadline, cut))
    }
}

/// Returns the client's certificate, if it has one, of a connection on which HTTP/2 was agreed.
fn client_of(stream: &TlsStream<TcpStream>) -> Result<Option<PeerCertificate>, HandshakeError> {
    let (_, session) = stream.get_ref();
    // A client that offers other protocols only is refused by rustls; one that offers none is refused here.
    if session.alpn_protocol() != Some(ALPN_H2) {
        return Err(HandshakeError::NoHttp2);
    }
    Ok(session.peer_certificates().and_then(PeerCertificate::new))
}
