//! The binary's service, and a caller in another language.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::skip::{data, example, python, skip};

/// `cityseal serve` as a process of its own; killed when the test ends.
struct Serve {
    process: Child,
    address: String,
}

impl Serve {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cityseal"))
            .args(["serve", "--listen", "127.0.0.1:0", "--device", "cpu", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { process, address: said["listening"].as_str().unwrap().to_owned() }
    }

    /// Ends the service as an operator does, and gives its exit code.
    fn terminate(mut self) -> Option<i32> {
        let signalled = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(signalled.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Already gone where the test ended it itself.
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

/// Whether the example can run; says aloud why not.
fn can_run(test: &str) -> bool {
    let is_there = has_grpc(&python());
    if !is_there {
        skip(
            test,
            "python",
            &format!("{} cannot import grpc; `cargo xtask test` makes one that can", python().display()),
        );
    }
    is_there
}

#[test]
fn python_seals_watches_cancels_verifies_and_cuts() {
    if !can_run("python_seals_watches_cancels_verifies_and_cuts") {
        return;
    }
    let serve = Serve::start();
    let said = stdout_of(&run_example(&serve.address, &[]));
    let expected = [
        "cityseal.v1.SealService",
        "health: SERVING",
        "JOB_STATE_SEALED",
        "JOB_STATE_CANCELLED",
        "streamed 200 headers of regtest: VERDICT_KIND_VALID",
        "VERDICT_KIND_INCOMPLETE",
        "everything came out as it should",
    ];
    for line in expected {
        assert!(said.contains(line), "no '{line}' in:\n{said}");
    }
    assert_eq!(serve.terminate(), Some(0), "a drained service ends with 0");
}

#[test]
fn python_streams_32261_real_headers_and_gets_valid() {
    let test = "python_streams_32261_real_headers_and_gets_valid";
    if !can_run(test) {
        return;
    }
    let Some(headers) = data("headers/mainnet_0_32260.bin") else {
        return skip(test, "data", "headers/mainnet_0_32260.bin is not there");
    };
    let serve = Serve::start();
    let said = stdout_of(&run_example(&serve.address, &["--headers", headers.to_str().unwrap()]));
    assert!(said.contains("streamed 32261 headers of mainnet: VERDICT_KIND_VALID"), "{said}");
    assert!(said.contains("tip 32260 ") && said.contains("7e066822ed1a\n"), "{said}");
}

#[test]
fn python_ends_with_2_where_there_is_no_service_file_or_whole_header() {
    if !can_run("python_ends_with_2_where_there_is_no_service_file_or_whole_header") {
        return;
    }
    let missing = run_example("127.0.0.1:1", &["--headers", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(2));
    let this_file = run_example("127.0.0.1:1", &["--headers", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert_eq!(this_file.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&this_file.stderr).contains("expected whole headers of 80 bytes"));
}
