//! The shapes of the answer of `verify`.

use cityseal_chain::Bodies;
use cityseal_input::rows::{FaultRow, NotCheckedRow};
use serde::Serialize;

use super::ShareRow;

/// The answer of `verify`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VerifyAnswer {
    /// `valid`, `fault` or `incomplete`.
    pub(crate) verdict: &'static str,
    /// How many headers passed all judged rules.
    pub(crate) count: u64,
    /// The last header that passed; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tip: Option<TipRow>,
    /// The first rule broken by the lowest header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<FaultRow>,
    /// What the input looks like, where it is not recognised as a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Why the input is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The rules that were judged, by their numbers.
    pub(crate) checked: Vec<String>,
    /// Rules that were not judged, and where.
    pub(crate) not_checked: Vec<NotCheckedRow>,
    /// What no verdict speaks of: `scripts`, `unspent-outputs`, `amounts`.
    pub(crate) out_of_scope: Vec<String>,
    /// What passed of the bodies, where the input is blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bodies: Option<BodiesRow>,
    /// What stands beside the best chain, where the input may fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) forks: Option<ForksRow>,
    /// What a person should know of the input and no verdict depends on, such as stray bytes between blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// Digest of the network's parameters.
    pub(crate) parameters: String,
    /// Who did how much.
    pub(crate) devices: Vec<ShareRow>,
    /// Which shard of the input this is, where only one was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shard: Option<ShardRow>,
    /// How busy each stage was, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stages: Option<Vec<StageRow>>,
    /// Seconds from the first byte to the verdict.
    pub(crate) seconds: f64,
}

/// The shard of an input that was judged alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShardRow {
    /// Which one, from 1.
    pub(crate) index: u64,
    /// How many there are.
    pub(crate) of: u64,
    /// The height of its first header, for people.
    #[serde(skip)]
    pub(crate) first_height: u64,
    /// The work of its headers that passed, 64 digits, for people.
    #[serde(skip)]
    pub(crate) work: String,
}

/// The blocks whose bodies passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BodiesRow {
    /// How many blocks.
    pub(crate) blocks: u64,
    /// Their transactions.
    pub(crate) transactions: u64,
    /// Their bytes, headers included.
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
    /// Seconds, of all workers together.
    pub(crate) busy_s: f64,
    /// The same as a share of all workers' time.
    pub(crate) share: f64,
}

/// What stands beside the best chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ForksRow {
    /// Branches that leave the best chain and have less work.
    pub(crate) stale: Vec<StaleRow>,
    /// Headers or blocks whose parent is not there.
    pub(crate) unconnected: Vec<UnconnectedRow>,
    /// How many of those there are; no more than some are listed.
    pub(crate) unconnected_count: u64,
    /// Headers that break a rule of their own, so that nothing is built on them.
    pub(crate) unsound: Vec<InvalidHeaderRow>,
    /// Headers or blocks that were given more than once.
    pub(crate) duplicates: u64,
    /// Places at which a file is not what it should be.
    pub(crate) damage: Vec<String>,
    /// Copies of blocks of the best chain whose body does not fit the header, and in place of which another copy is used.
    pub(crate) damaged_copies: Vec<DamagedCopyRow>,
    /// How many of those there are; no more than some are listed.
    pub(crate) damaged_copies_count: u64,
    /// What a person should know, such as a last block that was not written to its end.
    pub(crate) notes: Vec<String>,
}

/// A copy of a block that is damaged and not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DamagedCopyRow {
    /// The file.
    pub(crate) file: String,
    /// Where its header begins in that file, in bytes.
    pub(crate) offset: u64,
    /// The height of the block.
    pub(crate) height: u64,
    /// The number of the rule that the copy breaks.
    pub(crate) rule: String,
}

/// A branch that left the best chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StaleRow {
    /// The last header that it shares with the best chain.
    pub(crate) fork_height: u64,
    /// That header's hash.
    pub(crate) fork_hash: String,
    /// Its tip.
    pub(crate) tip: TipRow,
    /// What a node on its tip takes off to come to the best chain.
    pub(crate) disconnect: u64,
    /// What it puts on.
    pub(crate) connect: u64,
}

/// A header or block whose parent is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnconnectedRow {
    /// Its hash.
    pub(crate) hash: String,
    /// The parent that it names.
    pub(crate) parent: String,
    /// The file in which it stands.
    pub(crate) file: String,
    /// Where it stands there, in bytes.
    pub(crate) at: u64,
}

/// The last header that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TipRow {
    /// Its height.
    pub(crate) height: u64,
    /// Its hash, 64 digits.
    pub(crate) hash: String,
    /// Work of the chain up to it, 64 digits.
    pub(crate) chain_work: String,
}

/// A header that breaks a rule of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InvalidHeaderRow {
    /// Its hash.
    pub(crate) hash: String,
    /// Its height, where its parent is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u64>,
    /// The rule's number.
    pub(crate) rule: String,
    /// The file in which it stands.
    pub(crate) file: String,
    /// Where it stands there, in bytes.
    pub(crate) at: u64,
}
