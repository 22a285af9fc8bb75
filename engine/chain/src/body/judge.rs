//! Judges a parsed and hashed body. Its reference implementation is `reference`.
//!
//! It reads only the header's root and time from the block; everything else was recorded during parsing. The caller
//! guarantees that `parsed` and `roots` belong to the block.

use super::judgement::{BodyContext, BodyJudgement, BrokenBody, coinbase_height_script};
use super::limits::{LOCK_TIMES_FROM, MONEY_MAX, SIGOPS_COST_MAX, STRIPPED_BYTES_MAX};
use super::parsed::{Findings, First, ParsedBlock};
use super::roots::BodyRoots;
use crate::encoding::{WEIGHT_MAX, WITNESS_SCALE};
use crate::hash::MerkleRoot;
use crate::header::BlockHeader;
use crate::merkle;
use crate::parameters::{MerkleKind, Parameters};
use crate::rules::{FaultValue, Rule, ScriptHead, Unjudged, Wording};
use cityseal_hash::HEADER_LEN;

/// Judges a body by rules R21 to R41; [`ParsedBlock::parse`] judges R20.
///
/// # Panics
/// If `parsed` has another length than `block`, or if the root over the witness ids is required
/// ([`ParsedBlock::needs_witness_root`]) but absent.
pub fn judge_body(
    parameters: &Parameters,
    context: &BodyContext,
    block: &[u8],
    parsed: &ParsedBlock,
    roots: &BodyRoots,
) -> BodyJudgement {
    assert_eq!(block.len(), parsed.block_len(), "`parsed` belongs to `block`");
    let header = block.first_chunk::<HEADER_LEN>().map(BlockHeader::from_wire);
    let header = header.unwrap_or(*parameters.genesis());
    let judge = Judge { parameters, context, header, parsed, found: parsed.findings(), roots };
    let mut not_checked = Vec::new();
    let broken = judge.run(&mut not_checked).err();
    BodyJudgement { broken, not_checked }
}

type Verdict = Result<(), BrokenBody>;

struct Judge<'a> {
    parameters: &'a Parameters,
    context: &'a BodyContext,
    header: BlockHeader,
    parsed: &'a ParsedBlock,
    found: &'a Findings,
    roots: &'a BodyRoots,
}

fn broken(rule: Rule, transaction: Option<u32>, expected: FaultValue, found: FaultValue) -> Verdict {
    Err(BrokenBody { rule, expected, found, transaction })
}

fn broken_words(rule: Rule, transaction: Option<u32>, expected: Wording, found: Wording) -> Verdict {
    broken(rule, transaction, FaultValue::Words(expected), FaultValue::Words(found))
}

/// Checks that `found` is at most `most`.
fn at_most(rule: Rule, most: u64, found: u64) -> Verdict {
    if found <= most { Ok(()) } else { broken(rule, None, FaultValue::Count(most), FaultValue::Count(found)) }
}

/// Checks that no transaction without inputs (or outputs) was recorded; it needs at least one.
fn none_lacks(rule: Rule, transaction: Option<u32>) -> Verdict {
    let Some(at) = transaction else { return Ok(()) };
    broken(rule, Some(at), FaultValue::Count(1), FaultValue::Count(0))
}

/// Checks that no input was recorded.
fn no_input(rule: Rule, expected: Wording, first: First<u32>) -> Verdict {
    let Some((at, input)) = first else { return Ok(()) };
    broken(rule, Some(at), FaultValue::Words(expected), FaultValue::Count(u64::from(input)))
}

impl Judge<'_> {
    fn run(&self, not_checked: &mut Vec<(Rule, Unjudged)>) -> Verdict {
        self.check_tree()?;
        at_most(Rule::BlockSize, STRIPPED_BYTES_MAX as u64, self.found.stripped_len)?;
        self.check_coinbases()?;
        none_lacks(Rule::InputsEmpty, self.found.without_inputs)?;
        none_lacks(Rule::OutputsEmpty, self.found.without_outputs)?;
        self.check_transaction_size()?;
        self.check_amounts()?;
        no_input(Rule::DuplicateInput, Wording::NoOutputTwice, self.found.repeated_input)?;
        self.check_coinbase_script_length()?;
        no_input(Rule::NullPrevout, Wording::NamedOutput, self.found.null_prevout)?;
        at_most(Rule::Sigops, SIGOPS_COST_MAX, WITNESS_SCALE * self.found.sigops)?;
        self.check_finality(not_checked)?;
        self.check_coinbase_height()?;
        self.check_witness()?;
        at_most(Rule::Weight, WEIGHT_MAX, self.parsed.weight())?;
        self.check_log()
    }

    /// R21 and R22.
    fn check_tree(&self) -> Verdict {
        if self.parameters.merkle() != MerkleKind::Bitcoin {
            return Ok(());
        }
        self.check_root(Rule::MerkleRoot)?;
        if self.roots.mutated {
            return broken_words(Rule::MerkleMutation, None, Wording::NoEqualNodes, Wording::EqualNodes);
        }
        Ok(())
    }

    /// R41.
    fn check_log(&self) -> Verdict {
        match self.parameters.merkle() {
            MerkleKind::Bitcoin => Ok(()),
            MerkleKind::Rfc6962Sha256 => self.check_root(Rule::TransactionLogRoot),
        }
    }

    fn check_root(&self, rule: Rule) -> Verdict {
        roots_agree(rule, self.header.merkle_root.to_wire(), self.roots.merkle)
    }

    /// R24 and R25.
    fn check_coinbases(&self) -> Verdict {
        let missing = |at, found| broken_words(Rule::CoinbaseMissing, at, Wording::CoinbaseFirst, found);
        match (self.parsed.transactions(), self.found.later_coinbase) {
            ([], _) => missing(None, Wording::NoTransaction),
            _ if !self.found.first.is_coinbase => missing(Some(0), Wording::NoCoinbase),
            (_, None) => Ok(()),
            (_, at) => broken_words(Rule::CoinbaseMultiple, at, Wording::OneCoinbase, Wording::SecondCoinbase),
        }
    }

    /// R28. A block with such a transaction breaks R23 first.
    fn check_transaction_size(&self) -> Verdict {
        let Some((at, len)) = self.found.oversized else { return Ok(()) };
        let most = FaultValue::Count(STRIPPED_BYTES_MAX as u64);
        broken(Rule::TransactionSize, Some(at), most, FaultValue::Count(len))
    }

    /// R29 and R30.
    fn check_amounts(&self) -> Verdict {
        let most = MONEY_MAX as i64;
        if let Some((at, value)) = self.found.bad_value {
            let nearest = FaultValue::Amount(value.clamp(0, most));
            return broken(Rule::OutputValue, Some(at), nearest, FaultValue::Amount(value));
        }
        let Some((at, total)) = self.found.bad_total else { return Ok(()) };
        let total = FaultValue::Amount(i64::try_from(total).unwrap_or(i64::MAX));
        broken(Rule::OutputTotal, Some(at), FaultValue::Amount(most), total)
    }

    /// R32.
    fn check_coinbase_script_length(&self) -> Verdict {
        let len = self.found.first.script_len;
        if (2..=100).contains(&len) {
            return Ok(());
        }
        let nearest = FaultValue::Count(len.clamp(2, 100));
        broken(Rule::CoinbaseScriptLength, Some(0), nearest, FaultValue::Count(len))
    }

    /// R35.
    fn check_finality(&self, not_checked: &mut Vec<(Rule, Unjudged)>) -> Verdict {
        let Some(time) = self.lock_time_cutoff() else {
            not_checked.push((Rule::Finality, Unjudged::MedianAbsent));
            return Ok(());
        };
        let height = self.context.height;
        let holds = |lock: u32| if lock < LOCK_TIMES_FROM { u64::from(lock) >= height } else { lock >= time };
        let mut spans = (0..).zip(self.parsed.transactions());
        let Some((at, span)) = spans.find(|(_, span)| span.lock != 0 && holds(span.lock)) else { return Ok(()) };
        let lock = u64::from(span.lock);
        let (expected, found) = if span.lock < LOCK_TIMES_FROM {
            (FaultValue::Count(height.saturating_sub(1)), FaultValue::Count(lock))
        } else {
            (FaultValue::Time(u64::from(time).saturating_sub(1)), FaultValue::Time(lock))
        };
        broken(Rule::Finality, Some(at), expected, found)
    }

    /// The time that lock times are compared with, if known.
    fn lock_time_cutoff(&self) -> Option<u32> {
        let by_median = self.parameters.body().has_median_time_at(self.context.height);
        if by_median { self.context.median_time } else { Some(self.header.time) }
    }

    /// R36.
    fn check_coinbase_height(&self) -> Verdict {
        if !self.parameters.body().has_coinbase_height_at(self.context.height) {
            return Ok(());
        }
        let expected = coinbase_height_script(self.context.height);
        let head = self.found.first.script_head;
        if head.as_bytes().starts_with(expected.as_bytes()) {
            return Ok(());
        }
        let compared = expected.as_bytes().len().min(head.as_bytes().len());
        let found = ScriptHead::of(&head.as_bytes()[..compared]);
        broken(Rule::CoinbaseHeight, Some(0), FaultValue::Script(expected), FaultValue::Script(found))
    }

    /// R37 to R39.
    fn check_witness(&self) -> Verdict {
        let first = &self.found.first;
        match first.commitment {
            Some(commitment) if self.parameters.body().has_witness_at(self.context.height) => {
                self.check_reserved_value()?;
                assert!(self.roots.witness.is_some(), "the required root over witness ids is present");
                let committed = self.roots.witness.unwrap_or_default();
                let found = merkle::parent(&committed, &first.reserved);
                roots_agree(Rule::WitnessCommitment, commitment, found)
            }
            _ => match self.found.witness {
                None => Ok(()),
                at => broken_words(Rule::UnexpectedWitness, at, Wording::NoWitness, Wording::Witness),
            },
        }
    }

    /// R37.
    fn check_reserved_value(&self) -> Verdict {
        let first = &self.found.first;
        let (expected, found) = match (first.witness_items, first.reserved_len) {
            (1, 32) => return Ok(()),
            (1, len) => (32, len),
            (items, _) => (1, items),
        };
        broken(Rule::WitnessReservedValue, Some(0), FaultValue::Count(expected), FaultValue::Count(found))
    }
}

/// Checks that the committed root is the one computed from the transactions.
fn roots_agree(rule: Rule, committed: [u8; 32], computed: [u8; 32]) -> Verdict {
    if committed == computed {
        return Ok(());
    }
    let value = |root| FaultValue::Root(MerkleRoot::from_wire(root));
    broken(rule, None, value(committed), value(computed))
}
