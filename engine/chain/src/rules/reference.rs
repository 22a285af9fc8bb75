//! The reference implementation of `judge`: one function for each rule over a plain list of headers.
//!
//! It is written to be read next to `docs/RULES.md`, not to be fast: it hashes every header one by one, looks up
//! history anew for each rule, and keeps nothing between headers. The fast judge, every device and every split are
//! compared with it. The two share only arithmetic that has its own oracles.

use super::fault::{Fault, FaultValue};
use super::rule::{BLOCK_SIGNATURE, NotChecked, Rule, Unjudged};
use super::summary::Summary;
use crate::hash::BlockHash;
use crate::header::BlockHeader;
use crate::parameters::{Difficulty, MIN_DIFFICULTY_AFTER_S, PERIOD_HEADERS, Parameters, TIMEWARP_MAX_S, retarget};
use crate::targets::{CompactFault, CompactTarget};
use cityseal_hash::HEADER_LEN;
use std::collections::BTreeMap;

/// The result of one rule for one header.
enum Finding {
    Passed,
    /// The expected and the found value.
    Broken(FaultValue, FaultValue),
    NotJudged(Unjudged),
}

/// The check of one rule.
type Check<'a> = fn(&View<'a>) -> Finding;

/// The known headers by height: the context, the genesis header if the chain begins directly above it, and the headers
/// up to the one being judged.
struct View<'a> {
    parameters: &'a Parameters,
    known: BTreeMap<u64, BlockHeader>,
    height: u64,
    now: u64,
}

/// Judges `headers` from `start_height` up, after the trusted `context` directly below, one header at a time.
///
/// Returns the same summary as [`crate::judge`]. `now` is a Unix time.
pub fn judge_headers(
    parameters: &Parameters,
    start_height: u64,
    context: &[BlockHeader],
    headers: &[BlockHeader],
    now: u64,
) -> Summary {
    let mut view = View { parameters, known: BTreeMap::new(), height: start_height, now };
    let context_height = start_height.saturating_sub(context.len() as u64);
    if context_height == 1 {
        view.known.insert(0, *parameters.genesis());
    }
    view.known.extend((context_height..).zip(context.iter().copied()));
    let mut summary = Summary::empty(start_height);
    summary.first_prev = headers.first().map(|first| first.prev_block_hash);
    let mut left_out = Vec::new();
    for (height, header) in (start_height..).zip(headers) {
        view.height = height;
        view.known.insert(height, *header);
        summary.fault = view.judge(&mut left_out).map(|(rule, expected, found)| {
            let offset = (height - start_height) * HEADER_LEN as u64;
            Fault { height, rule, expected, found, offset, transaction: None }
        });
        if summary.fault.is_some() {
            break;
        }
        summary.count += 1;
        summary.last_hash = Some(header.hash());
        let work = header.bits.decode().map_or(crate::ChainWork::ZERO, |target| target.work().into());
        summary.work = summary.work.saturating_add(work);
    }
    summary.not_checked = ranges(left_out);
    summary
}

/// Merges single heights into ranges, in the order of a summary.
fn ranges(mut left_out: Vec<(&'static str, u64, Unjudged)>) -> Vec<NotChecked> {
    left_out.sort_unstable();
    let mut ranges: Vec<NotChecked> = Vec::new();
    for (rule, height, why) in left_out {
        match ranges.last_mut() {
            Some(last) if (last.rule, last.why, last.to + 1) == (rule, why, height) => last.to = height,
            _ => ranges.push(NotChecked { rule, from: height, to: height, why }),
        }
    }
    ranges
}

impl<'a> View<'a> {
    /// Every header rule with its check, in judging order.
    const RULES: [(Rule, Check<'a>); Rule::OF_HEADERS.len()] = [
        (Rule::TargetNegative, |view| view.target_encodes(CompactFault::Negative)),
        (Rule::TargetZero, |view| view.target_encodes(CompactFault::Zero)),
        (Rule::TargetOverflow, |view| view.target_encodes(CompactFault::Overflow)),
        (Rule::TargetAboveLimit, Self::target_is_within_the_limit),
        (Rule::ProofOfWork, Self::hash_meets_the_target),
        (Rule::Link, Self::names_its_parent),
        (Rule::Difficulty, Self::carries_the_required_bits),
        (Rule::MedianTime, Self::time_is_past_the_median),
        (Rule::Timewarp, Self::time_is_near_the_parent),
        (Rule::FutureTime, Self::time_is_not_too_far_ahead),
        (Rule::Version, Self::version_is_in_force),
    ];

    fn judge(&self, left_out: &mut Vec<(&'static str, u64, Unjudged)>) -> Option<(Rule, FaultValue, FaultValue)> {
        if self.parameters.has_block_signature() {
            left_out.push((BLOCK_SIGNATURE, self.height, Unjudged::OutsideHeaders));
        }
        for (rule, check) in Self::RULES {
            match check(self) {
                Finding::Passed => {}
                Finding::Broken(expected, found) => return Some((rule, expected, found)),
                Finding::NotJudged(why) => left_out.push((rule.code(), self.height, why)),
            }
        }
        None
    }

    fn header(&self) -> &BlockHeader {
        &self.known[&self.height]
    }

    fn at(&self, height: u64) -> Option<&BlockHeader> {
        self.known.get(&height)
    }

    fn parent(&self) -> Option<&BlockHeader> {
        self.at(self.height.checked_sub(1)?)
    }

    /// R01, R02, R03.
    fn target_encodes(&self, fault: CompactFault) -> Finding {
        let bits = self.header().bits;
        match bits.decode() {
            Err(found) if found == fault => {
                Finding::Broken(FaultValue::Bits(self.parameters.limit_bits()), FaultValue::Bits(bits))
            }
            _ => Finding::Passed,
        }
    }

    /// R04.
    fn target_is_within_the_limit(&self) -> Finding {
        let limit = self.parameters.pow_limit();
        match self.header().bits.decode() {
            Ok(target) if target > limit => Finding::Broken(FaultValue::Target(limit), FaultValue::Target(target)),
            _ => Finding::Passed,
        }
    }

    /// R05.
    fn hash_meets_the_target(&self) -> Finding {
        let hash = self.header().hash();
        match self.header().bits.decode() {
            Ok(target) if hash.to_display_hex() > target.to_display_hex() => {
                Finding::Broken(FaultValue::Target(target), FaultValue::Hash(hash))
            }
            _ => Finding::Passed,
        }
    }

    /// R06.
    fn names_its_parent(&self) -> Finding {
        let differ = |expected: BlockHash, found: BlockHash| {
            if expected == found {
                Finding::Passed
            } else {
                Finding::Broken(FaultValue::Hash(expected), FaultValue::Hash(found))
            }
        };
        match self.parent() {
            Some(parent) => differ(parent.hash(), self.header().prev_block_hash),
            None if self.height == 0 => differ(self.parameters.genesis_hash(), self.header().hash()),
            None => Finding::NotJudged(Unjudged::ParentAbsent),
        }
    }

    /// R07.
    fn carries_the_required_bits(&self) -> Finding {
        if self.height == 0 {
            return Finding::Passed;
        }
        let found = self.header().bits;
        match self.required_bits() {
            Ok(required) if required == found => Finding::Passed,
            Ok(required) => Finding::Broken(FaultValue::Bits(required), FaultValue::Bits(found)),
            Err(why) => Finding::NotJudged(why),
        }
    }

    fn required_bits(&self) -> Result<CompactTarget, Unjudged> {
        let limit = self.parameters.pow_limit();
        let parent = self.parent().ok_or(Unjudged::ParentAbsent);
        match self.parameters.difficulty() {
            Difficulty::Fixed => Ok(self.parameters.genesis().bits),
            Difficulty::Asert(asert) => {
                Ok(asert.required_bits(self.height - 1, parent?.time, self.parameters.limit_bits()))
            }
            Difficulty::Bitcoin2016 { bip94, .. } if self.height.is_multiple_of(PERIOD_HEADERS) => {
                let parent = parent?;
                let first = self.at(self.height - PERIOD_HEADERS).ok_or(Unjudged::PeriodStartAbsent)?;
                let base = if *bip94 { first.bits } else { parent.bits };
                Ok(retarget(base, first.time, parent.time, limit))
            }
            Difficulty::Bitcoin2016 { min_difficulty: false, .. } => Ok(parent?.bits),
            Difficulty::Bitcoin2016 { min_difficulty: true, .. } => {
                let waited_s = i64::from(self.header().time) - i64::from(parent?.time);
                if waited_s > MIN_DIFFICULTY_AFTER_S as i64 {
                    return Ok(self.parameters.limit_bits());
                }
                self.last_ordinary_bits().ok_or(Unjudged::OrdinaryBitsAbsent)
            }
        }
    }

    /// Walks back from the parent over headers at the limit, at most to the first header of the period.
    fn last_ordinary_bits(&self) -> Option<CompactTarget> {
        let mut height = self.height - 1;
        loop {
            let header = self.at(height)?;
            if height.is_multiple_of(PERIOD_HEADERS) || header.bits != self.parameters.limit_bits() {
                return Some(header.bits);
            }
            height -= 1;
        }
    }

    /// R08.
    fn time_is_past_the_median(&self) -> Finding {
        if self.height == 0 {
            return Finding::Passed;
        }
        let heights = self.height.saturating_sub(11)..self.height;
        let Some(mut times) =
            heights.map(|height| self.at(height).map(|header| header.time)).collect::<Option<Vec<_>>>()
        else {
            return Finding::NotJudged(Unjudged::MedianAbsent);
        };
        times.sort_unstable();
        let (earliest, found) = (u64::from(times[times.len() / 2]) + 1, u64::from(self.header().time));
        if found >= earliest {
            return Finding::Passed;
        }
        Finding::Broken(FaultValue::Time(earliest), FaultValue::Time(found))
    }

    /// R09.
    fn time_is_near_the_parent(&self) -> Finding {
        let bip94 = matches!(self.parameters.difficulty(), Difficulty::Bitcoin2016 { bip94: true, .. });
        if !bip94 || self.height == 0 || !self.height.is_multiple_of(PERIOD_HEADERS) {
            return Finding::Passed;
        }
        let Some(parent) = self.parent() else { return Finding::NotJudged(Unjudged::ParentAbsent) };
        let behind_s = i64::from(parent.time) - i64::from(self.header().time);
        if behind_s <= TIMEWARP_MAX_S as i64 {
            return Finding::Passed;
        }
        let earliest = u64::from(parent.time) - TIMEWARP_MAX_S;
        Finding::Broken(FaultValue::Time(earliest), FaultValue::Time(u64::from(self.header().time)))
    }

    /// R10.
    fn time_is_not_too_far_ahead(&self) -> Finding {
        let latest = self.now.saturating_add(self.parameters.future_limit_s());
        let found = u64::from(self.header().time);
        if found <= latest {
            Finding::Passed
        } else {
            Finding::Broken(FaultValue::Time(latest), FaultValue::Time(found))
        }
    }

    /// R11.
    fn version_is_in_force(&self) -> Finding {
        let found = self.header().version;
        match self.parameters.version_rule_at(self.height) {
            Some(rule) if found < rule.min => {
                Finding::Broken(FaultValue::Version(rule.min), FaultValue::Version(found))
            }
            _ => Finding::Passed,
        }
    }
}
