//! The answers of `cityseal verify` about shards, and results of other builds: parts and checkpoints for other rules.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use cityseal_chain::{MerkleKind, RuleSet};
use common::{Folder, Run, block, city_of_blocks, cityseal, packed};
use serde_json::json;

/// A time after every header of the test city.
const NOW: &str = "1800000000";

/// A chain of twenty blocks, and its headers alone.
struct City {
    folder: Folder,
    toml: String,
    headers: String,
    blocks: String,
}

impl City {
    fn new() -> Self {
        let (toml, headers) = city_of_blocks(20);
        let folder = Folder::new();
        let blocks: Vec<u8> = headers.iter().flat_map(block).collect();
        let (toml, blocks) = (folder.file("city.toml", toml), folder.file("blocks", blocks));
        Self { toml, headers: folder.file("headers", packed(&headers)), blocks, folder }
    }

    fn verify(&self, arguments: &[&str]) -> Run {
        let network = ["verify", "--device", "cpu", "--now", NOW, "--network", &self.toml];
        cityseal(&[&network, arguments].concat())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn shard(&self, file: &str, shard: &str, more: &[&str]) -> Run {
        self.verify(&[&[file, "--shard", shard, "--out", &self.path(&shard.replace('/', "-"))], more].concat())
    }
}

#[test]
fn a_shard_holds_with_its_heights_and_its_own_work_but_is_not_a_valid_chain() {
    let city = City::new();
    // Each header adds two hashes of work.
    let work = |headers: u64| format!("{:064x}", 2 * headers);
    for (file, shard, head, count) in [
        (&city.headers, "1/3", "SHARD 1 of 3 HOLDS: heights 0 to 5", 6),
        (&city.headers, "3/3", "SHARD 3 of 3 HOLDS: heights 13 to 19", 7),
        (&city.blocks, "2/3", "SHARD 2 of 3 HOLDS: heights 6 to 12", 7),
    ] {
        let run = city.shard(file, shard, &[]);
        assert_eq!((run.code, run.stdout.lines().next()), (0, Some(head)), "{run:?}");
        let line = format!("  work of this shard {}\n", work(count));
        assert!(run.stdout.contains(&line) && run.stdout.contains("--join"), "{run:?}");
        assert!(!run.stdout.contains("VALID") && !run.stdout.contains("chain work"), "{run:?}");

        let answer = city.shard(file, shard, &["--json"]).json();
        let (index, of) = shard.split_once('/').unwrap();
        let (index, of): (u64, u64) = (index.parse().unwrap(), of.parse().unwrap());
        assert_eq!((&answer["verdict"], &answer["shard"]), (&json!("valid"), &json!({"index": index, "of": of})));
        assert_eq!(answer["tip"]["chain_work"], work(count), "{answer}");
        let answer = city.shard(file, shard, &["--json", "--start-work", "64"]).json();
        assert_eq!(answer["tip"]["chain_work"], work(count + 50), "{answer}");
    }
    let whole = city.verify(&[&city.headers]);
    assert!(whole.code == 0 && whole.stdout.starts_with("VALID\n"), "{whole:?}");
    assert!(city.verify(&[&city.headers, "--json"]).json().get("shard").is_none());
}

#[test]
fn a_shard_without_items_holds_and_one_with_a_fault_names_itself() {
    let city = City::new();
    // The second of sixty shards of twenty items has none.
    let run = city.shard(&city.headers, "2/60", &[]);
    assert!(run.code == 0 && run.stdout.starts_with("SHARD 2 of 60 HOLDS: it has no items"), "{run:?}");
    let answer = city.shard(&city.headers, "2/60", &["--json"]).json();
    assert_eq!((&answer["verdict"], &answer["count"], answer.get("reason")), (&json!("valid"), &json!(0), None));

    let mut bytes = std::fs::read(&city.headers).unwrap();
    bytes[80 * 15 + 4] ^= 1;
    let bad = city.folder.file("bad", bytes);
    let run = city.shard(&bad, "3/3", &[]);
    assert!(run.code == 1 && run.stdout.starts_with("FAULT at height 15"), "{run:?}");
    assert!(run.stdout.contains("  in shard 3 of 3, which begins at height 13\n"), "{run:?}");
    let answer = city.shard(&bad, "3/3", &["--json"]).json();
    assert_eq!((&answer["verdict"], &answer["shard"]["index"]), (&json!("fault"), &json!(3)));
}

/// The text of a part with another digest of rules, and as written by a build that recorded none.
fn by_other_rules(part: &str, mine: &str) -> [(String, String); 2] {
    let other = "07".repeat(32);
    let line = format!("  \"rules\": \"{mine}\",\n");
    assert_eq!(part.matches(&line).count(), 1, "{part}");
    let without = part.replace(&line, "").replace("cityseal-part-2", "cityseal-part-1");
    [(part.replace(mine, &other), other), (without, "a build that did not record its rules".to_owned())]
}

#[test]
fn shards_and_checkpoints_for_other_rules_are_refused_with_both_digests() {
    let city = City::new();
    for (input, rules) in [(&city.headers, RuleSet::HEADERS), (&city.blocks, RuleSet::blocks(MerkleKind::Bitcoin))] {
        let mine = rules.digest().to_string();
        assert_eq!(city.shard(input, "1/2", &[]).code, 0);
        assert_eq!(city.shard(input, "2/2", &[]).code, 0);
        let [first, second, checkpoint] = ["1-2", "2-2", "checkpoint"].map(|name| city.path(name));
        assert_eq!(city.verify(&["--join", &first, &second]).code, 0);
        assert_eq!(city.verify(&[input, "--checkpoint", &checkpoint]).code, 0);
        assert_eq!(city.verify(&[input, "--checkpoint", &checkpoint]).code, 0, "it is resumed by the same rules");

        for (text, found) in by_other_rules(&std::fs::read_to_string(&second).unwrap(), &mine) {
            let other = city.folder.file("other.json", text);
            city.verify(&["--join", &first, &other]).refused(&["other.json", "RULES_DIFFER", &found, &mine]);
        }
        for (text, found) in by_other_rules(&std::fs::read_to_string(&checkpoint).unwrap(), &mine) {
            let other = city.folder.file("other", &text);
            let run = city.verify(&[input, "--json", "--checkpoint", &other]);
            run.refused(&["other", "RULES_DIFFER", &found, &mine]);
            assert!(!run.stdout.contains("verdict"), "nothing was verified: {run:?}");
            assert_eq!(std::fs::read_to_string(&other).unwrap(), text, "the file is unchanged");
        }
        std::fs::remove_file(&checkpoint).unwrap();
    }
}

#[test]
fn a_part_for_the_rules_of_another_kind_of_tree_is_refused() {
    let city = City::new();
    assert_eq!(city.shard(&city.blocks, "1/1", &[]).code, 0);
    let mine = RuleSet::blocks(MerkleKind::Bitcoin).digest().to_string();
    let other = RuleSet::blocks(MerkleKind::Rfc6962Sha256).digest().to_string();
    let text = std::fs::read_to_string(city.path("1-1")).unwrap().replace(&mine, &other);
    let part = city.folder.file("other.json", text);
    city.verify(&["--join", &part]).refused(&["RULES_DIFFER", &mine, &other]);
    city.verify(&[&city.blocks, "--checkpoint", &part]).refused(&["other.json", "RULES_DIFFER", &mine, &other]);
}

#[test]
fn a_real_part_of_the_previous_format_is_refused_by_name() {
    // Shard 2 of 2 of the first five headers of Bitcoin's main chain, as written by the build before format 2.
    let folder = Folder::new();
    let part = folder.file("old.json", include_str!("data/part-1.json"));
    let run = cityseal(&["verify", "--join", &part]);
    run.refused(&["old.json", "RULES_DIFFER", "did not record its rules", &RuleSet::HEADERS.digest().to_string()]);
}
