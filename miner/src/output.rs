//! The one place that prints: answers to stdout, words for people to stderr, progress on a terminal only.
//!
//! Whatever is printed passes `escape`: text that came from outside shows its control characters and acts on no terminal.
//!
//! A reader that closes the pipe early (`cityseal … | head`) is no error: the rest of the answer is dropped, and the
//! exit code stays what the answer was.

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

/// How often a progress bar is drawn.
const REDRAWS_PER_SECOND: u8 = 8;

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
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
        let bar = ProgressBar::with_draw_target(total, target);
        let shape = match total {
            Some(_) => "{spinner} {human_pos} of {human_len} {prefix}  {wide_bar}  {msg}  {eta}",
            None => "{spinner} {human_pos} {prefix}  {msg}  {elapsed}",
        };
        let style = ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_prefix(what);
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
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A number with its SI prefix and three or four digits: `38.0 M`.
pub(crate) fn si(value: f64) -> String {
    let steps = [(1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, " ")];
    let (unit, prefix) = steps.into_iter().find(|(unit, _)| value >= *unit).unwrap_or((1.0, " "));
    let scaled = value / unit;
    let digits = if scaled < 10.0 { 2 } else { usize::from(scaled < 100.0) };
    format!("{scaled:.digits$}{prefix}")
}

/// A duration for people: `1.2 s`, `35 ms`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 { format!("{seconds:.2} s") } else { format!("{:.1} ms", seconds * 1e3) }
}

/// Columns under headings, each as wide as its widest cell; numbers are right-aligned by the caller's choice.
pub(crate) fn table(heads: &[&str], right: &[usize], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([heads[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).enumerate().map(|(at, (cell, width))| {
            if right.contains(&at) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut heads.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
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
    fn a_rate_is_shown_with_its_prefix() {
        assert_eq!([si(0.0), si(999.0), si(38_000_000.0), si(1234.0)], ["0.00 ", "999 ", "38.0 M", "1.23 k"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "10".to_owned()], vec!["long".to_owned(), "9".to_owned()]];
        assert_eq!(table(&["name", "n"], &[1], &rows), "name   n\na     10\nlong   9\n");
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
