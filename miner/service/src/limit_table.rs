//! The limits that an operator can change: the table `[limits]` of the configuration. Each has a default with its
//! arithmetic in [`limits`](crate::limits), and a range. What belongs to the protocol stays a constant.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::limits::{
    ANSWER_DEADLINE_MAX, BEGIN_THREADS_MAX, BODIES_BYTES_MAX, BODIES_BYTES_PER_CONNECTION_MAX, BODY_DEADLINE,
    COINBASE_BYTES_MAX, CONNECTION_IDLE_MAX, CONNECTIONS_CLOSING_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX,
    DASHBOARD_CONNECTIONS_MAX, DASHBOARD_STREAMS_MAX, DRAIN_MAX, FRAME_BYTES_MAX, HANDSHAKES_MAX, JOB_EVENTS_MAX,
    JOB_KEPT_MAX, JOBS_ENDED_PER_TENANT_MAX, JOBS_RUNNING_MAX, JOBS_RUNNING_PER_TENANT_MAX, READ_AT_ONCE_BYTES_MAX,
    REFUSALS_BYTES_MAX, RETAINED_BYTES_MAX, STREAM_WINDOW_BYTES, TIPS_MAX, UPLOAD_BYTES_MIN, UPLOAD_MESSAGE_BYTES_MAX,
    UPLOAD_PERIOD, UPLOADS_MAX, UPLOADS_PER_CONNECTION_MAX, WATCHERS_MAX,
};

const KB: u64 = 1000;
const MIB: u64 = 1024 * 1024;

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// A value of a limit as the number in the configuration.
trait Number {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Number for usize {
    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    fn number(&self) -> u64 {
        *self as u64
    }
}

/// In seconds.
impl Number for Duration {
    fn of(number: u64) -> Self {
        Self::from_secs(number)
    }

    fn number(&self) -> u64 {
        self.as_secs()
    }
}

/// One key of the table `[limits]`. The end of its name is the unit: `_s` seconds, `_bytes` bytes.
#[derive(Debug)]
pub struct LimitKey {
    name: &'static str,
    range: RangeInclusive<u64>,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl LimitKey {
    /// The key.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The values that it may have.
    pub const fn range(&self) -> &RangeInclusive<u64> {
        &self.range
    }

    /// Its value in these limits.
    pub fn value_in(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    fn of(name: &str) -> Option<&'static Self> {
        LIMIT_KEYS.iter().find(|key| key.name == name)
    }
}

/// Defines each limit once: the field, its default, the key in the configuration and its range.
macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $default:expr, $key:literal in $range:expr;)*) => {
        /// The limits that an operator can change. The defaults are those of [`limits`](crate::limits).
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        /// All keys of the table `[limits]`.
        pub static LIMIT_KEYS: &[LimitKey] = &[$(LimitKey {
            name: $key,
            range: $range,
            get: |limits| limits.$field.number(),
            set: |limits, number| limits.$field = <$type as Number>::of(number),
        },)*];

        /// Their names, for the error of an unknown one.
        const LIMIT_NAMES: &[&str] = &[$($key,)*];
    };
}

limits! {
    /// Open connections.
    connections: usize = CONNECTIONS_MAX, "connections" in 2..=65_536;
    /// Open connections per address.
    connections_per_address: usize = CONNECTIONS_PER_ADDRESS_MAX, "connections_per_address" in 1..=65_536;
    /// A connection without an open call is closed after this time.
    connection_idle: Duration = CONNECTION_IDLE_MAX, "connection_idle_s" in 10..=DAY_S;
    /// Bytes of all incomplete requests, uploads excepted. The smallest value fits the largest request.
    incomplete_bytes: usize = BODIES_BYTES_MAX, "incomplete_bytes" in MIB..=1024 * MIB;
    /// The same per connection.
    incomplete_bytes_per_connection: usize = BODIES_BYTES_PER_CONNECTION_MAX,
        "incomplete_bytes_per_connection" in MIB..=1024 * MIB;
    /// From the head of a call to the end of its request, or of an upload's first message.
    request_deadline: Duration = BODY_DEADLINE, "request_deadline_s" in 1..=600;
    /// From the head of a call to the head of its answer.
    answer_deadline: Duration = ANSWER_DEADLINE_MAX, "answer_deadline_s" in 1..=3600;
    /// Open uploads.
    uploads: usize = UPLOADS_MAX, "uploads" in 1..=4096;
    /// Open uploads per connection; below the 64 streams of a connection, so that other calls find room.
    uploads_per_connection: usize = UPLOADS_PER_CONNECTION_MAX, "uploads_per_connection" in 1..=60;
    /// Bytes that an upload must send in each period.
    upload_bytes_min: usize = UPLOAD_BYTES_MIN, "upload_min_bytes" in 1..=64 * MIB;
    /// See [`Self::upload_bytes_min`].
    upload_period: Duration = UPLOAD_PERIOD, "upload_period_s" in 1..=3600;
    /// Open watchers of jobs.
    watchers: usize = WATCHERS_MAX, "watchers" in 1..=65_536;
    /// Running jobs.
    jobs: usize = JOBS_RUNNING_MAX, "jobs" in 1..=65_536;
    /// Running jobs per tenant.
    jobs_per_tenant: usize = JOBS_RUNNING_PER_TENANT_MAX, "jobs_per_tenant" in 1..=65_536;
    /// Events per job that are kept for late watchers.
    job_events: usize = JOB_EVENTS_MAX, "job_events" in 2..=65_536;
    /// Ended jobs that are kept per tenant.
    ended_jobs_per_tenant: usize = JOBS_ENDED_PER_TENANT_MAX, "ended_jobs_per_tenant" in 1..=10_000_000;
    /// Bytes of all ended jobs together; the smallest value fits the largest result.
    ended_jobs_bytes: usize = RETAINED_BYTES_MAX, "ended_jobs_bytes" in 2 * MIB..=65_536 * MIB;
    /// How long an ended job is kept.
    ended_jobs_kept: Duration = JOB_KEPT_MAX, "ended_jobs_kept_s" in 60..=365 * DAY_S;
    /// How long a drain waits for open calls.
    drain: Duration = DRAIN_MAX, "drain_s" in 0..=3600;
}

/// Limits that are a part of another one.
const AT_MOST: [(&str, &str); 4] = [
    ("connections_per_address", "connections"),
    ("incomplete_bytes_per_connection", "incomplete_bytes"),
    ("uploads_per_connection", "uploads"),
    ("jobs_per_tenant", "jobs"),
];

/// Memory that one kind of thing holds at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitMemory {
    /// What holds it.
    pub what: &'static str,
    /// How many of them there may be.
    pub count: u64,
    /// Bytes of each at most.
    pub each_bytes: u64,
}

impl LimitMemory {
    const fn new(what: &'static str, count: u64, each_bytes: u64) -> Self {
        Self { what, count, each_bytes }
    }

    /// Bytes of all.
    pub const fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.each_bytes)
    }
}

impl Limits {
    /// The memory that callers can make the service hold within these limits, with `workers` threads of the engine. The
    /// sizes are those of the comments in [`limits`](crate::limits). The program itself, the devices, and answers that
    /// clients do not read come on top.
    pub fn memory(&self, workers: usize) -> Vec<LimitMemory> {
        // A verifier holds 8 batches of blocks, or two per worker if that is more, of at most 4 MiB.
        let batches = (2 * workers as u64).max(8);
        let upload = u64::from(STREAM_WINDOW_BYTES) + UPLOAD_MESSAGE_BYTES_MAX as u64 + batches * 4 * MIB;
        let unread = READ_AT_ONCE_BYTES_MAX as u64 + u64::from(FRAME_BYTES_MAX);
        let connections = self.connections as u64;
        let job = COINBASE_BYTES_MAX as u64 + 120 * self.job_events as u64 + 4 * KB;
        let handshakes = connections.min(HANDSHAKES_MAX as u64);
        vec![
            LimitMemory::new("uploads", self.uploads as u64, upload),
            LimitMemory::new("first messages of uploads", BEGIN_THREADS_MAX as u64, 40 * MIB),
            LimitMemory::new("connections", connections + CONNECTIONS_CLOSING_MAX as u64, 20 * KB),
            LimitMemory::new("unread bytes of connections", connections, unread),
            LimitMemory::new("TLS handshakes", handshakes, 40 * KB),
            LimitMemory::new("incomplete requests", 1, self.incomplete_bytes as u64),
            LimitMemory::new("running jobs", self.jobs as u64, job),
            LimitMemory::new("watchers", self.watchers as u64, 4 * KB),
            LimitMemory::new("ended jobs", 1, self.ended_jobs_bytes as u64),
            LimitMemory::new("tips of chains", TIPS_MAX as u64, 400),
            LimitMemory::new("kept refusals", 1, REFUSALS_BYTES_MAX as u64),
            LimitMemory::new("connections of the dashboard", DASHBOARD_CONNECTIONS_MAX as u64, 92 * KB),
            LimitMemory::new("updates of the dashboard", DASHBOARD_STREAMS_MAX as u64, 300 * KB),
        ]
    }

    /// Lowers the parts that are not `given` to the limit that they are a part of.
    ///
    /// # Errors
    /// A sentence about the first given part that exceeds its limit.
    fn fit(&mut self, given: &[&'static str]) -> Result<(), String> {
        for (part, whole) in AT_MOST {
            let (Some(key), Some(whole)) = (LimitKey::of(part), LimitKey::of(whole)) else { continue };
            let (found, max) = (key.value_in(self), whole.value_in(self));
            if found <= max {
                continue;
            }
            if given.contains(&part) {
                return Err(format!("{part} = {found}: expected at most {max}, the value of `{}`", whole.name));
            }
            (key.set)(self, max);
        }
        Ok(())
    }
}

/// Reads the table `[limits]`. The TOML parser adds the place to the errors.
impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Limits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of limits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Limits, A::Error> {
        let mut limits = Limits::default();
        let mut given = Vec::new();
        while let Some(KnownKey(key)) = map.next_key()? {
            let number = map.next_value_seed(InRange(key))?;
            (key.set)(&mut limits, number);
            given.push(key.name);
        }
        limits.fit(&given).map_err(A::Error::custom)?;
        Ok(limits)
    }
}

struct KnownKey(&'static LimitKey);

impl<'de> Deserialize<'de> for KnownKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        LimitKey::of(&name).map(Self).ok_or_else(|| D::Error::unknown_field(&name, LIMIT_NAMES))
    }
}

struct InRange(&'static LimitKey);

impl<'de> DeserializeSeed<'de> for InRange {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        let (found, range) = (i64::deserialize(deserializer)?, &self.0.range);
        let number = u64::try_from(found).ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (name, first, last) = (self.0.name, range.start(), range.end());
            D::Error::custom(format!("{name} = {found}: expected {first} to {last}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, MapDeserializer};

    use super::*;

    fn read(entries: &[(&str, i64)]) -> Result<Limits, String> {
        let entries = entries.iter().map(|(key, value)| ((*key).into_deserializer(), *value));
        let table = MapDeserializer::<_, Error>::new(entries);
        Limits::deserialize(table).map_err(|error| error.to_string())
    }

    #[test]
    fn every_default_is_in_its_range_and_fits_the_others() {
        let mut limits = Limits::default();
        for key in LIMIT_KEYS {
            assert!(key.range().contains(&key.value_in(&limits)), "{}", key.name());
        }
        assert_eq!(limits.fit(LIMIT_NAMES), Ok(()));
        assert_eq!(read(&[]), Ok(Limits::default()));
    }

    #[test]
    fn every_key_sets_its_own_limit() {
        for key in LIMIT_KEYS {
            // The last value of a range needs the others to fit.
            let value = *key.range().start();
            let limits = read(&[(key.name(), value as i64)]).unwrap();
            assert_eq!(key.value_in(&limits), value, "{}", key.name());
            let changed =
                LIMIT_KEYS.iter().filter(|other| other.value_in(&limits) != other.value_in(&Limits::default()));
            let parts = AT_MOST.iter().filter(|(_, whole)| *whole == key.name()).count();
            assert!(changed.count() <= 1 + parts, "{}", key.name());
        }
    }

    #[test]
    fn a_value_outside_its_range_and_an_unknown_key_are_refused() {
        assert_eq!(read(&[("jobs", 0)]), Err("jobs = 0: expected 1 to 65536".to_owned()));
        assert_eq!(read(&[("drain_s", -1)]), Err("drain_s = -1: expected 0 to 3600".to_owned()));
        let unknown = read(&[("jbos", 1)]).unwrap_err();
        assert!(unknown.contains("unknown field `jbos`") && unknown.contains("`jobs_per_tenant`"), "{unknown}");
    }

    #[test]
    fn a_part_follows_its_whole_unless_it_is_given() {
        assert_eq!(read(&[("connections", 100)]).unwrap().connections_per_address, 100);
        let refused = read(&[("jobs", 10), ("jobs_per_tenant", 11)]).unwrap_err();
        assert_eq!(refused, "jobs_per_tenant = 11: expected at most 10, the value of `jobs`");
        assert!(read(&[("jobs_per_tenant", 257)]).unwrap_err().contains("the value of `jobs`"));
    }

    #[test]
    fn more_workers_and_higher_limits_hold_more_memory() {
        let total = |limits: &Limits, workers| limits.memory(workers).iter().map(LimitMemory::bytes).sum::<u64>();
        let limits = Limits::default();
        // 16 uploads of 4 + 4 + 8 x 4 MiB are 640 MiB; 1,024 connections x 512 KiB are 512 MiB.
        assert_eq!(limits.memory(4)[0].bytes(), 640 * MIB);
        assert_eq!(total(&limits, 4) / MIB, 1_418);
        assert_eq!(total(&limits, 8) - total(&limits, 4), 16 * 8 * 4 * MIB);
        let more = read(&[("uploads", 17)]).unwrap();
        assert_eq!(total(&more, 4) - total(&limits, 4), 40 * MIB);
    }
}
