//! A service that takes uploads and judges nothing: the baseline of a benchmark, which shows what the transport can
//! carry. Its verdicts are INCOMPLETE, so that no caller takes them for a verification.

use std::io;
use std::net::SocketAddr;

use cityseal_proto::field::HEADER_LEN;
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part as Sent;
use cityseal_proto::v1::verify_chain_response::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use cityseal_proto::v1::verify_service_server::{VerifyService, VerifyServiceServer};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use super::error::ServeError;
use super::http2::server;
use super::limits::{UPLOAD_MESSAGE_BYTES_MAX, UPLOADS_PER_CONNECTION_MAX};

/// The reason in its verdicts.
const REASON: &str = "this service judges nothing";

/// A bound service that judges nothing. It has the transport settings of the real one.
#[derive(Debug)]
pub struct DiscardService {
    listener: TcpListener,
}

impl DiscardService {
    /// Binds an address.
    ///
    /// # Errors
    /// The error of the operating system.
    pub async fn bind(listen: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(listen).await? })
    }

    /// Returns the address of the listener.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// [`ServeError::Transport`] if the server ends by itself.
    pub async fn run(self) -> Result<(), ServeError> {
        let service = VerifyServiceServer::new(Discard).max_decoding_message_size(UPLOAD_MESSAGE_BYTES_MAX);
        let serving = server(UPLOADS_PER_CONNECTION_MAX)
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(self.listener));
        serving.await.map_err(|source| ServeError::Transport { source })
    }
}

#[derive(Debug)]
struct Discard;

#[tonic::async_trait]
impl VerifyService for Discard {
    type VerifyChainStream = tokio_stream::Once<Result<v1::VerifyChainResponse, Status>>;

    async fn verify_chain(
        &self,
        request: Request<Streaming<v1::VerifyChainRequest>>,
    ) -> Result<Response<Self::VerifyChainStream>, Status> {
        let mut messages = request.into_inner();
        let mut bytes = 0;
        while let Some(message) = messages.message().await? {
            if let Some(Sent::Chunk(v1::VerifyChunk { payload: Some(payload) })) = message.part {
                bytes += match payload {
                    Payload::PackedHeaders(bytes) | Payload::PackedBlocks(bytes) => bytes.len(),
                };
            }
        }
        let verdict = v1::Verdict {
            kind: v1::VerdictKind::Incomplete.into(),
            count: (bytes / HEADER_LEN) as u64,
            incomplete_reason: REASON.to_owned(),
            ..Default::default()
        };
        let answer = v1::VerifyChainResponse { part: Some(Part::Verdict(verdict)) };
        Ok(Response::new(tokio_stream::once(Ok(answer))))
    }
}
