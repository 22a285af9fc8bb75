//! The connection to one service, and its unary calls.
//!
//! A broken connection is re-established automatically; idempotent calls are retried with exponential backoff.

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use cityseal_proto::v1;
use cityseal_proto::v1::device_service_client::DeviceServiceClient;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::status_service_client::StatusServiceClient;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::http;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};
use tonic_prost::ProstDecoder;
use tracing::debug;

use crate::address::{Address, AddressProblem, address_of};
use crate::credentials::{Bearer, CredentialProblem, Tls, Token};
use crate::device::DeviceList;
use crate::error::ClientError;
use crate::frames::UploadBody;
use crate::job::{ClaimedResult, Job, JobAnswer, JobPage, ListRequest};
use crate::retry::{Attempts, RetryPolicy, is_transient, wanted_pause};
use crate::status::{StatusReport, StatusRequest};

/// An idle connection gets an HTTP/2 keepalive ping after this time.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to a ping may take before the connection counts as broken.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The path of the call that uploads a chain.
const VERIFY_CHAIN: &str = "/cityseal.v1.VerifyService/VerifyChain";

/// The connection with the caller's token.
pub(crate) type Transport = InterceptedService<Channel, Bearer>;

/// Where the service is, who calls it, and how long to keep trying.
///
/// ```
/// use std::time::Duration;
///
/// use cityseal_client::{ClientOptions, RetryPolicy};
///
/// let options = ClientOptions::new("127.0.0.1:50051")
///     .connect_timeout(Duration::from_secs(2))
///     .call_timeout(Duration::from_secs(10))
///     .retry(RetryPolicy { give_up_after: Duration::from_mins(5), ..RetryPolicy::default() });
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientOptions {
    address: String,
    connect_timeout: Duration,
    call_timeout: Duration,
    retry: RetryPolicy,
    tls: Option<Tls>,
    token: Option<Token>,
}

impl ClientOptions {
    /// Options for a service at an address such as `127.0.0.1:50051`, `localhost:50051`, `[::1]:50051`,
    /// `http://127.0.0.1:50051` or `https://seal.city.example.org:50051`. [`Client::connect`] checks the address before
    /// its first attempt. `https` needs [`tls`](Self::tls).
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            tls: None,
            token: None,
        }
    }

    /// Connects over TLS. An address without a scheme gets `https`.
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Sends this token (`cs1_ID_SECRET`) with each call. It is sent over TLS only, or to a loopback address.
    pub fn bearer_token(self, token: impl AsRef<str>) -> Self {
        Self { token: Some(Token::new(token.as_ref())), ..self }
    }

    /// How long one attempt to connect may take. Default 5 s.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// How long one unary call may take. Default 30 s. It does not limit watching and verifying.
    pub fn call_timeout(self, call_timeout: Duration) -> Self {
        Self { call_timeout, ..self }
    }

    /// When to retry, and when to give up.
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }
}

/// A connection to one service. Clones share it.
///
/// An invalid address is refused without a connection attempt:
///
/// ```
/// use cityseal_client::{Client, ClientError, ClientOptions};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let refused = Client::connect(ClientOptions::new("127.0.0.1")).await;
/// assert!(matches!(refused, Err(ClientError::Address { .. })));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// ```no_run
/// use cityseal_client::{Client, ClientOptions};
///
/// async fn show(job_id: &str) -> Result<(), Box<dyn std::error::Error>> {
///     let client = Client::connect(ClientOptions::new("127.0.0.1:50051")).await?;
///     for device in client.devices().await?.devices {
///         println!("{device}"); // cpu (AMD EPYC 9454): ready
///     }
///     let mut watch = client.watch(job_id, 0);
///     while let Some(event) = watch.next().await? {
///         println!("{event}"); // progress: job 18c5-1: running; 8192 of 4294967296 hashes, 0 seals
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    channel: Transport,
    options: ClientOptions,
}

impl Client {
    /// Connects; retries according to the policy.
    ///
    /// # Errors
    /// [`ClientError::Address`] or [`ClientError::Credential`] immediately if the address, TLS or the token is invalid.
    /// [`ClientError::Unreachable`] if no attempt
    /// succeeds in time, or immediately if another attempt would fail in the same way.
    pub async fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let (endpoint, bearer) = endpoint(&options)?;
        let mut attempts = Attempts::new(options.retry);
        loop {
            match endpoint.connect().await {
                Ok(channel) => return Ok(Self { channel: InterceptedService::new(channel, bearer), options }),
                Err(error) if is_final(&error) => return Err(unreachable(&endpoint, Duration::ZERO, &error)),
                Err(error) => {
                    debug!(address = %endpoint.uri(), %error, "cannot connect");
                    if !attempts.wait(None).await {
                        return Err(unreachable(&endpoint, options.retry.give_up_after, &error));
                    }
                }
            }
        }
    }

    /// Returns the current state of a job, with its result once it has ended. Its seals are unchecked; [`Client::seal`]
    /// checks them.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `JOB_NOT_FOUND` if the service does not know the job.
    pub async fn job(&self, job_id: impl Into<String>) -> Result<JobAnswer, ClientError> {
        let request = v1::GetJobRequest { job_id: job_id.into() };
        let call = async |mut service: SealServiceClient<Transport>, request| service.get_job(request).await;
        let answer = self.call_with_retries(call, self.sealer(), request).await?;
        let result = answer.result.map(ClaimedResult::from_wire).transpose()?;
        Ok(JobAnswer { job: job_of(answer.job)?, result })
    }

    /// Cancels a job on behalf of `by`. Returns the job's state at that moment.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `JOB_NOT_FOUND` if the service does not know the job.
    pub async fn cancel(&self, job_id: impl Into<String>, by: impl Into<String>) -> Result<Job, ClientError> {
        let request = v1::CancelJobRequest { job_id: job_id.into(), cancelled_by: by.into() };
        let call = async |mut service: SealServiceClient<Transport>, request| service.cancel_job(request).await;
        let answer = self.call_with_retries(call, self.sealer(), request).await?;
        job_of(answer.job)
    }

    /// Reports a new tip: ends all running jobs of `chain` with a lower generation, and returns how many. Later
    /// requests for that chain with a lower generation are refused. The tenant is as in [`crate::SealRequest::tenant`].
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `STALE_GENERATION` if the chain already has a greater generation.
    pub async fn advance_tip(
        &self,
        tenant: impl Into<String>,
        chain: impl Into<String>,
        generation: u64,
    ) -> Result<u32, ClientError> {
        let request = v1::AdvanceTipRequest { tenant: tenant.into(), chain: chain.into(), generation };
        let call = async |mut service: SealServiceClient<Transport>, request| service.advance_tip(request).await;
        Ok(self.call_with_retries(call, self.sealer(), request).await?.superseded)
    }

    /// Returns one page of jobs.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the service did not issue the page token since its last start.
    pub async fn list(&self, request: &ListRequest) -> Result<JobPage, ClientError> {
        let call = async |mut service: SealServiceClient<Transport>, request| service.list_jobs(request).await;
        let answer = self.call_with_retries(call, self.sealer(), request.to_wire()).await?;
        Ok(JobPage::from_wire(answer)?)
    }

    /// Lists the devices of the service.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the call fails permanently.
    pub async fn devices(&self) -> Result<DeviceList, ClientError> {
        let devices = DeviceServiceClient::new(self.channel.clone());
        let call = async |mut service: DeviceServiceClient<Transport>, request| service.list_devices(request).await;
        let answer = self.call_with_retries(call, devices, v1::ListDevicesRequest {}).await?;
        Ok(DeviceList::from_wire(answer))
    }

    /// Returns what the service does at present: of the caller's tenant, or of all tenants with the scope `operate`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the call fails permanently; `UNKNOWN_METHOD`: the service is older than this call.
    pub async fn status(&self, request: &StatusRequest) -> Result<StatusReport, ClientError> {
        let statuses = StatusServiceClient::new(self.channel.clone());
        let call = async |mut service: StatusServiceClient<Transport>, request| service.get_status(request).await;
        let answer = self.call_with_retries(call, statuses, request.to_wire()).await?;
        Ok(StatusReport::from_wire(answer)?)
    }

    pub(crate) async fn submit_request(&self, request: v1::SubmitSealRequest) -> Result<Job, ClientError> {
        let call = async |mut service: SealServiceClient<Transport>, request| service.submit_seal(request).await;
        let answer = self.call_with_retries(call, self.sealer(), request).await?;
        job_of(answer.job)
    }

    pub(crate) fn sealer(&self) -> SealServiceClient<Transport> {
        SealServiceClient::new(self.channel.clone())
    }

    /// Begins a `VerifyChain` call with its own body. Apart from the body it does what the generated client does.
    pub(crate) async fn open_upload(
        &self,
        body: UploadBody,
    ) -> Result<tonic::Streaming<v1::VerifyChainResponse>, Status> {
        let failed = |error: <Transport as GrpcService<Body>>::Error| Status::from_error(error.into());
        let mut channel = self.channel.clone();
        std::future::poll_fn(|cx| GrpcService::<Body>::poll_ready(&mut channel, cx)).await.map_err(failed)?;
        let mut request = http::Request::new(Body::new(body));
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = http::Uri::from_static(VERIFY_CHAIN);
        request.headers_mut().insert(http::header::TE, http::HeaderValue::from_static("trailers"));
        request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
        let response = GrpcService::call(&mut channel, request).await.map_err(failed)?;
        // A call that is refused before its first answer ends with its headers.
        if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) {
            return Err(status);
        }
        let (status, decoder) = (response.status(), ProstDecoder::default());
        Ok(tonic::Streaming::new_response(decoder, response.into_body(), status, None, None))
    }

    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::new(self.options.retry)
    }

    /// Repeats a unary call until it succeeds, fails permanently, or the retry policy gives up.
    async fn call_with_retries<S: Clone, Q: Clone, A, F>(
        &self,
        call: impl Fn(S, tonic::Request<Q>) -> F,
        service: S,
        message: Q,
    ) -> Result<A, ClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut attempts = self.attempts();
        loop {
            let mut request = tonic::Request::new(message.clone());
            request.set_timeout(self.options.call_timeout);
            match call(service.clone(), request).await {
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

/// Reads the job of an answer.
fn job_of(message: Option<v1::Job>) -> Result<Job, ClientError> {
    let message = message.ok_or(ClientError::Cut { expected: "the job" })?;
    Ok(Job::from_wire(message)?)
}

fn endpoint(options: &ClientOptions) -> Result<(Endpoint, Bearer), ClientError> {
    let refused = |problem| ClientError::Address { found: options.address.clone(), problem };
    let address = address_of(&options.address, options.tls.is_some()).map_err(refused)?;
    let endpoint = Endpoint::from_shared(address.uri.clone()).map_err(|_| refused(AddressProblem::Host))?;
    let endpoint = endpoint
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    let (endpoint, bearer) = with_credentials(endpoint, options, &address)?;
    Ok((endpoint, bearer))
}

/// Adds TLS, and prepares the token.
fn with_credentials(
    endpoint: Endpoint,
    options: &ClientOptions,
    address: &Address,
) -> Result<(Endpoint, Bearer), CredentialProblem> {
    let endpoint = match (&options.tls, address.has_tls) {
        // The library's error may repeat a part of the PEM.
        (Some(tls), true) => endpoint.tls_config(tls.to_config()).map_err(|_| CredentialProblem::Tls)?,
        (Some(_), false) => return Err(CredentialProblem::NotHttps),
        (None, true) => return Err(CredentialProblem::NoCa),
        (None, false) => endpoint,
    };
    let Some(token) = &options.token else { return Ok((endpoint, Bearer::default())) };
    if !address.has_tls && !address.is_loopback {
        return Err(CredentialProblem::TokenWithoutTls);
    }
    Ok((endpoint, token.to_bearer()?))
}

/// Whether another attempt would fail in the same way: the system forbids the connection or does not support the
/// address, or the service's certificate is not trusted (`InvalidData`).
fn is_final(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{AddrNotAvailable, InvalidData, InvalidInput, PermissionDenied, Unsupported};
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| {
        matches!(error.kind(), AddrNotAvailable | InvalidData | InvalidInput | PermissionDenied | Unsupported)
    })
}

/// The error and its chain of sources, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

fn unreachable(address: &Endpoint, within: Duration, error: &tonic::transport::Error) -> ClientError {
    let address = address.uri().to_string().trim_end_matches('/').to_owned();
    let reason: Vec<String> = causes(error).map(ToString::to_string).collect();
    ClientError::Unreachable { address, within, reason: reason.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_do_not_fit_the_address_are_refused_before_a_connection() {
        let problem = |options: ClientOptions| {
            let error = endpoint(&options).map(|_| ()).unwrap_err();
            let ClientError::Credential(problem) = error else { panic!("{error}") };
            problem
        };
        let new = ClientOptions::new;
        let token = "cs1_0011223344556677_00";
        assert_eq!(problem(new("https://localhost:1")), CredentialProblem::NoCa);
        assert_eq!(problem(new("http://localhost:1").tls(Tls::new(""))), CredentialProblem::NotHttps);
        assert_eq!(problem(new("localhost:1").bearer_token("x")), CredentialProblem::Token);
        assert_eq!(problem(new("seal.example.org:1").bearer_token(token)), CredentialProblem::TokenWithoutTls);
        let broken = Tls::new("").identity("not PEM", "canary");
        assert_eq!(problem(new("https://localhost:1").tls(broken)), CredentialProblem::Tls);
        assert!(endpoint(&new("localhost:1").bearer_token(token)).is_ok());
    }

    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Outer(#[source] io::Error);

    #[test]
    fn errors_that_the_system_forbids_are_final_and_passing_ones_are_not() {
        use io::ErrorKind as Kind;
        for kind in
            [Kind::PermissionDenied, Kind::InvalidData, Kind::InvalidInput, Kind::AddrNotAvailable, Kind::Unsupported]
        {
            assert!(is_final(&Outer(kind.into())), "{kind:?}");
        }
        let passing = [Kind::ConnectionRefused, Kind::TimedOut, Kind::NetworkUnreachable, Kind::HostUnreachable];
        for kind in passing {
            assert!(!is_final(&Outer(kind.into())), "{kind:?}");
        }
    }
}
