//! Converts the verdict of an upload to its message, with a receipt if one was requested.

use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_chain::Verdict;
use cityseal_input::part::{ItemKind, checked_rules};
use cityseal_input::receipts::{self, Asked, NoReceipt};
use cityseal_proto::v1;
use cityseal_receipt::OUT_OF_SCOPE;
use prost::bytes::Bytes;

use super::jobs::share_to_wire;
use super::keys::Keys;
use super::refusal::Refusal;
use super::upload::Conclusion;

/// Returns the message of the verdict.
///
/// # Errors
/// Returns [`Refusal::NoReceipt`] if a receipt was requested and cannot be written.
pub(super) fn to_wire(conclusion: &Conclusion, keys: &Keys) -> Result<v1::Verdict, Refusal> {
    let Conclusion { begun, items, report } = conclusion;
    let (kind, fault, incomplete_reason) = match &report.verdict {
        Verdict::Valid => (v1::VerdictKind::Valid, None, String::new()),
        Verdict::Fault(fault) => (v1::VerdictKind::Fault, Some(v1::Fault::from(fault)), String::new()),
        Verdict::Incomplete(cut) => (v1::VerdictKind::Incomplete, None, cut.to_string()),
    };
    let bodies = report.state.summary.bodies;
    let bodies = v1::Bodies { blocks: bodies.blocks, transactions: bodies.transactions, bytes: bodies.bytes };
    Ok(v1::Verdict {
        kind: kind.into(),
        count: report.count,
        tip: report.tip.as_ref().map(v1::Tip::from),
        fault,
        incomplete_reason,
        not_checked: report.not_checked.iter().map(v1::NotChecked::from).collect(),
        parameters_digest: report.parameters.to_string(),
        devices: report.devices.iter().map(share_to_wire).collect(),
        seconds: report.took.as_secs_f64(),
        checked: checked_rules(begun.parameters.merkle(), *items),
        out_of_scope: OUT_OF_SCOPE.map(str::to_owned).to_vec(),
        bodies: (*items == ItemKind::Blocks).then_some(bodies),
        receipt: receipt_of(conclusion, keys)?,
    })
}

/// Returns the receipt; empty if none was requested, or if there is nothing to sign.
fn receipt_of(conclusion: &Conclusion, keys: &Keys) -> Result<Bytes, Refusal> {
    let Conclusion { begun, items, report } = conclusion;
    let Some(key) = keys.signer().filter(|_| begun.wants_receipt) else { return Ok(Bytes::new()) };
    let asked = Asked {
        parameters: &begun.parameters,
        items: *items,
        start_height: begun.start_height,
        start_work: begun.start_work,
        now: begun.now,
        made: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        commit: keys.commit(),
    };
    match receipts::sign(asked, report, key) {
        Ok(receipt) => Ok(receipt.to_json().into()),
        Err(NoReceipt::Incomplete) => Ok(Bytes::new()),
        Err(problem) => Err(Refusal::NoReceipt { problem: problem.to_string() }),
    }
}
