//! Cases of messages of one length. Two are facts; the others are asked of the portable kernel. The lengths are those at which
//! the padding changes its place: it begins, it needs a block of its own, the message ends with its block.

use std::sync::Arc;

use super::{Case, patterned, reference_answer};
use crate::{Batch, HashTimes, MessagesBatch, Report};

/// The SHA-256 of nothing.
const OF_NOTHING: [u8; 32] = *b"\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55";

/// The SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const OF_ABC: [u8; 32] = *b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";

/// Names of the cases, numbers of messages, and their lengths.
const SIZES: [(&str, usize, usize); 9] = [
    ("messages of 0 bytes", 3, 0),
    ("a message of 55 bytes", 1, 55),
    ("messages of 56 bytes", 131, 56),
    ("messages of 63 bytes", 131, 63),
    ("messages of 64 bytes", 5, 64),
    ("messages of 119 bytes", 129, 119),
    ("messages of 120 bytes", 5, 120),
    ("messages of 65 bytes that fill no whole group", 517, 65),
    ("messages of many blocks", 9, 1_001),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases =
        vec![fact("no byte, hashed once", b"", OF_NOTHING), fact("three bytes, hashed once", b"abc", OF_ABC)];
    for times in [HashTimes::Once, HashTimes::Twice] {
        cases.extend(SIZES.map(|(name, count, len)| case(name, patterned_messages(count, len), (count, len), times)));
    }
    cases
}

fn fact(name: &'static str, message: &[u8], hash: [u8; 32]) -> Case {
    let expected = Report::Hashes(vec![hash]);
    Case { expected, ..case(name, message.to_vec(), (1, message.len()), HashTimes::Once) }
}

fn patterned_messages(count: usize, len: usize) -> Vec<u8> {
    if len == 0 { Vec::new() } else { patterned(count, len) }
}

fn case(name: &'static str, messages: Vec<u8>, size: (usize, usize), times: HashTimes) -> Case {
    let batch = Batch::Messages(MessagesBatch::new(Arc::new(messages), size, times));
    Case { name, expected: reference_answer(&batch), batch }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_knows_the_hashes_of_nothing_and_of_abc() {
        for case in cases().into_iter().take(2) {
            assert_eq!(reference_answer(&case.batch), case.expected, "{}", case.name);
        }
    }
}
