//! The log on stderr.

use tracing_subscriber::EnvFilter;

use crate::error::CliError;
use crate::output::LogWriter;

/// Starts the log with this filter, such as `warn,cityseal=info`. A directive matches every target that begins with its
/// name: `cityseal` matches `cityseal_service::calls`.
///
/// # Errors
/// [`CliError::LogFilter`] for a filter that cannot be parsed.
pub fn start_log(filter: &str) -> Result<(), CliError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| CliError::LogFilter { filter: filter.into(), message: error.to_string() })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(|| LogWriter);
    // A second start in one process (tests) keeps the first log.
    // A line is lost when stderr is closed; the library would report that on stderr too, and end the thread.
    let _kept = subscriber.with_ansi(false).log_internal_errors(false).try_init();
    Ok(())
}
