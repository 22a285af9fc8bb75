//! `cityseal receipt`: checks whether a receipt is signed well and by whom, and holds parts of it against the chain.
//!
//! A receipt that was changed, that a stranger signed, or that speaks of another chain is a clear no; what is no receipt,
//! no key or no chain at all is bad input.

mod spot_check;

use std::path::Path;

use cityseal_chain::{Network, Parameters};
use cityseal_receipt::{PublicKey, RECEIPT_BYTES_MAX, Receipt, ReceiptError, Statement};

use super::key::{KEY_BYTES_MAX, random_seed};
use super::say_unless_json;
use super::verify::parameters;
use crate::Context;
use crate::args::{ReceiptAction, ReceiptArgs, ReceiptShowArgs, ReceiptVerifyArgs};
use crate::error::CommandError;
use crate::exit::Ending;
use crate::files;
use crate::json::{ReceiptAnswer, SignedText, SpotCheckRow};
use crate::output::{Output, Paint};
use spot_check::SpotCheck;

/// Digits of a public key: an argument of that many is one, and nobody's file.
const KEY_DIGITS: usize = 64;

pub(crate) fn run(context: &Context, args: &ReceiptArgs) -> Result<Ending, CommandError> {
    match &args.action {
        ReceiptAction::Verify(args) => verify(context, args),
        ReceiptAction::Show(args) => show(context, args),
    }
}

fn verify(context: &Context, args: &ReceiptVerifyArgs) -> Result<Ending, CommandError> {
    let trusted = args.key.iter().map(|key| trusted_key(key)).collect::<Result<Vec<_>, _>>()?;
    let challenge = args.signet_challenge.as_ref();
    let network = args.network.as_deref().map(|name| parameters(name, challenge)).transpose()?;
    let answer = match read(&args.file)? {
        Ok(receipt) => judge(&receipt, &trusted, network, args)?,
        Err(reason) => refused(&reason),
    };
    context.output.answer(&answer, |output| human(output, &answer)).map_err(CommandError::Stdout)?;
    Ok(Ending::of_right(answer.receipt == "good"))
}

fn show(context: &Context, args: &ReceiptShowArgs) -> Result<Ending, CommandError> {
    let receipt = match read(&args.file)? {
        Ok(receipt) => receipt,
        Err(reason) => {
            let answer = refused(&reason);
            context.output.answer(&answer, |output| human(output, &answer)).map_err(CommandError::Stdout)?;
            return Ok(Ending::No);
        }
    };
    let answer = SignedText {
        text: receipt.statement().text(),
        public_key: receipt.public_key().to_string(),
        signature: cityseal_chain::hex::encode(receipt.signature()),
    };
    context.output.answer(&answer, |_| answer.text.clone()).map_err(CommandError::Stdout)?;
    say_unless_json(&context.output, "the signature is good; the key was not checked against a trusted one");
    Ok(Ending::Yes)
}

/// The receipt of a file, or why it is a clear no.
fn read(path: &Path) -> Result<Result<Receipt, ReceiptError>, CommandError> {
    let text = files::read_text(path, RECEIPT_BYTES_MAX as u64)
        .map_err(|source| CommandError::ReadFile { path: path.into(), source })?;
    match Receipt::read(text.as_bytes()) {
        Err(source) if !source.is_clear_no() => Err(CommandError::Receipt { path: path.into(), source }),
        read => Ok(read),
    }
}

/// A public key, or the one in a file.
fn trusted_key(key: &str) -> Result<PublicKey, CommandError> {
    let refuse = |source| CommandError::Key { place: format!("--key {key}"), source };
    if key.len() == KEY_DIGITS && !Path::new(key).exists() {
        return key.parse().map_err(refuse);
    }
    let text = files::read_text(Path::new(key), KEY_BYTES_MAX)
        .map_err(|source| CommandError::ReadFile { path: key.into(), source })?;
    PublicKey::from_file_text(&text).map_err(refuse)
}

/// A receipt that is signed well: is the key trusted, are the rules those that are wanted, is the chain the one that was
/// signed? The chain is looked at only where the rest is so.
fn judge(
    receipt: &Receipt,
    trusted: &[PublicKey],
    network: Option<Parameters>,
    args: &ReceiptVerifyArgs,
) -> Result<ReceiptAnswer, CommandError> {
    let foreign = if trusted.is_empty() { None } else { receipt.check_trusted(trusted).err() };
    let key = match (&foreign, trusted.is_empty()) {
        (Some(_), _) => "foreign",
        (None, true) => "unchecked",
        (None, false) => "trusted",
    };
    let statement = receipt.statement();
    let mut reason = foreign.map(|foreign| foreign.to_string()).or_else(|| other_rules(statement, network.as_ref()));
    let mut spot_check = None;
    if let (None, Some(items)) = (&reason, args.spot_check) {
        let parameters = network.or_else(|| known_network(statement));
        let check = SpotCheck::run(statement, &random_seed()?, items, &args.source, parameters.as_ref())?;
        reason.clone_from(&check.wrong);
        spot_check = Some(spot_check_row(check));
    }
    Ok(ReceiptAnswer {
        receipt: if reason.is_none() { "good" } else { "refused" },
        key: Some(key),
        reason,
        public_key: Some(receipt.public_key().to_string()),
        label: statement.parts().signer.label.clone(),
        statement: Some(fields(statement)),
        text: statement.text(),
        spot_check,
    })
}

/// What to say of a receipt by other rules than those that are wanted.
fn other_rules(statement: &Statement, wanted: Option<&Parameters>) -> Option<String> {
    let (parts, wanted) = (statement.parts(), wanted?);
    let (found, digest) = (cityseal_chain::hex::encode(&parts.parameters), wanted.digest());
    (found != digest).then(|| {
        format!(
            "the receipt is by the rules of {} ({found}), wanted are those of {} ({digest})",
            parts.network,
            wanted.name()
        )
    })
}

/// The parameters of the network that the receipt is about, where they need not be told.
fn known_network(statement: &Statement) -> Option<Parameters> {
    let mut known = Network::ALL.into_iter().map(Parameters::of);
    known.find(|parameters| parameters.digest_bytes() == statement.parts().parameters)
}

fn refused(reason: &ReceiptError) -> ReceiptAnswer {
    ReceiptAnswer {
        receipt: "refused",
        key: None,
        reason: Some(reason.to_string()),
        public_key: None,
        label: None,
        statement: None,
        text: String::new(),
        spot_check: None,
    }
}

/// The fields of the statement, but for the nodes that nobody reads.
fn fields(statement: &Statement) -> serde_json::Value {
    let mut fields = serde_json::to_value(statement.parts()).unwrap_or_default();
    fields.as_object_mut().and_then(|fields| fields.remove("openings"));
    fields
}

fn spot_check_row(check: SpotCheck) -> SpotCheckRow {
    SpotCheckRow {
        result: if check.wrong.is_none() { "right" } else { "wrong" },
        items: check.heights,
        subtrees: check.subtrees,
        headers: check.headers,
        reason: check.wrong,
    }
}

fn human(output: &Output, answer: &ReceiptAnswer) -> String {
    let head = match &answer.reason {
        None => format!("{}: the signature is good\n", output.paint(Paint::Good, "GOOD")),
        Some(reason) => format!("{}: {reason}\n", output.paint(Paint::Bad, "REFUSED")),
    };
    let signer = answer.public_key.as_ref().map(|key| {
        let label = answer.label.as_ref().map(|label| format!(", who calls itself \"{label}\"")).unwrap_or_default();
        format!("  signed by {key}{label}\n")
    });
    let trust = match answer.key {
        Some("trusted") => "  this key is trusted\n",
        Some("unchecked") => "  key not checked against a trusted one: nobody vouched for it (--key)\n",
        Some(_) | None => "",
    };
    let spot_check = answer.spot_check.as_ref().map(spot_check_line).unwrap_or_default();
    let lines = answer.text.trim_end().replace('\n', "\n  | ");
    let text = if lines.is_empty() { lines } else { format!("  | {lines}\n") };
    [head, signer.unwrap_or_default(), trust.to_owned(), spot_check, text].concat()
}

fn spot_check_line(check: &SpotCheckRow) -> String {
    let SpotCheckRow { result, items, subtrees, headers, .. } = check;
    format!("  spot check {result}: {} random items, {headers} headers read in {subtrees} subtrees\n", items.len())
}
