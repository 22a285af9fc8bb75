//! The answer of `verify` as JSON.

use std::path::Path;

use cityseal_chain::header_tree::Fork;
use cityseal_chain::{Bodies, ChainWork, Rule, Tip, Txid};
use cityseal_input::part::Conclusion;
use cityseal_input::{DamagedCopy, PlacedFault, ShownValue};
use cityseal_receipt::{NotCheckedRow, TipRow};
use serde::Serialize;

use super::ShareRow;
use crate::answers::{Forks, Proof, ProofFault, StageShare, Verification};

/// Maximum number of damaged copies: at about 150 bytes each, 150 kB.
const DAMAGED_COPIES_MAX: usize = 1000;

/// The answer of `verify`.
#[derive(Debug, Serialize)]
pub(crate) struct VerifyAnswer<'a> {
    /// `valid`, `fault` or `incomplete`.
    verdict: &'static str,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tip: Option<TipRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a PlacedFault>,
    /// What the input looks like, if it is not recognised as a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    /// Why the input is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Numbers of the rules that were judged.
    checked: Vec<&'static str>,
    not_checked: Vec<NotCheckedRow>,
    /// What no verdict covers: `scripts`, `unspent-outputs`, `amounts`.
    out_of_scope: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    bodies: Option<BodiesRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forks: Option<ForksRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofRow>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    parameters: String,
    devices: Vec<ShareRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<StageRow>>,
    seconds: f64,
}

impl<'a> From<&'a Verification<'_>> for VerifyAnswer<'a> {
    fn from(found: &'a Verification<'_>) -> Self {
        let (fault, reason) = match &found.conclusion {
            Conclusion::Valid => (None, None),
            Conclusion::Fault(fault) => (Some(fault), None),
            Conclusion::Incomplete(reason) => (None, Some(reason.as_str())),
        };
        Self {
            verdict: found.verdict().name(),
            count: found.count,
            tip: found.tip.as_ref().map(TipRow::from),
            fault,
            message: found.message.as_deref(),
            hint: found.hint.as_deref(),
            reason,
            checked: found.checked.iter().map(|rule| rule.code()).collect(),
            not_checked: found.not_checked.iter().map(NotCheckedRow::from).collect(),
            out_of_scope: &found.out_of_scope,
            bodies: found.bodies.map(BodiesRow::from),
            forks: found.forks.as_ref().map(ForksRow::from),
            proof: found.proof.as_ref().map(ProofRow::from),
            notes: &found.notes,
            parameters: found.parameters.to_string(),
            devices: found.devices.iter().map(|share| ShareRow::of(share, found.work())).collect(),
            shard: found.shard.map(|shard| ShardRow { index: shard.shard.index, of: shard.shard.of }),
            stages: found.stages.as_ref().map(|stages| stages.iter().map(StageRow::from).collect()),
            seconds: found.took.as_secs_f64(),
        }
    }
}

/// The shard of an input that was judged separately.
#[derive(Debug, Serialize)]
struct ShardRow {
    index: u64,
    of: u64,
}

/// A proof that transactions are in a block.
#[derive(Debug, Serialize)]
struct ProofRow {
    block: String,
    /// Its header, 160 hex digits in wire order.
    header: String,
    time: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<String>,
    /// Number of the block's transactions, as the proof claims.
    transactions: u32,
    txids: Vec<ProvedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmations: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<ProofFaultRow>,
}

impl From<&Proof> for ProofRow {
    fn from(proof: &Proof) -> Self {
        let row = |(index, txid): &(u32, Txid)| ProvedRow { index: *index, txid: txid.to_string() };
        Self {
            block: proof.header.hash().to_string(),
            header: proof.header.to_hex(),
            time: proof.header.time,
            work: proof.work().map(ChainWork::to_display_hex),
            transactions: proof.transactions,
            txids: proof.proved.iter().map(row).collect(),
            height: proof.height,
            confirmations: proof.confirmations,
            fault: proof.fault.as_ref().map(ProofFaultRow::from),
        }
    }
}

/// A transaction that a proof shows to be in a block.
#[derive(Debug, Serialize)]
struct ProvedRow {
    index: u32,
    txid: String,
}

/// What is wrong with a proof.
#[derive(Debug, Serialize)]
struct ProofFaultRow {
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<ShownValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<ShownValue>,
}

impl From<&ProofFault> for ProofFaultRow {
    fn from(fault: &ProofFault) -> Self {
        let (expected, found) = fault.values();
        let rule = fault.rule().map(Rule::code);
        Self { reason: fault.name(), message: fault.message(), rule, expected, found }
    }
}

/// Totals of the blocks whose bodies passed.
#[derive(Debug, Serialize)]
struct BodiesRow {
    blocks: u64,
    transactions: u64,
    bytes: u64,
}

impl From<Bodies> for BodiesRow {
    fn from(bodies: Bodies) -> Self {
        Self { blocks: bodies.blocks, transactions: bodies.transactions, bytes: bodies.bytes }
    }
}

/// How busy one stage of a verification was.
#[derive(Debug, Serialize)]
struct StageRow {
    /// `read`, `parse`, `hash`, `trees` or `rules`.
    name: &'static str,
    /// Busy seconds of all workers together.
    busy_s: f64,
    share: f64,
}

impl From<&StageShare> for StageRow {
    fn from(StageShare { stage, share }: &StageShare) -> Self {
        Self { name: stage.name.as_str(), busy_s: stage.busy.as_secs_f64(), share: *share }
    }
}

/// What is outside the best chain.
#[derive(Debug, Serialize)]
struct ForksRow<'a> {
    stale: Vec<StaleRow>,
    /// Headers or blocks whose parent is not in the input; the first ones.
    unconnected: Vec<UnconnectedRow>,
    unconnected_count: u64,
    /// Headers that break a rule of their own, so that nothing can be built on them; the first ones.
    unsound: Vec<InvalidHeaderRow>,
    duplicates: u64,
    damage: Vec<String>,
    damaged_copies: Vec<DamagedCopyRow>,
    damaged_copies_count: u64,
    notes: &'a [String],
}

impl<'a> From<&'a Forks<'_>> for ForksRow<'a> {
    fn from(forks: &'a Forks<'_>) -> Self {
        let (set, tree) = (forks.set, forks.set.tree());
        let stale = forks.stale().map(|(branch, connect)| {
            let Fork { height, hash } = branch.fork;
            let tip = Tip { height: branch.tip_height, hash: branch.tip_hash, chain_work: branch.tip_work };
            let (fork_hash, tip) = (hash.to_string(), TipRow::from(&tip));
            StaleRow { fork_height: height, fork_hash, tip, disconnect: branch.blocks, connect }
        });
        let unconnected = forks.roots().map(|index| {
            let (hash, parent) = (tree.hash(index).to_string(), set.header(index).prev_block_hash.to_string());
            UnconnectedRow { hash, parent, file: shown(set.place(index).path), at: set.place(index).at }
        });
        let invalid = forks.invalid().map(|header| {
            let (hash, place) = (tree.hash(header.index).to_string(), set.place(header.index));
            let (rule, file, at) = (header.rule.code(), shown(place.path), place.at);
            InvalidHeaderRow { hash, height: header.height, rule, file, at }
        });
        Self {
            stale: stale.collect(),
            unconnected: unconnected.collect(),
            unconnected_count: forks.unconnected.len() as u64,
            unsound: invalid.collect(),
            duplicates: tree.duplicates().len() as u64,
            damage: set.damage().iter().map(ToString::to_string).collect(),
            damaged_copies: set.damaged_copies().iter().take(DAMAGED_COPIES_MAX).map(DamagedCopyRow::from).collect(),
            damaged_copies_count: set.damaged_copies().len() as u64,
            notes: set.notes(),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A copy of a block that is damaged and not used.
#[derive(Debug, Serialize)]
struct DamagedCopyRow {
    file: String,
    /// Byte offset of its header in that file.
    offset: u64,
    height: u64,
    rule: &'static str,
}

impl From<&DamagedCopy> for DamagedCopyRow {
    fn from(copy: &DamagedCopy) -> Self {
        Self { file: shown(&copy.path), offset: copy.at, height: copy.height, rule: copy.rule.code() }
    }
}

/// A branch that leaves the best chain.
#[derive(Debug, Serialize)]
struct StaleRow {
    fork_height: u64,
    fork_hash: String,
    tip: TipRow,
    disconnect: u64,
    connect: u64,
}

/// A header or block whose parent is not in the input.
#[derive(Debug, Serialize)]
struct UnconnectedRow {
    hash: String,
    parent: String,
    file: String,
    at: u64,
}

/// A header that breaks a rule of its own.
#[derive(Debug, Serialize)]
struct InvalidHeaderRow {
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    rule: &'static str,
    file: String,
    at: u64,
}
