//! The command line: the commands, their flags and the texts of `--help`.
//!
//! Only the form of each value is checked here. Each command checks what needs a file, a device or the clock.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use cityseal_bench::Sweep;
use cityseal_chain::{BlockHeader, ChainWork, NonceSpan, Target, Txid};
use cityseal_cli::LogFormat;
use cityseal_engine::Profile;

mod access;
mod config;
mod examples;
mod journal;
mod package;
mod receipt;
mod serve;
mod status;
pub mod values;

pub use access::{CertsAction, CertsAddArgs, CertsArgs, CertsRevokeArgs, TokenArgs};
pub use config::{ConfigAction, ConfigArgs, ConfigCheckArgs, ConfigPrintArgs};
pub use journal::{JournalAction, JournalArgs, JournalDumpArgs};
pub use package::{CompletionsArgs, ManArgs, ShellName};
pub use receipt::{
    KeyAction, KeyArgs, KeyNewArgs, KeyShowArgs, ReceiptAction, ReceiptArgs, ReceiptShowArgs, ReceiptVerifyArgs,
    SPOT_CHECK_MAX,
};
pub use serve::ServeArgs;
pub use status::StatusArgs;

const ABOUT: &str = "Seals blocks and checks chains of blocks, on GPUs and CPUs. The CPU rechecks what a GPU reports.";

/// The heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "cityseal", version, about = ABOUT, after_help = examples::ROOT)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = GLOBAL)]
pub struct GlobalArgs {
    /// Print the answer as JSON on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// Read defaults from this TOML file (keys: `device`, `profile`, `kernel`, `threads`, `allow_software`, `listen`,
    /// `metrics`, `events`, `dashboard`, `records`, `key`, `state`, `lame_duck_s`, `tokens`; tables: `tls`, `limits`,
    /// `tenant`).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Filter of the log on stderr, such as `info` or `cityseal=debug` (default: `warn`; `serve`:
    /// `warn,cityseal=info`).
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Format of the log and of notes and errors on stderr: human, or json for one object a line.
    #[arg(long, global = true, value_name = "NAME", default_value = "human", value_parser = values::log_format)]
    pub log_format: LogFormat,
    /// Scheduling niceness, 0 (default) to 19 (idle).
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u8).range(..=19))]
    pub nice: Option<u8>,
}

/// The commands.
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
    /// Check a chain of headers or whole blocks (work, links, difficulty, times, versions, bodies), or a proof that
    /// transactions are in a block.
    Verify(Box<VerifyArgs>),
    /// Check or show a signed receipt of a verification.
    Receipt(ReceiptArgs),
    /// Create or show the key that signs receipts.
    Key(KeyArgs),
    /// Make the certificates of a service and its tenants: a CA, a server certificate and client certificates.
    Certs(CertsArgs),
    /// Make a bearer token for a tenant of a service.
    Token(TokenArgs),
    /// Offer sealing and verification to nodes over gRPC.
    Serve(ServeArgs),
    /// Show what a running service does, and why it refused calls.
    Status(StatusArgs),
    /// Show or check the configuration of the service.
    Config(ConfigArgs),
    /// Read the journal of a service that was started with --state.
    Journal(JournalArgs),
    /// Seal, check, sign and forge a small chain of city records, with an explanation of each step.
    Demo(DemoArgs),
    /// Inject faults into each device, and check that the answers stay right.
    Drill(DrillArgs),
    /// Print the completion script of a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages of all commands.
    Man(ManArgs),
}

/// The devices to use, and how to drive them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Devices")]
pub struct EngineArgs {
    /// Use this device: auto, cpu, gpu, software, all, an id, a PCI address, vendor:device, or part of a name.
    /// Repeatable. With auto, the default, a device gets only work that it does faster than the CPU.
    #[arg(long, value_name = "NAME")]
    pub device: Vec<String>,
    /// Allow software adapters, which imitate a GPU on the CPU (llvmpipe).
    #[arg(long)]
    pub allow_software: bool,
    /// Duration of one GPU dispatch: 5 ms (interactive), 20 ms (balanced) or 100 ms (throughput) (default: balanced).
    #[arg(long, value_name = "NAME", value_parser = values::profile)]
    pub profile: Option<Profile>,
    /// CPU kernel: portable, sha-ni, avx2 or avx512 (default: the fastest that this CPU supports); or GPU shader
    /// variant, such as wgsl-loaded-or (default: the fastest that passes its self-test).
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Number of CPU threads (default: all).
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<usize>,
}

/// Options of `devices`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::DEVICES)]
pub struct DevicesArgs {
    /// The devices to use.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Options of `selftest`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::SELFTEST)]
pub struct SelftestArgs {
    /// The devices to use.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::DEMO)]
pub struct DemoArgs {
    /// Keep the chain, its rules, two forgeries, the receipt and its keys in DIR, a new or empty folder.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// The devices to use.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Options of `drill`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::DRILL)]
pub struct DrillArgs {
    /// The devices to use.
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

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::BENCH, args_conflicts_with_subcommands = true)]
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
    /// Measure the rate for each batch size too.
    #[arg(long)]
    pub by_batch: bool,
    /// The devices to use. `--kernel all` measures every kernel of this CPU and every variant of a GPU's shaders.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Commands for recorded figures.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchAction {
    /// Compare the rows that two records have in common: better, same or worse beyond noise.
    Compare(CompareArgs),
    /// Write an HTML page with plots and tables; it needs no network and no scripts.
    Report(ReportArgs),
}

/// Options of `bench compare`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::COMPARE)]
pub struct CompareArgs {
    /// The figures before: a record, or a folder of records (the newest figure of each row counts).
    #[arg(value_name = "A")]
    pub before: PathBuf,
    /// The figures after: a record or a folder of records.
    #[arg(value_name = "B")]
    pub after: PathBuf,
}

/// Options of `bench report`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::REPORT)]
pub struct ReportArgs {
    /// A record, or a folder of records (the newest figure of each row counts).
    #[arg(value_name = "DIR")]
    pub records: PathBuf,
    /// Write the page to this file.
    #[arg(long, value_name = "FILE.html")]
    pub out: PathBuf,
    /// Also write each plot as an SVG file into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

/// Options of `seal`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::SEAL, after_long_help = examples::seal_with_template())]
pub struct SealArgs {
    /// The header to seal: 160 hex digits in wire order; its nonce is ignored.
    #[arg(long, value_name = "HEX", value_parser = values::header, required_unless_present = "template")]
    pub header: Option<BlockHeader>,
    /// A JSON file with the header and everything that may change, the extranonce included (--help shows a sample).
    #[arg(long, value_name = "FILE", conflicts_with = "header")]
    pub template: Option<PathBuf>,
    /// Search these nonces, both ends included, for each version, time and extranonce (default: all 2^32).
    #[arg(long, value_name = "A..=B", value_parser = values::nonces, allow_hyphen_values = true)]
    pub nonces: Option<NonceSpan>,
    /// Also search the version bits of this mask: 8 hex digits, usually 1fffe000 (BIP320). Bits 29 to 31 must be 0.
    #[arg(long, value_name = "MASK", value_parser = values::version_mask)]
    pub version_mask: Option<u32>,
    /// Also search times up to this many seconds after the header's.
    #[arg(long, value_name = "S")]
    pub time_window: Option<u32>,
    /// Search for this target instead of the header's own: 8 hex digits (compact), or 64 (the full number).
    #[arg(long, value_name = "T", value_parser = values::target)]
    pub target: Option<Target>,
    /// Search the whole space and return every hit, in order.
    #[arg(long)]
    pub all: bool,
    /// With --all: stop with exit code 2 after more hits than this.
    #[arg(long, value_name = "N", default_value = "65536", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_seals: u32,
    /// The devices to use.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Formats of the input of `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Detect the format from the first bytes.
    Auto,
    /// Packed headers, 80 bytes each.
    Headers,
    /// Hex text: headers or whole blocks, one per line.
    Hex,
    /// Whole blocks: framed as in blk*.dat, or back to back.
    Blocks,
}

/// Options of `verify`.
#[derive(Clone, Debug, Args)]
#[command(after_help = examples::VERIFY)]
pub struct VerifyArgs {
    /// Headers or blocks. Several files form one chain in the order given; a folder is Bitcoin Core's blocks folder; -
    /// is stdin.
    #[arg(required_unless_present = "txoutproof", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// mainnet, testnet3, testnet4, signet, regtest, or a TOML file of custom network parameters.
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "mainnet")]
    pub network: String,
    /// Challenge of a custom signet (a script in hex, BIP325), from which the magic of its block files follows. Needs
    /// --network signet.
    #[arg(long, value_name = "HEX", value_parser = values::signet_challenge)]
    pub signet_challenge: Option<values::SignetChallenge>,
    /// Height of the first header given.
    #[arg(long, value_name = "H", default_value_t = 0, requires = "files")]
    pub start_height: u64,
    /// Trusted headers just before the first one, needed to check retargets and median times.
    #[arg(long, value_name = "FILE", requires = "files")]
    pub context: Option<PathBuf>,
    /// Chain work of all headers before the first one, in hex (default: 0).
    #[arg(long, value_name = "HEX", value_parser = values::chain_work, requires = "files")]
    pub start_work: Option<ChainWork>,
    /// Current time for rule R10 (times in the future), as Unix time (default: this machine's clock).
    #[arg(long, value_name = "UNIX")]
    pub now: Option<u64>,
    /// Format of the input.
    #[arg(long, value_enum, default_value = "auto", requires = "files")]
    pub format: FormatArg,
    /// Accept input in any order and with forks: check the chain with the most work, and list the rest.
    #[arg(long, conflicts_with_all = ["shard", "join", "checkpoint"], requires = "files")]
    pub forks: bool,
    /// Check only shard I of N, and write the result to --out.
    #[arg(long, value_name = "I/N", value_parser = values::shard, requires = "out")]
    pub shard: Option<values::Shard>,
    /// Write the result of the shard to this file, for --join. It may be a device or a FIFO.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Treat the inputs as shard results and merge them into one verdict.
    #[arg(long, conflicts_with_all = ["shard", "checkpoint", "receipt", "context", "start_work"])]
    pub join: bool,
    /// Save progress to FILE every few seconds; resume from it if it exists. It must be a regular file.
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    pub checkpoint: Option<PathBuf>,
    /// Write a signed receipt of the verdict to this file. It may be a device or a FIFO.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "shard")]
    pub receipt: Option<PathBuf>,
    /// The secret key that signs the receipt (see `cityseal key new`).
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub key: Option<PathBuf>,
    /// Check a proof that transactions are in a block: the hex that Bitcoin Core's gettxoutproof prints, or its bytes;
    /// - is stdin. With FILE, the block must also be in that chain.
    #[arg(long, value_name = "PROOF", conflicts_with_all = ["shard", "join", "checkpoint", "receipt", "out"])]
    pub txoutproof: Option<PathBuf>,
    /// Require that the proof shows this transaction to be in the block. Repeatable.
    #[arg(long, value_name = "TXID", value_parser = values::txid, requires = "txoutproof")]
    pub txid: Vec<Txid>,
    /// Report how busy each stage was.
    #[arg(long, requires = "files")]
    pub stats: bool,
    /// The devices to use.
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
    fn the_command_line_passes_the_checks_of_the_parser() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_and_command_has_a_help_text() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for flag in command.get_arguments() {
                assert!(flag.get_help().is_some(), "{} {}", command.get_name(), flag.get_id());
            }
        }
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command) {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.contains("Examples:\n"), "{}", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn options_of_every_command_have_a_heading_of_their_own() {
        let mut cli = Cli::command();
        cli.build();
        let help = cli.find_subcommand_mut("verify").unwrap().render_help().to_string();
        let (_, global) = help.split_once("Global options:").unwrap();
        assert!(["--json", "--config", "--log", "--nice"].iter().all(|flag| global.contains(flag)), "{help}");
    }

    #[test]
    fn help_is_a_command_too() {
        for line in ["cityseal help", "cityseal help verify", "cityseal help bench compare"] {
            assert_eq!(refused(line).kind(), ErrorKind::DisplayHelp, "{line}");
        }
    }

    #[test]
    fn the_sample_of_a_template_is_a_template() {
        let builder = cityseal_chain::SealTemplateBuilder::from_json(examples::TEMPLATE_SAMPLE).unwrap();
        assert!(builder.build().is_ok());
        let help = Cli::command().find_subcommand_mut("seal").unwrap().render_long_help().to_string();
        assert!(help.contains("\"prev_block_hash\""), "{help}");
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
    fn refuses_a_range_that_runs_backwards() {
        let header = "00".repeat(80);
        let message = refused(&format!("cityseal seal --header {header} --nonces 9..=8")).to_string();
        assert!(message.contains("runs backwards") && message.contains("--nonces"), "{message}");
    }

    #[test]
    fn json_is_accepted_before_and_after_the_command() {
        for line in ["cityseal --json devices", "cityseal devices --json"] {
            assert!(Cli::try_parse_from(line.split_whitespace()).unwrap().global.json);
        }
    }
}
