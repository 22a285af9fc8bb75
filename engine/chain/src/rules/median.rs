//! The times of the last eleven headers, and the check of a time against their median (rule R08).
//!
//! The reference implementation sorts; this one counts.

/// Number of headers in the median (Bitcoin Core: `nMedianTimeSpan`).
pub(crate) const MEDIAN_HEADERS: usize = 11;

/// The times of up to eleven headers that precede the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MedianWindow {
    /// A ring buffer once full; `next` is then the index of the oldest time.
    times: [u32; MEDIAN_HEADERS],
    len: usize,
    next: usize,
    /// An upper bound of the times in the window. A time above it is above the median, which is the usual case.
    ceiling: u32,
}

impl MedianWindow {
    /// The window after headers with these times, in chain order; all but the last eleven are ignored.
    pub(crate) fn after(times: &[u32]) -> Self {
        let mut window = Self { times: [0; MEDIAN_HEADERS], len: 0, next: 0, ceiling: 0 };
        for &time in times {
            window.push(time);
        }
        window
    }

    /// Number of known times, at most eleven.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// An upper bound of the times in the window: a time above it is above the median.
    pub(crate) const fn ceiling(&self) -> u32 {
        self.ceiling
    }

    /// Appends the time of the next header.
    #[inline]
    pub(crate) fn push(&mut self, time: u32) {
        self.times[self.next] = time;
        self.next = if self.next + 1 == MEDIAN_HEADERS { 0 } else { self.next + 1 };
        self.len += usize::from(self.len < MEDIAN_HEADERS);
        self.ceiling = self.ceiling.max(time);
    }

    /// Returns whether `time` is above the median of the window, which must not be empty. May lower the ceiling.
    #[inline]
    pub(crate) fn check_time(&mut self, time: u32) -> bool {
        time > self.ceiling || self.check_time_by_count(time)
    }

    /// The median is below `time` if more than half of the window is. Also lowers the ceiling if it comes from a time
    /// that has left the window.
    fn check_time_by_count(&mut self, time: u32) -> bool {
        let known = &self.times[..self.len];
        let earlier = known.iter().filter(|&&known| known < time).count();
        self.ceiling = known.iter().copied().max().unwrap_or(0);
        earlier > self.len / 2
    }

    /// The median; of an even number of times the upper middle one (Bitcoin Core: `GetMedianTimePast`).
    pub(crate) fn median(&self) -> u32 {
        let mut known = self.times;
        let known = &mut known[..self.len];
        known.sort_unstable();
        known.get(self.len / 2).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_median_of_an_even_number_is_the_upper_middle() {
        assert_eq!(MedianWindow::after(&[10]).median(), 10);
        assert_eq!(MedianWindow::after(&[10, 20]).median(), 20);
        assert_eq!(MedianWindow::after(&[40, 10, 30, 20]).median(), 30);
    }

    proptest! {
        #[test]
        fn counting_equals_sorting_while_times_come_and_go(
            times in proptest::collection::vec(prop_oneof![0u32..20, any::<u32>()], 1..40),
            asked in proptest::collection::vec(0u32..25, 40),
        ) {
            let mut window = MedianWindow::after(&times[..1]);
            for (at, &time) in times.iter().enumerate() {
                if at > 0 {
                    window.push(time);
                }
                let mut last = times[(at + 1).saturating_sub(MEDIAN_HEADERS)..=at].to_vec();
                last.sort_unstable();
                let median = last[last.len() / 2];
                prop_assert_eq!(window.median(), median);
                for asked in [asked[at], median, median.saturating_add(1), u32::MAX] {
                    prop_assert_eq!(window.check_time(asked), asked > median);
                }
            }
        }
    }
}
