//! Scans of real headers: every kernel finds exactly the listed nonces. This file computes its lists nonce by nonce
//! with the `sha2` crate; if the folder of real chains exists, lists by another program are used as well.
#![allow(clippy::unwrap_used, reason = "a test helper that cannot unwrap fails the test")]

use cityseal_hash::{HashKernel, Hit, HitBuffer, Midstate, SearchInput, baseline, double_sha256};
use cityseal_testkit::data::data_bytes_if_any;
use cityseal_testkit::shipped::mainnet_headers;
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

/// A hash in wire order, from display order.
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

    /// The kernel's hits with the real midstate, which is the last of `midstates`; hits of the others are dropped.
    fn found_by(&self, kernel: HashKernel, midstates: usize) -> Vec<(u32, [u8; 32])> {
        let blocks: Vec<_> = (0..midstates).map(|i| self.block((midstates - 1 - i) as u8)).collect();
        let midstates: Vec<_> = blocks.iter().map(Midstate::of).collect();
        let input = SearchInput {
            midstates: &midstates,
            tail: self.header[64..].try_into().unwrap(),
            top_word_max: baseline::top_word(&self.hash_max),
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

    /// Compares all 256 bits, which a kernel leaves to its caller.
    fn judged(&self, hit: Hit) -> Option<(u32, [u8; 32])> {
        let header: Vec<u8> = self.header.into_iter().chain(hit.nonce.to_le_bytes()).collect();
        let hash = double_sha256(&header);
        hash.iter().rev().le(self.hash_max.iter().rev()).then_some((hit.nonce, hash))
    }
}

/// Nonces of each scan computed here; one in 2,000 is a hit.
const MADE_NONCES: u32 = 20_000;

/// Heights of the mainnet headers that are scanned.
const MADE_HEIGHTS: [usize; 4] = [0, 1, 500, 1_111];

/// A scan around the nonce of a header. The `sha2` crate computes its hits in a plain loop that compares all 256 bits.
fn made_scan(headers: &[u8], height: usize) -> Scan {
    let header: [u8; 76] = headers[80 * height..80 * height + 76].try_into().unwrap();
    let nonce = u32::from_le_bytes(headers[80 * height + 76..80 * (height + 1)].try_into().unwrap());
    let first = nonce.saturating_sub(MADE_NONCES / 2).min(u32::MAX - MADE_NONCES);
    let range = (first, first + MADE_NONCES - 1);
    // The top four bytes of 2^256 / 2,000; the header's own hash is far below that.
    let mut hash_max = [0xff; 32];
    hash_max[28..].copy_from_slice(&(u32::MAX / 2_000).to_le_bytes());
    let mut scan = Scan { name: format!("mainnet {height}"), header, range, hash_max, hits: Vec::new() };
    let judged = |nonce: u32| scan.judged(Hit { midstate: 0, nonce });
    scan.hits = (range.0..=range.1).filter_map(judged).collect();
    assert!(scan.hits.iter().any(|(hit, _)| *hit == nonce), "{}", scan.name);
    scan
}

/// The scans computed here, and those of the folder of real chains.
fn scans() -> Vec<Scan> {
    let headers = mainnet_headers();
    let mut scans: Vec<Scan> = MADE_HEIGHTS.map(|height| made_scan(&headers, height)).into();
    if let Some(text) = data_bytes_if_any("vectors/nonce_scan.json") {
        let json: Value = serde_json::from_slice(&text).unwrap();
        let listed: Vec<Scan> = json.as_array().unwrap().iter().map(Scan::from_json).collect();
        assert_eq!(listed.iter().map(|scan| scan.hits.len()).sum::<usize>(), 40);
        scans.extend(listed);
    }
    scans
}

#[test]
fn every_kernel_finds_exactly_the_listed_nonces() {
    for scan in &scans() {
        for kernel in HashKernel::all_available() {
            assert_eq!(scan.found_by(kernel, 1), scan.hits, "{} by {kernel:?}", scan.name);
        }
    }
}

#[test]
fn the_preferred_kernel_finds_the_listed_nonces_among_other_midstates() {
    for scan in &scans() {
        for midstates in [2, 4, 8] {
            assert_eq!(scan.found_by(HashKernel::detect(), midstates), scan.hits, "{} of {midstates}", scan.name);
        }
    }
}
