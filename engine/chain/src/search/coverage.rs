//! A ledger of what was searched by which device, exact to the single hash.
//!
//! It keeps intervals of ranks in the order of the space, so a device that searches cell after cell costs one entry.
//! Whether everything was searched is derived from the entries themselves, not from a counter or a claim.

use std::collections::BTreeMap;
use std::fmt;

use super::region::Region;
use super::space::{SearchSpace, Stretch};
use super::span::NonceSpan;

/// Identifies a device in the ledger; the engine assigns the tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceTag(pub u16);

/// An entry of the ledger: a run of nonces of one version, time and extranonce, and the device that searched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoverageEntry {
    /// The extranonce's value; `None` if the template has no coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time, a Unix time in seconds.
    pub time: u32,
    /// The lowest nonce searched.
    pub nonce_first: u32,
    /// The highest nonce searched, inclusive.
    pub nonce_last: u32,
    /// The device that searched it.
    pub device: DeviceTag,
}

/// The first unsearched part of a space, within one version, time and extranonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoverageGap {
    /// The extranonce's value; `None` if the template has no coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time, a Unix time in seconds.
    pub time: u32,
    /// The unsearched nonces.
    pub nonces: NonceSpan,
}

impl fmt::Display for CoverageGap {
    /// Writes for example `extranonce 5, version 20000000, time 1231006505, nonces 0..=99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extranonce) = self.extranonce {
            write!(f, "extranonce {extranonce}, ")?;
        }
        write!(f, "version {:08x}, time {}, nonces {}", self.version, self.time, self.nonces)
    }
}

/// Why the ledger refuses a region: each case is a bug in the engine. A refused region changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// A part of the region was already recorded.
    #[error("searched twice: {region}, recorded for device {}, overlaps an entry of device {}", device.0, earlier.0)]
    Overlap {
        /// The refused region.
        region: Region,
        /// The device that it was to be recorded for.
        device: DeviceTag,
        /// The device with the overlapping entry.
        earlier: DeviceTag,
    },
    /// A part of the region is not in the space.
    #[error("searched outside the space: {region}")]
    OutsideSpace {
        /// The refused region.
        region: Region,
    },
}

/// An exact ledger over one space.
#[derive(Clone, Debug)]
pub struct Coverage {
    space: SearchSpace,
    /// Keyed by the rank of the first point. Disjoint; adjacent runs of one device are merged.
    runs: BTreeMap<u128, Run>,
    volume: u128,
}

/// The last rank of a run, inclusive, and its device.
#[derive(Clone, Copy, Debug)]
struct Run {
    last: u128,
    device: DeviceTag,
}

impl Coverage {
    /// An empty ledger.
    pub const fn new(space: SearchSpace) -> Self {
        Self { space, runs: BTreeMap::new(), volume: 0 }
    }

    /// The space that the ledger covers.
    pub const fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// Records a region that a device has searched completely.
    ///
    /// # Errors
    /// [`CoverageError`] if the region leaves the space or overlaps an entry; the ledger is then unchanged.
    pub fn record(&mut self, region: &Region, device: DeviceTag) -> Result<(), CoverageError> {
        if !self.space.encloses(region) {
            return Err(CoverageError::OutsideSpace { region: *region });
        }
        if let Some(earlier) = self.space.stretches(*region).find_map(|stretch| self.holder_within(stretch)) {
            return Err(CoverageError::Overlap { region: *region, device, earlier });
        }
        self.space.stretches(*region).for_each(|stretch| self.insert(stretch, device));
        Ok(())
    }

    /// Removes all entries of a device and returns their stretches in the order of the space, so that they can be
    /// searched again ([`crate::LeaseBook::reopen`]).
    pub fn revoke(&mut self, device: DeviceTag) -> Vec<Stretch> {
        let removed = self.runs.extract_if(.., |_, run| run.device == device);
        let removed: Vec<Stretch> = removed.map(|(first, run)| Stretch { first, last: run.last }).collect();
        self.volume -= removed.iter().map(|stretch| stretch.hashes()).sum::<u128>();
        removed
    }

    /// Number of hashes that the entries cover.
    pub const fn volume(&self) -> u128 {
        self.volume
    }

    /// Number of hashes that the entries of one device cover. Walks the ledger.
    pub fn volume_of(&self, device: DeviceTag) -> u128 {
        self.stretches().filter(|(_, of)| *of == device).map(|(stretch, _)| stretch.hashes()).sum()
    }

    /// Whether the entries cover the whole space. Walks the ledger.
    pub fn is_complete(&self) -> bool {
        self.missing().is_none()
    }

    /// The first part of the space that no entry covers. Walks the ledger.
    pub fn first_gap(&self) -> Option<CoverageGap> {
        let (region, _) = self.space.first_cell(self.missing()?);
        Some(CoverageGap {
            extranonce: self.space.shown_extranonce(region.extranonce),
            version: self.space.versions().at(region.versions.first()),
            time: region.time,
            nonces: region.nonces,
        })
    }

    /// The entries in the order of the space. They are disjoint and cover [`Self::volume`] hashes together.
    pub fn entries(&self) -> impl Iterator<Item = CoverageEntry> {
        self.stretches().flat_map(move |(stretch, device)| {
            self.space.cells(stretch).map(move |region| CoverageEntry {
                extranonce: self.space.shown_extranonce(region.extranonce),
                version: self.space.versions().at(region.versions.first()),
                time: region.time,
                nonce_first: region.nonces.first(),
                nonce_last: region.nonces.last(),
                device,
            })
        })
    }

    fn stretches(&self) -> impl Iterator<Item = (Stretch, DeviceTag)> {
        self.runs.iter().map(|(&first, run)| (Stretch { first, last: run.last }, run.device))
    }

    /// The first stretch between two entries, before the first or after the last.
    fn missing(&self) -> Option<Stretch> {
        let whole = self.space.whole();
        let mut open = whole.first;
        for (stretch, _) in self.stretches() {
            if stretch.first != open {
                return Some(Stretch { first: open, last: stretch.first - 1 });
            }
            // A rank is below 2^128 - 1, so this does not overflow.
            open = stretch.last + 1;
        }
        (open <= whole.last).then_some(Stretch { first: open, last: whole.last })
    }

    /// The device of the last entry that overlaps a stretch.
    fn holder_within(&self, stretch: Stretch) -> Option<DeviceTag> {
        let (_, run) = self.runs.range(..=stretch.last).next_back()?;
        (run.last >= stretch.first).then_some(run.device)
    }

    /// Inserts a stretch that overlaps no entry, and merges it with adjacent runs of the same device.
    fn insert(&mut self, stretch: Stretch, device: DeviceTag) {
        let Stretch { mut first, mut last } = stretch;
        self.volume += stretch.hashes();
        if let Some((&before, run)) = self.runs.range(..first).next_back()
            && run.device == device
            && run.last + 1 == first
        {
            first = before;
        }
        if let Some(run) = self.runs.get(&(last + 1)).filter(|run| run.device == device).copied() {
            self.runs.remove(&(last + 1));
            last = run.last;
        }
        self.runs.insert(first, Run { last, device });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::lease::LeaseBook;
    use crate::search::rolling_version::RollingVersion;
    use crate::search::span::TimeSpan;

    #[test]
    fn a_search_by_one_device_costs_one_entry_when_its_rows_are_done() {
        let times = TimeSpan::new(1, 50).unwrap();
        let space = SearchSpace::new(None, RollingVersion::new(0, 0x1fffe000).unwrap(), times, NonceSpan::ALL).unwrap();
        let (mut book, mut coverage) = (LeaseBook::new(space), Coverage::new(space));
        for _ in 0..50 * 16 {
            let lease = book.lend(u64::MAX, 8).unwrap();
            coverage.record(lease.region(), DeviceTag(0)).unwrap();
            book.settle(lease);
            assert!(coverage.runs.len() <= 8, "{} runs", coverage.runs.len());
        }
        assert_eq!(coverage.runs.len(), 1);
        assert_eq!(coverage.volume(), (50 * 16 * 8) << 32);
    }

    #[test]
    fn the_running_volume_is_the_sum_over_the_entries() {
        let space =
            SearchSpace::new(None, RollingVersion::new(0, 0xf).unwrap(), TimeSpan::single(1), NonceSpan::ALL).unwrap();
        let (mut book, mut coverage) = (LeaseBook::new(space), Coverage::new(space));
        for turn in 0..40 {
            let lease = book.lend(1 << 29, 1 + turn % 8).unwrap();
            coverage.record(lease.region(), DeviceTag(turn as u16 % 3)).unwrap();
            book.settle(lease);
        }
        let sum = |coverage: &Coverage| coverage.stretches().map(|(stretch, _)| stretch.hashes()).sum::<u128>();
        assert_eq!(coverage.volume(), sum(&coverage));
        let revoked: u128 = coverage.revoke(DeviceTag(1)).iter().map(|stretch| stretch.hashes()).sum();
        assert!(revoked > 0);
        assert_eq!(coverage.volume(), sum(&coverage));
        assert_eq!(coverage.volume_of(DeviceTag(0)) + coverage.volume_of(DeviceTag(2)), coverage.volume());
    }
}
