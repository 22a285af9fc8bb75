//! The rounds of SHA-256 over lanes, with three optimisations: rounds before the first varying word are folded, the
//! last round is merged with the feed-forward, and unused results are not computed. Message words come from
//! [`super::message`].

use super::lanes::{Lanes, big_sigma0, big_sigma1};
use super::message::{Shape, Window, each_round, varies, word};
use crate::constants::{IV, K};

/// The eight working variables (FIPS 180-4, section 6.2.2).
pub(crate) struct State<L> {
    a: L,
    b: L,
    c: L,
    d: L,
    e: L,
    f: L,
    g: L,
    h: L,
}

impl<L: Lanes> State<L> {
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn new([a, b, c, d, e, f, g, h]: [L; 8]) -> Self {
        Self { a, b, c, d, e, f, g, h }
    }

    /// `T1` of the standard; `kw` is the round's constant plus its message word.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn t1(&self, kw: L) -> L {
        self.h.add(kw).add(self.e.choose(self.f, self.g)).add(big_sigma1(self.e))
    }

    /// `T2` of the standard.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn t2(&self) -> L {
        self.a.majority(self.b, self.c).add(big_sigma0(self.a))
    }

    /// The variables after a round whose results are `a` and `e`.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn shifted(&self, a: L, e: L) -> Self {
        Self { a, b: self.a, c: self.b, d: self.c, e, f: self.e, g: self.f, h: self.g }
    }

    /// One round.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn round(&self, kw: L) -> Self {
        let t1 = self.t1(kw);
        self.shifted(t1.add(self.t2()), t1.add(self.d))
    }

    /// One round whose new `a` is not needed and not computed.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn round_e_only(&self, kw: L) -> Self {
        self.shifted(self.a, self.next_e(kw))
    }

    /// `e` after one more round.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn next_e(&self, kw: L) -> L {
        self.t1(kw).add(self.d)
    }

    /// Round 63 and the feed-forward of a chaining value that is the same in every lane: two additions of the
    /// feed-forward merge with the round constant, which saves one addition.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn last_round(&self, word: L, chaining: &[u32; 8]) -> [L; 8] {
        let t1 = self.t1(word);
        [
            t1.add(self.t2().add(L::splat(K[63].wrapping_add(chaining[0])))),
            self.a.add(L::splat(chaining[1])),
            self.b.add(L::splat(chaining[2])),
            self.c.add(L::splat(chaining[3])),
            t1.add(self.d.add(L::splat(K[63].wrapping_add(chaining[4])))),
            self.e.add(L::splat(chaining[5])),
            self.f.add(L::splat(chaining[6])),
            self.g.add(L::splat(chaining[7])),
        ]
    }

    /// Adds the chaining value after the last round.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn feed_forward(&self, chaining: [L; 8]) -> [L; 8] {
        let [a, b, c, d, e, f, g, h] = chaining;
        [
            self.a.add(a),
            self.b.add(b),
            self.c.add(c),
            self.d.add(d),
            self.e.add(e),
            self.f.add(f),
            self.g.add(g),
            self.h.add(h),
        ]
    }
}

/// Four rounds from a known state, folded as far as possible. The first varying word enters in the first of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownStart {
    /// `a` after the first of the rounds, minus the message word.
    a: u32,
    /// `e` after it, minus the message word.
    e: u32,
    /// `a` and `b` before it.
    older_a: [u32; 2],
    /// `e` and `f` before it.
    older_e: [u32; 2],
    /// The known terms of `T1` in the second to fourth round.
    t1: [u32; 3],
    /// The known terms of `e` in the second to fourth round.
    next_e: [u32; 3],
}

impl KnownStart {
    /// Folds a known `state`. `kw` holds the round constants of the four rounds, each plus its message word if that is
    /// known.
    pub(crate) const fn new(state: &[u32; 8], kw: [u32; 4]) -> Self {
        let [a, b, c, d, e, f, g, _] = *state;
        let (t1, t2) = halves(state, kw[0]);
        let next_t1 = [g.wrapping_add(kw[1]), f.wrapping_add(kw[2]), e.wrapping_add(kw[3])];
        Self {
            a: t1.wrapping_add(t2),
            e: d.wrapping_add(t1),
            older_a: [a, b],
            older_e: [e, f],
            t1: next_t1,
            next_e: [c.wrapping_add(next_t1[0]), b.wrapping_add(next_t1[1]), a.wrapping_add(next_t1[2])],
        }
    }

    /// The four rounds, with eight additions fewer than plain ones. `words` are the message words of the last three,
    /// `None` for those that the constants include.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn rounds<L: Lanes>(&self, first: L, words: [Option<L>; 3]) -> State<L> {
        let [older_a, oldest_a] = [L::splat(self.older_a[0]), L::splat(self.older_a[1])];
        let [older_e, oldest_e] = [L::splat(self.older_e[0]), L::splat(self.older_e[1])];
        let a0 = first.add(L::splat(self.a));
        let e0 = first.add(L::splat(self.e));
        let (a1, e1) = self.next::<L, 0>([a0, older_a, oldest_a], [e0, older_e, oldest_e], words[0]);
        let (a2, e2) = self.next::<L, 1>([a1, a0, older_a], [e1, e0, older_e], words[1]);
        let (a3, e3) = self.next::<L, 2>([a2, a1, a0], [e2, e1, e0], words[2]);
        State { a: a3, b: a2, c: a1, d: a0, e: e3, f: e2, g: e1, h: e0 }
    }

    /// A round in which `d` and `h` are known.
    #[cfg_attr(not(unoptimised), inline(always))]
    fn next<L: Lanes, const I: usize>(&self, [a, b, c]: [L; 3], [e, f, g]: [L; 3], word: Option<L>) -> (L, L) {
        let choice = match word {
            Some(word) => e.choose(f, g).add(word),
            None => e.choose(f, g),
        };
        let varying = choice.add(big_sigma1(e));
        let mixed = a.majority(b, c).add(L::splat(self.t1[I])).add(big_sigma0(a));
        (varying.add(mixed), varying.add(L::splat(self.next_e[I])))
    }
}

/// `T1` and `T2` of one round over plain words.
const fn halves(&[a, b, c, _, e, f, g, h]: &[u32; 8], kw: u32) -> (u32, u32) {
    let sigma1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let sigma0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let t1 = h.wrapping_add(sigma1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(kw);
    (t1, sigma0.wrapping_add((a & b) ^ (a & c) ^ (b & c)))
}

/// One round over plain words, for rounds before the loop.
pub(crate) const fn known_round(state: &[u32; 8], kw: u32) -> [u32; 8] {
    let (t1, t2) = halves(state, kw);
    let [a, b, c, d, e, f, g, _] = *state;
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}

/// The constants of [`rounds_from_iv`].
const IV_START: KnownStart = KnownStart::new(&IV, [K[0], K[1], K[2], K[3]]);

/// Returns the constant of round `T` plus its word. Computes the word first if it varies and is not part of the block.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn scheduled<L: Lanes, S: Shape, const T: usize>(window: &mut Window<L>, sums: &[u32; 64]) -> L {
    if const { !varies::<S>(T) } {
        return L::splat(K[T].wrapping_add(sums[T]));
    }
    if const { T >= 16 } {
        window[T % 16] = word::<L, S, T>(window, sums);
    }
    window[T % 16].add(L::splat(K[T]))
}

/// Compresses one block into `chaining`. `window` holds the varying words of the block, `sums` the known ones.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn compress<L: Lanes, S: Shape>(chaining: [L; 8], mut window: Window<L>, sums: &[u32; 64]) -> [L; 8] {
    let mut state = State::new(chaining);
    each_round!(T in 0..=63 => {
        let kw = scheduled::<L, S, T>(&mut window, sums);
        state = state.round(kw);
    });
    state.feed_forward(chaining)
}

/// Compresses one block, whose first four words vary, onto the initial hash value.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn compress_from_iv<L: Lanes, S: Shape>(mut window: Window<L>, sums: &[u32; 64]) -> [L; 8] {
    let mut state = rounds_from_iv(&window);
    each_round!(T in 4..=62 => {
        let kw = scheduled::<L, S, T>(&mut window, sums);
        state = state.round(kw);
    });
    state.last_round(word::<L, S, 63>(&window, sums), &IV)
}

/// The first four rounds from the initial hash value, of a message whose first four words vary.
#[cfg_attr(not(unoptimised), inline(always))]
pub(crate) fn rounds_from_iv<L: Lanes>([first, second, third, fourth, ..]: &Window<L>) -> State<L> {
    IV_START.rounds(*first, [Some(*second), Some(*third), Some(*fourth)])
}
