//! The panes of the status page. Each is a table with a caption, and can be replaced by itself.

use cityseal_cli::{chance_words, si, with_unit};
use cityseal_proto::v1;
use maud::{Markup, html};

use super::records::{Read, RecordRow};
use super::{charts, words};
use crate::limits::{DASHBOARD_REFUSALS_MAX, DASHBOARD_ROWS_MAX};

/// The name of callers without an identity, who share one tenant without a name.
const LOCAL: &str = "local callers";

/// A pane: a heading, a note beside it, and its content.
fn pane(name: &str, title: &str, note: &Markup, content: &Markup) -> Markup {
    html! {
        section class={ "pane " (name) } data-pane=(name) aria-labelledby={ "h-" (name) } {
            div.head { h2 id={ "h-" (name) } { (title) } p.note { (note) } }
            div.scroll tabindex="0" role="region" aria-labelledby={ "h-" (name) } { (content) }
        }
    }
}

fn nothing(words: &str) -> Markup {
    html! { p.nothing { (words) } }
}

fn tenant_name(name: &str) -> &str {
    if name.is_empty() { LOCAL } else { name }
}

pub(super) fn device_of(status: &v1::DeviceStatus) -> v1::Device {
    status.device.clone().unwrap_or_default()
}

pub(super) fn devices(status: &v1::GetStatusResponse) -> Markup {
    let table = html! {
        table {
            caption { "Devices: state, rate, temperature and canaries" }
            thead { tr {
                th scope="col" { "Device" }
                th scope="col" { "State" }
                th.number scope="col" { "Rate" }
                th.wide scope="col" { "Work, last 2 min" }
                th.number scope="col" { "Canaries missed" }
            } }
            tbody { @for one in status.devices.iter().take(DASHBOARD_ROWS_MAX) { (device(one)) } }
        }
    };
    let note = html! { @for note in &status.notes { (note) " " } };
    pane("devices", "Devices", &note, &table)
}

fn device(one: &v1::DeviceStatus) -> Markup {
    let device = device_of(one);
    let class = match device.state() {
        v1::DeviceState::Ready => "good",
        v1::DeviceState::LeftOut => "muted",
        v1::DeviceState::Probation | v1::DeviceState::Reopening => "doubtful",
        v1::DeviceState::Quarantined
        | v1::DeviceState::Failed
        | v1::DeviceState::Hung
        | v1::DeviceState::Unspecified => "bad",
    };
    let about = [device.name.as_str(), device.kernel.as_str()].into_iter();
    let about: Vec<&str> = about.filter(|words| !words.is_empty() && *words != device.id).collect();
    let last = one.recent_rates_hz.last().copied().unwrap_or_default();
    let label = format!("work of {} in the last 2 minutes, now {}", device.id, words::rate(last, "H/s"));
    html! {
        tr {
            th scope="row" { (device.id) span.sub { (about.join(", ")) } }
            td {
                span class={ "badge " (class) } { (device.state_word) }
                @if !device.reason.is_empty() { span.sub { (device.reason) } }
                @if let Some(left) = device.quarantine_s { span.sub { "tested again in " (words::seconds(left as f64)) } }
            }
            td.number {
                @if let Some(rate) = device.rate_hz { (words::rate(rate, "H/s")) } @else { "–" }
                @if let Some(degrees) = one.temperature_celsius { span.sub { (format!("{degrees:.0} °C")) } }
            }
            td.wide { (charts::curve(&one.recent_rates_hz, &label)) span.sub { "now " (words::rate(last, "H/s")) } }
            td.number {
                @if device.canaries == 0 { "–" } @else {
                    span class=[(device.canaries_missed > 0).then_some("bad")] {
                        (device.canaries_missed) " of " (words::count(device.canaries))
                    }
                }
            }
        }
    }
}

pub(super) fn tenants(status: &v1::GetStatusResponse) -> Markup {
    let table = html! {
        table {
            caption { "Share of device time in the last minute, against the share that is due" }
            thead { tr {
                th scope="col" { "Tenant" }
                th.number scope="col" { "Weight" }
                th.number.wide scope="col" { "Reserved" }
                th.number scope="col" { "Used" }
                th.number scope="col" { "Due" }
                th.chart scope="col" { "Share" }
            } }
            tbody { @for one in status.tenants.iter().take(DASHBOARD_ROWS_MAX) { (tenant(one)) } }
        }
    };
    let note = html! { "device time of the last minute; the mark is the share that is due" };
    let content = if status.tenants.is_empty() { nothing("Nobody had work within the last minute.") } else { table };
    pane("tenants", "Tenants", &note, &content)
}

fn tenant(one: &v1::TenantStatus) -> Markup {
    let used = one.used_share.unwrap_or_default();
    let due = one.due_share.map_or_else(|| "–".to_owned(), words::percent);
    let label = format!("{} used {}, due {due}", tenant_name(&one.name), words::percent(used));
    html! {
        tr {
            th scope="row" { (tenant_name(&one.name)) @if !one.has_work { span.sub { "no work at present" } } }
            td.number { (one.weight) }
            td.number.wide { @if one.reserved > 0.0 { (words::percent(one.reserved)) } @else { "–" } }
            td.number { (words::percent(used)) }
            td.number { (due) }
            td.chart { (charts::bar(used, one.due_share, &label)) }
        }
    }
}

pub(super) fn jobs(status: &v1::GetStatusResponse) -> Markup {
    let table = html! {
        table {
            caption { "Jobs: progress, expected end and probability of a seal by the deadline" }
            thead { tr {
                th scope="col" { "Job" }
                th scope="col" { "State" }
                th.chart scope="col" { "Searched" }
                th.number.wide scope="col" { "Rate" }
                th.number scope="col" { "Ends in" }
                th.number scope="col" { abbr title="Probability of a seal by the deadline" { "Chance" } }
                th.number.wide scope="col" { "Deadline" }
                th.number.wide scope="col" { "Priority" }
            } }
            tbody { @for one in status.jobs.iter().take(DASHBOARD_ROWS_MAX) { (job(one)) } }
        }
    };
    let note = html! { (status.jobs_running) " running" };
    let content = if status.jobs.is_empty() { nothing("No job was submitted yet.") } else { table };
    pane("jobs", "Jobs", &note, &content)
}

fn job(one: &v1::JobStatus) -> Markup {
    let job = one.job.clone().unwrap_or_default();
    let (state, class) = (job.state(), job_class(job.state()));
    let is_running = state == v1::JobState::Running;
    let searched = words::percent(one.progress);
    let label = format!("{searched} of the space of job {} searched", words::short(&job.id));
    let optional = |value: Option<f64>, words: fn(f64) -> String| value.map_or_else(|| "–".to_owned(), words);
    html! {
        tr class=[(!is_running).then_some("past")] {
            th scope="row" {
                code title=(job.id) { (words::short(&job.id)) }
                span.sub {
                    (tenant_name(&job.tenant)) " · " (job.request_id)
                    @if !job.chain.is_empty() { " · " (job.chain) " #" (job.generation) }
                }
            }
            td {
                span class={ "badge " (class) } { (state) }
                @if !job.reason.is_empty() { span.sub { (job.reason) } }
            }
            td.chart { (charts::bar(one.progress, None, &label)) span.sub { (searched) span.wide { ", " (words::count(job.hashes)) " hashes" } } }
            td.number.wide { (words::rate(job.rate_hz, "H/s")) }
            td.number { (optional(one.ends_in_s, words::seconds)) }
            td.number { (optional(one.probability_by_deadline, chance_words)) }
            td.number.wide { (optional(one.deadline_s, words::seconds)) }
            td.number.wide { (job.priority) }
        }
    }
}

const fn job_class(state: v1::JobState) -> &'static str {
    match state {
        v1::JobState::Running => "running",
        v1::JobState::Sealed => "good",
        v1::JobState::Exhausted | v1::JobState::Cancelled | v1::JobState::Superseded => "muted",
        v1::JobState::Expired | v1::JobState::Unspecified => "doubtful",
        v1::JobState::Failed => "bad",
    }
}

pub(super) fn verifications(status: &v1::GetStatusResponse) -> Markup {
    let table = html! {
        table {
            caption { "Verifications in progress, and how the workers' time divides among the stages" }
            thead { tr {
                th scope="col" { "Chain" }
                th.number scope="col" { "Received" }
                th.number.wide scope="col" { "Valid through" }
                th.number scope="col" { "Rate" }
                th.chart scope="col" { "Stages" }
            } }
            tbody { @for one in status.verifications.iter().take(DASHBOARD_ROWS_MAX) { (verification(one)) } }
        }
    };
    let content = if status.verifications.is_empty() { nothing("No chain is being verified.") } else { table };
    pane("verifications", "Verifications", &html! {}, &content)
}

fn verification(one: &v1::VerificationStatus) -> Markup {
    let stages = || one.stages.iter().filter(|stage| stage.share >= 0.005);
    let words: Vec<String> = stages().map(|stage| format!("{} {}", stage.name, words::percent(stage.share))).collect();
    let label = words.join(", ");
    html! {
        tr {
            th scope="row" { (one.network) span.sub { (tenant_name(&one.tenant)) ", for " (words::seconds(one.age_s)) } }
            td.number { (words::count(one.received)) span.sub { (one.items) } }
            td.number.wide { @if let Some(height) = one.validated_through { (height) } @else { "–" } }
            td.number { (words::rate(one.rate_bytes_hz, "B/s")) span.sub { (words::bytes(one.received_bytes)) } }
            td.chart {
                (charts::stack(stages().map(|stage| (stage.name.as_str(), stage.share)), &label))
                span.sub.legend { @for (stage, words) in stages().zip(&words) { span class={ "key " (stage.name) } { (words) } } }
            }
        }
    }
}

/// Why calls were refused; `kept`: how many there are in all.
pub(super) fn refusals(refusals: &[v1::RefusedCall], now_s: u64, kept: u32, has_tenants: bool) -> Markup {
    let list = html! {
        table {
            caption { "Refused calls, the newest first: why, and what to do" }
            thead { tr {
                th scope="col" { "When" }
                th scope="col" { "Call" }
                th scope="col" { "Why it was rejected, and what to do" }
            } }
            tbody { @for one in refusals { (refusal(one, now_s, has_tenants)) } }
        }
    };
    let is_cut = refusals.len() >= DASHBOARD_REFUSALS_MAX && refusals.len() < kept as usize;
    let note = html! {
        (kept) " kept"
        @if let Some(oldest) = refusals.last().filter(|_| is_cut) {
            " · " a href={ "/refusals?before=" (oldest.seq) } { "older ones" }
        }
    };
    let content = if refusals.is_empty() { nothing("No call was refused.") } else { list };
    pane("refusals", "Why was it rejected?", &note, &content)
}

fn refusal(one: &v1::RefusedCall, now_s: u64, has_tenants: bool) -> Markup {
    let at_s = one.at_ms / 1_000;
    let method = one.method.rsplit('/').next().unwrap_or_default();
    let subjects = [("field", &one.field), ("expected", &one.expected), ("found", &one.found)];
    let ids = [("request", &one.request_id), ("job", &one.job_id), ("trace", &one.trace_id), ("call", &one.call_id)];
    html! {
        tr {
            td.when { time datetime=(cityseal_cli::utc_time(at_s)) { (words::clock(at_s)) } span.sub { (words::ago(at_s, now_s)) } }
            th scope="row" {
                (method)
                @if has_tenants && !one.tenant.is_empty() { span.sub { (one.tenant) } }
                @if !one.peer.is_empty() { span.sub { "from " (one.peer) } }
            }
            td.why {
                p { span.badge.bad { (one.reason) } " " (one.message) }
                @if subjects.iter().any(|(_, value)| !value.is_empty()) {
                    dl.facts {
                        @for (name, value) in subjects.iter().filter(|(_, value)| !value.is_empty()) {
                            div { dt { (name) } dd { (value) } }
                        }
                    }
                }
                @if !one.what_to_do.is_empty() { p.advice { (one.what_to_do) } }
                dl.ids {
                    @for (name, value) in ids.iter().filter(|(_, value)| !value.is_empty()) {
                        div { dt { (name) } dd { (value) } }
                    }
                }
            }
        }
    }
}

pub(super) fn records(read: &Read) -> Markup {
    let content = match read.as_ref() {
        Err(error) => nothing(&error.to_string()),
        Ok(rows) if rows.is_empty() => nothing("The folder has no records of this machine."),
        Ok(rows) => record_table(rows),
    };
    let note = html! { "measured by " code { "cityseal bench --record" } };
    pane("records", "Benchmark records of this machine", &note, &content)
}

fn record_table(rows: &[RecordRow]) -> Markup {
    // Bars compare rows of the same unit.
    let highest = |unit: &str| rows.iter().filter(|row| row.unit == unit).map(|row| row.median).fold(0.0, f64::max);
    html! {
        table {
            caption { "Benchmark records: median rates of each device, kernel and mode" }
            thead { tr {
                th scope="col" { "Device" }
                th scope="col" { "Mode" }
                th.number scope="col" { "Threads" }
                th.number scope="col" { "Median" }
                th.chart.wide scope="col" { "Among its unit" }
                th scope="col" { "Answers" }
                th.wide scope="col" { "Measured" }
            } }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (row.device) span.sub { (row.kernel) } }
                        td { (row.mode) }
                        td.number { (row.threads) }
                        td.number { (with_unit(&si(row.median), &row.unit)) span.sub { (si(row.min)) " to " (si(row.max)) } }
                        td.chart.wide { (charts::bar(row.median / highest(&row.unit), None, &with_unit(&si(row.median), &row.unit))) }
                        td { @if row.is_right { span.badge.good { "right" } } @else { span.badge.bad { "wrong" } } }
                        td.wide { (row.when) span.sub { code { (row.commit) } } }
                    }
                }
            }
        }
    }
}
