//! The steps of the demonstration: found a city, seal its blocks, check them, forge a record. Each step checks that its
//! result is the expected one.

use std::time::Instant;

use cityseal_bench::city::{City, genesis};
use cityseal_chain::{BlockHeader, Fault, NonceSpan, Rule, Seal, SealTemplate, Tip};
use cityseal_cli::unix_now;
use cityseal_client::{ChainParameters, Client, SealOutcome as ClientOutcome, SealRequest, Verdict, VerifyRequest};
use cityseal_engine::{Engine, SealJob, SealOutcome};
use cityseal_receipt::{PublicKey, Receipt};

use super::error::DemoError;
use super::records::{Body, CITY_NAME, Chain, FORGED_HEIGHT, RECORDS};
use super::texts::Texts;

/// Compact target: about two million hashes per block, which take a moment on two cores but cannot be guessed.
const BITS: u32 = 0x1e07_ffff;

/// Time of the genesis block: 2025-01-01 00:00 UTC, before the clock of any machine that runs this.
const FOUNDED: u32 = 1_735_689_600;
/// Seconds between two blocks.
const SPACING_S: u32 = 600;

/// Nonces per search: as many as a seal takes on average. The searches cover the nonces in ascending order, and the
/// lowest seal of the first search that finds one is used, so the chain is the same on every machine.
const NONCES_PER_SEARCH: u32 = 1 << 21;

/// Founds the city. The engine seals its first block directly, since no service is running yet.
pub(super) fn found(engine: &Engine) -> Result<City, DemoError> {
    let header = genesis(BITS, Body::founding().root(), FOUNDED);
    for nonces in searches() {
        let template = SealTemplate::builder(header).nonces(nonces?).build()?;
        let report = engine.seal(SealJob::new(template).all(true));
        match (report.seals.first(), &report.outcome) {
            (Some(seal), _) => return Ok(City::from_toml(*seal.header(), toml(seal.header()))),
            (None, SealOutcome::Exhausted) => {}
            (None, outcome) => return Err(unexpected("founding the city", "a seal", format!("{outcome:?}"))),
        }
    }
    Err(unexpected("founding the city", "a seal", "none among all 2^32 nonces".into()))
}

/// The city's parameters, with comments for a reader who sets up a chain.
fn toml(genesis: &BlockHeader) -> String {
    format!(
        "# The rules of the city's chain. Every verdict and every receipt names the digest of these values.\n\
         name = \"{CITY_NAME}\"\n\
         # The first header of the chain, 160 hex digits.\n\
         genesis = \"{}\"\n\
         # The easiest target that a block may have, and with a fixed difficulty the target of all blocks.\n\
         pow_limit = \"{BITS:08x}\"\n\
         difficulty = \"fixed\"\n\
         # How a header commits to the transactions of its block.\n\
         merkle = \"bitcoin\"\n\n\
         [body]\n\
         # Each coinbase transaction begins with the height of its block (BIP34).\n\
         coinbase_height_from = 0\n",
        genesis.to_hex()
    )
}

/// All nonces in ascending order, one span per search.
fn searches() -> impl Iterator<Item = Result<NonceSpan, DemoError>> {
    (0..=u32::MAX / NONCES_PER_SEARCH).map(|search| {
        let first = search * NONCES_PER_SEARCH;
        let span = NonceSpan::new(first, first + (NONCES_PER_SEARCH - 1));
        span.map_err(|backwards| unexpected("choosing nonces", "a range", backwards.to_string()))
    })
}

/// Seals every block on top of the previous one and returns the whole chain, genesis included.
pub(super) async fn seal_all(client: &Client, city: &City, texts: &Texts<'_>) -> Result<Chain, DemoError> {
    texts.sealing()?;
    let mut chain = Chain::of_genesis(city.genesis);
    for (height, records) in (1..).zip(RECORDS) {
        let body = Body::at(height);
        let parent = chain.last();
        let header = BlockHeader {
            prev_block_hash: parent.hash(),
            merkle_root: body.root(),
            time: parent.time + SPACING_S,
            nonce: 0,
            ..*parent
        };
        let started = Instant::now();
        let (seal, hashes) = seal(client, header).await?;
        texts.sealed(height, records, &seal, (hashes, started.elapsed()))?;
        chain.push(*seal.header(), body);
    }
    Ok(chain)
}

/// Returns the seal with the lowest nonce, and how many hashes were computed to find it.
async fn seal(client: &Client, header: BlockHeader) -> Result<(Seal, u64), DemoError> {
    let mut hashes = 0;
    for nonces in searches() {
        let template = SealTemplate::builder(header).nonces(nonces?).build()?;
        let request = SealRequest::new(template).tenant("riverside").all(true);
        let answer = client.seal(&request).await?;
        hashes += answer.hashes;
        match (answer.seals.into_iter().next(), answer.outcome) {
            (Some(seal), _) => return Ok((seal, hashes)),
            (None, ClientOutcome::Exhausted) => {}
            (None, outcome) => return Err(unexpected("sealing a block", "a seal", format!("{outcome:?}"))),
        }
    }
    Err(unexpected("sealing a block", "a seal", "none among all 2^32 nonces".into()))
}

/// Streams the blocks to the service and expects a VALID verdict up to the last one, with a receipt signed by `signer`.
pub(super) async fn expect_valid(
    client: &Client,
    city: &City,
    chain: &Chain,
    signer: PublicKey,
    texts: &Texts<'_>,
) -> Result<(Tip, Receipt), DemoError> {
    let request = request(city, chain).blocks().receipt(vec![signer]);
    let answer = client.verify_bytes(&request, chain.blocks().into()).await?;
    match (&answer.verdict, answer.tip, answer.receipt) {
        (Verdict::Valid, Some(tip), Some(receipt)) if tip.height + 1 == chain.len() as u64 => {
            texts.valid(&tip, chain.len())?;
            texts.receipt(&receipt)?;
            Ok((tip, receipt))
        }
        (verdict, _, receipt) => {
            let found = format!("{verdict:?}, {} receipt", if receipt.is_some() { "a" } else { "no" });
            Err(unexpected("checking the chain", "valid to its last block, and a receipt", found))
        }
    }
}

/// Rewrites one record, first alone and then with a matching Merkle root, and expects both forgeries to be found.
/// Returns the fault of the second one.
pub(super) async fn expect_faults(
    client: &Client,
    city: &City,
    chain: &Chain,
    texts: &Texts<'_>,
) -> Result<Fault, DemoError> {
    texts.forging()?;
    let record = chain.with_forged_record();
    let answer = client.verify_bytes(&request(city, &record).blocks(), record.blocks().into()).await;
    let fault = expect_fault(answer?.verdict, Rule::MerkleRoot)?;
    texts.forged_record(&fault)?;
    let root = chain.with_forged_root();
    let answer = client.verify_bytes(&request(city, &root), root.headers().into()).await;
    let fault = expect_fault(answer?.verdict, Rule::ProofOfWork)?;
    texts.forged_root(&fault)?;
    Ok(fault)
}

fn expect_fault(verdict: Verdict, rule: Rule) -> Result<Fault, DemoError> {
    match verdict {
        Verdict::Fault(fault) if fault.height == FORGED_HEIGHT as u64 && fault.rule == rule => Ok(fault),
        verdict @ (Verdict::Valid | Verdict::Fault(_) | Verdict::Incomplete { .. } | _) => {
            let expected = format!("{} at height {FORGED_HEIGHT}", rule.code());
            Err(unexpected("checking the forged chain", &expected, format!("{verdict:?}")))
        }
    }
}

/// A request judged by the machine's clock, or by the last block's time if the clock is behind it.
fn request(city: &City, chain: &Chain) -> VerifyRequest {
    let now = unix_now().max(u64::from(chain.last().time));
    VerifyRequest::new(ChainParameters::Toml(city.toml.clone())).now(now)
}

fn unexpected(step: &'static str, expected: &str, found: String) -> DemoError {
    DemoError::Unexpected { step, expected: expected.into(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_searches_cover_every_nonce_once_and_in_order() {
        let spans: Vec<NonceSpan> = searches().collect::<Result<_, _>>().unwrap();
        assert_eq!((spans[0].first(), spans[spans.len() - 1].last()), (0, u32::MAX));
        assert!(spans.windows(2).all(|pair| pair[0].last() + 1 == pair[1].first()));
    }
}
