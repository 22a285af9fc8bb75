//! What `verify` finds out.

use std::time::Duration;

use cityseal_chain::header_tree::{InvalidHeader, StaleBranch, Unconnected};
use cityseal_chain::partial_tree::PartialTreeError;
use cityseal_chain::{
    BlockHash, BlockHeader, Bodies, BrokenRule, ChainWork, Digest, NotChecked, Rule, Tip, Txid, VerdictKind,
};
use cityseal_engine::{DeviceShare, Stage};
use cityseal_input::part::Conclusion;
use cityseal_input::{BlockSet, ShownValue};
use cityseal_receipt::OUT_OF_SCOPE;

use super::Work;
use crate::args::values::Shard;

/// Maximum number of headers of each kind that are listed one by one.
const LISTED_MAX: usize = 16;

/// What `verify` finds out about an input.
#[derive(Debug)]
pub(crate) struct Verification<'a> {
    /// The conclusion about the chain; [`Conclusion::Valid`] for a proof without a chain.
    pub(crate) conclusion: Conclusion,
    /// What the input looks like, if it is not recognised as a chain.
    pub(crate) message: Option<String>,
    /// The file that contains the fault, if there are several files.
    pub(crate) fault_file: Option<String>,
    /// What to try.
    pub(crate) hint: Option<String>,
    /// Number of items that passed all judged rules.
    pub(crate) count: u64,
    /// The last header that passed.
    pub(crate) tip: Option<Tip>,
    /// The rules that were judged.
    pub(crate) checked: Vec<Rule>,
    /// Rules that were not judged, with the heights.
    pub(crate) not_checked: Vec<NotChecked>,
    /// What no verdict covers, by name.
    pub(crate) out_of_scope: Vec<&'static str>,
    /// Totals of the bodies that passed; only for blocks.
    pub(crate) bodies: Option<Bodies>,
    /// What is outside the best chain; only if the input may fork.
    pub(crate) forks: Option<Forks<'a>>,
    /// What the proof of `--txoutproof` shows.
    pub(crate) proof: Option<Proof>,
    /// Notes that do not change the verdict, such as stray bytes between blocks.
    pub(crate) notes: Vec<String>,
    /// Digest of the network's parameters.
    pub(crate) parameters: Digest,
    /// What each device contributed.
    pub(crate) devices: Vec<DeviceShare>,
    /// The shard that was judged; only with `--shard`.
    pub(crate) shard: Option<ShardResult>,
    /// How busy each stage was; only with `--stats`.
    pub(crate) stages: Option<Vec<StageShare>>,
    /// Time from the first byte to the verdict.
    pub(crate) took: Duration,
}

impl Verification<'_> {
    /// A conclusion with the rules and the network that it is about, and nothing else.
    pub(crate) fn new(conclusion: Conclusion, checked: impl Iterator<Item = Rule>, parameters: Digest) -> Self {
        Self {
            conclusion,
            message: None,
            fault_file: None,
            hint: None,
            count: 0,
            tip: None,
            checked: checked.collect(),
            not_checked: Vec::new(),
            out_of_scope: OUT_OF_SCOPE.to_vec(),
            bodies: None,
            forks: None,
            proof: None,
            notes: Vec::new(),
            parameters,
            devices: Vec::new(),
            shard: None,
            stages: None,
            took: Duration::ZERO,
        }
    }

    /// The verdict. A wrong proof is a fault, although the chain is valid.
    pub(crate) fn verdict(&self) -> VerdictKind {
        let is_proof_wrong = self.proof.as_ref().is_some_and(|proof| proof.fault.is_some());
        match self.conclusion.kind() {
            VerdictKind::Valid if is_proof_wrong => VerdictKind::Fault,
            kind @ (VerdictKind::Valid | VerdictKind::Fault | VerdictKind::Incomplete) => kind,
        }
    }

    /// The kind of items that the devices worked on.
    pub(crate) const fn work(&self) -> Work {
        if self.bodies.is_some() { Work::Blocks } else { Work::Headers }
    }
}

/// The shard of an input that was judged separately.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardResult {
    pub(crate) shard: Shard,
    /// Height of its first header.
    pub(crate) first_height: u64,
    /// Work of its headers that passed.
    pub(crate) work: ChainWork,
}

/// How busy one stage of a verification was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageShare {
    pub(crate) stage: Stage,
    /// Fraction of all workers' time, 0 to 1.
    pub(crate) share: f64,
}

/// What is outside the best chain of a set of blocks or headers.
#[derive(Debug)]
pub(crate) struct Forks<'a> {
    pub(crate) set: &'a BlockSet,
    /// Headers that do not connect to the root.
    pub(crate) unconnected: Vec<Unconnected>,
}

impl Forks<'_> {
    /// Branches that leave the best chain and have less work, with the number of blocks that a node at the branch's tip
    /// connects to switch to the best chain.
    pub(crate) fn stale(&self) -> impl Iterator<Item = (&StaleBranch, u64)> {
        let tree = self.set.tree();
        let best_height = tree.first_height() + (tree.best().len() as u64).saturating_sub(1);
        tree.stale().iter().map(move |branch| (branch, best_height - branch.fork.height))
    }

    /// The first unconnected headers whose parent is not in the input, by index.
    pub(crate) fn roots(&self) -> impl Iterator<Item = u32> {
        let roots = self.unconnected.iter().filter(|unconnected| unconnected.parent.is_none());
        roots.take(LISTED_MAX).map(|unconnected| unconnected.index)
    }

    /// The first headers that break a rule of their own, so that nothing can be built on them.
    pub(crate) fn invalid(&self) -> impl Iterator<Item = &InvalidHeader> {
        self.set.tree().invalid_headers().iter().take(LISTED_MAX)
    }
}

/// A proof that transactions are in a block.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// Header of the block.
    pub(crate) header: BlockHeader,
    /// Number of the block's transactions, as the proof claims.
    pub(crate) transactions: u32,
    /// The transactions that the proof shows to be in the block, in block order, with their index.
    pub(crate) proved: Vec<(u32, Txid)>,
    /// Height of the block; only if it was found in a valid chain.
    pub(crate) height: Option<u64>,
    /// Number of blocks from this one to the tip, both included; only with a height.
    pub(crate) confirmations: Option<u64>,
    /// What is wrong with the proof.
    pub(crate) fault: Option<ProofFault>,
}

impl Proof {
    /// Work of the header; `None` if its bits are invalid.
    pub(crate) fn work(&self) -> Option<ChainWork> {
        self.header.bits.decode().ok().map(|target| ChainWork::from(target.work()))
    }
}

/// What is wrong with a proof.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProofFault {
    /// The header breaks a rule by itself.
    Header(BrokenRule),
    /// The header is not later than the genesis header, whose time is given.
    BeforeGenesis { genesis_time: u32, found: u32 },
    /// The tree is not one of the block's transactions.
    Tree(PartialTreeError),
    /// It shows no transaction.
    NoTransactions,
    /// It does not show this required transaction.
    NotProved(Txid),
    /// This block, its block, is not in the best chain.
    NotInChain { block: BlockHash, is_in_input: bool },
}

impl ProofFault {
    /// The kind of fault, as a word for programs.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Header(broken) => broken.rule.name(),
            Self::BeforeGenesis { .. } => "before-genesis",
            Self::Tree(PartialTreeError::Root { .. }) => "merkle-root",
            Self::Tree(PartialTreeError::Duplicated { .. }) => "equal-nodes",
            // Parsing has checked the counts. What remains is that bits and hashes form no tree.
            Self::Tree(_) => "tree-shape",
            Self::NoTransactions => "no-transactions",
            Self::NotProved(_) => "txid-not-proved",
            Self::NotInChain { .. } => "block-not-in-chain",
        }
    }

    /// The fault in words.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Header(BrokenRule { rule: Rule::ProofOfWork, .. }) => "the header of its block has no proof of work",
            Self::Header(_) => "the header of its block is not valid in this network",
            Self::BeforeGenesis { .. } => "its block is not later than the genesis block of the network",
            Self::Tree(PartialTreeError::Root { .. }) => "its tree does not have the Merkle root of the header",
            Self::Tree(error) => return error.to_string(),
            Self::NoTransactions => "it shows no transaction to be in the block",
            Self::NotProved(_) => "it does not show this transaction to be in the block",
            Self::NotInChain { is_in_input: true, .. } => "its block is in the input, but not in the best chain",
            Self::NotInChain { is_in_input: false, .. } => "its block is not in the chain given",
        }
        .to_owned()
    }

    /// The rule that the header breaks; `None` if the fault is not in the header.
    pub(crate) const fn rule(&self) -> Option<Rule> {
        if let Self::Header(broken) = self { Some(broken.rule) } else { None }
    }

    /// The value that would have been right, and the value found.
    pub(crate) fn values(&self) -> (Option<ShownValue>, Option<ShownValue>) {
        let text = |value: &dyn ToString| Some(ShownValue::Text(value.to_string()));
        let integer = |value: u32| Some(ShownValue::Integer(value.into()));
        match self {
            Self::Header(broken) => (Some((&broken.expected).into()), Some((&broken.found).into())),
            Self::BeforeGenesis { genesis_time, found } => {
                (Some(ShownValue::Integer(u64::from(*genesis_time) + 1)), integer(*found))
            }
            Self::Tree(PartialTreeError::Root { expected, found }) => (text(expected), text(found)),
            Self::NotProved(txid) => (text(txid), None),
            Self::NotInChain { block, .. } => (text(block), None),
            Self::Tree(_) | Self::NoTransactions => (None, None),
        }
    }
}
