//! Real chains: judged completely by the fast judge with the machine's best hash kernel, and corrupted ones by both
//! judges.

use crate::chain::LATE;
use crate::common::data_bytes;
use cityseal_chain::{
    BlockHeader, ChainWork, Cut, History, Judgement, Network, Parameters, Rule, Summary, Verdict, judge, reference,
};
use cityseal_hash::HashKernel;
use cityseal_testkit::data::{data_dir, mainnet_start};

const SEGMENT_HEADERS: usize = 1000;

/// Judges in segments of a thousand headers, like a stream.
fn judged(parameters: &Parameters, start_height: u64, bytes: &[u8]) -> Summary {
    let kernel = HashKernel::detect();
    let mut history = History::before(parameters, start_height, &[]).expect("the start height is low");
    let mut summary = Summary::empty(start_height);
    let mut offset = 0;
    for segment in bytes.chunks(80 * SEGMENT_HEADERS) {
        let mut hashes = vec![[0; 32]; segment.len() / 80];
        kernel.hash_headers(segment, &mut hashes);
        summary = summary.join(judge(parameters, &history, segment, &hashes, LATE, offset));
        history.advance(parameters, segment);
        offset += segment.len() as u64;
    }
    summary
}

fn conclude(parameters: &Parameters, start_work: &str, summary: Summary) -> Judgement {
    let start_work = ChainWork::from_display_hex(&format!("{start_work:0>64}")).expect("the work has digits");
    Judgement::conclude(parameters, start_work, summary, Ok::<(), Cut>(()))
}

fn parsed(bytes: &[u8]) -> Vec<BlockHeader> {
    bytes.as_chunks::<80>().0.iter().map(BlockHeader::from_wire).collect()
}

#[test]
fn the_first_headers_of_mainnet_are_valid() {
    let start = mainnet_start();
    let mainnet = Parameters::of(Network::Mainnet);
    let judgement = conclude(&mainnet, "0", judged(&mainnet, 0, &start.headers));
    assert_eq!((judgement.verdict, judgement.count), (Verdict::Valid, start.count()));
    let tip = judgement.tip.unwrap();
    assert_eq!((tip.height, tip.hash.to_display_hex().as_str()), (start.count() - 1, start.tip_hash));
    assert!(tip.chain_work.to_display_hex().ends_with(start.chain_work), "{}", tip.chain_work);
    assert_eq!(judgement.not_checked, []);
}

#[allow(clippy::unwrap_used, reason = "a test may panic")]
fn the_first_period_of_signet_is_valid_except_for_unchecked_signatures() {
    let Some(bytes) = data_bytes("signet_0_2015", "headers/signet_0_2015.bin") else { return };
    let signet = Parameters::of(Network::Signet);
    let judgement = conclude(&signet, "0", judged(&signet, 0, &bytes));
    assert_eq!((judgement.verdict, judgement.count), (Verdict::Valid, 2016));
    let [left_out] = judgement.not_checked.as_slice() else { panic!("{:?}", judgement.not_checked) };
    assert_eq!((left_out.rule, left_out.from, left_out.to), ("BIP325", 0, 2015));
}

#[allow(clippy::unwrap_used, reason = "a test may panic")]
fn the_alternative_mainnet_is_valid_across_its_clamped_retarget() {
    let Some(bytes) = data_bytes("mainnet_alt_0_2016", "headers/mainnet_alt_0_2016.bin") else { return };
    let mainnet = Parameters::of(Network::Mainnet);
    let summary = judged(&mainnet, 0, &bytes);
    assert_eq!((summary.fault, summary.count, summary.not_checked.len()), (None, 2017, 0));
    let headers = parsed(&bytes);
    assert_eq!(headers[2016].bits.to_bits(), 0x1c3f_ffc0);
    assert_eq!(reference::judge_headers(&mainnet, 0, &[], &headers, LATE), summary);
}

#[allow(clippy::unwrap_used, reason = "a test may panic")]
fn testnet3_from_height_1_is_valid_and_its_fork_headers_break_the_link() {
    let Some(text) = data_bytes("testnet3_1_546", "headers/testnet3_1_546_and_fork.hex") else { return };
    let testnet3 = Parameters::of(Network::Testnet3);
    let text = String::from_utf8(text).unwrap();
    let (forks, main): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("fork:"));
    let header = |line: &&str| BlockHeader::from_hex(line.trim_start_matches("fork:").trim()).unwrap();
    let headers: Vec<BlockHeader> = main.iter().filter(|line| !line.is_empty()).map(header).collect();
    let packed = crate::chain::packed(&headers);
    let summary = judged(&testnet3, 1, &packed);
    assert_eq!((summary.fault, summary.count, summary.not_checked.len()), (None, 546, 0));
    assert_eq!(reference::judge_headers(&testnet3, 1, &[], &headers, LATE), summary);
    let tip = conclude(&testnet3, "0", summary).tip.unwrap();
    assert_eq!(tip.hash.to_string(), "000000002a936ca763904c3c35fce2f3556c559c0214345d31b1bcebf76acb70");
    assert_eq!(forks.len(), 2);
    let fork = header(&forks[1]);
    let broken = judged(&testnet3, 1, &[packed, fork.to_wire().to_vec()].concat());
    assert_eq!(broken.fault.map(|fault| (fault.height, fault.rule)), Some((547, Rule::Link)));
}

#[allow(clippy::unwrap_used, reason = "a test may panic")]
fn two_late_periods_of_mainnet_give_the_published_chain_work() {
    let Some(bytes) = data_bytes("mainnet_822528", "headers/mainnet_822528_826559.bin") else { return };
    let Some(edges) = data_bytes("mainnet_822528", "headers/mainnet_period_edges_0_832608.csv") else { return };
    let edges = String::from_utf8(edges).unwrap();
    let row = |height: u64| {
        let line = edges.lines().find(|line| line.starts_with(&format!("{height},"))).unwrap();
        let mut cells = line.split(',').skip(1);
        (BlockHeader::from_hex(cells.next().unwrap()).unwrap(), cells.next().unwrap())
    };
    let mainnet = Parameters::of(Network::Mainnet);
    let summary = judged(&mainnet, 822_528, &bytes);
    assert_eq!(reference::judge_headers(&mainnet, 822_528, &[], &parsed(&bytes), LATE), summary);
    let judgement = conclude(&mainnet, row(822_527).1, summary);
    assert_eq!((judgement.verdict, judgement.count), (Verdict::Valid, 4032));
    let tip = judgement.tip.unwrap();
    let (last, work) = row(826_559);
    assert_eq!((tip.height, tip.hash, tip.chain_work.to_display_hex().as_str()), (826_559, last.hash(), work));
    let left_out: Vec<_> = judgement.not_checked.iter().map(|left| (left.rule, left.from, left.to)).collect();
    let expected = [("R06", 822_528, 822_528), ("R07", 822_528, 822_528), ("R08", 822_528, 822_538)];
    assert_eq!(left_out, expected, "the inner retarget at 824544 is judged");
}

/// One test for the folder of real chains, so that its absence is one skip.
#[test]
fn real_chains_of_other_networks_and_late_periods_are_valid() {
    if data_dir("real_chains_of_other_networks_and_late_periods_are_valid").is_some() {
        the_first_period_of_signet_is_valid_except_for_unchecked_signatures();
        the_alternative_mainnet_is_valid_across_its_clamped_retarget();
        testnet3_from_height_1_is_valid_and_its_fork_headers_break_the_link();
        two_late_periods_of_mainnet_give_the_published_chain_work();
    }
}

#[test]
fn every_flipped_bit_of_mainnet_gives_the_fault_of_the_reference() {
    const FLIPS: u64 = 64;
    const SEED: u64 = 0x5eed_0001;
    let bytes = mainnet_start().headers;
    let mainnet = Parameters::of(Network::Mainnet);
    let mut state = SEED;
    let mut found = 0;
    for flip in 0..FLIPS {
        // A linear congruential step (Knuth's MMIX constants); its upper bits are well mixed.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bit = (state >> 20) as usize % (bytes.len() * 8);
        let mut broken = bytes[..bytes.len().min((bit / 640 + 3) * 80)].to_vec();
        broken[bit / 8] ^= 1 << (bit % 8);
        let summary = judged(&mainnet, 0, &broken);
        let slow = reference::judge_headers(&mainnet, 0, &[], &parsed(&broken), LATE);
        assert_eq!(summary, slow, "seed {SEED:#x}, flip {flip}, bit {bit}");
        found += u64::from(summary.fault.is_some_and(|fault| fault.height == bit as u64 / 640));
    }
    assert_eq!(found, FLIPS, "a flipped bit breaks its own header's work");
}
