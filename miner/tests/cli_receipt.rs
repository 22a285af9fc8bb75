//! `cityseal key` and `cityseal receipt` as a script sees them: exit codes, JSON, and every reason for refusing a
//! receipt.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use cityseal_chain::{BlockHash, BlockHeader, ChainWork, Parameters, RuleSet, TreeOutline, hex, rfc6962};
use cityseal_hash::HashKernel;
use cityseal_receipt::{
    Build, DeviceRow, ItemKind, Made, OUT_OF_SCOPE, Openings, Receipt, SecretKey, Statement, StatementParts, TipRow,
    VerdictKind,
};
use common::{Folder, Run, city, cityseal, cityseal_with_stdin, packed, sealed};
use serde_json::{Value, json};

/// Enough headers that subtrees have several of them, and that a file is larger than one read.
const COUNT: usize = 14_000;

/// The highest level of a tree of [`COUNT`] leaves: 14,000 / 256 is just under 2^6.
const SUBTREE: u64 = 64;

struct Case {
    folder: Folder,
    /// The path of the city's parameter file.
    toml: String,
    parameters: [u8; 32],
    headers: Vec<BlockHeader>,
    key: SecretKey,
}

impl Case {
    fn new(count: usize) -> Self {
        let key = SecretKey::from_seed(&[7; 32], Some("Audit office".into())).unwrap();
        let (folder, (toml, headers)) = (Folder::new(), city(count));
        let parameters = Parameters::from_toml(&toml).unwrap().digest().to_bytes();
        Self { toml: folder.file("city.toml", toml), parameters, folder, headers, key }
    }

    fn parts(&self) -> StatementParts {
        let leaves: Vec<_> = self.headers.iter().map(|header| rfc6962::leaf_hash(header.hash().as_bytes())).collect();
        let openings = Openings::of(&TreeOutline::of_leaves(0, &leaves, HashKernel::detect())).unwrap();
        let count = self.headers.len() as u64;
        let chain_work = ChainWork::from_display_hex(&format!("{:064x}", 2 * count)).unwrap();
        StatementParts {
            verdict: VerdictKind::Valid,
            kind: ItemKind::Headers,
            network: "test".into(),
            parameters: self.parameters,
            first_height: 0,
            count,
            parent: BlockHash::ZERO,
            start_work: ChainWork::ZERO,
            tip: self.headers.last().map(|last| TipRow { height: count - 1, hash: last.hash(), chain_work }),
            transactions: 0,
            body_bytes: 0,
            fault: None,
            checked: vec!["R05".into(), "R06".into()],
            rules: Some(RuleSet::HEADERS.digest().to_bytes()),
            not_checked: Vec::new(),
            out_of_scope: OUT_OF_SCOPE.map(str::to_owned).to_vec(),
            headers_root: openings.root(),
            contents_root: None,
            openings,
            build: Build { version: "0.1.0".into(), commit: "0123456789ab".into() },
            devices: vec![DeviceRow { name: "cpu".into(), kernel: None, items: count }],
            now: 1_800_000_000,
            made: Made::at(1_795_618_328).unwrap(),
            signer: self.key.signer(),
        }
    }

    fn json(&self) -> String {
        Receipt::sign(Statement::new(self.parts()).unwrap(), &self.key).unwrap().to_json()
    }

    /// Verifies a receipt with the trusted key and further arguments.
    fn verify(&self, receipt: &str, arguments: &[&str]) -> Run {
        let file = self.folder.file("receipt.json", receipt);
        let key = self.key.public_key().to_string();
        cityseal(&[&["receipt", "verify", &file, "--json", "--key", &key], arguments].concat())
    }

    fn spot_check(&self, items: &str, source: &[&str]) -> Run {
        self.verify(&self.json(), &[&["--spot-check", items, "--source"], source].concat())
    }
}

fn expect_good(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!((&answer["receipt"], &answer["key"]), (&json!("good"), &json!("trusted")), "{answer}");
    answer
}

fn expect_no(run: &Run, reason: &str) {
    assert_eq!(run.code, 1, "{run:?}");
    let answer = run.json();
    assert_eq!(answer["receipt"], "refused");
    assert!(answer["reason"].as_str().unwrap().contains(reason), "`{reason}` is not in {answer}");
}

#[test]
fn a_new_key_is_private_is_never_overwritten_and_shows_its_public_key() {
    let folder = Folder::new();
    let path = folder.path().join("auditor.key");
    let file = path.to_str().unwrap();
    let run = cityseal(&["key", "new", "--out", file, "--label", "Audit office", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let made = run.json();
    assert_eq!(made["label"], "Audit office");
    let text = std::fs::read_to_string(&path).unwrap();
    let key = SecretKey::from_file_text(&text).unwrap();
    assert_eq!(made["public_key"], key.public_key().to_string());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let seed = text.lines().nth(1).unwrap();
    assert!(!run.stdout.contains(seed) && !run.stderr.contains(seed));

    let shown = cityseal(&["key", "show", file]);
    assert_eq!((shown.code, shown.stdout), (0, format!("{}\n", key.public_key())));

    cityseal(&["key", "new", "--out", file]).refused(&["auditor.key", "never overwritten"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn two_new_keys_are_different_and_a_bad_label_or_folder_leaves_no_file() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let new = |name: &str| cityseal(&["key", "new", "--out", &path(name)]).stdout;
    assert_ne!(new("a.key"), new("b.key"));
    cityseal(&["key", "new", "--out", &path("c.key"), "--label", "a\nb"]).refused(&["c.key", "label"]);
    assert!(!folder.path().join("c.key").exists());
    cityseal(&["key", "new", "--out", &path("nowhere/d.key")]).refused(&["d.key", "cannot be written"]);
    cityseal(&["key", "show", &folder.file("e.key", "no key")]).refused(&["e.key", "not a secret key"]);
}

#[cfg(unix)]
#[test]
fn a_secret_key_that_others_may_read_is_refused_with_the_command_that_fixes_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let key = SecretKey::from_seed(&[7; 32], None).unwrap();
    let file = folder.file("auditor.key", key.to_file_text().as_bytes());
    let (toml, headers) = city(2);
    let (toml, chain) = (folder.file("city.toml", toml), folder.file("chain.bin", packed(&headers)));
    let receipt = folder.path().join("receipt.json");
    let receipt = receipt.to_str().unwrap();
    let show = || cityseal(&["key", "show", &file]);
    let sign =
        || cityseal(&["verify", "--device", "cpu", "--network", &toml, &chain, "--receipt", receipt, "--key", &file]);
    let serve = || cityseal(&["serve", "--device", "cpu", "--listen", "127.0.0.1:0", "--key", &file]);
    for mode in [0o644, 0o640, 0o604, 0o620, 0o611] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let words = [&*file, &format!("{mode:04o}"), &format!("chmod 600 {file}")];
        show().refused(&words);
        sign().refused(&words);
        serve().refused(&words);
        assert!(!show().stdout.contains(&key.public_key().to_string()));
    }
    assert!(!std::fs::exists(receipt).unwrap());
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(show().code, 0, "{mode:o}");
        assert_eq!(sign().code, 0, "{mode:o}");
    }
}

#[test]
fn a_receipt_by_a_trusted_key_is_good_and_its_statement_is_printed() {
    let case = Case::new(3);
    let answer = expect_good(&case.verify(&case.json(), &[]));
    assert_eq!(answer["public_key"], case.key.public_key().to_string());
    assert_eq!((&answer["label"], &answer["statement"]["count"]), (&json!("Audit office"), &json!(3)));
    assert_eq!(answer["statement"]["tip"]["hash"], case.headers[2].hash().to_display_hex());
    assert!(answer.get("spot_check").is_none());
}

#[test]
fn a_key_may_be_given_as_digits_or_as_a_file_and_one_of_several_suffices() {
    let case = Case::new(3);
    let receipt = case.folder.file("r.json", case.json());
    let public = case.folder.file("k.pub", format!("{}\n", case.key.public_key()));
    let stranger = SecretKey::from_seed(&[8; 32], None).unwrap();
    let other = stranger.public_key().to_string();
    let verify = |keys: &[&str]| cityseal(&[&["receipt", "verify", &receipt, "--json"], keys].concat());
    expect_good(&verify(&["--key", &public]));
    expect_good(&verify(&["--key", &other, "--key", &public]));
    expect_no(&verify(&["--key", &other]), "not one of the trusted keys");

    let secret = case.folder.file("k.key", case.key.to_file_text().as_bytes());
    verify(&["--key", &secret]).refused(&["k.key", "secret key"]);
    verify(&["--key", &"0".repeat(64)]).refused(&["--key", "not a public key"]);
    verify(&["--key", "nowhere.pub"]).refused(&["nowhere.pub"]);
}

#[test]
fn without_a_key_the_signer_is_not_trusted_and_the_answer_is_undecided() {
    let case = Case::new(3);
    let receipt = case.folder.file("r.json", case.json());
    let run = cityseal(&["receipt", "verify", &receipt]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stdout.starts_with("SIGNED, SIGNER NOT TRUSTED: the signature is good"), "{run:?}");
    for words in [&*case.key.public_key().to_string(), "Audit office", "key not checked against a trusted one", "--key"]
    {
        assert!(run.stdout.contains(words), "`{words}` is not in {run:?}");
    }
    let run = cityseal(&["receipt", "verify", &receipt, "--json"]);
    let answer = run.json();
    assert_eq!((run.code, &answer["receipt"], &answer["key"]), (2, &json!("good"), &json!("unchecked")));
    // What is refused with a key is refused without one too.
    let forged = case.folder.file("f.json", case.json().replace("Audit", "Other"));
    assert_eq!(cityseal(&["receipt", "verify", &forged]).code, 1);
    let run = cityseal(&["receipt", "verify", &receipt, "--network", "mainnet"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.starts_with("REFUSED: "), "{run:?}");
}

#[test]
fn the_rules_of_a_receipt_are_compared_with_those_of_this_build() {
    let case = Case::new(3);
    let with = |rules: Option<[u8; 32]>| {
        let statement = Statement::new(StatementParts { rules, ..case.parts() }).unwrap();
        case.folder.file("r.json", Receipt::sign(statement, &case.key).unwrap().to_json())
    };
    let (mine, key) = (RuleSet::HEADERS.digest().to_string(), case.key.public_key().to_string());
    for (rules, compared, words) in [
        (Some(RuleSet::HEADERS.digest().to_bytes()), "same", format!("rules: {mine}, this build's rules")),
        (Some([7; 32]), "other", format!("rules: {}, other rules than this build's ({mine})", "07".repeat(32))),
        (None, "unnamed", "rules: not named, since receipts of format 1 have no digest".to_owned()),
    ] {
        let receipt = with(rules);
        let verify = |json: &[&str]| cityseal(&[&["receipt", "verify", &receipt, "--key", &key], json].concat());
        let run = verify(&[]);
        assert!(run.code == 0 && run.stdout.contains(&words), "{run:?}");
        let answer = expect_good(&verify(&["--json"]));
        let digest = rules.map(|digest| hex::encode(&digest));
        assert_eq!(answer["rules"]["compared"], compared);
        assert_eq!((&answer["rules"]["digest"], &answer["statement"]["rules"]), (&json!(digest), &json!(digest)));
        assert_eq!(answer["rules"]["this_build"], json!([mine]));

        let run = cityseal(&["receipt", "show", &receipt]);
        assert!(run.code == 0 && run.stderr.contains(&words), "{run:?}");
        assert_eq!(cityseal(&["receipt", "show", &receipt, "--json"]).json()["rules"]["compared"], compared);
    }
}

#[test]
fn a_receipt_of_format_1_still_verifies() {
    let folder = Folder::new();
    // Written by the build before format 2, for the first five headers of Bitcoin's main chain.
    let receipt = folder.file("old.json", include_str!("../../receipt/tests/data/format-1.json"));
    let key = SecretKey::from_seed(&[7; 32], None).unwrap().public_key().to_string();
    let answer =
        expect_good(&cityseal(&["receipt", "verify", &receipt, "--json", "--key", &key, "--network", "mainnet"]));
    assert_eq!((&answer["rules"]["compared"], &answer["statement"]["count"]), (&json!("unnamed"), &json!(5)));
    let run = cityseal(&["receipt", "show", &receipt]);
    assert!(run.code == 0 && run.stdout.starts_with("receipt: cityseal-receipt-1\n"), "{run:?}");
}

#[test]
fn a_changed_or_foreign_receipt_is_refused() {
    let case = Case::new(3);
    let json = case.json();
    expect_no(&case.verify(&json.replacen("\"count\":3", "\"count\":4", 1), &[]), "signed text");
    expect_no(&case.verify(&json.replace("Audit", "Other"), &[]), "does not match the text");

    let stranger = Case { key: SecretKey::from_seed(&[8; 32], None).unwrap(), ..Case::new(3) };
    let run = case.verify(&stranger.json(), &["--spot-check", "1", "--source", "nowhere.bin"]);
    expect_no(&run, "not one of the trusted keys");
    assert_eq!(run.json()["key"], "foreign");
}

#[test]
fn a_file_that_is_not_a_receipt_is_bad_input() {
    let case = Case::new(3);
    let json = case.json();
    for (text, reason) in [
        (&json[..json.len() / 2], "truncated"),
        ("", "truncated"),
        ("no receipt", "not JSON"),
        (&json.replace("receipt-2", "receipt-9"), "the format is"),
        (&json.replace("\"count\":3", "\"count\": 3"), "one form"),
        (&json.replace("\"count\":3", "\"count\":3,\"x\":1"), "unknown field"),
    ] {
        case.verify(text, &[]).refused(&["receipt.json", "not a receipt", reason]);
    }
    cityseal(&["receipt", "verify", "nowhere.json"]).refused(&["nowhere.json"]);
}

#[test]
fn the_signed_text_is_shown_exactly_and_no_other_text_is() {
    let case = Case::new(3);
    let text = Statement::new(case.parts()).unwrap().text();
    let receipt = case.folder.file("r.json", case.json());
    let run = cityseal(&["receipt", "show", &receipt]);
    assert_eq!((run.code, &run.stdout), (0, &text), "{run:?}");
    assert!(run.stderr.contains("not checked against a trusted one"), "{run:?}");
    assert_eq!(cityseal(&["receipt", "show", &receipt, "--json"]).json()["text"], text);

    let forged = case.folder.file("f.json", case.json().replace("Audit", "Other"));
    let run = cityseal(&["receipt", "show", &forged]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(!run.stdout.contains("Other office"), "{run:?}");
}

#[test]
fn a_spot_check_opens_the_chain_in_every_format_and_reads_no_more_than_it_needs() {
    let case = Case::new(COUNT);
    let bytes = packed(&case.headers);
    let hex: String = case.headers.iter().map(|header| header.to_hex() + "\n").collect();
    let framed: Vec<u8> = case
        .headers
        .iter()
        .flat_map(|header| [&[0xfa, 0xbf, 0xb5, 0xda, 90, 0, 0, 0][..], &header.to_wire(), &[7; 10]].concat())
        .collect();
    let packed_file = case.folder.file("a.bin", &bytes);
    let hex = case.folder.file("a.hex", hex);
    let framed = case.folder.file("blk0.dat", framed);
    let (first, second) = bytes.split_at(80 * 5000);
    let (first, second) = (case.folder.file("a1.bin", first), case.folder.file("a2.bin", second));
    for source in [&[&*packed_file][..], &[&hex], &[&framed], &[&first, &second]] {
        let check = expect_good(&case.spot_check("3", source))["spot_check"].clone();
        let items: Vec<u64> = check["items"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()).collect();
        assert!(items.len() == 3 && items.iter().all(|item| *item < COUNT as u64), "{check}");
        let mut subtrees: Vec<u64> = items.iter().map(|item| item / SUBTREE).collect();
        subtrees.dedup();
        assert_eq!((&check["result"], &check["subtrees"]), (&json!("right"), &json!(subtrees.len())));
        let sizes = subtrees.iter().map(|subtree| SUBTREE.min(COUNT as u64 - SUBTREE * subtree));
        assert_eq!(check["headers"], sizes.sum::<u64>());

        let all = expect_good(&case.spot_check("65536", source))["spot_check"].clone();
        assert_eq!(all["items"].as_array().unwrap().len(), COUNT);
        assert_eq!((&all["subtrees"], &all["headers"]), (&json!(COUNT as u64 / SUBTREE + 1), &json!(COUNT)));
    }
}

#[test]
fn a_spot_check_reads_from_a_pipe() {
    let case = Case::new(600);
    let receipt = case.folder.file("r.json", case.json());
    let key = case.key.public_key().to_string();
    let arguments = ["receipt", "verify", &receipt, "--json", "--key", &key, "--spot-check", "600", "--source", "-"];
    let run = cityseal_with_stdin(&arguments, &packed(&case.headers));
    assert_eq!((run.code, &run.json()["spot_check"]["headers"]), (0, &json!(600)), "{run:?}");
}

#[test]
fn a_spot_check_against_another_chain_is_refused() {
    let case = Case::new(600);
    let mut other = case.headers.clone();
    // From here on another chain, as valid as the signed one.
    for at in 300..600 {
        let prev_block_hash = other[at - 1].hash();
        other[at] = sealed(BlockHeader { version: 7, prev_block_hash, ..other[at] });
    }
    let source = case.folder.file("other.bin", packed(&other));
    let run = case.spot_check("600", &[&source]);
    expect_no(&run, "subtree 75 differs from what was signed");
    let check = &run.json()["spot_check"];
    assert_eq!((&check["result"], &check["subtrees"]), (&json!("wrong"), &json!(75)));
}

#[test]
fn a_source_with_too_few_headers_is_refused_and_a_longer_one_is_accepted() {
    let case = Case::new(600);
    let bytes = packed(&case.headers);
    let short = case.folder.file("short.bin", &bytes[..80 * 599]);
    expect_no(&case.spot_check("600", &[&short]), "the source ends after 599 headers, but the receipt covers 600");
    let long = case.folder.file("long.bin", [&bytes[..], &[1; 800]].concat());
    expect_good(&case.spot_check("600", &[&long]));
}

#[test]
fn an_unreadable_source_is_bad_input() {
    let case = Case::new(COUNT);
    let bytes = packed(&case.headers);
    let cut = case.folder.file("cut.bin", &bytes[..bytes.len() - 1]);
    let place = format!("offset {}", bytes.len() - 80);
    case.spot_check("65536", &[&cut]).refused(&["cut.bin", "truncated header: 79 of 80 bytes", &place]);
    let digit = case.folder.file("bad.hex", case.headers[0].to_hex() + "\nx\n");
    case.spot_check("65536", &[&digit]).refused(&["bad.hex", "line 2"]);
    case.spot_check("1", &["nowhere.bin"]).refused(&["nowhere.bin"]);
}

#[test]
fn a_receipt_about_a_faulty_first_header_passes_no_spot_check() {
    let case = Case { headers: Vec::new(), ..Case::new(1) };
    let fault = cityseal_receipt::FaultRow {
        height: 0,
        rule: "R06".into(),
        name: "link".into(),
        expected: "a".into(),
        found: "b".into(),
        offset: 0,
        transaction: None,
    };
    let parts = StatementParts { verdict: VerdictKind::Fault, fault: Some(fault), ..case.parts() };
    let receipt = Receipt::sign(Statement::new(parts).unwrap(), &case.key).unwrap().to_json();
    let source = case.folder.file("any.bin", [1; 80]);
    let run = case.verify(&receipt, &["--spot-check", "5", "--source", &source]);
    let answer = run.json();
    assert_eq!((run.code, &answer["receipt"], &answer["key"]), (2, &json!("refused"), &json!("trusted")), "{run:?}");
    assert!(answer["reason"].as_str().unwrap().contains("covers 0 items"), "{answer}");
    let check = &answer["spot_check"];
    assert_eq!((&check["result"], &check["items"], &check["headers"]), (&json!("impossible"), &json!([]), &json!(0)));
    assert_eq!(check["reason"], answer["reason"]);
    let file = case.folder.file("receipt.json", &receipt);
    let run = cityseal(&["receipt", "verify", &file, "--spot-check", "5", "--source", &source]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stdout.starts_with("REFUSED: the receipt covers 0 items") && !run.stdout.contains("right"), "{run:?}");
    // Without a spot check it is a good receipt of a fault.
    expect_good(&case.verify(&receipt, &[]));
}

#[test]
fn a_receipt_for_other_rules_than_requested_is_refused() {
    let case = Case::new(3);
    expect_good(&case.verify(&case.json(), &["--network", &case.toml]));
    let run = case.verify(&case.json(), &["--network", "mainnet"]);
    expect_no(&run, "the receipt is for the parameters of test");
    assert_eq!(run.json()["key"], "trusted");
    case.verify(&case.json(), &["--network", "mainet"]).refused(&["mainet"]);
}

/// A block of a header and a coinbase.
fn block(header: &BlockHeader) -> Vec<u8> {
    let coinbase =
        [&[1, 0, 0, 0, 1][..], &[0; 32], &[0xff; 4], &[1, 0x51], &[0xff; 4], &[1], &[0; 8], &[0], &[0; 4]].concat();
    [&header.to_wire()[..], &[1], &coinbase].concat()
}

#[test]
fn a_spot_check_reads_lines_of_whole_blocks() {
    let case = Case::new(600);
    let lines: String = case.headers.iter().map(|header| hex::encode(&block(header)) + "\n").collect();
    let source = case.folder.file("blocks.hex", lines);
    let check = expect_good(&case.spot_check("600", &[&source]))["spot_check"].clone();
    assert_eq!((&check["result"], &check["headers"]), (&json!("right"), &json!(600)));
}

#[test]
fn a_spot_check_follows_the_best_chain_of_a_nodes_folder() {
    let case = Case::new(600);
    let framed = |header: &BlockHeader| {
        let block = block(header);
        [&[0xfa, 0xbf, 0xb5, 0xda][..], &(block.len() as u32).to_le_bytes(), &block].concat()
    };
    // A block outside the chain, and the others from the last to the first, in two files.
    let stale = sealed(BlockHeader { version: 7, ..case.headers[400] });
    let blocks: Vec<Vec<u8>> = [stale].iter().chain(case.headers.iter().rev()).map(framed).collect();
    let node = Folder::new();
    node.file("blk00000.dat", blocks[..250].concat());
    node.file("blk00001.dat", blocks[250..].concat());
    let source = node.path().to_str().unwrap();

    let arguments = ["--spot-check", "600", "--network", &case.toml, "--source", source];
    let check = expect_good(&case.verify(&case.json(), &arguments))["spot_check"].clone();
    assert_eq!((&check["result"], &check["headers"]), (&json!("right"), &json!(600)));
    case.spot_check("600", &[source]).refused(&["--network", "best chain"]);

    let shorter = Case { headers: [&case.headers[..400], &[stale]].concat(), ..Case::new(1) };
    expect_no(&shorter.verify(&shorter.json(), &arguments), "differs from what was signed");
}
