//! The allocator of a search space: lends disjoint parts, and lends returned parts again first.
//!
//! It walks the space lazily: its memory depends on what is lent and returned, not on the size of the space. It does
//! not depend on devices, time or results. The ledger ([`crate::Coverage`]) records what was searched, independently of
//! this book.

use std::collections::{BTreeMap, VecDeque};

use super::region::Region;
use super::rolling_version::VersionRun;
use super::space::{SearchSpace, Stretch};
use super::span::NonceSpan;

/// A part of a space, lent to one borrower. It is not `Clone`: its holder is responsible for it and returns it to its
/// book by [`LeaseBook::settle`], [`LeaseBook::give_back`] or [`LeaseBook::split`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is dropped stays outstanding until it is recalled"]
pub struct Lease {
    id: u64,
    region: Region,
}

impl Lease {
    /// The lease's number in its book, in the order of lending.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The region that is lent.
    pub const fn region(&self) -> &Region {
        &self.region
    }

    /// The extranonce's value; 0 if the template has no coinbase.
    pub const fn extranonce(&self) -> u64 {
        self.region.extranonce
    }

    /// The version indices.
    pub const fn versions(&self) -> VersionRun {
        self.region.versions
    }

    /// The header's time, a Unix time in seconds.
    pub const fn time(&self) -> u32 {
        self.region.time
    }

    /// The nonces, tried with each version.
    pub const fn nonces(&self) -> NonceSpan {
        self.region.nonces
    }

    /// Number of hashes needed to search the lease: 1 to 2^35.
    pub fn hashes(&self) -> u64 {
        self.region.hashes()
    }
}

/// Lends a space in order, in groups of up to eight versions that a device can search together.
#[derive(Debug)]
pub struct LeaseBook {
    space: SearchSpace,
    /// The rows (extranonce, group of versions, time) that were never lent.
    fresh: VecDeque<Rows>,
    /// The rest of the row that was opened last, with the next part on top. Each entry has fewer versions than the one
    /// below it, so there are at most eight.
    front: Vec<Region>,
    /// Stretches to be searched again, in the order of their requests.
    reopened: VecDeque<Stretch>,
    /// Returned regions, in the order of the space.
    returned: BTreeMap<RegionKey, Region>,
    outstanding: BTreeMap<u64, Region>,
    next_id: u64,
}

impl LeaseBook {
    /// A book without leases that lends the whole space.
    pub fn new(space: SearchSpace) -> Self {
        Self::of(space, [space.whole()])
    }

    /// A book without leases that lends only the given stretches, such as the gaps of an earlier search
    /// ([`crate::Coverage::gaps`]). Whole groups of eight versions are lent as usual; a group of which only a part is
    /// open is lent version by version.
    ///
    /// # Panics
    /// If a stretch ends outside the space or overlaps another one.
    pub fn of(space: SearchSpace, stretches: impl IntoIterator<Item = Stretch>) -> Self {
        let mut stretches: Vec<Stretch> = stretches.into_iter().collect();
        stretches.sort_unstable();
        assert!(stretches.is_sorted_by(|one, two| one.last() < two.first()), "stretches that overlap: {stretches:?}");
        let mut book = Self {
            space,
            fresh: VecDeque::new(),
            front: Vec::new(),
            reopened: VecDeque::new(),
            returned: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            next_id: 0,
        };
        stretches.into_iter().for_each(|stretch| book.open(stretch));
        book
    }

    /// The space that is lent.
    pub const fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// Lends the next open part: at most `hashes_wanted` hashes over at most `versions_max` versions (0 counts as 1 in
    /// both). Returned parts are lent first. `None` if nothing is open.
    pub fn lend(&mut self, hashes_wanted: u64, versions_max: usize) -> Option<Lease> {
        let taken = if let Some(region) = self.take_returned() {
            let (taken, later, sooner) = carve(region, hashes_wanted, versions_max);
            later.into_iter().chain(sooner).for_each(|rest| self.insert_returned(rest));
            taken
        } else {
            let (taken, later, sooner) = carve(self.take_fresh()?, hashes_wanted, versions_max);
            // The rest of the versions goes on top, so that it is lent next.
            self.front.extend(later.into_iter().chain(sooner));
            taken
        };
        Some(self.enter(taken))
    }

    /// Closes a lease that was searched.
    ///
    /// # Panics
    /// If the lease is not outstanding in this book.
    pub fn settle(&mut self, lease: Lease) {
        self.strike(lease);
    }

    /// Takes back a lease that was not searched; it is lent again before any new part.
    ///
    /// # Panics
    /// If the lease is not outstanding in this book.
    pub fn give_back(&mut self, lease: Lease) {
        let (_, region) = self.strike(lease);
        self.insert_returned(region);
    }

    /// Splits a lease after the nonce `last_done` into the part up to it (for all versions of the lease) and the rest,
    /// which becomes a new lease. There is no rest if `last_done` is the last nonce.
    ///
    /// # Panics
    /// If the lease is not outstanding in this book, or `last_done` is not one of its nonces.
    pub fn split(&mut self, lease: Lease, last_done: u32) -> (Lease, Option<Lease>) {
        let (id, region) = self.strike(lease);
        let nonces = region.nonces;
        assert!(nonces.contains(last_done), "lease {id} has nonces {nonces}, not {last_done}");
        let (done, rest) = region.split_nonces(u64::from(last_done - nonces.first()) + 1);
        self.outstanding.insert(id, done);
        (Lease { id, region: done }, rest.map(|rest| self.enter(rest)))
    }

    /// Takes back a lease whose holder no longer exists (its thread panicked); returns `false` if no such lease is
    /// outstanding.
    pub fn recall(&mut self, id: u64) -> bool {
        let Some(region) = self.outstanding.remove(&id) else { return false };
        self.insert_returned(region);
        true
    }

    /// Reopens a settled stretch because its device is no longer trusted ([`crate::Coverage::revoke`]).
    ///
    /// # Panics
    /// If the stretch ends outside the space.
    pub fn reopen(&mut self, stretch: Stretch) {
        assert!(stretch.last < self.space.volume(), "a stretch of another space: {stretch:?}");
        self.reopened.push_back(stretch);
    }

    /// Opens a stretch of a new book: its whole groups of versions as rows, its ends cell by cell.
    fn open(&mut self, stretch: Stretch) {
        assert!(stretch.last() < self.space.volume(), "a stretch of another space: {stretch:?}");
        let (_, _, first_group) = self.space.version_group(stretch.first());
        let (_, _, last_group) = self.space.version_group(stretch.last());
        let whole_from = if stretch.first() == first_group.first() { stretch.first() } else { first_group.last() + 1 };
        let whole_until = if stretch.last() == last_group.last() { stretch.last() + 1 } else { last_group.first() };
        if whole_from >= whole_until {
            // At most two groups, neither of them whole.
            return self.reopened.push_back(stretch);
        }
        self.reopened.extend(stretch_until(stretch.first(), whole_from));
        self.reopened.extend(stretch_until(whole_until, stretch.last() + 1));
        let row_at = |rank, time| {
            let (extranonce, version_first, _) = self.space.version_group(rank);
            Row { extranonce, version_first, time }
        };
        let times = self.space.times();
        let (next, last) = (row_at(whole_from, times.first()), row_at(whole_until - 1, times.last()));
        self.fresh.push_back(Rows { next, last });
    }

    /// Number of leases that are neither settled nor given back.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The leases that are neither settled nor given back: number and region, ascending by number.
    pub fn outstanding_regions(&self) -> impl Iterator<Item = (u64, Region)> {
        self.outstanding.iter().map(|(&id, &region)| (id, region))
    }

    /// Whether nothing is open: [`Self::lend`] returns `None` until something is given back.
    pub fn is_drained(&self) -> bool {
        self.fresh.is_empty() && self.front.is_empty() && self.reopened.is_empty() && self.returned.is_empty()
    }

    fn enter(&mut self, region: Region) -> Lease {
        let id = self.next_id;
        self.next_id += 1;
        self.outstanding.insert(id, region);
        Lease { id, region }
    }

    /// Consumes a lease and removes it from the book.
    #[expect(clippy::needless_pass_by_value, reason = "consuming the lease ends it")]
    fn strike(&mut self, lease: Lease) -> (u64, Region) {
        let Lease { id, region } = lease;
        assert_eq!(self.outstanding.remove(&id), Some(region), "lease {id} is not outstanding in this book");
        (id, region)
    }

    /// Keeps a region for the next borrower, joined with adjacent ones, so that repeated splitting leaves no fragments.
    fn insert_returned(&mut self, mut region: Region) {
        if let Some((&key, &before)) = self.returned.range(..RegionKey::of(&region)).next_back()
            && let Some(joined) = before.join_nonces(region)
        {
            self.returned.remove(&key);
            region = joined;
        }
        if let Some((&key, &after)) = self.returned.range(RegionKey::of(&region)..).next()
            && let Some(joined) = region.join_nonces(after)
        {
            self.returned.remove(&key);
            region = joined;
        }
        self.returned.insert(RegionKey::of(&region), region);
    }

    /// Takes the next returned or reopened region.
    fn take_returned(&mut self) -> Option<Region> {
        if let Some((_, region)) = self.returned.pop_first() {
            return Some(region);
        }
        let stretch = self.reopened.pop_front()?;
        let (region, rest) = self.space.first_cell(stretch);
        if let Some(rest) = rest {
            self.reopened.push_front(rest);
        }
        Some(region)
    }

    /// Takes the next region that was never lent.
    fn take_fresh(&mut self) -> Option<Region> {
        if let Some(region) = self.front.pop() {
            return Some(region);
        }
        let rows = self.fresh.front_mut()?;
        let row = rows.next;
        match row.next(&self.space).filter(|_| row != rows.last) {
            Some(next) => rows.next = next,
            None => _ = self.fresh.pop_front(),
        }
        Some(row.region(&self.space))
    }
}

/// Splits a borrower's part off a region. Returns the part, the rest of the nonces (for all versions), and the rest of
/// the versions (for the nonces of the part). Nonces are split first: a borrower that can take few versions leaves a
/// piece nearly as wide as before, so the next borrower can still share its message schedule across versions.
fn carve(region: Region, hashes_wanted: u64, versions_max: usize) -> (Region, Option<Region>, Option<Region>) {
    let hashes_wanted = hashes_wanted.max(1);
    let width = usize::from(region.versions.count()).min(versions_max.max(1)) as u64;
    let width = width.min(hashes_wanted);
    let (slice, later) = region.split_nonces(hashes_wanted / width);
    let (taken, sooner) = slice.split_versions(width as u8);
    (taken, later, sooner)
}

/// A region's position in the order of the space. Disjoint regions have different keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RegionKey {
    extranonce: u64,
    version_first: u32,
    time: u32,
    nonce_first: u32,
}

impl RegionKey {
    fn of(region: &Region) -> Self {
        Self {
            extranonce: region.extranonce,
            version_first: region.versions.first(),
            time: region.time,
            nonce_first: region.nonces.first(),
        }
    }
}

/// The ranks from `first` up to `end`, exclusive; `None` if there are none.
fn stretch_until(first: u128, end: u128) -> Option<Stretch> {
    Stretch::new(first, end.checked_sub(1)?)
}

/// Rows in the order of lending, `next` to `last`, inclusive.
#[derive(Clone, Copy, Debug)]
struct Rows {
    next: Row,
    last: Row,
}

/// One group of up to eight versions with one extranonce and one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    extranonce: u64,
    version_first: u32,
    time: u32,
}

impl Row {
    /// The next row: time varies fastest, then the group of versions, then the extranonce.
    fn next(self, space: &SearchSpace) -> Option<Self> {
        if self.time < space.times().last() {
            return Some(Self { time: self.time + 1, ..self });
        }
        let time = space.times().first();
        let version_next = u64::from(self.version_first) + u64::from(VersionRun::COUNT_MAX);
        if version_next < space.versions().count() {
            return Some(Self { version_first: version_next as u32, time, ..self });
        }
        (self.extranonce < space.extranonce_values().last()).then(|| Self {
            extranonce: self.extranonce + 1,
            version_first: 0,
            time,
        })
    }

    fn region(self, space: &SearchSpace) -> Region {
        let left = space.versions().count() - u64::from(self.version_first);
        let count = left.min(u64::from(VersionRun::COUNT_MAX)) as u8;
        let versions = VersionRun::new(self.version_first, count).expect("1 to 8 indices below 2^32");
        Region { extranonce: self.extranonce, versions, time: self.time, nonces: space.nonces() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::rolling_version::RollingVersion;
    use crate::search::span::TimeSpan;

    proptest! {
        #[test]
        fn keeps_at_most_eight_open_regions_whatever_the_borrowers(
            orders in prop::collection::vec((1u64..5000, 0usize..10), 1..400),
        ) {
            let versions = RollingVersion::new(0, 0xff0).unwrap();
            let space = SearchSpace::new(None, versions, TimeSpan::single(0), NonceSpan::new(0, 999).unwrap()).unwrap();
            let mut book = LeaseBook::new(space);
            for (hashes, versions_max) in orders {
                let Some(lease) = book.lend(hashes, versions_max) else { break };
                prop_assert!(lease.hashes() <= hashes);
                prop_assert!(usize::from(lease.versions().count()) <= versions_max.max(1));
                prop_assert!(book.front.len() <= usize::from(VersionRun::COUNT_MAX), "{} open", book.front.len());
                book.settle(lease);
            }
        }
    }

    #[test]
    fn a_region_returned_in_fragments_is_one_region_again() {
        let nonces = NonceSpan::new(0, 99).unwrap();
        let space = SearchSpace::new(None, RollingVersion::fixed(1), TimeSpan::single(0), nonces).unwrap();
        let mut book = LeaseBook::new(space);
        let mut fragments: Vec<Lease> = std::iter::from_fn(|| book.lend(7, 8)).collect();
        assert_eq!(fragments.len(), 15);
        while let Some(lease) = fragments.pop() {
            book.give_back(lease);
            fragments.reverse();
        }
        assert_eq!(book.returned.len(), 1);
        assert_eq!(book.lend(u64::MAX, 8).map(|lease| lease.nonces()), Some(nonces));
    }
}
