//! Judges one header after the other, rule by rule.

use super::state::{Fields, Judge, Parent};
use super::stateless::{Broken, check_proof_of_work};
use crate::hash::BlockHash;
use crate::parameters::{Difficulty, MIN_DIFFICULTY_AFTER_S, Parameters, TIMEWARP_MAX_S, retarget};
use crate::rules::fault::{Fault, FaultValue};
use crate::rules::history::History;
use crate::rules::median::MEDIAN_HEADERS;
use crate::rules::rule::{BLOCK_SIGNATURE, NotChecked, Rule, Unjudged};
use crate::rules::summary::{Bodies, Summary, in_order};
use crate::targets::CompactTarget;
use cityseal_hash::HEADER_LEN;

/// Judges packed headers by rules R01 to R11 and returns what they prove.
///
/// `hashes` are their double SHA-256 in wire order, `now` is the Unix time for R10, and `first_offset` is the offset of
/// the segment in bytes from the first header given. Rules whose history is unknown are not judged.
///
/// # Panics
/// If `headers` is not 80 bytes for each hash, which is a bug of the caller.
pub fn judge(
    parameters: &Parameters,
    history: &History,
    headers: &[u8],
    hashes: &[[u8; 32]],
    now: u64,
    first_offset: u64,
) -> Summary {
    let (headers, rest) = headers.as_chunks::<HEADER_LEN>();
    assert!(rest.is_empty() && headers.len() == hashes.len(), "a segment has one hash for each 80 bytes");
    let mut judge = Judge::new(parameters, history, now);
    let broken = judge.run(headers, hashes).err();
    judge.conclude(history.next_height(), headers, hashes, broken, first_offset)
}

impl Judge<'_> {
    /// Judges all headers up to the first that breaks a rule.
    fn run(&mut self, headers: &[[u8; HEADER_LEN]], hashes: &[[u8; 32]]) -> Result<(), Broken> {
        let mut at = 0;
        while at < headers.len() {
            at += self.pass_ordinary(&headers[at..], &hashes[at..]);
            if let (Some(header), Some(hash)) = (headers.get(at), hashes.get(at)) {
                self.step(&Fields::of(header), hash)?;
                at += 1;
            }
        }
        Ok(())
    }

    /// Judges the next header in the order of the rules, and accepts it if it passes.
    fn step(&mut self, header: &Fields<'_>, hash: &[u8; 32]) -> Result<(), Broken> {
        let decoded = self.decoded(header.bits)?;
        check_proof_of_work(&decoded.target, hash)?;
        self.check_link(header, hash)?;
        self.check_difficulty(header)?;
        self.check_median_time(header)?;
        self.check_timewarp(header)?;
        self.check_future_time(header)?;
        self.check_version(header)?;
        self.accept(header, hash, decoded.work);
        Ok(())
    }

    /// R06.
    fn check_link(&mut self, header: &Fields<'_>, hash: &[u8; 32]) -> Result<(), Broken> {
        match &self.parent {
            Some(parent) if parent.hash == *header.prev => Ok(()),
            Some(parent) => Err(differs(parent.hash, *header.prev)),
            None if self.height > 0 => {
                self.note_unjudged(Rule::Link, Unjudged::ParentAbsent);
                Ok(())
            }
            None => {
                let genesis = self.parameters.genesis_hash().to_wire();
                if genesis == *hash { Ok(()) } else { Err(differs(genesis, *hash)) }
            }
        }
    }

    /// R07. The genesis header's bits are judged by R06.
    fn check_difficulty(&mut self, header: &Fields<'_>) -> Result<(), Broken> {
        if self.height == 0 {
            return Ok(());
        }
        match self.required_bits(header.time) {
            Ok(required) if required == header.bits => Ok(()),
            Ok(required) => Err((Rule::Difficulty, FaultValue::Bits(required), FaultValue::Bits(header.bits))),
            Err(why) => {
                self.note_unjudged(Rule::Difficulty, why);
                Ok(())
            }
        }
    }

    fn required_bits(&self, time: u32) -> Result<CompactTarget, Unjudged> {
        match self.parameters.difficulty() {
            Difficulty::Fixed => Ok(self.parameters.genesis().bits),
            Difficulty::Asert(asert) => {
                let parent = self.parent.ok_or(Unjudged::ParentAbsent)?;
                Ok(asert.required_bits(self.height - 1, parent.time, self.parameters.limit_bits()))
            }
            Difficulty::Bitcoin2016 { min_difficulty, bip94 } => {
                let parent = self.parent.ok_or(Unjudged::ParentAbsent)?;
                if self.in_period == 0 {
                    self.retargeted(&parent, *bip94)
                } else if *min_difficulty {
                    self.required_on_a_test_network(&parent, time)
                } else {
                    Ok(parent.bits)
                }
            }
        }
    }

    fn retargeted(&self, parent: &Parent, bip94: bool) -> Result<CompactTarget, Unjudged> {
        let start = self.period_start.ok_or(Unjudged::PeriodStartAbsent)?;
        let base = if bip94 { start.bits } else { parent.bits };
        Ok(retarget(base, start.time, parent.time, self.parameters.pow_limit()))
    }

    fn required_on_a_test_network(&self, parent: &Parent, time: u32) -> Result<CompactTarget, Unjudged> {
        if u64::from(time) > u64::from(parent.time) + MIN_DIFFICULTY_AFTER_S {
            return Ok(self.parameters.limit_bits());
        }
        self.ordinary_bits.ok_or(Unjudged::OrdinaryBitsAbsent)
    }

    /// R08. Near the genesis header the median is over all preceding headers.
    fn check_median_time(&mut self, header: &Fields<'_>) -> Result<(), Broken> {
        if self.window.len() < MEDIAN_HEADERS && (self.window.len() as u64) < self.height {
            self.note_unjudged(Rule::MedianTime, Unjudged::MedianAbsent);
            return Ok(());
        }
        if self.height == 0 || self.window.check_time(header.time) {
            return Ok(());
        }
        let earliest = u64::from(self.window.median()) + 1;
        Err((Rule::MedianTime, FaultValue::Time(earliest), FaultValue::Time(u64::from(header.time))))
    }

    /// R09, at the first header of a period under BIP94.
    fn check_timewarp(&mut self, header: &Fields<'_>) -> Result<(), Broken> {
        let holds = self.in_period == 0
            && self.height > 0
            && matches!(self.parameters.difficulty(), Difficulty::Bitcoin2016 { bip94: true, .. });
        if !holds {
            return Ok(());
        }
        let Some(parent) = self.parent else {
            self.note_unjudged(Rule::Timewarp, Unjudged::ParentAbsent);
            return Ok(());
        };
        let earliest = u64::from(parent.time).saturating_sub(TIMEWARP_MAX_S);
        let found = u64::from(header.time);
        if found < earliest {
            return Err((Rule::Timewarp, FaultValue::Time(earliest), FaultValue::Time(found)));
        }
        Ok(())
    }

    /// R10.
    fn check_future_time(&self, header: &Fields<'_>) -> Result<(), Broken> {
        let found = u64::from(header.time);
        if found > self.latest_time {
            return Err((Rule::FutureTime, FaultValue::Time(self.latest_time), FaultValue::Time(found)));
        }
        Ok(())
    }

    /// R11, by signed comparison.
    fn check_version(&mut self, header: &Fields<'_>) -> Result<(), Broken> {
        while let Some((rule, ahead)) =
            self.versions_ahead.split_first().filter(|(rule, _)| rule.from_height <= self.height)
        {
            self.version_min = rule.min;
            self.versions_ahead = ahead;
        }
        if header.version < self.version_min {
            let (expected, found) = (FaultValue::Version(self.version_min), FaultValue::Version(header.version));
            return Err((Rule::Version, expected, found));
        }
        Ok(())
    }

    fn conclude(
        mut self,
        first_height: u64,
        headers: &[[u8; HEADER_LEN]],
        hashes: &[[u8; 32]],
        broken: Option<Broken>,
        first_offset: u64,
    ) -> Summary {
        let count = self.height - first_height;
        let judged = count + u64::from(broken.is_some());
        if self.parameters.has_block_signature() && judged > 0 {
            let (from, to) = (first_height, first_height + judged - 1);
            self.not_checked.push(NotChecked { rule: BLOCK_SIGNATURE, from, to, why: Unjudged::OutsideHeaders });
        }
        let height = self.height;
        Summary {
            first_height,
            count,
            first_prev: headers.first().map(|header| BlockHash::from_wire(*Fields::of(header).prev)),
            last_hash: count.checked_sub(1).map(|last| BlockHash::from_wire(hashes[last as usize])),
            work: self.work,
            bodies: Bodies::default(),
            commitments: None,
            fault: broken.map(|(rule, expected, found)| {
                let offset = first_offset + count * HEADER_LEN as u64;
                Fault { height, rule, expected, found, offset, transaction: None }
            }),
            not_checked: in_order(self.not_checked),
        }
    }
}

fn differs(expected: [u8; 32], found: [u8; 32]) -> Broken {
    let value = |bytes| FaultValue::Hash(BlockHash::from_wire(bytes));
    (Rule::Link, value(expected), value(found))
}
