//! The nonce search over lanes: double SHA-256 of headers that differ in the nonce, as far as the top word of the hash
//! needs it. It reports lanes whose top word is within the bound; it compares no more than that word.

use super::lanes::{LANES_MAX, Lanes, small_sigma0, small_sigma1};
use super::message::{
    NonceBlock, Padded, Shape, Window, each_round, eight_words, four_words, known_sums, varies, word,
};
use super::rounds::{KnownStart, known_round, rounds_from_iv, scheduled};
use crate::constants::{DIGEST_BITS, HEADER_BITS, IV, K, PAD};
use crate::{Hit, HitBuffer, MIDSTATES_MAX, Midstate, SearchInput};

/// The nonce is word 3 of a header's second block.
const NONCE_WORD: usize = 3;

/// The nonce enters in round 3; in the three that follow `d` and `h` are still known.
const FIRST_WHOLE_ROUND: usize = NONCE_WORD + 4;

/// Word 18 is the first varying one after the nonce: below it the schedule is known.
const FIRST_COMPUTED: usize = 18;

/// Round after which only `e` is read: the top word is `e` of round 60, whose inputs are `a` of round 56 and `e` of 56 to 59.
const LAST_FULL_ROUND: usize = 56;
const FIRST_E_ONLY_ROUND: usize = LAST_FULL_ROUND + 1;
const LAST_E_ONLY_ROUND: usize = TOP_WORD_ROUND - 1;

/// The round that makes the top word: it moves from `e` to `h` in the three rounds that are left out.
const TOP_WORD_ROUND: usize = 60;

/// All of a search that is known before its loop.
///
/// Its alignment is the whole stack frame's: without it the compiler lets spilled vectors straddle cache lines.
#[repr(align(64))]
struct FoldedSearch {
    /// Known sums of the second block's schedule, shared by all midstates.
    sums: [u32; 64],
    starts: [Start; MIDSTATES_MAX],
    count: usize,
    /// Bits of the last state word that are zero in every hit.
    zero_mask: u32,
}

/// One midstate after the rounds that the nonce does not enter.
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

/// The words of a header's second block; the nonce's place is zero.
fn second_block(tail: [u8; 12]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(tail.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words[4] = PAD;
    words[15] = HEADER_BITS;
    words
}

/// The bits above the bound's highest one, as they stand in the last state word (the top word with its bytes reversed).
/// No hit has one of them; for a bound of the form 2^n − 1 no other word lacks them all.
const fn zero_mask(top_word_max: u32) -> u32 {
    let above = match top_word_max.checked_ilog2() {
        Some(highest) => !(u32::MAX >> (31 - highest)),
        None => u32::MAX,
    };
    above.swap_bytes()
}

/// Searches nonces `first..=last` for hits, `L::COUNT` at a time, and pushes them in ascending order of the nonce for each
/// midstate.
///
/// Groups begin at multiples of `L::COUNT`, so that the lanes differ in the nonce's low byte alone; lanes outside the range
/// are dropped where hits are reported.
///
/// A core waits for the result of each round before it can begin the next. So the second hash of one unit is computed
/// abreast with the first hash of the unit after it: two chains of rounds, in no more code than one. At the ends of the
/// range one of the two is a hash of nothing, whose result nobody reads.
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

/// What is hashed at once: a group of nonces under one midstate.
#[derive(Clone, Copy, Default)]
struct Unit {
    midstate: u8,
    group: u32,
}

impl Unit {
    /// The same group under the next midstate, or the next group of the range.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn next(self, midstates: usize, lanes: u32, last: u32) -> Option<Self> {
        let midstate = self.midstate + 1;
        if usize::from(midstate) < midstates {
            return Some(Self { midstate, ..self });
        }
        (last - self.group >= lanes).then(|| Self { midstate: 0, group: self.group + lanes })
    }
}

/// The second block's schedule as far as it is computed.
struct Schedule<L> {
    /// Each word with its round constant added, but for the last: that round adds its constant together with the midstate.
    kw: [L; 64],
    /// The words alone.
    words: [L; 64],
}

/// From here on every term of a word varies, and the words are made in a loop: straight-line code of all of them, beside
/// the rounds, would fill a core's first-level cache to its last byte, and fall to half of its speed where it misses it.
const FIRST_ALIKE: usize = 34;

impl<L: Lanes> Schedule<L> {
    #[cfg_attr(not(unoptimised), inline(always))]
    fn new() -> Self {
        Self { kw: [L::splat(0); 64], words: [L::splat(0); 64] }
    }

    /// Expands it from the nonces: done once for all midstates.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn fill(&mut self, nonce_words: L, sums: &[u32; 64]) {
        let zero = L::splat(0);
        let mut window: Window<L> = four_words([zero, zero, zero, nonce_words]);
        each_round!(T in FIRST_COMPUTED..=33 => {
            window[T % 16] = word::<L, NonceBlock, T>(&window, sums);
            self.set(T, window[T % 16]);
        });
        // The two words before stay in registers: the next two wait for them.
        let mut before = [self.words[FIRST_ALIKE - 2], self.words[FIRST_ALIKE - 1]];
        for t in (FIRST_ALIKE..62).step_by(2) {
            before = [self.next(t, before[0]), self.next(t + 1, before[1])];
            self.set(t, before[0]);
            self.set(t + 1, before[1]);
        }
        self.set(62, self.next(62, before[0]));
        self.kw[63] = self.next(63, before[1]);
    }

    /// Word `t`, all of whose terms vary; `before` is word `t` - 2.
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

/// The digest of one unit's headers, and, round by round beside it, the last word of the double hash of the unit before,
/// whose `digest` is given: as the state holds it (the top word with its bytes reversed).
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

/// The round of a header's second block that stands beside round `t` of its digest: rounds 7 to 63 beside 4 to 60.
const fn header_round(t: usize) -> usize {
    let round = t + FIRST_WHOLE_ROUND - 4;
    // Held in range for rounds that `each_round!` leaves out.
    if round > 63 { 63 } else { round }
}

/// A round's constant plus its word, in a header's second block.
#[cfg_attr(not(unoptimised), inline(always))]
fn header_kw<L: Lanes, const T: usize>(schedule: &Schedule<L>, sums: &[u32; 64]) -> L {
    if const { varies::<NonceBlock>(T) } { schedule.kw[T] } else { L::splat(K[T].wrapping_add(sums[T])) }
}

/// A group of nonces in which a hit is likely.
struct Found {
    midstate: u8,
    group: u32,
    range: (u32, u32),
    bound: u32,
}

impl Found {
    /// Compares each lane's top word exactly and drops lanes outside the range. The rare path of the search.
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
