//! `cityseal bench`: measures how fast each kernel and device is on this machine, compared with a plain loop of the
//! `sha2` crate. Every answer is checked during the measurement.
//!
//! A row is printed as soon as it is measured. A figure is the median of several laps. Between two laps of a contestant
//! each of its baselines runs one lap on as many threads, so that other load on the machine affects both equally. A
//! ratio is the median over such pairs.
//!
//! Figures are written as records (`record`), read back (`records`), compared (`compare`) and shown on a page
//! (`report`).

use std::path::PathBuf;
use std::time::Duration;

use cityseal_cli::{CliError, Ending, Output};
use cityseal_device::{DeviceInfo, DeviceKind, Opener};
use cityseal_engine::Engine;

use super::baseline::Baseline;
use super::chain::{ChainFile, ChainRunner};
use super::device::DeviceRunner;
use super::error::BenchError;
use super::gauges::Gauges;
use super::json::{Answers, BenchAnswer, BenchRow, LatencyRow};
use super::mode::{BenchMode, Sweep};
use super::question::Questions;
use super::race::{BaselineRunner, Contestant, Figures, race};
use super::settings::{EngineSettings, openers};
use super::show::{Live, Plan, RowAt, Watcher};
use super::stream::StreamRunner;
use super::{bound, environment, latency, processor, record, show};

/// Value of `--kernel` that measures each kernel of this CPU and each variant of a GPU's shaders.
const ALL_KERNELS: &str = "all";

/// What a run measures, and where its figures are recorded.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// What is measured.
    pub mode: BenchMode,
    /// About how long each row is measured.
    pub seconds: Duration,
    /// The folder that the figures are recorded in.
    pub record: Option<PathBuf>,
    /// Numbers of CPU threads to measure with, each in turn; `None`: the number in the settings.
    pub sweep: Option<Sweep>,
    /// Also measure the rate for each batch size.
    pub by_batch: bool,
    /// The value of the flag `--kernel`.
    pub kernel_flag: Option<String>,
    /// The commit that the program was built from, or `unknown`.
    pub commit: &'static str,
}

/// Measures, and prints and records the figures.
///
/// # Errors
/// [`BenchError`] if there is nothing to measure, a device fails, or an output cannot be written.
pub fn measure(output: &Output, args: &BenchOptions, mut settings: EngineSettings) -> Result<Ending, BenchError> {
    let all_kernels = settings.kernel.as_deref() == Some(ALL_KERNELS);
    if all_kernels {
        // `all` is not the name of a kernel, so the devices are selected without one.
        settings.kernel = None;
    }
    let selection = settings.builder().select()?;
    selection.notes.iter().for_each(|note| output.note(note));
    let threads = args.sweep.as_ref().map_or_else(|| vec![selection.threads], |sweep| sweep.counts(selection.threads));
    let mut openers = openers(selection, !all_kernels);
    if all_kernels {
        openers = with_all_variants(openers, &settings)?;
    }
    // The environment has one driver: that of the first device that has any.
    let driver = openers.iter().find_map(|opener| opener.info().driver.clone());
    let bench = Bench::new(args, &settings, threads)?;
    let plan = bench.plan(&openers);
    let (rows, latencies) = bench.measure(openers, &mut Live::new(output, plan))?;
    if rows.is_empty() && latencies.is_empty() {
        return Err(BenchError::NothingToMeasure { mode: args.mode.name() });
    }
    let answer = BenchAnswer { rows, latencies, environment: environment::here(driver, args.commit) };
    if let Some(folder) = &args.record {
        record::write(folder, &answer, output)?;
    }
    output.answer(&answer, |_| show::rest(&answer)).map_err(CliError::Stdout)?;
    let mut answers = answer.rows.iter().map(|row| row.answers).chain(answer.latencies.iter().map(|row| row.answers));
    Ok(Ending::of_right(answers.all(|answers| answers == Answers::Right)))
}

/// Replaces each GPU by one opener for each shader variant.
fn with_all_variants(
    mut openers: Vec<Box<dyn Opener>>,
    settings: &EngineSettings,
) -> Result<Vec<Box<dyn Opener>>, BenchError> {
    let is_cpu = |opener: &dyn Opener| opener.info().kind == DeviceKind::Cpu;
    let has_gpu = openers.iter().any(|opener| !is_cpu(&**opener));
    openers.retain(|opener| is_cpu(&**opener));
    for variant in Engine::shader_variants().filter(|_| has_gpu) {
        let given = EngineSettings { kernel: Some(variant.to_owned()), ..settings.clone() };
        openers.extend(given.builder().select()?.devices.into_iter().filter(|opener| !is_cpu(&**opener)));
    }
    Ok(openers)
}

/// One run of `bench`: the values that all of its rows share.
struct Bench<'a> {
    args: &'a BenchOptions,
    settings: &'a EngineSettings,
    /// All kernels and variants are measured, each in turn.
    is_sweep: bool,
    /// Numbers of threads with which the CPU is measured, each in turn.
    threads: Vec<usize>,
    questions: Questions,
    chain: Option<ChainFile>,
    cpu_info: String,
}

impl<'a> Bench<'a> {
    fn new(args: &'a BenchOptions, settings: &'a EngineSettings, threads: Vec<usize>) -> Result<Self, BenchError> {
        let questions = Questions::of(args.mode);
        if args.by_batch && questions.sizes().is_empty() {
            return Err(BenchError::NoBatches { mode: args.mode.name() });
        }
        let chain = matches!(args.mode, BenchMode::Verify | BenchMode::Service)
            .then(|| ChainFile::make(args.seconds))
            .transpose()?;
        let is_sweep = args.kernel_flag.as_deref() == Some(ALL_KERNELS);
        let cpu_info = processor::cpu_info();
        Ok(Self { args, settings, is_sweep, threads, questions, chain, cpu_info })
    }

    /// The rows to measure, and how long each takes: the laps take `--seconds`, and the rates by batch size as long
    /// again.
    fn plan(&self, openers: &[Box<dyn Opener>]) -> Plan {
        let mut rows = Vec::new();
        for opener in openers {
            let info = opener.info();
            rows.extend(self.threads_of(info).iter().map(|threads| (info.clone(), *threads)));
        }
        let per_row = self.args.seconds * if self.args.by_batch { 2 } else { 1 };
        Plan { mode: self.args.mode, rows, per_row: (self.args.mode != BenchMode::Latency).then_some(per_row) }
    }

    fn measure(
        &self,
        openers: Vec<Box<dyn Opener>>,
        watcher: &mut dyn Watcher,
    ) -> Result<(Vec<BenchRow>, Vec<LatencyRow>), BenchError> {
        let of = self.plan(&openers).rows.len();
        let (mut rows, mut latencies) = (Vec::new(), Vec::new());
        let mut number = 0;
        for mut opener in openers {
            for threads in self.threads_of(opener.info()) {
                number += 1;
                let (threads, at) = (*threads, RowAt { number, of });
                watcher.begins(at);
                if self.args.mode == BenchMode::Latency {
                    let engine = self.engine_settings(opener.info(), threads).builder().build()?;
                    let row = latency::row(&mut *opener, &engine, threads)?;
                    watcher.latency(at, &row)?;
                    latencies.push(row);
                } else if let Some(row) = self.row(&mut *opener, threads)? {
                    watcher.rate(at, &row)?;
                    rows.push(row);
                } else {
                    watcher.cannot_run(at, &opener.info().name);
                }
            }
        }
        Ok((rows, latencies))
    }

    /// The numbers of threads with which a device is measured. Other devices than the CPU get one row only, since CPU
    /// threads only check their answers.
    fn threads_of(&self, info: &DeviceInfo) -> &[usize] {
        let last = self.threads.len().saturating_sub(1);
        if info.kind == DeviceKind::Cpu { &self.threads } else { &self.threads[last..] }
    }

    /// Measures one device with one kernel; `None` if it cannot run the mode.
    fn row(&self, opener: &mut dyn Opener, threads: usize) -> Result<Option<BenchRow>, BenchError> {
        let info = opener.info().clone();
        if let Some(chain) = &self.chain {
            let settings = self.engine_settings(&info, threads);
            return if self.args.mode == BenchMode::Service {
                self.stream_row(chain, &info, threads).map(Some)
            } else {
                self.rate(&info, threads, &mut ChainRunner::new(chain, &settings)?, Vec::new()).map(Some)
            };
        }
        let Some(mut runner) = DeviceRunner::open(opener, &self.questions, threads)? else { return Ok(None) };
        let mut row = self.rate(&info, threads, &mut runner, Vec::new())?;
        row.batch_items = Some(runner.batch_items());
        if self.args.by_batch {
            row.by_batch = runner.by_batch(&self.questions, self.args.seconds)?;
            set_answers(&mut row, runner.wrong());
        }
        Ok(Some(row))
    }

    /// Measures the service beside its parts: the transport without a verification, and the verification of a file.
    fn stream_row(&self, chain: &ChainFile, info: &DeviceInfo, threads: usize) -> Result<BenchRow, BenchError> {
        let settings = self.engine_settings(info, threads);
        let parts: Vec<Box<dyn BaselineRunner>> =
            vec![Box::new(StreamRunner::discarding(chain)?), Box::new(ChainRunner::new(chain, &settings)?)];
        let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
        let mut row = self.rate(info, threads, &mut StreamRunner::new(chain, &settings)?, parts)?;
        // The rate that both parts one after the other would have is 1 / (1/raw + 1/verify), so the ratio to it is the
        // sum of the ratios to the parts.
        let bound = names.iter().filter_map(|name| row.versus.get(*name)).sum();
        row.versus.insert("stream_bound".into(), bound);
        Ok(row)
    }

    /// Settings for an engine with only this device.
    fn engine_settings(&self, info: &DeviceInfo, threads: usize) -> EngineSettings {
        // A GPU runs its fastest variant, unless a variant was requested or all are measured.
        let is_named = info.kind == DeviceKind::Cpu || self.is_sweep;
        let kernel = if is_named { Some(info.kernel.clone()) } else { self.settings.kernel.clone() };
        EngineSettings { devices: vec![info.id.clone()], kernel, threads: Some(threads), ..self.settings.clone() }
    }

    /// Measures a contestant beside the baselines of the mode and `others`.
    fn rate<'b>(
        &self,
        info: &DeviceInfo,
        threads: usize,
        contestant: &mut dyn Contestant,
        others: Vec<Box<dyn BaselineRunner + 'b>>,
    ) -> Result<BenchRow, BenchError> {
        let is_cpu = info.kind == DeviceKind::Cpu;
        let mut gauges = if is_cpu { Gauges::of_cpu(threads) } else { Gauges::of_board(info.pci.as_deref()) };
        let of_mode = Baseline::of(self.args.mode, threads).into_iter();
        let mut baselines: Vec<Box<dyn BaselineRunner + 'b>> =
            of_mode.map(|baseline| Box::new(baseline) as Box<dyn BaselineRunner>).chain(others).collect();
        let figures = race(contestant, &mut baselines, self.args.seconds, &mut gauges)?;
        let mut row = bench_row(info, self.args.mode, threads, figures);
        row.clock_hz = gauges.clock_hz();
        row.energy = gauges.energy();
        let cycles = bound::cycles_per_item(&self.cpu_info, &info.kernel, self.args.mode).filter(|_| is_cpu);
        if let (Some(clock_hz), Some(cycles)) = (row.clock_hz, cycles) {
            row.versus.insert("port_bound".into(), row.median * cycles / (clock_hz * threads as f64));
        }
        if let Some(bound) = bound::hashes_per_second(&info.name, self.args.mode) {
            row.versus.insert("isa_bound".into(), row.median / bound);
        }
        Ok(row)
    }
}

fn bench_row(info: &DeviceInfo, mode: BenchMode, threads: usize, figures: Figures) -> BenchRow {
    let mut row = BenchRow {
        device: info.name.clone(),
        kernel: info.kernel.clone(),
        mode: mode.name().into(),
        threads,
        median: figures.median,
        min: figures.min,
        max: figures.max,
        unit: mode.unit().into(),
        answers: Answers::Right,
        reason: None,
        versus: figures.versus.into_iter().map(|(name, ratio)| (name.to_owned(), ratio)).collect(),
        batch_items: None,
        by_batch: Vec::new(),
        clock_hz: None,
        energy: None,
    };
    set_answers(&mut row, figures.wrong);
    row
}

fn set_answers(row: &mut BenchRow, wrong: Option<String>) {
    row.answers = Answers::of(wrong.is_none());
    row.reason = wrong;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use cityseal_device::{Backend, CpuOpener, OpenError};
    use cityseal_hash::HashKernel;

    use super::*;

    /// The events in order.
    type Events = Arc<Mutex<Vec<String>>>;

    fn note(events: &Events, event: impl Into<String>) {
        events.lock().unwrap().push(event.into());
    }

    /// The CPU's portable kernel, which records when it is opened.
    struct LoggedOpener(CpuOpener, &'static str, Events);

    impl Opener for LoggedOpener {
        fn info(&self) -> &DeviceInfo {
            self.0.info()
        }
        fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
            note(&self.2, format!("open {}", self.1));
            self.0.open()
        }
    }

    struct Recorder(Events);

    impl Watcher for Recorder {
        fn begins(&mut self, at: RowAt) {
            note(&self.0, format!("row {at}"));
        }
        fn rate(&mut self, at: RowAt, row: &BenchRow) -> Result<(), BenchError> {
            note(&self.0, format!("{at} {} {}", row.kernel, row.answers.name()));
            Ok(())
        }
        fn latency(&mut self, at: RowAt, _: &LatencyRow) -> Result<(), BenchError> {
            note(&self.0, format!("{at} latency"));
            Ok(())
        }
        fn cannot_run(&mut self, at: RowAt, device: &str) {
            note(&self.0, format!("{at} {device} cannot run"));
        }
    }

    #[test]
    fn each_row_is_reported_before_the_next_one_starts() {
        let args = BenchOptions {
            mode: BenchMode::Headers,
            seconds: Duration::from_millis(10),
            record: None,
            sweep: None,
            by_batch: false,
            kernel_flag: None,
            commit: "abc",
        };
        let settings = EngineSettings { devices: vec!["cpu".into()], ..EngineSettings::default() };
        let bench = Bench::new(&args, &settings, vec![1]).unwrap();
        let events = Events::default();
        let opener = |name| {
            Box::new(LoggedOpener(CpuOpener::new(HashKernel::portable()), name, events.clone())) as Box<dyn Opener>
        };
        let openers = vec![opener("a"), opener("b")];
        assert_eq!(bench.plan(&openers).words(), "2 rows, under 1 s");
        let (rows, _) = bench.measure(openers, &mut Recorder(events.clone())).unwrap();
        assert_eq!(rows.len(), 2);
        let expected =
            ["row 1 of 2", "open a", "1 of 2 portable right", "row 2 of 2", "open b", "2 of 2 portable right"];
        assert_eq!(*events.lock().unwrap(), expected);
    }
}
