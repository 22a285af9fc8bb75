//! Each kind of input that is not a chain, with its description.

use std::fs;
use std::path::{Path, PathBuf};

use cityseal_chain::{BlockHeader, Network, Parameters, hex};
use proptest::prelude::*;

use super::{Looks, Opening};
use crate::frame::FrameNetwork;

fn looks(bytes: impl AsRef<[u8]>) -> Looks {
    Opening::new(Path::new("dir/the file"), bytes.as_ref(), FrameNetwork::default()).looks()
}

/// Asserts the description of these bytes.
fn says(bytes: impl AsRef<[u8]>, what: &str, hint: &str) {
    let looks = looks(bytes);
    assert!(looks.what.contains(what), "{what}: {looks:?}");
    assert!(looks.hint.contains(hint), "{hint}: {looks:?}");
}

/// Headers that link.
fn linked(count: usize) -> Vec<[u8; 80]> {
    let mut header = Parameters::of(Network::Mainnet).genesis().to_wire();
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(header);
        let hash = BlockHeader::from_wire(&header).hash();
        header[4..36].copy_from_slice(&hash.to_wire());
    }
    all
}

fn lines(count: usize) -> Vec<String> {
    linked(count).iter().map(|header| hex::encode(header)).collect()
}

/// A block with the zeros of a coinbase.
fn block() -> Vec<u8> {
    [&linked(1)[0][..], &[1], &[1, 0, 0, 0, 1], &[0; 32], &[0xff; 4], &[2, 0x51, 0x51], &[0xff; 4]].concat()
}

#[test]
fn compressed_data_and_archives_are_named_with_the_command_that_unpacks_them() {
    says([0x1f, 0x8b, 8, 0], "gzip", "gunzip -c 'dir/the file' | cityseal verify -");
    says(b"PK\x03\x04....", "zip", "unzip -p");
    says([0xfd, b'7', b'z', b'X', b'Z', 0, 0], "xz", "xz -dc");
    says([0x28, 0xb5, 0x2f, 0xfd, 1], "zstd", "zstd -dc");
    says(b"BZh91AY", "bzip2", "bzip2 -dc");
    says([b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, 0], "7z", "7z e -so");
    says([&[b'a'; 257][..], b"ustar\0"].concat(), "tar", "tar -xOf");
    says([0xff, 0xfe, b'0', 0, b'1', 0], "UTF-16", "iconv -f UTF-16 -t UTF-8");
    says([0xfe, 0xff, 0, b'0'], "UTF-16", "iconv");
}

#[test]
fn a_proof_of_transactions_is_named_with_the_command_that_checks_it_if_its_root_is_right() {
    let header = *Parameters::of(Network::Mainnet).genesis();
    let proof = |root: [u8; 32]| [&header.to_wire()[..], &[1, 0, 0, 0, 1], &root, &[1, 1]].concat();
    let right = proof(header.merkle_root.to_wire());
    let hint = "cityseal verify --txoutproof 'dir/the file'";
    says(&right, "gettxoutproof", hint);
    says(hex::encode(&right) + "\n", "gettxoutproof", hint);
    assert!(!looks(proof([7; 32])).what.contains("gettxoutproof"));
    assert!(!looks([&right[..], &[0]].concat()).what.contains("gettxoutproof"));
}

#[test]
fn pointers_documents_programs_and_databases_are_named() {
    says(
        concat!("version https:", "//git-lfs.github.com/spec/v1\noid sha256:4d7a\n"),
        "Git LFS pointer",
        "git lfs pull",
    );
    says(b"SPVB\0\0\0\0", "bitcoinj (.spvchain)", "export");
    says(b"%PDF-1.7\n%", "PDF", "");
    says(b"\x89PNG\r\n\x1a\n", "PNG", "");
    says(b"\x7fELF\x02\x01", "program", "");
    says(b"SQLite format 3\0", "SQLite", "");
    says([&[7; 90][..], &[0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]].concat(), "LevelDB", "blocks");
    says(b"-----BEGIN PRIVATE KEY-----\n", "PEM", "");
}

#[test]
fn files_of_cityseal_itself_are_named_with_the_option_that_takes_them() {
    says("{\"format\":\"cityseal-receipt-1\"}", "receipt", "cityseal receipt verify");
    says("{\"format\":\"cityseal-part-1\"}", "shard", "--join");
    says("{\"verdict\":\"valid\"}", "output", "");
    says("name = \"x\"\ngenesis = \"01\"\npow_limit = \"207fffff\"\n", "network parameters", "--network");
    says("cityseal-secret-key-1\n0707\n", "secret key", "--key");
}

#[test]
fn text_that_is_not_lines_of_headers_is_named_with_its_place() {
    let line = &lines(1)[0];
    says(format!("0 {line}\n1 {line}\n"), "line 1 has its header in column 2", "cut -d ' ' -f 2");
    says(format!("height,header\n0,\"{line}\"\n"), "line 2 has its header in column 2", "cut -d ',' -f 2");
    says(format!("# a comment\n0\t{line}\n"), "line 2 has its header in column 2", "cut -f 2");
    says("height,hash,time\n0,00ab,5\n", "CSV", "160");
    says(format!("{}x{}\n", &line[..20], &line[21..]), "`x` at line 1, column 21", "");
    says(format!("\n{}\n", &line[..150]), "line 2 has 150 digits", "");
    says(format!("{}\n", "ab".repeat(32)), "hashes", "getblockheader");
    says(
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADuj7f16exKyescsPmd2j2F/yBvDiIpRMjqf",
        "base64",
        "base64 -d",
    );
    says("00000000: 0100 0000 0000 0000 0000  ......\n", "hex dump", "xxd -r");
    says("<!DOCTYPE html>\n<html><body>404 Not Found", "HTML", "download");
    says("<?xml version=\"1.0\"?><error/>", "XML", "");
    says("To be, or not to be\n", "text that begins with `To be, or", "");
    says("an escape \u{85} is no text, ".repeat(9), "begins with the bytes", "");
}

#[test]
fn json_is_named_by_its_content() {
    says(
        "[{\"hash\": \"00\", \"height\": 0, \"merkleroot\": \"4a\", \"time\": 1}]",
        "decoded headers",
        "/rest/headers/",
    );
    says("{\"id\":0,\"jsonrpc\":\"2.0\",\"result\":{\"count\":2,\"hex\":\"01\"}}", "Electrum", "jq -r .result.hex");
    says("{\"result\":\"0100\",\"error\":null}", "node", "jq -r .result");
    says("{\"a\": 1}", "JSON without", "`block`");
}

#[test]
fn headers_after_a_count_or_with_bytes_between_them_are_found_by_their_links() {
    let headers = linked(3);
    says([&[3, 0, 0, 0][..], &headers.concat()].concat(), "after a count of 4 bytes", "tail -c +5 ");
    says([&[3][..], &headers.concat()].concat(), "after a count of 1 byte", "tail -c +2 ");
    let spaced = |head: &[u8], between: &[u8]| {
        let records: Vec<Vec<u8>> = headers.iter().map(|header| [&header[..], between].concat()).collect();
        [head, &records.concat()].concat()
    };
    says(spaced(&[], &[0]), "records of 81 bytes", "xxd -p -c 81 | cut -c 1-160");
    says(spaced(&[3], &[0]), "records of 81 bytes after a count of 1 byte", "tail -c +2 ");
    says(spaced(&[7; 44], &[9; 48]), "from byte 44 on with 48 bytes between", "xxd -p -c 128");
}

#[test]
fn frames_of_other_coins_and_messages_between_nodes_are_named() {
    says([&[0xfb, 0xc0, 0xb6, 0xdb, 0x1d, 1, 0, 0][..], &block()].concat(), "Litecoin", "double SHA-256");
    says([&[0xc0, 0xc0, 0xc0, 0xc0, 0x1d, 1, 0, 0][..], &block()].concat(), "Dogecoin", "");
    says([&[0xf9, 0xbe, 0xb4, 0xfe, 0x1d, 1, 0, 0][..], &block()].concat(), "Namecoin", "");
    says([&[0xf9, 0xbe, 0xb4, 0xd9][..], b"headers\0\0\0\0\0", &[0; 8]].concat(), "message `headers`", "payload");
    says([&[0xf9, 0xbe, 0xb4, 0xd9, 90, 0, 0, 0][..], &[7; 90]].concat(), "frames of mainnet", "damaged");
}

#[test]
fn an_obfuscated_block_file_is_named_with_its_key_wherever_the_key_is() {
    let key = [0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18];
    let block = block();
    let mut bytes = [&[0xf9, 0xbe, 0xb4, 0xd9][..], &(block.len() as u32).to_le_bytes(), &block].concat();
    (0..).zip(&mut bytes).for_each(|(at, byte): (usize, &mut u8)| *byte ^= key[at % 8]);
    says(&bytes, "obfuscated with the key a1b2c3d4e5f60718", "xor.dat");

    let folder = std::env::temp_dir().join(format!("cityseal-looks-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("xor.dat"), key).unwrap();
    let looks = Opening::new(&folder.join("blk00000.dat"), &bytes[..60], FrameNetwork::default()).looks();
    fs::remove_dir_all(&folder).unwrap();
    assert!(looks.what.contains("obfuscated with the key a1b2c3d4e5f60718 of"), "{looks:?}");
    assert!(looks.hint.contains("cityseal verify") && looks.hint.contains("cityseal-looks"), "{looks:?}");
}

#[test]
fn empty_files_zeros_fragments_and_noise_are_named_too() {
    says([], "empty", "");
    says([0; 4000], "zeros", "get it again");
    says([7; 79], "79 bytes, and a header has 80", "");
    says([0xee; 400], "begins with the bytes ee ee", "--format");
}

proptest! {
    #[test]
    fn any_bytes_look_like_something_in_one_line(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}", name in "[a-z' ]{1,9}",
    ) {
        for bytes in [bytes, text.into_bytes()] {
            let looks = Opening::new(&PathBuf::from(&name), &bytes, FrameNetwork::default()).looks();
            prop_assert!(!looks.what.is_empty() && !looks.hint.is_empty());
            prop_assert!(!looks.what.contains(['\n', '\r', '\u{1b}']), "{:?}", looks);
        }
    }
}
