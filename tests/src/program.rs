//! Starts the binary under test and keeps what it said.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The binary under test, with the arguments gathered so far.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    words: Vec<String>,
    stdin: Vec<u8>,
}

/// What a run of the binary came to.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code; a signal has none.
    pub code: Option<i32>,
    /// What it printed on stdout.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
}

impl Program {
    /// The binary at `path`, which `env!("CARGO_BIN_EXE_cityseal-under-test")` gives to a test.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), words: Vec::new(), stdin: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Gives it bytes on stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs it to its end, with none of the environment's settings of the product.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(&self) -> Ended {
        let mut child = self.command().spawn().unwrap_or_else(|e| panic!("{}: {e}", self.path.display()));
        let mut input = child.stdin.take().expect("stdin was piped");
        let bytes = self.stdin.clone();
        // On a thread of its own: the binary may answer before it has read everything, and may stop reading.
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
    /// What stdout holds as JSON.
    ///
    /// # Panics
    /// If it is no JSON, showing everything that was printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Demands an exit code.
    ///
    /// # Panics
    /// If it was another one, showing everything that was printed.
    #[must_use]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}
