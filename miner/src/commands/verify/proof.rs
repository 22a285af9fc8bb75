//! `cityseal verify --txoutproof`: checks which transactions a proof shows to be in a block, and that the block is in
//! the chain given, if one is.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::partial_tree::{Extracted, PartialTreeError};
use cityseal_chain::{
    BlockHeader, BrokenRule, ChainWork, MerkleKind, Parameters, Rule, Txid, Verdict, judge_alone, rules_alone,
};
use cityseal_cli::{CliError, Ending, Output};
use cityseal_engine::{BlockBatch, ReadAt};
use cityseal_hash::HEADER_LEN;
use cityseal_input::{BlockSet, BlockSink, ChainSink, InputError, Place, TxOutProof};
use cityseal_receipt::OUT_OF_SCOPE;

use super::answer;
use super::error::VerifyCommandError;
use crate::args::VerifyArgs;
use crate::context::Context;
use crate::json::{ProofFaultRow, ProofRow, ProvedRow, VerifyAnswer};

/// Not covered by any proof: a tree proves its transactions, but not how many there are, so that an inner node can pass
/// for a transaction of 64 bytes (CVE-2017-12842).
const TRANSACTION_COUNT: &str = "transaction-count";

/// Not covered without a chain: that the block is in the chain with the most work.
const BEST_CHAIN: &str = "best-chain";

/// What to do about [`BEST_CHAIN`].
const CHAIN_HINT: &str = "to check that the block is in a chain, pass the chain's headers or blocks as FILE";

/// A proof that was checked by itself.
pub(super) struct CheckedProof {
    header: BlockHeader,
    row: ProofRow,
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
    let (proved, fault) = judge(parameters, &proof, now, &args.txid);
    let row = proof_row(&proof, &proved, fault);
    Ok(Some(CheckedProof { header: proof.header, row, took: started.elapsed() }))
}

impl CheckedProof {
    /// The header of the proof's block.
    pub(super) const fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Whether the proof by itself is right.
    pub(super) const fn holds(&self) -> bool {
        self.row.fault.is_none()
    }

    /// Adds the proof to the answer about a chain. In a valid chain the block must have its place.
    pub(super) fn conclude(&self, answer: &mut VerifyAnswer, place: PlaceInChain) {
        let mut row = self.row.clone();
        if answer.verdict == Verdict::Valid.name() {
            let fault = |message: &str| ProofFaultRow {
                expected: Some(row.block.clone().into()),
                ..ProofFaultRow::of("block-not-in-chain", message)
            };
            match place {
                PlaceInChain::Height(height) => {
                    row.height = Some(height);
                    row.confirmations = answer.tip.as_ref().map(|tip| tip.height + 1 - height);
                }
                PlaceInChain::OutsideBest => {
                    row.fault = Some(fault("its block is in the input, but not in the best chain"));
                }
                PlaceInChain::Absent => row.fault = Some(fault("its block is not in the chain given")),
            }
            if row.fault.is_some() {
                answer.verdict = "fault";
            }
        }
        answer.out_of_scope.insert(0, TRANSACTION_COUNT.into());
        answer.proof = Some(row);
    }

    /// Prints the answer about the proof alone.
    pub(super) fn report(&self, context: &Context, parameters: &Parameters) -> Result<Ending, VerifyCommandError> {
        let uncovered = [BEST_CHAIN, TRANSACTION_COUNT].into_iter().chain(OUT_OF_SCOPE);
        let answer = VerifyAnswer {
            verdict: if self.holds() { Verdict::Valid.name() } else { "fault" },
            count: 0,
            tip: None,
            fault: None,
            message: None,
            hint: self.holds().then(|| CHAIN_HINT.to_owned()),
            reason: None,
            checked: rules_alone(parameters).into_iter().map(|rule| rule.code().to_owned()).collect(),
            not_checked: Vec::new(),
            out_of_scope: uncovered.map(str::to_owned).collect(),
            bodies: None,
            forks: None,
            proof: Some(self.row.clone()),
            notes: Vec::new(),
            parameters: parameters.digest().to_string(),
            devices: Vec::new(),
            shard: None,
            stages: None,
            seconds: self.took.as_secs_f64(),
        };
        let print = |output: &Output| answer::human(output, &answer, None);
        context.output.answer(&answer, print).map_err(CliError::Stdout)?;
        Ok(if self.holds() { Ending::Yes } else { Ending::No })
    }
}

/// The proved transactions, with their indices in the block, and what is wrong. A wrong header or tree proves nothing.
fn judge(
    parameters: &Parameters,
    proof: &TxOutProof,
    now: u64,
    required: &[Txid],
) -> (Vec<(u32, Txid)>, Option<ProofFaultRow>) {
    if let Some(fault) = header_fault(parameters, &proof.header, now) {
        return (Vec::new(), Some(fault));
    }
    let matches = match proof.verify() {
        Ok(Extracted { matches, .. }) => matches,
        Err(error) => return (Vec::new(), Some(tree_fault(&error))),
    };
    let proved: Vec<(u32, Txid)> = matches.into_iter().map(|(index, txid)| (index, Txid::from_wire(txid))).collect();
    let fault = missing(&proved, required);
    (proved, fault)
}

/// What is wrong with the header by itself.
fn header_fault(parameters: &Parameters, header: &BlockHeader, now: u64) -> Option<ProofFaultRow> {
    if let Err(BrokenRule { rule, expected, found }) = judge_alone(parameters, header, now) {
        return Some(ProofFaultRow {
            rule: Some(rule.code().into()),
            expected: Some(answer::value(&expected)),
            found: Some(answer::value(&found)),
            ..ProofFaultRow::of(rule.name(), header_words(rule))
        });
    }
    // Rule R08 makes every header later than the genesis header. So a block of an older network is recognised.
    let genesis = parameters.genesis();
    (header != genesis && header.time <= genesis.time).then(|| ProofFaultRow {
        expected: Some((u64::from(genesis.time) + 1).into()),
        found: Some(header.time.into()),
        ..ProofFaultRow::of("before-genesis", "its block is not later than the genesis block of the network")
    })
}

const fn header_words(rule: Rule) -> &'static str {
    if matches!(rule, Rule::ProofOfWork) {
        "the header of its block has no proof of work"
    } else {
        "the header of its block is not valid in this network"
    }
}

fn tree_fault(error: &PartialTreeError) -> ProofFaultRow {
    if let PartialTreeError::Root { expected, found } = error {
        return ProofFaultRow {
            expected: Some(expected.to_string().into()),
            found: Some(found.to_string().into()),
            ..ProofFaultRow::of("merkle-root", "its tree does not have the Merkle root of the header")
        };
    }
    // Parsing has checked the counts. What remains is that bits and hashes form no tree, or an ambiguous one.
    let is_ambiguous = matches!(error, PartialTreeError::Duplicated { .. });
    ProofFaultRow::of(if is_ambiguous { "equal-nodes" } else { "tree-shape" }, &error.to_string())
}

/// The fault of a proof that lacks a required transaction, or has none.
fn missing(proved: &[(u32, Txid)], required: &[Txid]) -> Option<ProofFaultRow> {
    if proved.is_empty() {
        return Some(ProofFaultRow::of("no-transactions", "it shows no transaction to be in the block"));
    }
    let lacks = |txid: &&Txid| !proved.iter().any(|(_, other)| other == *txid);
    let txid = required.iter().find(lacks)?;
    Some(ProofFaultRow {
        expected: Some(txid.to_string().into()),
        ..ProofFaultRow::of("txid-not-proved", "it does not show this transaction to be in the block")
    })
}

fn proof_row(proof: &TxOutProof, proved: &[(u32, Txid)], fault: Option<ProofFaultRow>) -> ProofRow {
    let header = &proof.header;
    let work = header.bits.decode().ok().map(|target| ChainWork::from(target.work()).to_display_hex());
    ProofRow {
        block: header.hash().to_display_hex(),
        header: header.to_hex(),
        time: header.time,
        work,
        transactions: proof.tree.transactions(),
        txids: proved.iter().map(|(index, txid)| ProvedRow { index: *index, txid: txid.to_display_hex() }).collect(),
        height: None,
        confirmations: None,
        fault,
    }
}

/// Finds the place of a proof's block in a set of blocks or headers.
pub(super) fn place_in_set(proof: Option<&CheckedProof>, set: &BlockSet) -> PlaceInChain {
    let Some(hash) = proof.map(|proof| proof.header.hash()) else { return PlaceInChain::Absent };
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
