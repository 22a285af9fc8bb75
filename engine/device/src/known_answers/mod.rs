//! The known-answer suite: a back end must pass it before it is given work. It is also the conformance test of every
//! back end.
//!
//! The right answers are committed as digests, so that a start computes none of them. Tests recompute them with the
//! portable kernel, and check them against facts that do not depend on any kernel of this workspace (the genesis block,
//! the Merkle root of block 100,000).

mod answers;
mod searches;
mod trees;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cityseal_hash::{HEADER_LEN, HashKernel, NODE_LEN};

use crate::{Backend, Batch, CheckBatch, CpuBackend, DeviceError, MerkleBatch, MerkleKind, Report, SearchReport};

pub use searches::CANARY;
use searches::GENESIS;

/// How long one batch of the suite may take. Software adapters compile while they run their first.
const BATCH_TIMEOUT: Duration = Duration::from_secs(20);

/// One case of the suite: a batch and its only right answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the case tests.
    pub name: &'static str,
    /// The batch to run.
    pub batch: Batch,
    /// The digest of the right answer, by [`digest_of`].
    answer: [u8; 32],
}

impl Case {
    /// A case with its committed answer.
    fn new(name: &'static str, batch: Batch) -> Self {
        Self { name, batch, answer: answers::digest(name) }
    }

    /// Whether `report` is the right answer: it agrees with it, as [`Report::agrees`] defines, in every bit.
    pub fn is_answered_by(&self, report: &Report) -> bool {
        digest_of(report) == self.answer
    }

    /// Computes the right answer with the portable kernel: slow, for messages and tests.
    fn right_answer(&self) -> Report {
        let mut reference = CpuBackend::new(HashKernel::portable());
        let answer = reference.submit(self.batch.clone()).and_then(|_| reference.collect(Duration::ZERO));
        answer.ok().flatten().expect("the portable kernel answers every batch").report
    }
}

/// A case that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The case's name.
    pub name: &'static str,
    /// How long the device worked on it.
    pub busy: Duration,
}

/// Why a back end did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A wrong answer.
    #[error("known-answer test '{case}': expected {expected}, found {found}")]
    Wrong {
        /// The case.
        case: &'static str,
        /// The right answer, abbreviated for messages.
        expected: String,
        /// The device's answer, abbreviated for messages.
        found: String,
    },
    /// The device failed during the case.
    #[error("known-answer test '{case}': {source}")]
    Device {
        /// The case.
        case: &'static str,
        /// How it failed.
        source: DeviceError,
    },
}

/// Runs the whole suite on `backend`, one batch at a time.
///
/// # Errors
/// The first case that the device failed.
pub fn run(backend: &mut dyn Backend) -> Result<Vec<Passed>, Failure> {
    cases(backend).into_iter().map(|case| run_case(backend, &case)).collect()
}

/// The cases that are within the limits of `backend`.
pub fn cases(backend: &dyn Backend) -> Vec<Case> {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| [searches::cases(), hash_cases(), trees::cases()].concat());
    let limits = backend.info().limits;
    let fits = |case: &&Case| match &case.batch {
        Batch::Search(search) => search.midstates().len() <= limits.search_midstates_max,
        Batch::Check(_) | Batch::Merkle(_) | Batch::Trees(_) => true,
    };
    ALL.iter().filter(fits).cloned().collect()
}

fn run_case(backend: &mut dyn Backend, case: &Case) -> Result<Passed, Failure> {
    let device = |source| Failure::Device { case: case.name, source };
    let ticket = backend.submit(case.batch.clone()).map_err(device)?;
    let start = Instant::now();
    let done = loop {
        match backend.collect(BATCH_TIMEOUT).map_err(device)? {
            Some(done) => break done,
            None if start.elapsed() >= BATCH_TIMEOUT => {
                return Err(device(DeviceError::Hung { waited: BATCH_TIMEOUT }));
            }
            None => {}
        }
    };
    if done.ticket == ticket && case.is_answered_by(&done.report) {
        return Ok(Passed { name: case.name, busy: done.busy });
    }
    let (expected, found) = (describe(&case.right_answer()), describe(&done.report));
    Err(Failure::Wrong { case: case.name, expected, found })
}

/// SHA-256 over a canonical encoding of a report: equal for two reports exactly if they agree.
fn digest_of(report: &Report) -> [u8; 32] {
    let mut bytes = Vec::new();
    match report {
        Report::Search(search) => {
            bytes.extend([b'S', u8::from(search.overflow), u8::from(search.planted_seen)]);
            // The hits of an overflowed search mean nothing.
            let hits = if search.overflow { &[][..] } else { &search.hits };
            for hit in hits {
                bytes.push(hit.midstate);
                bytes.extend(hit.nonce.to_le_bytes());
            }
        }
        Report::Hashes(hashes) => {
            bytes.push(b'H');
            bytes.extend_from_slice(hashes.as_flattened());
        }
        Report::Trees(trees) => {
            bytes.push(b'T');
            for tree in trees {
                bytes.extend_from_slice(&tree.root);
                bytes.push(u8::from(tree.mutated));
            }
        }
    }
    cityseal_hash::sha256(&bytes)
}

fn describe(report: &Report) -> String {
    match report {
        Report::Search(search) if search.overflow => format!("more hits than allowed{}", describe_planted(search)),
        Report::Search(search) => {
            let first: Vec<String> =
                search.hits.iter().take(3).map(|hit| format!("{}:{}", hit.midstate, hit.nonce)).collect();
            format!("{} hits [{}]{}", search.hits.len(), first.join(" "), describe_planted(search))
        }
        Report::Hashes(hashes) => {
            format!("{} hashes with digest {}", hashes.len(), short_digest(hashes.as_flattened()))
        }
        Report::Trees(trees) => {
            let roots: Vec<u8> = trees.iter().flat_map(|tree| tree.root).collect();
            let mutated = trees.iter().filter(|tree| tree.mutated).count();
            format!("{} roots with digest {}, {mutated} of mutated trees", trees.len(), short_digest(&roots))
        }
    }
}

/// The first digits of a digest, enough to distinguish answers.
fn short_digest(bytes: &[u8]) -> String {
    let [a, b, c, d, ..] = cityseal_hash::sha256(bytes);
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

const fn describe_planted(search: &SearchReport) -> &'static str {
    if search.planted_seen { ", and the planted nonce" } else { "" }
}

fn hash_cases() -> Vec<Case> {
    let check = |name, count| Case::new(name, Batch::Check(CheckBatch::new(Arc::new(patterned(count, HEADER_LEN)))));
    let merkle = |name, count, rule| {
        Case::new(name, Batch::Merkle(MerkleBatch::with_rule(Arc::new(patterned(count, NODE_LEN)), rule)))
    };
    vec![
        check("one header", 1),
        check("headers that fill no whole group", 1_021),
        merkle("one Merkle node", 1, MerkleKind::Bitcoin),
        merkle("Merkle nodes that fill no whole group", 517, MerkleKind::Bitcoin),
        merkle("one node of RFC 6962", 1, MerkleKind::Rfc6962Sha256),
        merkle("nodes of RFC 6962 that fill no whole group", 517, MerkleKind::Rfc6962Sha256),
    ]
}

/// `count` different items of `len` bytes each; the first is the start of the genesis header.
fn patterned(count: usize, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = GENESIS.iter().copied().cycle().take(count * len).collect();
    for (index, item) in bytes.chunks_exact_mut(len).enumerate().skip(1) {
        item[len - 4..].copy_from_slice(&(index as u32).wrapping_mul(0x9e37_79b9).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
