//! The reference implementation of the judge of bodies: transactions that own their parts, and one function for each
//! rule.
//!
//! It is written to be read next to `docs/RULES.md` from R20, not to be fast: it parses a block into a tree of values,
//! serializes every transaction again for its hash, hashes one by one, and looks at everything again for each rule. The
//! fast judge is compared with it. The two share only the constants, the Merkle trees and the encoding of heights,
//! which have their own oracles.

mod read;
mod transaction;

use self::read::read_block;
use self::transaction::{Block, Input, Transaction};
use crate::body::judgement::{BodyContext, BodyJudgement, BrokenBody, coinbase_height_script};
use crate::body::limits::{LOCK_TIMES_FROM, MONEY_MAX, SIGOPS_COST_MAX, STRIPPED_BYTES_MAX};
use crate::encoding::{WEIGHT_MAX, WITNESS_SCALE};
use crate::hash::MerkleRoot;
use crate::merkle::rfc6962;
use crate::merkle::{self, MerkleError, Node};
use crate::parameters::{MerkleKind, Parameters};
use crate::rules::{FaultValue, Rule, ScriptHead, Unjudged, Wording};
use cityseal_hash::double_sha256;
use std::collections::BTreeSet;

/// The result of one rule for one body.
enum Finding {
    Passed,
    Broken { transaction: Option<usize>, expected: FaultValue, found: FaultValue },
    NotJudged(Unjudged),
}

/// The check of one rule.
type Check<'a> = fn(&View<'a>) -> Finding;

/// A body with its context.
struct View<'a> {
    parameters: &'a Parameters,
    context: &'a BodyContext,
    block: Block,
}

/// Judges a block's body by rules R20 to R41, from its bytes.
pub fn judge_block(parameters: &Parameters, context: &BodyContext, block: &[u8]) -> BodyJudgement {
    match read_block(block) {
        Ok(block) => View { parameters, context, block }.judge(),
        Err(fault) => fault.into(),
    }
}

fn broken(transaction: Option<usize>, expected: FaultValue, found: FaultValue) -> Finding {
    Finding::Broken { transaction, expected, found }
}

fn broken_words(transaction: Option<usize>, expected: Wording, found: Wording) -> Finding {
    broken(transaction, FaultValue::Words(expected), FaultValue::Words(found))
}

fn counted(transaction: Option<usize>, expected: u64, found: u64) -> Finding {
    broken(transaction, FaultValue::Count(expected), FaultValue::Count(found))
}

fn roots_agree(committed: Node, computed: Node) -> Finding {
    let value = |root| FaultValue::Root(MerkleRoot::from_wire(root));
    if committed == computed { Finding::Passed } else { broken(None, value(committed), value(computed)) }
}

impl<'a> View<'a> {
    /// Every body rule with its check, in judging order. Parsing has already checked R20.
    const RULES: [(Rule, Check<'a>); Rule::OF_BODIES.len() - 1] = [
        (Rule::MerkleRoot, Self::merkle_root_matches_the_header),
        (Rule::MerkleMutation, Self::merkle_tree_has_no_equal_siblings),
        (Rule::BlockSize, Self::block_is_small_enough),
        (Rule::CoinbaseMissing, Self::coinbase_comes_first),
        (Rule::CoinbaseMultiple, Self::coinbase_comes_once),
        (Rule::InputsEmpty, Self::each_transaction_has_inputs),
        (Rule::OutputsEmpty, Self::each_transaction_has_outputs),
        (Rule::TransactionSize, Self::each_transaction_is_small_enough),
        (Rule::OutputValue, Self::each_output_is_an_amount),
        (Rule::OutputTotal, Self::outputs_add_up_to_an_amount),
        (Rule::DuplicateInput, Self::inputs_spend_no_output_twice),
        (Rule::CoinbaseScriptLength, Self::coinbase_script_has_2_to_100_bytes),
        (Rule::NullPrevout, Self::inputs_name_an_output),
        (Rule::Sigops, Self::scripts_have_few_signature_checks),
        (Rule::Finality, Self::lock_times_have_passed),
        (Rule::CoinbaseHeight, Self::coinbase_begins_with_the_height),
        (Rule::WitnessReservedValue, Self::coinbase_reserves_32_bytes),
        (Rule::WitnessCommitment, Self::coinbase_commits_to_the_witnesses),
        (Rule::UnexpectedWitness, Self::witnesses_are_committed_to),
        (Rule::Weight, Self::block_is_light_enough),
        (Rule::TransactionLogRoot, Self::log_root_matches_the_header),
    ];

    fn judge(&self) -> BodyJudgement {
        let mut judgement = BodyJudgement::default();
        for (rule, check) in Self::RULES {
            match check(self) {
                Finding::Passed => {}
                Finding::NotJudged(why) => judgement.not_checked.push((rule, why)),
                Finding::Broken { transaction, expected, found } => {
                    let transaction = transaction.map(|at| at as u32);
                    judgement.broken = Some(BrokenBody { rule, expected, found, transaction });
                    break;
                }
            }
        }
        judgement
    }

    fn transactions(&self) -> &[Transaction] {
        &self.block.transactions
    }

    /// The finding about the first transaction that breaks a rule.
    fn first(&self, finding: impl Fn(usize, &Transaction) -> Option<Finding>) -> Finding {
        let mut found = self.transactions().iter().enumerate().filter_map(|(at, transaction)| finding(at, transaction));
        found.next().unwrap_or(Finding::Passed)
    }

    fn stripped_len(&self) -> u64 {
        self.block.to_bytes(false).len() as u64
    }

    /// R21.
    fn merkle_root_matches_the_header(&self) -> Finding {
        if self.parameters.merkle() != MerkleKind::Bitcoin {
            return Finding::Passed;
        }
        let ids: Vec<Node> = self.transactions().iter().map(Transaction::id).collect();
        let computed = match merkle::root(&ids) {
            Ok(root) | Err(MerkleError::Duplicated { root, .. }) => root.to_wire(),
            Err(_) => [0; 32],
        };
        roots_agree(self.block.header.merkle_root.to_wire(), computed)
    }

    /// R22.
    fn merkle_tree_has_no_equal_siblings(&self) -> Finding {
        if self.parameters.merkle() != MerkleKind::Bitcoin {
            return Finding::Passed;
        }
        let ids: Vec<Node> = self.transactions().iter().map(Transaction::id).collect();
        match merkle::root(&ids) {
            Err(MerkleError::Duplicated { .. }) => broken_words(None, Wording::NoEqualNodes, Wording::EqualNodes),
            _ => Finding::Passed,
        }
    }

    /// R23.
    fn block_is_small_enough(&self) -> Finding {
        let most = WEIGHT_MAX / WITNESS_SCALE;
        let transactions = self.transactions().len() as u64;
        if transactions > most {
            return counted(None, most, transactions);
        }
        let found = self.stripped_len();
        if found > most { counted(None, most, found) } else { Finding::Passed }
    }

    /// R24.
    fn coinbase_comes_first(&self) -> Finding {
        match self.transactions().first() {
            None => broken_words(None, Wording::CoinbaseFirst, Wording::NoTransaction),
            Some(first) if !first.is_coinbase() => broken_words(Some(0), Wording::CoinbaseFirst, Wording::NoCoinbase),
            Some(_) => Finding::Passed,
        }
    }

    /// R25.
    fn coinbase_comes_once(&self) -> Finding {
        self.first(|at, transaction| {
            let again = at > 0 && transaction.is_coinbase();
            again.then(|| broken_words(Some(at), Wording::OneCoinbase, Wording::SecondCoinbase))
        })
    }

    /// R26.
    fn each_transaction_has_inputs(&self) -> Finding {
        self.first(|at, transaction| transaction.inputs.is_empty().then(|| counted(Some(at), 1, 0)))
    }

    /// R27.
    fn each_transaction_has_outputs(&self) -> Finding {
        self.first(|at, transaction| transaction.outputs.is_empty().then(|| counted(Some(at), 1, 0)))
    }

    /// R28.
    fn each_transaction_is_small_enough(&self) -> Finding {
        let most = STRIPPED_BYTES_MAX as u64;
        self.first(|at, transaction| {
            let found = transaction.to_bytes(false).len() as u64;
            (found > most).then(|| counted(Some(at), most, found))
        })
    }

    /// R29.
    fn each_output_is_an_amount(&self) -> Finding {
        let most = MONEY_MAX as i64;
        self.first(|at, transaction| {
            let value =
                transaction.outputs.iter().map(|output| output.value).find(|value| !(0..=most).contains(value))?;
            let nearest = if value < 0 { 0 } else { most };
            Some(broken(Some(at), FaultValue::Amount(nearest), FaultValue::Amount(value)))
        })
    }

    /// R30. R29 has already refused negative outputs.
    fn outputs_add_up_to_an_amount(&self) -> Finding {
        self.first(|at, transaction| {
            let total: i128 = transaction.outputs.iter().map(|output| i128::from(output.value)).sum();
            let found = FaultValue::Amount(i64::try_from(total).unwrap_or(i64::MAX));
            let most = FaultValue::Amount(MONEY_MAX as i64);
            (total > i128::from(MONEY_MAX)).then(|| broken(Some(at), most, found))
        })
    }

    /// R31.
    fn inputs_spend_no_output_twice(&self) -> Finding {
        self.first(|at, transaction| {
            let mut seen = BTreeSet::new();
            let again = transaction.inputs.iter().position(|input| !seen.insert((input.prev_id, input.prev_index)))?;
            let found = FaultValue::Count(again as u64);
            Some(broken(Some(at), FaultValue::Words(Wording::NoOutputTwice), found))
        })
    }

    /// R32.
    fn coinbase_script_has_2_to_100_bytes(&self) -> Finding {
        self.first(|at, transaction| {
            let len = transaction.inputs.first()?.script.len() as u64;
            let is_broken = transaction.is_coinbase() && !(2..=100).contains(&len);
            is_broken.then(|| counted(Some(at), if len < 2 { 2 } else { 100 }, len))
        })
    }

    /// R33.
    fn inputs_name_an_output(&self) -> Finding {
        self.first(|at, transaction| {
            let input = transaction.inputs.iter().position(Input::has_null_prevout)?;
            let found = FaultValue::Count(input as u64);
            let expected = FaultValue::Words(Wording::NamedOutput);
            (!transaction.is_coinbase()).then(|| broken(Some(at), expected, found))
        })
    }

    /// R34.
    fn scripts_have_few_signature_checks(&self) -> Finding {
        let checks: u64 = self.transactions().iter().map(Transaction::legacy_sigops).sum();
        let found = checks * WITNESS_SCALE;
        if found > SIGOPS_COST_MAX { counted(None, SIGOPS_COST_MAX, found) } else { Finding::Passed }
    }

    /// R35.
    fn lock_times_have_passed(&self) -> Finding {
        let height = self.context.height;
        let time = if self.parameters.body().has_median_time_at(height) {
            match self.context.median_time {
                Some(median) => i64::from(median),
                None => return Finding::NotJudged(Unjudged::MedianAbsent),
            }
        } else {
            i64::from(self.block.header.time)
        };
        self.first(|at, transaction| {
            let lock = transaction.lock_time;
            let is_height = lock < LOCK_TIMES_FROM;
            let limit = if is_height { height as i64 } else { time };
            let is_final = lock == 0
                || i64::from(lock) < limit
                || transaction.inputs.iter().all(|input| input.sequence == 0xffff_ffff);
            let value = if is_height { FaultValue::Count } else { FaultValue::Time };
            let latest = (limit - 1).max(0) as u64;
            (!is_final).then(|| broken(Some(at), value(latest), value(u64::from(lock))))
        })
    }

    /// R36.
    fn coinbase_begins_with_the_height(&self) -> Finding {
        if !self.parameters.body().has_coinbase_height_at(self.context.height) {
            return Finding::Passed;
        }
        let expected = coinbase_height_script(self.context.height);
        let script = &self.transactions()[0].inputs[0].script;
        if script.starts_with(expected.as_bytes()) {
            return Finding::Passed;
        }
        let compared = expected.as_bytes().len().min(script.len());
        broken(Some(0), FaultValue::Script(expected), FaultValue::Script(ScriptHead::of(&script[..compared])))
    }

    /// The commitment to the witnesses, if it is to be judged: the last output of the coinbase that has its form.
    fn commitment(&self) -> Option<Node> {
        if !self.parameters.body().has_witness_at(self.context.height) {
            return None;
        }
        let outputs = self.transactions()[0].outputs.iter().rev();
        let mut commitments = outputs.filter_map(|output| output.script.strip_prefix(b"\x6a\x24\xaa\x21\xa9\xed"));
        commitments.find_map(|commitment| commitment.first_chunk().copied())
    }

    /// R37.
    fn coinbase_reserves_32_bytes(&self) -> Finding {
        let witness = &self.transactions()[0].inputs[0].witness;
        match (self.commitment(), witness.as_slice()) {
            (None, _) => Finding::Passed,
            (Some(_), [item]) if item.len() == 32 => Finding::Passed,
            (Some(_), [item]) => counted(Some(0), 32, item.len() as u64),
            (Some(_), items) => counted(Some(0), 1, items.len() as u64),
        }
    }

    /// R38. R37 has already checked that there is one reserved value of 32 bytes.
    fn coinbase_commits_to_the_witnesses(&self) -> Finding {
        let Some(commitment) = self.commitment() else { return Finding::Passed };
        let mut ids: Vec<Node> = self.transactions().iter().map(Transaction::witness_id).collect();
        ids[0] = [0; 32];
        let root = match merkle::root(&ids) {
            Ok(root) | Err(MerkleError::Duplicated { root, .. }) => root.to_wire(),
            Err(_) => [0; 32],
        };
        let reserved = &self.transactions()[0].inputs[0].witness[0];
        roots_agree(commitment, double_sha256(&[&root, reserved.as_slice()].concat()))
    }

    /// R39.
    fn witnesses_are_committed_to(&self) -> Finding {
        if self.commitment().is_some() {
            return Finding::Passed;
        }
        self.first(|at, transaction| {
            transaction.has_witness().then(|| broken_words(Some(at), Wording::NoWitness, Wording::Witness))
        })
    }

    /// R40.
    fn block_is_light_enough(&self) -> Finding {
        let found = 3 * self.stripped_len() + self.block.to_bytes(true).len() as u64;
        if found > WEIGHT_MAX { counted(None, WEIGHT_MAX, found) } else { Finding::Passed }
    }

    /// R41.
    fn log_root_matches_the_header(&self) -> Finding {
        if self.parameters.merkle() != MerkleKind::Rfc6962Sha256 {
            return Finding::Passed;
        }
        let leaves: Vec<Node> =
            self.transactions().iter().map(|transaction| rfc6962::leaf_hash(&transaction.to_bytes(true))).collect();
        roots_agree(self.block.header.merkle_root.to_wire(), rfc6962::root(&leaves))
    }
}
