//! `cityseal config`: prints the settings of the service with their origins, and checks a configuration file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cityseal_cli::{CliError, Ending, Explain, utc_time};
use cityseal_service::{DashboardOptions, LimitMemory, ReloadStatus, ServeError, ServiceOptions};

use crate::args::{ConfigAction, ConfigArgs, ConfigCheckArgs, ConfigPrintArgs, EngineArgs};
use crate::config::{
    ConfigError, Document, Environment, Group, LAME_DUCK_DEFAULT, LISTEN_DEFAULT, Origin, Setting, Settings,
    settings_of,
};
use crate::context::Context;
use crate::json::{ConfigCheckAnswer, ConfigPrintAnswer, MemoryRow, SettingRow};

use super::key::{self, KeyCommandError};
use super::{grouped, plural};

/// Column of the comments of `config print`.
const COMMENT_COLUMN: usize = 44;

const MIB: u64 = 1024 * 1024;

/// Why a configuration cannot be printed or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigCommandError {
    /// Stdout.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key that signs receipts.
    #[error(transparent)]
    Key(#[from] KeyCommandError),
    /// `serve` would refuse the address, or a file of TLS and identity.
    #[error("{source}")]
    Refused {
        /// The configuration file.
        file: PathBuf,
        /// The error of `serve`.
        source: Box<ServeError>,
    },
}

impl Explain for ConfigCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Config(error) => error.reason(),
            Self::Key(error) => error.reason(),
            Self::Refused { .. } => "bad-configuration",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Config(error) => error.place(),
            Self::Key(error) => error.place(),
            Self::Refused { file, source } => {
                let named = if let ServeError::Access(error) = &**source { error.path() } else { None };
                Some(named.unwrap_or(file).display().to_string())
            }
        }
    }
}

pub(crate) fn run(context: &Context, args: &ConfigArgs) -> Result<Ending, ConfigCommandError> {
    match &args.action {
        ConfigAction::Print(args) => print(context, args),
        ConfigAction::Check(args) => check(context, args),
    }
}

fn print(context: &Context, args: &ConfigPrintArgs) -> Result<Ending, ConfigCommandError> {
    let path = context.global.config.as_ref().or(context.environment.config.as_ref());
    let document = path.map_or_else(|| Ok(Document::default()), |path| Document::load(path))?;
    let settings = settings_of(&args.serve, &context.environment, &document);
    let file = path.map(|path| path.display().to_string());
    let answer = ConfigPrintAnswer {
        settings: settings.iter().map(|setting| SettingRow::of(setting, file.as_deref())).collect(),
        file: file.clone(),
    };
    let human = |_: &_| text_of(&settings, path.map(PathBuf::as_path));
    context.output.answer(&answer, human).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

/// The settings as a configuration file.
fn text_of(settings: &[Setting], file: Option<&Path>) -> String {
    let mut text = String::new();
    let mut group = &Group::Top;
    for (at, setting) in settings.iter().enumerate() {
        if setting.group != *group {
            group = &setting.group;
            // A table without keys would not be the same as none.
            let is_set = settings[at..].iter().any(|other| other.group == *group && other.value.is_some());
            let mark = if is_set { "" } else { "# " };
            _ = match group {
                Group::Top => Ok(()),
                Group::Table(name) => write!(text, "\n{mark}[{name}]\n"),
                Group::Tenant(_) => write!(text, "\n[[tenant]]\n"),
            };
        }
        let line = match &setting.value {
            Some(value) => format!("{} = {value}", setting.key),
            None => format!("# {} is not set", setting.key),
        };
        // The file is named once, at the top.
        let origin = match setting.origin {
            Origin::Flag(name) | Origin::Environment(name) => name.to_owned(),
            Origin::File { line } => format!("line {line}"),
            Origin::Default => "default".to_owned(),
        };
        _ = match &setting.value {
            Some(_) => writeln!(text, "{line:<COMMENT_COLUMN$}# {origin}"),
            None => writeln!(text, "{line}"),
        };
    }
    match file {
        Some(file) => format!("# Lines are those of {}\n{text}", cityseal_cli::escape_line(&file.to_string_lossy())),
        None => format!("# No configuration file\n{text}"),
    }
}

fn check(context: &Context, args: &ConfigCheckArgs) -> Result<Ending, ConfigCommandError> {
    let document = Document::load(&args.file)?;
    // What the file alone says: `serve` may get other flags and variables.
    let settings = Settings::of_file(&EngineArgs::default(), &Environment::default(), &document);
    let listen = settings.listen.unwrap_or(LISTEN_DEFAULT);
    if let Some(path) = &settings.key {
        key::read(path)?;
    }
    let options = ServiceOptions::new(listen).access(settings.access.clone());
    let options = match settings.metrics {
        Some(address) => options.metrics(address),
        None => options,
    };
    let options = match settings.dashboard {
        Some(address) => options.dashboard(DashboardOptions::new(address)),
        None => options,
    };
    let refused = |source| ConfigCommandError::Refused { file: args.file.clone(), source: Box::new(source) };
    let found = options.check().map_err(refused)?;
    let workers = settings.engine.threads.unwrap_or_else(threads_of_machine);
    let memory = settings.limits.memory(workers);
    let lame_duck_s = settings.lame_duck.unwrap_or(LAME_DUCK_DEFAULT).as_secs_f64();
    let answer = ConfigCheckAnswer {
        file: args.file.display().to_string(),
        listen: listen.to_string(),
        lame_duck_s,
        certificate_not_after: found.certificate_not_after,
        tenants: found.tenants,
        tokens: found.tokens,
        workers,
        memory_max_bytes: memory.iter().map(LimitMemory::bytes).sum(),
        memory: memory.iter().map(MemoryRow::from).collect(),
    };
    let human = |_: &_| report_of(&answer, &found, &memory);
    context.output.answer(&answer, human).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

fn threads_of_machine() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn report_of(answer: &ConfigCheckAnswer, found: &ReloadStatus, memory: &[LimitMemory]) -> String {
    let mut text = format!("{}: `serve` accepts this file\n", answer.file);
    let tls = match found.certificate_not_after {
        Some(not_after) => format!("TLS, with a certificate until {}", utc_time(not_after)),
        None => "no TLS".to_owned(),
    };
    _ = writeln!(text, "  listens on {}, {tls}", answer.listen);
    let counted = |count: usize, one, many| format!("{count} {}", plural(count as u64, one, many));
    let (tenants, tokens) = (counted(found.tenants, "tenant", "tenants"), counted(found.tokens, "token", "tokens"));
    _ = writeln!(text, "  {tenants}, {tokens}");
    let total = answer.memory_max_bytes.div_ceil(MIB);
    let workers = answer.workers;
    _ = writeln!(text, "  these limits hold at most {} MiB with {workers} threads:", grouped(&total.to_string()));
    for row in memory {
        let (count, each) = (grouped(&row.count.to_string()), grouped(&row.each_bytes.to_string()));
        let mib = grouped(&row.bytes().div_ceil(MIB).to_string());
        _ = writeln!(text, "    {:<28} {count:>7} x {each:>13} bytes = {mib:>7} MiB", row.what);
    }
    text
}
