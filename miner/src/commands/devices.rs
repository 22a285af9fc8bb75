//! `cityseal devices`: lists every adapter with its state and the reason for it.

use std::time::Instant;

use cityseal_bench::processor::{cpu_info, cpu_model};
use cityseal_cli::{CliError, Ending, Explain, Output, Paint, table};
use cityseal_device::DeviceKind;
use cityseal_engine::{DeviceStatus, LeftOut, Profile, WorkKind};
use cityseal_service::device_facts::{duplicate_of, items, until_s};
use cityseal_service::sensors::memory_bytes;

use crate::args::DevicesArgs;
use crate::config::Settings;
use crate::context::Context;
use crate::json::{CrossoverRow, DeviceRow, DevicesAnswer, HealthRow, LeftOutRow, LimitsRow, TuningRow};
use crate::setup::SetupError;

/// Why `devices` gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DevicesCommandError {
    /// Stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration or the engine.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Explain for DevicesCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
        }
    }
}

pub(crate) fn run(context: &Context, args: &DevicesArgs) -> Result<Ending, DevicesCommandError> {
    let settings = context.settings(&args.engine)?;
    // All adapters are listed, even if `--device` selects only some of them.
    let engine = settings.engine.builder().gpu(true).build().map_err(SetupError::from)?;
    let now = Instant::now();
    let rows = engine.devices().iter().map(|device| row(device, &settings, now)).collect();
    let answer = DevicesAnswer { devices: rows, notes: engine.notes().to_vec() };
    context.output.answer(&answer, |output| human(output, &answer)).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

/// The reason shown for a device that is in use.
const PASSED: &str = "passed its self-test";

fn row(status: &DeviceStatus, settings: &Settings, now: Instant) -> DeviceRow {
    let info = &status.info;
    let is_cpu = info.kind == DeviceKind::Cpu;
    let reason = status.state.reason();
    DeviceRow {
        id: info.id.clone(),
        name: info.name.clone(),
        kind: info.kind.name(),
        api: info.api.clone(),
        driver: info.driver.clone(),
        pci: info.pci.clone(),
        memory_bytes: memory_bytes(info),
        limits: info.adapter.map(|limits| LimitsRow {
            buffer_bytes: limits.buffer_bytes_max,
            binding_bytes: limits.binding_bytes_max,
            workgroups: limits.workgroups_max,
            invocations: limits.invocations_max,
        }),
        kernel: info.kernel.clone(),
        state: status.state.name(),
        why: reason.clone().unwrap_or_else(|| PASSED.to_owned()),
        reason,
        model: is_cpu.then(|| cpu_model(&cpu_info()).map(str::to_owned)).flatten(),
        threads: is_cpu.then(|| threads(status, settings)),
        duplicate_of: duplicate_of(&status.state),
        until_s: until_s(&status.state, now),
        tuning: tuning(status, settings.engine.profile),
        rate_hz: status.rate_hz,
        health: status.false_negative_rate().map(|false_negative_rate| HealthRow {
            canaries: status.canaries,
            canaries_missed: status.canaries_missed,
            false_negative_rate,
            strikes: status.strikes,
        }),
    }
}

/// Number of threads that drive the CPU, or that would if it were selected.
fn threads(status: &DeviceStatus, settings: &Settings) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    if status.workers > 0 { status.workers } else { settings.engine.threads.unwrap_or_else(all) }
}

/// `None` for the CPU, which has no dispatches, and for devices that are not used.
fn tuning(status: &DeviceStatus, profile: Profile) -> Option<TuningRow> {
    let is_used = status.workers > 0 && status.info.adapter.is_some();
    is_used.then(|| TuningRow {
        profile: profile.name(),
        dispatch_nonces: status.tuned.map(|tuned| tuned.dispatch_nonces),
        crossover: crossover(status),
    })
}

/// `None` if nothing was measured.
fn crossover(status: &DeviceStatus) -> Option<CrossoverRow> {
    (!status.crossovers.is_empty()).then(|| CrossoverRow {
        search: items(status, WorkKind::Search),
        headers: items(status, WorkKind::Headers),
        nodes: items(status, WorkKind::Nodes),
    })
}

pub(crate) fn left_out_row(left_out: &LeftOut) -> LeftOutRow {
    let info = &left_out.info;
    LeftOutRow {
        id: info.id.clone(),
        name: info.name.clone(),
        kind: info.kind.name(),
        api: info.api.clone(),
        driver: info.driver.clone(),
        pci: info.pci.clone(),
        kernel: info.kernel.clone(),
        state: left_out.reason.name(),
        reason: left_out.reason.to_string(),
    }
}

fn human(output: &Output, answer: &DevicesAnswer) -> String {
    let cells = |row: &DeviceRow| {
        vec![
            row.id.clone(),
            name(row),
            row.kind.into(),
            row.kernel.clone(),
            row.state.into(),
            row.rate_hz.map(|rate| format!("{:.1} MH/s", rate / 1e6)).unwrap_or_default(),
            row.why.clone(),
        ]
    };
    let rows: Vec<_> = answer.devices.iter().map(cells).collect();
    let note = |note: &String| format!("{} {note}\n", output.paint(Paint::Doubtful, "note:"));
    let notes: Vec<_> = answer.notes.iter().map(note).collect();
    let uses: String = answer.devices.iter().filter_map(use_line).collect();
    table(&["id", "name", "kind", "kernel", "state", "search", "why"], &[5], &rows) + &uses + &notes.concat()
}

/// The name shown to people; for the CPU, its model and number of threads.
fn name(row: &DeviceRow) -> String {
    let Some(threads) = row.threads else { return row.name.clone() };
    let model = row.model.as_ref().unwrap_or(&row.name);
    format!("{model}, {threads} {}", if threads == 1 { "thread" } else { "threads" })
}

/// The batch sizes from which a device is faster than the CPU, if they were measured.
fn use_line(row: &DeviceRow) -> Option<String> {
    let crossover = row.tuning.as_ref()?.crossover?;
    let from = |items: Option<u64>| items.map_or_else(|| "never".to_owned(), |items| format!("from {items}"));
    let (search, headers, nodes) = (from(crossover.search), from(crossover.headers), from(crossover.nodes));
    Some(format!("{} is faster than the CPU: nonces {search}, headers {headers}, Merkle nodes {nodes}\n", row.id))
}

#[cfg(test)]
mod tests {
    use cityseal_engine::{DeviceState, LeftOutReason};

    use super::*;

    fn settings(threads: Option<usize>) -> Settings {
        let engine = crate::args::EngineArgs { threads, ..Default::default() };
        let cli = <crate::args::Cli as clap::Parser>::try_parse_from(["cityseal", "devices"]).unwrap();
        Settings::of(&engine, &cli.global, &crate::config::Environment::default()).unwrap()
    }

    fn answer_of(rows: Vec<DeviceRow>) -> String {
        human(&Output::of_process(false, true), &DevicesAnswer { devices: rows, notes: Vec::new() })
    }

    #[test]
    fn the_cpu_has_its_model_and_threads_and_every_device_a_reason_for_its_state() {
        let engine = cityseal_engine::Engine::builder().gpu(false).threads(2).build().unwrap();
        let mut used = row(&engine.devices()[0], &settings(None), Instant::now());
        assert_eq!((used.threads, used.why.as_str(), &used.reason), (Some(2), PASSED, &None));
        used.model = Some("AMD EPYC".into());
        let text = answer_of(vec![used]);
        assert!(text.contains("AMD EPYC, 2 threads") && text.contains(PASSED), "{text}");
        assert!(text.lines().next().is_some_and(|heads| heads.ends_with("why")), "{text}");

        let mut unused = engine.devices()[0].clone();
        (unused.workers, unused.state) = (0, DeviceState::LeftOut { reason: LeftOutReason::NotSelected });
        let mut unused = row(&unused, &settings(Some(7)), Instant::now());
        assert_eq!((unused.threads, unused.why.as_str()), (Some(7), "not selected: other devices were named"));
        assert_eq!(unused.reason.as_ref(), Some(&unused.why), "`reason` has the same text");
        (unused.model, unused.threads) = (None, Some(1));
        assert_eq!(name(&unused), "cpu, 1 thread");
    }

    #[test]
    fn the_text_names_the_batch_size_from_which_a_device_is_faster() {
        let engine = cityseal_engine::Engine::builder().gpu(false).threads(1).build().unwrap();
        let cpu = &engine.devices()[0];
        let mut row = row(cpu, &settings(None), Instant::now());
        assert_eq!((row.tuning.clone(), use_line(&row)), (None, None));
        let crossover = CrossoverRow { search: Some(20_000), headers: None, nodes: Some(7) };
        row.tuning = Some(TuningRow { profile: "balanced", dispatch_nonces: None, crossover: Some(crossover) });
        let line = use_line(&row).unwrap();
        assert_eq!(line, "cpu is faster than the CPU: nonces from 20000, headers never, Merkle nodes from 7\n");
    }
}
