//! Checks the service's receipt against the chain that was sent and the verdict that came with it.
//!
//! The signature must be valid (and by a trusted key, if the request lists any), and the receipt must state this chain,
//! start height, start work, parameters and verdict. Everything else in it (roots, devices, times) is the signer's
//! claim and is not checked here.

use cityseal_proto::v1;
use cityseal_receipt::{ItemKind, Receipt, StatementParts, VerdictKind as Stated};

use crate::answer::{Verdict, VerifyAnswer};
use crate::check::FalseReceipt;
use crate::ledger::Ledger;
use crate::request::{Items, VerifyRequest};

/// The checked receipt of an answer; `None` if none was requested or the verdict cannot be signed.
pub(crate) fn checked(
    request: &VerifyRequest,
    sent: &Ledger,
    verdict: &v1::Verdict,
    answer: &VerifyAnswer,
) -> Result<Option<Receipt>, FalseReceipt> {
    if !request.wants_receipt || matches!(answer.verdict, Verdict::Incomplete { .. }) {
        return Ok(None);
    }
    if verdict.receipt.is_empty() {
        return Err(FalseReceipt::Absent);
    }
    // Reading checks the form and the signature; trust in the signer is checked next.
    let receipt = Receipt::read(&verdict.receipt)?;
    if !request.trusted_keys.is_empty() {
        receipt.check_trusted(&request.trusted_keys)?;
    }
    check_chain(request, sent, receipt.statement().parts())?;
    check_verdict(answer, receipt.statement().parts())?;
    Ok(Some(receipt))
}

fn check_chain(request: &VerifyRequest, sent: &Ledger, stated: &StatementParts) -> Result<(), FalseReceipt> {
    let kind = match request.items {
        Items::Headers => ItemKind::Headers,
        Items::Blocks => ItemKind::Blocks,
    };
    same("what the chain is made of", &kind.as_str(), &stated.kind.as_str())?;
    // The service refuses invalid parameters, so they never get here with a verdict.
    let digest = request.parameters.digest().unwrap_or_default();
    same("the digest of the parameters", &digest, &cityseal_chain::hex::encode(&stated.parameters))?;
    same("the first height", &sent.start_height(), &stated.first_height)?;
    same("the work before it", &request.start_work.to_display_hex(), &stated.start_work.to_display_hex())?;
    match request.now {
        Some(now) => same("the time for R10", &now, &stated.now),
        None => Ok(()),
    }
}

fn check_verdict(answer: &VerifyAnswer, stated: &StatementParts) -> Result<(), FalseReceipt> {
    let (verdict, fault) = match &answer.verdict {
        Verdict::Fault(fault) => (Stated::Fault, Some((fault.height, fault.rule.code()))),
        Verdict::Valid | Verdict::Incomplete { .. } => (Stated::Valid, None),
    };
    same("the verdict", &verdict.as_str(), &stated.verdict.as_str())?;
    same("the count", &answer.count, &stated.count)?;
    let tip = |height: u64, hash: String, work: String| format!("{height} {hash} {work}");
    let expected = answer.tip.map(|known| tip(known.height, known.hash.to_string(), known.chain_work.to_display_hex()));
    let found = stated.tip.map(|row| tip(row.height, row.hash.to_string(), row.chain_work.to_display_hex()));
    same("the tip", &expected.unwrap_or_default(), &found.unwrap_or_default())?;
    let place = |(height, rule): (u64, &str)| format!("{rule} at height {height}");
    let stated_fault = stated.fault.as_ref().map(|row| place((row.height, &row.rule)));
    same("the fault", &fault.map(place).unwrap_or_default(), &stated_fault.unwrap_or_default())?;
    let bodies = answer.bodies.unwrap_or_default();
    same("the transactions", &bodies.transactions, &stated.transactions)
}

fn same(what: &'static str, expected: &impl ToString, found: &impl ToString) -> Result<(), FalseReceipt> {
    let (expected, found) = (expected.to_string(), found.to_string());
    if expected == found { Ok(()) } else { Err(FalseReceipt::Other { what, expected, found }) }
}
