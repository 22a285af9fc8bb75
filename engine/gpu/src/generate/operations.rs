//! Counts the operations of one hash on a device.

use std::collections::HashSet;

use super::graph::{Graph, Node, Value};

/// Numbers of operations by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Additions of two words.
    pub adds_of_two: usize,
    /// Additions, if one instruction can add three words.
    pub adds_of_three: usize,
    /// Rotations.
    pub rotates: usize,
    /// Shifts.
    pub shifts: usize,
    /// And, or, exclusive or of two words.
    pub logic_of_two: usize,
    /// The same, if one instruction computes any function of three bits.
    pub logic_of_three: usize,
}

impl Operations {
    /// Counts the operations of the values, without those of their operands.
    pub fn of(graph: &Graph, values: impl IntoIterator<Item = Value>) -> Self {
        let mut all = Self::default();
        let mut pairs = HashSet::new();
        for value in values {
            all.add(graph, graph.node(value), &mut pairs);
        }
        all
    }

    /// All operations of a machine whose instructions take two operands.
    pub const fn of_two(&self) -> usize {
        self.adds_of_two + self.rotates + self.shifts + self.logic_of_two
    }

    /// All operations of a machine with instructions for adding three words and for any function of three bits.
    pub const fn of_three(&self) -> usize {
        self.adds_of_three + self.rotates + self.shifts + self.logic_of_three
    }

    fn add(&mut self, graph: &Graph, node: &Node, pairs: &mut HashSet<(Value, Value)>) {
        match node {
            Node::Constant(_) | Node::Input(_) => {}
            Node::Sum(terms) => {
                self.adds_of_two += terms.len() - 1;
                self.adds_of_three += terms.len() / 2;
            }
            Node::Sigma(sigma, _) => {
                self.shifts += sigma.shifts();
                self.rotates += 3 - sigma.shifts();
                self.logic_of_two += 2;
                self.logic_of_three += 1;
            }
            Node::Ch(..) => {
                self.logic_of_two += 3;
                self.logic_of_three += 1;
            }
            Node::Maj(a, b, c) => {
                // b ^ ((a ^ b) & (b ^ c)): b ^ c was computed as a ^ b of the round before.
                let mut is_new = |pair: &(Value, Value)| !both_from_host(graph, *pair) && pairs.insert(*pair);
                self.logic_of_two += 2 + [(*a, *b), (*b, *c)].iter().filter(|pair| is_new(pair)).count();
                self.logic_of_three += 1;
            }
        }
    }
}

fn both_from_host(graph: &Graph, (x, y): (Value, Value)) -> bool {
    graph.depends(x).is_host() && graph.depends(y).is_host()
}
