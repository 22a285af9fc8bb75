//! The search space: its size at the limit of the count, and its corners.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use cityseal_chain::{
    Candidate, Coverage, DeviceTag, ExtranonceSpan, LeaseBook, NonceSpan, Region, RollingVersion, SearchSpace,
    TimeSpan, VersionRun,
};

/// The last of 2^35 extranonces: with 2^29 versions, 2^32 times and 2^32 nonces the space has 2^128 points.
const EXTRANONCE_LAST: u64 = (1 << 35) - 1;

/// Index of the last of 2^29 versions under the largest mask.
const VERSION_LAST: u32 = (1 << 29) - 1;

/// Extranonces × all 2^29 versions × all times × nonces.
fn space(extranonce_last: u64, nonce_last: u32) -> Result<SearchSpace, cityseal_chain::SpaceTooLarge> {
    let nonces = NonceSpan::new(0, nonce_last).unwrap();
    let versions = RollingVersion::new(0, RollingVersion::MASK_MAX).unwrap();
    SearchSpace::new(Some(ExtranonceSpan::up_to(extranonce_last)), versions, TimeSpan::ALL, nonces)
}

#[test]
fn accepts_a_volume_just_below_2_to_the_128_and_refuses_2_to_the_128() {
    let largest = space(EXTRANONCE_LAST - 1, u32::MAX).unwrap();
    assert_eq!(largest.volume(), u128::MAX - (1 << 93) + 1);
    assert!(space(EXTRANONCE_LAST, u32::MAX - 1).is_ok());
    let refused = space(EXTRANONCE_LAST, u32::MAX).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "search space too large: 34359738368 extranonces x 536870912 versions x 4294967296 times x 4294967296 nonces; \
         expected a product below 2^128"
    );
    assert!(space(u64::MAX, u32::MAX).is_err());
}

#[test]
fn all_extranonces_of_eight_bytes_with_a_single_nonce_still_fit() {
    let single = NonceSpan::single(0);
    let extranonces = Some(ExtranonceSpan::up_to(u64::MAX));
    let versions = RollingVersion::new(0, RollingVersion::MASK_MAX).unwrap();
    let whole = SearchSpace::new(extranonces, versions, TimeSpan::new(0, 7).unwrap(), single);
    assert_eq!(whole.unwrap().volume(), 1 << 96);
    let without_rolling = RollingVersion::fixed(0);
    let small = SearchSpace::new(extranonces, without_rolling, TimeSpan::single(0), NonceSpan::ALL).unwrap();
    assert_eq!(small.volume(), 1 << 96);
}

#[test]
fn the_masks_of_bip320_and_bip323_and_the_largest_one_have_their_volumes() {
    for (mask, versions) in
        [(0, 1u128), (0x1fffe000, 1 << 16), (0x1fffffe0, 1 << 24), (RollingVersion::MASK_MAX, 1 << 29)]
    {
        let times = TimeSpan::new(5, 6).unwrap();
        let space = SearchSpace::new(None, RollingVersion::new(1, mask).unwrap(), times, NonceSpan::ALL).unwrap();
        assert_eq!(space.volume(), versions << 33, "{mask:08x}");
    }
}

#[test]
fn the_first_and_the_last_nonce_are_points_like_any_other() {
    let space = SearchSpace::new(None, RollingVersion::fixed(1), TimeSpan::single(9), NonceSpan::ALL).unwrap();
    let at = |nonce, time| Candidate { extranonce: 0, version_index: 0, time, nonce };
    assert!(space.contains(&at(0, 9)));
    assert!(space.contains(&at(u32::MAX, 9)));
    assert!(!space.contains(&at(0, 8)));
    assert!(!space.contains(&at(0, 10)));
}

#[test]
fn a_point_is_outside_if_any_axis_is() {
    let extranonces = Some(ExtranonceSpan::new(3, 4).unwrap());
    let nonces = NonceSpan::new(10, 20).unwrap();
    let space =
        SearchSpace::new(extranonces, RollingVersion::new(0, 0b11).unwrap(), TimeSpan::single(9), nonces).unwrap();
    let inside = Candidate { extranonce: 4, version_index: 3, time: 9, nonce: 20 };
    assert!(space.contains(&inside));
    for outside in [
        Candidate { extranonce: 5, ..inside },
        Candidate { extranonce: 2, ..inside },
        Candidate { version_index: 4, ..inside },
        Candidate { nonce: 21, ..inside },
        Candidate { nonce: 9, ..inside },
    ] {
        assert!(!space.contains(&outside), "{outside:?}");
    }
}

#[test]
fn the_last_corner_of_the_largest_space_is_recorded_without_overflow() {
    let space = space(EXTRANONCE_LAST - 1, u32::MAX).unwrap();
    let corner = Region {
        extranonce: EXTRANONCE_LAST - 1,
        versions: VersionRun::new(VERSION_LAST - 7, 8).unwrap(),
        time: u32::MAX,
        nonces: NonceSpan::single(u32::MAX),
    };
    let mut coverage = Coverage::new(space);
    coverage.record(&corner, DeviceTag(1)).unwrap();
    coverage.record(&corner, DeviceTag(1)).unwrap_err();
    let entries: Vec<_> = coverage.entries().collect();
    assert_eq!(entries.len(), 8);
    assert_eq!((entries[7].version, entries[7].time, entries[7].nonce_last), (0x1fff_ffff, u32::MAX, u32::MAX));
    let mut book = LeaseBook::new(space);
    coverage.revoke(DeviceTag(1)).into_iter().for_each(|stretch| book.reopen(stretch));
    let again: Vec<u32> = (0..8).map(|_| book.lend(u64::MAX, 8).unwrap().versions().first()).collect();
    assert_eq!(again, (VERSION_LAST - 7..=VERSION_LAST).collect::<Vec<_>>());
    assert_eq!(book.lend(1, 8).unwrap().region().nonces.first(), 0);
}
