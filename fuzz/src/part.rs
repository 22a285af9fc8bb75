//! Parts of a verification: their form is canonical, and joining them gives the same result in any grouping, or an
//! error.

use cityseal_chain::{BlockHeader, ChainWork, Commitments, History, RuleSet, Summary, TreeOutline, judge, rfc6962};
use cityseal_hash::HashKernel;
use cityseal_input::part::{Chain, ItemKind, Part, ShardRange};

use crate::cursor::Cursor;
use crate::easy;

/// The separator between the parts of an input.
const BETWEEN: u8 = 0;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let parts: Vec<String> = (1..=3).map(|index| part(index).to_json()).collect();
    let all = parts.join("\0").into_bytes();
    vec![all, parts[1].clone().into_bytes(), [&parts[0], "\0", &parts[2]].concat().into_bytes()]
}

pub(crate) fn body(data: &[u8]) {
    let texts = data.split(|byte| *byte == BETWEEN).take(8).filter_map(|text| std::str::from_utf8(text).ok());
    let mut parts = Vec::new();
    for text in texts {
        match Part::from_json(text) {
            Ok(part) => {
                assert_eq!(part.to_json(), text, "the form of a part is canonical");
                parts.push(part);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let from_left = parts.iter().cloned().map(Ok).reduce(|before, next| before?.join(next?));
    let from_right = parts.iter().cloned().map(Ok).rev().reduce(|behind, before| before?.join(behind?));
    if let (Some(Ok(left)), Some(Ok(right))) = (&from_left, &from_right) {
        assert_eq!(left.to_json(), right.to_json(), "joining is associative");
        assert_eq!(Part::from_json(&left.to_json()).as_ref(), Ok(left), "a joined part survives a round trip");
    }
    let _ = Part::join_all(parts);
}

/// One of three shards of a chain of nine headers.
fn part(index: u64) -> Part {
    // Without version rules, which the plain children would break.
    let parameters = easy::parameters(&mut Cursor::new(&[1]));
    // Eight plain children of the genesis header.
    let headers: Vec<u8> =
        easy::chain(parameters, &mut Cursor::new(&[0x0b; 8])).iter().flat_map(BlockHeader::to_wire).collect();
    let (from, to) = (3 * (index as usize - 1) * 80, 3 * index as usize * 80);
    let mut before = History::before_genesis();
    before.advance(parameters, &headers[..from]);
    let hashes: Vec<[u8; 32]> = headers[from..to].chunks(80).map(cityseal_hash::double_sha256).collect();
    let mut summary = judge(parameters, &before, &headers[from..to], &hashes, 1 << 33, from as u64);
    let leaves: Vec<[u8; 32]> = hashes.iter().map(|hash| rfc6962::leaf_hash(hash)).collect();
    let outline = TreeOutline::of_leaves(3 * (index - 1), &leaves, HashKernel::portable());
    summary.commitments = Some(Commitments { headers: outline, contents: None });
    let mut after = before;
    after.advance(parameters, &headers[from..to]);
    let chain = Chain {
        parameters: parameters.digest(),
        rules: RuleSet::HEADERS.digest(),
        items: ItemKind::Headers,
        start_height: 0,
        start_work: ChainWork::ZERO,
        now: 1 << 33,
    };
    let shards = ShardRange::one(index, 3);
    let (fault, cut) = (None, None);
    Part { chain, shards, before, after: Some(after), summary: Summary { fault: None, ..summary }, fault, cut }
}

#[test]
fn the_seeds_are_parts_that_join_to_a_whole() {
    let parts = (1..=3).map(|index| Part::from_json(&part(index).to_json()).unwrap()).collect();
    let whole = Part::join_all(parts).unwrap();
    assert!(whole.is_whole());
    assert_eq!((whole.summary.count, whole.summary.fault), (9, None));
}
