//! Prints expressions as WGSL: one named value per line, and a comment at the start of each round.

use std::fmt::Write as _;

use super::graph::{Depends, Graph, Node, Value};
use crate::sha256::Sigma;

/// The lines of one part of a function, under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The heading, printed as a comment.
    pub(crate) heading: String,
    /// The statements, without indentation.
    pub(crate) lines: Vec<String>,
}

/// The statements that compute `values`, which are in order and include all their operands and all `outputs`.
pub(crate) fn statements(graph: &Graph, values: &[Value], outputs: &[Value]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for &value in values {
        let Some(label) = graph.label_of(value) else {
            assert!(!outputs.contains(&value), "an output has a name");
            continue;
        };
        if parts.last().is_none_or(|part| part.heading != label.part) {
            parts.push(Part { heading: label.part.clone(), lines: Vec::new() });
        }
        let line = format!("let {} = {};", label.name, operation(graph, value));
        parts.last_mut().expect("a part was pushed just above").lines.push(line);
    }
    parts
}

/// The value as an operand: its name, or its expression if it has no name.
pub(crate) fn operand(graph: &Graph, value: Value) -> String {
    let depends = graph.depends(value);
    match (graph.node(value), graph.label_of(value)) {
        (Node::Constant(word), _) => format!("{word:#010x}u"),
        (Node::Input(name), _) => from_host(depends, name),
        (_, Some(label)) => from_host(depends, &label.name),
        (_, None) => operation(graph, value),
    }
}

/// A name, with the prefix of the buffer that the host writes it to.
fn from_host(depends: Depends, name: &str) -> String {
    if depends.on(Depends::LANE) {
        name.to_owned()
    } else if depends.on(Depends::MIDSTATE) {
        format!("mid.{name}")
    } else {
        format!("fixed.{name}")
    }
}

fn operation(graph: &Graph, value: Value) -> String {
    let list = |values: &[Value], between: &str| {
        values.iter().map(|value| operand(graph, *value)).collect::<Vec<_>>().join(between)
    };
    match graph.node(value) {
        Node::Constant(_) | Node::Input(_) => operand(graph, value),
        Node::Sum(terms) => list(terms, " + "),
        Node::Sigma(sigma, x) => format!("{}({})", sigma_name(*sigma), operand(graph, *x)),
        Node::Ch(e, f, g) => format!("ch({})", list(&[*e, *f, *g], ", ")),
        Node::Maj(a, b, c) => format!("maj({})", list(&[*a, *b, *c], ", ")),
    }
}

/// The functions' names, after the Greek letters of FIPS 180-4.
const fn sigma_name(sigma: Sigma) -> &'static str {
    match sigma {
        Sigma::Big0 => "Sigma0",
        Sigma::Big1 => "Sigma1",
        Sigma::Small0 => "sigma0",
        Sigma::Small1 => "sigma1",
    }
}

/// Text that is written line by line, with an index of its parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    written: String,
    lines: usize,
    index: Vec<(String, usize)>,
}

impl Text {
    /// Adds one line at the given indentation depth.
    pub(crate) fn line(&mut self, depth: usize, line: &str) {
        let indent = if line.is_empty() { 0 } else { 4 * depth };
        let _infallible = writeln!(self.written, "{:indent$}{line}", "");
        self.lines += 1;
    }

    /// Adds an index entry: `title` begins with the next line.
    pub(crate) fn index(&mut self, title: impl Into<String>) {
        self.index.push((title.into(), self.lines + 1));
    }

    /// Adds parts, each with its comment, and an index entry for each compression.
    pub(crate) fn parts(&mut self, depth: usize, parts: &[Part]) {
        let mut compression = "";
        for part in parts {
            let (name, rest) = part.heading.split_once(": ").unwrap_or((&part.heading, ""));
            if name != compression {
                compression = name;
                self.index(name);
            }
            let short = name.split(',').next().unwrap_or_default();
            self.line(depth, &format!("// {short}: {rest}"));
            part.lines.iter().for_each(|line| self.line(depth, line));
        }
    }

    /// The text below a head of comment lines and the index. Line numbers are those of the whole file.
    pub(crate) fn under(self, head: &[String]) -> String {
        let before = head.len() + self.index.len() + 2;
        let mut whole = String::new();
        let mut put = |line: &str| {
            let _infallible = writeln!(whole, "{}", format!("// {line}").trim_end());
        };
        for line in head {
            put(line);
        }
        put("");
        for (title, line) in &self.index {
            put(&format!("  line {:>4}  {title}", line + before));
        }
        whole.push('\n');
        whole + &self.written
    }
}
