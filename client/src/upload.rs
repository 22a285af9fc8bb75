//! A chain on its way to the service: any pieces of bytes in, messages of whole headers out, and a closing message that counts them.
//!
//! The closing message is sent only when the source came to its proper end on the edge of a header: everything else
//! leaves the upload open, which the service calls INCOMPLETE.

use std::io;

use cityseal_proto::field::HEADER_LEN;
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use prost::bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt};

use crate::ledger::Ledger;

/// The most bytes of one message's headers: 13,107 headers, just below 1 MiB. Larger messages wait longer for their first byte
/// and are no faster.
pub const CHUNK_BYTES_MAX: usize = (1 << 20) / HEADER_LEN * HEADER_LEN;

/// Cuts a chain into messages.
#[derive(Debug)]
pub(crate) struct Upload {
    ledger: Ledger,
    /// The beginning of a header whose end has not come yet.
    partial: BytesMut,
    sender: mpsc::Sender<v1::VerifyChainRequest>,
}

/// The service no longer takes messages: its verdict says why.
struct Closed;

impl Upload {
    pub(crate) fn new(ledger: Ledger, sender: mpsc::Sender<v1::VerifyChainRequest>) -> Self {
        Self { ledger, partial: BytesMut::with_capacity(HEADER_LEN), sender }
    }

    /// Sends the whole source. Returns what was sent.
    ///
    /// # Errors
    /// What the source says.
    pub(crate) async fn run<S>(mut self, source: S) -> io::Result<Ledger>
    where
        S: Stream<Item = io::Result<Bytes>>,
    {
        let mut source = std::pin::pin!(source);
        let closed = self.sender.clone();
        loop {
            let bytes = tokio::select! {
                bytes = source.next() => bytes,
                // A verdict that comes early ends the upload, even while the source has nothing to give.
                () = closed.closed() => return Ok(self.ledger),
            };
            let Some(bytes) = bytes else { break };
            if self.send_bytes(bytes?).await.is_err() {
                return Ok(self.ledger);
            }
        }
        self.finish().await;
        Ok(self.ledger)
    }

    async fn send_bytes(&mut self, mut bytes: Bytes) -> Result<(), Closed> {
        if !self.partial.is_empty() {
            let missing = (HEADER_LEN - self.partial.len()).min(bytes.len());
            self.partial.extend_from_slice(&bytes.split_to(missing));
            if self.partial.len() < HEADER_LEN {
                return Ok(());
            }
            let header = self.partial.split().freeze();
            self.send_headers(header).await?;
        }
        let whole = bytes.len() / HEADER_LEN * HEADER_LEN;
        self.partial.extend_from_slice(&bytes.split_off(whole));
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES_MAX));
            self.send_headers(chunk).await?;
        }
        Ok(())
    }

    async fn send_headers(&mut self, headers: Bytes) -> Result<(), Closed> {
        // Counted before it is sent: a verdict that comes back at once must not find a count that lags behind.
        self.ledger.add(&headers);
        let payload = Some(v1::verify_chunk::Payload::PackedHeaders(headers));
        self.send(Part::Chunk(v1::VerifyChunk { payload })).await
    }

    async fn finish(&mut self) {
        if !self.partial.is_empty() {
            return;
        }
        let last_block_hash =
            self.ledger.tip().map_or_else(Bytes::new, |tip| Bytes::copy_from_slice(&tip.hash.to_wire()));
        let finish = v1::VerifyFinish { count: self.ledger.count(), last_block_hash };
        if self.send(Part::Finish(finish)).await.is_ok() {
            self.ledger.close();
        }
    }

    async fn send(&mut self, part: Part) -> Result<(), Closed> {
        self.sender.send(v1::VerifyChainRequest { part: Some(part) }).await.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use cityseal_chain::ChainWork;
    use proptest::prelude::*;

    use super::*;

    /// What is sent for a chain that comes in pieces of these lengths.
    fn sent(pieces: Vec<io::Result<Bytes>>) -> (io::Result<Ledger>, Vec<Part>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, mut receiver) = mpsc::channel(1 << 12);
        let upload = Upload::new(Ledger::new(0, ChainWork::ZERO), sender);
        let ledger = runtime.block_on(upload.run(tokio_stream::iter(pieces)));
        let parts = std::iter::from_fn(|| receiver.try_recv().ok()?.part).collect();
        (ledger, parts)
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
    fn a_source_larger_than_a_message_is_cut_at_the_edges_of_headers() {
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
            let bytes: Vec<u8> = (0..headers * HEADER_LEN).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
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
