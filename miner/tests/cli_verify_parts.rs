//! `cityseal verify` in parts: shards that are merged, resumed checkpoints, receipts, inputs that fork.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::fs;

use cityseal_chain::BlockHeader;
use common::{Folder, Run, block, city_of_blocks, cityseal, framed, packed, sealed};
use serde_json::{Value, json};

/// A time after every header of the test city.
const NOW: &str = "1800000000";

struct City {
    folder: Folder,
    toml: String,
    headers: Vec<BlockHeader>,
}

impl City {
    fn new(count: usize) -> Self {
        let (toml, headers) = city_of_blocks(count);
        let folder = Folder::new();
        let toml = folder.file("city.toml", toml);
        Self { folder, toml, headers }
    }

    fn verify(&self, arguments: &[&str]) -> Run {
        let network = ["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &self.toml];
        cityseal(&[&network, arguments].concat())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn blocks(&self) -> Vec<Vec<u8>> {
        self.headers.iter().map(block).collect()
    }

    /// Verifies the file in `of` shards, merges them in a mixed order, and returns the merged part.
    fn in_shards(&self, file: &str, of: usize) -> (Run, String) {
        let mut parts: Vec<String> = (1..=of).map(|index| self.path(&format!("shard{index}.json"))).collect();
        for (index, part) in (1..).zip(&parts) {
            let run = self.verify(&[file, "--shard", &format!("{index}/{of}"), "--out", part]);
            assert!(run.code <= 2 && !run.stderr.contains("panicked"), "{run:?}");
        }
        parts.rotate_left(of / 2);
        let joined = self.path("joined.json");
        let arguments: Vec<&str> = parts.iter().map(String::as_str).chain(["--join", "--out", &joined]).collect();
        (self.verify(&arguments), fs::read_to_string(joined).unwrap())
    }
}

/// Returns the verdict without keys that depend on how it was reached.
fn verdict(run: &Run) -> Value {
    let mut answer = run.json();
    let keys = answer.as_object_mut().unwrap();
    // A hint is advice about the input of one run.
    ["devices", "hint", "seconds", "stages"].iter().for_each(|key| drop(keys.remove(*key)));
    answer
}

#[test]
fn merged_shards_equal_a_single_run_in_verdict_and_bytes() {
    let city = City::new(50);
    let blocks = city.blocks();
    let lines: String = city.headers.iter().map(|header| header.to_hex() + "\n").collect();
    let mut bent = blocks.clone();
    bent[31][120] ^= 1;
    let inputs = [
        ("packed", packed(&city.headers)),
        ("hex", lines.into_bytes()),
        ("framed", framed(&blocks)),
        ("raw", blocks.concat()),
        ("bent", framed(&bent)),
        ("cut", blocks.concat()[..5000].to_vec()),
    ];
    for (name, bytes) in inputs {
        let file = city.folder.file(name, bytes);
        let whole = city.path("whole.json");
        let one = city.verify(&[&file, "--out", &whole]);
        // Also more shards than blocks.
        let divisions: &[usize] = if name == "framed" { &[1, 2, 60] } else { &[4] };
        for &of in divisions {
            let (joined, part) = city.in_shards(&file, of);
            assert_eq!(part, fs::read_to_string(&whole).unwrap(), "{name} in {of}");
            assert_eq!((joined.code, verdict(&joined)), (one.code, verdict(&one)), "{name} in {of}");
        }
    }
}

#[test]
fn incomplete_or_mismatched_shards_are_refused_with_the_reason() {
    let city = City::new(30);
    let file = city.folder.file("blocks", city.blocks().concat());
    let (run, _) = city.in_shards(&file, 3);
    assert_eq!(run.code, 0, "{run:?}");
    let [a, b, c] = [1, 2, 3].map(|index| city.path(&format!("shard{index}.json")));
    city.verify(&["--join", &a, &c]).refused(&["expected shard 2 of 3, found shard 3"]);
    city.verify(&["--join", &a, &b]).refused(&["shard 3 of 3 is missing"]);
    city.verify(&["--join", &b, &c]).refused(&["expected shard 1 of 3"]);
    city.verify(&["--join", &a, &b, &b, &c]).refused(&["expected shard 3 of 3, found shard 2"]);
    city.verify(&["--join", "--network", "regtest"]).refused(&["FILE"]);
    let text = fs::read_to_string(&b).unwrap();
    let bent = |from: &str, to: &str| city.folder.file("bent.json", text.replacen(from, to, 1));
    city.verify(&["--join", &a, &bent("\"count\": 10", "\"count\": 11"), &c])
        .refused(&["bent.json", "not a checkpoint"]);
    city.verify(&["--join", &a, &bent("\"now\": 18", "\"now\": 17"), &c])
        .refused(&["shard 2", "the time for rule R10"]);
    city.verify(&["--join", &a, &bent("{", "{\"x\":1,"), &c]).refused(&["unknown field `x`"]);
    city.verify(&["--join", &a, &bent("\"share_first\": 2", "\"share_first\": 0"), &c]).refused(&["share_first"]);
    for end in 0..text.len() {
        let cut = city.folder.file("cut.json", &text[..end]);
        if end % 97 == 0 {
            city.verify(&["--join", &a, &cut, &c]).refused(&["cut.json"]);
        }
    }
    // A shard of another chain with the same rules, split at the same places.
    let mut other = City::new(30);
    for index in 5..30 {
        let parent = other.headers[index - 1];
        let header = BlockHeader { prev_block_hash: parent.hash(), time: parent.time + 61, ..other.headers[index] };
        other.headers[index] = sealed(header);
    }
    let file = other.folder.file("blocks", other.blocks().concat());
    other.in_shards(&file, 3);
    city.verify(&["--join", &a, &other.path("shard2.json"), &c])
        .refused(&["shard 2", "headers before it are different"]);
    city.verify(&[&file, "--shard", "4/3", "--out", &a]).refused(&["I/N"]);
    city.verify(&["-", "--shard", "1/3", "--out", &a]).refused(&["stdin"]);
}

#[test]
fn a_resumed_checkpoint_reaches_the_same_result() {
    let city = City::new(60);
    let (blocks, checkpoint) = (city.blocks(), city.path("checkpoint"));
    for (name, whole, begun) in [
        ("blocks", framed(&blocks), framed(&blocks[..23])),
        ("headers", packed(&city.headers), packed(&city.headers[..23])),
    ] {
        let whole = city.folder.file(name, whole);
        let begun = city.folder.file("begun", begun);
        let expected = city.path("expected.json");
        let one = city.verify(&[&whole, "--out", &expected]);
        assert_eq!(city.verify(&[&begun, "--checkpoint", &checkpoint]).code, 0);
        let joined = city.path("resumed.json");
        let run = city.verify(&[&whole, "--checkpoint", &checkpoint, "--out", &joined]);
        assert_eq!((run.code, verdict(&run)), (0, verdict(&one)));
        assert_eq!(run.json()["devices"][0]["headers"], 37, "only new headers are verified");
        assert_eq!(fs::read_to_string(&joined).unwrap(), fs::read_to_string(expected).unwrap());
        // The checkpoint is now at the end, so the shorter file no longer matches it.
        city.verify(&[&begun, "--checkpoint", &checkpoint]).refused(&["does not match the input", "37 items"]);
        fs::remove_file(&checkpoint).unwrap();
    }
}

#[test]
fn a_mismatched_checkpoint_is_refused_with_the_difference() {
    let city = City::new(30);
    let (blocks, checkpoint) = (city.blocks(), city.path("checkpoint"));
    let begun = city.folder.file("begun", blocks[..20].concat());
    assert_eq!(city.verify(&[&begun, "--checkpoint", &checkpoint]).code, 0);
    let mut other = city.headers.clone();
    other[18].time += 1;
    let other: Vec<u8> = other.iter().flat_map(block).collect();
    let other = city.folder.file("other", other);
    city.verify(&[&other, "--checkpoint", &checkpoint]).refused(&["does not match the input", "height 20"]);
    let headers = city.folder.file("headers", packed(&city.headers));
    city.verify(&[&headers, "--checkpoint", &checkpoint]).refused(&["belongs to another run", "the kind of items"]);
    let clock = ["--now", "1900000000"];
    let run =
        cityseal(&[&["verify", &begun, "--network", &city.toml, "--checkpoint", &checkpoint][..], &clock].concat());
    run.refused(&["differs in", "rule R10"]);
    let cut = &fs::read_to_string(&checkpoint).unwrap()[..200];
    fs::write(&checkpoint, cut).unwrap();
    city.verify(&[&begun, "--checkpoint", &checkpoint]).refused(&["checkpoint", "not a checkpoint or a shard result"]);
}

#[test]
fn a_receipt_is_written_for_a_verdict_and_passes_checks_against_its_source() {
    let city = City::new(40);
    let blocks = city.folder.file("blocks", framed(&city.blocks()));
    let (key, receipt) = (city.path("key"), city.path("receipt.json"));
    assert_eq!(cityseal(&["key", "new", "--out", &key, "--label", "Riverside"]).code, 0);
    let run = city.verify(&[&blocks, "--receipt", &receipt, "--key", &key]);
    assert_eq!(run.code, 0, "{run:?}");
    let shown = cityseal(&["key", "show", &key]);
    let public = shown.stdout.trim();
    let check = |arguments: &[&str]| {
        cityseal(&[&["receipt", "verify", &receipt, "--json", "--key", public][..], arguments].concat())
    };
    assert_eq!(check(&[]).code, 0, "{:?}", check(&[]));
    let spot = check(&["--spot-check", "5", "--source", &blocks]);
    assert_eq!(spot.code, 0, "{spot:?}");
    let other = City::new(41);
    let mut headers = other.headers.clone();
    headers[7] = sealed(BlockHeader { time: headers[7].time + 1, ..headers[7] });
    let foreign = other.folder.file("headers", packed(&headers));
    let spot = check(&["--spot-check", "40", "--source", &foreign]);
    assert_eq!(spot.code, 1, "{spot:?}");
    let text = cityseal(&["receipt", "show", &receipt]).stdout;
    for line in ["verdict: valid", "count: 40", "transactions: 40"] {
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
    // A fault has a receipt too; an incomplete verdict has none.
    let mut bent = city.blocks();
    bent[30][100] ^= 1;
    let bent = city.folder.file("bent", framed(&bent));
    assert_eq!(city.verify(&[&bent, "--receipt", &receipt, "--key", &key]).code, 1);
    let text = cityseal(&["receipt", "show", &receipt]).stdout;
    assert!(text.lines().any(|line| line == "verdict: fault") && text.contains("R21"), "{text}");
    let cut = city.folder.file("cut", &framed(&city.blocks())[..2000]);
    fs::remove_file(&receipt).unwrap();
    assert_eq!(city.verify(&[&cut, "--receipt", &receipt, "--key", &key]).code, 2);
    assert!(!fs::exists(&receipt).unwrap());
    city.verify(&[&cut, "--receipt", &receipt]).refused(&["--key"]);
}

/// A branch of `count` blocks on top of a header.
fn branch(parent: &BlockHeader, count: usize) -> Vec<BlockHeader> {
    let mut headers = vec![*parent];
    for _ in 0..count {
        let last = headers[headers.len() - 1];
        headers.push(sealed(BlockHeader { prev_block_hash: last.hash(), time: last.time + 61, ..last }));
    }
    headers.split_off(1)
}

#[test]
fn the_best_chain_of_a_forked_input_is_verified_and_the_rest_is_listed() {
    let city = City::new(30);
    let stale = branch(&city.headers[20], 4);
    let mut all: Vec<BlockHeader> = city.headers.iter().chain(&stale).copied().collect();
    all.reverse();
    let tip = city.headers[29].hash().to_display_hex();
    let blocks = city.folder.file("blocks", framed(&all.iter().map(block).collect::<Vec<_>>()));
    let headers = city.folder.file("headers", packed(&all));
    for (file, judged) in [(&blocks, 33), (&headers, 11)] {
        let run = city.verify(&[file, "--forks"]);
        let answer = run.json();
        assert_eq!((run.code, &answer["verdict"], &answer["count"]), (0, &json!("valid"), &json!(30)), "{run:?}");
        assert_eq!(answer["tip"]["hash"], json!(tip));
        assert!(answer["checked"].as_array().unwrap().len() >= judged - 1, "{answer}");
        let forks = &answer["forks"];
        let row = &forks["stale"][0];
        assert_eq!((&row["fork_height"], &row["disconnect"], &row["connect"]), (&json!(20), &json!(4), &json!(9)));
        assert_eq!(row["tip"]["hash"], json!(stale[3].hash().to_display_hex()));
        assert_eq!((&forks["unconnected_count"], &forks["duplicates"]), (&json!(0), &json!(0)));
    }
    let run = city.verify(&[&blocks]);
    assert_eq!(
        (run.code, &run.json()["fault"]["rule"]),
        (1, &json!("R06")),
        "in file order it is not a chain: {run:?}"
    );
}

#[test]
fn unconnected_blocks_and_blocks_without_work_in_a_forked_input_are_reported() {
    let city = City::new(30);
    let mut blocks = city.blocks();
    let missing = blocks.remove(17);
    let file = city.folder.file("gap", framed(&blocks));
    let run = city.verify(&[&file, "--forks"]);
    let answer = run.json();
    assert_eq!((run.code, &answer["verdict"], &answer["count"]), (2, &json!("incomplete"), &json!(17)), "{run:?}");
    let parent = city.headers[17].hash().to_display_hex();
    assert!(answer["reason"].as_str().unwrap().contains(&parent), "{answer}");
    assert_eq!(answer["forks"]["unconnected_count"], json!(12));

    blocks.insert(17, missing);
    let target = city.headers[29].bits.decode().unwrap();
    let nonces = (0..).map(|nonce| BlockHeader { nonce, ..city.headers[29] });
    let idle = { nonces }.find(|header| !target.is_met_by(&header.hash())).unwrap();
    blocks[29] = block(&idle);
    let file = city.folder.file("idle", framed(&blocks));
    let run = city.verify(&[&file, "--forks"]);
    let (answer, at) = (run.json(), 29 * (blocks[0].len() as u64 + 8) + 8);
    assert_eq!((run.code, &answer["verdict"], &answer["count"]), (1, &json!("fault"), &json!(29)), "{run:?}");
    let fault = &answer["fault"];
    assert_eq!((&fault["rule"], &fault["height"], &fault["offset"]), (&json!("R05"), &json!(29), &json!(at)));

    // A body of the best chain.
    let mut blocks = city.blocks();
    blocks[12][100] ^= 1;
    blocks.swap(12, 20);
    let file = city.folder.file("body", framed(&blocks));
    let fault = city.verify(&[&file, "--forks"]).json()["fault"].clone();
    let at = 20 * (blocks[0].len() as u64 + 8) + 8;
    assert_eq!((&fault["rule"], &fault["height"], &fault["offset"]), (&json!("R21"), &json!(12), &json!(at)));
}

#[test]
fn blocks_without_work_outside_the_best_chain_are_listed_and_change_nothing() {
    let city = City::new(30);
    let target = city.headers[12].bits.decode().unwrap();
    let nonces = (0..).map(|nonce| BlockHeader { nonce, time: city.headers[12].time + 1, ..city.headers[12] });
    let idle = { nonces }.find(|header| !target.is_met_by(&header.hash())).unwrap();
    let blocks = [vec![block(&idle)], city.blocks()].concat();
    let file = city.folder.file("beside", framed(&blocks));
    let run = city.verify(&[&file, "--forks"]);
    let answer = run.json();
    assert_eq!((run.code, &answer["verdict"], &answer["count"]), (0, &json!("valid"), &json!(30)), "{run:?}");
    let row = &answer["forks"]["unsound"][0];
    assert_eq!((&row["height"], &row["rule"], &row["at"]), (&json!(12), &json!("R05"), &json!(8)), "{answer}");
}

#[test]
fn a_nodes_folder_is_verified_whole_or_from_a_trusted_header_but_not_in_parts() {
    let city = City::new(30);
    let node = city.path("node");
    fs::create_dir(&node).unwrap();
    let mut blocks = city.blocks();
    blocks.swap(3, 9);
    fs::write(format!("{node}/blk00000.dat"), framed(&blocks[..17])).unwrap();
    fs::write(format!("{node}/blk00001.dat"), framed(&blocks[17..])).unwrap();
    let run = city.verify(&[&node]);
    assert_eq!((run.code, run.json()["count"].as_u64()), (0, Some(30)), "{run:?}");
    let context = city.folder.file("context", packed(&city.headers[..12]));
    let run = city.verify(&[&node, "--start-height", "12", "--context", &context]);
    assert_eq!((run.code, run.json()["count"].as_u64()), (0, Some(18)), "headers below are trusted: {run:?}");
    let out = city.path("out");
    city.verify(&[&node, "--shard", "1/2", "--out", &out]).refused(&["--shard", "one run"]);
    city.verify(&[&node, "--checkpoint", &out]).refused(&["--checkpoint", "one run"]);
    assert!(!fs::exists(&out).unwrap());
}

#[test]
fn a_checkpoint_without_its_outlines_is_refused() {
    let city = City::new(30);
    let (file, checkpoint) = (city.folder.file("blocks", city.blocks().concat()), city.path("checkpoint"));
    assert_eq!(city.verify(&[&file, "--checkpoint", &checkpoint]).code, 0);
    let text = fs::read_to_string(&checkpoint).unwrap();
    for key in ["headers_outline", "contents_outline"] {
        let less: String = text.lines().filter(|line| !line.contains(key)).map(|line| line.to_owned() + "\n").collect();
        fs::write(&checkpoint, less).unwrap();
        city.verify(&[&file, "--checkpoint", &checkpoint]).refused(&["outline"]);
    }
}

#[test]
fn a_changed_byte_at_the_beginning_does_not_change_the_detected_format() {
    let city = City::new(5);
    let (raw, framed) = (city.blocks().concat(), framed(&city.blocks()));
    for at in 80..125 {
        let mut bent = raw.clone();
        bent[at] ^= 4;
        let file = city.folder.file("bent", &bent);
        let run = city.verify(&[&file]);
        let answer = run.json();
        let fault = &answer["fault"];
        if run.code == 2 {
            // A larger count that takes the following bytes as further entries, up to the end of the file.
            assert!(answer["reason"].as_str().unwrap().ends_with("block at offset 0"), "byte {at}: {run:?}");
            continue;
        }
        assert_eq!((run.code, &fault["height"], &fault["offset"]), (1, &json!(0), &json!(0)), "byte {at}: {run:?}");
        assert!(["R20", "R21"].contains(&fault["rule"].as_str().unwrap()), "byte {at}: {run:?}");
    }
    let mut bent = framed;
    bent[0] ^= 1;
    let file = city.folder.file("bent", &bent);
    city.verify(&[&file]).refused(&["offset 0", "magic"]);
}
