//! Uploads a chain: takes bytes in chunks of any size and sends messages of whole headers or blocks, then a closing
//! message with their count.
//!
//! The closing message is sent only if the source ends without an error and at a header or block boundary. In all other
//! cases the upload stays unclosed, which the service reports as INCOMPLETE.

use std::io;

use cityseal_proto::field::HEADER_LEN;
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use prost::bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt};

use crate::cut::{BlockCutter, CHUNK_BYTES_MAX};
use crate::ledger::Ledger;

/// Splits a chain into messages and sends them.
#[derive(Debug)]
pub(crate) struct Upload {
    ledger: Ledger,
    cutter: Cutter,
    sender: mpsc::Sender<v1::VerifyChainRequest>,
}

/// Received bytes that could not be sent yet.
#[derive(Debug)]
pub(crate) enum Cutter {
    /// The first bytes of an incomplete header.
    Headers(BytesMut),
    Blocks(BlockCutter),
}

impl Cutter {
    pub(crate) fn headers() -> Self {
        Self::Headers(BytesMut::with_capacity(HEADER_LEN))
    }

    pub(crate) fn blocks() -> Self {
        Self::Blocks(BlockCutter::default())
    }

    /// Whether everything received so far ends at a header or block boundary.
    fn is_even(&self) -> bool {
        match self {
            Self::Headers(partial) => partial.is_empty(),
            Self::Blocks(blocks) => blocks.is_even(),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Blocks(blocks) if blocks.is_over())
    }
}

/// Why the upload stops early.
enum Stop {
    /// The service no longer accepts messages (its verdict says why), or nothing can follow the last block sent.
    Closed,
    /// The source failed.
    Source(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

impl Upload {
    pub(crate) fn new(ledger: Ledger, cutter: Cutter, sender: mpsc::Sender<v1::VerifyChainRequest>) -> Self {
        Self { ledger, cutter, sender }
    }

    /// Sends the whole source. Returns what was sent, and the error if the source failed.
    pub(crate) async fn run<S>(mut self, source: S) -> (Ledger, io::Result<()>)
    where
        S: Stream<Item = io::Result<Bytes>>,
    {
        let ended = self.send_all(source).await;
        let failed = match ended {
            Ok(()) | Err(Stop::Closed) => Ok(()),
            Err(Stop::Source(error)) => Err(error),
        };
        (self.ledger, failed)
    }

    async fn send_all<S>(&mut self, source: S) -> Result<(), Stop>
    where
        S: Stream<Item = io::Result<Bytes>>,
    {
        let mut source = std::pin::pin!(source);
        let closed = self.sender.clone();
        loop {
            let bytes = tokio::select! {
                bytes = source.next() => bytes,
                // An early verdict ends the upload even while the source is waiting for data.
                () = closed.closed() => return Err(Stop::Closed),
            };
            match bytes {
                Some(bytes) => self.send_bytes(bytes?).await?,
                None => return self.finish().await,
            }
            if self.cutter.is_over() {
                return Err(Stop::Closed);
            }
        }
    }

    async fn send_bytes(&mut self, bytes: Bytes) -> Result<(), Stop> {
        match &mut self.cutter {
            Cutter::Headers(_) => self.send_header_bytes(bytes).await,
            Cutter::Blocks(cutter) => {
                cutter.push(&bytes);
                self.send_blocks(BlockCutter::next).await
            }
        }
    }

    async fn send_header_bytes(&mut self, mut bytes: Bytes) -> Result<(), Stop> {
        let Cutter::Headers(partial) = &mut self.cutter else { return Ok(()) };
        let mut first = None;
        // Complete a header that an earlier chunk has begun.
        if !partial.is_empty() {
            let missing = (HEADER_LEN - partial.len()).min(bytes.len());
            partial.extend_from_slice(&bytes.split_to(missing));
            if partial.len() < HEADER_LEN {
                return Ok(());
            }
            first = Some(partial.split().freeze());
        }
        // Keep the incomplete header at the end for the next chunk; the whole ones are sent without a copy.
        let whole = bytes.len() / HEADER_LEN * HEADER_LEN;
        partial.extend_from_slice(&bytes.split_off(whole));
        if let Some(header) = first {
            self.send_headers(header).await?;
        }
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES_MAX));
            self.send_headers(chunk).await?;
        }
        Ok(())
    }

    async fn send_headers(&mut self, headers: Bytes) -> Result<(), Stop> {
        // Count before sending: the verdict may arrive immediately and is compared with the count.
        self.ledger.add_headers(&headers)?;
        self.send_payload(Payload::PackedHeaders(headers)).await
    }

    async fn send_blocks(&mut self, next: impl Fn(&mut BlockCutter) -> Option<crate::cut::Blocks>) -> Result<(), Stop> {
        while let Cutter::Blocks(cutter) = &mut self.cutter
            && let Some(blocks) = next(cutter)
        {
            let mut rest = &blocks.bytes[..];
            for len in blocks.lens {
                if let Some(header) = rest.first_chunk::<HEADER_LEN>() {
                    self.ledger.add(header, len)?;
                }
                rest = &rest[len..];
            }
            self.send_payload(Payload::PackedBlocks(blocks.bytes)).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Stop> {
        self.send_blocks(BlockCutter::end).await?;
        // Without a closing message the service reports the truncated chain as INCOMPLETE.
        if !self.cutter.is_even() {
            return Ok(());
        }
        self.ledger.end()?;
        let count = self.ledger.count_of_call();
        let last = self.ledger.tip().filter(|_| count > 0);
        let last_block_hash = last.map_or_else(Bytes::new, |tip| Bytes::copy_from_slice(&tip.hash.to_wire()));
        self.send(Part::Finish(v1::VerifyFinish { count, last_block_hash })).await?;
        self.ledger.close();
        Ok(())
    }

    async fn send_payload(&mut self, payload: Payload) -> Result<(), Stop> {
        self.send(Part::Chunk(v1::VerifyChunk { payload: Some(payload) })).await
    }

    async fn send(&mut self, part: Part) -> Result<(), Stop> {
        self.sender.send(v1::VerifyChainRequest { part: Some(part) }).await.map_err(|_| Stop::Closed)
    }
}

#[cfg(test)]
mod tests {
    use cityseal_chain::ChainWork;
    use proptest::prelude::*;

    use super::*;

    /// Uploads the pieces and returns what was sent.
    fn sent(pieces: Vec<io::Result<Bytes>>) -> (io::Result<Ledger>, Vec<Part>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, mut receiver) = mpsc::channel(1 << 12);
        let upload = Upload::new(Ledger::new(0, ChainWork::ZERO), Cutter::headers(), sender);
        let (ledger, failed) = runtime.block_on(upload.run(tokio_stream::iter(pieces)));
        let parts = std::iter::from_fn(|| receiver.try_recv().ok()?.part).collect();
        (failed.map(|()| ledger), parts)
    }

    fn headers_of(parts: &[Part]) -> Vec<u8> {
        let payload = |part: &Part| {
            let Part::Chunk(v1::VerifyChunk { payload: Some(v1::verify_chunk::Payload::PackedHeaders(headers)) }) =
                part
            else {
                return Vec::new();
            };
            assert!(headers.len().is_multiple_of(HEADER_LEN) && headers.len() <= CHUNK_BYTES_MAX);
            headers.to_vec()
        };
        parts.iter().flat_map(payload).collect()
    }

    fn finish_of(parts: &[Part]) -> Option<v1::VerifyFinish> {
        let Some(Part::Finish(finish)) = parts.last() else { return None };
        Some(finish.clone())
    }

    #[test]
    fn a_source_larger_than_a_message_is_split_at_header_boundaries() {
        let bytes = Bytes::from(vec![7; CHUNK_BYTES_MAX + HEADER_LEN]);
        let (ledger, parts) = sent(vec![Ok(bytes.clone())]);
        assert_eq!((parts.len(), headers_of(&parts)), (3, bytes.to_vec()));
        assert!(ledger.unwrap().is_closed());
    }

    #[test]
    fn a_source_that_ends_within_a_header_is_not_closed() {
        let (ledger, parts) = sent(vec![Ok(Bytes::from(vec![7; 2 * HEADER_LEN - 1]))]);
        assert_eq!((headers_of(&parts).len(), finish_of(&parts)), (HEADER_LEN, None));
        assert!(!ledger.unwrap().is_closed());
    }

    #[test]
    fn a_source_that_fails_is_not_closed() {
        let broken = Err(io::Error::from(io::ErrorKind::BrokenPipe));
        let (ledger, parts) = sent(vec![Ok(Bytes::from(vec![7; HEADER_LEN])), broken]);
        assert_eq!((ledger.unwrap_err().kind(), finish_of(&parts)), (io::ErrorKind::BrokenPipe, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_pieces_give_the_same_headers_and_the_same_closing_message(
            headers in 0_usize..20, cuts in proptest::collection::vec(0_usize..1600, 0..12), seed in any::<u8>(),
        ) {
            let byte_at = |i: usize| (i as u8).wrapping_mul(31).wrapping_add(seed);
            let bytes: Vec<u8> = (0..headers * HEADER_LEN).map(byte_at).collect();
            let mut edges: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            edges.extend([0, bytes.len()]);
            edges.sort_unstable();
            let pieces = edges.windows(2).map(|edge| Ok(Bytes::copy_from_slice(&bytes[edge[0]..edge[1]]))).collect();
            let (ledger, parts) = sent(pieces);
            prop_assert_eq!(headers_of(&parts), bytes);
            let finish = finish_of(&parts).unwrap();
            prop_assert_eq!(finish.count, headers as u64);
            let last = ledger.unwrap().tip().map(|tip| tip.hash.to_wire().to_vec()).unwrap_or_default();
            prop_assert_eq!(finish.last_block_hash, last);
        }
    }
}
