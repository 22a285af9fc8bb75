//! The message schedule: for each word, everything that is known before the loop is folded into one constant. The
//! shapes at the end say which words of a block vary from lane to lane.

use super::lanes::{Lanes, small_sigma0, small_sigma1};

/// Expands to the block once for each round of the range, with the round's number as a constant: no loops, indices or
/// branches, whether or not the optimiser unrolls.
macro_rules! each_round {
    ($t:ident in $first:tt..=$last:tt => $body:block) => {
        $crate::lanewise::message::each_round!(@ $t $first $last $body
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    };
    (@ $t:ident $first:tt $last:tt $body:block $($number:literal)*) => {
        $({
            const $t: usize = $number;
            if const { $crate::lanewise::message::is_within($first, $t, $last) } $body
        })*
    };
}
pub(crate) use each_round;

/// Whether round `t` is in `first..=last`.
pub(crate) const fn is_within(first: usize, t: usize, last: usize) -> bool {
    first <= t && t <= last
}

/// What is known about a message word before the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Always zero: costs nothing.
    Zero,
    /// The same in every lane: costs a constant.
    Known,
    /// Different in every lane.
    Varying,
}

/// The kinds of all 64 schedule words of a block. Every use is folded at compile time.
pub(crate) trait Shape {
    /// Kind of each word.
    const KINDS: [Kind; 64];
}

/// The kinds of all schedule words, from those of the block's 16 words.
pub(crate) const fn kinds_of(first: [Kind; 16]) -> [Kind; 64] {
    let mut kinds = [Kind::Zero; 64];
    let mut t = 0;
    while t < 64 {
        kinds[t] =
            if t < 16 { first[t] } else { join(join(kinds[t - 2], kinds[t - 7]), join(kinds[t - 15], kinds[t - 16])) };
        t += 1;
    }
    kinds
}

const fn join(one: Kind, other: Kind) -> Kind {
    match (one, other) {
        (Kind::Varying, _) | (_, Kind::Varying) => Kind::Varying,
        (Kind::Zero, Kind::Zero) => Kind::Zero,
        (Kind::Known | Kind::Zero, Kind::Known | Kind::Zero) => Kind::Known,
    }
}

/// For each schedule word the sum of its known terms, which is the word itself if all terms are known. Varying words of
/// `first` are ignored.
pub(crate) const fn known_sums(kinds: &[Kind; 64], first: &[u32; 16]) -> [u32; 64] {
    let mut sums = [0; 64];
    let mut t = 0;
    while t < 64 {
        if t < 16 {
            sums[t] = if is(kinds, t, Kind::Known) { first[t] } else { 0 };
        } else {
            let word2 = known_word(kinds, &sums, t - 2);
            let word7 = known_word(kinds, &sums, t - 7);
            let word15 = known_word(kinds, &sums, t - 15);
            let word16 = known_word(kinds, &sums, t - 16);
            let sigma1 = word2.rotate_right(17) ^ word2.rotate_right(19) ^ (word2 >> 10);
            let sigma0 = word15.rotate_right(7) ^ word15.rotate_right(18) ^ (word15 >> 3);
            sums[t] = sigma1.wrapping_add(word7).wrapping_add(sigma0).wrapping_add(word16);
        }
        t += 1;
    }
    sums
}

const fn known_word(kinds: &[Kind; 64], sums: &[u32; 64], t: usize) -> u32 {
    if is(kinds, t, Kind::Known) { sums[t] } else { 0 }
}

const fn is(kinds: &[Kind; 64], t: usize, kind: Kind) -> bool {
    kinds[t] as u8 == kind as u8
}

/// Whether word `t` varies.
pub(crate) const fn varies<S: Shape>(t: usize) -> bool {
    is(&S::KINDS, t, Kind::Varying)
}

/// The index `t - distance`, or 0 if that is negative: keeps the indices of branches that are never taken in range.
const fn back(t: usize, distance: usize) -> usize {
    t.saturating_sub(distance)
}

/// Whether any term of word `t` (16 or above) is known.
const fn has_known_term<S: Shape>(t: usize) -> bool {
    is(&S::KINDS, back(t, 16), Kind::Known)
        || is(&S::KINDS, back(t, 15), Kind::Known)
        || is(&S::KINDS, back(t, 7), Kind::Known)
        || is(&S::KINDS, back(t, 2), Kind::Known)
}

/// The last sixteen words of a schedule, word `t` at index `t % 16`. Words that do not vary are never read.
pub(crate) type Window<L> = [L; 16];

/// A window that begins with four varying words.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn four_words<L: Lanes>([a, b, c, d]: [L; 4]) -> Window<L> {
    eight_words([a, b, c, d, L::splat(0), L::splat(0), L::splat(0), L::splat(0)])
}

/// A window that begins with eight varying words. Written out, because the compiler would keep a loop over vectors in
/// memory.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn eight_words<L: Lanes>([a, b, c, d, e, f, g, h]: [L; 8]) -> Window<L> {
    let zero = L::splat(0);
    [a, b, c, d, e, f, g, h, zero, zero, zero, zero, zero, zero, zero, zero]
}

/// Computes word `T` (16 or above, varying) from those before it (FIPS 180-4, section 6.2.2, step 1).
///
/// The oldest terms are added first, because `σ1` of the word before the last is available last.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn word<L: Lanes, S: Shape, const T: usize>(window: &Window<L>, known_sums: &[u32; 64]) -> L {
    let mut sum = Sum::new();
    if const { varies::<S>(back(T, 16)) } {
        sum = sum.plus(window[T % 16]);
    }
    if const { has_known_term::<S>(T) } {
        sum = sum.plus(L::splat(known_sums[T]));
    }
    if const { varies::<S>(back(T, 15)) } {
        sum = sum.plus(small_sigma0(window[(T + 1) % 16]));
    }
    if const { varies::<S>(back(T, 7)) } {
        sum = sum.plus(window[(T + 9) % 16]);
    }
    if const { varies::<S>(back(T, 2)) } {
        sum = sum.plus(small_sigma1(window[(T + 14) % 16]));
    }
    sum.value()
}

/// A sum whose first term costs no addition.
///
/// It branches on whether there is a term yet. The optimiser removes these branches, but until then they divide the
/// function into short basic blocks: without them, as one block of a hundred thousand instructions, it takes LLVM twice
/// as long.
#[derive(Clone, Copy)]
struct Sum<L>(Option<L>);

impl<L: Lanes> Sum<L> {
    #[cfg_attr(not(unoptimised), inline(always))]
    fn new() -> Self {
        Self(None)
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn plus(self, term: L) -> Self {
        match self.0 {
            Some(sum) => Self(Some(sum.add(term))),
            None => Self(Some(term)),
        }
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn value(self) -> L {
        match self.0 {
            Some(sum) => sum,
            None => L::splat(0),
        }
    }
}

/// Sixteen words that all vary: the first block of a header, a Merkle node.
pub(crate) struct Full;

impl Shape for Full {
    const KINDS: [Kind; 64] = [Kind::Varying; 64];
}

/// `varying` words, the padding bit, zeros, and the length in bits in the last word.
const fn padded_kinds(varying: usize) -> [Kind; 64] {
    let mut first = [Kind::Zero; 16];
    let mut t = 0;
    while t < varying {
        first[t] = Kind::Varying;
        t += 1;
    }
    first[varying] = Kind::Known;
    first[15] = Kind::Known;
    kinds_of(first)
}

/// A block of `VARYING` words followed by padding that starts with the word `pad` and ends with `bits`.
const fn padded_sums(varying: usize, pad: u32, bits: u32) -> [u32; 64] {
    let mut first = [0; 16];
    first[varying] = pad;
    first[15] = bits;
    known_sums(&padded_kinds(varying), &first)
}

/// `VARYING` words, then padding: a digest (8), the second block of a header (4), of a node (0).
pub(crate) struct Padded<const VARYING: usize>;

impl<const VARYING: usize> Shape for Padded<VARYING> {
    const KINDS: [Kind; 64] = padded_kinds(VARYING);
}

impl<const VARYING: usize> Padded<VARYING> {
    /// The known sums of a message of `bits` bits whose padding begins at a word boundary.
    pub(crate) const fn sums(bits: u32) -> [u32; 64] {
        padded_sums(VARYING, crate::constants::PAD, bits)
    }
}

/// One varying word, which includes the start of the padding, then zeros and the length: the second block of a Merkle
/// node with a prefix byte.
pub(crate) struct OneWord;

impl Shape for OneWord {
    const KINDS: [Kind; 64] = {
        let mut first = [Kind::Zero; 16];
        first[0] = Kind::Varying;
        first[15] = Kind::Known;
        kinds_of(first)
    };
}

impl OneWord {
    /// The known sums of a message of `bits` bits.
    pub(crate) const fn sums(bits: u32) -> [u32; 64] {
        let mut first = [0; 16];
        first[15] = bits;
        known_sums(&Self::KINDS, &first)
    }
}

/// The second block of a header in a nonce search: only word 3, the nonce, varies. Words 0 to 2 are known when the
/// search begins.
pub(crate) struct NonceBlock;

impl Shape for NonceBlock {
    const KINDS: [Kind; 64] = {
        let mut first = [Kind::Zero; 16];
        first[0] = Kind::Known;
        first[1] = Kind::Known;
        first[2] = Kind::Known;
        first[3] = Kind::Varying;
        first[4] = Kind::Known;
        first[15] = Kind::Known;
        kinds_of(first)
    };
}
