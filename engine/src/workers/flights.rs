//! What a worker has taken and not answered: assignments, and the batches of them that are on the device.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cityseal_chain::Seal;
use cityseal_device::{SearchReport, Ticket};

use crate::judge::Caught;
use crate::task::{Assignment, SearchAnswer, SearchPart, Seq, Task};

/// A batch on the device.
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    /// The region that it searches; `None` if it is no search.
    pub(super) part: Option<SearchPart>,
}

/// An assignment without an answer.
pub(super) struct Open {
    assignment: Assignment,
    began: Instant,
    /// Batches submitted, and those of them on the device.
    sent: usize,
    in_flight: usize,
    /// Whether no further region is submitted.
    is_closed: bool,
    answer: SearchAnswer,
}

impl Open {
    pub(super) fn new(assignment: Assignment) -> Self {
        let answer = SearchAnswer::default();
        Self { assignment, began: Instant::now(), sent: 0, in_flight: 0, is_closed: false, answer }
    }

    /// A task of one batch, whose preparation took `spent`.
    pub(super) fn prepared(assignment: Assignment, spent: Duration) -> Self {
        let mut open = Self::new(assignment);
        open.is_closed = true;
        open.answer.cost.total = spent;
        open
    }

    /// The next region, prepared; `None` if all were submitted or the time is over.
    fn next_part(&mut self) -> Option<SearchPart> {
        let Task::Search(task) = &self.assignment.task else { return None };
        let is_over = self.sent > 0 && self.began.elapsed() >= task.time_max;
        self.is_closed |= is_over || self.sent == task.regions.len();
        if self.is_closed {
            return None;
        }
        let began = Instant::now();
        let part = task.part(self.sent);
        self.answer.cost.total += began.elapsed();
        self.sent += 1;
        self.is_closed = self.sent == task.regions.len();
        Some(part)
    }

    /// Judges the answer to the oldest region in flight. Only regions before the first one with too many hits count.
    fn accept(&mut self, part: &SearchPart, report: SearchReport, busy: Duration) -> Result<(), Caught> {
        let began = Instant::now();
        let judged = part.judge(report)?;
        let answer = &mut self.answer;
        answer.cost.device += busy;
        answer.cost.total += busy + began.elapsed();
        if judged.overflow {
            answer.judged.overflow = true;
        } else if !answer.judged.overflow {
            answer.done += 1;
            answer.judged.seals.extend(judged.seals);
        }
        let ends_at_seal = matches!(&self.assignment.task, Task::Search(task) if task.ends_at_seal);
        self.is_closed |= answer.judged.overflow || (ends_at_seal && !answer.judged.seals.is_empty());
        Ok(())
    }

    fn is_complete_search(&self) -> bool {
        self.is_closed && self.in_flight == 0 && matches!(self.assignment.task, Task::Search(_))
    }
}

/// Assignments and batches, oldest first. The batches of an assignment are consecutive.
#[derive(Default)]
pub(super) struct Flights {
    open: VecDeque<Open>,
    batches: VecDeque<Flight>,
}

impl Flights {
    /// Whether no batch is on the device.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Number of batches on the device.
    pub(super) fn in_flight(&self) -> usize {
        self.batches.len()
    }

    pub(super) fn open(&mut self, open: Open) {
        self.open.push_back(open);
    }

    /// The next region of the newest assignment.
    pub(super) fn next_part(&mut self) -> Option<SearchPart> {
        self.open.back_mut()?.next_part()
    }

    /// Records a submitted batch of the newest assignment.
    pub(super) fn push(&mut self, ticket: Ticket, part: Option<SearchPart>) {
        if let Some(newest) = self.open.back_mut() {
            newest.in_flight += 1;
        }
        self.batches.push_back(Flight { ticket, part });
    }

    /// Removes the oldest batch.
    pub(super) fn pop(&mut self) -> Option<Flight> {
        let flight = self.batches.pop_front()?;
        if let Some(oldest) = self.open.front_mut() {
            oldest.in_flight -= 1;
        }
        Some(flight)
    }

    /// Judges the answer to a region of the oldest assignment.
    ///
    /// # Errors
    /// The device's wrong answer.
    pub(super) fn accept(&mut self, part: &SearchPart, report: SearchReport, busy: Duration) -> Result<(), Caught> {
        self.open.front_mut().map_or(Ok(()), |oldest| oldest.accept(part, report, busy))
    }

    /// Removes the oldest assignment, a task of one batch; returns it and the time of its preparation.
    pub(super) fn close(&mut self) -> Option<(Assignment, Duration)> {
        let oldest = self.open.pop_front()?;
        Some((oldest.assignment, oldest.answer.cost.total))
    }

    /// The seals of searches that are not complete, by assignment.
    pub(super) fn into_seals(self) -> impl Iterator<Item = (Seq, Vec<Seal>)> {
        let seals = self.open.into_iter().map(|open| (open.assignment.seq, open.answer.judged.seals));
        seals.filter(|(_, seals)| !seals.is_empty())
    }

    /// Removes the oldest assignment if it is a search without a region left; returns its number and its answer.
    pub(super) fn take_answer(&mut self) -> Option<(Seq, SearchAnswer)> {
        let oldest = self.open.pop_front_if(|oldest| oldest.is_complete_search())?;
        Some((oldest.assignment.seq, oldest.answer))
    }
}
