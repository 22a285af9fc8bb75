//! `cityseal receipt`: checks the signature of a receipt and its signer, and compares parts of it with the chain.
//!
//! A receipt that was changed, that another key signed, or that covers another chain is a clear no. A file that is not
//! a receipt, a key or a chain is bad input. A good signature without a trusted key to compare with, or a spot check of
//! no items, is neither yes nor no.

mod spot_check;

use std::path::{Path, PathBuf};

use cityseal_chain::{Digest, MerkleKind, Network, Parameters};
use cityseal_cli::{CliError, Ending, Explain, Output, Paint, escape_line, files};
use cityseal_input::InputError;
use cityseal_input::part::rules_of;
use cityseal_receipt::{KeyError, PublicKey, RECEIPT_BYTES_MAX, Receipt, ReceiptError, Statement, StatementParts};

use super::key::{KEY_BYTES_MAX, random_seed};
use super::network::{NetworkError, parameters};
use super::say_unless_json;
use crate::args::{ReceiptAction, ReceiptArgs, ReceiptShowArgs, ReceiptVerifyArgs};
use crate::context::Context;
use crate::json::{ReceiptAnswer, RulesRow, SignedText, SpotCheckRow};
use spot_check::SpotCheck;

/// Hex digits of a public key: an argument of this length is a key, unless a file has that name.
const KEY_DIGITS: usize = 64;

/// The result of a spot check that has nothing to check.
const IMPOSSIBLE: &str = "impossible";

/// Why `receipt` gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReceiptCommandError {
    /// A file, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The source of a spot check.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The file is not a receipt.
    #[error("{}: not a receipt: {source}", path.display())]
    Receipt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReceiptError,
    },
    /// A trusted key is invalid.
    #[error("{place}: {source}")]
    Key {
        /// The flag with its value.
        place: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The source is a folder, and the parameters by which its best chain is chosen are missing.
    #[error(
        "{}: finding the best chain of a folder requires the network parameters: pass --network FILE.toml",
        path.display()
    )]
    FolderWithoutNetwork {
        /// The folder.
        path: PathBuf,
    },
}

impl Explain for ReceiptCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Network(error) => error.reason(),
            Self::Input(error) => error.reason(),
            Self::Receipt { .. } => "not-a-receipt",
            Self::Key { .. } => "bad-key",
            Self::FolderWithoutNetwork { .. } => "folder-not-possible",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Network(error) => error.place(),
            Self::Input(error) => error.place(),
            Self::Receipt { path, .. } | Self::FolderWithoutNetwork { path } => Some(path.display().to_string()),
            Self::Key { place, .. } => Some(place.clone()),
        }
    }

    fn hint(&self) -> Option<String> {
        if let Self::Input(error) = self { error.hint() } else { None }
    }
}

pub(crate) fn run(context: &Context, args: &ReceiptArgs) -> Result<Ending, ReceiptCommandError> {
    match &args.action {
        ReceiptAction::Verify(args) => verify(context, args),
        ReceiptAction::Show(args) => show(context, args),
    }
}

fn verify(context: &Context, args: &ReceiptVerifyArgs) -> Result<Ending, ReceiptCommandError> {
    let trusted = args.key.iter().map(|key| trusted_key(key)).collect::<Result<Vec<_>, _>>()?;
    let challenge = args.signet_challenge.as_ref();
    let network = args.network.as_deref().map(|name| parameters(name, challenge)).transpose()?;
    let answer = match read(&args.file)? {
        Ok(receipt) => judge(&receipt, &trusted, network, args)?,
        Err(reason) => refused(&reason),
    };
    context.output.answer(&answer, |output| human(output, &answer)).map_err(CliError::Stdout)?;
    Ok(ending(&answer))
}

/// Yes only if a trusted key signed and a requested spot check was possible.
fn ending(answer: &ReceiptAnswer) -> Ending {
    let is_checked = answer.spot_check.as_ref().is_none_or(|check| check.result != IMPOSSIBLE);
    match (answer.receipt, answer.key) {
        _ if !is_checked => Ending::Neither,
        ("good", Some("trusted")) => Ending::Yes,
        ("good", _) => Ending::Neither,
        _ => Ending::No,
    }
}

fn show(context: &Context, args: &ReceiptShowArgs) -> Result<Ending, ReceiptCommandError> {
    let receipt = match read(&args.file)? {
        Ok(receipt) => receipt,
        Err(reason) => {
            let answer = refused(&reason);
            context.output.answer(&answer, |output| human(output, &answer)).map_err(CliError::Stdout)?;
            return Ok(Ending::No);
        }
    };
    let answer = SignedText {
        text: receipt.statement().text(),
        public_key: receipt.public_key().to_string(),
        signature: cityseal_chain::hex::encode(receipt.signature()),
        rules: rules_row(receipt.statement()),
    };
    context.output.answer(&answer, |_| answer.text.clone()).map_err(CliError::Stdout)?;
    say_unless_json(&context.output, "the signature is good; the key was not checked against a trusted one");
    say_unless_json(&context.output, rules_words(&answer.rules));
    Ok(Ending::Yes)
}

/// The receipt in a file, or the reason why it is a clear no.
fn read(path: &Path) -> Result<Result<Receipt, ReceiptError>, ReceiptCommandError> {
    let text = files::read_text(path, RECEIPT_BYTES_MAX as u64)
        .map_err(|source| CliError::ReadFile { path: path.into(), source })?;
    match Receipt::read(text.as_bytes()) {
        Err(source) if !source.is_clear_no() => Err(ReceiptCommandError::Receipt { path: path.into(), source }),
        read => Ok(read),
    }
}

/// A public key, or the one in a file.
fn trusted_key(key: &str) -> Result<PublicKey, ReceiptCommandError> {
    let refuse = |source| ReceiptCommandError::Key { place: format!("--key {key}"), source };
    if key.len() == KEY_DIGITS && !Path::new(key).exists() {
        return key.parse().map_err(refuse);
    }
    let text = files::read_text(Path::new(key), KEY_BYTES_MAX)
        .map_err(|source| CliError::ReadFile { path: key.into(), source })?;
    PublicKey::from_file_text(&text).map_err(refuse)
}

/// Judges a receipt with a good signature: is the key trusted, are the parameters the requested ones, is the chain the
/// one that was signed? The chain is read only if everything else is right.
fn judge(
    receipt: &Receipt,
    trusted: &[PublicKey],
    network: Option<Parameters>,
    args: &ReceiptVerifyArgs,
) -> Result<ReceiptAnswer, ReceiptCommandError> {
    let foreign = if trusted.is_empty() { None } else { receipt.check_trusted(trusted).err() };
    let key = match (&foreign, trusted.is_empty()) {
        (Some(_), _) => "foreign",
        (None, true) => "unchecked",
        (None, false) => "trusted",
    };
    let statement = receipt.statement();
    let mut reason = foreign.map(|foreign| foreign.to_string()).or_else(|| other_rules(statement, network.as_ref()));
    let mut spot_check = None;
    // Without items there is nothing to compare, which must not look like a passed spot check.
    if reason.is_none() && args.spot_check.is_some() && statement.parts().count == 0 {
        let words =
            "no item passed, so there is nothing to compare with the source; check this receipt without --spot-check";
        reason = Some(format!("the receipt covers 0 items: {words}"));
        spot_check = Some(impossible(reason.clone()));
    } else if let (None, Some(items)) = (&reason, args.spot_check) {
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
        rules: Some(rules_row(statement)),
        spot_check,
    })
}

/// Why a receipt is refused if it is for other parameters than the requested ones.
fn other_rules(statement: &Statement, wanted: Option<&Parameters>) -> Option<String> {
    let (parts, wanted) = (statement.parts(), wanted?);
    let (found, digest) = (Digest::from_bytes(parts.parameters), wanted.digest());
    (found != digest).then(|| {
        format!(
            "the receipt is for the parameters of {} ({found}); expected those of {} ({digest})",
            parts.network,
            wanted.name()
        )
    })
}

/// The parameters of the receipt's network if it is a built-in one.
fn known_network(statement: &Statement) -> Option<Parameters> {
    let mut known = Network::ALL.into_iter().map(Parameters::of);
    known.find(|parameters| parameters.digest().to_bytes() == statement.parts().parameters)
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
        rules: None,
        spot_check: None,
    }
}

/// The fields of the statement without the tree nodes, which are of no use to a reader.
fn fields(statement: &Statement) -> serde_json::Value {
    let mut fields = serde_json::to_value(statement.parts()).unwrap_or_default();
    fields.as_object_mut().and_then(|fields| fields.remove("openings"));
    fields
}

/// The rules that a receipt names, compared with those of this build. The digest depends on the kind of Merkle tree,
/// which a receipt does not name, so the digests of all kinds count as the same.
fn rules_row(statement: &Statement) -> RulesRow {
    let StatementParts { kind, rules, .. } = statement.parts();
    let mut this_build = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256].map(|tree| rules_of(tree, *kind)).to_vec();
    this_build.dedup();
    let compared = match rules {
        None => "unnamed",
        Some(digest) if this_build.iter().any(|known| known.digest().to_bytes() == *digest) => "same",
        Some(_) => "other",
    };
    let digest = rules.map(|digest| cityseal_chain::hex::encode(&digest));
    RulesRow { compared, digest, this_build: this_build.iter().map(|rules| rules.digest().to_string()).collect() }
}

fn rules_words(row: &RulesRow) -> String {
    let Some(digest) = &row.digest else {
        return "rules: not named, since receipts of format 1 have no digest; `checked` lists their numbers".to_owned();
    };
    let compared = match row.compared {
        "same" => "this build's rules".to_owned(),
        _ => format!("other rules than this build's ({})", row.this_build.join(" or ")),
    };
    format!("rules: {digest}, {compared}")
}

fn impossible(reason: Option<String>) -> SpotCheckRow {
    SpotCheckRow { result: IMPOSSIBLE, items: Vec::new(), subtrees: 0, headers: 0, reason }
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
    let untrusted = || output.paint(Paint::Doubtful, "SIGNED, SIGNER NOT TRUSTED");
    let head = match (&answer.reason, answer.key) {
        (None, Some("unchecked")) => {
            format!("{}: the signature is good, and no key was given to compare its signer with\n", untrusted())
        }
        (None, _) => format!("{}: the signature is good\n", output.paint(Paint::Good, "GOOD")),
        (Some(reason), _) => format!("{}: {}\n", output.paint(Paint::Bad, "REFUSED"), escape_line(reason)),
    };
    let signer = answer.public_key.as_ref().map(|key| {
        let label = answer.label.as_ref().map(|label| format!(", self-described as \"{label}\"")).unwrap_or_default();
        format!("  signed by {key}{label}\n")
    });
    let trust = match answer.key {
        Some("trusted") => "  this key is trusted\n",
        Some("unchecked") => {
            "  key not checked against a trusted one: get the public key from the signer and pass it with --key\n"
        }
        Some(_) | None => "",
    };
    let spot_check = answer.spot_check.as_ref().map(spot_check_line).unwrap_or_default();
    let rules = answer.rules.as_ref().map(|row| format!("  {}\n", rules_words(row))).unwrap_or_default();
    let lines = answer.text.trim_end().replace('\n', "\n  | ");
    let text = if lines.is_empty() { lines } else { format!("  | {lines}\n") };
    [head, signer.unwrap_or_default(), trust.to_owned(), rules, spot_check, text].concat()
}

fn spot_check_line(check: &SpotCheckRow) -> String {
    let SpotCheckRow { result, items, subtrees, headers, .. } = check;
    if *result == IMPOSSIBLE {
        return "  spot check impossible: the receipt covers 0 items\n".to_owned();
    }
    let count = items.len();
    let item = super::plural(count as u64, "item", "items");
    let header = super::plural(*headers, "header", "headers");
    let subtree = super::plural(*subtrees, "subtree", "subtrees");
    format!("  spot check {result}: {count} random {item}, {headers} {header} read in {subtrees} {subtree}\n")
}
