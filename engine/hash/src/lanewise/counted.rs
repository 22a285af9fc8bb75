//! A lane on a plain word that counts its operations: tests the lane-wise algorithm on any machine, and checks how many
//! operations the folding leaves. Constants are free; each method is one operation, as on AVX-512.

use core::cell::Cell;

use super::bulk::{HeaderRow, NodeRow, PrefixedNodeRow, Row};
use super::cut::Block;
use super::lanes::{LANES_MAX, Lanes};
use super::search;
use crate::{BLOCK_LEN, HitBuffer, Midstate, SearchInput, baseline};

/// How many of each operation this thread has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    adds: usize,
    rotates: usize,
    shifts: usize,
    three_input_logic: usize,
    compares: usize,
}

impl Tally {
    fn less(self, other: Self) -> Self {
        Self {
            adds: self.adds - other.adds,
            rotates: self.rotates - other.rotates,
            shifts: self.shifts - other.shifts,
            three_input_logic: self.three_input_logic - other.three_input_logic,
            compares: self.compares - other.compares,
        }
    }

    fn total(self) -> usize {
        self.adds + self.rotates + self.shifts + self.three_input_logic + self.compares
    }
}

thread_local! {
    static TALLY: Cell<Tally> = Cell::default();
}

fn count(operation: impl FnOnce(&mut Tally)) {
    let mut tally = TALLY.get();
    operation(&mut tally);
    TALLY.set(tally);
}

/// Runs `work` and returns its operations.
fn tally_of(work: impl FnOnce()) -> Tally {
    TALLY.take();
    work();
    TALLY.take()
}

#[derive(Clone, Copy)]
struct Counted(u32);

// Never inlined: as straight-line code of thousands of counted operations the tests take minutes to compile.
impl Lanes for Counted {
    const COUNT: usize = 1;

    #[inline(never)]
    fn splat(word: u32) -> Self {
        Self(word)
    }

    #[inline(never)]
    fn lane_numbers_in_top_byte() -> Self {
        Self(0)
    }

    #[inline(never)]
    fn add(self, other: Self) -> Self {
        count(|tally| tally.adds += 1);
        Self(self.0.wrapping_add(other.0))
    }

    #[inline(never)]
    fn rotr<const R: i32, const L: i32>(self) -> Self {
        assert_eq!(R + L, 32, "a rotation is two shifts that make up a word");
        count(|tally| tally.rotates += 1);
        Self((self.0 >> R) | (self.0 << L))
    }

    #[inline(never)]
    fn shr<const N: i32>(self) -> Self {
        count(|tally| tally.shifts += 1);
        Self(self.0 >> N)
    }

    #[inline(never)]
    fn shl<const N: i32>(self) -> Self {
        count(|tally| tally.shifts += 1);
        Self(self.0 << N)
    }

    #[inline(never)]
    fn xor3(self, second: Self, third: Self) -> Self {
        count(|tally| tally.three_input_logic += 1);
        Self(self.0 ^ second.0 ^ third.0)
    }

    #[inline(never)]
    fn choose(self, on_one: Self, on_zero: Self) -> Self {
        count(|tally| tally.three_input_logic += 1);
        Self((self.0 & on_one.0) | (!self.0 & on_zero.0))
    }

    #[inline(never)]
    fn majority(self, second: Self, third: Self) -> Self {
        count(|tally| tally.three_input_logic += 1);
        Self((self.0 & second.0) | (self.0 & third.0) | (second.0 & third.0))
    }

    #[inline(never)]
    fn some_lane_is_zero_under(self, mask: u32) -> bool {
        count(|tally| tally.compares += 1);
        self.0 & mask == 0
    }

    #[inline(never)]
    fn with(self, lanes: u32, word: u32) -> Self {
        if lanes & 1 == 1 { Self(word) } else { self }
    }

    #[inline(never)]
    fn store(self, words: &mut [u32; LANES_MAX]) {
        words[0] = self.0;
    }

    #[inline(never)]
    fn load_columns(rows: &[u8], _stride: usize, offset: usize) -> [Self; 4] {
        let words = rows[offset..][..16].as_chunks::<4>().0;
        core::array::from_fn(|i| Self(u32::from_be_bytes(words[i])))
    }

    #[inline(never)]
    fn load_block_columns(blocks: &[&Block], offset: usize) -> [Self; 4] {
        Self::load_columns(blocks[0], BLOCK_LEN, offset)
    }

    #[inline(never)]
    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize) {
        for (bytes, word) in digests[0][offset..].as_chunks_mut::<4>().0.iter_mut().zip(columns) {
            *bytes = word.0.to_be_bytes();
        }
    }
}

const HEADER: [u8; 80] = [0x5a; 80];

/// The cost of one more group of nonces. A difference, because a search also begins and ends with half a unit.
fn tally_of_one_group(midstates: usize) -> Tally {
    let midstates = vec![Midstate([7; 8]); midstates];
    let input = SearchInput { midstates: &midstates, tail: [9; 12], top_word_max: 0 };
    let groups = |last| tally_of(|| search::scan::<Counted>(&input, 0, last, &mut HitBuffer::new(1)));
    groups(5).less(groups(4))
}

#[test]
fn one_group_of_nonces_costs_no_more_than_the_folded_count() {
    let tally = tally_of_one_group(1);
    // This includes the addition of the lane numbers to the nonce, and the compare.
    let expected = Tally { adds: 1_042, rotates: 1_020, shifts: 156, three_input_logic: 628, compares: 1 };
    assert_eq!(tally, expected);
    assert_eq!(tally.total(), 2_847);
}

#[test]
fn each_further_midstate_saves_the_schedule() {
    // The nonce: 1 addition. 46 words: 110 additions, and 76 sigmas of 4 operations each. 45 round constants.
    let schedule = 1 + 110 + 76 * 4 + 45;
    let [one, two, eight] = [1, 2, 8].map(|count| tally_of_one_group(count).total());
    assert_eq!(one - schedule, two - one);
    assert_eq!(one + 7 * (one - schedule), eight);
}

#[test]
fn whole_digests_cost_no_more_than_their_folded_counts() {
    let cost = |hash: fn(&[u8]) -> [Counted; 8]| tally_of(|| _ = hash(&HEADER)).total();
    // From the initial value: 20 additions in rounds 0 to 3, 7 in each of 59 rounds, 14 in the last round with the
    // feed-forward, 3 for each of 48 words; 126 big sigmas and 96 small ones of 4 operations each, 126 choices and
    // majorities.
    let full = 20 + 59 * 7 + 14 + 48 * 3 + 126 * 4 + 126 + 96 * 4;
    // The same with 8 known words: 6 additions in each of their rounds, 125 additions and 86 small sigmas in the
    // schedule.
    let digest = 20 + 8 * 6 + 51 * 7 + 14 + 125 + 126 * 4 + 126 + 86 * 4;
    // From a state: 128 big sigmas, 128 choices and majorities, 8 additions of the feed-forward; then the rounds with
    // known words, the other rounds, and the additions and small sigmas of the schedule.
    let from_state = 128 * 4 + 128 + 8;
    let header_end = from_state + 12 * 6 + 52 * 7 + 117 + 82 * 4;
    let node_end = from_state + 64 * 6;
    let prefixed_end = from_state + 18 * 6 + 46 * 7 + 109 + 73 * 4;
    // Moving the bytes of 16 words by one costs 3 operations per word, and one for the word that is carried out.
    let moved = 16 * 3 + 1;
    assert_eq!(cost(HeaderRow::hash), full + header_end + digest);
    assert_eq!(cost(NodeRow::hash), full + node_end + digest);
    assert_eq!(cost(PrefixedNodeRow::hash), moved + full + prefixed_end);
}

#[test]
fn a_search_on_plain_words_finds_the_hits_of_whole_headers() {
    let (first_block, tail) = HEADER.split_first_chunk::<64>().unwrap();
    let midstates = [Midstate::of(first_block)];
    let input = SearchInput { midstates: &midstates, tail: tail[..12].try_into().unwrap(), top_word_max: u32::MAX / 3 };
    let (mut hits, mut expected) = (HitBuffer::new(100), HitBuffer::new(100));
    search::scan::<Counted>(&input, 90, 190, &mut hits);
    baseline::sha2_whole_header_scan(HEADER.first_chunk().unwrap(), 90, 190, input.top_word_max, &mut expected);
    assert!(!expected.as_slice().is_empty());
    assert_eq!(hits, expected);
}
