//! Writes the seeds to `corpus/<target>/`.

use std::fs;

fn main() -> std::io::Result<()> {
    for (i, (target, bytes)) in narthex_fuzz::seeds::all().into_iter().enumerate() {
        let dir = format!("{}/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(&dir)?;
        fs::write(format!("{dir}/seed-{i}"), bytes)?;
    }
    Ok(())
}
