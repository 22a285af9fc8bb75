//! The set of rules judged for one kind of chain, with a digest that lets results of different builds be compared.

use std::fmt::Write as _;

use super::rule::Rule;
use crate::digest::Digest;
use crate::parameters::MerkleKind;

/// The first line of [`RuleSet::canonical_text`]: the version of its format.
const TEXT_VERSION: &str = "cityseal-rules=1";

/// The set of rules judged for one kind of chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSet {
    merkle: MerkleKind,
    has_bodies: bool,
}

impl RuleSet {
    /// The rules of a chain of headers, which do not depend on the kind of Merkle tree.
    pub const HEADERS: Self = Self { merkle: MerkleKind::Bitcoin, has_bodies: false };

    /// The rules of a chain of whole blocks with Merkle trees of this kind.
    pub const fn blocks(merkle: MerkleKind) -> Self {
        Self { merkle, has_bodies: true }
    }

    /// The rules, in judging order.
    pub fn rules(self) -> impl Iterator<Item = Rule> {
        let of_other_tree: &[Rule] = match self.merkle {
            MerkleKind::Bitcoin => &[Rule::TransactionLogRoot],
            MerkleKind::Rfc6962Sha256 => &[Rule::MerkleRoot, Rule::MerkleMutation],
        };
        Rule::all().filter(move |rule| !rule.is_of_bodies() || self.has_bodies && !of_other_tree.contains(rule))
    }

    /// The digest of codes and revisions: that of [`Self::canonical_text`].
    pub fn digest(self) -> Digest {
        Digest::of(&self.canonical_text())
    }

    /// The text under the digest: `cityseal-rules=1` (the version of the format), then `CODE=REVISION` for each rule in
    /// judging order. Each line ends with a line feed.
    pub fn canonical_text(self) -> String {
        let mut text = format!("{TEXT_VERSION}\n");
        for rule in self.rules() {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{}={}", rule.code(), rule.revision());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_text_of_headers_is_as_documented() {
        let expected =
            "cityseal-rules=1\nR01=1\nR02=1\nR03=1\nR04=1\nR05=1\nR06=1\nR07=1\nR08=1\nR09=1\nR10=1\nR11=1\n";
        assert_eq!(RuleSet::HEADERS.canonical_text(), expected);
        assert_eq!(RuleSet::HEADERS.digest(), Digest::of(expected));
    }

    #[test]
    fn each_kind_of_chain_has_its_own_digest() {
        let kinds =
            [RuleSet::HEADERS, RuleSet::blocks(MerkleKind::Bitcoin), RuleSet::blocks(MerkleKind::Rfc6962Sha256)];
        let digests: std::collections::HashSet<_> = kinds.into_iter().map(RuleSet::digest).collect();
        assert_eq!(digests.len(), kinds.len());
    }

    #[test]
    fn a_rule_is_judged_only_for_the_kinds_of_chain_it_applies_to() {
        let has = |set: RuleSet, code: &str| set.rules().any(|rule| rule.code() == code);
        let [bitcoin, city] = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256].map(RuleSet::blocks);
        assert_eq!(RuleSet::HEADERS.rules().last(), Some(Rule::Version));
        assert!(has(bitcoin, "R21") && has(bitcoin, "R40") && !has(bitcoin, "R41"));
        assert!(!has(city, "R21") && !has(city, "R22") && has(city, "R23") && has(city, "R41"));
    }

    #[test]
    fn every_rule_is_in_the_digest_of_some_kind_of_chain_with_its_revision() {
        for rule in Rule::all() {
            let line = format!("{}={}\n", rule.code(), rule.revision());
            let is_in = |merkle| RuleSet::blocks(merkle).canonical_text().contains(&line);
            assert!(is_in(MerkleKind::Bitcoin) || is_in(MerkleKind::Rfc6962Sha256), "{line}");
            assert!(rule.revision() >= 1);
        }
    }
}
