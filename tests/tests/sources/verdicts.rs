//! Verdicts of `cityseal verify` on node folders and files with damaged, duplicate, unordered or missing blocks.

use std::fs;
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use cityseal_engine::chain::BlockHeader;
use cityseal_engine::chain::hex;
use cityseal_tests::data::data_dir;
use cityseal_tests::folder::Folder;
use cityseal_tests::program::{Ended, Program};
use serde_json::{Value, json};

use crate::blocks::{REGTEST_MAGIC, regtest};
use crate::regtest::{Block, Body, blocks_on, chain, genesis, sealed, unsealed};

/// A time after every block of these chains.
const NOW: &str = "1800000000";

fn verify(arguments: &[&str]) -> Ended {
    let program = Program::at(env!("CARGO_BIN_EXE_cityseal-under-test"));
    program.args(["verify", "--device", "cpu", "--json", "--now", NOW]).args(arguments.iter().copied()).run()
}

fn verify_regtest(path: &Path, arguments: &[&str]) -> Ended {
    verify(&[&["--network", "regtest", path.to_str().unwrap()], arguments].concat())
}

fn framed(block: &[u8]) -> Vec<u8> {
    [&REGTEST_MAGIC[..], &(block.len() as u32).to_le_bytes(), block].concat()
}

/// A node folder; each file is a list of parts: framed blocks or junk.
fn node(files: &[Vec<Vec<u8>>]) -> Folder {
    let folder = Folder::new();
    for (number, parts) in files.iter().enumerate() {
        folder.write(&format!("blk{number:05}.dat"), parts.concat());
    }
    folder
}

fn framed_all(blocks: &[Block]) -> Vec<Vec<u8>> {
    std::iter::once(genesis()).chain(blocks.iter().map(Block::bytes)).map(|block| framed(&block)).collect()
}

/// Asserts exit code 0 and the tip. Returns the JSON.
fn assert_valid(ended: Ended, tip: &Block) -> Value {
    let answer = ended.with_code(0).json();
    assert_eq!(answer["verdict"], json!("valid"), "{answer}");
    assert_eq!(answer["tip"]["hash"], json!(tip.hash().to_display_hex()), "{answer}");
    answer
}

fn assert_incomplete(ended: Ended, words: &[&str]) -> Value {
    let answer = ended.with_code(2).json();
    assert_eq!(answer["verdict"], json!("incomplete"), "{answer}");
    let reason = answer["reason"].as_str().unwrap_or_else(|| panic!("{answer}"));
    words.iter().for_each(|word| assert!(reason.contains(word), "`{word}` is not in: {reason}"));
    answer
}

/// The rules and heights of the listed damaged copies.
fn damaged_copies(answer: &Value) -> Vec<(String, u64)> {
    let rows = answer["forks"]["damaged_copies"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(answer["forks"]["damaged_copies_count"], json!(rows.len()));
    let row = |row: &Value| (row["rule"].as_str().unwrap().to_owned(), row["height"].as_u64().unwrap());
    rows.iter().map(row).collect()
}

#[test]
fn a_damaged_copy_before_or_after_the_intact_block_is_listed_and_does_not_change_the_verdict() {
    let blocks = chain(8);
    let whole = framed_all(&blocks);
    for height in [5, 6] {
        for (rule, damaged) in blocks[height - 1].damaged() {
            let damaged = framed(&damaged);
            let first = [&whole[..height], from_ref(&damaged), &whole[height..]].concat();
            let last = [&whole[..], from_ref(&damaged)].concat();
            // In the same file, and in a separate file before and after it.
            let files = [
                vec![first],
                vec![last],
                vec![vec![damaged.clone()], whole.clone()],
                vec![whole.clone(), vec![damaged]],
            ];
            for files in files {
                let folder = node(&files);
                let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[7]);
                assert_eq!(damaged_copies(&answer), [(rule.to_owned(), height as u64)], "{answer}");
                assert_eq!(answer["forks"]["duplicates"], json!(1));
            }
        }
    }
}

#[test]
fn a_damaged_copy_is_listed_with_its_file_and_byte_in_json_and_text() {
    let blocks = chain(4);
    let (rule, damaged) = blocks[2].damaged().swap_remove(2);
    let folder =
        node(&[[framed_all(&blocks[..2]), vec![framed(&damaged)]].concat(), framed_all(&blocks[2..])[1..].into()]);
    let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[3]);
    let offset = framed_all(&blocks[..2]).concat().len() + 8;
    let file = folder.path().join("blk00000.dat").display().to_string();
    let row = json!({"file": file, "offset": offset, "height": 3, "rule": rule});
    assert_eq!(answer["forks"]["damaged_copies"], json!([row]));
    let program = Program::at(env!("CARGO_BIN_EXE_cityseal-under-test"));
    let path = folder.path().to_str().unwrap().to_owned();
    let words = ["verify", "--device", "cpu", "--now", NOW, "--network", "regtest", path.as_str()];
    let stdout = program.args(words).run().with_code(0).stdout;
    let line = format!("damaged copy: the block at height 3, at byte {offset} of {file}, breaks {rule}; not used");
    assert!(stdout.contains(&line), "{stdout}");
}

#[test]
fn the_first_intact_copy_of_many_is_used_and_all_damaged_ones_are_listed() {
    let blocks = chain(6);
    let mut parts = framed_all(&blocks);
    let kinds = blocks[3].damaged();
    parts.splice(4..4, [framed(&kinds[2].1), framed(&kinds[3].1)]);
    parts.extend([framed(&blocks[3].bytes()), framed(&kinds[4].1), framed(&blocks[5].damaged()[2].1)]);
    let folder = node(&[parts]);
    let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[5]);
    let listed = [("R21", 4), ("R22", 4), (kinds[4].0, 4), ("R21", 6)].map(|(rule, height)| (rule.to_owned(), height));
    assert_eq!(damaged_copies(&answer), listed);
}

#[test]
fn a_block_with_damaged_copies_only_is_a_fault_by_the_lowest_rule_in_any_order() {
    let blocks = chain(6);
    let whole = framed_all(&blocks);
    let kinds = blocks[3].damaged();
    for order in [[2, 3], [3, 2]] {
        let [first, second] = order.map(|kind| framed(&kinds[kind].1));
        let first_file = [&whole[..4], &[first], &whole[5..]].concat();
        let offset = if order[0] == 2 { whole[..4].concat().len() } else { first_file.concat().len() } + 8;
        let folder = node(&[first_file, vec![second]]);
        let answer = verify_regtest(folder.path(), &[]).with_code(1).json();
        let fault = &answer["fault"];
        assert_eq!((&fault["height"], &fault["rule"]), (&json!(4), &json!("R21")), "{answer}");
        assert_eq!(fault["offset"], json!(offset));
        assert_eq!(damaged_copies(&answer), [("R22".to_owned(), 4)]);
    }
}

#[test]
fn a_rule_broken_by_the_block_itself_is_a_fault_despite_damaged_copies() {
    // The Merkle root commits to a coinbase with the wrong height, so no other body matches this header.
    let blocks = chain(3);
    let good = Block::on(&blocks[2].header, 4, 1, Body::Plain);
    let wrong_height = Block::on(&blocks[2].header, 9, 1, Body::Plain);
    assert_ne!(good.hash(), wrong_height.hash());
    let damaged = wrong_height.damaged().swap_remove(2).1;
    for copies in [[damaged.clone(), wrong_height.bytes()], [wrong_height.bytes(), damaged]] {
        let parts = [framed_all(&blocks), copies.iter().map(|copy| framed(copy)).collect()].concat();
        let folder = node(&[parts]);
        let answer = verify_regtest(folder.path(), &[]).with_code(1).json();
        assert_eq!((&answer["fault"]["height"], &answer["fault"]["rule"]), (&json!(4), &json!("R36")), "{answer}");
    }
}

#[test]
fn damaged_copies_are_found_in_files_of_every_format() {
    let blocks = chain(6);
    let all: Vec<Vec<u8>> = std::iter::once(genesis()).chain(blocks.iter().map(Block::bytes)).collect();
    let damaged = blocks[3].damaged().swap_remove(2).1;
    let lines =
        |blocks: &[Vec<u8>]| blocks.iter().map(|block| hex::encode(block) + "\n").collect::<String>().into_bytes();
    let frames = |blocks: &[Vec<u8>]| blocks.iter().flat_map(|block| framed(block)).collect::<Vec<u8>>();
    let raw = |blocks: &[Vec<u8>]| blocks.concat();
    for encode in [&lines as &dyn Fn(&[Vec<u8>]) -> Vec<u8>, &frames, &raw] {
        let folder = Folder::new();
        let first = folder.write("first", encode(&[&all[..3], from_ref(&damaged)].concat()));
        let second = folder.write("second", encode(&all[3..]));
        for (one, other) in [(&first, &second), (&second, &first)] {
            let ended = verify(&["--network", "regtest", "--forks", one, other]);
            assert_eq!(damaged_copies(&assert_valid(ended, &blocks[5])), [("R21".to_owned(), 4)]);
        }
    }
}

#[test]
fn unframed_blocks_are_found_after_a_copy_whose_end_is_unknown() {
    let blocks = chain(6);
    let all: Vec<Vec<u8>> = std::iter::once(genesis()).chain(blocks.iter().map(Block::bytes)).collect();
    let mut endless = all[3].clone();
    // The output count of the last transaction.
    let at = endless.len() - 4 - 14 - 1;
    assert_eq!(endless[at], 1, "one output");
    for count in [0xff, 0xfc] {
        // An invalid count, and a count that needs more bytes than follow.
        endless[at] = count;
        let damaged = [all[..3].concat(), endless.clone(), all[4..].concat()].concat();
        let folder = Folder::new();
        let first = folder.write("first", damaged);
        let second = folder.write("second", &all[3]);
        for (one, other) in [(&first, &second), (&second, &first)] {
            let ended = verify(&["--network", "regtest", "--format", "blocks", "--forks", one, other]);
            let answer = assert_valid(ended, &blocks[5]);
            assert_eq!(damaged_copies(&answer), [("R20".to_owned(), 3)]);
            let damage = answer["forks"]["damage"].to_string();
            assert!(damage.contains("the end of this block cannot be found"), "{damage}");
        }
    }
}

#[test]
fn a_copy_with_a_flipped_bit_in_its_header_does_not_change_the_verdict() {
    let blocks = chain(8);
    let whole = framed_all(&blocks);
    for height in [3, 8] {
        // The bits field is skipped: a header that meets a harder target has more work and becomes a fault by R07.
        for bit in (0..640).step_by(37).filter(|bit| !(576..608).contains(bit)) {
            let mut copy = blocks[height - 1].bytes();
            copy[bit / 8] ^= 1 << (bit % 8);
            let first = [&whole[..1], &[framed(&copy)], &whole[1..]].concat();
            let last = [&whole[..], &[framed(&copy)]].concat();
            for parts in [first, last] {
                let folder = node(&[parts]);
                let ended = verify_regtest(folder.path(), &[]);
                // A changed tip that still meets its target is another block, and the first of the two is the best tip.
                let is_rival = height == 8 && ended.json()["tip"]["hash"] != json!(blocks[7].hash().to_display_hex());
                if is_rival {
                    assert!(
                        ended.with_code(0).json()["forks"]["stale"].as_array().is_some_and(|stale| stale.len() == 1)
                    );
                } else {
                    assert_valid(ended, &blocks[7]);
                }
            }
        }
    }
}

#[test]
fn all_copies_of_a_block_are_counted_and_a_limited_number_is_listed() {
    let blocks = chain(2);
    let damaged = framed(&blocks[0].damaged().swap_remove(2).1);
    let folder = node(&[[framed_all(&blocks), vec![damaged; 5000]].concat()]);
    let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[1]);
    assert_eq!(answer["forks"]["damaged_copies_count"], json!(5000));
    assert_eq!(answer["forks"]["damaged_copies"].as_array().unwrap().len(), 1000);
}

#[test]
fn a_stray_frame_before_a_block_is_a_note_in_a_folder_and_in_a_stream() {
    let blocks = chain(6);
    let whole = framed_all(&blocks);
    let real = whole[4].len() as u32 - 8;
    for length in [0, 79, 80, real - 1, real, real + 8, real + 300, 3_000_000, u32::MAX] {
        let stray = [REGTEST_MAGIC, length.to_le_bytes()].concat();
        let parts = [&whole[..4], &[stray], &whole[4..]].concat();
        let byte = format!("at byte {}", whole[..4].concat().len());
        let folder = node(from_ref(&parts));
        let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[5]);
        let notes = answer["forks"]["notes"].to_string();
        assert!(notes.contains("stray frame") && notes.contains(&byte), "{length}: {answer}");
        let file = folder.path().join("blk00000.dat");
        let answer = assert_valid(verify_regtest(&file, &[]), &blocks[5]);
        let notes = answer["notes"].to_string();
        assert!(notes.contains("stray frame") && notes.contains(&byte), "{length}: {answer}");
        assert_valid(verify_regtest(&file, &["--forks"]), &blocks[5]);
    }
}

#[test]
fn junk_between_blocks_is_listed_and_does_not_change_the_verdict() {
    let blocks = chain(6);
    let whole = framed_all(&blocks);
    let fake = [&REGTEST_MAGIC[..], &[200, 0, 0, 0], &[0x77; 40]].concat();
    let long = [&REGTEST_MAGIC[..], &[0, 0, 0, 0x77], &[0x77; 9]].concat();
    let no_work = framed(&[&unsealed(blocks[2].header).to_wire()[..], &[0x77; 50]].concat());
    for junk in [b"?".to_vec(), vec![0x25; 100], b"<html>".repeat(900), fake, long, REGTEST_MAGIC.to_vec(), no_work] {
        for at in 0..=whole.len() {
            let parts = [&whole[..at], from_ref(&junk), &whole[at..]].concat();
            if at == whole.len() && junk.len() <= 48 {
                // At the end of a file this may be the start of a block with an incomplete header.
                continue;
            }
            let folder = node(&[parts, vec![framed(&blocks[5].bytes())]]);
            let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[5]);
            let forks = &answer["forks"];
            let is_listed = forks["damage"].as_array().is_some_and(|damage| !damage.is_empty())
                || forks["unsound"].as_array().is_some_and(|invalid| !invalid.is_empty());
            assert!(is_listed, "{answer}");
        }
    }
}

#[test]
fn damage_that_hides_a_block_above_the_tip_is_incomplete_and_writes_no_receipt() {
    let blocks = chain(8);
    let whole = framed_all(&blocks);
    let mut damaged = whole[8].clone();
    damaged[1] ^= 8;
    let folder = node(&[[&whole[..8], from_ref(&damaged)].concat()]);
    let hash = blocks[7].hash().to_display_hex();
    assert_incomplete(verify_regtest(folder.path(), &[]), &[&hash, "hides"]);
    let key = folder.path().join("key");
    let program = Program::at(env!("CARGO_BIN_EXE_cityseal-under-test"));
    let _made = program.args(["key", "new", "--out", key.to_str().unwrap()]).run();
    let receipt = folder.path().join("receipt");
    let arguments = ["--key", key.to_str().unwrap(), "--receipt", receipt.to_str().unwrap()];
    assert_eq!(verify_regtest(folder.path(), &arguments).code, Some(2));
    assert!(!receipt.exists());
    // With an intact copy the chain is valid.
    let folder = node(&[[&whole[..8], &[damaged], &whole[8..]].concat()]);
    let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[7]);
    assert_eq!(damaged_copies(&answer), [("R20".to_owned(), 8)], "a copy after a damaged frame counts as damaged");
}

#[test]
fn a_missing_block_leaves_newer_ones_unconnected_and_is_incomplete() {
    let blocks = chain(8);
    let mut whole = framed_all(&blocks);
    whole.remove(5);
    let folder = node(&[whole]);
    let parent = blocks[4].hash().to_display_hex();
    assert_incomplete(verify_regtest(folder.path(), &[]), &[&parent, "is not in the input"]);
}

#[test]
fn old_unconnected_blocks_are_listed_and_do_not_change_the_verdict() {
    let blocks = chain(40);
    let orphans =
        blocks_on(&sealed(BlockHeader { nonce: 0, time: blocks[4].header.time, ..blocks[3].header }), 6, 9, 2);
    let parts = [framed_all(&blocks), orphans.iter().map(|block| framed(&block.bytes())).collect()].concat();
    let folder = node(&[parts]);
    let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[39]);
    assert_eq!(answer["forks"]["unconnected_count"], json!(2));
}

#[test]
fn the_message_for_a_pruned_folder_names_the_flag_and_the_start_height() {
    let blocks = chain(40);
    let framed_from =
        |height: usize| blocks[height - 1..].iter().map(|block| framed(&block.bytes())).collect::<Vec<_>>();
    // The first remaining file also has two older blocks that arrived late.
    let strays = [7, 12].map(|height: usize| framed(&blocks[height - 1].bytes())).to_vec();
    let folder = node(&[vec![], vec![], [strays, framed_from(20)].concat()]);
    (0..2).for_each(|number| fs::remove_file(folder.path().join(format!("blk{number:05}.dat"))).unwrap());
    let lowest = blocks[19].hash().to_display_hex();
    assert_incomplete(verify_regtest(folder.path(), &[]), &["--start-height 20", &lowest, "genesis"]);
    let answer = assert_valid(verify_regtest(folder.path(), &["--start-height", "20"]), &blocks[39]);
    assert_eq!(answer["count"], json!(21));
    let headers: Vec<u8> = blocks[..19].iter().flat_map(|block| block.header.to_wire()).collect();
    let context = [&regtest().genesis().to_wire()[..], &headers].concat();
    for from in [0, 10] {
        let context = folder.write("context", &context[80 * from..]);
        let arguments = ["--start-height", "20", "--context", &context];
        assert_valid(verify_regtest(folder.path(), &arguments), &blocks[39]);
    }
}

#[test]
fn a_data_directory_is_searched_for_the_network_and_other_networks_are_named() {
    let blocks = chain(3);
    let folder = Folder::new();
    let inner = folder.path().join("regtest").join("blocks");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("blk00000.dat"), framed_all(&blocks).concat()).unwrap();
    let answer = assert_valid(verify_regtest(folder.path(), &[]), &blocks[2]);
    assert!(answer["forks"]["notes"].to_string().contains("blocks is read"), "{answer}");
    let ended = verify(&["--network", "signet", folder.path().to_str().unwrap()]).with_code(2);
    let output = format!("{}{}", ended.stdout, ended.stderr);
    assert!(output.contains("regtest/blocks") && output.contains("--network"), "{output}");
    let plain = folder.path().join("blocks");
    fs::rename(inner, &plain).unwrap();
    assert_valid(verify_regtest(folder.path(), &[]), &blocks[2]);
    fs::remove_file(plain.join("blk00000.dat")).unwrap();
    let ended = verify_regtest(folder.path(), &[]).with_code(2);
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains("blocks/"), "{ended:?}");
}

#[test]
fn blocks_out_of_order_are_a_fault_with_a_hint_and_valid_with_forks() {
    let blocks = chain(6);
    let mut parts = framed_all(&blocks);
    parts.swap(3, 4);
    let folder = node(&[parts]);
    let file = folder.path().join("blk00000.dat");
    let answer = verify_regtest(&file, &[]).with_code(1).json();
    assert_eq!(answer["fault"]["rule"], json!("R06"));
    assert!(answer["hint"].to_string().contains("--forks"), "{answer}");
    assert_valid(verify_regtest(&file, &["--forks"]), &blocks[5]);
}

/// Two branches of two blocks each on a trunk of three: the trunk, and each branch's blocks.
fn rivals() -> (Vec<Vec<u8>>, [Block; 2], [Block; 2]) {
    let trunk = chain(3);
    let branch = |salt| {
        let blocks = blocks_on(&trunk[2].header, 4, salt, 2);
        [blocks[0].clone(), blocks[1].clone()]
    };
    (framed_all(&trunk), branch(2), branch(3))
}

#[test]
fn the_branch_that_is_complete_first_wins_a_tie_of_work() {
    let (trunk, a, b) = rivals();
    let [a1, a2] = &a;
    let [b1, b2] = &b;
    for (order, tip) in [([a2, b1, b2, a1], b2), ([a1, b1, b2, a2], b2), ([b2, a1, a2, b1], a2), ([a1, b1, a2, b2], a2)]
    {
        let parts = [trunk.clone(), order.iter().map(|block| framed(&block.bytes())).collect()].concat();
        let folder = node(&[parts]);
        assert_valid(verify_regtest(folder.path(), &[]), tip);
        assert_valid(verify_regtest(&folder.path().join("blk00000.dat"), &["--forks"]), tip);
    }
}

#[test]
fn in_a_tie_the_first_intact_copy_of_a_block_counts() {
    let (trunk, [a1, a2], [b1, b2]) = rivals();
    let whole = |block: &Block| framed(&block.bytes());
    for (_, damaged) in a2.damaged() {
        let parts = [trunk.clone(), vec![whole(&a1), framed(&damaged), whole(&b1), whole(&b2)]].concat();
        let folder = node(from_ref(&parts));
        assert_valid(verify_regtest(folder.path(), &[]), &b2);
        let folder = node(&[[parts, vec![whole(&a2)]].concat()]);
        assert_valid(verify_regtest(folder.path(), &[]), &b2);
        let parts = [trunk.clone(), vec![whole(&a1), framed(&damaged), whole(&a2), whole(&b1), whole(&b2)]].concat();
        let folder = node(&[parts]);
        assert_eq!(damaged_copies(&assert_valid(verify_regtest(folder.path(), &[]), &a2)).len(), 1);
    }
    // The intact copy of the block below the fork comes last and connects both branches, in the order of their blocks.
    let (last, below) = trunk.split_last().unwrap();
    let mut damaged = last.clone();
    let at = damaged.len() - 10;
    damaged[at] ^= 1;
    let parts = [below.to_vec(), vec![damaged, whole(&a1), whole(&b1), whole(&b2), whole(&a2), last.clone()]].concat();
    assert_valid(verify_regtest(node(&[parts]).path(), &[]), &a2);
}

/// The path of a case of the data folder, given relative to `cases`.
fn case(test: &str, name: &str) -> Option<PathBuf> {
    let path = data_dir(test)?.join("cases").join(name);
    assert!(path.exists(), "{} is missing from the data", path.display());
    Some(path)
}

#[test]
fn inputs_that_once_failed_get_the_right_verdict() {
    let test = "inputs_that_once_failed_get_the_right_verdict";
    let Some(context) = case(test, "ctx100.bin") else { return };
    let context = context.to_str().unwrap();
    let regtest = ["--network", "regtest"];
    let from_100 = ["--start-height", "100"];
    let above_context = ["--start-height", "100", "--context", context];
    let valid: [(&str, &[&str], Option<u64>); 13] = [
        ("folder", &[], Some(60)),
        ("xor", &[], Some(60)),
        ("bitflip_then_redownload", &regtest, Some(12)),
        ("mut_first", &regtest, Some(12)),
        ("magic_small", &[], Some(60)),
        ("magic_small.dat", &[], Some(60)),
        ("stray", &above_context, Some(100)),
        ("pruned", &from_100, Some(100)),
        ("pruned", &above_context, Some(100)),
        ("datadir", &[], Some(60)),
        ("disorder.dat", &["--forks"], Some(60)),
        ("junk", &[], Some(60)),
        ("tie_out_of_order.dat", &["--network", "regtest", "--forks"], None),
    ];
    for (name, arguments, count) in valid {
        let Some(path) = case(test, name) else { return };
        let answer = verify(&[&[path.to_str().unwrap()], arguments].concat()).with_code(0).json();
        assert_eq!(answer["verdict"], json!("valid"), "{name}: {answer}");
        assert!(count.is_none_or(|count| answer["count"] == json!(count)), "{name}: {answer}");
        match name {
            "bitflip_then_redownload" | "mut_first" => assert_eq!(damaged_copies(&answer).len(), 1, "{answer}"),
            "junk" => assert_eq!(answer["forks"]["damage"].as_array().map(Vec::len), Some(1), "{answer}"),
            "magic_small" => assert!(answer["forks"]["notes"].to_string().contains("stray"), "{answer}"),
            "magic_small.dat" => assert!(answer["notes"].to_string().contains("stray"), "{answer}"),
            "tie_out_of_order.dat" => {
                assert!(answer["tip"]["hash"].as_str().is_some_and(|hash| hash.starts_with("4bbbfc07")), "{answer}");
            }
            _ => {}
        }
    }
    let Some(pruned) = case(test, "pruned") else { return };
    assert_incomplete(verify(&[pruned.to_str().unwrap()]), &["--start-height"]);
    let Some(disorder) = case(test, "disorder.dat") else { return };
    let answer = verify(&[disorder.to_str().unwrap()]).with_code(1).json();
    assert!(answer["hint"].to_string().contains("--forks"), "{answer}");
}
