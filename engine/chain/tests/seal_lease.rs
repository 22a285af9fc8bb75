//! The allocator: however leases are lent, split, lost and given back, the space is searched exactly once.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use cityseal_chain::{
    Candidate, ExtranonceSpan, Lease, LeaseBook, NonceSpan, Region, RollingVersion, SearchSpace, Stretch, TimeSpan,
};
use proptest::prelude::*;

fn small_space(extranonces: u64, mask: u32, times: u32, nonces: u32) -> SearchSpace {
    let extranonces = ExtranonceSpan::new(7, 6 + extranonces).unwrap();
    let times = TimeSpan::new(1000, 999 + times).unwrap();
    let nonces = NonceSpan::new(u32::MAX - (nonces - 1), u32::MAX).unwrap();
    SearchSpace::new(Some(extranonces), RollingVersion::new(4, mask).unwrap(), times, nonces).unwrap()
}

fn points(region: &Region) -> impl Iterator<Item = Candidate> {
    let region = *region;
    region.versions.indices().flat_map(move |version_index| {
        (region.nonces.first()..=region.nonces.last()).map(move |nonce| Candidate {
            extranonce: region.extranonce,
            version_index,
            time: region.time,
            nonce,
        })
    })
}

/// Settles a lease and asserts that no point of it was searched before.
fn search(book: &mut LeaseBook, lease: Lease, searched: &mut BTreeSet<Candidate>) {
    for point in points(lease.region()) {
        assert!(book.space().contains(&point), "outside: {point:?}");
        assert!(searched.insert(point), "twice: {point:?}");
    }
    book.settle(lease);
}

#[derive(Clone, Debug)]
enum Step {
    Lend { hashes: u64, versions_max: usize },
    Settle(usize),
    GiveBack(usize),
    SettleHalf { lease: usize, at: u32 },
    LoseAndRecall(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..40, 0usize..10).prop_map(|(hashes, versions_max)| Step::Lend { hashes, versions_max }),
        2 => any::<usize>().prop_map(Step::Settle),
        2 => any::<usize>().prop_map(Step::GiveBack),
        2 => (any::<usize>(), any::<u32>()).prop_map(|(lease, at)| Step::SettleHalf { lease, at }),
        1 => any::<usize>().prop_map(Step::LoseAndRecall),
    ]
}

/// Performs one step; a step that needs a lease does nothing if none is held.
fn take(step: &Step, book: &mut LeaseBook, held: &mut Vec<Lease>, searched: &mut BTreeSet<Candidate>) {
    if let Step::Lend { hashes, versions_max } = *step {
        let lease = book.lend(hashes, versions_max);
        assert!(lease.iter().all(|lease| lease.hashes() <= hashes.max(1)));
        assert!(lease.iter().all(|lease| usize::from(lease.versions().count()) <= versions_max.max(1)));
        return held.extend(lease);
    }
    if held.is_empty() {
        return;
    }
    match *step {
        Step::Lend { .. } => {}
        Step::Settle(which) => search(book, held.swap_remove(which % held.len()), searched),
        Step::GiveBack(which) => book.give_back(held.swap_remove(which % held.len())),
        Step::SettleHalf { lease, at } => {
            let lease = held.swap_remove(lease % held.len());
            let last_done = lease.nonces().first() + at % lease.nonces().count() as u32;
            let (done, rest) = book.split(lease, last_done);
            search(book, done, searched);
            if let Some(rest) = rest {
                book.give_back(rest);
            }
        }
        Step::LoseAndRecall(which) => {
            let id = held.swap_remove(which % held.len()).id();
            assert!(book.recall(id) && !book.recall(id));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_history_of_lending_splitting_and_giving_back_covers_the_space_exactly_once(
        extranonces in 1u64..4,
        mask in prop::sample::select(vec![0u32, 0b1, 0x1010, 0x2_4090, 0x1e000]),
        times in 1u32..4,
        nonces in 1u32..24,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let space = small_space(extranonces, mask, times, nonces);
        let mut book = LeaseBook::new(space);
        let (mut held, mut searched) = (Vec::new(), BTreeSet::new());
        for step in &steps {
            take(step, &mut book, &mut held, &mut searched);
            prop_assert_eq!(book.outstanding(), held.len());
        }
        for lease in held {
            book.give_back(lease);
        }
        while let Some(lease) = book.lend(13, 3) {
            search(&mut book, lease, &mut searched);
        }
        prop_assert!(book.is_drained() && book.outstanding() == 0);
        prop_assert_eq!(searched.len() as u128, space.volume());
    }

    #[test]
    fn a_book_of_some_stretches_lends_exactly_their_points(
        extranonces in 1u64..4,
        mask in prop::sample::select(vec![0u32, 0b1, 0x1010, 0x2_4090, 0x1e000]),
        times in 1u32..4,
        nonces in 1u32..6,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        is_first_open: bool,
        hashes in 1u64..40,
    ) {
        let space = small_space(extranonces, mask, times, nonces);
        let all = all_points(&space);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len())).collect();
        ends.extend([0, all.len()]);
        ends.sort_unstable();
        // Every second piece between two cuts is open.
        let pieces = ends.windows(2).enumerate().filter(|(at, _)| at.is_multiple_of(2) == is_first_open);
        let open: Vec<(usize, usize)> = pieces.map(|(_, ends)| (ends[0], ends[1])).filter(|(a, b)| a < b).collect();
        let stretches = open.iter().map(|&(first, end)| Stretch::new(first as u128, end as u128 - 1).unwrap());
        let mut book = LeaseBook::of(space, stretches.rev());
        let mut searched = BTreeSet::new();
        while let Some(lease) = book.lend(hashes, 8) {
            search(&mut book, lease, &mut searched);
        }
        prop_assert!(book.is_drained() && book.outstanding() == 0);
        let expected: Vec<Candidate> = open.iter().flat_map(|&(first, end)| all[first..end].to_vec()).collect();
        prop_assert_eq!(searched.into_iter().collect::<Vec<_>>(), expected);
    }
}

/// Every point of a space in its order: the index is the rank.
fn all_points(space: &SearchSpace) -> Vec<Candidate> {
    let mut all = Vec::new();
    for extranonce in space.extranonces().unwrap().first()..=space.extranonces().unwrap().last() {
        for version_index in 0..space.versions().count() as u32 {
            for time in space.times().first()..=space.times().last() {
                let nonces = space.nonces().first()..=space.nonces().last();
                all.extend(nonces.map(|nonce| Candidate { extranonce, version_index, time, nonce }));
            }
        }
    }
    all
}

#[test]
fn the_rest_of_a_space_is_lent_in_groups_of_eight_versions() {
    let space = small_space(2, 0xf00, 2, 10);
    // The first group of the first extranonce and one point more were searched; 16 versions x 2 times x 10 nonces each.
    let rest = Stretch::new(8 * 2 * 10 + 1, space.volume() - 1).unwrap();
    let mut book = LeaseBook::of(space, [rest]);
    let leases: Vec<Lease> = std::iter::from_fn(|| book.lend(u64::MAX, 8)).collect();
    let wide = leases.iter().filter(|lease| lease.versions().count() == 8).count();
    assert_eq!(wide, 4, "two groups of the second extranonce, two times each");
    assert_eq!(leases.iter().map(|lease| u128::from(lease.hashes())).sum::<u128>(), rest.hashes());
}

#[test]
#[should_panic(expected = "stretches that overlap")]
fn refuses_stretches_that_share_a_point() {
    let stretch = |first, last| Stretch::new(first, last).unwrap();
    let _ = LeaseBook::of(small_space(1, 0, 1, 10), [stretch(4, 9), stretch(0, 4)]);
}

#[test]
#[should_panic(expected = "a stretch of another space")]
fn refuses_a_stretch_that_ends_one_point_behind_the_space() {
    let _ = LeaseBook::of(small_space(1, 0, 1, 10), [Stretch::new(0, 10).unwrap()]);
}

#[test]
fn a_returned_region_is_lent_before_anything_new_and_narrowed_to_the_borrower() {
    let mut book = LeaseBook::new(small_space(1, 0xf0, 3, 1000));
    let wide = book.lend(800, 8).unwrap();
    let (region, _later) = (*wide.region(), book.lend(800, 8).unwrap());
    assert_eq!((region.versions.count(), region.nonces.count()), (8, 100));
    book.give_back(wide);
    let narrow = book.lend(50, 2).unwrap();
    assert_eq!((narrow.versions().first(), narrow.versions().count()), (0, 2));
    assert_eq!(narrow.nonces(), NonceSpan::new(region.nonces.first(), region.nonces.first() + 24).unwrap());
    let rest: u64 = std::iter::from_fn(|| book.lend(u64::MAX, 8)).map(|lease| lease.hashes()).take(2).sum();
    assert_eq!(rest + narrow.hashes(), region.hashes());
}

#[test]
fn lends_in_the_order_of_the_space_with_up_to_eight_versions_at_once() {
    let mut book = LeaseBook::new(small_space(2, 0xf00, 2, 10));
    let seen: Vec<(u64, u32, u8, u32)> = std::iter::from_fn(|| book.lend(u64::MAX, 8))
        .map(|lease| (lease.extranonce(), lease.versions().first(), lease.versions().count(), lease.time()))
        .collect();
    let mut expected = Vec::new();
    for extranonce in [7, 8] {
        for first in [0, 8] {
            expected.extend([1000, 1001].map(|time| (extranonce, first, 8, time)));
        }
    }
    assert_eq!(seen, expected);
    assert!(book.is_drained());
    assert_eq!(book.outstanding(), 8);
}

#[test]
fn groups_all_versions_if_there_are_fewer_than_eight() {
    let mut book = LeaseBook::new(small_space(1, 0b11, 1, 10));
    assert_eq!(book.lend(u64::MAX, 8).unwrap().hashes(), 40);
    assert!(book.is_drained());
}

#[test]
fn lends_the_first_and_the_last_nonce_of_the_whole_32_bits() {
    let space = SearchSpace::new(None, RollingVersion::fixed(1), TimeSpan::single(0), NonceSpan::ALL).unwrap();
    let mut book = LeaseBook::new(space);
    let most = book.lend(u64::from(u32::MAX), 1).unwrap();
    assert_eq!((most.nonces().first(), most.nonces().last()), (0, u32::MAX - 1));
    let last = book.lend(u64::MAX, 1).unwrap();
    assert_eq!(last.nonces(), NonceSpan::single(u32::MAX));
    assert!(book.is_drained());
}

#[test]
fn a_split_at_the_last_nonce_leaves_no_rest() {
    let mut book = LeaseBook::new(small_space(1, 0, 1, 10));
    let lease = book.lend(10, 1).unwrap();
    let (id, last) = (lease.id(), lease.nonces().last());
    let (done, rest) = book.split(lease, last);
    assert_eq!((done.id(), rest), (id, None));
}

#[test]
#[should_panic(expected = "lease 0 has nonces 4294967286..=4294967295, not 4294967285")]
fn refuses_to_split_just_before_the_first_nonce() {
    let mut book = LeaseBook::new(small_space(1, 0, 1, 10));
    let lease = book.lend(10, 1).unwrap();
    let before = lease.nonces().first() - 1;
    let _ = book.split(lease, before);
}

#[test]
#[should_panic(expected = "lease 0 is not outstanding in this book")]
fn refuses_a_lease_that_was_recalled_from_its_holder() {
    let mut book = LeaseBook::new(small_space(1, 0, 1, 10));
    let lease = book.lend(10, 1).unwrap();
    assert!(book.recall(lease.id()));
    book.settle(lease);
}

#[test]
fn a_lost_lease_stays_outstanding_until_it_is_recalled() {
    let mut book = LeaseBook::new(small_space(1, 0, 1, 10));
    let region = *book.lend(4, 1).unwrap().region();
    assert_eq!(book.outstanding_regions().collect::<Vec<_>>(), [(0, region)]);
    assert!(book.recall(0));
    assert_eq!(book.lend(4, 1).map(|lease| *lease.region()), Some(region));
}
