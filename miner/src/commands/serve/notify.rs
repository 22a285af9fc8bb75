//! Messages to the service manager, as `sd_notify(3)` describes them: READY, STATUS, RELOADING, STOPPING and WATCHDOG.
//! Without `NOTIFY_SOCKET` in the environment, nothing is sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cityseal_engine::Engine;
use tokio::time::{MissedTickBehavior, interval};

/// Looks at the engine per period of the watchdog. The engine turns every second, so a period of 4 s or more is safe.
const LOOKS_PER_PERIOD: u32 = 4;

/// Time for the end of the process after the drain, in addition to the phases of the drain.
const END_MAX: Duration = Duration::from_secs(15);

/// One message. Several are sent together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Message {
    Ready,
    Status(String),
    Reloading,
    Stopping,
    /// The manager must wait for at least this long.
    ExtendTimeout(Duration),
    Watchdog,
}

/// The service manager. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Manager {
    listening: SocketAddr,
    /// How long a drain may take.
    phases: Duration,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
}

impl Manager {
    pub(super) fn new(listening: SocketAddr, phases: Duration) -> Self {
        Self { listening, phases, state: Arc::default() }
    }

    /// The health has changed, or is looked at for the first time. The service is ready once it is SERVING.
    pub(super) fn health(&self, is_serving: bool) {
        if self.is_stopping() {
            return;
        }
        let status = if is_serving {
            format!("serving on {}", self.listening)
        } else {
            format!("NOT_SERVING on {}: no device is ready", self.listening)
        };
        let is_first = is_serving && !self.state.is_ready.swap(true, Ordering::Relaxed);
        let ready = is_first.then_some(Message::Ready);
        send(&ready.into_iter().chain([Message::Status(status)]).collect::<Vec<_>>());
    }

    pub(super) fn reloading(&self) {
        if !self.is_stopping() {
            send(&[Message::Reloading, Message::Status("reading the files again".to_owned())]);
        }
    }

    /// The reload is over; a failed one has changed nothing.
    pub(super) fn reloaded<E: std::fmt::Display>(&self, result: &Result<(), E>) {
        let status = match result {
            Ok(()) => format!("serving on {}", self.listening),
            Err(error) => format!("serving on {}; the last reload was refused: {error}", self.listening),
        };
        // One line: a message ends at a line break.
        let status = cityseal_cli::escape_line(&status);
        if !self.is_stopping() {
            send(&[Message::Ready, Message::Status(status)]);
        }
    }

    /// Whether the drain has begun, after which the service is no longer ready.
    fn is_stopping(&self) -> bool {
        self.state.is_stopping.load(Ordering::Relaxed)
    }

    /// The drain begins.
    pub(super) fn stopping(&self) {
        self.state.is_stopping.store(true, Ordering::Relaxed);
        let status = Message::Status("draining; health is NOT_SERVING".to_owned());
        send(&[Message::Stopping, Message::ExtendTimeout(self.phases + END_MAX), status]);
    }
}

/// Feeds the watchdog of the service manager while the engine turns; never ends. Without a watchdog it does nothing.
pub(super) async fn feed_watchdog(engine: Engine) -> Infallible {
    let Some(period) = watchdog_period() else { return std::future::pending().await };
    let mut ticks = interval(period / LOOKS_PER_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turns = Turns::default();
    loop {
        ticks.tick().await;
        if turns.is_alive(engine.rounds()) {
            send(&[Message::Watchdog]);
        }
    }
}

/// Whether the engine turns, by the count of its rounds.
#[derive(Debug, Default)]
struct Turns {
    last: u64,
}

impl Turns {
    fn is_alive(&mut self, rounds: u64) -> bool {
        std::mem::replace(&mut self.last, rounds) != rounds
    }
}

#[cfg(unix)]
fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

#[cfg(not(unix))]
fn watchdog_period() -> Option<Duration> {
    None
}

#[cfg(unix)]
fn send(messages: &[Message]) {
    use sd_notify::NotifyState;
    let mut states = Vec::new();
    for message in messages {
        match message {
            Message::Ready => states.push(NotifyState::Ready),
            Message::Status(status) => states.push(NotifyState::Status(status)),
            Message::Reloading => {
                states.push(NotifyState::Reloading);
                states.extend(NotifyState::monotonic_usec_now().ok());
            }
            Message::Stopping => states.push(NotifyState::Stopping),
            Message::ExtendTimeout(time) => {
                let time = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
                states.push(NotifyState::ExtendTimeoutUsec(time));
            }
            Message::Watchdog => states.push(NotifyState::Watchdog),
        }
    }
    if let Err(error) = sd_notify::notify(&states) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}

#[cfg(not(unix))]
fn send(_messages: &[Message]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_alive_only_while_its_count_changes() {
        let mut turns = Turns::default();
        let alive = [0, 1, 1, 1, 5, 5].map(|rounds| turns.is_alive(rounds));
        assert_eq!(alive, [false, true, false, false, true, false]);
    }
}
