//! `cityseal receipt`: checks the signature of a receipt and its signer, and compares parts of it with the chain.
//!
//! A receipt that was changed, that another key signed, or that covers another chain is a clear no. A file that is not
//! a receipt, a key or a chain is bad input. A good signature without a trusted key to compare with, or a spot check of
//! no items, is neither yes nor no.

mod spot_check;

use std::path::{Path, PathBuf};

use cityseal_chain::{Digest, Network, Parameters};
use cityseal_cli::{CliError, Ending, Explain, Output, Paint, escape_line, files};
use cityseal_input::InputError;
use cityseal_receipt::{KeyError, PublicKey, RECEIPT_BYTES_MAX, Receipt, ReceiptError, Statement};

use super::key::{KEY_BYTES_MAX, random_seed};
use super::network::{NetworkError, parameters};
use super::say_unless_json;
use crate::answers::{CheckedReceipt, JudgedReceipt, NamedRules, SpotCheck, SpotCheckResult, Trust};
use crate::args::{ReceiptAction, ReceiptArgs, ReceiptShowArgs, ReceiptVerifyArgs};
use crate::context::Context;
use crate::json::{ReceiptAnswer, RulesRow, SignedText};

/// Hex digits of a public key: an argument of this length is a key, unless a file has that name.
const KEY_DIGITS: usize = 64;

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
    let checked = match read(&args.file)? {
        Ok(receipt) => CheckedReceipt::Judged(Box::new(judge(receipt, &trusted, network, args)?)),
        Err(error) => CheckedReceipt::Refused(error),
    };
    print(context, &checked)
}

fn print(context: &Context, checked: &CheckedReceipt) -> Result<Ending, ReceiptCommandError> {
    let text = |output: &Output| text(output, checked);
    context.output.answer(&ReceiptAnswer::from(checked), text).map_err(CliError::Stdout)?;
    Ok(ending(checked))
}

/// Yes only if a trusted key signed and a requested spot check was possible.
fn ending(checked: &CheckedReceipt) -> Ending {
    let CheckedReceipt::Judged(judged) = checked else { return Ending::No };
    let result = judged.spot_check.as_ref().map(|check| &check.result);
    match (&judged.reason, judged.trust) {
        _ if matches!(result, Some(SpotCheckResult::Impossible(_))) => Ending::Neither,
        (Some(_), _) => Ending::No,
        (None, Trust::Trusted) => Ending::Yes,
        (None, Trust::Unchecked | Trust::Foreign) => Ending::Neither,
    }
}

fn show(context: &Context, args: &ReceiptShowArgs) -> Result<Ending, ReceiptCommandError> {
    let receipt = match read(&args.file)? {
        Ok(receipt) => receipt,
        Err(error) => return print(context, &CheckedReceipt::Refused(error)),
    };
    let rules = NamedRules::of(receipt.statement());
    let answer = SignedText {
        text: receipt.statement().text(),
        public_key: receipt.public_key().to_string(),
        signature: cityseal_chain::hex::encode(receipt.signature()),
        rules: RulesRow::from(&rules),
    };
    context.output.answer(&answer, |_| answer.text.clone()).map_err(CliError::Stdout)?;
    say_unless_json(&context.output, "the signature is good; the key was not checked against a trusted one");
    say_unless_json(&context.output, rules_words(&rules));
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
    receipt: Receipt,
    trusted: &[PublicKey],
    network: Option<Parameters>,
    args: &ReceiptVerifyArgs,
) -> Result<JudgedReceipt, ReceiptCommandError> {
    let foreign = if trusted.is_empty() { None } else { receipt.check_trusted(trusted).err() };
    let trust = match &foreign {
        Some(_) => Trust::Foreign,
        None if trusted.is_empty() => Trust::Unchecked,
        None => Trust::Trusted,
    };
    let statement = receipt.statement();
    let mut reason = foreign.map(|foreign| foreign.to_string()).or_else(|| other_rules(statement, network.as_ref()));
    let mut spot_check = None;
    // Without items there is nothing to compare, which must not look like a passed spot check.
    if reason.is_none() && args.spot_check.is_some() && statement.parts().count == 0 {
        let words =
            "no item passed, so there is nothing to compare with the source; check this receipt without --spot-check";
        let words = format!("the receipt covers 0 items: {words}");
        let result = SpotCheckResult::Impossible(words.clone());
        spot_check = Some(SpotCheck { result, heights: Vec::new(), subtrees: 0, headers: 0 });
        reason = Some(words);
    } else if let (None, Some(items)) = (&reason, args.spot_check) {
        let parameters = network.or_else(|| known_network(statement));
        let check = spot_check::run(statement, &random_seed()?, items, &args.source, parameters.as_ref())?;
        reason = check.result.reason().map(str::to_owned);
        spot_check = Some(check);
    }
    Ok(JudgedReceipt { receipt, trust, reason, spot_check })
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

fn rules_words(rules: &NamedRules) -> String {
    let Some(digest) = rules.digest else {
        return "rules: not named, since receipts of format 1 have no digest; `checked` lists their numbers".to_owned();
    };
    if rules.are_same() {
        return format!("rules: {digest}, this build's rules");
    }
    let this_build: Vec<String> = rules.this_build.iter().map(ToString::to_string).collect();
    format!("rules: {digest}, other rules than this build's ({})", this_build.join(" or "))
}

fn text(output: &Output, checked: &CheckedReceipt) -> String {
    let refused = |reason: &str| format!("{}: {}\n", output.paint(Paint::Bad, "REFUSED"), escape_line(reason));
    let judged = match checked {
        CheckedReceipt::Refused(error) => return refused(&error.to_string()),
        CheckedReceipt::Judged(judged) => judged,
    };
    let JudgedReceipt { receipt, trust, reason, spot_check } = &**judged;
    let head = match (reason, trust) {
        (Some(reason), _) => refused(reason),
        (None, Trust::Unchecked) => {
            let untrusted = output.paint(Paint::Doubtful, "SIGNED, SIGNER NOT TRUSTED");
            format!("{untrusted}: the signature is good, and no key was given to compare its signer with\n")
        }
        (None, _) => format!("{}: the signature is good\n", output.paint(Paint::Good, "GOOD")),
    };
    let statement = receipt.statement();
    let label = statement.parts().signer.label.as_ref();
    let label = label.map(|label| format!(", self-described as \"{label}\"")).unwrap_or_default();
    let signer = format!("  signed by {}{label}\n", receipt.public_key());
    let trust = match trust {
        Trust::Trusted => "  this key is trusted\n",
        Trust::Unchecked => {
            "  key not checked against a trusted one: get the public key from the signer and pass it with --key\n"
        }
        Trust::Foreign => "",
    };
    let rules = format!("  {}\n", rules_words(&NamedRules::of(statement)));
    let spot_check = spot_check.as_ref().map(spot_check_line).unwrap_or_default();
    let lines = format!("  | {}\n", statement.text().trim_end().replace('\n', "\n  | "));
    [head, signer, trust.to_owned(), rules, spot_check, lines].concat()
}

fn spot_check_line(check: &SpotCheck) -> String {
    let SpotCheck { result, heights, subtrees, headers } = check;
    if let SpotCheckResult::Impossible(_) = result {
        return "  spot check impossible: the receipt covers 0 items\n".to_owned();
    }
    let (result, count) = (result.name(), heights.len());
    let item = super::plural(count as u64, "item", "items");
    let header = super::plural(*headers, "header", "headers");
    let subtree = super::plural(*subtrees, "subtree", "subtrees");
    format!("  spot check {result}: {count} random {item}, {headers} {header} read in {subtrees} {subtree}\n")
}
