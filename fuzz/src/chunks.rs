//! The engine's verifier gives the verdict of the sequential reference, for any chunks and several threads.

use std::sync::LazyLock;

use cityseal_engine::chain::reference::judge_headers;
use cityseal_engine::chain::{BlockHeader, Summary, Verdict};
use cityseal_engine::{Engine, EnginePolicy, Finish, VerifyReport, VerifyRequest};

use crate::cursor::Cursor;
use crate::easy::{self, NOW};

/// Two threads and segments of five headers, so that even a short chain is judged in pieces and out of order.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let policy = EnginePolicy { segment_headers: 5, ..EnginePolicy::default() };
    Engine::builder().gpu(false).threads(2).policy(policy).build().expect("the CPU is always available")
});

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Bytes per chunk, bytes removed from the end, and whether the closing count is wrong.
    [[0, 0, 0], [79, 0, 0], [200, 1, 0], [13, 80, 0], [80, 0, 1]]
        .iter()
        .flat_map(|decisions| easy::seeds(decisions))
        .collect()
}

pub(crate) fn body(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let parameters = easy::parameters(&mut cursor);
    let chunk = usize::from(cursor.byte()).max(1);
    let (cut, miscounts) = (cursor.byte(), cursor.byte());
    let chain = easy::chain(parameters, &mut cursor);
    let mut bytes: Vec<u8> = chain.iter().flat_map(BlockHeader::to_wire).collect();
    bytes.truncate(bytes.len() - usize::from(cut % 81));
    let mut verifier =
        ENGINE.header_verifier(VerifyRequest::new(parameters.clone(), NOW)).expect("no context is needed");
    for piece in bytes.chunks(chunk) {
        verifier.push(piece);
    }
    let whole = &chain[..bytes.len() / 80];
    let slow = judge_headers(parameters, 0, &[], whole, NOW);
    let closing =
        Finish { count: whole.len() as u64 + u64::from(miscounts & 1), last_hash: whole.last().map(BlockHeader::hash) };
    let is_whole = !whole.is_empty() && bytes.len().is_multiple_of(80) && closing.count == whole.len() as u64;
    compare(&verifier.finish(Some(closing)), &slow, is_whole);
}

fn compare(report: &VerifyReport, slow: &Summary, is_whole: bool) {
    assert_eq!(report.count, slow.count);
    assert_eq!(report.not_checked, slow.not_checked);
    assert_eq!(report.tip.map(|tip| tip.hash), slow.last_hash);
    match (&report.verdict, slow.fault) {
        (Verdict::Fault(found), Some(expected)) => assert_eq!(*found, expected),
        (Verdict::Valid, None) => assert!(is_whole, "a truncated chain is never valid"),
        (Verdict::Incomplete(_), None) => assert!(!is_whole, "a whole chain is not incomplete"),
        (found, expected) => panic!("expected {expected:?}, found {found:?}"),
    }
}
