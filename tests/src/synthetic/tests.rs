//! Synthetic chains are valid by the reference implementations, have the requested size, and are reproducible.

use cityseal_engine::chain::body::{BodyContext, reference::judge_block};
use cityseal_engine::chain::reference::judge_headers;
use cityseal_engine::chain::{BlockHeader, MerkleKind, Rule, Unjudged};

use super::block::{Draft, commit, header_of};
use super::transaction::{Input, Transaction};
use super::*;

/// A clock after every chain of these tests.
const NOW: u64 = 4_000_000_000;

/// The height and rule of a chain's first fault, by the reference implementations.
fn fault(home: &Home, blocks: &[Vec<u8>]) -> Option<(u64, Rule)> {
    let headers: Vec<BlockHeader> = blocks.iter().map(|block| header_of(block)).collect();
    let summary = judge_headers(home.parameters(), 0, &[], &headers, NOW);
    assert_eq!(summary.not_checked, []);
    if let Some(fault) = summary.fault {
        return Some((fault.height, fault.rule));
    }
    (0..).zip(blocks).find_map(|(height, block)| {
        let before = &headers[(height as usize).saturating_sub(11)..height as usize];
        let mut times: Vec<u32> = before.iter().map(|header| header.time).collect();
        times.sort_unstable();
        let context = BodyContext { height, median_time: times.get(times.len() / 2).copied() };
        let judgement = judge_block(home.parameters(), &context, block);
        assert!(judgement.not_checked.iter().all(|(_, why)| *why != Unjudged::MedianAbsent), "{judgement:?}");
        judgement.broken.map(|broken| (height, broken.rule))
    })
}

#[test]
fn chains_of_all_block_sizes_are_valid_and_have_the_requested_size() {
    for (blocks, block_bytes) in
        [(40, BLOCK_BYTES_MIN), (64, 20_000), (12, 300_000), (10, 900_000), (4, 1 << 20), (3, BLOCK_BYTES_MAX)]
    {
        let plan = Plan::new(Home::regtest(), 5, blocks, block_bytes);
        let made = chain_of(&plan);
        assert_eq!(fault(plan.home(), &made), None, "blocks of {block_bytes}");
        assert!(made[1..].iter().all(|block| block.len() == block_bytes));
        assert_eq!(made.iter().map(|block| block.len() as u64).sum::<u64>(), plan.bytes());
        assert_eq!(made.len() as u64, plan.blocks());
    }
}

#[test]
fn a_city_chain_is_valid_with_either_merkle_tree() {
    for merkle in [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256] {
        let plan = Plan::new(Home::city(merkle), 9, 30, 20_000);
        let read = cityseal_engine::chain::Parameters::from_toml(plan.home().toml().unwrap()).unwrap();
        assert_eq!(&read, plan.home().parameters());
        assert_eq!(fault(plan.home(), &chain_of(&plan)), None, "{merkle:?}");
    }
}

#[test]
fn a_chain_depends_on_the_seed_and_not_on_the_number_of_threads() {
    let made = |seed, threads| {
        let plan = Plan::new(Home::regtest(), seed, 30, 20_000);
        let mut blocks = Vec::new();
        each_block(&plan, threads, |block| {
            blocks.push(block);
            Ok(())
        })
        .unwrap();
        blocks
    };
    let alone = made(1, 1);
    assert!([2, 3, 7, 64].into_iter().all(|threads| made(1, threads) == alone));
    assert!(made(2, 2)[1..].iter().all(|block| !alone.contains(block)));
}

#[test]
fn a_longer_chain_begins_with_the_shorter_one_and_a_plan_has_the_fewest_blocks() {
    assert_eq!(chain(3, 9, 5_000)[..], chain(3, 20, 5_000)[..9]);
    let genesis = Home::regtest().genesis().len() as u64;
    let blocks = |bytes| Plan::of_bytes(Home::regtest(), 1, bytes, 5_000).blocks();
    assert_eq!([0, genesis, genesis + 1, genesis + 5_000, genesis + 5_001].map(blocks), [1, 1, 2, 2, 3]);
    assert_eq!(chain(3, 0, 5_000), Vec::<Vec<u8>>::new());
}

#[test]
fn an_error_of_the_callback_ends_the_chain() {
    let plan = Plan::new(Home::regtest(), 1, 1_000_000, 20_000);
    let mut taken = 0;
    let ended = each_block(&plan, 2, |_| {
        taken += 1;
        if taken < 5 { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    });
    assert_eq!((taken, ended.unwrap_err().kind()), (5, std::io::ErrorKind::BrokenPipe));
}

#[test]
fn some_blocks_of_a_chain_have_no_witness_and_most_have_a_commitment() {
    let has_commitment = |block: &Vec<u8>| block.windows(6).any(|bytes| bytes == b"\x6a\x24\xaa\x21\xa9\xed");
    let made = chain(8, 64, 20_000);
    let committed = made.iter().filter(|block| has_commitment(block)).count();
    assert!((45..63).contains(&committed), "{committed}");
}

#[test]
fn an_unchanged_draft_is_valid_and_each_change_breaks_its_rule() {
    let home = Home::regtest();
    let genesis = header_of(home.genesis());
    let verdict = |draft: &Draft| fault(&home, &[home.genesis().to_vec(), draft.sealed()]);
    let mut witnessed = Transaction::simple([2; 32], 0);
    witnessed.inputs[0].witness = vec![vec![7; 64]];
    let draft = Draft::after(&genesis, 1).with([Transaction::simple([1; 32], 3), witnessed]);
    assert_eq!(verdict(&draft.clone().committed()), None);
    assert_eq!(verdict(&draft), Some((1, Rule::UnexpectedWitness)));
    assert_eq!(verdict(&Draft::after(&genesis, 2)), Some((1, Rule::CoinbaseHeight)));
    let mut twice = Draft::after(&genesis, 1).with([Transaction::simple([1; 32], 3)]);
    twice.transactions[1].inputs.push(Input::spending([1; 32], 3));
    assert_eq!(verdict(&twice), Some((1, Rule::DuplicateInput)));
    let mut elsewhere = draft.committed();
    elsewhere.transactions[0].outputs.pop();
    commit(&mut elsewhere.transactions[0], [[0; 32]; 2]);
    assert_eq!(verdict(&elsewhere), Some((1, Rule::WitnessCommitment)));
    let over = Draft::after(&genesis, 1).sealed_over(genesis.merkle_root);
    assert_eq!(fault(&home, &[home.genesis().to_vec(), over]), Some((1, Rule::MerkleRoot)));
}
