//! Writes sums into the sums that use them, so that no addition is done that a wider one could do.
//!
//! A device adds three words at once, and fixed words are added by the host: where a sum has one user, or where each of
//! its users has a fixed word to join its own, it need not be computed by itself.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Node, Value};

/// Whether a sum may be written into another that hangs on more than it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Always.
    Always,
    /// Only where both hang on the same: what all midstates share stays outside of the loop over them.
    WithinSharing,
}

/// The same expressions after merging, and the outputs' new names.
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

    /// Whether the sum is a word and a fixed word, and each of its users is a sum with a fixed word.
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
