//! The flags of `key` and `receipt`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

const KEY_EXAMPLES: &str = "\
Examples:
  cityseal key new --out auditor.key --label \"Audit office\" > auditor.pub
  cityseal key show auditor.key

Only its owner may read a secret key file: a file that others can read is refused (run `chmod 600 FILE`). An existing
file is never overwritten. Anyone who has the file can sign in your name.

Exit codes: 0 done, 2 anything else.";

const KEY_NEW_EXAMPLES: &str = "\
Examples:
  cityseal key new --out auditor.key > auditor.pub
  cityseal key new --out auditor.key --label \"Audit office\" --json

Exit codes: 0 done, 2 anything else.";

const KEY_SHOW_EXAMPLES: &str = "\
Examples:
  cityseal key show auditor.key > auditor.pub

Exit codes: 0 done, 2 anything else.";

/// Options of `key`.
#[derive(Clone, Debug, Args)]
#[command(after_help = KEY_EXAMPLES)]
pub struct KeyArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: KeyAction,
}

/// Subcommands of `key`.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyAction {
    /// Create a key from the system's random numbers, and print its public half.
    New(KeyNewArgs),
    /// Print the public half of a key.
    Show(KeyShowArgs),
}

/// Options of `key new`.
#[derive(Clone, Debug, Args)]
#[command(after_help = KEY_NEW_EXAMPLES)]
pub struct KeyNewArgs {
    /// Write the secret key to this file, which must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Name of the signer, shown in every receipt of this key: at most 256 bytes.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

/// Options of `key show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = KEY_SHOW_EXAMPLES)]
pub struct KeyShowArgs {
    /// The secret key file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

const RECEIPT_EXAMPLES: &str = "\
Examples:
  cityseal verify headers.bin --receipt receipt.json --key auditor.key     issue a receipt
  cityseal receipt verify receipt.json --key auditor.pub                   check it
  cityseal receipt show receipt.json                                       print the text that was signed";

/// Options of `receipt`.
#[derive(Clone, Debug, Args)]
#[command(after_help = RECEIPT_EXAMPLES)]
pub struct ReceiptArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: ReceiptAction,
}

/// Subcommands of `receipt`.
#[derive(Clone, Debug, Subcommand)]
pub enum ReceiptAction {
    /// Check the signature of a receipt, and compare random parts of it with the chain.
    Verify(ReceiptVerifyArgs),
    /// Print the text that was signed.
    Show(ReceiptShowArgs),
}

const RECEIPT_VERIFY_EXAMPLES: &str = "\
Examples:
  cityseal receipt verify receipt.json --key auditor.pub
  cityseal receipt verify receipt.json --key auditor.pub --spot-check 20 --source headers.bin

A spot check picks random items and reads only those parts of the source. It checks that they are the headers that were
signed, that each meets its target, and that they form a chain.

Without --key the answer is SIGNED, SIGNER NOT TRUSTED: anyone can sign anything with a key of their own.

Exit codes: 0 signed by a trusted key, and the spot check is right
            1 a clear no: changed, forged, signed by another key, another network's parameters, another chain
            2 anything else: no key given, not a receipt, a source that cannot be read, no items to spot-check.";

const RECEIPT_SHOW_EXAMPLES: &str = "\
Examples:
  cityseal receipt show receipt.json
  cityseal receipt show receipt.json --json

The signature is checked, but the key is not compared with a trusted one.

Exit codes: 0 the signature is good, 1 it is not, 2 anything else.";

/// Maximum number of items in one spot check: more add little evidence, and this many can still be listed.
pub const SPOT_CHECK_MAX: u64 = 65_536;

/// Options of `receipt verify`.
#[derive(Clone, Debug, Args)]
#[command(after_help = RECEIPT_VERIFY_EXAMPLES)]
pub struct ReceiptVerifyArgs {
    /// The receipt.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Trust this public key, or the one in this file. Repeatable.
    #[arg(long, value_name = "PUBKEY|FILE")]
    pub key: Vec<String>,
    /// Compare this many random items with the source.
    #[arg(long, value_name = "N", requires = "source")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=SPOT_CHECK_MAX))]
    pub spot_check: Option<u64>,
    /// The chain of the receipt from its first item on, in any format that `verify` reads (- is stdin), or Bitcoin
    /// Core's blocks folder, whose best chain is used.
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1.., requires = "spot_check")]
    pub source: Vec<PathBuf>,
    /// Require a receipt for this network: mainnet, testnet3, testnet4, signet, regtest, or a TOML file of custom
    /// network parameters.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub network: Option<String>,
    /// Challenge of a custom signet (a script in hex, BIP325). Needs --network signet.
    #[arg(long, value_name = "HEX", requires = "network", value_parser = values::signet_challenge)]
    pub signet_challenge: Option<values::SignetChallenge>,
}

/// Options of `receipt show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = RECEIPT_SHOW_EXAMPLES)]
pub struct ReceiptShowArgs {
    /// The receipt.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use crate::args::Cli;

    fn refused(line: &str) -> ErrorKind {
        Cli::try_parse_from(line.split_whitespace()).map(|_| ()).unwrap_err().kind()
    }

    #[test]
    fn a_spot_check_and_its_source_require_each_other() {
        assert_eq!(refused("cityseal receipt verify r.json --spot-check 5"), ErrorKind::MissingRequiredArgument);
        assert_eq!(refused("cityseal receipt verify r.json --source a.bin"), ErrorKind::MissingRequiredArgument);
        let whole = "cityseal receipt verify r.json --spot-check 65536 --source a.bin b.bin --key k";
        assert!(Cli::try_parse_from(whole.split_whitespace()).is_ok());
    }

    #[test]
    fn refuses_a_spot_check_of_no_items_or_too_many() {
        for number in ["0", "65537", "-1", "x"] {
            let line = format!("cityseal receipt verify r.json --source a.bin --spot-check={number}");
            assert_eq!(refused(&line), ErrorKind::ValueValidation, "{number}");
        }
    }
}
