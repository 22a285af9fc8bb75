//! Expressions over 32-bit words, folded while they are built.
//!
//! A [`Graph`] holds each expression once. Constants are folded immediately. In a sum, all terms that the host can
//! compute beforehand (constants, words of the batch, words of the midstate) become one term, which the host computes.
//! Expressions that depend on the lane are left for the device.

use std::collections::HashMap;

use crate::sha256::{Sigma, ch, maj};

/// The inputs that an expression depends on: a set of three kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Depends(u8);

impl Depends {
    /// No inputs: a constant.
    pub const NOTHING: Self = Self(0);
    /// Words that are the same for all hashes of a batch.
    pub const BATCH: Self = Self(1);
    /// The midstate.
    pub const MIDSTATE: Self = Self(2);
    /// Words that differ from lane to lane: the nonce, or the message.
    pub const LANE: Self = Self(4);

    /// Whether it includes all of `other`.
    pub const fn on(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the host can compute the expression before the batch is sent.
    pub const fn is_host(self) -> bool {
        !self.on(Self::LANE)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Identifies an expression of one [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);

impl Value {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An expression's outermost operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A known word.
    Constant(u32),
    /// A named input word.
    Input(String),
    /// The sum of at least two terms, modulo 2^32.
    Sum(Vec<Value>),
    /// One of the four sigma functions.
    Sigma(Sigma, Value),
    /// Ch(e, f, g): the bits of f where e has ones, and of g where e has zeros.
    Ch(Value, Value, Value),
    /// Maj(a, b, c): each bit is the majority of the three.
    Maj(Value, Value, Value),
}

impl Node {
    /// Its operands.
    pub fn operands(&self) -> Vec<Value> {
        match self {
            Self::Constant(_) | Self::Input(_) => Vec::new(),
            Self::Sum(terms) => terms.clone(),
            Self::Sigma(_, x) => vec![*x],
            Self::Ch(x, y, z) | Self::Maj(x, y, z) => vec![*x, *y, *z],
        }
    }
}

/// The name and the heading of an expression, for the printed code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name of its value.
    pub name: String,
    /// The heading under which it is printed.
    pub part: String,
}

#[derive(Clone, Debug)]
struct Entry {
    node: Node,
    depends: Depends,
    label: Option<Label>,
}

/// A set of expressions. Each is stored once, after its operands.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    entries: Vec<Entry>,
    known: HashMap<Node, Value>,
    part: String,
}

impl Graph {
    /// Sets the heading of the labels that follow.
    pub fn begin_part(&mut self, part: impl Into<String>) {
        self.part = part.into();
    }

    /// A known word.
    pub fn constant(&mut self, word: u32) -> Value {
        self.intern(Node::Constant(word), Depends::NOTHING)
    }

    /// A named input word.
    pub fn input(&mut self, name: impl Into<String>, depends: Depends) -> Value {
        self.intern(Node::Input(name.into()), depends)
    }

    /// Names the value, unless it has a name, is a constant or an input.
    pub fn label(&mut self, value: Value, name: impl Into<String>) -> Value {
        let entry = &mut self.entries[value.index()];
        if entry.label.is_none() && !matches!(entry.node, Node::Constant(_) | Node::Input(_)) {
            entry.label = Some(Label { name: name.into(), part: self.part.clone() });
        }
        value
    }

    /// One of the four sigma functions.
    pub fn sigma(&mut self, sigma: Sigma, x: Value) -> Value {
        match self.as_constant(x) {
            Some(word) => self.constant(sigma.of(word)),
            None => self.intern(Node::Sigma(sigma, x), self.depends(x)),
        }
    }

    /// Ch(e, f, g).
    pub fn ch(&mut self, e: Value, f: Value, g: Value) -> Value {
        match (self.as_constant(e), self.as_constant(f), self.as_constant(g)) {
            (Some(e), Some(f), Some(g)) => self.constant(ch(e, f, g)),
            _ => self.intern(Node::Ch(e, f, g), self.depends_of(&[e, f, g])),
        }
    }

    /// Maj(a, b, c).
    pub fn maj(&mut self, a: Value, b: Value, c: Value) -> Value {
        match (self.as_constant(a), self.as_constant(b), self.as_constant(c)) {
            (Some(a), Some(b), Some(c)) => self.constant(maj(a, b, c)),
            _ => self.intern(Node::Maj(a, b, c), self.depends_of(&[a, b, c])),
        }
    }

    /// The sum of the terms. The part that the host computes is named `{name}_fixed`.
    pub fn sum(&mut self, name: &str, terms: &[Value]) -> Value {
        let (host, mut words): (Vec<Value>, Vec<Value>) = terms.iter().partition(|term| self.depends(**term).is_host());
        let is_part = !words.is_empty();
        words.extend(self.host_sum(name, &host, is_part));
        match words.as_slice() {
            [] => self.constant(0),
            [only] => *only,
            _ => {
                let depends = self.depends_of(&words);
                self.intern(Node::Sum(words), depends)
            }
        }
    }

    /// [`Self::sum`], labelled with `name`.
    pub fn named_sum(&mut self, name: String, terms: &[Value]) -> Value {
        let sum = self.sum(&name, terms);
        self.label(sum, name)
    }

    /// Folds the terms that the host can compute into one; `None` if their sum is zero.
    fn host_sum(&mut self, name: &str, terms: &[Value], is_part: bool) -> Option<Value> {
        let mut constant = 0_u32;
        let mut words = Vec::new();
        for &term in terms {
            self.spread_host_term(term, &mut constant, &mut words);
        }
        if constant != 0 {
            words.push(self.constant(constant));
        }
        if let [] | [_] = words.as_slice() {
            return words.first().copied();
        }
        let depends = self.depends_of(&words);
        let value = self.intern(Node::Sum(words), depends);
        Some(if is_part { self.label(value, format!("{name}_fixed")) } else { value })
    }

    fn spread_host_term(&self, term: Value, constant: &mut u32, words: &mut Vec<Value>) {
        match self.node(term) {
            Node::Constant(word) => *constant = constant.wrapping_add(*word),
            Node::Sum(inner) => inner.iter().for_each(|&t| self.spread_host_term(t, constant, words)),
            Node::Input(_) | Node::Sigma(..) | Node::Ch(..) | Node::Maj(..) => words.push(term),
        }
    }

    /// The expression's outermost operation.
    pub fn node(&self, value: Value) -> &Node {
        &self.entries[value.index()].node
    }

    /// The inputs that the expression depends on.
    pub fn depends(&self, value: Value) -> Depends {
        self.entries[value.index()].depends
    }

    /// The expression's label, if it has one.
    pub fn label_of(&self, value: Value) -> Option<&Label> {
        self.entries[value.index()].label.as_ref()
    }

    /// Every value that the outputs need, each after its operands.
    pub fn reachable(&self, outputs: &[Value]) -> Vec<Value> {
        let mut needed = vec![false; self.entries.len()];
        for output in outputs {
            needed[output.index()] = true;
        }
        for index in (0..self.entries.len()).rev() {
            if needed[index] {
                for operand in self.entries[index].node.operands() {
                    needed[operand.index()] = true;
                }
            }
        }
        (0..self.entries.len()).filter(|&index| needed[index]).map(|index| Value(index as u32)).collect()
    }

    /// The values of [`Self::reachable`] that the device computes.
    pub fn on_device(&self, outputs: &[Value]) -> Vec<Value> {
        let on_lane = |value: &Value| !self.depends(*value).is_host() && !matches!(self.node(*value), Node::Input(_));
        self.reachable(outputs).into_iter().filter(on_lane).collect()
    }

    /// The values that the host computes and the device uses, each once, without constants.
    pub fn host_values(&self, outputs: &[Value]) -> Vec<Value> {
        let device = self.on_device(outputs);
        let mut values: Vec<Value> = device.iter().flat_map(|&value| self.node(value).operands()).collect();
        values.retain(|&value| self.depends(value).is_host() && self.as_constant(value).is_none());
        values.sort_unstable();
        values.dedup();
        values
    }

    /// For each value the needed values that use it, once per use.
    pub fn users(&self, outputs: &[Value]) -> HashMap<Value, Vec<Value>> {
        let mut users: HashMap<Value, Vec<Value>> = HashMap::new();
        for value in self.reachable(outputs) {
            for operand in self.node(value).operands() {
                users.entry(operand).or_default().push(value);
            }
        }
        users
    }

    /// The word, if the value is a constant.
    pub fn as_constant(&self, value: Value) -> Option<u32> {
        match self.node(value) {
            Node::Constant(word) => Some(*word),
            Node::Input(_) | Node::Sum(_) | Node::Sigma(..) | Node::Ch(..) | Node::Maj(..) => None,
        }
    }

    fn depends_of(&self, values: &[Value]) -> Depends {
        values.iter().fold(Depends::NOTHING, |all, value| all.and(self.depends(*value)))
    }

    fn intern(&mut self, node: Node, depends: Depends) -> Value {
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let value = Value(self.entries.len() as u32);
        self.known.insert(node.clone(), value);
        self.entries.push(Entry { node, depends, label: None });
        value
    }
}

/// Input words by name.
pub type Words = HashMap<String, u32>;

impl Graph {
    /// Computes the outputs from the inputs.
    ///
    /// # Panics
    /// If a needed input is missing.
    pub fn evaluate(&self, outputs: &[Value], inputs: &Words) -> Vec<u32> {
        let mut words: HashMap<Value, u32> = HashMap::new();
        for value in self.reachable(outputs) {
            let word = self.evaluate_one(value, inputs, &words);
            words.insert(value, word);
        }
        outputs.iter().map(|output| words[output]).collect()
    }

    fn evaluate_one(&self, value: Value, inputs: &Words, words: &HashMap<Value, u32>) -> u32 {
        match self.node(value) {
            Node::Constant(word) => *word,
            Node::Input(name) => inputs[name],
            Node::Sum(terms) => terms.iter().fold(0, |sum: u32, term| sum.wrapping_add(words[term])),
            Node::Sigma(sigma, x) => sigma.of(words[x]),
            Node::Ch(e, f, g) => ch(words[e], words[f], words[g]),
            Node::Maj(a, b, c) => maj(words[a], words[b], words[c]),
        }
    }
}
