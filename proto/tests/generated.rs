//! The committed code and descriptor set equal what the `.proto` files generate.

use std::fs;
use std::path::Path;

use cityseal_proto_codegen::{GENERATED_FILES, committed_dir, generate};

#[test]
fn the_committed_files_equal_what_the_proto_files_generate() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    generate(&fresh).unwrap();
    for name in GENERATED_FILES {
        let committed = fs::read(committed_dir().join(name)).unwrap_or_default();
        let is_same = fs::read(fresh.join(name)).unwrap() == committed;
        assert!(is_same, "proto/src/generated/{name} is out of date: run `cargo xtask proto` and commit the result");
    }
}

#[test]
fn every_generated_file_is_committed_and_no_other() {
    let entries = fs::read_dir(committed_dir()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, GENERATED_FILES);
}
