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

/// A run of the ledger: consecutive points in the order of the space, and the device that searched them. It may span
/// many entries; the number of runs depends on how the work was shared, not on the size of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoverageRun {
    /// The points.
    pub stretch: Stretch,
    /// The device that searched them.
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

/// Why the ledger refuses a region or a run. A region is refused only because of a bug in the engine; a run may come
/// from a damaged file. What is refused changes nothing.
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
    /// A part of the run was already recorded.
    #[error("searched twice: ranks {first}..={last} overlap an entry of device {}", earlier.0)]
    RunOverlap {
        /// The run's first rank.
        first: u128,
        /// The run's last rank.
        last: u128,
        /// The device with the overlapping entry.
        earlier: DeviceTag,
    },
    /// The run ends outside the space.
    #[error("searched outside the space: ranks {first}..={last}; expected ranks below {volume}")]
    RunOutsideSpace {
        /// The run's first rank.
        first: u128,
        /// The run's last rank.
        last: u128,
        /// Number of points in the space.
        volume: u128,
    },
}

/// An exact ledger over one space.
#[derive(Clone, Debug)]
pub struct Coverage {
    space: SearchSpace,
    /// Keyed by the rank of the first point. Disjoint; adjacent runs of one device are merged.
    runs: BTreeMap<u128, Run>,
    volume: u128,
    /// The volume of each device, so that a report need not walk the runs.
    volumes: BTreeMap<DeviceTag, u128>,
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
        Self { space, runs: BTreeMap::new(), volume: 0, volumes: BTreeMap::new() }
    }

    /// A ledger with the given runs, in any order: what an earlier search of the same space has covered.
    ///
    /// # Errors
    /// [`CoverageError`] if a run ends outside the space or overlaps another one.
    pub fn from_runs(space: SearchSpace, runs: impl IntoIterator<Item = CoverageRun>) -> Result<Self, CoverageError> {
        let mut coverage = Self::new(space);
        runs.into_iter().try_for_each(|run| coverage.record_run(run))?;
        Ok(coverage)
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

    /// Records a run that a device has searched completely.
    ///
    /// # Errors
    /// [`CoverageError`] if the run ends outside the space or overlaps an entry; the ledger is then unchanged.
    pub fn record_run(&mut self, run: CoverageRun) -> Result<(), CoverageError> {
        let Stretch { first, last } = run.stretch;
        let volume = self.space.volume();
        if last >= volume {
            return Err(CoverageError::RunOutsideSpace { first, last, volume });
        }
        if let Some(earlier) = self.holder_within(run.stretch) {
            return Err(CoverageError::RunOverlap { first, last, earlier });
        }
        self.insert(run.stretch, run.device);
        Ok(())
    }

    /// Removes all entries of a device and returns their stretches in the order of the space, so that they can be
    /// searched again ([`crate::LeaseBook::reopen`]).
    pub fn revoke(&mut self, device: DeviceTag) -> Vec<Stretch> {
        let removed = self.runs.extract_if(.., |_, run| run.device == device);
        let removed: Vec<Stretch> = removed.map(|(first, run)| Stretch { first, last: run.last }).collect();
        self.volume -= removed.iter().map(|stretch| stretch.hashes()).sum::<u128>();
        self.volumes.remove(&device);
        removed
    }

    /// Number of hashes that the entries cover.
    pub const fn volume(&self) -> u128 {
        self.volume
    }

    /// Number of hashes that the entries of one device cover.
    pub fn volume_of(&self, device: DeviceTag) -> u128 {
        self.volumes.get(&device).copied().unwrap_or(0)
    }

    /// Whether the entries cover the whole space. Walks the ledger.
    pub fn is_complete(&self) -> bool {
        self.gaps().next().is_none()
    }

    /// The first part of the space that no entry covers. Walks the ledger.
    pub fn first_gap(&self) -> Option<CoverageGap> {
        let (region, _) = self.space.first_cell(self.gaps().next()?);
        Some(CoverageGap {
            extranonce: self.space.shown_extranonce(region.extranonce),
            version: self.space.versions().at(region.versions.first()),
            time: region.time,
            nonces: region.nonces,
        })
    }

    /// The runs in the order of the space: disjoint; adjacent ones are of different devices.
    pub fn runs(&self) -> impl Iterator<Item = CoverageRun> {
        self.stretches().map(|(stretch, device)| CoverageRun { stretch, device })
    }

    /// Number of runs. The ledger's memory is proportional to it.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// The parts of the space that no run covers, in the order of the space ([`crate::LeaseBook::of`] lends them).
    pub fn gaps(&self) -> impl Iterator<Item = Stretch> {
        let whole = self.space.whole();
        // The end of the space closes the last gap. A rank is below 2^128 - 1, so nothing overflows.
        let ends = self.stretches().map(|(stretch, _)| (stretch.first, stretch.last + 1));
        ends.chain([(whole.last + 1, whole.last + 1)])
            .scan(whole.first, |open, (first, next)| {
                let gap = (*open < first).then(|| Stretch { first: *open, last: first - 1 });
                *open = next;
                Some(gap)
            })
            .flatten()
    }

    /// The entries in the order of the space, made as far as the iterator is used: a run may span any number of them.
    /// They are disjoint and cover [`Self::volume`] hashes together.
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

    /// The device of the last entry that overlaps a stretch.
    fn holder_within(&self, stretch: Stretch) -> Option<DeviceTag> {
        let (_, run) = self.runs.range(..=stretch.last).next_back()?;
        (run.last >= stretch.first).then_some(run.device)
    }

    /// Inserts a stretch that overlaps no entry, and merges it with adjacent runs of the same device.
    fn insert(&mut self, stretch: Stretch, device: DeviceTag) {
        let Stretch { mut first, mut last } = stretch;
        self.volume += stretch.hashes();
        *self.volumes.entry(device).or_default() += stretch.hashes();
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
