//! `cargo xtask isa`: what real compilers make of the shaders, counted without a GPU, against budgets.
//!
//! Mesa's drivers compile for GPUs that are not there: its no-op kernel shim stands in for the kernel, and the drivers say
//! how many instructions they wrote. NVIDIA's assembler says it of a listing. This chore fetches both from where the
//! machine already fetches its packages, lets `isa-probe` ask them, and compares. Counts are no measurements of speed.

mod budgets;
mod compilers;
mod counts;
mod mesa;
mod nvidia;
mod plot;
mod report;

use std::path::PathBuf;

pub(crate) use compilers::noop_gpu;
use compilers::{COMPILERS, Compiler};
use counts::Count;

use crate::say::{say, title};
use crate::shell::{Failure, Outcome, cargo, run, target_dir};

/// Runs the chore: the compiler of Debian's backports; `--all` the others too, `--report` with their table written down.
pub(crate) fn run_all(words: &[String]) -> Outcome {
    let has = |word: &str| words.iter().any(|given| given == word);
    if let Some(unknown) = words.iter().find(|word| !["--all", "--report"].contains(&word.as_str())) {
        return Err(Failure::usage(format!("xtask isa: {unknown}? It takes --all and --report")));
    }
    let chosen = COMPILERS.iter().filter(|compiler| compiler.is_in_ci || has("--all") || has("--report"));
    let (counts, skipped) = count(chosen)?;
    title("instructions");
    counts::table(&counts).iter().for_each(say);
    title("budgets");
    let verdicts = budgets::judge(&counts);
    verdicts.iter().for_each(say);
    if has("--report") {
        report::write(&counts, &skipped)?;
    }
    let broken = verdicts.iter().filter(|verdict| !verdict.holds).count();
    skipped.iter().for_each(|why| say(format_args!("SKIPPED: {why}")));
    say(format_args!("{} budgets hold, {broken} broken, {} compilers skipped", verdicts.len() - broken, skipped.len()));
    if broken > 0 { Err(Failure::new("a budget of instructions is broken")) } else { Ok(()) }
}

/// The same in CI, where a compiler that cannot be had is a skip that is counted.
pub(crate) fn run_in_ci() -> Outcome {
    let (counts, skipped) = count(COMPILERS.iter().filter(|compiler| compiler.is_in_ci))?;
    let verdicts = budgets::judge(&counts);
    verdicts.iter().for_each(say);
    if verdicts.iter().any(|verdict| !verdict.holds) {
        return Err(Failure::new("a budget of instructions is broken"));
    }
    skipped.into_iter().next().map_or(Ok(()), |why| Err(Failure::skip(why)))
}

/// What all of them count, and why some could not be asked.
fn count<'a>(compilers: impl Iterator<Item = &'a Compiler>) -> Outcome<(Vec<Count>, Vec<String>)> {
    let probe = build_probe()?;
    let (mut counts, mut skipped) = (Vec::new(), Vec::new());
    for compiler in compilers {
        match compiler.count(&probe) {
            Ok(found) => counts.extend(found),
            Err(why) if why.is_skip() => skipped.push(format!("{}: {why}", compiler.name)),
            Err(why) => return Err(why),
        }
    }
    Ok((counts, skipped))
}

/// Built as a part of the workspace's tests, so that what it shares with them is compiled once.
fn build_probe() -> Outcome<PathBuf> {
    run(&mut cargo(["test", "--quiet", "--locked", "--workspace", "--no-run", "--test", "isa_probe"]))?;
    Ok(target_dir().join("debug").join("isa-probe"))
}
