//! Every limit of the service, with the sum behind it.
//!
//! It holds numbers only. None of them changes an answer: a limit is either met or named in an error.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Uploads (`VerifyChain`) that one connection may have open.
pub const UPLOADS_PER_CONNECTION_MAX: usize = 4;

/// Uploads that the service takes at once. Each may hold one stream window (4 MiB) and one message (4 MiB): 16 x 8 MiB = 128 MiB;
/// and what its verifier has under way: 8 segments of 320 KiB of headers, or of blocks 8 batches (two for each worker, where that
/// is more) of 1 MiB, 4 MiB where the blocks are the largest: 16 x 32 MiB = 512 MiB at worst with up to 4 workers.
pub const UPLOADS_MAX: usize = 16;

/// HTTP/2 stream window in bytes: four chunks of 1 MiB are under way while one is taken.
pub const STREAM_WINDOW_BYTES: u32 = 4 * MIB as u32;

/// HTTP/2 connection window in bytes: 4 uploads x 4 MiB, all stalled, and 1 MiB for every other call
/// on the same connection. With less, one stalled upload blocks a cancel.
pub const CONNECTION_WINDOW_BYTES: u32 = UPLOADS_PER_CONNECTION_MAX as u32 * STREAM_WINDOW_BYTES + MIB as u32;

/// The largest HTTP/2 frame that clients may send, in bytes: a chunk of 1 MiB comes in 4 frames instead of 64.
pub const FRAME_BYTES_MAX: u32 = 256 * KIB as u32;

/// Streams of one connection. Without it hyper's own limit is lifted by tonic; 20,000 open streams cost 155 MB.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 64;

/// The size of all headers of one call, in bytes: metadata of ours is below 1 KiB.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * KIB as u32;

/// The largest message of an upload, in bytes: the buffer for an announced length is reserved before its data arrives. The
/// largest block has 4,000,000 bytes, and fits.
pub const UPLOAD_MESSAGE_BYTES_MAX: usize = 4 * MIB;

/// The largest message of every other call, in bytes. A result at its limits is 860 KB (see [`COVERAGE_SPANS_MAX`]).
pub const MESSAGE_BYTES_MAX: usize = MIB;

/// Connections that are open at once. An idle one costs about 20 KB: 20 MB.
pub const CONNECTIONS_MAX: usize = 1024;

/// Connections of one address: half of all, so that one address alone does not shut the others out.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 512;

/// From accept to the end of the client's HTTP/2 preface.
pub const PREFACE_DEADLINE: Duration = Duration::from_secs(5);

/// A silent connection is asked for a sign of life after this time, and closed when none comes.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long the sign of life may take.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first and the longest pause of the accept loop when file descriptors have run out.
pub const ACCEPT_PAUSE_FIRST: Duration = Duration::from_millis(10);
/// See [`ACCEPT_PAUSE_FIRST`].
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// An upload that sends nothing for this long ends.
pub const UPLOAD_IDLE_MAX: Duration = Duration::from_mins(1);

/// Calls that stream for longer than this end, whatever the client's own deadline.
pub const STREAM_DEADLINE_MAX: Duration = Duration::from_hours(24);

/// Time between two progress messages of a job or an upload.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Time between two resume tokens of an upload: 70 KB each at most, as a rule, and a second's worth of a chain is soon sent again.
pub const RESUME_TOKEN_INTERVAL: Duration = Duration::from_secs(1);

/// How long a drain waits for open calls before it cuts them.
pub const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Jobs that run at once, over all tenants. Each holds a search state of a few KiB.
pub const JOBS_RUNNING_MAX: usize = 256;

/// Jobs of one tenant that run at once: a quarter of all.
pub const JOBS_RUNNING_PER_TENANT_MAX: usize = 64;

/// How long a caller that was refused for want of room should wait.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The latest deadline of a job, from its submission.
pub const JOB_DEADLINE_MAX: Duration = Duration::from_hours(24);

/// Ended jobs that are kept, request ids included; the oldest are forgotten first. With all events (see [`JOB_EVENTS_MAX`]):
/// 1,024 x 60 KB = 61 MB, and the results beside them.
pub const JOBS_ENDED_MAX: usize = 1024;

/// The results of all ended jobs together, in bytes; the oldest jobs are forgotten first.
pub const RESULTS_BYTES_MAX: usize = 64 * MIB;

/// Events of one job that are kept for late watchers: 512 x 200 ms = 102 s of progress; 512 x 120 B = 60 KB.
pub const JOB_EVENTS_MAX: usize = 512;

/// Watchers of all jobs together.
pub const WATCHERS_MAX: usize = 1024;

/// Jobs on one page of a list: 256 x 800 B = 205 KB.
pub const PAGE_JOBS_MAX: usize = 256;

/// Length of a request id, of a tenant's name and of a canceller's name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// One text of a caller (a network's name, a job's id) inside the message of a status, in bytes: twice [`NAME_BYTES_MAX`], so
/// that every name that is taken is shown whole, quotes and a few escapes included.
pub const ECHO_BYTES_MAX: usize = 256;

/// The message of a status in bytes; each description in its details has the same limit. Clients refuse an answer whose headers
/// or trailers pass 8 KiB (the default of gRPC's C core, and so of Python, C++, Ruby and PHP), each counted with its name and
/// 32 bytes. `grpc-message` is percent-encoded, up to 3 bytes for one. `grpc-status-details-bin` is base64, 4 bytes for 3, of the
/// message, a description that repeats it, at most three texts of [`ECHO_BYTES_MAX`] (a field's path or a resource's name, and
/// two numbers or ids beside the reason), and at most 400 bytes of names and type URLs:
/// 3 x 1,024 + 4/3 x (2 x 1,024 + 3 x 256 + 400) = 7,361 bytes. With 512 bytes for the other headers and for names: 7,873.
pub const STATUS_TEXT_BYTES_MAX: usize = 1024;

/// What clients take of headers or trailers; see [`STATUS_TEXT_BYTES_MAX`].
pub const STATUS_BYTES_MAX: usize = 8 * KIB;

/// From a call's head to its answer's: a call with one request message must have sent it by then. 1 MiB in 60 s are 17 KB/s.
pub const ANSWER_DEADLINE_MAX: Duration = Duration::from_mins(1);

/// Lines of the log about calls: so many at once, and then so many each second. 20 lines of 250 bytes are 5 KB/s, 432 MB a day,
/// whatever callers do; at worst a line has five texts of [`ECHO_BYTES_MAX`], each escaped to six times its length: 8 KB, 160 KB/s.
/// Those left out are counted in the next line.
pub const LOG_LINES_BURST: u32 = 200;
/// See [`LOG_LINES_BURST`].
pub const LOG_LINES_PER_SECOND: u32 = 20;

/// Seals of one result: 4,096 x 130 B = 533 KB.
pub const SEALS_MAX: usize = 4096;

/// Coverage spans of one result: 8,192 x 40 B = 328 KB. With the seals 861 KB, below [`MESSAGE_BYTES_MAX`].
pub const COVERAGE_SPANS_MAX: usize = 8192;
