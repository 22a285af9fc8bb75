//! Settings from flags, the environment and the TOML file of `CITYSEAL_CONFIG` or `--config`. Flags override the
//! environment, and the environment overrides the file.
//!
//! The environment is read only here, once, in [`Environment::of_process`].

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use cityseal_bench::EngineSettings;
use cityseal_cli::Explain;
use cityseal_cli::files::read_text;
use cityseal_engine::Profile;
use cityseal_service::limits::LAME_DUCK_MAX;
use cityseal_service::{AccessSettings, AccessSource, Limits, TenantSettings, Tenants, TlsFiles};

use crate::args::{EngineArgs, GlobalArgs, values};

mod document;
mod keys;

pub(crate) use document::{Document, Group};
pub(crate) use keys::{Origin, Setting, settings_of};

/// Default address of `serve`.
pub(crate) const LISTEN_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 50051));

/// Default of `--lame-duck`.
pub(crate) const LAME_DUCK_DEFAULT: Duration = Duration::from_secs(5);

/// Maximum size of a configuration file: 256 tenants of 200 bytes each, and comments.
const CONFIG_BYTES_MAX: u64 = 256 * 1024;

/// The environment variables that the binary uses; an empty variable counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `CITYSEAL_KERNEL`.
    pub(crate) kernel: Option<String>,
    /// `CITYSEAL_CONFIG`.
    pub(crate) config: Option<PathBuf>,
    /// `CITYSEAL_LOG`.
    pub(crate) log: Option<String>,
    /// The user's cache folder: `XDG_CACHE_HOME`, `LOCALAPPDATA` or `HOME/.cache`.
    pub(crate) cache: Option<PathBuf>,
    /// `NO_COLOR` is set, or `TERM` is `dumb`.
    pub(crate) no_color: bool,
}

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn of_process() -> Self {
        Self::read(|name| std::env::var_os(name))
    }

    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let present = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| present(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            kernel: text("CITYSEAL_KERNEL"),
            config: present("CITYSEAL_CONFIG").map(PathBuf::from),
            log: text("CITYSEAL_LOG"),
            cache: ["XDG_CACHE_HOME", "LOCALAPPDATA"]
                .into_iter()
                .find_map(present)
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(present("HOME")?).join(".cache"))),
            no_color: present("NO_COLOR").is_some() || text("TERM").as_deref() == Some("dumb"),
        }
    }
}

/// The keys of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    device: Option<Names>,
    #[serde(default, deserialize_with = "profile_by_name")]
    profile: Option<Profile>,
    kernel: Option<String>,
    threads: Option<usize>,
    allow_software: Option<bool>,
    listen: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    events: Option<PathBuf>,
    dashboard: Option<SocketAddr>,
    records: Option<PathBuf>,
    key: Option<PathBuf>,
    #[serde(default, deserialize_with = "lame_duck_of")]
    lame_duck_s: Option<Duration>,
    #[serde(default)]
    limits: Limits,
    state: Option<PathBuf>,
    tls: Option<TlsFiles>,
    tokens: Option<PathBuf>,
    #[serde(default, rename = "tenant", deserialize_with = "tenants_of")]
    tenants: Tenants,
}

/// Joins the tables `[[tenant]]`. The TOML parser adds the place to the error.
fn tenants_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tenants, D::Error> {
    Tenants::new(Vec::<TenantSettings>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Parses a number of seconds for `--lame-duck`. The TOML parser adds the place to the error.
fn lame_duck_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let given = Duration::try_from_secs_f64(seconds).ok().filter(|given| *given <= LAME_DUCK_MAX);
    let refused = || format!("lame_duck_s = {seconds}: expected 0 to {}", LAME_DUCK_MAX.as_secs());
    given.map(Some).ok_or_else(|| serde::de::Error::custom(refused()))
}

/// Parses the name of a profile. The TOML parser adds the place to the error.
fn profile_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Profile>, D::Error> {
    let name = String::deserialize(deserializer)?;
    values::profile(&name).map(Some).map_err(serde::de::Error::custom)
}

/// One name or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        }
    }
}

/// Error of reading the configuration file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The contents are invalid.
    #[error("configuration {}: {}{message}", path.display(), prefix_of(*place))]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place in the file, if it is known.
        place: Option<Place>,
        /// What is wrong: the key, what was found, and what was expected.
        message: String,
    },
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// The place of a byte; `None` beyond the text.
    fn of(text: &str, byte: usize) -> Option<Self> {
        let before = text.get(..byte)?;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Some(Self { line: before.matches('\n').count() + 1, column })
    }
}

fn prefix_of(place: Option<Place>) -> String {
    place.map(|place| format!("{place}: ")).unwrap_or_default()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Explain for ConfigError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::Parse { .. } => "bad-configuration",
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Read { path, .. } | Self::Parse { path, place: None, .. } => Some(path.display().to_string()),
            Self::Parse { path, place: Some(place), .. } => Some(format!("{}, {place}", path.display())),
        }
    }
}

impl ConfigError {
    /// The parser's error, with the place at which it stopped.
    fn parse(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let place = error.span().and_then(|span| Place::of(text, span.start));
        Self::Parse { path: path.into(), place, message: error.message().trim_end().to_owned() }
    }
}

impl ConfigFile {
    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let refuse = |message: String| ConfigError::Parse { path: path.into(), place: None, message };
        let file: Self = toml::from_str(text).map_err(|error| ConfigError::parse(path, text, &error))?;
        let client_ca = file.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
        if file.tenants.is_empty() && (file.tokens.is_some() || client_ca.is_some()) {
            let what = if file.tokens.is_some() { "tokens" } else { "client_ca" };
            return Err(refuse(format!("{what}: there is no tenant; add a table [[tenant]] with its `name`")));
        }
        match file.threads {
            Some(threads) if !(1..=values::THREADS_MAX).contains(&threads) => {
                Err(refuse(format!("threads = {threads}: expected 1 to {}", values::THREADS_MAX)))
            }
            _ => Ok(file),
        }
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] with the file and the place in it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&text_of(path)?, path)
    }

    /// Who may call the service.
    fn into_access(self) -> AccessSettings {
        AccessSettings::new(self.tls, self.tokens, self.tenants)
    }
}

/// Reads the text of a configuration file.
fn text_of(path: &Path) -> Result<String, ConfigError> {
    read_text(path, CONFIG_BYTES_MAX).map_err(|source| ConfigError::Read { path: path.into(), source })
}

/// All settings of one run, each from the source with the highest precedence.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How the engine is built.
    pub(crate) engine: EngineSettings,
    /// Address of `serve` in the configuration file.
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the metrics of `serve` in the configuration file.
    pub(crate) metrics: Option<SocketAddr>,
    /// Folder of the event log of `serve` in the configuration file.
    pub(crate) events: Option<PathBuf>,
    /// Address of the dashboard of `serve` in the configuration file.
    pub(crate) dashboard: Option<SocketAddr>,
    /// Folder of benchmark records in the configuration file.
    pub(crate) records: Option<PathBuf>,
    /// Key file of `serve` in the configuration file.
    pub(crate) key: Option<PathBuf>,
    /// Lame duck phase of `serve` in the configuration file.
    pub(crate) lame_duck: Option<Duration>,
    /// Limits of `serve`.
    pub(crate) limits: Limits,
    /// State folder of `serve` in the configuration file.
    pub(crate) state: Option<PathBuf>,
    /// Who may call the service of `serve`, by the configuration file, which a reload reads again.
    pub(crate) access: AccessSource,
}

impl Settings {
    /// Joins flags, environment and configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] if the named configuration file cannot be read or is invalid.
    pub(crate) fn of(engine: &EngineArgs, global: &GlobalArgs, environment: &Environment) -> Result<Self, ConfigError> {
        let path = global.config.as_deref().or(environment.config.as_deref());
        let Some(path) = path else { return Ok(Self::join(engine, environment, ConfigFile::default())) };
        let mut settings = Self::join(engine, environment, ConfigFile::load(path)?);
        let file = path.to_path_buf();
        let reread = move || ConfigFile::load(&file).map(ConfigFile::into_access);
        settings.access = settings.access.reread_from(path, reread);
        Ok(settings)
    }

    /// Joins flags, environment and a file that was read; the file is not read again on a reload.
    pub(crate) fn of_file(engine: &EngineArgs, environment: &Environment, document: &Document) -> Self {
        Self::join(engine, environment, document.file.clone())
    }

    fn join(engine: &EngineArgs, environment: &Environment, mut file: ConfigFile) -> Self {
        let (listen, key, state) = (file.listen, file.key.take(), file.state.take());
        let (lame_duck, limits) = (file.lame_duck_s, file.limits.clone());
        let (metrics, events) = (file.metrics, file.events.take());
        let (dashboard, records) = (file.dashboard, file.records.take());
        let devices = if engine.device.is_empty() {
            file.device.take().map(Names::into_list).unwrap_or_default()
        } else {
            engine.device.clone()
        };
        let engine = EngineSettings {
            devices,
            allow_software: engine.allow_software || file.allow_software.unwrap_or(false),
            profile: engine.profile.or(file.profile).unwrap_or_default(),
            kernel: engine.kernel.clone().or_else(|| environment.kernel.clone()).or(file.kernel.take()),
            threads: engine.threads.or(file.threads),
            tuning_cache: environment.cache.as_ref().map(|cache| cache.join("cityseal").join("devices.json")),
        };
        let access = AccessSource::new(file.into_access());
        Self { engine, listen, metrics, events, dashboard, records, key, lame_duck, limits, state, access }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(text, Path::new("city.toml"))
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
        let file = parse("kernel = \"portable\"\ndevice = \"gpu\"\nthreads = 3\nallow_software = true").unwrap();
        let environment = Environment { kernel: Some("avx2".into()), ..Environment::default() };
        let flags = EngineArgs { kernel: Some("sha-ni".into()), ..EngineArgs::default() };

        let kernel_of = |engine: &EngineArgs, environment: &Environment| {
            Settings::join(engine, environment, file.clone()).engine.kernel.unwrap()
        };
        assert_eq!(kernel_of(&flags, &environment), "sha-ni");
        assert_eq!(kernel_of(&EngineArgs::default(), &environment), "avx2");
        assert_eq!(kernel_of(&EngineArgs::default(), &Environment::default()), "portable");

        let settings = Settings::join(&EngineArgs::default(), &environment, file).engine;
        assert_eq!((settings.devices, settings.threads, settings.allow_software), (vec!["gpu".into()], Some(3), true));
    }

    #[test]
    fn refuses_an_unknown_key_and_names_it_with_its_line() {
        let message = parse("threads = 2\nkernl = \"avx2\"").unwrap_err().to_string();
        assert!(message.contains("city.toml") && message.contains("kernl") && message.contains("line 2"), "{message}");
    }

    #[test]
    fn the_configuration_can_name_the_key_file_and_the_state_folder_of_the_service() {
        let file = parse("key = \"/etc/cityseal/auditor.key\"\nstate = \"/var/lib/cityseal\"").unwrap();
        let settings = Settings::join(&EngineArgs::default(), &Environment::default(), file);
        assert_eq!(settings.key, Some(PathBuf::from("/etc/cityseal/auditor.key")));
        assert_eq!(settings.state, Some(PathBuf::from("/var/lib/cityseal")));
    }

    #[test]
    fn the_configuration_can_name_the_port_of_the_metrics_and_the_folder_of_the_event_log() {
        let file = parse("metrics = \"127.0.0.1:9464\"\nevents = \"/var/log/cityseal\"").unwrap();
        let settings = Settings::join(&EngineArgs::default(), &Environment::default(), file);
        assert_eq!(settings.metrics, Some("127.0.0.1:9464".parse().unwrap()));
        assert_eq!(settings.events, Some(PathBuf::from("/var/log/cityseal")));
    }

    #[test]
    fn tenants_and_the_files_of_tls_come_from_their_tables() {
        let text = "tokens = \"t\"\n[tls]\ncert = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\ncrl = \"l\"\n\
            [[tenant]]\nname = \"parks\"\nweight = 3\nreserved = 0.25\nscopes = [\"seal\"]\n\
            limits = { jobs = 5, priority_max = 9 }\nwhen_no_gpu = \"fail\"\n[[tenant]]\nname = \"roads\"\n";
        let access = parse(text).unwrap().into_access();
        assert_eq!(access.tls, Some(TlsFiles::new("c", "k").client_ca("a").crl("l")));
        let parks = access.tenants.get("parks").unwrap();
        assert_eq!((parks.weight, parks.reserved, parks.limits.jobs), (3, 0.25, Some(5)));
        assert_eq!(parks.uris, ["cityseal:tenant:parks"]);
        let roads = access.tenants.get("roads").unwrap();
        assert_eq!((roads.weight, roads.limits.priority_max), (1, None));
    }

    #[test]
    fn a_fault_in_a_tenant_is_named_with_its_line() {
        let faults = [
            ("name = \"a b\"", "`a b` is not the name of a tenant"),
            ("name = \"a\"\nweight = 0", "expected 1 to 100"),
            ("name = \"a\"\nreserved = 1.5", "expected 0 to 1"),
            ("name = \"a\"\nscopes = [\"sael\"]", "unknown scope `sael`"),
            ("name = \"a\"\nuris = [\"x\"]", "`x` is not a URI"),
            ("name = \"a\"\nwhen_no_gpu = \"maybe\"", "expected one of `cpu`, `wait`, `fail`"),
            ("name = \"a\"\ncolour = 1", "unknown field `colour`"),
            ("name = \"a\"\nlimits = { jbos = 1 }", "unknown field `jbos`"),
            ("weight = 1", "missing field `name`"),
        ];
        for (tenant, problem) in faults {
            let message = parse(&format!("threads = 1\n[[tenant]]\n{tenant}\n")).unwrap_err().to_string();
            assert!(message.contains(problem) && message.contains("line "), "{message}");
        }
        let twice = parse("[[tenant]]\nname = \"a\"\n[[tenant]]\nname = \"a\"\n").unwrap_err().to_string();
        assert!(twice.contains("[[tenant]] 2: the name `a` is already used by [[tenant]] 1"), "{twice}");
        let none = parse("tokens = \"t\"").unwrap_err().to_string();
        assert!(none.contains("add a table [[tenant]]"), "{none}");
    }

    #[test]
    fn refuses_threads_outside_their_bounds() {
        assert!(parse("threads = 1").is_ok());
        assert!(parse("threads = 0").unwrap_err().to_string().contains("threads = 0"));
        assert!(parse("threads = 1025").is_err());
    }

    #[test]
    fn a_profile_comes_from_the_flag_or_the_file_and_defaults_to_balanced() {
        let profile_of = |flag, text: &str| {
            let flags = EngineArgs { profile: flag, ..EngineArgs::default() };
            Settings::join(&flags, &Environment::default(), parse(text).unwrap()).engine.profile
        };
        assert_eq!(profile_of(None, ""), Profile::Balanced);
        assert_eq!(profile_of(None, "profile = \"interactive\""), Profile::Interactive);
        assert_eq!(profile_of(Some(Profile::Throughput), "profile = \"interactive\""), Profile::Throughput);
        let message = parse("threads = 2\nprofile = \"turbo\"").unwrap_err().to_string();
        assert!(message.contains("city.toml") && message.contains("line 2") && message.contains("turbo"), "{message}");
        assert!(message.contains("interactive, balanced, throughput"), "{message}");
    }

    #[test]
    fn a_device_is_one_name_or_a_list() {
        let list = parse("device = [\"cpu\", \"gpu\"]").unwrap().device.unwrap().into_list();
        assert_eq!(list, ["cpu", "gpu"]);
    }

    #[test]
    fn an_empty_variable_counts_as_absent() {
        let read = Environment::read(|name| (name == "CITYSEAL_KERNEL").then(OsString::new));
        assert_eq!(read, Environment::default());
        assert!(Environment::read(|name| (name == "NO_COLOR").then(|| "1".into())).no_color);
    }

    #[test]
    fn the_cache_is_in_the_cache_folder_of_the_user() {
        let home = Environment::read(|name| (name == "HOME").then(|| "/h".into()));
        assert_eq!(home.cache, Some(PathBuf::from("/h/.cache")));
        let all = Environment::read(|name| Some(format!("/{name}").into()));
        assert_eq!(all.cache, Some(PathBuf::from("/XDG_CACHE_HOME")));
    }
}
