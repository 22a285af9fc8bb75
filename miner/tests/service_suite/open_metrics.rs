//! A strict parser of the OpenMetrics text format, version 1.0.0, for the metrics of the service.

use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

/// A family of metrics.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    unit: Option<String>,
    help: Option<String>,
    samples: Vec<(String, Labels, f64)>,
}

/// All families by name.
#[derive(Debug)]
pub(crate) struct Exposition(BTreeMap<String, Family>);

impl Exposition {
    /// Parses a whole text; any breach of the format fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no EOF at the end of\n{text}"));
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        for line in body.lines() {
            let name = if let Some(metadata) = line.strip_prefix("# ") {
                let (key, rest) = metadata.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                let (name, value) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                if name != current {
                    assert!(!families.contains_key(name), "{name} is interleaved with others: {line}");
                    name.clone_into(&mut current);
                }
                let family = families.entry(name.to_owned()).or_default();
                assert!(family.samples.is_empty(), "metadata after samples: {line}");
                family.set(key, value, line);
                continue;
            } else {
                current.as_str()
            };
            let sample = sample(line);
            families.get_mut(name).unwrap_or_else(|| panic!("a sample before its family: {line}")).samples.push(sample);
        }
        let parsed = Self(families);
        parsed.check();
        parsed
    }

    /// The names as people write them: counters with `_total`, infos with `_info`.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let with_suffix = |(name, family): (&String, &Family)| match family.kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.clone(),
        };
        self.0.iter().map(with_suffix).collect()
    }

    /// Families without a sample.
    pub(crate) fn empty(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, family)| family.samples.is_empty()).map(|(name, _)| name.as_str()).collect()
    }

    /// The value of the only series of this name whose labels include these.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.0.values().flat_map(|family| &family.samples);
        let has =
            |found: &Labels| labels.iter().all(|(key, value)| found.get(*key).is_some_and(|other| other == value));
        let found: Vec<f64> =
            samples.filter(|(other, found, _)| other == name && has(found)).map(|(.., value)| *value).collect();
        let [value] = found[..] else { panic!("expected one {name} with {labels:?}, found {found:?}") };
        value
    }

    fn check(&self) {
        let mut series = BTreeSet::new();
        for (name, family) in &self.0 {
            assert!(family.help.as_ref().is_some_and(|help| !help.is_empty()), "{name} has no HELP");
            let has_unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
            assert_eq!(family.unit.as_deref(), has_unit, "the UNIT of {name}");
            let suffixes: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_count", "_sum"],
                "info" => &["_info"],
                other => panic!("{name} has the type {other}"),
            };
            for (sample, labels, value) in &family.samples {
                let suffix = sample.strip_prefix(name.as_str());
                assert!(suffix.is_some_and(|suffix| suffixes.contains(&suffix)), "{sample} in the family {name}");
                assert!(series.insert((sample.clone(), labels.clone())), "{sample}{labels:?} occurs twice");
                assert!(family.kind == "gauge" || *value >= 0.0, "{sample} is {value}");
            }
            if family.kind == "histogram" {
                family.check_histogram(name);
            }
        }
    }
}

impl Family {
    fn set(&mut self, key: &str, value: &str, line: &str) {
        let value = value.to_owned();
        let before = match key {
            "HELP" => self.help.replace(value),
            "UNIT" => self.unit.replace(value),
            "TYPE" => Some(std::mem::replace(&mut self.kind, value)).filter(|kind| !kind.is_empty()),
            _ => panic!("unknown metadata: {line}"),
        };
        assert!(before.is_none(), "twice: {line}");
    }

    /// Buckets rise up to `+Inf`, whose count is that of the histogram.
    fn check_histogram(&self, name: &str) {
        let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for (sample, labels, value) in &self.samples {
            if sample.ends_with("_bucket") {
                let mut labels = labels.clone();
                let bound = labels.remove("le").unwrap_or_else(|| panic!("{name}: a bucket without `le`"));
                buckets.entry(labels).or_default().push((bound.parse().unwrap(), *value));
            }
        }
        for (labels, buckets) in buckets {
            assert!(buckets.is_sorted_by(|one, two| one.0 < two.0 && one.1 <= two.1), "{name}{labels:?}: {buckets:?}");
            let (last, all) = buckets[buckets.len() - 1];
            let is_count = |sample: &&(String, Labels, f64)| sample.0.ends_with("_count") && sample.1 == labels;
            let count = self.samples.iter().find(is_count).unwrap().2;
            assert!(last.is_infinite() && all.to_bits() == count.to_bits(), "{name}{labels:?}: {all} of {count}");
        }
    }
}

/// Parses `name{label="value",…} number`.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(!name.is_empty() && name.chars().all(is_letter), "bad name: {line}");
    let mut labels = Labels::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        while !inner.starts_with('}') {
            let (key, behind) = inner.split_once("=\"").unwrap_or_else(|| panic!("bad labels: {line}"));
            assert!(!key.is_empty() && key.chars().all(is_letter), "bad label `{key}`: {line}");
            let (value, behind) = label_value(behind, line);
            assert!(labels.insert(key.to_owned(), value).is_none(), "a label occurs twice: {line}");
            inner = behind.strip_prefix(',').unwrap_or(behind);
            assert!(behind.starts_with(',') != inner.starts_with('}'), "bad separator: {line}");
        }
        rest = &inner[1..];
    }
    let value = rest.strip_prefix(' ').and_then(|value| value.parse().ok());
    (name.to_owned(), labels, value.unwrap_or_else(|| panic!("bad value: {line}")))
}

/// Parses a label's value up to its closing quote; returns it and the rest.
fn label_value<'a>(text: &'a str, line: &str) -> (String, &'a str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next() {
                Some((_, 'n')) => '\n',
                Some((_, escaped @ ('\\' | '"'))) => escaped,
                other => panic!("bad escape {other:?}: {line}"),
            }),
            other => value.push(other),
        }
    }
    panic!("no closing quote: {line}")
}
