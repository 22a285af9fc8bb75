//! Which crates may use `unsafe`, files, the environment, the clock and threads.

use super::code::{without_comments_and_literals, without_unit_tests, words};
use super::tree::SourceFile;

/// Words that only the product code of some crates may use.
struct WordLimit {
    what: &'static str,
    words: &'static [&'static str],
    crates: &'static [&'static str],
    /// Whether tests and benches are checked too.
    covers_tests: bool,
}

const WORD_LIMITS: &[WordLimit] = &[
    WordLimit {
        what: "unsafe code is allowed only in the hash kernels and the compiler probe",
        words: &["unsafe"],
        crates: &["cityseal-hash", "isa-probe"],
        covers_tests: true,
    },
    WordLimit {
        what: "files are opened only in the engine, in cli, in the crates of miner/ and by developers' tools",
        // All functions that open files are in modules of this name.
        words: &["fs"],
        crates: &[
            "cityseal-engine",
            "cityseal-cli",
            "cityseal-input",
            "cityseal-journal",
            "cityseal-service",
            "cityseal-bench",
            "cityseal",
            "cityseal-tests",
            "cityseal-testkit",
            "cityseal-fuzz",
            "xtask",
            "isa-probe",
        ],
        covers_tests: false,
    },
    WordLimit {
        what: "the environment is read only in the binary, the bench and developers' tools",
        words: &["env"],
        crates: &[
            "cityseal-bench",
            "cityseal",
            "cityseal-tests",
            "cityseal-testkit",
            "cityseal-fuzz",
            "xtask",
            "isa-probe",
        ],
        covers_tests: false,
    },
    WordLimit {
        what: "the wall clock is read only in cli and the service",
        words: &["SystemTime", "UNIX_EPOCH"],
        crates: &["cityseal-cli", "cityseal-service", "cityseal-tests", "xtask", "isa-probe"],
        covers_tests: false,
    },
    WordLimit {
        what: "durations are measured only by crates that wait for devices or peers",
        words: &["Instant"],
        crates: &[
            "cityseal-device",
            "cityseal-gpu",
            "cityseal-engine",
            "cityseal-client",
            "cityseal-journal",
            "cityseal-service",
            "cityseal-bench",
            "cityseal",
            "cityseal-tests",
            "xtask",
        ],
        covers_tests: false,
    },
    WordLimit {
        what: "the domain and the kernels start no thread",
        words: &["thread"],
        crates: &[
            "cityseal-device",
            "cityseal-gpu",
            "cityseal-engine",
            "cityseal-client",
            "cityseal-proto",
            "cityseal-cli",
            "cityseal-input",
            "cityseal-journal",
            "cityseal-service",
            "cityseal-bench",
            "cityseal",
            "cityseal-tests",
            "xtask",
        ],
        covers_tests: false,
    },
];

/// Violations of the limits in a file, one sentence each.
pub fn objections(file: &SourceFile) -> Vec<String> {
    let code = without_comments_and_literals(&file.text);
    let product = without_unit_tests(&code);
    let limits = WORD_LIMITS.iter().filter(|limit| !limit.crates.contains(&file.package.as_str()));
    limits.flat_map(|limit| breaches(file, limit, if limit.covers_tests { &code } else { &product })).collect()
}

fn breaches(file: &SourceFile, limit: &WordLimit, code: &str) -> Vec<String> {
    if file.is_outside_product && !limit.covers_tests {
        return Vec::new();
    }
    let found = words(code).filter(|(_, word, next)| limit.words.contains(word) && *next != Some('!'));
    found.map(|(_, word, _)| format!("{}: `{word}`: {}", file.path, limit.what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(package: &str, text: &str, is_outside_product: bool) -> SourceFile {
        SourceFile { package: package.into(), path: "a.rs".into(), text: text.into(), is_outside_product }
    }

    #[test]
    fn refuses_unsafe_outside_the_kernels_even_in_tests() {
        for is_outside_product in [false, true] {
            let found = objections(&file("cityseal-gpu", "unsafe { x() }", is_outside_product));
            assert_eq!(
                found,
                ["a.rs: `unsafe`: unsafe code is allowed only in the hash kernels and the compiler probe"]
            );
        }
        assert!(objections(&file("cityseal-hash", "unsafe { x() }", false)).is_empty());
    }

    #[test]
    fn refuses_files_and_environment_in_the_domain() {
        let text = "use std::{env, fs};\nlet text = fs::read(env::var(\"A\"));";
        assert_eq!(objections(&file("cityseal-chain", text, false)).len(), 4);
        assert!(objections(&file("cityseal", text, false)).is_empty());
        assert!(objections(&file("cityseal-chain", text, true)).is_empty(), "tests may read data");
    }

    #[test]
    fn refuses_the_wall_clock_in_the_engine() {
        let found = objections(&file("cityseal-engine", "SystemTime::now()", false));
        assert_eq!(found, ["a.rs: `SystemTime`: the wall clock is read only in cli and the service"]);
    }

    #[test]
    fn macros_comments_and_unit_tests_are_not_the_product() {
        let text = "// fs\nconst A: &str = env!(\"B\");\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert!(objections(&file("cityseal-chain", text, false)).is_empty());
    }
}
