//! Facts about a compiled shader, with the same names for all compilers.
//!
//! `whole`: instructions of the shader (AMD: of the vector unit). `turn`: instructions of a nonce that is no hit; for a
//! search with several midstates `shared` (the shared part) and `own` (the part of each midstate). `registers`,
//! `spills`, `code_bytes`, `waves` (per unit of the GPU at once).

use crate::compile::Compiled;
use crate::flow::Flow;
use crate::listing::Dialect;

type Fact = (&'static str, u64);

/// The drivers' names, and the names used here. Values with the same name here are added.
const NAMES: [(&str, &str); 12] = [
    ("VALU", "whole"),
    ("Instruction count", "whole"),
    ("VGPRs", "registers"),
    ("Number of GPRs", "registers"),
    ("Spilled SGPRs", "spills"),
    ("Spilled VGPRs", "spills"),
    ("Spills to memory", "spills"),
    ("Scratch size", "spills"),
    ("SLM size", "spills"),
    ("Code size", "code_bytes"),
    ("Subgroups per SIMD", "waves"),
    ("Max warps/SM", "waves"),
];

/// The facts of a shader that a driver compiled.
pub(crate) fn of_compiled(compiled: &Compiled) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for (theirs, value) in &compiled.statistics {
        let Some((_, ours)) = NAMES.iter().find(|(name, _)| name == theirs) else { continue };
        let value: u64 = value.parse().unwrap_or_default();
        match facts.iter_mut().find(|(name, _)| name == ours) {
            Some((_, sum)) => *sum += value,
            None => facts.push((ours, value)),
        }
    }
    let flow = compiled.listings.iter().find_map(|(title, text)| Dialect::of_title(title)?.read(text));
    facts.extend(flow.iter().flat_map(turns));
    facts
}

/// The facts from a listing alone.
pub(crate) fn of_flow(flow: &Flow) -> Vec<Fact> {
    let whole = ("whole", u64::from(flow.whole()));
    std::iter::once(whole).chain(turns(flow)).collect()
}

fn turns(flow: &Flow) -> Vec<Fact> {
    match flow.turns().as_slice() {
        [turn] => vec![("turn", u64::from(*turn))],
        [shared, own] => vec![("shared", u64::from(*shared)), ("own", u64::from(*own))],
        _ => Vec::new(),
    }
}
