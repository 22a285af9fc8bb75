//! The flags of `journal`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const JOURNAL_EXAMPLES: &str = "\
Examples:
  cityseal journal dump state                    the jobs of a service that was started with --state state
  cityseal journal dump state --json";

const JOURNAL_DUMP_EXAMPLES: &str = "\
Examples:
  cityseal journal dump state
  cityseal journal dump state --json

The service must not run: the journal is open for one process only. The file is not changed, not even after a crash of
the service.

Exit codes: 0 printed, 2 anything else.";

/// Options of `journal`.
#[derive(Clone, Debug, Args)]
#[command(after_help = JOURNAL_EXAMPLES)]
pub struct JournalArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub action: JournalAction,
}

/// Subcommands of `journal`.
#[derive(Clone, Debug, Subcommand)]
pub enum JournalAction {
    /// Print the jobs in the journal of a state folder.
    Dump(JournalDumpArgs),
}

/// Options of `journal dump`.
#[derive(Clone, Debug, Args)]
#[command(after_help = JOURNAL_DUMP_EXAMPLES)]
pub struct JournalDumpArgs {
    /// The state folder.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
