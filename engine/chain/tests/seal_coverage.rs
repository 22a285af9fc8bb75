//! The coverage ledger: exact, without gap or overlap, and the only source of "everything was searched".
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use cityseal_chain::{
    Coverage, CoverageEntry, CoverageError, CoverageGap, CoverageRun, DeviceTag, ExtranonceSpan, LeaseBook, NonceSpan,
    Region, RollingVersion, SearchSpace, Stretch, TimeSpan, VersionRun,
};
use proptest::prelude::*;

const CPU: DeviceTag = DeviceTag(0);
const GPU: DeviceTag = DeviceTag(1);

/// 2 extranonces × 16 versions × 2 times × 100 nonces.
fn space() -> SearchSpace {
    let extranonces = Some(ExtranonceSpan::new(5, 6).unwrap());
    let times = TimeSpan::new(1000, 1001).unwrap();
    SearchSpace::new(extranonces, RollingVersion::new(1, 0xf000).unwrap(), times, NonceSpan::new(0, 99).unwrap())
        .unwrap()
}

fn region(versions: (u32, u8), time: u32, nonces: (u32, u32)) -> Region {
    let nonces = NonceSpan::new(nonces.0, nonces.1).unwrap();
    Region { extranonce: 5, versions: VersionRun::new(versions.0, versions.1).unwrap(), time, nonces }
}

#[test]
fn a_dropped_lease_is_a_gap_in_the_ledger_although_the_book_is_drained() {
    let (mut book, mut coverage) = (LeaseBook::new(space()), Coverage::new(space()));
    let mut dropped = None;
    while let Some(lease) = book.lend(130, 3) {
        if lease.id() == 17 {
            dropped = Some(*lease.region());
        } else {
            coverage.record(lease.region(), CPU).unwrap();
        }
        book.settle(lease);
    }
    let dropped = dropped.unwrap();
    assert!(book.is_drained() && book.outstanding() == 0);
    assert!(!coverage.is_complete());
    assert_eq!(coverage.volume() + u128::from(dropped.hashes()), space().volume());
    let gap = CoverageGap {
        extranonce: Some(dropped.extranonce),
        version: space().versions().at(dropped.versions.first()),
        time: dropped.time,
        nonces: dropped.nonces,
    };
    assert_eq!(coverage.first_gap(), Some(gap));
    coverage.record(&dropped, GPU).unwrap();
    assert!(coverage.is_complete());
    assert_eq!(coverage.first_gap(), None);
}

#[test]
fn an_empty_ledger_has_its_first_gap_at_the_first_cell_and_a_nearly_full_one_at_the_last_nonce() {
    let mut coverage = Coverage::new(space());
    let first = CoverageGap { extranonce: Some(5), version: 1, time: 1000, nonces: NonceSpan::new(0, 99).unwrap() };
    assert_eq!(coverage.first_gap(), Some(first));
    let mut book = LeaseBook::new(space());
    while let Some(lease) = book.lend(1, 1) {
        if book.is_drained() {
            break;
        }
        coverage.record(lease.region(), CPU).unwrap();
    }
    let last = CoverageGap { extranonce: Some(6), version: 0xf001, time: 1001, nonces: NonceSpan::single(99) };
    assert_eq!(coverage.first_gap(), Some(last));
    assert_eq!(last.to_string(), "extranonce 6, version 0000f001, time 1001, nonces 99..=99");
    assert_eq!(
        CoverageGap { extranonce: None, version: -1, ..last }.to_string(),
        "version ffffffff, time 1001, nonces 99..=99"
    );
    assert_eq!(coverage.volume(), space().volume() - 1);
}

#[test]
fn refuses_a_region_that_was_already_searched_and_stays_unchanged() {
    let mut coverage = Coverage::new(space());
    coverage.record(&region((2, 1), 1000, (50, 59)), GPU).unwrap();
    let before: Vec<CoverageEntry> = coverage.entries().collect();
    // Its first two versions are free; the third overlaps the GPU's last nonce.
    let meets = region((0, 3), 1000, (59, 70));
    let refused = coverage.record(&meets, CPU).unwrap_err();
    assert_eq!(refused, CoverageError::Overlap { region: meets, device: CPU, earlier: GPU });
    assert_eq!(coverage.entries().collect::<Vec<_>>(), before);
    assert_eq!(coverage.volume(), 10);
    for free in [(0, 49), (60, 99)] {
        coverage.record(&region((0, 3), 1000, free), CPU).unwrap();
    }
    assert!(coverage.record(&region((2, 1), 1000, (0, 99)), CPU).is_err());
}

#[test]
fn refuses_a_run_that_overlaps_or_leaves_the_space_and_stays_unchanged() {
    let run = |first, last| CoverageRun { stretch: Stretch::new(first, last).unwrap(), device: CPU };
    let volume = space().volume();
    let mut coverage = Coverage::from_runs(space(), [run(volume - 10, volume - 1), run(0, 9)]).unwrap();
    let refused = coverage.record_run(run(9, 20)).unwrap_err();
    assert_eq!(refused.to_string(), "searched twice: ranks 9..=20 overlap an entry of device 0");
    let refused = coverage.record_run(run(10, volume)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("searched outside the space: ranks 10..={volume}; expected ranks below {volume}")
    );
    assert_eq!((coverage.volume(), coverage.run_count()), (20, 2));
    assert!(Coverage::from_runs(space(), [run(0, 9), run(5, 5)]).is_err());
    assert_eq!(Stretch::new(1, 0), None);
    assert_eq!(Stretch::new(0, u128::MAX), None);
}

/// One run over 2^64 extranonces: the report of a job that was cancelled after a long search.
#[test]
fn the_entries_of_a_huge_run_are_made_only_as_far_as_asked() {
    let all = Some(ExtranonceSpan::new(0, u64::MAX).unwrap());
    let space = SearchSpace::new(all, RollingVersion::fixed(1), TimeSpan::single(7), NonceSpan::single(0)).unwrap();
    let run = CoverageRun { stretch: Stretch::new(0, space.volume() - 1).unwrap(), device: CPU };
    let coverage = Coverage::from_runs(space, [run]).unwrap();
    assert!(coverage.is_complete());
    let last = coverage.entries().take(8_192).last().unwrap();
    assert_eq!(last.extranonce, Some(8_191));
    assert_eq!(coverage.run_count(), 1);
}

#[test]
fn refuses_a_region_that_leaves_the_space_on_any_axis() {
    let mut coverage = Coverage::new(space());
    let inside = region((8, 8), 1001, (0, 99));
    for outside in [
        Region { extranonce: 7, ..inside },
        Region { versions: VersionRun::new(9, 8).unwrap(), ..inside },
        Region { time: 1002, ..inside },
        Region { nonces: NonceSpan::new(99, 100).unwrap(), ..inside },
    ] {
        assert_eq!(coverage.record(&outside, CPU), Err(CoverageError::OutsideSpace { region: outside }));
    }
    assert_eq!(coverage.volume(), 0);
    coverage.record(&inside, CPU).unwrap();
}

#[test]
fn merges_adjacent_entries_of_one_device_and_keeps_devices_separate() {
    let mut coverage = Coverage::new(space());
    coverage.record(&region((0, 1), 1000, (0, 9)), CPU).unwrap();
    coverage.record(&region((0, 1), 1000, (20, 29)), CPU).unwrap();
    coverage.record(&region((0, 1), 1000, (30, 39)), GPU).unwrap();
    coverage.record(&region((0, 1), 1000, (10, 19)), CPU).unwrap();
    let entry = |nonce_first, nonce_last, device| CoverageEntry {
        extranonce: Some(5),
        version: 1,
        time: 1000,
        nonce_first,
        nonce_last,
        device,
    };
    assert_eq!(coverage.entries().collect::<Vec<_>>(), [entry(0, 29, CPU), entry(30, 39, GPU)]);
}

#[test]
fn the_entries_of_a_revoked_device_are_lent_again_and_complete_after_another_device() {
    let (mut book, mut coverage) = (LeaseBook::new(space()), Coverage::new(space()));
    let mut turn = 0;
    while let Some(lease) = book.lend(170, 4) {
        turn += 1;
        coverage.record(lease.region(), if turn % 3 == 0 { GPU } else { CPU }).unwrap();
        book.settle(lease);
    }
    let searched_by_gpu = coverage.volume_of(GPU);
    let struck = coverage.revoke(GPU);
    assert_eq!(struck.iter().map(|stretch| stretch.hashes()).sum::<u128>(), searched_by_gpu);
    assert!(searched_by_gpu > 0 && !coverage.is_complete() && coverage.volume_of(GPU) == 0);
    for stretch in struck {
        book.reopen(stretch);
    }
    assert!(!book.is_drained());
    while let Some(lease) = book.lend(33, 8) {
        coverage.record(lease.region(), CPU).unwrap();
        book.settle(lease);
    }
    assert!(coverage.is_complete());
    assert_eq!(coverage.volume_of(CPU), space().volume());
}

#[test]
fn without_a_coinbase_no_entry_names_an_extranonce() {
    let space = SearchSpace::new(None, RollingVersion::fixed(-1), TimeSpan::single(3), NonceSpan::ALL).unwrap();
    let mut coverage = Coverage::new(space);
    let whole = Region { extranonce: 0, versions: VersionRun::single(0), time: 3, nonces: NonceSpan::ALL };
    coverage.record(&whole, CPU).unwrap();
    let entry =
        CoverageEntry { extranonce: None, version: -1, time: 3, nonce_first: 0, nonce_last: u32::MAX, device: CPU };
    assert_eq!(coverage.entries().collect::<Vec<_>>(), [entry]);
    assert!(coverage.is_complete());
}

/// A point in the order of the space: (extranonce, version index, time, nonce).
type Point = (u64, u32, u32, u32);

fn points(region: Region) -> Vec<Point> {
    let of_version = |index| region_nonces(region).map(move |nonce| (region.extranonce, index, region.time, nonce));
    region.versions.indices().flat_map(of_version).collect()
}

fn region_nonces(region: Region) -> impl Iterator<Item = u32> {
    region.nonces.first()..=region.nonces.last()
}

fn entry_points(space: &SearchSpace, entry: &CoverageEntry) -> Vec<(Point, DeviceTag)> {
    let index = space.versions().index_of(entry.version).unwrap();
    let at = |nonce| ((entry.extranonce.unwrap(), index, entry.time, nonce), entry.device);
    (entry.nonce_first..=entry.nonce_last).map(at).collect()
}

fn any_region() -> impl Strategy<Value = Region> {
    (5u64..7, 0u32..16, 1u8..9, 1000u32..1002, 0u32..100, 0u32..100).prop_map(
        |(extranonce, first, count, time, a, b)| {
            let versions = VersionRun::new(first, count.min(16 - first as u8)).unwrap();
            Region { extranonce, versions, time, nonces: NonceSpan::new(a.min(b), a.max(b)).unwrap() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_records_give_the_entries_of_a_plain_map_of_points_sorted_and_disjoint(
        records in prop::collection::vec((any_region(), 0u16..3), 0..40),
    ) {
        let (mut coverage, mut reference) = (Coverage::new(space()), BTreeMap::<Point, DeviceTag>::new());
        for (region, device) in records {
            let points = points(region);
            let is_free = points.iter().all(|point| !reference.contains_key(point));
            prop_assert_eq!(coverage.record(&region, DeviceTag(device)).is_ok(), is_free);
            if is_free {
                reference.extend(points.into_iter().map(|point| (point, DeviceTag(device))));
            }
        }
        let entries: Vec<_> = coverage.entries().flat_map(|entry| entry_points(&space(), &entry)).collect();
        prop_assert_eq!(entries, reference.iter().map(|(&point, &device)| (point, device)).collect::<Vec<_>>());
        prop_assert_eq!(coverage.volume(), reference.len() as u128);
        for device in [CPU, GPU, DeviceTag(2)] {
            let expected = reference.values().filter(|of| **of == device).count();
            prop_assert_eq!(coverage.volume_of(device), expected as u128);
        }
        let same = Coverage::from_runs(space(), coverage.runs().collect::<Vec<_>>().into_iter().rev()).unwrap();
        prop_assert_eq!(same.entries().collect::<Vec<_>>(), coverage.entries().collect::<Vec<_>>());
        // A book of the gaps lends exactly what the reference does not have.
        let mut book = LeaseBook::of(space(), coverage.gaps());
        let mut rest = coverage.clone();
        while let Some(lease) = book.lend(77, 8) {
            prop_assert!(rest.record(lease.region(), DeviceTag(9)).is_ok());
            book.settle(lease);
        }
        prop_assert!(rest.is_complete());
        prop_assert_eq!(coverage.is_complete(), reference.len() as u128 == space().volume());
    }
}
