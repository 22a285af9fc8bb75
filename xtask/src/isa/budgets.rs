//! Instruction budgets: the most instructions of the best variant of each shader, as each compiler counts them.

use std::fmt;

use super::counts::{Count, best};

/// Size of an AMD instruction cache in bytes.
const AMD_CODE_BYTES_MAX: u64 = 32 * 1024;

/// The least saving of four midstates on a shared schedule, in percent of the best search with one midstate.
const SHARED_SAVES_PERCENT: f64 = 10.0;

/// The most instructions per hash of one compiler for one kind of GPU.
struct Budget {
    compiler: &'static str,
    gpu: &'static str,
    search_one: u32,
    /// For each of [`HASHES`], at most 1 % above the first count; `None` if the compiler compiles only the searches.
    hashes: Option<[u32; 5]>,
}

/// The shaders that hash whole items or nodes.
const HASHES: [&str; 5] = ["headers", "nodes", "rfc6962_nodes", "tree_nodes", "rfc6962_tree_nodes"];

const fn budget((compiler, gpu): (&'static str, &'static str), search_one: u32, hashes: Option<[u32; 5]>) -> Budget {
    Budget { compiler, gpu, search_one, hashes }
}

/// RADV of Mesa 26 needs the same number of instructions on all generations of RDNA, within five.
const RADV_26: Option<[u32; 5]> = Some([4_279, 3_859, 2_863, 3_930, 2_920]);

const BUDGETS: [Budget; 7] = [
    budget(("RADV 25", "RDNA 3"), 2_850, Some([4_660, 4_240, 3_118, 4_310, 3_180])),
    budget(("RADV 26", "RDNA 1"), 2_575, RADV_26),
    budget(("RADV 26", "RDNA 2"), 2_575, RADV_26),
    budget(("RADV 26", "RDNA 3"), 2_575, RADV_26),
    budget(("RADV 26", "RDNA 4"), 2_575, RADV_26),
    budget(("NVK 26", "Ada"), 2_500, Some([4_328, 3_892, 2_950, 4_160, 3_200])),
    budget(("ptxas", "Ada"), 2_490, None),
];

/// The result for one budget.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    what: String,
    found: f64,
    max: f64,
    pub(crate) holds: bool,
}

impl Verdict {
    fn new(what: String, found: f64, max: f64) -> Self {
        Self { what, found, max, holds: found <= max }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds { "holds " } else { "BROKEN" };
        write!(f, "{word} {}: {:.1} of {:.1}", self.what, self.found, self.max)
    }
}

/// Checks every budget whose compiler was run. A missing count breaks its budget.
pub(crate) fn check(counts: &[Count]) -> Vec<Verdict> {
    let was_run = |budget: &&Budget| counts.iter().any(|count| count.compiler == budget.compiler);
    BUDGETS.iter().filter(was_run).flat_map(|budget| check_one(budget, counts)).collect()
}

fn check_one(budget: &Budget, counts: &[Count]) -> Vec<Verdict> {
    let own: Vec<Count> =
        counts.iter().filter(|count| count.compiler == budget.compiler && count.gpu == budget.gpu).cloned().collect();
    let name = |what: &str| format!("{} on {}, {what}", budget.compiler, budget.gpu);
    let cost = |shader: &str| best(&own, |count| count.shader == shader);
    let per_hash = |shader: &str| cost(shader).and_then(Count::per_hash).unwrap_or(f64::INFINITY);
    let one = per_hash("search_one");
    let shared_max = one.min(f64::from(budget.search_one)) * (1.0 - SHARED_SAVES_PERCENT / 100.0);
    let mut verdicts = vec![
        Verdict::new(name("a nonce"), one, f64::from(budget.search_one)),
        Verdict::new(name("a nonce with 4 midstates"), per_hash("search_shared"), shared_max),
    ];
    for (shader, max) in HASHES.iter().zip(budget.hashes.iter().flatten()) {
        verdicts.push(Verdict::new(name(shader), per_hash(shader), f64::from(*max)));
    }
    for shader in ["search_one", "search_shared"].iter().chain(&HASHES) {
        verdicts.extend(cost(shader).map(|count| {
            let spills = count.fact("spills").map_or(f64::INFINITY, |spills| spills as f64);
            Verdict::new(name(&format!("spills of {shader}")), spills, 0.0)
        }));
    }
    if budget.compiler.starts_with("RADV") {
        for shader in ["search_one", "search_shared"] {
            let bytes = cost(shader).and_then(|count| count.fact("code_bytes")).map_or(f64::INFINITY, |b| b as f64);
            verdicts.push(Verdict::new(name(&format!("bytes of {shader}")), bytes, AMD_CODE_BYTES_MAX as f64));
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(turn: u32, own: u32) -> Vec<Count> {
        let lines = format!(
            "search_one\ta\tturn\t{turn}\nsearch_one\ta\tspills\t0\n\
             search_one\tb\tturn\t9999\nsearch_one\tb\tspills\t7\n\
             search_shared\ta\tshared\t400\nsearch_shared\ta\town\t{own}\nsearch_shared\ta\tspills\t0\n"
        );
        Count::of_lines("ptxas", "Ada", &lines).unwrap()
    }

    fn broken(counts: &[Count]) -> Vec<String> {
        check(counts).into_iter().filter(|verdict| !verdict.holds).map(|verdict| verdict.what).collect()
    }

    #[test]
    fn the_best_variant_may_reach_its_budget_but_not_exceed_it() {
        assert_eq!(broken(&counts(2_490, 2_141)), [""; 0]);
        assert_eq!(broken(&counts(2_491, 2_141)), ["ptxas on Ada, a nonce"]);
        assert_eq!(broken(&counts(2_490, 2_142)), ["ptxas on Ada, a nonce with 4 midstates"]);
    }

    #[test]
    fn a_missing_count_breaks_its_budget_and_compilers_that_were_not_run_are_skipped() {
        let only_nodes = Count::of_lines("ptxas", "Ada", "nodes\ta\twhole\t1\n").unwrap();
        assert_eq!(broken(&only_nodes)[0], "ptxas on Ada, a nonce");
        assert!(check(&[]).is_empty());
    }
}
