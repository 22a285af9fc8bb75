//! The readable text of a statement, which is exactly what is signed.
//!
//! Each part is one `key: value` line, in a fixed order, terminated by one line feed. Absent parts have no line; a list
//! has one line per row. Keys are the JSON keys; keys of nested parts are joined by a dot. No value contains a line
//! break (`words.rs`), so a text has one reading only. The nodes of the openings are left out: the signed
//! `headers_root` follows from them.

use std::fmt::{Display, Write as _};

use cityseal_chain::hex;

use crate::parts::{StatementParts, format_of};
use crate::rows::{DeviceRow, FaultRow, NotCheckedRow, TipRow};
use crate::words::NO_WORD;

/// Renders the text of the parts, without checking that they are consistent.
pub(crate) fn render(parts: &StatementParts) -> String {
    let mut lines = Lines(String::new());
    // This line comes first, so that nothing else signed by the same key can begin like a receipt.
    lines.add("receipt", format_of(parts));
    chain(&mut lines, parts);
    parts.tip.iter().for_each(|row| tip(&mut lines, row));
    lines.add("transactions", parts.transactions);
    lines.add("body_bytes", parts.body_bytes);
    parts.fault.iter().for_each(|row| fault(&mut lines, row));
    rules(&mut lines, parts);
    roots(&mut lines, parts);
    origin(&mut lines, parts);
    lines.0
}

struct Lines(String);

impl Lines {
    fn add(&mut self, key: &str, value: impl Display) {
        let _always_fits = writeln!(self.0, "{key}: {value}");
    }
}

fn chain(lines: &mut Lines, parts: &StatementParts) {
    lines.add("verdict", parts.verdict.as_str());
    lines.add("kind", parts.kind.as_str());
    lines.add("network", &parts.network);
    lines.add("parameters", hex::encode(&parts.parameters));
    lines.add("first_height", parts.first_height);
    lines.add("count", parts.count);
    lines.add("parent", parts.parent);
    lines.add("start_work", parts.start_work.to_display_hex());
}

fn tip(lines: &mut Lines, tip: &TipRow) {
    lines.add("tip.height", tip.height);
    lines.add("tip.hash", tip.hash);
    lines.add("tip.chain_work", tip.chain_work.to_display_hex());
}

fn fault(lines: &mut Lines, fault: &FaultRow) {
    lines.add("fault.height", fault.height);
    lines.add("fault.rule", &fault.rule);
    lines.add("fault.name", &fault.name);
    lines.add("fault.expected", &fault.expected);
    lines.add("fault.found", &fault.found);
    lines.add("fault.offset", fault.offset);
    fault.transaction.iter().for_each(|transaction| lines.add("fault.transaction", transaction));
}

fn rules(lines: &mut Lines, parts: &StatementParts) {
    lines.add("checked", parts.checked.join(" "));
    parts.rules.iter().for_each(|digest| lines.add("rules", hex::encode(digest)));
    for NotCheckedRow { rule, from, to, why } in &parts.not_checked {
        lines.add("not_checked", format_args!("{rule} from {from} to {to}: {why}"));
    }
    if !parts.out_of_scope.is_empty() {
        lines.add("out_of_scope", parts.out_of_scope.join(" "));
    }
}

fn roots(lines: &mut Lines, parts: &StatementParts) {
    lines.add("headers_root", hex::encode(&parts.headers_root));
    parts.contents_root.iter().for_each(|root| lines.add("contents_root", hex::encode(root)));
    lines.add("openings.level", parts.openings.level());
}

fn origin(lines: &mut Lines, parts: &StatementParts) {
    lines.add("build.version", &parts.build.version);
    lines.add("build.commit", &parts.build.commit);
    for DeviceRow { name, kernel, items } in &parts.devices {
        lines.add("devices", format_args!("{items} items, {}, {name}", kernel.as_deref().unwrap_or(NO_WORD)));
    }
    lines.add("now", parts.now);
    lines.add("made", format_args!("{} {}", parts.made.unix, parts.made.utc));
    lines.add("signer", parts.signer.public_key);
    parts.signer.label.iter().for_each(|label| lines.add("signer.label", label));
}
