//! The verdict on a chain verified by the service, checked against what was sent.

use std::fmt;

use cityseal_chain::{Bodies, Tip};
use cityseal_proto::{FieldError, fault_from_wire, tip_from_wire, v1};

use crate::answer::{VerdictKind, VerifyAnswer};
use crate::check::{check_bodies, check_fault, check_valid};
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
        let mut answer = Self {
            verdict: checked_kind(request, verdict, tip.as_ref(), sent)?,
            count: verdict.count,
            tip,
            bodies,
            checked: verdict.checked.clone(),
            not_checked: verdict.not_checked.clone(),
            out_of_scope: verdict.out_of_scope.clone(),
            parameters_digest: verdict.parameters_digest.clone(),
            devices: verdict.devices.clone(),
            seconds: verdict.seconds,
            receipt: None,
        };
        answer.receipt = receipt_check::checked(request, sent, verdict, &answer)?;
        Ok(answer)
    }
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
) -> Result<VerdictKind, ClientError> {
    match verdict.kind() {
        v1::VerdictKind::Valid => {
            check_valid(sent, verdict.count, tip)?;
            if request.items == Items::Blocks {
                check_bodies(sent, &bodies_of(verdict))?;
            }
            Ok(VerdictKind::Valid)
        }
        v1::VerdictKind::Fault => {
            let missing = || FieldError::missing("verdict.fault", "the rule that is broken");
            let fault = fault_from_wire(verdict.fault.as_ref().ok_or_else(missing)?)
                .map_err(|error| error.under("verdict.fault"))?;
            check_fault(sent, request.items, verdict.count, &fault)?;
            Ok(VerdictKind::Fault(fault))
        }
        v1::VerdictKind::Incomplete => Ok(VerdictKind::Incomplete { reason: verdict.incomplete_reason.clone() }),
        v1::VerdictKind::Unspecified => Err(FieldError::missing("verdict.kind", "VALID, FAULT or INCOMPLETE").into()),
    }
}
