//! A service that returns scripted answers, whatever the request.

use std::net::SocketAddr;

use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_server::{SealService, SealServiceServer};
use cityseal_proto::v1::verify_service_server::{VerifyService, VerifyServiceServer};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Iter, iter};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// When the service sends its verdict.
#[derive(Clone, Debug, Default)]
pub(crate) enum Verdicts {
    #[default]
    None,
    /// Before it has read anything.
    AtOnce(v1::Verdict),
    /// After it has read everything.
    AtTheEnd(v1::Verdict),
}

/// The service's answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// The final state of every job.
    pub(crate) job: v1::Job,
    pub(crate) result: v1::SealResult,
    pub(crate) verdicts: Verdicts,
}

/// A job of 256 nonces that ended in this state.
pub(crate) fn job_in(state: v1::JobState) -> v1::Job {
    v1::Job { state: state.into(), volume: "256".to_owned(), ..Default::default() }
}

/// Starts the service on a free port of loopback.
pub(crate) async fn serve(script: Script) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Server::builder()
        .add_service(SealServiceServer::new(script.clone()))
        .add_service(VerifyServiceServer::new(script));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

type Answers<T> = Iter<std::vec::IntoIter<Result<T, Status>>>;

fn answers<T>(messages: Vec<T>) -> Response<Answers<T>> {
    Response::new(iter(messages.into_iter().map(Ok).collect::<Vec<_>>()))
}

#[tonic::async_trait]
impl SealService for Script {
    type WatchJobStream = Answers<v1::WatchJobResponse>;

    async fn submit_seal(&self, _: Request<v1::SubmitSealRequest>) -> Result<Response<v1::SubmitSealResponse>, Status> {
        let job = v1::Job { state: v1::JobState::Running.into(), ..self.job.clone() };
        Ok(Response::new(v1::SubmitSealResponse { job: Some(job), replayed: false }))
    }

    async fn watch_job(&self, _: Request<v1::WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let event = Some(v1::watch_job_response::Event::Ended(self.result.clone()));
        Ok(answers(vec![v1::WatchJobResponse { seq: 1, job: Some(self.job.clone()), event }]))
    }

    async fn get_job(&self, _: Request<v1::GetJobRequest>) -> Result<Response<v1::GetJobResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn cancel_job(&self, _: Request<v1::CancelJobRequest>) -> Result<Response<v1::CancelJobResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn list_jobs(&self, _: Request<v1::ListJobsRequest>) -> Result<Response<v1::ListJobsResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn advance_tip(&self, _: Request<v1::AdvanceTipRequest>) -> Result<Response<v1::AdvanceTipResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}

#[tonic::async_trait]
impl VerifyService for Script {
    type VerifyChainStream = Answers<v1::VerifyChainResponse>;

    async fn verify_chain(
        &self,
        request: Request<Streaming<v1::VerifyChainRequest>>,
    ) -> Result<Response<Self::VerifyChainStream>, Status> {
        let verdict = match &self.verdicts {
            Verdicts::None => None,
            Verdicts::AtOnce(verdict) => Some(verdict.clone()),
            Verdicts::AtTheEnd(verdict) => {
                let mut upload = request.into_inner();
                while upload.message().await?.is_some() {}
                Some(verdict.clone())
            }
        };
        let part = |verdict| v1::VerifyChainResponse { part: Some(v1::verify_chain_response::Part::Verdict(verdict)) };
        Ok(answers(verdict.into_iter().map(part).collect()))
    }
}
