//! What the parts of the service report to: the counters of the metrics, and the event log if there is one.

use std::path::Path;
use std::time::Instant;

use super::event_log::{Event, EventCounts, EventLog, RefusedCall};
use super::log_budget::LogBudget;
use super::tally::Tally;

/// Receives what happens in a service. Clones of its `Arc` share it.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) tally: Tally,
    events: Option<EventLog>,
    /// Limits the refusals in the event log, so that no caller can push everything else out of it.
    refusals: LogBudget,
}

impl Default for Observer {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Observer {
    pub(crate) fn new(events: Option<EventLog>) -> Self {
        let (tally, refusals) = (Tally::default(), LogBudget::new(Instant::now()));
        Self { tally, events, refusals }
    }

    /// With an event log in this folder.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn with_events(folder: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self::new(folder.map(EventLog::open).transpose()?))
    }

    pub(crate) fn event(&self, event: &Event) {
        self.events.iter().for_each(|log| log.add(event));
    }

    /// A call was refused. `call` is made only if it is written.
    pub(crate) fn refused(&self, call: impl FnOnce() -> RefusedCall) {
        let Some(log) = &self.events else { return };
        if let Some(left_out) = self.refusals.take(Instant::now()) {
            log.add(&Event::Refused { call: Box::new(call()), left_out });
        }
    }

    /// Events that were written and lost; `None` without an event log.
    pub(crate) fn event_counts(&self) -> Option<EventCounts> {
        self.events.as_ref().map(EventLog::counts)
    }

    /// Writes what is waiting to the event log, and closes it. Waits for the disk.
    pub(crate) fn close(&self) {
        self.events.iter().for_each(EventLog::close);
    }
}
