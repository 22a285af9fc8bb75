//! Every file of the repository follows the style rules.

use cityseal_tests::source_rules::style::{self, Exception};
use cityseal_tests::source_rules::{phrases, tree};

/// Files above the limit, with their length; a row may only shrink or be removed.
const LONG_FILES: &[Exception] = &[];

/// Extensions of files whose wording is checked.
const TEXTS: [&str; 9] = ["rs", "md", "toml", "wgsl", "proto", "py", "yml", "json", "txt"];

fn is_kind(path: &str, extensions: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

fn rust_files() -> Vec<(String, String)> {
    let files = tree::all_files().into_iter().filter(|(path, _)| is_kind(path, &["rs"]));
    let texts: Vec<_> = files.map(|(path, file)| (path, tree::text_of(&file))).collect();
    assert!(texts.len() > 20, "{} files prove nothing", texts.len());
    texts.into_iter().filter(|(_, text)| !style::is_generated(text)).collect()
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let files = rust_files();
    let found: Vec<String> =
        files.iter().filter_map(|(path, text)| style::length_objection(path, text, LONG_FILES)).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_exception_outlives_its_file() {
    let files = rust_files();
    let gone = LONG_FILES.iter().filter(|(excepted, _)| !files.iter().any(|(path, _)| path == excepted));
    assert_eq!(gone.collect::<Vec<_>>(), [&("", 0); 0]);
}

#[test]
fn every_rust_file_begins_with_what_it_does() {
    let found: Vec<String> =
        rust_files().iter().filter_map(|(path, text)| style::opening_objection(path, text)).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_test_name_is_a_sentence() {
    let files = rust_files();
    let found: Vec<String> = files.iter().flat_map(|(path, text)| style::test_name_objections(path, text)).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_text_names_a_private_path_or_unfinished_work() {
    let files = tree::all_files();
    let texts = files.iter().filter(|(path, _)| is_kind(path, &TEXTS));
    // The check's own source holds the words that it looks for.
    let judged = texts.filter(|(path, _)| path != "tests/src/source_rules/style.rs");
    let found: Vec<String> =
        judged.flat_map(|(path, file)| style::wording_objections(path, &tree::text_of(file))).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_product_source_includes_a_file_from_outside_its_package() {
    let files = tree::source_files(&tree::cargo_metadata());
    let product = files.iter().filter(|file| !file.is_outside_product && file.path.contains("src/"));
    // The check's own tests hold such an include.
    let judged = product.filter(|file| file.path != "tests/src/source_rules/style.rs");
    let found: Vec<String> = judged.flat_map(|file| style::include_objections(&file.path, &file.text)).collect();
    assert_eq!(found, [""; 0]);
}

/// Every file with one of these extensions that is not generated, as (path, text).
fn written_files(extensions: &[&str]) -> Vec<(String, String)> {
    let files = tree::all_files().into_iter().filter(|(path, _)| is_kind(path, extensions));
    let texts: Vec<_> = files.map(|(path, file)| (path, tree::text_of(&file))).collect();
    assert!(texts.len() > 20, "{} files prove nothing", texts.len());
    texts.into_iter().filter(|(_, text)| !style::is_generated(text)).collect()
}

#[test]
fn no_text_uses_a_phrase_of_the_glossary_that_has_a_plain_replacement() {
    let files = written_files(&["rs", "proto", "wgsl", "md", "toml"]);
    // The check's own source holds the phrases that it looks for.
    let judged = files.iter().filter(|(path, _)| path != "tests/src/source_rules/phrases.rs");
    let found: Vec<String> = judged.flat_map(|(path, text)| phrases::phrase_objections(path, text)).collect();
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_comment_is_wider_than_the_code_may_be() {
    let files = written_files(&["rs", "proto", "wgsl", "toml", "py"]);
    let found: Vec<String> = files.iter().flat_map(|(path, text)| phrases::width_objections(path, text)).collect();
    assert!(found.is_empty(), "{} comments:\n{}", found.len(), found.join("\n"));
}
