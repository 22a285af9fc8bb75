//! Messages of one length, hashed once or twice: whatever a header or a node is not.

use std::sync::Arc;

use cityseal_hash::{HashKernel, sha256};

/// Most bytes of one message: 1,025 blocks, which one invocation of a GPU compresses in about 10 ms.
pub const MESSAGE_LEN_MAX: usize = 1 << 16;

/// Messages that the kernel is given at once, so that what points to them stays within 16 KiB.
const CHUNK: usize = 1_024;

/// How often a message is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashTimes {
    /// Its SHA-256.
    Once,
    /// The SHA-256 of its SHA-256.
    Twice,
}

/// A request for the hashes of messages that all have one length.
#[derive(Clone, Debug)]
pub struct MessagesBatch {
    messages: Arc<Vec<u8>>,
    count: usize,
    message_len: usize,
    times: HashTimes,
}

impl MessagesBatch {
    /// A batch over so many messages of so many bytes each, packed without gaps and without padding; a message may be
    /// empty.
    ///
    /// # Panics
    /// If there is no message, one is longer than [`MESSAGE_LEN_MAX`], or the bytes are not just those of the messages: a
    /// broken promise of the caller.
    pub fn new(messages: Arc<Vec<u8>>, (count, message_len): (usize, usize), times: HashTimes) -> Self {
        assert!(count > 0, "one message or more");
        assert!(message_len <= MESSAGE_LEN_MAX, "{message_len} bytes of a message, {MESSAGE_LEN_MAX} at most");
        assert_eq!(Some(messages.len()), count.checked_mul(message_len), "{message_len} bytes for each of {count}");
        Self { messages, count, message_len, times }
    }

    /// The packed messages.
    pub fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// How many messages the batch holds: at least one.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Bytes of each message: 0 to [`MESSAGE_LEN_MAX`].
    pub const fn message_len(&self) -> usize {
        self.message_len
    }

    /// How often each is hashed.
    pub const fn times(&self) -> HashTimes {
        self.times
    }

    fn message(&self, index: usize) -> &[u8] {
        &self.messages[index * self.message_len..(index + 1) * self.message_len]
    }
}

/// Hashes a batch's messages into as many digests. Twice is the kernel's; for once it has no function, and `sha2` is taken.
pub(crate) fn hash_all(kernel: HashKernel, batch: &MessagesBatch, digests: &mut [[u8; 32]]) {
    match batch.times {
        HashTimes::Once => {
            for (index, digest) in digests.iter_mut().enumerate() {
                *digest = sha256(batch.message(index));
            }
        }
        HashTimes::Twice => {
            for (digests, first) in digests.chunks_mut(CHUNK).zip((0..).step_by(CHUNK)) {
                let messages: Vec<&[u8]> = (first..first + digests.len()).map(|index| batch.message(index)).collect();
                kernel.hash_each(&messages, digests);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cityseal_hash::double_sha256;

    use super::*;

    #[test]
    fn each_message_is_hashed_by_itself_once_or_twice() {
        let bytes: Vec<u8> = (0..2_500_u32 * 7).map(|i| (i * 31 + i / 251) as u8).collect();
        for (times, reference) in
            [(HashTimes::Once, sha256 as fn(&[u8]) -> [u8; 32]), (HashTimes::Twice, double_sha256)]
        {
            let batch = MessagesBatch::new(Arc::new(bytes.clone()), (2_500, 7), times);
            let mut digests = vec![[0; 32]; 2_500];
            hash_all(HashKernel::detect(), &batch, &mut digests);
            assert!(bytes.chunks(7).map(reference).eq(digests));
        }
    }

    #[test]
    fn empty_messages_are_hashed_too() {
        let batch = MessagesBatch::new(Arc::default(), (3, 0), HashTimes::Twice);
        let mut digests = [[0; 32]; 3];
        hash_all(HashKernel::detect(), &batch, &mut digests);
        assert_eq!(digests, [double_sha256(&[]); 3]);
    }

    #[test]
    #[should_panic(expected = "7 bytes for each of 2")]
    fn bytes_that_are_not_just_those_of_the_messages_are_refused() {
        let _refused = MessagesBatch::new(Arc::new(vec![0; 13]), (2, 7), HashTimes::Once);
    }
}
