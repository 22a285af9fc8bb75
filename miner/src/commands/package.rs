//! `cityseal completions` and `cityseal man`: files for shells and packages, made from the command line itself.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use cityseal_cli::{CliError, Ending, Explain, files};

use crate::args::{Cli, CompletionsArgs, ManArgs, ShellName};
use crate::context::Context;
use crate::json::{CompletionsAnswer, ManAnswer};

use super::say_unless_json;

/// The name of the program in scripts and pages.
const NAME: &str = "cityseal";

/// Why there is no script or page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PackageCommandError {
    /// Stdout, or a page.
    #[error(transparent)]
    Cli(#[from] CliError),
}

impl Explain for PackageCommandError {
    fn reason(&self) -> &'static str {
        let Self::Cli(error) = self;
        error.reason()
    }

    fn place(&self) -> Option<String> {
        let Self::Cli(error) = self;
        error.place()
    }
}

pub(crate) fn completions(context: &Context, args: &CompletionsArgs) -> Result<Ending, PackageCommandError> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Elvish => Shell::Elvish,
        ShellName::Fish => Shell::Fish,
        ShellName::PowerShell => Shell::PowerShell,
        ShellName::Zsh => Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let answer = CompletionsAnswer { shell: shell.to_string(), script };
    context.output.answer(&answer, |_| answer.script.clone()).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

pub(crate) fn man(context: &Context, args: &ManArgs) -> Result<Ending, PackageCommandError> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    // Names each command by its path, and adds the global options to it.
    cli.build();
    let mut pages = Vec::new();
    for command in all(&cli) {
        pages.push(write_page(&args.out, command)?);
    }
    pages.sort();
    let folder = args.out.display().to_string();
    say_unless_json(&context.output, format_args!("{} pages in {folder}", pages.len()));
    let answer = ManAnswer { folder, pages };
    context.output.answer(&answer, |_| answer.pages.join("\n")).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

/// A command and all below it.
fn all(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(all);
    std::iter::once(command).chain(below).collect()
}

/// Writes the page of a command, and returns its name: `cityseal-config-check.1`.
fn write_page(folder: &Path, command: &Command) -> Result<String, CliError> {
    let source = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command.clone()).source(source).manual("CitySeal");
    let name = page.get_filename();
    let path = folder.join(&name);
    let unwritable = |source| CliError::WriteFile { path: path.clone(), source };
    let mut text = Vec::new();
    page.render(&mut text).map_err(unwritable)?;
    let text = keep_lines(&String::from_utf8_lossy(&text));
    files::write_output_in_new_folders(&path, text.as_bytes()).map_err(unwritable)?;
    Ok(name)
}

/// Keeps the lines of the section with the examples: they are commands and columns, which a filled text would join.
fn keep_lines(page: &str) -> String {
    let Some((before, rest)) = page.split_once("\n.SH EXTRA\n") else { return page.to_owned() };
    let (examples, after) = rest.split_at(rest.find("\n.SH ").unwrap_or(rest.len()));
    format!("{before}\n.SH EXAMPLES\n.nf\n{}\n.fi{after}\n", examples.trim_end())
}
