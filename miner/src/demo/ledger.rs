//! The city of the demonstration: its records, its blocks, and what must come out of each step.

use std::time::Instant;

use cityseal_chain::merkle;
use cityseal_chain::{BlockHeader, Fault, MerkleRoot, Rule, SealTemplate, Target, Tip};
use cityseal_client::{ChainParameters, Client, SealRequest, VerdictKind, VerifyRequest};
use cityseal_engine::{Engine, SealJob};
use cityseal_hash::{HEADER_LEN, double_sha256};

use super::DemoError;
use super::story::Story;
use crate::city::{City, genesis};
use crate::error::CommandError;

/// About two million tries a block: a moment on two cores, and too many to guess.
const BITS: u32 = 0x1e07_ffff;

/// When the city was founded, and how far apart its blocks are, in seconds.
const FOUNDED: u32 = 1_767_225_600;
const SPACING_S: u32 = 600;

/// The record of the genesis block.
const FOUNDING_RECORD: &str = "charter: the city of Riverside keeps its ledger from this day";

/// The records of each further block.
const BLOCKS: [&[&str]; 4] = [
    &[
        "land title 1187: Mill Lane 4 passes from A. Okafor to R. Lind",
        "vote 12-3: the bridge is to be repaired, 214 for, 38 against",
        "energy trade: roof 77 sells 3.2 kWh to the school at 0.11",
    ],
    &[
        "aid voucher 5521: 40 meals for the shelter in Dock Street",
        "land title 1188: Orchard Row 9 passes from the city to the library",
    ],
    &[
        "vote 12-4: market day moves to Saturday, 301 for, 120 against",
        "energy trade: wind share 4 sells 18 kWh to the hospital at 0.09",
        "birth certificate 902: issued to the parents, digest only",
        "aid voucher 5522: insulation for Mill Lane 4",
    ],
    &["water reading, quarter 3: 18,204 m3, seal of the works attached"],
];

/// The block whose records somebody rewrites.
const FORGED_HEIGHT: usize = 2;

/// Where in a header the Merkle root begins.
const ROOT_AT: usize = 36;

/// Founds the city: its first block is sealed by the engine itself, before there is a service to ask.
pub(super) fn found(engine: &Engine) -> Result<City, CommandError> {
    let template = SealTemplate::builder(genesis(BITS, root_of(&[FOUNDING_RECORD]), FOUNDED)).build()?;
    let report = engine.seal(SealJob::new(template));
    match report.seals.first() {
        Some(seal) => Ok(City::of("Riverside", *seal.header())),
        None => Err(unexpected("founding the city", "a seal", format!("{:?}", report.outcome)).into()),
    }
}

fn root_of(records: &[&str]) -> MerkleRoot {
    let leaves: Vec<[u8; 32]> = records.iter().map(|record| double_sha256(record.as_bytes())).collect();
    merkle::root(&leaves).expect("the records differ, so no leaf is doubled")
}

/// Has every block sealed, each on top of the one before; gives the packed headers, genesis included.
pub(super) async fn seal_all(client: &Client, city: &City, story: &Story<'_>) -> Result<Vec<u8>, CommandError> {
    story.sealing()?;
    let mut last = city.genesis;
    let mut chain = last.to_wire().to_vec();
    for (height, records) in (1..).zip(BLOCKS) {
        last = seal(client, &last, height, records, story).await?;
        chain.extend_from_slice(&last.to_wire());
    }
    Ok(chain)
}

async fn seal(
    client: &Client,
    parent: &BlockHeader,
    height: u64,
    records: &[&str],
    story: &Story<'_>,
) -> Result<BlockHeader, CommandError> {
    let root = root_of(records);
    let header = BlockHeader {
        prev_block_hash: parent.hash(),
        merkle_root: root,
        time: parent.time + SPACING_S,
        nonce: 0,
        ..*parent
    };
    let template = SealTemplate::builder(header).time_window_s(SPACING_S / 2).build()?;
    let started = Instant::now();
    let answer = client.seal(&SealRequest::new(template).tenant("riverside")).await.map_err(DemoError::from)?;
    let Some(seal) = answer.seals.first() else {
        return Err(unexpected("sealing a block", "a seal", format!("{:?}", answer.outcome)).into());
    };
    story.sealed(height, records, root, seal, (answer.hashes, started.elapsed()))?;
    Ok(*seal.header())
}

/// Streams the chain back and expects it to be valid up to its last block.
pub(super) async fn expect_valid(
    client: &Client,
    city: &City,
    chain: &[u8],
    story: &Story<'_>,
) -> Result<Tip, CommandError> {
    let headers = (chain.len() / HEADER_LEN) as u64;
    let answer = client.verify_bytes(&request(city), chain.to_vec().into()).await.map_err(DemoError::from)?;
    match (&answer.verdict, answer.tip) {
        (VerdictKind::Valid, Some(tip)) if tip.height + 1 == headers => {
            story.valid(&tip, headers)?;
            Ok(tip)
        }
        (verdict, _) => Err(unexpected("checking the chain", "valid to its last block", format!("{verdict:?}")).into()),
    }
}

/// Flips one byte of a block's Merkle root and expects that very block to be found at fault.
pub(super) async fn expect_fault(
    client: &Client,
    city: &City,
    mut chain: Vec<u8>,
    story: &Story<'_>,
) -> Result<Fault, CommandError> {
    let (byte, before) = forge(&mut chain, city.parameters.pow_limit());
    let after = chain[byte];
    let answer = client.verify_bytes(&request(city), chain.into()).await.map_err(DemoError::from)?;
    let offset = (FORGED_HEIGHT * HEADER_LEN) as u64;
    match answer.verdict {
        VerdictKind::Fault(fault)
            if (fault.height, fault.rule, fault.offset) == (FORGED_HEIGHT as u64, Rule::ProofOfWork, offset) =>
        {
            story.fault(byte, before, after, &fault)?;
            Ok(fault)
        }
        verdict @ (VerdictKind::Valid | VerdictKind::Fault(_) | VerdictKind::Incomplete { .. }) => {
            let expected = format!("R05 at height {FORGED_HEIGHT}");
            Err(unexpected("checking the forged chain", &expected, format!("{verdict:?}")).into())
        }
    }
}

/// Changes one byte of the root, to a value with which the old nonce does not happen to fit; gives its place and old value.
fn forge(chain: &mut [u8], target: Target) -> (usize, u8) {
    let header_at = FORGED_HEIGHT * HEADER_LEN;
    let byte = header_at + ROOT_AT;
    let before = chain[byte];
    let misses = |chain: &[u8]| {
        let header = chain[header_at..].first_chunk().map(BlockHeader::from_wire);
        header.is_some_and(|header| !target.is_met_by(&header.hash()))
    };
    for flip in 1..=u8::MAX {
        chain[byte] = before ^ flip;
        if misses(chain) {
            break;
        }
    }
    (byte, before)
}

fn request(city: &City) -> VerifyRequest {
    let now_s = u64::from(FOUNDED) + (BLOCKS.len() as u64 + 1) * u64::from(SPACING_S);
    VerifyRequest::new(ChainParameters::Toml(city.toml.clone())).now_s(now_s)
}

fn unexpected(step: &'static str, expected: &str, found: String) -> DemoError {
    DemoError::Unexpected { step, expected: expected.into(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_byte_lies_in_the_root_of_its_block_and_breaks_its_work() {
        let engine = Engine::builder().gpu(false).threads(Some(1)).build().unwrap();
        let city = found(&engine).unwrap();
        let mut chain = city.genesis.to_wire().repeat(FORGED_HEIGHT + 1);
        let whole = chain.clone();
        let (byte, before) = forge(&mut chain, city.parameters.pow_limit());
        assert_eq!((byte, before), (2 * 80 + 36, whole[byte]));
        assert_eq!(chain.iter().zip(&whole).filter(|(new, old)| new != old).count(), 1);
        let forged = BlockHeader::from_wire(chain[160..].first_chunk().unwrap());
        assert!(!city.parameters.pow_limit().is_met_by(&forged.hash()));
    }

    #[test]
    fn every_block_has_a_root_of_its_own() {
        let mut roots: Vec<_> = BLOCKS.iter().map(|records| root_of(records).to_display_hex()).collect();
        roots.sort();
        roots.dedup();
        assert_eq!(roots.len(), BLOCKS.len());
    }
}
