//! The accept loop: a permit before each accept, a limit per address, and a pause when file descriptors run out.
//!
//! It ends when its receiver is dropped, which is how the server stops accepting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tracing::{debug, info, warn};

use super::connection::{Admission, GuardedStream, Seats};
use super::idle::Connections;
use super::limits::{
    ACCEPT_PAUSE_FIRST, ACCEPT_PAUSE_MAX, CONNECTIONS_CLOSING_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX,
    PREFACE_DEADLINE,
};
use super::log_budget::LogBudget;

/// Accepted sockets waiting to be served.
const WAITING_MAX: usize = 16;

pub(crate) type Accepted = io::Result<GuardedStream<TcpStream>>;

/// Starts accepting. `cut` becomes true when all connections must close immediately.
pub(crate) fn accept(
    listener: TcpListener,
    cut: watch::Receiver<bool>,
    budget: Arc<LogBudget>,
) -> mpsc::Receiver<Accepted> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let acceptor = Acceptor {
        listener,
        permits: Arc::new(Semaphore::new(CONNECTIONS_MAX + CONNECTIONS_CLOSING_MAX)),
        connections: Connections::new(CONNECTIONS_MAX),
        seats: Seats::new(CONNECTIONS_PER_ADDRESS_MAX),
        cut,
        pause: ACCEPT_PAUSE_FIRST,
        budget,
    };
    tokio::spawn(acceptor.run(sender));
    receiver
}

struct Acceptor {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    connections: Connections,
    seats: Seats,
    cut: watch::Receiver<bool>,
    pause: Duration,
    budget: Arc<LogBudget>,
}

impl Acceptor {
    async fn run(mut self, sender: mpsc::Sender<Accepted>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.next() => accepted,
                () = sender.closed() => return,
            };
            if let Some(stream) = accepted
                && sender.send(Ok(stream)).await.is_err()
            {
                return;
            }
        }
    }

    /// Returns the next connection; `None` if it was refused or could not be accepted.
    async fn next(&mut self) -> Option<GuardedStream<TcpStream>> {
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

    fn admit(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> Option<GuardedStream<TcpStream>> {
        let Some(seat) = self.seats.take(peer.ip()) else {
            if let Some(left_out) = self.budget.take(Instant::now()) {
                info!(%peer, max = CONNECTIONS_PER_ADDRESS_MAX, left_out, "connection refused: address limit reached");
            }
            return None;
        };
        let Some(usage) = self.connections.admit(peer.ip()) else {
            if let Some(left_out) = self.budget.take(Instant::now()) {
                info!(%peer, max = CONNECTIONS_MAX, left_out, "connection refused: all places taken");
            }
            return None;
        };
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%peer, %error, "connection lost before it was served");
            return None;
        }
        debug!(%peer, "connection accepted");
        let admission = Admission { _permit: permit, _seat: seat, usage };
        Some(GuardedStream::new(socket, peer, admission, PREFACE_DEADLINE, self.cut.clone()))
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
