//! The command line: which commands there are, which flags each takes, and the help that people read.
//!
//! Only shapes and single values are checked here; what needs a file, a device or the clock is checked by the
//! command itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use cityseal_bench::Sweep;
use cityseal_chain::{BlockHeader, ChainWork, NonceSpan, Target};
use cityseal_engine::Profile;

mod receipt;
pub mod values;

pub use receipt::{
    KeyAction, KeyArgs, KeyNewArgs, KeyShowArgs, ReceiptAction, ReceiptArgs, ReceiptShowArgs, ReceiptVerifyArgs,
    SPOT_CHECK_MAX,
};

const ABOUT: &str = "Seals blocks and checks chains of blocks, on GPUs and CPUs. The CPU rechecks what a GPU reports.";

const EXAMPLES: &str = "\
Examples:
  cityseal demo                                      see everything at work, in a few seconds
  cityseal devices                                   list the devices and their states
  cityseal seal --header HEX --nonces 0..=99999999   search for the nonce of a header
  cityseal verify headers.bin --network mainnet      check a chain of headers from its genesis
  cityseal receipt verify receipt.json --key K       check what another party verified and signed
  cityseal bench                                     measure this machine; every answer is checked
  cityseal drill                                     inject faults into each device and check that the answers stay right
  cityseal serve                                     offer sealing and verification over gRPC

Exit codes:
  0 yes (sealed, valid, right)
  1 a clear no (exhausted, fault, wrong answer)
  2 anything else
Answers go to stdout; notes, progress and errors go to stderr.

Environment: CITYSEAL_CONFIG (a TOML file of defaults), CITYSEAL_KERNEL, CITYSEAL_LOG, NO_COLOR.
Flags override the environment, and the environment overrides the file.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "cityseal", version, about = ABOUT, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// Print the answer as JSON on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// Read defaults from this TOML file (keys: device, profile, kernel, threads, `allow_software`, listen, key).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Filter of the log on stderr, such as `info` or `cityseal=debug` (default: `warn`; `serve`: `warn,cityseal=info`).
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Scheduling niceness, 0 (default) to 19 (idle).
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u8).range(..=19))]
    pub nice: Option<u8>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List every device with its state and the reason for it.
    Devices(DevicesArgs),
    /// Run the known-answer tests on every kernel and device.
    Selftest(SelftestArgs),
    /// Measure how fast this machine hashes; every answer is checked.
    Bench(BenchArgs),
    /// Search for the nonce (and version, time, extranonce) with which a header meets its target.
    Seal(Box<SealArgs>),
    /// Check a chain of headers or whole blocks: work, links, difficulty, times, versions, bodies.
    Verify(Box<VerifyArgs>),
    /// Check or show a signed receipt of a verification.
    Receipt(ReceiptArgs),
    /// Create or show the key that signs receipts.
    Key(KeyArgs),
    /// Offer sealing and verification to nodes over gRPC.
    Serve(ServeArgs),
    /// Seal, check, sign and forge a small chain of city records, with an explanation of each step.
    Demo(DemoArgs),
    /// Inject faults into each device, and check that the answers stay right.
    Drill(DrillArgs),
}

/// Which devices work, and how.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Devices")]
pub struct EngineArgs {
    /// Use this device: auto, cpu, gpu, software, all, an id, a PCI address or vendor:device, or a part of a name. Repeat the
    /// flag for several devices. With auto, the default, a device gets only work at which it beats the CPU.
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,
    /// Allow software adapters, which imitate a GPU on the CPU (llvmpipe).
    #[arg(long)]
    pub allow_software: bool,
    /// Duration of one GPU dispatch: 5 ms (interactive), 20 ms (balanced) or 100 ms (throughput) (default: balanced).
    #[arg(long, value_name = "NAME", value_parser = values::profile)]
    pub profile: Option<Profile>,
    /// CPU kernel: portable, sha-ni, avx2 or avx512 (default: the best that this CPU can run); or variant of the GPU shaders,
    /// such as wgsl-loaded-or (default: the fastest that passes its self-test).
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Number of CPU threads (default: all).
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<usize>,
}

/// Options of `devices`.
#[derive(Clone, Debug, Args)]
pub struct DevicesArgs {
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Options of `selftest`.
#[derive(Clone, Debug, Args)]
pub struct SelftestArgs {
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  cityseal demo
  cityseal demo --keep city

With --keep the folder has: headers.bin, blocks.dat, city.toml (the chain and its rules), forged-blocks.dat,
forged-headers.bin, chain.receipt, auditor.pub, auditor.key (made new each time), and README.txt with commands to try.

Exit codes: 0 every answer was right, 2 anything else.";

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub struct DemoArgs {
    /// Keep the chain, its rules, two forgeries, the receipt and its keys in DIR: a new or an empty folder.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

const DRILL_EXAMPLES: &str = "\
Examples:
  cityseal drill                                     every ready device; the CPU is treated as an untrusted device
  cityseal drill --device \"GeForce RTX 4090\" --json
  cityseal drill --device llvmpipe --allow-software

Each device gets these faults, one after the other: a loss, a hang, a driver that never returns, false hits, missed
hits, zeros, and wrong hashes in a chain. The device is real and runs its batches; only its answers are changed. Each
result is compared with that of the CPU alone, and the searched nonces are checked for gaps. \"Taken over after\" is the
time from the fault until a CPU thread started the work that the device had.

Exit codes: 0 every answer was right, 1 one was wrong, 2 anything else.";

/// Options of `drill`.
#[derive(Clone, Debug, Args)]
#[command(after_help = DRILL_EXAMPLES)]
pub struct DrillArgs {
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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

impl From<BenchMode> for cityseal_bench::BenchMode {
    fn from(mode: BenchMode) -> Self {
        match mode {
            BenchMode::Search => Self::Search,
            BenchMode::SearchShared => Self::SearchShared,
            BenchMode::Headers => Self::Headers,
            BenchMode::Merkle => Self::Merkle,
            BenchMode::Verify => Self::Verify,
            BenchMode::Service => Self::Service,
            BenchMode::Latency => Self::Latency,
        }
    }
}

const BENCH_EXAMPLES: &str = "\
Examples:
  cityseal bench --kernel all --threads 1      every kernel of this CPU on one thread
  cityseal bench --mode headers --seconds 2    header hashing, 2 seconds a row
  cityseal bench --sweep all                   a row for 1, 2, 4, … and all threads
  cityseal bench --mode headers --by-batch     header hashing by the size of its batches
  cityseal bench --mode latency                latency of a hit, a cancel and a round trip
  cityseal bench --device gpu --json           the GPUs, as JSON
  cityseal bench --record bench-results        save the figures with their machine and commit
  cityseal bench compare before after          compare two records: better, same or worse beyond noise
  cityseal bench report bench-results --out bench.html

Each figure is the median of several laps. The baseline, a plain loop of the sha2 crate on the same number
of threads, runs between the laps. A row is printed as soon as it is measured. A wrong answer is exit code 1.";

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
#[command(after_help = BENCH_EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// Work with recorded figures instead of measuring.
    #[command(subcommand)]
    pub action: Option<BenchAction>,
    /// What to measure.
    #[arg(long, value_enum, default_value = "search")]
    pub mode: BenchMode,
    /// Measure each row for about this many seconds.
    #[arg(long, value_name = "S", default_value = "3", value_parser = values::seconds)]
    pub seconds: Duration,
    /// Save the figures to DIR/DEVICE/DATE-COMMIT.json.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Measure with each of these numbers of CPU threads: a list such as 1,2,8, or all (1, 2, 4, … and all threads).
    #[arg(long, value_name = "LIST", value_parser = values::sweep, conflicts_with = "threads")]
    pub sweep: Option<Sweep>,
    /// Also measure the rate for each batch size.
    #[arg(long)]
    pub by_batch: bool,
    /// Which devices work, and how (`--kernel all`: every kernel of this CPU, every variant of a GPU's shaders).
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// What can be done with recorded figures.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchAction {
    /// Compare the rows that two records have in common: better, same or worse beyond noise.
    Compare(CompareArgs),
    /// Write an HTML page with plots and tables; it needs no network and no scripts.
    Report(ReportArgs),
}

const COMPARE_HELP: &str = "\
A row is a device with its kernel, mode and number of threads. Its noise is the spread of its laps, (max - min) / median,
on the noisier of the two sides, and at least 2 %. A median is better or worse if it differs by more than that factor.

Exit codes: 0 nothing is worse, 1 a row is worse or its answers were wrong, 2 no comparison (unreadable, nothing in common).";

/// Options of `bench compare`.
#[derive(Clone, Debug, Args)]
#[command(after_help = COMPARE_HELP)]
pub struct CompareArgs {
    /// The figures before: a record, or a folder of records (the newest figure of each row is used).
    #[arg(value_name = "A")]
    pub before: PathBuf,
    /// The figures after: likewise.
    #[arg(value_name = "B")]
    pub after: PathBuf,
}

/// Options of `bench report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// A record, or a folder of records (the newest figure of each row is used).
    #[arg(value_name = "DIR")]
    pub records: PathBuf,
    /// Write the page to this file.
    #[arg(long, value_name = "FILE.html")]
    pub out: PathBuf,
    /// Also write each plot as an SVG file into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

const SEAL_EXAMPLES: &str = "\
Examples:
  cityseal seal --header 0100…1d00ffff00000000 --nonces 2083000000..=2084000000
  cityseal seal --header HEX --target 207fffff --nonces 0..=20 --all --json
  cityseal seal --header HEX --version-mask 1fffe000 --time-window 600
  cityseal seal --template job.json

On a terminal, progress shows the percentage searched, the time to the end of the space at the current rate, and how
likely the rest of the space holds a seal.

Exit codes: 0 sealed, 1 exhausted (the whole space was searched), 2 anything else.";

/// Options of `seal`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SEAL_EXAMPLES)]
pub struct SealArgs {
    /// The header to seal: 160 hex digits in wire order; its nonce is ignored.
    #[arg(long, value_name = "HEX", value_parser = values::header, required_unless_present = "template")]
    pub header: Option<BlockHeader>,
    /// A JSON file with the header and everything that may roll, the extranonce included.
    #[arg(long, value_name = "FILE", conflicts_with = "header")]
    pub template: Option<PathBuf>,
    /// Search these nonces, both ends included, for each version, time and extranonce (default: all 2^32).
    #[arg(long, value_name = "A..=B", value_parser = values::nonces, allow_hyphen_values = true)]
    pub nonces: Option<NonceSpan>,
    /// Roll the version bits of this mask: 8 hex digits, usually 1fffe000 (BIP320). Bits 29 to 31 cannot roll.
    #[arg(long, value_name = "MASK", value_parser = values::version_mask)]
    pub version_mask: Option<u32>,
    /// Roll the time up to this many seconds after the header's.
    #[arg(long, value_name = "S")]
    pub time_window: Option<u32>,
    /// Search for this target instead of the header's own: 8 hex digits (compact), or 64 (the full number).
    #[arg(long, value_name = "T", value_parser = values::target)]
    pub target: Option<Target>,
    /// Search the whole space and return every hit, in order.
    #[arg(long)]
    pub all: bool,
    /// With --all: stop with exit code 2 if there are more hits than this.
    #[arg(long, value_name = "N", default_value = "65536", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_seals: u32,
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// How the input of `verify` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Detect the format from the first bytes.
    Auto,
    /// Packed headers, 80 bytes each.
    Headers,
    /// Hex text: headers or whole blocks, one a line.
    Hex,
    /// Whole blocks: framed as in blk*.dat, or one after the other.
    Blocks,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  cityseal verify headers.bin                                  Bitcoin's main chain from its genesis
  cityseal verify part.bin --start-height 822528 --context before.bin
  gunzip -c headers.hex.gz | cityseal verify - --network testnet3 --start-height 1
  cityseal verify city.bin --network city.toml --json

Exit codes: 0 valid, 1 a fault (the first one, exactly), 2 incomplete or bad input.";

/// Options of `verify`.
#[derive(Clone, Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub struct VerifyArgs {
    /// Headers or blocks; several files are one chain in the order given; a folder is one of Bitcoin Core's; - is stdin.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// mainnet, testnet3, testnet4, signet, regtest, or the TOML file of a city's parameters.
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "mainnet")]
    pub network: String,
    /// The challenge of a custom signet (hex of a script, BIP325): its block files have a magic of their own. With
    /// --network signet.
    #[arg(long, value_name = "HEX", value_parser = values::signet_challenge)]
    pub signet_challenge: Option<values::SignetChallenge>,
    /// Height of the first header given.
    #[arg(long, value_name = "H", default_value_t = 0)]
    pub start_height: u64,
    /// Trusted headers just before the first one, so that retargets and median times can be judged.
    #[arg(long, value_name = "FILE")]
    pub context: Option<PathBuf>,
    /// Chain work of all headers before the first one given, in hex.
    #[arg(long, value_name = "HEX", value_parser = values::chain_work)]
    pub start_work: Option<ChainWork>,
    /// Judge future times by this clock, as Unix time (default: this machine's clock).
    #[arg(long, value_name = "UNIX")]
    pub now: Option<u64>,
    /// Format of the input.
    #[arg(long, value_enum, default_value = "auto")]
    pub format: FormatArg,
    /// Accept input in any order and with forks: judge the chain with the most work, and list the rest.
    #[arg(long, conflicts_with_all = ["shard", "join", "checkpoint"])]
    pub forks: bool,
    /// Judge only shard I of N, and write the result to --out.
    #[arg(long, value_name = "I/N", value_parser = values::shard, requires = "out")]
    pub shard: Option<values::Shard>,
    /// Write the result of the shard to this file, for --join. A device or FIFO is written through.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Treat the inputs as shard results and merge them into one verdict.
    #[arg(long, conflicts_with_all = ["shard", "checkpoint", "receipt", "context", "start_work"])]
    pub join: bool,
    /// Save progress to FILE every few seconds; resume from it if it exists. It must be a regular file.
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    pub checkpoint: Option<PathBuf>,
    /// Write a signed receipt of the verdict to this file. A device or FIFO is written through.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "shard")]
    pub receipt: Option<PathBuf>,
    /// The secret key that signs the receipt (see `cityseal key new`).
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub key: Option<PathBuf>,
    /// Report how busy each stage was.
    #[arg(long)]
    pub stats: bool,
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Listen on this loopback address; port 0 picks a free port (default: 127.0.0.1:50051).
    #[arg(long, value_name = "IP:PORT", value_parser = values::listen)]
    pub listen: Option<SocketAddr>,
    /// Sign receipts with the secret key in FILE (from `cityseal key new`); without a key the service issues no receipts.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Which devices work, and how.
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn refused(line: &str) -> clap::Error {
        Cli::try_parse_from(line.split_whitespace()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn the_command_line_is_consistent_in_itself() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_and_command_says_what_it_does() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for flag in command.get_arguments() {
                assert!(flag.get_help().is_some(), "{} {}", command.get_name(), flag.get_id());
            }
        }
    }

    #[test]
    fn refuses_a_bench_mode_that_does_not_exist() {
        let error = refused("cityseal bench --mode signatures");
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::InvalidValue, 2));
    }

    #[test]
    fn a_header_and_a_template_exclude_each_other_and_one_is_needed() {
        assert_eq!(refused("cityseal seal").kind(), ErrorKind::MissingRequiredArgument);
        let header = "00".repeat(80);
        let both = refused(&format!("cityseal seal --header {header} --template f.json"));
        assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_range_backwards_is_refused_with_both_of_its_ends() {
        let header = "00".repeat(80);
        let said = refused(&format!("cityseal seal --header {header} --nonces 9..=8")).to_string();
        assert!(said.contains("runs backwards") && said.contains("--nonces"), "{said}");
    }

    #[test]
    fn json_may_stand_before_and_after_the_command() {
        for line in ["cityseal --json devices", "cityseal devices --json"] {
            assert!(Cli::try_parse_from(line.split_whitespace()).unwrap().global.json);
        }
    }
}
