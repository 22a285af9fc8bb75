//! Writes a synthetic chain of realistic blocks, as input for `cityseal verify`.
//!
//! `cargo run --release -p cityseal-tests --example synthetic-chain -- --bytes 2GiB --block-bytes 1MiB --seed 1
//! --format raw --out FILE [--city-toml FILE] [--merkle rfc6962-sha256] [--threads N]`
//!
//! `--format` is `raw` (blocks one after another), `framed` (magic and length before each block) or `headers` (the
//! headers only). `--out -` writes to standard output. With `--city-toml` the chain has custom network parameters,
//! which are written to that file; without it, the chain is a regtest chain. The number of blocks and bytes is printed
//! on stderr first.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::str::FromStr;
use std::time::Instant;

use cityseal_engine::chain::MerkleKind;
use cityseal_tests::synthetic::block::HEADER_BYTES;
use cityseal_tests::synthetic::{FRAME_BYTES, Home, Plan, each_block};

/// Output format of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Raw,
    Framed,
    Headers,
}

/// The command line's options.
struct Options {
    bytes: u64,
    block_bytes: usize,
    seed: u64,
    format: Format,
    out: String,
    city_toml: Option<String>,
    merkle: MerkleKind,
    threads: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::of(&words)?;
    let home = match &options.city_toml {
        Some(_) => Home::city(options.merkle),
        None => Home::regtest(),
    };
    if let (Some(file), Some(toml)) = (&options.city_toml, home.toml()) {
        fs::write(file, toml)?;
    }
    let plan = Plan::of_bytes(home, options.seed, options.bytes, options.block_bytes);
    let written = options.format.bytes_of(&plan);
    writeln!(io::stderr(), "writing {written} bytes: {} blocks of {} bytes in total", plan.blocks(), plan.bytes())?;
    let began = Instant::now();
    match options.out.as_str() {
        "-" => write(&plan, &options, io::stdout().lock())?,
        file => write(&plan, &options, File::create(file)?)?,
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = plan.bytes() as f64 / seconds / 1e6;
    writeln!(io::stderr(), "took {seconds:.2} s: {rate:.0} MB/s of blocks on {} threads", options.threads)?;
    Ok(())
}

fn write(plan: &Plan, options: &Options, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, out);
    each_block(plan, options.threads, |block| match options.format {
        Format::Raw => out.write_all(&block),
        Format::Headers => out.write_all(&block[..HEADER_BYTES]),
        Format::Framed => {
            out.write_all(&plan.home().magic())?;
            out.write_all(&(block.len() as u32).to_le_bytes())?;
            out.write_all(&block)
        }
    })?;
    out.flush()
}

impl Format {
    /// The size of the file to be written.
    fn bytes_of(self, plan: &Plan) -> u64 {
        match self {
            Self::Raw => plan.bytes(),
            Self::Framed => plan.bytes() + FRAME_BYTES as u64 * plan.blocks(),
            Self::Headers => HEADER_BYTES as u64 * plan.blocks(),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "raw" => Ok(Self::Raw),
            "framed" => Ok(Self::Framed),
            "headers" => Ok(Self::Headers),
            other => Err(format!("unknown format {other:?}; expected raw, framed or headers")),
        }
    }
}

impl Options {
    fn of(words: &[String]) -> Result<Self, Box<dyn Error>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut options = Self {
            bytes: 64 << 20,
            block_bytes: 1 << 20,
            seed: 1,
            format: Format::Raw,
            out: "-".to_owned(),
            city_toml: None,
            merkle: MerkleKind::Bitcoin,
            threads,
        };
        for pair in words.chunks(2) {
            let [flag, value] = pair else { return Err(format!("{} has no value", pair[0]).into()) };
            options.set(flag, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), Box<dyn Error>> {
        match flag {
            "--bytes" => self.bytes = bytes(value)?,
            "--block-bytes" => self.block_bytes = usize::try_from(bytes(value)?)?,
            "--seed" => self.seed = value.parse()?,
            "--format" => self.format = value.parse()?,
            "--out" => value.clone_into(&mut self.out),
            "--city-toml" => self.city_toml = Some(value.to_owned()),
            "--threads" => self.threads = value.parse()?,
            "--merkle" => {
                let kinds = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256];
                let known = kinds.into_iter().find(|kind| kind.name() == value);
                self.merkle = known.ok_or_else(|| format!("unknown Merkle tree {value:?}"))?;
            }
            other => return Err(format!("unknown option {other:?}").into()),
        }
        Ok(())
    }
}

/// Parses a number of bytes with an optional unit KiB, MiB or GiB.
fn bytes(text: &str) -> Result<u64, Box<dyn Error>> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    Ok(digits.trim().parse::<u64>()?.checked_mul(1 << shift).ok_or("the number of bytes exceeds 64 bits")?)
}
