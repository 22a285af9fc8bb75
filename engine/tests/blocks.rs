//! Whole blocks, in groups over any devices, compared with the reference implementations of headers and bodies, block
//! by block.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cityseal_device::fake::{Behaviour, FakeOpener};
use cityseal_device::inject::{Fault as Injected, Injection, Injector, When};
use cityseal_device::{CpuBackend, CpuOpener, known_answers};
use cityseal_engine::chain::body::{self, BodyContext};
use cityseal_engine::chain::{
    BlockHash, BlockHeader, Cut, Fault, History, MerkleRoot, Network, NotChecked, Parameters, Verdict, merkle,
    reference, rfc6962,
};
use cityseal_engine::hash::{HashKernel, double_sha256};
use cityseal_engine::{
    BlockBatch, BlockPlace, BlockVerifier, Engine, Finish, ReadBlocks, UnreadBlocks, VerifyReport, VerifyRequest,
};

const NOW: u64 = 1_900_000_000;

fn regtest() -> Parameters {
    Parameters::of(Network::Regtest)
}

/// Random numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// A transaction with one input and some outputs, and with a witness unless `stack` is empty.
fn transaction(prevout: &[u8; 36], script: &[u8], outputs: &[Vec<u8>], stack: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
    let input = [&[1][..], prevout, &[script.len() as u8], script, &[0xff; 4]].concat();
    let output = |script: &Vec<u8>| [&1000_u64.to_le_bytes()[..], &[script.len() as u8], script].concat();
    let outputs = [vec![outputs.len() as u8], outputs.iter().flat_map(output).collect()].concat();
    let item = |item: &Vec<u8>| [&[item.len() as u8], &item[..]].concat();
    let witness = [vec![stack.len() as u8], stack.iter().flat_map(item).collect()].concat();
    let (version, lock) = ([2, 0, 0, 0], [0; 4]);
    let plain = [&version[..], &input, &outputs, &lock].concat();
    let whole = [&version[..], &[0, 1], &input, &outputs, &witness, &lock].concat();
    if stack.is_empty() { (plain.clone(), plain) } else { (plain, whole) }
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    merkle::root(leaves).unwrap().to_wire()
}

/// The block above `parent`, with some transactions, every second with a witness.
fn block(dice: &mut Dice, height: u64, parent: &BlockHeader) -> Vec<u8> {
    let others: Vec<(Vec<u8>, Vec<u8>)> = (0..dice.below(40))
        .map(|index| {
            let mut prevout = [index as u8; 36];
            prevout[..8].copy_from_slice(&dice.next().to_le_bytes());
            let outputs = vec![vec![0x51; 1 + dice.below(60)]; 1 + dice.below(3)];
            let stack = vec![vec![7; 1 + dice.below(90)]; dice.below(2) * 2];
            transaction(&prevout, &vec![0x51; dice.below(90)], &outputs, &stack)
        })
        .collect();
    let reserved = vec![0; 32];
    let mut witness_ids = vec![[0; 32]];
    witness_ids.extend(others.iter().map(|(_, whole)| double_sha256(whole)));
    let commitment = double_sha256(&[root(&witness_ids).to_vec(), reserved.clone()].concat());
    let commitment = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &commitment].concat();
    let mut none = [0; 36];
    none[32..].fill(0xff);
    let script = [body::coinbase_height_script(height).as_bytes(), &[0x51, 0x51]].concat();
    let coinbase = transaction(&none, &script, &[vec![0x51], commitment], &[reserved]);
    let all: Vec<&(Vec<u8>, Vec<u8>)> = std::iter::once(&coinbase).chain(&others).collect();
    let ids: Vec<[u8; 32]> = all.iter().map(|(plain, _)| double_sha256(plain)).collect();
    let header = BlockHeader {
        version: 0x2000_0000,
        prev_block_hash: parent.hash(),
        merkle_root: MerkleRoot::from_wire(root(&ids)),
        time: parent.time + 600,
        ..*parent
    };
    let header = sealed(header);
    let bodies = all.iter().flat_map(|(_, whole)| whole.clone());
    header.to_wire().into_iter().chain([all.len() as u8]).chain(bodies).collect()
}

fn sealed(mut header: BlockHeader) -> BlockHeader {
    while !header.bits.decode().unwrap().is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    header
}

/// Blocks 1 to `count` of a regtest chain.
fn chain(seed: u64, count: u64) -> Vec<Vec<u8>> {
    let mut dice = Dice(seed);
    let mut parent = *regtest().genesis();
    let mut blocks = Vec::new();
    for height in 1..=count {
        let block = block(&mut dice, height, &parent);
        parent = BlockHeader::from_wire(block.first_chunk().unwrap());
        blocks.push(block);
    }
    blocks
}

/// The result of the reference implementations for blocks from height 1 on: blocks passed, the fault, rules not judged.
fn by_reference(blocks: &[Vec<u8>]) -> (u64, Option<Fault>, Vec<NotChecked>) {
    let parameters = regtest();
    let headers: Vec<BlockHeader> =
        blocks.iter().map(|block| BlockHeader::from_wire(block.first_chunk().unwrap())).collect();
    let of_headers = reference::judge_headers(&parameters, 1, &[], &headers, NOW);
    let mut history = History::before(&parameters, 1, &[]).unwrap();
    let (mut offset, mut count) = (0, 0);
    for block in &blocks[..of_headers.count as usize] {
        let context = BodyContext { height: 1 + count, median_time: history.median_time() };
        if let Some(broken) = body::reference::judge_block(&parameters, &context, block).broken {
            let body::BrokenBody { rule, expected, found, transaction } = broken;
            let fault = Fault { height: 1 + count, rule, expected, found, offset, transaction };
            // The headers up to this one, which passed.
            let upto = reference::judge_headers(&parameters, 1, &[], &headers[..=count as usize], NOW);
            return (count, Some(fault), upto.not_checked);
        }
        history.advance(&parameters, &block[..80]);
        offset += block.len() as u64;
        count += 1;
    }
    (count, of_headers.fault.map(|fault| Fault { offset, ..fault }), of_headers.not_checked)
}

fn verifier(engine: &Engine) -> BlockVerifier {
    engine.block_verifier(VerifyRequest::new(regtest(), NOW).start_height(1).commits(true)).unwrap()
}

/// Feeds the blocks in batches of random size.
fn feed(verifier: &mut BlockVerifier, blocks: &[Vec<u8>], dice: &mut Dice) {
    let (mut offset, mut rest) = (0, blocks);
    while !rest.is_empty() {
        let (batch, others) = rest.split_at(rest.len().min(1 + dice.below(9)));
        let mut given = BlockBatch::default();
        for block in batch {
            given.push(block, offset);
            offset += block.len() as u64;
        }
        verifier.push(given);
        rest = others;
    }
}

fn judged(engine: &Engine, blocks: &[Vec<u8>], dice: &mut Dice) -> VerifyReport {
    let mut verifier = verifier(engine);
    feed(&mut verifier, blocks, dice);
    verifier.finish(None)
}

fn assert_equals_reference(report: &VerifyReport, blocks: &[Vec<u8>], what: &str) {
    let (count, fault, not_checked) = by_reference(blocks);
    let found = match report.verdict {
        Verdict::Fault(fault) => Some(fault),
        Verdict::Valid => None,
        Verdict::Incomplete(cut) => panic!("{what}: {cut}"),
    };
    assert_eq!((report.count, found, &report.not_checked), (count, fault, &not_checked), "{what}");
    assert_eq!(report.state.summary.bodies.blocks, count, "{what}");
    let last = count.checked_sub(1).map(|last| BlockHash::from_wire(double_sha256(&blocks[last as usize][..80])));
    assert_eq!(report.tip.map(|tip| tip.hash), last, "{what}");
}

fn cpu(threads: usize) -> Engine {
    Engine::builder().gpu(false).threads(threads).build().unwrap()
}

/// The content digest of a block with witnesses, as in `docs/RECEIPTS.md`.
fn content(block: &[u8]) -> [u8; 32] {
    let parsed = body::ParsedBlock::parse(block).unwrap();
    let mut ids: Vec<[u8; 32]> = parsed.transactions().iter().map(|span| double_sha256(span.whole(block))).collect();
    let coinbase = std::mem::take(&mut ids[0]);
    double_sha256(&[double_sha256(&block[..80]), root(&ids), coinbase].concat())
}

#[test]
fn a_valid_chain_passes_in_any_batches_and_counts_its_bodies() {
    let blocks = chain(1, 60);
    for threads in [1, 3] {
        let report = judged(&cpu(threads), &blocks, &mut Dice(threads as u64));
        assert_equals_reference(&report, &blocks, "honest");
        let bodies = report.state.summary.bodies;
        assert_eq!(bodies.bytes, blocks.iter().map(|block| block.len() as u64).sum::<u64>());
        assert!(bodies.transactions > 600, "{bodies:?}");
        assert_eq!(report.devices[0].headers, 60);
        let hashes: Vec<[u8; 32]> =
            blocks.iter().map(|block| rfc6962::leaf_hash(&double_sha256(&block[..80]))).collect();
        let commitments = report.state.summary.commitments.unwrap();
        assert_eq!(commitments.headers.root(), Some(rfc6962::root(&hashes)));
        let contents: Vec<[u8; 32]> = blocks.iter().map(|block| rfc6962::leaf_hash(&content(block))).collect();
        assert_eq!(commitments.contents.unwrap().root(), Some(rfc6962::root(&contents)));
    }
}

/// Changes one byte of a header, a transaction or a witness of any block. Half of the blocks with a changed header are
/// sealed again, so that every rule is broken at times.
fn corrupted(honest: &[Vec<u8>], dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut blocks = honest.to_vec();
    let block = dice.below(blocks.len());
    let byte = if dice.below(3) == 0 { dice.below(80) } else { dice.below(blocks[block].len()) };
    blocks[block][byte] ^= 1 << dice.below(8);
    if byte < 80 && dice.below(2) == 0 {
        let mut header = BlockHeader::from_wire(blocks[block].first_chunk().unwrap());
        if header.bits.decode().is_ok_and(|target| target >= regtest().pow_limit()) {
            header = sealed(header);
            blocks[block][..80].copy_from_slice(&header.to_wire());
        }
    }
    blocks
}

#[test]
fn every_corrupted_chain_gets_the_verdict_of_the_references() {
    let honest = chain(2, 30);
    let (engine, mut dice) = (cpu(2), Dice(3));
    let mut rules = std::collections::BTreeMap::<String, u32>::new();
    for case in 0..600 {
        let blocks = corrupted(&honest, &mut dice);
        let report = judged(&engine, &blocks, &mut dice);
        assert_equals_reference(&report, &blocks, &format!("case {case}"));
        if let Verdict::Fault(fault) = report.verdict {
            *rules.entry(fault.rule.code().to_owned()).or_default() += 1;
        }
    }
    for rule in ["R05", "R06", "R20", "R21", "R38"] {
        assert!(rules.contains_key(rule), "{rule} was never broken: {rules:?}");
    }
}

#[test]
fn verdicts_are_the_same_whatever_a_device_does() {
    let honest = chain(4, 30);
    let mut dice = Dice(5);
    let chains: Vec<Vec<Vec<u8>>> = (0..8).map(|_| corrupted(&honest, &mut dice)).chain([honest.clone()]).collect();
    let check = |engine: &Engine, what: &str| {
        for blocks in &chains {
            let report = judged(engine, blocks, &mut Dice(6));
            assert_equals_reference(&report, blocks, what);
        }
    };
    // A device without a CPU next to it, so that it hashes the trees: correct except for one flipped bit, a different
    // one for each seed.
    for seed in 0..40 {
        let plan = vec![Injection { when: When::From(20), fault: Injected::BitFlip { seed } }];
        let device = Injector::new(Box::new(CpuOpener::new(HashKernel::detect())), plan).posing_as("flips");
        let builder = Engine::builder().gpu(false).devices(vec!["flips".to_owned()]).add_device(Box::new(device));
        let engine = builder.build().unwrap();
        let report = judged(&engine, &honest, &mut Dice(7));
        match report.verdict {
            // Caught, and no other device can continue.
            Verdict::Incomplete(cut) => assert_eq!(cut, Cut::NoDevice, "seed {seed}"),
            Verdict::Valid | Verdict::Fault(_) => assert_equals_reference(&report, &honest, "flips"),
        }
    }
    let start = known_answers::cases(&CpuBackend::new(HashKernel::portable())).len() as u64;
    for behaviour in [Behaviour::Honest, Behaviour::Late, Behaviour::Lost, Behaviour::Zeros] {
        let fake = FakeOpener::new("fake").from_batch(start, behaviour);
        let engine = Engine::builder().gpu(false).threads(1).add_device(Box::new(fake)).build().unwrap();
        check(&engine, &format!("{behaviour:?}"));
    }
}

/// A file of blocks that counts its reads, and may have changed.
struct Shelf {
    bytes: Vec<u8>,
    reads: AtomicU64,
}

impl ReadBlocks for Shelf {
    fn read_blocks(&self, places: &[BlockPlace], room: &mut Vec<u8>) -> io::Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        for place in places {
            let bytes = self.bytes.get(place.at as usize..).and_then(|rest| rest.get(..place.len as usize));
            room.extend_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        }
        Ok(())
    }
}

fn unread(shelf: &Arc<Shelf>, blocks: &[Vec<u8>]) -> UnreadBlocks {
    let mut at = 0;
    let mut places = Vec::new();
    for block in blocks {
        places.push(BlockPlace { file: 0, len: block.len() as u32, at, offset: at });
        at += block.len() as u64;
    }
    let headers = blocks.iter().flat_map(|block| block[..80].to_vec()).collect();
    UnreadBlocks { source: Arc::clone(shelf) as Arc<dyn ReadBlocks>, places, headers }
}

fn shelf(bytes: Vec<u8>) -> Arc<Shelf> {
    Arc::new(Shelf { bytes, reads: AtomicU64::new(0) })
}

#[test]
fn blocks_read_by_workers_are_judged_like_given_ones() {
    let honest = chain(8, 20);
    let mut dice = Dice(9);
    let engine = cpu(2);
    for blocks in [honest.clone(), corrupted(&honest, &mut dice)] {
        let shelf = shelf(blocks.concat());
        let mut verifier = verifier(&engine);
        verifier.push_unread(unread(&shelf, &blocks));
        let report = verifier.finish(None);
        assert_equals_reference(&report, &blocks, "unread");
        assert_eq!(shelf.reads.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn blocks_that_changed_or_cannot_be_read_make_the_verdict_incomplete() {
    let blocks = chain(10, 20);
    let mut changed = blocks.concat();
    changed[blocks[0].len() + 70] ^= 1;
    let cut = blocks.concat()[..500].to_vec();
    let engine = cpu(1);
    for bytes in [changed, cut] {
        let mut verifier = verifier(&engine);
        verifier.push_unread(unread(&shelf(bytes), &blocks));
        let report = verifier.finish(None);
        assert_eq!(report.verdict, Verdict::Incomplete(Cut::Unreadable { offset: 0 }));
        assert_eq!(report.count, 0);
    }
}

#[test]
fn a_run_resumes_from_the_state_of_another() {
    let blocks = chain(11, 40);
    let engine = cpu(2);
    let whole = judged(&engine, &blocks, &mut Dice(12));
    for stop in [0, 1, 17, 39, 40] {
        let mut first = verifier(&engine);
        feed(&mut first, &blocks[..stop], &mut Dice(13));
        let state = first.finish(None).state;
        let request = VerifyRequest::new(regtest(), NOW).start_height(1).commits(true).resume(state);
        let mut second = engine.block_verifier(request).unwrap();
        let mut batch = BlockBatch::default();
        let mut offset: u64 = blocks[..stop].iter().map(|block| block.len() as u64).sum();
        for block in &blocks[stop..] {
            batch.push(block, offset);
            offset += block.len() as u64;
        }
        second.push(batch);
        let last_hash = Some(BlockHash::from_wire(double_sha256(&blocks[39][..80])));
        let report = second.finish(Some(Finish { count: 40 - stop as u64, last_hash }));
        assert_eq!((report.verdict, &report.state, report.count), (Verdict::Valid, &whole.state, 40), "{stop}");
    }
}

#[test]
fn an_inconsistent_state_is_refused() {
    let engine = cpu(1);
    let mut state = judged(&engine, &chain(14, 3), &mut Dice(15)).state;
    state.summary.count = 2;
    let error = engine.block_verifier(VerifyRequest::new(regtest(), NOW).start_height(1).resume(state)).unwrap_err();
    assert!(error.to_string().contains("continues at height 3, at or above 1; it continues at 4"), "{error}");
}

#[test]
fn rules_left_out_for_a_header_are_reported_even_if_its_body_is_faulty() {
    let mut blocks = chain(16, 12)[4..].to_vec();
    blocks[0][100] ^= 1;
    let request = VerifyRequest::new(regtest(), NOW).start_height(5);
    let engine = cpu(1);
    let mut verifier = engine.block_verifier(request).unwrap();
    let mut batch = BlockBatch::default();
    blocks.iter().for_each(|block| batch.push(block, 0));
    verifier.push(batch);
    let report = verifier.finish(None);
    assert!(matches!(report.verdict, Verdict::Fault(Fault { height: 5, .. })), "{:?}", report.verdict);
    let left: Vec<(&str, u64, u64)> = report.not_checked.iter().map(|row| (row.rule, row.from, row.to)).collect();
    assert_eq!((report.count, left), (0, vec![("R06", 5, 5), ("R08", 5, 5)]));
}
