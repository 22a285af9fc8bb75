//! The answer of `verify`: a report as JSON and as text.

use std::fmt::Write as _;
use std::time::Duration;

use cityseal_chain::{Cut, Fault, FaultValue, Parameters, Tip, Verdict};
use cityseal_cli::{Output, Paint, escape_line, si, spoken, utc_time};
use cityseal_engine::{Stage, VerifyReport};
use cityseal_input::part::{Conclusion, ItemKind, Part, checked_rules};
use cityseal_input::rows::{FaultRow, NotCheckedRow};
use cityseal_receipt::OUT_OF_SCOPE;

use super::super::{Work, grouped, plural, share_lines, share_rows};
use crate::args::values::Shard;
use crate::json::{
    BodiesRow, DamagedCopyRow, ForksRow, ProofFaultRow, ProofRow, ProvedRow, ShardRow, StageRow, StaleRow, TipRow,
    VerifyAnswer,
};

/// Maximum number of damaged copies that the text lists one by one; JSON has more of them.
const DAMAGED_COPIES_MAX: usize = 16;

/// What an answer contains in addition to the report.
pub(super) struct AnswerContext<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) items: ItemKind,
    /// The fault with its place in the input.
    pub(super) fault: Option<FaultRow>,
    /// Why the input is incomplete.
    pub(super) reason: Option<String>,
    /// The shard that was judged; `None` if the whole input was.
    pub(super) shard: Option<Shard>,
}

/// The answer for a report.
pub(super) fn of_report(context: AnswerContext<'_>, report: &VerifyReport) -> VerifyAnswer {
    let is_fault = context.fault.is_some();
    let is_empty_shard = context.shard.is_some() && report.verdict == Verdict::Incomplete(Cut::Empty);
    let summary = &report.state.summary;
    VerifyAnswer {
        // A shard without items is valid: the other shards have all items.
        verdict: if is_empty_shard { Verdict::Valid.name() } else { report.verdict.name() },
        count: report.count,
        tip: report.tip.as_ref().map(tip_row),
        fault: context.fault,
        reason: context.reason.filter(|_| !is_fault && !is_empty_shard),
        message: None,
        hint: None,
        checked: checked_rules(context.parameters.merkle(), context.items),
        not_checked: report.not_checked.iter().map(NotCheckedRow::of).collect(),
        out_of_scope: OUT_OF_SCOPE.map(str::to_owned).to_vec(),
        bodies: (context.items == ItemKind::Blocks).then(|| BodiesRow::of(&report.state.summary.bodies)),
        forks: None,
        proof: None,
        notes: Vec::new(),
        parameters: report.parameters.to_string(),
        devices: share_rows(&report.devices, Work::Headers),
        shard: context.shard.map(|Shard { index, of }| ShardRow {
            index,
            of,
            first_height: summary.first_height,
            work: summary.work.to_display_hex(),
        }),
        stages: None,
        seconds: report.took.as_secs_f64(),
    }
}

/// The answer for a part that covers its whole input.
pub(super) fn of_part(parameters: &Parameters, part: &Part) -> VerifyAnswer {
    let (verdict, fault, reason) = match part.conclusion() {
        Conclusion::Valid => ("valid", None, None),
        Conclusion::Fault(fault) => ("fault", Some(fault), None),
        Conclusion::Incomplete(reason) => ("incomplete", None, Some(reason)),
    };
    VerifyAnswer {
        verdict,
        count: part.summary.count,
        tip: part.tip().as_ref().map(tip_row),
        fault,
        reason,
        message: None,
        hint: None,
        checked: checked_rules(parameters.merkle(), part.chain.items),
        not_checked: part.summary.not_checked.iter().map(NotCheckedRow::of).collect(),
        out_of_scope: OUT_OF_SCOPE.map(str::to_owned).to_vec(),
        bodies: (part.chain.items == ItemKind::Blocks).then(|| BodiesRow::of(&part.summary.bodies)),
        forks: None,
        proof: None,
        notes: Vec::new(),
        parameters: part.chain.parameters.to_string(),
        devices: Vec::new(),
        shard: None,
        stages: None,
        seconds: 0.0,
    }
}

pub(super) fn tip_row(tip: &Tip) -> TipRow {
    TipRow { height: tip.height, hash: tip.hash.to_display_hex(), chain_work: tip.chain_work.to_display_hex() }
}

/// The row of a fault; `offset` and `line` are its place in the input.
pub(super) fn fault_row(fault: &Fault, offset: u64, line: Option<u64>) -> FaultRow {
    FaultRow {
        height: fault.height,
        rule: fault.rule.code().into(),
        name: fault.rule.name().into(),
        expected: value(&fault.expected),
        found: value(&fault.found),
        offset,
        line,
        transaction: fault.transaction,
    }
}

/// Times and counts are JSON integers; hashes, targets, bits and versions are hex strings.
pub(super) fn value(value: &FaultValue) -> serde_json::Value {
    value.as_integer().map_or_else(|| value.to_string().into(), Into::into)
}

/// How busy each stage was, as a fraction of all workers' time. For a pipe the main thread reads, in addition to the
/// workers, so the fractions can add up to more than 1.
pub(super) fn stage_rows(stages: &[Stage], seconds: f64, workers: usize) -> Vec<StageRow> {
    let all = seconds * workers.max(1) as f64;
    let row = |stage: &Stage| StageRow {
        name: stage.name.as_str().into(),
        busy_s: stage.busy.as_secs_f64(),
        share: if all > 0.0 { stage.busy.as_secs_f64() / all } else { 0.0 },
    };
    stages.iter().map(row).collect()
}

/// The answer as text; `file` contains the fault.
pub(super) fn human(output: &Output, answer: &VerifyAnswer, file: Option<&str>) -> String {
    let paint = match answer.verdict {
        "valid" => Paint::Good,
        "fault" => Paint::Bad,
        _ => Paint::Doubtful,
    };
    let word = output.paint(paint, &answer.verdict.to_uppercase());
    let head = match (&answer.fault, &answer.reason, &answer.shard) {
        (Some(fault), _, _) => fault_lines(&word, fault, file),
        (None, Some(reason), _) => format!("{word}: {}\n", escape_line(answer.message.as_ref().unwrap_or(reason))),
        (None, None, Some(shard)) => shard_line(output, shard, answer.count),
        (None, None, None) => proof_head(&word, answer.proof.as_ref()),
    };
    let hint = answer.hint.as_ref().map(|hint| format!("  hint: {}\n", escape_line(hint))).unwrap_or_default();
    let mut parts = vec![head, hint];
    parts.extend(answer.proof.as_ref().map(proof_lines));
    if answer.proof.is_none() || answer.count > 0 {
        parts.push(passed_line(answer));
    }
    match &answer.shard {
        None => parts.extend(answer.tip.as_ref().map(tip_lines)),
        Some(shard) => {
            if answer.verdict != Verdict::Valid.name() {
                let ShardRow { index, of, first_height, .. } = shard;
                parts.push(format!("  in shard {index} of {of}, which begins at height {first_height}\n"));
            }
            // The work before this shard is unknown, so the tip's chain work is not printed.
            parts.extend(answer.tip.as_ref().map(|tip| format!("  last header {} {}\n", tip.height, tip.hash)));
            parts.push(format!("  work of this shard {}\n", shard.work));
            parts.push("  the verdict on the whole input needs every shard: cityseal verify --join\n".to_owned());
        }
    }
    parts.push(scope_line(answer));
    parts.extend(answer.not_checked.iter().map(not_checked_line));
    let unit = if answer.bodies.is_some() { ["block", "blocks"] } else { ["header", "headers"] };
    parts.push(share_lines(&answer.devices, unit));
    parts.extend(answer.forks.as_ref().map(forks_lines));
    parts.extend(answer.notes.iter().map(|note| format!("  note: {}\n", escape_line(note))));
    parts.extend(answer.stages.iter().flatten().map(stage_line));
    parts.concat()
}

fn shard_line(output: &Output, shard: &ShardRow, count: u64) -> String {
    let ShardRow { index, of, first_height, .. } = shard;
    let word = output.paint(Paint::Good, &format!("SHARD {index} of {of} HOLDS"));
    match count.checked_sub(1) {
        Some(others) => format!("{word}: heights {first_height} to {}\n", first_height + others),
        None => format!("{word}: it has no items, since there are more shards than items\n"),
    }
}

fn passed_line(answer: &VerifyAnswer) -> String {
    let rate = answer.count as f64 / answer.seconds.max(1e-9);
    let took = spoken(Duration::from_secs_f64(answer.seconds.max(0.0)));
    let count = grouped(&answer.count.to_string());
    let items = match answer.bodies {
        Some(_) => plural(answer.count, "block", "blocks"),
        None => plural(answer.count, "header", "headers"),
    };
    match &answer.bodies {
        _ if answer.devices.is_empty() => format!("  {count} {items} passed\n"),
        None => format!("  {count} {items} passed in {took} ({} headers/s)\n", si(rate).trim_end()),
        Some(bodies) => {
            let transactions = grouped(&bodies.transactions.to_string());
            let unit = plural(bodies.transactions, "transaction", "transactions");
            let rate = bodies.bytes as f64 / answer.seconds.max(1e-9);
            format!("  {count} {items} with {transactions} {unit} passed in {took} ({}B/s)\n", si(rate))
        }
    }
}

fn tip_lines(tip: &TipRow) -> String {
    format!("  tip {} {}\n  chain work {}\n", tip.height, tip.hash, tip.chain_work)
}

/// The checked rules, with consecutive numbers as ranges such as `R01-R11`, and what was not checked.
fn scope_line(answer: &VerifyAnswer) -> String {
    let number = |code: &String| code[1..].parse::<u32>().unwrap_or(0);
    let runs = answer.checked.chunk_by(|left, right| number(left) + 1 == number(right));
    let run = |run: &[String]| match run {
        [only] => only.clone(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    let checked: Vec<String> = runs.map(run).collect();
    let bodies = if answer.bodies.is_some() || answer.proof.is_some() { "" } else { "transactions, " };
    let left = answer.out_of_scope.join(", ");
    format!("  checked: {}; not checked: {bodies}{left}\n", checked.join(", "))
}

/// The first line of an answer without a fault of a chain.
fn proof_head(word: &str, proof: Option<&ProofRow>) -> String {
    match proof {
        None => format!("{word}\n"),
        Some(ProofRow { fault: Some(fault), .. }) => proof_fault_lines(word, fault),
        Some(ProofRow { txids, height, block, .. }) => {
            let many = plural(txids.len() as u64, "transaction is", "transactions are");
            let place = height.map(|height| format!(" at height {height}")).unwrap_or_default();
            format!("{word}: {} {many} in block {block}{place}\n", txids.len())
        }
    }
}

fn proof_fault_lines(word: &str, fault: &ProofFaultRow) -> String {
    let rule = fault.rule.as_ref().map(|rule| format!("{rule} ")).unwrap_or_default();
    let line = |label: &str, value: Option<&serde_json::Value>| {
        value.map(|value| format!("  {label} {}\n", plain(value))).unwrap_or_default()
    };
    let values = line("expected", fault.expected.as_ref()) + &line("found   ", fault.found.as_ref());
    format!("{word} in the proof: {rule}{}: {}\n{values}", fault.reason, fault.message)
}

/// The transactions of a proof, and its block.
fn proof_lines(proof: &ProofRow) -> String {
    let mut lines = String::new();
    for ProvedRow { index, txid } in &proof.txids {
        let _cannot_fail = writeln!(lines, "  transaction {index} {txid}");
    }
    let _cannot_fail = writeln!(lines, "  block {} of {}", proof.block, utc_time(u64::from(proof.time)));
    if let Some(work) = &proof.work {
        let _cannot_fail = writeln!(lines, "  work of its header {work}");
    }
    if let Some(confirmations) = proof.confirmations {
        let _cannot_fail = writeln!(lines, "  confirmations {}", grouped(&confirmations.to_string()));
    }
    lines
}

fn not_checked_line(range: &NotCheckedRow) -> String {
    format!("  not checked: {} from height {} to {}: {}\n", range.rule, range.from, range.to, range.why)
}

fn forks_lines(forks: &ForksRow) -> String {
    let stale = |row: &StaleRow| {
        let StaleRow { fork_height, tip, disconnect, connect, .. } = row;
        format!(
            "  stale branch from height {fork_height} to {} {}: disconnect {disconnect}, connect {connect}\n",
            tip.height, tip.hash
        )
    };
    let mut lines: Vec<String> = forks.stale.iter().map(stale).collect();
    lines.extend(forks.unconnected.iter().map(|row| {
        format!(
            "  not connected: {} at byte {} of {}; its parent {} is not in the input\n",
            row.hash,
            row.at,
            escape_line(&row.file),
            row.parent
        )
    }));
    lines.extend(forks.unsound.iter().map(|row| {
        let file = escape_line(&row.file);
        format!("  invalid: {} at byte {} of {file} breaks {}\n", row.hash, row.at, row.rule)
    }));
    lines.extend(forks.damage.iter().map(|damage| format!("  damage: {}\n", escape_line(damage))));
    lines.extend(forks.damaged_copies.iter().take(DAMAGED_COPIES_MAX).map(|row| {
        let DamagedCopyRow { file, offset, height, rule } = row;
        let file = escape_line(file);
        format!("  damaged copy: the block at height {height}, at byte {offset} of {file}, breaks {rule}; not used\n")
    }));
    let more = forks.damaged_copies_count.saturating_sub(DAMAGED_COPIES_MAX as u64);
    if more > 0 {
        lines.push(format!("  damaged copies not listed here: {more}\n"));
    }
    lines.extend(forks.notes.iter().map(|note| format!("  note: {}\n", escape_line(note))));
    lines.concat()
}

fn stage_line(stage: &StageRow) -> String {
    format!("  stage {}: {:.1} % of all workers' time\n", stage.name, 100.0 * stage.share)
}

/// A value as text: JSON strings without their quotes.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn fault_lines(word: &str, fault: &FaultRow, file: Option<&str>) -> String {
    let line = fault.line.map(|line| format!(", line {line}")).unwrap_or_default();
    let file = file.map(|file| format!(" of {}", escape_line(file))).unwrap_or_default();
    let transaction = fault.transaction.map(|index| format!(", transaction {index}")).unwrap_or_default();
    format!(
        "{word} at height {}{transaction}: {} {}\n  expected {}\n  found    {}\n  at byte {}{line}{file}\n",
        fault.height,
        fault.rule,
        fault.name,
        plain(&fault.expected),
        plain(&fault.found),
        fault.offset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_integers_in_json_and_versions_are_digits() {
        assert_eq!(value(&FaultValue::Time(1_231_006_505)), serde_json::json!(1_231_006_505));
        assert_eq!(value(&FaultValue::Version(2)), serde_json::json!("00000002"));
    }
}
