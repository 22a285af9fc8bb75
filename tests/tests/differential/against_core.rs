//! The same cases compared with Bitcoin Core: `submitblock`, proposals, `submitheader`, and the node's folder.
//!
//! If one rule is broken, Bitcoin Core must give the reason of this rule. If several are, Bitcoin Core checks them in
//! another order, so only the refusal is compared.

use std::collections::BTreeMap;
use std::io::Write as _;

use cityseal_tests::synthetic::Random;
use serde_json::{Value, json};

use crate::branch::{BASE_TIP, Base};
use crate::cases::{Answer, Case, cases};
use crate::draft::{Draft, HEADER_BYTES, hash, hex, reversed};
use crate::node::{Node, binary};
use crate::reasons::rules_of;
use crate::{SEED, cityseal};

/// Number of comparisons by kind.
type Counts = BTreeMap<&'static str, u64>;

fn display(block: &[u8]) -> String {
    hex(&reversed(hash(&block[..HEADER_BYTES])))
}

/// An answer of the node as text; empty if the node accepts.
fn text(answer: Result<Value, String>) -> String {
    match answer {
        Ok(Value::Null) => String::new(),
        Ok(other) => other.as_str().map_or_else(|| other.to_string(), ToOwned::to_owned),
        Err(message) => message,
    }
}

fn submit(node: &Node, block: &[u8]) -> String {
    text(node.call("submitblock", &json!([hex(block)])))
}

fn propose(node: &Node, block: &[u8]) -> String {
    let request = json!([{"mode": "proposal", "data": hex(block), "rules": ["segwit"]}]);
    text(node.call("getblocktemplate", &request))
}

/// Starts a node and submits the base chain to it.
fn node_with_base(test: &str, base: &Base) -> Option<Node> {
    let node = Node::start(&binary(test)?, base.now);
    for block in &base.blocks[1..] {
        assert_eq!(submit(&node, block), "", "the base chain must be valid");
    }
    Some(node)
}

fn assert_answer(answer: &str, expected: Answer, accepted: &str, what: &str) {
    let is_as_expected = match expected {
        Answer::Anything => true,
        Answer::Accepts => answer == accepted,
        Answer::Rule(rule) => rules_of(answer).contains(&rule),
        Answer::Reason(reason) => answer.contains(reason),
        Answer::Refuses => !["", "inconclusive"].contains(&answer),
    };
    assert!(is_as_expected, "{what}: expected {expected:?}, Bitcoin Core answered `{answer}`");
}

/// Submits a case's blocks one after another and compares the node's answers.
fn compare_blocks(node: &Node, base: &Base, case: &Case, what: &str, counts: &mut Counts) {
    let base_tip = display(&base.blocks[BASE_TIP as usize]);
    let mut best = base_tip.clone();
    let mut parent = display(&base.blocks[case.parent as usize]);
    let mut is_broken = false;
    for (at, block) in case.blocks.iter().enumerate() {
        let bytes = &block.bytes;
        if is_broken {
            let answer = submit(node, bytes);
            assert_ne!(answer, "", "{what}: block {at} follows a refused block");
            continue;
        }
        let expected = case.answers[at];
        if best == parent {
            assert_answer(&propose(node, bytes), expected.proposed, "", &format!("{what}: block {at} proposed"));
            *counts.entry("proposals").or_default() += 1;
        }
        // For a stored block that does not become the tip the node answers `inconclusive`.
        let becomes_tip = case.parent + 1 + at as u64 > BASE_TIP;
        let accepted = if becomes_tip { "" } else { "inconclusive" };
        let answer = submit(node, bytes);
        assert_answer(&answer, expected.submitted, accepted, &format!("{what}: block {at} submitted"));
        *counts.entry("blocks submitted").or_default() += 1;
        if expected.submitted == Answer::Anything {
            break;
        }
        is_broken = answer != accepted;
        parent = display(bytes);
        best = text(node.call("getbestblockhash", &json!([])));
    }
    if best != base_tip {
        node.call_ok("invalidateblock", &json!([display(&case.blocks[0].bytes)]));
        assert_eq!(text(node.call("getbestblockhash", &json!([]))), base_tip, "{what}");
    }
}

/// Submits a chain of headers one after another and compares the node's answers.
fn compare_headers(node: &Node, case: &Case, what: &str, counts: &mut Counts) {
    let mut is_broken = false;
    for (at, block) in case.blocks.iter().enumerate() {
        let answer = text(node.call("submitheader", &json!([hex(&block.bytes[..HEADER_BYTES])])));
        if is_broken {
            assert_ne!(answer, "", "{what}: header {at} follows a refused header");
            continue;
        }
        let expected = case.answers[at].submitted;
        assert_answer(&answer, expected, "", &format!("{what}: header {at}"));
        *counts.entry("headers submitted").or_default() += 1;
        if expected == Answer::Anything {
            break;
        }
        is_broken = !answer.is_empty();
    }
}

#[test]
fn bitcoin_core_accepts_and_refuses_the_same_blocks_and_headers() {
    let base = Base::new(*SEED);
    let Some(node) = node_with_base("bitcoin_core_accepts_and_refuses_the_same_blocks_and_headers", &base) else {
        return;
    };
    let mut counts = Counts::new();
    for (number, case) in cases(&base, *SEED).enumerate() {
        let what = format!("case {number}, {}, CITYSEAL_SEED={}", case.name, *SEED);
        if case.headers_only {
            compare_headers(&node, &case, &what, &mut counts);
        } else {
            compare_blocks(&node, &base, &case, &what, &mut counts);
        }
        *counts.entry("cases").or_default() += 1;
    }
    let _ = writeln!(std::io::stderr(), "compared with Bitcoin Core: {counts:?}");
    assert!(counts["cases"] >= 2_000 && counts["proposals"] >= 500 && counts["headers submitted"] >= 500, "{counts:?}");
}

/// The node gets branches of different lengths, and blocks that it refuses and does not store.
#[test]
fn the_chain_tips_in_a_node_s_folder_are_those_that_the_node_reports() {
    let base = Base::new(*SEED);
    let test = "the_chain_tips_in_a_node_s_folder_are_those_that_the_node_reports";
    let Some(mut node) = node_with_base(test, &base) else { return };
    let mut random = Random::of_stream(*SEED, 77);
    // The last branch becomes the best chain.
    for (parent, length) in [(40, 3), (200, 9), (BASE_TIP - 1, 1), (BASE_TIP, 2), (BASE_TIP - 5, 11)] {
        let mut branch = base.at(parent);
        for _ in 0..length {
            let block = Draft::next(&branch, &mut random).finish();
            branch.push(&block);
            let answer = submit(&node, &block.bytes);
            assert!(["", "inconclusive"].contains(&answer.as_str()), "{answer}");
        }
    }
    for case in cases(&base, *SEED).filter(|case| case.parent == BASE_TIP && case.changed == Some(0)).take(60) {
        let block = &case.blocks[0].bytes;
        if matches!(case.answers[0].submitted, Answer::Rule(_)) && !case.headers_only {
            assert_ne!(submit(&node, block), "", "{}", case.name);
        }
    }
    let header = Draft::next(&base.at(100), &mut random).finish();
    node.call_ok("submitheader", &json!([hex(&header.bytes[..HEADER_BYTES])]));

    let tips = node.call_ok("getchaintips", &json!([]));
    let of_status = |wanted: &[&str]| {
        let rows = tips.as_array().expect("a list of tips").iter();
        let wanted = rows.filter(|row| wanted.iter().any(|status| row["status"] == **status));
        let mut found: Vec<(u64, String)> =
            wanted.map(|row| (row["height"].as_u64().unwrap(), text(Ok(row["hash"].clone())))).collect();
        found.sort();
        found
    };
    let (active, stored) = (of_status(&["active"]), of_status(&["valid-fork", "valid-headers"]));
    assert_eq!((active.len(), stored.len()), (1, 4), "{tips}");
    assert!(of_status(&["headers-only"]).contains(&(101, display(&header.bytes))), "{tips}");
    assert!(!of_status(&["invalid"]).is_empty(), "{tips}");

    let folder = node.stop();
    let (path, now) = (folder.to_string_lossy(), base.now.to_string());
    let words = ["verify", &path, "--json", "--network", "regtest", "--device", "cpu", "--now", &now];
    let answer = cityseal().args(words).run().with_code(0).json();
    assert_eq!((&answer["tip"]["height"], &answer["tip"]["hash"]), (&active[0].0.into(), &active[0].1.clone().into()));
    let tip = |branch: &Value| (branch["tip"]["height"].as_u64().unwrap(), text(Ok(branch["tip"]["hash"].clone())));
    let mut found: Vec<(u64, String)> = answer["forks"]["stale"].as_array().unwrap().iter().map(tip).collect();
    found.sort();
    assert_eq!(found, stored, "{answer}");
}
