//! One upload: what may come after what, what each message must hold, and the chain's way into the verifier.
//!
//! It does not read the socket. It trusts nothing that comes over it; what is judged is judged by the engine. A closing message that
//! does not fit what was received makes the verdict INCOMPLETE, since something was lost on the way: the sender is not refused.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_chain::{Network, Parameters, Verdict};
use cityseal_engine::{Engine, Finish, Progress, Verifier, VerifyReport, VerifyRequest, VerifyRequestError};
use cityseal_proto::field::{self, HEADER_LEN};
use cityseal_proto::v1::verify_begin::Parameters as Choice;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use cityseal_proto::{FieldError, FieldProblem, v1};
use prost::bytes::{Buf, Bytes};
use tokio::sync::Notify;

use super::block_reader::BlockReader;
use super::refusal::Refusal;

/// Names a Begin message may give.
const NETWORKS: &str = "mainnet, testnet3, testnet4, signet or regtest";

/// A chain on its way into the verifier.
#[derive(Debug)]
pub(crate) struct Upload {
    verifier: Verifier,
    /// Told whenever the verifier may have room again.
    room: Arc<Notify>,
    /// Set by the first chunk.
    cargo: Option<Cargo>,
    start_height: u64,
    messages: u64,
    chunks: u64,
    offset: u64,
}

/// What the chunks of an upload hold; all of one upload the same.
#[derive(Debug)]
enum Cargo {
    Headers,
    Blocks(Box<BlockReader>),
}

impl Cargo {
    fn of(payload: &Payload) -> Self {
        match payload {
            Payload::PackedHeaders(_) => Self::Headers,
            Payload::PackedBlocks(_) => Self::Blocks(Box::default()),
        }
    }
}

/// What to do after a message.
#[derive(Debug)]
pub(crate) enum Step {
    /// Read the next one.
    Next,
    /// All has come: conclude.
    Finish(Finish),
}

impl Upload {
    /// Begins with the first message of the call.
    pub(crate) fn begin(engine: &Engine, message: v1::VerifyChainRequest) -> Result<Self, Refusal> {
        let Some(Part::Begin(begin)) = message.part else { return Err(out_of_order(0, "expected Begin first")) };
        let verifier = engine.verifier(request_of(&begin)?).map_err(|error| request_refused(&error))?;
        let room = Arc::new(Notify::new());
        let wake = Arc::clone(&room);
        verifier.on_room(Arc::new(move || wake.notify_one()));
        Ok(Self { verifier, room, cargo: None, start_height: begin.start_height, messages: 1, chunks: 0, offset: 0 })
    }

    /// Takes one more message in; waits, without a thread, while the verifier has no room.
    pub(crate) async fn take(&mut self, message: v1::VerifyChainRequest) -> Result<Step, Refusal> {
        let index = self.messages;
        self.messages += 1;
        match message.part {
            Some(Part::Chunk(chunk)) => {
                let headers = self.headers_of(chunk)?;
                self.push(headers).await;
                self.forget_judged();
                Ok(Step::Next)
            }
            Some(Part::Finish(finish)) => Ok(Step::Finish(finish_of(&finish)?)),
            Some(Part::Begin(_)) => Err(out_of_order(index, "expected Chunk or Finish; Begin came before")),
            None => Err(out_of_order(index, "expected Chunk or Finish; the message is empty")),
        }
    }

    /// How far the verifier is.
    pub(crate) fn progress(&self) -> Progress {
        self.verifier.progress()
    }

    /// The verdict over a whole upload. Waits for the verifier; not for an async task.
    pub(crate) fn finish(self, finish: Finish) -> VerifyReport {
        told_of(self.cargo, self.verifier.finish(Some(finish)))
    }

    /// The verdict over an upload that ended without its closing message: a fault that was found, or INCOMPLETE.
    pub(crate) fn finish_cut(self) -> VerifyReport {
        told_of(self.cargo, self.verifier.finish_cut())
    }

    fn headers_of(&mut self, chunk: v1::VerifyChunk) -> Result<Bytes, Refusal> {
        let (chunk_index, offset) = (self.chunks, self.offset);
        let (headers, len) = self.unpacked(chunk).map_err(|problem| Refusal::Chunk { chunk_index, offset, problem })?;
        self.chunks += 1;
        self.offset += len as u64;
        Ok(headers)
    }

    /// The chunk's headers, and how many bytes it has.
    fn unpacked(&mut self, chunk: v1::VerifyChunk) -> Result<(Bytes, usize), FieldError> {
        let payload = chunk.payload.ok_or_else(|| FieldError::missing("payload", "packed_headers or packed_blocks"))?;
        let cargo = self.cargo.take().unwrap_or_else(|| Cargo::of(&payload));
        let len = match &payload {
            Payload::PackedHeaders(bytes) | Payload::PackedBlocks(bytes) => bytes.len(),
        };
        let (headers, cargo) = match (payload, cargo) {
            (Payload::PackedHeaders(headers), Cargo::Headers) => {
                field::whole_headers("packed_headers", &headers)?;
                (headers, Cargo::Headers)
            }
            (Payload::PackedBlocks(blocks), Cargo::Blocks(mut reader)) => {
                (reader.headers_of(&blocks)?, Cargo::Blocks(reader))
            }
            (Payload::PackedBlocks(_), Cargo::Headers) => {
                return Err(FieldError::refused("packed_blocks", &"the chunks before hold headers"));
            }
            (Payload::PackedHeaders(_), Cargo::Blocks(_)) => {
                return Err(FieldError::refused("packed_headers", &"the chunks before hold blocks"));
            }
        };
        self.cargo = Some(cargo);
        Ok((headers, len))
    }

    /// No fault can be found any more in headers that are judged: nobody will ask where their blocks stood.
    fn forget_judged(&mut self) {
        let judged = self.progress().validated_through;
        if let (Some(Cargo::Blocks(reader)), Some(height)) = (&mut self.cargo, judged) {
            reader.forget_below(height + 1 - self.start_height);
        }
    }

    async fn push(&mut self, mut headers: Bytes) {
        while headers.has_remaining() {
            match self.verifier.try_push(&headers) {
                // A word that came between the attempt and this line is kept for us.
                0 => self.room.notified().await,
                taken => headers.advance(taken),
            }
        }
    }
}

/// The report in the words of the upload: of blocks the bodies are left out, and a fault stands where its block does.
fn told_of(cargo: Option<Cargo>, mut report: VerifyReport) -> VerifyReport {
    if let Some(Cargo::Blocks(reader)) = cargo {
        report.leave_out_bodies();
        if let Verdict::Fault(fault) = &mut report.verdict {
            fault.offset = reader.offset_of(fault.offset).unwrap_or(fault.offset);
        }
    }
    report
}

fn out_of_order(message_index: u64, problem: &'static str) -> Refusal {
    Refusal::UploadOrder { message_index, problem }
}

fn request_of(begin: &v1::VerifyBegin) -> Result<VerifyRequest, FieldError> {
    field::whole_headers("begin.context_headers", &begin.context_headers)?;
    Ok(VerifyRequest::new(parameters_of(begin)?)
        .start_height(begin.start_height)
        .context(begin.context_headers.to_vec())
        .start_work(field::chain_work("begin.start_work", &begin.start_work)?)
        .now(begin.now_s.unwrap_or_else(unix_now)))
}

fn parameters_of(begin: &v1::VerifyBegin) -> Result<Parameters, FieldError> {
    match &begin.parameters {
        Some(Choice::Network(name)) => {
            // What an attacker sends is not sent back at length.
            let unknown = || FieldProblem::Unknown { expected: NETWORKS, found: name.chars().take(64).collect() };
            let network: Network = name.parse().map_err(|_| FieldError::new("begin.network", unknown()))?;
            Ok(Parameters::of(network))
        }
        Some(Choice::ParametersToml(text)) => {
            Parameters::from_toml(text).map_err(|error| FieldError::refused("begin.parameters_toml", &error))
        }
        None => Err(FieldError::missing("begin.parameters", "a network's name or a city's parameters")),
    }
}

fn finish_of(finish: &v1::VerifyFinish) -> Result<Finish, FieldError> {
    let path = "finish.last_block_hash";
    let last_hash = match (finish.count, finish.last_block_hash.is_empty()) {
        (0, true) => None,
        (_, true) => return Err(FieldError::missing(path, "the hash of the last header sent")),
        (0, false) => return Err(FieldError::refused(path, &"the hash of a last header, and a count of 0")),
        (_, false) => Some(field::hash(path, &finish.last_block_hash)?),
    };
    Ok(Finish { count: finish.count, last_hash })
}

fn request_refused(error: &VerifyRequestError) -> Refusal {
    let path = match error {
        VerifyRequestError::Context(_) => "begin.context_headers",
        VerifyRequestError::Resumed { .. } => "begin.resume_token",
        _ => "begin",
    };
    FieldError::refused(path, error).into()
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const _: () = assert!(HEADER_LEN == cityseal_hash::HEADER_LEN, "the wire and the kernels agree on a header");

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(parameters: Option<Choice>) -> v1::VerifyBegin {
        v1::VerifyBegin { parameters, ..Default::default() }
    }

    fn regtest() -> v1::VerifyBegin {
        begin(Some(Choice::Network("regtest".to_owned())))
    }

    #[test]
    fn every_network_is_known_by_its_name_and_no_other_name_is() {
        for name in ["mainnet", "testnet3", "testnet4", "signet", "regtest"] {
            assert_eq!(parameters_of(&begin(Some(Choice::Network(name.to_owned())))).unwrap().name(), name);
        }
        for name in ["", "Mainnet", "testnet", "x"] {
            let error = parameters_of(&begin(Some(Choice::Network(name.to_owned())))).unwrap_err();
            assert_eq!(error.to_string(), format!("begin.network: expected {NETWORKS}, found '{name}'"));
        }
        assert_eq!(parameters_of(&begin(None)).unwrap_err().path, "begin.parameters");
    }

    #[test]
    fn parameters_that_are_no_toml_are_refused_with_the_line() {
        let text = "name = \"city\"\nsurprise = 1\n".to_owned();
        let error = parameters_of(&begin(Some(Choice::ParametersToml(text)))).unwrap_err();
        assert!(error.to_string().starts_with("begin.parameters_toml: line 2"), "{error}");
    }

    #[test]
    fn context_and_work_have_their_lengths() {
        let context = v1::VerifyBegin { context_headers: vec![0; 81].into(), ..regtest() };
        assert_eq!(request_of(&context).unwrap_err().path, "begin.context_headers");
        let work = v1::VerifyBegin { start_work: vec![0; 33].into(), ..regtest() };
        assert_eq!(request_of(&work).unwrap_err().path, "begin.start_work");
        assert!(request_of(&regtest()).is_ok());
    }

    #[test]
    fn a_closing_message_has_a_hash_where_it_counts_headers_and_none_where_it_does_not() {
        let of = |count, len: usize| finish_of(&v1::VerifyFinish { count, last_block_hash: vec![7; len].into() });
        assert_eq!(of(0, 0).unwrap(), Finish { count: 0, last_hash: None });
        assert!(of(1, 32).unwrap().last_hash.is_some());
        for (count, len) in [(1, 0), (0, 32), (1, 31), (1, 33)] {
            assert_eq!(of(count, len).unwrap_err().path, "finish.last_block_hash");
        }
    }
}
