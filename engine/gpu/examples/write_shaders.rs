//! Writes the generated shaders to `shaders/`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    cityseal_gpu::generate::files().into_iter().try_for_each(|file| std::fs::write(folder.join(file.name), file.text))
}
