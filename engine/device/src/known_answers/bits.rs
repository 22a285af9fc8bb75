//! Cases of headers that are checked to one bit each. Four headers are Bitcoin's own; the others are made easy.

use std::sync::Arc;

use cityseal_hash::{HEADER_LEN, HashKernel, double_sha256};

use super::{Case, GENESIS, patterned, reference_answer};
use crate::{Batch, CheckBatch, HeaderBits, Report};

/// The header of Bitcoin's second block.
const BLOCK_1: [u8; HEADER_LEN] = *b"\x01\0\0\0\
    \x6f\xe2\x8c\x0a\xb6\xf1\xb3\x72\xc1\xa6\xa2\x46\xae\x63\xf7\x4f\x93\x1e\x83\x65\xe1\x5a\x08\x9c\x68\xd6\x19\0\0\0\0\0\
    \x98\x20\x51\xfd\x1e\x4b\xa7\x44\xbb\xbe\x68\x0e\x1f\xee\x14\x67\x7b\xa1\xa3\xc3\x54\x0b\xf7\xb1\xcd\xb6\x06\xe8\x57\x23\x3e\x0e\
    \x61\xbc\x66\x49\xff\xff\0\x1d\x01\xe3\x62\x99";

/// Blocks 822,528 and 822,529: seventy-seven zero bits are asked for.
const BLOCKS_822528: [[u8; HEADER_LEN]; 2] = [
    *b"\0\xe0\xff\x3f\
    \x82\xf7\xaa\xcf\x60\xfa\xc3\x87\x3b\x0b\xea\xde\x61\xd0\x70\x16\x39\x09\x0a\xe5\xf4\x78\0\0\0\0\0\0\0\0\0\0\
    \xac\xbc\x1b\x33\x81\xc6\x71\xb2\xb7\x75\x3b\xb2\x25\x2d\x3e\xbd\x69\0\x48\x6e\xc8\x15\x3c\xeb\x10\xe9\x54\xa8\x6e\x3f\x9e\x14\
    \x68\x78\x86\x65\xb3\xe8\x03\x17\xf5\x17\x16\x49",
    *b"\0\x60\xe0\x25\
    \x3a\xe9\x97\x4d\xdd\xdb\xf9\xa5\x18\x56\x08\x23\xa9\x9b\xc6\x40\xcb\xf9\x23\xcd\xaa\x1d\0\0\0\0\0\0\0\0\0\0\
    \x10\xb0\x2c\xb2\xa0\x0a\x5e\x1a\xce\x0b\xf5\xdd\x11\x5f\xa4\x4f\xb9\xd9\x2f\x12\x6f\x95\x67\xc4\x1f\x5d\xa9\x1a\x8c\xca\x0d\x0c\
    \x65\x7a\x86\x65\xb3\xe8\x03\x17\x81\x78\x15\x07",
];

/// Compact targets in turn: easy ones of every length that a hash can meet by chance, the easiest that fit into 256 bits,
/// and such as no hash meets: negative, zero, too large, with an exponent that shifts the mantissa away.
const COMPACT: [u32; 16] = [
    0x207f_ffff,
    0x2100_7fff,
    0x2200_007f,
    0x2001_0000,
    0x2040_0001,
    0x1f7f_ffff,
    0x2100_ffff,
    0x2200_00ff,
    0x20ff_ffff,
    0x2000_0000,
    0x2101_0000,
    0x2200_0100,
    0x2300_0001,
    0xff7f_ffff,
    0x0180_3456,
    0x0312_3456,
];

/// Nonces that are tried for each header: enough where half of the hashes, or nearly all, pass.
const TRIES: u32 = 24;

/// Every so many headers one names another hash than that of the header before it.
const UNLINKED_EVERY: usize = 13;

pub(super) fn cases() -> Vec<Case> {
    vec![
        fact("bits of the first two blocks", [GENESIS, BLOCK_1].as_flattened()),
        fact("bits of blocks of high difficulty", BLOCKS_822528.as_flattened()),
        case("bits of one header without a target", &chain(1, 8)),
        case("bits of headers that pass, miss their target or are not linked", &chain(1_021, 0)),
    ]
}

/// Headers that pass all, as everybody knows.
fn fact(name: &'static str, headers: &[u8]) -> Case {
    let last_hash = double_sha256(&headers[headers.len() - HEADER_LEN..]);
    let bits = HeaderBits { passed: vec![true; headers.len() / HEADER_LEN], last_hash };
    Case { expected: Report::Bits(bits), ..case(name, headers) }
}

fn case(name: &'static str, headers: &[u8]) -> Case {
    let batch = Batch::Check(CheckBatch::bits(Arc::new(headers.to_vec())));
    Case { name, expected: reference_answer(&batch), batch }
}

/// Headers that follow each other, but for some; the compact targets begin with that of the given index.
fn chain(count: usize, compact: usize) -> Vec<u8> {
    let mut headers = patterned(count, HEADER_LEN);
    let (kernel, mut before) = (HashKernel::portable(), [0; 32]);
    for (index, header) in headers.as_chunks_mut::<HEADER_LEN>().0.iter_mut().enumerate() {
        header[4..36].copy_from_slice(&before);
        if index % UNLINKED_EVERY == UNLINKED_EVERY - 1 {
            header[4 + index % 32] ^= 1;
        }
        let bits = COMPACT[(index + compact) % COMPACT.len()];
        header[72..76].copy_from_slice(&bits.to_le_bytes());
        try_nonces(kernel, header);
        before = double_sha256(header);
    }
    headers
}

/// Leaves the first of a few nonces that passes, or the last of them.
fn try_nonces(kernel: HashKernel, header: &mut [u8; HEADER_LEN]) {
    for nonce in 0..TRIES {
        header[76..].copy_from_slice(&nonce.to_le_bytes());
        if HeaderBits::of(kernel, header, &mut Vec::new()).passed == [true] {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_knows_the_facts() {
        for case in cases().into_iter().take(2) {
            assert_eq!(reference_answer(&case.batch), case.expected, "{}", case.name);
        }
    }

    #[test]
    fn some_headers_pass_and_the_others_fail_in_each_way() {
        let headers = chain(1_021, 0);
        let Report::Bits(bits) = case("", &headers).expected else { panic!("bits were asked for") };
        let passed = |index: &usize| bits.passed[*index];
        let of_target = |at: usize| (0..1_020).filter(move |index| index % COMPACT.len() == at);
        for (easy, target) in COMPACT.iter().enumerate().take(8) {
            assert!(of_target(easy).any(|index| passed(&index)), "{target:08x} is met now and then");
        }
        assert!((8..16).all(|at| !of_target(at).any(|index| passed(&index))));
        let unlinked = (0..1_020).filter(|index| index % UNLINKED_EVERY == UNLINKED_EVERY - 2);
        assert!(unlinked.clone().count() > 70 && !unlinked.clone().any(|index| passed(&index)));
    }
}
