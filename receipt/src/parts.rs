//! The parts of a statement as plain values.

use cityseal_chain::merkle::Node;
use cityseal_chain::{BlockHash, ChainWork};
use serde::{Deserialize, Serialize};

use crate::digits;
use crate::format::{FORMAT, FORMAT_WITHOUT_RULES};
use crate::keys::Signer;
use crate::openings::Openings;
use crate::rows::{Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, TipRow, VerdictKind};

/// The parts of a statement as plain values, in their order in the JSON and the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementParts {
    /// The verdict.
    pub verdict: VerdictKind,
    /// The kind of the items.
    pub kind: ItemKind,
    /// The name of the network.
    pub network: String,
    /// The digest of the network's parameters.
    #[serde(with = "digits")]
    pub parameters: [u8; 32],
    /// The height of the first item.
    pub first_height: u64,
    /// Number of items that passed.
    pub count: u64,
    /// The hash that the first header names as its predecessor.
    #[serde(with = "digits")]
    pub parent: BlockHash,
    /// The work of the chain below the first item; given, not checked.
    #[serde(with = "digits")]
    pub start_work: ChainWork,
    /// The last item that passed; `None` if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<TipRow>,
    /// Transactions in the bodies that passed; 0 for headers.
    pub transactions: u64,
    /// Bytes of the bodies that passed, without the headers; 0 for headers.
    pub body_bytes: u64,
    /// The first fault, if the verdict is `fault`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultRow>,
    /// The rules that were checked, by number; at least one.
    pub checked: Vec<String>,
    /// The digest of the rules that were checked, with their revisions (`cityseal_chain::RuleSet`). `None` only in
    /// receipts of the first format ([`crate::FORMAT_WITHOUT_RULES`]).
    #[serde(default, with = "digits::maybe", skip_serializing_if = "Option::is_none")]
    pub rules: Option<[u8; 32]>,
    /// Rules that were not checked for some heights.
    pub not_checked: Vec<NotCheckedRow>,
    /// What is never checked: [`crate::OUT_OF_SCOPE`].
    pub out_of_scope: Vec<String>,
    /// The RFC 6962 root over the hashes of the headers that passed.
    #[serde(with = "digits")]
    pub headers_root: Node,
    /// The RFC 6962 root over the contents of the blocks that passed; `None` for headers.
    #[serde(default, with = "digits::maybe", skip_serializing_if = "Option::is_none")]
    pub contents_root: Option<Node>,
    /// The nodes below `headers_root` against which headers can be checked.
    pub openings: Openings,
    /// The program that checked the chain.
    pub build: Build,
    /// The devices that took part.
    pub devices: Vec<DeviceRow>,
    /// The time used for R10, as Unix time.
    pub now: u64,
    /// When the statement was made.
    pub made: Made,
    /// Who signs the statement.
    pub signer: Signer,
}

/// The format of a statement, which depends on whether it has a digest of the rules.
pub(crate) const fn format_of(parts: &StatementParts) -> &'static str {
    if parts.rules.is_some() { FORMAT } else { FORMAT_WITHOUT_RULES }
}
