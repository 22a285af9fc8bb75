//! Finds the end of a block in bytes without frames.

use crate::build::Block;
use cityseal_chain::body::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, Extent, ParsedBlock, block_extent};

#[test]
fn a_block_ends_before_what_follows_it() {
    let [first, second] = [Block::with_witness().bytes(), Block::of(2).bytes()];
    let both = [first.clone(), second.clone()].concat();
    assert_eq!(block_extent(&both), Ok(Extent::Whole(first.len())));
    assert_eq!(block_extent(&both[first.len()..]), Ok(Extent::Whole(second.len())));
}

#[test]
fn every_prefix_of_a_block_is_cut_and_not_a_fault() {
    let block = Block::with_witness().bytes();
    for len in 0..block.len() {
        assert_eq!(block_extent(&block[..len]), Ok(Extent::Cut), "{len}");
    }
}

#[test]
fn bytes_that_nothing_could_complete_are_a_fault_at_once() {
    let at = |at, kind| Err(EncodingFault { at, kind });
    // 400,000 transactions of ten bytes exceed a block; 399,991 with header and count just fit.
    let counted = |count: u32| [&[0; 80][..], &[0xfe], &count.to_le_bytes()].concat();
    assert_eq!(block_extent(&counted(400_000)), at(80, EncodingKind::Count));
    assert_eq!(block_extent(&counted(399_991)), Ok(Extent::Cut));
    assert_eq!(block_extent(&counted(399_992)), at(80, EncodingKind::Count));
    assert_eq!(block_extent(&[&[0; 80][..], &[0xfd, 1, 0]].concat()), at(80, EncodingKind::LongSize));
    assert_eq!(block_extent(&[&[0; 80][..], &[1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]].concat()), at(86, EncodingKind::Flag));
}

#[test]
fn a_block_that_exceeds_the_limit_is_too_long_however_much_follows() {
    // One transaction whose outputs would end beyond the limit.
    let start = [&[0; 80][..], &[1, 2, 0, 0, 0, 1], &[7; 36], &[0], &[0xff; 4], &[1], &[0; 8]].concat();
    let script = BLOCK_BYTES_MAX - start.len() - 5;
    let mut bytes = [&start[..], &[0xfe], &(script as u32).to_le_bytes()].concat();
    bytes.resize(BLOCK_BYTES_MAX + 100, 0);
    let fault = EncodingFault { at: BLOCK_BYTES_MAX as u32, kind: EncodingKind::TooLong };
    assert_eq!(block_extent(&bytes), Err(fault));
    assert_eq!(block_extent(&bytes[..BLOCK_BYTES_MAX]), Err(fault));
    assert_eq!(block_extent(&bytes[..BLOCK_BYTES_MAX - 1]), Ok(Extent::Cut));
    bytes[start.len() + 1..start.len() + 5].copy_from_slice(&(script as u32 - 4).to_le_bytes());
    assert_eq!(block_extent(&bytes), Ok(Extent::Whole(BLOCK_BYTES_MAX)));
    assert!(ParsedBlock::parse(&bytes[..BLOCK_BYTES_MAX]).is_ok());
}
