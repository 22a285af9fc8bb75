//! Files that the command line writes: devices, FIFOs, links and mounts keep their type, outputs are checked before the
//! work starts, and a failed checkpoint does not affect the verdict.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;
#[allow(dead_code, reason = "each test binary uses only a part of this module")]
#[path = "service_suite/skip.rs"]
mod skip;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Folder, Run, city, cityseal, command, packed};
use serde_json::Value;

/// A time after every header of the test city.
const NOW: &str = "1800000000";

/// A valid chain of ten headers and a key, in a temporary folder.
struct Case {
    folder: Folder,
    toml: String,
    chain: String,
    key: String,
}

impl Case {
    fn new() -> Self {
        let folder = Folder::new();
        let (toml, headers) = city(10);
        let (toml, chain) = (folder.file("city.toml", toml), folder.file("chain.bin", packed(&headers)));
        let key = folder.path().join("auditor.key").to_str().unwrap().to_owned();
        assert_eq!(cityseal(&["key", "new", "--out", &key]).code, 0);
        fs::create_dir(folder.path().join("out")).unwrap();
        Self { folder, toml, chain, key }
    }

    /// Returns a path in the folder of outputs, which holds nothing else.
    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.out("")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let verify = ["verify", &self.chain, "--device", "cpu", "--now", NOW, "--network", &self.toml];
        command(&[&verify, arguments].concat())
    }

    fn verify(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    fn receipt(&self, path: &str) -> Run {
        self.verify(&["--json", "--receipt", path, "--key", &self.key])
    }
}

fn text(path: impl AsRef<Path>) -> &'static str {
    path.as_ref().to_str().unwrap().to_owned().leak()
}

fn is_receipt(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|json| json["format"] == "cityseal-receipt-2")
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_fifo_is_written_through_and_stays_a_fifo() {
    let case = Case::new();
    for flag in ["--receipt", "--out"] {
        let fifo = case.out("fifo");
        make_fifo(&fifo);
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || fs::read_to_string(fifo).unwrap()
        });
        let run = match flag {
            "--receipt" => case.receipt(text(&fifo)),
            _ => case.verify(&["--json", "--out", text(&fifo)]),
        };
        // The content came through the FIFO.
        assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo(), "{flag}: {run:?}");
        assert_eq!(run.code, 0, "{flag}: {run:?}");
        assert!(reader.join().unwrap().starts_with('{'), "{flag}");
        assert_eq!(case.names(), ["fifo"], "{flag}");
        fs::remove_file(fifo).unwrap();
    }
}

#[test]
fn a_device_is_written_through_and_a_full_one_is_reported_by_name() {
    let case = Case::new();
    // Through a link, so that a program that replaces its output replaces the link and not the machine's own device.
    for (device, code) in [("/dev/null", 0), ("/dev/full", 2)] {
        let link = case.out("device");
        symlink(device, &link).unwrap();
        let run = case.receipt(text(&link));
        assert_eq!(run.code, code, "{run:?}");
        assert_eq!(run.json()["verdict"], "valid", "the verdict is printed nevertheless");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(device));
        assert!(fs::metadata(&link).unwrap().file_type().is_char_device());
        assert_eq!(case.names(), ["device"]);
        fs::remove_file(link).unwrap();
    }
    let link = case.out("full");
    symlink("/dev/full", &link).unwrap();
    case.receipt(text(&link)).refused(&["full", "cannot be written", "No space left"]);
}

#[test]
fn stdout_may_be_the_output_whether_pipe_or_file() {
    let case = Case::new();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let run = case.receipt(name);
        let lines: Vec<&str> = run.stdout.lines().collect();
        assert_eq!((run.code, lines.len()), (0, 2), "{run:?}");
        assert!(is_receipt(lines[0]) && lines[1].contains("\"verdict\":\"valid\""), "{run:?}");

        let file = case.out("stdout");
        let ended = case
            .command(&["--json", "--receipt", name, "--key", &case.key])
            .stdout(fs::File::create(&file).unwrap())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let written = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!((ended.code(), lines.len()), (Some(0), 2), "{name}: {written}");
        assert!(is_receipt(lines[0]) && lines[1].contains("\"verdict\":\"valid\""), "{written}");
        assert_eq!(case.names(), ["stdout"]);
    }
}

#[test]
fn a_symbolic_link_is_kept_and_its_target_is_replaced_or_created() {
    let case = Case::new();
    fs::write(case.out("target"), "old").unwrap();
    fs::set_permissions(case.out("target"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("target", case.out("middle")).unwrap();
    symlink(case.out("middle"), case.out("link")).unwrap();
    symlink("made", case.out("dangling")).unwrap();
    for (link, target) in [("link", "target"), ("dangling", "made")] {
        let run = case.receipt(text(case.out(link)));
        assert_eq!(run.code, 0, "{run:?}");
        assert!(fs::symlink_metadata(case.out(link)).unwrap().is_symlink());
        assert!(fs::symlink_metadata(case.out(target)).unwrap().is_file());
        assert!(is_receipt(&fs::read_to_string(case.out(target)).unwrap()));
    }
    assert_eq!(fs::metadata(case.out("target")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(case.names(), ["dangling", "link", "made", "middle", "target"]);

    symlink("circle", case.out("circle")).unwrap();
    case.receipt(text(case.out("circle"))).refused(&["--receipt", "circle", "symbolic links"]);
}

#[test]
fn an_existing_file_next_to_the_output_is_never_used_as_the_temporary_one() {
    let case = Case::new();
    for name in ["receipt.json.new", "part.json.new"] {
        fs::write(case.out(name), "mine").unwrap();
    }
    let (receipt, part) = (case.out("receipt.json"), case.out("part.json"));
    let run = case.verify(&["--receipt", text(&receipt), "--out", text(&part), "--key", &case.key]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(case.names(), ["part.json", "part.json.new", "receipt.json", "receipt.json.new"]);
    assert_eq!(fs::read_to_string(case.out("receipt.json.new")).unwrap(), "mine");
}

#[test]
fn a_file_that_is_a_mount_point_is_written_in_place() {
    let test = "a_file_that_is_a_mount_point_is_written_in_place";
    let case = Case::new();
    let (mounted, source) = (case.out("mounted"), case.folder.file("source", "an old text"));
    fs::write(&mounted, "").unwrap();
    let script = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
    let verify = case.command(&["--receipt", text(&mounted), "--key", &case.key]);
    let run = |program: &std::ffi::OsStr, arguments: &[&std::ffi::OsStr]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(&source).arg(&mounted).arg(program).args(arguments);
        command.output().unwrap()
    };
    if !run("true".as_ref(), &[]).status.success() {
        skip::skip(test, "mount", "this user cannot create a mount namespace");
        return;
    }
    let arguments: Vec<_> = verify.get_args().collect();
    let ended = run(verify.get_program(), &arguments);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(is_receipt(&fs::read_to_string(&source).unwrap()), "{ended:?}");
    assert_eq!(case.names(), ["mounted"]);
}

#[test]
fn impossible_outputs_are_refused_before_the_work_starts() {
    let case = Case::new();
    let key = ["--key", &case.key];
    let folder = text(case.out(""));
    let with = |flag: &str, path: &str| {
        case.verify(&[&["--json", flag, path][..], if flag == "--receipt" { &key } else { &[] }].concat())
    };
    fs::write(case.out("file"), "").unwrap();
    for flag in ["--receipt", "--out", "--checkpoint"] {
        for (path, reason) in [
            (text(case.out("nowhere/file")), "nowhere does not exist"),
            (text(case.out("file/below")), "is not a folder"),
            (folder, "it is a folder"),
            (case.chain.as_str(), "this is an input"),
            (case.toml.as_str(), "this is an input"),
        ] {
            let run = with(flag, path);
            run.refused(&[flag, path, reason]);
            assert!(!run.stdout.contains("verdict"), "nothing was verified: {run:?}");
        }
    }
    assert_eq!((case.names(), fs::metadata(&case.chain).unwrap().len()), (vec!["file".to_owned()], 800));
    let twice = text(case.out("twice"));
    case.verify(&["--receipt", twice, "--out", twice, "--key", &case.key]).refused(&[
        "--receipt",
        "--out",
        "same file",
    ]);
    // The same file under another name.
    symlink("twice", case.out("other")).unwrap();
    case.verify(&["--out", twice, "--checkpoint", text(case.out("other"))]).refused(&["--checkpoint", "same file"]);
    case.verify(&["--receipt", &case.key, "--key", &case.key]).refused(&["--receipt", "this is an input (--key"]);
    // /dev/null may be given twice.
    let run = case.verify(&["--receipt", "/dev/null", "--out", "/dev/null", "--key", &case.key]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_block_file_of_the_verified_folder_is_refused_as_an_output() {
    let case = Case::new();
    let run = cityseal(&["verify", text(case.out("")), "--out", text(case.out("blk00000.dat"))]);
    run.refused(&["--out", "this is an input"]);
    assert!(case.names().is_empty());
}

#[test]
fn a_checkpoint_must_be_a_regular_file_and_is_refused_before_the_work_starts_otherwise() {
    let case = Case::new();
    let fifo = case.out("fifo");
    make_fifo(&fifo);
    for path in [text(&fifo), "/dev/null", "/dev/stdout"] {
        let run = case.verify(&["--json", "--checkpoint", path]);
        run.refused(&["--checkpoint", path, "expected a regular file"]);
        assert!(!run.stdout.contains("verdict"), "{run:?}");
    }
    fs::remove_file(fifo).unwrap();
    // A link to a regular file is accepted.
    symlink("checkpoint", case.out("link")).unwrap();
    assert_eq!(case.verify(&["--checkpoint", text(case.out("link"))]).code, 0);
    assert_eq!(case.names(), ["checkpoint", "link"]);
    assert!(fs::symlink_metadata(case.out("link")).unwrap().is_symlink());
}

#[test]
fn a_checkpoint_that_cannot_be_written_warns_once_and_does_not_affect_the_verdict() {
    let case = Case::new();
    let checkpoint = case.out("checkpoint");
    // The run blocks on an empty pipe, which gives the test time to remove the folder.
    let input = case.folder.path().join("input");
    make_fifo(&input);
    let arguments = ["--device", "cpu", "--json", "--now", NOW, "--network", &case.toml];
    let mut child = command(&[&["verify", text(&input), "--checkpoint", text(&checkpoint)], &arguments[..]].concat());
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // This open returns only when the run opens the pipe for reading, which is after its outputs were checked.
    let mut pipe = fs::OpenOptions::new().write(true).open(&input).unwrap();
    fs::remove_dir_all(case.out("")).unwrap();
    std::io::copy(&mut fs::File::open(&case.chain).unwrap(), &mut pipe).unwrap();
    drop(pipe);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, &run.json()["verdict"]), (0, &serde_json::json!("valid")), "{run:?}");
    assert_eq!(run.stderr.matches("the checkpoint").count(), 1, "{run:?}");
    assert!(run.stderr.contains(text(&checkpoint)), "{run:?}");
}

#[test]
fn results_are_recorded_through_links_and_an_impossible_folder_is_refused_at_once() {
    let case = Case::new();
    let bench = |folder: &str| {
        cityseal(&["bench", "--device", "cpu", "--threads", "1", "--seconds", "0.1", "--record", folder])
    };
    fs::write(case.out("file"), "").unwrap();
    for (folder, reason) in
        [(text(case.out("file")), "is not a folder"), (text(case.out("file/below")), "is not a folder")]
    {
        let run = bench(folder);
        run.refused(&["--record", folder, reason]);
        assert!(run.stdout.is_empty(), "nothing was measured: {run:?}");
    }
    assert_eq!(fs::read_to_string(case.out("file")).unwrap(), "");
    fs::create_dir(case.out("real")).unwrap();
    symlink("real", case.out("link")).unwrap();
    let run = bench(text(case.out("link/new/deeper")));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(case.out("real/new/deeper").is_dir());
    assert!(fs::symlink_metadata(case.out("link")).unwrap().is_symlink());

    let report = |arguments: &[&str]| cityseal(&[&["bench", "report", text(case.out("real"))], arguments].concat());
    let record = fs::read_dir(case.out("real/new/deeper")).unwrap().next().unwrap().unwrap().path();
    let record = fs::read_dir(record).unwrap().next().unwrap().unwrap().path();
    let before = fs::read_to_string(&record).unwrap();
    report(&["--out", text(&record)]).refused(&["--out", "this is an input"]);
    assert_eq!(fs::read_to_string(&record).unwrap(), before);
    report(&["--out", text(case.out("page.html")), "--svg", text(case.out("file"))])
        .refused(&["--svg", "is not a folder"]);
    assert!(!case.out("page.html").exists());
    symlink("page", case.out("page.html")).unwrap();
    assert_eq!(report(&["--out", text(case.out("page.html"))]).code, 0);
    assert!(fs::symlink_metadata(case.out("page.html")).unwrap().is_symlink() && case.out("page").is_file());
    assert_eq!(report(&["--out", "/dev/null"]).code, 0);
}
