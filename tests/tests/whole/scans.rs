//! Nonce scans by the binary on every worker find exactly the known hits.

use cityseal_engine::chain::{BlockHeader, Target};
use cityseal_tests::data::data_bytes_if_any;
use cityseal_tests::on_every_worker;
use cityseal_tests::shipped::mainnet_headers;
use cityseal_tests::worker::Worker;
use serde_json::{Value, json};

use crate::cityseal;

/// Bitcoin's genesis header with the nonce set to zero.
const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd\
                       7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d00000000";
/// The nonce that seals it.
const GENESIS_NONCE: u64 = 2_083_236_893;
/// Total number of hits of the scans in the data folder.
const LISTED_HITS: usize = 40;
/// Number of nonces of each scan generated here.
const MADE_NONCES: u32 = 20_000;
/// Mainnet heights of the headers scanned by the generated scans.
const MADE_OF: [usize; 4] = [0, 1, 500, 1_111];

fn seal(worker: Worker, words: &[&str]) -> (i32, Value) {
    let flags = worker.flags().into_iter().chain(["--json"]).chain(words.iter().copied());
    let ended = cityseal().args(["seal"]).args(flags).run();
    let code = ended.code.unwrap_or_else(|| panic!("{ended:?}"));
    (code, ended.json())
}

/// The (nonce, hash) pairs of an answer's seals, in order.
fn hits_of(answer: &Value) -> Vec<(u64, String)> {
    let seals = answer["seals"].as_array().expect("an answer lists its seals");
    let pair = |seal: &Value| (seal["nonce"].as_u64().unwrap(), seal["hash"].as_str().unwrap().to_owned());
    seals.iter().map(pair).collect()
}

/// Asserts that the coverage is exactly the nonces `first..=last` of one header: ascending, without gap or overlap.
fn assert_covers(answer: &Value, first: u64, last: u64) {
    let mut next = first;
    for span in answer["coverage"].as_array().expect("an answer lists its coverage") {
        assert_eq!(span["nonce_first"].as_u64(), Some(next), "{span}");
        next = span["nonce_last"].as_u64().unwrap() + 1;
    }
    assert_eq!(next, last + 1);
    assert_eq!(answer["hashes"], (last - first + 1).to_string());
}

fn finds_the_seal_of_the_genesis_header(worker: Worker, _test: &str) {
    let (code, answer) = seal(worker, &["--header", GENESIS, "--nonces", "2083000000..=2084000000"]);
    assert_eq!((code, &answer["outcome"]), (0, &"sealed".into()));
    let genesis_hash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    assert_eq!(hits_of(&answer), [(GENESIS_NONCE, genesis_hash.to_owned())]);
    worker.assert_done_in(&answer, "hashes", 1);
}
on_every_worker!(finds_the_seal_of_the_genesis_header);

/// A scan around the nonce that sealed a header, in the format of the data folder; its hits are found by a plain loop.
fn made_scan(headers: &[u8], height: usize) -> Value {
    let mut header = BlockHeader::from_wire(headers.as_chunks().0.get(height).expect("a shipped header"));
    let first = header.nonce.saturating_sub(MADE_NONCES / 2).min(u32::MAX - MADE_NONCES);
    let digits = header.to_hex();
    // 2^256 / 2,000: about ten hits.
    let max_hash = format!("{:08x}{}", u32::MAX / 2_000, "f".repeat(56));
    let target = Target::from_display_hex(&max_hash).expect("64 digits above zero");
    let mut hits = Vec::new();
    for nonce in first..first + MADE_NONCES {
        header.nonce = nonce;
        let hash = header.hash();
        if target.is_met_by(&hash) {
            hits.push((nonce, hash.to_display_hex()));
        }
    }
    assert!(!hits.is_empty(), "the header's own nonce is a hit");
    json!({
        "header": format!("mainnet {height}"), "header76_hex": &digits[..152], "max_hash": max_hash,
        "first_nonce": first, "count": MADE_NONCES, "hits": hits,
    })
}

fn gives_exactly_the_hits_of_every_scan(worker: Worker, _test: &str) {
    let headers = mainnet_headers();
    for height in MADE_OF {
        assert!(check_scan(worker, &made_scan(&headers, height)) > 0);
    }
    if let Some(bytes) = data_bytes_if_any("vectors/nonce_scan.json") {
        let scans: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
        let found: usize = scans.iter().map(|scan| check_scan(worker, scan)).sum();
        assert_eq!(found, LISTED_HITS);
    }
}
on_every_worker!(gives_exactly_the_hits_of_every_scan);

/// Runs one scan and returns the number of hits.
fn check_scan(worker: Worker, scan: &Value) -> usize {
    let first = scan["first_nonce"].as_u64().unwrap();
    let last = first + scan["count"].as_u64().unwrap() - 1;
    let header = format!("{}00000000", scan["header76_hex"].as_str().unwrap());
    let (nonces, target) = (format!("{first}..={last}"), scan["max_hash"].as_str().unwrap());
    let (code, answer) = seal(worker, &["--header", &header, "--nonces", &nonces, "--target", target, "--all"]);
    assert_eq!(code, 0, "{answer}");
    let listed: Vec<(u64, String)> = serde_json::from_value(scan["hits"].clone()).unwrap();
    assert_eq!(hits_of(&answer), listed, "{}", scan["header"]);
    assert_covers(&answer, first, last);
    worker.assert_done_in(&answer, "hashes", last - first + 1);
    listed.len()
}

fn both_ends_of_the_nonce_space_are_searched(worker: Worker, _test: &str) {
    let everything = "f".repeat(64);
    for (nonces, first, last) in [("0..=2", 0, 2), ("4294967293..=4294967295", 4_294_967_293, 4_294_967_295)] {
        let (code, answer) = seal(worker, &["--header", GENESIS, "--nonces", nonces, "--target", &everything, "--all"]);
        assert_eq!(code, 0, "{answer}");
        let found: Vec<u64> = hits_of(&answer).into_iter().map(|(nonce, _)| nonce).collect();
        assert_eq!(found, (first..=last).collect::<Vec<_>>());
        assert_covers(&answer, first, last);
    }
}
on_every_worker!(both_ends_of_the_nonce_space_are_searched);

fn a_space_without_a_seal_is_exhausted_and_covered(worker: Worker, _test: &str) {
    let (code, answer) = seal(worker, &["--header", GENESIS, "--nonces", "5..=70004"]);
    assert_eq!((code, &answer["outcome"]), (1, &"exhausted".into()));
    assert_eq!(hits_of(&answer), []);
    assert_covers(&answer, 5, 70_004);
}
on_every_worker!(a_space_without_a_seal_is_exhausted_and_covered);
