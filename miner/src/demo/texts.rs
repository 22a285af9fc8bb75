//! The texts that the demonstration prints. No decisions are made here.

use std::net::SocketAddr;
use std::time::Duration;

use cityseal_bench::city::City;
use cityseal_chain::{BlockHash, Fault, Seal, Target, Tip};
use cityseal_cli::{CliError, Paint, escape_line, spoken};
use cityseal_receipt::Receipt;

use super::error::DemoError;
use super::records::{FORGED_HEIGHT, FORGED_RECORD, ORIGINAL_RECORD};
use crate::context::Context;
use crate::json::KeptRow;

/// Number of digits of a hash that are shown: enough to see its zeros and to distinguish it from others.
const DIGITS_SHOWN: usize = 16;

/// Prints to stdout; prints nothing with `--json`.
pub(super) struct Texts<'a> {
    context: &'a Context,
}

impl<'a> Texts<'a> {
    pub(super) const fn new(context: &'a Context) -> Self {
        Self { context }
    }

    fn say(&self, text: &str) -> Result<(), DemoError> {
        if self.context.output.wants_json() {
            return Ok(());
        }
        Ok(self.context.output.text(text).map_err(CliError::Stdout)?)
    }

    fn step(&self, number: u32, title: &str) -> String {
        self.context.output.paint(Paint::Strong, &format!("{number}. {title}"))
    }

    pub(super) fn service(&self, address: SocketAddr, workers: &str) -> Result<(), DemoError> {
        let title = self.step(1, "The service");
        self.say(&format!(
            "A city keeps its public records in a chain of blocks. To change an old record, an attacker would have to\n\
             repeat the proof of work of its block and all later blocks. CitySeal finds and checks proof of work.\n\n\
             {title}\n   `cityseal serve` runs at {address}. It hashes on {workers}.\n   \
             A client connects to it, as a node of the city would."
        ))
    }

    pub(super) fn city(&self, city: &City) -> Result<(), DemoError> {
        let title = self.step(2, "The city");
        let tries = expected_tries(city.parameters.pow_limit());
        self.say(&format!(
            "\n{title}\n   The first block of {} is {}\n   \
             The rule for all blocks: the hash must be so small that finding one takes about {} tries.",
            city.parameters.name(),
            short(city.genesis.hash()),
            spoken_count(tries)
        ))
    }

    pub(super) fn sealing(&self) -> Result<(), DemoError> {
        let title = self.step(3, "Sealing");
        self.say(&format!(
            "\n{title}\n   \
             Each record is a transaction. A block's header contains one number that depends on all of them, the\n   \
             Merkle root. The client asks the service for a nonce that makes the header's hash small enough, and\n   \
             recomputes the hash of the answer itself."
        ))
    }

    pub(super) fn sealed(
        &self,
        height: usize,
        records: &[&str],
        seal: &Seal,
        work: (u64, Duration),
    ) -> Result<(), DemoError> {
        let (hashes, took) = work;
        let records = records.iter().map(|record| format!("        {record}\n")).collect::<Vec<_>>().concat();
        let header = seal.header();
        self.say(&format!(
            "   block {height}\n{records}      root {}…  nonce {}  hash {}  ({} tries in {})",
            &header.merkle_root.to_display_hex()[..12],
            header.nonce,
            short(seal.hash()),
            spoken_count(hashes as f64),
            spoken(took)
        ))
    }

    pub(super) fn valid(&self, tip: &Tip, blocks: usize) -> Result<(), DemoError> {
        let title = self.step(4, "Checking");
        let word = self.context.output.paint(Paint::Good, "VALID");
        self.say(&format!(
            "\n{title}\n   \
             The client streams all {blocks} blocks back. The service checks proof of work, links, difficulty,\n   \
             times and records.\n   {word} up to block {}: {}",
            tip.height,
            short(tip.hash)
        ))
    }

    pub(super) fn receipt(&self, receipt: &Receipt) -> Result<(), DemoError> {
        let label = receipt.statement().parts().signer.label.as_deref().unwrap_or_default();
        self.say(&format!(
            "   The service signs this verdict as \"{label}\". Anyone with the public key {}…\n   \
             can check the receipt without this machine.",
            &receipt.public_key().to_string()[..DIGITS_SHOWN]
        ))
    }

    pub(super) fn forging(&self) -> Result<(), DemoError> {
        let title = self.step(5, "Forging");
        self.say(&format!(
            "\n{title}\n   A forger rewrites a record in block {FORGED_HEIGHT}:\n      - {ORIGINAL_RECORD}\n      \
             + {FORGED_RECORD}"
        ))
    }

    pub(super) fn forged_record(&self, fault: &Fault) -> Result<(), DemoError> {
        self.say(&format!(
            "   {} at block {}: rule {} ({}). The records do not match the Merkle root in the header.",
            self.context.output.paint(Paint::Bad, "FAULT"),
            fault.height,
            fault.rule.code(),
            fault.rule.name(),
        ))
    }

    pub(super) fn forged_root(&self, fault: &Fault) -> Result<(), DemoError> {
        self.say(&format!(
            "   The forger changes the Merkle root too. Now the header has another hash, and its nonce is useless:\n   \
             {} at block {}: rule {} ({}).\n      hash must be at most {}…\n      hash is              {}…",
            self.context.output.paint(Paint::Bad, "FAULT"),
            fault.height,
            fault.rule.code(),
            fault.rule.name(),
            &fault.expected.to_string()[..DIGITS_SHOWN],
            &fault.found.to_string()[..DIGITS_SHOWN]
        ))
    }

    /// The last lines; `kept` lists the files written for `--keep`.
    pub(super) fn end(&self, kept: Option<&KeptRow>, took: Duration) -> String {
        let word = self.context.output.paint(Paint::Good, "All answers were right");
        let next = kept.map_or_else(
            || {
                "`cityseal demo --keep DIR` keeps the chain, the forgeries and the receipt, and lists commands to try."
                    .into()
            },
            |kept| {
                let (folder, files) = (escape_line(&kept.folder), kept.files.len());
                format!("{folder} has {files} files. {folder}/README.txt lists them, and commands to try.")
            },
        );
        format!("\n{word} ({}).\n{next}", spoken(took))
    }
}

/// A rounded count in words: `2.1 million`, `840 thousand`.
fn spoken_count(count: f64) -> String {
    if count >= 1e6 { format!("{:.1} million", count / 1e6) } else { format!("{:.0} thousand", (count / 1e3).max(1.0)) }
}

/// The average number of hashes that it takes to meet a target: 2^256 divided by the number of hashes that meet it.
fn expected_tries(target: Target) -> f64 {
    let numeric = target.to_wire().iter().rev().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
    2.0_f64.powi(256) / (numeric + 1.0)
}

/// The first digits of a hash.
fn short(hash: BlockHash) -> String {
    format!("{}…", &hash.to_display_hex()[..DIGITS_SHOWN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_tries_are_2_at_the_easiest_target_and_2_to_the_32_at_difficulty_1() {
        let tries = |bits| expected_tries(Target::from_threshold_hex(bits).unwrap());
        assert!((tries("207fffff") - 2.0).abs() < 1e-3);
        assert!((tries("1d00ffff") / 4_295_032_833.0 - 1.0).abs() < 1e-9);
    }
}
