//! The events of one job, numbered from 1; only the latest are kept.
//!
//! Numbers have no gaps, and an event never changes once it is numbered.

use std::collections::VecDeque;
use std::sync::Arc;

use cityseal_proto::v1;

/// The progress of a job at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) hashes: u64,
    pub(crate) seals: u64,
    /// 32 bytes in wire order.
    pub(crate) best: Option<[u8; 32]>,
    pub(crate) rate_hz: f64,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) state: v1::JobState,
    pub(crate) reason: String,
    pub(crate) result: Arc<v1::SealResult>,
}

#[derive(Clone, Debug)]
pub(crate) enum EventKind {
    Accepted,
    Progress,
    Ended(End),
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) counts: Counts,
    pub(crate) kind: EventKind,
}

/// Range of the events that are kept and that a caller may request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotKept {
    pub(crate) oldest: u64,
    pub(crate) latest: u64,
}

#[derive(Debug)]
pub(crate) struct EventLog {
    events: VecDeque<Event>,
    latest: u64,
    kept_max: usize,
}

impl EventLog {
    /// The log of a job that was just accepted.
    pub(crate) fn new(kept_max: usize) -> Self {
        let mut log = Self { events: VecDeque::new(), latest: 0, kept_max: kept_max.max(1) };
        log.push(Counts::default(), EventKind::Accepted);
        log
    }

    /// Memory of the kept events in bytes, without the result.
    pub(crate) fn bytes(&self) -> usize {
        self.events.capacity() * size_of::<Event>()
    }

    /// Adds an event and returns its number. Nothing is added after the end of the job.
    pub(crate) fn push(&mut self, counts: Counts, kind: EventKind) -> u64 {
        if self.end().is_some() {
            return self.latest;
        }
        self.latest += 1;
        if self.events.len() == self.kept_max {
            self.events.pop_front();
        }
        self.events.push_back(Event { seq: self.latest, counts, kind });
        if self.end().is_some() {
            self.events.shrink_to_fit();
        }
        self.latest
    }

    pub(crate) fn last(&self) -> &Event {
        self.events.back().expect("a log begins with its acceptance event and keeps at least the last event")
    }

    pub(crate) fn end(&self) -> Option<&End> {
        match self.events.back().map(|event| &event.kind) {
            Some(EventKind::Ended(end)) => Some(end),
            Some(EventKind::Accepted | EventKind::Progress) | None => None,
        }
    }

    /// Returns the events from number `from` on; empty if `from` is the next number. 0 is the same as 1.
    pub(crate) fn since(&self, from: u64) -> Result<Vec<Event>, NotKept> {
        let from = from.max(1);
        let oldest = self.latest + 1 - self.events.len() as u64;
        if from < oldest || from > self.latest + 1 {
            return Err(NotKept { oldest, latest: self.latest });
        }
        Ok(self.events.iter().skip((from - oldest) as usize).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(events: u64, kept_max: usize) -> EventLog {
        let mut log = EventLog::new(kept_max);
        for hashes in 2..=events {
            log.push(Counts { hashes, ..Counts::default() }, EventKind::Progress);
        }
        log
    }

    fn numbers(log: &EventLog, from: u64) -> Vec<u64> {
        log.since(from).unwrap().iter().map(|event| event.seq).collect()
    }

    fn end() -> EventKind {
        EventKind::Ended(End { state: v1::JobState::Sealed, reason: String::new(), result: Arc::default() })
    }

    #[test]
    fn numbers_events_from_one_without_gaps() {
        let log = log_of(4, 8);
        assert_eq!(numbers(&log, 0), [1, 2, 3, 4]);
        assert_eq!(numbers(&log, 1), [1, 2, 3, 4]);
        assert_eq!(numbers(&log, 3), [3, 4]);
    }

    #[test]
    fn returns_nothing_for_the_next_number_and_refuses_the_one_after() {
        let log = log_of(4, 8);
        assert!(numbers(&log, 5).is_empty());
        assert_eq!(log.since(6).unwrap_err(), NotKept { oldest: 1, latest: 4 });
    }

    #[test]
    fn returns_the_oldest_kept_event_and_refuses_the_one_before() {
        let log = log_of(10, 4);
        assert_eq!(numbers(&log, 7), [7, 8, 9, 10]);
        assert_eq!(log.since(6).unwrap_err(), NotKept { oldest: 7, latest: 10 });
        assert!(log.since(0).is_err());
    }

    #[test]
    fn adds_nothing_after_the_end() {
        let mut log = log_of(2, 4);
        log.push(Counts::default(), end());
        log.push(Counts::default(), EventKind::Progress);
        log.push(Counts::default(), end());
        assert_eq!(numbers(&log, 1), [1, 2, 3]);
        assert!(log.end().is_some());
    }
}
