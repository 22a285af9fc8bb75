//! Records the place of each header in the input until the header has been checked.

use std::collections::VecDeque;

use super::place::Place;

/// Place of one header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceOfHeader {
    /// Index of its file among the files given, counted from 0.
    pub file: usize,
    /// Its line in hex input, counted from 1.
    pub line: Option<u64>,
    /// Its byte offset in the whole input, if that does not follow from its index: inside blocks.
    pub byte: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    file: usize,
    place: Place,
}

impl Run {
    fn at(self, index: u64) -> PlaceOfHeader {
        let (line, byte) = match self.place {
            Place::Packed => (None, None),
            Place::Line(line) => (Some(line + (index - self.first)), None),
            Place::OneLine(line) => (Some(line), None),
            Place::Byte(byte) => (None, Some(byte)),
        };
        PlaceOfHeader { file: self.file, line, byte }
    }

    /// Whether a header at `index` in that place belongs to this run.
    fn continues(self, index: u64, file: usize, place: Place) -> bool {
        let expected = self.at(index);
        match place {
            Place::Packed | Place::OneLine(_) => self.place == place && self.file == file,
            Place::Line(line) => {
                matches!(self.place, Place::Line(_)) && expected == PlaceOfHeader { file, line: Some(line), byte: None }
            }
            Place::Byte(_) => false,
        }
    }
}

/// Places of the headers that are not checked yet: one entry per run, so that a plain file needs only one.
#[derive(Clone, Debug, Default)]
pub struct PlaceLog {
    runs: VecDeque<Run>,
    next: u64,
}

impl PlaceLog {
    /// Records that the next `count` headers of the input begin at this place.
    pub fn note(&mut self, count: u64, file: usize, place: Place) {
        let known = self.runs.back().is_some_and(|run| run.continues(self.next, file, place));
        if !known {
            self.runs.push_back(Run { first: self.next, file, place });
        }
        self.next += count;
    }

    /// Returns the number of headers recorded.
    pub const fn noted(&self) -> u64 {
        self.next
    }

    /// Drops the headers below `index`, which have been checked.
    pub fn forget_below(&mut self, index: u64) {
        while self.runs.get(1).is_some_and(|second| second.first <= index) {
            self.runs.pop_front();
        }
    }

    /// Returns the place of the header at `index`; `None` if it was dropped or never recorded.
    pub fn find(&self, index: u64) -> Option<PlaceOfHeader> {
        let after = self.runs.partition_point(|run| run.first <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        (index < self.next).then(|| run.at(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_gaps_are_one_run_and_a_blank_line_begins_another() {
        let mut log = PlaceLog::default();
        log.note(256, 0, Place::Line(1));
        log.note(10, 0, Place::Line(257));
        log.note(1, 0, Place::Line(300));
        log.note(1, 1, Place::Line(1));
        assert_eq!(log.runs.len(), 3);
        assert_eq!(log.find(265).unwrap().line, Some(266));
        assert_eq!(log.find(266).unwrap().line, Some(300));
        assert_eq!(log.find(267), Some(PlaceOfHeader { file: 1, line: Some(1), byte: None }));
        assert_eq!(log.find(268), None);
    }

    #[test]
    fn drops_checked_headers_and_keeps_the_run_that_may_still_fault() {
        let mut log = PlaceLog::default();
        for block in 0..1000 {
            log.note(1, 0, Place::Byte(block * 300));
            log.forget_below(block.saturating_sub(5));
            assert!(log.runs.len() <= 7);
        }
        assert_eq!(log.find(999).unwrap().byte, Some(999 * 300));
        assert_eq!(log.find(3), None);
    }
}
