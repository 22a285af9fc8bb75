//! The connection to one service, and the calls that are one question and one answer.
//!
//! The connection is made anew by itself when it breaks; calls that change nothing when made twice are made again with growing pauses.

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use cityseal_proto::v1;
use cityseal_proto::v1::device_service_client::DeviceServiceClient;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};
use tracing::debug;

use crate::address::{AddressProblem, uri_of};
use crate::error::ClientError;
use crate::retry::{Attempts, RetryPolicy, is_transient, wanted_pause};

/// A silent connection is asked for a sign of life after this time.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the sign of life may take before the connection counts as broken.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the service is, and how long to keep trying.
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
}

impl ClientOptions {
    /// A service at an address such as `127.0.0.1:50051`, `localhost:50051`, `[::1]:50051` or `http://127.0.0.1:50051`.
    /// [`Client::connect`] checks it before its first attempt. There is no TLS yet: the service listens on loopback only.
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
///
/// An address that cannot be right is refused at once; whether a service answers there takes attempts:
///
/// ```
/// use cityseal_client::{Client, ClientError, ClientOptions};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let refused = Client::connect(ClientOptions::new("https://127.0.0.1:50051")).await;
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
    channel: Channel,
    options: ClientOptions,
}

impl Client {
    /// Connects; retries as the policy says.
    ///
    /// # Errors
    /// [`ClientError::Address`] at once, where the address is invalid. [`ClientError::Unreachable`] where no attempt succeeded in
    /// time, and at once where another attempt would fail too.
    pub async fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let endpoint = endpoint(&options)?;
        let mut attempts = Attempts::new(options.retry);
        loop {
            match endpoint.connect().await {
                Ok(channel) => return Ok(Self { channel, options }),
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
    let refused = |problem| ClientError::Address { found: options.address.clone(), problem };
    let uri = uri_of(&options.address).map_err(refused)?;
    let endpoint = Endpoint::from_shared(uri).map_err(|_| refused(AddressProblem::Host))?;
    Ok(endpoint
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT))
}

/// Whether another attempt fails in the same way: the system forbids the connection, or knows no such kind of address.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{AddrNotAvailable, InvalidInput, PermissionDenied, Unsupported};
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), AddrNotAvailable | InvalidInput | PermissionDenied | Unsupported))
}

/// The error and all that caused it, the nearest first.
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

    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Outer(#[source] io::Error);

    #[test]
    fn what_the_system_forbids_is_final_and_what_may_change_is_not() {
        use io::ErrorKind as Kind;
        for kind in [Kind::PermissionDenied, Kind::InvalidInput, Kind::AddrNotAvailable, Kind::Unsupported] {
            assert!(is_final(&Outer(kind.into())), "{kind:?}");
        }
        let passing = [Kind::ConnectionRefused, Kind::TimedOut, Kind::NetworkUnreachable, Kind::HostUnreachable];
        for kind in passing {
            assert!(!is_final(&Outer(kind.into())), "{kind:?}");
        }
    }
}
