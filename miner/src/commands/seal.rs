//! `cityseal seal`: searches a header's space, shows how far it is, and prints the verified seals.

use std::path::Path;
use std::time::{Duration, Instant};

use cityseal_chain::{Seal, SealTemplate, SealTemplateBuilder};
use cityseal_engine::{CoverageSpan, JobHandle, SealJob, SealOutcome, SealReport};

use super::{Work, grouped, share_lines, share_rows};
use crate::Context;
use crate::args::SealArgs;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::json::{CoverageRow, SealAnswer, SealRow};
use crate::output::{Output, Paint, si, spoken};
use crate::signals::{StopSignals, runtime};

/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// Largest template file that is read: a coinbase of 1 MB in hex, and room.
const TEMPLATE_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub(crate) fn run(context: &Context, args: &SealArgs) -> Result<Ending, CommandError> {
    let template = template(args)?;
    let settings = context.settings(&args.engine)?;
    // Signals are caught before the devices are opened, so that an early Ctrl-C ends in an answer too.
    let runtime = runtime(1).map_err(CommandError::System)?;
    let mut stop = runtime.block_on(async { StopSignals::catch() }).map_err(CommandError::System)?;
    let engine = context.engine(&settings)?;
    let started = Instant::now();
    let job = engine.submit(SealJob::new(template).all(args.all).seals_max(args.max_seals as usize));
    let stopped = job.clone();
    runtime.spawn(async move { stopped.cancel(stop.asked().await) });
    tracing::info!(job = job.id(), "searching");
    let report = watch(context, &job);
    runtime.shutdown_background();
    let answer = answer(&report);
    context.output.answer(&answer, |output| human(output, &answer, started.elapsed())).map_err(CommandError::Stdout)?;
    if let SealOutcome::Failed { reason } = &report.outcome {
        context.output.error(reason);
    }
    Ok(Ending::from(&report.outcome))
}

fn template(args: &SealArgs) -> Result<SealTemplate, CommandError> {
    let mut builder = match (&args.header, &args.template) {
        (Some(header), _) => SealTemplate::builder(*header),
        (None, Some(path)) => template_file(path)?,
        (None, None) => unreachable!("the command line demands one of --header and --template"),
    };
    if let Some(nonces) = args.nonces {
        builder = builder.nonces(nonces);
    }
    if let Some(mask) = args.version_mask {
        builder = builder.version_mask(mask);
    }
    if let Some(window_s) = args.time_window {
        builder = builder.time_window_s(window_s);
    }
    if let Some(target) = args.target {
        builder = builder.target(target);
    }
    Ok(builder.build()?)
}

fn template_file(path: &Path) -> Result<SealTemplateBuilder, CommandError> {
    let text = crate::files::read_text(path, TEMPLATE_BYTES_MAX)
        .map_err(|source| CommandError::ReadFile { path: path.into(), source })?;
    SealTemplateBuilder::from_json(&text).map_err(|source| CommandError::TemplateFile { path: path.into(), source })
}

fn watch(context: &Context, job: &JobHandle) -> SealReport {
    let volume = u64::try_from(job.snapshot().volume).ok();
    let bar = context.output.progress(volume, "hashes");
    loop {
        if let Some(report) = job.wait(Some(TICK)) {
            return report;
        }
        let now = job.snapshot();
        bar.at(u64::try_from(now.hashes).unwrap_or(u64::MAX), Some(now.rate_hz));
    }
}

fn answer(report: &SealReport) -> SealAnswer {
    SealAnswer {
        outcome: report.outcome.name(),
        reason: reason(&report.outcome),
        seals: report.seals.iter().map(seal_row).collect(),
        hashes: report.hashes.to_string(),
        coverage: report.coverage.iter().map(coverage_row).collect(),
        devices: share_rows(&report.devices, Work::Hashes),
    }
}

fn reason(outcome: &SealOutcome) -> Option<String> {
    match outcome {
        SealOutcome::Sealed | SealOutcome::Exhausted | SealOutcome::Expired => None,
        SealOutcome::Cancelled { by } => Some(format!("cancelled by {by}")),
        SealOutcome::Superseded { by } => Some(format!("superseded by {by}")),
        SealOutcome::Failed { reason } => Some(reason.to_string()),
    }
}

fn seal_row(seal: &Seal) -> SealRow {
    let header = seal.header();
    SealRow {
        header: header.to_hex(),
        hash: seal.hash().to_display_hex(),
        version: format!("{:08x}", header.version),
        time: header.time,
        nonce: header.nonce,
        extranonce: seal.extranonce().map(|value| value.to_string()),
    }
}

fn coverage_row(span: &CoverageSpan) -> CoverageRow {
    CoverageRow {
        extranonce: span.extranonce.map(|value| value.to_string()),
        version: format!("{:08x}", span.version),
        time: span.time,
        nonce_first: span.nonce_first,
        nonce_last: span.nonce_last,
        device: span.device.clone(),
    }
}

fn human(output: &Output, answer: &SealAnswer, took: Duration) -> String {
    let paint = match answer.outcome {
        "sealed" => Paint::Good,
        "exhausted" => Paint::Bad,
        _ => Paint::Doubtful,
    };
    let word = output.paint(paint, &answer.outcome.to_uppercase());
    let rate = answer.hashes.parse::<f64>().unwrap_or(0.0) / took.as_secs_f64().max(1e-9);
    let hashes = grouped(&answer.hashes);
    let mut parts = vec![format!("{word} after {hashes} hashes in {} ({}hash/s)\n", spoken(took), si(rate))];
    parts.extend(answer.reason.as_ref().map(|reason| format!("  {reason}\n")));
    parts.extend(answer.seals.iter().map(seal_lines));
    parts.push(share_lines(&answer.devices, "hashes"));
    parts.concat()
}

fn seal_lines(seal: &SealRow) -> String {
    let extranonce = seal.extranonce.as_ref().map(|value| format!("  extranonce {value}")).unwrap_or_default();
    let SealRow { header, hash, version, time, nonce, .. } = seal;
    format!("  nonce {nonce}  version {version}  time {time}{extranonce}\n  hash   {hash}\n  header {header}\n")
}
