//! The nonce search over lanes: double SHA-256 of headers that differ in the nonce, computed only as far as the top
//! word of the hash needs it. Reports the lanes whose top word is within the bound.

use super::lanes::{LANES_MAX, Lanes, small_sigma0, small_sigma1};
use super::message::{
    NonceBlock, Padded, Shape, Window, each_round, eight_words, four_words, known_sums, varies, word,
};
use super::rounds::{KnownStart, known_round, rounds_from_iv, scheduled};
use crate::constants::{DIGEST_BITS, HEADER_BITS, IV, K, PAD};
use crate::{Hit, HitBuffer, MIDSTATES_MAX, Midstate, SearchInput};

/// The nonce is word 3 of a header's second block.
const NONCE_WORD: usize = 3;

/// The nonce enters in round 3; in the next three rounds `d` and `h` are still known.
const FIRST_WHOLE_ROUND: usize = NONCE_WORD + 4;

/// Word 18 is the first varying word after the nonce: the words below it are known.
const FIRST_COMPUTED: usize = 18;

/// After this round only `e` is needed: the top word is `e` of round 60, whose inputs are `a` of round 56 and `e` of 56
/// to 59.
const LAST_FULL_ROUND: usize = 56;
const FIRST_E_ONLY_ROUND: usize = LAST_FULL_ROUND + 1;
const LAST_E_ONLY_ROUND: usize = TOP_WORD_ROUND - 1;

/// The round that computes the top word as `e`. Three more rounds, which are left out, would only move it to `h`.
const TOP_WORD_ROUND: usize = 60;

/// Everything that a search computes before its loop.
///
/// The alignment aligns the whole stack frame: otherwise the compiler lets spilled vectors straddle cache lines.
#[repr(align(64))]
struct FoldedSearch {
    /// Known sums of the second block's schedule, the same for all midstates.
    sums: [u32; 64],
    starts: [Start; MIDSTATES_MAX],
    count: usize,
    /// Bits that are zero in the last state word of every hit.
    zero_mask: u32,
}

/// One midstate and the rounds up to where the nonce enters.
#[derive(Clone, Copy)]
struct Start {
    rounds: KnownStart,
    midstate: [u32; 8],
}

impl FoldedSearch {
    fn new(input: &SearchInput<'_>) -> Self {
        input.assert_valid();
        let sums = known_sums(&NonceBlock::KINDS, &second_block(input.tail));
        let mut starts = [Start::new(&input.midstates[0], &sums); MIDSTATES_MAX];
        for (start, midstate) in starts.iter_mut().zip(input.midstates) {
            *start = Start::new(midstate, &sums);
        }
        Self { sums, starts, count: input.midstates.len(), zero_mask: zero_mask(input.top_word_max) }
    }
}

impl Start {
    fn new(midstate: &Midstate, sums: &[u32; 64]) -> Self {
        let kw = |t: usize| K[t].wrapping_add(sums[t]);
        let state = (0..NONCE_WORD).fold(midstate.0, |state, t| known_round(&state, kw(t)));
        let rounds = KnownStart::new(&state, [kw(NONCE_WORD), kw(4), kw(5), kw(6)]);
        Self { rounds, midstate: midstate.0 }
    }
}

/// The words of a header's second block, with zero in place of the nonce.
fn second_block(tail: [u8; 12]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(tail.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words[4] = PAD;
    words[15] = HEADER_BITS;
    words
}

/// The bits above the highest set bit of the bound, in the byte order of the last state word (the reverse of the top
/// word's). They are zero in every hit; if the bound is 2^n − 1, every word in which they are zero is a hit.
const fn zero_mask(top_word_max: u32) -> u32 {
    let above = match top_word_max.checked_ilog2() {
        Some(highest) => !(u32::MAX >> (31 - highest)),
        None => u32::MAX,
    };
    above.swap_bytes()
}

/// Searches nonces `first..=last` for hits, `L::COUNT` at a time, and pushes the hits, ascending by nonce for each
/// midstate.
///
/// Groups begin at multiples of `L::COUNT`, so that the lanes differ only in the low byte of the nonce. Lanes outside
/// the range are dropped when hits are reported.
///
/// Each round depends on the one before it, so one chain of rounds cannot keep a core busy. Therefore the second hash
/// of one unit is interleaved with the first hash of the next unit: two independent chains, in no more code than one.
/// At both ends of the range one of the two hashes is a dummy and its result is ignored.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn scan<L: Lanes>(input: &SearchInput<'_>, first: u32, last: u32, hits: &mut HitBuffer) {
    let search = FoldedSearch::new(input);
    let lane_numbers = L::lane_numbers_in_top_byte();
    let lanes = L::COUNT as u32;
    let mut schedule = Schedule::new();
    let mut nonce_words = L::splat(0);
    let mut digest = [L::splat(0); 8];
    let mut half_done: Option<Unit> = None;
    let mut unit = Some(Unit { midstate: 0, group: first - first % lanes });
    while unit.is_some() || half_done.is_some() {
        let current = unit.unwrap_or_default();
        if current.midstate == 0 {
            nonce_words = L::splat(current.group.swap_bytes()).add(lane_numbers);
            schedule.fill(nonce_words, &search.sums);
        }
        let start = &search.starts[usize::from(current.midstate)];
        let (next_digest, last_words) = two_hashes(nonce_words, start, &schedule, &search.sums, digest);
        if let Some(Unit { midstate, group }) = half_done
            && last_words.some_lane_is_zero_under(search.zero_mask)
        {
            let mut words = [0; LANES_MAX];
            last_words.store(&mut words);
            let found = Found { midstate, group, range: (first, last), bound: input.top_word_max };
            found.report(&words[..L::COUNT], hits);
        }
        digest = next_digest;
        half_done = unit;
        unit = unit.and_then(|unit| unit.next(search.count, lanes, last));
    }
}

/// A unit of work: a group of nonces with one midstate.
#[derive(Clone, Copy, Default)]
struct Unit {
    midstate: u8,
    group: u32,
}

impl Unit {
    /// The same group with the next midstate, or the next group of the range.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn next(self, midstates: usize, lanes: u32, last: u32) -> Option<Self> {
        let midstate = self.midstate + 1;
        if usize::from(midstate) < midstates {
            return Some(Self { midstate, ..self });
        }
        (last - self.group >= lanes).then(|| Self { midstate: 0, group: self.group + lanes })
    }
}

/// The schedule of the second block, without its known words.
struct Schedule<L> {
    /// Each word plus its round constant, except for the last word: round 63 adds its constant together with the
    /// midstate.
    kw: [L; 64],
    /// The words alone.
    words: [L; 64],
}

/// From this word on every term varies, and the words are computed in a loop. Straight-line code for all of them, in
/// addition to the rounds, would fill the first-level instruction cache completely; cache misses would halve the speed.
const FIRST_ALL_VARYING: usize = 34;

impl<L: Lanes> Schedule<L> {
    #[cfg_attr(not(unoptimised), inline(always))]
    fn new() -> Self {
        Self { kw: [L::splat(0); 64], words: [L::splat(0); 64] }
    }

    /// Computes the schedule from the nonces, once for all midstates.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn fill(&mut self, nonce_words: L, sums: &[u32; 64]) {
        let zero = L::splat(0);
        let mut window: Window<L> = four_words([zero, zero, zero, nonce_words]);
        each_round!(T in FIRST_COMPUTED..=33 => {
            window[T % 16] = word::<L, NonceBlock, T>(&window, sums);
            self.set(T, window[T % 16]);
        });
        // The last two words stay in registers, because the next two depend on them.
        let mut before = [self.words[FIRST_ALL_VARYING - 2], self.words[FIRST_ALL_VARYING - 1]];
        for t in (FIRST_ALL_VARYING..62).step_by(2) {
            before = [self.next(t, before[0]), self.next(t + 1, before[1])];
            self.set(t, before[0]);
            self.set(t + 1, before[1]);
        }
        self.set(62, self.next(62, before[0]));
        self.kw[63] = self.next(63, before[1]);
    }

    /// Word `t`, whose terms all vary; `before` is word `t` - 2.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn next(&self, t: usize, before: L) -> L {
        let [word16, word15, word7] = [16, 15, 7].map(|distance| self.words[t - distance]);
        word16.add(small_sigma0(word15)).add(word7).add(small_sigma1(before))
    }

    #[cfg_attr(not(unoptimised), inline(always))]
    fn set(&mut self, t: usize, word: L) {
        self.words[t] = word;
        self.kw[t] = word.add(L::splat(K[t]));
    }
}

/// Computes two things, round by round in turn: the digest of the headers of one unit, and the last state word of the
/// double hash of the unit before, from its `digest`. The last state word is the top word with its bytes reversed.
#[cfg_attr(not(unoptimised), inline(always))]
fn two_hashes<L: Lanes>(
    nonce_words: L,
    start: &Start,
    schedule: &Schedule<L>,
    sums: &[u32; 64],
    digest: [L; 8],
) -> ([L; 8], L) {
    let digest_sums = const { &Padded::<8>::sums(DIGEST_BITS) };
    let mut window = eight_words(digest);
    let mut second = rounds_from_iv(&window);
    let mut first = start.rounds.rounds(nonce_words, [None, None, None]);
    each_round!(T in 4..=LAST_FULL_ROUND => {
        let kw = scheduled::<L, Padded<8>, T>(&mut window, digest_sums);
        second = second.round(kw);
        first = first.round(header_kw::<L, { header_round(T) }>(schedule, sums));
    });
    each_round!(T in FIRST_E_ONLY_ROUND..=LAST_E_ONLY_ROUND => {
        let kw = scheduled::<L, Padded<8>, T>(&mut window, digest_sums);
        second = second.round_e_only(kw);
        first = first.round(header_kw::<L, { header_round(T) }>(schedule, sums));
    });
    let last_word = word::<L, Padded<8>, TOP_WORD_ROUND>(&window, digest_sums);
    let top = second.next_e(last_word.add(L::splat(K[TOP_WORD_ROUND].wrapping_add(IV[7]))));
    (first.last_round(schedule.kw[63], &start.midstate), top)
}

/// The round of a header's second block that is interleaved with round `t` of a digest: rounds 7 to 63 with 4 to 60.
const fn header_round(t: usize) -> usize {
    let round = t + FIRST_WHOLE_ROUND - 4;
    // Clamped for the rounds that `each_round!` leaves out.
    if round > 63 { 63 } else { round }
}

/// The constant of round `T` plus its word, in a header's second block.
#[cfg_attr(not(unoptimised), inline(always))]
fn header_kw<L: Lanes, const T: usize>(schedule: &Schedule<L>, sums: &[u32; 64]) -> L {
    if const { varies::<NonceBlock>(T) } { schedule.kw[T] } else { L::splat(K[T].wrapping_add(sums[T])) }
}

/// A group of nonces that probably contains a hit.
struct Found {
    midstate: u8,
    group: u32,
    range: (u32, u32),
    bound: u32,
}

impl Found {
    /// Compares the top word of each lane exactly and drops lanes outside the range. The rare path of the search.
    #[cold]
    #[inline(never)]
    fn report(&self, last_words: &[u32], hits: &mut HitBuffer) {
        let (first, last) = self.range;
        for (nonce, word) in (self.group..=u32::MAX).zip(last_words) {
            if (first..=last).contains(&nonce) && word.swap_bytes() <= self.bound {
                hits.push(Hit { midstate: self.midstate, nonce });
            }
        }
    }
}
