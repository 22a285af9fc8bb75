//! The consensus parameters of a chain: everything that a verdict depends on besides the headers and the time.
//!
//! A value of this type is consistent: its genesis header meets its own target within the limit. The values come from
//! `network.rs` (Bitcoin's networks) or `file.rs` (custom network parameters in TOML).

use super::difficulty::Difficulty;
use crate::digest::Digest;
use crate::hash::BlockHash;
use crate::header::BlockHeader;
use crate::hex;
use crate::targets::{CompactTarget, Target};
use cityseal_hash::{MerkleKind, double_sha256};
use std::fmt::Write;

/// Default for how far a header's time may be ahead of now: two hours (Bitcoin Core: `MAX_FUTURE_BLOCK_TIME`).
pub const FUTURE_LIMIT_S: u64 = 2 * 60 * 60;

/// Requires a header's version (signed) to be at least `min` from height `from_height` up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRule {
    /// The smallest version that passes.
    pub min: i32,
    /// The first height that the rule applies to.
    pub from_height: u64,
}

/// The heights from which optional body rules apply; `None` for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BodyRules {
    /// The coinbase's script begins with the height (R36; BIP34).
    pub coinbase_height_from: Option<u64>,
    /// Lock times are compared with the median time of the eleven preceding headers, not the block's own (R35; BIP113).
    pub median_time_from: Option<u64>,
    /// Transactions may have witnesses, to which the coinbase commits (R37 to R39; BIP141).
    pub witness_from: Option<u64>,
}

impl BodyRules {
    /// Whether the coinbase at `height` must begin with the height.
    pub fn has_coinbase_height_at(&self, height: u64) -> bool {
        self.coinbase_height_from.is_some_and(|from| from <= height)
    }

    /// Whether lock times at `height` are compared with the median time. The genesis block has no predecessors, so its
    /// own time is used.
    pub fn has_median_time_at(&self, height: u64) -> bool {
        height > 0 && self.median_time_from.is_some_and(|from| from <= height)
    }

    /// Whether the coinbase commits to witnesses at `height`.
    pub fn has_witness_at(&self, height: u64) -> bool {
        self.witness_from.is_some_and(|from| from <= height)
    }
}

/// The consensus parameters of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    name: String,
    genesis: BlockHeader,
    genesis_hash: BlockHash,
    pow_limit: Target,
    limit_bits: CompactTarget,
    difficulty: Difficulty,
    future_limit_s: u64,
    versions: Vec<VersionRule>,
    merkle: MerkleKind,
    body: BodyRules,
    block_signature: bool,
    magic: Option<[u8; 4]>,
    signet_challenge: Option<Vec<u8>>,
}

impl Parameters {
    /// Builds a record of checked values. `versions` must be sorted by height.
    #[expect(clippy::too_many_arguments, reason = "the one constructor of a record, called from two places")]
    pub(crate) fn new(
        name: String,
        genesis: BlockHeader,
        pow_limit: Target,
        difficulty: Difficulty,
        future_limit_s: u64,
        versions: Vec<VersionRule>,
        merkle: MerkleKind,
        body: BodyRules,
        block_signature: bool,
    ) -> Self {
        let (genesis_hash, limit_bits) = (genesis.hash(), pow_limit.to_compact_lossy());
        Self {
            name,
            genesis,
            genesis_hash,
            pow_limit,
            limit_bits,
            difficulty,
            future_limit_s,
            versions,
            merkle,
            body,
            block_signature,
            magic: None,
            signet_challenge: None,
        }
    }

    /// The same parameters with the magic of a built-in network.
    pub(crate) fn with_magic(mut self, magic: [u8; 4]) -> Self {
        self.magic = Some(magic);
        self
    }

    /// Turns the parameters into those of a custom signet: blocks are signed for `challenge` (a script, BIP325), and
    /// the magic derives from it.
    ///
    /// The challenge of the default signet changes nothing. Any other one becomes part of [`Self::canonical_text`].
    #[must_use]
    pub fn with_signet_challenge(mut self, challenge: Vec<u8>) -> Self {
        let magic = signet_magic(&challenge);
        self.block_signature = true;
        if self.magic != Some(magic) {
            self.magic = Some(magic);
            self.signet_challenge = Some(challenge);
        }
        self
    }

    /// The network's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The header at height 0.
    pub const fn genesis(&self) -> &BlockHeader {
        &self.genesis
    }

    /// The hash of the header at height 0.
    pub const fn genesis_hash(&self) -> BlockHash {
        self.genesis_hash
    }

    /// The easiest target that a header may have.
    pub const fn pow_limit(&self) -> Target {
        self.pow_limit
    }

    /// The limit in compact form, rounded down: the bits of a header at minimum difficulty.
    pub const fn limit_bits(&self) -> CompactTarget {
        self.limit_bits
    }

    /// How the required bits are determined.
    pub const fn difficulty(&self) -> &Difficulty {
        &self.difficulty
    }

    /// How far a header's time may be ahead of now, in seconds.
    pub const fn future_limit_s(&self) -> u64 {
        self.future_limit_s
    }

    /// The version rules, by ascending height.
    pub fn versions(&self) -> &[VersionRule] {
        &self.versions
    }

    /// The tree under each header's Merkle root.
    pub const fn merkle(&self) -> MerkleKind {
        self.merkle
    }

    /// The heights from which optional body rules apply.
    pub const fn body(&self) -> &BodyRules {
        &self.body
    }

    /// Whether blocks are signed outside their headers (signet, BIP325), which header rules cannot check.
    pub const fn has_block_signature(&self) -> bool {
        self.block_signature
    }

    /// The four bytes before each block in files; `None` for custom network parameters without a signet challenge.
    pub const fn magic(&self) -> Option<[u8; 4]> {
        self.magic
    }

    /// The challenge of a custom signet, if it is one.
    pub fn signet_challenge(&self) -> Option<&[u8]> {
        self.signet_challenge.as_deref()
    }

    /// The version rule in force at `height`, if there is one.
    pub fn version_rule_at(&self, height: u64) -> Option<VersionRule> {
        self.versions.iter().rev().find(|rule| rule.from_height <= height).copied()
    }

    /// The digest of all parameters: that of [`Self::canonical_text`].
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical_text())
    }

    /// Every parameter as one `key=value` line, each ended by a line feed, in this order:
    ///
    /// `cityseal-parameters=2` (the version of the format), `name`, `genesis` (160 hex), `pow_limit` (64 hex),
    /// `difficulty` (`fixed`, `bitcoin-2016` with its two flags, or `asert` with its five numbers), `future_limit_s`,
    /// one `version=MIN@HEIGHT` for each rule by ascending height, `merkle`, `coinbase_height_from`, `median_time_from`
    /// and `witness_from` (a height, or `never`), `block_signature` (`none`, `bip325`, or for a custom signet `bip325`
    /// with a space and the challenge in hex).
    pub fn canonical_text(&self) -> String {
        let mut text = format!(
            "cityseal-parameters=2\nname={}\ngenesis={}\npow_limit={}\ndifficulty={}\nfuture_limit_s={}\n",
            self.name,
            self.genesis.to_hex(),
            self.pow_limit,
            canonical_difficulty(&self.difficulty),
            self.future_limit_s,
        );
        for rule in &self.versions {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "version={}@{}", rule.min, rule.from_height);
        }
        let _ = writeln!(text, "merkle={}", self.merkle.name());
        let BodyRules { coinbase_height_from, median_time_from, witness_from } = self.body;
        let rules = [
            ("coinbase_height_from", coinbase_height_from),
            ("median_time_from", median_time_from),
            ("witness_from", witness_from),
        ];
        for (key, from) in rules {
            let _ = writeln!(text, "{key}={}", from.map_or_else(|| "never".to_owned(), |from| from.to_string()));
        }
        let signature = if self.block_signature { "bip325" } else { "none" };
        let challenge = self.signet_challenge.as_ref().map(|challenge| format!(" {}", hex::encode(challenge)));
        let _ = writeln!(text, "block_signature={signature}{}", challenge.unwrap_or_default());
        text
    }
}

/// The magic of a signet: the first four bytes of the double SHA-256 of its challenge, which is prefixed with its
/// length as a compact size (BIP325).
fn signet_magic(challenge: &[u8]) -> [u8; 4] {
    let mut serialized = Vec::with_capacity(challenge.len() + 5);
    match challenge.len() {
        len @ 0..=0xfc => serialized.push(len as u8),
        len @ 0xfd..=0xffff => {
            serialized.push(0xfd);
            serialized.extend_from_slice(&(len as u16).to_le_bytes());
        }
        len => {
            serialized.push(0xfe);
            serialized.extend_from_slice(&(len as u32).to_le_bytes());
        }
    }
    serialized.extend_from_slice(challenge);
    let [a, b, c, d, ..] = double_sha256(&serialized);
    [a, b, c, d]
}

fn canonical_difficulty(difficulty: &Difficulty) -> String {
    match difficulty {
        Difficulty::Fixed => "fixed".to_owned(),
        Difficulty::Bitcoin2016 { min_difficulty, bip94 } => {
            format!("bitcoin-2016 min_difficulty={min_difficulty} bip94={bip94}")
        }
        Difficulty::Asert(asert) => format!(
            "asert spacing_s={} half_life_s={} anchor_height={} anchor_parent_time={} anchor_bits={}",
            asert.spacing_s, asert.half_life_s, asert.anchor_height, asert.anchor_parent_time, asert.anchor_bits,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::network::Network;

    #[test]
    fn the_canonical_text_of_mainnet_is_as_documented() {
        let expected = "cityseal-parameters=2\n\
            name=mainnet\n\
            genesis=0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
            67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c\n\
            pow_limit=00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n\
            difficulty=bitcoin-2016 min_difficulty=false bip94=false\n\
            future_limit_s=7200\n\
            version=2@227931\n\
            version=3@363725\n\
            version=4@388381\n\
            merkle=bitcoin\n\
            coinbase_height_from=227931\n\
            median_time_from=419328\n\
            witness_from=481824\n\
            block_signature=none\n";
        let mainnet = Parameters::of(Network::Mainnet);
        assert_eq!(mainnet.canonical_text(), expected);
        assert_eq!(mainnet.digest(), Digest::of(expected));
    }

    #[test]
    fn the_magic_of_a_signet_derives_from_its_challenge() {
        // Bitcoin Core, kernel/chainparams.cpp: the challenge of the default signet, and its message start.
        let default = "\
            512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430210359ef5021964fe22d6f8e05\
            b2463c9540ce96883fe3b278760f048f5189f2e6c452ae";
        let signet = Parameters::of(Network::Signet);
        assert_eq!(signet.clone().with_signet_challenge(hex::decode(default).unwrap()), signet);

        let custom = signet.clone().with_signet_challenge(vec![0x51]);
        assert_eq!(custom.magic(), Some([0x54, 0xd2, 0x6f, 0xbd]));
        assert_eq!((custom.genesis(), custom.has_block_signature()), (signet.genesis(), true));
        assert!(custom.canonical_text().ends_with("\nblock_signature=bip325 51\n"));
        let long = |len| signet.clone().with_signet_challenge(vec![0x51; len]).magic();
        assert!(long(0xfc) != long(0xfd) && long(0xfd) != long(0x1_0000));
    }

    #[test]
    fn no_two_networks_share_a_digest() {
        let digests: std::collections::HashSet<_> =
            Network::ALL.into_iter().map(|network| Parameters::of(network).digest()).collect();
        assert_eq!(digests.len(), Network::ALL.len());
    }

    #[test]
    fn the_version_rule_changes_exactly_at_its_height() {
        let mainnet = Parameters::of(Network::Mainnet);
        let min_at = |height| mainnet.version_rule_at(height).map(|rule| rule.min);
        assert_eq!((min_at(0), min_at(227_930), min_at(227_931)), (None, None, Some(2)));
        assert_eq!((min_at(363_724), min_at(363_725)), (Some(2), Some(3)));
        assert_eq!((min_at(388_380), min_at(388_381), min_at(u64::MAX)), (Some(3), Some(4), Some(4)));
    }

    #[test]
    fn a_body_rule_applies_from_its_height_and_the_median_never_at_the_genesis_block() {
        let rules = BodyRules { coinbase_height_from: Some(5), median_time_from: Some(0), witness_from: None };
        assert_eq!((rules.has_coinbase_height_at(4), rules.has_coinbase_height_at(5)), (false, true));
        assert_eq!((rules.has_median_time_at(0), rules.has_median_time_at(1)), (false, true));
        assert!(!rules.has_witness_at(u64::MAX));
    }
}
