//! The flags of `key` and `receipt`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

const KEY_EXAMPLES: &str = "\
Examples:
  cityseal key new --out auditor.key --label \"Audit office\" > auditor.pub
  cityseal key show auditor.key

Only the owner may read the file of the secret key: one that others can read is refused (run `chmod 600 FILE`). It is never
overwritten. Anyone who has it can sign in your name.

Exit codes: 0 done, 2 anything else.";

/// Options of `key`.
#[derive(Clone, Debug, Args)]
#[command(after_help = KEY_EXAMPLES)]
pub struct KeyArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeyAction,
}

/// What can be done with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyAction {
    /// Create a key from the system's random numbers, and print its public half.
    New(KeyNewArgs),
    /// Print the public half of a key.
    Show(KeyShowArgs),
}

/// Options of `key new`.
#[derive(Clone, Debug, Args)]
pub struct KeyNewArgs {
    /// Write the secret key to this file, which must not exist.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Name of the signer in every receipt of this key: at most 256 bytes.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

/// Options of `key show`.
#[derive(Clone, Debug, Args)]
pub struct KeyShowArgs {
    /// The file of the secret key.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Options of `receipt`.
#[derive(Clone, Debug, Args)]
pub struct ReceiptArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ReceiptAction,
}

/// What can be done with receipts.
#[derive(Clone, Debug, Subcommand)]
pub enum ReceiptAction {
    /// Check the signature of a receipt, and compare parts of it with the chain.
    Verify(ReceiptVerifyArgs),
    /// Print the text that was signed.
    Show(ReceiptShowArgs),
}

const RECEIPT_VERIFY_EXAMPLES: &str = "\
Examples:
  cityseal receipt verify receipt.json --key auditor.pub
  cityseal receipt verify receipt.json --key auditor.pub --spot-check 20 --source headers.bin

A spot check picks random items and reads only those parts of the source. It checks that they are the headers that were
signed, that each meets its target, and that they follow each other.

Without --key the answer is SIGNED, SIGNER NOT TRUSTED: anybody can sign anything with a key of their own.

Exit codes: 0 signed by a trusted key, and the spot check is right
            1 a clear no: changed, forged, signed by a stranger, another network's parameters, another chain
            2 anything else: no key given, no receipt, a source that cannot be read, no items to spot-check.";

/// Most items of one spot check: more add little evidence, and so many can still be listed.
pub const SPOT_CHECK_MAX: u64 = 65_536;

/// Options of `receipt verify`.
#[derive(Clone, Debug, Args)]
#[command(after_help = RECEIPT_VERIFY_EXAMPLES)]
pub struct ReceiptVerifyArgs {
    /// The receipt.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Trust this public key, or the one in this file. Repeat the flag for several keys.
    #[arg(long, value_name = "PUBKEY|FILE")]
    pub key: Vec<String>,
    /// Compare this many random items with the source.
    #[arg(long, value_name = "N", requires = "source", value_parser = clap::value_parser!(u64).range(1..=SPOT_CHECK_MAX))]
    pub spot_check: Option<u64>,
    /// The chain that the receipt covers, starting with its first item, in any format that `verify` reads; - is stdin. Or a
    /// node's folder of blocks, of which the best chain is used.
    #[arg(long, value_name = "FILE|FOLDER", num_args = 1.., requires = "spot_check")]
    pub source: Vec<PathBuf>,
    /// Require a receipt by the rules of this network: mainnet, testnet3, testnet4, signet, regtest, or a city's TOML file.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub network: Option<String>,
    /// The challenge of a custom signet (hex of a script, BIP325). With --network signet.
    #[arg(long, value_name = "HEX", requires = "network", value_parser = values::signet_challenge)]
    pub signet_challenge: Option<values::SignetChallenge>,
}

/// Options of `receipt show`.
#[derive(Clone, Debug, Args)]
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
    fn a_spot_check_needs_a_source_and_a_source_is_for_a_spot_check() {
        assert_eq!(refused("cityseal receipt verify r.json --spot-check 5"), ErrorKind::MissingRequiredArgument);
        assert_eq!(refused("cityseal receipt verify r.json --source a.bin"), ErrorKind::MissingRequiredArgument);
        let whole = "cityseal receipt verify r.json --spot-check 65536 --source a.bin b.bin --key k";
        assert!(Cli::try_parse_from(whole.split_whitespace()).is_ok());
    }

    #[test]
    fn a_spot_check_has_one_item_at_least_and_a_most() {
        for number in ["0", "65537", "-1", "x"] {
            let line = format!("cityseal receipt verify r.json --source a.bin --spot-check={number}");
            assert_eq!(refused(&line), ErrorKind::ValueValidation, "{number}");
        }
    }
}
