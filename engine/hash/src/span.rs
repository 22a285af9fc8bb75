//! Inclusive ranges that are never empty, so that a range can hold the last value of its type.
//!
//! The bounds are checked once, in [`Span::new`].

use std::fmt;

/// An inclusive range `first..=last`; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span<T> {
    first: T,
    last: T,
}

/// A range of nonces (numeric value of a header's little-endian field).
pub type NonceSpan = Span<u32>;

/// A range whose last value is below its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("range runs backwards: first {first}, last {last}; expected last >= first")]
pub struct SpanBackwards {
    /// The first value given.
    pub first: u64,
    /// The last value given.
    pub last: u64,
}

impl<T: Copy + Ord + Into<u64>> Span<T> {
    /// The range `first..=last`.
    ///
    /// # Errors
    /// [`SpanBackwards`] if `last < first`.
    pub fn new(first: T, last: T) -> Result<Self, SpanBackwards> {
        if last < first {
            return Err(SpanBackwards { first: first.into(), last: last.into() });
        }
        Ok(Self { first, last })
    }

    /// The range that holds `value` alone.
    pub const fn single(value: T) -> Self {
        Self { first: value, last: value }
    }

    /// The lowest value.
    pub const fn first(self) -> T {
        self.first
    }

    /// The highest value, inclusive.
    pub const fn last(self) -> T {
        self.last
    }

    /// Whether `value` is in the range.
    pub fn contains(self, value: T) -> bool {
        self.first <= value && value <= self.last
    }

    /// Whether every value of `other` is in the range.
    pub fn encloses(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl Span<u32> {
    /// All 32 bits: `0..=0xffff_ffff`.
    pub const ALL: Self = Self { first: 0, last: u32::MAX };

    /// Number of values: 1 to 2^32.
    pub const fn count(self) -> u64 {
        self.last as u64 - self.first as u64 + 1
    }

    /// The lowest `count` values, and the rest if there is one; `count` is clamped to `1..=self.count()`.
    pub fn split_at_count(self, count: u64) -> (Self, Option<Self>) {
        let taken = count.clamp(1, self.count());
        let last = self.first + (taken - 1) as u32;
        let rest = (last < self.last).then(|| Self { first: last + 1, last: self.last });
        (Self { first: self.first, last }, rest)
    }

    /// Joins both ranges into one if `next` begins just after the end of `self`.
    pub fn join(self, next: Self) -> Option<Self> {
        (self.last.checked_add(1) == Some(next.first)).then_some(Self { first: self.first, last: next.last })
    }
}

impl Span<u64> {
    /// The range `0..=last`.
    pub const fn up_to(last: u64) -> Self {
        Self { first: 0, last }
    }

    /// Number of values: 1 to 2^64.
    pub const fn count(self) -> u128 {
        self.last as u128 - self.first as u128 + 1
    }
}

impl<T: fmt::Display> fmt::Display for Span<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_whole_space_and_counts_it() {
        assert_eq!(NonceSpan::ALL.count(), 1 << 32);
        assert_eq!(Span::new(0_u64, u64::MAX).unwrap().count(), 1 << 64);
        assert_eq!(NonceSpan::single(u32::MAX).count(), 1);
    }

    #[test]
    fn refuses_a_range_that_runs_backwards_and_accepts_a_single_value() {
        assert_eq!(NonceSpan::new(7, 7), Ok(NonceSpan::single(7)));
        let refused = NonceSpan::new(8, 7).unwrap_err();
        assert_eq!(refused.to_string(), "range runs backwards: first 8, last 7; expected last >= first");
    }

    #[test]
    fn splits_at_both_ends_without_losing_a_value() {
        let (low, high) = NonceSpan::ALL.split_at_count(1);
        assert_eq!((low, high), (NonceSpan::single(0), Some(NonceSpan::new(1, u32::MAX).unwrap())));
        assert_eq!(NonceSpan::ALL.split_at_count(1 << 32), (NonceSpan::ALL, None));
        let (low, high) = NonceSpan::ALL.split_at_count((1 << 32) - 1);
        assert_eq!((low.last(), high), (u32::MAX - 1, Some(NonceSpan::single(u32::MAX))));
        assert_eq!(low.join(high.unwrap()), Some(NonceSpan::ALL));
    }

    #[test]
    fn joins_only_neighbours_and_does_not_wrap_around() {
        let end = NonceSpan::single(u32::MAX);
        assert_eq!(end.join(NonceSpan::single(0)), None);
        assert_eq!(NonceSpan::single(3).join(NonceSpan::single(5)), None);
        assert_eq!(NonceSpan::single(3).join(NonceSpan::single(3)), None);
    }
}
