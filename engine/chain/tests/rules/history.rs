//! Rules without history are not judged and are reported; and a history that skips headers equals one that reads them
//! all.

use crate::chain::{Chain, EASY_BITS, LATE, packed, sealed, summary_by_both};
use cityseal_chain::{
    BlockHeader, ChainWork, CompactTarget, Cut, History, HistoryError, Judgement, Network, NotChecked, PERIOD_HEADERS,
    Parameters, Rule, START_HEIGHT_MAX, Summary, Unjudged, Verdict, judge,
};
use std::sync::LazyLock;

/// A little more than two periods under the rules of testnet4, with some headers at the limit.
static TEST_NETWORK: LazyLock<Chain> = LazyLock::new(|| {
    let mut chain = Chain::test_network();
    while chain.height() < 2 * PERIOD_HEADERS + 100 {
        let spacing_s = if chain.height() % 40 == 7 { 1300 } else { 310 };
        chain.grow(chain.tip().time + spacing_s);
    }
    chain
});

fn range(rule: Rule, from: u64, to: u64, why: Unjudged) -> NotChecked {
    NotChecked { rule: rule.code(), from, to, why }
}

fn from_height(start: u64, context: u64, count: u64) -> Summary {
    let chain = &*TEST_NETWORK;
    let [context_start, start_at, end] = [start - context, start, start + count].map(|height| height as usize);
    let context = &chain.headers[context_start..start_at];
    summary_by_both(&chain.parameters, start, context, &chain.headers[start_at..end], LATE)
}

#[test]
fn from_height_0_and_1_everything_is_judged() {
    let chain = &*TEST_NETWORK;
    for start in [0, 1] {
        let summary = from_height(start, 0, 2200);
        assert_eq!((summary.fault, summary.not_checked.as_slice(), summary.count), (None, &[][..], 2200));
        assert_eq!(summary.last_hash, Some(chain.headers[start as usize + 2199].hash()));
    }
}

#[test]
fn a_chain_that_begins_within_a_period_reports_what_it_could_not_judge() {
    let start = PERIOD_HEADERS + 500;
    let summary = from_height(start, 0, 1600);
    assert_eq!(summary.fault, None);
    let expected = [
        range(Rule::Link, start, start, Unjudged::ParentAbsent),
        range(Rule::Difficulty, start, start, Unjudged::ParentAbsent),
        range(Rule::Difficulty, 2 * PERIOD_HEADERS, 2 * PERIOD_HEADERS, Unjudged::PeriodStartAbsent),
        range(Rule::MedianTime, start, start + 10, Unjudged::MedianAbsent),
    ];
    assert_eq!(summary.not_checked, expected);
}

#[test]
fn a_chain_that_begins_with_a_period_does_not_judge_its_retarget_and_timewarp() {
    let start = PERIOD_HEADERS;
    let expected = [
        range(Rule::Link, start, start, Unjudged::ParentAbsent),
        range(Rule::Difficulty, start, start, Unjudged::ParentAbsent),
        range(Rule::MedianTime, start, start + 10, Unjudged::MedianAbsent),
        range(Rule::Timewarp, start, start, Unjudged::ParentAbsent),
    ];
    assert_eq!(from_height(start, 0, 100).not_checked, expected);
}

#[test]
fn a_range_ends_with_the_last_header_judged() {
    let start = PERIOD_HEADERS + 500;
    let expected = [
        range(Rule::Link, start, start, Unjudged::ParentAbsent),
        range(Rule::Difficulty, start, start, Unjudged::ParentAbsent),
        range(Rule::MedianTime, start, start + 3, Unjudged::MedianAbsent),
    ];
    assert_eq!(from_height(start, 0, 4).not_checked, expected);
}

#[test]
fn a_context_enables_exactly_the_rules_that_it_covers() {
    let start = PERIOD_HEADERS + 500;
    let left_out = |context| from_height(start, context, 20).not_checked;
    assert_eq!(left_out(11), []);
    assert_eq!(left_out(10), [range(Rule::MedianTime, start, start, Unjudged::MedianAbsent)]);
    assert_eq!(left_out(1), [range(Rule::MedianTime, start, start + 9, Unjudged::MedianAbsent)]);
    // A retarget needs the first header of the period.
    let left_out_at_retarget = |context| from_height(2 * PERIOD_HEADERS, context, 20).not_checked;
    assert_eq!(left_out_at_retarget(PERIOD_HEADERS), []);
    let at = 2 * PERIOD_HEADERS;
    let expected = [range(Rule::Difficulty, at, at, Unjudged::PeriodStartAbsent)];
    assert_eq!(left_out_at_retarget(PERIOD_HEADERS - 1), expected);
}

#[test]
fn a_walk_back_beyond_the_known_headers_is_not_judged() {
    let chain = &*TEST_NETWORK;
    let is_at_limit = |header: &BlockHeader| header.bits == CompactTarget::from_bits(EASY_BITS);
    let inside = (PERIOD_HEADERS as usize + 20)..;
    let at_limit = inside.into_iter().find(|&height| is_at_limit(&chain.headers[height])).unwrap() as u64;
    let expected = [range(Rule::Difficulty, at_limit + 1, at_limit + 1, Unjudged::OrdinaryBitsAbsent)];
    let judged_after_one = from_height(at_limit + 1, 1, 10).not_checked;
    assert_eq!(judged_after_one[..1], expected);
    let judged_after_two = from_height(at_limit + 1, 2, 10).not_checked;
    assert!(judged_after_two.iter().all(|left| left.rule != "R07"), "{judged_after_two:?}");
}

#[test]
fn a_fault_is_found_even_if_some_rules_cannot_be_judged() {
    let chain = &*TEST_NETWORK;
    let start = PERIOD_HEADERS + 500;
    let mut headers = chain.headers[start as usize..start as usize + 5].to_vec();
    headers[2] = sealed(BlockHeader { version: i32::MIN, prev_block_hash: headers[0].hash(), ..headers[2] });
    let summary = summary_by_both(&chain.parameters, start, &[], &headers, LATE);
    let fault = summary.fault.unwrap();
    assert_eq!((fault.height, fault.rule, fault.offset, summary.count), (start + 2, Rule::Link, 160, 2));
    assert_eq!(summary.last_hash, Some(headers[1].hash()));
    assert_eq!(summary.not_checked.last().unwrap().to, start + 1);
}

#[test]
fn a_signet_chain_reports_that_its_block_signatures_were_not_checked() {
    let signet = Parameters::of(Network::Signet);
    let genesis = *signet.genesis();
    let expected = NotChecked { rule: "BIP325", from: 0, to: 0, why: Unjudged::OutsideHeaders };
    assert_eq!(summary_by_both(&signet, 0, &[], &[genesis], LATE).not_checked, [expected]);
    assert_eq!(summary_by_both(&signet, 0, &[], &[], LATE).not_checked, []);
}

#[test]
fn a_context_that_cannot_precede_the_chain_is_refused() {
    let chain = &*TEST_NETWORK;
    let parameters = &chain.parameters;
    let context = |start: u64, bytes: &[u8]| History::before(parameters, start, bytes);
    let three = packed(&chain.headers[..3]);
    assert!(context(3, &three).is_ok());
    assert_eq!(context(3, &three[..239]), Err(HistoryError::Length { found_bytes: 239 }));
    assert_eq!(context(2, &three), Err(HistoryError::TooMany { start_height: 2, found: 3 }));
    let (expected, found) = (parameters.genesis_hash(), chain.headers[1].hash());
    assert_eq!(context(2, &three[80..]), Err(HistoryError::NotGenesis { expected, found }));
    let shuffled = packed(&[chain.headers[5], chain.headers[7]]);
    let (expected, found) = (chain.headers[5].hash(), chain.headers[6].hash());
    assert_eq!(context(9, &shuffled), Err(HistoryError::NotLinked { index: 1, expected, found }));
    assert!(context(START_HEIGHT_MAX, &three).is_ok());
    let above = HistoryError::StartHeight { max: START_HEIGHT_MAX, found: START_HEIGHT_MAX + 1 };
    assert_eq!(context(START_HEIGHT_MAX + 1, &[]), Err(above));
}

#[test]
fn a_history_that_skips_headers_equals_one_that_reads_them_all() {
    let chain = &*TEST_NETWORK;
    let bytes = packed(&chain.headers);
    let mut reading_all = History::before_genesis();
    for (height, header) in bytes.chunks_exact(80).enumerate() {
        if height % 97 == 0 || height as u64 % PERIOD_HEADERS < 3 {
            let mut skipping = History::before_genesis();
            skipping.advance(&chain.parameters, &bytes[..height * 80]);
            assert_eq!(skipping, reading_all, "before height {height}");
        }
        reading_all.advance(&chain.parameters, header);
    }
    assert_eq!(reading_all.next_height(), chain.headers.len() as u64);
    assert_eq!(reading_all.parent(), Some(*chain.tip()));
}

#[test]
fn an_input_without_headers_is_incomplete() {
    let chain = &*TEST_NETWORK;
    let summary = judge(&chain.parameters, &History::before_genesis(), &[], &[], LATE, 0);
    assert_eq!(summary, Summary::empty(0));
    let judgement = Judgement::conclude(&chain.parameters, ChainWork::ZERO, summary, Ok(()));
    assert_eq!(judgement.verdict, Verdict::Incomplete(Cut::Empty));
    assert_eq!(judgement.parameters_digest, chain.parameters.digest());
}

#[test]
fn a_history_survives_a_round_trip_and_nothing_else_is_read() {
    let chain = &*TEST_NETWORK;
    let mut history = History::before_genesis();
    for height in [0, 1, 5, 11, 2015, 2016, 2100] {
        let count = height - history.next_height();
        let from = history.next_height() as usize;
        history.advance(&chain.parameters, &packed(&chain.headers[from..from + count as usize]));
        let wire = history.to_wire();
        assert_eq!(wire.len(), History::WIRE_LEN);
        assert_eq!(History::from_wire(&wire), Some(history));
        assert_eq!(History::from_wire(&wire[1..]), None);
        assert_eq!(History::from_wire(&[&wire[..], &[0]].concat()), None);
    }
    let written = History::before_genesis().to_wire();
    for index in 8..written.len() {
        let mut changed = written.clone();
        changed[index] = 0xf1;
        assert_eq!(History::from_wire(&changed), None, "byte {index} of an empty history");
    }
    let mut far = written;
    far[7] = 1;
    assert_eq!(History::from_wire(&far), None);
}

#[test]
fn the_median_time_is_that_of_the_eleven_preceding_headers_or_of_all() {
    let chain = &*TEST_NETWORK;
    let mut history = History::before_genesis();
    assert_eq!(history.median_time(), None, "the genesis header has no predecessors");
    for (at, header) in chain.headers.iter().take(40).enumerate() {
        history.advance(&chain.parameters, &header.to_wire());
        let mut times: Vec<u32> = chain.headers[(at + 1).saturating_sub(11)..=at].iter().map(|h| h.time).collect();
        times.sort_unstable();
        assert_eq!(history.median_time(), Some(times[times.len() / 2]));
    }
}

#[test]
fn the_median_time_is_unknown_if_some_of_its_headers_are() {
    let chain = &*TEST_NETWORK;
    let after = |start: u64, context: u64| {
        let context = packed(&chain.headers[(start - context) as usize..start as usize]);
        History::before(&chain.parameters, start, &context).unwrap().median_time()
    };
    assert_eq!((after(500, 0), after(500, 10)), (None, None));
    assert!(after(500, 11).is_some() && after(1, 0).is_some() && after(5, 4).is_some());
}
