//! The fast judge over the segments of any chain, joined, equals the sequential reference.

use cityseal_chain::reference::judge_headers;
use cityseal_chain::{BlockHeader, History, Parameters, Summary, judge};
use cityseal_hash::double_sha256;

use crate::cursor::Cursor;
use crate::easy::{self, HEADERS_MAX, NOW};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // The start height, then three cuts.
    [[0, 1, 2, 3], [1, 3, 7, 11], [30, 1, 1, 1]].iter().flat_map(|decisions| easy::seeds(decisions)).collect()
}

pub(crate) fn body(data: &[u8]) {
    judge_both_ways(data);
}

/// The summary, on which both judges must agree; `None` if the context is refused.
fn judge_both_ways(data: &[u8]) -> Option<Summary> {
    let mut cursor = Cursor::new(data);
    let parameters = easy::parameters(&mut cursor);
    let start = usize::from(cursor.byte()) % HEADERS_MAX;
    let cuts = [cursor.byte(), cursor.byte(), cursor.byte()];
    let chain = easy::chain(parameters, &mut cursor);
    // The first headers are the trusted context of the others, if the chain is long enough.
    let start = start.min(chain.len() - 1);
    let (context, headers) = chain.split_at(start);
    let fast = judge_in_segments(parameters, context, headers, &cuts)?;
    assert_eq!(fast, judge_headers(parameters, start as u64, context, headers, NOW));
    Some(fast)
}

/// `None` if the context is refused because it is not linked.
fn judge_in_segments(
    parameters: &Parameters,
    context: &[BlockHeader],
    headers: &[BlockHeader],
    cuts: &[u8],
) -> Option<Summary> {
    let mut history = History::before(parameters, context.len() as u64, &packed(context)).ok()?;
    let mut summary = Summary::empty(context.len() as u64);
    let mut rest = headers;
    for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let (segment, later) = rest.split_at(cut.min(rest.len()));
        let hashes: Vec<[u8; 32]> = segment.iter().map(|header| double_sha256(&header.to_wire())).collect();
        let offset = 80 * (headers.len() - rest.len()) as u64;
        let bytes = packed(segment);
        summary = summary.join(judge(parameters, &history, &bytes, &hashes, NOW, offset));
        if summary.fault.is_some() {
            break;
        }
        history.advance(parameters, &bytes);
        rest = later;
    }
    Some(summary)
}

fn packed(headers: &[BlockHeader]) -> Vec<u8> {
    headers.iter().flat_map(BlockHeader::to_wire).collect()
}

#[test]
fn the_seeds_contain_valid_chains_and_several_kinds_of_faults() {
    let verdicts: Vec<_> = seeds().iter().filter_map(|seed| judge_both_ways(seed)).collect();
    assert!(verdicts.iter().any(|summary| summary.fault.is_none() && summary.count > 20));
    let rules: std::collections::HashSet<_> = verdicts.iter().filter_map(|summary| Some(summary.fault?.rule)).collect();
    assert!(rules.len() >= 4, "{rules:?}");
}
