//! Schedules of set-ups that the simulator plays a second, on all cores.

use std::time::Instant;

use narthex::schedules::{self, Plan};

use super::Measured;

/// 10^5 of them in ten minutes.
const LEAST: f64 = 100_000.0 / 600.0;

pub(super) fn run(rounds: u32, schedules: u32) -> Vec<Measured> {
    let mut least = f64::MAX;
    for round in 0..rounds {
        let seed = [round.to_be_bytes()[3]; 32];
        let start = Instant::now();
        schedules::run(&seed, (schedules.into(), &Plan::default()), |_| {});
        least = least.min(start.elapsed().as_secs_f64());
    }
    let name = format!("schedules: set-ups, {} cores", cores());
    let rate = super::quotient(f64::from(schedules), least).unwrap_or_default();
    vec![Measured::plain(name, rate, "1/s").least("figure", LEAST)]
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
