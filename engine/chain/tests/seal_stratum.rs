//! A real Stratum V1 job (mainnet block 881,423) through all of sealing: template, leases, kernel, coverage, seal.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use cityseal_chain::stratum::prev_block_hash_from_notify_hex;
use cityseal_chain::{
    BlockHeader, CoinbaseParts, CompactTarget, Coverage, DeviceTag, ExtranonceSpan, LeaseBook, MerkleRoot, NonceSpan,
    Seal, SealTemplate, hex,
};
use cityseal_hash::{HashKernel, HitBuffer};

// The job of mainnet's block 881,423 as `mining.notify` sent it, with the share that became the block.
const PREV_BLOCK_HASH: &str = "8a6ac9e3fe15ca70f8995e21434cb64ac4d2b5e10001543b0000000000000000";
const COINBASE_FIRST: &str =
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff3d030f730d000469c19a67";
const COINBASE_SECOND: &str = "\
    9a67b6600000000000000a41706f6c6c6f192f6d696e65642062792032353620466f756e646174696f6e2fffffffff02\
    75aac01200000000160014c64b1b9283ba1ea86bb9e7b696b0c8f68dad04000000000000000000266a24aa21a9edb395\
    560ab72068c2afb1d7e6c7db26b813482089d2c4d2471b9036c5e826140600000000";
const MERKLE_BRANCH: [&str; 11] = [
    "4282357ab0a2f4e8e562c8c5eae1d63b559068f9072374b72e26b88ac841908f",
    "c2bbae90d06f8025ade3516ca2e42d79318b6e56fccb9609df85a654a8341068",
    "cbb30084acbcb5ce6d5436e853bc612466df0c00702be6f51d47072f1a5d0480",
    "bb092e533f70b79246fc9e4bdc9b81ac8332e56f2651e3b237a150d6d807b081",
    "0d32959988733447cb340326a1fe4d3c2cff5d636e32a4e08c3fc5a234f6f6bc",
    "8ba3477940924a90067cff3dd30bc46916cf4c2f73fb6229b8f8197b83b6ddb9",
    "3fe97cc5dec1cddd66c9d3780888c145c12418590cd983c4871b1bf03fabbf9e",
    "bd1c6a3bcd0ebaa0eca54d9c802540f312c7705435601d776b4f59bb52cff67d",
    "8638c10190b8f4f558bafdbb57f46226c349a83f229f431143ae75e425fb5cbd",
    "6d6f4eae41cccb21a7c97ac496d9f89b8a4f772389b76f7691519dda38264221",
    "82dad7a1e2613af0e61f77f03d6208c83e72f917dade4235cc35e37ee3ad6e3f",
];
const VERSION: u32 = 0x2e59_6000;
const BITS: u32 = 0x1702_9a8a;
const TIME: u32 = 0x679a_c169;
const EXTRANONCE1: &str = "04830cee";
const EXTRANONCE2: u32 = 0x220c_f1ad;
const NONCE: u32 = 0xff05_fb02;
// The block's header and its hash.
const HEADER: &str = "\
    0060592ee3c96a8a70ca15fe215e99f84ab64c43e1b5d2c43b540100000000000000000076f63a35f1b8b5016d3eb0cc\
    e2eebbdf58bf8fbea4e870c8f770346bdfcf622d69c19a678a9a021702fb05ff";
const HASH: &str = "0000000000000000000269d52c24ea451225613aab095d90d771d4e29aa96cdd";

/// The template of the job, as a miner builds it from `mining.notify` and the extranonce1 of its connection.
fn template(extranonces: ExtranonceSpan, nonces: NonceSpan) -> SealTemplate {
    let header = BlockHeader {
        version: VERSION as i32,
        prev_block_hash: prev_block_hash_from_notify_hex(PREV_BLOCK_HASH).unwrap(),
        merkle_root: MerkleRoot::ZERO,
        time: TIME,
        bits: CompactTarget::from_bits(BITS),
        nonce: 0,
    };
    let prefix = hex::decode(&format!("{COINBASE_FIRST}{EXTRANONCE1}")).unwrap();
    let parts = CoinbaseParts::new(prefix, hex::decode(COINBASE_SECOND).unwrap(), 4).unwrap();
    let branch = MERKLE_BRANCH.iter().map(|node| hex::decode_array(node).unwrap()).collect();
    let coinbase = parts.with_extranonces(extranonces).unwrap();
    SealTemplate::builder(header).coinbase(coinbase, branch).nonces(nonces).build().unwrap()
}

/// Searches a whole space as the engine does, with one device and leases of an awkward size.
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
fn searching_the_job_of_block_881423_around_its_share_finds_only_the_real_block() {
    let extranonce = u64::from(EXTRANONCE2);
    let extranonces = ExtranonceSpan::new(extranonce - 2, extranonce + 2).unwrap();
    let nonces = NonceSpan::new(NONCE - (1 << 20), NONCE + (1 << 20)).unwrap();
    let template = template(extranonces, nonces);

    let (seals, coverage) = search_all(&template);

    let [seal] = &seals[..] else { panic!("one seal, not {seals:?}") };
    assert_eq!(seal.header().to_hex(), HEADER);
    assert_eq!(seal.hash().to_display_hex(), HASH);
    assert_eq!(seal.extranonce(), Some(extranonce));
    assert!(coverage.is_complete());
    assert_eq!(coverage.volume(), 5 * ((1 << 21) + 1));
}

#[test]
fn the_same_job_written_as_a_template_file_has_the_real_merkle_root() {
    let extranonce = format!("{EXTRANONCE2:08x}");
    let file = serde_json::json!({
        "version": format!("{VERSION:08x}"), "bits": format!("{BITS:08x}"), "time": TIME,
        "prev_block_hash": prev_block_hash_from_notify_hex(PREV_BLOCK_HASH).unwrap().to_display_hex(),
        "coinbase": {
            "prefix": format!("{COINBASE_FIRST}{EXTRANONCE1}"),
            "suffix": COINBASE_SECOND,
            "extranonce_size": 4,
            "extranonce_first": extranonce,
            "extranonce_last": extranonce,
        },
        "merkle_branch": MERKLE_BRANCH,
        "nonces": { "first": NONCE, "last": NONCE },
    });
    let template = cityseal_chain::SealTemplateBuilder::from_json(&file.to_string()).unwrap().build().unwrap();
    assert_eq!(template.space().volume(), 1);
    let (seals, _) = search_all(&template);
    assert_eq!(seals.len(), 1);
    assert_eq!(seals[0].header().to_hex(), HEADER);
}
