//! The unit files of systemd: what their command reports to the service manager, and what systemd says about them.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::folder::Folder;
use crate::skip::skip;

/// Longer than any of these waits.
const LIMIT: Duration = Duration::from_mins(1);

/// The units, each with the highest exposure that `systemd-analyze security` may find, times ten.
const UNITS: [(&str, &str); 2] = [("cityseal.service", "15"), ("cityseal-gpu.service", "20")];

fn packaging(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name)
}

/// The words of `ExecStart` in a unit, with this build's program and the packaged configuration in their places.
fn words_of(unit: &str) -> Vec<String> {
    let text = std::fs::read_to_string(packaging("systemd").join(unit)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (mut config, mut program) = (0, 0);
    let here = |word: &str| match word {
        "/usr/bin/cityseal" => {
            program += 1;
            env!("CARGO_BIN_EXE_cityseal").to_owned()
        }
        "/etc/cityseal/cityseal.toml" => {
            config += 1;
            packaging("cityseal.toml").to_str().unwrap().to_owned()
        }
        other => other.to_owned(),
    };
    let words = line.split_whitespace().map(here).collect();
    assert_eq!((config, program), (1, 1), "{line}");
    words
}

/// A service whose messages to the manager the test receives; killed when the test ends.
struct Managed {
    process: Child,
    socket: UnixDatagram,
    _folder: Folder,
}

impl Managed {
    fn start(unit: &str, watchdog: Duration) -> Self {
        let folder = Folder::new();
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        // As systemd does: the watchdog is that of this process.
        let process = Command::new("sh")
            .args(["-c", "WATCHDOG_PID=$$ exec \"$@\"", "sh"])
            .args(words_of(unit))
            .args(["--listen", "127.0.0.1:0", "--threads", "1", "--lame-duck", "0"])
            .env("NOTIFY_SOCKET", path)
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, socket, _folder: folder }
    }

    /// Receives messages until one has this line; returns it.
    fn message_with(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let len = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no message with {line}: {error}"));
            let message = str::from_utf8(&buffer[..len]).unwrap();
            if message.lines().any(|found| found == line) {
                return message.to_owned();
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn the_command_of_the_unit_reports_each_phase_to_the_service_manager() {
    let mut service = Managed::start("cityseal.service", Duration::from_millis(400));
    let ready = service.message_with("READY=1");
    assert!(ready.contains("STATUS=serving on 127.0.0.1:"), "{ready}");
    service.message_with("WATCHDOG=1");
    service.signal("-HUP");
    let reloading = service.message_with("RELOADING=1");
    let since_boot = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(since_boot.parse::<u64>().unwrap() > 0, "{reloading}");
    service.message_with("READY=1");
    service.signal("-TERM");
    let stopping = service.message_with("STOPPING=1");
    // The drain of 10 s, no lame duck phase, and 15 s for the end.
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=25000000\n"), "{stopping}");
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn systemd_accepts_the_units_and_finds_them_confined() {
    let test = "systemd_accepts_the_units_and_finds_them_confined";
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).output();
    let system = "/usr/lib/systemd/system";
    if !analyze(&["--version"]).is_ok_and(|run| run.status.success()) || !PathBuf::from(system).is_dir() {
        return skip(test, "systemd-analyze", "there is no systemd-analyze, or no units of the system");
    }
    // A root with the units of the system, ours, and the programs that they start.
    let root = Folder::new();
    let made = Command::new("sh")
        .args([
            "-c",
            "mkdir -p \"$1/usr/lib/systemd\" \"$1/usr/bin\" \"$1/bin\" && cp -r \"$2\" \"$1/usr/lib/systemd/\" \
            && for file in usr/bin/cityseal bin/kill; do echo > \"$1/$file\" && chmod 755 \"$1/$file\"; done",
            "sh",
        ])
        .args([&root.arg(""), system])
        .status()
        .unwrap();
    assert!(made.success());
    for (unit, exposure_max) in UNITS {
        let file = packaging("systemd").join(unit);
        std::fs::copy(&file, root.path("usr/lib/systemd/system").join(unit)).unwrap();
        let verified = analyze(&["verify", "--man=no", &format!("--root={}", root.arg("")), unit]).unwrap();
        let complaints = String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success() && !complaints.contains(&format!("{unit}:")), "{complaints}");
        let threshold = format!("--threshold={exposure_max}");
        let judged = analyze(&["security", "--offline=true", &threshold, file.to_str().unwrap()]).unwrap();
        let report = String::from_utf8_lossy(&judged.stdout);
        assert!(judged.status.success() && report.contains("Overall exposure level"), "{report}");
    }
}

#[test]
fn the_packaged_configuration_is_valid_with_and_without_its_examples() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(packaging("cityseal.toml")).unwrap();
    let is_example = |line: &&str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c != ' '));
    let examples = text.lines().filter(is_example).count();
    assert!(examples > 25, "{examples} examples");
    let in_force: Vec<&str> = text.lines().map(|line| if is_example(&line) { &line[1..] } else { line }).collect();
    let in_force = folder.file("cityseal.toml", &in_force.join("\n"));
    let run = |arguments: &[&str]| crate::binary::cityseal(&[&["config"], arguments].concat());
    let checked = run(&["check", packaging("cityseal.toml").to_str().unwrap()]);
    assert!(checked.contains("listens on 127.0.0.1:50051, no TLS"), "{checked}");
    let printed = run(&["print", "--config", in_force.to_str().unwrap()]);
    // Each example sets one key, except for the heads of tables and the limits of a tenant in one line.
    let heads = text.lines().filter(|line| line.starts_with("#[")).count();
    let set = text.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count();
    assert_eq!(printed.matches("# line ").count(), set + examples - heads + 3, "{printed}");
}
