//! Writes a search as PTX for NVIDIA's assembler, only to count its instructions: on a device the engine runs the WGSL,
//! which NVIDIA's driver passes to the same assembler.
//!
//! The loop over the nonces and the handling of a hit are those of `shaders/search.wgsl`, without the tests
//! of the range and of the exact bound, which only a hit reaches.

use std::collections::HashMap;
use std::fmt::Write as _;

use cityseal_gpu::generate::Kernel;
use cityseal_gpu::generate::graph::{Depends, Graph, Node, Value};
use cityseal_gpu::sha256::Sigma;
use cityseal_gpu::shader::{Choose, Shader};

/// Bytes of one midstate's words.
const MIDSTATE_BYTES: usize = 80;

/// The text for one search.
pub(crate) fn text(shader: Shader, choose: Choose, target: &str) -> String {
    let is_shared = shader == Shader::SearchShared;
    let kernel = if is_shared { Kernel::search_shared() } else { Kernel::search_one() };
    let mut writer = Writer::new(&kernel, choose);
    writer.open(target);
    let values = kernel.graph.on_device(&kernel.outputs);
    let (own, shared): (Vec<Value>, Vec<Value>) =
        values.iter().partition(|value| !is_shared || kernel.graph.depends(**value).on(Depends::MIDSTATE));
    shared.iter().for_each(|value| writer.value(*value));
    if is_shared {
        writer.lines(&["mov.u64 %mid, midstates;", "mov.u32 %m, 0;", "MIDSTATES:"]);
    }
    own.iter().for_each(|value| writer.value(*value));
    writer.report(kernel.outputs[0]);
    if is_shared {
        let next = ["add.u32 %m, %m, 1;", "setp.lt.u32 %more, %m, %midstate_count;", "@%more bra MIDSTATES;"];
        writer.lines(&[&format!("add.u64 %mid, %mid, {MIDSTATE_BYTES};")]);
        writer.lines(&next);
    }
    writer.close()
}

struct Writer<'a> {
    graph: &'a Graph,
    choose: Choose,
    /// The address of each word of the host.
    host: HashMap<Value, String>,
    registers: HashMap<Value, usize>,
    next: usize,
    body: String,
}

impl<'a> Writer<'a> {
    fn new(kernel: &'a Kernel, choose: Choose) -> Self {
        let address = |base: &'static str| move |(i, value): (usize, Value)| (value, format!("[{base}+{}]", 4 * i));
        let fixed = kernel.host_values(false).into_iter().enumerate().map(address("fixed"));
        let midstate = kernel.host_values(true).into_iter().enumerate().map(address("%mid"));
        let host = fixed.chain(midstate).collect();
        Self { graph: &kernel.graph, choose, host, registers: HashMap::new(), next: 0, body: String::new() }
    }

    fn lines(&mut self, lines: &[&str]) {
        for line in lines {
            let _infallible = writeln!(self.body, "{line}");
        }
    }

    fn open(&mut self, target: &str) {
        self.lines(&[
            ".version 8.5",
            &format!(".target {target}"),
            ".address_size 64",
            ".const .align 16 .b8 fixed[32];",
            &format!(".const .align 16 .b8 midstates[{}];", 8 * MIDSTATE_BYTES),
            ".visible .entry search(.param .u32 w3, .param .u32 nonces, .param .u32 mask, .param .u32 planted, \
             .param .u32 midstates_used, .param .u64 results) {",
            ".reg .u32 %v<8192>;",
            ".reg .u32 %nonce, %nonces, %w3, %mask, %planted, %m, %midstate_count, %low, %slot, %lane;",
            ".reg .u64 %mid, %results, %at; .reg .pred %hit, %more;",
            "ld.param.u32 %nonces, [nonces];",
            "ld.param.u32 %mask, [mask];",
            "ld.param.u32 %planted, [planted];",
            "ld.param.u32 %midstate_count, [midstates_used];",
            "ld.param.u64 %results, [results];",
            "cvta.to.global.u64 %results, %results;",
            "mov.u64 %mid, midstates;",
            "mov.u32 %nonce, 0;",
            "mov.u32 %m, 0;",
            "ld.param.u32 %w3, [w3];",
            "mov.u32 %lane, %tid.x;",
            "add.u32 %w3, %w3, %lane;",
            "NONCES:",
        ]);
    }

    /// Stores a hit, as the shader does.
    fn report(&mut self, state_7: Value) {
        let word = self.operand(state_7);
        self.lines(&[
            &format!("and.b32 %low, {word}, %mask;"),
            "setp.ne.u32 %hit, %low, 0;",
            // The planted nonce passes too.
            &format!("setp.ne.and.u32 %hit, {word}, %planted, %hit;"),
            "@%hit bra.uni MISSED;",
            "atom.global.add.u32 %slot, [%results], 1;",
            "mad.wide.u32 %at, %slot, 12, %results;",
            "st.global.u32 [%at+16], %w3;",
            "st.global.u32 [%at+20], %nonce;",
            "st.global.u32 [%at+24], %m;",
            "MISSED:",
        ]);
    }

    fn close(mut self) -> String {
        self.lines(&[
            "add.u32 %w3, %w3, 0x01000000;",
            "add.u32 %nonce, %nonce, 1;",
            "setp.lt.u32 %more, %nonce, %nonces;",
            "@%more bra NONCES;",
            "ret;",
            "}",
        ]);
        self.body
    }

    fn register(&mut self) -> String {
        self.next += 1;
        format!("%v{}", self.next - 1)
    }

    /// The value as an operand: a number, or a register that holds it.
    fn operand(&mut self, value: Value) -> String {
        if let Some(register) = self.registers.get(&value) {
            return format!("%v{register}");
        }
        match self.graph.node(value) {
            Node::Constant(word) => format!("{word:#010x}"),
            Node::Input(name) if name == "w3" => "%w3".to_owned(),
            Node::Input(_) | Node::Sum(_) | Node::Sigma(..) | Node::Ch(..) | Node::Maj(..) => self.load(value),
        }
    }

    fn load(&mut self, value: Value) -> String {
        let register = self.register();
        let address = self.host.get(&value).expect("what is not computed here comes from the host");
        let _infallible = writeln!(self.body, "ld.const.u32 {register}, {address};");
        register
    }

    fn operation(&mut self, name: &str, words: &[&str]) -> String {
        let register = self.register();
        let _infallible = writeln!(self.body, "{name} {register}, {};", words.join(", "));
        register
    }

    fn value(&mut self, value: Value) {
        let operands: Vec<String> = self.graph.node(value).operands().iter().map(|v| self.operand(*v)).collect();
        let words: Vec<&str> = operands.iter().map(String::as_str).collect();
        match (self.graph.node(value), words.as_slice()) {
            (Node::Sum(_), [first, rest @ ..]) => {
                let mut sum = (*first).to_owned();
                for word in rest {
                    sum = self.operation("add.u32", &[&sum, word]);
                }
            }
            (Node::Sigma(sigma, _), [x]) => self.sigma(*sigma, x),
            (Node::Ch(..), [e, f, g]) => self.ch(e, f, g),
            (Node::Maj(..), [a, b, c]) => self.maj(a, b, c),
            (node, _) => unreachable!("{node:?} is not for the device to compute"),
        }
        self.registers.insert(value, self.next - 1);
    }

    /// As in the shader's constant form: two shifts and an or.
    fn rotate(&mut self, x: &str, by: u32) -> String {
        let low = self.operation("shr.u32", &[x, &by.to_string()]);
        let high = self.operation("shl.b32", &[x, &(32 - by).to_string()]);
        self.operation("or.b32", &[&low, &high])
    }

    fn sigma(&mut self, sigma: Sigma, x: &str) {
        let (first, second, third) = match sigma {
            Sigma::Big0 => (2, 13, 22),
            Sigma::Big1 => (6, 11, 25),
            Sigma::Small0 => (7, 18, 3),
            Sigma::Small1 => (17, 19, 10),
        };
        let (first, second) = (self.rotate(x, first), self.rotate(x, second));
        let third = if sigma.shifts() == 1 {
            self.operation("shr.u32", &[x, &third.to_string()])
        } else {
            self.rotate(x, third)
        };
        let both = self.operation("xor.b32", &[&first, &second]);
        self.operation("xor.b32", &[&both, &third]);
    }

    fn ch(&mut self, e: &str, f: &str, g: &str) {
        match self.choose {
            Choose::Xor => {
                let differ = self.operation("xor.b32", &[f, g]);
                let taken = self.operation("and.b32", &[e, &differ]);
                self.operation("xor.b32", &[g, &taken])
            }
            Choose::Or => {
                let taken = self.operation("and.b32", &[e, f]);
                let not = self.operation("not.b32", &[e]);
                let other = self.operation("and.b32", &[&not, g]);
                self.operation("or.b32", &[&taken, &other])
            }
        };
    }

    fn maj(&mut self, a: &str, b: &str, c: &str) {
        match self.choose {
            Choose::Xor => {
                let first = self.operation("xor.b32", &[a, b]);
                let second = self.operation("xor.b32", &[b, c]);
                let both = self.operation("and.b32", &[&first, &second]);
                self.operation("xor.b32", &[b, &both])
            }
            Choose::Or => {
                let both = self.operation("and.b32", &[a, b]);
                let either = self.operation("or.b32", &[a, b]);
                let third = self.operation("and.b32", &[c, &either]);
                self.operation("or.b32", &[&both, &third])
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cityseal_gpu::generate::graph::Words;

    /// Different words for all inputs of a search.
    fn inputs() -> Words {
        let names = (0..8).map(|i| format!("s{i}")).chain((0..4).map(|i| format!("w{i}")));
        names.zip(1_u32..).map(|(name, i)| (name, i.wrapping_mul(0x9e37_79b9))).collect()
    }

    /// Interprets the straight-line part of a text: every operation on words that [`Writer`] writes.
    fn run(text: &str, memory: &HashMap<String, u32>, w3: u32) -> HashMap<String, u32> {
        let mut words = HashMap::from([("%w3".to_owned(), w3)]);
        for line in text.lines().filter(|line| line.contains(" %v")) {
            let (name, rest) = line.trim_end_matches(';').split_once(' ').expect("a name and operands");
            let operands: Vec<&str> = rest.split(", ").collect();
            let of = |word: &str| match word.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).expect("a number"),
                None => word.parse().unwrap_or_else(|_| words.get(word).copied().unwrap_or_default()),
            };
            let value = match (name, operands[1..].iter().map(|word| of(word)).collect::<Vec<_>>().as_slice()) {
                ("ld.const.u32", _) => memory[operands[1]],
                ("add.u32", [x, y]) => x.wrapping_add(*y),
                ("shr.u32", [x, by]) => x >> by,
                ("shl.b32", [x, by]) => x << by,
                ("or.b32", [x, y]) => x | y,
                ("xor.b32", [x, y]) => x ^ y,
                ("and.b32", [x, y]) => x & y,
                ("not.b32", [x]) => !x,
                _ => continue,
            };
            words.insert(operands[0].to_owned(), value);
        }
        words
    }

    #[test]
    fn the_text_computes_the_values_of_the_expressions() {
        let inputs = inputs();
        for (shader, kernel) in
            [(Shader::SearchOne, Kernel::search_one()), (Shader::SearchShared, Kernel::search_shared())]
        {
            let mut memory = HashMap::new();
            for (base, of_midstate) in [("fixed", false), ("%mid", true)] {
                let words = kernel.graph.evaluate(&kernel.host_values(of_midstate), &inputs);
                memory.extend(words.iter().enumerate().map(|(i, word)| (format!("[{base}+{}]", 4 * i), *word)));
            }
            let expected = kernel.graph.evaluate(&kernel.outputs, &inputs)[0];
            for choose in [Choose::Xor, Choose::Or] {
                let text = text(shader, choose, "sm_89");
                let (_, report) = text.split_once("and.b32 %low, ").expect("the result is masked");
                let (result, _) = report.split_once(',').expect("by a mask");
                assert_eq!(run(&text, &memory, inputs["w3"])[result], expected, "{shader:?} {choose:?}");
            }
        }
    }
}
