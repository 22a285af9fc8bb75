//! Every kernel against known scans of real headers: each listed nonce is found and no other. The vectors stand outside the
//! project (`CITYSEAL_DATA`); without them the test says aloud that it skipped.
#![allow(clippy::print_stderr, reason = "a skipped test says so aloud")]
#![allow(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::path::PathBuf;

use cityseal_hash::{HashKernel, Hit, HitBuffer, Midstate, SearchInput, double_sha256, yardstick};
use serde_json::Value;

/// One scan: header bytes 0..76, the range, the bound, and the hits with their hashes.
struct Scan {
    name: String,
    header: [u8; 76],
    range: (u32, u32),
    hash_max: [u8; 32],
    hits: Vec<(u32, [u8; 32])>,
}

fn bytes_of_hex<const N: usize>(value: &Value) -> [u8; N] {
    let hex = value.as_str().unwrap();
    assert_eq!(hex.len(), 2 * N);
    core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

/// A hash in wire order, from the order in which people read it.
fn hash_of_hex(value: &Value) -> [u8; 32] {
    let mut hash = bytes_of_hex(value);
    hash.reverse();
    hash
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

impl Scan {
    fn from_json(scan: &Value) -> Self {
        let first = number(&scan["first_nonce"]);
        let hits = scan["hits"].as_array().unwrap();
        Self {
            name: scan["header"].as_str().unwrap().to_owned(),
            header: bytes_of_hex(&scan["header76_hex"]),
            range: (first, first + (number(&scan["count"]) - 1)),
            hash_max: hash_of_hex(&scan["max_hash"]),
            hits: hits.iter().map(|hit| (number(&hit[0]), hash_of_hex(&hit[1]))).collect(),
        }
    }

    /// What the kernel finds, under the last of `midstates` first blocks, less the hits of the others.
    fn found_by(&self, kernel: HashKernel, midstates: usize) -> Vec<(u32, [u8; 32])> {
        let blocks: Vec<_> = (0..midstates).map(|i| self.block((midstates - 1 - i) as u8)).collect();
        let midstates: Vec<_> = blocks.iter().map(Midstate::of).collect();
        let input = SearchInput {
            midstates: &midstates,
            tail: self.header[64..].try_into().unwrap(),
            top_word_max: yardstick::top_word(&self.hash_max),
        };
        let mut hits = HitBuffer::new(10_000);
        kernel.scan(&input, self.range.0, self.range.1, &mut hits);
        assert!(!hits.overflow());
        let real = (midstates.len() - 1) as u8;
        hits.into_sorted().into_iter().filter(|hit| hit.midstate == real).filter_map(|hit| self.judged(hit)).collect()
    }

    fn block(&self, flip: u8) -> [u8; 64] {
        let mut block: [u8; 64] = self.header[..64].try_into().unwrap();
        block[1] ^= flip;
        block
    }

    /// The comparison over all 256 bits that a kernel leaves to its caller.
    fn judged(&self, hit: Hit) -> Option<(u32, [u8; 32])> {
        let header: Vec<u8> = self.header.into_iter().chain(hit.nonce.to_le_bytes()).collect();
        let hash = double_sha256(&header);
        hash.iter().rev().le(self.hash_max.iter().rev()).then_some((hit.nonce, hash))
    }
}

fn scans() -> Option<Vec<Scan>> {
    let root = std::env::var_os("CITYSEAL_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join("vectors/nonce_scan.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no {}", path.display());
        return None;
    };
    let json: Value = serde_json::from_str(&text).unwrap();
    Some(json.as_array().unwrap().iter().map(Scan::from_json).collect())
}

#[test]
fn every_kernel_finds_exactly_the_listed_nonces() {
    let Some(scans) = scans() else { return };
    assert_eq!(scans.iter().map(|scan| scan.hits.len()).sum::<usize>(), 40);
    for scan in &scans {
        for kernel in HashKernel::all_available() {
            assert_eq!(scan.found_by(kernel, 1), scan.hits, "{} by {kernel:?}", scan.name);
        }
    }
}

#[test]
fn the_preferred_kernel_finds_them_among_other_midstates_too() {
    let Some(scans) = scans() else { return };
    for scan in &scans {
        for midstates in [2, 4, 8] {
            assert_eq!(scan.found_by(HashKernel::detect(), midstates), scan.hits, "{} of {midstates}", scan.name);
        }
    }
}
