//! The verdict on a chain: valid, faulty, or incomplete.
//!
//! It follows from one summary over all headers and from how their stream ended. A stream without a proper end is never
//! valid, but a fault before the cut is still a fault.

use super::fault::Fault;
use super::rule::NotChecked;
use super::summary::Summary;
use crate::digest::Digest;
use crate::hash::BlockHash;
use crate::parameters::Parameters;
use crate::targets::ChainWork;
use std::fmt;
use thiserror::Error;

/// The last header that passed every judged rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
    /// The work of the chain up to and including it, saturating at 2^256 - 1.
    pub chain_work: ChainWork,
}

impl fmt::Display for Tip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, hash, chain_work } = self;
        write!(f, "height {height}, hash {hash}, chain work {chain_work}")
    }
}

/// Why the end of a chain was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Cut {
    /// There was no header.
    #[error("the input contains no header")]
    Empty,
    /// The input ends within a header.
    #[error("the input ends {bytes} bytes into the header at byte {offset}")]
    WithinHeader {
        /// Offset of that header, in bytes from the first header given.
        offset: u64,
        /// Number of its 80 bytes that are present.
        bytes: u64,
    },
    /// A stream ended without its closing message.
    #[error("the stream ended without its closing message")]
    NotFinished,
    /// The closing message announces a different number of headers.
    #[error("the closing message announces {announced} headers, {received} were received")]
    Count {
        /// Headers sent, according to the sender.
        announced: u64,
        /// Headers received.
        received: u64,
    },
    /// The closing message names a different last header.
    #[error("the closing message names {announced} as the last header, {received} was received")]
    LastHash {
        /// Hash of the last header, according to the sender.
        announced: BlockHash,
        /// Hash of the last header received.
        received: BlockHash,
    },
    /// The verification was cancelled.
    #[error("the verification was cancelled")]
    Cancelled,
    /// A part of the input could not be read.
    #[error("the input could not be read at byte {offset}")]
    Unreadable {
        /// Offset of that part, in bytes from the first header given.
        offset: u64,
    },
    /// Every device failed, or the engine was shut down.
    #[error("no device is left to hash the rest")]
    NoDevice,
}

/// The conclusion about a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Every header passed every rule that could be judged, and the input ended properly.
    Valid,
    /// A rule is broken.
    Fault(Fault),
    /// Everything seen passed, but not everything was seen.
    Incomplete(Cut),
}

impl Verdict {
    /// The verdict without its reason.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Valid => VerdictKind::Valid,
            Self::Fault(_) => VerdictKind::Fault,
            Self::Incomplete(_) => VerdictKind::Incomplete,
        }
    }

    /// The name of its kind.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Fault(fault) => write!(f, "fault: {fault}"),
            Self::Incomplete(cut) => write!(f, "incomplete: {cut}"),
        }
    }
}

/// A [`Verdict`] without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerdictKind {
    /// [`Verdict::Valid`].
    Valid,
    /// [`Verdict::Fault`].
    Fault,
    /// [`Verdict::Incomplete`].
    Incomplete,
}

impl VerdictKind {
    /// The name in JSON and receipts: `valid`, `fault` or `incomplete`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Fault => "fault",
            Self::Incomplete => "incomplete",
        }
    }
}

/// A verdict with its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Number of headers that passed every judged rule.
    pub count: u64,
    /// The last of them, if any passed.
    pub tip: Option<Tip>,
    /// What was not judged.
    pub not_checked: Vec<NotChecked>,
    /// The digest of the parameters.
    pub parameters_digest: Digest,
}

impl Judgement {
    /// Concludes from the summary of all headers, the work of the chain below them, and the way their input ended.
    ///
    /// A fault takes precedence. An input without headers is [`Cut::Empty`] unless another cut is known.
    pub fn conclude(parameters: &Parameters, start_work: ChainWork, summary: Summary, ending: Result<(), Cut>) -> Self {
        let tip = summary.last_height().zip(summary.last_hash).map(|(height, hash)| {
            let chain_work = start_work.saturating_add(summary.work);
            Tip { height, hash, chain_work }
        });
        let verdict = match (summary.fault, ending) {
            (Some(fault), _) => Verdict::Fault(fault),
            (None, Err(cut)) => Verdict::Incomplete(cut),
            (None, Ok(())) if summary.count == 0 => Verdict::Incomplete(Cut::Empty),
            (None, Ok(())) => Verdict::Valid,
        };
        Self {
            verdict,
            count: summary.count,
            tip,
            not_checked: summary.not_checked,
            parameters_digest: parameters.digest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Network;
    use crate::rules::fault::FaultValue;
    use crate::rules::rule::Rule;

    fn conclude(summary: Summary, ending: Result<(), Cut>) -> Judgement {
        Judgement::conclude(&Parameters::of(Network::Regtest), ChainWork::ZERO, summary, ending)
    }

    fn one_header() -> Summary {
        let zero = Some(BlockHash::ZERO);
        Summary { count: 1, first_prev: zero, last_hash: zero, ..Summary::empty(7) }
    }

    fn fault() -> Fault {
        let value = FaultValue::Time(1);
        Fault { height: 8, rule: Rule::FutureTime, expected: value, found: value, offset: 80, transaction: None }
    }

    #[test]
    fn an_input_without_headers_is_incomplete_and_never_valid() {
        let judgement = conclude(Summary::empty(0), Ok(()));
        assert_eq!((judgement.verdict, judgement.count, judgement.tip), (Verdict::Incomplete(Cut::Empty), 0, None));
    }

    #[test]
    fn a_fault_before_a_cut_is_a_fault() {
        let cut = Cut::WithinHeader { offset: 160, bytes: 3 };
        let broken = Summary { fault: Some(fault()), ..one_header() };
        assert_eq!(conclude(broken, Err(cut)).verdict, Verdict::Fault(fault()));
        assert_eq!(conclude(one_header(), Err(cut)).verdict, Verdict::Incomplete(cut));
    }

    #[test]
    fn the_tip_is_the_last_header_that_passed_and_includes_the_start_work() {
        let one = ChainWork::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
        let summary = Summary { work: one, ..one_header() };
        let judgement = Judgement::conclude(&Parameters::of(Network::Regtest), one, summary, Ok(()));
        assert_eq!(judgement.verdict.name(), "valid");
        let tip = judgement.tip.unwrap();
        assert_eq!((tip.height, tip.hash), (7, BlockHash::ZERO));
        assert!(tip.chain_work.to_display_hex().ends_with("02"));
    }
}
