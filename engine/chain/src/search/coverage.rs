//! The ledger of what was searched and by whom, exact to the single hash.
//!
//! It keeps intervals of ranks in the order of the space, so that a device which searches cell after cell costs one entry,
//! and "everything was searched" is read from the entries themselves: no counter, and nobody's word, is believed.

use std::collections::BTreeMap;
use std::fmt;

use super::region::Region;
use super::space::{SearchSpace, Stretch};
use super::span::NonceSpan;

/// Names a device in the ledger; what it stands for is the engine's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceTag(pub u16);

/// One line of the ledger: a run of nonces of one version, time and extranonce, and the device that searched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoverageEntry {
    /// The extranonce's value; `None` where the template has no coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time, in seconds since 1970.
    pub time: u32,
    /// The lowest nonce searched.
    pub nonce_first: u32,
    /// The highest nonce searched, itself included.
    pub nonce_last: u32,
    /// Who searched.
    pub device: DeviceTag,
}

/// The first part of a space that nobody searched, within one version, time and extranonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoverageGap {
    /// The extranonce's value; `None` where the template has no coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time, in seconds since 1970.
    pub time: u32,
    /// The nonces that are missing.
    pub nonces: NonceSpan,
}

impl fmt::Display for CoverageGap {
    /// As the contract writes the parts: `extranonce 5, version 20000000, time 1231006505, nonces 0..=99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extranonce) = self.extranonce {
            write!(f, "extranonce {extranonce}, ")?;
        }
        write!(f, "version {:08x}, time {}, nonces {}", self.version, self.time, self.nonces)
    }
}

/// What the ledger refuses: each is a broken promise between parts of the engine. A refused region changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// A part of the region stands in the ledger already.
    #[error("searched twice: {region}, recorded for device {}, meets what device {} searched", device.0, earlier.0)]
    Overlap {
        /// The region that was to be recorded.
        region: Region,
        /// For whom.
        device: DeviceTag,
        /// The device whose entry stands there.
        earlier: DeviceTag,
    },
    /// A part of the region is not in the space.
    #[error("searched outside the space: {region}")]
    OutsideSpace {
        /// The region that was to be recorded.
        region: Region,
    },
}

/// An exact ledger over one space.
#[derive(Clone, Debug)]
pub struct Coverage {
    space: SearchSpace,
    /// By the rank of the first point. Disjoint; neighbours of one device are one run.
    runs: BTreeMap<u128, Run>,
    volume: u128,
}

/// Up to where a run reaches (a rank, itself included), and whose it is.
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

    /// The space that the ledger is about.
    pub const fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// Enters a region that a device has searched to its end.
    ///
    /// # Errors
    /// [`CoverageError`] where the region leaves the space or meets an entry; the ledger is then as before.
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

    /// Strikes out all that a device searched, and names it, in the order of the space, so that it can be searched again
    /// ([`crate::LeaseBook::reopen`]).
    pub fn revoke(&mut self, device: DeviceTag) -> Vec<Stretch> {
        let struck = self.runs.extract_if(.., |_, run| run.device == device);
        let struck: Vec<Stretch> = struck.map(|(first, run)| Stretch { first, last: run.last }).collect();
        self.volume -= struck.iter().map(|stretch| stretch.hashes()).sum::<u128>();
        struck
    }

    /// How many hashes the entries stand for.
    pub const fn volume(&self) -> u128 {
        self.volume
    }

    /// How many hashes the entries of one device stand for. Walks the ledger.
    pub fn volume_of(&self, device: DeviceTag) -> u128 {
        self.stretches().filter(|(_, of)| *of == device).map(|(stretch, _)| stretch.hashes()).sum()
    }

    /// Whether the entries fill the space. Walks the ledger.
    pub fn is_complete(&self) -> bool {
        self.missing().is_none()
    }

    /// The first part of the space that no entry fills. Walks the ledger.
    pub fn first_gap(&self) -> Option<CoverageGap> {
        let (region, _) = self.space.first_cell(self.missing()?);
        Some(CoverageGap {
            extranonce: self.space.shown_extranonce(region.extranonce),
            version: self.space.versions().at(region.versions.first()),
            time: region.time,
            nonces: region.nonces,
        })
    }

    /// The entries, in the order of the space; disjoint, and together [`Self::volume`] hashes.
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

    /// The first stretch that lies between two entries, before the first or after the last.
    fn missing(&self) -> Option<Stretch> {
        let whole = self.space.whole();
        let mut open = whole.first;
        for (stretch, _) in self.stretches() {
            if stretch.first != open {
                return Some(Stretch { first: open, last: stretch.first - 1 });
            }
            // A rank is below 2^128 - 1, so that the next one is a number.
            open = stretch.last + 1;
        }
        (open <= whole.last).then_some(Stretch { first: open, last: whole.last })
    }

    /// The device of the last entry that meets a stretch.
    fn holder_within(&self, stretch: Stretch) -> Option<DeviceTag> {
        let (_, run) = self.runs.range(..=stretch.last).next_back()?;
        (run.last >= stretch.first).then_some(run.device)
    }

    /// Enters a stretch that meets no entry, and joins it with its neighbours of the same device.
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
    fn a_search_by_one_device_costs_one_entry_once_its_rows_are_done() {
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
    fn the_kept_volume_is_the_sum_over_the_entries() {
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
        let struck: u128 = coverage.revoke(DeviceTag(1)).iter().map(|stretch| stretch.hashes()).sum();
        assert!(struck > 0);
        assert_eq!(coverage.volume(), sum(&coverage));
        assert_eq!(coverage.volume_of(DeviceTag(0)) + coverage.volume_of(DeviceTag(2)), coverage.volume());
    }
}
