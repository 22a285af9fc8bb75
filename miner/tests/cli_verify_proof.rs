//! `cityseal verify --txoutproof` as a citizen uses it: which transactions are in a block, and is it in a chain?
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[allow(dead_code, reason = "the tests of the proof's rules use all of it")]
#[path = "../../engine/chain/tests/partial_tree/build.rs"]
mod build;
mod common;

use cityseal_chain::body::ParsedBlock;
use cityseal_chain::{BlockHeader, MerkleRoot, Txid, hex};
use cityseal_hash::double_sha256;
use cityseal_testkit::shipped::{mainnet_block, mainnet_headers};
use serde_json::{Value, json};

use build::{Proof, leaves};
use common::{Folder, Run, block, city, city_of_blocks, cityseal, cityseal_with_stdin, framed, packed, sealed};

/// A time after every header of the tests.
const NOW: &str = "1800000000";

/// Indices of the proved transactions of mainnet block 702,861.
const PLACES: [u32; 2] = [396, 397];

/// The proof of two transactions of mainnet block 702,861, and the ids of all its transactions.
fn mainnet_proof() -> (Proof, Vec<Txid>) {
    let block = mainnet_block();
    let parsed = ParsedBlock::parse(block).unwrap();
    let txids: Vec<[u8; 32]> =
        parsed.transactions().iter().map(|span| double_sha256(&span.stripped(block).concat())).collect();
    let matches: Vec<bool> = (0..txids.len() as u32).map(|place| PLACES.contains(&place)).collect();
    let header = BlockHeader::from_wire(block.first_chunk().unwrap());
    let proof = Proof { header, ..Proof::of(&txids, &matches) };
    (proof, txids.into_iter().map(Txid::from_wire).collect())
}

fn verify_stdin(proof: &[u8], arguments: &[&str]) -> Run {
    cityseal_with_stdin(&[&["verify", "--json", "--now", NOW, "--txoutproof", "-"], arguments].concat(), proof)
}

/// The `reason` of a FAULT in the proof.
fn fault_reason(run: &Run) -> String {
    let answer = run.json();
    assert_eq!((run.code, &answer["verdict"]), (1, &json!("fault")), "{run:?}");
    let fault = &answer["proof"]["fault"];
    assert!(!fault["message"].as_str().unwrap().is_empty(), "{answer}");
    fault["reason"].as_str().unwrap().to_owned()
}

/// A city of five headers, and the proof of two of five transactions of the block at height 2.
struct City {
    folder: Folder,
    toml: String,
    headers: Vec<BlockHeader>,
    proof: Proof,
}

impl City {
    fn new() -> Self {
        let proof = Proof::of(&leaves(5), &[false, true, false, false, true]);
        let (toml, mut headers) = city(1);
        while headers.len() < 5 {
            let last = headers[headers.len() - 1];
            let merkle_root = if headers.len() == 2 { proof.header.merkle_root } else { MerkleRoot::ZERO };
            let (prev_block_hash, time) = (last.hash(), last.time + 60);
            headers.push(sealed(BlockHeader { prev_block_hash, time, merkle_root, ..last }));
        }
        let folder = Folder::new();
        let toml = folder.file("city.toml", toml);
        let proof = Proof { header: headers[2], ..proof };
        Self { folder, toml, headers, proof }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        self.folder.file(name, bytes)
    }

    /// Verifies this proof, with `arguments` after it.
    fn verify(&self, proof: &Proof, arguments: &[&str]) -> Run {
        let proof = self.file("proof.hex", hex::encode(&proof.to_bytes()) + "\n");
        let first = ["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &self.toml];
        cityseal(&[&first[..], &["--txoutproof", &proof], arguments].concat())
    }
}

#[test]
fn a_proof_of_mainnet_is_valid_as_hex_and_as_bytes_and_names_its_transactions() {
    let (proof, txids) = mainnet_proof();
    let bytes = proof.to_bytes();
    let rows: Vec<Value> =
        PLACES.map(|place| json!({ "index": place, "txid": txids[place as usize].to_display_hex() })).to_vec();
    for form in [bytes.clone(), hex::encode(&bytes).into_bytes(), format!("{}\n", hex::encode(&bytes)).into_bytes()] {
        let run = verify_stdin(&form, &[]);
        let answer = run.json();
        assert_eq!((run.code, &answer["verdict"], &answer["count"]), (0, &json!("valid"), &json!(0)), "{run:?}");
        let row = &answer["proof"];
        assert_eq!(row["block"], json!(proof.header.hash().to_display_hex()));
        assert_eq!((&row["header"], &row["time"]), (&json!(proof.header.to_hex()), &json!(proof.header.time)));
        assert_eq!((&row["transactions"], &row["txids"]), (&json!(txids.len()), &json!(rows)));
        assert!(row.get("fault").is_none() && row.get("height").is_none() && row.get("confirmations").is_none());
        assert_eq!(answer["checked"], json!(["R01", "R02", "R03", "R04", "R05", "R10"]));
        let uncovered = ["best-chain", "transaction-count", "scripts", "unspent-outputs", "amounts"];
        assert_eq!(answer["out_of_scope"], json!(uncovered));
        assert!(answer["hint"].as_str().unwrap().contains("FILE"), "{answer}");
    }
}

#[test]
fn the_text_names_block_transactions_and_what_is_not_checked() {
    let (proof, txids) = mainnet_proof();
    let folder = Folder::new();
    let file = folder.file("proof.bin", proof.to_bytes());
    let run = cityseal(&["verify", "--txoutproof", &file, "--now", NOW]);
    assert_eq!(run.code, 0, "{run:?}");
    let block = proof.header.hash().to_display_hex();
    assert!(run.stdout.starts_with(&format!("VALID: 2 transactions are in block {block}\n")), "{run:?}");
    let line = format!("  transaction 396 {}\n", txids[396].to_display_hex());
    assert!(run.stdout.contains(&line) && run.stdout.contains("not checked: best-chain, "), "{run:?}");
    let absent = txids[1].to_display_hex();
    let run = cityseal(&["verify", "--txoutproof", &file, "--now", NOW, "--txid", &absent]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.starts_with("FAULT in the proof: txid-not-proved: "), "{run:?}");
    assert!(run.stdout.contains(&format!("  expected {absent}\n")), "{run:?}");
}

#[test]
fn a_required_transaction_must_be_in_the_proof() {
    let (proof, txids) = mainnet_proof();
    let bytes = proof.to_bytes();
    let txid = |place: usize| txids[place].to_display_hex();
    assert_eq!(verify_stdin(&bytes, &["--txid", &txid(396), "--txid", &txid(397)]).code, 0);
    let run = verify_stdin(&bytes, &["--txid", &txid(396), "--txid", &txid(395)]);
    assert_eq!(fault_reason(&run), "txid-not-proved");
    assert_eq!(run.json()["proof"]["fault"]["expected"], json!(txid(395)));
    verify_stdin(&bytes, &["--txid", &txid(396)[1..]]).refused(&["--txid", "64", "63"]);
}

#[test]
fn truncated_extended_and_foreign_bytes_are_no_proof() {
    let bytes = mainnet_proof().0.to_bytes();
    let digits = hex::encode(&bytes);
    let long = [&bytes[..], &[0]].concat();
    let lengths = [0, 1, 79, 80, 84, 85, bytes.len() - 33, bytes.len() - 1];
    let mut inputs: Vec<Vec<u8>> = lengths.map(|len| bytes[..len].to_vec()).to_vec();
    inputs.extend([digits.len() - 1, digits.len() - 2].map(|len| digits.as_bytes()[..len].to_vec()));
    inputs.extend([long, format!("{digits}00").into_bytes(), format!("{digits}zz").into_bytes(), b"hello".to_vec()]);
    for input in inputs {
        let run = verify_stdin(&input, &[]);
        run.refused(&["not a proof of transactions"]);
        let error = &run.json()["error"];
        assert_eq!(error["reason"], json!("not-a-proof"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("gettxoutproof"), "{error}");
    }
    let run = verify_stdin(format!("{{\"result\":\"{digits}\"}}").as_bytes(), &[]);
    assert!(run.json()["error"]["hint"].as_str().unwrap().contains("jq -r .result"), "{run:?}");
}

/// Whether the proof with this bit inverted is still VALID. If so, everything that it states must be true.
fn is_still_valid(bytes: &[u8], bit: usize, block: &str, txids: &[Txid]) -> bool {
    let mut inverted = bytes.to_vec();
    inverted[bit / 8] ^= 1 << (bit % 8);
    let run = verify_stdin(&inverted, &[]);
    assert!([0, 1, 2].contains(&run.code), "bit {bit}: {run:?}");
    if run.code != 0 {
        return false;
    }
    let row = &run.json()["proof"];
    assert_eq!(row["block"], json!(block), "bit {bit}");
    for proved in row["txids"].as_array().unwrap() {
        let index = proved["index"].as_u64().unwrap() as usize;
        assert_eq!(proved["txid"], json!(txids[index].to_display_hex()), "bit {bit}");
    }
    true
}

#[test]
fn an_inverted_bit_never_makes_a_false_statement_valid() {
    let (proof, txids) = mainnet_proof();
    let (bytes, block) = (proof.to_bytes(), proof.header.hash().to_display_hex());
    let valid = |bit: &usize| is_still_valid(&bytes, *bit, &block, &txids);
    let (count_from, hashes_from) = (8 * 80, 8 * 84);
    let flags_from = 8 * (bytes.len() - proof.flags.len());
    // Nothing of the header and of the hashes may change.
    let header_and_hashes = (0..count_from).step_by(13).chain((hashes_from..flags_from).step_by(29));
    assert_eq!(header_and_hashes.filter(valid).count(), 0);
    // The number of transactions is not under the root; a transaction's own bit says whether it is proved; the last
    // bits are padding.
    let others: Vec<usize> = (count_from..hashes_from).chain(flags_from..8 * bytes.len()).filter(valid).collect();
    assert!(others.len() < 24, "{others:?}");
}

#[test]
fn a_proof_of_another_network_is_a_fault() {
    let bytes = mainnet_proof().0.to_bytes();
    let run = verify_stdin(&bytes, &["--network", "regtest"]);
    assert_eq!((fault_reason(&run), &run.json()["proof"]["fault"]["rule"]), ("difficulty".into(), &json!("R07")));
    let run = verify_stdin(&bytes, &["--network", "testnet4"]);
    assert_eq!(fault_reason(&run), "before-genesis");
    assert!(run.json()["proof"]["fault"].get("rule").is_none());
    let run = verify_stdin(&City::new().proof.to_bytes(), &[]);
    assert_eq!(fault_reason(&run), "target-above-limit");
    assert_eq!(run.json()["proof"]["txids"], json!([]));
    let run = cityseal_with_stdin(&["verify", "--json", "--now", "1500000000", "--txoutproof", "-"], &bytes);
    assert_eq!((fault_reason(&run), &run.json()["proof"]["fault"]["rule"]), ("future-time".into(), &json!("R10")));
}

#[test]
fn a_header_without_work_and_a_tree_that_is_not_its_own_are_faults() {
    let city = City::new();
    let target = city.proof.header.bits.decode().unwrap();
    let fails = |header: &BlockHeader| !target.is_met_by(&header.hash());
    let header = (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..city.proof.header }).find(fails).unwrap();
    let reason = |proof: Proof| fault_reason(&city.verify(&proof, &[]));
    assert_eq!(reason(Proof { header, ..city.proof.clone() }), "proof-of-work");
    assert_eq!(reason(Proof { header: city.headers[3], ..city.proof.clone() }), "merkle-root");
    let none = Proof { header: city.headers[2], ..Proof::of(&leaves(5), &[false; 5]) };
    assert_eq!(reason(none), "no-transactions");
    // Both leaves of a pair with equal hashes (CVE-2012-2459), and more flag bytes than the tree has.
    let [leaf, ..] = leaves(1)[..] else { unreachable!("one leaf") };
    let equal = Proof { header: city.headers[2], ..Proof::raw(2, &[leaf, leaf], &[0b111]) };
    assert_eq!(reason(equal), "equal-nodes");
    let flags = [&city.proof.flags[..], &[0]].concat();
    assert_eq!(reason(Proof { flags, ..city.proof.clone() }), "tree-shape");
}

#[test]
fn with_a_chain_the_block_must_be_in_it_and_its_height_is_reported() {
    let city = City::new();
    let headers = city.file("headers.bin", packed(&city.headers));
    let lines: String = city.headers.iter().map(|header| header.to_hex() + "\n").collect();
    let lines = city.file("headers.hex", lines);
    for arguments in [&[&headers[..]][..], &[&lines[..]], &["--forks", &headers]] {
        let run = city.verify(&city.proof, arguments);
        let answer = run.json();
        assert_eq!((run.code, &answer["verdict"], &answer["count"]), (0, &json!("valid"), &json!(5)), "{run:?}");
        let row = &answer["proof"];
        assert_eq!((&row["height"], &row["confirmations"]), (&json!(2), &json!(3)), "{arguments:?}");
        assert!(!answer["out_of_scope"].as_array().unwrap().contains(&json!("best-chain")), "{answer}");
    }
    let tail = city.file("tail.bin", packed(&city.headers[1..]));
    let run = city.verify(&city.proof, &["--start-height", "1", &tail]);
    assert_eq!((run.code, &run.json()["proof"]["height"]), (0, &json!(2)), "{run:?}");
    let last = Proof { header: city.headers[4], ..Proof::of(&leaves(1), &[true]) };
    assert_eq!(fault_reason(&city.verify(&last, &[&headers])), "merkle-root", "the chain is not read");
}

#[test]
fn a_block_outside_the_chain_is_a_fault_and_a_bad_chain_decides_the_verdict() {
    let city = City::new();
    let before = city.file("before.bin", packed(&city.headers[..2]));
    assert_eq!(fault_reason(&city.verify(&city.proof, &[&before])), "block-not-in-chain");
    let mut broken = city.headers.clone();
    broken[4].prev_block_hash = city.headers[1].hash();
    let broken = city.file("broken.bin", packed(&[&broken[..4], &[sealed(broken[4])]].concat()));
    let run = city.verify(&city.proof, &[&broken]);
    assert_eq!((run.code, &run.json()["fault"]["rule"]), (1, &json!("R06")), "{run:?}");
    let cut = city.file("cut.bin", &packed(&city.headers)[..300]);
    let run = city.verify(&city.proof, &[&cut]);
    assert_eq!((run.code, &run.json()["verdict"]), (2, &json!("incomplete")), "{run:?}");
    assert!(run.json()["proof"].get("height").is_none(), "{run:?}");
}

#[test]
fn a_block_of_a_stale_branch_is_not_in_the_best_chain() {
    let city = City::new();
    // Another header at height 2, and two more on it, have more work than the proof's block.
    let mut best = city.headers[..2].to_vec();
    while best.len() < 5 {
        let last = best[best.len() - 1];
        best.push(sealed(BlockHeader { prev_block_hash: last.hash(), time: last.time + 61, ..last }));
    }
    let all = city.file("all.bin", packed(&[&city.headers[2..3], &best[..]].concat()));
    let run = city.verify(&city.proof, &["--forks", &all]);
    assert_eq!(fault_reason(&run), "block-not-in-chain");
    assert!(run.json()["proof"]["fault"]["message"].as_str().unwrap().contains("not in the best chain"), "{run:?}");
}

#[test]
fn the_chain_may_be_of_whole_blocks() {
    let (toml, headers) = city_of_blocks(4);
    let folder = Folder::new();
    let toml = folder.file("city.toml", toml);
    let blocks = folder.file("blocks.dat", framed(&headers.iter().map(block).collect::<Vec<_>>()));
    let coinbase = headers[1].merkle_root.to_wire();
    let proof = Proof { header: headers[1], ..Proof::of(&[coinbase], &[true]) };
    for more in [&[][..], &["--forks"]] {
        let arguments = ["--device", "cpu", "--network", &toml, &blocks];
        let run = verify_stdin(&proof.to_bytes(), &[&arguments[..], more].concat());
        let row = &run.json()["proof"];
        assert_eq!((run.code, &row["height"], &row["confirmations"]), (0, &json!(1), &json!(3)), "{run:?}");
    }
}

#[test]
fn real_headers_do_not_contain_the_block_of_a_later_proof() {
    let folder = Folder::new();
    let headers = folder.file("headers.bin", mainnet_headers());
    let run = verify_stdin(&mainnet_proof().0.to_bytes(), &["--device", "cpu", &headers]);
    assert_eq!(fault_reason(&run), "block-not-in-chain");
    assert_eq!(run.json()["count"], json!(1112));
}

#[test]
fn a_proof_given_as_a_chain_is_recognised_and_not_judged() {
    let city = City::new();
    let (proof, _) = mainnet_proof();
    let digits = hex::encode(&proof.to_bytes());
    let headers = city.file("headers.bin", packed(&city.headers));
    for (name, bytes) in [
        ("raw", proof.to_bytes()),
        ("hex", digits.clone().into_bytes()),
        ("a line of hex", (digits + "\n").into_bytes()),
        ("a proof of one transaction", Proof::of(&leaves(1), &[true]).to_bytes()),
    ] {
        let file = city.file("proof", bytes);
        for arguments in [&[&file[..]][..], &["--forks", &file]] {
            let run = cityseal(&[&["verify", "--device", "cpu", "--json", "--now", NOW], arguments].concat());
            let answer = run.json();
            assert_eq!((run.code, &answer["reason"]), (2, &json!("unrecognised-input")), "{name}: {run:?}");
            assert!(answer["message"].as_str().unwrap().contains("gettxoutproof"), "{name}: {answer}");
            assert!(answer["hint"].as_str().unwrap().contains("--txoutproof"), "{name}: {answer}");
        }
        let city_run = |arguments: &[&str]| {
            let first = ["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &city.toml];
            cityseal(&[&first[..], arguments].concat())
        };
        city_run(&[&headers, &file]).refused(&["gettxoutproof"]);
        city_run(&["--start-height", "9", "--context", &file, &headers]).refused(&["--context", "gettxoutproof"]);
    }
    // The same bytes with another root are a header followed by something else: a FAULT, as before.
    let mut other = proof.to_bytes();
    let last = other.len() - 40;
    other[last] ^= 1;
    let file = city.file("other", other);
    assert_eq!(cityseal(&["verify", "--device", "cpu", "--json", &file]).code, 1);
}

#[test]
fn flags_that_need_a_chain_or_contradict_a_proof_are_refused() {
    let city = City::new();
    let headers = city.file("headers.bin", packed(&city.headers));
    let refused = |arguments: &[&str], word: &str| {
        let run = city.verify(&city.proof, arguments);
        assert_eq!((run.code, &run.json()["error"]["reason"]), (2, &json!("usage")), "{arguments:?} {run:?}");
        assert!(run.stderr.contains(word), "{arguments:?} {run:?}");
    };
    for flag in ["--start-height", "--context", "--start-work"] {
        refused(&[flag, "1"], "FILE");
    }
    for flag in ["--forks", "--stats", "--format=headers"] {
        refused(&[flag], "FILE");
    }
    refused(&["--join", &headers], "--join");
    refused(&["--shard", "1/2", "--out", "part", &headers], "--shard");
    refused(&["--checkpoint", "saved", &headers], "--checkpoint");
    refused(&["--receipt", "receipt", "--key", "key", &headers], "--receipt");
    let run = cityseal(&["verify", "--json", "--txid", &"0".repeat(64), &headers]);
    assert_eq!((run.code, &run.json()["error"]["reason"]), (2, &json!("usage")), "{run:?}");
    assert_eq!(cityseal(&["verify"]).code, 2);
    verify_stdin(&city.proof.to_bytes(), &["-"]).refused(&["stdin"]);
    cityseal(&["verify", "--txoutproof", "no/such/file"]).refused(&["no/such/file"]);
}

#[test]
fn a_network_without_bitcoins_tree_has_no_such_proofs() {
    let city = City::new();
    let (toml, _) = common::city(1);
    let records = city.file("records.toml", format!("{toml}merkle = \"rfc6962-sha256\"\n"));
    let run = verify_stdin(&city.proof.to_bytes(), &["--network", &records]);
    run.refused(&["RFC 6962", "test"]);
    assert_eq!(run.json()["error"]["reason"], json!("bad-request"));
}
