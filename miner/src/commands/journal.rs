//! `cityseal journal`: prints the journal of a service that does not run.

use std::fmt::Write as _;

use cityseal_cli::{CliError, Ending, Explain, escape_line, utc_time};
use cityseal_service::JournalError;
use cityseal_service::journal_dump::{JournalDump, JournalJob, read_journal};

use super::{grouped, plural};
use crate::args::{JournalAction, JournalArgs};
use crate::context::Context;
use crate::json::JournalAnswer;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum JournalCommandError {
    /// Stdout.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Explain for JournalCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Journal(JournalError::Io { .. }) => "cannot-read",
            Self::Journal(JournalError::InUse { .. }) => "journal-in-use",
            Self::Journal(_) => "bad-journal",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Journal(
                JournalError::Io { path, .. }
                | JournalError::InUse { path }
                | JournalError::Format { path, .. }
                | JournalError::Damaged { path, .. },
            ) => Some(path.display().to_string()),
            Self::Journal(_) => None,
        }
    }
}

pub(crate) fn run(context: &Context, args: &JournalArgs) -> Result<Ending, JournalCommandError> {
    let JournalAction::Dump(args) = &args.action;
    let dump = read_journal(&args.folder)?;
    context.output.answer(&JournalAnswer::from(&dump), |_| text_of(&dump)).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

/// A line for each job and each tip.
fn text_of(dump: &JournalDump) -> String {
    let mut text = String::new();
    for job in &dump.jobs {
        push_job(&mut text, job);
    }
    for tip in &dump.tips {
        let (tenant, chain) = (escape_line(&tip.tenant), escape_line(&tip.chain));
        let at = utc_time(tip.advanced);
        let _ = writeln!(text, "tip of chain '{chain}' of tenant '{tenant}': generation {} since {at}", tip.generation);
    }
    let count =
        |count: usize, one, many| format!("{} {}", grouped(&count.to_string()), plural(count as u64, one, many));
    let (jobs, tips) = (count(dump.jobs.len(), "job", "jobs"), count(dump.tips.len(), "tip", "tips"));
    let running = dump.jobs.iter().filter(|job| job.ended.is_none()).count();
    let _ = write!(text, "epoch {}: {jobs}, {running} running; {tips}", dump.epoch);
    text
}

fn push_job(text: &mut String, job: &JournalJob) {
    let (tenant, request_id) = (escape_line(&job.tenant), escape_line(&job.request_id));
    let _ = write!(text, "{} {:<10} tenant '{tenant}' request '{request_id}'", job.id, job.state);
    if !job.chain.is_empty() {
        let _ = write!(text, " chain '{}' generation {}", escape_line(&job.chain), job.generation);
    }
    let volume = job.volume.map_or_else(|| "an unknown number of".to_owned(), |volume| grouped(&volume.to_string()));
    let _ = write!(text, ": {} of {volume} hashes", grouped(&job.hashes.to_string()));
    match job.ended {
        Some(ended) => {
            let seals = plural(job.seals.len() as u64, "seal", "seals");
            let _ = write!(text, ", {} {seals}, ended {}", job.seals.len(), utc_time(ended));
        }
        None => {
            let _ = write!(text, ", expires {}", utc_time(job.expires));
        }
    }
    if !job.reason.is_empty() {
        let _ = write!(text, " ({})", escape_line(&job.reason));
    }
    text.push('\n');
}
