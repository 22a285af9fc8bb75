//! The control flow of a compiled shader, and the cost of one iteration of each of its loops on the common path.
//!
//! A compiler counts all instructions of a shader. The cost of a nonce is that of one iteration of the loop over the
//! nonces, without the part that only a hit executes: the shortest path around the loop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// One line of a listing, as far as it matters for the control flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A jump target.
    Label(String),
    /// An instruction, and whether it counts.
    Plain(bool),
    /// A jump to a label, possibly conditional.
    Jump { to: String, is_conditional: bool, counts: bool },
    /// The end of the shader, possibly conditional.
    End { is_conditional: bool, counts: bool },
}

#[derive(Clone, Debug, Default)]
struct Block {
    cost: u32,
    after: Vec<usize>,
}

/// Basic blocks and the edges between them; the shader begins with the first block.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    blocks: Vec<Block>,
}

/// Builds the blocks line by line.
#[derive(Default)]
struct Builder {
    blocks: Vec<Block>,
    labels: BTreeMap<String, usize>,
    jumps: Vec<(usize, String)>,
    /// Whether the last block falls through to the next one.
    falls_through: bool,
}

impl Builder {
    fn begin(&mut self) {
        let next = self.blocks.len();
        if self.falls_through {
            self.blocks[next - 1].after.push(next);
        }
        self.blocks.push(Block::default());
        self.falls_through = true;
    }

    fn count(&mut self, counts: bool) {
        let last = self.blocks.last_mut().expect("a block was begun before any line");
        last.cost += u32::from(counts);
    }

    fn line(&mut self, line: Line) {
        match line {
            Line::Label(name) => {
                self.begin();
                self.labels.insert(name, self.blocks.len() - 1);
            }
            Line::Plain(counts) => self.count(counts),
            Line::Jump { to, is_conditional, counts } => {
                self.count(counts);
                self.jumps.push((self.blocks.len() - 1, to));
                self.falls_through = is_conditional;
                self.begin();
            }
            Line::End { is_conditional, counts } => {
                self.count(counts);
                self.falls_through = is_conditional;
                self.begin();
            }
        }
    }
}

impl Flow {
    /// The control flow of a listing; `None` if a jump target is missing, so that the listing was not understood.
    pub(crate) fn of(lines: impl IntoIterator<Item = Line>) -> Option<Self> {
        let mut builder = Builder::default();
        builder.begin();
        lines.into_iter().for_each(|line| builder.line(line));
        let Builder { mut blocks, labels, jumps, .. } = builder;
        for (from, to) in jumps {
            blocks[from].after.push(*labels.get(&to)?);
        }
        Some(Self { blocks })
    }

    /// The number of all counted instructions.
    pub(crate) fn whole(&self) -> u32 {
        self.blocks.iter().map(|block| block.cost).sum()
    }

    /// The least cost of one iteration of each loop, without inner loops; outer loops come first.
    pub(crate) fn turns(&self) -> Vec<u32> {
        let mut bodies: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
        for (latch, head) in self.back_edges() {
            let body = bodies.entry(head).or_insert_with(|| vec![false; self.blocks.len()]);
            self.add_body(body, head, latch);
        }
        let mut loops: Vec<(usize, Vec<bool>)> = bodies.into_iter().collect();
        loops.sort_by_key(|(_, body)| Reverse(body.iter().filter(|is_in| **is_in).count()));
        let turn = |(at, (head, body)): (usize, &(usize, Vec<bool>))| {
            let is_free = |block: usize| loops[at + 1..].iter().any(|(_, inner)| inner[block]);
            self.shortest_turn(*head, body, |block| if is_free(block) { 0 } else { self.blocks[block].cost })
        };
        loops.iter().enumerate().filter_map(turn).collect()
    }

    /// Edges to a block that is still open in a depth-first search: each closes a loop.
    fn back_edges(&self) -> Vec<(usize, usize)> {
        let (mut found, mut is_open, mut is_seen) =
            (Vec::new(), vec![false; self.blocks.len()], vec![false; self.blocks.len()]);
        let mut walk = vec![(0, 0)];
        while let Some((block, next)) = walk.pop() {
            (is_open[block], is_seen[block]) = (true, true);
            let Some(&after) = self.blocks[block].after.get(next) else {
                is_open[block] = false;
                continue;
            };
            walk.push((block, next + 1));
            if is_open[after] {
                found.push((block, after));
            } else if !is_seen[after] {
                walk.push((after, 0));
            }
        }
        found
    }

    /// Adds the blocks from which `latch` is reached without passing `head`.
    fn add_body(&self, body: &mut [bool], head: usize, latch: usize) {
        body[head] = true;
        let mut open = vec![latch];
        while let Some(block) = open.pop() {
            if !std::mem::replace(&mut body[block], true) {
                let before = (0..self.blocks.len()).filter(|other| self.blocks[*other].after.contains(&block));
                open.extend(before);
            }
        }
    }

    fn shortest_turn(&self, head: usize, body: &[bool], cost_of: impl Fn(usize) -> u32) -> Option<u32> {
        let mut least = vec![u32::MAX; self.blocks.len()];
        let mut open = BinaryHeap::from([(Reverse(cost_of(head)), head)]);
        while let Some((Reverse(cost), block)) = open.pop() {
            for &after in self.blocks[block].after.iter().filter(|after| body[**after]) {
                if after == head {
                    least[head] = least[head].min(cost);
                } else if cost + cost_of(after) < least[after] {
                    least[after] = cost + cost_of(after);
                    open.push((Reverse(least[after]), after));
                }
            }
        }
        (least[head] != u32::MAX).then_some(least[head])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str) -> Line {
        Line::Label(name.to_owned())
    }

    fn jump(to: &str, is_conditional: bool) -> Line {
        Line::Jump { to: to.to_owned(), is_conditional, counts: true }
    }

    fn plain(count: usize) -> Vec<Line> {
        vec![Line::Plain(true); count]
    }

    /// A loop of ten instructions that skips a rare part of a hundred.
    fn with_a_rare_part() -> Vec<Line> {
        let parts = [plain(5), vec![label("top")], plain(9), vec![jump("on", true)], plain(100), vec![label("on")]];
        [parts.concat(), vec![jump("top", true)], plain(3)].concat()
    }

    #[test]
    fn an_iteration_skips_the_rare_part() {
        let flow = Flow::of(with_a_rare_part()).unwrap();
        assert_eq!((flow.whole(), flow.turns()), (119, vec![11]));
    }

    #[test]
    fn an_iteration_of_an_outer_loop_does_not_include_the_inner_loop() {
        let outer = [vec![label("outer")], plain(2), vec![label("inner")]].concat();
        let before =
            [vec![jump("out", true)], plain(50), vec![jump("inner", false), label("out"), jump("outer", true)]];
        let after = [plain(51), vec![jump("inner", true), label("out"), jump("outer", true)]];
        for inner in [before.concat(), after.concat()] {
            let flow = Flow::of([outer.clone(), inner].concat()).unwrap();
            assert_eq!(flow.turns(), [3, 52]);
        }
    }

    #[test]
    fn uncounted_instructions_cost_nothing_and_code_after_the_end_is_in_no_loop() {
        let lines =
            [vec![Line::Plain(false)], plain(2), vec![Line::End { is_conditional: false, counts: false }], plain(1)];
        let flow = Flow::of(lines.concat()).unwrap();
        assert_eq!((flow.whole(), flow.turns()), (3, vec![]));
    }

    #[test]
    fn a_missing_jump_target_means_that_the_listing_was_not_understood() {
        assert!(Flow::of([jump("nowhere", true)]).is_none());
    }
}
