//! The answer of `verify` as text.

use std::fmt::Write as _;
use std::path::Path;

use cityseal_chain::header_tree::{InvalidHeader, StaleBranch};
use cityseal_chain::{Bodies, NotChecked, Rule, Tip, VerdictKind};
use cityseal_cli::{Output, Paint, escape_line, si, spoken, utc_time};
use cityseal_input::part::Conclusion;
use cityseal_input::{DamagedCopy, PlacedFault};

use super::super::{grouped, plural, share_lines};
use crate::answers::{Forks, Proof, ProofFault, ShardResult, StageShare, Verification};
use crate::args::values::Shard;

/// Maximum number of damaged copies that the text lists one by one; JSON has more of them.
const DAMAGED_COPIES_MAX: usize = 16;

/// The answer as text.
pub(super) fn text(output: &Output, answer: &Verification<'_>) -> String {
    let verdict = answer.verdict();
    let paint = match verdict {
        VerdictKind::Valid => Paint::Good,
        VerdictKind::Fault => Paint::Bad,
        VerdictKind::Incomplete => Paint::Doubtful,
    };
    let word = output.paint(paint, &verdict.name().to_uppercase());
    let head = match (&answer.conclusion, &answer.shard) {
        (Conclusion::Fault(fault), _) => fault_lines(&word, fault, answer.fault_file.as_deref()),
        (Conclusion::Incomplete(reason), _) => {
            format!("{word}: {}\n", escape_line(answer.message.as_ref().unwrap_or(reason)))
        }
        (Conclusion::Valid, Some(shard)) => shard_line(output, shard, answer.count),
        (Conclusion::Valid, None) => valid_head(&word, answer.proof.as_ref()),
    };
    let hint = answer.hint.as_ref().map(|hint| format!("  hint: {}\n", escape_line(hint))).unwrap_or_default();
    let mut parts = vec![head, hint];
    parts.extend(answer.proof.as_ref().map(proof_lines));
    if answer.proof.is_none() || answer.count > 0 {
        parts.push(passed_line(answer));
    }
    match &answer.shard {
        None => parts.extend(answer.tip.as_ref().map(tip_lines)),
        Some(ShardResult { shard: Shard { index, of }, first_height, work }) => {
            if verdict != VerdictKind::Valid {
                parts.push(format!("  in shard {index} of {of}, which begins at height {first_height}\n"));
            }
            // The work before this shard is unknown, so the tip's chain work is not printed.
            parts.extend(answer.tip.as_ref().map(|tip| format!("  last header {} {}\n", tip.height, tip.hash)));
            parts.push(format!("  work of this shard {}\n", work.to_display_hex()));
            parts.push("  the verdict on the whole input needs every shard: cityseal verify --join\n".to_owned());
        }
    }
    parts.push(scope_line(answer));
    parts.extend(answer.not_checked.iter().map(not_checked_line));
    parts.push(share_lines(&answer.devices, answer.work()));
    parts.extend(answer.forks.as_ref().map(forks_lines));
    parts.extend(answer.notes.iter().map(|note| format!("  note: {}\n", escape_line(note))));
    parts.extend(answer.stages.iter().flatten().map(stage_line));
    parts.concat()
}

fn shard_line(output: &Output, result: &ShardResult, count: u64) -> String {
    let ShardResult { shard: Shard { index, of }, first_height, .. } = result;
    let word = output.paint(Paint::Good, &format!("SHARD {index} of {of} HOLDS"));
    match count.checked_sub(1) {
        Some(others) => format!("{word}: heights {first_height} to {}\n", first_height + others),
        None => format!("{word}: it has no items, since there are more shards than items\n"),
    }
}

fn passed_line(answer: &Verification<'_>) -> String {
    let per_second = |amount: u64| si(amount as f64 / answer.took.as_secs_f64().max(1e-9));
    let took = spoken(answer.took);
    let (count, items) = (grouped(&answer.count.to_string()), answer.work().unit(answer.count.into()));
    match &answer.bodies {
        _ if answer.devices.is_empty() => format!("  {count} {items} passed\n"),
        None => format!("  {count} {items} passed in {took} ({} headers/s)\n", per_second(answer.count).trim_end()),
        Some(Bodies { transactions, bytes, .. }) => {
            let unit = plural(*transactions, "transaction", "transactions");
            let transactions = grouped(&transactions.to_string());
            format!("  {count} {items} with {transactions} {unit} passed in {took} ({}B/s)\n", per_second(*bytes))
        }
    }
}

fn tip_lines(tip: &Tip) -> String {
    format!("  tip {} {}\n  chain work {}\n", tip.height, tip.hash, tip.chain_work.to_display_hex())
}

/// The checked rules, with consecutive numbers as ranges such as `R01-R11`, and what was not checked.
fn scope_line(answer: &Verification<'_>) -> String {
    let runs = answer.checked.chunk_by(|left, right| left.number() + 1 == right.number());
    let run = |run: &[Rule]| match run {
        [only] => only.code().to_owned(),
        [first, .., last] => format!("{}-{}", first.code(), last.code()),
        [] => String::new(),
    };
    let checked: Vec<String> = runs.map(run).collect();
    let bodies = if answer.bodies.is_some() || answer.proof.is_some() { "" } else { "transactions, " };
    let left = answer.out_of_scope.join(", ");
    format!("  checked: {}; not checked: {bodies}{left}\n", checked.join(", "))
}

/// The first line of an answer about a valid chain, or about a proof alone.
fn valid_head(word: &str, proof: Option<&Proof>) -> String {
    match proof {
        None => format!("{word}\n"),
        Some(Proof { fault: Some(fault), .. }) => proof_fault_lines(word, fault),
        Some(Proof { proved, height, header, .. }) => {
            let many = plural(proved.len() as u64, "transaction is", "transactions are");
            let place = height.map(|height| format!(" at height {height}")).unwrap_or_default();
            format!("{word}: {} {many} in block {}{place}\n", proved.len(), header.hash())
        }
    }
}

fn proof_fault_lines(word: &str, fault: &ProofFault) -> String {
    let rule = fault.rule().map(|rule| format!("{} ", rule.code())).unwrap_or_default();
    let (expected, found) = fault.values();
    let expected = expected.map(|value| format!("  expected {value}\n")).unwrap_or_default();
    let found = found.map(|value| format!("  found    {value}\n")).unwrap_or_default();
    format!("{word} in the proof: {rule}{}: {}\n{expected}{found}", fault.name(), fault.message())
}

/// The transactions of a proof, and its block.
fn proof_lines(proof: &Proof) -> String {
    let mut lines = String::new();
    for (index, txid) in &proof.proved {
        let _cannot_fail = writeln!(lines, "  transaction {index} {txid}");
    }
    let _cannot_fail = writeln!(lines, "  block {} of {}", proof.header.hash(), utc_time(u64::from(proof.header.time)));
    if let Some(work) = proof.work() {
        let _cannot_fail = writeln!(lines, "  work of its header {}", work.to_display_hex());
    }
    if let Some(confirmations) = proof.confirmations {
        let _cannot_fail = writeln!(lines, "  confirmations {}", grouped(&confirmations.to_string()));
    }
    lines
}

fn not_checked_line(range: &NotChecked) -> String {
    format!("  not checked: {} from height {} to {}: {}\n", range.rule, range.from, range.to, range.why.as_str())
}

fn forks_lines(forks: &Forks<'_>) -> String {
    let set = forks.set;
    let stale = |(branch, connect): (&StaleBranch, u64)| {
        let StaleBranch { fork, tip_height, tip_hash, blocks, .. } = branch;
        format!(
            "  stale branch from height {} to {tip_height} {tip_hash}: disconnect {blocks}, connect {connect}\n",
            fork.height
        )
    };
    let root = |index: u32| {
        let (hash, place, parent) = (set.tree().hash(index), set.place(index), set.header(index).prev_block_hash);
        let (at, file) = (place.at, shown(place.path));
        format!("  not connected: {hash} at byte {at} of {file}; its parent {parent} is not in the input\n")
    };
    let invalid = |invalid: &InvalidHeader| {
        let (hash, place, rule) = (set.tree().hash(invalid.index), set.place(invalid.index), invalid.rule.code());
        format!("  invalid: {hash} at byte {} of {} breaks {rule}\n", place.at, shown(place.path))
    };
    let copy = |copy: &DamagedCopy| {
        let DamagedCopy { path, at, height, rule } = copy;
        let (file, rule) = (shown(path), rule.code());
        format!("  damaged copy: the block at height {height}, at byte {at} of {file}, breaks {rule}; not used\n")
    };
    let mut lines: Vec<String> = forks.stale().map(stale).collect();
    lines.extend(forks.roots().map(root));
    lines.extend(forks.invalid().map(invalid));
    lines.extend(set.damage().iter().map(|damage| format!("  damage: {}\n", escape_line(&damage.to_string()))));
    lines.extend(set.damaged_copies().iter().take(DAMAGED_COPIES_MAX).map(copy));
    let more = set.damaged_copies().len().saturating_sub(DAMAGED_COPIES_MAX);
    if more > 0 {
        lines.push(format!("  damaged copies not listed here: {more}\n"));
    }
    lines.extend(set.notes().iter().map(|note| format!("  note: {}\n", escape_line(note))));
    lines.concat()
}

fn shown(path: &Path) -> String {
    escape_line(&path.display().to_string())
}

fn stage_line(stage: &StageShare) -> String {
    format!("  stage {}: {:.1} % of all workers' time\n", stage.stage.name.as_str(), 100.0 * stage.share)
}

fn fault_lines(word: &str, fault: &PlacedFault, file: Option<&str>) -> String {
    let PlacedFault { height, rule, expected, found, offset, line, transaction } = fault;
    let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
    let file = file.map(|file| format!(" of {}", escape_line(file))).unwrap_or_default();
    let transaction = transaction.map(|index| format!(", transaction {index}")).unwrap_or_default();
    format!(
        "{word} at height {height}{transaction}: {rule}\n  expected {expected}\n  found    {found}\n  at byte \
         {offset}{line}{file}\n"
    )
}
