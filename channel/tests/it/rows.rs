//! The rows that a walk takes, for whoever writes a table: `NARTHEX_ROWS=1` prints them.

use std::collections::BTreeMap;

use bitcoin::secp256k1::rand::{SeedableRng, rngs::StdRng};
use narthex_channel::{Machine, Tabled, laws::Subject};

/// Walks, and prints each transition as a row, if that is asked for.
pub fn print<S: Subject>(subject: &mut S, walks: u64, inputs: u32) {
    if std::env::var_os("NARTHEX_ROWS").is_none() {
        return;
    }
    let mut rows: BTreeMap<String, u32> = BTreeMap::new();
    for walk in 0..walks {
        let mut rng = StdRng::seed_from_u64(walk);
        subject.begin(&mut rng);
        let mut machine = subject.fresh();
        for _ in 0..inputs {
            let input = subject.input(&machine, &mut rng);
            let from = machine.state();
            let Ok(step) = machine.step(&input) else {
                continue;
            };
            if step.changes.is_empty() {
                continue;
            }
            step.changes.iter().for_each(|change| machine.apply(change));
            let mut names: Vec<_> = step.effects.iter().map(S::Machine::effect_name).collect();
            names.dedup();
            let (name, to) = (S::Machine::input_name(&input), machine.state());
            let row = format!("{from} + {name} => {to} [{}] \"\";", names.join(" "));
            *rows.entry(row).or_default() += 1;
        }
    }
    // How often: a row that is rare makes the walks that must reach it many.
    for (row, times) in rows {
        println!("    {row} // {times}");
    }
}
