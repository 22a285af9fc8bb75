//! How long a connection may stay open: one without an open call is closed after a while, and sooner if another address
//! needs its place.
//!
//! The connection polls [`closes`]; the calls count themselves with [`Usage::begin`].

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::limits::CONNECTIONS_NEW_MAX;
use super::shares::{Holder, Place, Shares, group_of};

/// The places of all open connections, shared by their addresses.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    places: Arc<Shares>,
    idle_max: Duration,
}

impl Connections {
    /// At most `max`; one without an open call is closed after `idle_max`.
    pub(crate) fn new(max: usize, idle_max: Duration) -> Self {
        Self { places: Shares::with_proof(max, CONNECTIONS_NEW_MAX), idle_max }
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.places.taken()
    }

    /// Takes a place for a connection of this address; `None` if all places are taken, and no other address holds
    /// enough more of them.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Arc<Usage>> {
        let place = self.places.take(Holder::Address(group_of(address)))?;
        let idle_since = watch::Sender::new(Some(Instant::now()));
        let is_proven = AtomicBool::new(false);
        Some(Arc::new(Usage { place, open: Mutex::new(0), idle_since, idle_max: self.idle_max, is_proven }))
    }
}

/// The place of one connection, and its open calls.
#[derive(Debug)]
pub(crate) struct Usage {
    place: Place,
    open: Mutex<usize>,
    /// `None` while a call is open.
    idle_since: watch::Sender<Option<Instant>>,
    is_proven: AtomicBool,
    idle_max: Duration,
}

impl Usage {
    /// Counts a call, until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InUse {
        self.count(|open| open + 1);
        InUse(Arc::clone(self))
    }

    /// A call on the connection was admitted.
    pub(crate) fn prove(&self) {
        if !self.is_proven.swap(true, Ordering::Relaxed) {
            self.place.prove();
        }
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        // Held until the state was reported, so that two calls report in the order in which they are counted.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let was_busy = *open > 0;
        *open = change(*open);
        let is_busy = *open > 0;
        if is_busy != was_busy {
            self.place.set_busy(is_busy);
            self.idle_since.send_replace((!is_busy).then(Instant::now));
        }
    }
}

/// A call that keeps its connection in use.
#[derive(Debug)]
pub(crate) struct InUse(Arc<Usage>);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.count(|open| open - 1);
    }
}

/// Waits until the connection should close, and returns why.
pub(crate) async fn closes(usage: Arc<Usage>) -> &'static str {
    let (displaced, idle_since) = (usage.place.displaced(), usage.idle_since.subscribe());
    tokio::select! {
        () = displaced => "another address needed the place of this connection",
        () = is_idle_too_long(idle_since, usage.idle_max) => "the connection had no call for too long",
    }
}

async fn is_idle_too_long(mut idle_since: watch::Receiver<Option<Instant>>, max: Duration) {
    loop {
        let since = *idle_since.borrow_and_update();
        // An error of `changed` means that the connection is gone; nobody polls this then.
        match since {
            None => drop(idle_since.changed().await),
            Some(since) => match timeout_at(since + max, idle_since.changed()).await {
                Ok(_changed) => {}
                Err(_elapsed) => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::limits::CONNECTION_IDLE_MAX;

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn a_connection_closes_after_the_limit_without_a_call_and_not_during_one() {
        let usage = Connections::new(2, CONNECTION_IDLE_MAX).admit(LOCALHOST).unwrap();
        let (first, second) = (usage.begin(), usage.begin());
        let closing = tokio::spawn(closes(Arc::clone(&usage)));
        sleep(2 * CONNECTION_IDLE_MAX).await;
        drop(first);
        sleep(2 * CONNECTION_IDLE_MAX).await;
        assert!(!closing.is_finished());
        drop(second);
        let idle_from = Instant::now();
        assert_eq!(closing.await.unwrap(), "the connection had no call for too long");
        assert!(idle_from.elapsed() >= CONNECTION_IDLE_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_idlest_connection_of_the_address_with_the_most_makes_room_for_another_address() {
        let connections = Connections::new(2, CONNECTION_IDLE_MAX);
        let busy = connections.admit(LOCALHOST).unwrap();
        let _call = busy.begin();
        let idle = connections.admit(LOCALHOST).unwrap();
        let newcomer = connections.admit([127, 0, 0, 2].into()).unwrap();
        assert_eq!(closes(idle).await, "another address needed the place of this connection");
        assert!(timeout(Duration::from_secs(1), closes(busy)).await.is_err());
        let answering = newcomer.begin();
        assert!(connections.admit([127, 0, 0, 3].into()).is_none(), "each address has one place, in use");
        drop((newcomer, answering));
        assert!(connections.admit([127, 0, 0, 3].into()).is_some());
    }
}
