//! The verdict on a chain verified by the service, checked against what was sent.

use std::fmt;
use std::time::Duration;

use cityseal_chain::{Bodies, Rule, Tip};
use cityseal_proto::{FieldError, fault_from_wire, tip_from_wire, v1};

use crate::answer::{NotChecked, Verdict, VerifyAnswer};
use crate::check::{check_bodies, check_fault, check_valid};
use crate::device::DeviceShare;
use crate::error::ClientError;
use crate::ledger::Ledger;
use crate::receipt_check;
use crate::request::{Items, VerifyRequest};

/// Progress of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Headers or blocks that the service received in this call.
    pub received: u64,
    /// The height up to which all headers or blocks passed.
    pub validated_through: Option<u64>,
}

impl fmt::Display for VerifyProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.validated_through {
            Some(height) => write!(f, "{} received, valid up to height {height}", self.received),
            None => write!(f, "{} received", self.received),
        }
    }
}

impl VerifyAnswer {
    /// Checks the service's verdict, and its receipt if one was requested, against what was sent.
    pub(crate) fn checked(request: &VerifyRequest, sent: &Ledger, verdict: &v1::Verdict) -> Result<Self, ClientError> {
        let tip = verdict.tip.as_ref().map(tip_from_wire).transpose().map_err(|error| error.under("verdict.tip"))?;
        let bodies = (request.items == Items::Blocks).then(|| bodies_of(verdict));
        let (checked, checked_unknown) = rules(&verdict.checked);
        let mut answer = Self {
            verdict: checked_kind(request, verdict, tip.as_ref(), sent)?,
            count: verdict.count,
            tip,
            bodies,
            checked,
            checked_unknown,
            not_checked: verdict.not_checked.iter().map(NotChecked::from_wire).collect(),
            out_of_scope: verdict.out_of_scope.clone(),
            parameters_digest: verdict.parameters_digest.clone(),
            devices: verdict.devices.iter().cloned().map(DeviceShare::from_wire).collect(),
            took: took(verdict.seconds)?,
            receipt: None,
        };
        answer.receipt = receipt_check::checked(request, sent, verdict, &answer)?;
        Ok(answer)
    }
}

/// Separates the rules that this build knows from the numbers of those that it does not know.
fn rules(codes: &[String]) -> (Vec<Rule>, Vec<String>) {
    let known = codes.iter().filter_map(|code| Rule::from_code(code)).collect();
    let unknown = codes.iter().filter(|code| Rule::from_code(code).is_none()).cloned().collect();
    (known, unknown)
}

fn took(seconds: f64) -> Result<Duration, FieldError> {
    Duration::try_from_secs_f64(seconds).map_err(|error| FieldError::refused("verdict.seconds", &error))
}

fn bodies_of(verdict: &v1::Verdict) -> Bodies {
    let v1::Bodies { blocks, transactions, bytes } = verdict.bodies.unwrap_or_default();
    Bodies { blocks, transactions, bytes }
}

fn checked_kind(
    request: &VerifyRequest,
    verdict: &v1::Verdict,
    tip: Option<&Tip>,
    sent: &Ledger,
) -> Result<Verdict, ClientError> {
    match verdict.kind() {
        v1::VerdictKind::Valid => {
            check_valid(sent, verdict.count, tip)?;
            if request.items == Items::Blocks {
                check_bodies(sent, &bodies_of(verdict))?;
            }
            Ok(Verdict::Valid)
        }
        v1::VerdictKind::Fault => {
            let missing = || FieldError::missing("verdict.fault", "the rule that is broken");
            let fault = fault_from_wire(verdict.fault.as_ref().ok_or_else(missing)?)
                .map_err(|error| error.under("verdict.fault"))?;
            check_fault(sent, request.items, verdict.count, &fault)?;
            Ok(Verdict::Fault(fault))
        }
        v1::VerdictKind::Incomplete => Ok(Verdict::Incomplete { reason: verdict.incomplete_reason.clone() }),
        v1::VerdictKind::Unspecified => Err(FieldError::missing("verdict.kind", "VALID, FAULT or INCOMPLETE").into()),
    }
}
