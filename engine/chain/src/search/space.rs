//! The exact set of (extranonce, version, time, nonce) that a template leaves open, and its order.
//!
//! Every point has a rank in the order (extranonce, version index, time, nonce), ascending, so any part of the space is
//! a set of intervals of 128-bit ranks. The size is checked once, in [`SearchSpace::new`]; after that no rank
//! overflows.

use std::iter;

use super::candidate::Candidate;
use super::region::Region;
use super::rolling_version::{RollingVersion, VersionRun};
use super::span::{ExtranonceSpan, NonceSpan, TimeSpan};

/// The points that a search may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SearchSpace {
    extranonces: Option<ExtranonceSpan>,
    versions: RollingVersion,
    times: TimeSpan,
    nonces: NonceSpan,
    volume: u128,
}

/// The space has more points than a 128-bit count can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "search space too large: {extranonces} extranonces x {versions} versions x {times} times x {nonces} nonces; \
     expected a product below 2^128"
)]
pub struct SpaceTooLarge {
    /// Extranonces given.
    pub extranonces: u128,
    /// Versions under the mask.
    pub versions: u64,
    /// Times in the window.
    pub times: u64,
    /// Nonces in the range.
    pub nonces: u64,
}

impl SearchSpace {
    /// The space of all combinations; `extranonces` is `None` if the Merkle root is fixed.
    ///
    /// # Errors
    /// [`SpaceTooLarge`] if the volume is 2^128 or more.
    pub fn new(
        extranonces: Option<ExtranonceSpan>,
        versions: RollingVersion,
        times: TimeSpan,
        nonces: NonceSpan,
    ) -> Result<Self, SpaceTooLarge> {
        let extranonce_count = extranonces.map_or(1, ExtranonceSpan::count);
        // At most 2^96: three axes of up to 2^32 values each.
        let per_extranonce = u128::from(versions.count()) * u128::from(times.count()) * u128::from(nonces.count());
        let Some(volume) = extranonce_count.checked_mul(per_extranonce) else {
            return Err(SpaceTooLarge {
                extranonces: extranonce_count,
                versions: versions.count(),
                times: times.count(),
                nonces: nonces.count(),
            });
        };
        Ok(Self { extranonces, versions, times, nonces, volume })
    }

    /// Number of points in the space: 1 to 2^128 - 1. Each costs one hash.
    pub const fn volume(&self) -> u128 {
        self.volume
    }

    /// The extranonces; `None` if the Merkle root is fixed.
    pub const fn extranonces(&self) -> Option<ExtranonceSpan> {
        self.extranonces
    }

    /// The versions; index `i` is `versions().at(i)`.
    pub const fn versions(&self) -> RollingVersion {
        self.versions
    }

    /// The times.
    pub const fn times(&self) -> TimeSpan {
        self.times
    }

    /// The nonces of each cell.
    pub const fn nonces(&self) -> NonceSpan {
        self.nonces
    }

    /// Whether a point is in the space.
    pub fn contains(&self, point: &Candidate) -> bool {
        self.extranonce_values().contains(point.extranonce)
            && u64::from(point.version_index) < self.versions.count()
            && self.times.contains(point.time)
            && self.nonces.contains(point.nonce)
    }

    /// Whether every point of a region is in the space.
    pub fn encloses(&self, region: &Region) -> bool {
        self.extranonce_values().contains(region.extranonce)
            && u64::from(region.versions.last()) < self.versions.count()
            && self.times.contains(region.time)
            && self.nonces.encloses(region.nonces)
    }

    /// The values on the extranonce axis; only 0 if there is no coinbase.
    pub(crate) fn extranonce_values(&self) -> ExtranonceSpan {
        self.extranonces.unwrap_or(ExtranonceSpan::single(0))
    }

    /// The extranonce as results show it: `None` if the template has no coinbase.
    pub(crate) fn shown_extranonce(&self, extranonce: u64) -> Option<u64> {
        self.extranonces.map(|_| extranonce)
    }

    /// The whole space as one stretch.
    pub(crate) fn whole(&self) -> Stretch {
        Stretch { first: 0, last: self.volume - 1 }
    }

    /// The stretches of a region, one for each of its versions, ascending.
    ///
    /// # Panics
    /// If the region is not inside the space.
    pub(crate) fn stretches(self, region: Region) -> impl Iterator<Item = Stretch> {
        assert!(self.encloses(&region), "the region is outside the space: {region}");
        region.versions.indices().map(move |index| {
            let cell_first = self.cell_rank(region.extranonce, index, region.time);
            let rank_of = |nonce: u32| cell_first + u128::from(nonce - self.nonces.first());
            Stretch { first: rank_of(region.nonces.first()), last: rank_of(region.nonces.last()) }
        })
    }

    /// The regions of a stretch, one for each cell (extranonce, version, time) that it touches, in order.
    pub(crate) fn cells(self, stretch: Stretch) -> impl Iterator<Item = Region> {
        let mut rest = Some(stretch);
        iter::from_fn(move || {
            let (region, next) = self.first_cell(rest?);
            rest = next;
            Some(region)
        })
    }

    /// The part of a stretch in its first cell, and the rest if there is one.
    pub(crate) fn first_cell(&self, stretch: Stretch) -> (Region, Option<Stretch>) {
        let nonce_count = u128::from(self.nonces.count());
        let offset_first = stretch.first % nonce_count;
        let cell_first = stretch.first - offset_first;
        let offset_last = (nonce_count - 1).min(stretch.last - cell_first);
        let nonce_at = |offset: u128| self.nonces.first() + offset as u32;
        let nonces = NonceSpan::new(nonce_at(offset_first), nonce_at(offset_last)).expect("a stretch is never empty");
        let last = cell_first + offset_last;
        let rest = (last < stretch.last).then(|| Stretch { first: last + 1, last: stretch.last });
        (self.cell(stretch.first / nonce_count, nonces), rest)
    }

    /// The region of a cell, given its number in the order of the space.
    fn cell(&self, number: u128, nonces: NonceSpan) -> Region {
        let (times, versions) = (u128::from(self.times.count()), u128::from(self.versions.count()));
        let row = number / times;
        Region {
            extranonce: self.extranonce_values().first() + (row / versions) as u64,
            versions: VersionRun::single((row % versions) as u32),
            time: self.times.first() + (number % times) as u32,
            nonces,
        }
    }

    /// The group of versions (as in [`super::lease::LeaseBook`]: up to eight, with all times) that a rank belongs to:
    /// its extranonce, its first version index, and its stretch.
    pub(crate) fn version_group(&self, rank: u128) -> (u64, u32, Stretch) {
        let row = rank / u128::from(self.nonces.count()) / u128::from(self.times.count());
        let versions = u128::from(self.versions.count());
        let extranonce = self.extranonce_values().first() + (row / versions) as u64;
        let index = (row % versions) as u32;
        let version_first = index - index % u32::from(VersionRun::COUNT_MAX);
        let count = (versions - u128::from(version_first)).min(VersionRun::COUNT_MAX.into());
        let first = self.cell_rank(extranonce, version_first, self.times.first());
        let hashes = count * u128::from(self.times.count()) * u128::from(self.nonces.count());
        (extranonce, version_first, Stretch { first, last: first + hashes - 1 })
    }

    /// The rank of the first point of a cell.
    fn cell_rank(&self, extranonce: u64, version_index: u32, time: u32) -> u128 {
        let extranonce = u128::from(extranonce - self.extranonce_values().first());
        let row = extranonce * u128::from(self.versions.count()) + u128::from(version_index);
        let number = row * u128::from(self.times.count()) + u128::from(time - self.times.first());
        number * u128::from(self.nonces.count())
    }
}

/// A run of consecutive points in the order of a space. It may span many cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stretch {
    /// Rank of the first point.
    pub(crate) first: u128,
    /// Rank of the last point, inclusive.
    pub(crate) last: u128,
}

impl Stretch {
    /// The points with the ranks `first..=last`. `None` if `last` is below `first`, or is 2^128 - 1, which no space
    /// has.
    pub fn new(first: u128, last: u128) -> Option<Self> {
        (first <= last && last < u128::MAX).then_some(Self { first, last })
    }

    /// Rank of the first point in the order of the space.
    pub const fn first(self) -> u128 {
        self.first
    }

    /// Rank of the last point, inclusive.
    pub const fn last(self) -> u128 {
        self.last
    }

    /// Number of points in the stretch; at least 1.
    pub const fn hashes(self) -> u128 {
        // No overflow: a volume stays below 2^128, so `last` is below 2^128 - 1.
        self.last - self.first + 1
    }
}
