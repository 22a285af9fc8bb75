//! The binary's service, and a client in another language.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use cityseal_proto::v1;
use cityseal_proto::v1::verify_begin::Parameters;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_receipt::{ItemKind, SecretKey};
use cityseal_testkit::data::mainnet_start;
use prost::Message;

use crate::skip::{data, example, python, skip};
use crate::support::Folder;

/// `cityseal serve` as a child process; killed when the test ends.
pub(crate) struct Serve {
    process: Child,
    pub(crate) address: String,
    /// The address of the metrics, if they were asked for.
    pub(crate) metrics: Option<String>,
    /// The address of the dashboard, if it has one.
    pub(crate) dashboard: Option<String>,
}

impl Serve {
    fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_logging_to(arguments, Stdio::null())
    }

    /// Starts with stderr, and so the log, redirected to a file or a pipe of the test.
    pub(crate) fn start_logging_to(arguments: &[&str], stderr: impl Into<Stdio>) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_cityseal")), arguments, stderr)
    }

    /// Starts with a command that ends in the binary, such as a shell that replaces itself by it.
    pub(crate) fn start_as(mut command: Command, arguments: &[&str], stderr: impl Into<Stdio>) -> Self {
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--device", "cpu", "--threads", "1", "--json"])
            .args(if arguments.contains(&"--lame-duck") { &[][..] } else { &["--lame-duck", "0"] })
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let printed: serde_json::Value = serde_json::from_str(&line).unwrap();
        let metrics = printed["metrics"].as_str().map(str::to_owned);
        let dashboard = printed["dashboard"].as_str().map(str::to_owned);
        Self { process, address: printed["listening"].as_str().unwrap().to_owned(), metrics, dashboard }
    }

    /// Ends the service as an operator does, and returns its exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal("-TERM");
        self.wait()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let signalled = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(signalled.success());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the end of the process, and returns its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// Memory of the process that is in RAM, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }
}

impl Serve {
    /// Returns the reading end of stderr; dropping it closes the pipe.
    pub(crate) fn take_stderr(&mut self) -> ChildStderr {
        self.process.stderr.take().unwrap()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Fails harmlessly if the test has already ended the process.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn has_grpc(python: &Path) -> bool {
    let imports = "import grpc, grpc_health.v1, grpc_reflection.v1alpha, google.protobuf.message_factory";
    Command::new(python).args(["-c", imports]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn run_example(address: &str, arguments: &[&str]) -> Output {
    Command::new(python()).arg(example()).arg(address).args(arguments).output().unwrap()
}

fn stdout_of(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "stdout:\n{stdout}\nstderr:\n{stderr}");
    stdout.into_owned()
}

/// Whether the example can run; reports a skip if not.
fn can_run(test: &str) -> bool {
    let is_there = has_grpc(&python());
    if !is_there {
        skip(
            test,
            "python",
            &format!("{} cannot import grpc; `cargo xtask test` creates one that can", python().display()),
        );
    }
    is_there
}

#[test]
fn python_seals_watches_cancels_verifies_and_truncates() {
    if !can_run("python_seals_watches_cancels_verifies_and_truncates") {
        return;
    }
    let serve = Serve::start();
    let printed = stdout_of(&run_example(&serve.address, &[]));
    let expected = [
        "cityseal.v1.SealService",
        "health: SERVING",
        "JOB_STATE_SEALED",
        "JOB_STATE_CANCELLED",
        "streamed 200 headers of regtest: VERDICT_KIND_VALID",
        "VERDICT_KIND_INCOMPLETE",
        "every answer was right",
    ];
    for line in expected {
        assert!(printed.contains(line), "no '{line}' in:\n{printed}");
    }
    assert_eq!(serve.terminate(), Some(0), "a drained service ends with 0");
}

#[test]
fn python_streams_the_start_of_mainnet_and_gets_valid() {
    let test = "python_streams_the_start_of_mainnet_and_gets_valid";
    if !can_run(test) {
        return;
    }
    let (start, folder) = (mainnet_start(), Folder::new());
    let headers = folder.file("mainnet.bin", &start.headers);
    let serve = Serve::start();
    let printed = stdout_of(&run_example(&serve.address, &["--headers", headers.to_str().unwrap()]));
    let count = start.count();
    assert!(printed.contains(&format!("streamed {count} headers of mainnet: VERDICT_KIND_VALID")), "{printed}");
    assert!(
        printed.contains(&format!("tip {} ", count - 1)) && printed.contains(&format!("{}\n", start.chain_work)),
        "{printed}"
    );
    // The example resumes only a stream longer than the 4,096 headers that the service judges at once.
    assert_eq!(printed.contains("resumed mainnet after"), count > 4_096, "{printed}");
}

/// The first blocks of mainnet after its genesis block, framed.
const BLOCKS: &str = "blocks/mainnet_1_256.dat";

/// Verifies the same blocks on the command line.
fn verified_by_command_line(blocks: &Path) -> serde_json::Value {
    let arguments = ["verify", "--network", "mainnet", "--start-height", "1", "--device", "cpu", "--json"];
    let ended = Command::new(env!("CARGO_BIN_EXE_cityseal")).args(arguments).arg(blocks).output().unwrap();
    serde_json::from_slice(&ended.stdout).unwrap()
}

#[test]
fn python_streams_real_blocks_resumes_an_interrupted_stream_and_saves_a_receipt() {
    let test = "python_streams_real_blocks_resumes_an_interrupted_stream_and_saves_a_receipt";
    if !can_run(test) {
        return;
    }
    let Some(blocks) = data(BLOCKS) else { return skip(test, "data", &format!("{BLOCKS} is missing")) };
    let (folder, key) = (Folder::new(), SecretKey::from_seed(&[3; 32], None).unwrap());
    let (secret, saved) = (folder.secret("key", &key), folder.path("receipt.json"));
    let serve = Serve::start_with(&["--key", secret.to_str().unwrap()]);
    let file = ["--start-height", "1", "--blocks", blocks.to_str().unwrap(), "--receipt", saved.to_str().unwrap()];
    let printed = stdout_of(&run_example(&serve.address, &file));
    let reported = verified_by_command_line(&blocks);
    let (count, tip) = (&reported["count"], reported["tip"]["hash"].as_str().unwrap());
    assert!(printed.contains(&format!("streamed {count} blocks of mainnet: VERDICT_KIND_VALID")), "{printed}");
    assert!(printed.contains(tip) && printed.contains("resumed "), "{printed}");
    let receipt = std::fs::read(saved).unwrap();
    let stated = cityseal_receipt::verify(&receipt, &[key.public_key()]).unwrap();
    assert_eq!((stated.parts().kind, Some(stated.parts().count)), (ItemKind::Blocks, count.as_u64()));
}

#[test]
fn python_names_the_broken_rule_that_the_command_line_names() {
    let test = "python_names_the_broken_rule_that_the_command_line_names";
    if !can_run(test) {
        return;
    }
    let Some(blocks) = data(BLOCKS) else { return skip(test, "data", &format!("{BLOCKS} is missing")) };
    let mut bytes = std::fs::read(blocks).unwrap();
    // The last byte of a coinbase's script: the block's Merkle root no longer matches.
    let middle = bytes.len() / 2;
    let frame = middle + bytes[middle..].windows(4).position(|magic| magic == [0xf9, 0xbe, 0xb4, 0xd9]).unwrap();
    bytes[frame - 6] ^= 1;
    let folder = Folder::new();
    let broken = folder.file("broken.dat", &bytes);
    let fault = &verified_by_command_line(&broken)["fault"];
    assert_eq!(fault["rule"], "R21", "{fault}");
    let serve = Serve::start();
    let ended = run_example(&serve.address, &["--start-height", "1", "--blocks", broken.to_str().unwrap()]);
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{printed}");
    assert!(printed.contains(&format!("rule R21 merkle-root broken at height {}", fault["height"])), "{printed}");
}

#[test]
fn python_exits_with_2_without_a_service_a_file_or_whole_headers() {
    if !can_run("python_exits_with_2_without_a_service_a_file_or_whole_headers") {
        return;
    }
    let missing = run_example("127.0.0.1:1", &["--headers", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(2));
    let this_file = run_example("127.0.0.1:1", &["--headers", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert_eq!(this_file.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&this_file.stderr).contains("expected whole headers of 80 bytes"));
}

/// Returns what Python's gRPC library reports about the refusal of this message.
fn refused(serve: &Serve, method: &str, kind: &str, message: &impl Message) -> String {
    let folder = Folder::new();
    let file = folder.file("message", &message.encode_to_vec());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service_suite/refused.py");
    stdout_of(&Command::new(python()).arg(script).args([&serve.address, method, kind]).arg(file).output().unwrap())
}

#[test]
fn python_gets_the_services_status_for_any_input() {
    if !can_run("python_gets_the_services_status_for_any_input") {
        return;
    }
    let (serve, verify) = (Serve::start(), "/cityseal.v1.VerifyService/VerifyChain");
    let begin = |parameters| v1::VerifyChainRequest {
        part: Some(Part::Begin(v1::VerifyBegin { parameters: Some(parameters), ..Default::default() })),
    };
    // Characters of one, two and three bytes: percent-encoded they take one, six and nine.
    for letter in ["x", "ß", "€"] {
        for bytes in [10_000, 1_000_000, 4_000_000] {
            let name = letter.repeat(bytes / letter.len());
            let toml = begin(Parameters::ParametersToml(format!("\"{name}\" = 1\n")));
            let reported = refused(&serve, verify, "stream", &toml);
            assert!(
                reported.starts_with("INVALID_ARGUMENT True ") && reported.contains("begin.parameters_toml: line 1"),
                "{reported}"
            );
            let reported = refused(&serve, verify, "stream", &begin(Parameters::Network(name)));
            assert!(reported.starts_with("INVALID_ARGUMENT True ") && reported.contains("or regtest"), "{reported}");
        }
    }
    let tenant = v1::SubmitSealRequest { request_id: "r".into(), tenant: "€".repeat(300_000), ..Default::default() };
    let reported = refused(&serve, "/cityseal.v1.SealService/SubmitSeal", "unary", &tenant);
    assert!(reported.starts_with("INVALID_ARGUMENT True ") && reported.contains("INVALID_FIELD"), "{reported}");
    let large = v1::GetJobRequest { job_id: "x".repeat(2 << 20) };
    let reported = refused(&serve, "/cityseal.v1.SealService/GetJob", "unary", &large);
    assert!(reported.starts_with("OUT_OF_RANGE True ") && reported.contains("MESSAGE_TOO_LARGE"), "{reported}");
    let reported = refused(&serve, "/cityseal.v1.SealService/Mint", "unary", &large);
    assert!(reported.starts_with("UNIMPLEMENTED True ") && reported.contains("UNKNOWN_METHOD"), "{reported}");
}

/// Whether a process catches SIGINT.
#[cfg(target_os = "linux")]
fn catches_interrupts(process: u32) -> bool {
    const INTERRUPT: u64 = 1 << 1;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & INTERRUPT != 0
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_signal_ends_a_service_that_has_not_started_yet() {
    let folder = Folder::new();
    // Reading it waits for a writer, which never comes.
    let key = folder.path("key");
    assert!(Command::new("mkfifo").arg(&key).status().unwrap().success());
    let mut process = Command::new(env!("CARGO_BIN_EXE_cityseal"))
        .args(["serve", "--listen", "127.0.0.1:0", "--device", "cpu", "--threads", "1", "--key"])
        .arg(&key)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !catches_interrupts(process.id()) {
        std::thread::yield_now();
    }
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    for words in ["Ctrl-C: stops once the devices are tested", "Ctrl-C again: ended at once"] {
        assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
        assert!(lines.any(|line| line.unwrap().contains(words)), "stderr ended without '{words}'");
    }
    assert_eq!(process.wait().unwrap().code(), Some(2));
}
