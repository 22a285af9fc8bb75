//! Compiles the shaders with real drivers, without a GPU, and prints the instruction counts. `cargo xtask isa` runs it
//! with Mesa's no-op kernel shim, once for each simulated GPU; it runs nothing on a device.
//!
//! It prints one fact per line, separated by tabs: shader, variant, name, value.

#![allow(unsafe_code, reason = "raw Vulkan: wgpu does not expose the statistics of a driver's compiler")]

mod compile;
mod device;
mod facts;
mod flow;
mod listing;
mod ptx;
mod spirv;

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use cityseal_gpu::shader::{Choose, Shader, Variant};

use device::Device;
use listing::Dialect;

const HELP: &str = "usage: isa-probe COMMAND
  vulkan DRIVER.so [--listing]                compile every shader in every variant with a Vulkan driver
  text DRIVER.so FILE.wgsl ENTRY [--listing]  compile one file with a Vulkan driver
  ptx search_one|search_shared xor|or TARGET  print a search as PTX, for NVIDIA's assembler
  sass FILE                                   count the instructions of a listing of nvdisasm -c";

/// A message about a failure.
type Problem = String;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _unread = writeln!(std::io::stderr(), "isa-probe: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Problem> {
    match words {
        ["vulkan", driver, rest @ ..] => vulkan(driver, &of_the_product(), rest == ["--listing"]),
        ["text", driver, file, entry_point, rest @ ..] => {
            let name = format!("{file}\t-");
            let task = Task { name, text: read(file)?, entry_point: (*entry_point).to_owned() };
            vulkan(driver, &[task], rest == ["--listing"])
        }
        ["ptx", shader, form, target] => {
            say(ptx::text(search_by_name(shader)?, form_by_name(form)?, target));
            Ok(())
        }
        ["sass", file] => {
            let flow =
                Dialect::Nvdisasm.read(&read(file)?).ok_or_else(|| format!("{file}: not a listing of nvdisasm -c"))?;
            facts::of_flow(&flow).iter().for_each(|(name, value)| say(format_args!("{name}\t{value}")));
            Ok(())
        }
        _ => Err(HELP.to_owned()),
    }
}

/// A shader to compile.
struct Task {
    /// Its name in the output: shader and variant.
    name: String,
    text: String,
    entry_point: String,
}

fn of_the_product() -> Vec<Task> {
    let variants = |shader: Shader| Variant::ALL.into_iter().map(move |variant| (shader, variant));
    let task = |(shader, variant): (Shader, Variant)| Task {
        name: format!("{}\t{}", name_of(shader), variant.name()),
        text: shader.text(variant),
        entry_point: shader.entry_point().to_owned(),
    };
    Shader::ALL.into_iter().flat_map(variants).map(task).collect()
}

const fn name_of(shader: Shader) -> &'static str {
    match shader {
        Shader::SearchOne => "search_one",
        Shader::SearchShared => "search_shared",
        Shader::Headers => "headers",
        Shader::Nodes => "nodes",
        Shader::Rfc6962Nodes => "rfc6962_nodes",
        Shader::TreeNodes => "tree_nodes",
        Shader::Rfc6962TreeNodes => "rfc6962_tree_nodes",
    }
}

fn search_by_name(name: &str) -> Result<Shader, Problem> {
    let mut searches = [Shader::SearchOne, Shader::SearchShared].into_iter();
    searches
        .find(|shader| name_of(*shader) == name)
        .ok_or_else(|| format!("unknown search {name}: expected search_one or search_shared"))
}

fn form_by_name(name: &str) -> Result<Choose, Problem> {
    match name {
        "xor" => Ok(Choose::Xor),
        "or" => Ok(Choose::Or),
        _ => Err(format!("unknown form {name}: expected xor or or")),
    }
}

fn read(file: &str) -> Result<String, Problem> {
    std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))
}

fn vulkan(driver: &str, tasks: &[Task], has_listing: bool) -> Result<(), Problem> {
    let device = Device::open(driver)?;
    say(format_args!("device\t{}\t{}", device.name(), device.driver()));
    for task in tasks {
        let words = spirv::translate(&task.text, &task.entry_point)?;
        let compiled = compile::compile(&device, &words, &task.entry_point)?;
        for (name, value) in facts::of_compiled(&compiled) {
            say(format_args!("{}\t{name}\t{value}", task.name));
        }
        for (title, text) in compiled.listings.iter().filter(|_| has_listing) {
            say(format_args!("== {} {title}\n{text}", task.name));
        }
    }
    Ok(())
}

/// Prints a line; ignores a closed pipe.
fn say(line: impl Display) {
    let _unread = writeln!(std::io::stdout().lock(), "{line}");
}
