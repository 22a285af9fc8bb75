//! One upload: the order of messages, the required content of each, and the transfer of the chain to the verifier.
//!
//! It does not read the socket. Input is not trusted; validation is left to the engine. A closing message that does not
//! match what was received makes the verdict INCOMPLETE, since something was lost in transit; the call is not refused.

use std::sync::Arc;

use cityseal_engine::{BlockBatch, BlockVerifier, ChainItems, Engine, Finish, HeaderVerifier, Verifier, VerifyReport};
use cityseal_input::part::ItemKind;
use cityseal_proto::field;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use cityseal_proto::{FieldError, v1};
use prost::bytes::{Buf, Bytes};
use tokio::sync::Notify;

use super::begin::{Begun, bytes_of};
use super::block_chunk::BlockChunk;
use super::keys::Keys;
use super::refusal::Refusal;
use super::verifications::Progressing;

/// A chain being transferred to the verifier.
#[derive(Debug)]
pub(crate) struct Upload {
    engine: Engine,
    begun: Begun,
    /// Created by the first chunk, or by the first message if it resumes an earlier call.
    verifier: Option<Verifier>,
    /// Notified when the verifier may accept input again.
    room: Arc<Notify>,
    messages: u64,
    chunks: u64,
    /// Bytes of the chain so far, including those of earlier calls.
    offset: u64,
}

/// Next step after a message.
#[derive(Debug)]
pub(crate) enum Step {
    /// Read the next one.
    Next,
    /// The upload is complete: conclude.
    Finish(Finish),
}

/// The result of an upload.
#[derive(Debug)]
pub(super) struct Conclusion {
    pub(super) begun: Begun,
    pub(super) items: ItemKind,
    pub(super) report: VerifyReport,
}

impl Upload {
    /// Starts an upload with the first message of the call. The share of the tenant `paid_by` pays for it.
    pub(super) fn begin(
        engine: &Engine,
        keys: &Keys,
        paid_by: &str,
        message: v1::VerifyChainRequest,
    ) -> Result<Self, Refusal> {
        let Some(Part::Begin(begin)) = message.part else { return Err(out_of_order(0, "expected Begin first")) };
        let mut begun = Begun::read(&begin, keys)?;
        begun.request = begun.request.tenant(paid_by);
        let resumed = begun.resumed;
        let mut upload = Self {
            engine: engine.clone(),
            begun,
            verifier: None,
            room: Arc::default(),
            messages: 1,
            chunks: 0,
            offset: resumed.map_or(0, |resumed| resumed.bytes),
        };
        if let Some(resumed) = resumed {
            upload.verifier = Some(upload.new_verifier(resumed.items)?);
        }
        Ok(upload)
    }

    /// Bytes of the chain so far, including those of earlier calls.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the name of the chain's network, for the log.
    pub(super) fn network(&self) -> &str {
        self.begun.parameters.name()
    }

    /// Processes one more message; waits asynchronously while the verifier has no space.
    pub(crate) async fn take(&mut self, message: v1::VerifyChainRequest) -> Result<Step, Refusal> {
        let index = self.messages;
        self.messages += 1;
        match message.part {
            Some(Part::Chunk(chunk)) => {
                self.take_chunk(chunk).await?;
                Ok(Step::Next)
            }
            Some(Part::Finish(finish)) => Ok(Step::Finish(finish_of(&finish)?)),
            Some(Part::Begin(_)) => Err(out_of_order(index, "expected Chunk or Finish, found a second Begin")),
            None => Err(out_of_order(index, "expected Chunk or Finish, found an empty message")),
        }
    }

    /// Whether no later message can change the verdict.
    pub(crate) fn is_decided(&self) -> bool {
        self.verifier.as_ref().is_some_and(|verifier| verifier.progress().is_decided)
    }

    /// Returns the progress of the verifier, with a token if requested and if there is something to resume from.
    pub(super) fn progress(&self, keys: Option<&Keys>) -> v1::VerifyProgress {
        let Some(verifier) = &self.verifier else { return v1::VerifyProgress::default() };
        let (received, state, items) = (verifier.progress().received, verifier.state(), items_of(verifier));
        let (validated_through, validated_bytes) = (state.summary.last_height(), bytes_of(items, &state));
        let can_go_on = self.begun.wants_tokens && state.summary.count > 0 && state.summary.fault.is_none();
        let token = keys.filter(|_| can_go_on).and_then(|keys| keys.seal(&self.begun.part(items, state)));
        let resume_token = token.unwrap_or_default();
        v1::VerifyProgress { received, validated_through, resume_token, validated_bytes }
    }

    /// Returns what the status shows about this upload.
    pub(super) fn shown(&self) -> Progressing {
        let resumed = self.begun.resumed.map_or(0, |resumed| resumed.bytes);
        let Some(verifier) = &self.verifier else { return Progressing::default() };
        let progress = verifier.progress();
        Progressing {
            items: Some(items_of(verifier).as_str()),
            received: progress.received,
            validated_through: progress.validated_through,
            received_bytes: self.offset - resumed,
            stages: verifier.stages(),
        }
    }

    /// Returns the verdict; without a closing message a fault that was found, or INCOMPLETE. Blocks until the verifier
    /// is done, so it must not be called from an async task.
    pub(super) fn finish(mut self, finish: Option<Finish>) -> Result<Conclusion, Refusal> {
        let verifier = match self.verifier.take() {
            Some(verifier) => verifier,
            None => self.new_verifier(ItemKind::Headers)?,
        };
        let items = items_of(&verifier);
        let report = match finish {
            Some(finish) => verifier.finish(Some(finish)),
            None => verifier.finish_cut(),
        };
        Ok(Conclusion { begun: self.begun, items, report })
    }

    /// A verifier that wakes this upload when it may accept input again.
    fn new_verifier(&self, items: ItemKind) -> Result<Verifier, Refusal> {
        let items = match items {
            ItemKind::Headers => ChainItems::Headers,
            ItemKind::Blocks => ChainItems::Blocks,
        };
        let verifier = self.engine.verifier(items, self.begun.request.clone());
        let verifier = verifier.map_err(|error| FieldError::refused("begin", &error))?;
        let room = Arc::clone(&self.room);
        verifier.on_room(Arc::new(move || room.notify_one()));
        Ok(verifier)
    }

    async fn take_chunk(&mut self, chunk: v1::VerifyChunk) -> Result<(), Refusal> {
        let (chunk_index, offset) = (self.chunks, self.offset);
        let refuse = |problem| Refusal::Chunk { chunk_index, offset, problem };
        let missing = || FieldError::missing("payload", "packed_headers or packed_blocks");
        let payload = chunk.payload.ok_or_else(missing).map_err(refuse)?;
        let (items, len) = match &payload {
            Payload::PackedHeaders(headers) => (ItemKind::Headers, headers.len()),
            Payload::PackedBlocks(blocks) => (ItemKind::Blocks, blocks.len()),
        };
        // The first chunk decides whether the upload holds headers or blocks.
        let verifier = match self.verifier.take() {
            Some(verifier) => verifier,
            None => self.new_verifier(items)?,
        };
        match (payload, self.verifier.insert(verifier)) {
            (Payload::PackedHeaders(headers), Verifier::Headers(verifier)) => {
                field::whole_headers("packed_headers", &headers).map_err(refuse)?;
                push_headers(verifier, headers, &self.room).await;
            }
            (Payload::PackedBlocks(blocks), Verifier::Blocks(verifier)) => {
                push_blocks(verifier, BlockChunk::new(blocks, offset), &self.room).await.map_err(refuse)?;
            }
            (Payload::PackedBlocks(_), Verifier::Headers(_)) => {
                return Err(refuse(FieldError::refused("packed_blocks", &"earlier chunks hold headers")));
            }
            (Payload::PackedHeaders(_), Verifier::Blocks(_)) => {
                return Err(refuse(FieldError::refused("packed_headers", &"earlier chunks hold blocks")));
            }
        }
        self.chunks += 1;
        self.offset += len as u64;
        Ok(())
    }
}

fn items_of(verifier: &Verifier) -> ItemKind {
    match verifier.items() {
        ChainItems::Headers => ItemKind::Headers,
        ChainItems::Blocks => ItemKind::Blocks,
    }
}

async fn push_headers(verifier: &mut HeaderVerifier, mut headers: Bytes, room: &Notify) {
    while headers.has_remaining() {
        match verifier.try_push(&headers) {
            // A notification between the attempt and this line is not lost.
            0 => room.notified().await,
            taken => headers.advance(taken),
        }
    }
}

async fn push_blocks(verifier: &mut BlockVerifier, mut chunk: BlockChunk, room: &Notify) -> Result<(), FieldError> {
    while !chunk.is_empty() {
        let mut batch = BlockBatch::default();
        chunk.fill(&mut batch)?;
        while let Err(refused) = verifier.try_push(batch) {
            batch = refused;
            // See `push_headers`.
            room.notified().await;
        }
    }
    Ok(())
}

fn out_of_order(message_index: u64, problem: &'static str) -> Refusal {
    Refusal::UploadOrder { message_index, problem }
}

fn finish_of(finish: &v1::VerifyFinish) -> Result<Finish, FieldError> {
    let path = "finish.last_block_hash";
    let last_hash = match (finish.count, finish.last_block_hash.is_empty()) {
        (0, true) => None,
        (_, true) => return Err(FieldError::missing(path, "the hash of the last header sent")),
        (0, false) => return Err(FieldError::refused(path, &"expected no hash for a count of 0")),
        (_, false) => Some(field::hash(path, &finish.last_block_hash)?),
    };
    Ok(Finish { count: finish.count, last_hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_message_has_a_hash_exactly_if_it_counts_headers() {
        let of = |count, len: usize| finish_of(&v1::VerifyFinish { count, last_block_hash: vec![7; len].into() });
        assert_eq!(of(0, 0).unwrap(), Finish { count: 0, last_hash: None });
        assert!(of(1, 32).unwrap().last_hash.is_some());
        for (count, len) in [(1, 0), (0, 32), (1, 31), (1, 33)] {
            assert_eq!(of(count, len).unwrap_err().path, "finish.last_block_hash");
        }
    }
}
