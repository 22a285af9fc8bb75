//! Real blocks at their heights: all pass, both judges agree, and corruptions are found.

use crate::build::judged;
use crate::common::data_bytes;
use cityseal_chain::body::{BodyContext, BodyJudgement, Extent, block_extent};
use cityseal_chain::{History, Network, Parameters, Rule, Unjudged, hex};
use cityseal_testkit::data::data_bytes_if_any;
use cityseal_testkit::shipped::{MAINNET_BLOCK_HEIGHT, mainnet_block};

/// Files with one raw block each, with network and height.
const RAW: [(&str, Network, u64); 11] = [
    ("blocks/bitcoinj_block169482.dat", Network::Mainnet, 169_482),
    ("blocks/bitcoinj_block227835.dat", Network::Mainnet, 227_835),
    ("blocks/bitcoinj_block227836.dat", Network::Mainnet, 227_836),
    ("blocks/bitcoinj_block481829.dat", Network::Mainnet, 481_829),
    ("blocks/bitcoinj_block_testnet21066.dat", Network::Testnet3, 21_066),
    ("blocks/mainnet_277647.raw", Network::Mainnet, 277_647),
    ("blocks/mainnet_300025.raw", Network::Mainnet, 300_025),
    ("blocks/mainnet_413567.raw", Network::Mainnet, 413_567),
    ("blocks/mainnet_482683_segwit.raw", Network::Mainnet, 482_683),
    ("blocks/mainnet_574200_segwit.raw", Network::Mainnet, 574_200),
    ("blocks/mainnet_830000_segwit.raw", Network::Mainnet, 830_000),
];

/// Files of framed blocks with the mainnet height of the first one. Those of btcd are made up, with real proofs of
/// work.
const FRAMED: [(&str, u64); 5] = [
    ("blocks/mainnet_1_256.dat", 1),
    ("blocks/btcd_blk_0_to_4.dat", 0),
    ("blocks/btcd_blk_3A.dat", 3),
    ("blocks/btcd_blk_4A.dat", 4),
    ("blocks/btcd_blk_5A.dat", 5),
];

/// JSON files with a whole block as hex under the key `block`.
const JSON: [(&str, Network, u64); 3] = [
    ("blocks/electrumx_bitcoin_testnet4_40000.json", Network::Testnet4, 40_000),
    ("blocks/electrumx_bitcoin_signet_31500.json", Network::Signet, 31_500),
    ("blocks/electrumx_bitcoinsv_mainnet_100000.json", Network::Mainnet, 100_000),
];

fn time_of(block: &[u8]) -> u32 {
    u32::from_le_bytes(block[68..72].try_into().expect("four bytes"))
}

/// Asserts that the block passes both judges: every rule with a known median time (the block's own time, which is
/// later, is used for it), and all but R35 with an unknown one, if R35 needs it.
fn passes(network: Network, height: u64, block: &[u8]) {
    assert_eq!(block_extent(block), Ok(Extent::Whole(block.len())));
    let parameters = Parameters::of(network);
    let known = BodyContext { height, median_time: Some(time_of(block)) };
    assert_eq!(judged(&parameters, &known, block), BodyJudgement::default(), "{network} {height}");
    let unknown = BodyContext { height, median_time: None };
    let needs_median = parameters.body().has_median_time_at(height);
    let left_out = needs_median.then_some((Rule::Finality, Unjudged::MedianAbsent));
    let expected = BodyJudgement { broken: None, not_checked: left_out.into_iter().collect() };
    assert_eq!(judged(&parameters, &unknown, block), expected, "{network} {height}");
}

/// Asserts that both judges find the same fault after corrupting one byte, for several bytes.
fn corruptions_are_found(network: Network, height: u64, block: &[u8]) {
    let parameters = Parameters::of(network);
    let context = BodyContext { height, median_time: Some(time_of(block)) };
    for part in 1..=6 {
        let mut corrupted = block.to_vec();
        let at = 80 + (block.len() - 80) * part / 7;
        corrupted[at] ^= 0x11;
        assert!(judged(&parameters, &context, &corrupted).broken.is_some(), "{network} {height}: byte {at}");
    }
}

fn framed(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut blocks) = (bytes, Vec::new());
    while let Some((frame, after)) = rest.split_first_chunk::<8>() {
        let len = u32::from_le_bytes(frame[4..].try_into().expect("four bytes")) as usize;
        blocks.push(&after[..len]);
        rest = &after[len..];
    }
    blocks
}

/// Asserts that at another height the block is refused only for its height, if heights are judged there.
fn fits_no_other_height(network: Network, height: u64, block: &[u8]) {
    let parameters = Parameters::of(network);
    let other = BodyContext { height: height + 1, median_time: Some(time_of(block)) };
    let rule = judged(&parameters, &other, block).broken.map(|broken| broken.rule);
    let expected = parameters.body().has_coinbase_height_at(height + 1).then_some(Rule::CoinbaseHeight);
    assert_eq!(rule, expected, "{network} {height}");
}

fn check_all(network: Network, height: u64, block: &[u8]) {
    passes(network, height, block);
    corruptions_are_found(network, height, block);
    fits_no_other_height(network, height, block);
}

#[test]
fn raw_blocks_of_every_era_pass_only_at_their_heights() {
    check_all(Network::Mainnet, MAINNET_BLOCK_HEIGHT, mainnet_block());
    for (name, network, height) in RAW {
        if let Some(block) = data_bytes_if_any(name) {
            check_all(network, height, &block);
        }
    }
}

#[test]
fn framed_blocks_pass_from_their_first_height() {
    for (name, first_height) in FRAMED {
        let Some(bytes) = data_bytes(name, name) else { return };
        let blocks = framed(&bytes);
        assert!(!blocks.is_empty());
        for (height, block) in (first_height..).zip(blocks) {
            passes(Network::Mainnet, height, block);
        }
    }
}

#[test]
fn blocks_of_the_test_networks_pass_at_their_heights() {
    for (name, network, height) in JSON {
        let Some(bytes) = data_bytes(name, name) else { return };
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let block = hex::decode(json["block"].as_str().unwrap()).unwrap();
        passes(network, height, &block);
        corruptions_are_found(network, height, &block);
    }
}

#[test]
fn all_of_regtest_passes_with_the_median_times_of_its_own_headers() {
    let name = "blocks/regtest_0_150.txt";
    let Some(bytes) = data_bytes(name, name) else { return };
    let (regtest, mut history) = (Parameters::of(Network::Regtest), History::before_genesis());
    let text = String::from_utf8(bytes).unwrap();
    for (height, line) in (0..).zip(text.lines()) {
        let block = hex::decode(line.trim()).unwrap();
        let context = BodyContext { height, median_time: history.median_time() };
        assert_eq!(context.median_time.is_some(), height > 0);
        assert_eq!(judged(&regtest, &context, &block), BodyJudgement::default(), "{height}");
        history.advance(&regtest, &block[..80]);
    }
    assert_eq!(history.next_height(), 151);
}
