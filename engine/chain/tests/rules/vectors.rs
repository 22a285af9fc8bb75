//! Published vectors: compact targets, retargets, every retarget of mainnet, RFC 6962 roots, Merkle roots of blocks, a
//! midstate with its nonce, the alternative mainnet.

use crate::common::data_bytes;
use cityseal_chain::body::coinbase_height_script;
use cityseal_chain::{
    BlockHash, BlockHeader, ChainWork, CompactFault, CompactTarget, Network, Parameters, Target, hex, merkle, retarget,
    rfc6962,
};
use cityseal_hash::{HashKernel, HitBuffer, Midstate, SearchInput, double_sha256};
use serde_json::Value;

fn json(test: &str, name: &str) -> Option<Value> {
    data_bytes(test, name).map(|bytes| serde_json::from_slice(&bytes).expect("the vector file is JSON"))
}

fn bits_of(value: &Value) -> CompactTarget {
    let bits = match value.as_str() {
        Some(digits) => hex::decode_u32(digits).expect("bits are 8 digits"),
        None => value.as_u64().and_then(|bits| u32::try_from(bits).ok()).expect("bits are a number"),
    };
    CompactTarget::from_bits(bits)
}

#[test]
fn compact_targets_decode_and_encode_as_in_bitcoin_core() {
    let Some(vectors) = json("compact_target", "vectors/compact_target.json") else { return };
    let mut decoded = 0;
    for vector in vectors.as_array().unwrap().iter().filter(|vector| vector.get("nbits").is_some()) {
        let found = bits_of(&vector["nbits"]).decode();
        let zeros = "0".repeat(64);
        match (vector["fNegative"].as_bool().unwrap(), vector["fOverflow"].as_bool().unwrap()) {
            (true, _) => assert_eq!(found, Err(CompactFault::Negative), "{vector}"),
            (_, true) => assert_eq!(found, Err(CompactFault::Overflow), "{vector}"),
            _ if vector["target"] == *zeros => assert_eq!(found, Err(CompactFault::Zero), "{vector}"),
            _ => {
                let target = found.unwrap();
                assert_eq!(target, Target::from_display_hex(vector["target"].as_str().unwrap()).unwrap());
                assert_eq!(target.to_compact_lossy(), bits_of(&vector["compact"]), "{vector}");
                decoded += 1;
            }
        }
    }
    assert_eq!(decoded, 6);
    let from_number = Target::from_display_hex(&format!("{:064x}", 0x80)).unwrap();
    assert_eq!(from_number.to_compact_lossy().to_bits(), 0x0200_8000);
}

#[test]
fn retargets_come_out_as_in_bitcoin_core() {
    let Some(vectors) = json("retarget", "vectors/retarget.json") else { return };
    let limit = Parameters::of(Network::Mainnet).pow_limit();
    let vectors = vectors.as_array().unwrap();
    for vector in vectors {
        let time = |key: &str| u32::try_from(vector[key].as_u64().unwrap()).unwrap();
        let next = retarget(bits_of(&vector["last_bits"]), time("first_time"), time("last_time"), limit);
        assert_eq!(next, bits_of(&vector["expect"]), "{vector}");
        if let Some(refused) = vector.get("not_permitted") {
            assert_ne!(next, bits_of(refused), "{vector}");
        }
    }
    assert_eq!(vectors.len(), 4);
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
    let Some(vectors) = json("rfc6962", "vectors/rfc6962_roots.json") else { return };
    let digits = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let leaves: Vec<merkle::Node> =
        vectors["leaves_hex"].as_array().unwrap().iter().map(|leaf| rfc6962::leaf_hash(&digits(leaf))).collect();
    let roots = vectors["roots_by_size"].as_array().unwrap();
    assert_eq!(roots.len(), 9);
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(rfc6962::root(&leaves[..size]).to_vec(), digits(root), "{size} leaves");
    }
    for proof in vectors["inclusion"].as_array().unwrap() {
        let (index, size) = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
        let path: Vec<Vec<u8>> = proof["path"].as_array().unwrap().iter().map(digits).collect();
        let found = rfc6962::audit_path(&leaves[..size as usize], index).unwrap();
        assert_eq!(found.iter().map(|node| node.to_vec()).collect::<Vec<_>>(), path);
        let root = rfc6962::fold(&leaves[index as usize], index, size, &found).unwrap();
        assert_eq!(root.to_vec(), digits(&roots[size as usize]));
    }
}

#[test]
fn merkle_roots_of_real_blocks_come_from_their_transaction_ids() {
    let blocks = ["bitcoinsv_mainnet_100000", "bitcoin_testnet4_40000", "bitcoin_signet_31500"];
    for block in blocks {
        let Some(block) = json("block roots", &format!("blocks/electrumx_{block}.json")) else { return };
        let txids: Vec<merkle::Node> = block["tx"]
            .as_array()
            .unwrap()
            .iter()
            .map(|txid| BlockHash::from_display_hex(txid.as_str().unwrap()).unwrap().to_wire())
            .collect();
        let root = merkle::root(&txids).unwrap();
        assert_eq!(root.to_string(), block["merkleroot"].as_str().unwrap());
        let branch = merkle::MerkleBranch::of_leaf(&txids, txids.len() as u64 - 1).unwrap();
        assert_eq!(branch.fold(&txids[txids.len() - 1]), Ok(root));
    }
}

#[test]
fn the_midstate_of_mainnet_block_171874_leads_every_kernel_to_its_nonce_alone() {
    let Some(vector) = json("midstate", "vectors/midstate_golden_171874.json") else { return };
    let digits = |key: &str| vector[key].as_str().unwrap();
    let words: [u8; 32] = hex::decode_array(digits("midstate_words_be")).unwrap();
    let words = words.as_chunks::<4>().0;
    let midstate = Midstate(std::array::from_fn(|at| u32::from_be_bytes(words[at])));
    let field: [u8; 4] = hex::decode_array(digits("nonce_header_bytes")).unwrap();
    let nonce = u32::from_le_bytes(field);
    assert_eq!(u64::from(nonce.swap_bytes()), vector["nonces_tried_from_zero_big_endian_counter"].as_u64().unwrap());
    let block_hash = BlockHash::from_display_hex(digits("block_hash")).unwrap().to_wire();
    assert_eq!(cityseal_hash::yardstick::top_word(&block_hash), 0);
    let tail = hex::decode_array(digits("header_bytes_64_to_75")).unwrap();
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
fn the_alternative_mainnet_comes_from_its_times_and_nonces_alone() {
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
