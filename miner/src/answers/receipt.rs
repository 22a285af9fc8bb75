//! What `receipt` finds out.

use cityseal_chain::{Digest, MerkleKind};
use cityseal_input::part::rules_of;
use cityseal_receipt::{Receipt, ReceiptError, Statement, StatementParts};

/// What `receipt verify` finds out about a file.
#[derive(Debug)]
pub(crate) enum CheckedReceipt {
    /// It is a clear no by itself: changed, or not signed by the key that it names.
    Refused(ReceiptError),
    /// Its signature is good.
    Judged(Box<JudgedReceipt>),
}

/// A receipt with a good signature.
#[derive(Debug)]
pub(crate) struct JudgedReceipt {
    pub(crate) receipt: Receipt,
    pub(crate) trust: Trust,
    /// Why it is refused.
    pub(crate) reason: Option<String>,
    /// The result of the spot check; only with `--spot-check`.
    pub(crate) spot_check: Option<SpotCheck>,
}

/// Whether the signer's key is a trusted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Trusted,
    /// No trusted key was given.
    Unchecked,
    /// Trusted keys were given, and it is not one of them.
    Foreign,
}

impl Trust {
    /// The name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Unchecked => "unchecked",
            Self::Foreign => "foreign",
        }
    }
}

/// A comparison of random parts of a chain with a receipt.
#[derive(Debug)]
pub(crate) struct SpotCheck {
    pub(crate) result: SpotCheckResult,
    /// The heights of the random items.
    pub(crate) heights: Vec<u64>,
    /// Number of subtrees compared.
    pub(crate) subtrees: u64,
    /// Number of headers read for them.
    pub(crate) headers: u64,
}

/// The result of a spot check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SpotCheckResult {
    Right,
    /// Why the source is not the chain that was signed.
    Wrong(String),
    /// Why there was nothing to compare.
    Impossible(String),
}

impl SpotCheckResult {
    /// The name in JSON and text.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong(_) => "wrong",
            Self::Impossible(_) => "impossible",
        }
    }

    /// Why it is not right.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Right => None,
            Self::Wrong(reason) | Self::Impossible(reason) => Some(reason),
        }
    }
}

/// The rules that a receipt names, and those of this build for the same kind of items.
#[derive(Clone, Debug)]
pub(crate) struct NamedRules {
    /// The digest that the receipt names; `None` in receipts of format 1.
    pub(crate) digest: Option<Digest>,
    /// The digests of this build, one for each kind of Merkle tree that the chain can have: a receipt does not name the
    /// kind, so all of them count as the same.
    pub(crate) this_build: Vec<Digest>,
}

impl NamedRules {
    /// The rules that a statement names.
    pub(crate) fn of(statement: &Statement) -> Self {
        let StatementParts { kind, rules, .. } = statement.parts();
        let trees = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256];
        let mut this_build = trees.map(|tree| rules_of(tree, *kind).digest()).to_vec();
        this_build.dedup();
        Self { digest: rules.map(Digest::from_bytes), this_build }
    }

    /// Whether they are this build's rules.
    pub(crate) fn are_same(&self) -> bool {
        self.digest.is_some_and(|digest| self.this_build.contains(&digest))
    }
}
