//! Writes the seeds to `corpus/<target>/`.

use std::fs;

fn main() -> std::io::Result<()> {
    let models = narthex_fuzz::model::decoders().into_iter();
    let models = models
        .flat_map(|decoder| decoder.seeds)
        .map(|bytes| ("game_model", bytes));
    let payments = narthex_fuzz::payments::seeds().into_iter();
    let payments = payments.map(|bytes| ("payments", bytes));
    let wire = narthex_fuzz::wire::seeds().into_iter();
    let wire = wire.map(|bytes| ("wire", bytes));
    let contract = narthex_fuzz::contract::seeds().into_iter();
    let contract = contract.map(|bytes| ("contract", bytes));
    let cases = narthex_fuzz::cases::seeds().into_iter();
    let cases = cases.map(|bytes| ("case_bundle", bytes));
    for (i, (target, bytes)) in narthex_fuzz::seeds::all()
        .into_iter()
        .chain(models)
        .chain(payments)
        .chain(wire)
        .chain(contract)
        .chain(cases)
        .enumerate()
    {
        let dir = format!("{}/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(&dir)?;
        fs::write(format!("{dir}/seed-{i}"), bytes)?;
    }
    Ok(())
}
