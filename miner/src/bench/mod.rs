//! `cityseal bench`: how fast each kernel and device works here, beside a plain loop of the `sha2` crate, with every
//! answer checked while it is measured.
//!
//! A figure is the median of several laps. Between two laps of a contestant each of its yardsticks runs one, on as many
//! threads, so that whatever else the machine does meanwhile hits them alike; a ratio is the median over such pairs.

mod chain;
mod compare;
mod device;
mod environment;
mod question;
mod race;
mod record;
mod records;
mod stream;
mod yardstick;

use cityseal_device::{DeviceInfo, DeviceKind, Opener};

use crate::args::{BenchAction, BenchArgs, BenchMode};
use crate::commands::selftest::openers;
use crate::config::Settings;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::json::{BenchAnswer, BenchRow};
use crate::output::{Output, Paint, si, table};
use crate::{Context, builder};

use chain::{ChainFile, ChainRunner};
use device::DeviceRunner;
use question::Questions;
use race::{Contestant, Figures, race};
use stream::StreamRunner;
use yardstick::Yardstick;

/// `--kernel` with this name: each kernel of this CPU has its row.
const ALL_KERNELS: &str = "all";

impl BenchMode {
    /// The mode as it stands on the command line and in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::SearchShared => "search-shared",
            Self::Headers => "headers",
            Self::Merkle => "merkle",
            Self::Verify => "verify",
            Self::Service => "service",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Search | Self::SearchShared => "hash/s",
            Self::Headers | Self::Verify | Self::Service => "header/s",
            Self::Merkle => "node/s",
        }
    }
}

pub(crate) fn run(context: &Context, args: &BenchArgs) -> Result<Ending, CommandError> {
    match &args.action {
        None => measure(context, args),
        Some(BenchAction::Compare(args)) => compare::run(context, args),
    }
}

fn measure(context: &Context, args: &BenchArgs) -> Result<Ending, CommandError> {
    let mut settings = context.settings(&args.engine)?;
    let all_kernels = settings.kernel.as_deref() == Some(ALL_KERNELS);
    if all_kernels {
        settings.kernel = None;
    }
    let selection = builder(&settings).select()?;
    selection.notes.iter().for_each(|note| context.output.note(note));
    let threads = selection.threads;
    let openers = openers(selection, !all_kernels);
    let driver = openers.iter().find_map(|opener| opener.info().driver.clone());
    let bench = Bench::new(context, args, &settings, threads)?;
    let rows = openers.into_iter().map(|opener| bench.row(opener)).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<BenchRow> = rows.into_iter().flatten().collect();
    if rows.is_empty() {
        return Err(CommandError::NothingToMeasure { mode: args.mode.name() });
    }
    let answer = BenchAnswer { rows, environment: environment::here(driver) };
    if let Some(folder) = &args.record {
        record::write(folder, &answer, &context.output)?;
    }
    context.output.answer(&answer, |output| human(output, &answer)).map_err(CommandError::Stdout)?;
    Ok(Ending::of_right(answer.rows.iter().all(|row| row.answers == "right")))
}

/// One run of `bench`: what all of its rows share.
struct Bench<'a> {
    context: &'a Context,
    args: &'a BenchArgs,
    settings: &'a Settings,
    threads: usize,
    questions: Questions,
    chain: Option<ChainFile>,
}

impl<'a> Bench<'a> {
    fn new(
        context: &'a Context,
        args: &'a BenchArgs,
        settings: &'a Settings,
        threads: usize,
    ) -> Result<Self, CommandError> {
        let chain = matches!(args.mode, BenchMode::Verify | BenchMode::Service)
            .then(|| ChainFile::make(args.seconds))
            .transpose()?;
        Ok(Self { context, args, settings, threads, questions: Questions::of(args.mode), chain })
    }

    /// Measures one device with one kernel; `None` where it can not run the mode.
    fn row(&self, opener: Box<dyn Opener>) -> Result<Option<BenchRow>, CommandError> {
        let info = opener.info().clone();
        let _spinner = self.context.output.progress(None, "rows measured");
        if let Some(chain) = &self.chain {
            let settings = self.engine_settings(&info);
            return if self.args.mode == BenchMode::Service {
                self.measure(&info, &mut StreamRunner::new(chain, &settings)?).map(Some)
            } else {
                self.measure(&info, &mut ChainRunner::new(chain, &settings)?).map(Some)
            };
        }
        let Some(mut runner) = DeviceRunner::open(opener, &self.questions, self.threads)? else {
            self.context.output.note(format_args!("{} can not run --mode {}", info.name, self.args.mode.name()));
            return Ok(None);
        };
        self.measure(&info, &mut runner).map(Some)
    }

    /// Settings for an engine that has this device alone.
    fn engine_settings(&self, info: &DeviceInfo) -> Settings {
        let kernel = (info.kind == DeviceKind::Cpu).then(|| info.kernel.clone());
        Settings { devices: vec![info.id.clone()], kernel, threads: Some(self.threads), ..self.settings.clone() }
    }

    fn measure(&self, info: &DeviceInfo, contestant: &mut dyn Contestant) -> Result<BenchRow, CommandError> {
        let mut yardsticks = Yardstick::of(self.args.mode, self.threads);
        let figures = race(contestant, &mut yardsticks, self.args.seconds)?;
        Ok(self.bench_row(info, figures))
    }

    fn bench_row(&self, info: &DeviceInfo, figures: Figures) -> BenchRow {
        BenchRow {
            device: info.name.clone(),
            kernel: info.kernel.clone(),
            mode: self.args.mode.name().into(),
            threads: self.threads,
            median: figures.median,
            min: figures.min,
            max: figures.max,
            unit: self.args.mode.unit().into(),
            answers: if figures.wrong.is_none() { "right" } else { "wrong" }.into(),
            reason: figures.wrong,
            versus: figures.versus.into_iter().map(|(name, ratio)| (name.to_owned(), ratio)).collect(),
        }
    }
}

fn human(output: &Output, answer: &BenchAnswer) -> String {
    let cells = |row: &BenchRow| {
        let versus = row.versus.iter().map(|(name, ratio)| format!("{ratio:.2} x {name}")).collect::<Vec<_>>();
        let paint = if row.answers == "right" { Paint::Good } else { Paint::Bad };
        let rates = [row.median, row.min, row.max].map(|rate| format!("{}{}", si(rate), row.unit));
        let [median, min, max] = rates;
        let answers = match &row.reason {
            None => output.paint(paint, &row.answers),
            Some(reason) => format!("{}: {reason}", output.paint(paint, &row.answers)),
        };
        let labels = [row.device.clone(), row.kernel.clone(), row.mode.clone(), row.threads.to_string()];
        labels.into_iter().chain([median, min, max, versus.join(", "), answers]).collect()
    };
    let rows: Vec<Vec<String>> = answer.rows.iter().map(cells).collect();
    let heads = ["device", "kernel", "mode", "threads", "median", "min", "max", "versus", "answers"];
    let environment = &answer.environment;
    format!(
        "{}on {}, {}, commit {}\n",
        table(&heads, &[3, 4, 5, 6], &rows),
        environment.cpu,
        environment.os,
        environment.commit
    )
}
