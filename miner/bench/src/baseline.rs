//! The baselines of each figure: the plain loop of the `sha2` crate that a program would otherwise use.

use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cityseal_hash::{HEADER_LEN, HitBuffer, NODE_LEN, baseline};

use super::error::BenchError;
use super::hands::{take_ticket, together};
use super::mode::BenchMode;
use super::question::{TOP_WORD_MAX, around_genesis, header76, noise};
use super::race::{BaselineRunner, Contestant};

/// Items per portion: about a millisecond of work that fits in a core's second-level cache.
const ITEMS: usize = 4096;

/// The items of one portion.
#[derive(Debug)]
enum Portion {
    /// Nonces of a header, each hashed as a whole header.
    Nonces([u8; 76]),
    /// Packed headers.
    Headers(Vec<u8>),
    /// Packed nodes.
    Nodes(Vec<u8>),
}

/// One baseline on a number of threads.
#[derive(Debug)]
pub(super) struct Baseline {
    portion: Portion,
    threads: usize,
}

impl Baseline {
    /// The baselines of a mode.
    pub(super) fn of(mode: BenchMode, threads: usize) -> Vec<Self> {
        let portions = match mode {
            BenchMode::Search | BenchMode::SearchShared => vec![Portion::Nonces(header76(0))],
            BenchMode::Headers | BenchMode::Verify | BenchMode::Service => {
                vec![Portion::Headers(noise(ITEMS * HEADER_LEN))]
            }
            BenchMode::Latency => Vec::new(),
            BenchMode::Merkle => {
                vec![Portion::Headers(noise(ITEMS * HEADER_LEN)), Portion::Nodes(noise(ITEMS * NODE_LEN))]
            }
        };
        portions.into_iter().map(|portion| Self { portion, threads }).collect()
    }
}

impl Portion {
    fn run(&self, hits: &mut HitBuffer, hashes: &mut [[u8; 32]]) {
        match self {
            Self::Nonces(header) => {
                let (first, last) = around_genesis(ITEMS as u64);
                baseline::sha2_whole_header_scan(header, first, last, TOP_WORD_MAX, hits);
            }
            Self::Headers(headers) => baseline::sha2_headers(headers, hashes),
            Self::Nodes(nodes) => baseline::sha2_nodes(nodes, hashes),
        }
    }
}

impl Contestant for Baseline {
    fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError> {
        let left = AtomicU64::new(tickets);
        let hand = || work(&self.portion, &left);
        let (took, ended) = together(vec![hand; self.threads]);
        assert!(ended.iter().all(Result::is_ok), "a plain loop does not panic");
        Ok(took)
    }

    fn items_per_ticket(&self) -> u64 {
        ITEMS as u64
    }

    fn hands(&self) -> usize {
        self.threads
    }

    /// Always `None`: other answers are compared with those of the baseline.
    fn wrong(&self) -> Option<String> {
        None
    }
}

fn work(portion: &Portion, left: &AtomicU64) {
    let mut hashes = vec![[0; 32]; ITEMS];
    while take_ticket(left) {
        let mut hits = HitBuffer::new(ITEMS);
        portion.run(&mut hits, &mut hashes);
        black_box((&hits, &hashes));
    }
}

impl BaselineRunner for Baseline {
    fn name(&self) -> &'static str {
        match self.portion {
            Portion::Nonces(_) | Portion::Headers(_) => "sha2_whole_header",
            Portion::Nodes(_) => "sha2_node",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merkle_nodes_are_compared_with_whole_headers_and_nodes() {
        let names = |mode| Baseline::of(mode, 1).iter().map(BaselineRunner::name).collect::<Vec<_>>();
        assert_eq!(names(BenchMode::Merkle), ["sha2_whole_header", "sha2_node"]);
        assert_eq!(names(BenchMode::Search), ["sha2_whole_header"]);
    }

    #[test]
    fn a_lap_on_two_threads_does_all_of_its_portions() {
        let mut baseline = Baseline::of(BenchMode::Merkle, 2).remove(1);
        assert!(baseline.lap(3).unwrap() > Duration::ZERO);
        assert_eq!(baseline.wrong(), None);
    }
}
