//! The few operations that SHA-256 needs, on vectors of 32-bit words. It says nothing about how many words there are or
//! which instructions do the work.

/// A vector of 32-bit words: each operation works on every lane alone, modulo 2^32.
///
/// Every method is `#[inline(always)]` in every instance: the algorithm above must end as straight-line code inside one
/// entry function that carries the target features.
pub(crate) trait Lanes: Copy {
    /// Number of lanes: a power of two, at most [`LANES_MAX`].
    const COUNT: usize;

    /// The same word in every lane.
    fn splat(word: u32) -> Self;
    /// The number of the lane in the most significant byte of each lane, zeros below.
    fn lane_numbers_in_top_byte() -> Self;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Rotation right by `R`; `L` is 32 − `R`, for instruction sets that have only shifts.
    fn rotr<const R: i32, const L: i32>(self) -> Self;
    /// Shift right by `N`.
    fn shr<const N: i32>(self) -> Self;
    /// Shift left by `N`.
    fn shl<const N: i32>(self) -> Self;
    /// Exclusive or of three.
    fn xor3(self, second: Self, third: Self) -> Self;
    /// `Ch` of FIPS 180-4: the bits of `on_one` where `self` has ones, those of `on_zero` elsewhere.
    fn choose(self, on_one: Self, on_zero: Self) -> Self;
    /// `Maj` of FIPS 180-4: each bit as at least two of the three have it.
    fn majority(self, second: Self, third: Self) -> Self;
    /// Whether some lane has no bit in common with `mask`.
    fn some_lane_is_zero_under(self, mask: u32) -> bool;
    /// Writes the lanes to the front of `words`.
    fn store(self, words: &mut [u32; LANES_MAX]);

    /// Reads four big-endian words at `offset` of each of `COUNT` rows that lie `stride` bytes apart: word `i` of row `r`
    /// becomes lane `r` of vector `i`.
    ///
    /// # Panics
    /// If `rows` ends before the last word.
    fn load_columns(rows: &[u8], stride: usize, offset: usize) -> [Self; 4];

    /// Writes four vectors as big-endian words at byte `offset` (0 or 16) of each of `COUNT` digests: the inverse of
    /// [`Lanes::load_columns`].
    ///
    /// # Panics
    /// If there are fewer digests than lanes.
    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize);
}

/// The most lanes that an instance may have; a nonce's low byte numbers the lanes, so it may not pass 256.
pub(crate) const LANES_MAX: usize = 32;

/// `Σ0` of FIPS 180-4, section 4.1.2.
#[inline(always)]
pub(crate) fn big_sigma0<L: Lanes>(x: L) -> L {
    x.rotr::<2, 30>().xor3(x.rotr::<13, 19>(), x.rotr::<22, 10>())
}

/// `Σ1` of FIPS 180-4, section 4.1.2.
#[inline(always)]
pub(crate) fn big_sigma1<L: Lanes>(x: L) -> L {
    x.rotr::<6, 26>().xor3(x.rotr::<11, 21>(), x.rotr::<25, 7>())
}

/// `σ0` of FIPS 180-4, section 4.1.2.
#[inline(always)]
pub(crate) fn small_sigma0<L: Lanes>(x: L) -> L {
    x.rotr::<7, 25>().xor3(x.rotr::<18, 14>(), x.shr::<3>())
}

/// `σ1` of FIPS 180-4, section 4.1.2.
#[inline(always)]
pub(crate) fn small_sigma1<L: Lanes>(x: L) -> L {
    x.rotr::<17, 15>().xor3(x.rotr::<19, 13>(), x.shr::<10>())
}

/// Two vectors side by side, each operation done on both: two independent chains of dependent instructions, so that a
/// wide core waits for neither.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "measured before it is used"))]
pub(crate) struct Pair<L>(L, L);

impl<L: Lanes> Lanes for Pair<L> {
    const COUNT: usize = 2 * L::COUNT;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(L::splat(word), L::splat(word))
    }

    #[inline(always)]
    fn lane_numbers_in_top_byte() -> Self {
        let low = L::lane_numbers_in_top_byte();
        Self(low, low.add(L::splat((L::COUNT as u32) << 24)))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0), self.1.add(other.1))
    }

    #[inline(always)]
    fn rotr<const R: i32, const L_: i32>(self) -> Self {
        Self(self.0.rotr::<R, L_>(), self.1.rotr::<R, L_>())
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Self(self.0.shr::<N>(), self.1.shr::<N>())
    }

    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        Self(self.0.shl::<N>(), self.1.shl::<N>())
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        Self(self.0.xor3(second.0, third.0), self.1.xor3(second.1, third.1))
    }

    #[inline(always)]
    fn choose(self, on_one: Self, on_zero: Self) -> Self {
        Self(self.0.choose(on_one.0, on_zero.0), self.1.choose(on_one.1, on_zero.1))
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        Self(self.0.majority(second.0, third.0), self.1.majority(second.1, third.1))
    }

    #[inline(always)]
    fn some_lane_is_zero_under(self, mask: u32) -> bool {
        self.0.some_lane_is_zero_under(mask) | self.1.some_lane_is_zero_under(mask)
    }

    #[inline(always)]
    fn store(self, words: &mut [u32; LANES_MAX]) {
        self.1.store(words);
        words.copy_within(..L::COUNT, L::COUNT);
        self.0.store(words);
    }

    #[inline(always)]
    fn load_columns(rows: &[u8], stride: usize, offset: usize) -> [Self; 4] {
        let (low, high) = rows.split_at(L::COUNT * stride);
        let low = L::load_columns(low, stride, offset);
        let high = L::load_columns(high, stride, offset);
        [Self(low[0], high[0]), Self(low[1], high[1]), Self(low[2], high[2]), Self(low[3], high[3])]
    }

    #[inline(always)]
    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize) {
        let [a, b, c, d] = columns;
        let (low, high) = digests.split_at_mut(L::COUNT);
        L::store_columns([a.0, b.0, c.0, d.0], low, offset);
        L::store_columns([a.1, b.1, c.1, d.1], high, offset);
    }
}
