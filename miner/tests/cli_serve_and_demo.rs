//! `cityseal serve` tells where it listens and drains when asked; `cityseal demo` comes out as told.
#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod common;

use common::{Run, cityseal, command};

#[cfg(unix)]
#[test]
fn serve_tells_the_port_that_it_bound_and_drains_on_sigterm() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let mut child = command(&["serve", "--device", "cpu", "--listen", "127.0.0.1:0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answer: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let address: std::net::SocketAddr = answer["listening"].as_str().unwrap().parse().unwrap();
    assert!(address.port() != 0 && std::net::TcpStream::connect(address).is_ok());
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains(&address.to_string()) && run.stderr.contains("SIGTERM"), "{run:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn every_thread_of_a_process_that_is_nice_stands_back_as_far_as_it_was_told() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let mut child = command(&["serve", "--device", "cpu", "--threads", "2", "--listen", "127.0.0.1:0", "--nice", "7"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.into_iter().any(|line| line.contains("127.0.0.1:")), "it never listened");
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let niceness = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap();
        // proc_pid_stat(5): niceness is field 19; the name, field 2, ends with the last bracket.
        stat.rsplit(") ").next().unwrap().split(' ').nth(19 - 3).unwrap().parse::<i32>().unwrap()
    };
    let found: Vec<i32> = threads.map(|thread| niceness(thread.unwrap())).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found.len() >= 3 && found.iter().all(|&niceness| niceness >= 7), "{found:?}");
}

#[test]
fn a_niceness_that_no_system_has_is_refused() {
    let run = cityseal(&["devices", "--nice", "20"]);
    assert!(run.code == 2 && run.stderr.contains("--nice"), "{run:?}");
}

#[test]
fn the_demo_seals_checks_forges_and_finds_the_forgery() {
    let run = cityseal(&["demo", "--device", "cpu"]);
    assert_eq!(run.code, 0, "{run:?}");
    for words in ["land title", "Merkle root", "VALID up to block 4", "FAULT at block 2: rule R05", "as told"] {
        assert!(run.stdout.contains(words), "`{words}` is not in {run:?}");
    }
}

#[test]
fn the_demo_sums_itself_up_in_json() {
    let run = cityseal(&["demo", "--device", "cpu", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!((answer["blocks_sealed"].as_u64(), answer["fault_rule"].as_str()), (Some(4), Some("R05")));
}
