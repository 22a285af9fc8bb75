//! Merges sums into the sums that use them, which saves additions.
//!
//! A device adds three words at once, and the host adds fixed words. So a sum need not be computed separately if it has
//! only one user, or if each of its users has a fixed word that its own fixed word can join.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Node, Value};

/// Whether a sum may be merged into one that depends on more inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Always.
    Always,
    /// Only if both depend on the same inputs, so that values shared by all midstates stay outside the loop over them.
    WithinSharing,
}

/// Returns the expressions after merging, and the new outputs.
pub fn merge_sums(graph: &Graph, outputs: &[Value], merge: Merge) -> (Graph, Vec<Value>) {
    let outputs_set = outputs.iter().copied().collect();
    let mut merger = Merger {
        old: graph,
        outputs: outputs_set,
        users: graph.users(outputs),
        merge,
        new: Graph::default(),
        map: HashMap::new(),
    };
    for value in graph.reachable(outputs) {
        merger.copy(value);
    }
    let outputs = outputs.iter().map(|output| merger.map[output]).collect();
    (merger.new, outputs)
}

struct Merger<'a> {
    old: &'a Graph,
    outputs: HashSet<Value>,
    users: HashMap<Value, Vec<Value>>,
    merge: Merge,
    new: Graph,
    map: HashMap<Value, Value>,
}

impl Merger<'_> {
    fn copy(&mut self, value: Value) {
        let label = self.old.label_of(value).cloned();
        self.new.begin_part(label.as_ref().map_or("", |label| label.part.as_str()));
        let copied = match self.old.node(value).clone() {
            Node::Constant(word) => self.new.constant(word),
            Node::Input(name) => self.new.input(name, self.old.depends(value)),
            Node::Sum(_) => {
                let mut terms = Vec::new();
                self.spread(value, value, &mut terms);
                self.new.sum(label.as_ref().map_or("", |label| label.name.as_str()), &terms)
            }
            Node::Sigma(sigma, x) => self.new.sigma(sigma, self.map[&x]),
            Node::Ch(e, f, g) => self.new.ch(self.map[&e], self.map[&f], self.map[&g]),
            Node::Maj(a, b, c) => self.new.maj(self.map[&a], self.map[&b], self.map[&c]),
        };
        if let Some(label) = label {
            self.new.label(copied, label.name);
        }
        self.map.insert(value, copied);
    }

    fn spread(&self, root: Value, sum: Value, terms: &mut Vec<Value>) {
        for term in self.old.node(sum).operands() {
            if self.may_merge(root, term) { self.spread(root, term, terms) } else { terms.push(self.map[&term]) }
        }
    }

    fn may_merge(&self, root: Value, term: Value) -> bool {
        let Node::Sum(terms) = self.old.node(term) else { return false };
        let depends = self.old.depends(term);
        let same = self.merge == Merge::Always || self.old.depends(root) == depends;
        let is_inner = !depends.is_host() && !self.outputs.contains(&term);
        is_inner && same && (self.users[&term].len() == 1 || self.is_pair_that_joins(terms, term))
    }

    /// Whether the sum has two terms, one of them fixed, and each of its users is a sum with a fixed word.
    fn is_pair_that_joins(&self, terms: &[Value], sum: Value) -> bool {
        terms.len() == 2 && self.has_fixed_word(sum) && self.users[&sum].iter().all(|user| self.has_fixed_word(*user))
    }

    fn has_fixed_word(&self, value: Value) -> bool {
        match self.old.node(value) {
            Node::Sum(terms) => terms.iter().any(|term| self.old.depends(*term).is_host()),
            Node::Constant(_) | Node::Input(_) | Node::Sigma(..) | Node::Ch(..) | Node::Maj(..) => false,
        }
    }
}
