//! The answer to a verification: the verdict and what the service reported with it.

use std::fmt;
use std::time::Duration;

use cityseal_chain::{Bodies, Fault, Rule, Tip};
use cityseal_proto::v1;
use cityseal_receipt::Receipt;

use crate::device::DeviceShare;

/// The verdict on a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every header or block passed every rule that was checked. The client has compared the count, tip and work with
    /// what it sent.
    Valid,
    /// The first fault.
    Fault(Fault),
    /// The service did not receive or check the whole chain.
    Incomplete {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Fault(fault) => write!(f, "fault: {fault}"),
            Self::Incomplete { reason } => write!(f, "incomplete: {reason}"),
        }
    }
}

/// A rule that was not judged over a range of heights, as the service reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotChecked {
    /// The rule's number (`R07`) or that of a proposal (`BIP325`).
    pub rule: String,
    /// The first height.
    pub from: u64,
    /// The last height.
    pub to: u64,
    /// Why not, for people.
    pub why: String,
}

impl NotChecked {
    pub(crate) fn from_wire(message: &v1::NotChecked) -> Self {
        let v1::NotChecked { rule, from_height, to_height, why } = message.clone();
        Self { rule, from: from_height, to: to_height, why }
    }
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, from, to, why } = self;
        write!(f, "{rule} not judged at heights {from} to {to}: {why}")
    }
}

/// A verdict, checked against what was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyAnswer {
    /// The verdict.
    pub verdict: Verdict,
    /// Headers or blocks that passed all checked rules.
    pub count: u64,
    /// The last of them; `None` if none passed.
    pub tip: Option<Tip>,
    /// Totals over the bodies that passed; `None` if headers were sent.
    pub bodies: Option<Bodies>,
    /// The rules that were checked, as reported by the service.
    pub checked: Vec<Rule>,
    /// Numbers of checked rules that this build does not know.
    pub checked_unknown: Vec<String>,
    /// Rules that were not checked over some heights, as reported by the service.
    pub not_checked: Vec<NotChecked>,
    /// What no verdict covers.
    pub out_of_scope: Vec<String>,
    /// The digest of the parameters, 64 hex digits.
    pub parameters_digest: String,
    /// What each device contributed, as reported by the service.
    pub devices: Vec<DeviceShare>,
    /// How long it took, as reported by the service.
    pub took: Duration,
    /// The receipt, if one was requested and the verdict can be signed. It states this chain and this verdict.
    pub receipt: Option<Receipt>,
}

impl fmt::Display for VerifyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {} passed", self.verdict, self.count)?;
        match &self.tip {
            Some(tip) => write!(f, ", the last at {tip}"),
            None => Ok(()),
        }
    }
}
