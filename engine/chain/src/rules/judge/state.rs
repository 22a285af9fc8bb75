//! The state that the judge carries from one header to the next.

use super::stateless::{Broken, Decoded, decode_bits};
use crate::parameters::{PERIOD_HEADERS, Parameters, VersionRule};
use crate::rules::history::{History, PeriodStart};
use crate::rules::median::MedianWindow;
use crate::rules::rule::{NotChecked, Rule, Unjudged};
use crate::targets::{ChainWork, CompactTarget};
use cityseal_hash::{HEADER_LEN, double_sha256};

/// The fields of one header that rules look at.
pub(super) struct Fields<'a> {
    pub(super) version: i32,
    pub(super) prev: &'a [u8; 32],
    pub(super) time: u32,
    pub(super) bits: CompactTarget,
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn of(header: &'a [u8; HEADER_LEN]) -> Self {
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (_, from_prev) = header.split_at(4);
        let prev = from_prev.first_chunk().unwrap_or(&[0; 32]);
        Self { version: word(0) as i32, prev, time: word(68), bits: CompactTarget::from_bits(word(72)) }
    }
}

/// The parent of the header being judged.
#[derive(Clone, Copy)]
pub(super) struct Parent {
    pub(super) hash: [u8; 32],
    pub(super) time: u32,
    pub(super) bits: CompactTarget,
}

pub(super) struct Judge<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) latest_time: u64,
    pub(super) height: u64,
    /// `height % 2016`, incremented rather than computed.
    pub(super) in_period: u64,
    pub(super) parent: Option<Parent>,
    pub(super) window: MedianWindow,
    pub(super) period_start: Option<PeriodStart>,
    pub(super) ordinary_bits: Option<CompactTarget>,
    pub(super) decoded: Option<Decoded>,
    pub(super) version_min: i32,
    /// The version rules of greater heights.
    pub(super) versions_ahead: &'a [VersionRule],
    pub(super) work: ChainWork,
    pub(super) not_checked: Vec<NotChecked>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(parameters: &'a Parameters, history: &History, now: u64) -> Self {
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

    /// R01 to R04. Reuses the last result if the bits are the same.
    pub(super) fn decoded(&mut self, bits: CompactTarget) -> Result<Decoded, Broken> {
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

    pub(super) fn accept(&mut self, header: &Fields<'_>, hash: &[u8; 32], work: ChainWork) {
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

    /// Records that a rule is not judged at this height.
    pub(super) fn note_unjudged(&mut self, rule: Rule, why: Unjudged) {
        let height = self.height;
        self.not_checked.push(NotChecked { rule: rule.code(), from: height, to: height, why });
    }
}
