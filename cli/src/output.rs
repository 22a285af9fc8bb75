//! Prints everything that a binary prints: answers on stdout, notes and errors on stderr, progress on a terminal only.
//!
//! All text is escaped (`escape`): control characters in text from outside are shown and have no effect on a terminal.
//!
//! A reader that closes the pipe early (`cityseal … | head`) is no error: the rest of the answer is dropped, and the
//! exit code is that of the answer.

mod columns;
mod words;

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::clock::utc_now;
use crate::error_answer::ErrorAnswer;
use crate::escape::{COLOR, COLOR_CODE_END, COLOR_END, escape_json, escape_line, escape_text};

pub use columns::{Column, head_line, line, table};
pub use words::{chance_words, count_words, percent_words, si, spoken, time_words, with_unit};

/// How often a progress bar is redrawn.
const REDRAWS_PER_SECOND: u8 = 8;

/// How often a bar is redrawn while its task reports nothing, so that the elapsed time keeps moving.
const TICK: Duration = Duration::from_millis(500);

/// Steps of a bar that shows a fraction of the work: tenths of a percent, whatever the number of hashes.
const SHARE_STEPS: u64 = 1_000;

/// The colour of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Neither good nor bad.
    Doubtful,
    /// A heading.
    Strong,
}

impl Paint {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Doubtful => "33",
            Self::Strong => "1",
        }
    }
}

/// The form of what goes to stderr: log lines, notes and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line, for programs.
    Json,
}

impl LogFormat {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Human, Self::Json];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
        }
    }
}

/// A note or an error as a line of the log, with the keys that the log itself writes.
#[derive(Serialize)]
struct JsonNote<'a> {
    timestamp: String,
    level: &'static str,
    message: &'a str,
    target: &'static str,
}

/// The output of one process.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    log_format: LogFormat,
    /// Whether an answer was printed.
    has_answered: Arc<AtomicBool>,
    color_stdout: bool,
    color_stderr: bool,
}

impl Output {
    /// The output of this process. It uses colour on a terminal only, and never if `no_color` is set.
    pub fn of_process(json: bool, no_color: bool) -> Self {
        Self {
            json,
            log_format: LogFormat::default(),
            has_answered: Arc::default(),
            color_stdout: !no_color && io::stdout().is_terminal(),
            color_stderr: !no_color && io::stderr().is_terminal(),
        }
    }

    /// Prints notes and errors in the format of the log.
    pub fn log_format(self, log_format: LogFormat) -> Self {
        Self { log_format, ..self }
    }

    /// Whether answers are printed as JSON.
    pub const fn wants_json(&self) -> bool {
        self.json
    }

    /// Prints the answer: one line of JSON if `--json` was given, otherwise the text that `human` returns.
    ///
    /// # Errors
    /// The system's error for stdout. A closed pipe is no error.
    pub fn answer<T: Serialize>(&self, answer: &T, human: impl FnOnce(&Self) -> String) -> io::Result<()> {
        self.has_answered.store(true, Ordering::Relaxed);
        if !self.json {
            return self.text(&human(self));
        }
        let mut line = escape_json(&serde_json::to_string(answer).map_err(io::Error::from)?);
        line.push('\n');
        write_all(&mut io::stdout().lock(), line.as_bytes())
    }

    /// Prints text on stdout, and ends it with a line break.
    ///
    /// # Errors
    /// The system's error for stdout. A closed pipe is no error.
    pub fn text(&self, text: &str) -> io::Result<()> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        write_all(&mut io::stdout().lock(), escape_text(&format!("{text}{end}")).as_bytes())
    }

    /// Prints a note of one line on stderr. A closed stderr is ignored.
    pub fn note(&self, words: impl Display) {
        match self.log_format {
            LogFormat::Human => self.print_stderr(&escape_line(&words.to_string())),
            LogFormat::Json => print_json_note("INFO", &words.to_string()),
        }
    }

    /// Prints an error on stderr, with its chain of causes.
    pub fn error(&self, error: &dyn Error) {
        match self.log_format {
            LogFormat::Human => {
                let label = wrap(self.color_stderr, Paint::Bad, "error:");
                self.print_stderr(&format!("{label} {}", escape_line(&with_causes(error))));
            }
            LogFormat::Json => print_json_note("ERROR", &with_causes(error)),
        }
    }

    /// Prints help and versions on stdout, and usage errors on stderr. `styled` is the same message with escape
    /// sequences for its styles. It is printed unchanged if colour is used, so it must not hold unescaped text from
    /// outside.
    pub fn usage(&self, plain: &str, styled: Option<&str>, is_refusal: bool) {
        let is_colored = if is_refusal { self.color_stderr } else { self.color_stdout };
        let text = styled.filter(|_| is_colored).map_or_else(|| escape_text(plain), str::to_owned);
        let _closed = if is_refusal {
            write_all(&mut io::stderr().lock(), text.as_bytes())
        } else {
            write_all(&mut io::stdout().lock(), text.as_bytes())
        };
    }

    /// Prints why there is no answer, if answers are printed as JSON and none was printed.
    pub fn no_answer(&self, error: &ErrorAnswer) {
        if self.json && !self.has_answered.load(Ordering::Relaxed) {
            // A closed stdout has no reader.
            let _closed = self.answer(error, |_| String::new());
        }
    }

    /// Colours a word for stdout.
    pub fn paint(&self, paint: Paint, word: &str) -> String {
        wrap(self.color_stdout, paint, word)
    }

    /// Starts a progress bar over `total` items on stderr, or a spinner if the total is unknown. Hidden if stderr is no
    /// terminal.
    pub fn progress(&self, total: Option<u64>, what: &'static str) -> Progress {
        Progress::new(total, what)
    }

    /// Starts a progress bar on stderr that shows the completed fraction of a task, with two lines of text. Hidden if
    /// stderr is no terminal.
    pub fn share(&self) -> Progress {
        Progress::with_shape(Some(SHARE_STEPS), "{spinner} [{bar:16}] {prefix}\n  {msg}")
    }

    /// Starts a line on stderr that names the current step and the time since the first one. Hidden if stderr is no
    /// terminal.
    pub fn steps(&self) -> Progress {
        let progress = Progress::with_shape(None, "{spinner} {msg}  {elapsed} elapsed");
        progress.0.enable_steady_tick(TICK);
        progress
    }

    #[expect(clippy::unused_self, reason = "only the holder of an `Output` may print")]
    fn print_stderr(&self, words: &str) {
        let _closed = write_all(&mut io::stderr().lock(), escape_text(&format!("{words}\n")).as_bytes());
    }
}

fn print_json_note(level: &'static str, message: &str) {
    let note = JsonNote { timestamp: utc_now(), level, message, target: "cityseal" };
    if let Ok(line) = serde_json::to_string(&note) {
        let _closed = write_all(&mut io::stderr().lock(), (escape_json(&line) + "\n").as_bytes());
    }
}

/// Marks a word with a colour, if colour is used.
fn wrap(color: bool, paint: Paint, word: &str) -> String {
    if color { format!("{COLOR}{}{COLOR_CODE_END}{word}{COLOR_END}", paint.code()) } else { word.into() }
}

/// Writes the log to stderr, one escaped line for each event.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogWriter(LogFormat);

impl LogWriter {
    /// A writer of events that have this format.
    pub const fn new(format: LogFormat) -> Self {
        Self(format)
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes each event in one call, and an event is one line.
        let event = String::from_utf8_lossy(bytes);
        let event = event.strip_suffix('\n').unwrap_or(&event);
        let line = match self.0 {
            LogFormat::Human => escape_line(event),
            LogFormat::Json => escape_json(event),
        } + "\n";
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let message = deeper.to_string();
        if !words.contains(&message) {
            let _cannot_fail = write!(words, ": {message}");
        }
        cause = deeper.source();
    }
    words
}

fn write_all(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A progress bar. Dropping it removes it from the screen.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    fn new(total: Option<u64>, what: &'static str) -> Self {
        let progress = Self::with_shape(
            total,
            match total {
                Some(_) => "{spinner} {human_pos} of {human_len} {prefix}  {wide_bar}  {msg}  {eta}",
                None => "{spinner} {human_pos} {prefix}  {msg}  {elapsed}",
            },
        );
        progress.0.set_prefix(what);
        progress
    }

    fn with_shape(total: Option<u64>, shape: &str) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
        let bar = ProgressBar::with_draw_target(total, target);
        let style = ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self(bar)
    }

    /// Moves the bar to a position, and shows the rate in items per second.
    pub fn at(&self, position: u64, rate_hz: Option<f64>) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_position(position);
        if let Some(rate_hz) = rate_hz {
            self.0.set_message(format!("{}/s", si(rate_hz)));
        }
    }

    /// Shows the completed fraction, 0 to 1, and two lines of text. `words` is called only if the bar is visible.
    pub fn show(&self, share: f64, words: impl FnOnce() -> [String; 2]) {
        if !self.0.is_hidden() {
            let [first, second] = words();
            self.0.set_prefix(first);
            self.0.set_message(second);
            self.0.set_position((share * SHARE_STEPS as f64) as u64);
        }
    }

    /// Shows the name of the current step.
    pub fn name(&self, step: String) {
        self.0.set_message(step);
    }

    /// Prints while the bar is hidden.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        assert!(write_all(&mut Closed(io::ErrorKind::BrokenPipe), b"answer").is_ok());
        assert!(write_all(&mut Closed(io::ErrorKind::StorageFull), b"answer").is_err());
    }

    #[test]
    fn a_cause_that_the_message_already_contains_is_not_repeated() {
        #[derive(Debug, thiserror::Error)]
        #[error("reading: {source}")]
        struct Outer {
            source: io::Error,
        }
        let error = Outer { source: io::Error::other("no such file") };
        assert_eq!(with_causes(&error), "reading: no such file");
    }

    #[test]
    fn no_word_is_coloured_without_colour() {
        assert_eq!(wrap(false, Paint::Good, "VALID"), "VALID");
        assert_eq!(escape_text(&wrap(true, Paint::Good, "VALID")), "\x1b[32mVALID\x1b[0m");
    }
}
