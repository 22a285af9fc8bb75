//! Creates signed receipts from verdicts, for the command line and the service.

use cityseal_chain::{BlockHash, Commitments, Parameters, Verdict};
use cityseal_engine::VerifyReport;
use cityseal_hash::HEADER_LEN;
use cityseal_receipt::{
    Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, OUT_OF_SCOPE, Openings, Receipt, SecretKey, Statement,
    StatementError, StatementParts, TipRow, VerdictKind,
};

use crate::part;

/// What a receipt contains in addition to the report.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The parameters of the chain.
    pub parameters: &'a Parameters,
    /// Kind of the items in the input.
    pub items: ItemKind,
    /// The height of the first item.
    pub start_height: u64,
    /// The chain work before the first item.
    pub start_work: cityseal_chain::ChainWork,
    /// The time for R10 (Unix time).
    pub now: u64,
    /// The time at which the receipt is created (Unix time).
    pub made: u64,
    /// The commit that the program was built from, or `unknown`.
    pub commit: &'a str,
}

/// Reason why there is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReceipt {
    /// The verdict is INCOMPLETE.
    #[error("no receipt: the verdict is INCOMPLETE; only VALID and FAULT are signed")]
    Incomplete,
    /// The best chain is valid, but the input has damaged or incomplete data outside it.
    #[error("no receipt: damaged or incomplete data lies outside the best chain")]
    Overruled,
    /// The run did not compute commitments to its items from the first one on.
    #[error("no receipt: the result has no commitment to the items from the first one on")]
    NotCommitted,
    /// A value cannot be part of a statement.
    #[error("no receipt: {0}")]
    Statement(#[from] StatementError),
    /// The clock is after the last date that a receipt can have.
    #[error("no receipt: the clock is set to a time after the year 9999")]
    Clock,
}

/// Creates and signs the receipt of a report.
///
/// # Errors
/// [`NoReceipt`].
pub fn sign(asked: Asked<'_>, report: &VerifyReport, key: &SecretKey) -> Result<Receipt, NoReceipt> {
    let (verdict, fault) = match &report.verdict {
        Verdict::Valid => (VerdictKind::Valid, None),
        Verdict::Fault(fault) => (VerdictKind::Fault, Some(FaultRow::from(fault))),
        Verdict::Incomplete(_) => return Err(NoReceipt::Incomplete),
    };
    let summary = &report.state.summary;
    let Commitments { headers, contents } = summary.commitments.as_ref().ok_or(NoReceipt::NotCommitted)?;
    let openings = Openings::of(headers).ok_or(NoReceipt::NotCommitted)?;
    let bodies = summary.bodies;
    let parts = StatementParts {
        verdict,
        kind: asked.items,
        network: asked.parameters.name().to_owned(),
        parameters: asked.parameters.digest().to_bytes(),
        first_height: asked.start_height,
        count: report.count,
        parent: summary.first_prev.unwrap_or(BlockHash::ZERO),
        start_work: asked.start_work,
        tip: report.tip.as_ref().map(TipRow::from),
        transactions: bodies.transactions,
        // The totals of a run include the headers; the statement counts bodies only.
        body_bytes: bodies.bytes - bodies.blocks * HEADER_LEN as u64,
        fault,
        checked: part::checked_rules(asked.parameters.merkle(), asked.items),
        rules: Some(part::rules_of(asked.parameters.merkle(), asked.items).digest().to_bytes()),
        not_checked: report.not_checked.iter().map(NotCheckedRow::from).collect(),
        out_of_scope: OUT_OF_SCOPE.map(str::to_owned).to_vec(),
        headers_root: openings.root(),
        contents_root: contents.as_ref().and_then(cityseal_chain::TreeOutline::root),
        openings,
        build: Build { version: env!("CARGO_PKG_VERSION").to_owned(), commit: asked.commit.to_owned() },
        devices: report.devices.iter().filter(|share| share.headers > 0).map(device_row).collect(),
        now: asked.now,
        made: Made::at(asked.made).ok_or(NoReceipt::Clock)?,
        signer: key.signer(),
    };
    Ok(Receipt::sign(Statement::new(parts)?, key)?)
}

fn device_row(share: &cityseal_engine::DeviceShare) -> DeviceRow {
    let kernel = Some(share.kernel.clone()).filter(|kernel| !kernel.is_empty());
    DeviceRow { name: share.name.clone(), kernel, items: share.headers }
}
