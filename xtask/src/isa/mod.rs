//! `cargo xtask isa`: counts the instructions that real compilers generate for the shaders, without a GPU, and compares
//! them with budgets.
//!
//! Mesa's drivers compile for GPUs that are not present: its no-op kernel shim replaces the kernel driver, and the
//! drivers report the number of instructions. For NVIDIA's assembler the instructions of a listing are counted. Both
//! come from the package mirrors of this machine; `isa-probe` runs them. Instruction counts do not measure speed.

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

/// Runs the command with the compiler of Debian's backports; `--all` adds the others, `--report` also writes the
/// report.
pub(crate) fn run_all(words: &[String]) -> Outcome {
    let has = |word: &str| words.iter().any(|given| given == word);
    if let Some(unknown) = words.iter().find(|word| !["--all", "--report"].contains(&word.as_str())) {
        return Err(Failure::usage(format!("xtask isa: unknown option {unknown}; the options are --all and --report")));
    }
    let chosen = COMPILERS.iter().filter(|compiler| compiler.is_in_ci || has("--all") || has("--report"));
    let (counts, skipped) = count(chosen)?;
    title("instructions");
    counts::table(&counts).iter().for_each(say);
    title("budgets");
    let verdicts = budgets::check(&counts);
    verdicts.iter().for_each(say);
    if has("--report") {
        report::write(&counts, &skipped)?;
    }
    let broken = verdicts.iter().filter(|verdict| !verdict.holds).count();
    skipped.iter().for_each(|why| say(format_args!("SKIPPED: {why}")));
    say(format_args!("{} budgets kept, {broken} broken, {} compilers skipped", verdicts.len() - broken, skipped.len()));
    if broken > 0 { Err(Failure::new("an instruction budget is broken")) } else { Ok(()) }
}

/// The check for CI, in which an unavailable compiler is a counted skip.
pub(crate) fn run_in_ci() -> Outcome {
    let (counts, skipped) = count(COMPILERS.iter().filter(|compiler| compiler.is_in_ci))?;
    let verdicts = budgets::check(&counts);
    verdicts.iter().for_each(say);
    if verdicts.iter().any(|verdict| !verdict.holds) {
        return Err(Failure::new("an instruction budget is broken"));
    }
    skipped.into_iter().next().map_or(Ok(()), |why| Err(Failure::skip(why)))
}

/// The counts of all compilers, and why some could not be run.
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

/// Builds the probe as part of the workspace's tests, so that shared dependencies are compiled once.
fn build_probe() -> Outcome<PathBuf> {
    run(&mut cargo(["test", "--quiet", "--locked", "--workspace", "--no-run", "--test", "isa_probe"]))?;
    Ok(target_dir().join("debug").join("isa-probe"))
}
