//! Asks real compilers, without a GPU, what they make of the shaders. `cargo xtask isa` starts it, under Mesa's no-op kernel
//! shim once for each GPU that it pretends to be; it runs nothing on a device.
//!
//! It prints one fact a line, words separated by tabs: shader, variant, name, value. It judges none of them.

#![allow(unsafe_code, reason = "raw Vulkan: wgpu does not pass on what a driver's compiler counts")]

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
  vulkan DRIVER.so [--listing]                every shader in every variant, compiled by a Vulkan driver
  text DRIVER.so FILE.wgsl ENTRY [--listing]  one text, likewise
  ptx search_one|search_shared xor|or TARGET  a search as PTX, for NVIDIA's assembler
  sass FILE                                   what a listing of nvdisasm -c counts";

/// Why the probe gave no answer.
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
            let flow = Dialect::Nvdisasm.read(&read(file)?).ok_or_else(|| format!("{file}: not understood"))?;
            facts::of_flow(&flow).iter().for_each(|(name, value)| say(format_args!("{name}\t{value}")));
            Ok(())
        }
        _ => Err(HELP.to_owned()),
    }
}

/// A text to compile.
struct Task {
    /// What it is called in the output: shader and variant.
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
    searches.find(|shader| name_of(*shader) == name).ok_or_else(|| format!("{name} is no search"))
}

fn form_by_name(name: &str) -> Result<Choose, Problem> {
    match name {
        "xor" => Ok(Choose::Xor),
        "or" => Ok(Choose::Or),
        _ => Err(format!("{name} is no form: xor, or")),
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

/// A reader that has gone away is no reason to fail.
fn say(line: impl Display) {
    let _unread = writeln!(std::io::stdout().lock(), "{line}");
}
