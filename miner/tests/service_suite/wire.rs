//! Messages of uploads, and helpers that read the verdict.

use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use cityseal_proto::v1::{verify_begin, verify_chain_response};
use prost::bytes::Bytes;
use tonic::{Status, Streaming};

use crate::support::Running;

pub(crate) fn message(part: Part) -> v1::VerifyChainRequest {
    v1::VerifyChainRequest { part: Some(part) }
}

pub(crate) fn begin() -> v1::VerifyChainRequest {
    message(Part::Begin(regtest()))
}

pub(crate) fn chunk(headers: impl Into<Bytes>) -> v1::VerifyChainRequest {
    message(Part::Chunk(v1::VerifyChunk { payload: Some(Payload::PackedHeaders(headers.into())) }))
}

pub(crate) fn finish(count: u64, last_block_hash: Bytes) -> v1::VerifyChainRequest {
    message(Part::Finish(v1::VerifyFinish { count, last_block_hash }))
}

/// Uploads these messages, closes the stream, and returns the verdict.
pub(crate) async fn verdict(service: &Running, messages: Vec<v1::VerifyChainRequest>) -> Result<v1::Verdict, Status> {
    let call = service.verifier().await.verify_chain(tokio_stream::iter(messages)).await?;
    verdict_of(call.into_inner()).await
}

pub(crate) async fn verdict_of(mut answers: Streaming<v1::VerifyChainResponse>) -> Result<v1::Verdict, Status> {
    while let Some(answer) = answers.message().await? {
        if let Some(verify_chain_response::Part::Verdict(verdict)) = answer.part {
            assert!(answers.message().await?.is_none(), "nothing follows the verdict");
            return Ok(verdict);
        }
    }
    panic!("the call ended without a verdict")
}

pub(crate) fn regtest() -> v1::VerifyBegin {
    let parameters = Some(verify_begin::Parameters::Network("regtest".to_owned()));
    v1::VerifyBegin { parameters, ..Default::default() }
}

pub(crate) fn block_chunk(blocks: impl Into<Bytes>) -> v1::VerifyChainRequest {
    message(Part::Chunk(v1::VerifyChunk { payload: Some(Payload::PackedBlocks(blocks.into())) }))
}
