//! The binary `cityseal` as a library: command line, configuration, commands, demonstration.
//!
//! The commands are thin. `cityseal-input` reads chains, `cityseal-engine` searches and judges, `cityseal-service` is
//! the gRPC service, `cityseal-bench` measures, and `cityseal-cli` prints.

mod answers;
pub mod args;
mod commands;
mod config;
mod context;
mod demo;
mod error;
mod json;
mod odds;
mod quiet_drivers;
mod setup;

use std::process::ExitCode;

use cityseal_cli::{Ending, ErrorAnswer, ErrorRow, Explain, Output, escape_line, lower_priority, start_log};
use clap::Parser;

use args::{Cli, Command};
use config::Environment;
use context::Context;
use error::CommandError;

/// The log filter of commands that end by themselves.
const LOG_DEFAULT: &str = "warn";

/// The log filter of `serve`: calls, jobs and devices of CitySeal's own crates, and only warnings of other libraries.
const LOG_DEFAULT_SERVE: &str = "warn,cityseal=info";

/// Runs the command line of this process and returns its exit code: 0 yes, 1 a clear no, 2 anything else.
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return usage(&refusal, &Output::of_process(false, environment.no_color)),
    };
    quiet_drivers::restart_without_noise();
    let context = Context {
        output: Output::of_process(cli.global.json, environment.no_color).log_format(cli.global.log_format),
        environment,
        global: cli.global.clone(),
    };
    let ending = prepare(&context, &cli).and_then(|()| run(&context, &cli.command));
    ending
        .unwrap_or_else(|error| {
            context.output.error(&error);
            if let Some(hint) = error.hint().filter(|_| !cli.global.json) {
                context.output.note(format_args!("hint: {hint}"));
            }
            context.output.no_answer(&ErrorAnswer::of(&error));
            Ending::from(&error)
        })
        .into()
}

/// Starts the log and sets the priority of the process.
fn prepare(context: &Context, cli: &Cli) -> Result<(), CommandError> {
    let default = if matches!(cli.command, Command::Serve(_)) { LOG_DEFAULT_SERVE } else { LOG_DEFAULT };
    let filter = cli.global.log.as_deref().or(context.environment.log.as_deref()).unwrap_or(default);
    start_log(filter, cli.global.log_format)?;
    Ok(lower_priority(cli.global.nice)?)
}

/// Prints help, a version or a usage error. Only a usage error is a failure.
fn usage(refusal: &clap::Error, output: &Output) -> ExitCode {
    // A usage error repeats arguments, so it is made again with escaped ones.
    let escaped = std::env::args_os().map(|argument| escape_line(&argument.to_string_lossy()));
    let is_refusal = refusal.use_stderr();
    let refused = if is_refusal { Cli::try_parse_from(escaped).err() } else { None };
    let message = refused.as_ref().unwrap_or(refusal).render();
    let is_escaped = refused.is_some() || !is_refusal;
    let styled = is_escaped.then(|| message.ansi().to_string());
    output.usage(&message.to_string(), styled.as_deref(), is_refusal);
    if is_refusal && has_json_flag() {
        Output::of_process(true, true).no_answer(&usage_error(refused.as_ref().unwrap_or(refusal)));
    }
    if is_refusal { Ending::Neither } else { Ending::Yes }.into()
}

/// Whether `--json` is on a command line that could not be parsed.
fn has_json_flag() -> bool {
    let mut options = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    options.any(|argument| argument == "--json")
}

/// A usage error as `--json` reports it: the message, and the parser's advice as the hint.
fn usage_error(refusal: &clap::Error) -> ErrorAnswer {
    let text = refusal.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let more: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage:")).collect();
    let hint = Some(more.join(" ")).filter(|hint| !hint.is_empty());
    ErrorAnswer { error: ErrorRow { reason: "usage", message, place: None, hint } }
}

fn run(context: &Context, command: &Command) -> Result<Ending, CommandError> {
    Ok(match command {
        Command::Devices(args) => commands::devices::run(context, args)?,
        Command::Selftest(args) => commands::selftest::run(context, args)?,
        Command::Bench(args) => commands::bench::run(context, args)?,
        Command::Seal(args) => commands::seal::run(context, args)?,
        Command::Verify(args) => commands::verify::run(context, args)?,
        Command::Receipt(args) => commands::receipt::run(context, args)?,
        Command::Key(args) => commands::key::run(context, args)?,
        Command::Certs(args) => commands::certs::run(context, args)?,
        Command::Token(args) => commands::token::run(context, args)?,
        Command::Serve(args) => commands::serve::run(context, args)?,
        Command::Status(args) => commands::status::run(context, args)?,
        Command::Config(args) => commands::config::run(context, args)?,
        Command::Journal(args) => commands::journal::run(context, args)?,
        Command::Demo(args) => demo::run(context, args)?,
        Command::Drill(args) => commands::bench::drill::run(context, args)?,
        Command::Completions(args) => commands::package::completions(context, args)?,
        Command::Man(args) => commands::package::man(context, args)?,
    })
}
