//! The status as text.

use std::time::Duration;

use cityseal_cli::{Output, Paint, chance_words, count_words, si, table, time_words, utc_time};
use cityseal_client::{
    DeviceReport, DeviceState, JobReport, JobState, RefusedCall, ServingState, StatusReport, TenantReport,
    VerificationReport,
};

use crate::json::outcome_name;

/// The whole status.
pub(super) fn human(output: &Output, report: &StatusReport) -> String {
    let parts = [
        head(output, report),
        devices(output, &report.devices),
        tenants(&report.tenants),
        jobs(report),
        verifications(&report.verifications),
        refusals(output, report),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(output: &Output, report: &StatusReport) -> String {
    let service = &report.service;
    let paint = if service.state == ServingState::Serving { Paint::Good } else { Paint::Bad };
    let listeners: Vec<String> = service
        .listeners
        .iter()
        .map(|one| format!("{} {}{}", one.name, one.address, if one.has_tls { " (TLS)" } else { "" }))
        .collect();
    let first = format!(
        "{} for {}; CitySeal {} ({}); {}\n",
        output.paint(paint, service.state.name()),
        time_words(service.uptime.as_secs_f64()),
        service.version,
        service.commit,
        listeners.join(", "),
    );
    let end = service.certificate_not_after_s.map(|end| format!("certificate valid until {}\n", utc_time(end)));
    let error = service.reload_error.as_ref().map(|error| format!("the last reload failed: {error}\n"));
    [Some(first), end, error].into_iter().flatten().collect()
}

fn devices(output: &Output, devices: &[DeviceReport]) -> String {
    let row = |one: &DeviceReport| {
        let device = &one.device;
        let paint = if device.state == DeviceState::Ready { Paint::Good } else { Paint::Doubtful };
        vec![
            device.id.clone(),
            output.paint(paint, device.state.name()),
            device.rate_hz.map_or_else(|| "-".to_owned(), |rate| format!("{}H/s", si(rate))),
            one.temperature_celsius.map_or_else(|| "-".to_owned(), |degrees| format!("{degrees:.0} °C")),
            format!("{} of {}", device.canaries_missed, device.canaries),
            device.reason.clone().unwrap_or_else(|| device.name.clone()),
        ]
    };
    let heads = ["device", "state", "rate", "heat", "canaries missed", "name or reason"];
    table(&heads, &[2, 3, 4], &devices.iter().map(row).collect::<Vec<_>>())
}

fn tenants(tenants: &[TenantReport]) -> String {
    if tenants.is_empty() {
        return String::new();
    }
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    let row = |one: &TenantReport| {
        let name = if one.name.is_empty() { "(local callers)" } else { &one.name };
        let (used, due) = (percent(one.used_share), percent(one.due_share));
        vec![name.to_owned(), one.weight.to_string(), percent(Some(one.reserved)), used, due]
    };
    let heads = ["tenant", "weight", "reserved", "used, 1 min", "due"];
    table(&heads, &[1, 2, 3, 4], &tenants.iter().map(row).collect::<Vec<_>>())
}

fn jobs(report: &StatusReport) -> String {
    if report.jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let time = |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), |time| time_words(time.as_secs_f64()));
    let row = |one: &JobReport| {
        let state = match &one.job.state {
            JobState::Ended(outcome) => outcome_name(outcome),
            JobState::Running | _ => "running",
        };
        vec![
            one.job.id.clone(),
            one.job.tenant.clone(),
            state.to_owned(),
            format!("{:.1} %", 100.0 * one.progress),
            format!("{}H/s", si(one.job.rate_hz)),
            time(one.ends_in),
            one.probability_by_deadline.map_or_else(|| "-".to_owned(), chance_words),
            time(one.deadline_left),
        ]
    };
    let heads = ["job", "tenant", "state", "searched", "rate", "ends in", "chance", "deadline"];
    table(&heads, &[3, 4, 5, 6, 7], &report.jobs.iter().map(row).collect::<Vec<_>>())
}

fn verifications(verifications: &[VerificationReport]) -> String {
    if verifications.is_empty() {
        return String::new();
    }
    let row = |one: &VerificationReport| {
        let shares = one.stages.iter().filter(|(_, share)| *share > 0.0);
        let stages: Vec<String> = shares.map(|(name, share)| format!("{name} {:.0} %", 100.0 * share)).collect();
        vec![
            one.network.clone(),
            one.tenant.clone(),
            format!("{} {}", count_words(one.received as f64), one.items.as_deref().unwrap_or_default()),
            format!("{}B/s", si(one.rate_bytes_hz)),
            stages.join(", "),
        ]
    };
    let heads = ["verification", "tenant", "received", "rate", "stages"];
    table(&heads, &[2, 3], &verifications.iter().map(row).collect::<Vec<_>>())
}

fn refusals(output: &Output, report: &StatusReport) -> String {
    let (shown, kept) = (report.refusals.len(), report.refusals_kept);
    if kept == 0 {
        return "no refused calls\n".to_owned();
    }
    let lines: String = report.refusals.iter().map(|one| refusal(output, one)).collect();
    format!("refused calls, the newest first ({shown} of {kept}):\n{lines}")
}

fn refusal(output: &Output, one: &RefusedCall) -> String {
    let method = one.method.rsplit('/').next().unwrap_or_default();
    let tenant = one.tenant.as_deref().map_or_else(String::new, |tenant| format!(" by {tenant}"));
    let reason = output.paint(Paint::Bad, &one.reason);
    let first = format!("{} {method}{tenant}: {reason}\n  {}\n", utc_time(one.at_ms / 1_000), one.message);
    let facts = [("expected", &one.expected), ("found", &one.found), ("trace", &one.trace_id)];
    let facts: Vec<String> =
        facts.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    let facts = (!facts.is_empty()).then(|| format!("  {}\n", facts.join("; ")));
    let advice = one.what_to_do.as_ref().map(|words| format!("  -> {words}\n"));
    [Some(first), facts, advice].into_iter().flatten().collect()
}
