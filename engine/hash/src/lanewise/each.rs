//! Messages of any mix of lengths in parallel lanes: a lane takes the next message when its message ends, so that all
//! lanes are busy until no message is left. This module schedules; a [`ParallelLanes`] compresses.

use super::cut::{Block, Cut};
use super::order::by_blocks;
use crate::messages::Treatment;
use crate::sha256;

/// The states of `N` messages, which are compressed one block at a time. Owning one proves that the CPU has the
/// instructions.
pub(crate) trait ParallelLanes<const N: usize> {
    /// Up to this many messages are hashed faster one after the other than in parallel lanes.
    const SEQUENTIAL_MAX: usize;

    /// The initial hash value in every lane.
    ///
    /// # Safety
    /// The CPU must have the instructions that the type is for.
    unsafe fn new() -> Self;

    /// Compresses one block into each state.
    fn compress(&mut self, blocks: &[&Block; N]);

    /// The states as digests, in wire order.
    fn digests(&self, digests: &mut [[u8; 32]; N]);

    /// Resets the lanes whose bits are set to the initial hash value.
    fn restart(&mut self, lanes: u32);

    /// SHA-256 of each digest, in place.
    fn hash_digests(&self, digests: &mut [[u8; 32]; N]);

    /// Prefetches bytes that will be read soon.
    #[inline]
    fn prefetch(_bytes: &[u8]) {}
}

/// Hashes messages into as many digests, in wire order.
///
/// # Panics
/// If `messages` and `digests` differ in length.
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
    let mut scheduler = Scheduler::new::<A>(treatment, messages, &order);
    // SAFETY: the caller's promise.
    let mut states = unsafe { A::new() };
    while scheduler.busy > A::SEQUENTIAL_MAX {
        scheduler.advance(&mut states, &mut ended);
    }
    scheduler.finish_one_by_one(&states, &mut ended);
    ended.flush(&states);
}

/// The message of each lane, and the messages that are still to come.
struct Scheduler<'a, const N: usize> {
    treatment: Treatment,
    messages: &'a [&'a [u8]],
    /// The indices of the messages that no lane has taken yet.
    queue: &'a [u32],
    cuts: [Cut<'a>; N],
    indices: [u32; N],
    /// Blocks compressed so far, the same in each lane.
    step: usize,
    /// The step at which each lane's message began.
    begins: [usize; N],
    /// The step at which it ends.
    ends: [usize; N],
    /// How many lanes have a message.
    busy: usize,
    hashes: [[u8; 32]; N],
}

/// The end of a lane without a message.
const NEVER: usize = usize::MAX;

/// Bytes to prefetch of the message that comes `N` messages later. Most messages are no longer than this; in longer
/// ones the CPU recognises the access pattern.
const PREFETCHED: usize = 320;

impl<'a, const N: usize> Scheduler<'a, N> {
    fn new<A: ParallelLanes<N>>(treatment: Treatment, messages: &'a [&'a [u8]], queue: &'a [u32]) -> Self {
        let mut scheduler = Self {
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
        for lane in 0..N {
            scheduler.take_next::<A>(lane);
        }
        scheduler
    }

    /// Gives a lane the next message, if there is one.
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

    /// Compresses blocks until the first message ends, and replaces the messages that end then.
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

    /// Hashes the rest of each message, one message at a time.
    fn finish_one_by_one<A: ParallelLanes<N>>(&mut self, states: &A, ended: &mut Ended<'_, N>) {
        states.digests(&mut self.hashes);
        for lane in (0..N).filter(|lane| self.ends[*lane] != NEVER) {
            let (taken, blocks) = (self.step - self.begins[lane], self.ends[lane] - self.begins[lane]);
            let hash = self.cuts[lane].hash_rest((taken, blocks), &self.hashes[lane]);
            ended.push(states, self.indices[lane], &hash);
        }
    }
}

/// First hashes of finished messages, collected until they fill all lanes for the second hash.
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

    /// Hashes the collected hashes a second time.
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

    /// States on plain words, for any machine.
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
        // SAFETY: plain states need no CPU features.
        unsafe { hash::<N, Plain<N, FEW>>(treatment, messages, &mut digests) };
        let expected: Vec<_> = messages.iter().map(|message| treatment.of(message)).collect();
        assert_eq!(digests, expected, "{N} lanes, {treatment:?}, {} messages", messages.len());
    }

    #[test]
    fn any_number_of_messages_is_hashed_in_order_by_any_number_of_lanes() {
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
