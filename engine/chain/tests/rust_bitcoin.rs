//! The conversions from and to rust-bitcoin keep every value, and both libraries agree on what they converted.
//!
//! Without the cargo feature `bitcoin` this file has no tests.

#![cfg(feature = "bitcoin")]
#![allow(clippy::unwrap_used, reason = "a failed setup fails the test")]

use bitcoin::hashes::Hash;
use bitcoin::p2p::Magic;
use cityseal_chain::{
    BlockHash, BlockHeader, ChainWork, CompactTarget, MerkleRoot, Network, Parameters, Target, ZeroTarget,
};
use proptest::prelude::*;

/// 32 bytes as they are: zero, one at either end, a single bit at any place, all ones, or random.
fn edges_and_random() -> impl Strategy<Value = [u8; 32]> {
    let of = |number: usize, bit: u32| {
        let mut bytes = [0; 32];
        bytes[number] = 1 << bit;
        bytes
    };
    prop_oneof![
        Just([0; 32]),
        Just([0xff; 32]),
        (0_usize..32, 0_u32..8).prop_map(move |(number, bit)| of(number, bit)),
        any::<[u8; 32]>(),
    ]
}

fn edge_u32() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(i32::MAX as u32), Just(1 << 31), Just(u32::MAX), any::<u32>()]
}

prop_compose! {
    fn any_header()(
        version in edge_u32(),
        prev in edges_and_random(),
        root in edges_and_random(),
        time in edge_u32(),
        bits in edge_u32(),
        nonce in edge_u32(),
    ) -> BlockHeader {
        BlockHeader {
            version: version as i32,
            prev_block_hash: BlockHash::from_wire(prev),
            merkle_root: MerkleRoot::from_wire(root),
            time,
            bits: CompactTarget::from_bits(bits),
            nonce,
        }
    }
}

proptest! {
    #[test]
    fn a_header_keeps_its_80_bytes_and_its_hash(header in any_header()) {
        let converted = bitcoin::block::Header::from(header);
        prop_assert_eq!(bitcoin::consensus::serialize(&converted), header.to_wire().to_vec());
        prop_assert_eq!(BlockHash::from(converted.block_hash()), header.hash());
        prop_assert_eq!(BlockHeader::from(converted), header);
    }

    #[test]
    fn hashes_and_roots_keep_their_bytes_and_their_display(wire in edges_and_random()) {
        let hash = BlockHash::from_wire(wire);
        let converted = bitcoin::BlockHash::from(hash);
        prop_assert_eq!((converted.to_byte_array(), converted.to_string()), (wire, hash.to_string()));
        prop_assert_eq!(BlockHash::from(converted), hash);
        let root = MerkleRoot::from_wire(wire);
        let converted = bitcoin::TxMerkleNode::from(root);
        prop_assert_eq!((converted.to_byte_array(), converted.to_string()), (wire, root.to_string()));
        prop_assert_eq!(MerkleRoot::from(converted), root);
    }

    #[test]
    fn compact_targets_keep_their_bits_whether_they_encode_a_target_or_not(bits in edge_u32()) {
        let compact = CompactTarget::from_bits(bits);
        let converted = bitcoin::CompactTarget::from(compact);
        prop_assert_eq!(converted.to_consensus(), bits);
        prop_assert_eq!(CompactTarget::from(converted), compact);
    }

    #[test]
    fn a_compact_target_decodes_to_the_same_target_in_both_libraries(bits in any::<u32>()) {
        let compact = CompactTarget::from_bits(bits);
        if let Ok(target) = compact.decode() {
            prop_assert_eq!(bitcoin::Target::from(target), bitcoin::Target::from_compact(compact.into()));
        }
    }

    #[test]
    fn targets_keep_their_value_and_only_zero_is_refused(wire in edges_and_random()) {
        let theirs = bitcoin::Target::from_le_bytes(wire);
        if let Ok(target) = Target::try_from(theirs) {
            prop_assert_eq!(target.to_wire(), wire);
            prop_assert_eq!(bitcoin::Target::from(target), theirs);
        } else {
            prop_assert_eq!(wire, [0; 32]);
        }
    }

    #[test]
    fn a_target_above_one_has_the_same_work_in_both_libraries(wire in edges_and_random()) {
        // rust-bitcoin defines the work of 1 as 2^256 - 1; Bitcoin Core and this crate divide.
        if let Some(target) = Target::from_wire(&wire).filter(|target| *target > Target::ONE) {
            prop_assert_eq!(bitcoin::Work::from(target.work()), bitcoin::Target::from(target).to_work());
        }
    }

    #[test]
    fn chain_work_keeps_its_value_and_its_order(one in edges_and_random(), two in edges_and_random()) {
        let (one, two) = (ChainWork::from_wire(&one), ChainWork::from_wire(&two));
        prop_assert_eq!(ChainWork::from(bitcoin::Work::from(one)), one);
        prop_assert_eq!(bitcoin::Work::from(one).cmp(&bitcoin::Work::from(two)), one.cmp(&two));
    }
}

#[test]
fn a_target_of_zero_is_refused() {
    assert_eq!(Target::try_from(bitcoin::Target::ZERO), Err(ZeroTarget));
    assert_eq!(
        Target::try_from(bitcoin::Target::MAX).unwrap(),
        Target::try_from(CompactTarget::from_bits(0x1d00ffff)).unwrap()
    );
}

#[test]
fn every_network_has_the_same_genesis_header_and_magic_in_both_libraries() {
    for network in Network::ALL {
        let converted = bitcoin::Network::from(network);
        assert_eq!(Network::from(converted), network);
        assert_eq!(Magic::from(converted).to_bytes(), network.magic(), "{network}");
        let genesis = bitcoin::constants::genesis_block(converted).header;
        assert_eq!(&BlockHeader::from(genesis), Parameters::of(network).genesis(), "{network}");
    }
}
