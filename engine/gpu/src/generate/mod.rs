//! Writes the straight-line parts of the shaders.
//!
//! SHA-256 is described once ([`describe`]), as expressions that are folded while they are built ([`graph`],
//! [`merge`]). The same expressions give the WGSL under `shaders/` ([`files`]), its evaluation on the CPU
//! ([`graph::Graph::evaluate`]) and the number of its operations ([`operations`]). The engine does not run the
//! generator: it uses the committed WGSL, and a test compares that with the generator's output.

pub mod describe;
pub mod graph;
pub mod merge;
pub mod operations;
mod print;

use graph::{Depends, Graph, Value};
use merge::{Merge, merge_sums};
use print::{Text, operand, statements};

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name under `shaders/`.
    pub name: &'static str,
    /// Its whole text.
    pub text: String,
}

/// The expressions of one kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// All expressions.
    pub graph: Graph,
    /// The outputs, in order.
    pub outputs: Vec<Value>,
}

impl Kernel {
    fn of<const N: usize>(describe: fn(&mut Graph) -> [Value; N], merge: Merge) -> Self {
        let mut graph = Graph::default();
        let outputs = describe(&mut graph);
        let (graph, outputs) = merge_sums(&graph, &outputs, merge);
        Self { graph, outputs }
    }

    /// The search over one midstate.
    pub fn search_one() -> Self {
        Self::of(describe::search, Merge::Always)
    }

    /// The search over several midstates, which share the message schedule.
    pub fn search_shared() -> Self {
        Self::of(describe::search, Merge::WithinSharing)
    }

    /// The double hash of a header.
    pub fn header() -> Self {
        Self::of(describe::header, Merge::Always)
    }

    /// The double hash of a Merkle node.
    pub fn node() -> Self {
        Self::of(describe::node, Merge::Always)
    }

    /// The hash of a Merkle node of RFC 6962.
    pub fn rfc6962_node() -> Self {
        Self::of(describe::rfc6962_node, Merge::Always)
    }

    /// The values that the host computes, once per batch or once per midstate, in the order of their structs.
    pub fn host_values(&self, of_midstate: bool) -> Vec<Value> {
        let mut values = self.graph.host_values(&self.outputs);
        values.retain(|value| self.graph.depends(*value).on(Depends::MIDSTATE) == of_midstate);
        values
    }

    /// The names of [`Self::host_values`].
    pub fn host_names(&self, of_midstate: bool) -> Vec<String> {
        let name = |value: &Value| operand(&self.graph, *value).rsplit('.').next().unwrap_or_default().to_owned();
        self.host_values(of_midstate).iter().map(name).collect()
    }
}

/// Every generated file.
pub fn files() -> Vec<File> {
    vec![
        File { name: "search_one.wgsl", text: search_one_text() },
        File { name: "search_shared.wgsl", text: search_shared_text() },
        File { name: "header_hash.wgsl", text: hash_text(&Kernel::header(), "hash_header", HEADER) },
        File { name: "node_hash.wgsl", text: hash_text(&Kernel::node(), "hash_node", NODE) },
        File { name: "rfc6962_node_hash.wgsl", text: hash_text(&Kernel::rfc6962_node(), "hash_rfc6962_node", RFC6962) },
    ]
}

const REGENERATE: &str =
    "Generated: change engine/gpu/src/generate and run `cargo run -p cityseal-gpu --example write_shaders`.";

fn head(lines: &[&str]) -> Vec<String> {
    let fixed = [
        REGENERATE,
        "",
        "Names: h1_w17 is word 17 of the first compression's message schedule, h2_e5 is e after round 5 of the second.",
    ];
    lines.iter().chain(&fixed).map(|line| (*line).to_owned()).collect()
}

fn search_one_text() -> String {
    let Kernel { graph, outputs } = Kernel::search_one();
    let mut text = Text::default();
    text.line(0, "fn search_nonce(w3: u32, nonce: u32) {");
    text.line(1, "let fixed = &batch.fixed;");
    text.line(1, "let mid = &batch.midstates[0];");
    text.parts(1, &statements(&graph, &graph.on_device(&outputs), &outputs));
    text.line(1, &format!("report({}, nonce, 0u);", operand(&graph, outputs[0])));
    text.line(0, "}");
    text.under(&head(&[
        "Searches one nonce with one midstate: computes both hashes, without a loop, up to the word that is compared.",
        "",
        "mid and fixed hold values that the host computed, because they depend only on the midstate or the batch.",
    ]))
}

fn search_shared_text() -> String {
    let Kernel { graph, outputs } = Kernel::search_shared();
    let (own, shared): (Vec<Value>, Vec<Value>) =
        graph.on_device(&outputs).iter().partition(|value| graph.depends(**value).on(Depends::MIDSTATE));
    let mut text = Text::default();
    text.line(0, "fn search_nonce(w3: u32, nonce: u32) {");
    text.line(1, "let fixed = &batch.fixed;");
    text.parts(1, &statements(&graph, &shared, &[]));
    text.index("the loop over the midstates");
    text.line(1, "for (var m = 0u; m < batch.midstate_count; m++) {");
    text.line(2, "let mid = &batch.midstates[m];");
    text.parts(2, &statements(&graph, &own, &outputs));
    text.line(2, &format!("report({}, nonce, m);", operand(&graph, outputs[0])));
    text.line(1, "}");
    text.line(0, "}");
    text.under(&head(&[
        "Searches one nonce with several midstates. The message schedule of the first compression is the same for all.",
        "",
        "mid and fixed hold values that the host computed, because they depend only on the midstate or the batch.",
    ]))
}

/// The title of a hash, and the numbers of its input words and vectors.
type HashOf = (&'static str, usize, usize);

const HEADER: HashOf = ("double SHA-256 of a header", 20, 5);
const NODE: HashOf = ("double SHA-256 of a Merkle node", 16, 4);
const RFC6962: HashOf = ("SHA-256 of a Merkle node of RFC 6962", 17, 5);

fn hash_text(kernel: &Kernel, function: &str, (of, words, vectors): HashOf) -> String {
    let arguments = (0..vectors).map(|i| format!("m{i}: vec4<u32>")).collect::<Vec<_>>().join(", ");
    let Kernel { graph, outputs } = kernel;
    let results = outputs.iter().map(|output| operand(graph, *output)).collect::<Vec<_>>();
    let mut text = Text::default();
    text.line(0, &format!("fn {function}({arguments}) -> Hash {{"));
    text.parts(1, &statements(graph, &graph.on_device(outputs), outputs));
    text.line(
        1,
        &format!("return Hash(vec4<u32>({}), vec4<u32>({}));", results[..4].join(", "), results[4..].join(", ")),
    );
    text.line(0, "}");
    let title = format!("The {of}, without a loop: {words} big-endian words in, eight out.");
    text.under(&head(&[&title, "", "m2.y is word 9 of the message: each vector holds four words."]))
}
