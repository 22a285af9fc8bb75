//! `cityseal verify` as a script sees it: verdicts, exit codes, JSON, and every input format.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use cityseal_chain::{BlockHeader, CompactTarget, MerkleRoot, rfc6962};
use common::{
    Folder, GENESIS, GENESIS_HASH, Run, block, city, city_of_blocks, city_over, cityseal, cityseal_with_stdin,
    coinbase, framed, packed, sealed,
};
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
        Self::of(city(count))
    }

    fn of_blocks(count: usize) -> Self {
        Self::of(city_of_blocks(count))
    }

    fn of((toml, headers): (String, Vec<BlockHeader>)) -> Self {
        let folder = Folder::new();
        let toml = folder.file("city.toml", toml);
        Self { folder, toml, headers }
    }

    fn verify(&self, arguments: &[&str]) -> Run {
        let network = ["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &self.toml];
        cityseal(&[&network, arguments].concat())
    }

    fn verify_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let network = ["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &self.toml, "-"];
        cityseal_with_stdin(&[&network, arguments].concat(), stdin)
    }

    fn packed(&self) -> Vec<u8> {
        packed(&self.headers)
    }

    fn hex(&self) -> String {
        self.headers.iter().map(|header| header.to_hex() + "\n").collect()
    }

    fn tip(&self) -> Value {
        let last = self.headers.last().unwrap();
        json!({ "height": self.headers.len() - 1, "hash": last.hash().to_display_hex(),
                "chain_work": format!("{:064x}", 2 * self.headers.len()) })
    }

    fn expect_valid(&self, run: &Run) {
        assert_eq!(run.code, 0, "{run:?}");
        let answer = run.json();
        assert_eq!((&answer["verdict"], &answer["count"]), (&json!("valid"), &json!(self.headers.len())));
        assert_eq!(answer["tip"], self.tip());
        assert!(answer.get("fault").is_none_or(Value::is_null));
    }
}

#[test]
fn the_genesis_header_alone_is_a_valid_chain() {
    let folder = Folder::new();
    let path = folder.file("genesis.hex", GENESIS);
    let run = cityseal(&["verify", &path, "--device", "cpu", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!((&answer["verdict"], &answer["count"]), (&json!("valid"), &json!(1)));
    assert_eq!(answer["tip"]["hash"], GENESIS_HASH);
    assert_eq!(answer["tip"]["chain_work"], format!("{:064x}", 0x1_0001_0001_u64));
    assert_eq!(answer["parameters"].as_str().unwrap().len(), 64);
    assert!(answer["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn packed_hex_framed_and_raw_input_is_distinguished_and_gives_the_same_verdict() {
    let city = City::of_blocks(40);
    let blocks: Vec<Vec<u8>> = city.headers.iter().map(block).collect();
    let (raw, framed) = (blocks.concat(), framed(&blocks));
    let lines: String = blocks.iter().map(|block| cityseal_chain::hex::encode(block) + "\n").collect();
    let crlf = city.hex().replace('\n', "\r\n\r\n");
    for bytes in [city.packed(), city.hex().into_bytes(), crlf.into_bytes()] {
        let run = city.verify_stdin(&[], &bytes);
        city.expect_valid(&run);
        let answer = run.json();
        assert!(answer.get("bodies").is_none() && answer["checked"].as_array().unwrap().len() == 11, "{answer}");
    }
    for bytes in [raw.clone(), framed, lines.into_bytes()] {
        let run = city.verify_stdin(&[], &bytes);
        city.expect_valid(&run);
        let answer = run.json();
        let bodies = json!({ "blocks": 40, "transactions": 40, "bytes": raw.len() });
        assert_eq!((&answer["bodies"], &answer["not_checked"]), (&bodies, &json!([])));
        assert!(answer["checked"].as_array().unwrap().contains(&json!("R40")));
        assert_eq!(answer["out_of_scope"], json!(["scripts", "unspent-outputs", "amounts"]));
    }
}

#[test]
fn several_files_are_one_chain() {
    let city = City::new(9);
    let bytes = city.packed();
    let first = city.folder.file("a.bin", &bytes[..240]);
    let second = city.folder.file("b.bin", &bytes[240..]);
    city.expect_valid(&city.verify(&[&first, &second]));

    let run = city.verify(&[&second, &first]);
    assert_eq!((run.code, &run.json()["fault"]["rule"]), (1, &json!("R06")), "{run:?}");
}

#[test]
fn the_first_fault_is_named_by_height_rule_values_and_offset() {
    let mut city = City::new(30);
    let harder = CompactTarget::from_bits(0x2070_0000);
    city.headers[20] = sealed(BlockHeader { bits: harder, ..city.headers[20] });
    let run = city.verify_stdin(&[], &city.packed());
    assert_eq!(run.code, 1, "{run:?}");
    let answer = run.json();
    assert_eq!((&answer["verdict"], &answer["count"]), (&json!("fault"), &json!(20)));
    let expected = json!({
        "height": 20, "rule": "R07", "name": "difficulty", "expected": "207fffff", "found": "20700000", "offset": 1600,
    });
    assert_eq!(answer["fault"], expected);
    assert_eq!(answer["tip"]["height"], 19);
}

#[test]
fn a_fault_in_hex_names_its_line_with_blank_lines_counted() {
    let mut city = City::new(12);
    let median = city.headers[5].time;
    city.headers[11] = sealed(BlockHeader { time: median, ..city.headers[11] });
    let text = city.hex().replacen('\n', "\n\n\n", 3);
    let fault = city.verify_stdin(&[], text.as_bytes()).json()["fault"].clone();
    let expected = json!({
        "height": 11, "rule": "R08", "name": "median-time", "expected": median + 1, "found": median,
        "offset": 880, "line": 12 + 6,
    });
    assert_eq!(fault, expected);
}

#[test]
fn a_fault_inside_blocks_has_the_offset_of_its_block() {
    let mut city = City::of_blocks(6);
    let frame = (block(&city.headers[0]).len() + 8) as u64;
    let verdict = |city: &City, bend: &dyn Fn(&mut Vec<u8>)| {
        let mut framed = framed(&city.headers.iter().map(block).collect::<Vec<_>>());
        bend(&mut framed);
        city.verify_stdin(&[], &framed).json()["fault"].clone()
    };
    // A byte of the coinbase's output in block 3, counted from 0; and an input count that is too large by one.
    let fault = verdict(&city, &|framed| framed[3 * frame as usize + 8 + 80 + 1 + 50] ^= 1);
    assert_eq!((&fault["rule"], &fault["height"], &fault["offset"]), (&json!("R21"), &json!(3), &json!(3 * frame + 8)));
    let fault = verdict(&city, &|framed| framed[3 * frame as usize + 8 + 80 + 1 + 4] = 2);
    assert_eq!((&fault["rule"], &fault["height"], &fault["offset"]), (&json!("R20"), &json!(3), &json!(3 * frame + 8)));
    city.headers[4].prev_block_hash = city.headers[2].hash();
    city.headers[4] = sealed(city.headers[4]);
    let fault = verdict(&city, &|_| ());
    assert_eq!((&fault["rule"], &fault["height"], &fault["offset"]), (&json!("R06"), &json!(4), &json!(4 * frame + 8)));
}

#[test]
fn a_file_truncated_inside_a_header_is_incomplete_and_the_json_reports_the_progress() {
    let city = City::new(10);
    let path = city.folder.file("cut.bin", &city.packed()[..799]);
    let run = city.verify(&[&path]);
    run.refused(&["cut.bin", "truncated header", "offset 720"]);
    let answer = run.json();
    assert_eq!((&answer["verdict"], &answer["count"]), (&json!("incomplete"), &json!(9)));
    assert_eq!(answer["tip"]["height"], 8);
}

#[test]
fn a_fault_before_the_truncation_is_a_fault() {
    let mut city = City::new(10);
    city.headers[3].prev_block_hash = city.headers[1].hash();
    city.headers[3] = sealed(city.headers[3]);
    let run = city.verify_stdin(&[], &city.packed()[..799]);
    assert_eq!((run.code, &run.json()["fault"]["rule"]), (1, &json!("R06")), "{run:?}");
}

#[test]
fn a_fault_before_a_bad_digit_is_a_fault_and_a_bad_digit_alone_is_bad_input() {
    let mut city = City::new(10);
    let mut text = city.hex();
    text.replace_range(9 * 161 + 5..9 * 161 + 6, "g");
    let path = city.folder.file("bad.hex", &text);
    city.verify(&[&path]).refused(&["bad.hex", "line 10, column 6", "`g`"]);

    city.headers[3].prev_block_hash = city.headers[1].hash();
    city.headers[3] = sealed(city.headers[3]);
    let mut text = city.hex();
    text.replace_range(9 * 161 + 5..9 * 161 + 6, "g");
    let run = city.verify_stdin(&[], text.as_bytes());
    assert_eq!((run.code, &run.json()["fault"]["line"]), (1, &json!(4)), "{run:?}");
}

#[test]
fn empty_input_is_incomplete_and_has_no_tip() {
    let city = City::new(1);
    let run = city.verify_stdin(&[], &[]);
    assert_eq!(run.code, 2, "{run:?}");
    let answer = run.json();
    assert_eq!((&answer["verdict"], &answer["count"]), (&json!("incomplete"), &json!(0)));
    assert!(answer.get("tip").is_none_or(Value::is_null));
}

#[test]
fn checks_without_history_are_listed_as_skipped_and_context_enables_them() {
    let city = City::new(40);
    let bytes = city.packed();
    let part = city.folder.file("part.bin", &bytes[20 * 80..]);
    let alone = city.verify(&[&part, "--start-height", "20", "--start-work", "28"]);
    assert_eq!(alone.code, 0, "{alone:?}");
    let answer = alone.json();
    assert_eq!((&answer["tip"], &answer["count"]), (&city.tip(), &json!(20)));
    assert!(answer["not_checked"].as_array().unwrap().iter().any(|range| range["rule"] == "R08"), "{answer}");

    let before = city.folder.file("before.bin", &bytes[..20 * 80]);
    let run = city.verify(&[&part, "--start-height", "20", "--start-work", "28", "--context", &before]);
    assert_eq!((run.code, &run.json()["not_checked"]), (0, &json!([])), "{run:?}");
}

#[test]
fn every_kernel_and_any_number_of_threads_give_the_same_json_apart_from_devices_and_seconds() {
    let city = City::new(3000);
    let bytes = city.packed();
    let ask = |kernel: &str, threads: &str| {
        let run = city.verify_stdin(&["--kernel", kernel, "--threads", threads], &bytes);
        city.expect_valid(&run);
        let mut answer = run.json();
        assert_eq!(answer["devices"][0]["kernel"], kernel);
        for key in ["devices", "seconds"] {
            answer.as_object_mut().unwrap().remove(key).unwrap();
        }
        answer
    };
    let portable = ask("portable", "1");
    for kernel in cityseal_hash::HashKernel::all_available() {
        assert_eq!(ask(kernel.name(), "2"), portable, "{}", kernel.name());
    }
}

#[test]
fn the_text_begins_with_the_verdict() {
    let city = City::new(3);
    let path = city.folder.file("city.bin", city.packed());
    let run = cityseal(&["verify", &path, "--network", &city.toml, "--device", "cpu", "--now", NOW]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("VALID\n  3 headers passed"), "{run:?}");
}

#[test]
fn a_body_that_is_not_the_one_of_its_header_has_a_hint_for_either_kind_of_tree() {
    let (toml, headers) = city_over(3, MerkleRoot::from_wire(rfc6962::leaf_hash(&coinbase())));
    let records = City::of((format!("{toml}merkle = \"rfc6962-sha256\"\n"), headers));
    for (city, rule) in [(City::of_blocks(3), "R21"), (records, "R41")] {
        let mut blocks: Vec<u8> = city.headers.iter().flat_map(block).collect();
        let whole = city.folder.file("whole", &blocks);
        city.expect_valid(&city.verify(&[&whole]));
        // The last byte is in the lock time of the last block's coinbase.
        *blocks.last_mut().unwrap() ^= 1;
        let run = city.verify(&[&city.folder.file("damaged", blocks)]);
        assert_eq!((run.code, run.json()["fault"]["rule"].as_str()), (1, Some(rule)), "{run:?}");
        assert!(run.json()["hint"].as_str().unwrap().contains("--forks uses a good copy"), "{run:?}");
    }
}
