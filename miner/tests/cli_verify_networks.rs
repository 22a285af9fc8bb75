//! Network detection: block frames against `--network`, custom signets, and hints for chains of other networks.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;
#[allow(dead_code, reason = "each test binary uses only a part of this module")]
#[path = "service_suite/skip.rs"]
mod skip;

use cityseal_chain::{Network, Parameters};
use common::{Folder, Run, block, city_of_blocks, cityseal, cityseal_with_stdin, framed};

/// The magic of the signet whose challenge is the script `51` (BIP325).
const SIGNET_51: [u8; 4] = [0x54, 0xd2, 0x6f, 0xbd];

/// The coinbase of every network's genesis block except testnet4's.
const GENESIS_COINBASE: &str = "\
    01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d010445\
    5468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e\
    64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7\
    105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac\
    00000000";

/// The genesis block of a network after a frame with this magic.
fn genesis_block(network: Network, magic: [u8; 4]) -> Vec<u8> {
    let coinbase = cityseal_chain::hex::decode(GENESIS_COINBASE).unwrap();
    let block = [&Parameters::of(network).genesis().to_wire()[..], &[1], &coinbase].concat();
    [&magic[..], &(block.len() as u32).to_le_bytes(), &block].concat()
}

/// Verifies a file, the same bytes on stdin, and a folder that holds them.
fn verify_everywhere(bytes: &[u8], arguments: &[&str]) -> [Run; 3] {
    let folder = Folder::new();
    let file = folder.file("blk00000.dat", bytes);
    let verify = &["verify", "--device", "cpu"][..];
    [
        cityseal(&[verify, &[file.as_str()], arguments].concat()),
        cityseal_with_stdin(&[verify, &["-"], arguments].concat(), bytes),
        cityseal(&[verify, &[folder.path().to_str().unwrap()], arguments].concat()),
    ]
}

#[test]
fn blocks_of_another_network_are_named_with_the_flag_that_reads_them() {
    for (network, asked) in
        [(Network::Signet, "mainnet"), (Network::Mainnet, "regtest"), (Network::Regtest, "testnet4")]
    {
        for run in verify_everywhere(&genesis_block(network, network.magic()), &["--network", asked]) {
            run.refused(&[network.name(), asked, &format!("--network {}", network.name())]);
        }
        for run in verify_everywhere(&genesis_block(network, network.magic()), &["--network", network.name()]) {
            assert_eq!(run.code, 0, "{network}: {run:?}");
        }
    }
}

#[test]
fn a_city_has_no_magic_of_its_own_and_accepts_the_known_ones() {
    let folder = Folder::new();
    let (toml, headers) = city_of_blocks(5);
    let toml = folder.file("city.toml", toml);
    let blocks: Vec<Vec<u8>> = headers.iter().map(block).collect();
    for run in verify_everywhere(&framed(&blocks), &["--network", &toml]) {
        assert_eq!(run.code, 0, "{run:?}");
    }
}

#[test]
fn the_blocks_of_a_custom_signet_are_read_only_with_its_challenge() {
    let bytes = genesis_block(Network::Signet, SIGNET_51);
    for run in verify_everywhere(&bytes, &["--network", "signet", "--signet-challenge", "51"]) {
        assert_eq!(run.code, 0, "{run:?}");
    }
    for run in verify_everywhere(&bytes, &["--network", "signet", "--signet-challenge", "52"]) {
        assert_eq!(run.code, 2, "{run:?}");
    }
    let default = genesis_block(Network::Signet, Network::Signet.magic());
    for run in verify_everywhere(&default, &["--network", "signet", "--signet-challenge", "51"]) {
        run.refused(&["signet", "of this challenge"]);
    }
}

#[test]
fn a_custom_signet_may_be_a_toml_file_and_its_digest_names_the_challenge() {
    let folder = Folder::new();
    let genesis = Parameters::of(Network::Signet).genesis().to_hex();
    let text = format!(
        "name = \"our signet\"\ngenesis = \"{genesis}\"\npow_limit = \"1e0377ae\"\ndifficulty = \"bitcoin-2016\"\n\
         signet_challenge = \"51\"\n"
    );
    let toml = folder.file("signet.toml", text);
    for run in verify_everywhere(&genesis_block(Network::Signet, SIGNET_51), &["--network", &toml]) {
        assert_eq!(run.code, 0, "{run:?}");
    }
    let digest = |arguments: &[&str]| {
        let path = folder.file("genesis.bin", Parameters::of(Network::Signet).genesis().to_wire());
        let run =
            cityseal(&[&["verify", "--device", "cpu", "--json", "--network", "signet", &path], arguments].concat());
        run.json()["parameters"].as_str().unwrap().to_owned()
    };
    assert_eq!(digest(&[]), Parameters::of(Network::Signet).digest().to_string());
    assert_ne!(digest(&["--signet-challenge", "51"]), digest(&[]));
}

#[test]
fn a_challenge_for_another_network_and_an_invalid_script_are_refused() {
    cityseal(&["verify", "-", "--signet-challenge", "51"]).refused(&["--signet-challenge", "signet", "mainnet"]);
    for bad in ["", "5", "0x51", "5g"] {
        cityseal(&["verify", "-", "--network", "signet", "--signet-challenge", bad]).refused(&["--signet-challenge"]);
    }
}

#[test]
fn a_real_custom_signet_is_valid() {
    for name in ["signet51/blk00000.dat", "signet51.dat"] {
        let Some(path) = skip::data(&format!("cases/{name}")) else {
            skip::skip("a_real_custom_signet_is_valid", "data", "CITYSEAL_DATA has no cases/signet51");
            return;
        };
        let path = if name.starts_with("signet51/") { path.parent().unwrap().to_owned() } else { path };
        let arguments =
            ["verify", path.to_str().unwrap(), "--network", "signet", "--signet-challenge", "51", "--device", "cpu"];
        assert_eq!(cityseal(&arguments).code, 0, "{}", path.display());
    }
}
