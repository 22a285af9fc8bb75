//! A real Stratum v1 job (mainnet block 881423) through the whole seal side: template, leases, kernel, coverage, seal.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use cityseal_chain::stratum::prev_block_hash_from_notify_hex;
use cityseal_chain::{
    BlockHeader, CoinbaseParts, CompactTarget, Coverage, DeviceTag, ExtranonceSpan, LeaseBook, MerkleRoot, NonceSpan,
    Seal, SealTemplate, hex,
};
use cityseal_hash::{HashKernel, HitBuffer};
use serde_json::Value;

const JOB: &str = "vectors/stratum_job_881423.json";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u32 {
    hex::decode_u32(text(value)).unwrap()
}

/// The template of a job, as a miner makes it from `mining.notify` and the extranonce1 of its connection.
fn template(job: &Value, extranonces: ExtranonceSpan, nonces: NonceSpan) -> SealTemplate {
    let notify = &job["notify"];
    let header = BlockHeader {
        version: number(&notify[5]) as i32,
        prev_block_hash: prev_block_hash_from_notify_hex(text(&notify[1])).unwrap(),
        merkle_root: MerkleRoot::ZERO,
        time: number(&notify[7]),
        bits: CompactTarget::from_bits(number(&notify[6])),
        nonce: 0,
    };
    let prefix = format!("{}{}", text(&notify[2]), text(&job["extranonce1"]));
    let extranonce_len = (text(&job["extranonce2"]).len() / 2) as u8;
    let parts =
        CoinbaseParts::new(hex::decode(&prefix).unwrap(), hex::decode(text(&notify[3])).unwrap(), extranonce_len);
    let branch = notify[4].as_array().unwrap().iter().map(|node| hex::decode_array(text(node)).unwrap()).collect();
    let coinbase = parts.unwrap().with_extranonces(extranonces).unwrap();
    SealTemplate::builder(header).coinbase(coinbase, branch).nonces(nonces).build().unwrap()
}

/// Searches a whole space as an engine does, with one device and leases of an awkward size.
fn search_all(template: &SealTemplate) -> (Vec<Seal>, Coverage) {
    let kernel = HashKernel::detect();
    let (mut book, mut coverage) = (LeaseBook::new(*template.space()), Coverage::new(*template.space()));
    let mut seals = Vec::new();
    while let Some(lease) = book.lend(999_983, 4) {
        let input = template.region_input(lease.region());
        let mut hits = HitBuffer::new(1000);
        kernel.scan(&input.as_search_input(), lease.nonces().first(), lease.nonces().last(), &mut hits);
        assert!(!hits.overflow());
        let claims = hits.into_sorted().into_iter().map(|hit| lease.region().candidate(hit).unwrap());
        seals.extend(claims.filter_map(|candidate| Seal::confirm(template, candidate).ok()));
        coverage.record(lease.region(), DeviceTag(0)).unwrap();
        book.settle(lease);
    }
    seals.sort();
    (seals, coverage)
}

#[test]
fn the_job_of_block_881423_searched_around_its_share_gives_the_real_block_and_no_other() {
    let Some(bytes) = common::data_bytes("the_job_of_block_881423", JOB) else { return };
    let job: Value = serde_json::from_slice(&bytes).unwrap();
    let (extranonce, nonce) = (u64::from(number(&job["extranonce2"])), number(&job["nonce"]));
    let extranonces = ExtranonceSpan::new(extranonce - 2, extranonce + 2).unwrap();
    let nonces = NonceSpan::new(nonce - (1 << 20), nonce + (1 << 20)).unwrap();
    let template = template(&job, extranonces, nonces);

    let (seals, coverage) = search_all(&template);

    let [seal] = &seals[..] else { panic!("one seal, not {seals:?}") };
    assert_eq!(seal.header().to_hex(), text(&job["header"]));
    assert_eq!(seal.hash().to_display_hex(), text(&job["hash"]));
    assert_eq!(seal.extranonce(), Some(extranonce));
    assert!(coverage.is_complete());
    assert_eq!(coverage.volume(), 5 * ((1 << 21) + 1));
}

#[test]
fn the_same_job_written_as_a_template_file_has_the_real_merkle_root() {
    let Some(bytes) = common::data_bytes("the_same_job_written_as_a_template_file", JOB) else { return };
    let job: Value = serde_json::from_slice(&bytes).unwrap();
    let notify = &job["notify"];
    let file = serde_json::json!({
        "version": notify[5], "bits": notify[6], "time": number(&notify[7]),
        "prev_block_hash": prev_block_hash_from_notify_hex(text(&notify[1])).unwrap().to_display_hex(),
        "coinbase": {
            "prefix": format!("{}{}", text(&notify[2]), text(&job["extranonce1"])),
            "suffix": notify[3],
            "extranonce_size": 4,
            "extranonce_first": job["extranonce2"],
            "extranonce_last": job["extranonce2"],
        },
        "merkle_branch": notify[4],
        "nonces": { "first": number(&job["nonce"]), "last": number(&job["nonce"]) },
    });
    let template = cityseal_chain::SealTemplateBuilder::from_json(&file.to_string()).unwrap().build().unwrap();
    assert_eq!(template.space().volume(), 1);
    let (seals, _) = search_all(&template);
    assert_eq!(seals.len(), 1);
    assert_eq!(seals[0].header().to_hex(), text(&job["header"]));
}
