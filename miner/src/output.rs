//! The one place that prints: answers to stdout, words for people to stderr, progress on a terminal only.
//!
//! Whatever is printed passes `escape`: text that came from outside shows its control characters and acts on no terminal.
//!
//! A reader that closes the pipe early (`cityseal … | head`) is no error: the rest of the answer is dropped, and the
//! exit code stays what the answer was.

mod columns;
mod words;

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use crate::escape::escape_line;
use crate::escape::{COLOR, COLOR_CODE_END, COLOR_END, escape_json, escape_text};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::json::ErrorAnswer;
pub(crate) use columns::{Column, head_line, line, table};
pub(crate) use words::{chance_words, count_words, percent_words, si, spoken, time_words};

/// How often a progress bar is drawn.
const REDRAWS_PER_SECOND: u8 = 8;

/// How often a bar is drawn whose task reports nothing for seconds: the time shown must not stand still.
const TICK: Duration = Duration::from_millis(500);

/// Steps of a bar that shows a share: tenths of a percent, so that no number of hashes is too large for it.
const SHARE_STEPS: u64 = 1_000;

/// How a word is coloured where colour is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Neither.
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

/// Where answers, words and progress go.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    /// An answer was printed.
    has_answered: Arc<AtomicBool>,
    color_stdout: bool,
    color_stderr: bool,
}

impl Output {
    /// Output of this process: colour only on a terminal, and not where `no_color` says so.
    pub(crate) fn of_process(json: bool, no_color: bool) -> Self {
        Self {
            json,
            has_answered: Arc::default(),
            color_stdout: !no_color && io::stdout().is_terminal(),
            color_stderr: !no_color && io::stderr().is_terminal(),
        }
    }

    /// The answer is wanted as JSON.
    pub(crate) const fn wants_json(&self) -> bool {
        self.json
    }

    /// Prints the answer: as one line of JSON where that is wanted, otherwise the text of `human`.
    ///
    /// # Errors
    /// What the system said about stdout; a closed pipe is none.
    pub(crate) fn answer<T: Serialize>(&self, answer: &T, human: impl FnOnce(&Self) -> String) -> io::Result<()> {
        self.has_answered.store(true, Ordering::Relaxed);
        if !self.json {
            return self.text(&human(self));
        }
        let mut line = escape_json(&serde_json::to_string(answer).map_err(io::Error::from)?);
        line.push('\n');
        write_all(&mut io::stdout().lock(), line.as_bytes())
    }

    /// Prints text for people who asked for no JSON on stdout; a line break is added where the text has none at its end.
    ///
    /// # Errors
    /// What the system said about stdout; a closed pipe is none.
    #[expect(clippy::unused_self, reason = "whoever speaks needs an `Output` in hand")]
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        write_all(&mut io::stdout().lock(), escape_text(&format!("{text}{end}")).as_bytes())
    }

    /// Prints one line on stderr that is no error. A closed stderr is ignored.
    pub(crate) fn note(&self, words: impl Display) {
        self.say(&escape_line(&words.to_string()));
    }

    /// Says on stderr why the command failed, with the chain of causes.
    pub(crate) fn error(&self, error: &dyn Error) {
        let label = wrap(self.color_stderr, Paint::Bad, "error:");
        self.say(&format!("{label} {}", escape_line(&with_causes(error))));
    }

    /// Prints help and versions on stdout, and refusals of the command line on stderr. Styles are kept where colour is wanted and
    /// the message holds nothing foreign that is not escaped.
    pub(crate) fn usage(&self, message: &clap::builder::StyledStr, is_refusal: bool, is_escaped: bool) {
        let is_colored = is_escaped && if is_refusal { self.color_stderr } else { self.color_stdout };
        let text = if is_colored { message.ansi().to_string() } else { escape_text(&message.to_string()) };
        let _nobody_reads = if is_refusal {
            write_all(&mut io::stderr().lock(), text.as_bytes())
        } else {
            write_all(&mut io::stdout().lock(), text.as_bytes())
        };
    }

    /// Prints why there is no answer, where answers are wanted as JSON and none was printed.
    pub(crate) fn no_answer(&self, error: &ErrorAnswer) {
        if self.json && !self.has_answered.load(Ordering::Relaxed) {
            // Where stdout is closed nobody wanted to know.
            let _closed = self.answer(error, |_| String::new());
        }
    }

    /// Colours a word that goes to stdout.
    pub(crate) fn paint(&self, paint: Paint, word: &str) -> String {
        wrap(self.color_stdout, paint, word)
    }

    /// A bar on stderr over `total` items, or a spinner where the total is not known; silent where stderr is no terminal.
    #[expect(clippy::unused_self, reason = "whoever speaks needs an `Output` in hand")]
    pub(crate) fn progress(&self, total: Option<u64>, what: &'static str) -> Progress {
        Progress::new(total, what)
    }

    /// A bar on stderr that shows the share of a task that is done, with two lines of words; silent where stderr is no
    /// terminal.
    #[expect(clippy::unused_self, reason = "whoever speaks needs an `Output` in hand")]
    pub(crate) fn share(&self) -> Progress {
        Progress::with_shape(Some(SHARE_STEPS), "{spinner} [{bar:16}] {prefix}\n  {msg}")
    }

    /// A line on stderr that names the step that is running, with the time since the first; silent where stderr is no terminal.
    #[expect(clippy::unused_self, reason = "whoever speaks needs an `Output` in hand")]
    pub(crate) fn steps(&self) -> Progress {
        let progress = Progress::with_shape(None, "{spinner} {msg}  {elapsed} elapsed");
        progress.0.enable_steady_tick(TICK);
        progress
    }

    #[expect(clippy::unused_self, reason = "whoever speaks needs an `Output` in hand")]
    fn say(&self, words: &str) {
        let _nobody_reads = write_all(&mut io::stderr().lock(), escape_text(&format!("{words}\n")).as_bytes());
    }
}

/// Marks a word for its colour.
fn wrap(color: bool, paint: Paint, word: &str) -> String {
    if color { format!("{COLOR}{}{COLOR_CODE_END}{word}{COLOR_END}", paint.code()) } else { word.into() }
}

/// The log's way to stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes each event as a whole, and an event is one line.
        let event = String::from_utf8_lossy(bytes);
        let line = escape_line(event.strip_suffix('\n').unwrap_or(&event)) + "\n";
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
        let said = deeper.to_string();
        if !words.contains(&said) {
            let _always_fits = write!(words, ": {said}");
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

/// A progress bar; it leaves the screen when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

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

    /// Moves the bar to a position, and shows the rate in items a second.
    pub(crate) fn at(&self, position: u64, rate_hz: Option<f64>) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_position(position);
        if let Some(rate_hz) = rate_hz {
            self.0.set_message(format!("{}/s", si(rate_hz)));
        }
    }

    /// Shows how much is done, 0 to 1, and words about it; the words are made only where somebody sees them.
    pub(crate) fn show(&self, share: f64, words: impl FnOnce() -> [String; 2]) {
        if !self.0.is_hidden() {
            let [first, second] = words();
            self.0.set_prefix(first);
            self.0.set_message(second);
            self.0.set_position((share * SHARE_STEPS as f64) as u64);
        }
    }

    /// Names the step that is running.
    pub(crate) fn name(&self, step: String) {
        self.0.set_message(step);
    }

    /// Prints something while the bar is off the screen.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
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
    fn a_cause_that_the_error_already_tells_is_not_told_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("reading: {source}")]
        struct Outer {
            source: io::Error,
        }
        let error = Outer { source: io::Error::other("no such file") };
        assert_eq!(with_causes(&error), "reading: no such file");
    }

    #[test]
    fn no_word_is_coloured_where_colour_is_unwanted() {
        assert_eq!(wrap(false, Paint::Good, "VALID"), "VALID");
        assert_eq!(escape_text(&wrap(true, Paint::Good, "VALID")), "\x1b[32mVALID\x1b[0m");
    }
}
