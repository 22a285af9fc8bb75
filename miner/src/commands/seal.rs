//! `cityseal seal`: searches the space of a header, shows progress, and prints the verified seals.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cityseal_chain::{Seal, SealTemplate, SealTemplateBuilder, TemplateError, TemplateFileError};
use cityseal_cli::files::read_text;
use cityseal_cli::signals::{StopSignals, runtime};
use cityseal_cli::{
    CliError, Ending, Explain, Output, Paint, chance_words, count_words, percent_words, si, spoken, time_words,
};
use cityseal_engine::{BuildError, CoverageSpan, JobHandle, JobSnapshot, SealJob, SealOutcome, SealReport};

use super::{Work, grouped, share_lines, share_rows};
use crate::args::SealArgs;
use crate::config::ConfigError;
use crate::context::Context;
use crate::json::{CoverageRow, SealAnswer, SealRow};
use crate::odds::{Odds, seconds_for};

/// Time between two updates of the progress bar.
const TICK: Duration = Duration::from_millis(100);

/// Maximum size of a template file: a coinbase of 1 MB takes 2 MB in hex, and there is room for the rest.
const TEMPLATE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why `seal` gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SealCommandError {
    /// The template's file, stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The file of a template is invalid.
    #[error("{}: {source}", path.display())]
    TemplateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: TemplateFileError,
    },
    /// The template is invalid.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl Explain for SealCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Config(error) => error.reason(),
            Self::Build(_) => "no-engine",
            Self::TemplateFile { .. } | Self::Template(_) => "bad-template",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Config(error) => error.place(),
            Self::TemplateFile { path, .. } => Some(path.display().to_string()),
            Self::Build(_) | Self::Template(_) => None,
        }
    }
}

pub(crate) fn run(context: &Context, args: &SealArgs) -> Result<Ending, SealCommandError> {
    let template = template(args)?;
    let settings = context.settings(&args.engine)?;
    // Signals are caught before the devices are opened, so that an early Ctrl-C also produces an answer.
    let runtime = runtime(1).map_err(CliError::System)?;
    let mut stop = runtime.block_on(async { StopSignals::catch() }).map_err(CliError::System)?;
    let engine = context.engine(&settings)?;
    let started = Instant::now();
    let space = Space { volume: template.space().volume(), odds: Odds::of(template.target()), is_all: args.all };
    let job = engine.submit(SealJob::new(template).all(args.all).seals_max(args.max_seals as usize));
    let stopped = job.clone();
    runtime.spawn(async move { stopped.cancel(stop.asked().await) });
    tracing::info!(job = job.id(), "searching");
    let report = watch(context, &job, space);
    runtime.shutdown_background();
    let answer = answer(&report);
    context
        .output
        .answer(&answer, |output| human(output, &answer, space, started.elapsed()))
        .map_err(CliError::Stdout)?;
    if let SealOutcome::Failed { reason } = &report.outcome {
        context.output.error(reason);
    }
    Ok(ending(&report.outcome))
}

fn ending(outcome: &SealOutcome) -> Ending {
    match outcome {
        SealOutcome::Sealed => Ending::Yes,
        SealOutcome::Exhausted => Ending::No,
        SealOutcome::Cancelled { .. }
        | SealOutcome::Expired
        | SealOutcome::Superseded { .. }
        | SealOutcome::Failed { .. }
        // The enum may grow; an unknown outcome is neither a seal nor a proof that there is none.
        | _ => Ending::Neither,
    }
}

fn template(args: &SealArgs) -> Result<SealTemplate, SealCommandError> {
    let mut builder = match (&args.header, &args.template) {
        (Some(header), _) => SealTemplate::builder(*header),
        (None, Some(path)) => template_file(path)?,
        (None, None) => unreachable!("the command line requires --header or --template"),
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

fn template_file(path: &Path) -> Result<SealTemplateBuilder, SealCommandError> {
    let text =
        read_text(path, TEMPLATE_BYTES_MAX).map_err(|source| CliError::ReadFile { path: path.into(), source })?;
    SealTemplateBuilder::from_json(&text).map_err(|source| SealCommandError::TemplateFile { path: path.into(), source })
}

/// The size of the search space, and the probability of a seal in it.
#[derive(Clone, Copy, Debug)]
struct Space {
    volume: u128,
    odds: Odds,
    /// The whole space is searched, even after a seal was found.
    is_all: bool,
}

fn watch(context: &Context, job: &JobHandle, space: Space) -> SealReport {
    let bar = context.output.share();
    loop {
        if let Some(report) = job.wait(Some(TICK)) {
            return report;
        }
        let now = job.snapshot();
        bar.show(now.hashes as f64 / space.volume as f64, || space.progress(&now));
    }
}

impl Space {
    /// Two lines for a terminal: the progress of the search, and what to expect of the rest.
    fn progress(self, now: &JobSnapshot) -> [String; 2] {
        let left = self.volume.saturating_sub(now.hashes);
        let done = percent_words(now.hashes, self.volume);
        let volume = count_words(self.volume as f64);
        let left_words = seconds_for(left as f64, now.rate_hz)
            .map_or_else(|| "time left unknown".into(), |seconds| format!("{} left", time_words(seconds)));
        let first = format!("{done} of {volume} hashes, {}H/s, {left_words}", si(now.rate_hz));
        let mean = self.odds.hashes_per_seal();
        let mean_time = seconds_for(mean, now.rate_hz).map(|seconds| format!(", {}", time_words(seconds)));
        let hashes = if mean < 1.5 { "hash" } else { "hashes" };
        let mean = format!("one seal in {} {hashes}{} on average", count_words(mean), mean_time.unwrap_or_default());
        let expected = if self.is_all {
            let seals = self.odds.expected_seals(left);
            let seals = if seals < 10.0 { format!("{seals:.1}") } else { count_words(seals) };
            let found = if now.seals == 1 { "seal" } else { "seals" };
            format!("{} {found} found, about {seals} in the rest", now.seals)
        } else {
            format!("a seal in the rest: {}", chance_words(self.odds.of_a_seal(left)))
        };
        [first, format!("{expected}; {mean}")]
    }

    /// The probability of a result without a seal, in words; `None` if there is a seal, or for other outcomes.
    fn afterwards(self, outcome: &str, seals: usize, hashes: u128) -> Option<String> {
        let mean = format!("at this target one hash in {} is a seal", count_words(self.odds.hashes_per_seal()));
        match outcome {
            _ if seals > 0 => None,
            "exhausted" => {
                let none = chance_words(self.odds.of_none(self.volume));
                Some(format!("a space of this size has no seal with a probability of {none}: {mean}"))
            }
            "cancelled" | "expired" | "superseded" => {
                let left = self.volume.saturating_sub(hashes);
                let rest = chance_words(self.odds.of_a_seal(left));
                let left = grouped(&left.to_string());
                Some(format!("the rest, {left} hashes, has a seal with a probability of {rest}: {mean}"))
            }
            _ => None,
        }
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
        other => Some(other.to_string()),
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

fn coverage_row(span: CoverageSpan) -> CoverageRow {
    CoverageRow {
        extranonce: span.extranonce.map(|value| value.to_string()),
        version: format!("{:08x}", span.version),
        time: span.time,
        nonce_first: span.nonce_first,
        nonce_last: span.nonce_last,
        device: span.device,
    }
}

fn human(output: &Output, answer: &SealAnswer, space: Space, took: Duration) -> String {
    let paint = match answer.outcome {
        "sealed" => Paint::Good,
        "exhausted" => Paint::Bad,
        _ => Paint::Doubtful,
    };
    let word = output.paint(paint, &answer.outcome.to_uppercase());
    let rate = answer.hashes.parse::<f64>().unwrap_or(0.0) / took.as_secs_f64().max(1e-9);
    let hashes = grouped(&answer.hashes);
    let unit = if answer.hashes == "1" { "hash" } else { "hashes" };
    let mut parts = vec![format!("{word} after {hashes} {unit} in {} ({}H/s)\n", spoken(took), si(rate))];
    parts.extend(answer.reason.as_ref().map(|reason| format!("  {reason}\n")));
    let hashes = answer.hashes.parse().unwrap_or(0);
    let afterwards = space.afterwards(answer.outcome, answer.seals.len(), hashes);
    parts.extend(afterwards.map(|words| format!("  {words}\n")));
    parts.extend(answer.seals.iter().map(seal_lines));
    parts.push(share_lines(&answer.devices, ["hash", "hashes"]));
    parts.concat()
}

fn seal_lines(seal: &SealRow) -> String {
    let extranonce = seal.extranonce.as_ref().map(|value| format!("  extranonce {value}")).unwrap_or_default();
    let SealRow { header, hash, version, time, nonce, .. } = seal;
    format!("  nonce {nonce}  version {version}  time {time}{extranonce}\n  hash   {hash}\n  header {header}\n")
}

#[cfg(test)]
mod tests {
    use cityseal_chain::{CompactTarget, Target};

    use super::*;

    /// All nonces of one header, at Bitcoin's first target.
    fn space(is_all: bool) -> Space {
        let target = CompactTarget::from_bits(0x1d00_ffff).decode().unwrap();
        Space { volume: 1 << 32, odds: Odds::of(target), is_all }
    }

    fn after(hashes: u128, rate_hz: f64) -> JobSnapshot {
        JobSnapshot { hashes, rate_hz, volume: 1 << 32, ..JobSnapshot::default() }
    }

    #[test]
    fn a_search_that_found_nothing_is_a_clear_no_and_a_cancelled_one_is_not() {
        assert_eq!(ending(&SealOutcome::Sealed), Ending::Yes);
        assert_eq!(ending(&SealOutcome::Exhausted), Ending::No);
        assert_eq!(ending(&SealOutcome::Cancelled { by: "Ctrl-C".into() }), Ending::Neither);
        assert_eq!(ending(&SealOutcome::Expired), Ending::Neither);
    }

    #[test]
    fn progress_shows_percentage_rate_time_left_odds_and_the_mean() {
        let [first, second] = space(false).progress(&after(1 << 30, 40e6));
        assert_eq!(first, "25.0 % of 4.29 G hashes, 40.0 MH/s, 1 min 21 s left");
        assert_eq!(second, "a seal in the rest: 53 %; one seal in 4.30 G hashes, 1 min 47 s on average");
        let [_, second] = space(true).progress(&JobSnapshot { seals: 2, ..after(1 << 31, 40e6) });
        assert!(second.starts_with("2 seals found, about 0.5 in the rest"), "{second}");
    }

    #[test]
    fn progress_without_a_rate_names_no_time_and_the_odds_are_right_at_both_ends_of_the_targets() {
        let hardest = Space { odds: Odds::of(Target::ONE), ..space(false) };
        let [first, second] = hardest.progress(&after(0, 0.0));
        assert_eq!(first, "0.0 % of 4.29 G hashes, 0.00 H/s, time left unknown");
        assert_eq!(second, "a seal in the rest: 1 in 10^67; one seal in 10^76 hashes on average");
        let [_, second] = Space { odds: Odds::of(Target::MAX), ..space(false) }.progress(&after(1, 1.0));
        assert_eq!(second, "a seal in the rest: over 99.99 %; one seal in 1 hash, 1 s on average");
        let [_, second] = space(false).progress(&after(1 << 32, 1e6));
        assert!(second.starts_with("a seal in the rest: 0 %"), "{second}");
    }

    #[test]
    fn a_search_without_a_seal_reports_how_likely_that_was() {
        let exhausted = space(false).afterwards("exhausted", 0, 1 << 32).unwrap();
        let expected = "a space of this size has no seal with a probability of 37 %: at this target one hash in 4.30 G \
                        is a seal";
        assert_eq!(exhausted, expected);
        let cancelled = space(false).afterwards("cancelled", 0, 1 << 31).unwrap();
        assert!(cancelled.starts_with("the rest, 2,147,483,648 hashes, has a seal with a probability of 39 %"));
        assert_eq!(space(false).afterwards("sealed", 1, 7), None);
        assert_eq!(space(true).afterwards("cancelled", 3, 7), None, "the seals are printed instead");
        assert_eq!(space(false).afterwards("failed", 0, 7), None);
    }
}
