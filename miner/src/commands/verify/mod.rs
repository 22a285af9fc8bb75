//! `cityseal verify`: streams a chain from files through the engine's verifier and prints its verdict.
//!
//! If the input is malformed, everything before that place is judged first. A fault before a truncation or a bad digit
//! is a FAULT; otherwise truncated input is INCOMPLETE, and malformed input is an error that names the place.

mod checkpoint;
mod error;
mod feed;
mod forks;
mod join;
mod missing_blocks;
mod outputs;
mod proof;
mod pruned;
mod recognition;
mod text;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use cityseal_chain::{Cut, Fault, History, Parameters, Verdict};
use cityseal_cli::{CliError, Ending, Output, unix_now};
use cityseal_engine::{BlockBatch, Engine, VerifyReport, VerifyRequest};
use cityseal_hash::HEADER_LEN;
use cityseal_input::part::{Chain, Conclusion, ItemKind, Part, ShardRange, rules_of};
use cityseal_input::receipts::{self, Asked, NoReceipt};
use cityseal_input::{
    BlockSink, ChainInput, ChainSink, FirstRecords, Format, FrameNetwork, InputError, Opening, Place, PlaceLog,
    PlacedFault, Recogniser, Watched, detect_for,
};
use cityseal_receipt::SecretKey;

use self::checkpoint::Saver;
pub(crate) use self::error::VerifyCommandError;
use self::feed::{Course, Fed, Feed, StrayFrames};
use self::proof::{CheckedProof, Finder, PlaceInChain};
use super::network::parameters;
use super::say_unless_json;
use crate::answers::{Forks, ShardResult, StageShare, Verification};
use crate::args::{FormatArg, VerifyArgs};
use crate::context::{COMMIT, Context};
use crate::json::VerifyAnswer;

/// Maximum number of trusted headers in `--context`: 64 difficulty periods of Bitcoin, 10 MB.
const CONTEXT_HEADERS_MAX: usize = 64 * 2016;

pub(crate) fn run(context: &Context, args: &VerifyArgs) -> Result<Ending, VerifyCommandError> {
    outputs::check(args)?;
    let parameters = parameters(&args.network, args.signet_challenge.as_ref())?;
    if args.join {
        return join::run(context, args, &parameters);
    }
    let now = now(args);
    let proof = proof::check(args, &parameters, now)?;
    // A proof that is wrong by itself, or given without a chain, needs no engine.
    if let Some(proof) = proof.as_ref().filter(|proof| args.files.is_empty() || !proof.holds()) {
        return proof.report(context, &parameters);
    }
    let request = request(args, &parameters)?;
    let key = args.key.as_deref().map(super::key::read).transpose()?;
    let mut run = Run { context, args, parameters: &parameters, request, items: ItemKind::Headers, now, key, proof };
    let settings = context.settings(&args.engine)?;
    if forks::is_wanted(&run) {
        if args.shard.is_some() || args.checkpoint.is_some() {
            return Err(VerifyCommandError::FolderInParts);
        }
        let set = forks::open(&run)?;
        run.items = if set.has_bodies() { ItemKind::Blocks } else { ItemKind::Headers };
        return forks::run(&run, &context.engine(&settings)?, &set);
    }
    let input = open(args, &parameters)?;
    run.items = items_of(input.format());
    // Shards and checkpoints are resolved before the devices are opened, so that their errors come at once.
    let course = run.course()?;
    let engine = context.engine(&settings)?;
    run.report(run.feed(&engine, input, course)?, &engine)
}

/// One verification: its arguments and the chain that they describe.
struct Run<'a> {
    context: &'a Context,
    args: &'a VerifyArgs,
    parameters: &'a Parameters,
    request: VerifyRequest,
    items: ItemKind,
    now: u64,
    /// The key that signs the receipt.
    key: Option<SecretKey>,
    /// The proof of `--txoutproof`, which by itself is right.
    proof: Option<CheckedProof>,
}

/// What the answer contains in addition to the engine's report.
struct Findings<'a> {
    /// The conclusion about the whole input, which can differ from the verdict on the best chain.
    conclusion: Conclusion,
    /// The file that contains the fault, if there are several files.
    file: Option<String>,
    /// Blocks outside the best chain.
    forks: Option<Forks<'a>>,
    /// Notes that do not change the verdict.
    notes: Vec<String>,
    /// Where the block of the proof is.
    proved: PlaceInChain,
    /// The first records of the input.
    first: FirstRecords,
    /// The beginning of its first file.
    opening: Opening,
    /// Why no record could be read, if there is none.
    mistake: Option<String>,
}

/// The result of streaming the input through the verifier.
struct Outcome {
    report: VerifyReport,
    places: PlaceLog,
    before: History,
    stray: StrayFrames,
    mistake: Option<InputError>,
    first: FirstRecords,
    opening: Opening,
    proved: PlaceInChain,
}

impl Run<'_> {
    /// The values that all parts of this verification have in common.
    fn chain(&self) -> Chain {
        Chain {
            parameters: self.parameters.digest(),
            rules: rules_of(self.parameters.merkle(), self.items).digest(),
            items: self.items,
            start_height: self.args.start_height,
            start_work: self.args.start_work.unwrap_or_default(),
            now: self.now,
        }
    }

    fn shards(&self) -> ShardRange {
        self.args.shard.map_or(ShardRange::WHOLE, |shard| ShardRange::one(shard.index, shard.of))
    }

    /// Which items are judged: all, those of a shard, or those after a checkpoint.
    fn course(&self) -> Result<Course, VerifyCommandError> {
        if let Some(shard) = self.args.shard {
            let count = u128::from(count(self.args, self.parameters)?);
            let until = |shard_index: u64| (count * u128::from(shard_index) / u128::from(shard.of)) as u64;
            let (skip, end) = (until(shard.index - 1), until(shard.index));
            // The last shard also covers malformed input after the last item.
            let take = (shard.index < shard.of).then_some(end - skip);
            return Ok(Course { skip, take, ..Course::whole(self.items) });
        }
        let before = self.request.state()?.history;
        let proved = self.args.checkpoint.as_deref().map(|path| checkpoint::load(path, &self.chain(), &before));
        let proved = proved.transpose()?.flatten();
        let skip = proved.as_ref().map_or(0, |state| state.summary.count);
        Ok(Course { skip, proved, ..Course::whole(self.items) })
    }

    fn feed(&self, engine: &Engine, input: ChainInput, course: Course) -> Result<Outcome, VerifyCommandError> {
        let saver = self.args.checkpoint.as_deref().map(|path| {
            let before = self.request.state()?.history;
            Ok::<_, VerifyCommandError>(Saver::new(path, self.chain(), before, &self.context.output))
        });
        let unit = if self.items == ItemKind::Blocks { "blocks" } else { "headers" };
        let progress = self.context.output.progress(input.headers_expected(), unit);
        let mut feed = Feed::new(engine, self.parameters, self.request.clone(), course, progress, saver.transpose()?)?;
        let (opening, mut first) = (input.opening(), FirstRecords::default());
        let mut finder = Finder::new(&mut feed, self.proof.as_ref());
        let mut watched = Watched::new(&mut finder, &mut first);
        let read = match self.items {
            ItemKind::Headers => input.read(&mut watched),
            ItemKind::Blocks => input.read_blocks(&mut watched),
        };
        let proved = finder.place(self.args.start_height);
        let mistake = read.err().filter(|_| !feed.has_all());
        let Fed { report, places, before, stray } = feed.finish(mistake.is_some())?;
        Ok(Outcome { report, places, before, stray, mistake, first, opening, proved })
    }

    fn report(&self, outcome: Outcome, engine: &Engine) -> Result<Ending, VerifyCommandError> {
        let Outcome { report, places, before, stray, mistake, first, opening, proved } = outcome;
        let (conclusion, file) = match &report.verdict {
            Verdict::Valid => (Conclusion::Valid, None),
            Verdict::Fault(fault) => self.placed(fault, &places),
            Verdict::Incomplete(cut) => {
                let reason = mistake.as_ref().map_or_else(|| cut.to_string(), ToString::to_string);
                (Conclusion::Incomplete(reason), None)
            }
        };
        let why =
            mistake.as_ref().and_then(InputError::decode_error).filter(|_| first.is_empty()).map(ToString::to_string);
        let notes = stray.notes(&self.args.files);
        let findings = Findings { conclusion, file, forks: None, notes, proved, first, opening, mistake: why };
        let ending = self.conclude(&report, before, findings, engine)?;
        // Malformed input is an error only if it decided the verdict; after a fault it is a note.
        match (&report.verdict, mistake) {
            (Verdict::Incomplete(_), Some(mistake)) => Err(mistake.into()),
            (_, Some(mistake)) => {
                say_unless_json(
                    &self.context.output,
                    format_args!("note: the input is malformed after that: {mistake}"),
                );
                Ok(ending)
            }
            (_, None) => Ok(ending),
        }
    }

    /// Writes the requested files and prints the answer.
    fn conclude(
        &self,
        report: &VerifyReport,
        before: History,
        findings: Findings<'_>,
        engine: &Engine,
    ) -> Result<Ending, VerifyCommandError> {
        let unrecognised = self.unrecognised(&findings)?;
        let hint = self.fault_hint(&findings);
        // An input that is not a chain gets neither a receipt nor a part file.
        let (mut part, mut receipt) = (Ok(()), Ok(()));
        if unrecognised.is_none() {
            part = self.write_part(report, before, &findings.conclusion);
            receipt = self.write_receipt(report, &findings.conclusion);
        }
        let proved = findings.proved;
        let mut answer = self.answer(report, findings);
        answer.hint = hint;
        if let Some(unrecognised) = &unrecognised {
            recognition::refuse(&mut answer, unrecognised);
        }
        if let Some(proof) = &self.proof {
            proof.conclude(&mut answer, proved);
        }
        if self.args.stats {
            answer.stages = Some(stage_shares(report, engine));
        }
        let ending = print(self.context, &answer)?;
        // The verdict is printed even if a file could not be written; that error is reported afterwards.
        part.and(receipt)?;
        if let Some(unrecognised) = unrecognised {
            return Err(unrecognised.into());
        }
        Ok(ending)
    }

    /// The answer for a report.
    fn answer<'b>(&self, report: &VerifyReport, findings: Findings<'b>) -> Verification<'b> {
        // A shard without items is valid: the other shards have all items.
        let is_empty_shard = self.args.shard.is_some() && report.verdict == Verdict::Incomplete(Cut::Empty);
        let Findings { conclusion, file, forks, notes, .. } = findings;
        let conclusion = if is_empty_shard { Conclusion::Valid } else { conclusion };
        let rules = rules_of(self.parameters.merkle(), self.items).rules();
        let summary = &report.state.summary;
        Verification {
            fault_file: file,
            count: report.count,
            tip: report.tip,
            not_checked: report.not_checked.clone(),
            bodies: (self.items == ItemKind::Blocks).then_some(summary.bodies),
            forks,
            notes,
            devices: report.devices.clone(),
            shard: self.args.shard.map(|shard| ShardResult {
                shard,
                first_height: summary.first_height,
                work: summary.work,
            }),
            took: report.took,
            ..Verification::new(conclusion, rules, report.parameters)
        }
    }

    /// Signs the verdict and writes the receipt, if `--receipt` was given.
    fn write_receipt(&self, report: &VerifyReport, conclusion: &Conclusion) -> Result<(), VerifyCommandError> {
        let Some((path, key)) = self.args.receipt.as_deref().zip(self.key.as_ref()) else { return Ok(()) };
        if conclusion.kind() != report.verdict.kind() {
            return Err(NoReceipt::Overruled.into());
        }
        let asked = Asked {
            parameters: self.parameters,
            items: self.items,
            start_height: self.args.start_height,
            start_work: self.args.start_work.unwrap_or_default(),
            now: self.now,
            made: unix_now(),
            commit: COMMIT,
        };
        let receipt = receipts::sign(asked, report, key)?;
        outputs::write(path, receipt.to_json().as_bytes())
    }

    /// Writes the result as a part file to `--out`.
    fn write_part(
        &self,
        report: &VerifyReport,
        before: History,
        conclusion: &Conclusion,
    ) -> Result<(), VerifyCommandError> {
        let Some(path) = &self.args.out else { return Ok(()) };
        let part = Part::of_report(self.chain(), self.shards(), before, report, conclusion.clone());
        outputs::write(path, part.to_json().as_bytes())
    }

    /// The fault with its place, and its file if several files were given.
    fn placed(&self, fault: &Fault, places: &PlaceLog) -> (Conclusion, Option<String>) {
        let place = places.find(fault.height - self.args.start_height);
        let offset = place.and_then(|place| place.byte).unwrap_or(fault.offset);
        let file = place.filter(|_| self.args.files.len() > 1);
        let file = file.map(|place| self.args.files[place.file].display().to_string());
        (Conclusion::Fault(PlacedFault::new(fault, offset, place.and_then(|place| place.line))), file)
    }
}

/// Prints the answer; the exit code is that of its verdict.
fn print(context: &Context, answer: &Verification<'_>) -> Result<Ending, VerifyCommandError> {
    let text = |output: &Output| text::text(output, answer);
    context.output.answer(&VerifyAnswer::from(answer), text).map_err(CliError::Stdout)?;
    Ok(Ending::from(answer.verdict()))
}

/// How busy each stage was, as a fraction of all workers' time. For a pipe the main thread reads, in addition to the
/// workers, so the fractions can add up to more than 1.
fn stage_shares(report: &VerifyReport, engine: &Engine) -> Vec<StageShare> {
    let workers = engine.devices().iter().map(|device| device.workers).sum::<usize>().max(1);
    let all = report.took.as_secs_f64() * workers as f64;
    let share = |busy: Duration| if all > 0.0 { busy.as_secs_f64() / all } else { 0.0 };
    report.stages.iter().map(|stage| StageShare { stage: *stage, share: share(stage.busy) }).collect()
}

impl BlockSink for Counted {
    fn take(&mut self, batch: BlockBatch, _file: usize, _places: &[Place]) -> ControlFlow<()> {
        self.0 += batch.len() as u64;
        ControlFlow::Continue(())
    }
}

fn request(args: &VerifyArgs, parameters: &Parameters) -> Result<VerifyRequest, VerifyCommandError> {
    let read = |path: &Path| context_headers(path, parameters, now(args));
    let trusted = args.context.as_deref().map_or(Ok(Vec::new()), read)?;
    Ok(VerifyRequest::new(parameters.clone(), now(args))
        .start_height(args.start_height)
        .context(trusted)
        .start_work(args.start_work.unwrap_or_default())
        .commits(args.receipt.is_some() || args.out.is_some() || args.checkpoint.is_some()))
}

/// The time for R10: that of `--now`, that of the checkpointed run, or the clock's (Unix time).
fn now(args: &VerifyArgs) -> u64 {
    args.now.or_else(|| checkpoint::now_of(args.checkpoint.as_deref()?)).unwrap_or_else(unix_now)
}

const fn items_of(format: Format) -> ItemKind {
    if format.has_bodies() { ItemKind::Blocks } else { ItemKind::Headers }
}

/// Counts the items of the input.
fn count(args: &VerifyArgs, parameters: &Parameters) -> Result<u64, VerifyCommandError> {
    // A stream can be read only once, so its items cannot be counted before they are judged.
    let is_stream = |path: &Path| path == Path::new("-") || path.metadata().is_ok_and(|metadata| !metadata.is_file());
    if args.files.iter().any(|path| is_stream(path)) {
        return Err(VerifyCommandError::ShardOfStdin);
    }
    let mut counted = Counted(0);
    let input = open(args, parameters)?;
    let read = if input.format().has_bodies() { input.read_blocks(&mut counted) } else { input.read(&mut counted) };
    // The last shard reports malformed input.
    match read {
        Ok(()) | Err(InputError::Decode { .. }) => Ok(counted.0),
        Err(error) => Err(error.into()),
    }
}

struct Counted(u64);

impl ChainSink for Counted {
    fn take(&mut self, packed: &[u8], _file: usize, _place: Place) -> ControlFlow<()> {
        self.0 += (packed.len() / HEADER_LEN) as u64;
        ControlFlow::Continue(())
    }
}

fn open(args: &VerifyArgs, parameters: &Parameters) -> Result<ChainInput, VerifyCommandError> {
    let input = ChainInput::open(args.files.clone(), |head| format_of(args, parameters, head))?;
    let input = input.of_network(FrameNetwork::of(parameters))?;
    Ok(match args.format {
        FormatArg::Auto => input.guarded(Recogniser::new(Some(parameters), None, now(args))),
        FormatArg::Headers | FormatArg::Hex | FormatArg::Blocks => input,
    })
}

/// The format of an input that starts with the bytes in `head`.
fn format_of(args: &VerifyArgs, parameters: &Parameters, head: &[u8]) -> Format {
    let detect = |head| detect_for(FrameNetwork::of(parameters), head);
    match args.format {
        FormatArg::Auto => detect(head),
        FormatArg::Headers => Format::Headers,
        FormatArg::Hex => match detect(head) {
            Format::HexBlocks => Format::HexBlocks,
            Format::Headers | Format::Hex | Format::JsonBlock | Format::FramedBlocks | Format::RawBlocks => Format::Hex,
        },
        FormatArg::Blocks => match detect(head) {
            blocks @ (Format::FramedBlocks | Format::HexBlocks | Format::JsonBlock) => blocks,
            Format::Headers | Format::Hex | Format::RawBlocks => Format::RawBlocks,
        },
    }
}

fn context_headers(path: &Path, parameters: &Parameters, now: u64) -> Result<Vec<u8>, VerifyCommandError> {
    let mut kept = Kept(Vec::new());
    let input = ChainInput::detect(vec![path.into()]).map_err(VerifyCommandError::Context)?;
    let opening = input.opening();
    let read = input.read(&mut kept);
    let recogniser = Recogniser::new(Some(parameters), None, now);
    recognition::recognised(&recogniser, &kept.0, &opening, read).map_err(VerifyCommandError::Context)?;
    let found = kept.0.len() / HEADER_LEN;
    if found > CONTEXT_HEADERS_MAX {
        return Err(VerifyCommandError::ContextTooLong { max: CONTEXT_HEADERS_MAX, found });
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
