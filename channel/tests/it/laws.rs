//! The kit itself: a machine that breaks a law is found, each law by a machine that keeps all others.

use std::cell::Cell;

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_channel::{
    Machine, Step, Tabled, Transition,
    laws::{Effort, Subject, check},
};

/// What is wrong with a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    Moody,
    Forgetful,
    Wordy,
    Repeating,
    Losing,
    Undead,
    Unlisted,
    Unreached,
}

/// Counts to three, one at a time.
#[derive(Debug)]
struct Counter {
    flaw: Flaw,
    at: u32,
    /// Not written down.
    steps: Cell<u32>,
    hidden: u32,
}

#[derive(Debug, PartialEq)]
struct Counted {
    to: u32,
    flaw: Flaw,
}

impl Message for Counted {
    const KIND: Kind = kinds::PENNY;

    fn write(&self, w: &mut Writer) {
        w.u8(self.to as u8).u8(self.flaw as u8);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let all = [
            Flaw::None,
            Flaw::Moody,
            Flaw::Forgetful,
            Flaw::Wordy,
            Flaw::Repeating,
            Flaw::Losing,
            Flaw::Undead,
            Flaw::Unlisted,
            Flaw::Unreached,
        ];
        let (to, flaw) = (r.u8("to")?.into(), r.u8("flaw")?);
        let flaw = all.get(usize::from(flaw)).copied();
        let flaw = flaw.ok_or_else(|| DecodeError::invalid("flaw", to))?;
        if flaw == Flaw::Wordy {
            // Whatever follows.
            r.slice("rest", r.left())?;
        }
        Ok(Counted { to, flaw })
    }
}

impl Machine for Counter {
    type Input = u32;
    type Change = Counted;
    type Effect = u32;
    type Error = u32;

    fn step(&self, to: &u32) -> Result<Step<Counted, u32>, u32> {
        let (flaw, to) = (self.flaw, *to);
        self.steps.set(self.steps.get() + 1);
        if flaw == Flaw::Moody && self.steps.get().is_multiple_of(2) {
            return Err(99);
        }
        let is_over = self.at == 3;
        let is_next = to == self.at + 1 && !is_over;
        let is_again = to == self.at && flaw == Flaw::Repeating && to > 0;
        let rises = is_over && flaw == Flaw::Undead && to > 3;
        let effect = if flaw == Flaw::Losing { to + 50 } else { to };
        match is_next || is_again || rises {
            true => Ok(Step::new(vec![Counted { to, flaw }], vec![effect])),
            false if to == self.at => Ok(Step::seen(self.pending())),
            false => Err(self.at),
        }
    }

    fn apply(&mut self, change: &Counted) {
        self.at = change.to;
        if self.flaw != Flaw::Forgetful || self.at < 2 {
            self.hidden += 1;
        }
        if self.flaw == Flaw::Forgetful {
            // Something that the log does not know.
            self.hidden += self.steps.get();
        }
    }

    fn pending(&self) -> Vec<u32> {
        vec![self.at]
    }
}

const fn row(from: &'static str, input: &'static str, to: &'static str) -> Transition {
    Transition {
        from,
        input,
        to,
        effects: &["say"],
        when: "",
    }
}

impl Tabled for Counter {
    const NAME: &'static str = "counter";
    const SUMMARY: &'static str = "Counts.";
    const TABLE: &'static [&'static [Transition]] = &[&[
        row("zero", "number", "one"),
        row("one", "number", "two"),
        row("two", "number", "three"),
    ]];

    fn state(&self) -> &'static str {
        match (self.flaw, self.at) {
            (_, 0) => "zero",
            (Flaw::Unreached, _) => "zero",
            (Flaw::Unlisted, 2) => "three",
            (_, 1) => "one",
            (_, 2) => "two",
            _ => "three",
        }
    }

    fn input_name(_: &u32) -> &'static str {
        "number"
    }

    fn effect_name(_: &u32) -> &'static str {
        "say"
    }
}

impl Subject for Flaw {
    type Machine = Counter;
    type State = (u32, u32);

    fn fresh(&self) -> Counter {
        Counter {
            flaw: *self,
            at: 0,
            steps: Cell::new(0),
            hidden: 0,
        }
    }

    fn state(&self, machine: &Counter) -> (u32, u32) {
        (machine.at, machine.hidden)
    }

    fn input(&mut self, _: &Counter, rng: &mut StdRng) -> u32 {
        rng.gen_range(0..6)
    }
}

fn broken(mut flaw: Flaw) -> &'static str {
    check(&mut flaw, Effort::new(1, 50, 30)).unwrap_err().law
}

#[test]
fn a_machine_that_keeps_them_passes() {
    check(&mut Flaw::None, Effort::new(1, 50, 30)).unwrap();
}

#[test]
fn each_law_finds_its_breaker() {
    assert_eq!(broken(Flaw::Moody), "determinism");
    assert_eq!(broken(Flaw::Forgetful), "replay");
    assert_eq!(broken(Flaw::Wordy), "codec");
    assert_eq!(broken(Flaw::Repeating), "seen");
    assert_eq!(broken(Flaw::Losing), "pending");
    assert_eq!(broken(Flaw::Undead), "end");
    assert_eq!(broken(Flaw::Unlisted), "table");
    assert_eq!(broken(Flaw::Unreached), "table");
}

/// A row that no walk takes.
#[test]
fn a_row_that_is_never_taken_is_found() {
    let error = check(&mut Flaw::None, Effort::new(1, 3, 1)).unwrap_err();
    assert_eq!(error.law, "table");
    assert!(error.to_string().contains("NARTHEX_SEED="), "{error}");
    assert!(error.found.contains("is never reached"), "{error}");
}
