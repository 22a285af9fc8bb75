//! The figures of one machine, and the plots of them.

use std::collections::BTreeMap;

use cityseal_cli::si;

use super::super::json::BenchRow;
use super::super::records::{Figure, Newest, Wait};
use super::plots::{self, Axes, Bar, Line, PlotError};

/// The device whose rows differ by number of threads.
const CPU: &str = "cpu";

/// The baseline that every mode has.
const BASELINE: &str = "sha2_whole_header";

/// The modes in the order of the page, with descriptions.
pub(super) const MODES: [(&str, &str); 6] = [
    ("search", "nonces of one header"),
    ("search-shared", "nonces of four headers that share their message schedule"),
    ("headers", "hashes of packed headers"),
    ("merkle", "hashes of packed Merkle nodes"),
    ("verify", "a whole chain from a file, with all rules"),
    ("service", "a whole chain over loopback gRPC, with all rules"),
];

/// One processor and all devices that were measured on the same machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    /// In the order of the modes; within a mode the fastest first.
    pub(super) figures: Vec<Figure>,
    pub(super) waits: Vec<Wait>,
}

/// Minimum number of points of a plot; fewer are shown as a table.
const POINTS_MIN: usize = 3;

/// One plot with its texts.
#[derive(Debug)]
pub(super) struct Plot {
    /// Part of its file name.
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) picture: Picture,
}

/// The content of a plot.
#[derive(Debug)]
pub(super) enum Picture {
    /// A drawing.
    Svg(String),
    /// A table of the figures, if there are fewer than [`POINTS_MIN`].
    Table { heads: Vec<String>, rows: Vec<Vec<String>> },
}

impl Plot {
    /// The drawing, or `None` for a table.
    pub(super) fn svg(&self) -> Option<&str> {
        match &self.picture {
            Picture::Svg(svg) => Some(svg),
            Picture::Table { .. } => None,
        }
    }
}

/// Groups figures and latencies by machine, sorted by name.
pub(super) fn machines(newest: Newest) -> Vec<Machine> {
    let mut machines: BTreeMap<String, Machine> = BTreeMap::new();
    for figure in newest.figures {
        let name = figure.environment.cpu.clone();
        machines.entry(name.clone()).or_insert_with(|| Machine::new(name)).figures.push(figure);
    }
    for wait in newest.waits {
        let name = wait.environment.cpu.clone();
        machines.entry(name.clone()).or_insert_with(|| Machine::new(name)).waits.push(wait);
    }
    machines.into_values().map(Machine::sorted).collect()
}

impl Machine {
    fn new(name: String) -> Self {
        Self { name, figures: Vec::new(), waits: Vec::new() }
    }

    fn sorted(mut self) -> Self {
        let place = |mode: &str| MODES.iter().position(|(name, _)| *name == mode).unwrap_or(MODES.len());
        self.figures
            .sort_by(|a, b| place(&a.row.mode).cmp(&place(&b.row.mode)).then(b.row.median.total_cmp(&a.row.median)));
        self
    }

    /// Number of rows of all machines.
    pub(super) fn rows_of(machines: &[Self]) -> usize {
        machines.iter().map(|machine| machine.figures.len() + machine.waits.len()).sum()
    }

    fn rows(&self) -> impl Iterator<Item = &BenchRow> {
        self.figures.iter().map(|figure| &figure.row)
    }

    /// All plots of the figures: drawings, or tables where there are few figures.
    pub(super) fn plots(&self) -> Result<Vec<Plot>, PlotError> {
        let mut drawn = self.rates()?;
        drawn.extend(self.ratios()?);
        drawn.extend(self.scaling()?);
        drawn.extend(self.by_batch()?);
        Ok(drawn)
    }

    /// The row with the fewest threads of each device and kernel: the rate of one core, if that was measured.
    fn least_threads(&self, mode: &str) -> Vec<&BenchRow> {
        let rows = self.rows().filter(|row| row.mode == mode);
        let is_least = |row: &&BenchRow| {
            let rivals = self.rows().filter(|rival| is_kin(row, rival));
            rivals.map(|rival| rival.threads).min() == Some(row.threads)
        };
        rows.filter(is_least).collect()
    }

    /// A plot for each mode that has several kernels or devices, and one for all other modes together.
    fn rates(&self) -> Result<Vec<Plot>, PlotError> {
        let mut drawn = Vec::new();
        let mut single = Vec::new();
        for (mode, what) in MODES {
            match &self.least_threads(mode)[..] {
                [row] => single.push(bar(row, format!("{mode} {}", label(row)))),
                [] => {}
                rows => {
                    let bars: Vec<Bar> = rows.iter().map(|row| bar(row, label(row))).collect();
                    drawn.push(rate_plot(&format!("rate-{mode}"), format!("{mode}: {what}"), &bars)?);
                }
            }
        }
        if !single.is_empty() {
            let title = if drawn.is_empty() { "Rates" } else { "Rates of the other modes" };
            drawn.push(rate_plot("rates", title.into(), &single)?);
        }
        Ok(drawn)
    }

    fn ratios(&self) -> Result<Option<Plot>, PlotError> {
        let rows = MODES
            .iter()
            .enumerate()
            .flat_map(|(color, (mode, _))| self.least_threads(mode).into_iter().map(move |row| (color, row)));
        let bar = |(color, row): (usize, &BenchRow)| {
            let value = *row.versus.get(BASELINE)?;
            let end_text = format!("{value:.2} ×");
            Some(Bar {
                label: format!("{} {}", row.mode, label(row)),
                value,
                ends: None,
                compared: None,
                end_text,
                color,
            })
        };
        let mut bars: Vec<Bar> = rows.filter_map(bar).collect();
        if bars.is_empty() {
            return Ok(None);
        }
        bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        Ok(Some(Plot {
            slug: "ratios".into(),
            title: "Speed relative to a plain sha2 loop".into(),
            caption: "Each ratio is the median over laps that alternated with laps of the loop.".into(),
            picture: bar_picture(&bars, Some((1.0, "the loop itself")))?,
        }))
    }

    fn scaling(&self) -> Result<Option<Plot>, PlotError> {
        let mut lines: Vec<Line> = Vec::new();
        for first in self.rows().filter(|row| row.device == CPU) {
            let mut kin: Vec<&BenchRow> = self.rows().filter(|row| is_kin(first, row)).collect();
            kin.sort_by_key(|row| row.threads);
            let label = format!("{} {}", first.mode, first.kernel);
            if kin.len() < 2 || lines.iter().any(|line| line.label == label) {
                continue;
            }
            // The rate of one thread, estimated from the row with the fewest threads.
            let one = kin[0].median / kin[0].threads as f64;
            let points = kin.iter().map(|row| (row.threads as f64, row.median / one)).collect();
            lines.push(Line { label, points, is_ideal: false });
        }
        let Some(most) = lines.iter().flat_map(|line| &line.points).map(|point| point.0).max_by(f64::total_cmp) else {
            return Ok(None);
        };
        lines.push(Line { label: "ideal".into(), points: vec![(1.0, 1.0), (most, most)], is_ideal: true });
        let whole = |x: f64| if (x - x.round()).abs() < 1e-6 { format!("{x:.0}") } else { String::new() };
        let axes = Axes { x: "threads", y: "times one thread", x_word: &whole, y_word: &|y| format!("{y:.1}") };
        Ok(Some(Plot {
            slug: "scaling".into(),
            title: "Scaling by threads".into(),
            caption: "The rate with several threads divided by the rate with one.".into(),
            picture: line_picture(&lines, &axes)?,
        }))
    }

    fn by_batch(&self) -> Result<Vec<Plot>, PlotError> {
        let mut drawn = Vec::new();
        for (mode, _) in MODES {
            let swept: Vec<&BenchRow> = self.rows().filter(|row| row.mode == mode && row.by_batch.len() > 1).collect();
            let Some(first) = swept.first() else { continue };
            let unit = super::super::show::with_unit("", &first.unit).trim().to_owned();
            // Batch sizes grow by factors, so the x axis is logarithmic; its labels are the sizes.
            let points = |row: &BenchRow| {
                row.by_batch.iter().map(|at| ((at.batch_items as f64).log2(), at.median)).collect::<Vec<_>>()
            };
            let line = |row: &&BenchRow| Line { label: label(row), points: points(row), is_ideal: false };
            let mut lines: Vec<Line> = swept.iter().map(line).collect();
            lines.sort_by(|a, b| a.label.cmp(&b.label));
            let power = |x: f64| {
                let is_whole = (x - x.round()).abs() < 1e-6;
                if is_whole { format!("{}", x.exp2().round() as u64) } else { String::new() }
            };
            let axes =
                Axes { x: "items per batch", y: &unit, x_word: &power, y_word: &|y| si(y).trim_end().to_owned() };
            drawn.push(Plot {
                slug: format!("by-batch-{mode}"),
                title: format!("{mode}: rate by batch size"),
                caption: "Medians. Batches larger than a core's caches are limited by memory.".into(),
                picture: line_picture(&lines, &axes)?,
            });
        }
        Ok(drawn)
    }
}

fn bar(row: &BenchRow, label: String) -> Bar {
    Bar {
        label,
        value: row.median,
        ends: Some((row.min, row.max)),
        compared: row.versus.get(BASELINE).map(|ratio| row.median / ratio),
        end_text: super::super::show::with_unit(&si(row.median), &row.unit),
        color: 0,
    }
}

fn rate_plot(slug: &str, title: String, bars: &[Bar]) -> Result<Plot, PlotError> {
    let caption = "Median with lowest and highest lap. Baseline (grey in a plot): a plain loop of the sha2 crate over \
                   whole headers, on as many threads, in the same run.";
    Ok(Plot { slug: slug.into(), title, caption: caption.into(), picture: bar_picture(bars, None)? })
}

/// The bars, or a table of their values if there are few.
fn bar_picture(bars: &[Bar], mark: Option<(f64, &str)>) -> Result<Picture, PlotError> {
    if bars.len() >= POINTS_MIN {
        return plots::bars(bars, mark).map(Picture::Svg);
    }
    let has_ends = bars.iter().any(|bar| bar.ends.is_some());
    let has_loop = bars.iter().any(|bar| bar.compared.is_some());
    let mut heads = vec![String::new(), "median".to_owned()];
    heads.extend(has_ends.then(|| "lowest to highest".to_owned()));
    heads.extend(has_loop.then(|| "baseline".to_owned()));
    let short = |value: f64| si(value).trim_end().to_owned();
    let row = |bar: &Bar| {
        let mut cells = vec![bar.label.clone(), bar.end_text.clone()];
        let ends = bar.ends.map(|(low, high)| format!("{} to {}", short(low), short(high)));
        cells.extend(has_ends.then(|| ends.unwrap_or_default()));
        cells.extend(has_loop.then(|| bar.compared.map(short).unwrap_or_default()));
        cells
    };
    Ok(Picture::Table { heads, rows: bars.iter().map(row).collect() })
}

/// The lines, or a table of their points if no measured line has enough of them.
fn line_picture(lines: &[Line], axes: &Axes<'_>) -> Result<Picture, PlotError> {
    let measured = || lines.iter().filter(|line| !line.is_ideal);
    if measured().any(|line| line.points.len() >= POINTS_MIN) {
        return plots::lines(lines, axes).map(Picture::Svg);
    }
    let heads = ["", axes.x, axes.y].map(str::to_owned).to_vec();
    let cells = |label: &str, (x, y): &(f64, f64)| vec![label.to_owned(), (axes.x_word)(*x), (axes.y_word)(*y)];
    let rows = measured().flat_map(|line| line.points.iter().map(|point| cells(&line.label, point)));
    Ok(Picture::Table { heads, rows: rows.collect() })
}

/// Whether two rows differ at most by the number of threads.
fn is_kin(a: &BenchRow, b: &BenchRow) -> bool {
    (&a.device, &a.kernel, &a.mode) == (&b.device, &b.kernel, &b.mode)
}

/// Label of a bar or a line: `avx2, 1 thread`. For other devices than the CPU the name comes first, without the
/// driver's addition in parentheses: `llvmpipe wgsl-loaded-or, 2 threads`.
fn label(row: &BenchRow) -> String {
    let threads = if row.threads == 1 { "thread" } else { "threads" };
    let kernel = &row.kernel;
    let name = row.device.split(" (").next().unwrap_or(&row.device);
    let what = if row.device == CPU { kernel.clone() } else { format!("{name} {kernel}") };
    format!("{what}, {} {threads}", row.threads)
}

#[cfg(test)]
mod tests {
    use super::super::super::json::BatchRow;
    use super::super::super::record::tests::{answer, row};
    use super::*;

    fn figure(cpu: &str, mode: &str, threads: usize, median: f64) -> Figure {
        let row = BenchRow { mode: mode.into(), threads, min: median, max: median, ..row("avx2", median) };
        let mut environment = answer(Vec::new()).environment;
        environment.cpu = cpu.into();
        Figure { row, environment, when: String::new() }
    }

    fn slugs(figures: Vec<Figure>) -> Vec<String> {
        let machines = machines(Newest { figures, waits: Vec::new() });
        machines.iter().flat_map(|machine| machine.plots().unwrap()).map(|plot| plot.slug).collect()
    }

    fn pictures(figures: Vec<Figure>) -> Vec<Plot> {
        let machines = machines(Newest { figures, waits: Vec::new() });
        machines.iter().flat_map(|machine| machine.plots().unwrap()).collect()
    }

    #[test]
    fn every_bar_names_its_threads_and_its_device_if_that_is_not_the_cpu() {
        let mut gpu = figure("x", "search", 16, 9e9);
        gpu.row.device = "NVIDIA GeForce RTX 4090 (driver 550)".into();
        gpu.row.kernel = "wgsl-loaded-or".into();
        let mut other = figure("x", "search", 1, 1e6);
        other.row.kernel = "portable".into();
        let drawn = pictures(vec![figure("x", "search", 2, 2e6), other, gpu]);
        let labels = ["avx2, 2 threads", "portable, 1 thread", "NVIDIA GeForce RTX 4090 wgsl-loaded-or, 16 threads"];
        for (slug, prefix) in [("rate-search", ""), ("ratios", "search ")] {
            let svg = drawn.iter().find(|plot| plot.slug == slug).and_then(Plot::svg).unwrap();
            for label in labels {
                let shown = plots::shortened(&format!("{prefix}{label}"));
                assert!(shown.ends_with(label.rsplit(", ").next().unwrap()) && svg.contains(&shown), "{shown}: {svg}");
            }
        }
    }

    #[test]
    fn fewer_than_three_points_are_a_table_and_three_are_a_plot() {
        let of_threads = |counts: &[usize]| {
            let figures = counts.iter().map(|threads| figure("x", "headers", *threads, 1e6 * *threads as f64));
            pictures(figures.collect())
        };
        for plot in of_threads(&[1, 2]) {
            let Picture::Table { heads, rows } = &plot.picture else { panic!("{} is drawn", plot.slug) };
            assert!(rows.iter().all(|row| row.len() == heads.len()) && !rows.is_empty(), "{plot:?}");
        }
        let two = of_threads(&[1, 2]);
        let scaling = two.iter().find(|plot| plot.slug == "scaling").unwrap();
        let Picture::Table { heads, rows } = &scaling.picture else { panic!("a plot") };
        assert_eq!(heads[..], ["", "threads", "times one thread"]);
        assert_eq!(rows[..], [["headers avx2", "1", "1.0"], ["headers avx2", "2", "2.0"]], "the ideal is not measured");
        let rates = two.iter().find(|plot| plot.slug == "rates").unwrap();
        let Picture::Table { heads, rows } = &rates.picture else { panic!("a plot") };
        assert_eq!(heads[..], ["", "median", "lowest to highest", "baseline"]);
        assert_eq!(rows[0], ["headers avx2, 1 thread", "1.00 MH/s", "1.00 M to 1.00 M", "222 k"]);
        let three = of_threads(&[1, 2, 4]);
        assert!(three.iter().find(|plot| plot.slug == "scaling").and_then(Plot::svg).is_some());
    }

    #[test]
    fn each_plot_is_drawn_if_there_are_figures_for_it() {
        assert_eq!(slugs(vec![figure("x", "headers", 1, 1e6)]), ["rates", "ratios"]);
        let two = vec![figure("x", "headers", 1, 1e6), figure("x", "headers", 2, 2e6)];
        assert_eq!(slugs(two), ["rates", "ratios", "scaling"]);
        let mut swept = figure("x", "headers", 1, 1e6);
        let at = |batch_items| BatchRow { batch_items, median: 1e6, min: 1e6, max: 1e6 };
        swept.row.by_batch = vec![at(16), at(64)];
        assert_eq!(slugs(vec![swept]), ["rates", "ratios", "by-batch-headers"]);
    }

    #[test]
    fn kernels_of_one_mode_share_a_plot_and_so_do_modes_with_a_single_kernel() {
        let other = |mut figure: Figure| {
            figure.row.kernel = "sha-ni".into();
            figure
        };
        let search = [figure("x", "search", 1, 2e6), other(figure("x", "search", 1, 1e6))];
        let single = [figure("x", "headers", 1, 1e6), figure("x", "merkle", 1, 1e6)];
        assert_eq!(slugs([search, single].concat()), ["rate-search", "rates", "ratios"]);
    }

    #[test]
    fn a_bar_shows_the_fewest_threads_and_machines_are_separate() {
        let figures = vec![
            figure("x", "search", 2, 2e6),
            figure("x", "search", 1, 1e6),
            figure("y", "search", 4, 4e6),
            figure("x", "headers", 2, 9e6),
        ];
        let machines = machines(Newest { figures, waits: Vec::new() });
        assert_eq!(machines.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        let threads = |machine: &Machine, mode: &str| {
            machine.least_threads(mode).iter().map(|row| row.threads).collect::<Vec<_>>()
        };
        assert_eq!((threads(&machines[0], "search"), threads(&machines[0], "headers")), (vec![1], vec![2]));
        assert_eq!(threads(&machines[1], "search"), [4]);
        assert_eq!(machines[0].figures[0].row.median.to_bits(), 2e6_f64.to_bits(), "the fastest search comes first");
    }
}
