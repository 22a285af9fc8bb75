//! The pages: their frame, the summary at the top, the login.

use cityseal_proto::v1;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::records::Read;
use super::{panes, words};
use crate::caller::{Caller, Scope};
use crate::limits::{DASHBOARD_INTERVAL, DASHBOARD_ROWS_MAX};

/// Seconds between two loads of the page in a browser without scripts.
const RELOAD_S: u64 = 5 * DASHBOARD_INTERVAL.as_secs();

/// What one visitor sees at one moment.
pub(super) struct View {
    pub(super) status: v1::GetStatusResponse,
    /// `None`: none were configured, or the visitor may not see them.
    pub(super) records: Option<Read>,
}

/// The page with all panes.
pub(super) fn overview(view: &View, caller: &Caller) -> String {
    let body = html! {
        (header(&view.status, caller, true))
        main #panes { (all(view, caller)) }
        (footer(&view.status))
    };
    frame("Status", true, &body)
}

/// Only the panes, to replace those of a page.
pub(super) fn panes(view: &View, caller: &Caller) -> String {
    all(view, caller).into_string()
}

fn all(view: &View, caller: &Caller) -> Markup {
    let status = &view.status;
    let is_operator = caller.has(Scope::Operate);
    html! {
        (summary(status))
        (panes::devices(status))
        (panes::tenants(status))
        (panes::jobs(status))
        (panes::verifications(status))
        (panes::refusals(&status.refusals, status.taken_at_s, status.refusals_kept, is_operator))
        @if let Some(records) = &view.records { (panes::records(records)) }
    }
}

/// A page of older refusals.
pub(super) fn refusals(status: &v1::GetStatusResponse, caller: &Caller) -> String {
    let shown = &status.refusals;
    let oldest = shown.last().filter(|_| shown.len() == DASHBOARD_ROWS_MAX).map(|refused| refused.seq);
    let body = html! {
        (header(status, caller, false))
        main.single #panes {
            (panes::refusals(shown, status.taken_at_s, status.refusals_kept, caller.has(Scope::Operate)))
            nav.pages aria-label="Pages" {
                a href="/" { "Back to the status" }
                @if let Some(oldest) = oldest { a href={ "/refusals?before=" (oldest) } rel="next" { "Older" } }
            }
        }
        (footer(status))
    };
    frame("Refused calls", false, &body)
}

/// The login, with what was wrong with the last attempt.
pub(super) fn login(problem: Option<&str>) -> String {
    let body = html! {
        main.login {
            h1 { (logo()) "CitySeal" }
            form method="post" action="/login" {
                label for="token" { "Token with the scope " code { "read" } }
                input #token name="token" type="password" autocomplete="current-password" required maxlength="128"
                    autofocus aria-describedby="help" aria-invalid=[problem.map(|_| "true")];
                @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                button type="submit" { "Log in" }
            }
            p #help { "`cityseal token --scope read` makes one. With " code { "operate" } " it shows all tenants." }
        }
    };
    frame("Log in", false, &body)
}

fn frame(title: &str, is_live: bool, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · CitySeal" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                @if is_live {
                    noscript { meta http-equiv="refresh" content=(RELOAD_S); }
                    script src="/script.js" defer {}
                }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// The mark of the product: a seal.
fn logo() -> Markup {
    // A file of the program, without text from outside.
    PreEscaped(include_str!("icon.svg").to_owned())
}

fn header(status: &v1::GetStatusResponse, caller: &Caller, is_live: bool) -> Markup {
    let who = match caller.tenant() {
        None => None,
        Some(tenant) if caller.has(Scope::Operate) => Some(format!("{tenant} (operator)")),
        Some(tenant) => Some(tenant.to_string()),
    };
    html! {
        a.skip href="#panes" { "Skip to the status" }
        header {
            h1 { a href="/" { (logo()) "CitySeal" } }
            (state(status))
            @if is_live { p #live role="status" data-state="off" { "updated " (words::clock(status.taken_at_s)) " UTC" } }
            @if let Some(who) = who {
                form.who method="post" action="/logout" {
                    span { (who) }
                    button type="submit" { "Log out" }
                }
            }
        }
    }
}

fn state(status: &v1::GetStatusResponse) -> Markup {
    let state = status.service.as_ref().map_or(v1::ServingState::Unspecified, v1::ServiceStatus::state);
    let (word, class) = match state {
        v1::ServingState::Serving => ("serving", "good"),
        v1::ServingState::NotServing => ("no device is ready", "bad"),
        v1::ServingState::Draining => ("draining", "doubtful"),
        v1::ServingState::Unspecified => ("unknown", "doubtful"),
    };
    html! { p class={ "badge " (class) } data-pane="state" { (word) } }
}

/// The most important numbers.
fn summary(status: &v1::GetStatusResponse) -> Markup {
    let ready = status.devices.iter().filter(|one| panes::device_of(one).state() == v1::DeviceState::Ready).count();
    let used = status.devices.iter().filter(|one| panes::device_of(one).state() != v1::DeviceState::LeftOut).count();
    let now_hz: f64 = status.devices.iter().filter_map(|one| one.recent_rates_hz.last()).sum();
    let uptime = status.service.as_ref().map_or(0, |service| service.uptime_s);
    let missed: u64 = status.devices.iter().map(|one| panes::device_of(one).canaries_missed).sum();
    let tiles = [
        ("devices ready", format!("{ready} of {used}"), ready < used),
        ("work now", words::rate(now_hz, "H/s"), false),
        ("canaries missed", missed.to_string(), missed > 0),
        ("jobs running", status.jobs_running.to_string(), false),
        ("verifications", status.verifications.len().to_string(), false),
        ("refusals kept", status.refusals_kept.to_string(), false),
        ("uptime", words::seconds(uptime as f64), false),
    ];
    html! {
        section.summary data-pane="summary" aria-label="Summary" {
            dl {
                @for (name, value, is_bad) in tiles {
                    div class=[is_bad.then_some("bad")] { dt { (name) } dd { (value) } }
                }
            }
            @if let Some(error) = status.service.as_ref().map(|one| &one.reload_error).filter(|text| !text.is_empty()) {
                p.problem role="alert" { "The last reload failed: " (error) }
            }
        }
    }
}

fn footer(status: &v1::GetStatusResponse) -> Markup {
    let service = status.service.clone().unwrap_or_default();
    html! {
        footer {
            p {
                "CitySeal " (service.version) ", commit " code { (service.commit) } ", epoch " code { (service.epoch) }
                @for one in &service.listeners {
                    "; " (one.name) " on " code { (one.address) } @if one.tls { " (TLS)" }
                }
                @if let Some(end) = service.certificate_not_after_s {
                    "; certificate valid until " (cityseal_cli::utc_date(end))
                }
                "."
            }
        }
    }
}
