//! The keys of a configuration file as they are written, each with its line.

use std::path::Path;

use toml::de::{DeString, DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::{ConfigError, ConfigFile, Place, text_of};

/// Where a setting is in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Before all tables.
    Top,
    /// In the table of this name.
    Table(&'static str),
    /// In the table `[[tenant]]` with this name.
    Tenant(String),
}

/// One key of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) group: Group,
    pub(super) key: String,
    pub(super) value: Value,
    /// From 1.
    pub(super) line: usize,
}

/// A valid configuration file, and its keys as they are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(super) file: ConfigFile,
    pub(super) entries: Vec<Entry>,
}

/// The tables that are not those of tenants.
const TABLES: [&str; 2] = ["tls", "limits"];

impl Document {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] with the file and the place in it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&text_of(path)?, path)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let refuse = |error: toml::de::Error| ConfigError::parse(path, text, &error);
        let file = ConfigFile::parse(text, path)?;
        let values: Table = toml::from_str(text).map_err(refuse)?;
        let places = DeTable::parse(text).map_err(refuse)?;
        let mut entries = Vec::new();
        for (key, place) in places.get_ref() {
            let (name, Some(value)) = (key.get_ref().as_ref(), values.get(key.get_ref().as_ref())) else { continue };
            let table = TABLES.into_iter().find(|table| *table == name);
            match (table, place.get_ref(), value) {
                (Some(table), DeValue::Table(places), Value::Table(values)) => {
                    add_all(&mut entries, text, &Group::Table(table), places, values);
                }
                (None, DeValue::Array(places), Value::Array(tenants)) if name == "tenant" => {
                    for (place, tenant) in places.iter().zip(tenants) {
                        add_tenant(&mut entries, text, place, tenant);
                    }
                }
                _ => add(&mut entries, text, &Group::Top, (key, name), Some(value)),
            }
        }
        Ok(Self { file, entries })
    }

    pub(super) fn entry(&self, group: &Group, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.group == *group && entry.key == key)
    }

    /// The names of the tenants in the order of the file.
    pub(super) fn tenants(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for entry in &self.entries {
            if let Group::Tenant(name) = &entry.group
                && names.last() != Some(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }
}

fn add_tenant(entries: &mut Vec<Entry>, text: &str, place: &Spanned<DeValue<'_>>, tenant: &Value) {
    // The file is valid, so each is a table with a name.
    if let (DeValue::Table(places), Value::Table(values)) = (place.get_ref(), tenant)
        && let Some(Value::String(name)) = values.get("name")
    {
        add_all(entries, text, &Group::Tenant(name.clone()), places, values);
    }
}

fn add_all(entries: &mut Vec<Entry>, text: &str, group: &Group, places: &DeTable<'_>, values: &Table) {
    for (key, place) in places {
        let name = key.get_ref().as_ref();
        match (values.get(name), place.get_ref()) {
            // The limits of a tenant.
            (Some(Value::Table(values)), DeValue::Table(places)) => {
                for key in places.keys() {
                    let inner = key.get_ref().as_ref();
                    add(entries, text, group, (key, &format!("{name}.{inner}")), values.get(inner));
                }
            }
            (value, _) => add(entries, text, group, (key, name), value),
        }
    }
}

/// Adds a value under a name, with the line of its key.
fn add(
    entries: &mut Vec<Entry>,
    text: &str,
    group: &Group,
    (key, name): (&Spanned<DeString<'_>>, &str),
    value: Option<&Value>,
) {
    let line = Place::of(text, key.span().start).map_or(1, |place| place.line);
    let value = value.cloned();
    entries.extend(value.map(|value| Entry { group: group.clone(), key: name.to_owned(), value, line }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_the_line_on_which_it_is_written() {
        let text = "listen = \"127.0.0.1:1\"\n# no key\nthreads = 2\nlimits = { jobs = 9 }\n\n[[tenant]]\n\
            name = \"parks\"\nlimits.jobs = 3\n[[tenant]]\nname = \"roads\"\n";
        let document = Document::parse(text, Path::new("city.toml")).unwrap();
        let line = |group: &Group, key: &str| document.entry(group, key).map(|entry| entry.line);
        let tenant = |name: &str| Group::Tenant(name.into());
        assert_eq!((line(&Group::Top, "listen"), line(&Group::Top, "threads")), (Some(1), Some(3)));
        assert_eq!(line(&Group::Table("limits"), "jobs"), Some(4));
        assert_eq!((line(&tenant("parks"), "limits.jobs"), line(&tenant("roads"), "name")), (Some(8), Some(10)));
        assert_eq!(document.tenants(), ["parks", "roads"]);
        assert_eq!(document.entries.len(), 6);
    }
}
