//! All limits of the service, with the arithmetic behind them. Those in [`Limits`](crate::Limits) are defaults, which
//! the configuration can change.
//!
//! No limit changes an answer: it is either met or named in an error.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Maximum number of open uploads (`VerifyChain`) per connection.
pub const UPLOADS_PER_CONNECTION_MAX: usize = 4;

/// Maximum number of concurrent uploads. When all places are taken, the holder (a tenant, or the address of a local
/// caller) with the most loses its idlest upload to a holder with fewer; it can resume. Each may hold one stream window
/// (4 MiB) and one message (4 MiB): 16 x 8 MiB = 128 MiB; and the work in progress of its verifier: 8 segments of 320
/// KiB of headers, or 8 batches of blocks (two per worker, if that is more) of 1 MiB, or 4 MiB for the largest blocks:
/// 16 x 32 MiB = 512 MiB at worst with up to 4 workers.
pub const UPLOADS_MAX: usize = 16;

/// HTTP/2 stream window in bytes: four chunks of 1 MiB are in transit while one is processed.
pub const STREAM_WINDOW_BYTES: u32 = 4 * MIB as u32;

/// The part of the HTTP/2 connection window for all calls other than uploads. The window is 4 uploads x 4 MiB, all
/// stalled, and this. With less, one stalled upload would block a cancel call.
pub const CONNECTION_WINDOW_SPARE_BYTES: u32 = MIB as u32;

/// The largest HTTP/2 frame that clients may send, in bytes: a chunk of 1 MiB arrives in 4 frames instead of 64.
pub const FRAME_BYTES_MAX: u32 = 256 * KIB as u32;

/// Maximum number of streams per connection. Without it, tonic removes hyper's own limit; 20,000 open streams cost 155
/// MB.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 64;

/// Maximum size of all headers of one call, in bytes: the service's own metadata is below 1 KiB.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * KIB as u32;

/// The largest message of an upload, in bytes: the buffer for an announced length is reserved before its data arrives.
/// The largest block has 4,000,000 bytes, and fits.
pub const UPLOAD_MESSAGE_BYTES_MAX: usize = 4 * MIB;

/// The largest message of every other call, in bytes. A result at its limits is 860 KB (see [`COVERAGE_SPANS_MAX`]).
pub const MESSAGE_BYTES_MAX: usize = MIB;

/// Maximum number of open connections. An idle one costs about 20 KB: 20 MB. When all places are taken, a connection on
/// which no call was admitted makes room for an address with fewer; or else the idlest of the address with the most; or
/// else the idlest of all.
pub const CONNECTIONS_MAX: usize = 1024;

/// Connections that have lost their place and are about to be closed, in addition to [`CONNECTIONS_MAX`]: 64 x 20 KB.
pub const CONNECTIONS_CLOSING_MAX: usize = 64;

/// Of the open connections, this many that came last are not the first to go for having had no call yet: a client's
/// first call arrives within a few round trips, in which an attacker must open that many to displace it.
pub const CONNECTIONS_NEW_MAX: u64 = 64;

/// A connection without an open call is closed after this time.
pub const CONNECTION_IDLE_MAX: Duration = Duration::from_mins(5);

/// Maximum size of all incomplete requests, uploads excepted, in bytes: 8 of the largest ([`MESSAGE_BYTES_MAX`]), or 80
/// with the largest coinbase ([`COINBASE_BYTES_MAX`]). In addition there is what has arrived and was not looked at yet,
/// at most [`UNREAD_BYTES_MAX`] and one frame ([`FRAME_BYTES_MAX`]) per connection: with 32 connections 16 MiB. The
/// allocator keeps about as much again: measured 34 MiB in all, also on a busy machine.
pub const BODIES_BYTES_MAX: usize = 8 * MIB;

/// The same per connection: half, which is 40 submissions with the largest coinbase at once.
pub const BODIES_BYTES_PER_CONNECTION_MAX: usize = 4 * MIB;

/// A connection that has read this many bytes in a row lets its calls run before it reads on.
pub const READ_AT_ONCE_BYTES_MAX: usize = 256 * KIB;

/// A connection with incomplete requests and no upload stops reading when this many bytes were not taken by them.
/// Otherwise a fast sender fills the whole window (17 MiB, see [`CONNECTION_WINDOW_SPARE_BYTES`]) while its calls wait
/// for a busy processor and cannot refuse their requests.
pub const UNREAD_BYTES_MAX: usize = 256 * KIB;

/// The longest pause of a connection that waits for its calls to take their bytes. Bytes that no call takes, such as
/// pings and data of ended calls, would stop it for ever.
pub const UNREAD_PAUSE_MAX: Duration = Duration::from_millis(100);

/// Maximum time from the head of a call to the end of its request, or of an upload's first message. 1 MiB in 10 s is
/// 105 KB/s.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Maximum number of connections per address: half of all, so that one address alone cannot lock the others out.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 512;

/// Maximum time from accept to the end of the client's HTTP/2 preface, the TLS handshake included.
pub const PREFACE_DEADLINE: Duration = Duration::from_secs(5);

/// Maximum number of TLS handshakes at once; others wait, under [`PREFACE_DEADLINE`]. Half of [`CONNECTIONS_MAX`]: each
/// holds buffers of at most 40 KB, 20 MB in all, and takes about 0.3 ms of a core to sign and verify.
pub const HANDSHAKES_MAX: usize = 512;

/// Maximum number of TLS handshakes of one address at once; more are refused. Half of all, so that one address that
/// stops half way cannot hold up the handshakes of others.
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = HANDSHAKES_MAX / 2;

/// Maximum number of tenants in the configuration: 256 x 200 B of text = 51 KB, below the 256 KiB of that file.
pub const TENANTS_MAX: usize = 256;

/// Maximum length of the name of a configured tenant in bytes: with [`TENANT_URI_PREFIX`](crate::TENANT_URI_PREFIX) it
/// is shorter than [`URI_BYTES_MAX`], and the name of a file of it is shorter than 255 bytes.
pub const TENANT_NAME_BYTES_MAX: usize = 64;

/// The largest weight of a tenant, which the engine sets.
pub const TENANT_WEIGHT_MAX: u32 = cityseal_engine::TENANT_WEIGHT_MAX;

/// Maximum length of the URI of a tenant's certificate, in bytes.
pub const URI_BYTES_MAX: usize = 256;

/// Maximum number of tokens: 4,096 x 200 B = 819 KB, below [`TOKEN_FILE_BYTES_MAX`].
pub const TOKENS_MAX: usize = 4096;

/// Maximum size of the file of tokens in bytes.
pub const TOKEN_FILE_BYTES_MAX: u64 = MIB as u64;

/// Maximum size of a certificate, key, CA or CRL file in bytes: a CRL of 10,000 certificates has 60 bytes for each, and
/// PEM adds a third: 800 KB.
pub const PEM_BYTES_MAX: u64 = MIB as u64;

/// Time between two looks at the files of TLS and identity. A file counts once it is unchanged for one such interval,
/// so that a change is in force after at most 3 x 200 ms, and the streams of a removed token end within 1 s.
pub const RELOAD_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A silent connection is pinged after this time, and closed if there is no answer.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Maximum time for the answer to a ping.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first and the longest pause of the accept loop when file descriptors have run out.
pub const ACCEPT_PAUSE_FIRST: Duration = Duration::from_millis(10);
/// See [`ACCEPT_PAUSE_FIRST`].
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// An upload must send at least [`UPLOAD_BYTES_MIN`] of its chain in this period; time in which the service does not
/// read because it is busy does not count.
pub const UPLOAD_PERIOD: Duration = Duration::from_secs(30);

/// See [`UPLOAD_PERIOD`]: 64 KiB in 30 s are 2.2 KB/s, 27 headers a second. A chain of 900,000 headers (72 MB) ends
/// after at most 9.2 hours.
pub const UPLOAD_BYTES_MIN: usize = 64 * KIB;

/// Threads that read the first messages of uploads: a network's parameters, context and resume tokens, up to
/// [`UPLOAD_MESSAGE_BYTES_MAX`]. A document of 4 MiB takes some tenths of a second and about ten times its size: 2 x 40
/// MiB.
pub const BEGIN_THREADS_MAX: usize = 2;

/// A first message up to this size is read at once: at the speed above, about a millisecond.
pub const BEGIN_AT_ONCE_BYTES_MAX: usize = 16 * KIB;

/// Threads that check submissions and talk to the engine for calls (submit, cancel, advance, list of devices). The
/// engine has one lock, so more would only wait; a submission with the largest coinbase is hashed in a millisecond.
pub const ENGINE_THREADS_MAX: usize = 4;

/// Threads that read the reports of ended jobs: a result at its limits is built in a few milliseconds.
pub const ENDING_JOBS_MAX: usize = 2;

/// Maximum duration of a streaming call, even if the client's own deadline is later.
pub const STREAM_DEADLINE_MAX: Duration = Duration::from_hours(24);

/// Time between two progress messages of a job or an upload.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Time between two resume tokens of an upload: usually at most 70 KB each, and a second's worth of a chain is quickly
/// sent again.
pub const RESUME_TOKEN_INTERVAL: Duration = Duration::from_secs(1);

/// The longest lame duck phase that can be configured.
pub const LAME_DUCK_MAX: Duration = Duration::from_hours(1);

/// How long the last connections have to end after they were told to close.
pub const CLOSE_MAX: Duration = Duration::from_millis(500);

/// Time between two looks at the devices, for the health: a lost device shows after a second, and returns as soon.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How long a drain waits for open calls before it closes them.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Maximum number of running jobs, over all tenants. Each holds a search state of a few KiB, its template (at most
/// [`COINBASE_BYTES_MAX`]) and its events (60 KB, see [`JOB_EVENTS_MAX`]): 256 x 165 KB = 42 MB.
pub const JOBS_RUNNING_MAX: usize = 256;

/// Maximum number of running jobs per tenant: a quarter of all.
pub const JOBS_RUNNING_PER_TENANT_MAX: usize = 64;

/// Maximum size of a coinbase without its extranonce, in bytes. A pool's coinbase has a few hundred outputs: 10 KB. It
/// is hashed once per extranonce, so a longer one would cost the devices' time.
pub const COINBASE_BYTES_MAX: usize = 100_000;

/// Maximum number of chains whose tip is kept, per tenant.
pub const TIPS_PER_TENANT_MAX: usize = 256;

/// Maximum number of chains whose tip is kept: 4,096 x 400 B = 1.6 MB.
pub const TIPS_MAX: usize = 4096;

/// A chain's tip may be dropped after this time without news.
pub const TIP_KEPT_MAX: Duration = Duration::from_hours(24);

/// How long a caller that was refused because of a limit should wait.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The latest deadline of a job, from its submission.
pub const JOB_DEADLINE_MAX: Duration = Duration::from_hours(24);

/// Time between two notes of the coverage of running jobs in the journal. After a crash at most 5 s of work are
/// searched again: these 4 s, and 1 s for what waits for a canary and for the commit.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(4);

/// Numbers of events that a job may use before the journal has a note of them. One note in [`CHECKPOINT_INTERVAL`]
/// reserves as many again, and 4 s have 20 events, one in each [`PROGRESS_INTERVAL`]: room for two notes that fail.
pub const SEQS_RESERVED: u64 = 64;

/// How long the end of the service waits for the last notes in the journal: those of [`JOBS_RUNNING_MAX`] jobs with 320
/// KiB each are 84 MB, usually a few commits of 5 ms.
pub const SUSPEND_MAX: Duration = Duration::from_secs(5);

/// How long an ended job is kept, with its request id.
pub const JOB_KEPT_MAX: Duration = Duration::from_hours(24);

/// Maximum number of ended jobs that are kept per tenant; the oldest are dropped first.
pub const JOBS_ENDED_PER_TENANT_MAX: usize = 10_000;

/// Maximum size of all ended jobs together, in bytes: records, events, results and index entries. A short job takes
/// about 2 KB and a result at its limits 1.5 MB, so this is 32,000 short jobs or 42 of the largest. When it is
/// exceeded, the tenant that holds the most loses its oldest job.
pub const RETAINED_BYTES_MAX: usize = 64 * MIB;

/// Index entries of one job, in bytes: seven nodes of maps with up to 72 B each.
pub const JOB_INDEX_BYTES: usize = 512;

/// Events per job that are kept for late watchers: 512 x 200 ms = 102 s of progress; 512 x 120 B = 60 KB.
pub const JOB_EVENTS_MAX: usize = 512;

/// Maximum number of watchers of all jobs together, shared like [`UPLOADS_MAX`]. Each holds a task and four events of
/// 120 B, or one result: 1,024 x 4 KB = 4 MB, and as many results as are being sent.
pub const WATCHERS_MAX: usize = 1024;

/// Jobs per page of a list: 256 x 800 B = 205 KB.
pub const PAGE_JOBS_MAX: usize = 256;

/// Maximum length of a request id, a tenant's name and a canceller's name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Maximum size of one caller's text (a network's name, a job's id) inside the message of a status, in bytes: twice
/// [`NAME_BYTES_MAX`], so that every accepted name is shown completely, including quotes and a few escapes.
pub const ECHO_BYTES_MAX: usize = 256;

/// Maximum size of the message of a status in bytes; each description in its details has the same limit. Clients refuse
/// an answer whose headers or trailers exceed 8 KiB (the default of gRPC's C core, and so of Python, C++, Ruby and
/// PHP), each counted with its name and 32 bytes. `grpc-message` is percent-encoded, up to 3 bytes for one.
/// `grpc-status-details-bin` is base64, 4 bytes for 3, of the message, a description that repeats it, at most three
/// texts of [`ECHO_BYTES_MAX`] (a field's path or a resource's name, and two numbers or ids in addition to the reason),
/// and at most 400 bytes of names and type URLs: 3 x 1,024 + 4/3 x (2 x 1,024 + 3 x 256 + 400) = 7,361 bytes. With 512
/// bytes for the other headers and for names: 7,873.
pub const STATUS_TEXT_BYTES_MAX: usize = 1024;

/// Maximum size of headers or trailers that clients accept; see [`STATUS_TEXT_BYTES_MAX`].
pub const STATUS_BYTES_MAX: usize = 8 * KIB;

/// Complete requests of up to [`WAITING_SMALL_BYTES_MAX`] that wait for a thread of [`ENGINE_THREADS_MAX`]: 1,024 x 16
/// KiB = 16 MiB. Shared like [`UPLOADS_MAX`].
pub const WAITING_SMALL_MAX: usize = 1024;
/// See [`WAITING_SMALL_MAX`].
pub const WAITING_SMALL_BYTES_MAX: usize = 16 * KIB;

/// The same of larger requests: 32 x 1 MiB ([`MESSAGE_BYTES_MAX`]) = 32 MiB.
pub const WAITING_LARGE_MAX: usize = 32;

/// Refusals that are kept per tenant, for the status and the dashboard.
pub const REFUSALS_PER_TENANT_MAX: usize = 1_000;

/// Maximum size of all kept refusals, in bytes. One has nine texts of at most [`REFUSAL_TEXT_BYTES_MAX`] and 400 bytes:
/// usually 700 bytes in all, so this is 24,000 usual ones, or 6,100 of the largest.
pub const REFUSALS_BYTES_MAX: usize = 16 * MIB;

/// Maximum size of each text of a kept refusal, in bytes.
pub const REFUSAL_TEXT_BYTES_MAX: usize = ECHO_BYTES_MAX;

/// Refusals in one status: 256 x 2.9 KB at worst = 742 KB. With 128 jobs of 900 B, 257 tenants of 150 B, 64
/// verifications of 700 B and 32 devices of 2 KB, 1,005 KB: below [`MESSAGE_BYTES_MAX`] = 1,049 KB.
pub const STATUS_REFUSALS_MAX: usize = 256;

/// Jobs in one status, see [`STATUS_REFUSALS_MAX`].
pub const STATUS_JOBS_MAX: usize = 128;

/// Verifications in one status, those that began first: the number of uploads can be changed.
pub const STATUS_VERIFICATIONS_MAX: usize = 64;

/// Time between two samples of the devices' rates and temperatures.
pub const HISTORY_INTERVAL: Duration = Duration::from_secs(2);

/// Samples per device: 60 x 2 s = 2 minutes; 60 x 8 B for each device.
pub const HISTORY_SAMPLES_MAX: usize = 60;

/// Maximum number of connections of the dashboard. A browser uses two: one for pages, one for updates. With TLS each
/// costs about 60 KB, and at most [`DASHBOARD_HEAD_BYTES_MAX`] twice: 64 x 92 KB = 5.9 MB.
pub const DASHBOARD_CONNECTIONS_MAX: usize = 64;

/// The same per address.
pub const DASHBOARD_CONNECTIONS_PER_ADDRESS_MAX: usize = 16;

/// Maximum number of streams of updates of the dashboard. Each holds at most two versions of the page, see
/// [`DASHBOARD_ROWS_MAX`]: 24 x 2 x 150 KB = 7.2 MB, however slowly its browser reads.
pub const DASHBOARD_STREAMS_MAX: usize = 24;

/// Time between two updates of the dashboard.
pub const DASHBOARD_INTERVAL: Duration = Duration::from_secs(2);

/// Rows of each table of the dashboard: five tables of 64 rows of 470 B are 150 KB. Older refusals are on pages of
/// their own.
pub const DASHBOARD_ROWS_MAX: usize = 64;

/// Refusals on the first page of the dashboard, where other panes need space too.
pub const DASHBOARD_REFUSALS_MAX: usize = 20;

/// Maximum size of the head of a request of the dashboard, in bytes: a browser sends 1 KB.
pub const DASHBOARD_HEAD_BYTES_MAX: usize = 16 * KIB;

/// Maximum time for each head of a request; idle connections end after it. The first one and its TLS handshake have
/// [`PREFACE_DEADLINE`].
pub const DASHBOARD_HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// Maximum time from the head of a request of the dashboard to the head of its answer.
pub const DASHBOARD_ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Maximum age of a connection of the dashboard without a stream of updates: also of one that reads its answer slowly.
pub const DASHBOARD_CONNECTION_MAX: Duration = Duration::from_mins(1);

/// Maximum age of a connection with a stream of updates; the browser connects again.
pub const DASHBOARD_STREAM_MAX: Duration = Duration::from_hours(1);

/// Maximum size of the login form in bytes: a token has 85.
pub const LOGIN_BYTES_MAX: usize = KIB;

/// Maximum age of a session of the dashboard: a working day.
pub const SESSION_MAX: Duration = Duration::from_hours(12);

/// Maximum number of sessions; a new one replaces the oldest. 256 x 250 B = 64 KB.
pub const SESSIONS_MAX: usize = 256;

/// The same per tenant.
pub const SESSIONS_PER_TENANT_MAX: usize = 32;

/// Attempts to log in per address: this many at once, and then one per [`LOGIN_PAUSE`]. Tokens have 256 random bits, so
/// this protects the service, not the tokens.
pub const LOGINS_BURST: u32 = 10;

/// See [`LOGINS_BURST`].
pub const LOGIN_PAUSE: Duration = Duration::from_secs(6);

/// Addresses whose attempts to log in are counted: 1,024 x 40 B. Further ones are refused until one is forgotten, a
/// minute after its last attempt.
pub const LOGIN_ADDRESSES_MAX: usize = 1_024;

/// Time between two looks at the folder of benchmark records.
pub const RECORDS_INTERVAL: Duration = Duration::from_mins(1);

/// Maximum time from the head of a call to the head of its answer.
pub const ANSWER_DEADLINE_MAX: Duration = Duration::from_mins(1);

/// Log lines about admitted calls, and as many about refused ones: this many in a burst, and then
/// [`LOG_LINES_PER_SECOND`]. 2 x 20 lines of 330 bytes are 13 KB/s, 1.1 GB a day, whatever callers do; at worst a line
/// has five texts of [`ECHO_BYTES_MAX`], each escaped to six times its length: 8 KB, 320 KB/s. Suppressed lines are
/// counted in the next line of their kind. In the event log there are as many refusals.
pub const LOG_LINES_BURST: u32 = 200;
/// See [`LOG_LINES_BURST`].
pub const LOG_LINES_PER_SECOND: u32 = 20;

/// Maximum number of seals per result: 4,096 x 130 B = 533 KB.
pub const SEALS_MAX: usize = 4096;

/// Maximum number of coverage spans per result: 8,192 x 40 B = 328 KB. With the seals 861 KB, below
/// [`MESSAGE_BYTES_MAX`].
pub const COVERAGE_SPANS_MAX: usize = 8192;

/// Tenants with series of their own in the metrics; all others share one. 65 tenants x 8 states of jobs, and 65 x 8
/// devices x 3 kinds of work, are 2,080 series of 110 bytes: 229 KB of text.
pub const METRICS_TENANTS_MAX: usize = 64;

/// Maximum number of connections to the metrics port: a scraper uses one. 32 x 20 KB, and the text of one scrape at a
/// time, below 400 KB, for each that does not read its answer: 32 x 400 KB = 13 MB.
pub const METRICS_CONNECTIONS_MAX: usize = 32;

/// The same per address: half of all.
pub const METRICS_CONNECTIONS_PER_ADDRESS_MAX: usize = METRICS_CONNECTIONS_MAX / 2;

/// Maximum size of the head of a request to the metrics port, in bytes: a token and a few headers are below 1 KiB. The
/// HTTP library accepts no less than 8 KiB.
pub const METRICS_HEAD_BYTES_MAX: usize = 8 * KIB;

/// Maximum time until the head of a request to the metrics port is complete. A connection has one request.
pub const METRICS_HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// Maximum time from a request to the metrics port to its answer: the default timeout of a scrape in Prometheus.
pub const METRICS_ANSWER_MAX: Duration = Duration::from_secs(10);

/// Size at which a file of the event log is closed and the next one begins, in bytes.
pub const EVENT_FILE_BYTES_MAX: u64 = 32 * MIB as u64;

/// Files of the event log, the current one included: 16 x 32 MiB = 512 MiB. That is 900,000 events of 600 bytes:
/// 450,000 jobs, or 12 hours of refusals at their limit ([`LOG_LINES_PER_SECOND`]).
pub const EVENT_FILES_MAX: usize = 16;

/// Events that wait for the disk: 4,096 x 600 B = 2.5 MB. Further ones are lost, and counted.
pub const EVENTS_WAITING_MAX: usize = 4096;
