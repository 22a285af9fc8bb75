//! What a job searched, as runs that are expanded only as far as a caller asks.

use std::fmt;
use std::sync::Arc;

use cityseal_chain::{Coverage, CoverageError, CoverageRun, DeviceTag, SearchSpace, Stretch};

/// Tags from here on belong to devices of an earlier search; those below are indices of the engine's devices.
const PRIOR_TAG_FIRST: u16 = 1 << 15;

/// One run of nonces that one device searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageSpan {
    /// The extranonce, if the template has a coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time.
    pub time: u32,
    /// The first nonce.
    pub nonce_first: u32,
    /// The last nonce, inclusive.
    pub nonce_last: u32,
    /// The device's name.
    pub device: String,
}

impl fmt::Display for CoverageSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extranonce) = self.extranonce {
            write!(f, "extranonce {extranonce}, ")?;
        }
        let Self { version, time, nonce_first, nonce_last, device, .. } = self;
        write!(f, "version {version:08x}, time {time}, nonces {nonce_first}..={nonce_last} on {device}")
    }
}

/// Consecutive points of a space, in its order, that one device searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchedRun {
    /// The points.
    pub stretch: Stretch,
    /// The device's name.
    pub device: String,
}

/// What a job searched. Clones share it. Its memory is proportional to the number of runs, however many cells (of one
/// extranonce, version and time) they span.
#[derive(Clone)]
pub struct SealCoverage(Arc<Parts>);

struct Parts {
    coverage: Coverage,
    names: DeviceNames,
}

impl fmt::Debug for SealCoverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not every run: there may be thousands.
        let first: Vec<SearchedRun> = self.runs().take(8).collect();
        f.debug_struct("SealCoverage").field("runs", &self.run_count()).field("first", &first).finish()
    }
}

impl SealCoverage {
    pub(crate) fn new(coverage: Coverage, names: DeviceNames) -> Self {
        Self(Arc::new(Parts { coverage, names }))
    }

    /// Number of hashes.
    pub fn volume(&self) -> u128 {
        self.0.coverage.volume()
    }

    /// Number of runs.
    pub fn run_count(&self) -> usize {
        self.0.coverage.run_count()
    }

    /// The runs, sorted and disjoint.
    pub fn runs(&self) -> impl Iterator<Item = SearchedRun> + '_ {
        let name = |tag| self.0.names.of(tag).to_owned();
        self.0.coverage.runs().map(move |run| SearchedRun { stretch: run.stretch, device: name(run.device) })
    }

    /// The searched spans: sorted by (extranonce, version index, time, nonce), disjoint. A run may hold any number of
    /// them, so take only as many as you need.
    pub fn iter(&self) -> impl Iterator<Item = CoverageSpan> + '_ {
        self.0.coverage.entries().map(|entry| CoverageSpan {
            extranonce: entry.extranonce,
            version: entry.version,
            time: entry.time,
            nonce_first: entry.nonce_first,
            nonce_last: entry.nonce_last,
            device: self.0.names.of(entry.device).to_owned(),
        })
    }

    /// Whether there are more than `count` spans. Makes at most `count + 1` of them.
    pub fn has_more_than(&self, count: usize) -> bool {
        self.0.coverage.entries().nth(count).is_some()
    }
}

/// The names of devices by their tags.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeviceNames {
    /// By index in the engine.
    pub(crate) current: Vec<String>,
    /// Of an earlier search, from [`PRIOR_TAG_FIRST`] on.
    pub(crate) prior: Vec<String>,
}

impl DeviceNames {
    /// The tags of a device, which may have one in this search and one in an earlier search.
    pub(crate) fn tags_of(&self, index: usize) -> impl Iterator<Item = DeviceTag> {
        let prior = self.prior.iter().position(|name| *name == self.current[index]);
        [DeviceTag(index as u16)].into_iter().chain(prior.map(prior_tag))
    }

    fn of(&self, tag: DeviceTag) -> &str {
        let name = match tag.0.checked_sub(PRIOR_TAG_FIRST) {
            Some(prior) => self.prior.get(usize::from(prior)),
            None => self.current.get(usize::from(tag.0)),
        };
        name.map_or("unknown", String::as_str)
    }
}

/// What an earlier search of the same space covered.
#[derive(Clone, Debug)]
pub(crate) struct PriorCoverage {
    pub(crate) coverage: Coverage,
    /// The names of its devices.
    pub(crate) names: Vec<String>,
}

impl PriorCoverage {
    /// Checks the runs of an earlier search. Its devices get tags of their own: an engine's device indices change from
    /// run to run, and a device that gives a wrong answer now does not revoke what was trusted then.
    pub(crate) fn new(space: SearchSpace, runs: impl IntoIterator<Item = SearchedRun>) -> Result<Self, CoverageError> {
        let mut names: Vec<String> = Vec::new();
        let mut coverage = Coverage::new(space);
        for run in runs {
            let index = names.iter().position(|name| *name == run.device).unwrap_or_else(|| {
                names.push(run.device);
                names.len() - 1
            });
            coverage.record_run(CoverageRun { stretch: run.stretch, device: prior_tag(index) })?;
        }
        Ok(Self { coverage, names })
    }
}

/// The tag of a device of an earlier search. Far more devices than a machine has share the last tag.
fn prior_tag(index: usize) -> DeviceTag {
    DeviceTag(PRIOR_TAG_FIRST + index.min(usize::from(u16::MAX - PRIOR_TAG_FIRST)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_shows_its_extranonce_only_if_the_template_has_one() {
        let (device, version) = ("cpu".to_owned(), 0x2000_0000);
        let span = CoverageSpan { extranonce: None, version, time: 7, nonce_first: 0, nonce_last: 9, device };
        assert_eq!(span.to_string(), "version 20000000, time 7, nonces 0..=9 on cpu");
        let rolled = CoverageSpan { extranonce: Some(3), ..span };
        assert_eq!(rolled.to_string(), "extranonce 3, version 20000000, time 7, nonces 0..=9 on cpu");
    }
}
