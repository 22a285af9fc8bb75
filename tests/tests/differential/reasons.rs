//! Bitcoin Core's reasons and the rules that they correspond to: the table in `docs/RULES.md`.

/// A reason of Bitcoin Core and the rules that it may mean, in order.
pub(crate) type Reason = (&'static str, &'static [&'static str]);

/// Reasons that correspond to rules. `bad-version` and `Must submit previous header` are followed by a value.
pub(crate) const OF_RULES: [Reason; 30] = [
    ("high-hash", &["R01", "R02", "R03", "R04", "R05"]),
    ("prev-blk-not-found", &["R06"]),
    ("inconclusive-not-best-prevblk", &["R06"]),
    ("Must submit previous header", &["R06"]),
    ("bad-diffbits", &["R07"]),
    ("time-too-old", &["R08"]),
    ("time-timewarp-attack", &["R09"]),
    ("time-too-new", &["R10"]),
    ("bad-version", &["R11"]),
    ("Block decode failed", &["R20"]),
    ("bad-txnmrklroot", &["R21"]),
    ("bad-txns-duplicate", &["R22"]),
    ("bad-blk-length", &["R23", "R24"]),
    ("bad-cb-missing", &["R24"]),
    ("bad-cb-multiple", &["R25"]),
    ("bad-txns-vin-empty", &["R26"]),
    ("bad-txns-vout-empty", &["R27"]),
    ("bad-txns-oversize", &["R28"]),
    ("bad-txns-vout-negative", &["R29"]),
    ("bad-txns-vout-toolarge", &["R29"]),
    ("bad-txns-txouttotal-toolarge", &["R30"]),
    ("bad-txns-inputs-duplicate", &["R31"]),
    ("bad-cb-length", &["R32"]),
    ("bad-txns-prevout-null", &["R33"]),
    ("bad-blk-sigops", &["R34"]),
    ("bad-txns-nonfinal", &["R35"]),
    ("bad-cb-height", &["R36"]),
    ("bad-witness-nonce-size", &["R37"]),
    ("bad-witness-merkle-match", &["R38"]),
    ("unexpected-witness", &["R39"]),
];

/// The reason for R40, and for R20 if a block has more than 4,000,000 bytes.
pub(crate) const WEIGHT: Reason = ("bad-blk-weight", &["R20", "R40"]);

/// Reasons without a rule: scripts, amounts, unspent outputs, and the state of other blocks.
pub(crate) const OF_NO_RULE: [&str; 8] = [
    "bad-txns-BIP30",
    "bad-txns-inputs-missingorspent",
    "bad-txns-premature-spend-of-coinbase",
    "bad-txns-in-belowout",
    "bad-cb-amount",
    "script-verify-flag-failed",
    "bad-prevblk",
    "duplicate-invalid",
];

/// All reasons that correspond to a rule.
pub(crate) fn of_rules() -> impl Iterator<Item = Reason> {
    OF_RULES.into_iter().chain([WEIGHT])
}

/// The rules that an answer of Bitcoin Core corresponds to; empty if there are none.
pub(crate) fn rules_of(answer: &str) -> &'static [&'static str] {
    // Longest first, because some reasons are prefixes of others.
    let mut known: Vec<Reason> = of_rules().collect();
    known.sort_by_key(|(reason, _)| std::cmp::Reverse(reason.len()));
    known.into_iter().find(|(reason, _)| answer.contains(reason)).map_or(&[], |(_, rules)| rules)
}

mod tests {
    use super::*;
    use cityseal_engine::chain::Rule;

    #[test]
    fn every_rule_that_regtest_can_break_has_a_reason_and_each_reason_is_listed_once() {
        let mut reasons: Vec<&str> = of_rules().map(|(reason, _)| reason).chain(OF_NO_RULE).collect();
        let count = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), count);
        let with_reason: Vec<&str> = of_rules().flat_map(|(_, rules)| rules).copied().collect();
        let without: Vec<&str> = Rule::all().map(Rule::code).filter(|code| !with_reason.contains(code)).collect();
        assert_eq!(without, ["R41"], "only R41, which applies to cities, has no reason of Bitcoin Core");
    }

    #[test]
    fn the_table_in_the_documentation_equals_the_one_used_here() {
        let text = std::fs::read_to_string(cityseal_tests::data::workspace_root().join("docs/RULES.md")).unwrap();
        let rows: Vec<(String, String)> = text
            .lines()
            .skip_while(|line| *line != "## Bitcoin Core's reasons")
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|row| row.split_once("` | "))
            .map(|(reason, rest)| (reason.to_owned(), rest.split(" | ").next().unwrap_or_default().to_owned()))
            .collect();
        let known = of_rules().map(|(reason, rules)| (reason.to_owned(), rules.join(", ")));
        let none = OF_NO_RULE.iter().map(|reason| ((*reason).to_owned(), "–".to_owned()));
        assert_eq!(rows, known.chain(none).collect::<Vec<_>>());
    }

    #[test]
    fn a_reason_followed_by_a_value_is_found() {
        assert_eq!(rules_of("bad-version(0x00000003)"), ["R11"]);
        assert_eq!(rules_of("Must submit previous header (00) first"), ["R06"]);
        assert_eq!(rules_of("bad-txns-inputs-missingorspent"), [""; 0]);
    }
}
