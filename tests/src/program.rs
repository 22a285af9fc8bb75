//! Runs the binary under test and captures its output.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The binary under test with its arguments and input.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    words: Vec<String>,
    stdin: Vec<u8>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code; `None` if a signal ended the run.
    pub code: Option<i32>,
    /// The output on stdout.
    pub stdout: String,
    /// The output on stderr.
    pub stderr: String,
}

impl Program {
    /// The binary at `path`; tests pass `env!("CARGO_BIN_EXE_cityseal-under-test")`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), words: Vec::new(), stdin: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Sets the input on stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs the binary to its end, without the product's environment variables.
    ///
    /// # Panics
    /// If the binary cannot be started.
    pub fn run(&self) -> Ended {
        let mut child = self.command().spawn().unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        let mut input = child.stdin.take().expect("stdin was piped");
        let bytes = self.stdin.clone();
        // A separate thread, because the binary may print before it has read everything, and may stop reading.
        let feeder = std::thread::spawn(move || {
            let _ = input.write_all(&bytes);
        });
        let output = child.wait_with_output().expect("a started program can be waited for");
        feeder.join().expect("the feeder does not panic");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["CITYSEAL_KERNEL", "CITYSEAL_CONFIG", "CITYSEAL_LOG"] {
            command.env_remove(name);
        }
        command
    }
}

impl Ended {
    /// Parses stdout as JSON.
    ///
    /// # Panics
    /// If stdout is not JSON; the message shows the whole output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }

    /// Asserts the exit code.
    ///
    /// # Panics
    /// If the code differs; the message shows the whole output.
    #[must_use]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}
