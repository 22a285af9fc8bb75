//! `cityseal verify`: streams a chain from files through the engine's verifier and prints its verdict.
//!
//! What was read before a mistake in the input is judged first: a fault before a cut, or before a bad digit, is a
//! fault; otherwise a cut is INCOMPLETE and a mistake an error that names its place.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{Fault, FaultValue, Network, NotChecked, Parameters, Tip, Verdict};
use cityseal_engine::{Progress, ReadAt, Verifier, VerifyReport, VerifyRequest};
use cityseal_hash::HEADER_LEN;

use super::{Work, grouped, say_unless_json, share_lines, share_rows};
use crate::args::{FormatArg, VerifyArgs};
use crate::error::CommandError;
use crate::exit::Ending;
use crate::input::{ChainInput, ChainSink, Format, InputError, Place, PlaceLog, detect};
use crate::json::{FaultRow, NotCheckedRow, TipRow, VerifyAnswer};
use crate::output::{Output, Paint, Progress as Bar, si, spoken};
use crate::{Context, unix_now};

/// Most trusted headers that `--context` takes: 64 difficulty periods of Bitcoin, 10 MB.
const CONTEXT_HEADERS_MAX: usize = 64 * 2016;

/// Largest file of a city's parameters that is read.
const PARAMETERS_BYTES_MAX: u64 = 1024 * 1024;

pub(crate) fn run(context: &Context, args: &VerifyArgs) -> Result<Ending, CommandError> {
    let parameters = parameters(&args.network)?;
    let trusted = args.context.as_deref().map_or(Ok(Vec::new()), context_headers)?;
    let input = open(args)?;
    let settings = context.settings(&args.engine)?;
    let engine = context.engine(&settings)?;
    let request = VerifyRequest::new(parameters)
        .start_height(args.start_height)
        .context(trusted)
        .start_work(args.start_work.unwrap_or_default())
        .now(args.now.unwrap_or_else(unix_now));
    let verifier = engine.verifier(request)?;
    let start_height = args.start_height;
    let progress = context.output.progress(input.headers_expected(), "headers");
    let format = input.format();
    let outcome =
        Feeding { verifier, start_height, places: PlaceLog::default(), progress, started: Instant::now() }.run(input);
    report(context, args, format, outcome)
}

/// The parameters of a known network, or of a city's TOML file.
fn parameters(name: &str) -> Result<Parameters, CommandError> {
    if let Some(network) = Network::ALL.into_iter().find(|network| network.name() == name) {
        return Ok(Parameters::of(network));
    }
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        let known = Network::ALL.map(Network::name).join(", ");
        return Err(CommandError::UnknownNetwork { name: name.into(), known });
    }
    let text = crate::files::read_text(path, PARAMETERS_BYTES_MAX)
        .map_err(|source| CommandError::ReadFile { path: path.into(), source })?;
    Parameters::from_toml(&text).map_err(|source| CommandError::Parameters { path: path.into(), source })
}

fn open(args: &VerifyArgs) -> Result<ChainInput, CommandError> {
    let format = |head: &[u8]| match args.format {
        FormatArg::Auto => detect(head),
        FormatArg::Headers => Format::Headers,
        FormatArg::Hex => Format::Hex,
        FormatArg::Blocks => match detect(head) {
            Format::FramedBlocks => Format::FramedBlocks,
            Format::Headers | Format::Hex | Format::RawBlocks => Format::RawBlocks,
        },
    };
    Ok(ChainInput::open(args.files.clone(), format)?)
}

fn context_headers(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut kept = Kept(Vec::new());
    let input = ChainInput::detect(vec![path.into()]).map_err(CommandError::Context)?;
    input.read(&mut kept).map_err(CommandError::Context)?;
    let found = kept.0.len() / HEADER_LEN;
    if found > CONTEXT_HEADERS_MAX {
        return Err(CommandError::ContextTooLong { max: CONTEXT_HEADERS_MAX, found });
    }
    Ok(kept.0)
}

struct Kept(Vec<u8>);

impl ChainSink for Kept {
    fn take(&mut self, packed: &[u8], _file: usize, _place: Place) -> ControlFlow<()> {
        self.0.extend_from_slice(packed);
        if self.0.len() > CONTEXT_HEADERS_MAX * HEADER_LEN { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The verifier while it is fed.
struct Feeding {
    verifier: Verifier,
    start_height: u64,
    places: PlaceLog,
    progress: Bar,
    started: Instant,
}

/// What became of the input.
struct Outcome {
    report: VerifyReport,
    places: PlaceLog,
    mistake: Option<InputError>,
}

impl Feeding {
    fn run(mut self, input: ChainInput) -> Outcome {
        let mistake = input.read(&mut self).err();
        let report = if mistake.is_none() { self.verifier.finish(None) } else { self.verifier.finish_cut() };
        Outcome { report, places: self.places, mistake }
    }
}

impl ChainSink for Feeding {
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()> {
        self.places.note((packed.len() / HEADER_LEN) as u64, file, place);
        let progress = self.verifier.push(packed);
        self.look_at(progress)
    }

    fn read(&mut self, source: &mut dyn Read, file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        Some(self.verifier.read_from(source).map(|bytes| self.look_around(file).map_continue(|()| bytes)))
    }

    fn take_from(
        &mut self,
        source: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        let taken = self.verifier.take_from_file(source, from, len);
        Some(taken.map(|bytes| self.look_around(file).map_continue(|()| bytes)))
    }
}

impl Feeding {
    /// Notes where the packed headers stand that the verifier read itself.
    fn look_around(&mut self, file: usize) -> ControlFlow<()> {
        let progress = self.verifier.progress();
        self.places.note(progress.received - self.places.noted(), file, Place::Packed);
        self.look_at(progress)
    }

    /// Shows how far it is; `Break` where the rest can not change the verdict.
    fn look_at(&mut self, progress: Progress) -> ControlFlow<()> {
        if progress.fault_found {
            return ControlFlow::Break(());
        }
        let judged = progress.validated_through.map_or(0, |height| height + 1 - self.start_height);
        self.places.forget_below(judged);
        let rate_hz = judged as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        self.progress.at(judged, Some(rate_hz));
        ControlFlow::Continue(())
    }
}

fn report(context: &Context, args: &VerifyArgs, format: Format, outcome: Outcome) -> Result<Ending, CommandError> {
    let Outcome { mut report, places, mistake } = outcome;
    if matches!(format, Format::FramedBlocks | Format::RawBlocks) {
        report.leave_out_bodies();
    }
    let ending = Ending::from(&report.verdict);
    let mut answer = answer(&report, &places);
    if let (Verdict::Incomplete(_), Some(mistake)) = (&report.verdict, &mistake) {
        answer.reason = Some(mistake.to_string());
    }
    let file = fault_file(&report, &places, args);
    let print = |output: &Output| human(output, &answer, file.as_deref());
    context.output.answer(&answer, print).map_err(CommandError::Stdout)?;
    match (&report.verdict, mistake) {
        (Verdict::Incomplete(_), Some(mistake)) => Err(mistake.into()),
        (_, Some(mistake)) => {
            say_unless_json(&context.output, format_args!("note: the input also ends early: {mistake}"));
            Ok(ending)
        }
        (_, None) => Ok(ending),
    }
}

fn answer(report: &VerifyReport, places: &PlaceLog) -> VerifyAnswer {
    let (fault, reason) = match &report.verdict {
        Verdict::Valid => (None, None),
        Verdict::Fault(fault) => (Some(fault_row(fault, places)), None),
        Verdict::Incomplete(cut) => (None, Some(cut.to_string())),
    };
    VerifyAnswer {
        verdict: report.verdict.name(),
        count: report.count,
        tip: report.tip.as_ref().map(tip_row),
        fault,
        reason,
        not_checked: report.not_checked.iter().map(not_checked_row).collect(),
        parameters: report.parameters.clone(),
        devices: share_rows(&report.devices, Work::Headers),
        seconds: report.seconds,
    }
}

fn tip_row(tip: &Tip) -> TipRow {
    TipRow { height: tip.height, hash: tip.hash.to_display_hex(), chain_work: tip.chain_work.to_display_hex() }
}

fn fault_row(fault: &Fault, places: &PlaceLog) -> FaultRow {
    let place = places.find(fault.offset / HEADER_LEN as u64);
    FaultRow {
        height: fault.height,
        rule: fault.rule.code().into(),
        name: fault.rule.name().into(),
        expected: value(&fault.expected),
        found: value(&fault.found),
        offset: place.and_then(|place| place.byte).unwrap_or(fault.offset),
        line: place.and_then(|place| place.line),
        transaction: fault.transaction,
    }
}

/// Times and counts are integers; hashes, targets, bits, versions and amounts are digits.
fn value(value: &FaultValue) -> serde_json::Value {
    value.as_integer().map_or_else(|| value.to_string().into(), Into::into)
}

fn not_checked_row(range: &NotChecked) -> NotCheckedRow {
    NotCheckedRow { rule: range.rule.into(), from: range.from, to: range.to, why: range.why.as_str().into() }
}

/// The file in which the faulty header stands, where several were given.
fn fault_file(report: &VerifyReport, places: &PlaceLog, args: &VerifyArgs) -> Option<String> {
    let Verdict::Fault(fault) = &report.verdict else { return None };
    let place = places.find(fault.offset / HEADER_LEN as u64)?;
    (args.files.len() > 1).then(|| args.files[place.file].display().to_string())
}

fn human(output: &Output, answer: &VerifyAnswer, file: Option<&str>) -> String {
    let paint = match answer.verdict {
        "valid" => Paint::Good,
        "fault" => Paint::Bad,
        _ => Paint::Doubtful,
    };
    let word = output.paint(paint, &answer.verdict.to_uppercase());
    let head = match (&answer.fault, &answer.reason) {
        (Some(fault), _) => fault_lines(&word, fault, file),
        (None, Some(reason)) => format!("{word}: {reason}\n"),
        (None, None) => format!("{word}\n"),
    };
    let rate = answer.count as f64 / answer.seconds.max(1e-9);
    let took = spoken(Duration::from_secs_f64(answer.seconds.max(0.0)));
    let count = grouped(&answer.count.to_string());
    let mut parts = vec![head, format!("  {count} headers passed in {took} ({}header/s)\n", si(rate))];
    parts.extend(answer.tip.as_ref().map(tip_lines));
    parts.extend(answer.not_checked.iter().map(not_checked_line));
    parts.push(share_lines(&answer.devices, "headers"));
    parts.concat()
}

fn tip_lines(tip: &TipRow) -> String {
    format!("  tip {} {}\n  chain work {}\n", tip.height, tip.hash, tip.chain_work)
}

fn not_checked_line(range: &NotCheckedRow) -> String {
    format!("  not checked: {} from height {} to {}: {}\n", range.rule, range.from, range.to, range.why)
}

fn fault_lines(word: &str, fault: &FaultRow, file: Option<&str>) -> String {
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = fault.line.map(|line| format!(", line {line}")).unwrap_or_default();
    let file = file.map(|file| format!(" of {file}")).unwrap_or_default();
    let transaction = fault.transaction.map(|at| format!(", transaction {at}")).unwrap_or_default();
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
    use std::io;

    use super::*;

    #[test]
    fn an_unknown_network_is_refused_with_the_names_there_are() {
        let said = parameters("mainet").unwrap_err().to_string();
        assert!(said.contains("`mainet`") && said.contains("mainnet, testnet3"), "{said}");
        assert_eq!(parameters("regtest").unwrap().name(), "regtest");
    }

    #[test]
    fn a_city_file_that_is_not_there_is_named() {
        let error = parameters("nowhere/city.toml").unwrap_err();
        assert!(matches!(error, CommandError::ReadFile { source, .. } if source.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn times_and_counts_are_integers_in_json_and_versions_and_amounts_are_digits() {
        assert_eq!(value(&FaultValue::Time(1_231_006_505)), serde_json::json!(1_231_006_505));
        assert_eq!(value(&FaultValue::Version(2)), serde_json::json!("00000002"));
        assert_eq!(value(&FaultValue::Count(80_004)), serde_json::json!(80_004));
        assert_eq!(value(&FaultValue::Amount(-1)), serde_json::json!("-1"));
    }

    #[test]
    fn a_transaction_at_fault_stands_in_the_row_and_in_the_lines() {
        let count = FaultValue::Count;
        let (rule, expected, found) = (cityseal_chain::Rule::OutputsEmpty, count(1), count(0));
        let fault = Fault { height: 7, rule, expected, found, offset: 0, transaction: Some(3) };
        let row = fault_row(&fault, &PlaceLog::default());
        assert_eq!(serde_json::to_value(&row).unwrap()["transaction"], 3);
        assert!(fault_lines("FAULT", &row, None).starts_with("FAULT at height 7, transaction 3: R27 outputs-empty\n"));
        let row = fault_row(&Fault { transaction: None, ..fault }, &PlaceLog::default());
        assert!(serde_json::to_value(&row).unwrap().get("transaction").is_none());
    }
}
