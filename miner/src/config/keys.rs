//! The table of all keys of the configuration: each with the flag and the variable that override it, and its default.
//!
//! A new key of [`ConfigFile`](super::ConfigFile) needs a row here; a test compares the two.

use toml::Value;

use cityseal_service::caller::Scope;
use cityseal_service::{LIMIT_KEYS, TENANT_URI_PREFIX, TenantSettings};

use super::{Document, Environment, Group, LAME_DUCK_DEFAULT, LISTEN_DEFAULT};
use crate::args::ServeArgs;

/// Where the value of a setting comes from. A value with a lower precedence is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Environment(&'static str),
    /// This line of the configuration file.
    File {
        /// From 1.
        line: usize,
    },
    /// Nothing sets it.
    Default,
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// Where it is in a configuration file.
    pub(crate) group: Group,
    /// Its key there.
    pub(crate) key: String,
    /// `None`: it is not set, and has no default.
    pub(crate) value: Option<Value>,
    /// What sets it.
    pub(crate) origin: Origin,
}

type OfFlags = fn(&ServeArgs) -> Option<Value>;
type OfEnvironment = fn(&Environment) -> Option<Value>;

/// A row of the table.
struct Key {
    /// `None`: before all tables.
    table: Option<&'static str>,
    name: &'static str,
    flag: Option<(&'static str, OfFlags)>,
    variable: Option<(&'static str, OfEnvironment)>,
    default: Option<fn() -> Value>,
}

impl Key {
    const fn top(name: &'static str) -> Self {
        Self { table: None, name, flag: None, variable: None, default: None }
    }

    const fn of_tls(name: &'static str) -> Self {
        Self { table: Some("tls"), ..Self::top(name) }
    }

    const fn flag(self, flag: &'static str, value: OfFlags) -> Self {
        Self { flag: Some((flag, value)), ..self }
    }

    const fn variable(self, variable: &'static str, value: OfEnvironment) -> Self {
        Self { variable: Some((variable, value)), ..self }
    }

    const fn or(self, default: fn() -> Value) -> Self {
        Self { default: Some(default), ..self }
    }

    fn group(&self) -> Group {
        self.table.map_or(Group::Top, Group::Table)
    }
}

/// All keys, except for those of limits ([`LIMIT_KEYS`]) and tenants ([`TENANT_KEYS`]).
const KEYS: &[Key] = &[
    Key::top("device")
        .flag("--device", |args| (!args.engine.device.is_empty()).then(|| list(&args.engine.device)))
        .or(|| list(&["auto"])),
    Key::top("profile")
        .flag("--profile", |args| args.engine.profile.map(|profile| text(profile.name())))
        .or(|| text(cityseal_engine::Profile::default().name())),
    Key::top("kernel")
        .flag("--kernel", |args| args.engine.kernel.as_deref().map(text))
        .variable("CITYSEAL_KERNEL", |environment| environment.kernel.as_deref().map(text)),
    Key::top("threads").flag("--threads", |args| args.engine.threads.map(|threads| Value::Integer(threads as i64))),
    Key::top("allow_software")
        .flag("--allow-software", |args| args.engine.allow_software.then_some(Value::Boolean(true)))
        .or(|| Value::Boolean(false)),
    Key::top("listen")
        .flag("--listen", |args| args.listen.map(|listen| text(&listen.to_string())))
        .or(|| text(&LISTEN_DEFAULT.to_string())),
    Key::top("metrics").flag("--metrics", |args| args.metrics.map(|address| text(&address.to_string()))),
    Key::top("events").flag("--events", |args| args.events.as_ref().map(|path| text(&path.to_string_lossy()))),
    Key::top("state").flag("--state", |args| args.state.as_ref().map(|path| text(&path.to_string_lossy()))),
    Key::top("dashboard").flag("--dashboard", |args| args.dashboard.map(|address| text(&address.to_string()))),
    Key::top("records").flag("--records", |args| args.records.as_ref().map(|path| text(&path.to_string_lossy()))),
    Key::top("lame_duck_s")
        .flag("--lame-duck", |args| args.lame_duck.map(|lame_duck| Value::Float(lame_duck.as_secs_f64())))
        .or(|| Value::Integer(LAME_DUCK_DEFAULT.as_secs() as i64)),
    Key::top("key").flag("--key", |args| args.key.as_ref().map(|path| text(&path.to_string_lossy()))),
    Key::top("tokens"),
    Key::of_tls("cert"),
    Key::of_tls("key"),
    Key::of_tls("client_ca"),
    Key::of_tls("crl"),
];

/// A key of a tenant, with its default if it has one.
type TenantKey = (&'static str, fn(&TenantSettings) -> Option<Value>);

/// The keys of a tenant.
const TENANT_KEYS: &[TenantKey] = &[
    ("name", |tenant| Some(text(&tenant.name))),
    ("weight", |tenant| Some(Value::Integer(tenant.weight.into()))),
    ("reserved", |tenant| Some(Value::Float(tenant.reserved))),
    ("limits.jobs", |_| None),
    ("limits.uploads", |_| None),
    ("limits.watchers", |_| None),
    ("limits.priority_max", |_| None),
    ("scopes", |tenant| {
        let scopes = Scope::ALL.into_iter().filter(|scope| tenant.scopes.has(*scope));
        Some(list(&scopes.map(Scope::name).collect::<Vec<_>>()))
    }),
    ("uris", |tenant| Some(list(&[format!("{TENANT_URI_PREFIX}{}", tenant.name)]))),
    ("when_no_gpu", |_| Some(text("cpu"))),
    ("refuse_below", |_| Some(Value::Float(0.0))),
];

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn list<T: AsRef<str>>(words: &[T]) -> Value {
    Value::Array(words.iter().map(|word| text(word.as_ref())).collect())
}

/// All settings of `serve` with these flags, in the order of a configuration file.
pub(crate) fn settings_of(args: &ServeArgs, environment: &Environment, document: &Document) -> Vec<Setting> {
    let of_file = |group: &Group, key: &str| {
        document.entry(group, key).map(|entry| (entry.value.clone(), Origin::File { line: entry.line }))
    };
    let setting = |group: &Group, key: &str, found: Option<(Value, Origin)>| {
        let (value, origin) = found.map_or((None, Origin::Default), |(value, origin)| (Some(value), origin));
        Setting { group: group.clone(), key: key.to_owned(), value, origin }
    };
    let mut settings = Vec::new();
    for key in KEYS {
        let group = key.group();
        // The order of precedence.
        let by_flag = || key.flag.and_then(|(name, value)| Some((value(args)?, Origin::Flag(name))));
        let by_variable =
            || key.variable.and_then(|(name, value)| Some((value(environment)?, Origin::Environment(name))));
        let by_default = || key.default.map(|default| (default(), Origin::Default));
        let found = by_flag().or_else(by_variable).or_else(|| of_file(&group, key.name)).or_else(by_default);
        settings.push(setting(&group, key.name, found));
    }
    let limits = Group::Table("limits");
    for key in LIMIT_KEYS {
        // Also a value that follows another limit is a default.
        let default = (Value::Integer(key.value_in(&document.file.limits) as i64), Origin::Default);
        settings.push(setting(&limits, key.name(), of_file(&limits, key.name()).or(Some(default))));
    }
    for name in document.tenants() {
        let Some(tenant) = document.file.tenants.get(name) else { continue };
        let group = Group::Tenant(name.to_owned());
        for (key, default) in TENANT_KEYS {
            let default = || default(tenant).map(|value| (value, Origin::Default));
            settings.push(setting(&group, key, of_file(&group, key).or_else(default)));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::config::{ConfigFile, Settings};

    fn flags(line: &str) -> ServeArgs {
        let cli = Cli::try_parse_from(["cityseal", "serve"].into_iter().chain(line.split_whitespace())).unwrap();
        let Command::Serve(args) = cli.command else { panic!("{cli:?}") };
        args
    }

    fn document(text: &str) -> Document {
        Document::parse(text, Path::new("city.toml")).unwrap()
    }

    fn found(settings: &[Setting], key: &str) -> (Option<String>, Origin) {
        let setting = settings.iter().find(|setting| setting.key == key).unwrap();
        (setting.value.as_ref().map(ToString::to_string), setting.origin)
    }

    /// The keys that the parser expects, from its error about one that does not exist.
    fn expected_by_the_parser(text: &str) -> BTreeSet<String> {
        let message = ConfigFile::parse(text, Path::new("f")).unwrap_err().to_string();
        let (_, expected) = message.split_once("expected one of ").unwrap_or_else(|| panic!("{message}"));
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_table_has_every_key_that_the_parser_accepts() {
        let names = |group: Group| KEYS.iter().filter(move |key| key.group() == group).map(|key| key.name.to_owned());
        let tables = ["tls", "limits", "tenant"].map(str::to_owned);
        let top: BTreeSet<String> = names(Group::Top).chain(tables).collect();
        assert_eq!(top, expected_by_the_parser("no_such_key = 1"), "the table (left) and the parser (right)");
        let tls: BTreeSet<String> = names(Group::Table("tls")).collect();
        assert_eq!(tls, expected_by_the_parser("[tls]\nno_such_key = 1"));
        let of_tenant = |name: &str| name.strip_prefix("limits.").unwrap_or(name).to_owned();
        let (limits, mut tenant): (BTreeSet<&str>, BTreeSet<&str>) =
            TENANT_KEYS.iter().map(|(name, _)| *name).partition(|name| name.starts_with("limits."));
        tenant.insert("limits");
        let owned = |names: BTreeSet<&str>| names.into_iter().map(of_tenant).collect::<BTreeSet<String>>();
        assert_eq!(owned(tenant), expected_by_the_parser("[[tenant]]\nno_such_key = 1"));
        assert_eq!(owned(limits), expected_by_the_parser("[[tenant]]\nname = \"a\"\nlimits = { no_such_key = 1 }"));
    }

    #[test]
    fn a_setting_has_the_origin_with_the_highest_precedence() {
        let document = document("kernel = \"portable\"\nthreads = 3\n[limits]\nconnections = 100\n");
        let environment = Environment { kernel: Some("avx2".into()), ..Environment::default() };
        let no_variables = Environment::default();
        let of = |line: &str, environment| settings_of(&flags(line), environment, &document);
        let kernel = |line: &str, environment| found(&of(line, environment), "kernel");
        let text = |text: &str| Some(format!("\"{text}\""));
        assert_eq!(kernel("--kernel sha-ni", &environment), (text("sha-ni"), Origin::Flag("--kernel")));
        assert_eq!(kernel("", &environment), (text("avx2"), Origin::Environment("CITYSEAL_KERNEL")));
        assert_eq!(kernel("", &no_variables), (text("portable"), Origin::File { line: 1 }));
        let settings = of("", &environment);
        assert_eq!(found(&settings, "connections"), (Some("100".into()), Origin::File { line: 4 }));
        assert_eq!(found(&settings, "connections_per_address"), (Some("100".into()), Origin::Default));
        assert_eq!(found(&settings, "listen"), (text("127.0.0.1:50051"), Origin::Default));
        assert_eq!(found(&settings, "tokens"), (None, Origin::Default));
    }

    #[test]
    fn the_printed_settings_of_the_engine_are_those_that_are_used() {
        let text =
            "device = \"gpu\"\nprofile = \"interactive\"\nkernel = \"portable\"\nthreads = 3\nlisten = \"[::1]:7\"";
        for (line, kernel) in
            [("", None), ("--device cpu --threads 2", Some("avx2")), ("--kernel sha-ni", Some("avx2"))]
        {
            let environment = Environment { kernel: kernel.map(str::to_owned), ..Environment::default() };
            let (args, document) = (flags(line), document(text));
            let printed = settings_of(&args, &environment, &document);
            let used = Settings::join(&args.engine, &environment, document.file);
            let shown = |key: &str| found(&printed, key).0.unwrap();
            assert_eq!(shown("kernel"), format!("\"{}\"", used.engine.kernel.unwrap()));
            assert_eq!(shown("threads"), used.engine.threads.unwrap().to_string());
            assert_eq!(shown("profile"), format!("\"{}\"", used.engine.profile.name()));
            assert!(shown("device").contains(&used.engine.devices[0]));
            assert_eq!(used.listen.unwrap().to_string(), "[::1]:7");
            assert_eq!(used.key, None::<PathBuf>);
        }
    }
}
