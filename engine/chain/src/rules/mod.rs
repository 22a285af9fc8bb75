//! The rules of a chain: their names, the judge of headers (R01 to R11) and its reference implementation, and the
//! faults, summaries and verdicts that result.

mod fault;
mod history;
mod judge;
mod median;
pub mod reference;
mod rule;
mod rule_set;
mod summary;
mod verdict;

pub use fault::{Fault, FaultValue, ScriptHead, Wording};
pub use history::{History, HistoryError, START_HEIGHT_MAX};
pub(crate) use judge::{Broken, Decoded, check_proof_of_work, decode_bits};
pub use judge::{BrokenRule, judge, judge_alone, rules_alone};
pub use rule::{BLOCK_SIGNATURE, NotChecked, Rule, Unjudged};
pub use rule_set::RuleSet;
pub use summary::{Bodies, Commitments, Summary, content_digest};
pub use verdict::{Cut, Judgement, Tip, Verdict, VerdictKind};
