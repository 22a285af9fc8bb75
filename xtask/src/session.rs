//! A bash session that runs the commands of a document one after another in a new folder, as a reader would: a command
//! sees what earlier ones exported, started or wrote.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::shell::{Failure, Outcome, answers, program, workspace_root};

/// Ends the output of each command (ASCII: record separator); no command prints it.
const END: u8 = 0x1e;

/// Timeout of one command: the first one may build the release.
const COMMAND_MAX: Duration = Duration::from_mins(30);

/// Folders of the repository that are linked into the session's folder, because the documents refer to them.
const SHARED: [&str; 3] = ["examples", "bench-results", "docs"];

/// The stdout of a command and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) code: i32,
}

/// A shell with its folder; both end on drop.
pub(crate) struct Session {
    folder: PathBuf,
    shell: Child,
    stdin: ChildStdin,
    results: Receiver<Ran>,
}

impl Session {
    /// Starts a shell in a new folder, with these folders first on its PATH.
    pub(crate) fn start(name: &str, path: &[PathBuf]) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("cityseal-{name}-{}", std::process::id()));
        let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
        fs::create_dir_all(folder.join("work")).map_err(failed)?;
        for shared in SHARED {
            link(&workspace_root().join(shared), &folder.join("work").join(shared)).map_err(failed)?;
        }
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(path.iter().cloned().chain(std::env::split_paths(&usual)))
            .map_err(|error| Failure::new(format!("PATH: {error}")))?;
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-s"]).current_dir(folder.join("work")).env("PATH", path);
        for variable in ["CITYSEAL_KERNEL", "CITYSEAL_CONFIG", "CITYSEAL_LOG"] {
            command.env_remove(variable);
        }
        // A new process group, so that the shell and everything it starts can be ended together.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let stderr = File::create(folder.join("stderr")).map_err(failed)?;
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| Failure::new(format!("bash: {error}")))?;
        let (Some(stdin), Some(stdout)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(Failure::new("bash: no pipes"));
        };
        let (sender, results) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(ran) = next_result(&mut stdout) {
                if sender.send(ran).is_err() {
                    break;
                }
            }
        });
        Ok(Self { folder, shell, stdin, results })
    }

    /// The folder in which the commands run.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Runs one command to its end, without input on stdin.
    pub(crate) fn run(&mut self, command: &str) -> Outcome<Ran> {
        let script = format!("{{\n{command}\n}} </dev/null\nprintf '\\036%d\\n' \"$?\"\n");
        let written = self.stdin.write_all(script.as_bytes()).and_then(|()| self.stdin.flush());
        written.map_err(|error| Failure::new(format!("bash: {error}{}", self.stderr())))?;
        self.results.recv_timeout(COMMAND_MAX).map_err(|error| {
            let why = match error {
                RecvTimeoutError::Timeout => format!("did not end within {} s", COMMAND_MAX.as_secs()),
                RecvTimeoutError::Disconnected => "ended the shell".to_owned(),
            };
            Failure::new(format!("`{command}` {why}\n{}", self.stderr()))
        })
    }

    /// The stderr of all commands so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.join("stderr")).unwrap_or_default()
    }
}

impl Session {
    /// Ends the shell and everything it started.
    fn end(&mut self) {
        let group = format!("-{}", self.shell.id());
        // An error means that the group has already ended.
        let _ended = answers(&mut program("kill", ["-TERM", "--", &group]));
        let _waited = self.shell.wait();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// Reads the output up to the next end mark and the exit code after it; `None` if the shell ended.
fn next_result(stdout: &mut impl BufRead) -> Option<Ran> {
    let (mut printed, mut code) = (Vec::new(), String::new());
    stdout.read_until(END, &mut printed).ok()?;
    printed.pop().filter(|end| *end == END)?;
    stdout.read_line(&mut code).ok()?;
    Some(Ran { stdout: String::from_utf8_lossy(&printed).into_owned(), code: code.trim().parse().ok()? })
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

#[cfg(not(unix))]
fn link(_original: &Path, _link: &Path) -> std::io::Result<()> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "the examples run on Unix"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_sees_the_files_and_variables_of_earlier_ones() {
        let mut session = Session::start("session-test-a", &[]).unwrap();
        assert_eq!(session.run("echo one > file; export WORD=two").unwrap().code, 0);
        let ran = session.run("cat file; printf %s \"$WORD\"; (exit 3)").unwrap();
        assert_eq!((ran.stdout.as_str(), ran.code), ("one\ntwo", 3));
    }

    #[test]
    fn a_background_command_ends_with_the_session_and_does_not_read_the_script() {
        let mut session = Session::start("session-test-b", &[]).unwrap();
        let ran = session.run("sleep 1000 & cat; echo done").unwrap();
        assert_eq!(ran.stdout, "done\n");
        session.end();
        // The background process keeps the shell's stdout open, so the channel closes when it ends.
        let end = session.results.recv_timeout(Duration::from_mins(1));
        assert_eq!(end.unwrap_err(), RecvTimeoutError::Disconnected);
        let folder = session.folder.clone();
        drop(session);
        assert!(!folder.exists());
    }
}
