//! A box of a search space: one extranonce, a few versions, one time, a range of nonces.
//!
//! Plain geometry; [`crate::SearchSpace::encloses`] checks whether a region is inside a space.

use std::fmt;

use cityseal_hash::Hit;

use super::candidate::Candidate;
use super::rolling_version::VersionRun;
use super::span::NonceSpan;

/// The points that one device can search with one set of midstates and one tail: versions × nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The extranonce's value; 0 if the template has no coinbase.
    pub extranonce: u64,
    /// The version indices; midstate number `k` of a search belongs to index `versions.first() + k`.
    pub versions: VersionRun,
    /// The header's time, a Unix time in seconds.
    pub time: u32,
    /// The nonces, tried with each version.
    pub nonces: NonceSpan,
}

impl Region {
    /// Number of hashes needed to search the region: 1 to 2^35.
    pub fn hashes(&self) -> u64 {
        u64::from(self.versions.count()) * self.nonces.count()
    }

    /// The candidate that a device's hit in this region claims; `None` if the hit is outside the region, which only a
    /// faulty device reports.
    pub fn candidate(&self, hit: Hit) -> Option<Candidate> {
        let inside = hit.midstate < self.versions.count() && self.nonces.contains(hit.nonce);
        inside.then(|| Candidate {
            extranonce: self.extranonce,
            version_index: self.versions.first() + u32::from(hit.midstate),
            time: self.time,
            nonce: hit.nonce,
        })
    }

    /// The region's lowest `count` nonces (at least one) for all its versions, and the rest if there is one.
    pub(crate) fn split_nonces(self, count: u64) -> (Self, Option<Self>) {
        let (low, high) = self.nonces.split_at_count(count);
        (Self { nonces: low, ..self }, high.map(|nonces| Self { nonces, ..self }))
    }

    /// The region's lowest `count` versions (at least one) with all its nonces, and the rest if there is one.
    pub(crate) fn split_versions(self, count: u8) -> (Self, Option<Self>) {
        let (low, high) = self.versions.split_at_count(count);
        (Self { versions: low, ..self }, high.map(|versions| Self { versions, ..self }))
    }

    /// Joins two regions that differ only in their nonces, if `next` begins just after `self`.
    pub(crate) fn join_nonces(self, next: Self) -> Option<Self> {
        let nonces = self.nonces.join(next.nonces)?;
        (Self { nonces: next.nonces, ..self } == next).then_some(Self { nonces, ..self })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { extranonce, versions, time, nonces } = self;
        let (first, last) = (versions.first(), versions.last());
        write!(f, "extranonce {extranonce}, version indices {first}..={last}, time {time}, nonces {nonces}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region() -> Region {
        Region {
            extranonce: 5,
            versions: VersionRun::new(8, 4).unwrap(),
            time: 100,
            nonces: NonceSpan::new(10, u32::MAX).unwrap(),
        }
    }

    #[test]
    fn turns_a_hit_inside_into_a_candidate_and_refuses_one_just_outside() {
        let last = Candidate { extranonce: 5, version_index: 11, time: 100, nonce: u32::MAX };
        assert_eq!(region().candidate(Hit { midstate: 3, nonce: u32::MAX }), Some(last));
        assert_eq!(region().candidate(Hit { midstate: 4, nonce: u32::MAX }), None);
        assert_eq!(region().candidate(Hit { midstate: 0, nonce: 9 }), None);
    }

    #[test]
    fn rejoins_a_region_split_by_nonces_but_not_regions_that_differ_elsewhere() {
        let (low, high) = region().split_nonces(17);
        let high = high.unwrap();
        assert_eq!(low.hashes() + high.hashes(), region().hashes());
        assert_eq!(low.join_nonces(high), Some(region()));
        assert_eq!(low.join_nonces(Region { time: 101, ..high }), None);
        assert_eq!(low.join_nonces(high.split_versions(3).0), None);
    }
}
