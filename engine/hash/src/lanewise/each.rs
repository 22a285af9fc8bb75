//! Messages of any mix of lengths hashed abreast: each lane carries a message and takes the next one when it ends, so that
//! all lanes work until there are no more. It decides what each lane does next; how lanes compress a block is an
//! [`ParallelLanes`]'s own.

use super::cut::{Block, Cut};
use super::order::by_blocks;
use crate::messages::Treatment;
use crate::sha256;

/// The states of `N` messages, which take one block each at a time. Owning one proves that the CPU has the instructions.
pub(crate) trait ParallelLanes<const N: usize> {
    /// So many messages or fewer are hashed faster one after the other than abreast.
    const SEQUENTIAL_MAX: usize;

    /// The initial hash value in every lane.
    ///
    /// # Safety
    /// The CPU must have the instructions that the type is for.
    unsafe fn new() -> Self;

    /// Compresses one block onto each state.
    fn compress(&mut self, blocks: &[&Block; N]);

    /// The states as digests, in wire order.
    fn digests(&self, digests: &mut [[u8; 32]; N]);

    /// Puts the initial hash value into the lanes whose bits are set.
    fn restart(&mut self, lanes: u32);

    /// SHA-256 of each digest, in place.
    fn hash_digests(&self, digests: &mut [[u8; 32]; N]);

    /// Asks for bytes that will be read soon. It changes no answer.
    #[inline]
    fn prefetch(_bytes: &[u8]) {}
}

/// Hashes messages into as many digests, in wire order.
///
/// # Panics
/// If there are more or fewer digests than messages.
///
/// # Safety
/// The CPU must have the instructions that `A` is for.
pub(crate) unsafe fn hash<const N: usize, A: ParallelLanes<N>>(
    treatment: Treatment,
    messages: &[&[u8]],
    digests: &mut [[u8; 32]],
) {
    assert_eq!(messages.len(), digests.len(), "one digest for each message");
    if messages.len() <= A::SEQUENTIAL_MAX {
        messages.iter().zip(digests).for_each(|(message, digest)| *digest = treatment.of(message));
        return;
    }
    let order = by_blocks(messages, treatment);
    let mut ended = Ended { treatment, digests, hashes: [[0; 32]; N], indices: [0; N], count: 0 };
    let mut lanes = Lanes::new::<A>(treatment, messages, &order);
    // SAFETY: the caller's promise.
    let mut states = unsafe { A::new() };
    while lanes.busy > A::SEQUENTIAL_MAX {
        lanes.advance(&mut states, &mut ended);
    }
    lanes.finish_alone(&states, &mut ended);
    ended.flush(&states);
}

/// What each lane carries, and what is still to come.
struct Lanes<'a, const N: usize> {
    treatment: Treatment,
    messages: &'a [&'a [u8]],
    /// The messages that no lane has taken yet, by their indices.
    queue: &'a [u32],
    cuts: [Cut<'a>; N],
    indices: [u32; N],
    /// Blocks compressed so far in each lane; how many there were when its message began, and will be when it ends.
    step: usize,
    begins: [usize; N],
    ends: [usize; N],
    /// How many lanes carry a message.
    busy: usize,
    hashes: [[u8; 32]; N],
}

/// The end of what no lane carries.
const NEVER: usize = usize::MAX;

/// Bytes of a message that are asked for when as many others as there are lanes come before it. Most messages are no longer;
/// in those that are, the CPU sees by itself where the reading goes.
const PREFETCHED: usize = 320;

impl<'a, const N: usize> Lanes<'a, N> {
    fn new<A: ParallelLanes<N>>(treatment: Treatment, messages: &'a [&'a [u8]], queue: &'a [u32]) -> Self {
        let mut lanes = Self {
            treatment,
            messages,
            queue,
            cuts: [Cut::NONE; N],
            indices: [0; N],
            step: 0,
            begins: [0; N],
            ends: [NEVER; N],
            busy: N,
            hashes: [[0; 32]; N],
        };
        (0..N).for_each(|lane| lanes.take_next::<A>(lane));
        lanes
    }

    /// Gives a lane whose message ended the next one.
    #[inline]
    fn take_next<A: ParallelLanes<N>>(&mut self, lane: usize) {
        let Some((index, rest)) = self.queue.split_first() else {
            (self.cuts[lane], self.ends[lane]) = (Cut::NONE, NEVER);
            self.busy -= 1;
            return;
        };
        self.queue = rest;
        if let Some(soon) = rest.get(N) {
            let message = self.messages[*soon as usize];
            A::prefetch(&message[..message.len().min(PREFETCHED)]);
        }
        self.indices[lane] = *index;
        self.begins[lane] = self.step;
        self.ends[lane] = self.step + self.cuts[lane].set(self.treatment, self.messages[*index as usize]);
    }

    /// Compresses until a message ends.
    #[inline]
    fn advance<A: ParallelLanes<N>>(&mut self, states: &mut A, ended: &mut Ended<'_, N>) {
        let end = self.ends.iter().copied().min().unwrap_or_default();
        for step in self.step..end {
            states.compress(&core::array::from_fn(|lane| self.cuts[lane].block(step - self.begins[lane])));
        }
        self.step = end;
        states.digests(&mut self.hashes);
        let bits = self.ends.iter().enumerate().map(|(lane, lane_end)| u32::from(*lane_end == end) << lane);
        let mask = bits.fold(0, core::ops::BitOr::bitor);
        let mut left = mask;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            ended.push(states, self.indices[lane], &self.hashes[lane]);
            self.take_next::<A>(lane);
            left &= left - 1;
        }
        states.restart(mask);
    }

    /// Hashes what is left of each message by itself.
    fn finish_alone<A: ParallelLanes<N>>(&mut self, states: &A, ended: &mut Ended<'_, N>) {
        states.digests(&mut self.hashes);
        for lane in (0..N).filter(|lane| self.ends[*lane] != NEVER) {
            let (taken, blocks) = (self.step - self.begins[lane], self.ends[lane] - self.begins[lane]);
            let hash = self.cuts[lane].hash_rest((taken, blocks), &self.hashes[lane]);
            ended.push(states, self.indices[lane], &hash);
        }
    }
}

/// First hashes of messages that ended, gathered until they fill all lanes for the second.
struct Ended<'a, const N: usize> {
    treatment: Treatment,
    digests: &'a mut [[u8; 32]],
    hashes: [[u8; 32]; N],
    indices: [u32; N],
    count: usize,
}

impl<const N: usize> Ended<'_, N> {
    #[inline]
    fn push<A: ParallelLanes<N>>(&mut self, states: &A, index: u32, hash: &[u8; 32]) {
        match self.treatment {
            Treatment::Leaf => self.digests[index as usize] = *hash,
            Treatment::Twice => {
                (self.hashes[self.count], self.indices[self.count]) = (*hash, index);
                self.count += 1;
                if self.count == N {
                    self.flush(states);
                }
            }
        }
    }

    /// Hashes what is gathered a second time.
    fn flush<A: ParallelLanes<N>>(&mut self, states: &A) {
        let hashes = &mut self.hashes;
        if self.count > A::SEQUENTIAL_MAX {
            states.hash_digests(hashes);
        } else {
            hashes[..self.count].iter_mut().for_each(|hash| *hash = sha256(&*hash));
        }
        for (hash, index) in hashes.iter().zip(&self.indices[..self.count]) {
            self.digests[*index as usize] = *hash;
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use sha2::block_api::compress256;

    use super::*;
    use crate::constants::IV;
    use crate::portable::to_bytes;

    /// Plain states, on any machine.
    struct Plain<const N: usize, const FEW: usize>([[u32; 8]; N]);

    impl<const N: usize, const FEW: usize> ParallelLanes<N> for Plain<N, FEW> {
        const SEQUENTIAL_MAX: usize = FEW;

        unsafe fn new() -> Self {
            Self([IV; N])
        }

        fn compress(&mut self, blocks: &[&Block; N]) {
            self.0.iter_mut().zip(blocks).for_each(|(state, block)| compress256(state, core::slice::from_ref(*block)));
        }

        fn digests(&self, digests: &mut [[u8; 32]; N]) {
            *digests = self.0.map(to_bytes);
        }

        fn restart(&mut self, lanes: u32) {
            (0..N).filter(|lane| lanes >> lane & 1 == 1).for_each(|lane| self.0[lane] = IV);
        }

        fn hash_digests(&self, digests: &mut [[u8; 32]; N]) {
            *digests = digests.map(|digest| sha256(&digest));
        }
    }

    fn assert_right<const N: usize, const FEW: usize>(treatment: Treatment, messages: &[&[u8]]) {
        let mut digests = vec![[0; 32]; messages.len()];
        // SAFETY: plain states need nothing of the CPU.
        unsafe { hash::<N, Plain<N, FEW>>(treatment, messages, &mut digests) };
        let expected: Vec<_> = messages.iter().map(|message| treatment.of(message)).collect();
        assert_eq!(digests, expected, "{N} lanes, {treatment:?}, {} messages", messages.len());
    }

    #[test]
    fn any_number_of_lanes_hashes_any_number_of_messages_in_their_order() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 21) as u8).collect();
        for treatment in [Treatment::Twice, Treatment::Leaf] {
            for count in 0..50 {
                let messages: Vec<&[u8]> = (0..count).map(|i| &bytes[i..][..i * i * 31 % 701]).collect();
                assert_right::<1, 0>(treatment, &messages);
                assert_right::<3, 1>(treatment, &messages);
                assert_right::<16, 0>(treatment, &messages);
                assert_right::<16, 6>(treatment, &messages);
                let one_long = [&messages[..], &[&bytes]].concat();
                assert_right::<16, 6>(treatment, &one_long);
            }
        }
    }
}
