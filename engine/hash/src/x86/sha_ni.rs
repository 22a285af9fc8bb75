//! The SHA instructions of x86. Two instructions do four rounds, but each depends on the one before it, so several
//! messages are interleaved. The instructions define the layout of the state, `abef` and `cdgh`.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_cvtsi128_si32, _mm_insert_epi32, _mm_loadu_si128,
    _mm_setr_epi8, _mm_setr_epi32, _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};

use crate::constants::{DIGEST_BITS, HEADER_BITS, IV, K, NODE_BITS, PAD, PREFIXED_NODE_BITS, RFC6962_NODE_PREFIX};
use crate::lanewise::each::{self, ParallelLanes};
use crate::lanewise::message::Padded;
use crate::messages::Treatment;
use crate::{HEADER_LEN, Hit, HitBuffer, MIDSTATES_MAX, Midstate, NODE_LEN, SearchInput};

/// Interleaved messages: enough to hide the latency of two rounds, four cycles.
const STREAMS: usize = 4;

/// Four words in the order of the message.
type Quad = __m128i;
/// The 16 words of a block.
type Block = [Quad; 4];

/// One state in the layout of the round instruction.
#[derive(Clone, Copy)]
struct State {
    abef: Quad,
    cdgh: Quad,
}

/// Expands to the block once for each group of four rounds, 0 to 15, with the group's number as a constant.
macro_rules! each_group {
    ($group:ident => $body:block) => { each_group!(@ $group $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) };
    (@ $group:ident $body:block $($number:literal)*) => { $({ const $group: usize = $number; $body })* };
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn quad(words: &[u32; 4]) -> Quad {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_setr_epi32(a, b, c, d)
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn constants<const GROUP: usize>() -> Quad {
    quad(const { &[K[4 * GROUP], K[4 * GROUP + 1], K[4 * GROUP + 2], K[4 * GROUP + 3]] })
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn state_of(words: &[u32; 8]) -> State {
    let [a, b, c, d, e, f, g, h] = *words;
    State { abef: quad(&[f, e, b, a]), cdgh: quad(&[h, g, d, c]) }
}

/// The state as two quads of words, `a` to `d` and `e` to `h`.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn words_of(state: State) -> [Quad; 2] {
    let feba = _mm_shuffle_epi32::<0x1b>(state.abef);
    let dchg = _mm_shuffle_epi32::<0xb1>(state.cdgh);
    [_mm_blend_epi16::<0xf0>(feba, dchg), _mm_alignr_epi8::<8>(dchg, feba)]
}

/// Four rounds of every message.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four_rounds<const N: usize>(states: &mut [State; N], kw: &[Quad; N]) {
    for i in 0..N {
        states[i].cdgh = _mm_sha256rnds2_epu32(states[i].cdgh, states[i].abef, kw[i]);
    }
    last_two_rounds(states, kw);
}

/// The second half of four rounds.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn last_two_rounds<const N: usize>(states: &mut [State; N], kw: &[Quad; N]) {
    for i in 0..N {
        let high = _mm_shuffle_epi32::<0x0e>(kw[i]);
        states[i].abef = _mm_sha256rnds2_epu32(states[i].abef, states[i].cdgh, high);
    }
}

/// Returns the four words of a group plus their round constants. Computes the words first if they are not part of the
/// block.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn scheduled<const N: usize, const GROUP: usize>(blocks: &mut [Block; N]) -> [Quad; N] {
    let mut kw = [_mm_setzero_si128(); N];
    for (kw, words) in kw.iter_mut().zip(blocks) {
        if const { GROUP >= 4 } {
            let oldest = _mm_sha256msg1_epu32(words[GROUP % 4], words[(GROUP + 1) % 4]);
            let middle = _mm_alignr_epi8::<4>(words[(GROUP + 3) % 4], words[(GROUP + 2) % 4]);
            words[GROUP % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(oldest, middle), words[(GROUP + 3) % 4]);
        }
        *kw = _mm_add_epi32(words[GROUP % 4], constants::<GROUP>());
    }
    kw
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn feed_forward<const N: usize>(states: &mut [State; N], chaining: &[State; N]) {
    for (state, chaining) in states.iter_mut().zip(chaining) {
        state.abef = _mm_add_epi32(state.abef, chaining.abef);
        state.cdgh = _mm_add_epi32(state.cdgh, chaining.cdgh);
    }
}

/// Compresses one block into each chaining value.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress<const N: usize>(chaining: [State; N], mut blocks: [Block; N]) -> [State; N] {
    let mut states = chaining;
    each_group!(GROUP => {
        let kw = scheduled::<N, GROUP>(&mut blocks);
        four_rounds(&mut states, &kw);
    });
    feed_forward(&mut states, &chaining);
    states
}

/// Compresses the same known block into each chaining value; `kw` are its schedule words plus their round constants.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress_known<const N: usize>(chaining: [State; N], kw: &[u32; 64]) -> [State; N] {
    let mut states = chaining;
    each_group!(GROUP => {
        let kw = [quad(&[kw[4 * GROUP], kw[4 * GROUP + 1], kw[4 * GROUP + 2], kw[4 * GROUP + 3]]); N];
        four_rounds(&mut states, &kw);
    });
    feed_forward(&mut states, &chaining);
    states
}

/// The padded blocks of messages that are digests.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn digest_blocks<const N: usize>(digests: &[State; N]) -> [Block; N] {
    let padding = [quad(&[PAD, 0, 0, 0]), quad(&[0, 0, 0, DIGEST_BITS])];
    let mut blocks = [[padding[0], padding[0], padding[0], padding[1]]; N];
    for (block, digest) in blocks.iter_mut().zip(digests) {
        [block[0], block[1]] = words_of(*digest);
    }
    blocks
}

/// SHA-256 of digests.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn hash_of_digests<const N: usize>(digests: &[State; N]) -> [State; N] {
    compress([state_of(&IV); N], digest_blocks(digests))
}

/// Reverses the bytes of each word.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn bytes_reversed(words: Quad) -> Quad {
    _mm_shuffle_epi8(words, _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))
}

/// Reads four big-endian words.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn load(bytes: &[u8; 16]) -> Quad {
    // SAFETY: 16 bytes are readable, and the load needs no alignment.
    bytes_reversed(unsafe { _mm_loadu_si128(bytes.as_ptr().cast::<Quad>()) })
}

/// Writes four big-endian words.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn store(words: Quad, bytes: &mut [u8; 16]) {
    // SAFETY: 16 bytes are writable, and the store needs no alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast::<Quad>(), bytes_reversed(words)) }
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn load_blocks<const N: usize>(rows: [&[u8; 64]; N]) -> [Block; N] {
    let mut blocks = [[_mm_setzero_si128(); 4]; N];
    for (block, row) in blocks.iter_mut().zip(rows) {
        for (quad, bytes) in block.iter_mut().zip(row.as_chunks::<16>().0) {
            *quad = load(bytes);
        }
    }
    blocks
}

/// A message of `LEN` bytes and how it is hashed.
trait Row<const LEN: usize> {
    /// Hashes `N` messages.
    ///
    /// # Safety
    /// The CPU must have SHA and SSE4.1.
    unsafe fn hash<const N: usize>(rows: &[[u8; LEN]; N]) -> [State; N];
}

/// Double SHA-256 of an 80-byte header.
struct HeaderRow;

impl Row<HEADER_LEN> for HeaderRow {
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    unsafe fn hash<const N: usize>(headers: &[[u8; HEADER_LEN]; N]) -> [State; N] {
        let mut firsts = [&[0; 64]; N];
        let padding = [quad(&[PAD, 0, 0, 0]), _mm_setzero_si128(), quad(&[0, 0, 0, HEADER_BITS])];
        let mut ends = [[padding[0], padding[0], padding[1], padding[2]]; N];
        for ((header, first), end) in headers.iter().zip(&mut firsts).zip(&mut ends) {
            let (head, tail) = split_header(header);
            *first = head;
            end[0] = load(tail);
        }
        hash_of_digests(&compress(compress([state_of(&IV); N], load_blocks(firsts)), ends))
    }
}

/// The two parts of a header, which belong to different blocks.
#[inline]
fn split_header(header: &[u8; HEADER_LEN]) -> (&[u8; 64], &[u8; 16]) {
    let (head, tail) = header.split_first_chunk::<64>().expect("80 bytes begin with 64");
    (head, tail.first_chunk::<16>().expect("80 bytes less 64 are 16"))
}

/// Double SHA-256 of a 64-byte Merkle node.
struct NodeRow;

/// The padding block of a node: its schedule words plus their round constants.
static NODE_PADDING_KW: [u32; 64] = {
    let mut kw = Padded::<0>::sums(NODE_BITS);
    let mut t = 0;
    while t < 64 {
        kw[t] = kw[t].wrapping_add(K[t]);
        t += 1;
    }
    kw
};

impl Row<NODE_LEN> for NodeRow {
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    unsafe fn hash<const N: usize>(nodes: &[[u8; NODE_LEN]; N]) -> [State; N] {
        let states = compress([state_of(&IV); N], load_blocks(nodes.each_ref()));
        hash_of_digests(&compress_known(states, &NODE_PADDING_KW))
    }
}

/// SHA-256 of 0x01 and a 64-byte Merkle node (RFC 6962, section 2.1).
struct PrefixedNodeRow;

impl Row<NODE_LEN> for PrefixedNodeRow {
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    unsafe fn hash<const N: usize>(nodes: &[[u8; NODE_LEN]; N]) -> [State; N] {
        let mut firsts = [[RFC6962_NODE_PREFIX; 64]; N];
        let end = [_mm_setzero_si128(), quad(&[0, 0, 0, PREFIXED_NODE_BITS])];
        let mut ends = [[end[0], end[0], end[0], end[1]]; N];
        for ((node, first), end) in nodes.iter().zip(&mut firsts).zip(&mut ends) {
            first[1..].copy_from_slice(&node[..63]);
            end[0] = quad(&[u32::from(node[63]) << 24 | PAD >> 8, 0, 0, 0]);
        }
        compress(compress([state_of(&IV); N], load_blocks(firsts.each_ref())), ends)
    }
}

/// Hashes packed messages, [`STREAMS`] at a time, and the rest one by one.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn hash_rows<const LEN: usize, R: Row<LEN>>(rows: &[u8], digests: &mut [[u8; 32]]) {
    assert_eq!(rows.len(), LEN * digests.len(), "{LEN} bytes a message");
    let (groups, rest) = rows.as_chunks::<LEN>().0.as_chunks::<STREAMS>();
    let (digest_groups, digest_rest) = digests.as_chunks_mut::<STREAMS>();
    for (rows, digests) in groups.iter().zip(digest_groups) {
        // SAFETY: this function has the same target features.
        store_digests(unsafe { R::hash(rows) }, digests);
    }
    for (row, digest) in rest.iter().zip(digest_rest) {
        // SAFETY: as above.
        store_digests(unsafe { R::hash(core::array::from_ref(row)) }, core::array::from_mut(digest));
    }
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn store_digests<const N: usize>(states: [State; N], digests: &mut [[u8; 32]; N]) {
    for (state, digest) in states.into_iter().zip(digests) {
        for (words, bytes) in words_of(state).into_iter().zip(digest.as_chunks_mut::<16>().0) {
            store(words, bytes);
        }
    }
}

/// Hashes headers.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn hash_headers(headers: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<HEADER_LEN, HeaderRow>(headers, digests);
}

/// Hashes Merkle nodes twice.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn hash_nodes(nodes: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<NODE_LEN, NodeRow>(nodes, digests);
}

/// Hashes prefixed Merkle nodes once.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn hash_nodes_rfc6962(nodes: &[u8], digests: &mut [[u8; 32]]) {
    hash_rows::<NODE_LEN, PrefixedNodeRow>(nodes, digests);
}

/// States of messages of any length.
struct Streams([State; STREAMS]);

impl ParallelLanes<STREAMS> for Streams {
    /// One block in all streams takes 104 ns; `sha2` takes 35 ns for one block, so that three are equally fast in both
    /// ways.
    const SEQUENTIAL_MAX: usize = 2;

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    unsafe fn new() -> Self {
        Self([state_of(&IV); STREAMS])
    }

    #[inline]
    fn compress(&mut self, blocks: &[&[u8; 64]; STREAMS]) {
        #[target_feature(enable = "sha,sse4.1")]
        fn compress_blocks(states: &mut [State; STREAMS], blocks: &[&[u8; 64]; STREAMS]) {
            *states = compress(*states, load_blocks(*blocks));
        }
        // SAFETY: the caller of `new` promised that the CPU has the instructions; the same holds below.
        unsafe { compress_blocks(&mut self.0, blocks) }
    }

    #[inline]
    fn digests(&self, digests: &mut [[u8; 32]; STREAMS]) {
        // SAFETY: as above.
        unsafe { store_digests(self.0, digests) }
    }

    #[inline]
    fn restart(&mut self, lanes: u32) {
        for lane in (0..STREAMS).filter(|lane| lanes >> lane & 1 == 1) {
            // SAFETY: as above.
            self.0[lane] = unsafe { state_of(&IV) };
        }
    }

    #[inline]
    fn hash_digests(&self, digests: &mut [[u8; 32]; STREAMS]) {
        #[target_feature(enable = "sha,sse4.1")]
        fn hash(digests: &mut [[u8; 32]; STREAMS]) {
            let padding = [quad(&[PAD, 0, 0, 0]), quad(&[0, 0, 0, DIGEST_BITS])];
            let mut blocks = [[padding[0], padding[0], padding[0], padding[1]]; STREAMS];
            for (block, digest) in blocks.iter_mut().zip(&*digests) {
                for (quad, bytes) in block.iter_mut().zip(digest.as_chunks::<16>().0) {
                    *quad = load(bytes);
                }
            }
            store_digests(compress([state_of(&IV); STREAMS], blocks), digests);
        }
        // SAFETY: as above.
        unsafe { hash(digests) }
    }

    #[inline]
    fn prefetch(bytes: &[u8]) {
        super::prefetch(bytes);
    }
}

/// Hashes messages of any lengths.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn hash_each(treatment: Treatment, messages: &[&[u8]], digests: &mut [[u8; 32]]) {
    // SAFETY: this function has the target features.
    unsafe { each::hash::<STREAMS, Streams>(treatment, messages, digests) }
}

/// One midstate, and the state after the two rounds before the nonce enters.
#[derive(Clone, Copy)]
struct Start {
    midstate: State,
    after_two_rounds: State,
}

/// The last block of a header, with zero in place of the nonce.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn header_end(tail: [u8; 12]) -> Block {
    let mut first = [0; 16];
    first[..12].copy_from_slice(&tail);
    [load(&first), quad(&[PAD, 0, 0, 0]), _mm_setzero_si128(), quad(&[0, 0, 0, HEADER_BITS])]
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn start_of(midstate: &Midstate, end: &Block) -> Start {
    let state = state_of(&midstate.0);
    let kw = _mm_add_epi32(end[0], constants::<0>());
    let abef = _mm_sha256rnds2_epu32(state.cdgh, state.abef, kw);
    Start { midstate: state, after_two_rounds: State { abef, cdgh: state.abef } }
}

/// Searches a nonce range. The schedule of a header's second block is expanded once for all midstates.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn scan(input: &SearchInput<'_>, first: u32, last: u32, hits: &mut HitBuffer) {
    input.assert_valid();
    let end = header_end(input.tail);
    let mut starts = [start_of(&input.midstates[0], &end); MIDSTATES_MAX];
    for (start, midstate) in starts.iter_mut().zip(input.midstates) {
        *start = start_of(midstate, &end);
    }
    let mut group = first - first % STREAMS as u32;
    loop {
        let schedule = nonce_schedule(&end, group);
        for (index, start) in starts[..input.midstates.len()].iter().enumerate() {
            let last_words = last_state_words(start, &schedule);
            for (nonce, word) in (group..=u32::MAX).zip(last_words) {
                if word.swap_bytes() <= input.top_word_max && (first..=last).contains(&nonce) {
                    hits.push(Hit { midstate: index as u8, nonce });
                }
            }
        }
        if last - group < STREAMS as u32 {
            break;
        }
        group += STREAMS as u32;
    }
}

/// The schedule of the second block plus the round constants, for nonces from `group` on, by group of rounds.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn nonce_schedule(end: &Block, group: u32) -> [[Quad; STREAMS]; 16] {
    let mut blocks = [*end; STREAMS];
    for (block, nonce) in blocks.iter_mut().zip(group..=u32::MAX) {
        block[0] = _mm_insert_epi32::<3>(block[0], nonce.swap_bytes().cast_signed());
    }
    let mut schedule = [[_mm_setzero_si128(); STREAMS]; 16];
    each_group!(GROUP => {
        schedule[GROUP] = scheduled::<STREAMS, GROUP>(&mut blocks);
    });
    schedule
}

/// The last state words of the double hashes: `e` of round 60, where the second hash stops.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn last_state_words(start: &Start, schedule: &[[Quad; STREAMS]; 16]) -> [u32; STREAMS] {
    let State { abef, cdgh } = start.after_two_rounds;
    // After two rounds the halves have changed places.
    let mut states = [State { abef: cdgh, cdgh: abef }; STREAMS];
    last_two_rounds(&mut states, &schedule[0]);
    for kw in &schedule[1..] {
        four_rounds(&mut states, kw);
    }
    feed_forward(&mut states, &[start.midstate; STREAMS]);
    let mut blocks = digest_blocks(&states);
    states = [state_of(&IV); STREAMS];
    each_group!(GROUP => {
        if const { GROUP < 15 } {
            let kw = scheduled::<STREAMS, GROUP>(&mut blocks);
            four_rounds(&mut states, &kw);
        }
    });
    last_words(&states, &scheduled::<STREAMS, 15>(&mut blocks))
}

/// Rounds 60 and 61. After them `e` of round 60 is `f`, the lowest word.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn last_words(states: &[State; STREAMS], kw: &[Quad; STREAMS]) -> [u32; STREAMS] {
    let mut words = [0; STREAMS];
    for i in 0..STREAMS {
        let abef = _mm_sha256rnds2_epu32(states[i].cdgh, states[i].abef, kw[i]);
        words[i] = _mm_cvtsi128_si32(abef).cast_unsigned().wrapping_add(IV[7]);
    }
    words
}
