//! Uploads of whole blocks: bodies are verified as on the command line, and faults have the offsets of their blocks.

use cityseal_chain::{Network, Rule};
use cityseal_client::{ChainParameters, Verdict, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::VerdictKind as Kind;
use cityseal_proto::v1::verify_chain_request::Part;
use tonic::Code;

use crate::support::{blocks, chain, field, headers_of, last_hash, reason, start};
use crate::wire::{begin, block_chunk, chunk, finish, message, verdict};

/// The maximum size of a block, in bytes.
const BLOCK_BYTES_MAX: usize = 4_000_000;

fn closed(blocks: &[Vec<u8>]) -> v1::VerifyChainRequest {
    finish(blocks.len() as u64, last_hash(&headers_of(blocks)))
}

fn offset_of(blocks: &[Vec<u8>], index: usize) -> u64 {
    blocks[..index].iter().map(Vec::len).sum::<usize>() as u64
}

#[tokio::test]
async fn whole_blocks_are_valid_however_they_are_split_into_chunks() {
    let service = start().await;
    let blocks = blocks(30, 300);
    for blocks_of_chunk in [1, 7, 30] {
        let mut messages = vec![begin()];
        messages.extend(blocks.chunks(blocks_of_chunk).map(|part| block_chunk(part.concat())));
        messages.push(closed(&blocks));
        let verdict = verdict(&service, messages).await.unwrap();
        assert_eq!((verdict.kind(), verdict.count, verdict.not_checked.len()), (Kind::Valid, 30, 0), "{verdict:?}");
        assert_eq!(verdict.tip.unwrap().hash, last_hash(&headers_of(&blocks)));
        let bytes = offset_of(&blocks, 30);
        assert_eq!(verdict.bodies, Some(v1::Bodies { blocks: 30, transactions: 30, bytes }));
        assert!(verdict.checked.iter().any(|rule| rule == "R21"), "{:?}", verdict.checked);
        assert_eq!(verdict.out_of_scope, ["scripts", "unspent-outputs", "amounts"]);
    }
}

#[tokio::test]
async fn headers_alone_are_checked_by_the_header_rules_and_have_no_bodies() {
    let service = start().await;
    let packed = chain(3);
    let messages = vec![begin(), chunk(packed.clone()), finish(3, last_hash(&packed))];
    let verdict = verdict(&service, messages).await.unwrap();
    assert_eq!((verdict.bodies, verdict.checked.last().map(String::as_str)), (None, Some("R11")));
}

/// The fault in an upload of these blocks, six per chunk: its rule, how many blocks passed before, and its offset.
async fn fault_in(blocks: &[Vec<u8>]) -> (String, u64, u64) {
    let mut messages = vec![begin()];
    messages.extend(blocks.chunks(6).map(|part| block_chunk(part.concat())));
    messages.push(closed(blocks));
    let verdict = verdict(&start().await, messages).await.unwrap();
    let fault = verdict.fault.unwrap_or_else(|| panic!("no fault: {:?}", verdict.incomplete_reason));
    assert_eq!(fault.height, verdict.count);
    (fault.rule, verdict.count, fault.offset)
}

#[tokio::test]
async fn a_fault_in_a_header_or_a_body_has_the_offset_of_its_block() {
    let good = blocks(30, 300);
    let mut link = good.clone();
    link[20][4] ^= 1;
    let (rule, count, offset) = fault_in(&link).await;
    assert!(rule == "R05" || rule == "R06", "{rule}");
    assert_eq!((count, offset), (20, offset_of(&good, 20)));
    let mut body = good.clone();
    let last = body[13].len() - 6;
    body[13][last] ^= 1;
    assert_eq!(fault_in(&body).await, ("R21".to_owned(), 13, offset_of(&good, 13)));
}

#[tokio::test]
async fn bytes_that_are_not_a_block_are_a_fault_at_their_place_and_not_a_refused_chunk() {
    let good = blocks(30, 300);
    // A transaction count in more bytes than it needs, in the middle of a chunk.
    let mut long = good.clone();
    long[14].splice(80..81, [0xfd, 1, 0]);
    assert_eq!(fault_in(&long).await, ("R20".to_owned(), 14, offset_of(&good, 14)));
    // A block that is truncated by the end of its chunk.
    let mut cut = good.clone();
    cut[17].pop();
    assert_eq!(fault_in(&cut).await, ("R20".to_owned(), 17, offset_of(&good, 17)));
}

#[tokio::test]
async fn a_block_of_the_largest_size_is_accepted() {
    let small = blocks(2, 70_000);
    let largest = blocks(2, 70_000 + BLOCK_BYTES_MAX - small[1].len());
    assert_eq!(largest[1].len(), BLOCK_BYTES_MAX);
    let messages = vec![begin(), block_chunk(largest[0].clone()), block_chunk(largest[1].clone()), closed(&largest)];
    let verdict = verdict(&start().await, messages).await.unwrap();
    // It is too large because it has no witness; the message was accepted anyway.
    assert_eq!((verdict.kind(), verdict.count), (Kind::Fault, 1));
    assert_eq!(verdict.fault.unwrap().name, Rule::BlockSize.name());
}

#[tokio::test]
async fn less_than_a_header_and_chunks_of_two_kinds_are_refused_with_their_place() {
    let service = start().await;
    let blocks = blocks(3, 300);
    let headers = || chunk(chain(3));
    let whole = || block_chunk(blocks[0].clone());
    let short = || block_chunk(blocks[1][..79].to_vec());
    let begins_at = format!("79 bytes at offset {}", blocks[0].len());
    let cases = [
        (vec![begin(), whole(), short()], "chunk[1].packed_blocks", begins_at.as_str()),
        (vec![begin(), whole(), headers()], "chunk[1].packed_headers", "earlier chunks hold blocks"),
        (vec![begin(), headers(), whole()], "chunk[1].packed_blocks", "earlier chunks hold headers"),
        (vec![begin(), message(Part::Chunk(v1::VerifyChunk::default()))], "chunk[0].payload", "packed_blocks"),
    ];
    for (messages, path, expected) in cases {
        let status = verdict(&service, messages).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_CHUNK"));
        assert_eq!(field(&status), path);
        assert!(status.message().contains(expected), "{status:?}");
    }
}

#[tokio::test]
async fn the_client_gets_the_verdicts_of_complete_faulty_malformed_and_truncated_blocks() {
    let client = start().await.client().await;
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).blocks();
    let good = blocks(40, 3000);
    let verify = async |bytes: Vec<u8>| client.verify_bytes(&request, bytes.into()).await.unwrap();
    let whole = verify(good.concat()).await;
    assert_eq!((whole.verdict, whole.count), (Verdict::Valid, 40));
    assert_eq!(whole.bodies.unwrap().bytes, offset_of(&good, 40));
    let cut = verify(good.concat()[..good.concat().len() - 1].to_vec()).await;
    assert!(matches!(cut.verdict, Verdict::Incomplete { .. }) && cut.count == 39, "{cut:?}");
    for (at, rule) in [(200, Rule::MerkleRoot), (80, Rule::BlockEncoding)] {
        let mut broken = good.clone();
        broken[25][at] ^= 0xff;
        let faulty = verify(broken.concat()).await;
        let Verdict::Fault(fault) = faulty.verdict else { panic!("{faulty:?}") };
        assert_eq!((fault.height, fault.offset, fault.rule), (25, offset_of(&good, 25), rule));
    }
}
