//! R20: which bytes are exactly one block, with the kind and offset of each fault.

use crate::build::{Block, HEIGHT, context, judged, regtest};
use cityseal_chain::body::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, ParsedBlock, TransactionSpan};
use cityseal_chain::{FaultValue, Rule};

/// The kind and the offset of the fault, on which both judges agree.
fn refused(block: &[u8]) -> (EncodingKind, usize) {
    let fault = ParsedBlock::parse(block).expect_err("these bytes are not a block");
    let broken = judged(&regtest(), &context(HEIGHT), block).broken.expect("an encoding fault breaks a rule");
    assert_eq!((broken.rule, broken.found), (Rule::BlockEncoding, FaultValue::Encoding(fault)));
    assert_eq!(
        (broken.expected.to_string().as_str(), broken.transaction),
        ("one whole, canonically encoded block", None)
    );
    (fault.kind, fault.at as usize)
}

/// A header and one transaction with these bytes between version and lock time.
fn block_of(between: &[u8]) -> Vec<u8> {
    [&[0; 80][..], &[1], &[2, 0, 0, 0], between, &[0; 4]].concat()
}

/// An input with these bytes as its script, including the compact size.
fn input(script: &[u8]) -> Vec<u8> {
    [&[7; 36][..], script, &[0xff; 4]].concat()
}

const OUTPUT: [u8; 9] = [0; 9];

fn one_input(script: &[u8]) -> Vec<u8> {
    block_of(&[&[1][..], &input(script), &[1], &OUTPUT].concat())
}

#[test]
fn a_header_without_a_count_and_a_truncated_header_are_refused() {
    assert_eq!(refused(&[0; 80]), (EncodingKind::Cut, 80));
    assert_eq!(refused(&[0; 79]), (EncodingKind::Cut, 0));
    assert_eq!(refused(&[]), (EncodingKind::Cut, 0));
    assert!(ParsedBlock::parse(&[0; 81]).is_ok(), "zero transactions are valid encoding, though not a valid block");
}

#[test]
fn every_truncation_is_refused_at_the_truncated_field() {
    let block = Block::with_witness().bytes();
    for len in 0..block.len() {
        let (kind, at) = refused(&block[..len]);
        assert!(matches!(kind, EncodingKind::Cut | EncodingKind::Count), "{len}: {kind:?}");
        assert!(at <= len, "{len}: {at}");
    }
    let whole = one_input(&[0]);
    assert_eq!(refused(&whole[..whole.len() - 1]), (EncodingKind::Cut, whole.len() - 4));
}

#[test]
fn a_count_that_exceeds_the_rest_is_refused_at_the_count() {
    // Forty-nine transactions of ten bytes fit into 490; fifty do not.
    let many = |count: u8| [&[0; 80][..], &[count], &[0; 490]].concat();
    assert!(ParsedBlock::parse(&many(49)).is_ok());
    assert_eq!(refused(&many(50)), (EncodingKind::Count, 80));
    let inputs = block_of(&[&[2][..], &input(&[0]), &[1], &OUTPUT].concat());
    assert_eq!(refused(&inputs), (EncodingKind::Count, 85));
    let outputs = block_of(&[&[1][..], &input(&[0]), &[2], &OUTPUT].concat());
    assert_eq!(refused(&outputs), (EncodingKind::Count, 85 + 1 + 41));
    let script = one_input(&[200]);
    assert_eq!(refused(&script), (EncodingKind::Count, 85 + 1 + 36));
    let huge = one_input(&[0xff; 9]);
    assert_eq!(refused(&huge), (EncodingKind::Count, 85 + 1 + 36));
    let items = block_of(&[&[0, 1, 1][..], &input(&[0]), &[1], &OUTPUT, &[9]].concat());
    assert_eq!(refused(&items), (EncodingKind::Count, 87 + 1 + 41 + 1 + 9));
}

#[test]
fn a_compact_size_must_use_the_shortest_form() {
    let script_of = |size: &[u8], len: usize| one_input(&[size, &vec![0; len]].concat());
    let refused_size = (EncodingKind::LongSize, 85 + 1 + 36);
    assert!(ParsedBlock::parse(&script_of(&[0xfc], 0xfc)).is_ok());
    assert_eq!(refused(&script_of(&[0xfd, 0xfc, 0], 0xfc)), refused_size);
    assert!(ParsedBlock::parse(&script_of(&[0xfd, 0xfd, 0], 0xfd)).is_ok());
    assert!(ParsedBlock::parse(&script_of(&[0xfd, 0xff, 0xff], 0xffff)).is_ok());
    assert_eq!(refused(&script_of(&[0xfe, 0xff, 0xff, 0, 0], 0xffff)), refused_size);
    assert!(ParsedBlock::parse(&script_of(&[0xfe, 0, 0, 1, 0], 0x1_0000)).is_ok());
    assert_eq!(refused(&script_of(&[0xff, 0, 0, 1, 0, 0, 0, 0, 0], 0x1_0000)), refused_size);
    assert_eq!(refused(&script_of(&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 0)), refused_size);
    assert_eq!(refused(&script_of(&[0xff, 0, 0, 0, 0, 1, 0, 0, 0], 0)), (EncodingKind::Count, 85 + 1 + 36));
    let cut = [&[0; 80][..], &[0xfd, 1]].concat();
    assert_eq!(refused(&cut), (EncodingKind::Cut, 80));
}

#[test]
fn only_the_flag_of_bip144_may_precede_inputs_and_only_with_a_witness() {
    let flagged =
        |flag: u8, witness: &[u8]| block_of(&[&[0, flag, 1][..], &input(&[0]), &[1], &OUTPUT, witness].concat());
    assert!(ParsedBlock::parse(&flagged(1, &[1, 0])).unwrap().has_witness(), "one empty item is a witness");
    assert_eq!(refused(&flagged(1, &[0])), (EncodingKind::EmptyWitness, 86));
    assert_eq!(refused(&flagged(2, &[1, 0])), (EncodingKind::Flag, 86));
    assert_eq!(refused(&flagged(3, &[1, 0])), (EncodingKind::Flag, 86));
    assert_eq!(refused(&block_of(&[0, 1, 0, 0])), (EncodingKind::EmptyWitness, 86), "no input has a witness");
    assert!(ParsedBlock::parse(&block_of(&[0, 0])).is_ok(), "no inputs and no outputs is valid encoding");
}

#[test]
fn bytes_after_the_last_transaction_are_refused_at_their_offset() {
    let mut block = Block::of(1).bytes();
    let len = block.len();
    block.push(0);
    assert_eq!(refused(&block), (EncodingKind::Trailing, len));
}

#[test]
fn a_block_longer_than_its_weight_allows_is_not_parsed() {
    let mut block = vec![0; BLOCK_BYTES_MAX + 1];
    assert_eq!(refused(&block), (EncodingKind::TooLong, BLOCK_BYTES_MAX));
    block.pop();
    assert_eq!(refused(&block), (EncodingKind::Trailing, 81));
}

#[test]
fn spans_give_the_bytes_of_each_transaction_with_and_without_witness() {
    let built = Block::with_witness();
    let block = built.bytes();
    let parsed = ParsedBlock::parse(&block).unwrap();
    let mut arena = vec![1, 2, 3];
    for (span, tx) in parsed.transactions().iter().zip(&built.transactions) {
        assert_eq!(span.whole(&block), tx.bytes(true));
        assert_eq!(span.stripped(&block).concat(), tx.bytes(false));
        assert_eq!(span.stripped_len(), tx.bytes(false).len());
        let range = span.append_stripped(&block, &mut arena);
        assert_eq!(arena[range], tx.bytes(false));
    }
    assert_eq!(arena[..3], [1, 2, 3]);
    let with: Vec<bool> = parsed.transactions().iter().map(TransactionSpan::has_witness).collect();
    assert_eq!(with, [true, true, false, false]);
    assert_eq!((parsed.stripped_len(), parsed.block_len()), (built.stripped_len(), block.len()));
}

#[test]
fn a_reused_parsed_block_keeps_nothing_of_the_last_one() {
    let mut again = ParsedBlock::parse(&Block::with_witness().bytes()).unwrap();
    assert!(again.parse_into(&[0; 90]).is_err());
    let block = Block::of(5).bytes();
    again.parse_into(&block).unwrap();
    let fresh = ParsedBlock::parse(&block).unwrap();
    assert_eq!(again.transactions(), fresh.transactions());
    assert_eq!((again.has_witness(), again.weight()), (false, fresh.weight()));
}

#[test]
fn a_fault_is_described_in_words() {
    let fault = EncodingFault { at: 81, kind: EncodingKind::Trailing };
    assert_eq!(fault.to_string(), "bytes after the last transaction, at byte 81 of the block");
}
