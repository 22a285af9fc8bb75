//! `cityseal seal`: searches the space of a header, shows progress, and prints the verified seals.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cityseal_chain::{BlockHeader, Seal, SealTemplate, SealTemplateBuilder, TemplateError, TemplateFileError};
use cityseal_cli::files::read_text;
use cityseal_cli::signals::{StopSignals, runtime};
use cityseal_cli::{
    CliError, Ending, Explain, Output, Paint, chance_words, count_words, percent_words, si, spoken, time_words,
};
use cityseal_engine::{JobHandle, JobSnapshot, SealJob, SealOutcome, SealReport};

use super::{grouped, share_lines};
use crate::answers::{Work, seal_reason};
use crate::args::SealArgs;
use crate::context::Context;
use crate::json::SealAnswer;
use crate::odds::{Odds, seconds_for};
use crate::setup::SetupError;

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
    /// The configuration or the engine.
    #[error(transparent)]
    Setup(#[from] SetupError),
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
            Self::Setup(error) => error.reason(),
            Self::TemplateFile { .. } | Self::Template(_) => "bad-template",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
            Self::TemplateFile { path, .. } => Some(path.display().to_string()),
            Self::Template(_) => None,
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
    let text = |output: &Output| text(output, &report, space, started.elapsed());
    context.output.answer(&SealAnswer::from(&report), text).map_err(CliError::Stdout)?;
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
    fn afterwards(self, outcome: &SealOutcome, seals: usize, hashes: u128) -> Option<String> {
        let mean = format!("at this target one hash in {} is a seal", count_words(self.odds.hashes_per_seal()));
        match outcome {
            _ if seals > 0 => None,
            SealOutcome::Exhausted => {
                let none = chance_words(self.odds.of_none(self.volume));
                Some(format!("a space of this size has no seal with a probability of {none}: {mean}"))
            }
            SealOutcome::Cancelled { .. } | SealOutcome::Expired | SealOutcome::Superseded { .. } => {
                let left = self.volume.saturating_sub(hashes);
                let rest = chance_words(self.odds.of_a_seal(left));
                let left = grouped(&left.to_string());
                Some(format!("the rest, {left} hashes, has a seal with a probability of {rest}: {mean}"))
            }
            SealOutcome::Sealed | SealOutcome::Failed { .. } | _ => None,
        }
    }
}

fn text(output: &Output, report: &SealReport, space: Space, took: Duration) -> String {
    let SealReport { outcome, seals, hashes, devices, .. } = report;
    let paint = match ending(outcome) {
        Ending::Yes => Paint::Good,
        Ending::No => Paint::Bad,
        Ending::Neither => Paint::Doubtful,
    };
    let word = output.paint(paint, &outcome.name().to_uppercase());
    let rate = si(*hashes as f64 / took.as_secs_f64().max(1e-9));
    let (count, unit) = (grouped(&hashes.to_string()), Work::Hashes.unit(*hashes));
    let mut parts = vec![format!("{word} after {count} {unit} in {} ({rate}H/s)\n", spoken(took))];
    parts.extend(seal_reason(outcome).map(|reason| format!("  {reason}\n")));
    parts.extend(space.afterwards(outcome, seals.len(), *hashes).map(|words| format!("  {words}\n")));
    parts.extend(seals.iter().map(seal_lines));
    parts.push(share_lines(devices, Work::Hashes));
    parts.concat()
}

fn seal_lines(seal: &Seal) -> String {
    let extranonce = seal.extranonce().map(|value| format!("  extranonce {value}")).unwrap_or_default();
    let (header, hash) = (seal.header(), seal.hash());
    let BlockHeader { version, time, nonce, .. } = header;
    format!(
        "  nonce {nonce}  version {version:08x}  time {time}{extranonce}\n  hash   {hash}\n  header {}\n",
        header.to_hex()
    )
}

#[cfg(test)]
mod tests {
    use cityseal_chain::{CompactTarget, Target};
    use cityseal_engine::SealFailure;

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
        let cancelled = SealOutcome::Cancelled { by: "Ctrl-C".into() };
        let failed = SealOutcome::Failed { reason: SealFailure::ShutDown };
        let exhausted = space(false).afterwards(&SealOutcome::Exhausted, 0, 1 << 32).unwrap();
        let expected = "a space of this size has no seal with a probability of 37 %: at this target one hash in 4.30 G \
                        is a seal";
        assert_eq!(exhausted, expected);
        let words = space(false).afterwards(&cancelled, 0, 1 << 31).unwrap();
        assert!(words.starts_with("the rest, 2,147,483,648 hashes, has a seal with a probability of 39 %"));
        assert_eq!(space(false).afterwards(&SealOutcome::Sealed, 1, 7), None);
        assert_eq!(space(true).afterwards(&cancelled, 3, 7), None, "the seals are printed instead");
        assert_eq!(space(false).afterwards(&failed, 0, 7), None);
    }
}
