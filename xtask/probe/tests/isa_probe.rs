//! The probe's command line, as `cargo xtask isa` uses it: its output, and its errors.

use std::process::{Command, Output};

fn probe(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isa-probe")).args(words).output().expect("the probe starts")
}

fn refusal(words: &[&str]) -> String {
    let output = probe(words);
    assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn refuses_unknown_commands_and_prints_the_usage() {
    for words in [&[][..], &["sass"], &["compile", "x"]] {
        assert!(refusal(words).contains("usage: isa-probe COMMAND"), "{words:?}");
    }
}

#[test]
fn refuses_unknown_searches_and_forms_and_missing_files() {
    assert!(refusal(&["ptx", "headers", "xor", "sm_89"]).contains("unknown search headers"));
    assert!(refusal(&["ptx", "search_one", "nor", "sm_89"]).contains("unknown form nor"));
    assert!(refusal(&["vulkan", "no-driver.so"]).contains("no-driver.so"));
    assert!(refusal(&["sass", "no-file"]).contains("no-file"));
}

#[test]
fn prints_the_counts_of_a_listing_one_per_line() {
    let file = std::env::temp_dir().join(format!("cityseal-probe-{}.sass", std::process::id()));
    let listing = ".L_x_0:\n /*0000*/ IADD3 R2, R1, R2, RZ ;\n /*0010*/ @P0 BRA `(.L_x_0) ;\n /*0020*/ EXIT ;\n";
    std::fs::write(&file, listing).expect("a temporary file can be written");
    let output = probe(&["sass", &file.to_string_lossy()]);
    std::fs::remove_file(&file).expect("it was just written");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "whole\t3\nturn\t2\n");
}
