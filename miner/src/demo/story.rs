//! What the demonstration says; nothing is decided here.

use std::net::SocketAddr;
use std::time::Duration;

use cityseal_chain::{BlockHash, Fault, MerkleRoot, Seal, Target, Tip};

use crate::Context;
use crate::city::City;
use crate::error::CommandError;
use crate::output::{Paint, spoken};

/// Speaks on stdout, or not at all where JSON is wanted.
pub(super) struct Story<'a> {
    context: &'a Context,
}

impl<'a> Story<'a> {
    pub(super) const fn new(context: &'a Context) -> Self {
        Self { context }
    }

    fn say(&self, text: &str) -> Result<(), CommandError> {
        if self.context.output.wants_json() {
            return Ok(());
        }
        self.context.output.text(text).map_err(CommandError::Stdout)
    }

    fn step(&self, number: u32, title: &str) -> String {
        self.context.output.paint(Paint::Strong, &format!("{number}. {title}"))
    }

    pub(super) fn service(&self, address: SocketAddr, workers: &str) -> Result<(), CommandError> {
        let title = self.step(1, "The service");
        self.say(&format!(
            "A city keeps its ledger as a chain of blocks. Whoever wants to change an old record would have to redo\n\
             the work of its block and of every block after it. CitySeal does that work, and checks it.\n\n\
             {title}\n   `cityseal serve` is running at {address}; the hashing is done by {workers}.\n   \
             A node of the city connects to it as any program would."
        ))
    }

    pub(super) fn city(&self, city: &City) -> Result<(), CommandError> {
        let title = self.step(2, "The city");
        let tries = expected_tries(city.parameters.pow_limit());
        self.say(&format!(
            "\n{title}\n   {} is founded on its first block, {}.\n   \
             Its rule: a block's hash must be so small that finding one takes about {} tries.",
            city.parameters.name(),
            short(city.genesis.hash()),
            spoken_count(tries)
        ))
    }

    pub(super) fn sealing(&self) -> Result<(), CommandError> {
        let title = self.step(3, "Sealing");
        self.say(&format!(
            "\n{title}\n   Each block commits to its records through one number, their Merkle root. The node asks the service\n   \
             for a nonce that makes the block's hash small enough, and hashes it again itself before it believes it."
        ))
    }

    pub(super) fn sealed(
        &self,
        height: u64,
        records: &[&str],
        root: MerkleRoot,
        seal: &Seal,
        work: (u64, Duration),
    ) -> Result<(), CommandError> {
        let (hashes, took) = work;
        let records = records.iter().map(|record| format!("        {record}\n")).collect::<Vec<_>>().concat();
        self.say(&format!(
            "   block {height}\n{records}      root {}…  nonce {}  hash {}  ({} tries in {})",
            &root.to_display_hex()[..12],
            seal.header().nonce,
            short(seal.hash()),
            spoken_count(hashes as f64),
            spoken(took)
        ))
    }

    pub(super) fn valid(&self, tip: &Tip, headers: u64) -> Result<(), CommandError> {
        let title = self.step(4, "Checking");
        let word = self.context.output.paint(Paint::Good, "VALID");
        self.say(&format!(
            "\n{title}\n   The node streams all {headers} blocks' headers back for revalidation: work, links, difficulty, times.\n   \
             {word} up to block {}, {}.",
            tip.height,
            short(tip.hash)
        ))
    }

    pub(super) fn fault(&self, byte: usize, before: u8, after: u8, fault: &Fault) -> Result<(), CommandError> {
        let title = self.step(5, "Forging");
        let word = self.context.output.paint(Paint::Bad, "FAULT");
        self.say(&format!(
            "\n{title}\n   Now somebody rewrites a record of block {}: one byte of the chain (byte {byte}) turns from {before:02x} to {after:02x}.\n   \
             {word} at block {}: rule {} ({}) is broken.\n      its hash would have to be at most {}…\n      and is                     {}…",
            fault.height,
            fault.height,
            fault.rule.code(),
            fault.rule.name(),
            &fault.expected.to_string()[..16],
            &fault.found.to_string()[..16]
        ))
    }
}

/// A number for people: `2.1 million`, `840 thousand`.
fn spoken_count(count: f64) -> String {
    if count >= 1e6 { format!("{:.1} million", count / 1e6) } else { format!("{:.0} thousand", (count / 1e3).max(1.0)) }
}

/// How many hashes it takes to meet a target, on average: 2^256 over the number of hashes that do.
fn expected_tries(target: Target) -> f64 {
    let numeric = target.to_wire().iter().rev().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
    2.0_f64.powi(256) / (numeric + 1.0)
}

/// The first digits of a hash: enough to see its zeros and to tell it from others.
fn short(hash: BlockHash) -> String {
    format!("{}…", &hash.to_display_hex()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_hash_meets_the_easiest_target_and_one_in_2_to_the_32_that_of_difficulty_1() {
        let tries = |bits| expected_tries(Target::from_threshold_hex(bits).unwrap());
        assert!((tries("207fffff") - 2.0).abs() < 1e-3);
        assert!((tries("1d00ffff") / 4_295_032_833.0 - 1.0).abs() < 1e-9);
    }
}
