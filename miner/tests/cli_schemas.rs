//! The real answers of every command are valid under the schemas in `docs/schemas`, which refuse any other key.
//!
//! The answer of `drill`, which takes seconds, is checked in the same way in `cli_drill.rs`. In all tests of the
//! command line `Run::json` checks the answer against its schema.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use cityseal_chain::{BlockHeader, MerkleRoot};
use common::{Folder, GENESIS, block, city_of_blocks, cityseal, coinbase, command, framed, packed, schemas, sealed};
use serde_json::{Value, json};

/// A time after every header of the test city.
const NOW: &str = "1800000000";

/// Runs a command, and checks its exit code and its answer.
fn check(schema: &str, code: i32, arguments: &[&str]) -> Value {
    let run = cityseal(&[arguments, &["--json"]].concat());
    assert_eq!(run.code, code, "{arguments:?}: {run:?}");
    let answer = run.json();
    schemas::check_is_exact(schema, &answer);
    answer
}

fn header_of(block: &[u8]) -> BlockHeader {
    BlockHeader::from_wire(block[..80].try_into().unwrap())
}

/// A city of 30 blocks, with a branch of two more on block 20.
struct City {
    folder: Folder,
    toml: String,
    blocks: Vec<Vec<u8>>,
    branch: Vec<Vec<u8>>,
}

impl City {
    fn new() -> Self {
        let (toml, headers) = city_of_blocks(30);
        let folder = Folder::new();
        let child = |parent: &BlockHeader| {
            sealed(BlockHeader { prev_block_hash: parent.hash(), time: parent.time + 61, ..*parent })
        };
        let first = child(&headers[20]);
        let branch = [first, child(&first)].iter().map(block).collect();
        let toml = folder.file("city.toml", toml);
        Self { toml, blocks: headers.iter().map(block).collect(), branch, folder }
    }

    fn headers(&self) -> Vec<u8> {
        self.blocks.iter().flat_map(|block| block[..80].to_vec()).collect()
    }

    /// The blocks, of which the last has a coinbase whose script has a byte too few (R32).
    fn with_short_script(&self) -> Vec<Vec<u8>> {
        /// After a version, a count and an outpoint.
        const SCRIPT_LEN: usize = 4 + 1 + 36;
        let mut coinbase = coinbase();
        coinbase[SCRIPT_LEN] = 1;
        coinbase.remove(SCRIPT_LEN + 1);
        let mut blocks = self.blocks.clone();
        let last = header_of(&blocks.pop().unwrap());
        let merkle_root = MerkleRoot::from_wire(cityseal_hash::double_sha256(&coinbase));
        let header = sealed(BlockHeader { merkle_root, ..last });
        blocks.push([&header.to_wire()[..], &[1], &coinbase].concat());
        blocks
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn verify(&self, code: i32, arguments: &[&str]) -> Value {
        let network = ["verify", "--device", "cpu", "--now", NOW, "--network", &self.toml];
        check("verify", code, &[&network, arguments].concat())
    }

    fn verify_bytes(&self, code: i32, bytes: impl AsRef<[u8]>, arguments: &[&str]) -> Value {
        let file = self.folder.file("input", bytes);
        self.verify(code, &[&[&*file], arguments].concat())
    }
}

#[test]
fn answers_about_valid_chains_have_exactly_the_keys_of_the_schema() {
    let city = City::new();
    city.verify_bytes(0, city.headers(), &[]);
    let blocks = city.folder.file("blocks", framed(&city.blocks));
    let answer = city.verify(0, &["--stats", &blocks]);
    assert!(answer.get("bodies").is_some() && answer.get("stages").is_some(), "{answer}");
    let later = city.verify_bytes(0, &city.headers()[15 * 80..], &["--start-height", "15"]);
    assert_ne!(later["not_checked"], json!([]), "{later}");

    let shards = [city.path("1.json"), city.path("2.json")];
    for (index, out) in (1..).zip(&shards) {
        let answer = city.verify(0, &["--shard", &format!("{index}/2"), "--out", out, &blocks]);
        assert_eq!(answer["shard"]["index"], json!(index));
    }
    city.verify(0, &["--join", &shards[0], &shards[1]]);
    let checkpoint = city.path("checkpoint");
    for _begins_and_resumes in 0..2 {
        city.verify(0, &["--checkpoint", &checkpoint, &blocks]);
    }
}

#[test]
fn answers_about_faults_and_incomplete_input_have_exactly_the_keys_of_the_schema() {
    let city = City::new();
    // A wrong byte in a header, in binary and in hex; one in a transaction; a bad coinbase; a missing header.
    let mut headers = city.headers();
    headers[12 * 80 + 70] ^= 1;
    assert_eq!(city.verify_bytes(1, &headers, &[])["fault"]["height"], 12);
    let hex: String = headers.chunks(80).map(|header| cityseal_chain::hex::encode(header) + "\n").collect();
    assert_eq!(city.verify_bytes(1, hex, &[])["fault"]["line"], 13);
    let mut blocks = city.blocks.clone();
    blocks[12][100] ^= 1;
    assert_eq!(city.verify_bytes(1, framed(&blocks), &[])["fault"]["rule"], "R21");
    assert_eq!(city.verify_bytes(1, framed(&city.with_short_script()), &[])["fault"]["transaction"], 0);
    let hint = city.verify_bytes(1, [&city.headers()[..80], &city.headers()[160..]].concat(), &[]);
    assert_eq!(hint["fault"]["rule"], "R06", "{hint}");

    let cut = city.verify_bytes(2, &city.headers()[..1000], &[]);
    assert!(cut["verdict"] == "incomplete" && cut["reason"].is_string() && cut["tip"].is_object(), "{cut}");
    city.verify_bytes(2, b"", &[]);
    let text = city.verify_bytes(2, b"Land title 4711 belongs to Ada Lovelace.\n", &[]);
    assert_eq!(text["reason"], "unrecognised-input");
    assert!(text["message"].is_string() && text["hint"].is_string(), "{text}");
    let part = city.path("part.json");
    city.verify_bytes(1, &headers, &["--shard", "1/2", "--out", &part]);
    city.verify_bytes(0, &headers[..80], &["--shard", "2/60", "--out", &part]);
}

#[test]
fn answers_about_forks_and_folders_have_exactly_the_keys_of_the_schema() {
    let city = City::new();
    let mut wrong = city.branch[1].clone();
    // The header's nonce: the hash is above the target for some value.
    let idle = (0..=255).map(|nonce| {
        wrong[76] = nonce;
        wrong.clone()
    });
    let is_idle = |block: &Vec<u8>| {
        let header = header_of(block);
        !header.bits.decode().unwrap().is_met_by(&header.hash())
    };
    let idle = { idle }.find(is_idle).unwrap();
    let mut damaged = city.blocks[9].clone();
    damaged[100] ^= 1;
    let all = [&city.blocks[..], &city.branch, &[idle, damaged, city.blocks[3].clone()]].concat();
    let forks = city.verify_bytes(0, framed(&all), &["--forks"])["forks"].clone();
    assert_eq!((&forks["stale"][0]["disconnect"], &forks["duplicates"]), (&json!(2), &json!(2)), "{forks}");
    assert_eq!((&forks["unsound"][0]["rule"], &forks["damaged_copies_count"]), (&json!("R05"), &json!(1)), "{forks}");

    let mut gap = city.blocks.clone();
    gap.remove(17);
    let forks = city.verify_bytes(2, framed(&gap), &["--forks"])["forks"].clone();
    assert_eq!(forks["unconnected_count"], 12, "{forks}");

    let node = city.path("node");
    fs::create_dir(&node).unwrap();
    fs::write(Path::new(&node).join("blk00000.dat"), framed(&city.blocks)).unwrap();
    assert!(city.verify(0, &[&node])["forks"].is_object());
}

#[test]
fn answers_about_keys_and_receipts_have_exactly_the_keys_of_the_schemas() {
    let city = City::new();
    let (key, receipt) = (city.path("auditor.key"), city.path("chain.receipt"));
    let key_show = |code, arguments: &[&str]| check("key-show", code, &[&["key", "show"], arguments].concat());
    check("key-new", 0, &["key", "new", "--out", &key, "--label", "Audit office"]);
    let public = key_show(0, &[&key])["public_key"].as_str().unwrap().to_owned();
    check("key-new", 0, &["key", "new", "--out", &city.path("without-label.key")]);

    let sign = |code, bytes: Vec<u8>| city.verify_bytes(code, bytes, &["--receipt", &receipt, "--key", &key]);
    let receipt_verify = |code, arguments: &[&str]| {
        check("receipt-verify", code, &[&["receipt", "verify", &receipt], arguments].concat())
    };
    let mut faulty = city.blocks.clone();
    faulty[12][100] ^= 1;
    sign(1, framed(&faulty));
    assert_eq!(receipt_verify(2, &[])["statement"]["fault"]["rule"], "R21");
    sign(0, city.headers());
    receipt_verify(0, &["--key", &public]);
    sign(0, framed(&city.blocks));
    check("receipt-show", 0, &["receipt", "show", &receipt]);
    let source = city.folder.file("blocks", framed(&city.blocks));
    let spot_check = ["--spot-check", "5", "--source"];
    let answer = receipt_verify(0, &[&["--key", &public][..], &spot_check, &[&*source]].concat());
    assert_eq!(answer["spot_check"]["result"], "right");
    let (_, other) = common::city(30);
    let source = city.folder.file("other", packed(&other));
    assert_eq!(receipt_verify(1, &[&spot_check[..], &[&*source]].concat())["spot_check"]["result"], "wrong");
    let stranger = "11".repeat(32);
    assert_eq!(receipt_verify(1, &["--key", &stranger])["key"], "foreign");

    let forged = fs::read_to_string(&receipt).unwrap().replace("\"count\":30", "\"count\":29");
    fs::write(&receipt, forged).unwrap();
    assert_eq!(receipt_verify(1, &[])["receipt"], "refused");
    assert_eq!(check("receipt-show", 1, &["receipt", "show", &receipt])["receipt"], "refused");
}

#[test]
fn answers_about_certificates_and_tokens_have_exactly_the_keys_of_the_schemas() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pki = path("pki");
    check("certs", 0, &["certs", "--out", &pki, "--name", "localhost", "--client", "parks"]);
    check("certs-add", 0, &["certs", "add", &pki, "--client", "roads"]);
    fs::rename(path("pki/server.pem"), path("old.pem")).unwrap();
    fs::rename(path("pki/server.key"), path("old.key")).unwrap();
    check("certs-add", 0, &["certs", "add", &pki, "--name", "10.0.0.7", "--client", "harbour"]);
    check("certs-revoke", 0, &["certs", "revoke", &pki, &path("pki/client-parks.pem")]);
    check("token", 0, &["token", "--tenant", "parks", "--out", &path("parks.token")]);
}

#[test]
fn answers_about_configurations_and_packages_have_exactly_the_keys_of_the_schemas() {
    let folder = Folder::new();
    let config = folder.file("city.toml", "threads = 2\n[limits]\njobs = 9\n");
    check("config-print", 0, &["config", "print", "--config", &config]);
    check("config-check", 0, &["config", "check", &config]);
    let script = check("completions", 0, &["completions", "bash"]);
    assert!(script["script"].as_str().unwrap().contains("--txoutproof"), "{script}");
    let man = folder.path().join("man").to_str().unwrap().to_owned();
    let pages = check("man", 0, &["man", "--out", &man]);
    let page = fs::read_to_string(folder.path().join("man/cityseal-config-check.1")).unwrap();
    assert!(page.contains(".SH EXAMPLES\n.nf\nExamples:\n") && page.contains("<FILE>\\fR"), "{page}");
    assert_eq!(pages["pages"].as_array().unwrap().len(), fs::read_dir(man).unwrap().count());
}

#[test]
fn answers_of_seal_have_exactly_the_keys_of_the_schema() {
    let seal = |code, arguments: &[&str]| check("seal", code, &[&["seal", "--device", "cpu"], arguments].concat());
    seal(0, &["--header", GENESIS, "--nonces", "2083236893..=2083236893"]);
    seal(1, &["--header", GENESIS, "--nonces", "0..=99"]);
    let easy = "f".repeat(64);
    let failed = ["--header", GENESIS, "--nonces", "0..=9", "--target", &easy, "--all", "--max-seals", "9"];
    assert_eq!(seal(2, &failed)["outcome"], "failed");
    let folder = Folder::new();
    let coinbase = json!({ "prefix": "01", "suffix": "02", "extranonce_size": 8,
                           "extranonce_first": "fffffffffffffffe", "extranonce_last": "ffffffffffffffff" });
    let template = json!({ "header": GENESIS, "target": easy, "nonces": { "first": 0, "last": 1 },
                           "coinbase": coinbase, "merkle_branch": [] });
    let answer = seal(0, &["--template", &folder.file("job.json", template.to_string()), "--all"]);
    assert_eq!(answer["seals"][0]["extranonce"], (u64::MAX - 1).to_string(), "a decimal string");
}

#[test]
fn answers_about_devices_and_figures_have_exactly_the_keys_of_the_schemas() {
    check("devices", 0, &["devices"]);
    check("devices", 0, &["devices", "--device", "cpu"]);
    check("selftest", 0, &["selftest", "--device", "cpu"]);
    check("selftest", 1, &["selftest", "--device", "cpu", "--kernel", "broken"]);
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let records = path("records");
    let bench = |code, arguments: &[&str]| {
        let brief = ["bench", "--device", "cpu", "--threads", "1", "--seconds", "0.05", "--record", &records];
        check("bench", code, &[&brief, arguments].concat())
    };
    bench(0, &["--mode", "merkle", "--by-batch"]);
    bench(0, &["--mode", "latency"]);
    bench(1, &["--kernel", "broken"]);
    assert!(fs::exists(&records).unwrap());
    for machine in fs::read_dir(&records).unwrap() {
        for record in fs::read_dir(machine.unwrap().path()).unwrap() {
            let record: Value = serde_json::from_slice(&fs::read(record.unwrap().path()).unwrap()).unwrap();
            schemas::check_is_exact("bench", &record);
        }
    }
    // The row of the broken kernel is wrong on both sides.
    check("bench-compare", 1, &["bench", "compare", &records, &records]);
    let (page, plots) = (path("page.html"), path("plots"));
    check("bench-report", 0, &["bench", "report", &records, "--out", &page, "--svg", &plots]);
}

#[test]
fn the_records_in_this_repository_are_valid_answers_of_bench() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench-results");
    let machines = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = machines.flat_map(|machine| fs::read_dir(machine).unwrap().map(|entry| entry.unwrap().path()));
    let records: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert!(records.len() >= 4, "{records:?}");
    for path in records {
        let record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        schemas::check("bench", &record);
    }
}

#[test]
fn answers_of_demo_and_serve_have_exactly_the_keys_of_the_schemas() {
    let folder = Folder::new();
    let kept = folder.path().join("kept");
    check("demo", 0, &["demo", "--device", "cpu", "--keep", kept.to_str().unwrap()]);
    let (mut child, printed) = serve(&["--dashboard", "127.0.0.1:0"]);
    child.kill().unwrap();
    child.wait().unwrap();
    schemas::check_is_exact("serve", &printed);
}

/// Starts a service, and returns it with what it prints when it is ready.
fn serve(arguments: &[&str]) -> (Child, Value) {
    let listen = ["serve", "--device", "cpu", "--threads", "1", "--listen", "127.0.0.1:0", "--json"];
    let mut child =
        command(&[&listen, arguments].concat()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_running_service_has_exactly_the_keys_of_the_schema_and_its_exit_code_says_whether_it_serves() {
    use cityseal_client::chain::{Network, Parameters, SealTemplate};
    use cityseal_client::{Client, ClientOptions, SealRequest};

    let (mut child, printed) = serve(&["--lame-duck", "3600"]);
    let address = printed["listening"].as_str().unwrap();
    let client = Client::connect(ClientOptions::new(address)).await.unwrap();
    let template = SealTemplate::builder(*Parameters::of(Network::Regtest).genesis()).build().unwrap();
    client.seal(&SealRequest::new(template).request_id("deed-1").tenant("land-registry")).await.unwrap();
    client.advance_tip("parks", "main", 3).await.unwrap();
    client.advance_tip("parks", "main", 2).await.unwrap_err();
    let answer = check("status", 0, &["status", "--address", address]);
    assert_eq!((&answer["state"], &answer["jobs"][0]["state"]), (&json!("serving"), &json!("sealed")), "{answer}");
    let refused = &answer["refusals"][0];
    assert_eq!((&refused["expected"], &refused["found"]), (&json!("generation 3 or greater"), &json!("2")), "{answer}");
    let text = cityseal(&["status", "--address", address]);
    for words in ["serving for", "land-registry", "AdvanceTip by parks: STALE_GENERATION", "-> The work is out of date"]
    {
        assert!(text.stdout.contains(words), "`{words}` is not in {text:?}");
    }
    let signalled = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    // The signal arrives a little later.
    while cityseal(&["status", "--address", address, "--json"]).code == 0 {}
    assert_eq!(check("status", 1, &["status", "--address", address])["state"], "draining");
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = check("error", 2, &["status", "--address", address]);
    assert_eq!(gone["error"]["reason"], "service-unreachable", "{gone}");
}

#[test]
fn every_command_without_an_answer_prints_an_error_that_is_valid() {
    let folder = Folder::new();
    let missing = folder.path().join("missing/file");
    let missing = missing.to_str().unwrap();
    let not_a_key = folder.file("not-a-key", "text\n");
    let commands = [
        &["demo", "--device", "warp"][..],
        &["devices", "--device", "warp"],
        &["selftest", "--device", "warp"],
        &["bench", "--device", "warp"],
        &["bench", "compare", missing, missing],
        &["bench", "report", missing, "--out", missing],
        &["drill", "--device", "warp"],
        &["seal", "--template", missing],
        &["verify", missing],
        &["key", "new", "--out", missing],
        &["key", "show", &not_a_key],
        &["receipt", "verify", missing],
        &["receipt", "show", missing],
        &["certs", "--out", &not_a_key, "--name", "localhost"],
        &["certs", "add", missing, "--client", "a"],
        &["certs", "revoke", missing, &not_a_key],
        &["token", "--tenant", "a", "--out", missing],
        &["serve", "--device", "warp"],
        &["config", "print", "--config", missing],
        &["config", "check", missing],
        &["completions", "no-such-shell"],
        &["man", "--out", &not_a_key],
        &["journal", "dump", missing],
        &["status", "--address", "nowhere"],
    ];
    let mut named = BTreeSet::from(schemas::NOT_OF_A_COMMAND.map(str::to_owned));
    for arguments in commands {
        check("error", 2, arguments);
        let words: Vec<&str> = arguments.iter().copied().take_while(|word| !word.starts_with("--")).take(2).collect();
        let pair = words.join("-");
        named.insert(if schemas::all().contains_key(&pair) { pair } else { words[0].to_owned() });
        let usage = check("error", 2, &[&words[..], &["--no-such-flag"]].concat());
        assert_eq!(usage["error"]["reason"], "usage", "{usage}");
    }
    assert_eq!(named, schemas::all().keys().cloned().collect(), "each schema belongs to one command");
}

#[test]
fn every_object_of_a_schema_is_closed_and_every_key_has_a_description() {
    for (name, schema) in schemas::all() {
        schemas::validator(name);
        assert!(schema.text["title"].is_string(), "{name} has no title");
        assert_eq!(schema.text["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert_closed(name, &schema.text, &schema.text);
    }
}

fn assert_closed(name: &str, root: &'static Value, schema: &'static Value) {
    if schema["type"] == "object" {
        assert_eq!(schema["additionalProperties"], json!(false), "{name}: {schema}");
        let properties = schema["properties"].as_object().unwrap();
        assert!(schemas::required(schema).iter().all(|key| properties.contains_key(key)), "{name}: {schema}");
        for (key, property) in properties {
            let described = |schema: &Value| schema.get("description").is_some_and(Value::is_string);
            let target = schemas::resolved(root, property).1;
            assert!(described(property) || described(target), "{name}: `{key}` has no description");
        }
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|inner| assert_closed(name, root, inner)),
        Value::Array(items) => items.iter().for_each(|inner| assert_closed(name, root, inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_schema_refuses_numbers_beyond_53_bits_and_values_that_no_answer_has() {
    let city = City::new();
    let answer = city.verify_bytes(0, city.headers(), &[]);
    let refused = |pointer: &str, value: Value| {
        let mut changed = answer.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!schemas::validator("verify").is_valid(&changed), "{pointer}: {changed}");
    };
    refused("/count", json!(1_u64 << 53));
    refused("/count", json!("30"));
    refused("/devices/0/hashes", json!(30));
    refused("/devices/0/state", json!("tired"));
    refused("/tip/hash", json!("00"));
    refused("/checked/0", json!("R5"));
    refused("/seconds", json!("1"));
    // These verdicts come with a fault or a reason.
    refused("/verdict", json!("fault"));
    refused("/verdict", json!("incomplete"));
}
