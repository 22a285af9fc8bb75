//! Random numbers whose seed is printed, so that a failure can be repeated: `CITYSEAL_SEED=N`.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

static SEED: LazyLock<u64> = LazyLock::new(|| {
    let given = std::env::var("CITYSEAL_SEED").ok().and_then(|text| text.parse().ok());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let seed = given.unwrap_or(clock);
    // Written directly to stderr, because the test runner captures what a passing test prints.
    let _ = writeln!(std::io::stderr(), "oracles: repeat with CITYSEAL_SEED={seed}");
    seed
});

/// A small generator: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    /// One of the streams derived from this run's seed.
    pub(crate) fn new(stream: u64) -> Self {
        Self(*SEED ^ stream.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `first` to `last`.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        first + i64::try_from(self.word() % (last - first + 1) as u64).unwrap()
    }
}
