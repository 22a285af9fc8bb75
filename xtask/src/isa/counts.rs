//! Instruction counts of one shader in one variant.

use std::collections::BTreeMap;

use crate::shell::{Failure, Outcome};

/// Midstates on a shared schedule, for the cost per nonce.
const SHARED: u64 = 4;

/// The facts that a compiler reports about one shader in one variant, for one GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) compiler: String,
    pub(crate) gpu: String,
    pub(crate) shader: String,
    pub(crate) variant: String,
    facts: BTreeMap<String, u64>,
}

impl Count {
    /// Reads the output of the probe: shader, variant, name and value, one fact per line.
    ///
    /// # Errors
    /// If there are no facts.
    pub(crate) fn of_lines(compiler: &str, gpu: &str, lines: &str) -> Outcome<Vec<Self>> {
        let mut counts: Vec<Self> = Vec::new();
        for line in lines.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            let [shader, variant, name, value] = words.as_slice() else { continue };
            let Ok(value) = value.parse() else { continue };
            let at = counts.iter().position(|count| count.shader == *shader && count.variant == *variant);
            let at = at.unwrap_or_else(|| {
                let own = |word: &str| word.to_owned();
                let (compiler, gpu, shader, variant) = (own(compiler), own(gpu), own(shader), own(variant));
                counts.push(Self { compiler, gpu, shader, variant, facts: BTreeMap::new() });
                counts.len() - 1
            });
            counts[at].facts.insert((*name).to_owned(), value);
        }
        if counts.is_empty() {
            Err(Failure::new(format!("{compiler} reported no counts for {gpu}")))
        } else {
            Ok(counts)
        }
    }

    /// The fact with this name.
    pub(crate) fn fact(&self, name: &str) -> Option<u64> {
        self.facts.get(name).copied()
    }

    /// Instructions per hash: for a search those of a nonce that is no hit, for other shaders all.
    pub(crate) fn per_hash(&self) -> Option<f64> {
        let of = |name| self.fact(name).map(|value| value as f64);
        match self.shader.as_str() {
            "search_one" => of("turn"),
            "search_shared" => Some(of("shared")? / SHARED as f64 + of("own")?),
            _ => of("whole"),
        }
    }
}

/// The count with the fewest instructions per hash.
pub(crate) fn best(counts: &[Count], is_wanted: impl Fn(&Count) -> bool) -> Option<&Count> {
    let wanted = counts.iter().filter(|count| is_wanted(count) && count.per_hash().is_some());
    wanted.min_by(|one, other| one.per_hash().partial_cmp(&other.per_hash()).expect("counts are numbers"))
}

/// All counts as the lines of a table.
pub(crate) fn table(counts: &[Count]) -> Vec<String> {
    let head = format!(
        "{:<8} {:<7} {:<18} {:<18} {:>8} {:>6} {:>9} {:>6} {:>6} {:>5}",
        "compiler", "GPU", "shader", "variant", "per hash", "whole", "registers", "spills", "code", "waves"
    );
    std::iter::once(head).chain(counts.iter().map(row)).collect()
}

fn row(count: &Count) -> String {
    let fact = |name| count.fact(name).map_or("-".to_owned(), |value| value.to_string());
    let per_hash = count.per_hash().map_or("-".to_owned(), |value| format!("{value:.1}"));
    format!(
        "{:<8} {:<7} {:<18} {:<18} {per_hash:>8} {:>6} {:>9} {:>6} {:>6} {:>5}",
        count.compiler,
        count.gpu,
        count.shader,
        count.variant,
        fact("whole"),
        fact("registers"),
        fact("spills"),
        fact("code_bytes"),
        fact("waves")
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Counts of two variants; the second one is better.
    pub(crate) fn sample() -> Vec<Count> {
        let lines = "device\tsomething\nsearch_one\ta\tturn\t2600\n\
                     search_one\ta\twhole\t2620\nsearch_one\tb\tturn\t2500\n\
                     search_one\tb\tspills\t0\nsearch_shared\tb\tshared\t400\nsearch_shared\tb\town\t2100\n\
                     nodes\ta\twhole\t4000\nnodes\tb\twhole\t3900\n";
        Count::of_lines("C", "G", lines).unwrap()
    }

    #[test]
    fn a_hash_costs_one_iteration_and_with_shared_midstates_a_quarter_of_the_shared_part() {
        let counts = sample();
        let cost = |shader| best(&counts, |count| count.shader == shader).and_then(Count::per_hash);
        assert_eq!(
            (cost("search_one"), cost("search_shared"), cost("nodes")),
            (Some(2500.0), Some(2200.0), Some(3900.0))
        );
        assert_eq!(cost("headers"), None);
    }

    #[test]
    fn output_without_counts_is_an_error() {
        assert!(Count::of_lines("C", "G", "device\tsomething\n").is_err());
    }
}
