//! The binary `cityseal` as a library: command line, readers of chains, gRPC service, demonstration.
//!
//! This crate alone reads the environment, the clock and the command line, and it alone prints (in `output`). What
//! is sealed or judged is decided below, in `cityseal-engine` and `cityseal-chain`.

pub mod args;
mod bench;
mod board;
mod city;
mod commands;
mod config;
mod demo;
mod error;
mod escape;
mod exit;
mod files;
pub mod input;
mod json;
mod odds;
mod output;
pub mod part;
mod priority;
mod processor;
mod quiet_drivers;
mod receipts;
pub mod service;
mod signals;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_engine::{Engine, EngineBuilder};
use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command, EngineArgs, GlobalArgs};
use config::{Environment, Settings};
use error::CommandError;
use exit::Ending;
use json::{ErrorAnswer, ErrorRow};
use output::{LogWriter, Output, escape_line};

/// The log filter of commands that end by themselves.
const LOG_DEFAULT: &str = "warn";

/// The log filter of `serve`: calls, jobs and devices of ours, and only warnings of the libraries below.
const LOG_DEFAULT_SERVE: &str = "warn,cityseal=info";

/// Runs the command line of this process to its end and gives its exit code: 0 yes, 1 a clear no, 2 anything else.
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return usage(&refusal, &Output::of_process(false, environment.no_color)),
    };
    quiet_drivers::restart_without_noise();
    let context = Context {
        output: Output::of_process(cli.global.json, environment.no_color),
        environment,
        global: cli.global.clone(),
    };
    let log_default = if matches!(cli.command, Command::Serve(_)) { LOG_DEFAULT_SERVE } else { LOG_DEFAULT };
    let prepared = context.start_log(log_default).and_then(|()| priority::lower(cli.global.nice));
    let ending = prepared.and_then(|()| run(&context, &cli.command));
    ending
        .unwrap_or_else(|error| {
            context.output.error(&error);
            if let Some(hint) = error.hint().filter(|_| !cli.global.json) {
                context.output.note(format_args!("hint: {hint}"));
            }
            context.output.no_answer(&error.answer());
            Ending::from(&error)
        })
        .into()
}

/// Help and version are answers; a wrong command line is not.
fn usage(refusal: &clap::Error, output: &Output) -> ExitCode {
    // A refusal repeats what was given, so it is made again of arguments that are escaped.
    let escaped = std::env::args_os().map(|argument| escape_line(&argument.to_string_lossy()));
    let is_refusal = refusal.use_stderr();
    let refused = if is_refusal { Cli::try_parse_from(escaped).err() } else { None };
    match &refused {
        Some(escaped) => output.usage(&escaped.render(), is_refusal, true),
        None => output.usage(&refusal.render(), is_refusal, !is_refusal),
    }
    if is_refusal && wants_json() {
        Output::of_process(true, true).no_answer(&usage_error(refused.as_ref().unwrap_or(refusal)));
    }
    if is_refusal { Ending::Neither } else { Ending::Yes }.into()
}

/// Whether `--json` is on a command line that could not be read.
fn wants_json() -> bool {
    let mut options = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    options.any(|argument| argument == "--json")
}

/// A wrong command line as `--json` reports it: what is wrong, and what the parser says besides.
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
    match command {
        Command::Devices(args) => commands::devices::run(context, args),
        Command::Selftest(args) => commands::selftest::run(context, args),
        Command::Bench(args) => bench::run(context, args),
        Command::Seal(args) => commands::seal::run(context, args),
        Command::Verify(args) => commands::verify::run(context, args),
        Command::Receipt(args) => commands::receipt::run(context, args),
        Command::Key(args) => commands::key::run(context, args),
        Command::Serve(args) => commands::serve::run(context, args),
        Command::Demo(args) => demo::run(context, args),
        Command::Drill(args) => commands::drill::run(context, args),
    }
}

/// What every command is given besides its own options.
#[derive(Debug)]
struct Context {
    output: Output,
    environment: Environment,
    global: GlobalArgs,
}

impl Context {
    fn settings(&self, engine: &EngineArgs) -> Result<Settings, CommandError> {
        Ok(Settings::of(engine, &self.global, &self.environment)?)
    }

    /// Builds the engine for one question. Its notes are not printed: the answer names the devices that worked.
    #[expect(clippy::unused_self, reason = "a command builds its engine through its context")]
    fn engine(&self, settings: &Settings) -> Result<Engine, CommandError> {
        Ok(builder(settings).build()?)
    }

    /// Builds the engine for a longer run, and prints on stderr what its user should know, such as that no GPU is ready.
    fn engine_with_notes(&self, settings: &Settings) -> Result<Engine, CommandError> {
        let engine = builder(settings).build()?;
        engine.notes().iter().for_each(|note| self.output.note(note));
        Ok(engine)
    }

    /// `default`: the filter where neither `--log` nor the environment has one.
    fn start_log(&self, default: &str) -> Result<(), CommandError> {
        let filter = self.global.log.as_deref().or(self.environment.log.as_deref()).unwrap_or(default);
        let parsed = EnvFilter::try_new(filter)
            .map_err(|error| CommandError::LogFilter { filter: filter.into(), message: error.to_string() })?;
        let subscriber = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(|| LogWriter);
        // A second start in one process (tests) keeps the first log.
        // Where stderr is closed a line is lost; the library's own complaint about that would end the thread.
        let _kept = subscriber.with_ansi(false).log_internal_errors(false).try_init();
        Ok(())
    }
}

/// An engine as the settings want it.
fn builder(settings: &Settings) -> EngineBuilder {
    Engine::builder()
        .gpu(!settings.is_cpu_only())
        .devices(settings.devices.clone())
        .allow_software(settings.allow_software)
        .profile(settings.profile)
        .kernel(settings.kernel.clone())
        .threads(settings.threads)
        .tuning_cache(settings.device_memory.clone())
}

/// The machine's clock in seconds since 1970; a clock set before that year reads 0.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
