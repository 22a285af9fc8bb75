//! The mode `verify`: verifies a generated chain of headers from a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cityseal_chain::{BlockHash, BlockHeader, MerkleRoot, Verdict};
use cityseal_cli::CliError;
use cityseal_engine::{Engine, HeaderVerifier, ReadAt, VerifyReport, VerifyRequest};
use cityseal_input::{ChainInput, ChainSink, Place};

use super::city::{City, EASIEST_BITS, genesis, sealed};
use super::error::BenchError;
use super::race::{BaselineRunner, Contestant};
use super::settings::EngineSettings;

/// Headers per second of measurement; generating one takes about a third of a microsecond.
const HEADERS_PER_SECOND: f64 = 300_000.0;

/// Minimum and maximum number of headers in the file: 800 KB and 80 MB.
const HEADERS_MIN: u64 = 10_000;
const HEADERS_MAX: u64 = 1_000_000;

/// Unix time of the genesis header, and the seconds between two headers.
const GENESIS_TIME: u32 = 1_700_000_000;
const SPACING_S: u32 = 60;

/// A chain in a temporary file, which is removed when this value is dropped.
#[derive(Debug)]
pub(super) struct ChainFile {
    path: PathBuf,
    city: City,
    headers: u64,
    last: BlockHeader,
}

impl ChainFile {
    /// Generates a chain whose length suits the duration of the measurement.
    pub(super) fn make(seconds: Duration) -> Result<Self, BenchError> {
        let headers = (seconds.as_secs_f64() * HEADERS_PER_SECOND) as u64;
        let headers = headers.clamp(HEADERS_MIN, HEADERS_MAX);
        let city = City::of("bench", sealed(genesis(EASIEST_BITS, MerkleRoot::ZERO, GENESIS_TIME)));
        let path = fresh_path();
        let write_error = |source| CliError::WriteFile { path: path.clone(), source };
        let file = File::create_new(&path).map_err(write_error)?;
        let mut chain = Self { path: path.clone(), last: city.genesis, city, headers };
        chain.fill(file).map_err(write_error)?;
        Ok(chain)
    }

    fn fill(&mut self, file: File) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&self.last.to_wire())?;
        for height in 1..self.headers {
            let mut root = [0; 32];
            root[..8].copy_from_slice(&height.to_le_bytes());
            self.last = sealed(BlockHeader {
                prev_block_hash: self.last.hash(),
                merkle_root: MerkleRoot::from_wire(root),
                time: self.last.time + SPACING_S,
                ..self.last
            });
            file.write_all(&self.last.to_wire())?;
        }
        file.flush()
    }

    /// Reads the packed headers: at most 80 MB.
    pub(super) fn read(&self) -> Result<Vec<u8>, BenchError> {
        Ok(fs::read(&self.path).map_err(|source| CliError::ReadFile { path: self.path.clone(), source })?)
    }

    /// The city's parameters as TOML.
    pub(super) fn toml(&self) -> &str {
        &self.city.toml
    }

    pub(super) const fn headers(&self) -> u64 {
        self.headers
    }

    /// The time of the last header.
    pub(super) const fn last_time(&self) -> u32 {
        self.last.time
    }

    fn tip(&self) -> BlockHash {
        self.last.hash()
    }
}

impl Drop for ChainFile {
    fn drop(&mut self) {
        // If it cannot be removed, the system cleans its temporary folder.
        let _left_behind = fs::remove_file(&self.path);
    }
}

fn fresh_path() -> PathBuf {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("cityseal-bench-{}-{number}.bin", std::process::id()))
}

/// An engine with one device that verifies the file repeatedly.
#[derive(Debug)]
pub(super) struct ChainRunner<'a> {
    chain: &'a ChainFile,
    engine: Engine,
    wrong: Option<String>,
}

impl<'a> ChainRunner<'a> {
    pub(super) fn new(chain: &'a ChainFile, settings: &EngineSettings) -> Result<Self, BenchError> {
        let engine = settings.builder().build()?;
        Ok(Self { chain, engine, wrong: None })
    }

    fn verify(&self) -> Result<VerifyReport, BenchError> {
        let request = VerifyRequest::new(self.chain.city.parameters.clone(), self.chain.last.time.into());
        let mut feeding = Feeding(self.engine.header_verifier(request)?);
        ChainInput::detect(vec![self.chain.path.clone()])?.read(&mut feeding)?;
        Ok(feeding.0.finish(None))
    }

    fn judge(&self, report: &VerifyReport) -> Option<String> {
        let tip = report.tip.map(|tip| tip.hash);
        let right =
            report.verdict == Verdict::Valid && report.count == self.chain.headers && tip == Some(self.chain.tip());
        (!right).then(|| format!("{}, {} of {} headers", report.verdict, report.count, self.chain.headers))
    }
}

struct Feeding(HeaderVerifier);

impl ChainSink for Feeding {
    fn take(&mut self, packed: &[u8], _file: usize, _place: Place) -> ControlFlow<()> {
        self.0.push(packed);
        ControlFlow::Continue(())
    }

    fn read(&mut self, source: &mut dyn Read, _file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        Some(self.0.read_from(source).map(ControlFlow::Continue))
    }

    fn take_from(
        &mut self,
        source: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        _file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        Some(self.0.take_from_file(source, from, len).map(ControlFlow::Continue))
    }
}

impl Contestant for ChainRunner<'_> {
    fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError> {
        let started = Instant::now();
        for _ in 0..tickets {
            let report = self.verify()?;
            if let Some(reason) = self.judge(&report) {
                self.wrong.get_or_insert(reason);
            }
        }
        Ok(started.elapsed())
    }

    fn items_per_ticket(&self) -> u64 {
        self.chain.headers
    }

    fn wrong(&self) -> Option<String> {
        self.wrong.clone()
    }
}

/// The baseline of the mode `service`: the same chain from a file.
impl BaselineRunner for ChainRunner<'_> {
    fn name(&self) -> &'static str {
        "verify"
    }
}
