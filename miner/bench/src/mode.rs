//! What a run of `bench` measures, and with how many threads.

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchMode {
    /// Nonces of one header.
    Search,
    /// Nonces of four headers that share their second block.
    SearchShared,
    /// Hashes of packed headers.
    Headers,
    /// Hashes of packed Merkle nodes.
    Merkle,
    /// A whole chain from a file, with all rules.
    Verify,
    /// A whole chain streamed to the gRPC service over loopback, with all rules.
    Service,
    /// Latencies instead of rates: first hit, cancel, round trip of the smallest batch.
    Latency,
}

impl BenchMode {
    /// Name of the mode on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::SearchShared => "search-shared",
            Self::Headers => "headers",
            Self::Merkle => "merkle",
            Self::Verify => "verify",
            Self::Service => "service",
            Self::Latency => "latency",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Search | Self::SearchShared => "hash/s",
            Self::Headers | Self::Verify | Self::Service => "header/s",
            Self::Merkle => "node/s",
            // Whether the figures are latencies in microseconds.
            Self::Latency => "us",
        }
    }
}

/// The numbers of threads that `bench --sweep` measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// 1, 2, 4, … and all threads of the machine.
    All,
    /// These numbers, in this order.
    Each(Vec<usize>),
}

impl Sweep {
    /// Returns the numbers of threads to measure on a machine with `all` threads.
    pub fn counts(&self, all: usize) -> Vec<usize> {
        match self {
            Self::Each(counts) => counts.clone(),
            Self::All => {
                let doubled = std::iter::successors(Some(1), |count| Some(count * 2));
                doubled.take_while(|count| *count < all).chain([all]).collect()
            }
        }
    }
}
