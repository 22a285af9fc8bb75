//! Text from outside is shown but never controls the terminal: names of files, receipts, configurations, arguments.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{Folder, Run, block, city, city_of_blocks, cityseal, framed, packed};

/// A name that clears the screen, begins a new line, and reverses the writing direction.
const NAME: &str = "x\u{1b}[2J\u{9b}31m\nVALID\r\u{202e}txt.\u{2066}\u{200b}\u{7f}";

/// The name as it is shown.
const SHOWN: &str = "x\\u{1b}[2J\\u{9b}31m\\nVALID\\r\\u{202e}txt.\\u{2066}\\u{200b}\\u{7f}";

/// Characters that no output may hold, JSON included; line feeds come from the program.
fn is_bad(character: char) -> bool {
    character.is_control() && character != '\n'
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn shows(run: &Run, code: i32) {
    assert_eq!(run.code, code, "{run:?}");
    let printed = format!("{}{}", run.stdout, run.stderr);
    assert!(!printed.chars().any(is_bad), "{run:?}");
    assert!(printed.contains(SHOWN), "{run:?}");
    assert!(!printed.lines().any(|line| line.starts_with("VALID") && line != "VALID"), "{run:?}");
}

fn is_clean(run: &Run) {
    assert!(!format!("{}{}", run.stdout, run.stderr).chars().any(is_bad), "{run:?}");
}

#[test]
fn names_of_files_are_shown_in_errors() {
    for arguments in [
        &["verify", NAME][..],
        &["verify", "a.bin", "--context", NAME],
        &["verify", "a.bin", "--network", NAME],
        &["verify", "a.bin", "--network", &format!("{NAME}.toml")],
        &["verify", "--join", NAME],
        &["receipt", "verify", NAME],
        &["receipt", "show", NAME],
        &["receipt", "verify", "/dev/null", "--key", NAME],
        &["key", "show", NAME],
        &["key", "new", "--out", &format!("{NAME}/k")],
        &["seal", "--template", NAME],
        &["bench", "compare", NAME, "b"],
        &["--config", NAME, "devices"],
        &["--log", NAME, "devices"],
        &["verify", "a.bin", "--out", &format!("{NAME}/part")],
    ] {
        shows(&cityseal(arguments), 2);
    }
}

#[test]
fn refused_arguments_are_shown_in_the_error() {
    for arguments in [
        &["verify", "a.bin", "--start-height", NAME][..],
        &["verify", "a.bin", "--format", NAME],
        &["seal", "--header", NAME],
        &[NAME],
        &["verify", "a.bin", &format!("--{NAME}")],
    ] {
        shows(&cityseal(arguments), 2);
    }
    let run = cityseal(&["--help"]);
    assert!(run.code == 0 && run.stdout.contains("Usage:"), "{run:?}");
}

#[test]
fn the_file_of_a_fault_or_damage_is_shown_in_the_answer() {
    let (toml, headers) = city_of_blocks(10);
    let folder = Folder::new();
    let toml = folder.file("city.toml", toml);
    let first = folder.file("first", packed(&headers[..5]));
    let mut second = packed(&headers[5..]);
    second[80 * 2 + 4] ^= 1;
    let second = folder.file(NAME, second);
    let verify = |arguments: &[&str]| {
        cityseal(&[&["verify", "--device", "cpu", "--now", "1800000000", "--network", &toml], arguments].concat())
    };
    shows(&verify(&[&first, &second]), 1);
    let cut = folder.file(NAME, &packed(&headers)[..500]);
    shows(&verify(&[&cut]), 2);

    // A set of blocks that lacks the sixth, in a file with that name.
    let blocks: Vec<Vec<u8>> = headers.iter().enumerate().filter(|(at, _)| *at != 5).map(|(_, h)| block(h)).collect();
    let forks = folder.file(NAME, framed(&blocks));
    let run = verify(&[&forks, "--forks"]);
    shows(&run, 2);
    let run = verify(&[&forks, "--forks", "--json"]);
    is_clean(&run);
    assert!(run.json()["reason"].as_str().unwrap().contains(NAME), "JSON has the original name: {run:?}");
}

#[test]
fn the_folder_of_a_demo_is_shown() {
    let folder = Folder::new();
    let kept = folder.path().join(NAME);
    shows(&cityseal(&["demo", "--device", "cpu", "--keep", kept.to_str().unwrap()]), 0);
}

#[test]
fn foreign_receipts_and_configuration_values_are_escaped() {
    let folder = Folder::new();
    let receipt = folder.file("r.json", format!("{{\"format\":{}}}", serde_json::to_string(NAME).unwrap()));
    for command in ["verify", "show"] {
        let run = cityseal(&["receipt", command, &receipt]);
        assert_eq!(run.code, 2, "{run:?}");
        is_clean(&run);
    }
    let label = NAME.replace('\n', " ");
    let run = cityseal(&["key", "new", "--out", folder.path().join("k").to_str().unwrap(), "--label", &label]);
    assert_eq!(run.code, 2, "{run:?}");
    is_clean(&run);
    for config in [
        format!("threads = 2\nkernel = {}", serde_json::to_string("a\u{202e}b").unwrap()),
        "threads = 2\n\"k\u{202e}\" = 1".to_owned(),
        "threads = 2\nthreads = \u{9b}".to_owned(),
    ] {
        let config = folder.file("config.toml", config);
        let run = cityseal(&["--config", &config, "devices", "--device", "cpu"]);
        assert_eq!(run.code, 2, "{run:?}");
        is_clean(&run);
    }
    let (toml, headers) = city(2);
    let toml = folder.file("city.toml", toml.replace("name =", "\"na\u{2066}me\" = 1\nname ="));
    let chain = folder.file("chain.bin", packed(&headers));
    let run = cityseal(&["verify", &chain, "--network", &toml]);
    assert!(run.code == 2 && run.stderr.contains("\\u{2066}"), "{run:?}");
    is_clean(&run);
}
