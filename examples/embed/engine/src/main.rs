//! Seals a regtest block and verifies the resulting chain: a minimal program that embeds the engine.

use std::error::Error;

use cityseal_engine::chain::{BlockHeader, Network, Parameters, SealTemplate};
use cityseal_engine::{Engine, SealJob, VerifyRequest};

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder().build()?;
    for device in engine.devices() {
        println!("{} works with the kernel {}", device.info.name, device.info.kernel);
    }

    let parameters = Parameters::of(Network::Regtest);
    let genesis = *parameters.genesis();
    let next = BlockHeader { version: 4, prev_block_hash: genesis.hash(), time: genesis.time + 600, ..genesis };
    let report = engine.seal(SealJob::new(SealTemplate::builder(next).build()?));
    let seal = report.seals.first().ok_or("no seal was found")?;
    println!("sealed {} with nonce {}", seal.hash(), seal.header().nonce);

    let mut verifier = engine.header_verifier(VerifyRequest::new(parameters, 1_700_000_000))?;
    verifier.push(&genesis.to_wire());
    verifier.push(&seal.header().to_wire());
    println!("the chain is {}", verifier.finish(None).verdict);
    Ok(())
}
