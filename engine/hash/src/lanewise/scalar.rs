//! One lane in a plain word: the lane-wise algorithm where a debugger can follow it and any machine can test it.

use super::lanes::{LANES_MAX, Lanes};

impl Lanes for u32 {
    const COUNT: usize = 1;

    fn splat(word: u32) -> Self {
        word
    }

    fn lane_numbers_in_top_byte() -> Self {
        0
    }

    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn rotr<const R: i32, const L: i32>(self) -> Self {
        assert_eq!(R + L, 32, "a rotation is two shifts that make up a word");
        (self >> R) | (self << L)
    }

    fn shr<const N: i32>(self) -> Self {
        self >> N
    }

    fn shl<const N: i32>(self) -> Self {
        self << N
    }

    fn xor3(self, second: Self, third: Self) -> Self {
        self ^ second ^ third
    }

    fn choose(self, on_one: Self, on_zero: Self) -> Self {
        (self & on_one) | (!self & on_zero)
    }

    fn majority(self, second: Self, third: Self) -> Self {
        (self & second) | (self & third) | (second & third)
    }

    fn some_lane_is_zero_under(self, mask: u32) -> bool {
        self & mask == 0
    }

    fn store(self, words: &mut [u32; LANES_MAX]) {
        words[0] = self;
    }

    fn load_columns(rows: &[u8], _stride: usize, offset: usize) -> [Self; 4] {
        core::array::from_fn(|i| u32::from_be_bytes(rows[offset + 4 * i..][..4].try_into().unwrap()))
    }

    fn store_columns(columns: [Self; 4], digests: &mut [[u8; 32]], offset: usize) {
        for (bytes, word) in digests[0][offset..].as_chunks_mut::<4>().0.iter_mut().zip(columns) {
            *bytes = word.to_be_bytes();
        }
    }
}
