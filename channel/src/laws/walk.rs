//! Random walks, and what must hold at each of their steps.

use std::collections::BTreeSet;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};

use narthex_base::codec::Message;

use super::{Broken, Effort, FailingLog, Fault, Subject};
use crate::{
    Logged, Machine, StepError, Summary, Tabled, Transition,
    log::{Identity, MemoryDisk, MemoryLog},
};

type Input<S> = <<S as Subject>::Machine as Machine>::Input;
/// A state, and what is to be done.
type Stands<S> = (
    <S as Subject>::State,
    Vec<<<S as Subject>::Machine as Machine>::Effect>,
);
type Driven<S> = Logged<<S as Subject>::Machine, FailingLog<MemoryLog>>;

/// A log is read back after one in so many inputs, and at the end of a walk: reading it at each takes the square of a walk's
/// length, and what a log gives back follows from its changes, each of which is read back as it comes.
const READ_BACK_EVERY: u32 = 4;
/// At so many places a change is cut off; others in other walks.
const CUTS: usize = 8;

/// Holds a machine to the laws.
///
/// # Errors
/// [`Broken`]: the first law that does not hold, and the seed that shows it.
pub fn check<S: Subject>(subject: &mut S, effort: Effort) -> Result<(), Broken> {
    let mut reached = BTreeSet::new();
    let mut walk = Walk::new(effort);
    for number in 0..effort.walks {
        walk.run(subject, number, &mut reached)?;
    }
    let missed = S::Machine::rows().find(|row| !reached.contains(*row));
    match missed {
        Some(row) => Err(walk.broken::<S>("table", format!("{row:?} is never reached"))),
        None => Ok(()),
    }
}

/// Holds the summaries of a machine to their law: a log that is replaced by one gives the machine back, and so does a log
/// whose replacement failed.
///
/// # Errors
/// [`Broken`].
pub fn check_summary<S>(subject: &mut S, effort: Effort) -> Result<(), Broken>
where
    S: Subject<Machine: Summary>,
{
    let mut walk = Walk::new(effort);
    for number in 0..effort.walks {
        let (mut rng, mut driven) = walk.begin(subject, number)?;
        for input in 0..effort.inputs {
            walk.input = input;
            let taken = subject.input(driven.machine(), &mut rng);
            // What is refused changes nothing.
            let _ = driven.step(&taken);
            if !rng.gen_ratio(1, 4) {
                continue;
            }
            let before = (subject.state(driven.machine()), driven.pending());
            let fault = *[None, Some(Fault::Before), Some(Fault::After)]
                .get(rng.gen_range(0..3usize))
                .unwrap_or(&None);
            if let Some(fault) = fault {
                drop(driven);
                driven = walk.open(subject, 0, fault)?;
            }
            let replaced = driven.compact(1);
            if fault.is_none() && replaced.is_err() {
                return Err(walk.broken::<S>("summary", format!("{replaced:?}")));
            }
            drop(driven);
            driven = walk.reopen(subject, "summary", &before)?;
        }
    }
    Ok(())
}

struct Walk {
    effort: Effort,
    walk: u32,
    input: u32,
    disk: MemoryDisk,
}

impl Walk {
    fn new(effort: Effort) -> Walk {
        Walk {
            effort,
            walk: 0,
            input: 0,
            disk: MemoryDisk::default(),
        }
    }

    /// A walk begins, with a log of its own.
    fn begin<S: Subject>(
        &mut self,
        subject: &mut S,
        number: u32,
    ) -> Result<(StdRng, Driven<S>), Broken> {
        self.walk = number;
        self.disk = MemoryDisk::default();
        let seed = self.effort.seed ^ u64::from(number).rotate_left(32);
        let mut rng = StdRng::seed_from_u64(seed);
        subject.begin(&mut rng);
        let driven = self.open(subject, u32::MAX, Fault::Before)?;
        Ok((rng, driven))
    }

    fn broken<S: Subject>(&self, law: &'static str, found: String) -> Broken {
        Broken {
            machine: S::Machine::NAME,
            law,
            found,
            seed: self.effort.seed,
            walk: self.walk,
            input: self.input,
        }
    }

    /// Fails unless both are equal.
    fn same<S: Subject, T: PartialEq + std::fmt::Debug>(
        &self,
        law: &'static str,
        (what, one, other): (&str, &T, &T),
    ) -> Result<(), Broken> {
        match one == other {
            true => Ok(()),
            false => Err(self.broken::<S>(law, format!("{what}: {one:?} and {other:?}"))),
        }
    }

    fn open<S: Subject>(&self, subject: &S, at: u32, fault: Fault) -> Result<Driven<S>, Broken> {
        let whose = Identity::new(S::Machine::NAME, [0; 32]);
        let broken = |error: String| self.broken::<S>("replay", error);
        let log = self.disk.open(&whose).map_err(|e| broken(e.to_string()))?;
        let log = FailingLog::new(log, at, fault);
        Logged::open(subject.fresh(), log).map_err(|e| broken(e.to_string()))
    }

    /// Opens the log anew: it gives back this state, and this that is to be done.
    fn reopen<S: Subject>(
        &self,
        subject: &S,
        law: &'static str,
        (state, due): &Stands<S>,
    ) -> Result<Driven<S>, Broken> {
        let driven = self.open(subject, u32::MAX, Fault::Before)?;
        let found = subject.state(driven.machine());
        self.same::<S, _>(law, ("the state", state, &found))?;
        self.same::<S, _>(law, ("what is to be done", due, &driven.pending()))?;
        Ok(driven)
    }

    fn run<S: Subject>(
        &mut self,
        subject: &mut S,
        number: u32,
        reached: &mut BTreeSet<&'static Transition>,
    ) -> Result<(), Broken> {
        let (mut rng, mut driven) = self.begin(subject, number)?;
        for number in 0..self.effort.inputs {
            self.input = number;
            let input = subject.input(driven.machine(), &mut rng);
            // Now and then the store fails at just this input.
            let fault = match rng.gen_range(0..8u8) {
                0 => Some(Fault::Before),
                1 => Some(Fault::After),
                _ => None,
            };
            if let Some(fault) = fault {
                driven = self.failing(subject, (driven, &input), fault)?;
            }
            self.step(subject, &mut driven, &input, reached)?;
            let turn = self.walk.wrapping_add(number) % READ_BACK_EVERY == 0;
            if turn || number + 1 == self.effort.inputs {
                let before = (subject.state(driven.machine()), driven.pending());
                drop(driven);
                driven = self.reopen(subject, "replay", &before)?;
            }
        }
        Ok(())
    }

    /// The store fails at this input; what is there then is the state before or after it.
    fn failing<S: Subject>(
        &self,
        subject: &S,
        (driven, input): (Driven<S>, &Input<S>),
        fault: Fault,
    ) -> Result<Driven<S>, Broken> {
        drop(driven);
        let mut driven = self.open(subject, 0, fault)?;
        let before = subject.state(driven.machine());
        let Err(StepError::Log(_)) = driven.step(input) else {
            // Refused, or seen: nothing was to be written.
            drop(driven);
            return self.open(subject, u32::MAX, Fault::Before);
        };
        let state = subject.state(driven.machine());
        self.same::<S, _>("store", ("the state after a failed write", &before, &state))?;
        if !matches!(driven.step(input), Err(StepError::Uncertain)) {
            let found = "a machine goes on without knowing its log".into();
            return Err(self.broken::<S>("store", found));
        }
        drop(driven);
        let driven = self.open(subject, u32::MAX, Fault::Before)?;
        let wrote = subject.state(driven.machine()) != before;
        match wrote == (fault == Fault::After) {
            true => Ok(driven),
            false => Err(self.broken::<S>("store", format!("written: {wrote}, {fault:?}"))),
        }
    }

    fn step<S: Subject>(
        &self,
        subject: &S,
        driven: &mut Driven<S>,
        input: &Input<S>,
        reached: &mut BTreeSet<&'static Transition>,
    ) -> Result<(), Broken> {
        let (from, is_over) = (driven.machine().state(), driven.machine().is_over());
        let (before, entries) = (subject.state(driven.machine()), driven.changes());
        let (one, other) = (driven.machine().step(input), driven.machine().step(input));
        self.same::<S, _>("determinism", ("two steps", &one, &other))?;
        let taken = driven.step(input);
        let after = subject.state(driven.machine());
        let Ok(step) = one else {
            if taken.is_ok() {
                return Err(self.broken::<S>("refusal", format!("{input:?} was taken")));
            }
            self.same::<S, _>("refusal", ("the state", &before, &after))?;
            return self.same::<S, _>("refusal", ("entries", &entries, &driven.changes()));
        };
        for change in &step.changes {
            self.codec::<S>(change)?;
        }
        let effects = taken.map_err(|e| self.broken::<S>("store", format!("{e:?}")))?;
        self.same::<S, _>("determinism", ("effects", &step.effects, &effects))?;
        let pending = driven.pending();
        if let Some(lost) = effects.iter().find(|effect| !pending.contains(effect)) {
            return Err(self.broken::<S>("pending", format!("{lost:?} is lost by a crash")));
        }
        if step.changes.is_empty() {
            return self.same::<S, _>("seen", ("the state", &before, &after));
        }
        if is_over {
            return Err(self.broken::<S>("end", format!("{input:?} changes {from}")));
        }
        if let Ok(again) = driven.machine().step(input)
            && !again.changes.is_empty()
        {
            let found = format!("{input:?} again gives {:?}", again.changes);
            return Err(self.broken::<S>("seen", found));
        }
        let mut names: Vec<_> = effects.iter().map(S::Machine::effect_name).collect();
        // Two transactions to publish are one kind of effect.
        names.dedup();
        let (input, to) = (S::Machine::input_name(input), driven.machine().state());
        let row = S::Machine::rows()
            .find(|row| (row.from, row.input, row.to) == (from, input, to) && row.effects == names);
        let found = || format!("no row from {from} by {input} to {to} with {names:?}");
        reached.insert(row.ok_or_else(|| self.broken::<S>("table", found()))?);
        Ok(())
    }

    fn codec<S: Subject>(&self, change: &<S::Machine as Machine>::Change) -> Result<(), Broken> {
        type Change<S> = <<S as Subject>::Machine as Machine>::Change;
        let bytes = change.to_bytes();
        let read = Change::<S>::from_bytes(&bytes);
        if read.as_ref() != Ok(change) {
            let found = format!("{change:?} reads back as {read:?}");
            return Err(self.broken::<S>("codec", found));
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let stride = bytes.len() / CUTS + 1;
        let first = self.walk.wrapping_add(self.input) as usize % stride;
        let cut = (first..bytes.len())
            .step_by(stride)
            .filter_map(|at| bytes.get(..at));
        for wrong in cut.chain([longer.as_slice()]) {
            if Change::<S>::from_bytes(wrong).is_ok() {
                let found = format!("{} of {} bytes are taken", wrong.len(), bytes.len());
                return Err(self.broken::<S>("codec", found));
            }
        }
        Ok(())
    }
}
