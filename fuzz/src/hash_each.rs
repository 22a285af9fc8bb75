//! Every kernel hashes messages of any mix of lengths like each message alone.

use cityseal_hash::{HashKernel, double_sha256, sha256};

use crate::cursor::Cursor;

/// Maximum number of messages: several rounds for the widest kernel.
const MESSAGES_MAX: usize = 100;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // The number of messages, then two bytes of length for each; their contents come from the same bytes.
    let lengths: [&[u16]; 4] = [
        &[],
        &[0, 55, 56, 63, 64, 65, 119, 120],
        &[250, 250, 251, 310, 311, 400, 90, 61, 250, 252, 9_000, 250, 250, 60, 60, 60, 60, 60, 60, 60],
        &[40_000, 1, 2, 3],
    ];
    lengths.map(seed).to_vec()
}

fn seed(lengths: &[u16]) -> Vec<u8> {
    let lengths = lengths.iter().chain(std::iter::repeat_n(&250, 20));
    let bytes: Vec<u8> = lengths.flat_map(|len| len.to_le_bytes()).collect();
    [&[(bytes.len() / 2) as u8], &bytes[..]].concat()
}

pub(crate) fn body(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let count = usize::from(cursor.byte()) % MESSAGES_MAX;
    let lengths: Vec<usize> =
        (0..count).map(|_| usize::from(u16::from_le_bytes([cursor.byte(), cursor.byte()]))).collect();
    let longest = lengths.iter().max().copied().unwrap_or_default() + count;
    let bytes: Vec<u8> =
        data.iter().copied().cycle().zip(0_u32..).map(|(byte, i)| byte ^ (i >> 3) as u8).take(longest).collect();
    let messages: Vec<&[u8]> = lengths.iter().enumerate().map(|(at, len)| &bytes[at..at + len]).collect();
    let twice: Vec<[u8; 32]> = messages.iter().map(|message| double_sha256(message)).collect();
    let leaves: Vec<[u8; 32]> = messages.iter().map(|message| sha256(&[&[0], *message].concat())).collect();
    let mut digests = vec![[0; 32]; count];
    for kernel in HashKernel::all_available() {
        kernel.hash_each(&messages, &mut digests);
        assert_eq!(digests, twice, "{kernel:?}");
        kernel.hash_leaves_rfc6962(&messages, &mut digests);
        assert_eq!(digests, leaves, "{kernel:?}");
    }
}
