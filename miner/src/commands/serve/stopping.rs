//! Signals from before the first file is read until the process has ended. A thread of their own takes them, so that a
//! second stop signal always ends the process: while the devices are tested, and while threads are waited for at the
//! end, nothing else would.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cityseal_cli::signals::{Asked, follow_signals};
use cityseal_cli::{Ending, Output};
use tokio::sync::mpsc;

/// What the process is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Files are read and devices are tested.
    #[default]
    Starting,
    /// The service runs, and obeys signals itself.
    Serving,
    /// The service has ended; threads and devices are left.
    Ended,
}

/// The phase, and the number of stop signals so far.
#[derive(Debug, Default)]
struct State {
    phase: Phase,
    stops: u32,
}

/// What a stop signal does.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    /// The service is told; before it serves, it drains as soon as it does.
    Tell,
    /// The process ends now.
    End(Ending),
}

impl State {
    /// Counts a stop signal.
    fn stop(&mut self) -> Effect {
        self.stops += 1;
        match (self.phase, self.stops) {
            (_, 1) | (Phase::Serving, 2) => Effect::Tell,
            (Phase::Starting, _) => Effect::End(Ending::Neither),
            // What the service answered is complete, or was given up by the second signal.
            (Phase::Serving | Phase::Ended, _) => Effect::End(Ending::Yes),
        }
    }
}

/// The signals of this process, for the service.
#[derive(Debug)]
pub(super) struct Signals {
    state: Arc<Mutex<State>>,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Signals {
    /// Starts to take the signals, for the rest of the process.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn catch(output: &Output) -> io::Result<Self> {
        let (state, output) = (Arc::new(Mutex::new(State::default())), output.clone());
        // Unbounded, but filled by the operator's signals only.
        let (sender, asked) = mpsc::unbounded_channel();
        let known = Arc::clone(&state);
        follow_signals(move |signal| {
            if let Asked::Stop(by) = signal {
                let (effect, phase) = {
                    let mut state = lock(&known);
                    (state.stop(), state.phase)
                };
                if let Effect::End(ending) = effect {
                    output.note(format_args!("{by} again: ended at once"));
                    exit(ending);
                }
                if phase == Phase::Starting {
                    output.note(format_args!("{by}: stops once the devices are tested; a second signal ends at once"));
                }
            }
            // The receiver is gone when the service has ended.
            let _ended = sender.send(signal);
        })?;
        Ok(Self { state, asked })
    }

    /// The service obeys the signals from now on.
    pub(super) fn serving(&self) {
        lock(&self.state).phase = Phase::Serving;
    }

    /// Waits for the next signal.
    pub(super) async fn asked(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            // The thread takes signals as long as the process lives.
            None => std::future::pending().await,
        }
    }
}

/// Follows the phase of the process beside [`Signals`], which the service has.
#[derive(Clone, Debug)]
pub(super) struct PhaseHandle(Arc<Mutex<State>>);

impl PhaseHandle {
    pub(super) fn of(signals: &Signals) -> Self {
        Self(Arc::clone(&signals.state))
    }

    /// The service has ended; the next stop signal ends the process. Returns whether a second one came before.
    pub(super) fn ended(&self) -> bool {
        let mut state = lock(&self.0);
        state.phase = Phase::Ended;
        state.stops > 1
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the main thread may wait for a device that never answers")]
fn exit(ending: Ending) -> ! {
    std::process::exit(ending.code().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_stop_signal_ends_the_process_unless_the_service_obeys_it() {
        let effects = |phase, stops| {
            let mut state = State { phase, stops: 0 };
            (0..stops).map(|_| state.stop()).last()
        };
        for phase in [Phase::Starting, Phase::Serving, Phase::Ended] {
            assert_eq!(effects(phase, 1), Some(Effect::Tell), "{phase:?}");
        }
        assert_eq!(effects(Phase::Starting, 2), Some(Effect::End(Ending::Neither)));
        assert_eq!(effects(Phase::Serving, 2), Some(Effect::Tell));
        assert_eq!(effects(Phase::Serving, 3), Some(Effect::End(Ending::Yes)));
        assert_eq!(effects(Phase::Ended, 2), Some(Effect::End(Ending::Yes)));
    }

    #[test]
    fn a_second_signal_that_nobody_read_is_known_at_the_end() {
        let state = Arc::new(Mutex::new(State { phase: Phase::Serving, stops: 1 }));
        assert!(!PhaseHandle(Arc::clone(&state)).ended());
        lock(&state).stops = 2;
        assert!(PhaseHandle(Arc::clone(&state)).ended());
        assert_eq!(lock(&state).phase, Phase::Ended);
    }
}
