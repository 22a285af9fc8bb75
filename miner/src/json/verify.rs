//! The answer of `verify`.

use cityseal_chain::Bodies;
use cityseal_input::rows::{FaultRow, NotCheckedRow};
use serde::Serialize;

use super::ShareRow;

/// The answer of `verify`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VerifyAnswer {
    /// `valid`, `fault` or `incomplete`.
    pub(crate) verdict: &'static str,
    /// Number of items that passed all judged rules.
    pub(crate) count: u64,
    /// The last header that passed; absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tip: Option<TipRow>,
    /// The first broken rule of the lowest faulty header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<FaultRow>,
    /// What the input looks like, if it is not recognised as a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Why the input is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Numbers of the rules that were judged.
    pub(crate) checked: Vec<String>,
    /// Rules that were not judged, with the heights.
    pub(crate) not_checked: Vec<NotCheckedRow>,
    /// What no verdict covers: `scripts`, `unspent-outputs`, `amounts`.
    pub(crate) out_of_scope: Vec<String>,
    /// Totals of the bodies that passed; only for blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bodies: Option<BodiesRow>,
    /// What is outside the best chain; only if the input may fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) forks: Option<ForksRow>,
    /// What the proof of `--txoutproof` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<ProofRow>,
    /// Notes that do not change the verdict, such as stray bytes between blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// Digest of the network's parameters.
    pub(crate) parameters: String,
    /// What each device contributed.
    pub(crate) devices: Vec<ShareRow>,
    /// The shard that was judged; only with `--shard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shard: Option<ShardRow>,
    /// How busy each stage was; only with `--stats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stages: Option<Vec<StageRow>>,
    /// Seconds from the first byte to the verdict.
    pub(crate) seconds: f64,
}

/// The shard of an input that was judged separately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShardRow {
    /// Number of the shard, from 1.
    pub(crate) index: u64,
    /// Number of shards.
    pub(crate) of: u64,
    /// Height of its first header; not in the JSON.
    #[serde(skip)]
    pub(crate) first_height: u64,
    /// Work of its headers that passed, 64 hex digits; not in the JSON.
    #[serde(skip)]
    pub(crate) work: String,
}

/// A proof that transactions are in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProofRow {
    /// Hash of the block.
    pub(crate) block: String,
    /// Its header, 160 hex digits in wire order.
    pub(crate) header: String,
    /// Time of the block, as Unix time.
    pub(crate) time: u32,
    /// Work of the header, 64 hex digits; absent if its bits are invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) work: Option<String>,
    /// Number of the block's transactions, as the proof claims.
    pub(crate) transactions: u32,
    /// The transactions that the proof shows to be in the block, in block order.
    pub(crate) txids: Vec<ProvedRow>,
    /// Height of the block; only if it was found in a valid chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u64>,
    /// Number of blocks from this one to the tip, both included; only with a height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confirmations: Option<u64>,
    /// What is wrong with the proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<ProofFaultRow>,
}

/// A transaction that a proof shows to be in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProvedRow {
    /// Its index in the block, counted from 0.
    pub(crate) index: u32,
    /// Its id.
    pub(crate) txid: String,
}

/// What is wrong with a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProofFaultRow {
    /// The kind of fault, as a word for programs.
    pub(crate) reason: String,
    /// The fault in words.
    pub(crate) message: String,
    /// Number of the rule that the header breaks; absent if the fault is not in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The value that would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<serde_json::Value>,
    /// The value found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<serde_json::Value>,
}

impl ProofFaultRow {
    /// A fault without a rule and without values.
    pub(crate) fn of(reason: &str, message: &str) -> Self {
        Self { reason: reason.into(), message: message.into(), rule: None, expected: None, found: None }
    }
}

/// Totals of the blocks whose bodies passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BodiesRow {
    /// Number of blocks.
    pub(crate) blocks: u64,
    /// Number of transactions.
    pub(crate) transactions: u64,
    /// Number of bytes, headers included.
    pub(crate) bytes: u64,
}

impl BodiesRow {
    pub(crate) const fn of(bodies: &Bodies) -> Self {
        Self { blocks: bodies.blocks, transactions: bodies.transactions, bytes: bodies.bytes }
    }
}

/// How busy one stage of a verification was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StageRow {
    /// `read`, `parse`, `hash`, `trees` or `rules`.
    pub(crate) name: String,
    /// Busy seconds of all workers together.
    pub(crate) busy_s: f64,
    /// Fraction of all workers' time, 0 to 1.
    pub(crate) share: f64,
}

/// What is outside the best chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ForksRow {
    /// Branches that leave the best chain and have less work.
    pub(crate) stale: Vec<StaleRow>,
    /// Headers or blocks whose parent is not in the input; the first ones.
    pub(crate) unconnected: Vec<UnconnectedRow>,
    /// Number of all unconnected headers or blocks.
    pub(crate) unconnected_count: u64,
    /// Headers that break a rule of their own, so that nothing can be built on them; the first ones.
    pub(crate) unsound: Vec<InvalidHeaderRow>,
    /// Number of headers or blocks that the input has more than once.
    pub(crate) duplicates: u64,
    /// Damaged places of files.
    pub(crate) damage: Vec<String>,
    /// Copies of blocks of the best chain whose body does not match the header, and which another copy replaces; the
    /// first ones.
    pub(crate) damaged_copies: Vec<DamagedCopyRow>,
    /// Number of all damaged copies.
    pub(crate) damaged_copies_count: u64,
    /// Notes, such as that the last block was not written completely.
    pub(crate) notes: Vec<String>,
}

/// A copy of a block that is damaged and not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DamagedCopyRow {
    /// Path of the file.
    pub(crate) file: String,
    /// Byte offset of its header in that file.
    pub(crate) offset: u64,
    /// The height of the block.
    pub(crate) height: u64,
    /// The number of the rule that the copy breaks.
    pub(crate) rule: String,
}

/// A branch that leaves the best chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StaleRow {
    /// Height of the last header that it shares with the best chain.
    pub(crate) fork_height: u64,
    /// Hash of that header.
    pub(crate) fork_hash: String,
    /// Its tip.
    pub(crate) tip: TipRow,
    /// Number of blocks that a node at its tip disconnects to switch to the best chain.
    pub(crate) disconnect: u64,
    /// Number of blocks that the node then connects.
    pub(crate) connect: u64,
}

/// A header or block whose parent is not in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnconnectedRow {
    /// Its hash.
    pub(crate) hash: String,
    /// Hash of its parent.
    pub(crate) parent: String,
    /// Path of its file.
    pub(crate) file: String,
    /// Byte offset in that file.
    pub(crate) at: u64,
}

/// The last header that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TipRow {
    /// Its height.
    pub(crate) height: u64,
    /// Its hash, 64 hex digits.
    pub(crate) hash: String,
    /// Work of the chain up to and including it, 64 hex digits.
    pub(crate) chain_work: String,
}

/// A header that breaks a rule of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InvalidHeaderRow {
    /// Its hash.
    pub(crate) hash: String,
    /// Its height; absent if its parent is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u64>,
    /// Number of the broken rule.
    pub(crate) rule: String,
    /// Path of its file.
    pub(crate) file: String,
    /// Byte offset in that file.
    pub(crate) at: u64,
}
