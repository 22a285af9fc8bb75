//! The JSON form of a part. It is canonical: equal parts are equal bytes. Reading is strict: unknown keys are refused,
//! and errors name the wrong key.

use std::str::FromStr;

use cityseal_chain::body::BLOCK_BYTES_MAX;
use cityseal_chain::{
    BlockHash, Bodies, ChainWork, Commitments, Digest, History, MerkleKind, NotChecked, START_HEIGHT_MAX, Summary,
    TreeOutline, hex,
};
use cityseal_receipt::NotCheckedRow;
use serde::{Deserialize, Serialize};

use super::{Chain, ItemKind, Part, RulesDiffer, SHARDS_MAX, ShardRange, rules_of};
use crate::placed_fault::PlacedFault;

/// Name and version of the format.
const FORMAT: &str = "cityseal-part-2";

/// The previous format, which did not record the rules.
const FORMAT_WITHOUT_RULES: &str = "cityseal-part-1";

/// Error of reading a part file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartFileError {
    /// Not the expected JSON.
    #[error("{reason}")]
    Json {
        /// The parser's message, with line and column.
        reason: String,
    },
    /// A key has an invalid value.
    #[error("key {key}: expected {expected}")]
    Value {
        /// The name of the key.
        key: &'static str,
        /// The expected value, in words.
        expected: &'static str,
    },
    /// The part was judged by other rules than those of this build.
    #[error(transparent)]
    Rules(#[from] RulesDiffer),
}

/// The keys that are read first: parts of other builds may have keys and rules that this build does not know.
#[derive(Deserialize)]
struct Head {
    format: String,
    #[serde(default)]
    items: String,
    rules: Option<String>,
}

/// The keys of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    format: String,
    parameters: String,
    items: String,
    rules: String,
    start_height: u64,
    start_work: String,
    now: u64,
    share_first: u64,
    share_last: u64,
    shares: u64,
    first_height: u64,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_prev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_hash: Option<String>,
    work: String,
    bodies: BodiesShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_outline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contents_outline: Option<String>,
    not_checked: Vec<NotCheckedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<PlacedFault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<String>,
    before: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BodiesShape {
    blocks: u64,
    transactions: u64,
    bytes: u64,
}

impl Part {
    /// Returns the part as JSON that ends in a line feed.
    pub fn to_json(&self) -> String {
        let Self { chain, shards, summary, .. } = self;
        let Bodies { blocks, transactions, bytes } = summary.bodies;
        let shape = Shape {
            format: FORMAT.to_owned(),
            parameters: chain.parameters.to_string(),
            items: chain.items.as_str().to_owned(),
            rules: chain.rules.to_string(),
            start_height: chain.start_height,
            start_work: chain.start_work.to_display_hex(),
            now: chain.now,
            share_first: shards.first,
            share_last: shards.last,
            shares: shards.of,
            first_height: summary.first_height,
            count: summary.count,
            first_prev: summary.first_prev.map(BlockHash::to_display_hex),
            last_hash: summary.last_hash.map(BlockHash::to_display_hex),
            work: summary.work.to_display_hex(),
            bodies: BodiesShape { blocks, transactions, bytes },
            headers_outline: summary.commitments.as_ref().map(|known| known.headers.to_string()),
            contents_outline: summary.commitments.as_ref().and_then(|known| Some(known.contents.as_ref()?.to_string())),
            not_checked: summary.not_checked.iter().map(NotCheckedRow::from).collect(),
            fault: self.fault.clone(),
            cut: self.cut.clone(),
            before: hex::encode(&self.before.to_wire()),
            after: self.after.map(|after| hex::encode(&after.to_wire())),
        };
        // Numbers and strings always have a JSON form, so this cannot fail.
        serde_json::to_string_pretty(&shape).unwrap_or_default() + "\n"
    }

    /// Parses the output of [`Self::to_json`]. The caller checks that the rules belong to the Merkle tree of the
    /// parameters.
    ///
    /// # Errors
    /// [`PartFileError`] with the place; [`RulesDiffer`] if this build has other rules for every kind of chain.
    pub fn from_json(text: &str) -> Result<Self, PartFileError> {
        let part = Self::from_state(text)?;
        let expected = "an outline of the headers, and for blocks also one of the contents";
        if part.summary.commitments.is_some() { Ok(part) } else { Err(wrong("headers_outline", expected)) }
    }

    /// As [`Self::from_json`], but a part without outlines is accepted: that of a run that makes no receipt.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_state(text: &str) -> Result<Self, PartFileError> {
        check_rules(text)?;
        let shape: Shape =
            serde_json::from_str(text).map_err(|error| PartFileError::Json { reason: error.to_string() })?;
        let part = shape.part()?;
        let is_own = part.to_json() == text;
        if is_own { Ok(part) } else { Err(wrong("format", "the canonical form of a part, unedited")) }
    }
}

/// Refuses a part that was judged by other rules than those of this build.
fn check_rules(text: &str) -> Result<(), PartFileError> {
    let head: Head = serde_json::from_str(text).map_err(|error| PartFileError::Json { reason: error.to_string() })?;
    let items = item_kind(&head.items)?;
    let kinds: &[MerkleKind] = match items {
        ItemKind::Headers => &[MerkleKind::Bitcoin],
        ItemKind::Blocks => &[MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256],
    };
    let known: Vec<String> = kinds.iter().map(|kind| rules_of(*kind, items).digest().to_string()).collect();
    let found = match (head.format.as_str(), head.rules) {
        (FORMAT_WITHOUT_RULES, None) => None,
        (FORMAT, Some(found)) => Some(digest("rules", &found)?.to_string()),
        (FORMAT, None) => return Err(wrong("rules", "64 hex digits")),
        (_, _) => return Err(wrong("format", FORMAT)),
    };
    let is_known = found.as_ref().is_some_and(|digest| known.contains(digest));
    if is_known { Ok(()) } else { Err(RulesDiffer { found, expected: known.join(" or ") }.into()) }
}

fn item_kind(items: &str) -> Result<ItemKind, PartFileError> {
    match items {
        "headers" => Ok(ItemKind::Headers),
        "blocks" => Ok(ItemKind::Blocks),
        _ => Err(wrong("items", "headers or blocks")),
    }
}

impl Shape {
    fn part(self) -> Result<Part, PartFileError> {
        if self.format != FORMAT {
            return Err(wrong("format", FORMAT));
        }
        let shards = ShardRange { first: self.share_first, last: self.share_last, of: self.shares };
        if shards.first == 0 || shards.first > shards.last || shards.last > shards.of || shards.of > SHARDS_MAX {
            return Err(wrong("share_first", "1 <= share_first <= share_last <= shares"));
        }
        let before = history("before", &self.before)?;
        let after = self.after.as_deref().map(|text| history("after", text)).transpose()?;
        let end = self.first_height.checked_add(self.count).filter(|end| *end <= START_HEIGHT_MAX);
        if end.is_none() {
            return Err(wrong("count", "a number of items that ends at a possible height"));
        }
        if before.next_height() != self.first_height || after.is_some_and(|after| Some(after.next_height()) != end) {
            return Err(wrong("after", "histories that end directly before the first item and at the last item"));
        }
        if after.is_some() != (self.fault.is_none() && self.cut.is_none()) {
            return Err(wrong("after", "a history, or none if there is a fault or a cut"));
        }
        let chain = Chain {
            items: item_kind(&self.items)?,
            rules: digest("rules", &self.rules)?,
            start_work: work("start_work", &self.start_work)?,
            parameters: digest("parameters", &self.parameters)?,
            start_height: self.start_height,
            now: self.now,
        };
        let BodiesShape { blocks, transactions, bytes } = self.bodies;
        // These bounds keep the sums over all parts from overflowing.
        let of_blocks = if self.items == "blocks" { self.count } else { 0 };
        if blocks != of_blocks || bytes > of_blocks.saturating_mul(BLOCK_BYTES_MAX as u64) || transactions > bytes {
            return Err(wrong("bodies", "as many blocks as items, with possible counts of bytes and transactions"));
        }
        let heights = self.first_height..=end.unwrap_or(0);
        if !self
            .not_checked
            .iter()
            .all(|row| row.from <= row.to && heights.contains(&row.from) && heights.contains(&row.to))
        {
            return Err(wrong("not_checked", "heights that the part covers"));
        }
        let commitments = commitments(self.headers_outline.as_deref(), self.contents_outline.as_deref())?;
        if commitments.as_ref().is_some_and(|known| known.contents.is_some() != (self.items == "blocks")) {
            return Err(wrong("contents_outline", "an outline of the contents exactly for blocks with one of headers"));
        }
        let first = self.first_height.checked_sub(self.start_height);
        let fits = |outline: &TreeOutline| first == Some(outline.first()) && outline.count() == self.count;
        let outlines = commitments.iter().flat_map(|known| std::iter::once(&known.headers).chain(&known.contents));
        if first.is_none() || !outlines.into_iter().all(fits) {
            return Err(wrong("headers_outline", "an outline of the items that the part covers"));
        }
        let summary = Summary {
            count: self.count,
            first_prev: hash("first_prev", self.first_prev.as_deref())?,
            last_hash: hash("last_hash", self.last_hash.as_deref())?,
            work: work("work", &self.work)?,
            bodies: Bodies { blocks, transactions, bytes },
            commitments,
            not_checked: self.not_checked.iter().map(range).collect::<Result<_, _>>()?,
            ..Summary::empty(self.first_height)
        };
        Ok(Part { chain, shards, before, after, summary, fault: self.fault, cut: self.cut })
    }
}

const fn wrong(key: &'static str, expected: &'static str) -> PartFileError {
    PartFileError::Value { key, expected }
}

fn history(key: &'static str, text: &str) -> Result<History, PartFileError> {
    let bytes = hex::decode(text).ok();
    bytes.and_then(|bytes| History::from_wire(&bytes)).ok_or(wrong(key, "a history as this program writes it"))
}

fn hash(key: &'static str, text: Option<&str>) -> Result<Option<BlockHash>, PartFileError> {
    text.map(BlockHash::from_display_hex).transpose().map_err(|_| wrong(key, "64 hex digits"))
}

fn digest(key: &'static str, text: &str) -> Result<Digest, PartFileError> {
    text.parse().map_err(|_| wrong(key, "64 hex digits"))
}

fn work(key: &'static str, text: &str) -> Result<ChainWork, PartFileError> {
    ChainWork::from_display_hex(text).map_err(|_| wrong(key, "64 hex digits"))
}

fn commitments(headers: Option<&str>, contents: Option<&str>) -> Result<Option<Commitments>, PartFileError> {
    let outline = |key: &'static str, text: &str| {
        TreeOutline::from_str(text).map_err(|_| wrong(key, "an outline of a tree as this program writes it"))
    };
    let headers = headers.map(|text| outline("headers_outline", text)).transpose()?;
    let contents = contents.map(|text| outline("contents_outline", text)).transpose()?;
    match (headers, contents) {
        (Some(headers), contents) => Ok(Some(Commitments { headers, contents })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(wrong("headers_outline", "an outline, since there is one of the contents")),
    }
}

fn range(row: &NotCheckedRow) -> Result<NotChecked, PartFileError> {
    NotChecked::named(&row.rule, row.from, row.to, &row.why).ok_or(wrong("not_checked", "known rules and reasons"))
}
