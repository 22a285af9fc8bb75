//! The request body of an upload: gRPC messages whose payload is sent as it is, without a copy.
//!
//! A generated client encodes each message into a buffer, which copies the payload once more. Here a message is two
//! pieces: its first bytes (the prefix of gRPC, and protobuf's tags and lengths), and the payload.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use http_body::{Body, Frame};
use prost::Message;
use prost::bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use tokio::sync::mpsc;
use tonic::Status;

/// Bytes before a message in gRPC over HTTP/2: a flag (0: not compressed), and the length as four bytes, big-endian.
const PREFIX_LEN: usize = 5;

/// The field `chunk` of `VerifyChainRequest`.
const CHUNK: u32 = 2;
/// The fields of `VerifyChunk`.
const PACKED_HEADERS: u32 = 1;
const PACKED_BLOCKS: u32 = 2;

/// A body that ends when the sender of its messages is dropped.
#[derive(Debug)]
pub(crate) struct UploadBody {
    first: Option<v1::VerifyChainRequest>,
    messages: mpsc::Receiver<v1::VerifyChainRequest>,
    /// The payload of the message whose first bytes were sent.
    payload: Option<Bytes>,
}

impl UploadBody {
    pub(crate) fn new(first: v1::VerifyChainRequest, messages: mpsc::Receiver<v1::VerifyChainRequest>) -> Self {
        Self { first: Some(first), messages, payload: None }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(payload) = self.payload.take() {
            return Poll::Ready(Some(Ok(Frame::data(payload))));
        }
        let message = match self.first.take() {
            Some(first) => first,
            None => match ready!(self.messages.poll_recv(cx)) {
                Some(message) => message,
                None => return Poll::Ready(None),
            },
        };
        let (head, payload) = pieces_of(message);
        self.payload = payload;
        Poll::Ready(Some(Ok(Frame::data(head))))
    }
}

/// The first bytes of a message, and its payload if it is a chunk with one.
fn pieces_of(message: v1::VerifyChainRequest) -> (Bytes, Option<Bytes>) {
    match message.part {
        Some(Part::Chunk(v1::VerifyChunk { payload: Some(Payload::PackedHeaders(headers)) })) => {
            (head_of(PACKED_HEADERS, headers.len()), Some(headers))
        }
        Some(Part::Chunk(v1::VerifyChunk { payload: Some(Payload::PackedBlocks(blocks)) })) => {
            (head_of(PACKED_BLOCKS, blocks.len()), Some(blocks))
        }
        part => {
            let message = v1::VerifyChainRequest { part };
            let mut bytes = prefix_of(message.encoded_len(), message.encoded_len());
            message.encode(&mut bytes).expect("a growing buffer has room");
            (bytes.freeze(), None)
        }
    }
}

/// The bytes before the payload of a chunk.
fn head_of(field: u32, payload: usize) -> Bytes {
    let payload = payload as u64;
    let inner = key_len(field) + encoded_len_varint(payload);
    let chunk = inner as u64 + payload;
    let outer = key_len(CHUNK) + encoded_len_varint(chunk);
    let mut head = prefix_of(outer + chunk as usize, outer + inner);
    encode_key(CHUNK, WireType::LengthDelimited, &mut head);
    encode_varint(chunk, &mut head);
    encode_key(field, WireType::LengthDelimited, &mut head);
    encode_varint(payload, &mut head);
    head.freeze()
}

/// A buffer with the prefix of a message of `len` bytes, and room for `more`.
fn prefix_of(len: usize, more: usize) -> BytesMut {
    let len = u32::try_from(len).expect("an upload sends messages of at most a few MiB");
    let mut bytes = BytesMut::with_capacity(PREFIX_LEN + more);
    bytes.put_u8(0);
    bytes.put_u32(len);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces joined, without the prefix, after a check of the prefix.
    fn joined(message: v1::VerifyChainRequest) -> Vec<u8> {
        let (head, payload) = pieces_of(message);
        let whole = [&head[..], payload.as_deref().unwrap_or_default()].concat();
        let (prefix, message) = whole.split_at(PREFIX_LEN);
        assert_eq!(prefix[0], 0);
        assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
        message.to_vec()
    }

    fn chunk(payload: Payload) -> v1::VerifyChainRequest {
        v1::VerifyChainRequest { part: Some(Part::Chunk(v1::VerifyChunk { payload: Some(payload) })) }
    }

    #[test]
    fn the_pieces_of_every_message_are_its_encoding() {
        let begin = v1::VerifyBegin { start_height: 7, resume_token: vec![1; 300].into(), ..Default::default() };
        let finish = v1::VerifyFinish { count: 3, last_block_hash: vec![2; 32].into() };
        let mut messages = vec![
            v1::VerifyChainRequest { part: Some(Part::Begin(begin)) },
            v1::VerifyChainRequest { part: Some(Part::Finish(finish)) },
            v1::VerifyChainRequest { part: None },
            v1::VerifyChainRequest { part: Some(Part::Chunk(v1::VerifyChunk { payload: None })) },
        ];
        // Each edge of protobuf's lengths.
        for len in [0, 1, 124, 125, 127, 128, 16_379, 16_384, 2_097_152] {
            messages.push(chunk(Payload::PackedHeaders(vec![3; len].into())));
            messages.push(chunk(Payload::PackedBlocks(vec![4; len].into())));
        }
        for message in messages {
            assert_eq!(joined(message.clone()), message.encode_to_vec());
        }
    }

    #[test]
    fn a_payload_is_not_copied() {
        let payload = Bytes::from(vec![5; 800]);
        let (_, sent) = pieces_of(chunk(Payload::PackedHeaders(payload.clone())));
        assert_eq!(sent.unwrap().as_ptr(), payload.as_ptr());
    }
}
