//! The events of one job, numbered from 1; only the latest are kept.
//!
//! Numbers have no gaps, and an event never changes once it is numbered. The log of a job that was resumed after a
//! restart begins with a greater number than any that was used before.

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
    /// The number of the first event of this run of the service.
    first: u64,
    /// Progress gets no greater number.
    progress_max: u64,
    /// The last event is being written to the journal, so that its number must not be used.
    is_closed: bool,
}

impl EventLog {
    /// The log of a job that was just accepted.
    pub(crate) fn new(kept_max: usize) -> Self {
        let accepted = Event { seq: 1, counts: Counts::default(), kind: EventKind::Accepted };
        Self::starting_with(accepted, kept_max)
    }

    /// The log of a job of an earlier run of the service, with its first event in this one.
    pub(crate) fn starting_with(event: Event, kept_max: usize) -> Self {
        Self {
            latest: event.seq,
            kept_max: kept_max.max(1),
            first: event.seq,
            progress_max: u64::MAX,
            is_closed: false,
            events: VecDeque::from([event]),
        }
    }

    /// Gives progress no number above `seq` until more are reserved.
    pub(crate) fn with_progress_max(self, seq: u64) -> Self {
        Self { progress_max: seq, ..self }
    }

    /// Progress may be numbered up to `seq`.
    pub(crate) fn reserve(&mut self, seq: u64) {
        self.progress_max = self.progress_max.max(seq);
    }

    /// Whether fewer than `count` numbers are left for progress.
    pub(crate) fn has_less_than(&self, count: u64) -> bool {
        self.progress_max - self.latest.min(self.progress_max) < count
    }

    /// Adds no more progress. Returns the number of the last event.
    pub(crate) fn close(&mut self) -> u64 {
        self.is_closed = true;
        self.latest + 1
    }

    /// Adds the last event of a closed log.
    pub(crate) fn finish(&mut self, event: Event) {
        if self.end().is_some() {
            return;
        }
        if event.seq != self.latest + 1 {
            self.events.clear();
            self.first = event.seq;
        }
        self.latest = event.seq;
        self.add(event);
        self.events.shrink_to_fit();
    }

    /// Memory of the kept events in bytes, without the result.
    pub(crate) fn bytes(&self) -> usize {
        self.events.capacity() * size_of::<Event>()
    }

    /// Adds progress and returns the number of the latest event. Nothing is added after the log was closed, nor while
    /// no number is reserved.
    pub(crate) fn push_progress(&mut self, counts: Counts) -> u64 {
        if !self.is_closed && self.end().is_none() && self.latest < self.progress_max {
            self.latest += 1;
            self.add(Event { seq: self.latest, counts, kind: EventKind::Progress });
        }
        self.latest
    }

    fn add(&mut self, event: Event) {
        if self.events.len() == self.kept_max {
            self.events.pop_front();
        }
        self.events.push_back(event);
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

    /// Returns the events from number `from` on; empty if `from` is the next number. 0 is the same as 1. A number from
    /// before a restart is the same as the first number after it.
    pub(crate) fn since(&self, from: u64) -> Result<Vec<Event>, NotKept> {
        let from = from.max(self.first);
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
            log.push_progress(Counts { hashes, ..Counts::default() });
        }
        log
    }

    fn numbers(log: &EventLog, from: u64) -> Vec<u64> {
        log.since(from).unwrap().iter().map(|event| event.seq).collect()
    }

    fn end(seq: u64) -> Event {
        let end = End { state: v1::JobState::Sealed, reason: String::new(), result: Arc::default() };
        Event { seq, counts: Counts::default(), kind: EventKind::Ended(end) }
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
        assert_eq!(log.close(), 3);
        log.push_progress(Counts::default());
        log.finish(end(3));
        log.push_progress(Counts::default());
        log.finish(end(4));
        assert_eq!(numbers(&log, 1), [1, 2, 3]);
        assert!(log.end().is_some());
    }

    #[test]
    fn progress_uses_only_reserved_numbers_and_the_end_any() {
        let mut log = EventLog::new(8).with_progress_max(3);
        let push = |log: &mut EventLog| {
            for _ in 0..5 {
                log.push_progress(Counts::default());
            }
        };
        push(&mut log);
        assert_eq!(numbers(&log, 1), [1, 2, 3]);
        log.reserve(4);
        log.reserve(2);
        push(&mut log);
        assert_eq!(numbers(&log, 1), [1, 2, 3, 4]);
        assert!(log.has_less_than(1));
        let seq = log.close();
        log.finish(end(seq));
        assert_eq!(numbers(&log, 5), [5]);
    }

    #[test]
    fn a_log_after_a_restart_answers_any_number_from_before_with_its_first_event() {
        let first = Event { seq: 100, counts: Counts::default(), kind: EventKind::Progress };
        let mut log = EventLog::starting_with(first, 2);
        assert_eq!((numbers(&log, 0), numbers(&log, 7), numbers(&log, 100)), (vec![100], vec![100], vec![100]));
        assert!(numbers(&log, 101).is_empty() && log.since(102).is_err());
        log.push_progress(Counts::default());
        log.push_progress(Counts::default());
        // The first one is no longer kept.
        assert_eq!(log.since(7).unwrap_err(), NotKept { oldest: 101, latest: 102 });
    }
}
