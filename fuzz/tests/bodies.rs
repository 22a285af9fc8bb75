//! Runs every body on its seeds and on mutations of them, with the same bytes each time, so that a failure can be
//! repeated.

use std::path::Path;

use cityseal_fuzz::{TARGETS, Target};

/// Number of mutations of each seed.
const ROUNDS: usize = 400;

/// A small generator (xorshift64*), seeded by the target's name.
struct Random(u64);

impl Random {
    fn of(name: &str) -> Self {
        // FNV-1a. The state must not be zero, which `max` guarantees.
        let state = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(state.max(1))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

fn mutate(data: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(data.len());
    match random.below(6) {
        0 if !data.is_empty() => data[at] ^= 1 << random.below(8),
        1 if !data.is_empty() => data[at] = b"0123456789abcdef{}[]\",:=\n.-_"[random.below(28)],
        2 => data.truncate(at),
        3 => data.insert(at, random.below(256) as u8),
        4 if !data.is_empty() => drop(data.remove(at)),
        _ => {
            let from = random.below(other.len());
            data.splice(at..at, other[from..].iter().copied().take(16));
        }
    }
}

fn run(target: &Target) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    let mut random = Random::of(target.name);
    for seed in &seeds {
        (target.body)(seed);
        for _ in 0..ROUNDS {
            let mut data = seed.clone();
            for _ in 0..=random.below(4) {
                mutate(&mut data, &seeds[random.below(seeds.len())], &mut random);
            }
            (target.body)(&data);
        }
    }
}

#[test]
fn every_body_passes_on_its_seeds_and_their_mutations() {
    TARGETS.iter().for_each(run);
}

/// The corpus holds inputs that libFuzzer found, in one folder per target.
#[test]
fn every_body_passes_on_its_corpus() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} has a corpus", target.name);
        for file in files {
            (target.body)(&std::fs::read(file).unwrap());
        }
    }
}

#[test]
fn every_target_has_its_file_and_every_file_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(files, names);
}

#[test]
#[should_panic(expected = "a target with that name is in the table")]
fn a_target_that_is_not_in_the_table_is_refused() {
    cityseal_fuzz::run("nothing", &[]);
}
