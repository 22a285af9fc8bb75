//! What every CitySeal binary shares: output, escaped text, errors as JSON, exit codes, the log, files, signals.
//!
//! It depends on neither the engine nor a command line: a binary passes it answers, errors and options.

mod clock;
mod error;
mod error_answer;
mod escape;
mod exit;
pub mod files;
mod logging;
mod niceness;
mod output;
pub mod signals;

pub use clock::{unix_now, utc_date, utc_now, utc_time};
pub use error::CliError;
pub use error_answer::{ErrorAnswer, ErrorRow, Explain};
pub use escape::{escape_json, escape_line, push_escaped};
pub use exit::Ending;
pub use logging::start_log;
pub use niceness::lower_priority;
pub use output::{
    Column, LogFormat, LogWriter, Output, Paint, Progress, chance_words, count_words, head_line, line, percent_words,
    si, spoken, table, time_words, with_unit,
};
