//! The answer to a verification: the verdict and what the service reported with it.

use std::fmt;

use cityseal_chain::{Bodies, Fault, Tip};
use cityseal_proto::v1;
use cityseal_receipt::Receipt;

/// The verdict on a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerdictKind {
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

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Fault(fault) => write!(f, "fault: {fault}"),
            Self::Incomplete { reason } => write!(f, "incomplete: {reason}"),
        }
    }
}

/// A verdict, checked against what was sent.
#[derive(Clone, Debug)]
pub struct VerifyAnswer {
    /// The verdict.
    pub verdict: VerdictKind,
    /// Headers or blocks that passed all checked rules.
    pub count: u64,
    /// The last of them; `None` if none passed.
    pub tip: Option<Tip>,
    /// Totals over the bodies that passed; `None` if headers were sent.
    pub bodies: Option<Bodies>,
    /// The rules that were checked, as reported by the service.
    pub checked: Vec<String>,
    /// Rules that were not checked over some heights, as reported by the service.
    pub not_checked: Vec<v1::NotChecked>,
    /// What no verdict covers.
    pub out_of_scope: Vec<String>,
    /// The digest of the parameters, 64 hex digits.
    pub parameters_digest: String,
    /// How much each device did, as reported by the service.
    pub devices: Vec<v1::DeviceShare>,
    /// How long it took in seconds, as reported by the service.
    pub seconds: f64,
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
