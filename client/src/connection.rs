//! The connection to one service, and the calls that are one question and one answer.
//!
//! The connection is made anew by itself when it breaks; calls that change nothing when made twice are made again with growing pauses.

use std::future::Future;
use std::time::Duration;

use cityseal_proto::v1;
use cityseal_proto::v1::device_service_client::DeviceServiceClient;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};
use tracing::debug;

use crate::error::ClientError;
use crate::retry::{Attempts, RetryPolicy, is_transient, wanted_pause};

/// A silent connection is asked for a sign of life after this time.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the sign of life may take before the connection counts as broken.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the service is, and how patient to be.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientOptions {
    address: String,
    connect_timeout: Duration,
    call_timeout: Duration,
    retry: RetryPolicy,
}

impl ClientOptions {
    /// A service at an address such as `http://127.0.0.1:50051`.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
        }
    }

    /// How long one attempt to connect may take. Default 5 s.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// How long one call of a question and an answer may take. Default 30 s. Watching and verifying are not bound by it.
    pub fn call_timeout(self, call_timeout: Duration) -> Self {
        Self { call_timeout, ..self }
    }

    /// When to try again, and when to give up.
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }
}

/// A connection to one service. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    options: ClientOptions,
}

impl Client {
    /// Connects, trying again as the policy says.
    ///
    /// # Errors
    /// [`ClientError::Address`], or [`ClientError::Unreachable`] when no attempt succeeded in time.
    pub async fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let endpoint = endpoint(&options)?;
        let mut attempts = Attempts::new(options.retry);
        loop {
            match endpoint.connect().await {
                Ok(channel) => return Ok(Self { channel, options }),
                Err(error) => {
                    debug!(address = options.address, %error, "cannot connect");
                    if !attempts.wait(None).await {
                        return Err(unreachable(&options, &error));
                    }
                }
            }
        }
    }

    /// The job as it stands; with its result once it has ended. Seals in it were not checked: [`Client::seal`] checks.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `JOB_NOT_FOUND` where the service does not know it.
    pub async fn job(&self, job_id: &str) -> Result<v1::GetJobResponse, ClientError> {
        let request = v1::GetJobRequest { job_id: job_id.to_owned() };
        self.ask(async |mut to: SealServiceClient<Channel>, request| to.get_job(request).await, self.sealer(), request)
            .await
    }

    /// Asks a job to end, in the name of `cancelled_by`. Returns the job as it stood just then.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `JOB_NOT_FOUND` where the service does not know it.
    pub async fn cancel(&self, job_id: &str, cancelled_by: &str) -> Result<v1::Job, ClientError> {
        let request = v1::CancelJobRequest { job_id: job_id.to_owned(), cancelled_by: cancelled_by.to_owned() };
        let ask = async |mut to: SealServiceClient<Channel>, request| to.cancel_job(request).await;
        let answer = self.ask(ask, self.sealer(), request).await?;
        answer.job.ok_or(ClientError::Cut { expected: "the job" })
    }

    /// One page of jobs: up to `page_size` (0: as many as the service gives), from `page_token` (empty: the first).
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the token is not one of the service since its start.
    pub async fn list(&self, page_size: u32, page_token: &str) -> Result<v1::ListJobsResponse, ClientError> {
        let request = v1::ListJobsRequest { page_size, page_token: page_token.to_owned(), tenant: None };
        self.ask(
            async |mut to: SealServiceClient<Channel>, request| to.list_jobs(request).await,
            self.sealer(),
            request,
        )
        .await
    }

    /// The devices behind the service.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the call fails for good.
    pub async fn devices(&self) -> Result<v1::ListDevicesResponse, ClientError> {
        let to = DeviceServiceClient::new(self.channel.clone());
        let ask = async |mut to: DeviceServiceClient<Channel>, request| to.list_devices(request).await;
        self.ask(ask, to, v1::ListDevicesRequest {}).await
    }

    pub(crate) async fn submit_request(&self, request: v1::SubmitSealRequest) -> Result<v1::Job, ClientError> {
        let ask = async |mut to: SealServiceClient<Channel>, request| to.submit_seal(request).await;
        let answer = self.ask(ask, self.sealer(), request).await?;
        answer.job.ok_or(ClientError::Cut { expected: "the job" })
    }

    pub(crate) fn sealer(&self) -> SealServiceClient<Channel> {
        SealServiceClient::new(self.channel.clone())
    }

    pub(crate) fn verifier(&self) -> VerifyServiceClient<Channel> {
        VerifyServiceClient::new(self.channel.clone())
    }

    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::new(self.options.retry)
    }

    /// Asks until an answer comes, the refusal is for good, or it is time to give up.
    async fn ask<To: Clone, Q: Clone, A, F>(
        &self,
        ask: impl Fn(To, tonic::Request<Q>) -> F,
        to: To,
        question: Q,
    ) -> Result<A, ClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut attempts = self.attempts();
        loop {
            let mut request = tonic::Request::new(question.clone());
            request.set_timeout(self.options.call_timeout);
            match ask(to.clone(), request).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => {
                    debug!(%status, "call failed");
                    if !is_transient(&status) || !attempts.wait(wanted_pause(&status)).await {
                        return Err(status.into());
                    }
                }
            }
        }
    }
}

fn endpoint(options: &ClientOptions) -> Result<Endpoint, ClientError> {
    let address = || ClientError::Address { found: options.address.clone() };
    let endpoint = Endpoint::from_shared(options.address.clone()).map_err(|_| address())?;
    if endpoint.uri().host().is_none() {
        return Err(address());
    }
    Ok(endpoint
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT))
}

fn unreachable(options: &ClientOptions, error: &tonic::transport::Error) -> ClientError {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    ClientError::Unreachable { address: options.address.clone(), within: options.retry.give_up_after, reason }
}
