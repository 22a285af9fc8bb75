//! `cityseal bench report`: writes an HTML page with plots and tables of the recorded figures. The page is
//! self-contained: it needs no other file, script, font or network.

mod machine;
mod page;
mod plots;

use std::path::Path;

use super::record::slug;
use super::records::{files, newest};
use crate::Context;
use crate::args::ReportArgs;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::files::{Wanted, check_folder, check_outputs, write_output_in_new_folders};
use crate::json::ReportAnswer;
use crate::output::escape_line;

use machine::{Machine, machines};

pub(super) fn run(context: &Context, args: &ReportArgs) -> Result<Ending, CommandError> {
    check(args)?;
    let machines = machines(newest(&args.records)?);
    let drawn = machines.iter().map(|machine| Ok((machine, machine.plots()?))).collect::<Result<Vec<_>, _>>();
    let drawn = drawn.map_err(|error: plots::PlotError| CommandError::Plot { message: error.to_string() })?;
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
    context.output.answer(&answer, |_| human(&answer)).map_err(CommandError::Stdout)?;
    Ok(Ending::Yes)
}

/// Checks the outputs before the records are read. Missing folders are no error: they are created later.
fn check(args: &ReportArgs) -> Result<(), CommandError> {
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

fn save(path: &Path, text: &str) -> Result<(), CommandError> {
    write_output_in_new_folders(path, text.as_bytes())
        .map_err(|source| CommandError::WriteFile { path: path.into(), source })
}
