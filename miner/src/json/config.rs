//! The answers of `config`, `completions` and `man`.

use cityseal_service::LimitMemory;
use serde::Serialize;

use crate::config::{Group, Origin, Setting};

/// The answer of `config print`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ConfigPrintAnswer {
    /// The configuration file, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// All settings in the order of a configuration file.
    pub(crate) settings: Vec<SettingRow>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SettingRow {
    /// Its key, after that of its table: `tls.cert`, `tenant.weight`.
    key: String,
    /// The tenant that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// As in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<toml::Value>,
    /// `flag`, `environment`, `file` or `default`.
    origin: &'static str,
    /// The flag, the variable or the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl SettingRow {
    pub(crate) fn of(setting: &Setting, file: Option<&str>) -> Self {
        let (key, tenant) = match &setting.group {
            Group::Top => (setting.key.clone(), None),
            Group::Table(table) => (format!("{table}.{}", setting.key), None),
            Group::Tenant(name) => (format!("tenant.{}", setting.key), Some(name.clone())),
        };
        let (origin, from, line) = match setting.origin {
            Origin::Flag(flag) => ("flag", Some(flag), None),
            Origin::Environment(variable) => ("environment", Some(variable), None),
            Origin::File { line } => ("file", file, Some(line)),
            Origin::Default => ("default", None, None),
        };
        Self { key, tenant, value: setting.value.clone(), origin, from: from.map(str::to_owned), line }
    }
}

/// The answer of `config check`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ConfigCheckAnswer {
    /// The configuration file.
    pub(crate) file: String,
    /// The address on which `serve` would listen.
    pub(crate) listen: String,
    /// Seconds of the lame duck phase.
    pub(crate) lame_duck_s: f64,
    /// The first second after the validity of the service's certificate, as Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate_not_after: Option<u64>,
    /// Number of tenants.
    pub(crate) tenants: usize,
    /// Number of tokens.
    pub(crate) tokens: usize,
    /// Threads of the CPU for which the memory is computed.
    pub(crate) workers: usize,
    /// The sum of `memory`.
    pub(crate) memory_max_bytes: u64,
    /// What callers can make the service hold.
    pub(crate) memory: Vec<MemoryRow>,
}

/// Memory that one kind of thing holds at its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MemoryRow {
    what: &'static str,
    count: u64,
    each_bytes: u64,
}

impl From<&LimitMemory> for MemoryRow {
    fn from(memory: &LimitMemory) -> Self {
        Self { what: memory.what, count: memory.count, each_bytes: memory.each_bytes }
    }
}

/// The answer of `completions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CompletionsAnswer {
    /// The name of the shell.
    pub(crate) shell: String,
    /// The script.
    pub(crate) script: String,
}

/// The answer of `man`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ManAnswer {
    /// The folder.
    pub(crate) folder: String,
    /// The names of the files in it.
    pub(crate) pages: Vec<String>,
}
