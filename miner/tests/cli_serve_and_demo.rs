//! `cityseal serve` reports its address and drains on a signal; `cityseal demo` gets the right answers and keeps its
//! files.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::path::Path;

use common::{Folder, Run, cityseal, command};

#[cfg(unix)]
#[test]
fn serve_reports_the_bound_port_and_drains_on_sigterm() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let mut child = command(&["serve", "--device", "cpu", "--listen", "127.0.0.1:0", "--lame-duck", "0", "--json"])
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
fn every_thread_of_the_process_has_the_requested_niceness() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let mut child = command(&["serve", "--device", "cpu", "--threads", "2", "--listen", "127.0.0.1:0", "--nice", "7"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(printed.into_iter().any(|line| line.contains("127.0.0.1:")), "it never listened");
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let niceness = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap();
        // proc_pid_stat(5): niceness is field 19; the name, field 2, ends with the last parenthesis.
        stat.rsplit(") ").next().unwrap().split(' ').nth(19 - 3).unwrap().parse::<i32>().unwrap()
    };
    let found: Vec<i32> = threads.map(|thread| niceness(thread.unwrap())).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found.len() >= 3 && found.iter().all(|&niceness| niceness >= 7), "{found:?}");
}

#[test]
fn a_niceness_out_of_range_is_refused() {
    let run = cityseal(&["devices", "--nice", "20"]);
    assert!(run.code == 2 && run.stderr.contains("--nice"), "{run:?}");
}

/// The last block of the demo, which is the same on every machine.
const DEMO_TIP: &str = "00000697db05b91c1d2059b7c71078b74cf3d2aac241e47f49226572f7ada692";

#[test]
fn the_demo_seals_checks_forges_and_finds_both_forgeries() {
    let run = cityseal(&["demo", "--device", "cpu"]);
    assert_eq!(run.code, 0, "{run:?}");
    for words in [
        "land title",
        "Merkle root",
        "VALID up to block 4",
        "Riverside audit office",
        "FAULT at block 2: rule R21",
        "FAULT at block 2: rule R05",
        "All answers were right",
    ] {
        assert!(run.stdout.contains(words), "`{words}` is not in {run:?}");
    }
}

#[test]
fn the_demo_makes_the_same_chain_on_every_kernel_and_any_number_of_threads() {
    for [flag, value] in [["--threads", "1"], ["--threads", "3"], ["--kernel", "portable"]] {
        let run = cityseal(&["demo", "--device", "cpu", flag, value, "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let answer = run.json();
        assert_eq!((answer["blocks_sealed"].as_u64(), answer["fault_rule"].as_str()), (Some(4), Some("R05")));
        assert_eq!(answer["tip"], DEMO_TIP);
        assert!(answer.get("kept").is_none(), "{run:?}");
    }
}

#[test]
fn the_demo_keeps_no_files_unless_a_folder_is_given() {
    let folder = Folder::new();
    let run = Run::from(command(&["demo", "--device", "cpu"]).current_dir(folder.path()).output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The names in a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns the commands in a kept README.txt, with the exit codes that it states.
fn commands_in(readme: &str) -> Vec<(Vec<&str>, i32)> {
    let lines = readme.lines().filter_map(|line| line.strip_prefix("  cityseal "));
    lines
        .map(|line| {
            let (words, comment) = line.split_once('#').unwrap_or((line, "exit code 0"));
            let code = comment.trim().strip_prefix("exit code ").unwrap().parse().unwrap();
            (words.split_whitespace().collect(), code)
        })
        .collect()
}

#[test]
fn a_kept_demo_lists_all_of_its_files_and_its_commands_exit_as_stated() {
    let folder = Folder::new();
    let kept = folder.path().join("new/city");
    let run = cityseal(&["demo", "--device", "cpu", "--json", "--keep", kept.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let readme = std::fs::read_to_string(kept.join("README.txt")).unwrap();
    let names = names_in(&kept);
    for name in names.iter().filter(|name| *name != "README.txt") {
        assert!(readme.contains(&format!("\n{name} ")), "{name} is not in {readme}");
    }
    let mut listed: Vec<String> = serde_json::from_value(run.json()["kept"]["files"].clone()).unwrap();
    listed.sort();
    assert_eq!(listed, names);
    let commands = commands_in(&readme);
    assert!(commands.len() >= 7 && commands.iter().any(|(_, code)| *code == 1), "{readme}");
    for (words, code) in commands {
        let run = Run::from(command(&words).current_dir(&kept).output().unwrap());
        assert_eq!(run.code, code, "{words:?}: {run:?}");
    }
}

#[test]
fn a_kept_demo_holds_the_chain_of_its_answer_and_a_new_key_each_time() {
    let folder = Folder::new();
    let mut kept = Vec::new();
    for name in ["a", "b"] {
        let path = folder.path().join(name);
        let run = cityseal(&["demo", "--device", "cpu", "--json", "--keep", path.to_str().unwrap()]);
        assert_eq!((run.code, run.json()["tip"].as_str()), (0, Some(DEMO_TIP)), "{run:?}");
        kept.push(path);
    }
    let read = |at: usize, name: &str| std::fs::read(kept[at].join(name)).unwrap();
    for name in ["headers.bin", "blocks.dat", "city.toml", "forged-blocks.dat", "forged-headers.bin"] {
        assert_eq!(read(0, name), read(1, name), "{name}");
    }
    assert_ne!(read(0, "auditor.key"), read(1, "auditor.key"));
    assert_eq!(read(0, "headers.bin").len(), 5 * 80);
    let changed = read(0, "blocks.dat").iter().zip(read(0, "forged-blocks.dat")).filter(|(a, b)| **a != *b).count();
    assert_eq!(changed, 1, "one byte of one record");
}

#[cfg(unix)]
#[test]
fn a_kept_secret_key_is_readable_only_by_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let run = cityseal(&["demo", "--device", "cpu", "--keep", folder.path().to_str().unwrap()]);
    assert_eq!(run.code, 0, "an empty folder is accepted: {run:?}");
    let mode = std::fs::metadata(folder.path().join("auditor.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_demo_refuses_to_keep_files_in_a_nonempty_folder_or_in_a_file() {
    let folder = Folder::new();
    let file = folder.file("there", b"mine");
    let run = cityseal(&["demo", "--device", "cpu", "--keep", folder.path().to_str().unwrap()]);
    run.refused(&["--keep", "not empty", "choose another path"]);
    assert_eq!(run.stdout, "", "it is refused before the work begins");
    cityseal(&["demo", "--device", "cpu", "--keep", &file]).refused(&["not a folder"]);
    assert_eq!((names_in(folder.path()).len(), std::fs::read(&file).unwrap()), (1, b"mine".to_vec()));
}

#[test]
fn a_demo_that_cannot_start_removes_the_folder_that_it_created() {
    let folder = Folder::new();
    let kept = folder.path().join("city");
    cityseal(&["demo", "--device", "no-such-device", "--keep", kept.to_str().unwrap()]).refused(&["no-such-device"]);
    assert!(!kept.exists());
}
