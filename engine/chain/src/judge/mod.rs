//! Judges a segment of headers whose hashes are known, after a history, in one pass: the fast reference of `reference.rs`.
//!
//! It neither hashes (but for the one header before the segment) nor allocates on the way. Ordinary headers, nearly all of
//! a chain, are passed over in runs (`ordinary.rs`); every other one is judged rule by rule. It believes that `hashes` are those of `headers`: whoever made them answers for them.

mod ordinary;

use crate::difficulty::{Difficulty, MIN_DIFFICULTY_AFTER_S, PERIOD_HEADERS, TIMEWARP_MAX_S, retarget};
use crate::fault::{Fault, FaultValue};
use crate::hash::BlockHash;
use crate::history::{History, PeriodStart};
use crate::median::{MEDIAN_HEADERS, MedianWindow};
use crate::parameters::{Parameters, VersionRule};
use crate::rule::{BLOCK_SIGNATURE, NotChecked, Rule, Unjudged};
use crate::summary::{Bodies, Summary, in_order};
use crate::target::{CompactFault, CompactTarget, Target};
use crate::work::ChainWork;
use cityseal_hash::{HEADER_LEN, double_sha256};

/// Judges packed headers by rules R01 to R11 and says what they prove.
///
/// `hashes` are their double SHA-256 in wire order, `now` is the time in seconds since 1970 for R10, and `first_offset`
/// is where the segment begins, in bytes from the first header given. What `history` does not know is not judged.
///
/// # Panics
/// If `headers` is not 80 bytes for each hash: whoever cuts and hashes a stream keeps both in step.
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

/// A broken rule with what was expected and what was found.
pub(crate) type Broken = (Rule, FaultValue, FaultValue);

/// The fields of one header that rules look at.
struct Fields<'a> {
    version: i32,
    prev: &'a [u8; 32],
    time: u32,
    bits: CompactTarget,
}

impl<'a> Fields<'a> {
    #[inline]
    fn of(header: &'a [u8; HEADER_LEN]) -> Self {
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (_, from_prev) = header.split_at(4);
        let prev = from_prev.first_chunk().unwrap_or(&[0; 32]);
        Self { version: word(0) as i32, prev, time: word(68), bits: CompactTarget::from_bits(word(72)) }
    }
}

/// The header before the one being judged.
#[derive(Clone, Copy)]
struct Parent {
    hash: [u8; 32],
    time: u32,
    bits: CompactTarget,
}

/// The bits seen last, decoded: most headers carry those of their parent.
#[derive(Clone, Copy)]
pub(crate) struct Decoded {
    pub(crate) bits: CompactTarget,
    pub(crate) target: Target,
    pub(crate) work: ChainWork,
}

struct Judge<'a> {
    parameters: &'a Parameters,
    latest_time: u64,
    height: u64,
    /// `height % 2016`, kept by counting.
    in_period: u64,
    parent: Option<Parent>,
    window: MedianWindow,
    period_start: Option<PeriodStart>,
    ordinary_bits: Option<CompactTarget>,
    decoded: Option<Decoded>,
    version_min: i32,
    /// The version rules of heights above this one.
    versions_ahead: &'a [VersionRule],
    work: ChainWork,
    not_checked: Vec<NotChecked>,
}

impl<'a> Judge<'a> {
    fn new(parameters: &'a Parameters, history: &History, now: u64) -> Self {
        let height = history.next_height();
        let parent = history.parent().map(|header| Parent {
            hash: double_sha256(&header.to_wire()),
            time: header.time,
            bits: header.bits,
        });
        let in_force = parameters.versions().partition_point(|rule| rule.from_height <= height);
        Self {
            parameters,
            latest_time: now.saturating_add(parameters.future_limit_s()),
            height,
            in_period: height % PERIOD_HEADERS,
            parent,
            window: MedianWindow::after(history.times()),
            period_start: history.period_start(),
            ordinary_bits: history.ordinary_bits(),
            decoded: None,
            version_min: parameters.version_rule_at(height).map_or(i32::MIN, |rule| rule.min),
            versions_ahead: &parameters.versions()[in_force..],
            work: ChainWork::ZERO,
            not_checked: Vec::new(),
        }
    }

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

    /// Judges the next header and takes it in if it passes.
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

    /// R01 to R04, at once for bits that were decoded before.
    fn decoded(&mut self, bits: CompactTarget) -> Result<Decoded, Broken> {
        match self.decoded {
            Some(decoded) if decoded.bits == bits => Ok(decoded),
            _ => self.decode(bits),
        }
    }

    fn decode(&mut self, bits: CompactTarget) -> Result<Decoded, Broken> {
        let decoded = decode_bits(self.parameters, bits)?;
        self.decoded = Some(decoded);
        Ok(decoded)
    }

    /// R06.
    fn check_link(&mut self, header: &Fields<'_>, hash: &[u8; 32]) -> Result<(), Broken> {
        match &self.parent {
            Some(parent) if parent.hash == *header.prev => Ok(()),
            Some(parent) => Err(differs(parent.hash, *header.prev)),
            None if self.height > 0 => {
                self.leave(Rule::Link, Unjudged::ParentAbsent);
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
                self.leave(Rule::Difficulty, why);
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

    /// R08. Near the genesis header the median is that of all headers before.
    fn check_median_time(&mut self, header: &Fields<'_>) -> Result<(), Broken> {
        if self.window.len() < MEDIAN_HEADERS && (self.window.len() as u64) < self.height {
            self.leave(Rule::MedianTime, Unjudged::MedianAbsent);
            return Ok(());
        }
        if self.height == 0 || self.window.is_passed_by(header.time) {
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
            self.leave(Rule::Timewarp, Unjudged::ParentAbsent);
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

    fn accept(&mut self, header: &Fields<'_>, hash: &[u8; 32], work: ChainWork) {
        if self.in_period == 0 {
            self.period_start = Some(PeriodStart { time: header.time, bits: header.bits });
        }
        if self.in_period == 0 || header.bits != self.parameters.limit_bits() {
            self.ordinary_bits = Some(header.bits);
        }
        self.window.push(header.time);
        self.parent = Some(Parent { hash: *hash, time: header.time, bits: header.bits });
        self.work = self.work.saturating_add(work);
        self.height += 1;
        self.in_period = if self.in_period + 1 == PERIOD_HEADERS { 0 } else { self.in_period + 1 };
    }

    /// Notes that a rule is not judged at this height.
    fn leave(&mut self, rule: Rule, why: Unjudged) {
        let height = self.height;
        self.not_checked.push(NotChecked { rule: rule.code(), from: height, to: height, why });
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

/// R01 to R04.
pub(crate) fn decode_bits(parameters: &Parameters, bits: CompactTarget) -> Result<Decoded, Broken> {
    let target = bits.decode().map_err(|fault| {
        let rule = match fault {
            CompactFault::Negative => Rule::TargetNegative,
            CompactFault::Zero => Rule::TargetZero,
            CompactFault::Overflow => Rule::TargetOverflow,
        };
        (rule, FaultValue::Bits(parameters.limit_bits()), FaultValue::Bits(bits))
    })?;
    let limit = parameters.pow_limit();
    if target > limit {
        return Err((Rule::TargetAboveLimit, FaultValue::Target(limit), FaultValue::Target(target)));
    }
    Ok(Decoded { bits, target, work: target.work().into() })
}

/// R05.
pub(crate) fn check_proof_of_work(target: &Target, hash: &[u8; 32]) -> Result<(), Broken> {
    let hash = BlockHash::from_wire(*hash);
    if target.is_met_by(&hash) {
        return Ok(());
    }
    Err((Rule::ProofOfWork, FaultValue::Target(*target), FaultValue::Hash(hash)))
}

fn differs(expected: [u8; 32], found: [u8; 32]) -> Broken {
    let value = |bytes| FaultValue::Hash(BlockHash::from_wire(bytes));
    (Rule::Link, value(expected), value(found))
}
