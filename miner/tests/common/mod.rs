//! Runs the binary as a user would, with a clean environment, and reads its output.
#![allow(dead_code, reason = "each test binary uses only a part of this module")]

pub(crate) mod schemas;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use cityseal_chain::{BlockHash, BlockHeader, CompactTarget, MerkleRoot};
use serde_json::Value;

/// The header of Bitcoin's genesis block, in wire order.
pub(crate) const GENESIS: &str = "\
    0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd\
    7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

/// Its hash as block explorers show it.
pub(crate) const GENESIS_HASH: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

/// The result of a run of the binary.
#[derive(Debug)]
pub(crate) struct Run {
    /// The arguments; empty if the test started the binary itself.
    arguments: Vec<String>,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Parses stdout as JSON, one line and nothing else, and checks it against the schema of the command.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line of JSON: {self:?}");
        let answer = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        schemas::check_answer(&self.arguments, &answer);
        answer
    }

    fn of(arguments: &[&str], output: Output) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { arguments, ..Self::from(output) }
    }

    /// Checks for exit code 2 and a message that contains all of these words.
    pub(crate) fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, 2, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            arguments: Vec::new(),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Returns the binary's command, with an environment that sets none of its variables.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cityseal"));
    command.args(arguments);
    for variable in ["CITYSEAL_KERNEL", "CITYSEAL_CONFIG", "CITYSEAL_LOG"] {
        command.env_remove(variable);
    }
    command.env("NO_COLOR", "1");
    command
}

/// Runs the binary and waits for its end.
pub(crate) fn cityseal(arguments: &[&str]) -> Run {
    Run::of(arguments, command(arguments).output().unwrap())
}

/// Runs the binary with these bytes on its stdin, and waits for its end.
pub(crate) fn cityseal_with_stdin(arguments: &[&str], stdin: &[u8]) -> Run {
    let mut child =
        command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    // The binary may stop reading early.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let run = Run::of(arguments, child.wait_with_output().unwrap());
    writer.join().unwrap();
    run
}

/// A temporary folder that is removed with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cityseal-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path as an argument.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

/// A city whose headers every second hash seals: its parameters as TOML, and its first `count` headers.
pub(crate) fn city(count: usize) -> (String, Vec<BlockHeader>) {
    city_over(count, MerkleRoot::ZERO)
}

/// A coinbase that breaks no rule if it need not contain the height; alone in a block, its hash is the Merkle root.
pub(crate) fn coinbase() -> Vec<u8> {
    [&[1, 0, 0, 0, 1][..], &[0; 32], &[0xff; 4], &[2, 0x51, 0x51], &[0xff; 4], &[1], &[0; 8], &[0], &[0; 4]].concat()
}

/// Like [`city`], with the root of one coinbase in each header.
pub(crate) fn city_of_blocks(count: usize) -> (String, Vec<BlockHeader>) {
    city_over(count, MerkleRoot::from_wire(cityseal_hash::double_sha256(&coinbase())))
}

/// Returns the block of a header of [`city_of_blocks`].
pub(crate) fn block(header: &BlockHeader) -> Vec<u8> {
    [&header.to_wire()[..], &[1], &coinbase()].concat()
}

/// Frames blocks as Bitcoin Core does on regtest.
pub(crate) fn framed(blocks: &[Vec<u8>]) -> Vec<u8> {
    let frame = |block: &Vec<u8>| [&[0xfa, 0xbf, 0xb5, 0xda][..], &(block.len() as u32).to_le_bytes(), block].concat();
    blocks.iter().flat_map(frame).collect()
}

/// Like [`city`], with this root in each header.
pub(crate) fn city_over(count: usize, merkle_root: MerkleRoot) -> (String, Vec<BlockHeader>) {
    let bits = CompactTarget::from_bits(0x207f_ffff);
    let (version, time) = (1, 1_700_000_000);
    let blank = BlockHeader { version, prev_block_hash: BlockHash::ZERO, merkle_root, time, bits, nonce: 0 };
    let mut headers = vec![sealed(blank)];
    while headers.len() < count {
        let last = headers[headers.len() - 1];
        headers.push(sealed(BlockHeader { prev_block_hash: last.hash(), time: last.time + 60, ..last }));
    }
    let toml = format!(
        "name = \"test\"\ngenesis = \"{}\"\npow_limit = \"207fffff\"\ndifficulty = \"fixed\"\n",
        headers[0].to_hex()
    );
    (toml, headers)
}

/// Returns the header with its lowest nonce that meets its bits.
pub(crate) fn sealed(header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().unwrap();
    (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..header }).find(|header| target.is_met_by(&header.hash())).unwrap()
}

/// Packs headers into bytes.
pub(crate) fn packed(headers: &[BlockHeader]) -> Vec<u8> {
    headers.iter().flat_map(BlockHeader::to_wire).collect()
}
