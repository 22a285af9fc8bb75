//! `cityseal devices`: every adapter with its state, or the reason why it is left out.

use cityseal_engine::device::DeviceInfo;
use cityseal_engine::{DeviceState, LeftOut};

use crate::args::DevicesArgs;
use crate::error::CommandError;
use crate::exit::Ending;
use crate::json::{DeviceRow, DevicesAnswer};
use crate::output::{Output, Paint, table};
use crate::{Context, builder};

pub(crate) fn run(context: &Context, args: &DevicesArgs) -> Result<Ending, CommandError> {
    let settings = context.settings(&args.engine)?;
    // Every adapter is listed, whichever were asked for.
    let engine = builder(&settings).gpu(true).build()?;
    let rows = engine.devices().iter().map(|device| row(&device.info, &device.state)).collect();
    let answer = DevicesAnswer { devices: rows, notes: engine.notes().to_vec() };
    context.output.answer(&answer, |output| human(output, &answer)).map_err(CommandError::Stdout)?;
    Ok(Ending::Yes)
}

pub(crate) fn row(info: &DeviceInfo, state: &DeviceState) -> DeviceRow {
    DeviceRow {
        id: info.id.clone(),
        name: info.name.clone(),
        kind: info.kind.name(),
        api: info.api.clone(),
        driver: info.driver.clone(),
        pci: info.pci.clone(),
        kernel: info.kernel.clone(),
        state: state.name(),
        reason: state.reason().map(str::to_owned),
    }
}

pub(crate) fn left_out_row(left_out: &LeftOut) -> DeviceRow {
    row(&left_out.info, &DeviceState::LeftOut { reason: left_out.reason.clone() })
}

fn human(output: &Output, answer: &DevicesAnswer) -> String {
    let cells = |row: &DeviceRow| {
        vec![
            row.id.clone(),
            row.name.clone(),
            row.kind.into(),
            row.kernel.clone(),
            row.state.into(),
            row.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = answer.devices.iter().map(cells).collect();
    let note = |note: &String| format!("{} {note}\n", output.paint(Paint::Doubtful, "note:"));
    let notes: Vec<_> = answer.notes.iter().map(note).collect();
    table(&["id", "name", "kind", "kernel", "state", ""], &[], &rows) + &notes.concat()
}
