//! `cityseal bench report`: writes an HTML page with plots and tables of the recorded figures. The page is
//! self-contained: it needs no other file, script, font or network.

mod machine;
mod page;
mod plots;

use std::path::{Path, PathBuf};

use cityseal_cli::files::{Wanted, check_folder, check_outputs, write_output_in_new_folders};
use cityseal_cli::{CliError, Ending, Output, escape_line};

use super::error::BenchError;
use super::json::ReportAnswer;
use super::record::slug;
use super::records::{files, newest};

use machine::{Machine, machines};

/// The input and the outputs of a report.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// A record, or a folder of records.
    pub records: PathBuf,
    /// The file of the page.
    pub out: PathBuf,
    /// The folder for single plots, if they are requested.
    pub svg: Option<PathBuf>,
}

/// Writes the page, and prints where it is.
///
/// # Errors
/// [`BenchError`] for records that cannot be read, and files that cannot be written.
pub fn report(output: &Output, args: &ReportOptions) -> Result<Ending, BenchError> {
    check(args)?;
    let machines = machines(newest(&args.records)?);
    let drawn = machines.iter().map(|machine| Ok((machine, machine.plots()?))).collect::<Result<Vec<_>, _>>();
    let drawn = drawn.map_err(|error: plots::PlotError| BenchError::Plot { message: error.to_string() })?;
    save(&args.out, &page::html(&drawn))?;
    let mut plots = Vec::new();
    if let Some(folder) = &args.svg {
        for (machine, plot) in drawn.iter().flat_map(|(machine, plots)| plots.iter().map(move |plot| (machine, plot))) {
            // Plots with too few figures are tables, which are only on the page.
            let Some(svg) = plot.svg() else { continue };
            let path = folder.join(format!("{}-{}.svg", slug(&machine.name), plot.slug));
            save(&path, svg)?;
            plots.push(path.display().to_string());
        }
    }
    let answer = ReportAnswer { page: args.out.display().to_string(), plots, rows: Machine::rows_of(&machines) };
    let human = |answer: &ReportAnswer| {
        let rows = if answer.rows == 1 { "row" } else { "rows" };
        format!("{} shows {} {rows}\n", escape_line(&answer.page), answer.rows)
    };
    output.answer(&answer, |_| human(&answer)).map_err(CliError::Stdout)?;
    Ok(Ending::Yes)
}

/// Checks the outputs before the records are read. Missing folders are no error: they are created later.
fn check(args: &ReportOptions) -> Result<(), BenchError> {
    if let Some(folder) = args.out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        check_folder("--out", folder)?;
    } else {
        let page = Wanted { flag: "--out", path: &args.out, is_read_back: false };
        let records = files(&args.records)?;
        let inputs: Vec<_> = records.iter().map(|record| ("record", record.as_path())).collect();
        check_outputs(&[page], &inputs)?;
    }
    Ok(args.svg.as_deref().map_or(Ok(()), |folder| check_folder("--svg", folder))?)
}

fn save(path: &Path, text: &str) -> Result<(), BenchError> {
    let written = write_output_in_new_folders(path, text.as_bytes());
    Ok(written.map_err(|source| CliError::WriteFile { path: path.into(), source })?)
}
