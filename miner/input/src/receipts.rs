//! Receipts made out of verdicts: what the command line and the service sign alike.

use cityseal_chain::{BlockHash, Commitments, Parameters, Verdict};
use cityseal_engine::VerifyReport;
use cityseal_hash::HEADER_LEN;
use cityseal_receipt::{
    Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, OUT_OF_SCOPE, Openings, Receipt, SecretKey, Statement,
    StatementError, StatementParts, TipRow, VerdictKind,
};

use crate::part;

/// What a receipt says besides what the report does.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The rules of the chain.
    pub parameters: &'a Parameters,
    /// What the input was made of.
    pub items: ItemKind,
    /// The height of the first item.
    pub start_height: u64,
    /// The chain work below it.
    pub start_work: cityseal_chain::ChainWork,
    /// The time for R10.
    pub now: u64,
    /// When the receipt is made.
    pub made: u64,
    /// The commit that the program was built from, or `unknown`.
    pub commit: &'a str,
}

/// Why there is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReceipt {
    /// There is nothing to sign.
    #[error("no receipt: only a valid chain or a fault has one, and the verdict is incomplete")]
    Incomplete,
    /// The best chain is good, and the set that it stands in is not.
    #[error("no receipt: the input holds more than its best chain, and that is broken or not whole")]
    Overruled,
    /// The run did not commit to its items, or not from the first one on.
    #[error("no receipt: what was proved does not commit to the items from the first one on")]
    NotCommitted,
    /// Something in it may not be written.
    #[error("no receipt: {0}")]
    Statement(#[from] StatementError),
    /// The clock is past what a date can say.
    #[error("no receipt: the clock shows a time past the year 9999")]
    Clock,
}

/// Signs what a report says.
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
        parameters: asked.parameters.digest_bytes(),
        first_height: asked.start_height,
        count: report.count,
        parent: summary.first_prev.unwrap_or(BlockHash::ZERO),
        start_work: asked.start_work,
        tip: report.tip.as_ref().map(TipRow::from),
        transactions: bodies.transactions,
        body_bytes: bodies.bytes - bodies.blocks * HEADER_LEN as u64,
        fault,
        checked: part::checked_rules(asked.parameters.merkle(), asked.items),
        rules: Some(part::rules_of(asked.parameters.merkle(), asked.items).digest_bytes()),
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
