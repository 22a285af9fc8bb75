//! `cityseal verify --txoutproof`: checks which transactions a proof shows to be in a block, and that the block is in
//! the chain given, if one is.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::partial_tree::Extracted;
use cityseal_chain::{BlockHeader, MerkleKind, Parameters, Txid, VerdictKind, judge_alone, rules_alone};
use cityseal_cli::Ending;
use cityseal_engine::{BlockBatch, ReadAt};
use cityseal_hash::HEADER_LEN;
use cityseal_input::part::Conclusion;
use cityseal_input::{BlockSet, BlockSink, ChainSink, InputError, Place, TxOutProof};
use cityseal_receipt::OUT_OF_SCOPE;

use super::error::VerifyCommandError;
use super::print;
use crate::answers::{Proof, ProofFault, Verification};
use crate::args::VerifyArgs;
use crate::context::Context;

/// Not covered by any proof: a tree proves its transactions, but not how many there are, so that an inner node can pass
/// for a transaction of 64 bytes (CVE-2017-12842).
const TRANSACTION_COUNT: &str = "transaction-count";

/// Not covered without a chain: that the block is in the chain with the most work.
const BEST_CHAIN: &str = "best-chain";

/// What to do about [`BEST_CHAIN`].
const CHAIN_HINT: &str = "to check that the block is in a chain, pass the chain's headers or blocks as FILE";

/// A proof that was checked by itself.
pub(super) struct CheckedProof {
    proof: Proof,
    took: Duration,
}

/// Where the block of a proof is in the chain given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PlaceInChain {
    /// Not in the input.
    #[default]
    Absent,
    /// In the input, but not in its best chain.
    OutsideBest,
    /// At this height.
    Height(u64),
}

/// Reads the proof of `--txoutproof`, if it is given, and checks it by itself: the header, the tree, and the
/// transactions required by `--txid`.
pub(super) fn check(
    args: &VerifyArgs,
    parameters: &Parameters,
    now: u64,
) -> Result<Option<CheckedProof>, VerifyCommandError> {
    let Some(path) = args.txoutproof.as_deref() else { return Ok(None) };
    let started = Instant::now();
    let stdin = Path::new("-");
    if path == stdin && args.files.iter().any(|file| file == stdin) {
        return Err(InputError::StdinTwice.into());
    }
    if parameters.merkle() != MerkleKind::Bitcoin {
        return Err(VerifyCommandError::ProofOfOtherTree { network: parameters.name().into() });
    }
    let proof = TxOutProof::read(path)?;
    let proof = judge(parameters, &proof, now, &args.txid);
    Ok(Some(CheckedProof { proof, took: started.elapsed() }))
}

impl CheckedProof {
    /// The header of the proof's block.
    pub(super) const fn header(&self) -> &BlockHeader {
        &self.proof.header
    }

    /// Whether the proof by itself is right.
    pub(super) const fn holds(&self) -> bool {
        self.proof.fault.is_none()
    }

    /// Adds the proof to the answer about a chain. In a valid chain the block must have its place.
    pub(super) fn conclude(&self, answer: &mut Verification<'_>, place: PlaceInChain) {
        let mut proof = self.proof.clone();
        if answer.verdict() == VerdictKind::Valid {
            let block = proof.header.hash();
            let fault = |is_in_input| Some(ProofFault::NotInChain { block, is_in_input });
            match place {
                PlaceInChain::Height(height) => {
                    proof.height = Some(height);
                    proof.confirmations = answer.tip.map(|tip| tip.height + 1 - height);
                }
                PlaceInChain::OutsideBest => proof.fault = fault(true),
                PlaceInChain::Absent => proof.fault = fault(false),
            }
        }
        answer.out_of_scope.insert(0, TRANSACTION_COUNT);
        answer.proof = Some(proof);
    }

    /// Prints the answer about the proof alone.
    pub(super) fn report(&self, context: &Context, parameters: &Parameters) -> Result<Ending, VerifyCommandError> {
        let uncovered = [BEST_CHAIN, TRANSACTION_COUNT].into_iter().chain(OUT_OF_SCOPE);
        let answer = Verification {
            hint: self.holds().then(|| CHAIN_HINT.to_owned()),
            out_of_scope: uncovered.collect(),
            proof: Some(self.proof.clone()),
            took: self.took,
            ..Verification::new(Conclusion::Valid, rules_alone(parameters).into_iter(), parameters.digest())
        };
        print(context, &answer)
    }
}

/// What a proof shows by itself. A wrong header or tree proves nothing.
fn judge(parameters: &Parameters, proof: &TxOutProof, now: u64, required: &[Txid]) -> Proof {
    let extracted = match header_fault(parameters, &proof.header, now) {
        Some(fault) => Err(fault),
        None => proof.verify().map_err(ProofFault::Tree),
    };
    let (proved, fault) = match extracted {
        Err(fault) => (Vec::new(), Some(fault)),
        Ok(Extracted { matches, .. }) => {
            let proved: Vec<_> = matches.into_iter().map(|(index, txid)| (index, Txid::from_wire(txid))).collect();
            let fault = missing(&proved, required);
            (proved, fault)
        }
    };
    let (header, transactions) = (proof.header, proof.tree.transactions());
    Proof { header, transactions, proved, height: None, confirmations: None, fault }
}

/// What is wrong with the header by itself.
fn header_fault(parameters: &Parameters, header: &BlockHeader, now: u64) -> Option<ProofFault> {
    if let Err(broken) = judge_alone(parameters, header, now) {
        return Some(ProofFault::Header(broken));
    }
    // Rule R08 makes every header later than the genesis header. So a block of an older network is recognised.
    let genesis = parameters.genesis();
    let (genesis_time, found) = (genesis.time, header.time);
    (header != genesis && found <= genesis_time).then_some(ProofFault::BeforeGenesis { genesis_time, found })
}

/// The fault of a proof that lacks a required transaction, or has none.
fn missing(proved: &[(u32, Txid)], required: &[Txid]) -> Option<ProofFault> {
    if proved.is_empty() {
        return Some(ProofFault::NoTransactions);
    }
    let lacks = |txid: &&Txid| !proved.iter().any(|(_, other)| other == *txid);
    required.iter().find(lacks).copied().map(ProofFault::NotProved)
}

/// Finds the place of a proof's block in a set of blocks or headers.
pub(super) fn place_in_set(proof: Option<&CheckedProof>, set: &BlockSet) -> PlaceInChain {
    let Some(hash) = proof.map(|proof| proof.header().hash()) else { return PlaceInChain::Absent };
    let tree = set.tree();
    if let Some(at) = tree.best().iter().position(|index| tree.hash(*index) == hash) {
        return PlaceInChain::Height(tree.first_height() + at as u64);
    }
    let is_known = (0..tree.len() as u32).any(|index| tree.hash(index) == hash);
    if is_known { PlaceInChain::OutsideBest } else { PlaceInChain::Absent }
}

/// A sink that passes a chain on and looks for one header in it.
///
/// Until that header is found the sink does not let the inner one read by itself, since those headers do not pass
/// through here.
pub(super) struct Finder<'a, S> {
    inner: &'a mut S,
    wanted: Option<[u8; HEADER_LEN]>,
    passed: u64,
    found: Option<u64>,
}

impl<'a, S> Finder<'a, S> {
    /// Wraps `inner`. Without a proof nothing is looked for.
    pub(super) fn new(inner: &'a mut S, proof: Option<&CheckedProof>) -> Self {
        Self { inner, wanted: proof.map(|proof| proof.header().to_wire()), passed: 0, found: None }
    }

    /// Where the header is in a chain that begins at this height.
    pub(super) fn place(&self, start_height: u64) -> PlaceInChain {
        self.found.map_or(PlaceInChain::Absent, |index| PlaceInChain::Height(start_height + index))
    }

    fn is_looking(&self) -> bool {
        self.wanted.is_some() && self.found.is_none()
    }

    fn look(&mut self, packed: &[u8]) {
        let Some(wanted) = self.wanted.filter(|_| self.found.is_none()) else { return };
        let (headers, _) = packed.as_chunks::<HEADER_LEN>();
        let at = headers.iter().position(|header| *header == wanted);
        self.found = at.map(|at| self.passed + at as u64);
        self.passed += headers.len() as u64;
    }
}

impl<S: ChainSink> ChainSink for Finder<'_, S> {
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()> {
        self.look(packed);
        self.inner.take(packed, file, place)
    }

    fn read(&mut self, source: &mut dyn Read, file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        if self.is_looking() { None } else { self.inner.read(source, file) }
    }

    fn take_from(
        &mut self,
        source: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        if self.is_looking() { None } else { self.inner.take_from(source, from, len, file) }
    }
}

impl<S: BlockSink> BlockSink for Finder<'_, S> {
    fn take(&mut self, batch: BlockBatch, file: usize, places: &[Place]) -> ControlFlow<()> {
        if self.is_looking() {
            self.look(&batch.headers());
        }
        self.inner.take(batch, file, places)
    }

    fn note_stray_frame(&mut self, file: usize, offset: u64) {
        self.inner.note_stray_frame(file, offset);
    }
}
