//! Verification through the public API: any split of the input, any number of threads, truncation and closing messages.
#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::io::{self, Read};
use std::sync::{Arc, LazyLock};

use cityseal_engine::chain::{BlockHash, BlockHeader, ChainWork, Cut, Network, Parameters, SealTemplate, Verdict};
use cityseal_engine::hash::HashKernel;
use cityseal_engine::{
    BlockBatch, ChainItems, Engine, EnginePolicy, Finish, ReadAt, SealJob, Verifier, VerifyReport, VerifyRequest,
};
use proptest::prelude::*;

const COUNT: usize = 600;

fn engine(threads: usize, segment_headers: usize, kernel: &str) -> Engine {
    let policy = EnginePolicy { segment_headers, segments_per_stream: 3, ..EnginePolicy::default() };
    Engine::builder().gpu(false).threads(threads).kernel(kernel).policy(policy).build().unwrap()
}

fn sealed(header: BlockHeader, engine: &Engine) -> BlockHeader {
    let template = SealTemplate::builder(header).build().unwrap();
    *engine.seal(SealJob::new(template)).seals[0].header()
}

fn chain() -> Vec<u8> {
    static CHAIN: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let engine = engine(1, 64, "portable");
        let genesis = *Parameters::of(Network::Regtest).genesis();
        let mut headers = genesis.to_wire().to_vec();
        let mut last = genesis;
        for _ in 1..COUNT {
            let next = BlockHeader { version: 4, prev_block_hash: last.hash(), time: last.time + 60, ..last };
            last = sealed(next, &engine);
            headers.extend_from_slice(&last.to_wire());
        }
        headers
    });
    CHAIN.clone()
}

fn request() -> VerifyRequest {
    VerifyRequest::new(Parameters::of(Network::Regtest), 4_000_000_000)
}

fn same(one: &VerifyReport, two: &VerifyReport) -> bool {
    one.verdict == two.verdict
        && one.count == two.count
        && one.tip == two.tip
        && one.not_checked == two.not_checked
        && one.parameters == two.parameters
}

fn last_hash(headers: &[u8]) -> BlockHash {
    BlockHeader::from_wire(headers.last_chunk().unwrap()).hash()
}

#[test]
fn every_kernel_segment_size_and_thread_count_gives_the_same_verdict() {
    let headers = chain();
    for flip in [None, Some(0), Some(80 * 63 + 3), Some(80 * 64 + 10), Some(80 * 300 + 70), Some(80 * 599 + 75)] {
        let mut headers = headers.clone();
        if let Some(at) = flip {
            headers[at] ^= 0x40;
        }
        let reference = engine(1, 1_000, "portable").verify(request(), &headers[..], |_| {}).unwrap();
        for kernel in HashKernel::all_available() {
            for (threads, segment) in [(1, 1), (2, 7), (3, 64), (2, 599), (1, 600)] {
                let other = engine(threads, segment, kernel.name()).verify(request(), &headers[..], |_| {}).unwrap();
                assert!(
                    same(&reference, &other),
                    "{} {threads} {segment} {flip:?}:\n{reference:?}\n{other:?}",
                    kernel.name()
                );
            }
        }
    }
}

#[test]
fn a_truncated_chain_is_incomplete_unless_a_fault_precedes_the_cut() {
    let engine = engine(2, 64, "portable");
    let headers = chain();
    let verify = |bytes: &[u8]| engine.verify(request(), bytes, |_| {}).unwrap();
    assert_eq!(verify(&[]).verdict, Verdict::Incomplete(Cut::Empty));
    let cut = verify(&headers[..80 * 100 + 79]);
    assert_eq!(cut.verdict, Verdict::Incomplete(Cut::WithinHeader { offset: 8_000, bytes: 79 }));
    assert_eq!((cut.count, cut.tip.unwrap().height), (100, 99));
    let mut broken = headers[..80 * 100 + 79].to_vec();
    broken[80 * 50 + 5] ^= 1;
    assert!(matches!(verify(&broken).verdict, Verdict::Fault(_)));
}

#[test]
fn a_stream_is_valid_only_with_a_matching_closing_message() {
    let engine = engine(2, 64, "portable");
    let headers = chain();
    let finish = |finish: Option<Finish>| {
        let mut verifier = engine.header_verifier(request()).unwrap();
        verifier.push(&headers);
        match finish {
            Some(finish) => verifier.finish(Some(finish)).verdict,
            None => verifier.finish_cut().verdict,
        }
    };
    let right = Finish { count: COUNT as u64, last_hash: Some(last_hash(&headers)) };
    assert_eq!(finish(Some(right)), Verdict::Valid);
    assert_eq!(finish(None), Verdict::Incomplete(Cut::NotFinished));
    let one_more = Finish { count: right.count + 1, ..right };
    assert!(matches!(finish(Some(one_more)), Verdict::Incomplete(Cut::Count { .. })));
    let other = Finish { last_hash: Some(BlockHash::from_wire([7; 32])), ..right };
    assert!(matches!(finish(Some(other)), Verdict::Incomplete(Cut::LastHash { .. })));
}

#[test]
fn try_push_takes_what_fits_and_wakes_the_caller_when_there_is_room() {
    let engine = engine(1, 16, "portable");
    let headers = chain();
    let mut verifier = engine.header_verifier(request()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    verifier.on_room(std::sync::Arc::new(move || sender.send(()).unwrap_or_default()));
    let mut rest = &headers[..];
    while !rest.is_empty() {
        let taken = verifier.try_push(rest);
        rest = &rest[taken..];
        if taken == 0 {
            receiver.recv().unwrap();
        }
    }
    let report = verifier.finish(None);
    assert_eq!((report.verdict, report.count), (Verdict::Valid, COUNT as u64));
}

#[test]
fn the_verifier_of_either_kind_reports_its_items_progress_state_and_end() {
    let engine = engine(1, 16, "portable");
    let parameters = Parameters::of(Network::Regtest);
    // Regtest's first block after genesis, its body one empty list of transactions: a fault of the body alone.
    let (genesis, block) = (chain()[..80].to_vec(), [&chain()[80..160], &[0][..]].concat());
    for items in [ChainItems::Headers, ChainItems::Blocks] {
        let request = request().start_height(1).context(genesis.clone());
        let begin = || engine.verifier(items, request.clone()).unwrap();
        let cut = begin().finish_cut();
        assert_eq!((cut.verdict, cut.count), (Verdict::Incomplete(Cut::NotFinished), 0), "{items:?}");

        let mut verifier = begin();
        let (sender, receiver) = std::sync::mpsc::channel();
        verifier.on_room(Arc::new(move || sender.send(()).unwrap_or_default()));
        match &mut verifier {
            Verifier::Headers(headers) => _ = headers.push(&block[..80]),
            Verifier::Blocks(blocks) => {
                let mut batch = BlockBatch::with_capacity(block.len());
                batch.push(&block, 0);
                blocks.push(batch);
            }
        }
        assert_eq!((verifier.items(), verifier.progress().received), (items, 1));
        assert_eq!(verifier.state().summary.first_height, 1);
        let hash = last_hash(&block[..80]);
        let report = verifier.finish(Some(Finish { count: 1, last_hash: Some(hash) }));
        match items {
            ChainItems::Headers => assert_eq!(report.verdict, Verdict::Valid),
            ChainItems::Blocks => assert!(matches!(report.verdict, Verdict::Fault(fault) if fault.height == 1)),
        }
        assert_eq!(report.parameters, parameters.digest());
        receiver.recv().unwrap();
    }
}

/// Reads a chain in pieces of the given lengths, in turn.
struct Pieces<'a>(&'a [u8], std::iter::Cycle<std::slice::Iter<'a, usize>>);

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.1.next().copied().unwrap_or(1).min(room.len()).min(self.0.len());
        let (now, later) = self.0.split_at(len);
        room[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

#[test]
fn reading_and_pushing_give_the_same_report_for_any_pieces() {
    let engine = engine(2, 64, "portable");
    let whole = chain();
    let mut broken = whole.clone();
    broken[80 * 70 + 9] ^= 1;
    for headers in [&whole[..], &broken, &whole[..80 * 64], &whole[..5_121], &whole[..79]] {
        for pieces in [&[1_000_000][..], &[1, 79, 80, 81], &[5_119, 5_121, 7]] {
            let read = engine.verify(request(), Pieces(headers, pieces.iter().cycle()), |_| {}).unwrap();
            let mut verifier = engine.header_verifier(request()).unwrap();
            headers.chunks(pieces[0]).for_each(|piece| _ = verifier.push(piece));
            let pushed = verifier.finish(None);
            assert!(same(&read, &pushed), "{} bytes, {pieces:?}:\n{read:?}\n{pushed:?}", headers.len());
        }
    }
}

/// A file in memory with an unreadable part.
struct Shelf {
    bytes: Vec<u8>,
    unreadable: std::ops::Range<u64>,
}

impl ReadAt for Shelf {
    fn read_exact_at(&self, room: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + room.len() as u64;
        if offset < self.unreadable.end && self.unreadable.start < end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        room.copy_from_slice(&self.bytes[offset as usize..end as usize]);
        Ok(())
    }
}

/// The report on a file: the first `pushed` bytes are pushed, the workers read the rest.
fn verify_shelf(engine: &Engine, shelf: Shelf, pushed: usize) -> VerifyReport {
    let mut verifier = engine.header_verifier(request()).unwrap();
    verifier.push(&shelf.bytes[..pushed]);
    let (mut from, len) = (pushed as u64, shelf.bytes.len() as u64);
    let shelf: Arc<dyn ReadAt> = Arc::new(shelf);
    loop {
        // The verifier reads ahead of the workers and may meet the unreadable part first.
        let Ok(taken) = verifier.take_from_file(&shelf, from, len - from) else { return verifier.finish_cut() };
        from += taken;
        if taken == 0 {
            let mut rest = vec![0; (len - from) as usize];
            shelf.read_exact_at(&mut rest, from).unwrap();
            verifier.push(&rest);
            return verifier.finish(None);
        }
    }
}

#[test]
fn a_file_read_by_workers_gives_the_same_report_as_its_bytes() {
    let engine = engine(2, 64, "portable");
    let whole = chain();
    let mut broken = whole.clone();
    broken[80 * 470 + 9] ^= 1;
    for headers in [&whole[..], &broken, &whole[..80 * 64], &whole[..5_121], &whole[..79], &[]] {
        for pushed in [0, 80, 81, 80 * 64, 80 * 70 + 3] {
            let pushed = pushed.min(headers.len());
            let shelf = Shelf { bytes: headers.to_vec(), unreadable: 0..0 };
            let taken = verify_shelf(&engine, shelf, pushed);
            let read = engine.verify(request(), headers, |_| {}).unwrap();
            assert!(same(&taken, &read), "{} bytes, {pushed} pushed:\n{taken:?}\n{read:?}", headers.len());
        }
    }
}

#[test]
fn an_unreadable_part_makes_the_verdict_incomplete_unless_a_fault_precedes_it() {
    let engine = engine(2, 64, "portable");
    // The first byte of a segment, which only the worker reads.
    let at = 80 * 64 * 5;
    let shelf = |bytes: &[u8]| Shelf { bytes: bytes.to_vec(), unreadable: at..at + 1 };
    let report = verify_shelf(&engine, shelf(&chain()), 0);
    assert_eq!((report.verdict, report.count), (Verdict::Incomplete(Cut::Unreadable { offset: at }), 64 * 5));
    let mut broken = chain();
    broken[80 * 319 + 9] ^= 1;
    assert!(matches!(verify_shelf(&engine, shelf(&broken), 0).verdict, Verdict::Fault(fault) if fault.height == 319));
    let mut later = chain();
    later[80 * 400 + 9] ^= 1;
    let report = verify_shelf(&engine, shelf(&later), 0);
    assert_eq!(report.verdict, Verdict::Incomplete(Cut::Unreadable { offset: at }));
}

#[test]
fn an_unreadable_part_is_reported_at_any_offset_without_a_deadlock() {
    let policy = EnginePolicy { segment_headers: 16, segments_per_stream: 8, ..EnginePolicy::default() };
    let engine = Engine::builder().gpu(false).threads(2).policy(policy).build().unwrap();
    // Offsets throughout the first eight segments, at their edges and in their last eleven headers.
    for at in (0..8 * 16 * 80).step_by(80 * 3 + 1) {
        let shelf = Shelf { bytes: chain(), unreadable: at..at + 1 };
        let report = verify_shelf(&engine, shelf, 0);
        assert!(matches!(report.verdict, Verdict::Incomplete(_)), "{at}: {report:?}");
        assert!(report.count <= at / 80, "{at}: {report:?}");
    }
}

/// A file whose bytes change after a number of reads.
struct Changing {
    before: Vec<u8>,
    after: Vec<u8>,
    reads_left: std::sync::atomic::AtomicUsize,
    /// Whether a read returned bytes that differ.
    showed_the_change: std::sync::atomic::AtomicBool,
}

impl ReadAt for Changing {
    fn read_exact_at(&self, room: &mut [u8], offset: u64) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let left = self.reads_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        let [before, after] = [&self.before, &self.after].map(|bytes| &bytes[offset as usize..][..room.len()]);
        room.copy_from_slice(if left.is_ok() { before } else { after });
        self.showed_the_change.fetch_or(room != before, SeqCst);
        Ok(())
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_never_valid() {
    let policy = EnginePolicy { segment_headers: 16, segments_per_stream: 8, ..EnginePolicy::default() };
    let engine = Engine::builder().gpu(false).threads(1).policy(policy).build().unwrap();
    let before = chain();
    let mut after = before.clone();
    // Another chain from height 10 on, valid up to the end of the first segment.
    let mut last = BlockHeader::from_wire(after[9 * 80..10 * 80].first_chunk().unwrap());
    for height in 10..16 {
        last = sealed(BlockHeader { prev_block_hash: last.hash(), time: last.time + 61, ..last }, &engine);
        after[height * 80..][..80].copy_from_slice(&last.to_wire());
    }
    let mut showed_the_change = 0;
    for reads_left in 0..12 {
        let changing = Arc::new(Changing {
            before: before.clone(),
            after: after.clone(),
            reads_left: reads_left.into(),
            showed_the_change: false.into(),
        });
        let file: Arc<dyn ReadAt> = Arc::<Changing>::clone(&changing);
        let mut verifier = engine.header_verifier(request()).unwrap();
        let (mut from, len) = (0, before.len() as u64);
        while from < len {
            from += verifier.take_from_file(&file, from, len - from).unwrap();
        }
        let report = verifier.finish(None);
        // If no read saw the change, the chain is the original one. Otherwise a link is broken somewhere.
        let has_changed = changing.showed_the_change.load(std::sync::atomic::Ordering::SeqCst);
        assert!(!has_changed || report.verdict != Verdict::Valid, "{reads_left}: {report:?}");
        showed_the_change += usize::from(has_changed);
    }
    assert!((1..12).contains(&showed_the_change), "{showed_the_change} of 12");
}

#[test]
fn after_a_fault_the_rest_is_accepted_but_not_hashed() {
    let engine = engine(1, 16, "portable");
    let mut headers = chain();
    headers[4] ^= 1;
    let mut verifier = engine.header_verifier(request()).unwrap();
    for _ in 0..200 {
        verifier.push(&headers);
    }
    let report = verifier.finish(None);
    let hashed: u64 = report.devices.iter().map(|device| device.headers).sum();
    assert!(matches!(report.verdict, Verdict::Fault(fault) if fault.height == 0));
    assert!(hashed < 200 * COUNT as u64, "{hashed} headers hashed");
}

#[test]
fn a_later_part_of_a_chain_is_judged_with_its_context_and_its_work() {
    let engine = engine(2, 64, "portable");
    let headers = chain();
    let whole = engine.verify(request(), &headers[..], |_| {}).unwrap();
    let (before, after) = headers.split_at(80 * 200);
    let first = engine.verify(request(), before, |_| {}).unwrap();
    let second = engine
        .verify(
            request().start_height(200).context(before.to_vec()).start_work(first.tip.unwrap().chain_work),
            after,
            |_| {},
        )
        .unwrap();
    assert_eq!((second.verdict, second.tip), (Verdict::Valid, whole.tip));
    assert_eq!(first.count + second.count, whole.count);
    let ragged = request().start_height(200).context(before[1..].to_vec());
    assert!(engine.header_verifier(ragged).is_err());
    let high = request().start_height(1).context(before.to_vec());
    assert!(engine.header_verifier(high).is_err());
    assert_ne!(first.tip.unwrap().chain_work, ChainWork::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_split_of_the_input_gives_the_same_verdict(
        cuts in prop::collection::vec(1_usize..5_000, 1..40),
        flip in prop::option::of((0..COUNT * 80, 0_u8..8)),
    ) {
        let mut headers = chain();
        if let Some((at, bit)) = flip {
            headers[at] ^= 1 << bit;
        }
        let reference = engine(1, 1_000, "portable").verify(request(), &headers[..], |_| {}).unwrap();
        let engine = engine(2, 37, "portable");
        let mut verifier = engine.header_verifier(request()).unwrap();
        let mut rest = &headers[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, later) = rest.split_at((*cut).min(rest.len()));
            verifier.push(chunk);
            rest = later;
        }
        let split = verifier.finish(None);
        prop_assert!(same(&reference, &split), "{:?}\n{:?}", reference, split);
    }
}
