//! Published vectors: compact targets, retargets, every retarget of mainnet, RFC 6962 roots, Merkle roots of blocks, a
//! midstate with its nonce, the alternative mainnet.

use crate::common::data_bytes;
use crate::published::{
    COMPACT_TARGETS, CT_LEAVES, CT_PATHS, CT_ROOTS, Decoded, HASH_171874, MIDSTATE_171874, NONCE_171874, RETARGETS,
    TAIL_171874,
};
use bitcoin::hashes::Hash as _;
use cityseal_chain::body::coinbase_height_script;
use cityseal_chain::{
    BlockHash, BlockHeader, ChainWork, CompactFault, CompactTarget, Network, Parameters, Target, hex, merkle, retarget,
    rfc6962,
};
use cityseal_hash::{HashKernel, HitBuffer, Midstate, SearchInput, double_sha256};
use cityseal_testkit::data::data_bytes_if_any;
use cityseal_testkit::shipped::mainnet_block;
use serde_json::Value;

fn json(test: &str, name: &str) -> Option<Value> {
    data_bytes(test, name).map(|bytes| serde_json::from_slice(&bytes).expect("the vector file is JSON"))
}

#[test]
fn compact_targets_decode_and_encode_like_bitcoin_core() {
    for (bits, expected) in COMPACT_TARGETS {
        let found = CompactTarget::from_bits(bits).decode();
        match expected {
            Decoded::Zero => assert_eq!(found, Err(CompactFault::Zero), "{bits:08x}"),
            Decoded::Negative => assert_eq!(found, Err(CompactFault::Negative), "{bits:08x}"),
            Decoded::Overflow => assert_eq!(found, Err(CompactFault::Overflow), "{bits:08x}"),
            Decoded::Target(digits, compact) => {
                let target = found.unwrap();
                assert_eq!(target, Target::from_display_hex(digits).unwrap(), "{bits:08x}");
                assert_eq!(target.to_compact_lossy().to_bits(), compact, "{bits:08x}");
            }
        }
    }
    let from_number = Target::from_display_hex(&format!("{:064x}", 0x80)).unwrap();
    assert_eq!(from_number.to_compact_lossy().to_bits(), 0x0200_8000);
}

#[test]
fn retargets_match_bitcoin_core() {
    let limit = Parameters::of(Network::Mainnet).pow_limit();
    for vector in RETARGETS {
        let last_bits = CompactTarget::from_bits(vector.last_bits);
        let next = retarget(last_bits, vector.first_time, vector.last_time, limit);
        assert_eq!(next.to_bits(), vector.expected, "{}", vector.name);
        assert_ne!(Some(next.to_bits()), vector.not_permitted, "{}", vector.name);
    }
}

#[test]
fn all_413_retargets_of_mainnet_follow_from_their_period_edges() {
    let Some(text) = data_bytes("period edges", "headers/mainnet_period_edges_0_832608.csv") else { return };
    let text = String::from_utf8(text).unwrap();
    let mainnet = Parameters::of(Network::Mainnet);
    let rows: Vec<(u64, BlockHeader, ChainWork)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let work = ChainWork::from_display_hex(cells[2]).unwrap();
            (cells[0].parse().unwrap(), BlockHeader::from_hex(cells[1]).unwrap(), work)
        })
        .collect();
    let mut retargets = 0;
    for edge in rows.windows(3).step_by(2) {
        let [(first_height, first, first_work), (last_height, last, last_work), (next_height, next, next_work)] = edge
        else {
            panic!("three rows")
        };
        assert_eq!((first_height + 2015, last_height + 1), (*last_height, *next_height));
        assert_eq!(retarget(last.bits, first.time, last.time, mainnet.pow_limit()), next.bits, "at {next_height}");
        assert_eq!(next.prev_block_hash, last.hash());
        let each = ChainWork::from(first.bits.decode().unwrap().work());
        let period = (0..2015).fold(*first_work, |work, _| work.saturating_add(each));
        assert_eq!(period, *last_work, "the work of 2016 headers from {first_height}");
        let next_own = ChainWork::from(next.bits.decode().unwrap().work());
        assert_eq!(last_work.checked_add(next_own), Some(*next_work));
        retargets += 1;
    }
    assert_eq!(retargets, 413);
}

#[test]
fn rfc6962_roots_and_paths_are_those_of_certificate_transparency() {
    let digits = |text: &str| hex::decode(text).unwrap();
    let leaves: Vec<merkle::Node> = CT_LEAVES.iter().map(|leaf| rfc6962::leaf_hash(&digits(leaf))).collect();
    for (size, root) in CT_ROOTS.iter().enumerate() {
        assert_eq!(rfc6962::root(&leaves[..size]).to_vec(), digits(root), "{size} leaves");
    }
    for (index, size, path) in CT_PATHS {
        let found = rfc6962::audit_path(&leaves[..size as usize], index).unwrap();
        assert_eq!(found.iter().map(|node| node.to_vec()).collect::<Vec<_>>(), path.map(digits));
        let root = rfc6962::fold(&leaves[index as usize], index, size, &found).unwrap();
        assert_eq!(root.to_vec(), digits(CT_ROOTS[size as usize]));
    }
}

/// Asserts that the root over these transaction ids is the header's, and that the path of the last one leads to it.
fn check_root(txids: &[merkle::Node], expected: &str) {
    let root = merkle::root(txids).expect("a block has transactions");
    assert_eq!(root.to_string(), expected);
    let branch = merkle::MerkleBranch::of_leaf(txids, txids.len() as u64 - 1).expect("the last leaf");
    assert_eq!(branch.fold(&txids[txids.len() - 1]), Ok(root));
}

#[test]
fn merkle_roots_of_real_blocks_come_from_their_transaction_ids() {
    let block: bitcoin::Block = bitcoin::consensus::deserialize(mainnet_block()).unwrap();
    let txids: Vec<merkle::Node> = block.txdata.iter().map(|one| one.compute_txid().to_byte_array()).collect();
    assert!(txids.len() > 1000, "{} transactions", txids.len());
    check_root(&txids, &block.header.merkle_root.to_string());
    for block in ["bitcoinsv_mainnet_100000", "bitcoin_testnet4_40000", "bitcoin_signet_31500"] {
        let Some(bytes) = data_bytes_if_any(&format!("blocks/electrumx_{block}.json")) else { continue };
        let block: Value = serde_json::from_slice(&bytes).unwrap();
        let listed = block["tx"].as_array().unwrap().iter();
        let wire = |txid: &Value| BlockHash::from_display_hex(txid.as_str().unwrap()).unwrap().to_wire();
        let txids: Vec<merkle::Node> = listed.map(wire).collect();
        check_root(&txids, block["merkleroot"].as_str().unwrap());
    }
}

#[test]
fn the_midstate_of_mainnet_block_171874_leads_every_kernel_only_to_its_nonce() {
    let words: [u8; 32] = hex::decode_array(MIDSTATE_171874).unwrap();
    let words = words.as_chunks::<4>().0;
    let midstate = Midstate(std::array::from_fn(|at| u32::from_be_bytes(words[at])));
    let nonce = u32::from_le_bytes(hex::decode_array(NONCE_171874).unwrap());
    let block_hash = BlockHash::from_display_hex(HASH_171874).unwrap().to_wire();
    assert_eq!(cityseal_hash::baseline::top_word(&block_hash), 0);
    let tail = hex::decode_array(TAIL_171874).unwrap();
    let input = SearchInput { midstates: &[midstate], tail, top_word_max: 0 };
    for kernel in HashKernel::all_available() {
        let mut hits = HitBuffer::new(2);
        kernel.scan(&input, nonce - 100_000, nonce + 100_000, &mut hits);
        let found: Vec<u32> = hits.into_sorted().into_iter().map(|hit| hit.nonce).collect();
        assert_eq!(found, [nonce], "{kernel:?}");
    }
}

/// The only transaction of a block of the alternative mainnet (Bitcoin Core: `create_coinbase` and the key hash in
/// `mining_mainnet.py`): the height in its script, 50 coins to that key.
fn coinbase_of_alternative_mainnet(height: u64) -> Vec<u8> {
    let mut script = coinbase_height_script(height).to_string();
    if height <= 16 {
        script.push_str("00"); // a script has at least two bytes
    }
    let to_key = "76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac";
    let input = format!("{}ffffffff{:02x}{script}ffffffff", "00".repeat(32), script.len() / 2);
    let output = format!("{}{:02x}{to_key}", hex::encode(&5_000_000_000_u64.to_le_bytes()), to_key.len() / 2);
    hex::decode(&format!("0200000001{input}01{output}00000000")).expect("these are digits")
}

#[test]
fn the_alternative_mainnet_can_be_rebuilt_from_its_times_and_nonces() {
    let Some(vector) = json("mainnet_alt", "headers/mainnet_alt.json") else { return };
    let Some(expected) = data_bytes("mainnet_alt", "headers/mainnet_alt_0_2016.bin") else { return };
    let numbers = |key: &str| -> Vec<u32> { serde_json::from_value(vector[key].clone()).unwrap() };
    let mainnet = Parameters::of(Network::Mainnet);
    let mut headers = vec![*mainnet.genesis()];
    for (height, (time, nonce)) in (1..).zip(numbers("timestamps").into_iter().zip(numbers("nonces"))) {
        let last = headers[headers.len() - 1];
        let is_retarget = height % 2016 == 0;
        headers.push(BlockHeader {
            version: 0x2000_0000,
            prev_block_hash: last.hash(),
            merkle_root: merkle::root(&[double_sha256(&coinbase_of_alternative_mainnet(height))]).unwrap(),
            time,
            bits: if is_retarget {
                retarget(last.bits, headers[0].time, last.time, mainnet.pow_limit())
            } else {
                last.bits
            },
            nonce,
        });
    }
    assert_eq!((headers.len(), headers[2016].bits.to_bits()), (2017, 0x1c3f_ffc0));
    for (height, (header, wire)) in headers.iter().zip(expected.as_chunks::<80>().0).enumerate() {
        assert_eq!(header.to_wire(), *wire, "{height}");
        assert!(header.bits.decode().unwrap().is_met_by(&header.hash()), "{height}");
    }
    assert_eq!(expected.len(), 80 * headers.len());
}
