//! Reads the listings of three tools: AMD instructions from RADV, and NVIDIA instructions from NVK and nvdisasm.

use crate::flow::{Flow, Line};

/// The format of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// RADV's "Assembly". Only instructions of the vector unit count; their names begin with `v_`.
    Radv,
    /// NVK's "NAK assembly".
    Nak,
    /// The output of `nvdisasm -c`.
    Nvdisasm,
}

impl Dialect {
    /// The dialect of a representation with this title.
    pub(crate) fn of_title(title: &str) -> Option<Self> {
        match title {
            "Assembly" => Some(Self::Radv),
            "NAK assembly" => Some(Self::Nak),
            _ => None,
        }
    }

    /// The control flow of a listing, if it was understood.
    pub(crate) fn read(self, text: &str) -> Option<Flow> {
        let line = match self {
            Self::Radv => radv,
            Self::Nak => nak,
            Self::Nvdisasm => nvdisasm,
        };
        Flow::of(text.lines().filter_map(line))
    }
}

/// `BB4:` and `v_add3_u32 v7, s23, v7, v8 ; d655…`.
fn radv(line: &str) -> Option<Line> {
    if let Some(label) = line.trim().strip_suffix(':') {
        return Some(Line::Label(label.to_owned()));
    }
    let mut words = line.split(';').next()?.split_whitespace();
    let operation = words.next()?;
    Some(match operation {
        "s_endpgm" => Line::End { is_conditional: false, counts: false },
        _ if operation.starts_with("s_branch") || operation.starts_with("s_cbranch") => {
            let is_conditional = operation.starts_with("s_cbranch");
            Line::Jump { to: words.next()?.to_owned(), is_conditional, counts: false }
        }
        _ => Line::Plain(operation.starts_with("v_")),
    })
}

/// `block 4 L8 [2] -> {`, `@!p0 bra pT L6 // delay=1` and `r7 = iadd3 r2 r3 rZ // delay=4`.
fn nak(line: &str) -> Option<Line> {
    if line.starts_with("block") {
        return line.split_whitespace().find(|word| is_nak_label(word)).map(|label| Line::Label(label.to_owned()));
    }
    let (instruction, _) = line.split_once("//")?;
    let words: Vec<&str> = instruction.split_whitespace().collect();
    let is_conditional = words.first()?.starts_with('@');
    let operation = words.get(usize::from(is_conditional))?;
    Some(match *operation {
        "exit" => Line::End { is_conditional, counts: true },
        "bra" => Line::Jump { to: (*words.last()?).to_owned(), is_conditional, counts: true },
        _ => Line::Plain(*operation != "nop"),
    })
}

fn is_nak_label(word: &str) -> bool {
    word.strip_prefix('L').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `.L_x_1:` is a label. An instruction follows its address, which is in a comment; the target of a jump is in
/// parentheses. A call of a label counts as a jump.
fn nvdisasm(line: &str) -> Option<Line> {
    let line = line.trim();
    if let Some(label) = line.strip_prefix('.').and_then(|rest| rest.strip_suffix(':')) {
        return Some(Line::Label(label.to_owned()));
    }
    let (_, instruction) = line.strip_prefix("/*")?.split_once("*/")?;
    let (instruction, _) = instruction.split_once(';')?;
    let words: Vec<&str> = instruction.split_whitespace().collect();
    let is_conditional = words.first()?.starts_with('@');
    let operation = words.get(usize::from(is_conditional))?;
    if *operation == "EXIT" {
        return Some(Line::End { is_conditional, counts: true });
    }
    let target = instruction.split_once("`(.").and_then(|(_, rest)| rest.split_once(')'));
    if let Some((to, _)) = target
        && (operation.starts_with("BRA") || operation.starts_with("CALL"))
    {
        return Some(Line::Jump { to: to.to_owned(), is_conditional, counts: true });
    }
    Some(Line::Plain(*operation != "NOP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_loop_of_radv() {
        let text = "BB0:\n\tv_mov_b32_e32 v0, s2 ; 7e\nBB1:\n\ts_add_u32 s2, s2, 1 ; 80\n\
                    \tv_add3_u32 v7, s23, v7, v8 ; d6\n\
                    \ts_cbranch_scc0 BB1 ; bf\n\ts_endpgm ; bf";
        let flow = Dialect::Radv.read(text).unwrap();
        assert_eq!((flow.whole(), flow.turns()), (2, vec![1]));
    }

    #[test]
    fn reads_a_loop_of_nvk() {
        let text = "block.u 0 L2 [] -> {\n      r1      = mov rZ  // delay=1\n} -> [1]\nblock 1 L3 [0, 1] -> {\n\
                          r2 p0   = iadd3 r1 r2 rZ // delay=4\n nop L0 // delay=1\n\
                          @!p0            bra pT L3  // delay=1\n\
                    } -> [1, 2]\nblock 2 L4 [1] -> {\n exit // delay=15\n} -> []";
        let flow = Dialect::Nak.read(text).unwrap();
        assert_eq!((flow.whole(), flow.turns()), (4, vec![2]));
    }

    #[test]
    fn reads_a_loop_of_nvdisasm() {
        let text = "\t.section .text.search\n        /*0000*/   MOV R1, c[0x0][0x28] ;\n.L_x_1:\n\
                            /*0010*/   IADD3 R2, R1, R2, RZ ;\n        /*0020*/   @!P0 BRA `(.L_x_1) ;\n\
                            /*0030*/   EXIT ;\n.L_x_2:\n        /*0040*/   BRA `(.L_x_2);\n        /*0050*/   NOP;";
        let flow = Dialect::Nvdisasm.read(text).unwrap();
        assert_eq!((flow.whole(), flow.turns()), (5, vec![2]));
    }
}
