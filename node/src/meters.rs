//! What a process measures of itself by its own clocks, and counts of bad input: for its figures. They begin anew with the process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use narthex::arbiter::{Judged, Report, Silent};

use crate::party::Figures;

/// Upper bounds of a write, in milliseconds.
const COMMIT_MS: &[u64] = &[1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

/// Upper bounds of a question to a judge, in milliseconds: a step may take an hour.
const JUDGE_MS: &[u64] = &[
    100, 250, 500, 1_000, 5_000, 30_000, 120_000, 600_000, 3_600_000,
];

/// How often something took how long.
#[derive(Debug)]
struct Times {
    bounds_ms: &'static [u64],
    /// Up to each bound and above the one before; what took longer than all is last.
    counts: Vec<u64>,
    sum: Duration,
}

impl Times {
    fn new(bounds_ms: &'static [u64]) -> Times {
        Times {
            bounds_ms,
            counts: vec![0; bounds_ms.len() + 1],
            sum: Duration::ZERO,
        }
    }

    fn add(&mut self, took: Duration) {
        let is_in = |bound: &&u64| took <= Duration::from_millis(**bound);
        let place = self
            .bounds_ms
            .iter()
            .take_while(|bound| !is_in(bound))
            .count();
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// Of a family whose kind is `histogram`.
    fn say(&self, out: &mut Figures, name: &str, labels: &[(&str, &str)]) {
        let mut sum = 0;
        let bounds = self
            .bounds_ms
            .iter()
            .map(|ms| seconds(Duration::from_millis(*ms)));
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&self.counts) {
            sum += count;
            let labels = [labels, &[("le", bound.as_str())]].concat();
            out.sample(&format!("{name}_bucket"), &labels, sum);
        }
        out.sample(&format!("{name}_sum"), labels, seconds(self.sum));
        out.sample(&format!("{name}_count"), labels, sum);
    }
}

fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}

/// What was measured and counted.
#[derive(Debug)]
pub(crate) struct Meters {
    commits: Mutex<Times>,
    judged: Mutex<BTreeMap<String, Times>>,
    bad: Mutex<BTreeMap<&'static str, u64>>,
}

impl Default for Meters {
    fn default() -> Self {
        Meters {
            commits: Mutex::new(Times::new(COMMIT_MS)),
            judged: Mutex::default(),
            bad: Mutex::default(),
        }
    }
}

/// What is kept is whole between two lines.
fn held<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meters {
    /// Something was made durable.
    pub(crate) fn committed(&self, took: Duration) {
        held(&self.commits).add(took);
    }

    /// A question was put to the judge.
    pub(crate) fn judged(&self, took: Duration, found: &Result<Report, Silent>) {
        let engine = match found.as_ref().map(|report| &report.judged) {
            Ok(Judged::NoStep) => "none".to_owned(),
            Ok(Judged::Alone { engine, .. }) => engine.clone(),
            Ok(Judged::Both { engine, other }) => format!("{engine}+{other}"),
            Err(_) => "silent".to_owned(),
        };
        let mut all = held(&self.judged);
        let times = all.entry(engine).or_insert_with(|| Times::new(JUDGE_MS));
        times.add(took);
    }

    /// Somebody sent what is no good.
    pub(crate) fn bad(&self, code: &'static str) {
        *held(&self.bad).entry(code).or_default() += 1;
    }

    /// As figures, with the bad input of peers that somebody else has counted.
    pub(crate) fn say(&self, out: &mut Figures, peers: &BTreeMap<&'static str, u64>) {
        let name = "narthex_commit_seconds";
        let help = "How long it took to make something durable, since the process started.";
        out.family(name, "histogram", help);
        held(&self.commits).say(out, name, &[]);
        let name = "narthex_judge_seconds";
        let help = "How long a question was with the judge in its box, by the engines that ran a step (`none`: no step had to be run; `silent`: nothing was ruled), since the process started.";
        out.family(name, "histogram", help);
        for (engine, times) in &*held(&self.judged) {
            times.say(out, name, &[("engine", engine)]);
        }
        let mut bad = held(&self.bad).clone();
        for (code, count) in peers {
            *bad.entry(code).or_default() += count;
        }
        let name = "narthex_bad_input_total";
        let help = "What others have sent that is no good, by code: of HTTP as errors have it, of peers what their connection was closed for, since the process started.";
        out.family(name, "counter", help);
        for (code, count) in bad {
            out.sample(name, &[("code", code)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_up_to_its_bound_and_in_all_above() {
        let mut times = Times::new(&[1, 10]);
        for micros in [500, 1_000, 1_001, 10_000, 10_001] {
            times.add(Duration::from_micros(micros));
        }
        let mut out = Figures::default();
        times.say(&mut out, "a_seconds", &[("b", "c")]);
        let text = out.into_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "a_seconds_bucket{b=\"c\",le=\"0.001\"} 2",
                "a_seconds_bucket{b=\"c\",le=\"0.01\"} 4",
                "a_seconds_bucket{b=\"c\",le=\"+Inf\"} 5",
                "a_seconds_sum{b=\"c\"} 0.022502",
                "a_seconds_count{b=\"c\"} 5",
            ]
        );
    }
}
