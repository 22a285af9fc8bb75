//! The log on stderr.

use tracing_subscriber::EnvFilter;

use crate::error::CliError;
use crate::output::{LogFormat, LogWriter};

/// Starts the log with this filter, such as `warn,cityseal=info`. A directive matches every target that begins with
/// its name: `cityseal` matches `cityseal_service::calls`.
///
/// In JSON each event is one object with `timestamp`, `level`, `message`, `target` and the fields of the event; spans
/// of libraries, which may hold headers of a caller, are left out.
///
/// # Errors
/// [`CliError::LogFilter`] for a filter that cannot be parsed.
pub fn start_log(filter: &str, format: LogFormat) -> Result<(), CliError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| CliError::LogFilter { filter: filter.into(), message: error.to_string() })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(move || LogWriter::new(format));
    // A line is lost when stderr is closed; the library would report that on stderr too, and end the thread.
    let subscriber = subscriber.with_ansi(false).log_internal_errors(false);
    // A second start in one process (tests) keeps the first log.
    let _kept = match format {
        LogFormat::Human => subscriber.try_init(),
        LogFormat::Json => {
            subscriber.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
    Ok(())
}
