//! NVIDIA's assembler and disassembler, from Python packages. NVIDIA's driver gets the shaders as SPIR-V, and the front
//! end that passes them to the assembler is not available separately. So the probe writes the same expressions as PTX.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::mesa::output_of;
use crate::say::say;
use crate::shell::{Failure, Outcome, answers, program, run, target_dir};

/// The names of the packages for pip.
const PACKAGES: [&str; 2] = ["nvidia-cuda-nvcc", "nvidia-cuda-nvdisasm"];

/// The searches that are written as PTX.
const SEARCHES: [&str; 2] = ["search_one", "search_shared"];

/// The forms of Ch and Maj, and the variant of each, with constant rotations.
const FORMS: [(&str, &str); 2] = [("xor", "wgsl-constant-xor"), ("or", "wgsl-constant-or")];

/// Assembler and disassembler.
pub(crate) struct Tools {
    home: PathBuf,
    assembler: PathBuf,
    disassembler: PathBuf,
}

impl Tools {
    /// Returns the tools; fetches them the first time.
    ///
    /// # Errors
    /// A skip if the packages are not available.
    pub(crate) fn fetched() -> Outcome<Self> {
        let home = target_dir().join("isa").join("nvidia");
        let site = home.join("site");
        if !home.join("complete").exists() {
            fetch(&home, &site).map_err(|why| Failure::skip(format!("NVIDIA's assembler is not available ({why})")))?;
        }
        let find = |name: &str| find(&site, name).ok_or_else(|| Failure::new(format!("no {name} in {PACKAGES:?}")));
        Ok(Self { assembler: find("ptxas")?, disassembler: find("nvdisasm")?, home })
    }

    /// Returns the facts about both searches in both forms, for the given GPU.
    pub(crate) fn ask(&self, probe: &Path, gpu: &str) -> Outcome<String> {
        let mut lines = String::new();
        for search in SEARCHES {
            for (form, variant) in FORMS {
                for fact in self.ask_one(probe, search, form, gpu)? {
                    lines += &[search, variant, fact.as_str()].join("\t");
                    lines.push('\n');
                }
            }
        }
        Ok(lines)
    }

    fn ask_one(&self, probe: &Path, search: &str, form: &str, gpu: &str) -> Outcome<Vec<String>> {
        let [source, binary, listing] = ["ptx", "cubin", "sass"].map(|end| self.home.join(format!("{search}.{end}")));
        let write = |file: &Path, text: &str| {
            std::fs::write(file, text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
        };
        write(&source, &output_of(Command::new(probe).args(["ptx", search, form, gpu]))?)?;
        let mut assemble = Command::new(&self.assembler);
        assemble.arg(format!("--gpu-name={gpu}")).arg("--verbose").arg(&source).arg("-o").arg(&binary);
        let output = assemble.output().map_err(|error| Failure::new(format!("ptxas: {error}")))?;
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if !output.status.success() {
            return Err(Failure::new(format!("ptxas: {printed}")));
        }
        write(&listing, &output_of(Command::new(&self.disassembler).arg("-c").arg(&binary))?)?;
        let counted = output_of(Command::new(probe).arg("sass").arg(&listing))?;
        let own =
            [("registers", number_before(&printed, " registers")), ("spills", number_before(&printed, " bytes spill"))];
        let own = own.iter().filter_map(|(name, value)| value.map(|value| format!("{name}\t{value}")));
        Ok(counted.lines().map(str::to_owned).chain(own).collect())
    }
}

fn fetch(home: &Path, site: &Path) -> Outcome {
    if !answers(&mut program("python3", ["-m", "pip", "--version"])) {
        return Err(Failure::new("pip is not installed"));
    }
    say(format_args!("fetching NVIDIA's assembler into {}", home.display()));
    let words = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target"];
    run(program("python3", words).arg(site).args(PACKAGES).env("PIP_ROOT_USER_ACTION", "ignore"))?;
    std::fs::write(home.join("complete"), "").map_err(|error| Failure::new(format!("{}: {error}", home.display())))
}

/// Finds the file with the given name in a folder or below it.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    let here = entries.iter().find(|path| path.is_file() && path.file_name().is_some_and(|own| own == name)).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
}

/// The number directly before the first `word`.
fn number_before(text: &str, word: &str) -> Option<u64> {
    let (before, _) = text.split_once(word)?;
    before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_registers_and_spills_from_the_output_of_the_assembler() {
        let printed =
            "    0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\nptxas info : Used 39 registers, used";
        assert_eq!(number_before(printed, " registers"), Some(39));
        assert_eq!(number_before(printed, " bytes spill"), Some(8));
        assert_eq!(number_before(printed, " barriers"), None);
    }
}
