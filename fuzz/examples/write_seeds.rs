//! Writes each target's seeds as files for libFuzzer, in one folder per target: `write_seeds CORPUS`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    for target in cityseal_fuzz::TARGETS {
        let folder = Path::new(&corpus).join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in (0..).zip((target.seeds)()) {
            std::fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}
