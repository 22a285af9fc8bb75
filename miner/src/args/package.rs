//! The flags of `completions` and `man`, which make files for packages and shells.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  cityseal completions bash > ~/.local/share/bash-completion/completions/cityseal
  cityseal completions zsh > ~/.zfunc/_cityseal
  cityseal completions fish > ~/.config/fish/completions/cityseal.fish

Exit codes: 0 printed, 2 anything else.";

const MAN_EXAMPLES: &str = "\
Examples:
  cityseal man --out man && man ./man/cityseal-serve.1

Exit codes: 0 written, 2 anything else.";

/// The shells that have completion scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum ShellName {
    /// GNU Bash, with the package bash-completion.
    Bash,
    /// Elvish.
    Elvish,
    /// fish.
    Fish,
    /// PowerShell.
    PowerShell,
    /// Z shell.
    Zsh,
}

/// Options of `completions`.
#[derive(Clone, Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: ShellName,
}

/// Options of `man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct ManArgs {
    /// Write the pages into this folder, which is created if it does not exist. Older pages are replaced.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
