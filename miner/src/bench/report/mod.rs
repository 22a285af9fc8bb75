//! `cityseal bench report`: what the records hold as one page that a person would rather look at than read. The page
//! stands alone: style and plots are inside, and it asks for no script, font or network.

mod machine;
mod page;
mod plots;

use std::path::Path;

use super::record::{replace, slug};
use super::records::newest;
use crate::Context;
use crate::args::ReportArgs;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::json::ReportAnswer;

use machine::{Machine, machines};

pub(super) fn run(context: &Context, args: &ReportArgs) -> Result<Ending, CommandError> {
    let machines = machines(newest(&args.records)?);
    let drawn = machines.iter().map(|machine| Ok((machine, machine.plots()?))).collect::<Result<Vec<_>, _>>();
    let drawn = drawn.map_err(|error: plots::PlotError| CommandError::Plot { message: error.to_string() })?;
    save(&args.out, &page::html(&drawn))?;
    let mut plots = Vec::new();
    if let Some(folder) = &args.svg {
        for (machine, plot) in drawn.iter().flat_map(|(machine, plots)| plots.iter().map(move |plot| (machine, plot))) {
            let path = folder.join(format!("{}-{}.svg", slug(&machine.name), plot.slug));
            save(&path, &plot.svg)?;
            plots.push(path.display().to_string());
        }
    }
    let answer = ReportAnswer { page: args.out.display().to_string(), plots, rows: Machine::rows_of(&machines) };
    let human = |answer: &ReportAnswer| format!("{} shows {} rows\n", answer.page, answer.rows);
    context.output.answer(&answer, |_| human(&answer)).map_err(CommandError::Stdout)?;
    Ok(Ending::Yes)
}

fn save(path: &Path, text: &str) -> Result<(), CommandError> {
    replace(path, text).map_err(|source| CommandError::WriteFile { path: path.into(), source })
}
