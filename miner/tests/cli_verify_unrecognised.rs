//! Input that is not a chain is bad input: exit 2, described by what it looks like, never signed. A chain in any format
//! is verified; and with `--json` a command without an answer reports the reason.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;
#[allow(dead_code, reason = "each test binary uses only a part of this module")]
#[path = "service_suite/skip.rs"]
mod skip;

use std::path::Path;

use cityseal_chain::{BlockHeader, Network, Parameters, hex};
use common::{Folder, Run, block, city_of_blocks, cityseal, cityseal_with_stdin, framed, packed};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A time after every header of the test city.
const NOW: &str = "1800000000";

/// A city with a chain, and a key to sign with.
struct City {
    folder: Folder,
    toml: String,
    key: String,
    headers: Vec<BlockHeader>,
}

impl City {
    fn new(count: usize) -> Self {
        let (toml, headers) = city_of_blocks(count);
        let folder = Folder::new();
        let toml = folder.file("city.toml", toml);
        let key = folder.path().join("key").to_str().unwrap().to_owned();
        assert_eq!(cityseal(&["key", "new", "--out", &key]).code, 0);
        Self { folder, toml, key, headers }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn verify(&self, arguments: &[&str]) -> Run {
        let network = &["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &self.toml][..];
        cityseal(&[network, arguments].concat())
    }

    fn verify_stdin(&self, bytes: &[u8]) -> Run {
        let network = &["verify", "--device", "cpu", "--json", "--now", NOW, "--network", &self.toml, "-"];
        cityseal_with_stdin(network, bytes)
    }

    /// Checks that nothing is signed and that the answer describes these bytes, from a file and from stdin.
    fn refuses(&self, name: &str, bytes: &[u8], what: &str) {
        let (file, receipt) = (self.folder.file("input", bytes), self.path("receipt.json"));
        let signed = self.verify(&[&file, "--receipt", &receipt, "--key", &self.key]);
        for run in [signed, self.verify_stdin(bytes)] {
            assert_eq!(run.code, 2, "{name}: {run:?}");
            let answer = run.json();
            assert_eq!(
                (&answer["verdict"], &answer["reason"]),
                (&json!("incomplete"), &json!("unrecognised-input")),
                "{name}"
            );
            assert!(answer["message"].as_str().unwrap().contains(what), "{name}: {answer}");
            assert!(!answer["hint"].as_str().unwrap().is_empty(), "{name}: {answer}");
            assert!(answer.get("fault").is_none() && answer.get("tip").is_none(), "{name}: {answer}");
        }
        assert!(!Path::new(&receipt).exists(), "{name} was signed");
    }

    /// Checks for exit code 2 and that nothing is signed, from a file and from stdin.
    fn gives_no_verdict(&self, name: &str, bytes: &[u8]) {
        let (file, receipt) = (self.folder.file("input", bytes), self.path("receipt.json"));
        for run in [self.verify(&[&file, "--receipt", &receipt, "--key", &self.key]), self.verify_stdin(bytes)] {
            assert_eq!(run.code, 2, "{name}: {run:?}");
        }
        assert!(!Path::new(&receipt).exists(), "{name} was signed");
    }

    fn is_valid(&self, name: &str, bytes: &[u8]) {
        let file = self.folder.file("input", bytes);
        for run in [self.verify(&[&file]), self.verify_stdin(bytes)] {
            assert_eq!(run.code, 0, "{name}: {run:?}");
            assert_eq!(run.json()["count"], json!(self.headers.len()), "{name}");
        }
    }

    fn lines(&self) -> Vec<String> {
        self.headers.iter().map(BlockHeader::to_hex).collect()
    }
}

fn fault_rule(run: &Run) -> Value {
    assert_eq!(run.code, 1, "{run:?}");
    run.json()["fault"]["rule"].clone()
}

#[test]
fn headers_are_read_however_their_hex_is_wrapped() {
    let city = City::new(40);
    let lines = city.lines();
    let each = |before: &str, after: &str| {
        lines.iter().map(|line| format!("{before}{line}{after}")).collect::<Vec<_>>().concat()
    };
    for (name, text) in [
        ("a byte order mark", format!("\u{feff}{}", each("", "\n"))),
        ("0x", each("0x", "\r\n")),
        ("spaces and tabs", each("  \t", " \n")),
        ("quotes", each("\"", "\",\n")),
        ("comments and blank lines", format!("# a chain\n\n{}# its end", each("", " # ok\n\n"))),
        ("one line", lines.concat()),
        ("one line with its end", format!("{}\r\n", lines.concat())),
        ("lines of many headers", format!("{}\n{}\n", lines[..25].concat(), lines[25..].concat())),
        ("an array of JSON", serde_json::to_string(&lines).unwrap()),
        ("an array of JSON on lines", serde_json::to_string_pretty(&lines).unwrap()),
    ] {
        city.is_valid(name, text.as_bytes());
    }
    let blocks: Vec<String> = city.headers.iter().map(|header| hex::encode(&block(header))).collect();
    for (name, text) in [
        ("blocks with a byte order mark", format!("\u{feff}{}\r\n", blocks.join("\r\n"))),
        (
            "blocks with 0x and spaces",
            blocks.iter().map(|block| format!("  0x{block}\t\n")).collect::<Vec<_>>().concat(),
        ),
        ("blocks with comments", format!("# blocks\n\n{}\n#\n", blocks.join("\n"))),
    ] {
        city.is_valid(name, text.as_bytes());
    }
}

#[test]
fn input_that_is_not_a_chain_is_refused_with_a_description_and_not_signed() {
    let city = City::new(40);
    let (lines, packed) = (city.lines(), packed(&city.headers));
    let column: String =
        lines.iter().enumerate().map(|(height, line)| format!("{height} {line}\n")).collect::<Vec<_>>().concat();
    let csv: String =
        lines.iter().enumerate().map(|(height, line)| format!("{height},x,{line}\n")).collect::<Vec<_>>().concat();
    let spaced: Vec<u8> = packed.chunks(80).flat_map(|header| [header, &[0]].concat()).collect();
    let text = "Call me Ishmael. Some years ago - never mind how long precisely - having little money. ".repeat(30);
    let decoded =
        "[{\"hash\": \"00\", \"height\": 0, \"merkleroot\": \"4a\", \"time\": 1231006505, \"bits\": \"1d00ffff\"}]";
    for (name, bytes, what) in [
        ("nothing", &b""[..], "empty"),
        ("zeros", &[0; 4000], "zeros"),
        ("noise", &noise(9, 4000), "header"),
        ("a piece", &packed[..79], "79"),
        ("text", text.as_bytes(), "text that begins with `Call me"),
        ("a height column", column.as_bytes(), "column 2"),
        ("csv", csv.as_bytes(), "column 3"),
        ("decoded headers", decoded.as_bytes(), "decoded headers"),
        ("an object", b"{\"result\": {\"hex\": \"0100\"}}", "JSON"),
        ("gzip", &[&[0x1f, 0x8b, 8, 0][..], &noise(1, 900)].concat(), "gzip"),
        ("zip", &[&b"PK\x03\x04"[..], &noise(2, 900)].concat(), "zip"),
        ("html", b"<!DOCTYPE html><html><head><title>404</title></head></html>", "HTML"),
        (
            "git lfs",
            concat!("version https:", "//git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 2580\n").as_bytes(),
            "Git LFS",
        ),
        ("bitcoinj", &[&b"SPVB"[..], &[0; 1020], &packed].concat(), "bitcoinj"),
        ("utf-16", &lines.concat().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), "header"),
        ("utf-16 with a mark", &[&[0xff, 0xfe][..], &[b'0', 0, b'1', 0]].concat(), "UTF-16"),
        ("a count of four bytes", &[&[40, 0, 0, 0][..], &packed].concat(), "count of 4 bytes"),
        ("a count of one byte", &[&[40][..], &packed].concat(), "count of 1 byte"),
        ("81 bytes each", &spaced, "81 bytes"),
        ("litecoin", &[&[0xfb, 0xc0, 0xb6, 0xdb, 200, 0, 0, 0][..], &noise(3, 300)].concat(), "Litecoin"),
        ("namecoin", &[&[0xf9, 0xbe, 0xb4, 0xfe, 200, 0, 0, 0][..], &noise(3, 300)].concat(), "Namecoin"),
        ("frames of noise", &framed(&[noise(4, 200), noise(5, 200)]), "frames of regtest"),
        ("hashes", "00ab".repeat(16).as_bytes(), "hashes"),
        ("a short line", &lines[0].as_bytes()[..150], "150"),
        ("a bad digit", format!("{}g{}\n", &lines[0][..30], &lines[0][31..]).as_bytes(), "line 1, column 31"),
        (
            "base64",
            "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADuj7f16exKyescsPmd2j2F/yBvDiIpRMjqf".as_bytes(),
            "base64",
        ),
    ] {
        city.refuses(name, bytes, what);
    }
}

/// Pseudo-random bytes (splitmix64).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let word = |at: u64| {
        let mut mixed =
            (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(at.wrapping_mul(0xd1b5_4a32_d192_ed03));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    (0..len.div_ceil(8) as u64).flat_map(word).take(len).collect()
}

#[test]
fn files_of_cityseal_itself_name_the_option_that_takes_them() {
    let city = City::new(40);
    let chain = city.folder.file("chain.bin", packed(&city.headers));
    let (part, receipt) = (city.path("part.json"), city.path("receipt.json"));
    assert_eq!(city.verify(&[&chain, "--shard", "1/2", "--out", &part]).code, 0);
    assert_eq!(city.verify(&[&chain, "--receipt", &receipt, "--key", &city.key]).code, 0);
    for (file, hint) in
        [(&part, "--join"), (&receipt, "receipt verify"), (&city.toml, "--network"), (&city.key, "--key")]
    {
        let run = city.verify(&[file]);
        assert_eq!((run.code, &run.json()["reason"]), (2, &json!("unrecognised-input")), "{run:?}");
        assert!(run.json()["hint"].as_str().unwrap().contains(hint), "{run:?}");
        run.refused(&[file]);
    }
}

#[test]
fn one_damaged_header_at_the_start_of_a_chain_stays_a_fault() {
    let city = City::new(40);
    let packed = packed(&city.headers);
    for at in [0, 3, 4, 35, 36, 67, 68, 71, 72, 74, 76, 79] {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x41;
        let file = city.folder.file("damaged", &damaged);
        assert_eq!(city.verify(&[&file]).code, 1, "byte {at}");
        assert_eq!(city.verify_stdin(&damaged).code, 1, "byte {at}");
        // As one line of hex it is still headers, since the other headers link.
        assert_eq!(city.verify_stdin(hex::encode(&damaged).as_bytes()).code, 1, "byte {at}");
        let blocks: Vec<Vec<u8>> = city.headers.iter().map(block).collect();
        let mut damaged = blocks.concat();
        damaged[at] ^= 0x41;
        assert_eq!(city.verify_stdin(&damaged).code, 1, "byte {at} of blocks");
    }
}

#[test]
fn a_fault_deeper_in_a_chain_stays_a_fault_and_an_explicit_format_is_used() {
    let city = City::new(40);
    let mut damaged = packed(&city.headers);
    damaged[30 * 80..].fill(0x20);
    assert_eq!(city.verify(&[&city.folder.file("deep", &damaged)]).code, 1);

    let noise = city.folder.file("noise", noise(7, 800));
    let run = city.verify(&[&noise, "--format", "headers"]);
    assert!(fault_rule(&run).is_string());
    assert_eq!(city.verify(&[&noise]).code, 2);
}

#[test]
fn shards_checkpoints_forks_folders_and_outputs_of_other_input_are_refused_too() {
    let city = City::new(4);
    let noise_file = city.folder.file("noise", noise(11, 80 * 40));
    let out = city.path("part.json");
    for index in ["1/3", "3/3"] {
        let run = city.verify(&[&noise_file, "--shard", index, "--out", &out]);
        assert_eq!((run.code, &run.json()["reason"]), (2, &json!("unrecognised-input")), "{run:?}");
    }
    let run = city.verify(&[&noise_file, "--out", &out]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(!Path::new(&out).exists(), "a part was written without a chain");
    let checkpoint = city.path("checkpoint");
    for arguments in [&["--checkpoint", checkpoint.as_str()][..], &["--forks"]] {
        let run = city.verify(&[&[noise_file.as_str()], arguments].concat());
        assert_eq!((run.code, &run.json()["reason"]), (2, &json!("unrecognised-input")), "{run:?}");
    }
    let blocks = Folder::new();
    blocks.file("blk00000.dat", framed(&[noise(1, 100), noise(2, 100), noise(3, 100)]));
    let run = city.verify(&[blocks.path().to_str().unwrap()]);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn a_shard_deep_in_a_chain_is_recognised_by_the_beginning_of_the_whole_input() {
    let city = City::new(40);
    let mut bytes = packed(&city.headers);
    bytes[30 * 80..].copy_from_slice(&noise(3, 800));
    let file = city.folder.file("chain", &bytes);
    let run = city.verify(&[&file, "--shard", "4/4", "--out", &city.path("part")]);
    assert!(fault_rule(&run).is_string());
}

#[test]
fn a_later_file_that_is_not_a_chain_or_has_another_format_is_named() {
    let city = City::new(40);
    let bytes = packed(&city.headers);
    let first = city.folder.file("first", &bytes[..800]);
    let noise = city.folder.file("noise", noise(5, 4000));
    city.verify(&[&first, &noise]).refused(&["noise", "not recognised"]);
    let hex = city.folder.file("rest.hex", city.lines()[10..].join("\n"));
    city.verify(&[&first, &hex]).refused(&["rest.hex", "headers in hex", "packed headers"]);
    let rest = city.folder.file("rest", &bytes[800..]);
    assert_eq!(city.verify(&[&first, &rest]).code, 0);
    let one = city.folder.file("one", &bytes[..80]);
    let tail = city.folder.file("tail", &bytes[80..]);
    assert_eq!(city.verify(&[&one, &tail]).code, 0);
}

#[test]
fn a_context_or_a_source_that_is_not_a_chain_is_bad_input() {
    let city = City::new(40);
    let bytes = packed(&city.headers);
    let noise = city.folder.file("noise", noise(5, 8000));
    let rest = city.folder.file("rest", &bytes[800..]);
    let run = city.verify(&[&rest, "--start-height", "10", "--context", &noise]);
    assert_eq!((run.code, &run.json()["error"]["reason"]), (2, &json!("bad-context")), "{run:?}");

    let chain = city.folder.file("chain", &bytes);
    let receipt = city.path("receipt.json");
    assert_eq!(city.verify(&[&chain, "--receipt", &receipt, "--key", &city.key]).code, 0);
    let public = cityseal(&["key", "show", &city.key]).stdout;
    let check = |source: &str| {
        let arguments =
            ["receipt", "verify", &receipt, "--key", public.trim(), "--json", "--spot-check", "5", "--source", source];
        cityseal(&arguments)
    };
    assert_eq!(check(&chain).code, 0);
    let run = check(&noise);
    assert_eq!((run.code, &run.json()["error"]["reason"]), (2, &json!("unrecognised-input")), "{run:?}");
    // Another chain is refused.
    let other = city.folder.file("other", [&bytes[..800], &bytes[..bytes.len() - 800]].concat());
    assert_eq!(check(&other).code, 1);
}

#[test]
fn a_chain_of_another_network_is_a_fault_with_a_hint() {
    let folder = Folder::new();
    let signet = folder.file("signet", Parameters::of(Network::Signet).genesis().to_wire());
    let run = cityseal(&["verify", &signet, "--device", "cpu", "--json"]);
    assert!(fault_rule(&run).is_string());
    assert!(run.json()["hint"].as_str().unwrap().contains("--network signet"), "{run:?}");

    let city = City::new(40);
    let bytes = packed(&city.headers);
    let second = city.folder.file("second", &bytes[80..]);
    assert!(city.verify(&[&second]).json()["hint"].as_str().unwrap().contains("--start-height 1"));
    let later = city.folder.file("later", &bytes[800..]);
    let run = city.verify(&[&later]);
    assert_eq!(fault_rule(&run), "R06");
    let hint = run.json()["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("--start-height") && hint.contains("--context"), "{hint}");
    let run = cityseal(&["verify", &city.folder.file("city", &bytes), "--device", "cpu", "--json", "--now", NOW]);
    assert_eq!(fault_rule(&run), "R04", "the target of its headers is above mainnet's limit");
    assert!(run.json()["hint"].as_str().unwrap().contains("--network FILE.toml"), "{run:?}");
    let (whole, context) = (city.folder.file("whole", &bytes), city.folder.file("context", &bytes[80..400]));
    let run = city.verify(&[&whole, "--start-height", "5", "--context", &context]);
    assert!(run.json()["hint"].as_str().unwrap().contains("omit --start-height"), "{run:?}");
}

#[test]
fn a_command_without_an_answer_prints_a_stable_reason_as_json() {
    let folder = Folder::new();
    let noise = folder.file("noise.bin", noise(1, 900));
    let bad = folder.file("bad.toml", "name = 5\n");
    for (arguments, reason, place) in [
        (&["verify", "nowhere.bin"][..], "cannot-read", "nowhere.bin"),
        (&["verify", "-", "--network", "mainet"], "unknown-network", ""),
        (&["verify", "-", "--network", &bad], "bad-parameters", "bad.toml"),
        (&["verify", "-", "-"], "stdin-twice", ""),
        (&["verify", "--join", &noise], "cannot-read", "noise.bin"),
        (&["verify", "--join", &bad], "not-a-part", "bad.toml"),
        (&["seal", "--template", "nowhere.json"], "cannot-read", "nowhere.json"),
        (&["seal", "--header", common::GENESIS, "--device", "warp"], "no-engine", ""),
        (&["devices", "--device", "warp-drive"], "no-engine", ""),
        (&["devices", "--config", &bad], "bad-configuration", ""),
        (&["devices", "--log", "cityseal=loudly"], "bad-log-filter", ""),
        (&["receipt", "show", &bad], "not-a-receipt", "bad.toml"),
        (&["key", "show", &bad], "bad-key", "bad.toml"),
        (&["bench", "compare", "nowhere", "nowhere"], "cannot-read", "nowhere"),
        (&["verify"], "usage", ""),
        (&["mine"], "usage", ""),
        (&["verify", "-", "--start-height", "x"], "usage", ""),
    ] {
        let run = cityseal(&[&["--json"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        let error = run.json()["error"].clone();
        assert_eq!(error["reason"], json!(reason), "{arguments:?}: {error}");
        assert!(!error["message"].as_str().unwrap().is_empty() && !run.stderr.is_empty(), "{arguments:?}: {run:?}");
        assert!(error["place"].as_str().unwrap_or("").contains(place), "{arguments:?}: {error}");
        assert_eq!(cityseal(arguments).stdout, "", "{arguments:?}");
    }
}

#[test]
fn real_inputs_that_failed_are_valid_or_refused_by_name() {
    for (name, code, what) in [
        ("ok.bin", 0, ""),
        ("utf8bom.hex", 0, ""),
        ("rest_oneline.hex", 0, ""),
        ("0x.hex", 0, ""),
        ("height_column.hex", 2, "column 2"),
        ("rest_headers.json", 2, "decoded headers"),
        ("gzip.bin.gz", 2, "gunzip -c"),
        ("lfs.bin", 2, "Git LFS"),
        ("count4.bin", 2, "count of 4 bytes"),
        ("p2p81.bin", 2, "81 bytes"),
        ("xor/blk00000.dat", 2, "a1b2c3d4e5f60718"),
    ] {
        let Some(path) = skip::data(&format!("cases/{name}")) else {
            skip::skip("real_inputs_that_failed_are_valid_or_refused_by_name", "data", "CITYSEAL_DATA has no cases");
            return;
        };
        let run = cityseal(&["verify", path.to_str().unwrap(), "--device", "cpu"]);
        assert_eq!(run.code, code, "{name}: {run:?}");
        assert!(run.stdout.contains(what) || run.stderr.contains(what), "{name}: {run:?}");
    }
}

#[test]
fn noise_and_text_of_any_length_are_never_a_fault() {
    let words = ["of", " the", "\n", "  ", "register", ";", "1231006505", "Ä", "é, ", "0x", "[", "{\"a\":"];
    for seed in 0..24 {
        let noise = noise(seed, 37 * seed as usize * seed as usize % 5000);
        let text: String = noise.iter().map(|byte| words[usize::from(*byte) % words.len()]).collect();
        for (bytes, network) in [(noise.as_slice(), "mainnet"), (text.as_bytes(), "regtest")] {
            let run = cityseal_with_stdin(&["verify", "-", "--device", "cpu", "--json", "--network", network], bytes);
            assert_eq!((run.code, &run.json()["verdict"]), (2, &json!("incomplete")), "seed {seed}: {run:?}");
        }
    }
}

/// A chain in one of its formats, with some bytes changed and a prefix of random length removed.
fn any_mutation() -> impl Strategy<Value = Vec<u8>> {
    let (_, headers) = city_of_blocks(6);
    let lines: String = headers.iter().map(|header| header.to_hex() + "\n").collect();
    let blocks: Vec<Vec<u8>> = headers.iter().map(block).collect();
    let known = vec![packed(&headers), lines.into_bytes(), blocks.concat(), framed(&blocks)];
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let changes = proptest::collection::vec(change, 0..60);
    (proptest::sample::select(known), changes, any::<prop::sample::Index>()).prop_map(|(mut bytes, changes, from)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.split_off(from.index(bytes.len()))
    })
}

/// Whether any 80 bytes hash to any 32 bytes of the input: an independent way to find a link.
fn has_link(bytes: &[u8]) -> bool {
    let all: std::collections::HashSet<&[u8]> = bytes.windows(32).collect();
    bytes.windows(80).any(|header| all.contains(&cityseal_hash::double_sha256(header)[..]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_mutated_chain_is_a_fault_only_if_a_part_of_the_chain_is_left(bytes in any_mutation()) {
        // The city's targets are above mainnet's limit, so that no header is recognised by its work.
        let run = cityseal_with_stdin(&["verify", "-", "--device", "cpu", "--json"], &bytes);
        prop_assert!(run.code == 1 || run.code == 2, "{:?}", run);
        if run.code == 1 {
            prop_assert!(run.json()["fault"].is_object(), "{:?}", run);
            let digits: String = bytes.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_hexdigit).collect();
            let decoded = hex::decode(&digits[..digits.len() / 2 * 2]).unwrap();
            // Changed bits may encode a valid target for mainnet, so that the first header is plausible.
            let exponents = [bytes.get(75), bytes.get(83), decoded.get(75)];
            let is_plausible = exponents.iter().any(|byte| byte.is_some_and(|byte| *byte < 0x20));
            prop_assert!(is_plausible || has_link(&bytes) || has_link(&decoded), "{:?}", run);
        }
    }
}

/// Records that contain a header after other bytes, so that some headers begin at a multiple of 80 bytes.
#[test]
fn headers_inside_other_records_are_not_verified_as_a_chain() {
    let city = City::new(40);
    for before in [8, 16, 20, 32, 36, 40, 48, 64, 80] {
        let records: Vec<u8> =
            city.headers.iter().flat_map(|header| [vec![0xa5; before], header.to_wire().to_vec()].concat()).collect();
        city.gives_no_verdict(&format!("{before} bytes before each header"), &records);
    }
    for behind in [1, 4, 8, 32, 44] {
        let lines: String = city.lines().iter().map(|line| line.clone() + &"a5".repeat(behind) + "\n").collect();
        city.gives_no_verdict(&format!("{behind} bytes after each header, as hex"), lines.as_bytes());
    }
    let framed = city.headers.iter().flat_map(|header| {
        let block = block(header);
        [&[0xfa, 0xbf, 0xb5, 0xda][..], &(block.len() as u32).to_le_bytes(), &block].concat()
    });
    let behind_junk: Vec<u8> = vec![0; 7].into_iter().chain(framed).collect();
    city.gives_no_verdict("junk before frames", &behind_junk);
}
