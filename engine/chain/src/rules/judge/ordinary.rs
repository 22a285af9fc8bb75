//! Runs of ordinary headers: headers that a few comparisons show to pass every rule. They are accepted as a run instead
//! of one by one.
//!
//! This file reports no fault. Every header that is not ordinary, in particular a faulty one, is left to `Judge::step`,
//! so that faults come from one place.

use cityseal_hash::HEADER_LEN;

use super::state::{Fields, Judge, Parent};
use crate::parameters::{Asert, Difficulty, PERIOD_HEADERS};
use crate::rules::median::MEDIAN_HEADERS;
use crate::targets::{ChainWork, CompactTarget, Work};

/// The values that an ordinary header is compared with.
struct Ordinary<'a> {
    prev: &'a [u8; 32],
    /// An upper bound of the eleven preceding times; the time of an ordinary header is above it.
    ceiling: u32,
    latest_time: u64,
    version_min: i32,
}

impl<'a> Ordinary<'a> {
    /// Whether simple comparisons show that the header passes R05, R06, R08, R10 and R11. `high` are the top 64 bits of
    /// its target, which decide for all but a tiny fraction of headers. Branchless, because all of them nearly
    /// always hold.
    #[inline]
    #[expect(clippy::needless_bitwise_bool, reason = "one branch, nearly always taken, instead of five")]
    fn passes(&self, header: &Fields<'_>, hash: &[u8; 32], high: u64) -> bool {
        let top = hash.last_chunk::<8>().map_or(u64::MAX, |top| u64::from_le_bytes(*top));
        (top < high)
            & (header.prev == self.prev)
            & (header.time > self.ceiling)
            & (u64::from(header.time) <= self.latest_time)
            & (header.version >= self.version_min)
    }

    #[inline]
    fn advance(&mut self, header: &Fields<'_>, hash: &'a [u8; 32]) {
        self.prev = hash;
        self.ceiling = header.time;
    }
}

impl Judge<'_> {
    /// Accepts the ordinary headers at the front and returns how many there were.
    pub(super) fn pass_ordinary(&mut self, headers: &[[u8; HEADER_LEN]], hashes: &[[u8; 32]]) -> usize {
        // With fewer than eleven known times, R08 is not judged or uses a shorter median.
        let Some(parent) = self.parent.filter(|_| self.window.len() == MEDIAN_HEADERS) else { return 0 };
        let reach = headers.len().min(self.ordinary_reach());
        let (headers, hashes) = (&headers[..reach], &hashes[..reach]);
        let ordinary = Ordinary {
            prev: &parent.hash,
            ceiling: self.window.ceiling(),
            latest_time: self.latest_time,
            version_min: self.version_min,
        };
        let parameters = self.parameters;
        let (count, work) = match parameters.difficulty() {
            // The required bits depend on the time of each header.
            Difficulty::Bitcoin2016 { min_difficulty: true, .. } => (0, ChainWork::ZERO),
            Difficulty::Bitcoin2016 { min_difficulty: false, .. } => {
                self.pass_with_bits(parent.bits, ordinary, headers, hashes)
            }
            Difficulty::Fixed => self.pass_with_bits(parameters.genesis().bits, ordinary, headers, hashes),
            Difficulty::Asert(asert) => self.pass_with_asert(asert, parent.time, ordinary, headers, hashes),
        };
        self.accept_run(&headers[..count], &hashes[..count], work);
        count
    }

    /// Number of headers up to the next one whose height makes it special: the first of a period, or the first under
    /// another version rule.
    fn ordinary_reach(&self) -> usize {
        if self.in_period == 0 {
            return 0;
        }
        let of_version =
            self.versions_ahead.first().map_or(u64::MAX, |rule| rule.from_height.saturating_sub(self.height));
        (PERIOD_HEADERS - self.in_period).min(of_version) as usize
    }

    /// The run of ordinary headers that all carry `bits`, as R07 requires: their number and their work.
    fn pass_with_bits<'a>(
        &mut self,
        bits: CompactTarget,
        mut ordinary: Ordinary<'a>,
        headers: &[[u8; HEADER_LEN]],
        hashes: &'a [[u8; 32]],
    ) -> (usize, ChainWork) {
        let Ok(decoded) = self.decoded(bits) else { return (0, ChainWork::ZERO) };
        let high = decoded.target.to_number().high_u64();
        let mut count = 0;
        for (header, hash) in headers.iter().zip(hashes) {
            let header = Fields::of(header);
            if header.bits != bits || !ordinary.passes(&header, hash, high) {
                break;
            }
            ordinary.advance(&header, hash);
            count += 1;
        }
        (count, decoded.work.saturating_mul(count as u64))
    }

    /// The run of ordinary headers with the bits that ASERT requires of each: their number and their work. Such bits
    /// encode a target within the limit, so R01 to R04 hold together with R07.
    fn pass_with_asert<'a>(
        &self,
        asert: &Asert,
        mut parent_time: u32,
        mut ordinary: Ordinary<'a>,
        headers: &[[u8; HEADER_LEN]],
        hashes: &'a [[u8; 32]],
    ) -> (usize, ChainWork) {
        let limit_bits = self.parameters.limit_bits();
        let mut work = ChainWork::ZERO;
        let mut count = 0;
        for ((header, hash), parent_height) in headers.iter().zip(hashes).zip(self.height - 1..) {
            let header = Fields::of(header);
            let required = asert.required_bits(parent_height, parent_time, limit_bits);
            let Ok(target) = required.decode() else { break };
            if header.bits != required || !ordinary.passes(&header, hash, target.to_number().high_u64()) {
                break;
            }
            ordinary.advance(&header, hash);
            parent_time = header.time;
            work = work.saturating_add(Work::of_target(target).into());
            count += 1;
        }
        (count, work)
    }

    /// Has the effect of `Judge::accept` for each of the headers, none of which is the first of a period. Only the
    /// ordinary bits are not updated; they matter only for networks whose headers are never accepted in runs.
    fn accept_run(&mut self, headers: &[[u8; HEADER_LEN]], hashes: &[[u8; 32]], work: ChainWork) {
        let (Some(last), Some(hash)) = (headers.last().map(Fields::of), hashes.last()) else { return };
        for header in &headers[headers.len().saturating_sub(MEDIAN_HEADERS)..] {
            self.window.push(Fields::of(header).time);
        }
        self.parent = Some(Parent { hash: *hash, time: last.time, bits: last.bits });
        self.work = self.work.saturating_add(work);
        self.height += headers.len() as u64;
        self.in_period = (self.in_period + headers.len() as u64) % PERIOD_HEADERS;
    }
}
