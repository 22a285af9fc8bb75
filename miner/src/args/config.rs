//! The flags of `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServeArgs;

const EXAMPLES: &str = "\
Examples:
  cityseal config print --config city.toml          every setting, its value and where it comes from
  cityseal config check city.toml                   would `serve` start with it?

Exit codes: 0 done, 2 anything else.";

const PRINT_EXAMPLES: &str = "\
Examples:
  cityseal config print
  cityseal config print --config city.toml --listen 0.0.0.0:50051
  cityseal config print --config city.toml --json

The output is a configuration file with the same meaning. A comment after each setting says where it comes from. Paths
of keys and tokens are printed, never what is in these files.

Exit codes: 0 printed, 2 anything else.";

const CHECK_EXAMPLES: &str = "\
Examples:
  cityseal config check /etc/cityseal/cityseal.toml && systemctl reload cityseal

Reads the file and those that it names: certificates, revocation lists, tokens and keys. It opens no port and no device.
The files must be readable for the user who runs this command.

Exit codes: 0 `serve` would accept the file, 2 anything else.";

/// Options of `config`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    /// What to do with the configuration.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// Subcommands of `config`.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigAction {
    /// Print every setting of `serve` with its value and its origin: a flag, an environment variable, a line of the
    /// file, or the default.
    Print(Box<ConfigPrintArgs>),
    /// Check a configuration file, and the files that it names, without starting the service.
    Check(ConfigCheckArgs),
}

/// Options of `config print`.
#[derive(Clone, Debug, Args)]
#[command(after_help = PRINT_EXAMPLES)]
pub struct ConfigPrintArgs {
    /// The flags of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Options of `config check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct ConfigCheckArgs {
    /// The configuration file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
