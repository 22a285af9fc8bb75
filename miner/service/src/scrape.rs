//! The metrics of the service as text. What the engine, the jobs and the listener know is read when it is asked for;
//! the rest is in [`Tally`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cityseal_engine::{DeviceStatus, Engine};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;

use super::access::Access;
use super::event_log::EventCounts;
use super::idle::Connections;
use super::jobs::{JobBook, saturated};
use super::limits::METRICS_TENANTS_MAX;
use super::observer::Observer;
use super::shares::Shares;
use super::tally::OTHER;

/// The label of work without a tenant: that of local callers who name none.
const LOCAL: &str = "local";

/// The states of a device that have a series each, also while no device is in them.
const DEVICE_STATES: [&str; 11] = [
    "ready",
    "software",
    "duplicate",
    "unfit",
    "failed-self-test",
    "not-selected",
    "probation",
    "quarantined",
    "hung",
    "reopening",
    "failed",
];

/// What the metrics read.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) engine: Engine,
    pub(crate) book: Arc<JobBook>,
    pub(crate) access: Arc<Access>,
    pub(crate) connections: Connections,
    pub(crate) uploads: Arc<Shares>,
    pub(crate) is_serving: watch::Receiver<bool>,
    pub(crate) observer: Arc<Observer>,
    /// The commit that the program was built from.
    pub(crate) commit: &'static str,
}

/// Writes the metrics.
#[derive(Debug)]
pub(crate) struct Scrape(Registry);

impl Scrape {
    pub(crate) fn new(sources: Sources) -> Self {
        let mut registry = Registry::with_prefix("cityseal");
        let version = ("version", env!("CARGO_PKG_VERSION").to_owned());
        let commit = ("commit", label(sources.commit));
        registry.register("build", "The version of the service and its commit", Info::new([version, commit]));
        let has_journal = sources.book.has_journal();
        sources.observer.tally.register(&mut registry, has_journal);
        registry.register_collector(Box::new(Current { sources, tenants: Mutex::default() }));
        Self(registry)
    }

    /// The metrics in the OpenMetrics text format, version 1.0.0. Waits for the locks of the engine and of the jobs.
    ///
    /// # Errors
    /// Never: a `String` takes everything.
    pub(crate) fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut written = String::new();
        text::encode(&mut written, &self.0)?;
        Ok(written)
    }
}

/// Converts OpenMetrics to the older text format of Prometheus, version 0.0.4, in which counters and infos are named
/// with their suffix and units are unknown. The library writes OpenMetrics only.
pub(crate) fn to_prometheus(open_metrics: &str) -> String {
    let mut written = String::with_capacity(open_metrics.len());
    // HELP comes before TYPE, which decides the name.
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = text;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|text| text.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            let help = help.split_once(' ').map_or("", |(_, help)| help);
            written.extend(["# HELP ", name, suffix, " ", help, "\n# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            written.extend([line, "\n"]);
        }
    }
    written
}

/// Reads the current state at each scrape.
#[derive(Debug)]
struct Current {
    sources: Sources,
    /// The tenants with series of their own: the first that were seen.
    tenants: Mutex<BTreeSet<String>>,
}

type Rows<const N: usize> = Vec<([(&'static str, String); N], f64)>;

impl Collector for Current {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Sources { engine, connections, uploads, is_serving, .. } = &self.sources;
        let devices = engine.devices();
        device_counters(&mut encoder, &devices)?;
        gauge(&mut encoder, "device_state", "1 for the state that the device is in", None, states(&devices))?;
        self.device_times(&mut encoder)?;
        gauge(&mut encoder, "jobs", "Jobs that the service keeps, by tenant and state", None, self.jobs())?;
        let wait = engine.longest_wait().unwrap_or_default();
        let help = "How long the running job that has waited longest for its first device has waited";
        gauge(&mut encoder, "job_wait_longest", help, Some(&Unit::Seconds), one(wait.as_secs_f64()))?;
        gauge(&mut encoder, "uploads", "Open uploads", None, one(uploads.taken() as f64))?;
        gauge(&mut encoder, "connections", "Open connections of the gRPC port", None, one(connections.open() as f64))?;
        let serving = f64::from(u8::from(*is_serving.borrow()));
        gauge(&mut encoder, "serving", "1 while the health of the service is SERVING", None, one(serving))?;
        self.access(&mut encoder)?;
        self.disk(&mut encoder)
    }
}

impl Current {
    fn device_times(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut times: BTreeMap<[(&'static str, String); 3], Duration> = BTreeMap::new();
        for row in self.sources.engine.device_times() {
            let (device, tenant) = (label(&row.device), self.tenant(&row.tenant));
            let labels = [("device", device), ("tenant", tenant), ("kind", row.kind.name().to_owned())];
            *times.entry(labels).or_default() += row.time;
        }
        let rows = times.into_iter().map(|(labels, time)| (labels, time.as_secs_f64())).collect::<Vec<_>>();
        let help = "Device time by device, tenant and kind of work";
        counter(encoder, "device", help, Some(&Unit::Seconds), rows)
    }

    fn jobs(&self) -> Rows<2> {
        let mut counts: BTreeMap<[(&'static str, String); 2], u64> = BTreeMap::new();
        for ((tenant, state), count) in self.sources.book.counts() {
            let labels = [("tenant", self.tenant(&tenant)), ("state", state.to_owned())];
            *counts.entry(labels).or_default() += count;
        }
        counts.into_iter().map(|(labels, count)| (labels, count as f64)).collect()
    }

    fn access(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let status = self.sources.access.status();
        let help = "Reloads of certificates, tokens and tenants that were put in force";
        counter(encoder, "reloads", help, None, vec![([], status.reloads)])?;
        let help = "Reloads that were refused, because a file was broken";
        counter(encoder, "reload_failures", help, None, vec![([], status.failures)])?;
        let Some(not_after) = status.certificate_not_after else { return Ok(()) };
        let help = "Unix time at which the certificate of the service ends";
        gauge(encoder, "tls_not_after_timestamp", help, Some(&Unit::Seconds), one(not_after as f64))
    }

    /// The event log and the journal, if there are any.
    fn disk(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        if let Some(EventCounts { written, lost }) = self.sources.observer.event_counts() {
            counter(encoder, "events", "Events that were written to the event log", None, vec![([], written)])?;
            let help = "Events that are missing in the event log: the disk was full or too slow";
            counter(encoder, "events_lost", help, None, vec![([], lost)])?;
        }
        if let Some(journal) = self.sources.book.journal_health() {
            let help = "Commits of the journal that failed, and failed attempts to open it again";
            counter(encoder, "journal_failures", help, None, vec![([], journal.failures)])?;
            let up = f64::from(u8::from(journal.failing.is_none()));
            gauge(encoder, "journal_up", "1 if the latest commit of the journal succeeded", None, one(up))?;
        }
        Ok(())
    }

    /// The label of a tenant, which may be a caller's text.
    fn tenant(&self, name: &str) -> String {
        if name.is_empty() {
            return LOCAL.to_owned();
        }
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if !tenants.contains(name) {
            if tenants.len() >= METRICS_TENANTS_MAX {
                return OTHER.to_owned();
            }
            tenants.insert(name.to_owned());
        }
        label(name)
    }
}

fn device_counters(encoder: &mut DescriptorEncoder, devices: &[DeviceStatus]) -> Result<(), fmt::Error> {
    type Read = fn(&DeviceStatus) -> u64;
    let families: [(&str, &str, Read); 5] = [
        ("hashes", "Hashes of completed searches", |device| saturated(device.hashes)),
        ("headers", "Headers that were hashed for verifications", |device| device.headers),
        ("device_mismatches", "Wrong answers", |device| device.mismatches),
        ("canaries", "Known answers that the device had to find", |device| device.canaries),
        ("canaries_missed", "Known answers that the device missed", |device| device.canaries_missed),
    ];
    for (name, help, read) in families {
        let rows = devices.iter().map(|device| ([("device", label(&device.info.id))], read(device))).collect();
        counter(encoder, name, help, None, summed(rows))?;
    }
    Ok(())
}

/// One series for each state of each device.
fn states(devices: &[DeviceStatus]) -> Rows<2> {
    let mut rows: BTreeMap<[(&'static str, String); 2], f64> = BTreeMap::new();
    for status in devices {
        let row = |state: &str| [("device", label(&status.info.id)), ("state", state.to_owned())];
        for state in DEVICE_STATES {
            rows.entry(row(state)).or_default();
        }
        rows.insert(row(status.state.name()), 1.0);
    }
    rows.into_iter().collect()
}

/// Adds up rows with the same labels: a driver may report two devices with one id.
fn summed<const N: usize>(rows: Vec<([(&'static str, String); N], u64)>) -> Vec<([(&'static str, String); N], u64)> {
    let mut sums = BTreeMap::new();
    for (labels, count) in rows {
        *sums.entry(labels).or_insert(0) += count;
    }
    sums.into_iter().collect()
}

fn one(value: f64) -> Rows<0> {
    vec![([], value)]
}

fn counter<const N: usize, V>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    rows: Vec<([(&'static str, String); N], V)>,
) -> Result<(), fmt::Error>
where
    ConstCounter<V>: EncodeMetric,
{
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
    for (labels, value) in rows {
        let value = ConstCounter::new(value);
        if labels.is_empty() {
            return value.encode(family);
        }
        value.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge<const N: usize>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    rows: Rows<N>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in rows {
        let value = ConstGauge::new(value);
        if labels.is_empty() {
            return value.encode(family);
        }
        value.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// The value of a label: control characters become spaces. The library escapes the rest.
fn label(text: &str) -> String {
    text.replace(|character: char| character.is_control() && character != '\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_value_or_its_line() {
        let mut written = String::new();
        let mut registry = Registry::default();
        registry.register("a", "A", Info::new([("b", label("x\\\"} 1\ny{\r\u{1b}ü"))]));
        text::encode(&mut written, &registry).unwrap();
        assert!(written.contains("\na_info{b=\"x\\\\\\\"} 1\\ny{  ü\"} 1\n"), "{written}");
    }

    #[test]
    fn the_older_format_names_counters_and_infos_with_their_suffix() {
        let open = "# HELP a A thing.\n# TYPE a counter\n# UNIT a seconds\na_total{b=\"# x\"} 1\n# HELP i I.\n# TYPE i info\n\
            i_info{v=\"1\"} 1\n# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let expected = "# HELP a_total A thing.\n# TYPE a_total counter\na_total{b=\"# x\"} 1\n# HELP i_info I.\n\
            # TYPE i_info gauge\ni_info{v=\"1\"} 1\n# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(to_prometheus(open), expected);
    }
}
