//! The versions that a search may try: a header's version and a mask of free bits.
//!
//! A bit is free if the mask has a one (BIP320: `0x1fffe000`, BIP323: `0x1fffffe0`). Version number `i` of a search is
//! the base with its free bits replaced by the bits of `i`, lowest first.
//!
//! Bits 29 to 31 are never free. In BIP9 they give the kind of the version (`001`: the other bits are signals), so
//! rolling them would change the meaning of the version. Every other bit may roll, also in headers of old versions.

use cityseal_hash::MIDSTATES_MAX;

/// A header's version together with the bits that may roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RollingVersion {
    base: u32,
    mask: u32,
}

/// A version mask includes the top bits, which may not roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "version mask {mask:08x} rolls bits 29 to 31: expected a mask within {:08x}, usually 1fffe000 (BIP320). In BIP9 \
     versions the top bits 001 mark the other bits as signals, so rolling them changes the meaning of the version",
    RollingVersion::MASK_MAX
)]
pub struct VersionMaskError {
    /// The mask given.
    pub mask: u32,
}

impl RollingVersion {
    /// All bits that may roll: all but bits 29 to 31, the top bits of BIP9.
    pub const MASK_MAX: u32 = 0x1fff_ffff;

    /// The versions that agree with `version` in every bit outside `mask`. With an empty mask the version is fixed.
    ///
    /// # Errors
    /// [`VersionMaskError`] if the mask has a bit outside [`Self::MASK_MAX`].
    pub const fn new(version: i32, mask: u32) -> Result<Self, VersionMaskError> {
        match Self::check_mask(mask) {
            Ok(()) => Ok(Self { base: version as u32 & !mask, mask }),
            Err(error) => Err(error),
        }
    }

    /// Only the version `version`.
    pub const fn fixed(version: i32) -> Self {
        Self { base: version as u32, mask: 0 }
    }

    /// Checks a mask without a version, for parsers that report the field it came from.
    ///
    /// # Errors
    /// [`VersionMaskError`] if the mask has a bit outside [`Self::MASK_MAX`].
    pub const fn check_mask(mask: u32) -> Result<(), VersionMaskError> {
        if mask & !Self::MASK_MAX == 0 { Ok(()) } else { Err(VersionMaskError { mask }) }
    }

    /// The mask of the bits that may roll.
    pub const fn mask(self) -> u32 {
        self.mask
    }

    /// Number of versions: 1 (empty mask) to 2^29.
    pub const fn count(self) -> u64 {
        1 << self.mask.count_ones()
    }

    /// The version with index `index`: the bits of the index spread over the set bits of the mask.
    ///
    /// # Panics
    /// If `index` is not below [`Self::count`].
    pub fn at(self, index: u32) -> i32 {
        assert!(u64::from(index) < self.count(), "version index {index} of {} versions", self.count());
        (self.base | deposit(index, self.mask)) as i32
    }

    /// The index of a version; `None` if it differs from the base outside the mask.
    pub fn index_of(self, version: i32) -> Option<u32> {
        let version = version as u32;
        (version & !self.mask == self.base).then(|| extract(version, self.mask))
    }
}

/// Spreads the low bits of `value` over the set bits of `mask`, lowest first (the `PDEP` instruction of BMI2).
fn deposit(mut value: u32, mut mask: u32) -> u32 {
    let mut spread = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if value & 1 == 1 {
            spread |= lowest;
        }
        value >>= 1;
        mask ^= lowest;
    }
    spread
}

/// Gathers the bits of `value` under `mask` into the low bits of the result: the inverse of [`deposit`].
fn extract(value: u32, mut mask: u32) -> u32 {
    let mut gathered = 0;
    let mut bit = 1;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if value & lowest != 0 {
            gathered |= bit;
        }
        mask ^= lowest;
        // After the 32nd bit the mask is empty, so the lost bit does not matter.
        bit <<= 1;
    }
    gathered
}

/// A run of one to eight version indices that a device searches together; they differ only in their midstates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionRun {
    first: u32,
    count: u8,
}

impl VersionRun {
    /// Maximum length of a run: the number of midstates that a batch may have.
    pub const COUNT_MAX: u8 = MIDSTATES_MAX as u8;

    /// The indices `first..first + count`; `None` if `count` is not 1 to [`Self::COUNT_MAX`] or the run exceeds the
    /// 32-bit index.
    pub const fn new(first: u32, count: u8) -> Option<Self> {
        if count == 0 || count > Self::COUNT_MAX || first.checked_add(count as u32 - 1).is_none() {
            return None;
        }
        Some(Self { first, count })
    }

    /// The run of one index.
    pub const fn single(index: u32) -> Self {
        Self { first: index, count: 1 }
    }

    /// The lowest index.
    pub const fn first(self) -> u32 {
        self.first
    }

    /// The highest index, inclusive.
    pub const fn last(self) -> u32 {
        self.first + (self.count as u32 - 1)
    }

    /// Number of indices: 1 to 8.
    pub const fn count(self) -> u8 {
        self.count
    }

    /// The indices, ascending.
    pub fn indices(self) -> impl Iterator<Item = u32> {
        self.first..=self.last()
    }

    /// The lowest `count` indices, and the rest if there is one; `count` is clamped to `1..=self.count()`.
    pub fn split_at_count(self, count: u8) -> (Self, Option<Self>) {
        let taken = count.clamp(1, self.count);
        let rest =
            (taken < self.count).then(|| Self { first: self.first + u32::from(taken), count: self.count - taken });
        (Self { first: self.first, count: taken }, rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BIP320: u32 = 0x1fffe000;
    const BIP323: u32 = 0x1fffffe0;

    #[test]
    fn an_empty_mask_leaves_one_version_unchanged() {
        let fixed = RollingVersion::new(-7, 0).unwrap();
        assert_eq!(fixed, RollingVersion::fixed(-7));
        assert_eq!((fixed.count(), fixed.at(0)), (1, -7));
        assert_eq!((fixed.index_of(-7), fixed.index_of(-8)), (Some(0), None));
    }

    #[test]
    fn rolls_the_bits_of_bip320_and_bip323_in_ascending_order() {
        let bip320 = RollingVersion::new(0x3fff_ffff, BIP320).unwrap();
        assert_eq!(bip320.count(), 1 << 16);
        assert_eq!(bip320.at(0), 0x2000_1fff);
        assert_eq!(bip320.at(1), 0x2000_3fff);
        assert_eq!(bip320.at(0xffff), 0x3fff_ffff);
        let bip323 = RollingVersion::new(0x2000_0000, BIP323).unwrap();
        assert_eq!(bip323.count(), 1 << 24);
        assert_eq!((bip323.at(1), bip323.at(0xff_ffff)), (0x2000_0020, 0x3fff_ffe0));
    }

    #[test]
    fn the_largest_mask_rolls_29_bits_and_keeps_the_top_bits_of_any_version() {
        for (version, top) in [(1, 0), (0x2000_0000, 0x2000_0000), (-1, 0xe000_0000)] {
            let all = RollingVersion::new(version, RollingVersion::MASK_MAX).unwrap();
            assert_eq!(all.count(), 1 << 29);
            assert_eq!((all.at(0) as u32, all.at((1 << 29) - 1) as u32), (top, top | 0x1fff_ffff));
            assert_eq!(all.index_of((top | 0x1fff_ffff) as i32), Some((1 << 29) - 1));
        }
    }

    #[test]
    fn refuses_a_mask_with_any_of_the_top_three_bits_and_names_the_usual_mask() {
        for mask in [0x2000_0000, 0x4000_0000, 0x8000_0000, 0x3fff_e000, u32::MAX] {
            assert_eq!(RollingVersion::new(0x2000_0000, mask), Err(VersionMaskError { mask }), "{mask:08x}");
            let message = VersionMaskError { mask }.to_string();
            for word in [&format!("{mask:08x}"), "bits 29 to 31", "1fffffff", "1fffe000 (BIP320)"] {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
        for mask in [0, 1, BIP320, BIP323, RollingVersion::MASK_MAX] {
            assert!(RollingVersion::new(1, mask).is_ok(), "{mask:08x}");
        }
    }

    #[test]
    #[should_panic(expected = "version index 65536 of 65536 versions")]
    fn refuses_an_index_just_past_the_last_version() {
        RollingVersion::new(0, BIP320).unwrap().at(1 << 16);
    }

    #[test]
    fn a_run_holds_one_to_eight_indices_up_to_the_last() {
        assert_eq!(VersionRun::new(0, 0), None);
        assert_eq!(VersionRun::new(0, 9), None);
        assert_eq!(VersionRun::new(u32::MAX - 6, 8), None);
        let last = VersionRun::new(u32::MAX - 7, 8).unwrap();
        assert_eq!((last.last(), last.indices().count()), (u32::MAX, 8));
        assert_eq!(last.split_at_count(8), (last, None));
        let (low, high) = last.split_at_count(3);
        assert_eq!((low.last() + 1, high), (u32::MAX - 4, VersionRun::new(u32::MAX - 4, 5)));
    }

    proptest! {
        #[test]
        fn the_index_of_a_version_is_the_inverse_of_the_version_at_an_index(
            base: i32, mask in 0..=RollingVersion::MASK_MAX, seed: u32,
        ) {
            let rolling = RollingVersion::new(base, mask).unwrap();
            let index = (u64::from(seed) % rolling.count()) as u32;
            let version = rolling.at(index);
            prop_assert_eq!(version as u32 & !mask, base as u32 & !mask);
            prop_assert_eq!(rolling.index_of(version), Some(index));
        }

        #[test]
        fn versions_ascend_with_their_index_as_unsigned_numbers(
            base: i32, mask in 1..=RollingVersion::MASK_MAX, seed: u32,
        ) {
            let rolling = RollingVersion::new(base, mask).unwrap();
            let index = (u64::from(seed) % (rolling.count() - 1)) as u32;
            prop_assert!((rolling.at(index) as u32) < rolling.at(index + 1) as u32);
        }
    }
}
